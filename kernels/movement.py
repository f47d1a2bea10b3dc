"""The copy that moves elements: from one strided place to another, for every op that only rearranges.

Concat, split, slice, pad, tile, transpose, reverse, space-to-depth: each is, over some loops with index i,

    out[out_start + sum(i * out_steps)] = x[start + sum(i * steps)]

`copy_strided` merges the loops and picks a kernel. Elements are moved as unsigned integers of their width, so that one
kernel serves all dtypes of that width. Elements of 16 bytes are
two of 8. Strings stay with the references.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from edgeload.dtypes import STRING, DType
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.pieces import ELEMENTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, require

WIDTHS = ("uint8", "uint16", "uint32", "uint64", "complex128")
_TWO_WORDS = 16  # bytes of an element that is moved as two of 8
_OUTER_LOOPS = 4
MOST_LOOPS = _OUTER_LOOPS + 1  # loops of one kernel call; a copy over no more axes than that is one call
_MOST_CALLS = 1024  # kernel calls for one copy that has more loops
_SMALL_RUN = 16  # elements; a shorter inner loop may trade places with a longer one
_BLOCK = 16  # elements: the side of the square that a transposing copy reads and writes at a time


def width_of(dtype: DType) -> str | None:
    """The unsigned integer as wide as an element, complex128 for one of 16 bytes; None for strings and handles."""
    if not isinstance(dtype, np.dtype) or dtype == STRING:
        return None
    return {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64", _TWO_WORDS: "complex128"}.get(dtype.itemsize)


def tiles_of(count: int, dtype: DType) -> int:
    """Into how many pieces a movement of `count` elements is worth splitting."""
    assert isinstance(dtype, np.dtype)
    return pieces(count, count * dtype.itemsize // 4, ELEMENTS)


def canonical_axis(node: Node, axis: int, rank: int) -> int:
    """An axis in [-rank, rank) as one in [0, rank)."""
    require(-rank <= axis < rank, node, f"axis {axis}", f"for {rank} dimensions it must be in [{-rank}, {rank})")
    return axis % rank


def steps_of(shape: Sequence[int]) -> list[int]:
    """Elements from one index to the next along each axis of a C-contiguous array."""
    steps, step = [1] * len(shape), 1
    for axis in reversed(range(len(shape))):
        steps[axis] = step
        step *= shape[axis]
    return steps


def copy_strided(
    emit: Emit,
    source: Operand,
    out: Operand,
    sizes: Sequence[int],
    source_steps: Sequence[int],
    out_steps: Sequence[int],
    source_start: int = 0,
    out_start: int = 0,
) -> Any:
    """Emit out[out_start + sum(i * out_steps)] = source[source_start + sum(i * source_steps)] for i in ndindex(sizes).

    Steps and starts count elements; steps may be negative, source steps 0 (a repeated element). The places written must
    differ. NotImplemented for dtypes that are not moved natively and for more loops than are sensible.
    """
    if 0 in sizes:
        return None
    if getattr(out.dtype, "itemsize", 0) == _TWO_WORDS:  # complex128
        halves = [replace(operand, dtype=np.dtype(np.uint64), shape=(*operand.shape, 2)) for operand in (source, out)]
        doubled = [[2 * step for step in steps] + [1] for steps in (source_steps, out_steps)]
        places = 2 * source_start, 2 * out_start
        return copy_strided(emit, halves[0], halves[1], [*sizes, 2], doubled[0], doubled[1], *places)
    width = width_of(out.dtype)
    if width is None:
        return NotImplemented
    loops = _merged(sizes, source_steps, out_steps)
    is_run = loops == [(math.prod(out.shape), 1, 1)] and out_start == 0
    if is_run and source.dtype == out.dtype and emit.may_be_part(out, source, source_start):
        return None
    extra, loops = loops[:-MOST_LOOPS], loops[-MOST_LOOPS:]
    if np.prod([size for size, _, _ in extra], dtype=np.int64) > _MOST_CALLS:
        return NotImplemented
    tiles = tiles_of(int(np.prod([size for size, _, _ in loops], dtype=np.int64)), out.dtype)
    for index in product(*(range(size) for size, _, _ in extra)):
        start = source_start + sum(i * step for i, (_, step, _) in zip(index, extra, strict=True))
        to = out_start + sum(i * step for i, (_, _, step) in zip(index, extra, strict=True))
        _emit_copy(emit, width, source, out, loops, start, to, tiles)
    return None


def _merged(sizes: Sequence[int], source_steps: Sequence[int], out_steps: Sequence[int]) -> list[tuple[int, int, int]]:
    """The fewest loops (size, source step, out step) with the same effect, the innermost last; at least one."""
    loops: list[tuple[int, int, int]] = []
    for size, source_step, out_step in zip(sizes, source_steps, out_steps, strict=True):
        if size == 1:
            continue
        if loops and loops[-1][1] == source_step * size and loops[-1][2] == out_step * size:
            loops[-1] = (loops[-1][0] * size, source_step, out_step)
        else:
            loops.append((size, source_step, out_step))
    if len(loops) > 1 and loops[-1][0] < _SMALL_RUN:
        # a run of a few elements costs more than it copies; walk the longest loop inside instead
        longest = max(range(len(loops)), key=lambda at: loops[at][0])
        if loops[longest][0] >= _SMALL_RUN * loops[-1][0]:
            loops.append(loops.pop(longest))
    return loops or [(1, 1, 1)]


def _emit_copy(
    emit: Emit,
    width: str,
    source: Operand,
    out: Operand,
    loops: list[tuple[int, int, int]],
    start: int,
    to: int,
    tiles: int,
) -> None:
    rows = [at for at, (size, step, _) in enumerate(loops) if step == 1 and size >= _BLOCK]
    size, source_step, out_step = loops[-1]
    if out_step == 1 and source_step not in (0, 1) and size >= _BLOCK and rows and rows[0] != len(loops) - 1:
        outer = _padded(loops[: rows[0]] + loops[rows[0] + 1 : -1], _OUTER_LOOPS - 1)
        row_size, _, row_step = loops[rows[0]]
        emit.kernel(
            f"copy_transposed<{width}>",
            source,
            *outer,
            row_size,
            row_step,
            size,
            source_step,
            start,
            to,
            out,
            tiles=tiles,
        )
        return
    inner_loop = {(1, 1): "runs", (0, 1): "repeated"}.get((source_step, out_step), "steps")
    outer = _padded(loops[:-1], _OUTER_LOOPS)
    emit.kernel(f"copy<{inner_loop},{width}>", source, *outer, size, source_step, out_step, start, to, out, tiles=tiles)


def _padded(loops: list[tuple[int, int, int]], count: int) -> Iterator[int]:
    """`count` loops as sizes, then source steps, then out steps."""
    filled = [(1, 0, 0)] * (count - len(loops)) + loops
    return (loop[field] for field in range(3) for loop in filled)


_OUTER = ", ".join(f"int64 {name}.{loop}" for name in ("sizes", "from", "to") for loop in range(_OUTER_LOOPS))
_OUTER_OF_TRANSPOSED = ", ".join(
    f"int64 {name}.{loop}" for name in ("sizes", "from", "to") for loop in range(_OUTER_LOOPS - 1)
)

# Indices are uint64 where elements are read and written: Numba then leaves out its handling of negative indices.


@kernel_family("copy")
def copy(inner_loop: str, width: str) -> Iterator[Any]:
    """Four outer loops around `out[at + i * out_step] = x[start + i * step]`, i < inner.

    `inner_loop` is "runs" (both steps 1), "repeated" (one element fills a run: step 0, out_step 1) or "steps" (any).
    """
    has_steps = inner_loop == "steps"
    fixed_step = 0 if inner_loop == "repeated" else 1
    yield f"{width}[:] x, {_OUTER}, int64 inner, int64 step, int64 out_step, int64 start, int64 at, {width}[:] out"

    def walk(  # type: ignore[no-untyped-def]
        x, sizes, steps, out_steps, inner, step, out_step, start, at, out, worker, workers
    ):
        if not has_steps:
            step = fixed_step
            out_step = 1
        rows = sizes[0] * sizes[1] * sizes[2] * sizes[3]
        first, last, begin, end = 0, rows, 0, inner
        if rows >= workers:
            first, last = rows * worker // workers, rows * (worker + 1) // workers
        else:
            begin, end = inner * worker // workers, inner * (worker + 1) // workers
        d = first % sizes[3]
        c = first // sizes[3] % sizes[2]
        b = first // (sizes[3] * sizes[2]) % sizes[1]
        a = first // (sizes[3] * sizes[2] * sizes[1])
        for _ in range(first, last):
            source = start + a * steps[0] + b * steps[1] + c * steps[2] + d * steps[3]
            target = at + a * out_steps[0] + b * out_steps[1] + c * out_steps[2] + d * out_steps[3]
            for i in range(begin, end):
                out[np.uint64(target + i * out_step)] = x[np.uint64(source + i * step)]
            d += 1
            if d == sizes[3]:
                d = 0
                c += 1
                if c == sizes[2]:
                    c = 0
                    b += 1
                    if b == sizes[1]:
                        b = 0
                        a += 1

    yield walk


@kernel(
    f"T[:] x, {_OUTER_OF_TRANSPOSED}, int64 rows, int64 out_step, int64 cols, int64 step, int64 start, int64 at, "
    "T[:] out",
    T=WIDTHS,
)
def copy_transposed(  # type: ignore[no-untyped-def]
    x, sizes, steps, out_steps, rows, out_step, cols, step, start, at, out, worker, workers
):
    """Three outer loops around out[i * out_step + j] = x[i + j * step], i < rows, j < cols, in square blocks: each
    cache line of the source is used whole before it is gone."""
    row_blocks = (rows + _BLOCK - 1) // _BLOCK
    pieces = sizes[0] * sizes[1] * sizes[2] * row_blocks
    for piece in range(pieces * worker // workers, pieces * (worker + 1) // workers):
        matrix = piece // row_blocks
        c = matrix % sizes[2]
        b = matrix // sizes[2] % sizes[1]
        a = matrix // (sizes[2] * sizes[1])
        source = start + a * steps[0] + b * steps[1] + c * steps[2]
        target = at + a * out_steps[0] + b * out_steps[1] + c * out_steps[2]
        first = (piece % row_blocks) * _BLOCK
        last = min(first + _BLOCK, rows)
        for col in range(0, cols, _BLOCK):
            end = min(col + _BLOCK, cols)
            for i in range(first, last):
                for j in range(col, end):
                    out[np.uint64(target + i * out_step + j)] = x[np.uint64(source + i + j * step)]
