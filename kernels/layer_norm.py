"""Layer normalisation: rows shifted and scaled by their own mean and variance, in one step.

Own op `_LayerNorm`: inputs x [..., size] and vectors [size]; attribute `expression` over a0 = x, a1 = the mean of its
row, a2 = the mean of (a0 - a1)^2, and a3, a4, ... = the vectors. The pass `fuse_layer_norm` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels import expressions
from edgeload.kernels.functions import FLOATS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import ELEMENTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require


@kernel_family("layer_norm")
def layer_norm(expression: str, dtype: str, vectors: str) -> Iterator[Any]:
    """out[r] = expression(x[r], mean(x[r]), mean((x[r] - mean(x[r]))^2), *vectors), shape [rows, cols]."""
    names = [f"{dtype}[:] vectors.{index}" for index in range(int(vectors))]
    yield ", ".join([f"{dtype}[:] x", *names, "int64 rows", "int64 cols", f"{dtype}[:] out"])
    from edgeload.kernels.simd import normalize_row

    write_row = normalize_row(expression)

    def walk(x, vectors, rows, cols, out, worker, workers):  # type: ignore[no-untyped-def]
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            write_row(x, row * cols, cols, vectors, out)

    yield walk


def _infer(node: Node, x: Operand, *vectors: Operand) -> Spec:
    require(len(x.shape) >= 1, node, "a scalar", "one or more dimensions")
    for vector in vectors:
        require(vector.shape == x.shape[-1:], node, f"a vector {vector.shape}", f"the shape {x.shape[-1:]}")
    return x.spec


def _reference(node: Node, x: np.ndarray, *vectors: np.ndarray) -> np.ndarray:
    """In float64."""
    wide = x.astype(np.float64)
    mean = wide.mean(axis=-1, keepdims=True)
    variance = np.square(wide - mean).mean(axis=-1, keepdims=True)
    operands = [wide, mean, variance, *(vector.astype(np.float64) for vector in vectors)]
    return expressions.evaluate(node.attrs["expression"], operands).astype(x.dtype)


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x, *vectors), (out,) = operands, outputs
    if getattr(x.dtype, "name", "") not in FLOATS:
        return NotImplemented
    count = math.prod(x.shape)
    if count == 0:
        return None
    rows = count // x.shape[-1]
    emit.may_share(out, x)
    given = vectors or [x]  # which the expression does not read
    emit.kernel(
        f"layer_norm<{node.attrs['expression']},{x.dtype.name},{len(given)}>",
        x, *given, rows, x.shape[-1], out, tiles=pieces(rows, count, ELEMENTS),
    )  # fmt: skip
    return None


register("_LayerNorm", infer=_infer, reference=_reference, lower=_lower)
