"""Networks that compute in float16, bfloat16 or float64, and weights stored in halves."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.zoo.recording import Call
from tests.zoo.saving import save_keras, save_module


def _vision(dtype: str | keras.DTypePolicy) -> keras.Model:
    """Convolutions of all kinds with batch normalisation, pooling, padding, squeeze and excite, dense layers."""
    x = image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, dtype=dtype)(x)
    x = layers.ReLU(6.0, dtype=dtype)(layers.BatchNormalization(dtype=dtype)(x))
    skip = x
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, dtype=dtype)(x)
    x = layers.Activation("silu", dtype=dtype)(layers.BatchNormalization(dtype=dtype)(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True, dtype=dtype)(x)
    gate = layers.Conv2D(16, 1, activation="sigmoid", dtype=dtype)(gate)
    x = layers.Multiply(dtype=dtype)([x, gate])
    x = layers.Add(dtype=dtype)([layers.Conv2D(16, 1, dtype=dtype)(x), skip])
    x = layers.MaxPooling2D(2, dtype=dtype)(layers.ZeroPadding2D(1, dtype=dtype)(x))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="elu", dtype=dtype)(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same", dtype=dtype)(x)
    x = layers.Dense(24, activation="tanh", dtype=dtype)(layers.Flatten(dtype=dtype)(x))
    return keras.Model(image, layers.Dense(5, activation="softmax", dtype=dtype)(x))


def _text(dtype: str | keras.DTypePolicy) -> keras.Model:
    """An encoder block: attention, layer normalisation, GELU; and a recurrent layer behind it."""
    x = states = keras.Input((7, 16), name="states")
    attended = layers.MultiHeadAttention(2, 8, dtype=dtype)(x, x)
    x = layers.LayerNormalization(dtype=dtype)(layers.Add(dtype=dtype)([x, attended]))
    wide = layers.Dense(32, activation="gelu", dtype=dtype)(x)
    x = layers.LayerNormalization(dtype=dtype)(layers.Add(dtype=dtype)([x, layers.Dense(16, dtype=dtype)(wide)]))
    x = layers.Conv1D(12, 3, padding="causal", activation="softplus", dtype=dtype)(x)
    x = layers.LSTM(6, return_sequences=True, dtype=dtype)(x)
    x = layers.GRU(5, dtype=dtype)(x)
    return keras.Model(states, layers.Dense(3, dtype=dtype)(x))


def mixed_float16_vision(folder: Path) -> list[Call]:
    return save_keras(_vision("mixed_float16"), folder)


def mixed_float16_text(folder: Path) -> list[Call]:
    return save_keras(_text("mixed_float16"), folder)


def bfloat16_vision(folder: Path) -> list[Call]:
    return save_keras(_vision("bfloat16"), folder)


def bfloat16_text(folder: Path) -> list[Call]:
    return save_keras(_text("mixed_bfloat16"), folder)


def float64_vision(folder: Path) -> list[Call]:
    return save_keras(_vision("float64"), folder)


def float64_text(folder: Path) -> list[Call]:
    return save_keras(_text("float64"), folder)


class _Stored(tf.Module):
    """Weights in float16 and bfloat16, which are cast to float32 where they are used."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self.filter = tf.Variable(tf.cast(random.normal(0, 0.3, (3, 3, 2, 8)), tf.float16))
        self.matrix = tf.Variable(tf.cast(random.normal(0, 0.3, (8, 4)), tf.bfloat16))

    @tf.function(input_signature=[tf.TensorSpec([None, 6, 6, 2], tf.float32)])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        y = tf.nn.relu(tf.nn.conv2d(x, tf.cast(self.filter, tf.float32), 1, "SAME"))
        return {"y": tf.reduce_mean(y, [1, 2]) @ tf.cast(self.matrix, tf.float32)}


def stored_halves(folder: Path) -> list[Call]:
    random = np.random.default_rng(4)
    x = random.standard_normal((3, 6, 6, 2)).astype(np.float32)
    return save_module(_Stored(random), folder, [Call("batch_3", "obj.(root)", {"0": x})])
