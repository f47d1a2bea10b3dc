"""Boxes cut out of images and brought to one size: CropAndResize.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/CropAndResize; coordinates in float32 as in
tensorflow/core/kernels/image/crop_and_resize_op.cc.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32 = np.dtype(np.float32)
_IMAGES = ("float32", "float64", "uint8", "uint16", "int8", "int16", "int32", "int64")


def _infer_crop(node: Node, images: Operand, boxes: Operand, of_box: Operand, size: Operand) -> Spec:
    """images[batch, h, w, channels], boxes[count, 4] -> float32 [count, crop_h, crop_w, channels]."""
    fits = (
        len(images.shape) == 4 and len(boxes.shape) == 2 and boxes.shape[1:] == (4,) and of_box.shape == boxes.shape[:1]
    )
    found = f"images {images.shape}, boxes {boxes.shape}, box_ind {of_box.shape}"
    require(fits, node, found, "they must be [batch, height, width, channels], [count, 4] and [count]")
    require(min(images.shape[1:3]) > 0, node, f"images of shape {images.shape}", "they must not be empty")
    method = node.attrs.get("method", b"bilinear")
    require(method in (b"bilinear", b"nearest"), node, f"method {method!r}", "it must be bilinear or nearest")
    crop = size.known()
    valid = crop.shape == (2,) and int(crop.min()) > 0
    require(valid, node, f"crop_size {crop.tolist()}", "it must be two positive numbers")
    return Spec(_FLOAT32, (boxes.shape[0], int(crop[0]), int(crop[1]), images.shape[3]))


def _crop_positions(first: np.float32, last: np.float32, in_size: int, count: int) -> np.ndarray:
    """Where in the image the crop's rows (or columns) lie, float32; `first` and `last` are fractions of the image."""
    reach = np.float32(in_size - 1)
    if count == 1:
        return np.array([np.float32(0.5) * (first + last) * reach], np.float32)
    scale = (last - first) * reach / np.float32(count - 1)
    return (first * reach + np.arange(count).astype(np.float32) * scale).astype(np.float32)


def _crop_and_resize(
    node: Node, images: np.ndarray, boxes: np.ndarray, of_box: np.ndarray, size: np.ndarray
) -> np.ndarray:
    """Each box of its image, resampled; what lies outside the image is extrapolation_value."""
    batch, height, width, channels = images.shape
    crop_h, crop_w = int(size[0]), int(size[1])
    if of_box.size and (of_box.min() < 0 or of_box.max() >= batch):
        raise ExecutionError(f"{node.op} node {node.name!r}: box_ind {of_box.tolist()} must lie in [0, {batch}).")
    out = np.full((len(boxes), crop_h, crop_w, channels), node.attrs.get("extrapolation_value", 0.0), np.float32)
    for n, (box, image) in enumerate(zip(boxes.astype(np.float32), of_box, strict=True)):
        y = _crop_positions(box[0], box[2], height, crop_h)
        x = _crop_positions(box[1], box[3], width, crop_w)
        rows, cols = np.flatnonzero((y >= 0) & (y <= height - 1)), np.flatnonzero((x >= 0) & (x <= width - 1))
        out[n][np.ix_(rows, cols)] = _sample(node, images[image], y[rows], x[cols])
    return out


def _sample(node: Node, image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The image at rows y and columns x, between pixels bilinear or (halves away from zero) the nearest."""
    if node.attrs.get("method", b"bilinear") == b"nearest":
        rows, cols = np.floor(y + np.float32(0.5)).astype(int), np.floor(x + np.float32(0.5)).astype(int)
        return image[np.ix_(rows, cols)].astype(np.float32)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.ceil(y).astype(int), np.ceil(x).astype(int)
    down, across = (y - top.astype(np.float32))[:, None, None], (x - left.astype(np.float32))[None, :, None]
    pixels = image.astype(np.float32)
    upper = pixels[np.ix_(top, left)] + (pixels[np.ix_(top, right)] - pixels[np.ix_(top, left)]) * across
    lower = pixels[np.ix_(bottom, left)] + (pixels[np.ix_(bottom, right)] - pixels[np.ix_(bottom, left)]) * across
    result: Any = upper + (lower - upper) * down
    return np.asarray(result)


@kernel(
    "T[:] images, float32[:] boxes, int32[:] of_box, int64 batch, int64 in_h, int64 in_w, int64 channels, "
    "int64 crop_h, int64 crop_w, int64 is_nearest, float32 extrapolation, float32[:] out",
    T=_IMAGES,
    errors={1: "box_ind has an index outside of the images"},
)
def crop_and_resize(  # type: ignore[no-untyped-def]
    images, boxes, of_box, batch, in_h, in_w, channels, crop_h, crop_w, is_nearest, extrapolation, out, worker, workers
):
    """out[n, i, j, :] = image of_box[n] at row y1 + i * step, column likewise; boxes [count, (y1, x1, y2, x2)]."""
    half, one = np.float32(0.5), np.float32(1)
    reach_h, reach_w = np.float32(in_h - 1), np.float32(in_w - 1)
    rows = of_box.size * crop_h
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        n, i = row // crop_h, row % crop_h
        image = np.int64(of_box[n])
        if image < 0 or image >= batch:
            return 1
        y1, x1, y2, x2 = boxes[4 * n], boxes[4 * n + 1], boxes[4 * n + 2], boxes[4 * n + 3]
        y = half * (y1 + y2) * reach_h
        if crop_h > 1:
            y = y1 * reach_h + np.float32(i) * ((y2 - y1) * reach_h / np.float32(crop_h - 1))
        scale = (x2 - x1) * reach_w / max(np.float32(crop_w - 1), one)
        for j in range(crop_w):
            x = x1 * reach_w + np.float32(j) * scale if crop_w > 1 else half * (x1 + x2) * reach_w
            target = (row * crop_w + j) * channels
            if not (y >= 0 and y <= reach_h and x >= 0 and x <= reach_w):
                for c in range(channels):
                    out[np.uint64(target + c)] = extrapolation
                continue
            if is_nearest:
                source = ((image * in_h + np.int64(y + half)) * in_w + np.int64(x + half)) * channels
                for c in range(channels):
                    out[np.uint64(target + c)] = np.float32(images[np.uint64(source + c)])
                continue
            top, left = np.int64(y), np.int64(x)
            down, across = y - np.float32(top), x - np.float32(left)
            to_right = channels if across > 0 else 0
            upper = ((image * in_h + top) * in_w + left) * channels
            lower = upper + (in_w * channels if down > 0 else 0)
            for c in range(channels):
                a, b = np.float32(images[np.uint64(upper + c)]), np.float32(images[np.uint64(upper + to_right + c)])
                d, e = np.float32(images[np.uint64(lower + c)]), np.float32(images[np.uint64(lower + to_right + c)])
                above, below = a + (b - a) * across, d + (e - d) * across
                out[np.uint64(target + c)] = above + (below - above) * down
    return 0


def _lower_crop(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    images, boxes, of_box, _ = operands
    (out,) = outputs
    if getattr(images.dtype, "name", "") not in _IMAGES or boxes.dtype != _FLOAT32:
        return NotImplemented
    method = int(node.attrs.get("method", b"bilinear") == b"nearest")
    extrapolation = float(node.attrs.get("extrapolation_value", 0.0))
    tiles = max(1, min(out.shape[0] * out.shape[1], math.prod(out.shape) >> 13))
    emit.kernel(
        f"crop_and_resize<{images.dtype.name}>", images, boxes, of_box, *images.shape, *out.shape[1:3], method,
        extrapolation, out, tiles=tiles
    )  # fmt: skip
    return None


register("CropAndResize", infer=_infer_crop, reference=_crop_and_resize, lower=_lower_crop)
