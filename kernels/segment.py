"""Slices reduced by segment: SegmentSum, -Mean, -Max, -Min, -Prod; UnsortedSegmentSum, -Max, -Min, -Prod;
SparseSegmentSum, -Mean, -SqrtN, with and without NumSegments.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/UnsortedSegmentSum

    out[s] = reduce of data[n] over all n with segment_ids[n] = s            (sparse: of data[indices[n]])

A segment without slices is 0, in a product 1, in UnsortedSegmentMax and -Min the least and the greatest finite number.
How many segments there are must be known for a kernel: SegmentSum, SparseSegmentSum and the like without a number of
segments are host steps where the ids are run-time inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.complex_planes import as_pairs, is_complex
from edgeload.kernels.concat import scalar_of
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.functions import HALVES, NUMBERS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.movement import tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require
from edgeload.kernels.tile import emit_broadcast

_FLOAT32 = np.dtype(np.float32)
_COMBINE: dict[str, Callable[..., Any]] = {
    "Sum": np.add.at,
    "Mean": np.add.at,
    "SqrtN": np.add.at,
    "Prod": np.multiply.at,
    "Max": np.maximum.at,
    "Min": np.minimum.at,
}


def _reduction(node: Node) -> str:
    """Sum, Mean, SqrtN, Prod, Max or Min: what follows Segment in the op's name."""
    return node.op.partition("Segment")[2].removesuffix("WithNumSegments")


def _count(node: Node, num_segments: np.ndarray) -> int:
    count = scalar_of(node, num_segments, "num_segments")
    require(count >= 0, node, f"num_segments {count}", "it must not be negative")
    return count


def _reduced(node: Node, rows: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """rows [n, ...] combined by ids [n], all in [0, count)."""
    reduction = _reduction(node)
    out = np.full((count, *rows.shape[1:]), int(reduction == "Prod"), rows.dtype)
    sizes = np.bincount(ids, minlength=count)
    if reduction in ("Max", "Min"):
        out[sizes > 0] = rows[np.unique(ids, return_index=True)[1]]  # the first row of each segment
    _COMBINE[reduction](out, ids, rows)
    if reduction in ("Mean", "SqrtN"):
        divisor = np.maximum(sizes, 1) if reduction == "Mean" else np.sqrt(np.maximum(sizes, 1))
        divisor = divisor.astype(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
        if rows.dtype.kind in "iu":
            return np.sign(out) * (np.abs(out) // divisor)  # towards zero, as in C++
        out = (out / divisor).astype(rows.dtype)
    return out


# Sorted segments.


def _infer_sorted(node: Node, data: Operand, segment_ids: Operand) -> Spec:
    fits = len(segment_ids.shape) == 1 and data.shape[:1] == segment_ids.shape
    found = f"data {data.shape} and segment_ids {segment_ids.shape}"
    require(fits, node, found, "segment_ids must be a vector as long as the data's first dimension")
    return _up_to_the_last(data, segment_ids.value)


def _up_to_the_last(data: Operand, ids: np.ndarray | None) -> Spec:
    """As many segments as the last id says, where the ids are known, and right."""
    if ids is None or _are_wrong(ids):
        return Spec(data.dtype, None)
    return Spec(data.dtype, (int(ids[-1]) + 1 if ids.size else 0, *data.shape[1:]))


def _are_wrong(ids: np.ndarray) -> bool:
    return bool(ids.size) and bool(ids[0] < 0 or (np.diff(ids) < 0).any())


def _require_sorted(node: Node, ids: np.ndarray) -> None:
    if ids.size and ids[0] < 0:
        raise ExecutionError(f"{node.op} node {node.name!r}: segment ids must be >= 0")
    if (np.diff(ids) < 0).any():
        raise ExecutionError(f"{node.op} node {node.name!r}: segment ids are not increasing")


def _segments_of(node: Node, ids: np.ndarray, num_segments: tuple[np.ndarray, ...]) -> int:
    """How many segments the output has. Raises ExecutionError for ids that are not sorted or too large."""
    _require_sorted(node, ids)
    last = int(ids[-1]) if ids.size else -1
    if not num_segments:
        return last + 1
    count = _count(node, num_segments[0])
    if last >= count:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: segment ids must be < num_segments; found {last}, num_segments is {count}"
        )
    return count


@kernel_family(
    "segment",
    errors={
        1: "segment ids must be >= 0", 2: "segment ids are not increasing", 3: "segment ids must be < num_segments",
        4: "an index is out of range",
    },
)  # fmt: skip
def segment(reduction: str, rows: str, dtype: str, index: str, id_dtype: str) -> Iterator[Any]:
    """out[s, :] = reduction over the n with ids[n] = s, which follow each other, of data[n, :], or ("sparse") of
    data[indices[n], :]; a segment without n is 0, in a product 1. The work is split along the `inner` elements."""
    is_sum, is_max = reduction in ("Sum", "Mean", "SqrtN"), reduction == "Max"
    is_mean, is_root, is_prod = reduction == "Mean", reduction == "SqrtN", reduction == "Prod"
    is_sparse, is_integer = rows == "sparse", np.dtype(dtype).kind in "iu"
    kind = np.dtype(dtype).type
    empty = kind(is_prod)
    yield (
        f"{dtype}[:] data, {index}[:] indices, {id_dtype}[:] ids, int64 data_rows, int64 inner, int64 segments, "
        f"{dtype}[:] out"
    )
    from edgeload.kernels.simd import scalar_function

    sqrt = scalar_function("sqrt(a0)")

    def reduce(data, indices, ids, data_rows, inner, segments, out, worker, workers):  # type: ignore[no-untyped-def]
        first, last = inner * worker // workers, inner * (worker + 1) // workers
        n = 0
        for segment in range(segments):
            target = segment * inner
            for i in range(first, last):
                out[np.uint64(target + i)] = empty
            count = 0
            while n < ids.size and np.int64(ids[n]) == segment:
                row = np.int64(indices[n]) if is_sparse else n
                if row < 0 or row >= data_rows:
                    return 4
                source = row * inner
                if count == 0:
                    for i in range(first, last):
                        out[np.uint64(target + i)] = data[np.uint64(source + i)]
                else:
                    for i in range(first, last):
                        old, new = out[np.uint64(target + i)], data[np.uint64(source + i)]
                        if is_sum:
                            new = old + new
                        elif is_prod:
                            new = old * new
                        elif is_max:
                            new = new if old < new else old
                        else:
                            new = new if new < old else old
                        out[np.uint64(target + i)] = new
                count += 1
                n += 1
            if (is_mean or is_root) and count > 1:
                for i in range(first, last):
                    total = out[np.uint64(target + i)]
                    if is_integer:
                        whole = abs(total) // kind(count)
                        if total < 0:
                            whole = -whole
                        out[np.uint64(target + i)] = kind(whole)
                    elif is_root:
                        out[np.uint64(target + i)] = total / kind(sqrt(np.float64(count)))
                    else:
                        out[np.uint64(target + i)] = total / kind(count)
        if n < ids.size:
            wrong = np.int64(ids[n])
            return 1 if wrong < 0 else 2 if n > 0 and wrong < np.int64(ids[n - 1]) else 3
        return 0

    yield reduce


def _lower_segments(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Of sorted ids: SegmentSum and the like, whose ids are known, or SparseSegmentSum and the like."""
    data, *between = operands
    (out,) = outputs
    is_sparse = node.op.startswith("Sparse")
    indices, ids = between[:2] if is_sparse else (between[0], between[0])
    inner = math.prod(out.shape[1:])
    data_rows = data.shape[0]
    if is_complex(data.dtype) and _reduction(node) == "Sum":
        data, inner, out = as_pairs(data), 2 * inner, as_pairs(out)
    dtype = getattr(data.dtype, "name", "")
    if dtype not in NUMBERS or not {str(indices.dtype), str(ids.dtype)} <= {"int32", "int64"}:
        return NotImplemented
    tiles = max(1, min(inner, tiles_of(math.prod(ids.shape) * inner, data.dtype)))
    form = "sparse" if is_sparse else "dense"
    emit.kernel(
        f"segment<{_reduction(node)},{form},{dtype},{indices.dtype},{ids.dtype}>", data, indices, ids, data_rows, inner,
        out.shape[0], out, tiles=tiles
    )  # fmt: skip
    return None


def _sorted(node: Node, data: np.ndarray, segment_ids: np.ndarray) -> np.ndarray:
    return _reduced(node, data, segment_ids, _segments_of(node, segment_ids, ()))


# Sparse segments: rows of `data` are named by `indices`.


def _infer_sparse(node: Node, data: Operand, indices: Operand, segment_ids: Operand, *num_segments: Operand) -> Spec:
    fits = len(indices.shape) == 1 and segment_ids.shape == indices.shape and len(data.shape) >= 1
    found = f"data {data.shape}, indices {indices.shape} and segment_ids {segment_ids.shape}"
    require(fits, node, found, "the data must have a dimension, the others be vectors of equal length")
    if num_segments:
        return Spec(data.dtype, (_count(node, num_segments[0].known()), *data.shape[1:]))
    return _up_to_the_last(data, segment_ids.value)


def _sparse(
    node: Node, data: np.ndarray, indices: np.ndarray, segment_ids: np.ndarray, *num_segments: np.ndarray
) -> np.ndarray:
    """Narrow floating-point numbers are summed as float32."""
    count = _segments_of(node, segment_ids, num_segments)
    outside = (indices < 0) | (indices >= data.shape[0])
    if outside.any():
        at = int(np.argmax(outside))
        raise ExecutionError(
            f"{node.op} node {node.name!r}: indices[{at}] == {indices[at]} out of range [0, {data.shape[0]})"
        )
    rows = data[indices]
    if data.dtype.itemsize == 2 and data.dtype.kind not in "iu":
        rows = rows.astype(np.float32)
    return _reduced(node, rows, segment_ids, count).astype(data.dtype)


# Unsorted segments, whose ids may have any shape that data's begins with.


def _infer_unsorted(node: Node, data: Operand, segment_ids: Operand, num_segments: Operand) -> Spec:
    ids_rank = len(segment_ids.shape)
    found = f"data {data.shape} and segment_ids {segment_ids.shape}"
    require(data.shape[:ids_rank] == segment_ids.shape, node, found, "the first must begin with the second")
    return Spec(data.dtype, (_count(node, num_segments.known()), *data.shape[ids_rank:]))


def _start(reduction: str, dtype: np.dtype) -> np.ndarray:
    """What a segment without slices is, and what the first slice is combined with."""
    if reduction in ("Sum", "Prod"):
        return np.array(int(reduction == "Prod"), dtype)
    if dtype.kind in "iu":
        limits: Any = np.iinfo(dtype)
    else:
        import ml_dtypes

        limits = ml_dtypes.finfo(dtype)
    return np.array(limits.min if reduction == "Max" else limits.max, dtype)


def _unsorted(node: Node, data: np.ndarray, segment_ids: np.ndarray, num_segments: np.ndarray) -> np.ndarray:
    """Slices with a negative id are left out. Raises ExecutionError for ids >= num_segments."""
    count = _count(node, num_segments)
    ids = segment_ids.reshape(-1)
    if (ids >= count).any():
        at = int(np.argmax(ids >= count))
        raise ExecutionError(
            f"{node.op} node {node.name!r}: segment_ids[{at}] = {ids[at]} is out of range [0, {count})"
        )
    rest = data.shape[segment_ids.ndim :]
    rows, ids = data.reshape(ids.size, *rest)[ids >= 0], ids[ids >= 0]
    reduction = _reduction(node)
    out = np.full((count, *rest), _start(reduction, data.dtype))
    if reduction in ("Sum", "Prod"):
        _COMBINE[reduction](out, ids, rows)
        return out
    for segment, row in zip(ids, rows, strict=True):
        old = out[segment]
        out[segment] = np.where(row < old if reduction == "Max" else old < row, old, row)
    return out


@kernel_family("unsorted_segment", errors={1: "a segment id is not less than num_segments"})
def unsorted_segment(reduction: str, dtype: str, index: str) -> Iterator[Any]:
    """out[ids[n], :] = combine(out[ids[n], :], data[n, :]) into out [segments, inner], n by n; the work
    is split along `inner`. Of a NaN and a number the maximum and minimum are the later, as in TensorFlow."""
    is_sum, is_prod, is_max = (reduction == name for name in ("Sum", "Prod", "Max"))
    yield f"{index}[:] ids, {dtype}[:] data, int64 inner, int64 segments, {dtype}[:] out"

    def reduce(ids, data, inner, segments, out, worker, workers):  # type: ignore[no-untyped-def]
        first, last = inner * worker // workers, inner * (worker + 1) // workers
        for n in range(ids.size):
            segment = np.int64(ids[n])
            if segment >= segments:
                return 1
            if segment < 0:
                continue
            for i in range(first, last):
                new = data[np.uint64(n * inner + i)]
                old = out[np.uint64(segment * inner + i)]
                if is_sum:
                    new = old + new
                elif is_prod:
                    new = old * new
                elif is_max:
                    new = old if new < old else new
                else:
                    new = old if old < new else new
                out[np.uint64(segment * inner + i)] = new
        return 0

    yield reduce


def _lower_unsorted(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Of halves, which are widened, the least and the greatest number are those of their own dtype."""
    data, segment_ids, _ = operands
    (out,) = outputs
    reduction = _reduction(node)
    inner = math.prod(out.shape[1:])
    narrow = out
    if out.dtype.name in HALVES:
        wide, out = emit.scratch(_FLOAT32, data.shape), emit.scratch(_FLOAT32, out.shape)
        lower_expression("cast_float32(a0)", [data], wide, emit)
        data = wide
    if is_complex(data.dtype) and reduction == "Sum":
        data, inner, out = as_pairs(data), 2 * inner, as_pairs(out)
    dtype = getattr(data.dtype, "name", "")
    if dtype not in NUMBERS or str(segment_ids.dtype) not in ("int32", "int64"):
        return NotImplemented
    limits = narrow.dtype if narrow.dtype.name in HALVES else out.dtype
    key = ("unsorted_segment", reduction, str(limits), dtype)
    start = emit.constant(key, lambda: _start(reduction, limits).astype(dtype))
    emit_broadcast(emit, start, out)
    tiles = max(1, min(inner, tiles_of(math.prod(data.shape), data.dtype)))
    emit.kernel(
        f"unsorted_segment<{reduction},{dtype},{segment_ids.dtype}>",
        segment_ids,
        data,
        inner,
        out.shape[0],
        out,
        tiles=tiles,
    )
    if limits.name in HALVES:
        return lower_expression(f"cast_{limits.name}(a0)", [out], narrow, emit)
    return None


for _name in ("Sum", "Mean", "Max", "Min", "Prod"):
    register(f"Segment{_name}", infer=_infer_sorted, reference=_sorted, lower=_lower_segments)
for _name in ("Sum", "Max", "Min", "Prod"):
    register(f"UnsortedSegment{_name}", infer=_infer_unsorted, reference=_unsorted, lower=_lower_unsorted)
for _name in ("Sum", "Mean", "SqrtN"):
    register(f"SparseSegment{_name}", infer=_infer_sparse, reference=_sparse, lower=_lower_segments)
    register(f"SparseSegment{_name}WithNumSegments", infer=_infer_sparse, reference=_sparse, lower=_lower_segments)
