"""Matrices with elements outside a band set to zero: MatrixBandPart.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/MatrixBandPart
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.concat import scalar_of
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import WIDTHS, tiles_of, width_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require


def _infer_band(node: Node, x: Operand, lower: Operand, upper: Operand) -> Spec:
    require(len(x.shape) >= 2, node, f"an input of shape {x.shape}", "it takes matrices")
    for bound, size in zip((lower, upper), x.shape[-2:], strict=True):
        if bound.value is not None:
            _bound(node, bound.value, size)
    return x.spec


def _bound(node: Node, value: np.ndarray, size: int) -> int:
    """How many diagonals are kept on one side; all if it is negative."""
    bound = scalar_of(node, value, "a bound")
    require(bound <= size, node, f"a bound of {bound}", f"it must be negative or at most {size}")
    return size if bound < 0 else bound


def _band(node: Node, x: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """x[..., i, j] where i - j <= lower and j - i <= upper, else 0; a negative bound is none."""
    below, above = (_bound(node, value, size) for value, size in zip((lower, upper), x.shape[-2:], strict=True))
    away = np.arange(x.shape[-1]) - np.arange(x.shape[-2])[:, None]
    inside = (-away <= below) & (away <= above)
    return np.where(inside, x, x.dtype.type(0))


@kernel("T[:] x, int64 rows, int64 height, int64 width, int64 below, int64 above, T[:] out", T=WIDTHS)
def band_part(x, rows, height, width, below, above, out, worker, workers):  # type: ignore[no-untyped-def]
    """Row by row: zeros, the elements from i - below to i + above, zeros."""
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        i, start = row % height, row * width
        first = min(max(i - below, 0), width)
        last = max(first, min(i + above + 1, width))
        for j in range(first):
            out[np.uint64(start + j)] = 0
        for j in range(first, last):
            out[np.uint64(start + j)] = x[np.uint64(start + j)]
        for j in range(last, width):
            out[np.uint64(start + j)] = 0


def _lower_band(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, lower, upper = operands
    width = width_of(x.dtype)
    if width is None or lower.value is None or upper.value is None:
        return NotImplemented
    height, cols = x.shape[-2:]
    below, above = _bound(node, lower.value, height), _bound(node, upper.value, cols)
    tiles = tiles_of(math.prod(x.shape), x.dtype)
    emit.kernel(f"band_part<{width}>", x, math.prod(x.shape[:-1]), height, cols, below, above, outputs[0], tiles=tiles)
    return None


register("MatrixBandPart", infer=_infer_band, reference=_band, lower=_lower_band)
