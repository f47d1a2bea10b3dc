"""Matrix products. MatMul: https://www.tensorflow.org/api_docs/python/tf/raw_ops/MatMul, BatchMatMulV2 likewise.

A constant right side is packed while planning and the product runs as a 1 x 1 convolution; otherwise the right side is
packed into scratch memory by every call. Own op `_MatMul`: inputs a, b (constant, rank 2), bias[, residual]; attrs
transpose_a, transpose_b, `epilogue`.

Own op `_BatchMatMul`: BatchMatMulV2 of transposed tensors, with its result transposed; inputs a, b; attrs adj_x, adj_y
and the permutations perm_a, perm_b, perm_out. Nothing is moved for them. The pass `fuse_transposes` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeload.kernels.complex_planes import is_complex
from edgeload.kernels.conv import FLOATS, Window, finish_reference, lower_product, tile_shape
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.movement import steps_of
from edgeload.kernels.other_products import INTEGERS, lower_complex, lower_integers
from edgeload.kernels.pieces import ELEMENTS, PRODUCTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, broadcast_shapes, register, require


def _transposes(node: Node) -> tuple[bool, bool]:
    attrs = node.attrs
    return (
        bool(attrs.get("transpose_a", attrs.get("adj_x", False))),
        bool(attrs.get("transpose_b", attrs.get("adj_y", False))),
    )


def infer_matmul(node: Node, a: Operand, b: Operand, *others: Operand) -> Spec:
    """a [..., rows, inner], b [..., inner, cols], either transposed by its attribute -> [..., rows, cols]."""
    require(len(a.shape) >= 2 and len(b.shape) >= 2, node, f"ranks {len(a.shape)} and {len(b.shape)}", "matrices")
    dtype = _result_dtype(node, a.dtype)
    require(a.dtype == b.dtype or "Tout" in node.attrs, node, f"dtypes {a.dtype} and {b.dtype}", "equal dtypes")
    is_a_transposed, is_b_transposed = _transposes(node)
    inner_a, rows = a.shape[-2:] if is_a_transposed else a.shape[:-3:-1]
    cols, inner_b = b.shape[-2:] if is_b_transposed else b.shape[:-3:-1]
    require(inner_a == inner_b, node, f"inner sizes {inner_a} and {inner_b}", "equal inner sizes")
    if others:
        require(others[0].shape == (cols,), node, f"bias {others[0].shape}", f"bias ({cols},)")
    batch = a.shape[:-2]
    if node.op == "MatMul":
        require(len(a.shape) == len(b.shape) == 2, node, f"shapes {a.shape} and {b.shape}", "two matrices")
    if node.op == "BatchMatMul":
        require(batch == b.shape[:-2], node, f"shapes {a.shape} and {b.shape}", "equal batch sizes")
    return Spec(dtype, (*broadcast_shapes(node, batch, b.shape[:-2]), rows, cols))


def _result_dtype(node: Node, dtype: Any) -> Any:
    """BatchMatMulV3 names the dtype of its result, and may multiply others, even two, in it."""
    return node.attrs.get("Tout", dtype)


def reference_matmul(node: Node, a: np.ndarray, b: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """The product in float64 for floats, in the dtype itself for integers."""
    is_a_transposed, is_b_transposed = _transposes(node)
    if is_a_transposed:
        a = np.swapaxes(a, -1, -2)
        a = a.conj() if "adj_x" in node.attrs else a
    if is_b_transposed:
        b = np.swapaxes(b, -1, -2)
        b = b.conj() if "adj_y" in node.attrs else b
    dtype = _result_dtype(node, a.dtype)
    wide = {"f": np.float64, "c": np.complex128}.get(dtype.kind, dtype)
    return finish_reference(node, np.matmul(a.astype(wide), b.astype(wide)), dtype, *others)


def infer_permuted(node: Node, a: Operand, b: Operand) -> Spec:
    """The product of a and b with their axes in the order of perm_a and perm_b, its own axes in that of perm_out."""
    a, b = (replace(x, shape=_in_order(x.shape, node.attrs[perm])) for x, perm in ((a, "perm_a"), (b, "perm_b")))
    product = infer_matmul(node, a, b)
    assert product.shape is not None
    return Spec(product.dtype, _in_order(product.shape, node.attrs["perm_out"]))


def reference_permuted(node: Node, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.transpose(node.attrs["perm_a"]), b.transpose(node.attrs["perm_b"])
    return np.ascontiguousarray(reference_matmul(node, a, b).transpose(node.attrs["perm_out"]))


def _in_order(values: Sequence[int], perm: Sequence[int]) -> tuple[int, ...]:
    return tuple(values[axis] for axis in perm)


@kernel(
    "T[:] x, int64[:] x_index, int64 inner, int64 cols, int64 row_step, int64 column_step, int64 columns, T[:] out",
    T=FLOATS,
)
def pack_matrices(x, x_index, inner, cols, row_step, column_step, columns, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[i, panel, k, n] = x[i, k, panel * columns + n], or 0 beyond the last column; matrix i of x begins at element
    x_index[i], its steps are in elements."""
    panels = (cols + columns - 1) // columns
    count = x_index.size * panels
    for item in range(count * worker // workers, count * (worker + 1) // workers):
        matrix, panel = item // panels, item % panels
        first = panel * columns
        valid = min(columns, cols - first)
        for k in range(inner):
            source = x_index[matrix] + k * row_step + first * column_step
            target = (item * inner + k) * columns
            for n in range(valid):
                out[np.uint64(target + n)] = x[np.uint64(source + n * column_step)]
            for n in range(valid, columns):
                out[np.uint64(target + n)] = 0


@kernel("T[:] x, int64 batch, int64 rows, int64 cols, T[:] out", T=FLOATS)
def transpose_matrices(x, batch, rows, cols, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[i, c, r] = x[i, r, c]."""
    count = batch * cols
    for item in range(count * worker // workers, count * (worker + 1) // workers):
        matrix, c = item // cols, item % cols
        for r in range(rows):
            out[np.uint64(item * rows + r)] = x[np.uint64((matrix * rows + r) * cols + c)]


@kernel_family("matmul")
def matmul(dtype: str, rows: str, vectors: str) -> Iterator[Any]:
    """out[i, m, n] = sum over k of x[i, m, k] * w[w_index[i], k, n], with w packed by `pack_matrices`.

    Matrix i of x begins at element x_index[i], its rows are x_step apart; likewise in out.
    """
    t = dtype
    yield (
        f"{t}[:] x, {t}[:] w, {t}[:] zeros, int64[:] x_index, int64[:] w_index, int64[:] out_index, int64 rows, "
        f"int64 inner, int64 cols, int64 columns, int64 x_step, int64 out_step, int64[:] offsets, {t}[:] out"
    )
    from edgeload.kernels.tiles import product_tile

    tile_rows = int(rows)
    tile = product_tile(tile_rows, int(vectors), "a0")

    def run(  # type: ignore[no-untyped-def]
        x, w, zeros, x_index, w_index, out_index, row_count, inner, cols, columns, x_step, out_step, offsets, out,
        worker, workers
    ):  # fmt: skip
        panels = (cols + columns - 1) // columns
        strips = (row_count + tile_rows - 1) // tile_rows
        work = x_index.size * strips
        at = worker * tile_rows
        for item in range(work * worker // workers, work * (worker + 1) // workers):
            matrix, first = item // strips, item % strips * tile_rows
            valid_rows = min(tile_rows, row_count - first)
            for m in range(tile_rows):
                offsets[at + m] = x_index[matrix] + (first + min(m, valid_rows - 1)) * x_step
            for panel in range(panels):
                tile(
                    x, offsets, at, 1, 1, 0, 0, inner, w, (w_index[matrix] * panels + panel) * inner * columns,
                    zeros, 0, zeros, out, out_index[matrix] + first * out_step + panel * columns, out_step,
                    valid_rows, cols - panel * columns,
                )  # fmt: skip

    yield run


def lower_matmul(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    a, b, *others = operands
    out = outputs[0]
    if {a.dtype, b.dtype} != {out.dtype}:
        return NotImplemented
    if 0 in out.shape:
        return None
    is_a_transposed, is_b_transposed = transposes = _transposes(node)
    if a.dtype.name in INTEGERS and not others:
        return lower_integers(
            a,
            b,
            out,
            transposes,
            (_batch_index(a.shape, out.shape, emit), _batch_index(b.shape, out.shape, emit)),
            emit,
        )
    if is_complex(a.dtype) and not others:
        return lower_complex(node, a, b, out, transposes, emit, lower_matmul)
    if a.dtype.name not in FLOATS:
        return NotImplemented
    inner, cols = b.shape[-2:][:: -1 if is_b_transposed else 1]
    if is_a_transposed:
        a = _transposed(a, emit)
    if b.value is not None and len(b.shape) == 2:
        bias, residual = (*others, None, None)[:2]
        matrix = _untransposed(b) if is_b_transposed else b
        pixels = math.prod(out.shape[:-1])
        window = Window(1, 1, 1, 1, 1, 1, 0, 0, 1, pixels)
        return lower_product(
            a, matrix, bias, residual, out, node.attrs.get("epilogue", "a0"), (1, pixels, inner), window, 1, emit,
            (1, 1, inner, cols)
        )  # fmt: skip
    if others:
        return NotImplemented
    _multiply(_matrices(a), _matrices(b, is_transposed=is_b_transposed), _matrices(out), emit)
    return None


def lower_permuted(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (a, b), (out,) = operands, outputs
    if {a.dtype, b.dtype} != {out.dtype} or a.dtype.name not in FLOATS:
        return NotImplemented
    if 0 in out.shape:
        return None
    is_a_transposed, is_b_transposed = _transposes(node)
    perm_a, perm_out = list(node.attrs["perm_a"]), list(node.attrs["perm_out"])
    if is_a_transposed and perm_a == sorted(perm_a):
        a, is_a_transposed = _transposed(a, emit), False
    left = _matrices(a, perm_a, is_a_transposed)
    right = _matrices(b, node.attrs["perm_b"], is_b_transposed)
    product = _matrices(out, [perm_out.index(axis) for axis in range(len(perm_out))])
    if left.steps[-1] != 1 or product.steps[-1] != 1:
        return NotImplemented
    _multiply(left, right, product, emit)
    return None


@dataclass(frozen=True)
class _Matrices:
    """A tensor as matrices [..., rows, cols], which need not lie in this order: elements from one index to the next
    along each axis."""

    tensor: Operand
    shape: tuple[int, ...]
    steps: tuple[int, ...]

    def index(self, batch: tuple[int, ...], emit: Emit) -> Operand:
        """At which element the matrix for each matrix of a batch begins, with broadcasting."""
        own, steps = self.shape[:-2], self.steps[:-2]

        def make() -> np.ndarray:
            starts = np.zeros(own, np.int64)
            for axis, step in enumerate(steps):
                starts += np.arange(own[axis]).reshape(-1, *[1] * (len(own) - axis - 1)) * step
            return np.broadcast_to(starts, batch).ravel()

        return emit.constant(("matrix index", own, steps, batch), make)


def _matrices(tensor: Operand, perm: Sequence[int] | None = None, is_transposed: bool = False) -> _Matrices:
    """A tensor with its axes in the order of a permutation, and then perhaps the last two exchanged."""
    axes = list(range(len(tensor.shape)) if perm is None else perm)
    if is_transposed:
        axes[-2:] = axes[:-3:-1]
    return _Matrices(tensor, _in_order(tensor.shape, axes), _in_order(steps_of(tensor.shape), axes))


def _multiply(a: _Matrices, b: _Matrices, out: _Matrices, emit: Emit) -> None:
    """out = a b for floats. The columns of a and out must be next to each other."""
    dtype, batch = a.tensor.dtype, out.shape[:-2]
    (rows, cols), inner = out.shape[-2:], a.shape[-1]
    tile_rows, vectors = tile_shape(emit, rows, cols, dtype)
    columns = vectors * emit.lanes * 4 // dtype.itemsize
    panels = math.prod(b.shape[:-2]) * -(-cols // columns)
    packed = emit.scratch(dtype, (panels * inner * columns,))
    emit.kernel(
        f"pack_matrices<{dtype.name}>", b.tensor, b.index(b.shape[:-2], emit), inner, cols, *b.steps[-2:], columns,
        packed, tiles=pieces(panels, math.prod(packed.shape), ELEMENTS),
    )  # fmt: skip
    zeros = emit.constant(("zeros", columns, dtype.name), lambda: np.zeros(columns, dtype))
    strips = math.prod(batch) * -(-rows // tile_rows)
    tiles = pieces(strips, math.prod(out.shape) * inner, PRODUCTS)
    offsets = emit.scratch(np.dtype(np.int64), (tiles * tile_rows,))
    emit.kernel(
        f"matmul<{dtype.name},{tile_rows},{vectors}>",
        a.tensor, packed, zeros, a.index(batch, emit), _batch_index(b.shape, out.shape, emit), out.index(batch, emit),
        rows, inner, cols, columns, a.steps[-2], out.steps[-2], offsets, out.tensor, tiles=tiles
    )  # fmt: skip


def _transposed(a: Operand, emit: Emit) -> Operand:
    batch = math.prod(a.shape[:-2])
    rows, cols = a.shape[-2:]
    turned = emit.scratch(a.dtype, (*a.shape[:-2], cols, rows))
    tiles = pieces(batch * cols, math.prod(a.shape), ELEMENTS)
    emit.kernel(f"transpose_matrices<{a.dtype.name}>", a, batch, rows, cols, turned, tiles=tiles)
    return turned


def _untransposed(b: Operand) -> Operand:
    assert b.value is not None
    return Operand(b.dtype, b.shape[::-1], b.index, np.asarray(b.value).T, None, ("transposed", b.key))


def _batch_index(shape: tuple[int, ...], out_shape: tuple[int, ...], emit: Emit) -> Operand:
    """Which of the operand's matrices belongs to each matrix of the output, after broadcasting."""
    batch_shape, out_batch = shape[:-2], out_shape[:-2]

    def make() -> np.ndarray:
        own = np.arange(math.prod(batch_shape), dtype=np.int64).reshape(batch_shape)
        return np.broadcast_to(own, out_batch).ravel()

    return emit.constant(("batch index", batch_shape, out_batch), make)


for _op in ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "_MatMul"):
    register(_op, infer=infer_matmul, reference=reference_matmul, lower=lower_matmul)
register("_BatchMatMul", infer=infer_permuted, reference=reference_permuted, lower=lower_permuted)
