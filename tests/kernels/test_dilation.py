"""Grayscale dilation, and pooling that says where the largest element was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer, reference

RANDOM = np.random.default_rng(17)
X = RANDOM.standard_normal((2, 7, 5, 3)).astype(np.float32)
POOL = {
    "ksize": [1, 2, 3, 1],
    "strides": [1, 2, 2, 1],
    "padding": b"SAME",
    "Targmax": np.dtype(np.int64),
    "include_batch_in_index": False,
}
DILATION = {"strides": [1, 1, 1, 1], "rates": [1, 2, 1, 1], "padding": b"VALID"}


def test_dilation_is_a_maximum_of_sums() -> None:
    filter = RANDOM.standard_normal((2, 3, 3)).astype(np.float32)
    (got,) = reference("Dilation2D", DILATION, X, filter)
    assert got.shape == infer("Dilation2D", DILATION, X, filter)[0].shape == (2, 5, 3, 3)
    window = X[1, 2:5:2, 1:4] + filter
    np.testing.assert_array_equal(got[1, 2, 1], window.max((0, 1)))


def test_what_is_outside_the_image_is_below_everything() -> None:
    x = np.full((1, 3, 3, 1), -5, np.float32)
    (got,) = reference("Dilation2D", {**DILATION, "padding": b"SAME"}, x, np.zeros((2, 2, 1), np.float32))
    np.testing.assert_array_equal(got, x)


@pytest.mark.parametrize("has_batch", [True, False])
def test_the_places_are_where_the_maxima_are(has_batch: bool) -> None:
    attrs = {**POOL, "include_batch_in_index": has_batch}
    pooled, places = reference("MaxPoolWithArgmax", attrs, X)
    assert [spec.shape for spec in infer("MaxPoolWithArgmax", attrs, X)] == [pooled.shape, places.shape]
    flat = X.reshape(-1) if has_batch else X.reshape(2, -1)
    found = flat[places] if has_batch else np.stack([flat[b][places[b]] for b in range(2)])
    np.testing.assert_array_equal(found, pooled)
    np.testing.assert_array_equal(pooled[1, 1, 1], X[1, 2:4, 1:4].max((0, 1)))


def test_the_first_of_equal_elements_counts() -> None:
    _, places = reference("MaxPoolWithArgmax", POOL, np.ones((1, 4, 4, 1), np.float32))
    assert places.ravel().tolist() == [0, 2, 8, 10]


@pytest.mark.parametrize(
    "op, attrs, arrays",
    [
        ("Dilation2D", {**DILATION, "rates": [2, 1, 1, 1]}, [X, np.zeros((1, 1, 3), np.float32)]),
        ("Dilation2D", DILATION, [X, np.zeros((1, 1, 2), np.float32)]),
        ("MaxPoolWithArgmax", {**POOL, "ksize": [1, 2, 2, 2]}, [X]),
        ("MaxPoolWithArgmax", {**POOL, "padding": b"EXPLICIT"}, [X]),
        ("MaxPoolWithArgmax", POOL, [X[0]]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, *arrays)


@pytest.mark.parametrize("padding", [b"SAME", b"VALID"])
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_dilation_and_pooling_with_places_have_kernels(padding: bytes, dtype: type) -> None:
    x = (RANDOM.standard_normal((2, 17, 7, 3)) * 30).astype(dtype)
    filter = (RANDOM.standard_normal((2, 3, 3)) * 30).astype(dtype)
    check("Dilation2D", {**DILATION, "padding": padding, "strides": [1, 2, 1, 1]}, x, filter)
    for has_batch, index in ((False, np.int64), (True, np.int32)):
        attrs = {**POOL, "padding": padding, "include_batch_in_index": has_batch, "Targmax": np.dtype(index)}
        check("MaxPoolWithArgmax", attrs, x)
        check("MaxPoolWithArgmax", attrs, x[:0])


def test_nan_is_never_larger_but_may_come_first() -> None:
    x = np.array([[np.nan, 1, 2], [3, np.nan, -np.inf], [-np.inf, -np.inf, -np.inf]], np.float32).reshape(1, 3, 3, 1)
    check("MaxPoolWithArgmax", POOL, x)
    check("Dilation2D", {**DILATION, "padding": b"SAME"}, x, np.ones((1, 2, 1), np.float32))
