"""Small whole networks as they run on devices."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from tests.zoo.recording import Call
from tests.zoo.saving import Inputs, save_keras

TOKENS = 128  # a sequence's length in `text_encoder`
VOCABULARY = 8192


def dense_mlp(folder: Path) -> list[Call]:
    x = features = keras.Input((16,), name="features")
    for units in (64, 64):
        x = layers.Dense(units, activation="relu")(x)
    return save_keras(keras.Model(features, layers.Dense(4, activation="softmax")(x)), folder)


def keyword_spotting(folder: Path) -> list[Call]:
    """The DS-CNN for keyword spotting over 49 frames of 10 coefficients."""
    x = spectrogram = keras.Input((49, 10, 1), name="spectrogram")
    x = layers.Conv2D(64, (10, 4), strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for _ in range(4):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(64, 1, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.4)(layers.GlobalAveragePooling2D()(x))
    return save_keras(keras.Model(spectrogram, layers.Dense(12, activation="softmax")(x)), folder)


def autoencoder(folder: Path) -> list[Call]:
    x = image = keras.Input((28, 28, 1), name="image")
    for channels in (8, 16):
        x = layers.Conv2D(channels, 3, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.1)(layers.BatchNormalization()(x))
    x = layers.Dense(24, activation="tanh")(layers.Flatten()(x))
    x = layers.Reshape((7, 7, 16))(layers.Dense(7 * 7 * 16, activation="relu")(x))
    for channels in (16, 8):
        x = layers.Conv2DTranspose(channels, 3, strides=2, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return save_keras(keras.Model(image, x), folder)


def residual_net(folder: Path) -> list[Call]:
    """Two residual blocks: the sum of a convolution and its skip, with a projection in the second."""
    x = image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for channels, stride in ((8, 1), (16, 2)):
        skip = x if stride == 1 else layers.Conv2D(channels, 1, strides=stride)(x)
        x = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same", use_bias=False)(x))
        x = layers.ReLU()(layers.Add()([x, skip]))
    x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return save_keras(keras.Model(image, x), folder)


def inverted_residual(folder: Path) -> list[Call]:
    """A MobileNetV3 block: expand, depthwise 5x5, squeeze and excite with hard sigmoid, project, add."""
    x = image = keras.Input((14, 14, 16), name="image")
    x = layers.BatchNormalization()(layers.Conv2D(48, 1, use_bias=False)(x))
    x = layers.Activation("hard_silu")(x)
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x))
    x = excited = layers.Activation("silu")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(12, 1, activation="relu")(gate)
    gate = layers.Conv2D(48, 1, activation="hard_sigmoid")(gate)
    x = layers.Multiply()([excited, gate])
    x = layers.BatchNormalization()(layers.Conv2D(16, 1, use_bias=False)(x))
    return save_keras(keras.Model(image, layers.Add()([image, x])), folder)


def text_encoder(folder: Path) -> list[Call]:
    """BERT's encoder, small: 4 layers, 4 heads, 256 wide, over tokens of which a mask says how many are there."""
    width = 256
    tokens = keras.Input((TOKENS,), name="tokens", dtype="int32")
    mask = keras.Input((TOKENS,), name="mask", dtype="int32")
    is_there = layers.Reshape((1, TOKENS))(mask)
    positions = keras.ops.arange(TOKENS)[np.newaxis]
    x = layers.Embedding(VOCABULARY, width)(tokens)
    x = layers.Add()([x, layers.Embedding(TOKENS, width)(positions)])
    x = layers.LayerNormalization(epsilon=1e-12)(x)
    for _ in range(4):
        attended = layers.MultiHeadAttention(4, width // 4)(x, x, attention_mask=is_there)
        x = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([x, attended]))
        hidden = layers.Dense(4 * width, activation="gelu")(x)
        x = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([x, layers.Dense(width)(hidden)]))
    outputs = {"sequence": x, "pooled": layers.Dense(width, activation="tanh")(x[:, 0])}
    cases = {f"batch_{batch}": token_inputs(batch) for batch in (1, 3)}
    return save_keras(keras.Model([tokens, mask], outputs), folder, cases=cases)


def token_inputs(batch: int) -> Inputs:
    """Random tokens; the second sequence is a quarter shorter, the third by half."""
    tokens = np.random.default_rng(batch).integers(0, VOCABULARY, (batch, TOKENS))
    lengths = TOKENS - TOKENS // 4 * np.arange(batch)[:, np.newaxis]
    mask = np.arange(TOKENS) < lengths
    return {"tokens": (tokens * mask).astype(np.int32), "mask": mask.astype(np.int32)}


def signal_autoencoder(folder: Path) -> list[Call]:
    """A 1-D convolutional autoencoder, as for the vibrations of a machine: 1024 samples of 3 axes."""
    x = signal = keras.Input((1024, 3), name="signal")
    for channels in (16, 32, 64):
        x = layers.Conv1D(channels, 7, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv1D(8, 1)(x)
    for channels in (64, 32, 16):
        x = layers.Conv1DTranspose(channels, 7, strides=2, padding="same", activation="relu")(x)
    return save_keras(keras.Model(signal, layers.Conv1D(3, 7, padding="same")(x)), folder)
