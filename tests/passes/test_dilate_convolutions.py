"""Convolutions between SpaceToBatchND and BatchToSpaceND."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.passes.dilate_convolutions import dilate_convolutions
from edgeload.passes.fold_batch_norm import fold_batch_norm
from tests.passes.build import Build, apply

VALID = {"strides": [1, 1, 1, 1], "padding": b"VALID"}


def dilated(
    b: Build, op: str = "Conv2D", *, size: tuple[int, int] = (8, 9), kernel: tuple[int, int] = (3, 3),
    blocks: tuple[int, int] = (2, 3), paddings: tuple[int, ...] = (2, 2, 3, 3), crops: tuple[int, ...] = (0, 0, 0, 0),
    padding: bytes = b"VALID", back: tuple[int, int] | None = None, strides: tuple[int, int] = (1, 1),
):  # type: ignore[no-untyped-def]  # fmt: skip
    """SpaceToBatchND, a convolution and BatchToSpaceND over an image of 3 channels: the convolution and the last."""
    space = b.op(
        "SpaceToBatchND",
        b.input(2, *size, 3),
        b.const(blocks, np.int32),
        b.const(np.reshape(paddings, (2, 2)), np.int32),
    )
    weights = b.weights(*kernel, 3, 4 if op == "Conv2D" else 1)
    conv = b.op(op, space, weights, strides=[1, *strides, 1], padding=padding)
    crop = b.const(np.reshape(crops, (2, 2)), np.int32)
    return conv, b.op("BatchToSpaceND", conv, b.const(back or blocks, np.int32), crop)


@pytest.mark.parametrize("op", ["Conv2D", "DepthwiseConv2dNative"])
@pytest.mark.parametrize(
    ("size", "kernel", "blocks", "paddings", "crops"),
    [
        ((8, 9), (3, 3), (2, 3), (2, 2, 3, 3), (0, 0, 0, 0)),  # as SAME
        ((8, 9), (3, 3), (2, 3), (0, 0, 0, 0), (0, 0, 0, 0)),  # as VALID
        ((7, 7), (3, 3), (2, 2), (2, 3, 2, 3), (0, 1, 0, 1)),  # a size that the block does not divide
        ((7, 10), (2, 5), (3, 2), (1, 4, 5, 5), (1, 2, 3, 0)),
        ((8, 8), (3, 3), (1, 4), (0, 0, 4, 4), (0, 0, 0, 0)),
    ],
)
def test_convolution_of_subsampled_images_becomes_dilated(
    op: str, size: tuple[int, int], kernel: tuple[int, int], blocks: tuple[int, int], paddings: tuple[int, ...],
    crops: tuple[int, ...],
) -> None:  # fmt: skip
    b = Build()
    _, out = dilated(b, op, size=size, kernel=kernel, blocks=blocks, paddings=paddings, crops=crops)
    b.returns(out)
    assert apply(b, dilate_convolutions) == (1, {op: 1})


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1)])
def test_zeros_around_each_subsampled_image_are_zeros_around_the_whole(kernel: tuple[int, int]) -> None:
    b = Build()
    b.returns(dilated(b, kernel=kernel, padding=b"SAME", paddings=(0, 0, 1, 2), crops=(0, 0, 1, 0))[1])
    assert apply(b, dilate_convolutions) == (1, {"Conv2D": 1})


def test_own_product_keeps_its_bias_and_what_follows_folds_into_it() -> None:
    b = Build()
    b.returns(b.op("BiasAdd", dilated(b)[1], b.weights(4)))
    fold_batch_norm(b.graph)
    assert apply(b, dilate_convolutions)[1] == {"_Conv2D": 1, "BiasAdd": 1}
    assert fold_batch_norm(b.graph) == 1


def test_convolution_that_is_read_elsewhere_stays() -> None:
    b = Build()
    conv, out = dilated(b)
    b.returns(out, b.op("Relu", conv))
    assert apply(b, dilate_convolutions)[0] == 0
    b = Build()
    b.returns(*dilated(b))
    assert apply(b, dilate_convolutions)[0] == 0


def test_more_crops_than_paddings_stay() -> None:
    b = Build()
    b.returns(dilated(b, paddings=(0, 0, 3, 3), crops=(1, 0, 0, 0))[1])
    assert apply(b, dilate_convolutions)[0] == 0


def test_other_blocks_behind_than_in_front_stay() -> None:
    b = Build()
    b.returns(dilated(b, blocks=(2, 3), back=(3, 2))[1])
    assert apply(b, dilate_convolutions)[0] == 0


def test_convolution_with_strides_stays() -> None:
    b = Build()
    b.returns(dilated(b, strides=(2, 2))[1])
    assert apply(b, dilate_convolutions)[0] == 0


def test_blocks_over_one_axis_stay() -> None:
    b = Build()
    block, border = b.const([2], np.int32), b.const([[2, 2]], np.int32)
    space = b.op("SpaceToBatchND", b.input(2, 8, 9, 3), block, border)
    conv = b.op("Conv2D", space, b.weights(3, 3, 3, 4), **VALID)
    b.returns(b.op("BatchToSpaceND", conv, block, b.const([[0, 0]], np.int32)))
    assert apply(b, dilate_convolutions)[0] == 0


@pytest.mark.parametrize("padding", [b"VALID", b"SAME"])
def test_convolution_over_one_dimension_becomes_dilated(padding: bytes) -> None:
    b = Build()
    block, axis = b.const([4], np.int32), b.const(1, np.int32)
    space = b.op("SpaceToBatchND", b.input(2, 13, 3), block, b.const([[8, 3]], np.int32))
    high = b.op("ExpandDims", space, axis, Tdim=np.dtype(np.int32))
    conv = b.op("Conv2D", high, b.weights(1, 3, 3, 5), strides=[1, 1, 1, 1], padding=padding)
    flat = b.op("Squeeze", conv, squeeze_dims=[1])
    b.returns(b.op("Relu", b.op("BatchToSpaceND", flat, block, b.const([[0, 3]], np.int32))))
    assert apply(b, dilate_convolutions) == (1, {"Reshape": 2, "Conv2D": 1, "Relu": 1})


def test_squeezed_convolution_that_is_read_elsewhere_stays() -> None:
    b = Build()
    block, axis = b.const([2], np.int32), b.const(1, np.int32)
    space = b.op("SpaceToBatchND", b.input(2, 12, 3), block, b.const([[0, 0]], np.int32))
    high = b.op("ExpandDims", space, axis, Tdim=np.dtype(np.int32))
    conv = b.op("Conv2D", high, b.weights(1, 3, 3, 5), **VALID)
    flat = b.op("Squeeze", conv, squeeze_dims=[1])
    b.returns(b.op("BatchToSpaceND", flat, block, b.const([[0, 0]], np.int32)), b.op("Relu", flat))
    assert apply(b, dilate_convolutions)[0] == 0
