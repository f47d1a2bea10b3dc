"""Diagonals: MatrixDiag, MatrixDiagPart and MatrixSetDiag in three versions, Diag, DiagPart; and Cross.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/MatrixDiagV3

Each op picks elements by a table of places that is the same for every matrix of a batch. Diagonal d has the elements
[m, m + d]; several of them are stored as rows, the highest first, which `align` shifts to the left or the right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeload.kernels.functions import NUMBERS
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import WIDTHS, tiles_of, width_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_ALIGNMENTS = (b"LEFT_LEFT", b"LEFT_RIGHT", b"RIGHT_LEFT", b"RIGHT_RIGHT")
_NOWHERE = -1


@kernel(
    "T[:] x, int64 step, int64[:] places, T[:] other, int64 other_step, int64 stride, int64 count, T[:] out", T=WIDTHS
)
def pick(x, step, places, other, other_step, stride, count, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[b, i] = x[b, places[i]], or where places[i] is negative other[b * other_step + i * stride]; b < count."""
    size = places.size
    for b in range(count * worker // workers, count * (worker + 1) // workers):
        for i in range(size):
            place = places[i]
            out[b * size + i] = x[b * step + place] if place >= 0 else other[b * other_step + i * stride]


def _diagonals(node: Node, k: np.ndarray | None) -> tuple[int, int]:
    """The lowest and the highest diagonal."""
    if k is None:
        return 0, 0
    require(k.ndim <= 1 and 1 <= k.size <= 2, node, f"k of shape {k.shape}", "one or two numbers")
    lowest, highest = int(k.reshape(-1)[0]), int(k.reshape(-1)[-1])
    require(lowest <= highest, node, f"diagonals {lowest} to {highest}", "the lowest comes first")
    return lowest, highest


def _alignment(node: Node) -> bytes:
    align = node.attrs.get("align", b"LEFT_LEFT")
    require(align in _ALIGNMENTS, node, f"align {align!r}", "LEFT_LEFT, LEFT_RIGHT, RIGHT_LEFT or RIGHT_RIGHT")
    return bytes(align)


def _longest(rows: int, cols: int, lowest: int, highest: int) -> int:
    return min(rows + min(highest, 0), cols - max(lowest, 0))


def _stored_at(rows: int, cols: int, lowest: int, highest: int, align: bytes) -> np.ndarray:
    """[rows, cols]: where in the stored diagonals [count, longest], flat, an element is; _NOWHERE if in none."""
    above, below = (part == b"LEFT" for part in align.split(b"_"))
    longest = _longest(rows, cols, lowest, highest)
    m, n = np.indices((rows, cols))
    d = n - m
    length = np.minimum(rows + np.minimum(d, 0), cols - np.maximum(d, 0))
    is_left = ((d >= 0) & above) | ((d <= 0) & below)
    column = np.minimum(m, n) + np.where(is_left, 0, longest - length)
    return np.where((d >= lowest) & (d <= highest), (highest - d) * longest + column, _NOWHERE).astype(np.int64)


def _found_at(rows: int, cols: int, lowest: int, highest: int, align: bytes) -> np.ndarray:
    """[count, longest]: where in the matrix, flat, an element of the stored diagonals is; _NOWHERE for padding."""
    stored = _stored_at(rows, cols, lowest, highest, align).reshape(-1)
    found = np.full((highest - lowest + 1) * _longest(rows, cols, lowest, highest), _NOWHERE, np.int64)
    inside = np.flatnonzero(stored >= 0)
    found[stored[inside]] = inside
    return found


Table = tuple[int, int, int, int, bytes]


def _pick(x: np.ndarray, places: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """NumPy's form of the kernel: x [batch, step], other a scalar or [batch, size]."""
    if places.size == 0 or x.shape[0] == 0:
        return np.empty(shape, x.dtype)
    picked = x[:, np.maximum(places, 0)] if x.shape[1] else np.zeros((len(x), places.size), x.dtype)
    return np.where(places >= 0, picked, other).reshape(shape)


def _emit_pick(
    emit: Emit, name: str, table: Table, x: Operand, step: int, other: Operand, is_scalar: bool, out: Operand
) -> Any:
    width = width_of(x.dtype)
    size = math.prod(out.shape)
    if width is None:
        return NotImplemented
    if size == 0:
        return None
    make = partial(_found_at if name == "found" else _stored_at, *table)
    places = emit.constant((f"diagonals {name}", *table), lambda: make().reshape(-1))
    count = size // math.prod(places.shape)
    other_step, stride = (0, 0) if is_scalar else (math.prod(places.shape), 1)
    tiles = max(1, min(count, tiles_of(size, x.dtype)))
    emit.kernel(f"pick<{width}>", x, step, places, other, other_step, stride, count, out, tiles=tiles)
    return None


def _zero(emit: Emit, dtype: Any) -> Operand:
    return emit.constant(("zero", str(dtype)), lambda: np.zeros((), dtype))


# ---- MatrixDiag: matrices from diagonals


def _matrix_table(node: Node, shape: tuple[int, ...], numbers: Sequence[Any]) -> Table:
    """The sizes of the matrices and which diagonals the input [..., longest] or [..., count, longest] has."""
    require(len(shape) >= 1, node, "a scalar", "one or more dimensions")
    k, *sizes = numbers or (None,)
    lowest, highest = _diagonals(node, k)
    count, longest = highest - lowest + 1, shape[-1]
    if count > 1:
        fits = len(shape) >= 2 and shape[-2] == count
        require(fits, node, f"diagonals of shape {shape}", f"[..., {count}, longest] for {lowest} to {highest}")
    least_rows, least_cols = longest - min(highest, 0), longest + max(lowest, 0)
    rows, cols = (int(size) for size in sizes[:2]) if sizes else (-1, -1)
    if rows == cols == -1:
        rows = cols = max(least_rows, least_cols)
    rows, cols = least_rows if rows == -1 else rows, least_cols if cols == -1 else cols
    fits = rows >= least_rows and cols >= least_cols and (rows == least_rows or cols == least_cols)
    require(fits, node, f"matrices of {rows} x {cols}", f"{least_rows} rows and {least_cols} columns are needed")
    return rows, cols, lowest, highest, _alignment(node)


def _infer_matrix(node: Node, x: Operand, *others: Operand) -> Spec:
    for other in others[1:]:
        require(math.prod(other.shape) == 1, node, f"an input of shape {other.shape}", "scalars")
    rows, cols, lowest, highest, _ = _matrix_table(node, x.shape, [other.known() for other in others[:3]])
    batch = x.shape[:-1] if lowest == highest else x.shape[:-2]
    return Spec(x.dtype, (*batch, rows, cols))


def _matrix(node: Node, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    table = _matrix_table(node, x.shape, others[:3])
    rows, cols, lowest, highest, _ = table
    batch = x.shape[:-1] if lowest == highest else x.shape[:-2]
    step = (highest - lowest + 1) * x.shape[-1]
    padding = others[3].reshape(()) if others else np.zeros((), x.dtype)
    flat = x.reshape(math.prod(batch), step)
    return _pick(flat, _stored_at(*table).reshape(-1), padding, (*batch, rows, cols))


def _lower_matrix(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, *others = operands
    table = _matrix_table(node, x.shape, [other.known() for other in others[:3]])
    padding = others[3] if others else _zero(emit, x.dtype)
    step = (table[3] - table[2] + 1) * x.shape[-1]
    return _emit_pick(emit, "stored", table, x, step, padding, True, outputs[0])


for _op in ("MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"):
    register(_op, infer=_infer_matrix, reference=_matrix, lower=_lower_matrix)


# ---- MatrixDiagPart: diagonals from matrices


def _table_of(node: Node, shape: tuple[int, ...], k: np.ndarray | None) -> Table:
    require(len(shape) >= 2, node, f"an input of shape {shape}", "matrices")
    rows, cols = shape[-2:]
    lowest, highest = _diagonals(node, k)
    for d in (lowest, highest):
        require(
            -rows < d < cols or d == 0, node, f"diagonal {d}", f"{rows} x {cols} matrices have {1 - rows} to {cols - 1}"
        )
    return rows, cols, lowest, highest, _alignment(node)


def _diagonals_shape(shape: tuple[int, ...], table: Table) -> tuple[int, ...]:
    rows, cols, lowest, highest, _ = table
    longest = _longest(rows, cols, lowest, highest)
    return (*shape[:-2], longest) if lowest == highest else (*shape[:-2], highest - lowest + 1, longest)


def _infer_part(node: Node, x: Operand, *others: Operand) -> Spec:
    for other in others[1:]:
        require(math.prod(other.shape) == 1, node, f"padding of shape {other.shape}", "a scalar")
    return Spec(x.dtype, _diagonals_shape(x.shape, _table_of(node, x.shape, others[0].known() if others else None)))


def _part(node: Node, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    table = _table_of(node, x.shape, others[0] if others else None)
    padding = others[1].reshape(()) if others else np.zeros((), x.dtype)
    flat = x.reshape(math.prod(x.shape[:-2]), table[0] * table[1])
    return _pick(flat, _found_at(*table), padding, _diagonals_shape(x.shape, table))


def _lower_part(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, *others = operands
    table = _table_of(node, x.shape, others[0].known() if others else None)
    padding = others[1] if others else _zero(emit, x.dtype)
    return _emit_pick(emit, "found", table, x, table[0] * table[1], padding, True, outputs[0])


for _op in ("MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3"):
    register(_op, infer=_infer_part, reference=_part, lower=_lower_part)


# ---- MatrixSetDiag: matrices with other diagonals


def _require_diagonals(node: Node, shape: tuple[int, ...], diagonals: tuple[int, ...], table: Table) -> None:
    wanted = _diagonals_shape(shape, table)
    require(diagonals == wanted, node, f"diagonals of shape {diagonals}", f"{wanted} for matrices {shape}")


def _infer_set(node: Node, x: Operand, diagonals: Operand, *k: Operand) -> Spec:
    require(len(x.shape) >= 2, node, f"an input of shape {x.shape}", "matrices")
    require(x.dtype == diagonals.dtype, node, f"dtypes {x.dtype} and {diagonals.dtype}", "equal dtypes")
    if not k or k[0].value is not None:
        table = _table_of(node, x.shape, k[0].value if k else None)
        _require_diagonals(node, x.shape, diagonals.shape, table)
    return x.spec


def _set(node: Node, x: np.ndarray, diagonals: np.ndarray, *k: np.ndarray) -> np.ndarray:
    table = _table_of(node, x.shape, k[0] if k else None)
    _require_diagonals(node, x.shape, diagonals.shape, table)
    batch = math.prod(x.shape[:-2])
    other = x.reshape(batch, table[0] * table[1])
    stored = diagonals.reshape(batch, math.prod(diagonals.shape[len(x.shape) - 2 :]))
    return _pick(stored, _stored_at(*table).reshape(-1), other, x.shape)


def _lower_set(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, diagonals, *k = operands
    if k and k[0].value is None:
        return NotImplemented
    table = _table_of(node, x.shape, k[0].value if k else None)
    emit.may_share(outputs[0], x)
    step = math.prod(diagonals.shape[len(x.shape) - 2 :])
    return _emit_pick(emit, "stored", table, diagonals, step, x, False, outputs[0])


for _op in ("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3"):
    register(_op, infer=_infer_set, reference=_set, lower=_lower_set)


# ---- Diag, DiagPart: a tensor as the diagonal of one of twice the rank

_MOST_DIMENSIONS = 64  # of a NumPy array


def _infer_diag(node: Node, x: Operand) -> Spec:
    fits = 1 <= len(x.shape) <= _MOST_DIMENSIONS // 2
    require(fits, node, f"an input of {len(x.shape)} dimensions", "one or more")
    return Spec(x.dtype, x.shape * 2)


def _diag(node: Node, x: np.ndarray) -> np.ndarray:
    return np.diag(x.reshape(-1)).reshape(x.shape * 2)


def _lower_diag(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,) = operands
    size = math.prod(x.shape)
    table = (size, size, 0, 0, b"LEFT_LEFT")
    return _emit_pick(emit, "stored", table, x, size, _zero(emit, x.dtype), True, outputs[0])


def _infer_diag_part(node: Node, x: Operand) -> Spec:
    half = len(x.shape) // 2
    fits = half > 0 and x.shape == x.shape[:half] * 2
    require(fits, node, f"an input of shape {x.shape}", "the same sizes twice")
    return Spec(x.dtype, x.shape[:half])


def _diag_part(node: Node, x: np.ndarray) -> np.ndarray:
    shape = x.shape[: x.ndim // 2]
    return np.array(np.diagonal(x.reshape(math.prod(shape), math.prod(shape)))).reshape(shape)


def _lower_diag_part(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,), (out,) = operands, outputs
    size = math.prod(out.shape)
    table = (size, size, 0, 0, b"LEFT_LEFT")
    return _emit_pick(emit, "found", table, x, size * size, _zero(emit, x.dtype), True, out)


register("Diag", infer=_infer_diag, reference=_diag, lower=_lower_diag)
register("DiagPart", infer=_infer_diag_part, reference=_diag_part, lower=_lower_diag_part)


# ---- Cross: the product of vectors in three dimensions


def _infer_cross(node: Node, a: Operand, b: Operand) -> Spec:
    require(a.shape == b.shape and a.dtype == b.dtype, node, f"{a.spec} and {b.spec}", "equal shapes and dtypes")
    require(a.shape[-1:] == (3,), node, f"vectors of shape {a.shape}", "three elements in the last dimension")
    return a.spec


def _cross(node: Node, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        parts = [
            a[..., (at + 1) % 3] * b[..., (at + 2) % 3] - a[..., (at + 2) % 3] * b[..., (at + 1) % 3] for at in range(3)
        ]
    return np.stack(parts, axis=-1)


@kernel("T[:] a, T[:] b, T[:] out", T=NUMBERS)
def cross(a, b, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[v, :] = a[v, :] x b[v, :]."""
    count = a.size // 3
    for v in range(count * worker // workers, count * (worker + 1) // workers):
        at = 3 * v
        a0, a1, a2, b0, b1, b2 = a[at], a[at + 1], a[at + 2], b[at], b[at + 1], b[at + 2]
        out[at] = a1 * b2 - a2 * b1
        out[at + 1] = a2 * b0 - a0 * b2
        out[at + 2] = a0 * b1 - a1 * b0


def _lower_cross(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (a, b), (out,) = operands, outputs
    if getattr(a.dtype, "name", "") not in NUMBERS:
        return NotImplemented
    emit.kernel(f"cross<{a.dtype.name}>", a, b, out, tiles=max(1, math.prod(a.shape) >> 14))
    return None


register("Cross", infer=_infer_cross, reference=_cross, lower=_lower_cross)
