"""Repeated and counted values."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer, reference

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


def scalar(value: float, dtype: type = np.int32) -> np.ndarray:
    return np.array(value, dtype)


def test_arrays_are_tiled_and_broadcast() -> None:
    check("Tile", {}, floats(3, 5, 7), ints(2, 1, 3), constants=(1,))
    check("Tile", {}, floats(3, 5), ints(0, 2), constants=(1,))
    check("BroadcastTo", {}, floats(3, 1, 7), ints(2, 3, 4, 7), constants=(1,))
    check("BroadcastTo", {}, floats(), ints(2, 17), constants=(1,))


def test_arrays_are_filled() -> None:
    check("Fill", {}, ints(3, 70), scalar(4, np.float32), constants=(0,))
    for op in ("ZerosLike", "OnesLike"):
        check(op, {}, floats(3, 17))
        check(op, {}, floats(3, 17).astype(np.float16))


@pytest.mark.parametrize("start, limit, delta, count", [(0, 5, 1, 5), (5, 0, -2, 3), (0, 0, 1, 0), (3, 10, 3, 3)])
def test_ranges_count_up_and_down(start: int, limit: int, delta: int, count: int) -> None:
    arguments = (scalar(start), scalar(limit), scalar(delta))
    assert infer("Range", {}, *arguments)[0].shape == (count,)
    np.testing.assert_array_equal(reference("Range", {}, *arguments)[0], np.arange(start, limit, delta))


def test_lin_space_ends_exactly() -> None:
    (got,) = reference("LinSpace", {}, scalar(0, np.float32), scalar(0.1, np.float32), scalar(1000))
    assert got[-1] == np.float32(0.1) and got.dtype == np.float32


@pytest.mark.parametrize(
    "op, arrays",
    [
        ("Fill", (ints(-1), scalar(1))),
        ("Tile", (floats(2), ints(1, 2))),
        ("BroadcastTo", (floats(3), ints(2))),
        ("Range", (scalar(0), scalar(1), scalar(0))),
        ("Range", (scalar(0), scalar(-3), scalar(1))),
        ("Range", (scalar(0, np.float32), scalar(np.inf, np.float32), scalar(1, np.float32))),
        ("LinSpace", (scalar(0, np.float32), scalar(1, np.float32), scalar(0))),
    ],
)
def test_impossible_sizes_are_invalid(op: str, arrays: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, {}, *arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lin_space_has_a_kernel(dtype: type) -> None:
    for count in (1, 2, 7, 100):
        ends = np.array(-1.1, dtype), np.array(3.3, dtype)
        check("LinSpace", {}, *ends, np.array(count, np.int32), constants=(2,))
