"""Matrix products of integers, and of complex numbers by those of their parts; see `matmul` for floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeload.kernels import complex_planes
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.kernel import kernel
from edgeload.kernels.registry import Emit, Node, Operand

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_MACS_PER_TILE = 1 << 17


@kernel(
    "T[:] a, T[:] b, int64[:] a_index, int64[:] b_index, int64 rows, int64 inner, int64 cols, int64 a_row, "
    "int64 a_step, int64 b_step, int64 b_column, T[:] out",
    T=INTEGERS,
)
def integer_matmul(  # type: ignore[no-untyped-def]
    a, b, a_index, b_index, rows, inner, cols, a_row, a_step, b_step, b_column, out, worker, workers
):
    """out[i, m, n] = sum over k of a[a_index[i], m, k] * b[b_index[i], k, n]; steps in elements, sums wrap."""
    work = a_index.size * rows
    for item in range(work * worker // workers, work * (worker + 1) // workers):
        matrix, m = item // rows, item % rows
        a_at = a_index[matrix] * rows * inner + m * a_row
        b_at = b_index[matrix] * inner * cols
        for n in range(cols):
            out[np.uint64(item * cols + n)] = 0
        for k in range(inner):
            factor = a[np.uint64(a_at + k * a_step)]
            for n in range(cols):
                out[np.uint64(item * cols + n)] += factor * b[np.uint64(b_at + k * b_step + n * b_column)]


def lower_integers(
    a: Operand, b: Operand, out: Operand, transposes: tuple[bool, bool], indices: tuple[Operand, Operand], emit: Emit
) -> Any:
    """a [..., rows, inner] times b [..., inner, cols], either transposed; `indices` say which matrices belong to each
    of the output's."""
    rows, cols = out.shape[-2:]
    inner = a.shape[-2] if transposes[0] else a.shape[-1]
    a_steps = (1, rows) if transposes[0] else (inner, 1)
    b_steps = (1, inner) if transposes[1] else (cols, 1)
    tiles = max(1, math.prod(out.shape) * inner // _MACS_PER_TILE)
    emit.kernel(
        f"integer_matmul<{out.dtype.name}>", a, b, *indices, rows, inner, cols, *a_steps, *b_steps, out, tiles=tiles
    )
    return None


@dataclass(frozen=True)
class _RealNode:
    """A product's node without its adjoints: they are transposes here, and signs."""

    op: str
    name: str
    attrs: dict[str, Any]


def lower_complex(
    node: Node, a: Operand, b: Operand, out: Operand, transposes: tuple[bool, bool], emit: Emit,
    lower: Callable[..., Any],
) -> Any:  # fmt: skip
    """Four products of parts by `lower`. BatchMatMul's adjoint conjugates, MatMul's transpose does not."""
    attrs = {"transpose_a": transposes[0], "transpose_b": transposes[1]}
    real_node = _RealNode("MatMul", node.name, attrs)
    (a_real, a_imaginary), (b_real, b_imaginary) = complex_planes.split(a, emit), complex_planes.split(b, emit)
    results = []
    for left in (a_real, a_imaginary):
        for right in (b_real, b_imaginary):
            results.append(emit.scratch(left.dtype, out.shape))
            if lower(real_node, [left, right], [results[-1]], emit) is NotImplemented:
                return NotImplemented
    has_adjoints = "adj_x" in node.attrs
    is_a_conjugated, is_b_conjugated = (has_adjoints and transposed for transposed in transposes)
    real_real, real_imaginary, imaginary_real, both = results
    first = "add" if is_a_conjugated != is_b_conjugated else "sub"
    lower_expression(f"{first}(a0,a1)", [real_real, both], real_real, emit)
    signs = ["neg(a0)" if is_b_conjugated else "a0", "neg(a1)" if is_a_conjugated else "a1"]
    lower_expression(f"add({','.join(signs)})", [real_imaginary, imaginary_real], real_imaginary, emit)
    return complex_planes.join(real_real, replace(real_imaginary, shape=out.shape), out, emit)
