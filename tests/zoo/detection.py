"""A detector in the manner of SSD: convolutions, anchors, decoded boxes, suppression of overlapping ones."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.zoo.recording import Call
from tests.zoo.saving import save_module

SIDE = 32
CLASSES = 3
SCALES = (0.15, 0.3)  # of the anchors, as shares of the image
MOST_BOXES = 60  # more than there are: the rest is padding


def backbone() -> keras.Model:
    """Images -> box offsets [batch, anchors, 4] and class logits [batch, anchors, classes], at two resolutions."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(image)
    offsets, logits = [], []
    for filters in (12, 16):
        y = layers.Conv2D(filters, 1, activation="relu6")(layers.DepthwiseConv2D(3, strides=2, padding="same")(y))
        anchors = len(SCALES) * (y.shape[1] * y.shape[2])
        offsets.append(layers.Reshape((anchors, 4))(layers.Conv2D(4 * len(SCALES), 3, padding="same")(y)))
        logits.append(layers.Reshape((anchors, CLASSES))(layers.Conv2D(CLASSES * len(SCALES), 3, padding="same")(y)))
    return keras.Model(image, [layers.Concatenate(axis=1)(offsets), layers.Concatenate(axis=1)(logits)])


def anchor_boxes() -> np.ndarray:
    """[anchors, 4]: centre y, centre x, height, width."""
    boxes = []
    for cells in (SIDE // 4, SIDE // 8):
        centres = (np.arange(cells) + 0.5) / cells
        boxes += [(y, x, scale, scale * 1.5) for y in centres for x in centres for scale in SCALES]
    return np.array(boxes, np.float32)


class Detector(tf.Module):
    """Three ways in which exported detectors end."""

    def __init__(self) -> None:
        super().__init__()
        self.network = backbone()
        self.anchors = tf.constant(anchor_boxes())

    def candidates(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Corners [batch, anchors, 4] and scores [batch, anchors, classes]."""
        offsets, logits = self.network(image, training=False)
        centre = self.anchors[:, :2] + 0.1 * offsets[..., :2] * self.anchors[:, 2:]
        size = self.anchors[:, 2:] * tf.exp(0.2 * offsets[..., 2:])
        return tf.concat([centre - size / 2, centre + size / 2], -1), tf.sigmoid(3.0 * logits)

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="image")])
    def combined(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = self.candidates(image)
        found = tf.image.combined_non_max_suppression(boxes[:, :, None], scores, 5, MOST_BOXES, 0.4, 0.5)
        return dict(found._asdict())

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32, name="image")])
    def soft(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = self.candidates(image)
        best = tf.reduce_max(scores[0], -1)
        chosen, kept = tf.image.non_max_suppression_with_scores(
            boxes[0], best, MOST_BOXES, iou_threshold=0.5, score_threshold=0.3, soft_nms_sigma=0.5
        )
        classes = tf.gather(tf.argmax(scores[0], -1), chosen)
        return {"boxes": tf.gather(boxes[0], chosen), "scores": kept, "classes": classes}

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="image")])
    def each(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        def one(boxes: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chosen, count = tf.image.non_max_suppression_padded(
                boxes, scores, MOST_BOXES, 0.5, 0.4, pad_to_max_output_size=True
            )
            return tf.gather(boxes, chosen), count

        boxes, scores = self.candidates(image)
        best = tf.reduce_max(scores, -1)
        spec = (tf.float32, tf.int32)
        found, counts = tf.map_fn(lambda pair: one(*pair), (boxes, best), fn_output_signature=spec)
        return {"boxes": found, "counts": counts}


def detector(folder: Path) -> list[Call]:
    random = np.random.default_rng(8)
    module = Detector()
    for variable in module.network.weights:
        if variable.name == "bias":
            variable.assign(random.normal(0.0, 0.2, variable.shape))
    images = random.normal(0.0, 1.0, (3, SIDE, SIDE, 3)).astype(np.float32)
    calls = [
        Call(f"{name}_{len(batch)}", name, {"image": batch})
        for name in ("combined", "each", "soft")
        for batch in ((images, images[:1]) if name != "soft" else (images[1:2],))
    ]
    names = ("combined", "each", "soft")
    return save_module(module, folder, calls, {name: getattr(module, name) for name in names})
