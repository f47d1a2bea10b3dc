"""Boxes drawn into images: DrawBoundingBoxes, DrawBoundingBoxesV2.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/DrawBoundingBoxesV2
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import copy_strided, tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

# red, green, blue, alpha; box i takes colour i modulo 10 (tensorflow/core/kernels/image/draw_bounding_box_op.cc)
_COLORS = np.array(
    [
        [1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0.5, 0, 0.5, 1], [0.5, 0.5, 0, 1], [0.5, 0, 0, 1],
        [0, 0, 0.5, 1], [0, 1, 1, 1], [1, 0, 1, 1],
    ],
    np.float32,
)  # fmt: skip
_FARTHEST = 2.0**62  # pixels: a place beyond is none


def _infer(node: Node, images: Operand, boxes: Operand, *colors: Operand) -> Spec:
    """images [batch, height, width, 1, 3 or 4], boxes [batch, boxes, 4], colors [colors, at least depth]."""
    is_image = len(images.shape) == 4 and images.shape[3] in (1, 3, 4)
    require(is_image, node, f"images of shape {images.shape}", "[batch, height, width, depth], depth 1, 3 or 4")
    fits = len(boxes.shape) == 3 and boxes.shape[0] == images.shape[0] and boxes.shape[2] == 4
    require(fits, node, f"boxes of shape {boxes.shape}", "[batch, boxes, 4]")
    for table in colors:
        is_table = len(table.shape) == 2 and table.shape[1] >= images.shape[3]
        require(is_table, node, f"colors of shape {table.shape}", f"[colors, {images.shape[3]} or more]")
    return images.spec


def _default_colors(depth: int) -> np.ndarray:
    return np.ones((len(_COLORS), 1), np.float32) if depth == 1 else _COLORS[:, :depth].copy()


def _draw(node: Node, images: np.ndarray, boxes: np.ndarray, *colors: np.ndarray) -> np.ndarray:
    """The images with the outlines of the boxes (y0, x0, y1, x1), where 1 is the last row or column.

    What a box has outside of the image is not drawn; a box that lies outside, or ends before it begins, is left out.
    """
    out = images.copy()
    _, height, width, depth = images.shape
    table = colors[0][:, :depth] if colors and colors[0].size else _default_colors(depth)
    scale = np.array([height - 1, width - 1] * 2, np.float32)
    with np.errstate(all="ignore"):
        corners = np.trunc(np.asarray(boxes, np.float32) * scale)
    is_number = (np.abs(corners) < _FARTHEST).all(-1)
    for image, batch in enumerate(corners):
        for number, corner in enumerate(batch):
            if not is_number[image, number]:
                continue
            y0, x0, y1, x1 = (int(place) for place in corner)
            if y0 > y1 or x0 > x1 or y0 >= height or y1 < 0 or x0 >= width or x1 < 0:
                continue
            color = table[number % len(table)].astype(images.dtype)
            rows, cols = slice(max(y0, 0), y1 + 1), slice(max(x0, 0), x1 + 1)
            for row in (y0, y1):
                if 0 <= row < height:
                    out[image, row, cols] = color
            for col in (x0, x1):
                if 0 <= col < width:
                    out[image, rows, col] = color
    return out


@kernel(
    "float32[:] boxes, float32[:] colors, int64 color_size, int64 batch, int64 height, int64 width, int64 depth, "
    "float32[:] out"
)
def draw_boxes(  # type: ignore[no-untyped-def]
    boxes, colors, color_size, batch, height, width, depth, out, worker, workers
):
    """The outlines of boxes [batch, count, 4] drawn into images out [batch, height, width, depth]; see `_draw`."""
    if batch == 0:
        return
    count = boxes.size // (4 * batch)
    reach_h, reach_w = np.float32(height - 1), np.float32(width - 1)
    for image in range(batch * worker // workers, batch * (worker + 1) // workers):
        for number in range(count):
            at = 4 * (image * count + number)
            f0, f1 = boxes[at] * reach_h, boxes[at + 2] * reach_h
            g0, g1 = boxes[at + 1] * reach_w, boxes[at + 3] * reach_w
            if not (abs(f0) < _FARTHEST and abs(f1) < _FARTHEST and abs(g0) < _FARTHEST and abs(g1) < _FARTHEST):
                continue
            y0, y1, x0, x1 = np.int64(f0), np.int64(f1), np.int64(g0), np.int64(g1)
            if y0 > y1 or x0 > x1 or y0 >= height or y1 < 0 or x0 >= width or x1 < 0:
                continue
            color = number % (colors.size // color_size) * color_size
            for y in range(max(y0, 0), min(y1, height - 1) + 1):
                is_side = y in (y0, y1)
                for x in range(max(x0, 0), min(x1, width - 1) + 1):
                    if is_side or x in (x0, x1):
                        target = ((image * height + y) * width + x) * depth
                        for c in range(depth):
                            out[np.uint64(target + c)] = colors[color + c]


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (images, boxes, *colors), (out,) = operands, outputs
    if any(operand.dtype != np.dtype(np.float32) for operand in operands):
        return NotImplemented
    batch, height, width, depth = images.shape
    given = math.prod(colors[0].shape) if colors else 0
    table = colors[0] if given else emit.constant(("box colors", depth), lambda: _default_colors(depth))
    copy_strided(emit, images, out, [math.prod(out.shape)], [1], [1])
    tiles = min(max(1, batch), tiles_of(math.prod(out.shape), out.dtype))
    emit.kernel("draw_boxes", boxes, table, table.shape[1], batch, height, width, depth, out, tiles=tiles)
    return None


for _op in ("DrawBoundingBoxes", "DrawBoundingBoxesV2"):
    register(_op, infer=_infer, reference=_draw, lower=_lower)
