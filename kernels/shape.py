"""Shapes as tensors: Shape, ShapeN, Size, Rank, and arithmetic on shapes. Known while planning: no kernels.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Shape
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.movement import canonical_axis
from edgeload.kernels.registry import Node, Operand, Spec, broadcast_shapes, register, require


def _out_type(node: Node) -> np.dtype:
    """The attribute out_type: int32 or int64."""
    dtype = node.attrs.get("out_type", np.dtype(np.int32))
    require(dtype in (np.dtype(np.int32), np.dtype(np.int64)), node, f"out_type {dtype}", "it must be int32 or int64")
    return dtype


def _infer_shape(node: Node, x: Operand) -> Spec:
    return Spec(_out_type(node), (len(x.shape),))


def _shape(node: Node, x: Any) -> np.ndarray:
    return np.array(x.shape, _out_type(node))


def _infer_shape_n(node: Node, *operands: Operand) -> list[Spec]:
    return [Spec(_out_type(node), (len(operand.shape),)) for operand in operands]


def _shape_n(node: Node, *arrays: Any) -> list[np.ndarray]:
    return [np.array(array.shape, _out_type(node)) for array in arrays]


def _infer_size(node: Node, x: Operand) -> Spec:
    return Spec(_out_type(node), ())


def _size(node: Node, x: Any) -> np.ndarray:
    return np.array(math.prod(x.shape), _out_type(node))


def _infer_rank(node: Node, x: Operand) -> Spec:
    return Spec(np.dtype(np.int32), ())


def _rank(node: Node, x: Any) -> np.ndarray:
    return np.array(len(x.shape), np.int32)


def _infer_broadcast_args(node: Node, first: Operand, second: Operand) -> Spec:
    """The shape that results when arrays of the two given shapes are broadcast."""
    for operand in (first, second):
        require(len(operand.shape) == 1, node, f"a shape argument of shape {operand.shape}", "it must be a vector")
    return Spec(first.dtype, (max(first.shape[0], second.shape[0]),))


def _broadcast_args(node: Node, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.array(broadcast_shapes(node, tuple(map(int, first)), tuple(map(int, second))), first.dtype)


def _infer_broadcast_gradient_args(node: Node, first: Operand, second: Operand) -> list[Spec]:
    return [Spec(axes.dtype, axes.shape) for axes in _broadcast_gradient_args(node, first.known(), second.known())]


def _broadcast_gradient_args(node: Node, first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """For each of two shapes, the axes of the result along which it has 1 or nothing: its gradient sums over them.

    None when the shapes are equal. Axes of size 1 in both are named too, as TensorFlow does.
    """
    rank = len(broadcast_shapes(node, tuple(map(int, first)), tuple(map(int, second))))
    if np.array_equal(first, second):
        return [np.zeros(0, first.dtype), np.zeros(0, first.dtype)]
    padded = [np.concatenate([np.ones(rank - len(shape), shape.dtype), shape]) for shape in (first, second)]
    return [np.flatnonzero(shape == 1).astype(first.dtype) for shape in padded]


def _infer_concat_offset(node: Node, axis: Operand, *shapes: Operand) -> list[Spec]:
    for shape in shapes:
        require(
            shape.shape == shapes[0].shape,
            node,
            f"shapes {shape.shape} and {shapes[0].shape}",
            "all must be of one rank",
        )
    require(axis.shape == (), node, f"an axis of shape {axis.shape}", "it must be a scalar")
    require(len(shapes[0].shape) == 1, node, f"a shape argument of shape {shapes[0].shape}", "it must be a vector")
    return [shape.spec for shape in shapes]


def _concat_offset(node: Node, axis: np.ndarray, *shapes: np.ndarray) -> list[np.ndarray]:
    """Where along `axis` each of the concatenated arrays begins; 0 along the others. Raises ExecutionError where the
    shapes differ in another axis."""
    at, offsets = 0, []
    place = canonical_axis(node, int(axis), shapes[0].size)
    for shape in shapes:
        if not np.array_equal(np.delete(shape, place), np.delete(shapes[0], place)):
            raise ExecutionError(
                f"{node.op} node {node.name!r}: shapes {shape.tolist()} and {shapes[0].tolist()} differ in more than "
                f"axis {place}."
            )
        offset = np.zeros_like(shape)
        offset[place] = at
        at += int(shape[place])
        offsets.append(offset)
    return offsets


register("Shape", infer=_infer_shape, reference=_shape)
register("ShapeN", infer=_infer_shape_n, reference=_shape_n)
register("Size", infer=_infer_size, reference=_size)
register("Rank", infer=_infer_rank, reference=_rank)
register("BroadcastArgs", infer=_infer_broadcast_args, reference=_broadcast_args)
register("BroadcastGradientArgs", infer=_infer_broadcast_gradient_args, reference=_broadcast_gradient_args)
register("ConcatOffset", infer=_infer_concat_offset, reference=_concat_offset)
