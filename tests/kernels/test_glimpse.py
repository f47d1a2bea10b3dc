"""Glimpses: where they begin in both versions, and what lies outside of the image."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness

IMAGE = np.arange(30, dtype=np.float32).reshape(1, 5, 6, 1)


def glimpse(op: str, offset: list[float], size: list[int], centered: bool, normalized: bool) -> np.ndarray:
    attrs = {"centered": centered, "normalized": normalized, "uniform_noise": False, "noise": b"zero"}
    arrays = IMAGE, np.array(size, np.int32), np.array([offset], np.float32)
    (spec,) = harness.infer(op, attrs, *arrays)
    (out,) = harness.reference(op, attrs, *arrays)
    assert (spec.shape, spec.dtype) == (out.shape, out.dtype)
    return out[0, :, :, 0]


# (op, offset, centered, normalized) to the first row and column: TensorFlow's
STARTS = [
    ("ExtractGlimpse", [0.0, 0.0], True, True, 1, 2),
    ("ExtractGlimpse", [0.5, -0.2], True, True, 2, 1),
    ("ExtractGlimpse", [3.0, 3.0], False, False, 2, 2),
    ("ExtractGlimpse", [0.5, 0.5], False, True, 1, 2),
    ("ExtractGlimpseV2", [0.0, 0.0], True, True, 1, 2),
    ("ExtractGlimpseV2", [-1.0, -2.0], True, False, 1, 1),
    ("ExtractGlimpseV2", [1.0, 3.0], False, False, 1, 3),
    ("ExtractGlimpseV2", [0.2, 0.5], False, True, 1, 3),
]


@pytest.mark.parametrize(("op", "offset", "centered", "normalized", "row", "col"), STARTS)
def test_glimpse_begins_where_the_version_and_the_attributes_say(
    op: str, offset: list[float], centered: bool, normalized: bool, row: int, col: int
) -> None:
    found = glimpse(op, offset, [2, 2], centered, normalized)
    np.testing.assert_array_equal(found, IMAGE[0, row : row + 2, col : col + 2, 0])


def test_what_lies_outside_of_the_image_is_noise() -> None:
    found = glimpse("ExtractGlimpseV2", [-1.0, 4.0], [3, 3], False, False)
    np.testing.assert_array_equal(found, [[0, 0, 0], [4, 5, 0], [10, 11, 0]])
    np.testing.assert_array_equal(glimpse("ExtractGlimpseV2", [9.0, 9.0], [2, 2], False, False), np.zeros((2, 2)))


def test_uniform_noise_surrounds_the_image() -> None:
    arrays = IMAGE, np.array([9, 9], np.int32), np.zeros((1, 2), np.float32)
    (out,) = harness.reference("ExtractGlimpse", {"noise": b"uniform"}, *arrays)
    np.testing.assert_array_equal(out[0, 2:7, 1:7, 0], IMAGE[0, :, :, 0])
    assert 0 <= out[0, :2].min() < out[0, :2].max() < 1


def test_size_that_is_not_positive_is_refused() -> None:
    with pytest.raises(InvalidGraphError, match="positive"):
        glimpse("ExtractGlimpse", [0, 0], [0, 2], True, True)


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("op", ["ExtractGlimpse", "ExtractGlimpseV2"])
def test_kernels_look_where_the_reference_looks(op: str, normalized: bool, centered: bool) -> None:
    random = np.random.default_rng(2)
    attrs = {"centered": centered, "normalized": normalized, "noise": b"zero"}
    x = random.random((17, 5, 7, 2)).astype(np.float32)
    offsets = (random.random((17, 2)) * (2 if normalized else 12) - (1 if normalized else 3)).astype(np.float32)
    for size in ([1, 3], [7, 17]):
        harness.check(op, attrs, x, np.array(size, np.int32), offsets, constants=(1,), rtol=0, atol=0)


def test_offsets_that_are_no_places_are_refused() -> None:
    arrays = IMAGE, np.array([2, 2], np.int32), np.array([[0, np.nan]], np.float32)
    with pytest.raises(ValueError, match="no places"):
        harness.run("ExtractGlimpse", {"noise": b"zero"}, *arrays, constants=(1,))


def test_noise_is_made_in_python() -> None:
    arrays = IMAGE, np.array([2, 2], np.int32), np.zeros((1, 2), np.float32)
    with pytest.raises(harness.NoKernel):
        harness.run("ExtractGlimpse", {}, *arrays, constants=(1,))
