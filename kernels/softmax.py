"""Softmax and LogSoftmax over the last axis.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Softmax
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels.functions import FLOATS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import ELEMENTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require


@kernel_family("softmax")
def softmax(form: str, dtype: str = "float32") -> Iterator[Any]:
    """out[r] = e^(x[r] - m) / sum(e^(x[r] - m)) with m = max(x[r]), or ("log") its logarithm; shape [rows, cols].

    The largest exponent is 0, so that large logits do not overflow; a row with infinity or only -infinity is NaN.
    """
    yield f"{dtype}[:] x, int64 rows, int64 cols, {dtype}[:] out"
    from edgeload.kernels.simd import softmax_row

    write_row = softmax_row(form == "log")

    def walk(x, rows, cols, out, worker, workers):  # type: ignore[no-untyped-def]
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            write_row(x, row * cols, cols, out)

    yield walk


def _infer(node: Node, x: Operand) -> Spec:
    require(len(x.shape) >= 1, node, "a scalar", "one or more dimensions")
    return x.spec


def _softmax(node: Node, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        exponentials = np.exp(wide - np.max(wide, axis=-1, keepdims=True, initial=-np.inf))
        return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), x.dtype)


def _log_softmax(node: Node, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        shifted = wide - np.max(wide, axis=-1, keepdims=True, initial=-np.inf)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), x.dtype)


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,), (out,) = operands, outputs
    if getattr(x.dtype, "name", "") not in FLOATS:
        return NotImplemented
    count = int(np.prod(x.shape))
    if count == 0:
        return None
    rows = count // x.shape[-1]
    emit.may_share(out, x)
    form = "log" if node.op == "LogSoftmax" else "plain"
    form += "" if x.dtype == np.dtype(np.float32) else f",{x.dtype.name}"
    tiles = pieces(rows, count, ELEMENTS)
    emit.kernel(f"softmax<{form}>", x, rows, x.shape[-1], out, tiles=tiles)
    return None


register("Softmax", infer=_infer, reference=_softmax, lower=_lower)
register("LogSoftmax", infer=_infer, reference=_log_softmax, lower=_lower)
