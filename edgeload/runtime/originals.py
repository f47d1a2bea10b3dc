"""Weights as the model has them, out of weights as kernels take them.

An artefact maps its packed weights. The originals, which reading a variable or planning another shape takes, are not
stored beside them a second time but as what they differ by from what the packed ones tell: packing moves elements, and
a batch normalisation's scale, which was multiplied in, divides out again up to the last bits of a few elements.

    original = unpack(packed) / scale + difference      as integers, in units of the last place; exact
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np


class Rule(NamedTuple):
    """Which tensor `packed` is made of the original. `filter`: its shape as [kernel_h, kernel_w, group_in, out_c], in
    which it was packed for `groups` and `columns`; None when elements are in order. `scale`: a tensor's number."""

    packed: int
    filter: tuple[int, int, int, int] | None
    groups: int
    columns: int
    scale: int | None


def difference(original: np.ndarray, predicted: np.ndarray) -> bytes | None:
    """What `restore` needs besides the prediction; None where they differ too much."""
    if original.dtype not in (np.float32, np.float64):
        return None
    steps = _bits(original).astype(np.int64) - _bits(predicted)
    if steps.size and (steps.min() < -128 or steps.max() > 127):
        return None
    return zlib.compress(steps.astype(np.int8).tobytes(), 9)


def restore(predicted: np.ndarray, data: bytes) -> np.ndarray:
    """The original. Raises ValueError for data that does not fit."""
    steps = np.frombuffer(zlib.decompress(data), np.int8).reshape(predicted.shape)
    return (_bits(predicted) + steps).view(predicted.dtype)


def predict(packed: np.ndarray, scale: np.ndarray | None, rule: Rule, shape: tuple[int, ...]) -> np.ndarray:
    """The original but for the last bits, in its shape. Raises ValueError for a rule that does not fit."""
    array = packed
    if rule.filter is not None:
        kernel_h, kernel_w, group_in, out_c = rule.filter
        inner = kernel_h * kernel_w * group_in
        panels = packed.reshape(rule.groups, -1, inner, rule.columns)
        matrix = panels.transpose(2, 0, 1, 3).reshape(inner, rule.groups, -1)
        array = np.ascontiguousarray(matrix[:, :, : out_c // rule.groups])
    if scale is not None:
        with np.errstate(all="ignore"):
            array = array.reshape(-1, scale.size) / scale
    return np.ascontiguousarray(array).reshape(shape)


def _bits(array: np.ndarray) -> np.ndarray:
    """Floats as integers: neighbours of one sign are neighbours."""
    return array.view(np.int32 if array.dtype == np.float32 else np.int64)
