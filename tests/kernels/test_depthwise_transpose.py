"""The gradient of depthwise convolution with respect to its input, by its definition: the transposed linear map."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness

OP = "DepthwiseConv2dNativeBackpropInput"
RNG = np.random.default_rng(3)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [b"SAME", b"VALID"])
def test_gradient_is_the_transpose_of_the_convolution(padding: bytes, stride: int, multiplier: int) -> None:
    attrs = {"strides": [1, stride, stride, 1], "padding": padding, "dilations": [1, 1, 1, 1]}
    x = RNG.normal(size=(2, 7, 6, 3))
    filter = RNG.normal(size=(3, 2, 3, multiplier))
    (y,) = harness.reference("DepthwiseConv2dNative", attrs, x, filter)
    gradient = RNG.normal(size=y.shape)
    sizes = np.array(x.shape, np.int32)
    (back,) = harness.reference(OP, attrs, sizes, filter, gradient)
    np.testing.assert_allclose((back * x).sum(), (gradient * y).sum())
    harness.check(OP, attrs, sizes, filter, gradient, constants=(0,), rtol=1e-12, atol=1e-12)


def test_sizes_of_another_convolution_are_refused() -> None:
    attrs = {"strides": [1, 1, 1, 1], "padding": b"VALID"}
    arrays = np.array([1, 5, 5, 2], np.int32), np.zeros((3, 3, 2, 1)), np.zeros((1, 4, 3, 2))
    with pytest.raises(InvalidGraphError, match="one depthwise convolution"):
        harness.infer(OP, attrs, *arrays)
