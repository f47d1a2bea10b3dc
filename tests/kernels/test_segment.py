"""Reductions by segment."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(3)
DATA = np.array([[1, -2], [3, 4], [-5, 6], [7, 8]], np.float32)


@pytest.mark.parametrize("name", ["Sum", "Prod", "Max", "Min"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_unsorted_segments(name: str, dtype: str) -> None:
    ids = np.array([4, 0, -1, 2, 2, 0, 5], np.int32)
    data = (RANDOM.standard_normal((7, 3, 17)) * 4).astype(dtype)
    check(f"UnsortedSegment{name}", {}, data, ids, np.array(6, np.int32), constants=(2,))
    check(f"UnsortedSegment{name}", {}, data[:0], ids[:0], np.array(2, np.int32), constants=(2,))


def test_unsorted_segments_of_more_dimensions_and_of_scalars() -> None:
    ids = np.array([[1, 0], [1, -1]], np.int32)
    check("UnsortedSegmentSum", {}, DATA.reshape(2, 2, 2), ids, np.array(3, np.int32), constants=(2,))
    check("UnsortedSegmentSum", {}, DATA.reshape(2, 2, 2)[..., 0], ids, np.array(3, np.int32), constants=(2,))


def test_a_later_number_replaces_a_nan_in_a_maximum_as_in_tensorflow() -> None:
    data = np.array([[np.nan, 1, -np.inf], [2, np.nan, -np.inf]], np.float32)
    ids, count = np.zeros(2, np.int32), np.array(1, np.int32)
    check("UnsortedSegmentMax", {}, data, ids, count, constants=(2,))
    (got,) = reference("UnsortedSegmentMax", {}, data, ids, count)
    np.testing.assert_array_equal(got, np.array([[2, np.nan, np.finfo(np.float32).min]], np.float32))


def test_ids_out_of_range_raise() -> None:
    arrays = DATA, np.array([0, 1, 2, 3], np.int32), np.array(3, np.int32)
    with pytest.raises(ExecutionError, match=r"segment_ids\[3\] = 3 is out of range \[0, 3\)"):
        reference("UnsortedSegmentSum", {}, *arrays)
    with pytest.raises(ValueError, match="not less than num_segments"):
        run("UnsortedSegmentSum", {}, *arrays, constants=(2,))
    with pytest.raises(InvalidGraphError, match="begin with"):
        infer("UnsortedSegmentSum", {}, DATA, np.zeros(3, np.int32), np.array(3))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Sum", [[4, 2], [0, 0], [2, 14]]), ("Mean", [[2, 1], [0, 0], [1, 7]]), ("Prod", [[3, -8], [1, 1], [-35, 48]]),
     ("Max", [[3, 4], [0, 0], [7, 8]]), ("Min", [[1, -2], [0, 0], [-5, 6]])],
)  # fmt: skip
def test_sorted_segments(name: str, expected: list[list[float]]) -> None:
    (got,) = reference(f"Segment{name}", {}, DATA, np.array([0, 0, 2, 2]))
    assert got.tolist() == expected
    assert infer(f"Segment{name}", {}, DATA, np.array([0, 0, 2, 2]))[0].shape == (3, 2)
    assert infer(f"Segment{name}", {}, DATA, np.array([0, 2, 0, 2]))[0].shape is None


def test_integer_means_are_rounded_towards_zero() -> None:
    assert reference("SegmentMean", {}, np.array([-3, 0]), np.array([0, 0]))[0].tolist() == [-1]


def test_ids_that_are_not_sorted_raise() -> None:
    for ids, message in (([1, 0, 1, 1], "not increasing"), ([-1, 0, 1, 1], "must be >= 0")):
        with pytest.raises(ExecutionError, match=message):
            reference("SegmentSum", {}, DATA, np.array(ids))


def test_sparse_segments_pick_rows_by_index() -> None:
    indices, ids = np.array([3, 0, 0]), np.array([0, 0, 2])
    assert reference("SparseSegmentSum", {}, DATA, indices, ids)[0].tolist() == [[8, 6], [0, 0], [1, -2]]
    assert reference("SparseSegmentMean", {}, DATA, indices, ids)[0].tolist() == [[4, 3], [0, 0], [1, -2]]
    (got,) = reference("SparseSegmentSqrtNWithNumSegments", {}, DATA, indices, ids, np.array(4))
    np.testing.assert_allclose(got, [[8 / 2**0.5, 6 / 2**0.5], [0, 0], [1, -2], [0, 0]], rtol=1e-6)
    with pytest.raises(ExecutionError, match=r"indices\[1\] == 4 out of range \[0, 4\)"):
        reference("SparseSegmentSum", {}, DATA, np.array([0, 4]), np.array([0, 0]))
    with pytest.raises(ExecutionError, match="num_segments"):
        reference("SparseSegmentSumWithNumSegments", {}, DATA, indices, ids, np.array(2))


@pytest.mark.parametrize("name", ["Sum", "Mean", "Prod", "Max", "Min"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "uint64"])
def test_segments_with_known_ids_have_kernels(name: str, dtype: str) -> None:
    data = (RANDOM.standard_normal((7, 3, 17)) * 4).astype(dtype)
    for ids in ([0, 0, 1, 4, 4, 4, 5], [2] * 7, range(7)):
        check(f"Segment{name}", {}, data, np.array(ids, np.int32), constants=(1,))
    check(f"Segment{name}", {}, data[:0], np.array([], np.int32), constants=(1,))


@pytest.mark.parametrize("name", ["Sum", "Mean", "SqrtN"])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_segments_of_a_known_number_have_kernels(name: str, index: type) -> None:
    op, data, count = f"SparseSegment{name}WithNumSegments", floats(9, 5), np.array(6, np.int32)
    indices, ids = np.array([8, 0, 0, 3, 5], index), np.array([1, 1, 1, 3, 4], np.int32)
    check(op, {}, data, indices, ids, count, constants=(3,))
    check(op, {}, data, indices[:0], ids[:0], count, constants=(3,))
    for wrong, message in (([1, 0, 2, 3, 4], "increasing"), ([-1, 0, 1, 2, 3], ">= 0"), ([0, 0, 0, 0, 6], "num_segm")):
        with pytest.raises(ValueError, match=message):
            run(op, {}, data, indices, np.array(wrong, np.int32), count, constants=(3,))
    with pytest.raises(ValueError, match="out of range"):
        run(op, {}, data, indices + index(1), ids, count, constants=(3,))


@pytest.mark.parametrize("name", ["Sum", "Mean", "SqrtN"])
def test_sparse_segments_of_known_ids_have_kernels(name: str) -> None:
    op, data = f"SparseSegment{name}", floats(9, 5)
    indices, ids = np.array([8, 0, 0, 3, 5], np.int32), np.array([1, 1, 1, 3, 4], np.int32)
    check(op, {}, data, indices, ids, constants=(2,))
    check(op, {}, data, indices[:0], ids[:0], constants=(2,))
    assert infer(op, {}, data, indices, ids[::-1])[0].shape is None
    with pytest.raises(ValueError, match="out of range"):
        run(op, {}, data, indices + np.int32(1), ids, constants=(2,))


def test_segments_of_halves_without_slices_are_the_least_of_their_dtype() -> None:
    data, ids, count = floats(2, 3).astype(np.float16), np.array([0, 2], np.int32), np.array(4, np.int32)
    check("UnsortedSegmentMax", {}, data, ids, count, constants=(2,))
    check("UnsortedSegmentSum", {}, data.astype(np.complex64), ids, count, constants=(2,))


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)
