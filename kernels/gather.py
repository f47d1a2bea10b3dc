"""Slices picked by index: Gather, GatherV2, GatherNd.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/GatherV2
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.concat import scalar_of
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.movement import WIDTHS, canonical_axis, steps_of, tiles_of, width_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_OUT_OF_RANGE = {1: "an index is out of range"}
_INDEX_DTYPES = ("int32", "int64")


def _axes(node: Node, x: Sequence[int], indices: Sequence[int], axis: int) -> tuple[int, int]:
    """The gathered axis and the number of batch axes, both checked."""
    batch = int(node.attrs.get("batch_dims", 0))
    batch = batch + len(indices) if batch < 0 else batch
    require(
        0 <= batch <= len(indices),
        node,
        f"batch_dims {batch} for indices of shape {tuple(indices)}",
        "it must be at most their rank",
    )
    at = canonical_axis(node, axis, len(x))
    require(batch <= at, node, f"batch_dims {batch} and axis {at}", "batch_dims must not exceed the axis")
    require(
        tuple(x[:batch]) == tuple(indices[:batch]),
        node,
        f"shapes {tuple(x)} and {tuple(indices)}",
        f"the first {batch} sizes must agree",
    )
    return at, batch


def _axis(node: Node, rest: Sequence[Any]) -> int:
    return scalar_of(node, rest[0], "the axis") if rest else 0


def _infer_gather(node: Node, x: Operand, indices: Operand, *rest: Operand) -> Spec:
    """x[batch, outer, axis, inner], indices[batch, picked] -> [batch, outer, picked, inner]."""
    at, batch = _axes(node, x.shape, indices.shape, _axis(node, [operand.known() for operand in rest]))
    return Spec(x.dtype, (*x.shape[:at], *indices.shape[batch:], *x.shape[at + 1 :]))


def _gather(node: Node, x: np.ndarray, indices: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """Raises ExecutionError for an index that is not in [0, size)."""
    at, batch = _axes(node, x.shape, indices.shape, _axis(node, rest))
    _require_in_range(node, indices, x.shape[at])
    if batch == 0:
        where: tuple[Any, ...] = (*(slice(None),) * at, indices, ...)
        return x[where]
    shape = (*x.shape[:at], *indices.shape[batch:], *x.shape[at + 1 :])
    batches = x.reshape(-1, *x.shape[batch:])
    picked = indices.reshape(len(batches), *indices.shape[batch:])
    taken = [np.take(one, which, at - batch) for one, which in zip(batches, picked, strict=True)]
    return np.stack(taken).reshape(shape) if taken else np.empty(shape, x.dtype)


def _require_in_range(node: Node, indices: np.ndarray, size: int) -> None:
    outside = indices[(indices < 0) | (indices >= size)]
    if outside.size:
        raise ExecutionError(f"{node.op} node {node.name!r}: index {outside.flat[0]} is not in [0, {size}).")


@kernel(
    "T[:] x, I[:] indices, int64 batches, int64 outer, int64 size, int64 picked, int64 inner, T[:] out",
    T=WIDTHS,
    I=_INDEX_DTYPES,
    errors=_OUT_OF_RANGE,
)
def gather(x, indices, batches, outer, size, picked, inner, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[b, o, p, :] = x[b, o, indices[b, p], :], in runs of `inner` elements; 1 for an index out of range."""
    rows = batches * outer * picked
    first, last = rows * worker // workers, rows * (worker + 1) // workers
    pick = first % picked
    run = first // picked  # over batches and outer
    for row in range(first, last):
        index = np.int64(indices[np.uint64(run // outer * picked + pick)])
        if index < 0 or index >= size:
            return 1
        source = (run * size + index) * inner
        target = row * inner
        for i in range(inner):
            out[np.uint64(target + i)] = x[np.uint64(source + i)]
        pick += 1
        if pick == picked:
            pick = 0
            run += 1
    return 0


def _lower_gather(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, indices, *rest = operands
    (out,) = outputs
    width = width_of(x.dtype)
    if width is None or str(indices.dtype) not in _INDEX_DTYPES:
        return NotImplemented
    count = math.prod(out.shape)
    if count == 0:
        return None if indices.value is None or 0 in indices.shape else NotImplemented
    at, batch = _axes(node, x.shape, indices.shape, _axis(node, [operand.known() for operand in rest]))
    emit.kernel(
        f"gather<{width},{indices.dtype}>",
        x,
        indices,
        math.prod(x.shape[:batch]),
        math.prod(x.shape[batch:at]),
        x.shape[at],
        math.prod(indices.shape[batch:]),
        math.prod(x.shape[at + 1 :]),
        out,
        tiles=tiles_of(count, x.dtype),
    )
    return None


def _infer_gather_nd(node: Node, x: Operand, indices: Operand) -> Spec:
    """indices[..., depth] are positions along the first `depth` axes of x: the output is [..., the rest of x]."""
    require(len(indices.shape) >= 1, node, "scalar indices", "they need at least one dimension")
    depth = indices.shape[-1]
    require(depth <= len(x.shape), node, f"positions of {depth} numbers", f"the input has {len(x.shape)} dimensions")
    return Spec(x.dtype, (*indices.shape[:-1], *x.shape[depth:]))


def _gather_nd(node: Node, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Raises ExecutionError for a position outside x, unless its policy is to give zeros for those."""
    depth = indices.shape[-1]
    if node.attrs.get("bad_indices_policy") == b"IGNORE":
        sizes = np.array(x.shape[:depth], np.int64)
        inside = ((indices >= 0) & (indices < sizes)).all(-1)
        out = np.full((*indices.shape[:-1], *x.shape[depth:]), b"" if x.dtype == object else 0, x.dtype)
        out[inside] = x[tuple(indices[inside][:, axis] for axis in range(depth))]
        return out
    for axis in range(depth):
        _require_in_range(node, indices[..., axis], x.shape[axis])
    if depth == 0:
        return np.broadcast_to(x, (*indices.shape[:-1], *x.shape)).copy()
    where: tuple[Any, ...] = (*(indices[..., axis] for axis in range(depth)), ...)
    return x[where]


@kernel_family("gather_nd", errors=_OUT_OF_RANGE)
def gather_nd(width: str, index: str, depth_text: str) -> Iterator[Any]:
    """out[n, :] = x[indices[n, 0], ..., indices[n, depth - 1], :]; `steps` count runs of `inner` elements."""
    depth = int(depth_text)
    numbers = ", ".join(f"int64 {name}.{axis}" for name in ("sizes", "steps") for axis in range(depth))
    yield f"{width}[:] x, {index}[:] indices, {numbers}, int64 count, int64 inner, {width}[:] out"

    def pick(x, indices, sizes, steps, count, inner, out, worker, workers):  # type: ignore[no-untyped-def]
        for n in range(count * worker // workers, count * (worker + 1) // workers):
            source = 0
            for axis in range(depth):
                position = np.int64(indices[np.uint64(n * depth + axis)])
                if position < 0 or position >= sizes[axis]:
                    return 1
                source += position * steps[axis]
            source *= inner
            target = n * inner
            for i in range(inner):
                out[np.uint64(target + i)] = x[np.uint64(source + i)]
        return 0

    yield pick


def _lower_gather_nd(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, indices = operands
    (out,) = outputs
    width, depth = width_of(x.dtype), indices.shape[-1]
    if node.attrs.get("bad_indices_policy") == b"IGNORE":
        return NotImplemented
    if width is None or str(indices.dtype) not in _INDEX_DTYPES or not 0 < depth <= 6 or 0 in out.shape:
        return NotImplemented
    sizes = x.shape[:depth]
    count = math.prod(indices.shape[:-1])
    tiles = tiles_of(math.prod(out.shape), x.dtype)
    inner = math.prod(x.shape[depth:])
    name = f"gather_nd<{width},{indices.dtype},{depth}>"
    emit.kernel(name, x, indices, *sizes, *steps_of(sizes), count, inner, out, tiles=tiles)
    return None


for _op in ("Gather", "GatherV2"):
    register(_op, infer=_infer_gather, reference=_gather, lower=_lower_gather)
register("GatherNd", infer=_infer_gather_nd, reference=_gather_nd, lower=_lower_gather_nd)
