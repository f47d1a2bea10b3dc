"""Boxes drawn into images: DrawBoundingBoxes, DrawBoundingBoxesV2. Host steps.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/DrawBoundingBoxesV2
"""

from __future__ import annotations

import numpy as np

from edgeload.kernels.registry import Node, Operand, Spec, register, require

# red, green, blue, alpha; box i takes colour i modulo 10 (tensorflow/core/kernels/image/draw_bounding_box_op.cc)
_COLORS = np.array(
    [
        [1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0.5, 0, 0.5, 1], [0.5, 0.5, 0, 1], [0.5, 0, 0, 1],
        [0, 0, 0.5, 1], [0, 1, 1, 1], [1, 0, 1, 1],
    ],
    np.float32,
)  # fmt: skip


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


def _draw(node: Node, images: np.ndarray, boxes: np.ndarray, *colors: np.ndarray) -> np.ndarray:
    """The images with the outlines of the boxes (y0, x0, y1, x1), where 1 is the last row or column.

    What a box has outside of the image is not drawn; a box that lies outside, or ends before it begins, is left out.
    """
    out = images.copy()
    _, height, width, depth = images.shape
    if colors and colors[0].size:
        table = colors[0][:, :depth]
    else:
        table = np.ones((len(_COLORS), 1), np.float32) if depth == 1 else _COLORS[:, :depth]
    scale = np.array([height - 1, width - 1] * 2, np.float32)
    with np.errstate(all="ignore"):
        corners = np.trunc(np.asarray(boxes, np.float32) * scale)
    is_number = (np.abs(corners) < 2.0**62).all(-1)
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


for _op in ("DrawBoundingBoxes", "DrawBoundingBoxesV2"):
    register(_op, infer=_infer, reference=_draw)
