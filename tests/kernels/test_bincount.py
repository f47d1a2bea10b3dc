"""Counting and placing values."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

VALUES = np.array([[1, 3, 3], [1, 9, 0]], np.int32)
WEIGHTS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
NONE = np.empty(0, np.float32)
SIZE = np.array(5, np.int32)


@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize("weights", [NONE, WEIGHTS], ids=["counts", "weights"])
def test_rows_are_counted_on_their_own(is_binary: bool, weights: np.ndarray) -> None:
    attrs = {"binary_output": is_binary}
    check("DenseBincount", attrs, VALUES, SIZE, weights, constants=(1,))
    row = weights[0] if weights.size else weights
    check("DenseBincount", attrs, VALUES[0], SIZE, row, constants=(1,))
    check("DenseBincount", attrs, VALUES[:0], SIZE, NONE, constants=(1,))


def test_counts() -> None:
    check("Bincount", {}, VALUES, SIZE, NONE, constants=(1,))
    check("Bincount", {}, VALUES, SIZE, WEIGHTS, constants=(1,))
    assert reference("Bincount", {}, VALUES, SIZE, NONE)[0].tolist() == [1, 2, 0, 2, 0]
    assert reference("DenseBincount", {}, VALUES, SIZE, WEIGHTS)[0].tolist() == [[0, 1, 0, 5, 0], [6, 4, 0, 0, 0]]


def test_negative_values_raise() -> None:
    with pytest.raises(ExecutionError, match="must be non-negative"):
        reference("Bincount", {}, -VALUES, SIZE, NONE)
    with pytest.raises(ValueError, match="must be non-negative"):
        run("Bincount", {}, -VALUES, SIZE, NONE, constants=(1,))
    with pytest.raises(InvalidGraphError, match="size -1"):
        infer("Bincount", {}, VALUES, np.array(-1), NONE)


def test_sparse_and_ragged_rows() -> None:
    indices, values = np.array([[0, 1], [2, 0], [2, 3]]), np.array([1, 3, 3])
    (got,) = reference("SparseBincount", {}, indices, values, np.array([3, 5]), SIZE, NONE)
    assert got.tolist() == [[0, 1, 0, 0, 0], [0] * 5, [0, 0, 0, 2, 0]]
    (got,) = reference("RaggedBincount", {}, np.array([0, 2, 2, 3]), values, SIZE, NONE)
    assert got.tolist() == [[0, 1, 0, 1, 0], [0] * 5, [0, 0, 0, 1, 0]]
    with pytest.raises(ExecutionError, match="splits"):
        reference("RaggedBincount", {}, np.array([0, 2]), values, SIZE, NONE)
    with pytest.raises(ExecutionError, match="outside"):
        reference("SparseBincount", {}, indices, values, np.array([2, 5]), SIZE, NONE)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_buckets_begin_at_their_boundary(dtype: str) -> None:
    x = np.array([[-1, 0, 1, 2], [3, 100, 16777217, 5]], dtype)
    attrs = {"boundaries": [0.0, 2.0, 3.0, 16777216.0]}
    check("Bucketize", attrs, x)
    assert reference("Bucketize", attrs, x)[0].tolist() == [[0, 1, 1, 2], [3, 3, 4, 3]]
    check("Bucketize", {"boundaries": []}, x)


def test_what_is_not_finite_falls_into_the_outer_buckets() -> None:
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    check("Bucketize", {"boundaries": [0.0, 1.0]}, x)
    assert reference("Bucketize", {"boundaries": [0.0, 1.0]}, x)[0].tolist() == [2, 2, 0]
    with pytest.raises(InvalidGraphError, match="sorted"):
        infer("Bucketize", {"boundaries": [1.0, 0.0]}, x)


def test_bounds_of_sorted_rows() -> None:
    table, values = np.array([[0, 3, 3, 9], [1, 2, 2, 10]]), np.array([[3, 4, -1], [2, 0, 99]])
    attrs = {"out_type": np.dtype(np.int32)}
    assert reference("LowerBound", attrs, table, values)[0].tolist() == [[1, 3, 0], [1, 0, 4]]
    assert reference("UpperBound", attrs, table, values)[0].tolist() == [[3, 3, 0], [3, 0, 4]]
    with pytest.raises(InvalidGraphError):
        infer("LowerBound", attrs, table, values[:1])


@pytest.mark.parametrize("op", ["LowerBound", "UpperBound"])
@pytest.mark.parametrize("dtype, out", [("float32", "int32"), ("uint8", "int64")])
def test_bounds_have_kernels(op: str, dtype: str, out: str) -> None:
    random = np.random.default_rng(4)
    table = np.sort(random.integers(0, 20, (3, 17)), 1).astype(dtype)
    values = random.integers(0, 21, (3, 9)).astype(dtype)
    for some in (table, table[:, :1], table[:, :0]):
        check(op, {"out_type": np.dtype(out)}, some, values)
