"""Convolutions of volumes and their transposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(16)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def attributes(padding: bytes, strides: tuple[int, int, int] = (1, 1, 1), **others: Any) -> dict[str, Any]:
    return {"padding": padding, "strides": [1, *strides, 1], "dilations": [1] * 5, "data_format": b"NDHWC", **others}


X, FILTER = floats(2, 5, 7, 6, 3), floats(3, 2, 3, 3, 17)


@pytest.mark.parametrize("padding", [b"SAME", b"VALID"])
@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 1, 3)])
def test_kernels_equal_the_sum_over_taps(padding: bytes, strides: tuple[int, int, int]) -> None:
    attrs = attributes(padding, strides)
    check("Conv3D", attrs, X, FILTER, constants=(1,), rtol=1e-4, atol=1e-5)
    (y,) = reference("Conv3D", attrs, X, FILTER)
    shape = np.array(X.shape, np.int32)
    check("Conv3DBackpropInputV2", attrs, shape, FILTER, y, constants=(0, 1), rtol=1e-4, atol=1e-4)


def test_one_voxel_by_hand() -> None:
    (y,) = reference("Conv3D", attributes(b"VALID"), X, FILTER)
    np.testing.assert_allclose(
        y[1, 2, 3, 1, 5], np.sum(X[1, 2:5, 3:5, 1:4].astype(np.float64) * FILTER[..., 5]), rtol=1e-5
    )


def test_the_transpose_is_the_adjoint() -> None:
    attrs = attributes(b"SAME", (2, 2, 1))
    (y,) = reference("Conv3D", attrs, X, FILTER)
    other = floats(*y.shape)
    (back,) = reference("Conv3DBackpropInputV2", attrs, np.array(X.shape), FILTER, other)
    np.testing.assert_allclose(np.vdot(y, other), np.vdot(X, back), rtol=1e-4)


def test_dilated_taps_are_further_apart() -> None:
    attrs = attributes(b"VALID", dilations=[1, 2, 1, 2, 1])
    spread = np.zeros((5, 2, 5, 3, 17), np.float32)
    spread[::2, :, ::2] = FILTER
    (want,) = reference("Conv3D", attributes(b"VALID"), X, spread)
    (got,) = run("Conv3D", attrs, X, FILTER, constants=(1,))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_channels_first_has_the_same_numbers() -> None:
    attrs = {**attributes(b"SAME"), "data_format": b"NCDHW", "strides": [1, 1, 2, 1, 2]}
    first = np.ascontiguousarray(X.transpose(0, 4, 1, 2, 3))
    (last,) = reference("Conv3D", attributes(b"SAME", (2, 1, 2)) | {"strides": [1, 2, 1, 2, 1]}, X, FILTER)
    attrs["strides"] = [1, 1, 2, 1, 2]
    np.testing.assert_array_equal(reference("Conv3D", attrs, first, FILTER)[0], last.transpose(0, 4, 1, 2, 3))
    check("Conv3D", attrs, first, FILTER, constants=(1,), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data_format", [b"NDHWC", b"NCDHW"])
def test_groups_see_their_own_channels(data_format: bytes) -> None:
    x, filter = floats(2, 4, 5, 3, 6), floats(2, 3, 2, 2, 9)
    attrs = attributes(b"SAME", data_format=data_format)
    parts = [
        reference("Conv3D", attributes(b"SAME"), x[..., 2 * g : 2 * g + 2], filter[..., 3 * g : 3 * g + 3])[0]
        for g in range(3)
    ]
    want = np.concatenate(parts, -1)
    if data_format == b"NCDHW":
        x, want = (np.ascontiguousarray(array.transpose(0, 4, 1, 2, 3)) for array in (x, want))
    check("Conv3D", attrs, x, filter, constants=(1,), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reference("Conv3D", attrs, x, filter)[0], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "op, attrs, arrays",
    [
        ("Conv3D", attributes(b"EXPLICIT"), [X, FILTER]),
        ("Conv3D", attributes(b"VALID", (0, 1, 1)), [X, FILTER]),
        ("Conv3D", attributes(b"VALID"), [X, floats(6, 1, 1, 3, 2)]),
        ("Conv3D", attributes(b"VALID"), [X, floats(1, 1, 1, 2, 2)]),
        ("Conv3D", attributes(b"VALID"), [X[0], FILTER]),
        ("Conv3DBackpropInputV2", attributes(b"SAME"), [np.array([2, 5, 7, 6]), FILTER, X]),
        ("Conv3DBackpropInputV2", attributes(b"SAME"), [np.array([2, 5, 7, 7, 3]), FILTER, floats(2, 5, 7, 6, 17)]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, *arrays)
