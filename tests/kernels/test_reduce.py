"""Reductions: values, axes, precision, what they give for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness

RNG = np.random.default_rng(7)
SHAPE = (2, 3, 5, 7)


def check(op: str, x: np.ndarray, axes: object, keep_dims: bool = False, **tolerance: float) -> None:
    attrs = {"T": x.dtype, "keep_dims": keep_dims}
    harness.check(op, attrs, x, np.array(axes, np.int32), constants=(1,), **tolerance)


@pytest.mark.parametrize("axes", [[], [0], [3], -1, [1, 2], [0, 2], [1, 3], [-1, 0, 2], [0, 1, 2, 3]])
@pytest.mark.parametrize("op", ["Sum", "Mean", "Prod", "Max", "Min", "EuclideanNorm"])
def test_float_reduction_over_any_axes(op: str, axes: object) -> None:
    x = RNG.normal(size=SHAPE).astype(np.float32)
    check(op, x, axes, rtol=2e-6, atol=1e-6)
    check(op, x, axes, keep_dims=True, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 17, 64, 65, 1023, 1025, 5000])
@pytest.mark.parametrize("op", ["Sum", "Max"])
def test_rows_and_columns_of_any_length(op: str, size: int) -> None:
    x = RNG.normal(size=(3, size)).astype(np.float32)
    check(op, x, [1], rtol=1e-6, atol=2e-5)
    check(op, np.ascontiguousarray(x.T), [0], rtol=1e-6, atol=2e-5)
    check(op, x, [0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_the_norm_of_integers_is_the_root_of_a_sum_that_wraps(dtype: str) -> None:
    limits = np.iinfo(dtype)
    x = RNG.integers(max(limits.min, -(10**6)), min(limits.max, 10**6), (3, 17, 5)).astype(dtype)
    check("EuclideanNorm", x, [1], atol=0, rtol=0)
    check("EuclideanNorm", x, [0, 2], True, atol=0, rtol=0)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_the_norm_of_complex_numbers(dtype: str) -> None:
    x = (RNG.standard_normal((3, 17, 5)) + 1j * RNG.standard_normal((3, 17, 5))).astype(dtype)
    for axes in ([1], [0, 2], [], [0, 1, 2]):
        check("EuclideanNorm", x, axes)


def test_float64_reductions() -> None:
    x = RNG.normal(size=SHAPE)
    for op in ("Sum", "Mean", "Max", "EuclideanNorm"):
        check(op, x, [1, 2], rtol=1e-14, atol=1e-14)


def test_the_sum_of_a_million_floats_is_right_to_a_millionth() -> None:
    x = RNG.uniform(0, 1, 1_000_003).astype(np.float32)
    exact = x.astype(np.float64).sum()
    attrs = {"T": x.dtype, "keep_dims": False}
    (got,) = harness.run("Sum", attrs, x, np.array([0]), constants=(1,))
    assert abs(got - exact) / exact < 1e-6
    (got,) = harness.run("Sum", attrs, x.reshape(-1, 1)[:, [0, 0]], np.array([0]), constants=(1,))
    assert np.all(np.abs(got - exact) / exact < 1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint32"])
@pytest.mark.parametrize("op", ["Sum", "Mean", "Prod", "Max", "Min"])
def test_integer_reductions_wrap_and_their_mean_is_cut(op: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    x = RNG.integers(limits.min, limits.max, SHAPE, dtype, endpoint=True)
    if dtype == "int64":
        x >>= 8
    for axes in ([1], [3], [2, 3]):
        check(op, x, axes, rtol=0, atol=0)
    if op == "Mean":
        with pytest.raises(harness.NoKernel):
            check(op, x, [0, 2])
    else:
        check(op, x, [0, 2], rtol=0, atol=0)


@pytest.mark.parametrize("op", ["All", "Any"])
def test_logical_reductions(op: str) -> None:
    for share in (0.02, 0.5, 0.98):
        x = RNG.uniform(size=(5, 17, 40)) < share
        for axes in ([], [0], [1], [2], [0, 2], [0, 1, 2]):
            check(op, x, axes)


@pytest.mark.parametrize("op", ["Sum", "Mean", "Prod", "Max", "Min"])
def test_reducing_nothing_gives_the_identity(op: str) -> None:
    check(op, np.zeros((3, 0), np.float32), [1])
    check(op, np.zeros((3, 0, 2), np.float32), [1])
    check(op, np.zeros((0, 3), np.float32), [1])


def test_nan_and_infinity_reach_the_result() -> None:
    x = RNG.normal(size=(4, 40)).astype(np.float32)
    x[0, 3], x[1, 39], x[2, 5], x[3, 6] = np.nan, np.nan, np.inf, -np.inf
    for op in ("Sum", "Mean", "Max", "Min", "Prod"):
        for axes in ([0], [1]):
            check(op, x, axes, rtol=1e-5, atol=1e-6)


def test_scalars_are_reduced_over_no_axes() -> None:
    check("Sum", np.array(3.0, np.float32), np.zeros(0, np.int32))


def test_bad_axes_raise_invalid_graph_error() -> None:
    x = np.zeros((2, 3), np.float32)
    for axes in ([2], [-3], [0, 0], [0, -2]):
        with pytest.raises(InvalidGraphError, match="axis|axes"):
            harness.infer("Sum", {"keep_dims": False}, x, np.array(axes))


def test_l2_loss_is_half_the_sum_of_squares() -> None:
    harness.check("L2Loss", {"T": np.dtype("float32")}, RNG.normal(size=(3, 50)).astype(np.float32), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("output", ["int32", "int64"])
def test_arg_extreme_gives_the_first_of_equals(op: str, dtype: str, output: str) -> None:
    x = RNG.integers(0, 4, (3, 5, 7)).astype(dtype)
    for axis in (0, 1, -1):
        attrs = {"T": x.dtype, "output_type": np.dtype(output)}
        harness.check(op, attrs, x, np.array(axis, np.int32), constants=(1,), rtol=0, atol=0)


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_nan_is_never_the_extreme(op: str) -> None:
    nan, inf = np.nan, np.inf
    x = np.array([[nan, 1, 2], [1, nan, 0], [nan, nan, nan], [-inf, -inf, 3], [inf, inf, -inf], [nan, -inf, inf]])
    attrs = {"T": np.dtype("float32"), "output_type": np.dtype("int64")}
    harness.check(op, attrs, x.astype(np.float32), np.array(1), constants=(1,), rtol=0, atol=0)


def test_arg_extreme_of_nothing_raises_invalid_graph_error() -> None:
    with pytest.raises(InvalidGraphError, match="something to choose from"):
        harness.infer("ArgMax", {"output_type": np.dtype("int64")}, np.zeros((2, 0)), np.array(1))
