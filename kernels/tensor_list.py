"""Lists of tensors: what TensorArray, map_fn, scan and the recurrent layers of TensorFlow 2 keep their steps in.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/TensorListReserve and its neighbours.

A list whose elements have one known shape is an array [length, *element_shape]; unset elements are zeros, which is
what TensorFlow gives for them. So reading an element is a gather, writing one a copy of a row, and a loop over a list
keeps its shapes. Two kinds of lists are Python objects, whose specs say only the length:

    UNSET   no element is set, and the element shape is not known yet: the first element that is written tells it
    RAGGED  elements of different shapes; ops on them run as host steps
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeload.dtypes import STRING, DType, Opaque
from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import WIDTHS, width_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

UNSET = Opaque("unset list")
RAGGED = Opaque("ragged list")

_INDEX_DTYPES = ("int32", "int64")
_MOST_OBJECTS = 1 << 24  # elements of a list that is a Python object
_OUT_OF_RANGE = {1: "the index is outside of the list"}


@dataclass(frozen=True, eq=False)
class ElementList:
    """The value of an UNSET or RAGGED list: an array (or a list) for each element, None for one that is not set."""

    elements: tuple[Any, ...]

    @property
    def dtype(self) -> Opaque:
        return UNSET if all(element is None for element in self.elements) else RAGGED

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.elements),)


def is_list_object(dtype: DType) -> bool:
    """Whether a list is a Python object rather than an array."""
    return dtype in (UNSET, RAGGED)


def _elements(value: Any) -> list[Any]:
    return list(value.elements) if isinstance(value, ElementList) else list(value)


def _packed(elements: Sequence[Any]) -> Any:
    """An array if the elements' shapes allow it, else an ElementList."""
    known = [element for element in elements if element is not None]
    if not known or not all(isinstance(element, np.ndarray | np.generic) for element in known):
        return ElementList(tuple(elements))
    first = known[0]
    if any(element.shape != first.shape or element.dtype != first.dtype for element in known):
        return ElementList(tuple(map(_owned, elements)))
    packed = _zeros(first.dtype, (len(elements), *first.shape))
    for index, element in enumerate(elements):
        if element is not None:
            packed[index] = element
    return packed


def _owned(element: Any) -> Any:
    """An element that stays as it is: what a step is given lies in memory that later steps write to."""
    return element.copy() if isinstance(element, np.ndarray) and not element.flags.owndata else element


def _zeros(dtype: Any, shape: Sequence[int]) -> np.ndarray:
    return np.full(shape, b"", object) if dtype == STRING else np.zeros(shape, dtype)


def _full_shape(value: Any) -> tuple[int, ...] | None:
    """The shape that an `element_shape` argument says, None where it leaves anything open."""
    if value is None:
        return None
    sizes = np.asarray(value)
    return None if sizes.ndim != 1 or (sizes < 0).any() else tuple(sizes.tolist())


def _require_list(node: Node, items: Operand) -> None:
    require(len(items.shape) >= 1, node, f"{items.spec} in place of a list", "the first input must be a TensorList")


def _count(node: Node, value: Any, what: str) -> int:
    array = np.asarray(value)
    require(
        array.ndim == 0 and array.dtype.kind in "iu", node, f"{what} of shape {array.shape}", "a number is expected"
    )
    require(0 <= int(array) <= np.iinfo(np.int32).max, node, f"{what} {array}", "it must be 0 to 2**31 - 1")
    return int(array)


def _new_list(node: Node, count: int, element_shape: Any) -> Spec:
    shape, dtype = _full_shape(element_shape), node.attrs["element_dtype"]
    if shape is None or not isinstance(dtype, np.dtype):
        require(count <= _MOST_OBJECTS, node, f"a list of {count} elements", f"{_MOST_OBJECTS} are supported")
        return Spec(UNSET, (count,))
    return Spec(dtype, (count, *shape))


def _made(spec: Spec) -> Any:
    """The value of a new list."""
    assert spec.shape is not None
    return ElementList((None,) * spec.shape[0]) if spec.dtype == UNSET else _zeros(spec.dtype, spec.shape)


@kernel("T[:] out", T=WIDTHS)
def clear(out, worker, workers):  # type: ignore[no-untyped-def]
    """out[i] = 0."""
    for i in range(out.size * worker // workers, out.size * (worker + 1) // workers):
        out[np.uint64(i)] = 0


def _clear(emit: Emit, out: Operand) -> Any:
    width = width_of(out.dtype)
    if width is None:
        return NotImplemented
    emit.kernel(f"clear<{width}>", out)
    return None


# -- new lists --------------------------------------------------------------------------------------------------------


def _infer_empty(node: Node, element_shape: Operand, max_num_elements: Operand) -> Spec:
    return _new_list(node, 0, element_shape.value)


def _empty(node: Node, element_shape: Any, max_num_elements: Any) -> Any:
    return _made(_new_list(node, 0, element_shape))


def _infer_reserve(node: Node, element_shape: Operand, num_elements: Operand) -> Spec:
    return _new_list(node, _count(node, num_elements.known(), "num_elements"), element_shape.value)


def _reserve(node: Node, element_shape: Any, num_elements: Any) -> Any:
    return _made(_new_list(node, _count(node, num_elements, "num_elements"), element_shape))


def _lower_new(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return _clear(emit, outputs[0])


def _infer_empty_list(node: Node) -> Spec:
    return Spec(node.attrs["dtype"], node.attrs["shape"])


def _empty_list(node: Node) -> np.ndarray:
    return _zeros(node.attrs["dtype"], node.attrs["shape"])


def _infer_from_tensor(node: Node, tensor: Operand, element_shape: Operand) -> Spec:
    """The tensor's rows become the elements."""
    require(len(tensor.shape) >= 1, node, "a scalar", "the tensor needs at least one dimension")
    return tensor.spec


def _from_tensor(node: Node, tensor: np.ndarray, element_shape: Any) -> np.ndarray:
    return tensor


# -- single elements --------------------------------------------------------------------------------------------------


def _infer_get_item(node: Node, items: Operand, index: Operand, element_shape: Operand) -> Spec:
    _require_list(node, items)
    require(index.shape == (), node, f"an index of shape {index.shape}", "it must be a scalar")
    if not is_list_object(items.dtype):
        return Spec(items.dtype, items.shape[1:])
    return Spec(node.attrs["element_dtype"], _full_shape(element_shape.value))


def _get_item(node: Node, items: Any, index: np.ndarray, element_shape: Any) -> Any:
    """Raises ExecutionError for an index outside of the list, or an unset element of unknown shape."""
    elements, at = _elements(items), _position(node, index, items.shape[0])
    return _of_shape(node, elements[at], element_shape)


def _of_shape(node: Node, element: Any, element_shape: Any) -> Any:
    """An element, zeros if it was never written. Raises ExecutionError if it has another shape than it must have."""
    if element is None:
        return _unset_element(node, element_shape)
    if not isinstance(element, np.ndarray | np.generic):
        return element
    shape = _full_shape(element_shape)
    if shape is not None and element.shape != shape:
        raise ExecutionError(f"{node.op} node {node.name!r}: an element has the shape {element.shape}, not {shape}.")
    return np.asarray(element)


def _unset_element(node: Node, element_shape: Any) -> np.ndarray:
    shape = _full_shape(element_shape)
    if shape is None:
        raise ExecutionError(f"{node.op} node {node.name!r}: an element is read that was never written.")
    return _zeros(node.attrs["element_dtype"], shape)


def _position(node: Node, index: Any, count: int) -> int:
    at = int(np.asarray(index))
    if not 0 <= at < count:
        raise ExecutionError(f"{node.op} node {node.name!r}: index {at} is outside of a list of {count} elements.")
    return at


def _lower_get_item(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    items, index, _ = operands
    (out,) = outputs
    width = width_of(out.dtype)
    if items.dtype == UNSET:
        return _clear(emit, out)
    if width is None or items.dtype == RAGGED or str(index.dtype) not in _INDEX_DTYPES:
        return NotImplemented
    emit.kernel(f"get_row<{width},{index.dtype}>", items, index, items.shape[0], out)
    return None


@kernel("T[:] rows, I[:] index, int64 count, T[:] out", T=WIDTHS, I=_INDEX_DTYPES, errors=_OUT_OF_RANGE)
def get_row(rows, index, count, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[:] = rows[index[0], :]; 1 for an index outside of [0, count)."""
    at = np.int64(index[0])
    if at < 0 or at >= count:
        return 1
    start = at * out.size
    for i in range(out.size):
        out[np.uint64(i)] = rows[np.uint64(start + i)]
    return 0


def _infer_set_item(node: Node, items: Operand, index: Operand, item: Operand) -> Spec:
    _require_list(node, items)
    require(index.shape == (), node, f"an index of shape {index.shape}", "it must be a scalar")
    count = items.shape[0]
    if node.attrs.get("resize_if_index_out_of_bounds"):
        if index.value is None:  # how long the list is then, only running tells
            return Spec(items.dtype, None)
        count = max(count, _count(node, index.value, "index") + 1)
    return _with_element(items, item, count)


def _with_element(items: Operand, item: Operand, count: int) -> Spec:
    """The list with `item` in it and `count` elements."""
    if isinstance(item.dtype, np.dtype) and (items.dtype == UNSET or items.shape[0] == 0):
        return Spec(item.dtype, (count, *item.shape))
    fits = items.dtype == item.dtype and items.shape[1:] == item.shape
    return Spec(items.dtype if fits else RAGGED, (count, *item.shape) if fits else (count,))


def _set_item(node: Node, items: Any, index: np.ndarray, item: Any) -> Any:
    """Raises ExecutionError for an index outside of the list."""
    count = items.shape[0]
    if node.attrs.get("resize_if_index_out_of_bounds"):
        count = max(count, _count(node, index, "index") + 1)
    at = _position(node, index, count)
    if isinstance(items, np.ndarray) and items.dtype == item.dtype and items.shape[1:] == item.shape:
        longer = _resized(items, count)
        longer[at] = item
        return longer
    elements = _elements(_resized(items, count)) if items.shape[0] else [None] * count
    elements[at] = item
    return _packed(elements)


def _resized(items: Any, count: int) -> Any:
    """A copy with `count` elements, the last of which may be unset."""
    if isinstance(items, ElementList):
        return ElementList((*items.elements[:count], *(None,) * (count - len(items.elements))))
    copy = _zeros(items.dtype, (count, *items.shape[1:]))
    copy[: len(items)] = items[:count]
    return copy


def _lower_set_item(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    items, index, item = operands
    (out,) = outputs
    width = width_of(out.dtype)
    if width is None or items.spec != out.spec or str(index.dtype) not in _INDEX_DTYPES:
        return NotImplemented
    emit.may_share(out, items)
    emit.copy(items, out)
    emit.kernel(f"set_row<{width},{index.dtype}>", index, item, out.shape[0], out)
    return None


@kernel("I[:] index, T[:] item, int64 count, T[:] out", T=WIDTHS, I=_INDEX_DTYPES, errors=_OUT_OF_RANGE)
def set_row(index, item, count, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[index[0], :] = item[:]; 1 for an index outside of [0, count)."""
    at = np.int64(index[0])
    if at < 0 or at >= count:
        return 1
    start = at * item.size
    for i in range(item.size):
        out[np.uint64(start + i)] = item[np.uint64(i)]
    return 0


def _infer_push_back(node: Node, items: Operand, item: Operand) -> Spec:
    _require_list(node, items)
    return _with_element(items, item, items.shape[0] + 1)


def _push_back(node: Node, items: Any, item: Any) -> Any:
    if isinstance(items, np.ndarray) and items.dtype == item.dtype and items.shape[1:] == item.shape:
        return np.concatenate([items, item[None]])
    return _packed([*_elements(items), item])


def _infer_pop_back(node: Node, items: Operand, element_shape: Operand) -> list[Spec]:
    _require_list(node, items)
    count = items.shape[0]
    require(count > 0, node, "an empty list", "there must be an element to take from it")
    if is_list_object(items.dtype):
        shape = _full_shape(element_shape.value)
        return [Spec(items.dtype, (count - 1,)), Spec(node.attrs["element_dtype"], shape)]
    return [Spec(items.dtype, (count - 1, *items.shape[1:])), Spec(items.dtype, items.shape[1:])]


def _pop_back(node: Node, items: Any, element_shape: Any) -> list[Any]:
    if isinstance(items, np.ndarray):
        return [items[:-1].copy(), np.asarray(items[-1]).copy()]
    *rest, last = items.elements
    return [ElementList(tuple(rest)), _of_shape(node, last, element_shape)]


# -- whole lists ------------------------------------------------------------------------------------------------------


def _infer_stack(node: Node, items: Operand, element_shape: Operand) -> Spec:
    _require_list(node, items)
    wanted = node.attrs.get("num_elements", -1)
    require(wanted in (-1, items.shape[0]), node, f"{items.shape[0]} elements", f"attribute num_elements is {wanted}")
    if not is_list_object(items.dtype):
        return items.spec
    shape = _full_shape(element_shape.value)
    return Spec(node.attrs["element_dtype"], None if shape is None else (items.shape[0], *shape))


def _stack(node: Node, items: Any, element_shape: Any) -> Any:
    """Raises ExecutionError for elements of different shapes."""
    if isinstance(items, np.ndarray):
        return items
    elements = [_of_shape(node, element, element_shape) for element in items.elements]
    if not elements:
        return _zeros(node.attrs["element_dtype"], (0, *(_unset_element(node, element_shape).shape)))
    if not any(isinstance(element, np.ndarray | np.generic) for element in elements):
        return ElementList(tuple(elements))  # encoded ragged tensors
    if any(isinstance(element, ElementList) or element.shape != elements[0].shape for element in elements):
        raise ExecutionError(f"{node.op} node {node.name!r}: elements of different shapes cannot be stacked.")
    return np.stack(elements)


def _lower_stack(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return _clear(emit, outputs[0]) if operands[0].dtype == UNSET else NotImplemented


def _infer_gather(node: Node, items: Operand, indices: Operand, element_shape: Operand) -> Spec:
    _require_list(node, items)
    require(len(indices.shape) == 1, node, f"indices of shape {indices.shape}", "they must be a vector")
    if is_list_object(items.dtype):
        shape = _full_shape(element_shape.value)
        return Spec(node.attrs["element_dtype"], None if shape is None else (*indices.shape, *shape))
    return Spec(items.dtype, (*indices.shape, *items.shape[1:]))


def _gather(node: Node, items: Any, indices: np.ndarray, element_shape: Any) -> np.ndarray:
    """Raises ExecutionError for an index outside of the list."""
    positions = [_position(node, index, items.shape[0]) for index in indices]
    if isinstance(items, np.ndarray):
        return items[positions]
    return _stack(node, ElementList(tuple(items.elements[at] for at in positions)), element_shape)


def _lower_gather(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    items, indices, _ = operands
    (out,) = outputs
    width = width_of(out.dtype)
    if indices.shape == (0,) and width is not None:
        return None
    if width is None or is_list_object(items.dtype) or str(indices.dtype) not in _INDEX_DTYPES or 0 in out.shape:
        return NotImplemented
    inner = math.prod(items.shape[1:])
    emit.kernel(f"gather<{width},{indices.dtype}>", items, indices, 1, 1, items.shape[0], indices.shape[0], inner, out)
    return None


def _infer_scatter(node: Node, items: Operand, tensor: Operand, indices: Operand) -> Spec:
    """The list with tensor[i] at indices[i]; it grows where indices are known to be outside."""
    _require_list(node, items)
    require(
        len(indices.shape) == 1 and tensor.shape[:1] == indices.shape,
        node,
        f"indices of shape {indices.shape} for a tensor of shape {tensor.shape}",
        "there must be one for each row",
    )
    last = max(indices.value.tolist(), default=-1) if indices.value is not None else -1
    element = Operand(tensor.dtype, tensor.shape[1:])
    return _with_element(items, element, max(items.shape[0], last + 1))


def _scatter(node: Node, items: Any, tensor: np.ndarray, indices: np.ndarray) -> Any:
    """Raises ExecutionError for a negative index."""
    elements = _elements(items) if isinstance(items, ElementList) or items.shape[0] else []
    for index, row in zip(indices.tolist(), tensor, strict=True):
        at = _position(node, index, _MOST_OBJECTS)
        elements += [None] * (at + 1 - len(elements))
        elements[at] = row
    if not elements and not isinstance(items, ElementList):
        return items
    return _packed(elements)


def _lower_scatter(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    items, tensor, indices = operands
    (out,) = outputs
    width = width_of(out.dtype)
    if width is None or items.spec != out.spec or str(indices.dtype) not in _INDEX_DTYPES:
        return NotImplemented
    if indices.value is not None and np.array_equal(indices.value, np.arange(out.shape[0])):
        emit.copy(tensor, out)  # every element in turn
        return None
    emit.may_share(out, items)
    emit.copy(items, out)
    inner = math.prod(out.shape[1:])
    emit.kernel(f"set_rows<{width},{indices.dtype}>", indices, tensor, out.shape[0], inner, out)
    return None


@kernel("I[:] indices, T[:] rows, int64 count, int64 inner, T[:] out", T=WIDTHS, I=_INDEX_DTYPES, errors=_OUT_OF_RANGE)
def set_rows(indices, rows, count, inner, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[indices[n], :] = rows[n, :], one after the other; 1 for an index outside of [0, count)."""
    for n in range(indices.size):
        at = np.int64(indices[np.uint64(n)])
        if at < 0 or at >= count:
            return 1
        for i in range(inner):
            out[np.uint64(at * inner + i)] = rows[np.uint64(n * inner + i)]
    return 0


def _infer_scatter_new(
    node: Node, tensor: Operand, indices: Operand, element_shape: Operand, num_elements: Operand | None = None
) -> Spec:
    known = indices.known().tolist()
    wanted = -1 if num_elements is None else int(np.asarray(num_elements.known()))
    require(wanted <= _MOST_OBJECTS, node, f"a list of {wanted} elements", f"{_MOST_OBJECTS} are supported")
    count = max([wanted, *(index + 1 for index in known)], default=0)
    return _infer_scatter(node, Operand(UNSET, (max(count, 0),)), tensor, indices)


def _scatter_new(
    node: Node, tensor: np.ndarray, indices: np.ndarray, element_shape: Any, num_elements: Any = -1
) -> Any:
    return _scatter(node, ElementList((None,) * max(int(num_elements), 0)), tensor, indices)


def _infer_length(node: Node, items: Operand) -> Spec:
    _require_list(node, items)
    return Spec(np.dtype(np.int32), ())


def _length(node: Node, items: Any) -> np.ndarray:
    return np.array(items.shape[0], np.int32)


def _infer_element_shape(node: Node, items: Operand) -> Spec:
    _require_list(node, items)
    return Spec(node.attrs["shape_type"], () if is_list_object(items.dtype) else (len(items.shape) - 1,))


def _element_shape(node: Node, items: Any) -> np.ndarray:
    """The common shape of the elements, -1 where it is not known."""
    return np.array(-1 if isinstance(items, ElementList) else items.shape[1:], node.attrs["shape_type"])


def _infer_resize(node: Node, items: Operand, size: Operand) -> Spec:
    _require_list(node, items)
    return Spec(items.dtype, (_count(node, size.known(), "size"), *items.shape[1:]))


def _resize(node: Node, items: Any, size: np.ndarray) -> Any:
    return _resized(items, _count(node, size, "size"))


def _infer_concat(node: Node, items: Operand, *rest: Operand) -> list[Spec]:
    """Elements one behind the other along their first axis, and the lengths of each there."""
    _require_list(node, items)
    lengths = Spec(np.dtype(np.int64), (items.shape[0],))
    if is_list_object(items.dtype):
        return [Spec(node.attrs["element_dtype"], None), lengths]
    require(len(items.shape) >= 2, node, "scalar elements", "only elements with a dimension can be joined")
    return [Spec(items.dtype, (items.shape[0] * items.shape[1], *items.shape[2:])), lengths]


def _concat(node: Node, items: Any, *rest: Any) -> list[np.ndarray]:
    """Raises ExecutionError for elements that do not fit."""
    if isinstance(items, np.ndarray):
        joined = items.reshape(items.shape[0] * items.shape[1], *items.shape[2:])
        return [joined, np.full(items.shape[0], items.shape[1], np.int64)]
    elements = [element for element in items.elements if element is not None]
    if not elements or any(element.ndim == 0 or element.shape[1:] != elements[0].shape[1:] for element in elements):
        raise ExecutionError(f"{node.op} node {node.name!r}: the list's elements cannot be joined.")
    lengths = [0 if element is None else len(element) for element in items.elements]
    return [np.concatenate(elements), np.array(lengths, np.int64)]


def _lower_concat(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    items, (out, lengths) = operands[0], outputs
    if width_of(items.dtype) is None:
        return NotImplemented
    sizes = emit.constant(("lengths", *items.shape[:2]), lambda: np.full(items.shape[0], items.shape[1], np.int64))
    emit.copy(items, out)
    emit.copy(sizes, lengths)
    return None


def _infer_split(node: Node, tensor: Operand, element_shape: Operand, lengths: Operand) -> Spec:
    """The tensor cut along its first axis into pieces of these lengths."""
    sizes = [_count(node, size, "length") for size in lengths.known()]
    require(
        len(tensor.shape) >= 1 and sum(sizes) == tensor.shape[0],
        node,
        f"lengths {sizes} for a tensor of shape {tensor.shape}",
        "they must add up to its first dimension",
    )
    if sizes and len(set(sizes)) == 1:
        return Spec(tensor.dtype, (len(sizes), sizes[0], *tensor.shape[1:]))
    return Spec(RAGGED if sizes else UNSET, (len(sizes),))


def _split(node: Node, tensor: np.ndarray, element_shape: Any, lengths: np.ndarray) -> Any:
    return _packed(np.split(tensor, np.cumsum(lengths)[:-1]) if len(lengths) else [])


def _infer_concat_lists(node: Node, a: Operand, b: Operand) -> Spec:
    _require_list(node, a)
    _require_list(node, b)
    if a.dtype == b.dtype and a.shape[1:] == b.shape[1:]:
        return Spec(a.dtype, (a.shape[0] + b.shape[0], *a.shape[1:]))
    return Spec(RAGGED, (a.shape[0] + b.shape[0],))


def _concat_lists(node: Node, a: Any, b: Any) -> Any:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape[1:] == b.shape[1:]:
        return np.concatenate([a, b])
    return _packed([*_elements(a), *_elements(b)])


register("EmptyTensorList", infer=_infer_empty, reference=_empty, lower=_lower_new)
register("TensorListReserve", infer=_infer_reserve, reference=_reserve, lower=_lower_new)
register("_EmptyList", infer=_infer_empty_list, reference=_empty_list, lower=_lower_new)
register("TensorListFromTensor", infer=_infer_from_tensor, reference=_from_tensor, view=True)
register("TensorListGetItem", infer=_infer_get_item, reference=_get_item, lower=_lower_get_item)
register("TensorListSetItem", infer=_infer_set_item, reference=_set_item, lower=_lower_set_item)
register("TensorListPushBack", infer=_infer_push_back, reference=_push_back)
register("TensorListPopBack", infer=_infer_pop_back, reference=_pop_back)
register("TensorListStack", infer=_infer_stack, reference=_stack, lower=_lower_stack, view=True)
register("TensorListGather", infer=_infer_gather, reference=_gather, lower=_lower_gather)
register("TensorListScatterIntoExistingList", infer=_infer_scatter, reference=_scatter, lower=_lower_scatter)
for _op in ("TensorListScatter", "TensorListScatterV2"):
    register(_op, infer=_infer_scatter_new, reference=_scatter_new)
register("TensorListLength", infer=_infer_length, reference=_length)
register("TensorListElementShape", infer=_infer_element_shape, reference=_element_shape)
register("TensorListResize", infer=_infer_resize, reference=_resize)
for _op in ("TensorListConcat", "TensorListConcatV2"):
    register(_op, infer=_infer_concat, reference=_concat, lower=_lower_concat)
register("TensorListSplit", infer=_infer_split, reference=_split)
register("TensorListConcatLists", infer=_infer_concat_lists, reference=_concat_lists)
