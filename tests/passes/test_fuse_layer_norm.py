"""Layer normalisation as Keras writes it, and what looks like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeload.graph.ir import Tensor
from edgeload.passes.fuse_layer_norm import fuse_layer_norm
from tests.passes.build import Build, apply


def mean(b: Build, x: Tensor, axis: int = -1, keep_dims: bool = True) -> Tensor:
    return b.op("Mean", x, b.const(axis, np.int32), keep_dims=keep_dims, Tidx=np.dtype(np.int32))


def layer_norm(b: Build, x: Tensor, axis: int = -1) -> tuple[Tensor, Tensor, Tensor]:
    """The result, the mean and the variance."""
    m = mean(b, x, axis)
    v = mean(b, b.op("SquaredDifference", x, m), axis)
    i = b.op("Mul", b.op("Rsqrt", b.op("AddV2", v, b.const(1e-3))), b.weights(1, 1, 6))
    shift = b.op("AddV2", b.op("Mul", b.op("Neg", m), i), b.weights(6))
    return b.op("AddV2", b.op("Mul", x, i), shift), m, v


def test_layer_normalisation_becomes_one_node() -> None:
    b = Build()
    result, _, _ = layer_norm(b, b.input(2, 5, 6))
    b.returns(b.op("Tanh", result))
    assert apply(b, fuse_layer_norm) == (1, {"_LayerNorm": 1, "Tanh": 1})


def test_a_difference_that_is_scaled_becomes_one_node() -> None:
    b = Build()
    x = b.input(3, 6)
    m = mean(b, x, 1)
    v = mean(b, b.op("SquaredDifference", m, x), 1)
    b.returns(b.op("Mul", b.op("Sub", x, m), b.op("Rsqrt", b.op("AddV2", v, b.const(1e-3)))), b.op("Neg", x))
    assert apply(b, fuse_layer_norm) == (1, {"_LayerNorm": 1, "Neg": 1})


@pytest.mark.parametrize("which", [1, 2])
def test_a_moment_that_is_an_output_stays(which: int) -> None:
    b = Build()
    parts = layer_norm(b, b.input(2, 5, 6))
    b.returns(parts[0], parts[which])
    assert apply(b, fuse_layer_norm)[0] == 0


def test_moments_along_another_axis_stay() -> None:
    b = Build()
    b.returns(layer_norm(b, b.input(6, 6, 6), axis=1)[0])
    assert apply(b, fuse_layer_norm)[0] == 0


def test_the_mean_of_another_tensor_stays() -> None:
    b = Build()
    x, other = b.input(3, 6), b.input(3, 6)
    v = mean(b, b.op("SquaredDifference", x, mean(b, other)))
    b.returns(b.op("Mul", x, b.op("Rsqrt", v)))
    assert apply(b, fuse_layer_norm)[0] == 0


@pytest.mark.parametrize("operand", [lambda b: b.input(6), lambda b: b.weights(5, 6)])
def test_operands_that_are_no_constant_rows_stay(operand: Callable[[Build], Tensor]) -> None:
    b = Build()
    x = b.input(2, 5, 6)
    m = mean(b, x)
    v = mean(b, b.op("SquaredDifference", x, m))
    b.returns(b.op("Mul", b.op("Mul", b.op("Sub", x, m), b.op("Rsqrt", v)), operand(b)))
    count, ops = apply(b, fuse_layer_norm)
    assert (count, ops.get("Mul")) == (1, 1)  # the scaled difference is one, the operand's product another
