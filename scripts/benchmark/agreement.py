"""How far the outputs of two contenders are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np


def difference(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> float:
    """max over the outputs of max|a - b| / max(|a|, |b|), both over a whole output; 0 for NaN and NaN.

    Infinite if names, shapes, strings, or the places of NaN and infinity differ.
    """
    if first.keys() != second.keys():
        return math.inf
    return max((array_difference(first[name], second[name]) for name in first), default=0.0)


def array_difference(a: np.ndarray, b: np.ndarray) -> float:
    """`difference` for one output."""
    if a.shape != b.shape or (a.dtype.kind == "S") != (b.dtype.kind == "S"):
        return math.inf
    if a.dtype.kind == "S":
        return 0.0 if np.array_equal(a, b) else math.inf
    wide = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    a, b = a.astype(wide), b.astype(wide)
    unequal = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    if not unequal.any():
        return 0.0
    if not (np.isfinite(a[unequal]).all() and np.isfinite(b[unequal]).all()):
        return math.inf
    largest = max(np.abs(array[np.isfinite(array)]).max() for array in (a, b))
    return float(np.abs(a[unequal] - b[unequal]).max() / largest)
