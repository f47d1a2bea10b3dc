"""Windows at given places of images: ExtractGlimpse, ExtractGlimpseV2.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/ExtractGlimpseV2

Host steps. What lies outside of the image is noise, which like TensorFlow's is new in every call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.registry import Node, Operand, Spec, register, require

_NOISES = (b"uniform", b"gaussian", b"zero")


def _infer(node: Node, x: Operand, size: Operand, offsets: Operand) -> Spec:
    """x [batch, in_h, in_w, channels], size [2], offsets [batch, 2] -> [batch, height, width, channels]."""
    require(len(x.shape) == 4, node, f"input of shape {x.shape}", "[batch, height, width, channels]")
    require(size.shape == (2,), node, f"a size of shape {size.shape}", "height and width")
    wanted = (x.shape[0], 2)
    require(offsets.shape == wanted, node, f"offsets of shape {offsets.shape}", f"y and x for each image, {wanted}")
    noise = node.attrs.get("noise", b"uniform")
    require(noise in _NOISES, node, f"noise {noise!r}", "uniform, gaussian or zero")
    height, width = (int(number) for number in size.known())
    require(height > 0 and width > 0, node, f"a size of {height} x {width}", "both must be positive")
    return Spec(x.dtype, (x.shape[0], height, width, x.shape[3]))


def _start(node: Node, offset: np.ndarray, in_size: int, size: int) -> np.ndarray:
    """The first row (or column) of each glimpse, cut towards zero as TensorFlow's conversion does; in float32."""
    attrs, float32 = node.attrs, np.float32
    is_normalized, is_centered = attrs.get("normalized", True), attrs.get("centered", True)
    half_image, half_glimpse = float32(in_size) / float32(2), float32(size) / float32(2)
    at = offset.astype(float32)
    if is_normalized:
        at = at * float32(in_size)
    if node.op == "ExtractGlimpse":
        if is_centered:
            at = at / float32(2) + half_image
        at = at - half_glimpse
    elif is_centered:
        at = at / float32(2) + half_image - half_glimpse if is_normalized else at + half_image
    if not (np.abs(at) < 2.0**62).all():
        raise ExecutionError(f"{node.op} node {node.name!r}: offsets {at} are no places in an image")
    return np.trunc(at).astype(np.int64)


def _noise(node: Node, shape: tuple[int, ...]) -> Any:
    kind = node.attrs.get("noise", b"uniform")
    if kind == b"zero" or not node.attrs.get("uniform_noise", True) and "noise" not in node.attrs:
        return np.zeros(shape, np.float32)
    generator = np.random.default_rng()
    numbers = generator.random(shape) if kind == b"uniform" else generator.standard_normal(shape)
    return numbers.astype(np.float32)


def _glimpses(node: Node, x: np.ndarray, size: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The window of each image that begins at its offset; noise where the image ends."""
    height, width = (int(number) for number in size)
    _, in_h, in_w, channels = x.shape
    out = np.empty((len(x), height, width, channels), x.dtype)
    tops = _start(node, offsets[:, 0], in_h, height)
    lefts = _start(node, offsets[:, 1], in_w, width)
    for image, glimpse, top, left in zip(x, out, tops.tolist(), lefts.tolist(), strict=True):
        rows = slice(max(top, 0), max(min(top + height, in_h), 0))
        cols = slice(max(left, 0), max(min(left + width, in_w), 0))
        part = image[rows, cols]
        if part.shape != glimpse.shape:
            glimpse[...] = _noise(node, glimpse.shape)
        if part.size:
            at_row, at_col = max(-top, 0), max(-left, 0)
            glimpse[at_row : at_row + part.shape[0], at_col : at_col + part.shape[1]] = part
    return out


for _op in ("ExtractGlimpse", "ExtractGlimpseV2"):
    register(_op, infer=_infer, reference=_glimpses)
