"""Convolutions of one to three dimensions: strides, dilations, groups, paddings, both data formats.

Data formats and dilations that TensorFlow's CPU kernels refuse are left out: there is nothing to compare with.
"""

from __future__ import annotations

from tests.keras.case import layers, merge, values, variants

_LINE = values(15, 6)
_IMAGE = values(11, 9, 6)
_VOLUME = values(7, 6, 5, 4)

CASES = merge(
    variants(
        "Conv1D",
        _LINE,
        valid=layers.Conv1D(5, 3),
        same_strides=layers.Conv1D(5, 4, strides=2, padding="same", activation="relu"),
        causal=layers.Conv1D(5, 3, padding="causal"),
        causal_dilated=layers.Conv1D(5, 2, padding="causal", dilation_rate=3, activation="tanh"),
        same_dilated=layers.Conv1D(5, 3, padding="same", dilation_rate=2, use_bias=False),
        groups=layers.Conv1D(8, 3, groups=2, padding="same"),
        pointwise=layers.Conv1D(5, 1),
    ),
    variants("Conv1D", values(None, 6), unknown_length=layers.Conv1D(5, 3, strides=2, padding="same")),
    variants(
        "Conv2D",
        _IMAGE,
        valid=layers.Conv2D(5, 3),
        same_strides=layers.Conv2D(5, (3, 2), strides=(2, 1), padding="same", activation="relu"),
        dilated=layers.Conv2D(5, 3, dilation_rate=(2, 1), padding="same"),
        groups=layers.Conv2D(9, 3, groups=3, activation="silu"),
        pointwise=layers.Conv2D(7, 1, use_bias=False),
        pointwise_strides=layers.Conv2D(7, 1, strides=2),
        large=layers.Conv2D(4, 7, strides=3, padding="same"),
        whole=layers.Conv2D(4, (11, 9)),
    ),
    variants(
        "Conv2D",
        values(None, None, 3),
        unknown_size=layers.Conv2D(4, 3, strides=2, padding="same"),
    ),
    variants(
        "Conv3D",
        _VOLUME,
        valid=layers.Conv3D(5, 3),
        same_strides=layers.Conv3D(5, (3, 2, 1), strides=(1, 2, 2), padding="same", activation="relu"),
        dilated=layers.Conv3D(3, 2, dilation_rate=2),
        groups=layers.Conv3D(6, 3, groups=2, padding="same"),
        channels_first=layers.Conv3D(3, 2, data_format="channels_first"),
    ),
    variants(
        "Conv1DTranspose",
        _LINE,
        valid=layers.Conv1DTranspose(5, 3),
        same_strides=layers.Conv1DTranspose(5, 4, strides=2, padding="same", activation="relu"),
        output_padding=layers.Conv1DTranspose(5, 3, strides=3, padding="same", output_padding=1),
    ),
    variants(
        "Conv2DTranspose",
        _IMAGE,
        valid=layers.Conv2DTranspose(5, 3),
        same_strides=layers.Conv2DTranspose(5, (4, 3), strides=2, padding="same", activation="relu"),
        output_padding=layers.Conv2DTranspose(4, 3, strides=(3, 2), padding="same", output_padding=1),
        no_bias=layers.Conv2DTranspose(4, 2, strides=3, use_bias=False),
    ),
    variants("Conv2DTranspose", values(None, None, 3), unknown_size=layers.Conv2DTranspose(4, 2, strides=2)),
    variants(
        "Conv3DTranspose",
        values(4, 3, 5, 3),
        valid=layers.Conv3DTranspose(4, 3),
        same_strides=layers.Conv3DTranspose(2, (3, 2, 2), strides=2, padding="same", activation="relu"),
    ),
    variants(
        "DepthwiseConv1D",
        _LINE,
        valid=layers.DepthwiseConv1D(3),
        multiplier=layers.DepthwiseConv1D(4, strides=2, padding="same", depth_multiplier=2, activation="relu"),
        dilated=layers.DepthwiseConv1D(3, dilation_rate=2, padding="same"),
        channels_first=layers.DepthwiseConv1D(3, data_format="channels_first"),
    ),
    variants(
        "DepthwiseConv2D",
        _IMAGE,
        valid=layers.DepthwiseConv2D(3),
        same_strides=layers.DepthwiseConv2D(5, strides=2, padding="same", activation="relu6"),
        multiplier=layers.DepthwiseConv2D((3, 2), depth_multiplier=3, padding="same", use_bias=False),
        dilated=layers.DepthwiseConv2D(3, dilation_rate=2, padding="same"),
        channels_first=layers.DepthwiseConv2D(3, data_format="channels_first"),
    ),
    variants(
        "SeparableConv1D",
        _LINE,
        valid=layers.SeparableConv1D(5, 3),
        multiplier=layers.SeparableConv1D(5, 4, strides=2, padding="same", depth_multiplier=2, activation="relu"),
        dilated=layers.SeparableConv1D(5, 3, dilation_rate=3, padding="same"),
        channels_first=layers.SeparableConv1D(5, 3, data_format="channels_first"),
    ),
    variants(
        "SeparableConv2D",
        _IMAGE,
        valid=layers.SeparableConv2D(5, 3),
        multiplier=layers.SeparableConv2D(5, 4, strides=2, padding="same", depth_multiplier=2, activation="relu"),
        dilated=layers.SeparableConv2D(5, 3, dilation_rate=2, padding="same", use_bias=False),
        channels_first=layers.SeparableConv2D(5, 3, data_format="channels_first"),
    ),
)
