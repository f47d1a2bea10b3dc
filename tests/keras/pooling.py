"""Pooling of one to three dimensions: fixed windows, global, and to a given size."""

from __future__ import annotations

from tests.keras.case import Cases, layers, merge, values, variants

_LINE = values(15, 4)
_IMAGE = values(11, 9, 5)
_VOLUME = values(7, 6, 5, 3)
_BY_RANK = {1: _LINE, 2: _IMAGE, 3: _VOLUME}
_UNKNOWN = {1: values(None, 4), 2: values(None, None, 3), 3: values(None, None, None, 2)}


def _windows(kind: str, rank: int) -> Cases:
    name = f"{kind}{rank}D"
    layer = getattr(layers, name)
    wide = (3, 2, 1)[:rank] if rank > 1 else 3
    return merge(
        variants(
            name,
            _BY_RANK[rank],
            halves=layer(2),
            same_strides=layer(3, strides=2, padding="same"),
            overlapping=layer(wide, strides=1),
            same_overlapping=layer(wide, strides=1, padding="same"),
            channels_first=layer(2, padding="same", data_format="channels_first"),
        ),
        variants(name, _UNKNOWN[rank], unknown_size=layer(2, strides=1, padding="same")),
    )


def _globals(kind: str, rank: int) -> Cases:
    name = f"{kind}{rank}D"
    layer = getattr(layers, name)
    return merge(
        variants(
            name,
            _BY_RANK[rank],
            plain=layer(),
            keepdims=layer(keepdims=True),
            channels_first=layer(data_format="channels_first"),
        ),
        variants(name, _UNKNOWN[rank], unknown_size=layer()),
    )


def _adaptive(kind: str, rank: int) -> Cases:
    name = f"{kind}{rank}D"
    layer = getattr(layers, name)
    divisible, uneven = {1: (5, 4), 2: ((11, 3), (4, 2)), 3: ((7, 3, 5), (3, 4, 2))}[rank]
    return variants(
        name,
        _BY_RANK[rank],
        divisible=layer(divisible),
        uneven=layer(uneven),
        channels_first=layer(2, data_format="channels_first"),
    )


CASES = merge(
    *(_windows(kind, rank) for kind in ("MaxPooling", "AveragePooling") for rank in (1, 2, 3)),
    *(_globals(kind, rank) for kind in ("GlobalMaxPooling", "GlobalAveragePooling") for rank in (1, 2, 3)),
    *(_adaptive(kind, rank) for kind in ("AdaptiveMaxPooling", "AdaptiveAveragePooling") for rank in (1, 2, 3)),
)
