"""Strings from strings, element by element or joined: StringLower, StringUpper, StringStrip, StringLength, Substr,
StringJoin, ReduceJoin, UnsortedSegmentJoin.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Substr

A string is bytes. Its UTF-8 characters, where an op counts those, begin at each byte that continues no character. All
run as host steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import dropwhile

import numpy as np

from edgeload.dtypes import STRING
from edgeload.errors import ExecutionError
from edgeload.kernels.concat import scalar_of
from edgeload.kernels.movement import canonical_axis
from edgeload.kernels.registry import Node, Operand, Spec, broadcast_shapes, register, require

_INT32 = np.dtype(np.int32)


def string_array(values: Iterable[bytes], shape: tuple[int, ...]) -> np.ndarray:
    """An array of strings from its elements in row order."""
    array = np.empty(math.prod(shape), object)
    array[:] = list(values)
    return array.reshape(shape)


def text_of(value: bytes, most: int = 60) -> str:
    """A string's beginning, for messages."""
    return value[:most].decode("utf-8", "backslashreplace")


def require_strings(node: Node, *operands: Operand) -> None:
    for operand in operands:
        require(operand.dtype == STRING, node, f"an input of {operand.dtype}", "it takes strings")


def _each(function: Callable[[bytes], bytes], x: np.ndarray) -> np.ndarray:
    return string_array(map(function, x.reshape(-1).tolist()), x.shape)


def char_starts(value: bytes) -> list[int]:
    """Where each UTF-8 character begins."""
    return [at for at, octet in enumerate(value) if octet & 0xC0 != 0x80]


# StringLower, StringUpper, StringStrip.


def _infer_case(node: Node, x: Operand) -> Spec:
    require_strings(node, x)
    encoding = node.attrs["encoding"]
    require(encoding in (b"", b"utf-8"), node, f"encoding {encoding!r}", "it must be '' (ASCII) or 'utf-8'")
    return x.spec


def _lower(node: Node, x: np.ndarray) -> np.ndarray:
    """ASCII letters, or with encoding utf-8 all that have another case."""
    if not node.attrs["encoding"]:
        return _each(bytes.lower, x)
    return _each(lambda value: value.decode("utf-8", "replace").lower().encode(), x)


def _upper(node: Node, x: np.ndarray) -> np.ndarray:
    if not node.attrs["encoding"]:
        return _each(bytes.upper, x)
    return _each(lambda value: value.decode("utf-8", "replace").upper().encode(), x)


def _infer_strip(node: Node, x: Operand) -> Spec:
    require_strings(node, x)
    return x.spec


def _strip(node: Node, x: np.ndarray) -> np.ndarray:
    """Without ASCII white space at both ends."""
    return _each(bytes.strip, x)


# StringLength, Substr.


def _in_chars(node: Node) -> bool:
    unit = node.attrs["unit"]
    require(unit in (b"BYTE", b"UTF8_CHAR"), node, f"unit {unit!r}", "it must be BYTE or UTF8_CHAR")
    return unit == b"UTF8_CHAR"


def _infer_length(node: Node, x: Operand) -> Spec:
    require_strings(node, x)
    _in_chars(node)
    return Spec(_INT32, x.shape)


def _length(node: Node, x: np.ndarray) -> np.ndarray:
    """int32, as the input: bytes, or characters."""
    values = x.reshape(-1).tolist()
    lengths = [len(char_starts(value)) for value in values] if _in_chars(node) else [len(value) for value in values]
    return np.array(lengths, np.int32).reshape(x.shape)


def _infer_substr(node: Node, x: Operand, pos: Operand, length: Operand) -> Spec:
    require_strings(node, x)
    _in_chars(node)
    require(pos.shape == length.shape, node, f"pos {pos.shape} and len {length.shape}", "they must have equal shapes")
    return Spec(STRING, broadcast_shapes(node, x.shape, pos.shape))


def _substr(node: Node, x: np.ndarray, pos: np.ndarray, length: np.ndarray) -> np.ndarray:
    """x[pos : pos + len], the three broadcast. A negative pos counts from the end, what reaches beyond it is cut off;
    a negative len is all the rest in bytes, nothing in characters. Raises ExecutionError for a pos beyond the ends."""
    shape = np.broadcast_shapes(x.shape, pos.shape)
    in_chars = _in_chars(node)
    arrays = (np.broadcast_to(array, shape).reshape(-1).tolist() for array in (x, pos, length))
    parts = []
    for value, start, count in zip(*arrays, strict=True):
        bounds = [*char_starts(value), len(value)] if in_chars else range(len(value) + 1)
        total = len(bounds) - 1
        if not -total <= start <= total:
            raise ExecutionError(
                f"{node.op} node {node.name!r}: pos {start} out of range for string b'{text_of(value)}' of length "
                f"{total}"
            )
        first = start + total if start < 0 else start
        taken = count if count >= 0 else 0 if in_chars else total
        parts.append(value[bounds[first] : bounds[min(first + taken, total)]])
    return string_array(parts, shape)


# StringJoin, ReduceJoin, UnsortedSegmentJoin.


def _infer_join(node: Node, *operands: Operand) -> Spec:
    """Inputs of one shape; scalars stand for arrays of it."""
    require(len(operands) > 0, node, "no inputs", "it takes at least one")
    require_strings(node, *operands)
    shapes = {operand.shape for operand in operands if operand.shape != ()}
    require(len(shapes) <= 1, node, f"shapes {sorted(shapes)}", "inputs that are no scalars must have equal shapes")
    return Spec(STRING, shapes.pop() if shapes else ())


def _join(node: Node, *arrays: np.ndarray) -> np.ndarray:
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    columns = [np.broadcast_to(array, shape).reshape(-1).tolist() for array in arrays]
    return string_array(map(node.attrs["separator"].join, zip(*columns, strict=True)), shape)


def _join_axes(node: Node, rank: int, axes: np.ndarray) -> list[int]:
    require(axes.ndim <= 1, node, f"axes of shape {axes.shape}", "they must be a scalar or a vector")
    found = [canonical_axis(node, int(axis), rank) for axis in axes.reshape(-1)]
    require(len(set(found)) == len(found), node, f"axes {found}", "each may be named once")
    return found


def _infer_reduce_join(node: Node, x: Operand, axes: Operand) -> Spec:
    require_strings(node, x)
    joined = _join_axes(node, len(x.shape), axes.known())
    if node.attrs["keep_dims"]:
        return Spec(STRING, tuple(1 if axis in joined else size for axis, size in enumerate(x.shape)))
    return Spec(STRING, tuple(size for axis, size in enumerate(x.shape) if axis not in joined))


def _reduce_join(node: Node, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Joined along axes, the last that is named outermost."""
    joined = _join_axes(node, x.ndim, axes)[::-1]
    kept = [axis for axis in range(x.ndim) if axis not in joined]
    rows = x.transpose(kept + joined).reshape(
        math.prod(x.shape[axis] for axis in kept), math.prod(x.shape[axis] for axis in joined)
    )
    sizes = [1 if axis in joined else x.shape[axis] for axis in (range(x.ndim) if node.attrs["keep_dims"] else kept)]
    return string_array((node.attrs["separator"].join(row) for row in rows.tolist()), tuple(sizes))


def _segments(node: Node, segment_shape: tuple[int, ...], shape: tuple[int, ...]) -> None:
    fits = shape[: len(segment_shape)] == segment_shape and len(segment_shape) > 0
    require(fits, node, f"inputs {shape} and segment_ids {segment_shape}", "the first must begin with the second")


def _infer_segment_join(node: Node, x: Operand, segment_ids: Operand, num_segments: Operand) -> Spec:
    require_strings(node, x)
    _segments(node, segment_ids.shape, x.shape)
    count = scalar_of(node, num_segments.known(), "num_segments")
    require(count >= 0, node, f"num_segments {count}", "it must not be negative")
    return Spec(STRING, (count, *x.shape[len(segment_ids.shape) :]))


def _segment_join(node: Node, x: np.ndarray, segment_ids: np.ndarray, num_segments: np.ndarray) -> np.ndarray:
    """out[s] = the elements of segment s, joined in their order; there is no separator behind empty ones that come
    first. Raises ExecutionError for ids out of range."""
    count = int(num_segments.reshape(-1)[0])
    rest = x.shape[segment_ids.ndim :]
    width = math.prod(rest)
    parts: Sequence[list[list[bytes]]] = [[[] for _ in range(width)] for _ in range(count)]
    for segment, row in zip(segment_ids.reshape(-1).tolist(), x.reshape(segment_ids.size, width).tolist(), strict=True):
        if not 0 <= segment < count:
            raise ExecutionError(
                f"{node.op} node {node.name!r}: segment_ids are not allowed to exceed num_segments or to have negative "
                f"values; found {segment}, num_segments is {count}"
            )
        for column, value in zip(parts[segment], row, strict=True):
            column.append(value)
    separator = node.attrs["separator"]
    joined = (separator.join(dropwhile(lambda part: not part, column)) for columns in parts for column in columns)
    return string_array(joined, (count, *rest))


register("StringLower", infer=_infer_case, reference=_lower)
register("StringUpper", infer=_infer_case, reference=_upper)
register("StringStrip", infer=_infer_strip, reference=_strip)
register("StringLength", infer=_infer_length, reference=_length)
register("Substr", infer=_infer_substr, reference=_substr)
register("StringJoin", infer=_infer_join, reference=_join)
register("ReduceJoin", infer=_infer_reduce_join, reference=_reduce_join)
register("UnsortedSegmentJoin", infer=_infer_segment_join, reference=_segment_join)
