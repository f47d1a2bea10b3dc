"""Cumsum and Cumprod: running sums and products along one axis.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Cumsum
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels.complex_planes import as_pairs, is_complex
from edgeload.kernels.functions import NUMBERS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_ELEMENTS_PER_TILE = 1 << 14


@kernel_family("cumulative")
def cumulative(operation: str, dtype: str) -> Iterator[Any]:
    """out[o, r, i] = x[o, 0, i] OP ... OP x[o, r, i], shape [outer, size, inner].

    `exclusive` leaves x[o, r, i] out; `reverse` goes from the last r to the first.
    """
    yield f"{dtype}[:] x, int64 outer, int64 size, int64 inner, int64 exclusive, int64 reverse, {dtype}[:] out"
    kind = np.dtype(dtype).type
    start = kind(0 if operation == "sum" else 1)
    is_sum = operation == "sum"

    def run(x, outer, size, inner, exclusive, reverse, out, worker, workers):  # type: ignore[no-untyped-def]
        count = outer * inner
        for place in range(count * worker // workers, count * (worker + 1) // workers):
            at = (place // inner) * size * inner + place % inner
            total = start
            for step in range(size):
                index = np.uint64(at + (size - 1 - step if reverse else step) * inner)
                value = x[index]
                before = total
                total = kind(total + value) if is_sum else kind(total * value)
                out[index] = before if exclusive else total

    yield run


def _axis(node: Node, rank: int, axis: np.ndarray) -> int:
    require(np.size(axis) == 1, node, f"{np.size(axis)} axes", "one axis")
    chosen = int(np.asarray(axis).reshape(()))
    require(-rank <= chosen < rank, node, f"axis {chosen}", f"for {rank} dimensions it must be in [{-rank}, {rank})")
    return chosen % rank


def _infer(node: Node, x: Operand, axis: Operand) -> Spec:
    _axis(node, len(x.shape), axis.known())
    return x.spec


def _reference(node: Node, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    accumulate, start = (np.cumsum, 0) if node.op == "Cumsum" else (np.cumprod, 1)
    x = np.moveaxis(x, _axis(node, x.ndim, axis), 0)
    x = x[::-1] if node.attrs["reverse"] else x
    if node.attrs["exclusive"]:
        x = np.concatenate([np.full_like(x[:1], start), x[:-1]])
    with np.errstate(all="ignore"):
        result = accumulate(x, axis=0, dtype=x.dtype)
    result = result[::-1] if node.attrs["reverse"] else result
    return np.ascontiguousarray(np.moveaxis(result, 0, _axis(node, x.ndim, axis)))


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x, axis), (out,) = operands, outputs
    assert axis.value is not None
    chosen = _axis(node, len(x.shape), axis.value)
    if is_complex(x.dtype) and node.op == "Cumsum":
        x, out = as_pairs(x), as_pairs(out)
    if getattr(x.dtype, "name", "") not in NUMBERS:
        return NotImplemented
    outer, inner = int(np.prod(x.shape[:chosen])), int(np.prod(x.shape[chosen + 1 :]))
    operation = "sum" if node.op == "Cumsum" else "prod"
    flags = int(node.attrs["exclusive"]), int(node.attrs["reverse"])
    tiles = min(max(1, outer * inner), max(1, int(np.prod(x.shape)) // _ELEMENTS_PER_TILE))
    emit.may_share(out, x)
    emit.kernel(f"cumulative<{operation},{x.dtype.name}>", x, outer, x.shape[chosen], inner, *flags, out, tiles=tiles)
    return None


register("Cumsum", infer=_infer, reference=_reference, lower=_lower)
register("Cumprod", infer=_infer, reference=_reference, lower=_lower)
