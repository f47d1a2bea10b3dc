"""The largest elements: TopK, TopKV2, InTopK, InTopKV2.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/TopKV2
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.concat import scalar_of
from edgeload.kernels.kernel import kernel
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_NUMBERS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_MOST_INSERTED = 64  # elements: above it, inserting each into a sorted list costs more than sorting the row


def _k(node: Node, shape: Sequence[int], k: Sequence[np.ndarray]) -> int:
    """How many; an input of TopKV2, an attribute of TopK."""
    count = scalar_of(node, k[0], "k") if k else node.attrs["k"]
    require(len(shape) >= 1, node, "a scalar", "the input needs at least one dimension")
    require(0 <= count <= shape[-1], node, f"k = {count}", f"it must be at most {shape[-1]}, the size of the last axis")
    return count


def _index_dtype(node: Node) -> np.dtype:
    return node.attrs.get("index_type", np.dtype(np.int32))


def _infer_top_k(node: Node, x: Operand, *k: Operand) -> list[Spec]:
    """Values and indices, [..., k], along the last axis."""
    shape = (*x.shape[:-1], _k(node, x.shape, [operand.known() for operand in k]))
    return [Spec(x.dtype, shape), Spec(_index_dtype(node), shape)]


def _top_k(node: Node, x: np.ndarray, *k: np.ndarray) -> list[np.ndarray]:
    """Descending; of equal elements the one with the lower index comes first. Unsorted results are sorted too."""
    count = _k(node, x.shape, k)
    backwards = np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    indices = (x.shape[-1] - 1 - backwards)[..., :count]
    return [np.take_along_axis(x, indices, -1), indices.astype(_index_dtype(node))]


@kernel("T[:] x, int64 rows, int64 cols, int64 k, T[:] values, I[:] indices", T=_NUMBERS, I=("int32", "int64"))
def top_k(x, rows, cols, k, values, indices, worker, workers):  # type: ignore[no-untyped-def]
    """The k largest of each row by insertion into a descending list."""
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        start = row * k
        count = 0
        for col in range(cols):
            value = x[np.uint64(row * cols + col)]
            if count == k and not value > values[np.uint64(start + k - 1)]:
                continue
            at = count if count < k else k - 1
            count = at + 1
            while at > 0 and value > values[np.uint64(start + at - 1)]:
                values[np.uint64(start + at)] = values[np.uint64(start + at - 1)]
                indices[np.uint64(start + at)] = indices[np.uint64(start + at - 1)]
                at -= 1
            values[np.uint64(start + at)] = value
            indices[np.uint64(start + at)] = col


def _lower_top_k(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, *_ = operands
    values, indices = outputs
    count = values.shape[-1]
    if str(x.dtype) not in _NUMBERS or not 0 < count <= _MOST_INSERTED:
        return NotImplemented
    rows = math.prod(x.shape[:-1])
    emit.kernel(
        f"top_k<{x.dtype},{indices.dtype}>",
        x,
        rows,
        x.shape[-1],
        count,
        values,
        indices,
        tiles=max(1, min(rows, math.prod(x.shape) >> 14)),
    )
    return None


def _infer_in_top_k(node: Node, predictions: Operand, targets: Operand, *k: Operand) -> Spec:
    fits = len(predictions.shape) == 2 and targets.shape == predictions.shape[:1]
    found = f"predictions {predictions.shape} and targets {targets.shape}"
    require(fits, node, found, "they must be [batch, classes] and [batch]")
    return Spec(np.dtype(bool), targets.shape)


def _in_top_k(node: Node, predictions: np.ndarray, targets: np.ndarray, *k: np.ndarray) -> np.ndarray:
    """Whether fewer than k predictions exceed the target's. False for a target out of range and rows not all finite."""
    count = scalar_of(node, k[0], "k") if k else node.attrs["k"]
    classes = predictions.shape[1]
    inside = (targets >= 0) & (targets < classes)
    if classes == 0:
        return inside
    of_target = np.take_along_axis(predictions, np.where(inside, targets, 0)[:, None].astype(np.int64), 1)
    return inside & np.isfinite(predictions).all(1) & ((predictions > of_target).sum(1) < count)


register("TopK", infer=_infer_top_k, reference=_top_k, lower=_lower_top_k)
register("TopKV2", infer=_infer_top_k, reference=_top_k, lower=_lower_top_k)


@kernel("float32[:] predictions, I[:] targets, I[:] k, int64 classes, bool[:] out", I=("int32", "int64"))
def in_top_k(predictions, targets, k, classes, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[row] = whether fewer than k[0] predictions of the row exceed the target's, and all are finite."""
    for row in range(out.size * worker // workers, out.size * (worker + 1) // workers):
        target = np.int64(targets[row])
        is_in = target >= 0 and target < classes
        if is_in:
            own = predictions[row * classes + target]
            above = 0
            for col in range(classes):
                value = predictions[row * classes + col]
                above += value > own
                is_in &= value - value == 0  # not so for infinities and NaN
            is_in &= above < k[0]
        out[row] = is_in


def _lower_in_top_k(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    predictions, targets, *given = operands
    (out,) = outputs
    if given and given[0].shape != ():
        return NotImplemented
    count = node.attrs.get("k", 0)
    k = given[0] if given else emit.constant(("k", count, str(targets.dtype)), lambda: np.array(count, targets.dtype))
    tiles = max(1, min(out.shape[0], math.prod(predictions.shape) >> 14))
    emit.kernel(f"in_top_k<{targets.dtype}>", predictions, targets, k, predictions.shape[1], out, tiles=tiles)
    return None


register("InTopK", infer=_infer_in_top_k, reference=_in_top_k, lower=_lower_in_top_k)
register("InTopKV2", infer=_infer_in_top_k, reference=_in_top_k, lower=_lower_in_top_k)
