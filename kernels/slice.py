"""Parts of an array: Slice and StridedSlice.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/StridedSlice
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import WIDTHS, copy_strided, steps_of, tiles_of, width_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require


@dataclass(frozen=True)
class Slicing:
    """What a slice takes: along each axis of the input `begin + i * stride` for i < size; and the output's shape,
    which lacks the shrunk axes and has the new ones."""

    begin: tuple[int, ...]
    stride: tuple[int, ...]
    size: tuple[int, ...]
    out_shape: tuple[int, ...]

    @property
    def index(self) -> tuple[Any, ...]:
        """The slice as NumPy's, one for each axis."""
        return tuple(
            # the end of a slice that runs backwards to index 0 is None: -1 would mean the last element
            slice(begin, end if (end := begin + stride * size) >= 0 else None, stride) if size else slice(0, 0)
            for begin, stride, size in zip(self.begin, self.stride, self.size, strict=True)
        )

    def of(self, x: np.ndarray) -> np.ndarray:
        """The slice of an array."""
        return np.ascontiguousarray(x[self.index + (...,)]).reshape(self.out_shape)


def strided(node: Node, shape: Sequence[int], begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> Slicing:
    """TensorFlow's begin, end, strides and five masks as a Slicing (tensorflow/core/util/strided_slice_op.cc).

    Raises InvalidGraphError for a malformed specification, ExecutionError for a single index out of range.
    """
    require(begin.ndim == 1, node, f"begin of shape {begin.shape}", "it must be a vector")
    same = begin.shape == end.shape == strides.shape
    require(
        same,
        node,
        f"begin, end and strides of {begin.size}, {end.size} and {strides.size} values",
        "they must be equally many",
    )
    begin_mask, end_mask, shrink_mask = (_mask(node, name) for name in ("begin", "end", "shrink_axis"))
    begins, steps, sizes, out_shape = [], [], [], []
    for place, axis in _places(node, len(shape), begin.size):
        if axis is None:
            out_shape.append(1)
            continue
        size = shape[axis]
        if place is None:
            begins.append(0)
            steps.append(1)
            sizes.append(size)
            out_shape.append(size)
            continue
        bit, step = 1 << place, int(strides[place])
        require(step != 0, node, f"strides[{place}] = 0", "strides must not be 0")
        if shrink_mask & bit:
            require(step > 0, node, f"strides[{place}] = {step} on a single index", "only stride 1 is allowed there")
            index = int(begin[place])
            if not -size <= index < size:
                raise ExecutionError(
                    f"{node.op} node {node.name!r}: slice index {index} of dimension {place} out of bounds."
                )
            begins.append(index % size)
            steps.append(1)
            sizes.append(1)
        else:
            first = _clamped(int(begin[place]), size, step, step < 0, bool(begin_mask & bit))
            last = _clamped(int(end[place]), size, step, step > 0, bool(end_mask & bit))
            length = max(0, -((first - last) // step))
            begins.append(first)
            steps.append(step)
            sizes.append(length)
            out_shape.append(length)
    return Slicing(tuple(begins), tuple(steps), tuple(sizes), tuple(out_shape))


def _mask(node: Node, name: str) -> int:
    return int(node.attrs.get(f"{name}_mask", 0))


def _places(node: Node, rank: int, count: int) -> list[tuple[int | None, int | None]]:
    """What a slice of `count` positions does, axis by axis: (position, axis of the input). Without a position the axis
    is whole, without an axis it is a new one of size 1."""
    ellipsis_mask, new_axis_mask = _mask(node, "ellipsis"), _mask(node, "new_axis")
    ellipses = [i for i in range(count) if ellipsis_mask >> i & 1]
    require(len(ellipses) <= 1, node, "more than one ellipsis", "it takes one")
    at_ellipsis = ellipses[0] if ellipses else count
    new_after = sum(1 for i in range(at_ellipsis + 1, count) if new_axis_mask >> i & 1)
    found: list[tuple[int | None, int | None]] = []
    axis = 0
    for i in range(count):
        if i == at_ellipsis:
            following = max(axis, min(rank - (count - i) + 1 + new_after, rank))
            found += [(None, whole) for whole in range(axis, following)]
            axis = following
        elif new_axis_mask >> i & 1:
            found.append((i, None))
        else:
            require(axis < rank, node, f"a slice of {count} dimensions", f"the input has {rank}")
            found.append((i, axis))
            axis += 1
    return found + [(None, rest) for rest in range(axis, rank)]


def _clamped(index: int, size: int, step: int, at_top: bool, masked: bool) -> int:
    """A begin or end within the positions that the stride can reach; a masked one is the outermost of them."""
    low, high = (0, size) if step > 0 else (-1, size - 1)
    if masked:
        return high if at_top else low
    return min(max(index + size if index < 0 else index, low), high)


@dataclass(frozen=True)
class Indexing:
    """A slice such as `x[i, :, j]`: single indices, all other axes whole. Its shape does not depend on the indices,
    which may therefore be computed by the model, in a loop for instance. `indices` are (axis, position in begin)."""

    indices: tuple[tuple[int, int], ...]
    out_shape: tuple[int, ...]


def _indexing(node: Node, x: Operand, begin: Operand, strides: Operand) -> Indexing | None:
    """None for other slices."""
    require(len(begin.shape) == 1, node, f"begin of shape {begin.shape}", "it must be a vector")
    require(strides.shape == begin.shape, node, f"begin {begin.shape}, strides {strides.shape}", "equally many")
    whole_mask, shrink_mask = _mask(node, "begin") & _mask(node, "end"), _mask(node, "shrink_axis")
    indices: list[tuple[int, int]] = []
    out_shape: list[int] = []
    for place, axis in _places(node, len(x.shape), begin.shape[0]):
        if axis is None:
            out_shape.append(1)
        elif place is not None and shrink_mask >> place & 1:
            if strides.known()[place] <= 0:
                return None
            indices.append((axis, place))
        elif place is None or (whole_mask >> place & 1 and strides.known()[place] == 1):
            out_shape.append(x.shape[axis])
        else:
            return None
    return Indexing(tuple(indices), tuple(out_shape))


def _infer_strided_slice(node: Node, x: Operand, begin: Operand, end: Operand, strides: Operand) -> Spec:
    if begin.value is None:
        indexing = _indexing(node, x, begin, strides)
        if indexing is not None:
            return Spec(x.dtype, indexing.out_shape)
    return Spec(x.dtype, strided(node, x.shape, begin.known(), end.known(), strides.known()).out_shape)


def _strided_slice(node: Node, x: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> np.ndarray:
    return strided(node, x.shape, begin, end, strides).of(x)


def _emit_slicing(emit: Emit, x: Operand, out: Operand, slicing: Slicing) -> Any:
    steps = steps_of(x.shape)
    start = sum(begin * step for begin, step in zip(slicing.begin, steps, strict=True))
    source_steps = [stride * step for stride, step in zip(slicing.stride, steps, strict=True)]
    return copy_strided(emit, x, out, slicing.size, source_steps, steps_of(slicing.size), start)


@kernel(
    "T[:] x, I[:] begin, int64 place, int64 outer, int64 size, int64 inner, T[:] out",
    T=WIDTHS,
    I=("int32", "int64"),
    errors={1: "a slice index is out of bounds"},
)
def slice_at(x, begin, place, outer, size, inner, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[o, :] = x[o, begin[place], :] in runs of `inner` elements; 1 for an index that is not in [-size, size)."""
    index = np.int64(begin[np.uint64(place)])
    if index < -size or index >= size:
        return 1
    if index < 0:
        index += size
    first, last, start, stop = 0, outer, 0, inner
    if outer >= workers:
        first, last = outer * worker // workers, outer * (worker + 1) // workers
    else:
        start, stop = inner * worker // workers, inner * (worker + 1) // workers
    for o in range(first, last):
        source, target = (o * size + index) * inner, o * inner
        for i in range(start, stop):
            out[np.uint64(target + i)] = x[np.uint64(source + i)]
    return 0


_MOST_INDICES = 4
_MOST_RUNS = 4  # loops over the axes between and behind the indices
_NUMBERED = ", ".join(
    f"int64 {name}.{i}" for name in ("places", "extents", "strides") for i in range(_MOST_INDICES)
) + "".join(f", int64 {name}.{i}" for name in ("sizes", "steps") for i in range(_MOST_RUNS))


@kernel(
    f"T[:] x, I[:] begin, {_NUMBERED}, T[:] out",
    T=WIDTHS,
    I=("int32", "int64"),
    errors={1: "a slice index is out of bounds"},
)
def slice_at_all(x, begin, places, extents, strides, sizes, steps, out, worker, workers):  # type: ignore[no-untyped-def]
    """out = x[..., begin[places[0]], ..., begin[places[1]], ...], the kept axes being loops of `sizes` over `steps`; 1
    for an index that is not in [-extent, extent). A place of -1 stands for no index."""
    start = 0
    for i in range(len(places)):
        if places[i] >= 0:
            index = np.int64(begin[np.uint64(places[i])])
            if index < -extents[i] or index >= extents[i]:
                return 1
            start += (index + extents[i] if index < 0 else index) * strides[i]
    rows = sizes[0] * sizes[1] * sizes[2]
    inner, step = sizes[3], steps[3]
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        c = row % sizes[2]
        b = row // sizes[2] % sizes[1]
        a = row // (sizes[2] * sizes[1])
        source, target = start + a * steps[0] + b * steps[1] + c * steps[2], row * inner
        for i in range(inner):
            out[np.uint64(target + i)] = x[np.uint64(source + i * step)]
    return 0


@kernel(
    f"T[:] value, int64 value_step, I[:] begin, {_NUMBERED}, T[:] x",
    T=WIDTHS,
    I=("int32", "int64"),
    errors={1: "a slice index is out of bounds"},
)
def assign_at_all(value, value_step, begin, places, extents, strides, sizes, steps, x, worker, workers):  # type: ignore[no-untyped-def]
    """x[..., begin[places[0]], ..., begin[places[1]], ...] = value, the other way round than `slice_at_all`; one value
    for all if value_step is 0."""
    start = 0
    for i in range(len(places)):
        if places[i] >= 0:
            index = np.int64(begin[np.uint64(places[i])])
            if index < -extents[i] or index >= extents[i]:
                return 1
            start += (index + extents[i] if index < 0 else index) * strides[i]
    rows = sizes[0] * sizes[1] * sizes[2]
    inner, step = sizes[3], steps[3]
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        c = row % sizes[2]
        b = row // sizes[2] % sizes[1]
        a = row // (sizes[2] * sizes[1])
        target, source = start + a * steps[0] + b * steps[1] + c * steps[2], row * inner * value_step
        for i in range(inner):
            x[np.uint64(target + i * step)] = value[np.uint64(source + i * value_step)]
    return 0


def _lower_indexing(x: Operand, begin: Operand, indexing: Indexing, out: Operand, emit: Emit) -> Any:
    """One kernel for one index, another for up to four."""
    width, indices = width_of(x.dtype), indexing.indices
    if width is None or str(begin.dtype) not in ("int32", "int64"):
        return NotImplemented
    if len(indices) == 1:
        ((axis, place),) = indices
        outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
        tiles = tiles_of(outer * inner, x.dtype)
        name = f"slice_at<{width},{begin.dtype}>"
        emit.kernel(name, x, begin, place, outer, x.shape[axis], inner, out, tiles=tiles)
        return None
    numbers = _numbers_of(x.shape, indices)
    if numbers is None:
        return NotImplemented
    tiles = min(tiles_of(math.prod(out.shape), x.dtype), _rows_of(numbers))
    emit.kernel(f"slice_at_all<{width},{begin.dtype}>", x, begin, *numbers, out, tiles=max(1, tiles))
    return None


def lower_assignment_at(node: Node, x: Operand, begin: Operand, strides: Operand, value: Operand, emit: Emit) -> Any:
    """x[i, :, j] = value for indices that are computed by the model, and a value of the slice's size or a scalar."""
    indexing = None if strides.value is None else _indexing(node, x, begin, strides)
    width = width_of(x.dtype)
    if indexing is None or width is None or str(begin.dtype) not in ("int32", "int64"):
        return NotImplemented
    size = math.prod(indexing.out_shape)
    numbers = _numbers_of(x.shape, indexing.indices)
    fits = value.shape == () or _without_ones(value.shape) == _without_ones(indexing.out_shape)
    if numbers is None or not fits or len(value.shape) > len(indexing.out_shape):
        return NotImplemented
    tiles = min(tiles_of(size, x.dtype), _rows_of(numbers))
    name = f"assign_at_all<{width},{begin.dtype}>"
    emit.kernel(name, value, int(value.shape != ()), begin, *numbers, x, tiles=max(1, tiles))
    return None


def _numbers_of(shape: Sequence[int], indices: Sequence[tuple[int, int]]) -> tuple[int, ...] | None:
    """Places, extents and strides of the indices, sizes and steps of the loops over the other axes; None if they are
    too many."""
    steps = steps_of(shape)
    taken = {axis for axis, _ in indices}
    runs: list[tuple[int, int]] = []  # size and step of neighbouring kept axes
    for axis, size in enumerate(shape):
        if axis in taken:
            continue
        if runs and axis - 1 not in taken:
            runs[-1] = runs[-1][0] * size, steps[axis]
        else:
            runs.append((size, steps[axis]))
    if len(runs) > _MOST_RUNS or len(indices) > _MOST_INDICES:
        return None
    runs = [(1, 0)] * (_MOST_RUNS - len(runs)) + runs
    missing = _MOST_INDICES - len(indices)
    places = [place for _, place in indices] + [-1] * missing
    extents = [shape[axis] for axis, _ in indices] + [1] * missing
    strides = [steps[axis] for axis, _ in indices] + [0] * missing
    return (*places, *extents, *strides, *(size for size, _ in runs), *(step for _, step in runs))


def _rows_of(numbers: Sequence[int]) -> int:
    """How many runs of the innermost loop there are."""
    return math.prod(numbers[3 * _MOST_INDICES : 3 * _MOST_INDICES + _MOST_RUNS - 1])


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _lower_strided_slice(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, begin, end, strides = operands
    if begin.value is None:
        indexing = _indexing(node, x, begin, strides)
        return NotImplemented if indexing is None else _lower_indexing(x, begin, indexing, outputs[0], emit)
    slicing = strided(node, x.shape, begin.known(), end.known(), strides.known())
    return _emit_slicing(emit, x, outputs[0], slicing)


def _plain(node: Node, shape: Sequence[int], begin: np.ndarray, size: np.ndarray) -> Slicing:
    """Slice's begin and size; a size of -1 takes all that remains. Raises ExecutionError out of range."""
    fits = begin.shape == size.shape == (len(shape),)
    require(
        fits, node, f"begin and size of shapes {begin.shape} and {size.shape}", f"the input has {len(shape)} dimensions"
    )
    sizes = []
    for axis, (at, wanted, extent) in enumerate(zip(begin, size, shape, strict=True)):
        taken = extent - int(at) if wanted == -1 else int(wanted)
        if not (0 <= at <= extent and 0 <= taken <= extent - at):
            raise ExecutionError(
                f"{node.op} node {node.name!r}: begin[{axis}] = {at} and size[{axis}] = {wanted} leave the dimension's "
                f"{extent} elements."
            )
        sizes.append(taken)
    return Slicing(tuple(int(at) for at in begin), (1,) * len(shape), tuple(sizes), tuple(sizes))


def _infer_slice(node: Node, x: Operand, begin: Operand, size: Operand) -> Spec:
    if begin.value is None and size.value is not None and np.all(size.value >= 0):
        require(
            size.shape == (len(x.shape),),
            node,
            f"size of shape {size.shape}",
            f"the input has {len(x.shape)} dimensions",
        )
        return Spec(x.dtype, tuple(int(taken) for taken in size.value))
    return Spec(x.dtype, _plain(node, x.shape, begin.known(), size.known()).out_shape)


def _slice(node: Node, x: np.ndarray, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    return _plain(node, x.shape, begin, size).of(x)


_MOST_AXES = 4
_AXES = "".join(f", int64 {name}.{i}" for name in ("extents", "sizes") for i in range(_MOST_AXES))


@kernel(
    f"T[:] x, I[:] begin{_AXES}, T[:] out",
    T=WIDTHS,
    I=("int32", "int64"),
    errors={1: "a slice leaves the dimensions of what it is taken from"},
)
def slice_from(x, begin, extents, sizes, out, worker, workers):  # type: ignore[no-untyped-def]
    """out = x[begin[0] : begin[0] + sizes[0], ...] for the last axes, begin being 0 for those before them; 1 for a
    begin with which some are outside."""
    missing = len(sizes) - begin.size
    start, step = 0, 1
    for i in range(len(sizes)):
        axis = len(sizes) - 1 - i
        if axis >= missing:
            first = np.int64(begin[np.uint64(axis - missing)])
            if first < 0 or first > extents[axis] - sizes[axis]:
                return 1
            start += first * step
        step *= extents[axis]
    rows = sizes[0] * sizes[1] * sizes[2]
    inner = sizes[3]
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        c = row % sizes[2]
        b = row // sizes[2] % sizes[1]
        a = row // (sizes[2] * sizes[1])
        source, target = start + ((a * extents[1] + b) * extents[2] + c) * extents[3], row * inner
        for i in range(inner):
            out[np.uint64(target + i)] = x[np.uint64(source + i)]
    return 0


def _lower_slice(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Where begin is computed by the model, the sizes are known."""
    x, begin, size = operands
    if begin.value is None:
        width, missing = width_of(x.dtype), _MOST_AXES - len(x.shape)
        if width is None or missing < 0 or not x.shape:
            return NotImplemented
        sizes = [1] * missing + list(outputs[0].shape)
        tiles = min(tiles_of(math.prod(sizes), x.dtype), math.prod(sizes[:-1]))
        name = f"slice_from<{width},{begin.dtype}>"
        emit.kernel(name, x, begin, *[1] * missing, *x.shape, *sizes, outputs[0], tiles=max(1, tiles))
        return None
    return _emit_slicing(emit, x, outputs[0], _plain(node, x.shape, begin.value, size.known()))


register("StridedSlice", infer=_infer_strided_slice, reference=_strided_slice, lower=_lower_strided_slice)
register("Slice", infer=_infer_slice, reference=_slice, lower=_lower_slice)
