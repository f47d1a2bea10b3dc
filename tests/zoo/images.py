"""Pooling, resizing, padding and cropping layers, one output a variant; sizes computed in floats."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.zoo.recording import Call
from tests.zoo.saving import save_keras, save_module


def pooling(folder: Path) -> list[Call]:
    image = keras.Input((11, 9, 5), name="image")
    outputs = {
        "max_2": layers.MaxPooling2D(2)(image),
        "max_3_stride2_same": layers.MaxPooling2D(3, strides=2, padding="same")(image),
        "max_3x2_stride1": layers.MaxPooling2D((3, 2), strides=1)(image),
        "max_3_stride1_same": layers.MaxPooling2D(3, strides=1, padding="same")(image),
        "average_2": layers.AveragePooling2D(2)(image),
        "average_3_stride2_same": layers.AveragePooling2D(3, strides=2, padding="same")(image),
        "average_3_stride1_same": layers.AveragePooling2D(3, strides=1, padding="same")(image),
        "average_whole": layers.AveragePooling2D((11, 9))(image),
        "global_max": layers.GlobalMaxPooling2D()(image),
        "global_average": layers.GlobalAveragePooling2D()(image),
        "global_average_keepdims": layers.GlobalAveragePooling2D(keepdims=True)(image),
    }
    return save_keras(keras.Model(image, outputs), folder)


def pooling_1d(folder: Path) -> list[Call]:
    sequence = keras.Input((15, 4), name="sequence")
    outputs = {
        "max": layers.MaxPooling1D(2)(sequence),
        "max_same": layers.MaxPooling1D(3, strides=2, padding="same")(sequence),
        "average": layers.AveragePooling1D(3)(sequence),
        "global_max": layers.GlobalMaxPooling1D()(sequence),
        "global_average": layers.GlobalAveragePooling1D()(sequence),
    }
    return save_keras(keras.Model(sequence, outputs), folder)


def resizing(folder: Path) -> list[Call]:
    image = keras.Input((6, 5, 3), name="image")
    outputs = {
        "upsample_nearest": layers.UpSampling2D(2)(image),
        "upsample_nearest_3x2": layers.UpSampling2D((3, 2))(image),
        "upsample_bilinear": layers.UpSampling2D(2, interpolation="bilinear")(image),
        "resize_bilinear_up": layers.Resizing(9, 13)(image),
        "resize_bilinear_down": layers.Resizing(4, 3)(image),
        "resize_nearest": layers.Resizing(8, 3, interpolation="nearest")(image),
        "upsample_1d": layers.UpSampling1D(3)(layers.Reshape((30, 3))(image)),
    }
    return save_keras(keras.Model(image, outputs), folder)


def padding_cropping(folder: Path) -> list[Call]:
    image = keras.Input((7, 6, 3), name="image")
    outputs = {
        "zero": layers.ZeroPadding2D(((1, 2), (3, 0)))(image),
        "zero_then_valid_conv": layers.Conv2D(4, 3, strides=2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(image)),
        "crop": layers.Cropping2D(((1, 2), (0, 3)))(image),
        "zero_1d": layers.ZeroPadding1D(2)(layers.Reshape((42, 3))(image)),
        "crop_1d": layers.Cropping1D((3, 1))(layers.Reshape((42, 3))(image)),
        "reflect": layers.Lambda(lambda x: tf.pad(x, [[0, 0], [2, 1], [1, 2], [0, 0]], "REFLECT"))(image),
        "symmetric": layers.Lambda(lambda x: tf.pad(x, [[0, 0], [2, 1], [1, 2], [0, 0]], "SYMMETRIC"))(image),
    }
    return save_keras(keras.Model(image, outputs), folder)


class RoundedSizes(tf.Module):
    """Sizes that depend on the last bit of divisions, which TensorFlow does exactly or by a reciprocal: by constants of
    the graph, by captured ones and by variables."""

    def __init__(self) -> None:
        super().__init__()
        self.captured, self.variable = tf.constant(0.3), tf.Variable(0.3)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="image")])
    def fit(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        height = tf.cast(tf.shape(image)[1], tf.float32)
        steps = height + tf.range(40.0)
        exact = tf.zeros_like(steps)
        for _ in tf.range(2):
            exact += tf.floor(steps * 0.7 / self.captured) + tf.floor(steps / self.variable)
        return {
            "padded": tf.image.resize_with_pad(image, 24, 31),
            "tenths": tf.floor(steps / 0.1),
            "chain": tf.cast(steps / 10.0 * 0.7 / 0.1, tf.int32),
            "exact": exact,
            "log_softmax": tf.math.log(tf.nn.softmax(steps * 30.0)),
            "log1p": tf.math.log(1.0 + steps * 1e-10) * 1e10,
        }


def rounded_sizes(folder: Path) -> list[Call]:
    sizes = [(48, 100), (7, 7), (13, 99), (90, 33), (60, 70)]
    images = [np.linspace(-1, 1, height * width * 3, dtype=np.float32) for height, width in sizes]
    calls = [
        Call(f"{height}x{width}", "serving_default", {"image": image.reshape(1, height, width, 3)})
        for (height, width), image in zip(sizes, images, strict=True)
    ]
    module = RoundedSizes()
    return save_module(module, folder, calls, module.fit)
