"""Boxes drawn into images: which pixels, in which colours."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness


def drawn(boxes: list[list[float]], depth: int = 1, *colors: np.ndarray) -> np.ndarray:
    op = "DrawBoundingBoxesV2" if colors else "DrawBoundingBoxes"
    arrays = np.zeros((1, 5, 6, depth), np.float32), np.array([boxes], np.float32), *colors
    (spec,) = harness.infer(op, {}, *arrays)
    (out,) = harness.reference(op, {}, *arrays)
    assert (spec.shape, spec.dtype) == (out.shape, out.dtype)
    return out[0]


def test_box_is_an_outline_of_pixels_cut_towards_zero() -> None:
    expected = np.zeros((5, 6))
    expected[1:4, 1:5] = 1
    expected[2, 2:4] = 0
    np.testing.assert_array_equal(drawn([[0.25, 0.2, 0.99, 0.8]])[..., 0], expected * 1)


def test_sides_outside_of_the_image_are_not_drawn() -> None:
    expected = np.zeros((5, 6))
    expected[2, :4] = expected[:3, 3] = 1
    np.testing.assert_array_equal(drawn([[-1.0, -1.0, 0.5, 0.6]])[..., 0], expected)


@pytest.mark.parametrize("box", [[0.8, 0, 0.2, 1], [2, 0, 3, 1], [0, -3, 1, -2], [np.nan, 0, 1, 1]])
def test_box_outside_or_inside_out_draws_nothing(box: list[float]) -> None:
    assert not drawn([box]).any()


def test_boxes_take_colours_in_turn() -> None:
    whole = [0.0, 0.0, 1.0, 1.0]
    np.testing.assert_array_equal(drawn([whole] * 5, 3)[0, 0], [0.5, 0, 0.5])
    np.testing.assert_array_equal(drawn([whole] * 11, 4)[0, 0], [1, 1, 0, 1])
    table = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], np.float32)
    np.testing.assert_array_equal(drawn([whole] * 4, 3, table)[0, 0], table[1])
    np.testing.assert_array_equal(drawn([whole] * 2, 3, np.zeros((0, 3), np.float32))[0, 0], [0, 0, 1])
    assert drawn([whole], 1, table)[0, 0, 0] == np.float32(0.1)


def test_colours_with_fewer_channels_than_the_images_are_refused() -> None:
    with pytest.raises(InvalidGraphError, match="colors"):
        drawn([[0, 0, 1, 1]], 4, np.zeros((2, 3), np.float32))


def test_kernels_draw_what_the_reference_draws() -> None:
    random = np.random.default_rng(1)
    boxes = (random.random((3, 17, 4)) * 2 - 0.5).astype(np.float32)
    boxes[..., 2:] += 0.5
    boxes[0, :3, 1] = np.nan, np.inf, -3e38
    for depth in (1, 3, 4):
        images = random.random((3, 7, 17, depth)).astype(np.float32)
        harness.check("DrawBoundingBoxes", {}, images, boxes)
        harness.check("DrawBoundingBoxesV2", {}, images, boxes, random.random((2, 5)).astype(np.float32))
        harness.check("DrawBoundingBoxesV2", {}, images, boxes, np.zeros((0, 4), np.float32))
    harness.check("DrawBoundingBoxes", {}, images[:0], boxes[:0])
    harness.check("DrawBoundingBoxes", {}, images, boxes[:, :0].copy())
