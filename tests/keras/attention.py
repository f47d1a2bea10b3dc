"""Attention: dot products, additive, many heads, grouped queries; masks of every kind."""

from __future__ import annotations

from tests.keras.case import Case, booleans, layers, merge, padded_ids, values, variants

_QUERY, _VALUE = values(4, 6), values(5, 6)
_PAIR = {"query": _QUERY, "value": _VALUE}
_UNKNOWN = {"query": values(None, 8), "value": values(None, 8)}

CASES = merge(
    variants(
        "Attention",
        (_QUERY, _VALUE),
        dot=layers.Attention(),
        scaled=layers.Attention(use_scale=True),
        concat=layers.Attention(score_mode="concat", use_scale=True),
    ),
    variants("Attention", (_QUERY, _VALUE, values(5, 6)), with_key=layers.Attention(dropout=0.5)),
    {
        "Attention_masked_causal": Case(
            "Attention",
            layers.Attention(),
            (_QUERY, _VALUE, booleans(4), booleans(5)),
            apply=lambda layer, x: layer(x[:2], mask=x[2:], use_causal_mask=True),
        ),
        "Attention_with_scores": Case(
            "Attention",
            layers.Attention(),
            (_QUERY, _VALUE),
            apply=lambda layer, x: layer(x, return_attention_scores=True),
        ),
        "AdditiveAttention_masked": Case(
            "AdditiveAttention",
            layers.AdditiveAttention(),
            (_QUERY, _VALUE, booleans(4), booleans(5)),
            apply=lambda layer, x: layer(x[:2], mask=x[2:]),
        ),
        "MultiHeadAttention_masked": Case(
            "MultiHeadAttention",
            layers.MultiHeadAttention(2, 3),
            (_QUERY, _VALUE, booleans(4, 5)),
            apply=lambda layer, x: layer(x[0], x[1], attention_mask=x[2]),
        ),
        "MultiHeadAttention_self_causal": Case(
            "MultiHeadAttention",
            layers.MultiHeadAttention(2, 4, dropout=0.1),
            _QUERY,
            apply=lambda layer, x: layer(x, x, use_causal_mask=True),
        ),
        "MultiHeadAttention_with_scores": Case(
            "MultiHeadAttention",
            layers.MultiHeadAttention(3, 2),
            _PAIR,
            call={"return_attention_scores": True},
        ),
        "MultiHeadAttention_padded_self": Case(
            "MultiHeadAttention",
            layers.MultiHeadAttention(2, 4),
            padded_ids(9, None),
            apply=lambda layer, x: layer(*[_embedded(layer)(x)] * 2),
        ),
        "GroupQueryAttention_causal_with_scores": Case(
            "GroupQueryAttention",
            layers.GroupQueryAttention(4, 6, 2),
            _PAIR,
            call={"return_attention_scores": True, "use_causal_mask": True},
        ),
    },
    variants(
        "AdditiveAttention",
        (_QUERY, _VALUE),
        plain=layers.AdditiveAttention(),
        no_scale=layers.AdditiveAttention(use_scale=False),
    ),
    variants(
        "MultiHeadAttention",
        _PAIR,
        plain=layers.MultiHeadAttention(2, 3),
        value_dim=layers.MultiHeadAttention(2, 3, value_dim=5, use_bias=False, output_shape=7),
    ),
    variants(
        "MultiHeadAttention",
        {"query": values(2, 3, 6), "value": values(2, 4, 6)},
        axes=layers.MultiHeadAttention(2, 3, attention_axes=(2,)),
    ),
    variants("MultiHeadAttention", _UNKNOWN, unknown_length=layers.MultiHeadAttention(2, 4)),
    variants(
        "GroupQueryAttention",
        _PAIR,
        plain=layers.GroupQueryAttention(4, 6, 2),
        one_group=layers.GroupQueryAttention(3, 4, 1, use_bias=False),
        window=layers.GroupQueryAttention(4, 4, 2, sliding_window=2),
        gate=layers.GroupQueryAttention(4, 4, 2, use_gate=True),
    ),
    variants("GroupQueryAttention", _UNKNOWN, unknown_length=layers.GroupQueryAttention(4, 2, 2)),
)


def _embedded(layer: object) -> object:
    """An embedding of padded numbers, which gives the attention its mask."""
    import keras

    return keras.layers.Embedding(9, 8, mask_zero=True)
