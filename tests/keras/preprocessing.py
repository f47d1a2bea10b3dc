"""Preprocessing of numbers, categories, text and sound."""

from __future__ import annotations

import numpy as np

from tests.keras.case import (
    FOURIER,
    SENTENCES,
    STRINGS,
    VOCABULARY,
    Case,
    Cases,
    Values,
    ids,
    layers,
    merge,
    sentences,
    unit,
    values,
    variants,
    words,
)

_VECTOR = values(3)
_NUMBERS = np.random.default_rng(5).normal(2.0, 3.0, (50, 3)).astype(np.float32)
_INTEGERS = Values((4,), "ids", "int64", 30)
_INTEGER = Values((1,), "ids", "int64", 30)
_LOOKUP = [3, 1, 4, 15, 9, 26]
_WORDS = list(VOCABULARY)
_IDF = [0.5, 1.5, 2.0, 0.25, 3.0]
_STRINGS = {"host_ops": STRINGS}

_NUMERIC = merge(
    variants(
        "Normalization",
        _VECTOR,
        {"adapt": _NUMBERS},
        adapted=layers.Normalization(),
        whole=layers.Normalization(axis=None),
        inverted=layers.Normalization(invert=True),
    ),
    variants("Normalization", _VECTOR, given=layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.5, 1.0])),
    variants(
        "Discretization",
        _VECTOR,
        boundaries=layers.Discretization([-1.0, 0.0, 0.5]),
        one_hot=layers.Discretization([-1.0, 0.0, 0.5], output_mode="one_hot"),
        multi_hot=layers.Discretization([-1.0, 0.0, 0.5], output_mode="multi_hot"),
        count=layers.Discretization([-1.0, 0.0, 0.5], output_mode="count"),
    ),
    variants("Discretization", _VECTOR, {"adapt": _NUMBERS}, adapted=layers.Discretization(num_bins=4)),
    variants(
        "CategoryEncoding",
        ids(5, 3),
        multi_hot=layers.CategoryEncoding(5),
        count=layers.CategoryEncoding(5, output_mode="count"),
    ),
    variants("CategoryEncoding", ids(5, 1), one_hot=layers.CategoryEncoding(5, output_mode="one_hot")),
    {
        "CategoryEncoding_weighted": Case(
            "CategoryEncoding",
            layers.CategoryEncoding(5, output_mode="count"),
            (ids(5, 3), unit(3)),
            apply=lambda layer, x: layer(x[0], count_weights=x[1]),
        )
    },
    variants("Rescaling", _VECTOR, scale=layers.Rescaling(1 / 255), both=layers.Rescaling(2.0, offset=-1.0)),
    variants("Rescaling", values(2, 3), broadcast=layers.Rescaling([1.0, 2.0, 3.0], offset=[0.0, -1.0, 1.0])),
    variants("Rescaling", Values((4, 4, 3), "ids", "uint8", 256), bytes=layers.Rescaling(1 / 127.5, offset=-1)),
    variants(
        "STFTSpectrogram",
        values(120, 1),
        log=layers.STFTSpectrogram(frame_length=32, frame_step=16),
        magnitude=layers.STFTSpectrogram("magnitude", frame_length=20, frame_step=8, fft_length=32, padding="same"),
        phase=layers.STFTSpectrogram("angle", frame_length=16, window="hamming", periodic=True),
        complex_parts=layers.STFTSpectrogram("stft", frame_length=32, scaling="spectrum", expand_dims=True),
        power=layers.STFTSpectrogram("psd", frame_length=32, window=None, scaling=None),
    ),
    variants(
        "MelSpectrogram",
        values(256),
        {"host_ops": FOURIER},
        decibels=layers.MelSpectrogram(64, 16, num_mel_bins=12, sampling_rate=2000),
        power=layers.MelSpectrogram(64, 32, 48, num_mel_bins=8, power_to_db=False, mag_exp=1.0, sampling_rate=2000),
    ),
    variants(
        "Pipeline",
        values(6, 5, 3),
        two=layers.Pipeline([layers.Rescaling(2.0), layers.CenterCrop(4, 4)]),
        one=layers.Pipeline([layers.Resizing(3, 4)]),
    ),
)


def _modes(kind: str, inputs: Values, mask: object, **arguments: object) -> Cases:
    """The outputs that a lookup can give."""
    layer = getattr(layers, kind)
    return merge(
        variants(
            kind,
            inputs,
            _STRINGS,
            numbers=layer(**arguments),
            masked=layer(mask_token=mask, **arguments),
            multi_hot=layer(output_mode="multi_hot", **arguments),
            count=layer(output_mode="count", num_oov_indices=2, **arguments),
            tf_idf=layer(output_mode="tf_idf", idf_weights=_IDF, **arguments),
            no_unknown_slot=layer(num_oov_indices=1, max_tokens=20, pad_to_max_tokens=True, **arguments),
        ),
        variants(
            kind,
            Values((1,), inputs.kind, inputs.dtype, inputs.below),
            _STRINGS,
            one_hot=layer(output_mode="one_hot", **arguments),
        ),
    )


_LOOKUPS = merge(
    _modes("StringLookup", words(4), "", vocabulary=_WORDS),
    _modes("IntegerLookup", _INTEGERS, 0, vocabulary=_LOOKUP[:5]),
    variants(
        "StringLookup",
        ids(6, 4),
        _STRINGS,
        inverted=layers.StringLookup(vocabulary=_WORDS, invert=True),
    ),
    variants("StringLookup", words(4), _STRINGS | {"adapt": np.array(_WORDS * 2)}, adapted=layers.StringLookup()),
    variants(
        "StringLookup",
        words(2, 3),
        _STRINGS,
        unknown_hashed=layers.StringLookup(vocabulary=_WORDS, num_oov_indices=3),
        unknown_salted=layers.StringLookup(vocabulary=_WORDS, num_oov_indices=3, salt=[1, 2]),
    ),
    variants(
        "IntegerLookup",
        Values((4,), "ids", "int64", 7),
        _STRINGS,
        inverted=layers.IntegerLookup(vocabulary=_LOOKUP, invert=True),
    ),
    variants(
        "IntegerLookup",
        _INTEGERS,
        _STRINGS,
        unknown_buckets=layers.IntegerLookup(vocabulary=_LOOKUP, num_oov_indices=3),
        unknown_farmhashed=layers.IntegerLookup(vocabulary=_LOOKUP, num_oov_indices=3, oov_method="farmhash"),
    ),
)

_HASHING = merge(
    variants(
        "Hashing",
        words(3),
        _STRINGS,
        plain=layers.Hashing(7),
        masked=layers.Hashing(7, mask_value="cat"),
        salted=layers.Hashing(7, salt=133),
        two_salts=layers.Hashing(7, salt=[133, 137]),
        multi_hot=layers.Hashing(7, output_mode="multi_hot"),
        count=layers.Hashing(7, output_mode="count"),
    ),
    variants("Hashing", _INTEGERS, _STRINGS, integers=layers.Hashing(9, salt=[133, 137])),
    variants("Hashing", words(1), _STRINGS, one_hot=layers.Hashing(7, output_mode="one_hot")),
    variants(
        "HashedCrossing",
        (words(1), _INTEGER),
        _STRINGS,
        plain=layers.HashedCrossing(11),
        one_hot=layers.HashedCrossing(11, output_mode="one_hot"),
    ),
    variants("HashedCrossing", (_INTEGER, _INTEGER), _STRINGS, integers=layers.HashedCrossing(5)),
)

_TEXT = merge(
    variants(
        "TextVectorization",
        sentences(1),
        _STRINGS,
        numbers=layers.TextVectorization(vocabulary=_WORDS),
        padded=layers.TextVectorization(vocabulary=_WORDS, output_sequence_length=6),
        multi_hot=layers.TextVectorization(vocabulary=_WORDS, output_mode="multi_hot"),
        count=layers.TextVectorization(vocabulary=_WORDS, output_mode="count", pad_to_max_tokens=True, max_tokens=9),
        tf_idf=layers.TextVectorization(vocabulary=_WORDS, output_mode="tf_idf", idf_weights=_IDF),
        lower=layers.TextVectorization(vocabulary=_WORDS, standardize="lower"),
        strip_punctuation=layers.TextVectorization(vocabulary=_WORDS, standardize="strip_punctuation"),
        as_it_is=layers.TextVectorization(vocabulary=_WORDS, standardize=None, output_sequence_length=4),
        characters=layers.TextVectorization(vocabulary=list("abcdefgé"), split="character"),
        pairs=layers.TextVectorization(vocabulary=["ox ox", "a dog", "dog"], ngrams=2),
        chosen_ngrams=layers.TextVectorization(vocabulary=["ox ox", "and a cat"], ngrams=(2, 3), output_mode="count"),
        into_a_network=layers.Sequential(
            [
                layers.TextVectorization(vocabulary=_WORDS, output_sequence_length=5),
                layers.Embedding(8, 4, mask_zero=True),
                layers.GRU(3),
            ]
        ),
    ),
    variants(
        "TextVectorization",
        sentences(1),
        _STRINGS | {"adapt": np.array(SENTENCES)},
        adapted=layers.TextVectorization(max_tokens=6),
        adapted_tf_idf=layers.TextVectorization(max_tokens=8, output_mode="tf_idf"),
    ),
    variants(
        "TextVectorization", words(4), _STRINGS, already_split=layers.TextVectorization(vocabulary=_WORDS, split=None)
    ),
    variants("TextVectorization", sentences(), _STRINGS, scalars=layers.TextVectorization(vocabulary=_WORDS)),
)

CASES = merge(_NUMERIC, _LOOKUPS, _HASHING, _TEXT)
