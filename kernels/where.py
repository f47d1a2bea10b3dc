"""Ops whose output shapes depend on data: Where, Unique and its variants, ListDiff, DynamicPartition, DynamicStitch.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Where

They run as host steps, as does _Front, which cuts what kernels have padded; orders are TensorFlow's (first occurrence
first).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.concat import scalar_of
from edgeload.kernels.movement import canonical_axis
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


def _infer_where(node: Node, condition: Operand) -> Spec:
    """int64 [found, rank]: the positions of the elements that are not 0, in row order."""
    require(len(condition.shape) >= 1, node, "a scalar", "the input needs at least one dimension")
    return Spec(_INT64, None)


def _where(node: Node, condition: np.ndarray) -> np.ndarray:
    if condition.dtype == object:
        condition = condition != b""
    return np.argwhere(condition).astype(np.int64)


def _index_dtype(node: Node) -> np.dtype:
    return node.attrs.get("out_idx", _INT32)


def _unique_axis(node: Node, rank: int, axis: tuple[np.ndarray, ...]) -> int:
    """The axis whose slices are compared. Unique, and UniqueV2 with an empty axis, take vectors."""
    if axis and axis[0].size:
        return canonical_axis(node, scalar_of(node, axis[0], "the axis"), rank)
    require(rank == 1, node, f"an input of {rank} dimensions", "without an axis it must be a vector")
    return 0


def _infer_unique(node: Node, x: Operand, *axis: Operand) -> list[Spec]:
    """Unique slices, the number of each input slice among them, and (WithCounts) how often each occurs."""
    dtype = _index_dtype(node)
    at = _unique_axis(node, len(x.shape), tuple(operand.known() for operand in axis))
    specs = [Spec(x.dtype, None), Spec(dtype, (x.shape[at],))]
    return [*specs, Spec(dtype, None)] if "WithCounts" in node.op else specs


def _unique(node: Node, x: np.ndarray, *axis: np.ndarray) -> list[np.ndarray]:
    at = _unique_axis(node, x.ndim, axis)
    slices = np.moveaxis(x, at, 0)
    numbers = np.empty(len(slices), _index_dtype(node))
    seen: dict[Any, int] = {}
    first: list[int] = []
    # as new Python numbers: then a NaN equals nothing, itself included, and 0.0 equals -0.0
    flat = slices.tolist() if slices.ndim == 1 else [tuple(one.reshape(-1).tolist()) for one in slices]
    for i, key in enumerate(flat):
        number = seen.setdefault(key, len(first))
        if number == len(first):
            first.append(i)
        numbers[i] = number
    outputs = [np.take(x, np.array(first, np.int64), at), numbers]
    if "WithCounts" in node.op:
        outputs.append(np.bincount(numbers, minlength=len(first)).astype(numbers.dtype))
    return outputs


def _infer_list_diff(node: Node, x: Operand, y: Operand) -> list[Spec]:
    for operand in (x, y):
        require(len(operand.shape) == 1, node, f"an input of shape {operand.shape}", "it takes vectors")
    return [Spec(x.dtype, None), Spec(_index_dtype(node), None)]


def _list_diff(node: Node, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """The elements of x that are not in y, in their order, and their positions."""
    excluded = set(y.tolist())
    kept = np.array([i for i, value in enumerate(x.tolist()) if value not in excluded], np.int64)
    return [x[kept], kept.astype(_index_dtype(node))]


def _infer_dynamic_partition(node: Node, data: Operand, partitions: Operand) -> list[Spec]:
    """num_partitions outputs [how many, the rest of data's shape]."""
    count = node.attrs["num_partitions"]
    require(count >= 1, node, f"num_partitions {count}", "it must be at least 1")
    fits = data.shape[: len(partitions.shape)] == partitions.shape
    require(
        fits,
        node,
        f"data {data.shape} and partitions {partitions.shape}",
        "the data's shape must start with the partitions'",
    )
    return [Spec(data.dtype, None)] * count


def _dynamic_partition(node: Node, data: np.ndarray, partitions: np.ndarray) -> list[np.ndarray]:
    """Raises ExecutionError for a partition that is not in [0, num_partitions)."""
    count = node.attrs["num_partitions"]
    outside = partitions[(partitions < 0) | (partitions >= count)]
    if outside.size:
        raise ExecutionError(f"{node.op} node {node.name!r}: partition {outside.flat[0]} is not in [0, {count}).")
    return [data[partitions == number, ...].reshape(-1, *data.shape[partitions.ndim :]) for number in range(count)]


def _infer_dynamic_stitch(node: Node, *operands: Operand) -> Spec:
    """[the largest index + 1, ...]; each data array has the shape of its indices followed by the same rest."""
    indices, arrays = operands[: len(operands) // 2], operands[len(operands) // 2 :]
    require(
        len(arrays) == len(indices) > 0,
        node,
        f"{len(operands)} inputs",
        "it takes as many indices as data, at least one",
    )
    rest = arrays[0].shape[len(indices[0].shape) :]
    for index, array in zip(indices, arrays, strict=True):
        fits = array.shape == (*index.shape, *rest) and array.dtype == arrays[0].dtype
        require(fits, node, f"indices {index.shape} and data {array.spec}", f"the data must be {(*index.shape, *rest)}")
    values = [index.value for index in indices]
    if any(value is None for value in values):
        return Spec(arrays[0].dtype, None)
    return Spec(arrays[0].dtype, (_stitched_size([value for value in values if value is not None]), *rest))


def _stitched_size(indices: list[np.ndarray]) -> int:
    return max((int(index.max()) + 1 for index in indices if index.size), default=0)


def _dynamic_stitch(node: Node, *arrays: np.ndarray) -> np.ndarray:
    """out[indices[m][i]] = data[m][i]; later ones win, places that no index names are 0."""
    indices, parts = list(arrays[: len(arrays) // 2]), arrays[len(arrays) // 2 :]
    if any(index.size and index.min() < 0 for index in indices):
        raise ExecutionError(f"{node.op} node {node.name!r}: an index is negative.")
    rest = parts[0].shape[indices[0].ndim :]
    shape = (_stitched_size(indices), *rest)
    out = np.full(shape, b"", object) if parts[0].dtype == object else np.zeros(shape, parts[0].dtype)
    for index, part in zip(indices, parts, strict=True):
        for place, value in zip(index.reshape(-1), part.reshape(-1, *rest), strict=True):
            out[place] = value
    return out


# _Front: what is left of a padded result, which a kernel has made, when its padding is cut off.


def _infer_front(node: Node, x: Operand, count: Operand) -> Spec:
    return Spec(x.dtype, None)


def _front(node: Node, x: np.ndarray, count: np.ndarray) -> np.ndarray:
    """x[:count]"""
    return x[: int(count)].copy()


def _lower_front(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """No kernel can give its output a size; that the op has a lowering tells reports that this is the reason."""
    return NotImplemented


register("_Front", infer=_infer_front, reference=_front, lower=_lower_front)
register("Where", infer=_infer_where, reference=_where)
for _op in ("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2"):
    register(_op, infer=_infer_unique, reference=_unique)
register("ListDiff", infer=_infer_list_diff, reference=_list_diff)
register("DynamicPartition", infer=_infer_dynamic_partition, reference=_dynamic_partition)
for _op in ("DynamicStitch", "ParallelDynamicStitch"):
    register(_op, infer=_infer_dynamic_stitch, reference=_dynamic_stitch)
