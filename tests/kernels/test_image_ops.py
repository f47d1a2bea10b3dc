"""Patches, projective transforms, colours."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer, reference

RANDOM = np.random.default_rng(19)
X = RANDOM.standard_normal((2, 7, 5, 3)).astype(np.float32)
COLOURS = RANDOM.random((2, 4, 5, 3)).astype(np.float32)
TRANSFORM = {"interpolation": b"BILINEAR", "fill_mode": b"CONSTANT", "dtype": np.dtype(np.float32)}


def patches(padding: bytes, rates: tuple[int, int] = (1, 1)) -> dict[str, Any]:
    return {"ksizes": [1, 3, 2, 1], "strides": [1, 2, 1, 1], "rates": [1, *rates, 1], "padding": padding}


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


@pytest.mark.parametrize("padding", [b"SAME", b"VALID"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_patches_are_the_pixels_under_the_windows(padding: bytes, dtype: type) -> None:
    x = (X * 50).astype(np.int64).astype(dtype)
    check("ExtractImagePatches", patches(padding, (2, 1)), x)
    (got,) = reference("ExtractImagePatches", patches(b"VALID"), x)
    np.testing.assert_array_equal(got[1, 2, 3], x[1, 4:7, 3:5].reshape(-1))


def moved(fill_mode: bytes, shift: float, interpolation: bytes = b"BILINEAR") -> np.ndarray:
    """The row 0 1 2 3, each output pixel read `shift` further right."""
    row = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    transform = np.array([[1, 0, shift, 0, 1, 0, 0, 0]], np.float32)
    attrs = {**TRANSFORM, "fill_mode": fill_mode, "interpolation": interpolation}
    return reference("ImageProjectiveTransformV3", attrs, row, transform, np.array([1, 4]), scalar(9))[0].ravel()


def test_what_is_outside_is_filled_as_asked() -> None:
    assert moved(b"CONSTANT", 2).tolist() == [2, 3, 9, 9]
    assert moved(b"NEAREST", 2).tolist() == [2, 3, 3, 3]
    assert moved(b"REFLECT", 2).tolist() == [2, 3, 3, 2]
    assert moved(b"WRAP", 2).tolist() == [2, 3, 0, 1]
    assert moved(b"REFLECT", -2).tolist() == [1, 0, 0, 1]
    assert moved(b"CONSTANT", 0.25).tolist() == [0.25, 1.25, 2.25, 4.5]
    assert moved(b"CONSTANT", 0.5, b"NEAREST").tolist() == [1, 2, 3, 9]


PERSPECTIVES = np.array(
    [
        [0.9, 0.2, -1.5, -0.1, 1.1, 0.7, 0.01, -0.02],
        [1.7, -0.3, -9, 0.4, -2.1, 11.3, -0.25, 0],
        [1, 0, 0.5, 0, 1, 2.5, 0, 0],
    ],
    np.float32,
)


@pytest.mark.parametrize("fill_mode", [b"CONSTANT", b"REFLECT", b"WRAP", b"NEAREST"])
@pytest.mark.parametrize("interpolation", [b"NEAREST", b"BILINEAR"])
def test_kernels_of_transforms_equal_the_reference(interpolation: bytes, fill_mode: bytes) -> None:
    attrs = {"interpolation": interpolation, "fill_mode": fill_mode}
    size = np.array([9, 11], np.int32)
    x = RANDOM.standard_normal((3, 4, 6, 2)).astype(np.float32)
    exact = {"constants": (2,), "rtol": 0, "atol": 0}
    check("ImageProjectiveTransformV3", attrs, x, PERSPECTIVES, size, scalar(7), **exact)
    check("ImageProjectiveTransformV2", attrs, x, PERSPECTIVES[1:2], size, **exact)
    check("ImageProjectiveTransformV2", attrs, x[:, :1, :1].copy(), PERSPECTIVES, size, **exact)
    wild = PERSPECTIVES.copy()
    wild[0, 2], wild[1, 5], wild[2] = np.nan, np.inf, 3e38
    check("ImageProjectiveTransformV3", attrs, x, wild, size, scalar(7), **exact)


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.int32, np.int64])
def test_transforms_of_other_pixels_have_kernels(dtype: type) -> None:
    x = (RANDOM.random((3, 4, 6, 2)) * 99).astype(dtype)
    attrs = {"interpolation": b"BILINEAR", "fill_mode": b"CONSTANT"}
    size = np.array([9, 11], np.int32)
    check("ImageProjectiveTransformV3", attrs, x, PERSPECTIVES, size, scalar(7.6), constants=(2,), rtol=0, atol=0)


def test_the_projection_divides() -> None:
    transform = np.array([[1, 0, 0, 0, 1, 0, 1, 0]], np.float32)  # x / (x + 1)
    (got,) = reference("ImageProjectiveTransformV2", TRANSFORM, X[:1, :1], transform, np.array([1, 2]))
    np.testing.assert_allclose(got[0, 0, 1], (X[0, 0, 0] + X[0, 0, 1]) / 2, rtol=1e-6)


def test_hue_saturation_and_value_are_those_of_colorsys() -> None:
    (hsv,) = reference("RGBToHSV", {}, COLOURS)
    np.testing.assert_allclose(hsv[1, 2, 3], colorsys.rgb_to_hsv(*COLOURS[1, 2, 3].tolist()), rtol=1e-5)
    np.testing.assert_allclose(reference("HSVToRGB", {}, hsv)[0], COLOURS, atol=1e-6)


def test_adjusting_by_nothing_changes_nothing() -> None:
    for op, number in (("AdjustHue", 0), ("AdjustHue", 1), ("AdjustSaturation", 1), ("AdjustContrastv2", 1)):
        np.testing.assert_allclose(reference(op, {}, COLOURS, scalar(number))[0], COLOURS, atol=1e-6)


def test_adjusted_colours() -> None:
    red = np.array([[[0.8, 0.2, 0.2]]], np.float32)
    np.testing.assert_allclose(reference("AdjustHue", {}, red, scalar(1 / 3))[0], [[[0.2, 0.8, 0.2]]], atol=1e-6)
    np.testing.assert_allclose(reference("AdjustSaturation", {}, red, scalar(0))[0], [[[0.8] * 3]], atol=1e-6)
    (contrast,) = reference("AdjustContrastv2", {}, COLOURS, scalar(0))
    np.testing.assert_allclose(contrast, np.broadcast_to(COLOURS.mean((1, 2), keepdims=True), COLOURS.shape), rtol=1e-5)


@pytest.mark.parametrize(
    "op, attrs, arrays",
    [
        ("ExtractImagePatches", {**patches(b"SAME"), "ksizes": [2, 1, 1, 1]}, [X]),
        ("ExtractImagePatches", patches(b"EXPLICIT"), [X]),
        ("ImageProjectiveTransformV2", TRANSFORM, [X, np.zeros((3, 8), np.float32), np.array([1, 1])]),
        ("ImageProjectiveTransformV2", TRANSFORM, [X, np.zeros((1, 8), np.float32), np.array([0, 1])]),
        ("ImageProjectiveTransformV2", {**TRANSFORM, "fill_mode": b"X"}, [X, np.zeros((1, 8)), np.array([1, 1])]),
        ("RGBToHSV", {}, [X[..., :2]]),
        ("AdjustHue", {}, [COLOURS, np.zeros(1, np.float32)]),
        ("AdjustContrastv2", {}, [COLOURS[0, 0], scalar(1)]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, *arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("op", ["RGBToHSV", "HSVToRGB", "AdjustHue", "AdjustSaturation"])
def test_colours_have_kernels(op: str, dtype: type) -> None:
    x = np.random.default_rng(2).random((2, 5, 7, 3)).astype(dtype)
    x[0, 0, :4] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.2], [0.5, 0.2, 0.5]]
    numbers = [np.array(1.3 if op == "AdjustSaturation" else -0.4, np.float32)] if op.startswith("Adjust") else []
    check(op, {}, x, *numbers)
    check(op, {}, x[:0], *numbers)


def test_contrast_has_kernels() -> None:
    x = np.random.default_rng(2).random((2, 5, 7, 3)).astype(np.float32)
    for images in (x, x[0], x[:0]):
        check("AdjustContrastv2", {}, images, np.array(-1.5, np.float32))
