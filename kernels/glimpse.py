"""Windows at given places of images: ExtractGlimpse, ExtractGlimpseV2.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/ExtractGlimpseV2

What lies outside of the image is 0 or noise, which like TensorFlow's is new in every call: then it is a host step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_NOISES = (b"uniform", b"gaussian", b"zero")
_FARTHEST = 2.0**62  # pixels: a place beyond is none


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
    if not (np.abs(at) < _FARTHEST).all():
        raise ExecutionError(f"{node.op} node {node.name!r}: offsets {at} are no places in an image")
    return np.trunc(at).astype(np.int64)


def _is_still(node: Node) -> bool:
    """Whether there is no noise."""
    return node.attrs.get("noise", b"uniform") == b"zero" or (
        not node.attrs.get("uniform_noise", True) and "noise" not in node.attrs
    )


def _noise(node: Node, shape: tuple[int, ...]) -> Any:
    if _is_still(node):
        return np.zeros(shape, np.float32)
    generator = np.random.default_rng()
    is_uniform = node.attrs.get("noise", b"uniform") == b"uniform"
    numbers = generator.random(shape) if is_uniform else generator.standard_normal(shape)
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


@kernel(
    "float32[:] x, float32[:] offsets, int64 in_h, int64 in_w, int64 channels, int64 height, int64 width, "
    "int64 is_first_version, int64 is_centered, int64 is_normalized, float32[:] out",
    errors={1: "offsets are no places in an image"},
)
def glimpses(  # type: ignore[no-untyped-def]
    x, offsets, in_h, in_w, channels, height, width, is_first_version, is_centered, is_normalized, out, worker, workers
):
    """out[b, i, j, :] = x[b, top + i, left + j, :], 0 outside; places as in `_start`, of offsets [batch, 2]."""
    two = np.float32(2)
    rows = offsets.size // 2 * height
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        image = row // height
        top = left = np.int64(0)
        for axis in range(2):
            in_size, size = np.float32(in_w if axis else in_h), np.float32(width if axis else height)
            at = offsets[2 * image + axis]
            if is_normalized:
                at = at * in_size
            if is_first_version:
                if is_centered:
                    at = at / two + in_size / two
                at = at - size / two
            elif is_centered:
                at = at / two + in_size / two - size / two if is_normalized else at + in_size / two
            if not abs(at) < _FARTHEST:
                return 1
            if axis:
                left = np.int64(at)
            else:
                top = np.int64(at)
        y = top + row % height
        for j in range(width):
            target = (row * width + j) * channels
            if y < 0 or y >= in_h or left + j < 0 or left + j >= in_w:
                for c in range(channels):
                    out[np.uint64(target + c)] = np.float32(0)
            else:
                source = ((image * in_h + y) * in_w + left + j) * channels
                for c in range(channels):
                    out[np.uint64(target + c)] = x[np.uint64(source + c)]
    return 0


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x, _, offsets), (out,) = operands, outputs
    if not _is_still(node) or x.dtype != np.dtype(np.float32) or offsets.dtype != np.dtype(np.float32):
        return NotImplemented
    attrs = node.attrs
    flags = node.op == "ExtractGlimpse", attrs.get("centered", True), attrs.get("normalized", True)
    tiles = min(max(1, out.shape[0] * out.shape[1]), tiles_of(math.prod(out.shape), x.dtype))
    emit.kernel("glimpses", x, offsets, *x.shape[1:], *out.shape[1:3], *map(int, flags), out, tiles=tiles)
    return None


for _op in ("ExtractGlimpse", "ExtractGlimpseV2"):
    register(_op, infer=_infer, reference=_glimpses, lower=_lower)
