"""Normalisations over batch, group, features, and of weights."""

from __future__ import annotations

from tests.keras.case import layers, merge, padded, values, variants

_VECTOR = values(7)
_SEQUENCE = values(5, 6)
_IMAGE = values(5, 4, 6)

CASES = merge(
    variants(
        "BatchNormalization",
        _IMAGE,
        plain=layers.BatchNormalization(),
        no_affine=layers.BatchNormalization(center=False, scale=False, epsilon=0.1),
        axis=layers.BatchNormalization(axis=1),
        after_convolution=layers.Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()]),
        before_convolution=layers.Sequential([layers.BatchNormalization(), layers.Conv2D(4, 3, padding="same")]),
        after_depthwise=layers.Sequential([layers.DepthwiseConv2D(3), layers.BatchNormalization()]),
        after_transpose=layers.Sequential([layers.Conv2DTranspose(4, 3), layers.BatchNormalization()]),
    ),
    variants(
        "BatchNormalization",
        _VECTOR,
        vector=layers.BatchNormalization(),
        after_dense=layers.Sequential([layers.Dense(4, use_bias=False), layers.BatchNormalization()]),
    ),
    variants(
        "BatchNormalization", padded(5, 3), masked=layers.Sequential([layers.Masking(), layers.BatchNormalization()])
    ),
    variants(
        "GroupNormalization",
        _IMAGE,
        three=layers.GroupNormalization(groups=3),
        instance=layers.GroupNormalization(groups=-1, center=False),
        layer=layers.GroupNormalization(groups=1, scale=False, epsilon=0.01),
        axis=layers.GroupNormalization(groups=5, axis=1),
    ),
    variants(
        "LayerNormalization",
        _SEQUENCE,
        plain=layers.LayerNormalization(),
        no_affine=layers.LayerNormalization(center=False, scale=False, epsilon=0.1),
        axes=layers.LayerNormalization(axis=(1, 2)),
        axis=layers.LayerNormalization(axis=1),
    ),
    variants("LayerNormalization", values(None, None, 4), unknown_sizes=layers.LayerNormalization()),
    variants(
        "RMSNormalization",
        _SEQUENCE,
        plain=layers.RMSNormalization(),
        epsilon=layers.RMSNormalization(epsilon=0.1),
        axes=layers.RMSNormalization(axis=(1, 2)),
    ),
    variants(
        "UnitNormalization",
        _SEQUENCE,
        plain=layers.UnitNormalization(),
        axes=layers.UnitNormalization(axis=(1, 2)),
    ),
    variants(
        "SpectralNormalization",
        _IMAGE,
        convolution=layers.SpectralNormalization(layers.Conv2D(4, 3)),
        dense=layers.SpectralNormalization(layers.Dense(4), power_iterations=2),
    ),
)
