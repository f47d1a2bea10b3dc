"""Tensor lists: made, filled, read, resized, stacked, split, joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.ops.arrays import COMPLEX, NUMBERS, f32, i32, ints, longs, sample, scalar, texts
from tests.ops.case import Case, chain, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")


def _through(dtype: str) -> Callable[..., Any]:
    """Rows to a list, one changed, and back to rows."""

    def set_and_stack(tf: Any, rows: Any, index: Any, row: Any) -> Any:
        raw = tf.raw_ops
        made = raw.TensorListFromTensor(tensor=rows, element_shape=tf.constant([3]))
        changed = raw.TensorListSetItem(input_handle=made, index=index, item=row)
        item = raw.TensorListGetItem(
            input_handle=changed, index=index, element_shape=tf.constant([3]), element_dtype=dtype
        )
        first = raw.TensorListGetItem(input_handle=made, index=0, element_shape=tf.constant([3]), element_dtype=dtype)
        stacked = raw.TensorListStack(input_handle=changed, element_shape=tf.constant([3]), element_dtype=dtype)
        return item, first, stacked, raw.TensorListLength(input_handle=changed)

    return set_and_stack


def _reserved(tf: Any, count: Any, index: Any, row: Any) -> Any:
    raw = tf.raw_ops
    made = raw.TensorListReserve(element_shape=tf.constant([3]), num_elements=count, element_dtype="float32")
    changed = raw.TensorListSetItem(input_handle=made, index=index, item=row)
    return raw.TensorListStack(input_handle=changed, element_shape=tf.constant([3]), element_dtype="float32")


def _reserved_of_unknown_shape(tf: Any, row: Any) -> Any:
    raw = tf.raw_ops
    made = raw.TensorListReserve(element_shape=-1, num_elements=2, element_dtype="float32")
    made = raw.TensorListSetItem(input_handle=made, index=0, item=row)
    made = raw.TensorListSetItem(input_handle=made, index=1, item=row * 2)
    return raw.TensorListStack(input_handle=made, element_shape=-1, element_dtype="float32")


def _resizing_set(tf: Any, row: Any, index: Any) -> Any:
    raw = tf.raw_ops
    made = raw.TensorListReserve(element_shape=tf.constant([3]), num_elements=1, element_dtype="float32")
    made = raw.TensorListSetItem(input_handle=made, index=index, item=row, resize_if_index_out_of_bounds=True)
    return raw.TensorListStack(input_handle=made, element_shape=tf.constant([3]), element_dtype="float32")


def _pushed(dtype: str) -> Callable[..., Any]:
    def push_and_pop(tf: Any, first: Any, second: Any) -> Any:
        raw = tf.raw_ops
        made = raw.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype=dtype)
        for row in (first, second, first):
            made = raw.TensorListPushBack(input_handle=made, tensor=row)
        popped = raw.TensorListPopBack(input_handle=made, element_shape=-1, element_dtype=dtype)
        length = raw.TensorListLength(input_handle=made)
        rest = raw.TensorListStack(input_handle=popped.output_handle, element_shape=-1, element_dtype=dtype)
        return popped.tensor, length, rest

    return push_and_pop


def _popped_from_empty(tf: Any, x: Any) -> Any:
    made = tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype="float32")
    return tf.raw_ops.TensorListPopBack(input_handle=made, element_shape=-1, element_dtype="float32").tensor + x


def _gathered(tf: Any, rows: Any, indices: Any) -> Any:
    made = tf.raw_ops.TensorListFromTensor(tensor=rows, element_shape=-1)
    return tf.raw_ops.TensorListGather(input_handle=made, indices=indices, element_shape=-1, element_dtype="float32")


def _scattered(op: str) -> Callable[..., Any]:
    def scatter(tf: Any, rows: Any, indices: Any, count: Any) -> Any:
        raw = tf.raw_ops
        if op == "TensorListScatter":
            made = raw.TensorListScatter(tensor=rows, indices=indices, element_shape=tf.constant([3]))
        elif op == "TensorListScatterV2":
            made = raw.TensorListScatterV2(
                tensor=rows, indices=indices, element_shape=tf.constant([3]), num_elements=count
            )
        else:
            made = raw.TensorListReserve(element_shape=tf.constant([3]), num_elements=count, element_dtype="float32")
            made = raw.TensorListScatterIntoExistingList(input_handle=made, tensor=rows, indices=indices)
        return raw.TensorListStack(input_handle=made, element_shape=tf.constant([3]), element_dtype="float32")

    return scatter


def _split(op: str) -> Callable[..., Any]:
    def split_and_join(tf: Any, rows: Any, lengths: Any) -> Any:
        raw = tf.raw_ops
        made = raw.TensorListSplit(tensor=rows, element_shape=tf.constant([-1, 3]), lengths=lengths)
        second = raw.TensorListGetItem(input_handle=made, index=1, element_shape=-1, element_dtype="float32")
        if op == "TensorListConcat":
            joined = raw.TensorListConcat(input_handle=made, element_dtype="float32", element_shape=[None, 3])
        else:
            joined = raw.TensorListConcatV2(
                input_handle=made, element_shape=tf.constant([-1, 3]), leading_dims=longs(), element_dtype="float32"
            )
        return second, joined.tensor, joined.lengths, raw.TensorListLength(input_handle=made)

    return split_and_join


def _joined_lists(tf: Any, first: Any, second: Any) -> Any:
    raw = tf.raw_ops
    left = raw.TensorListFromTensor(tensor=first, element_shape=tf.constant([3]))
    right = raw.TensorListFromTensor(tensor=second, element_shape=tf.constant([3]))
    joined = raw.TensorListConcatLists(input_a=left, input_b=right, element_dtype="float32")
    return raw.TensorListStack(input_handle=joined, element_shape=tf.constant([3]), element_dtype="float32")


def _resized(tf: Any, rows: Any, size: Any) -> Any:
    raw = tf.raw_ops
    made = raw.TensorListResize(
        input_handle=raw.TensorListFromTensor(tensor=rows, element_shape=tf.constant([3])), size=size
    )
    return raw.TensorListStack(input_handle=made, element_shape=tf.constant([3]), element_dtype="float32")


def _shapes(shape_type: str) -> Callable[..., Any]:
    def element_shapes(tf: Any, rows: Any) -> Any:
        made = tf.raw_ops.TensorListFromTensor(tensor=rows, element_shape=tf.constant([3], shape_type))
        return tf.raw_ops.TensorListElementShape(input_handle=made, shape_type=shape_type)

    return element_shapes


def _cases() -> Iterator[Case]:
    made = ("TensorListFromTensor", "TensorListSetItem", "TensorListGetItem", "TensorListStack", "TensorListLength")
    yield from each(
        _ALL,
        ("float32",),
        lambda dtype: [
            chain(made, _through(dtype), sample(dtype, 4, 3), scalar(2), sample(dtype, 3)),
            chain(
                ("EmptyTensorList", "TensorListPushBack", "TensorListPopBack"),
                _pushed(dtype),
                sample(dtype, 3),
                sample(dtype, 3),
            ),
        ],
    )
    for index in (4, -1):
        yield chain(made, _through("float32"), f32(4, 3), scalar(index), f32(3)).fails()
    yield chain(made, _through("float32"), f32(4, 3), scalar(1), f32(2)).fails()
    yield chain(("TensorListReserve",), _reserved, scalar(3), scalar(1), f32(3))
    yield chain(("TensorListReserve",), _reserved, scalar(-1), scalar(0), f32(3)).fails()
    yield chain(("TensorListReserve",), _reserved_of_unknown_shape, f32(2, 2))
    for index in (0, 3):
        yield chain(("TensorListSetItem",), _resizing_set, f32(3), scalar(index))
    yield chain(("TensorListPopBack",), _popped_from_empty, f32(2)).fails()
    yield chain(("TensorListGather",), _gathered, f32(4, 3), ints(2, 0, 2))
    yield chain(("TensorListGather",), _gathered, f32(4, 3), ints(4)).fails()
    yield chain(("TensorListGather",), _gathered, f32(4, 3), ints(-1)).fails()
    for op in ("TensorListScatter", "TensorListScatterV2", "TensorListScatterIntoExistingList"):
        yield chain((op,), _scattered(op), f32(2, 3), ints(1, 0), scalar(2))
        yield chain((op,), _scattered(op), f32(2, 3), ints(3, 0), scalar(4))
        if op != "TensorListScatterIntoExistingList":  # with such indices, it crashes TensorFlow
            yield chain((op,), _scattered(op), f32(2, 3), ints(-1, 0), scalar(4)).fails()
            yield chain((op,), _scattered(op), f32(2, 3), ints(1), scalar(4)).fails()
    yield chain(("TensorListScatterV2",), _scattered("TensorListScatterV2"), f32(2, 3), ints(1, 0), scalar(-1))
    for op in ("TensorListConcat", "TensorListConcatV2"):
        yield chain(("TensorListSplit", op), _split(op), f32(6, 3), longs(1, 3, 2))
        yield chain(("TensorListSplit", op), _split(op), f32(2, 3), longs(2, 0))
        yield chain(("TensorListSplit", op), _split(op), f32(6, 3), longs(1, 3)).fails()
        yield chain(("TensorListSplit", op), _split(op), f32(6, 3), longs(7, -1)).fails()
    yield chain(("TensorListConcatLists",), _joined_lists, f32(2, 3), f32(1, 3))
    for size in (2, 4, 6, 0):
        yield chain(("TensorListResize",), _resized, f32(4, 3), scalar(size))
    yield chain(("TensorListResize",), _resized, f32(4, 3), scalar(-1)).fails()
    for shape_type in ("int32", "int64"):
        yield chain(("TensorListElementShape",), _shapes(shape_type), f32(2, 3))
    yield chain(made, _through("string"), texts(2, 3), scalar(0), texts(3))
    yield chain(made, _through("int32"), i32(1, 3), scalar(0), i32(3))


CASES = list(_cases())
