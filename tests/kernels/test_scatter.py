"""Slices written to indexed places."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


INDICES = ints([1, 2], [0, 0], [1, 2])


def test_equal_indices_add_up() -> None:
    check("ScatterNd", {}, INDICES, floats(3, 5), ints(2, 3, 5), constants=(2,))
    (got,) = reference("ScatterNd", {}, ints([1], [1]), ints(3, 4), ints(3))
    assert got.tolist() == [0, 7, 0]


@pytest.mark.parametrize("op", ["Update", "Add", "Sub", "Max", "Min"])
def test_updates_are_combined(op: str) -> None:
    check(f"TensorScatter{op}", {}, floats(2, 3, 5), INDICES, floats(3, 5))


@pytest.mark.parametrize("op", ["Add", "Sub", "Max"])
def test_halves_are_rounded_after_each_update(op: str) -> None:
    import ml_dtypes

    for dtype in (np.float16, ml_dtypes.bfloat16):
        x, updates = floats(3, 5).astype(dtype), floats(17, 5).astype(dtype)
        check(f"TensorScatter{op}", {}, x, RANDOM.integers(0, 3, (17, 1)), updates, rtol=0, atol=0)


@pytest.mark.parametrize("op", ["Add", "Sub", "Max", "Min"])
def test_integers_wrap_around(op: str) -> None:
    for dtype in (np.int8, np.uint16, np.int64):
        limits = np.iinfo(dtype)
        x, updates = RANDOM.integers(limits.min, limits.max, (2, 3, 7), dtype)
        check(f"TensorScatter{op}", {}, x, ints([2], [0], [2]), updates)


def test_an_update_moves_any_dtype() -> None:
    x, updates = floats(3, 5).astype(np.float16), floats(2, 5).astype(np.float16)
    check("TensorScatterUpdate", {}, x, np.array([[2], [0]]), updates)


def test_an_index_out_of_range_raises() -> None:
    with pytest.raises(ValueError, match="out of range"):
        run("ScatterNd", {}, ints([7]), floats(1), ints(4), constants=(2,))
    with pytest.raises(ExecutionError, match="do not index into shape"):
        reference("ScatterNd", {}, ints([7]), floats(1), ints(4))


def test_updates_of_another_shape_are_invalid() -> None:
    with pytest.raises(InvalidGraphError):
        infer("ScatterNd", {}, ints([1], [0]), floats(3), ints(4))
