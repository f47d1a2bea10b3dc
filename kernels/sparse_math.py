"""Arithmetic of sparse tensors: SparseAdd, SparseTensorDenseAdd, SparseTensorDenseMatMul, SparseReduceSum,
SparseReduceMax, SparseSoftmax, SparseDenseCwiseAdd, -Mul, -Div.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/SparseTensorDenseMatMul

SparseTensorDenseMatMul has a kernel, the others run as host steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import canonical_axis
from edgeload.kernels.registry import Emit, Node, Operand, Spec, broadcast_shapes, register, require
from edgeload.kernels.sparse import INT64, check_sparse, require_inside, row_major, sizes_of
from edgeload.kernels.tile import shape_argument


def _infer_add(node: Node, *operands: Operand) -> list[Spec]:
    a_indices, a_values, a_shape, b_indices, b_values, b_shape, thresh = operands
    ranks = check_sparse(node, a_indices, a_values, a_shape), check_sparse(node, b_indices, b_values, b_shape)
    require(ranks[0] == ranks[1], node, f"tensors of {ranks} dimensions", "they must have as many")
    require(thresh.shape == (), node, f"a threshold of shape {thresh.shape}", "it must be a scalar")
    return [Spec(INT64, None), Spec(a_values.dtype, None), Spec(INT64, a_shape.shape)]


def _add(node: Node, *arrays: np.ndarray) -> list[np.ndarray]:
    """The sum of two tensors, each in row-major order. Where both have a value, and the magnitude of the sum is below
    the threshold, there is none."""
    a_indices, a_values, a_shape, b_indices, b_values, b_shape, thresh = arrays
    if a_shape.tolist() != b_shape.tolist():
        raise ExecutionError(
            f"{node.op} node {node.name!r}: operands' shapes do not match: {a_shape.tolist()}, {b_shape.tolist()}"
        )
    sizes = sizes_of(node, a_shape)
    for indices in (a_indices, b_indices):
        require_inside(node, indices, sizes)
    indices = np.concatenate([a_indices, b_indices])
    values = np.concatenate([a_values, b_values])
    order = row_major(indices)
    indices, values = indices[order], values[order]
    starts = _starts(indices)
    sums = np.add.reduceat(values, starts, dtype=values.dtype) if len(values) else values
    kept = (np.abs(sums) >= thresh) | (np.diff(starts, append=len(values)) == 1)
    return [indices[starts][kept], sums[kept], a_shape.copy()]


def _starts(indices: np.ndarray) -> np.ndarray:
    """Where each run of equal rows begins, [runs]."""
    if not len(indices):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], (np.diff(indices, axis=0) != 0).any(1)]))


def _infer_dense_add(node: Node, indices: Operand, values: Operand, shape: Operand, b: Operand) -> Spec:
    rank = check_sparse(node, indices, values, shape)
    require(rank == len(b.shape), node, f"{rank} and {len(b.shape)} dimensions", "both must have as many")
    return b.spec


def _dense_add(node: Node, indices: np.ndarray, values: np.ndarray, shape: np.ndarray, b: np.ndarray) -> np.ndarray:
    if tuple(shape.tolist()) != b.shape:
        raise ExecutionError(f"{node.op} node {node.name!r}: shapes {shape.tolist()} and {list(b.shape)} do not match")
    require_inside(node, indices, b.shape)
    out = b.copy()
    np.add.at(out, tuple(indices.T), values)
    return out


# SparseTensorDenseMatMul.


def _infer_product(node: Node, indices: Operand, values: Operand, shape: Operand, b: Operand) -> Spec:
    """op(a) @ op(b), of which op is the adjoint where adjoint_a and adjoint_b say so; a is [rows, inner]."""
    rank = check_sparse(node, indices, values, shape)
    require(rank == 2 and len(b.shape) == 2, node, f"{rank} and {len(b.shape)} dimensions", "both must be matrices")
    sizes = shape_argument(node, shape.known())
    rows, inner = sizes[::-1] if node.attrs["adjoint_a"] else sizes
    b_inner, cols = b.shape[::-1] if node.attrs["adjoint_b"] else b.shape
    require(inner == b_inner, node, f"a product over {inner} and {b_inner}", "the inner sizes must be equal")
    return Spec(b.dtype, (rows, cols))


def _product(node: Node, indices: np.ndarray, values: np.ndarray, shape: np.ndarray, b: np.ndarray) -> np.ndarray:
    sizes = [int(size) for size in shape]
    require_inside(node, indices, sizes)
    rows, cols = indices.T
    if node.attrs["adjoint_a"]:
        rows, cols, sizes, values = cols, rows, sizes[::-1], np.conj(values)
    right = np.conj(b.T) if node.attrs["adjoint_b"] else b
    wide = np.float32 if b.dtype.itemsize == 2 else b.dtype
    out = np.zeros((sizes[0], right.shape[1]), wide)
    np.add.at(out, rows, values[:, None].astype(wide) * right[cols])
    return out.astype(b.dtype)


_PRODUCTS = ("float32", "float64", "int32")


@kernel(
    "I[:] indices, T[:] values, T[:] b, int64 rows, int64 inner, int64 cols, int64 row_place, int64 b_step, "
    "int64 b_column, T[:] out",
    I=("int32", "int64"),
    T=_PRODUCTS,
    errors={1: "an index is out of bounds"},
)
def sparse_matmul(  # type: ignore[no-untyped-def]
    indices, values, b, rows, inner, cols, row_place, b_step, b_column, out, worker, workers
):
    """out[i, :] = sum over the n with row i of values[n] * b[its column, :]; column `row_place` of indices [n, 2] is
    the row. The work is split along the columns of b."""
    first, last = cols * worker // workers, cols * (worker + 1) // workers
    for row in range(rows):
        for col in range(first, last):
            out[np.uint64(row * cols + col)] = 0
    for n in range(values.size):
        row, k = np.int64(indices[2 * n + row_place]), np.int64(indices[2 * n + 1 - row_place])
        if row < 0 or row >= rows or k < 0 or k >= inner:
            return 1
        value = values[n]
        for col in range(first, last):
            out[np.uint64(row * cols + col)] += value * b[np.uint64(k * b_step + col * b_column)]
    return 0


def _lower_product(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    indices, values, shape, b = operands
    (out,) = outputs
    if getattr(b.dtype, "name", "") not in _PRODUCTS or str(indices.dtype) not in ("int32", "int64"):
        return NotImplemented
    is_turned, is_b_turned = int(node.attrs["adjoint_a"]), bool(node.attrs["adjoint_b"])
    inner = int(shape.known()[1 - is_turned])
    b_steps = (1, b.shape[1]) if is_b_turned else (b.shape[1], 1)
    rows, cols = out.shape
    tiles = max(1, min(cols, values.shape[0] * cols >> 15))
    emit.kernel(
        f"sparse_matmul<{indices.dtype},{b.dtype.name}>", indices, values, b, rows, inner, cols, is_turned, *b_steps,
        out, tiles=tiles
    )  # fmt: skip
    return None


# SparseReduceSum, SparseReduceMax.


def _infer_reduce(node: Node, indices: Operand, values: Operand, shape: Operand, axes: Operand) -> Spec:
    """Dense; no axes reduce none."""
    check_sparse(node, indices, values, shape)
    sizes = shape_argument(node, shape.known())
    reduced = _axes(node, axes.known(), len(sizes))
    if node.attrs["keep_dims"]:
        return Spec(values.dtype, tuple(1 if axis in reduced else size for axis, size in enumerate(sizes)))
    return Spec(values.dtype, tuple(size for axis, size in enumerate(sizes) if axis not in reduced))


def _axes(node: Node, axes: np.ndarray, rank: int) -> set[int]:
    return {canonical_axis(node, int(axis), rank) for axis in axes.reshape(-1)}


def _reduce(node: Node, indices: np.ndarray, values: np.ndarray, shape: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Over the values that are there; 0 where none is."""
    sizes = [int(size) for size in shape]
    require_inside(node, indices, sizes)
    reduced = _axes(node, axes, len(sizes))
    grouped = indices.copy()
    grouped[:, sorted(reduced)] = 0
    shape_kept = [1 if axis in reduced else size for axis, size in enumerate(sizes)]
    out = np.zeros(shape_kept, values.dtype)
    at = tuple(grouped.T)
    if node.op == "SparseReduceSum":
        np.add.at(out, at, values)
    else:
        out[at] = values  # one of them, so that the maximum has a start
        np.maximum.at(out, at, values)
    return out if node.attrs["keep_dims"] else out.reshape([n for axis, n in enumerate(sizes) if axis not in reduced])


# SparseSoftmax, SparseDenseCwise*.


def _infer_softmax(node: Node, indices: Operand, values: Operand, shape: Operand) -> Spec:
    rank = check_sparse(node, indices, values, shape)
    require(rank >= 2, node, f"{rank} dimensions", "it takes at least 2")
    return values.spec


def _softmax(node: Node, indices: np.ndarray, values: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """exp(x - max) / sum over the values that are there in each last-axis row; in row-major order."""
    require_inside(node, indices, sizes_of(node, shape))
    order = row_major(indices)
    indices, values = indices[order], values[order]
    if not len(values):
        return values
    starts = _starts(indices[:, :-1])
    row = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    powers = np.exp(values - np.maximum.reduceat(values, starts)[row])
    return (powers / np.add.reduceat(powers, starts)[row]).astype(values.dtype)


def _infer_cwise(node: Node, indices: Operand, values: Operand, shape: Operand, dense: Operand) -> Spec:
    rank = check_sparse(node, indices, values, shape)
    require(len(dense.shape) <= rank, node, f"{len(dense.shape)} dense dimensions", f"the sparse tensor has {rank}")
    if shape.value is not None:
        sizes = shape_argument(node, shape.value)
        require(broadcast_shapes(node, sizes, dense.shape) == sizes, node, f"a dense {dense.shape}", f"not {sizes}")
    return values.spec


def _cwise(node: Node, indices: np.ndarray, values: np.ndarray, shape: np.ndarray, dense: np.ndarray) -> np.ndarray:
    """values combined with the dense element at their place, of which the dense tensor is broadcast to the shape."""
    sizes = sizes_of(node, shape)
    try:
        wide = np.broadcast_to(dense, sizes)
    except ValueError:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: the dense shape {list(dense.shape)} does not broadcast to {list(sizes)}"
        ) from None
    require_inside(node, indices, sizes)
    picked = wide[tuple(indices.T)]
    if node.op == "SparseDenseCwiseAdd":
        return values + picked
    if node.op == "SparseDenseCwiseMul":
        return values * picked
    return _quotient(node, values, picked)


def _quotient(node: Node, values: np.ndarray, divisors: np.ndarray) -> Any:
    if values.dtype.kind not in "iu":
        return values / divisors
    if (divisors == 0).any():
        raise ExecutionError(f"{node.op} node {node.name!r}: Integer division by zero")
    return np.sign(values) * np.sign(divisors) * (np.abs(values) // np.abs(divisors))  # towards zero, as in C++


register("SparseAdd", infer=_infer_add, reference=_add)
register("SparseTensorDenseAdd", infer=_infer_dense_add, reference=_dense_add)
register("SparseTensorDenseMatMul", infer=_infer_product, reference=_product, lower=_lower_product)
register("SparseReduceSum", infer=_infer_reduce, reference=_reduce)
register("SparseReduceMax", infer=_infer_reduce, reference=_reduce)
register("SparseSoftmax", infer=_infer_softmax, reference=_softmax)
for _op in ("SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"):
    register(_op, infer=_infer_cwise, reference=_cwise)
