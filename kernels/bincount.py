"""Counting and placing: Bincount, DenseBincount, SparseBincount, RaggedBincount; Bucketize, LowerBound, UpperBound.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/DenseBincount
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.concat import scalar_of
from edgeload.kernels.functions import NUMBERS
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_INT32 = np.dtype(np.int32)


def _size(node: Node, size: np.ndarray) -> int:
    count = scalar_of(node, size, "size")
    require(count >= 0, node, f"size {count}", "it must not be negative")
    return count


def _check_weights(node: Node, values: Operand, weights: Operand) -> None:
    fits = weights.shape == values.shape or math.prod(weights.shape) == 0
    require(fits, node, f"weights of shape {weights.shape}", f"they must be empty or {values.shape}, as the values")


def _counts(node: Node, rows: np.ndarray, values: np.ndarray, weights: np.ndarray, count: int, size: int) -> np.ndarray:
    """[count, size]: how often, or with which total weight, each value stands in each row. Values >= size do not count.
    Raises ExecutionError for negative ones, which SparseBincount leaves out."""
    if (values < 0).any() and node.op != "SparseBincount":
        raise ExecutionError(f"{node.op} node {node.name!r}: Input arr must be non-negative! Found {values.min()}")
    out = np.zeros((count, size), weights.dtype)
    inside = (values >= 0) & (values < size)
    if node.attrs.get("binary_output", False):
        out[rows[inside], values[inside]] = 1
    else:
        np.add.at(out, (rows[inside], values[inside]), weights[inside] if weights.size else weights.dtype.type(1))
    return out


def _infer_bincount(node: Node, arr: Operand, size: Operand, weights: Operand) -> Spec:
    _check_weights(node, arr, weights)
    return Spec(weights.dtype, (_size(node, size.known()),))


def _bincount(node: Node, arr: np.ndarray, size: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _counts(node, np.zeros(arr.size, np.int64), arr.reshape(-1), weights.reshape(-1), 1, _size(node, size))[0]


@kernel("I[:] values, T[:] weights, int64 rows, int64 cols, int64 size, int64 is_binary, T[:] out",
        I=("int32", "int64"), T=("int32", "int64", "float32", "float64"),
        errors={1: "Input arr must be non-negative!"})  # fmt: skip
def bincount(values, weights, rows, cols, size, is_binary, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[row, v] = how often values[row, :] is v, or its total weight; values [rows, cols], out [rows, size]."""
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        for i in range(size):
            out[row * size + i] = 0
        for col in range(cols):
            value = np.int64(values[row * cols + col])
            if value < 0:
                return 1
            if value < size:
                at = row * size + value
                if is_binary:
                    out[at] = 1
                elif weights.size:
                    out[at] += weights[row * cols + col]
                else:
                    out[at] += 1
    return 0


def _lower_bincount(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    values, _, weights = operands
    (out,) = outputs
    is_matrix = len(out.shape) == 2
    rows = values.shape[0] if is_matrix else 1
    cols = values.shape[1] if is_matrix else math.prod(values.shape)
    emit.kernel(
        f"bincount<{values.dtype},{out.dtype}>",
        values,
        weights,
        rows,
        cols,
        out.shape[-1],
        int(node.attrs.get("binary_output", False)),
        out,
        tiles=max(1, min(rows, rows * (cols + out.shape[-1]) >> 14)),
    )
    return None


def _infer_dense(node: Node, x: Operand, size: Operand, weights: Operand) -> Spec:
    """[size] of a vector, [rows, size] of a matrix."""
    require(len(x.shape) in (1, 2), node, f"an input of {len(x.shape)} dimensions", "it must be a vector or a matrix")
    _check_weights(node, x, weights)
    return Spec(weights.dtype, (*x.shape[:-1], _size(node, size.known())))


def _dense(node: Node, x: np.ndarray, size: np.ndarray, weights: np.ndarray) -> np.ndarray:
    count = x.shape[0] if x.ndim == 2 else 1
    rows = np.repeat(np.arange(count), x.shape[-1])
    out = _counts(node, rows, x.reshape(-1), weights.reshape(-1), count, _size(node, size))
    return out if x.ndim == 2 else out[0]


def _infer_sparse(
    node: Node, indices: Operand, values: Operand, dense_shape: Operand, size: Operand, weights: Operand
) -> Spec:
    rank = dense_shape.shape[0] if len(dense_shape.shape) == 1 else -1
    fits = rank in (1, 2) and len(values.shape) == 1 and indices.shape == (*values.shape, rank)
    found = f"indices {indices.shape}, values {values.shape} and dense_shape {dense_shape.shape}"
    require(fits, node, found, "they must be [n, rank], [n] and [rank], of rank 1 or 2")
    _check_weights(node, values, weights)
    count = _size(node, size.known())
    if rank == 1:
        return Spec(weights.dtype, (count,))
    rows = int(dense_shape.known()[0])
    require(rows >= 0, node, f"dense_shape {dense_shape.known().tolist()}", "sizes must not be negative")
    return Spec(weights.dtype, (rows, count))


def _sparse(
    node: Node,
    indices: np.ndarray,
    values: np.ndarray,
    dense_shape: np.ndarray,
    size: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    is_matrix = dense_shape.size == 2
    count = int(dense_shape[0]) if is_matrix else 1
    rows = indices[:, 0] if is_matrix else np.zeros(values.size, np.int64)
    if ((rows < 0) | (rows >= count)).any():
        raise ExecutionError(f"{node.op} node {node.name!r}: an index lies outside dense_shape {dense_shape.tolist()}")
    out = _counts(node, rows, values, weights, count, _size(node, size))
    return out if is_matrix else out[0]


def _infer_ragged(node: Node, splits: Operand, values: Operand, size: Operand, weights: Operand) -> Spec:
    fits = len(splits.shape) == 1 and splits.shape[0] >= 1 and len(values.shape) == 1
    found = f"splits {splits.shape} and values {values.shape}"
    require(fits, node, found, "they must be vectors, the splits not empty")
    _check_weights(node, values, weights)
    return Spec(weights.dtype, (splits.shape[0] - 1, _size(node, size.known())))


def _ragged(node: Node, splits: np.ndarray, values: np.ndarray, size: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if splits[0] != 0 or splits[-1] != values.size or (np.diff(splits) < 0).any():
        raise ExecutionError(
            f"{node.op} node {node.name!r}: splits must start with 0, not decrease and end with the number of values; "
            f"found {splits[:20].tolist()}... for {values.size} values"
        )
    rows = np.repeat(np.arange(splits.size - 1), np.diff(splits))
    return _counts(node, rows, values, weights, splits.size - 1, _size(node, size))


# Bucketize, LowerBound, UpperBound.


def _boundaries(node: Node) -> np.ndarray:
    boundaries = np.array(node.attrs["boundaries"], np.float32)
    require(not (np.diff(boundaries) < 0).any(), node, f"boundaries {boundaries[:10]}", "they must be sorted")
    return boundaries


def _infer_bucketize(node: Node, x: Operand) -> Spec:
    _boundaries(node)
    return Spec(_INT32, x.shape)


def _bucketize(node: Node, x: np.ndarray) -> np.ndarray:
    """How many boundaries are not greater than each element. Integers are compared as float32, as in C++."""
    values = x.astype(np.float32) if x.dtype.kind == "i" else x
    return np.searchsorted(_boundaries(node).astype(values.dtype), values, "right").astype(np.int32)


@kernel_family("bucketize")
def bucketize(dtype: str) -> Iterator[Any]:
    """out[i] = the first n with x[i] < boundaries[n], found by halving."""
    compared = np.float64 if dtype == "float64" else np.float32
    yield f"{dtype}[:] x, float32[:] boundaries, int32[:] out"

    def find(x, boundaries, out, worker, workers):  # type: ignore[no-untyped-def]
        for i in range(x.size * worker // workers, x.size * (worker + 1) // workers):
            value = compared(x[i])
            low, high = 0, boundaries.size
            while low < high:
                middle = (low + high) // 2
                if value < boundaries[middle]:
                    high = middle
                else:
                    low = middle + 1
            out[i] = low

    yield find


def _lower_bucketize(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,) = operands
    (out,) = outputs
    boundaries = _boundaries(node)
    table = emit.constant(("bucketize", boundaries.tobytes()), lambda: boundaries)
    emit.kernel(f"bucketize<{x.dtype}>", x, table, out, tiles=max(1, math.prod(x.shape) >> 14))
    return None


def _infer_bound(node: Node, table: Operand, values: Operand) -> Spec:
    fits = len(table.shape) == 2 and len(values.shape) == 2 and table.shape[0] == values.shape[0]
    found = f"sorted_inputs {table.shape} and values {values.shape}"
    require(fits, node, found, "they must be [batch, n] and [batch, m]")
    dtype = node.attrs["out_type"]
    require(table.shape[1] <= np.iinfo(dtype).max, node, f"{table.shape[1]} columns", f"a {dtype} must count them")
    return Spec(dtype, values.shape)


def _bound(node: Node, table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The first place in each sorted row where a value could be put in (LowerBound), or the last (UpperBound)."""
    side: Any = "left" if node.op == "LowerBound" else "right"
    out = np.empty(values.shape, node.attrs["out_type"])
    for to, row, wanted in zip(out, table, values, strict=True):
        to[...] = np.searchsorted(row, wanted, side)
    return out


register("Bincount", infer=_infer_bincount, reference=_bincount, lower=_lower_bincount)
register("DenseBincount", infer=_infer_dense, reference=_dense, lower=_lower_bincount)
register("SparseBincount", infer=_infer_sparse, reference=_sparse)
register("RaggedBincount", infer=_infer_ragged, reference=_ragged)
register("Bucketize", infer=_infer_bucketize, reference=_bucketize, lower=_lower_bucketize)


@kernel_family("bound")
def bound(side: str, dtype: str, out_dtype: str) -> Iterator[Any]:
    """out[row, i] = how many of the sorted table[row, :] are less than values[row, i] ("lower"), or not greater; found
    by halving."""
    is_lower = side == "lower"
    yield f"{dtype}[:] table, {dtype}[:] values, int64 cols, int64 wanted, {out_dtype}[:] out"

    def find(table, values, cols, wanted, out, worker, workers):  # type: ignore[no-untyped-def]
        for i in range(values.size * worker // workers, values.size * (worker + 1) // workers):
            value, start = values[i], i // wanted * cols
            low, high = 0, cols
            while low < high:
                middle = (low + high) // 2
                other = table[start + middle]
                if other < value or (not is_lower and not value < other):
                    low = middle + 1
                else:
                    high = middle
            out[i] = low

    yield find


def _lower_bound(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (table, values), (out,) = operands, outputs
    if getattr(table.dtype, "name", "") not in NUMBERS:
        return NotImplemented
    name = f"bound<{'lower' if node.op == 'LowerBound' else 'upper'},{table.dtype.name},{out.dtype.name}>"
    tiles = max(1, math.prod(values.shape) >> 12)
    emit.kernel(name, table, values, table.shape[1], values.shape[1], out, tiles=tiles)
    return None


register("LowerBound", infer=_infer_bound, reference=_bound, lower=_lower_bound)
register("UpperBound", infer=_infer_bound, reference=_bound, lower=_lower_bound)
