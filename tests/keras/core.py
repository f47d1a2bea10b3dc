"""Dense layers, embeddings, activations, what only trains, merging, reshaping."""

from __future__ import annotations

from collections.abc import Callable

from tests.keras.case import Case, Cases, Exported, Layer, ids, layers, merge, padded, values, variants

_VECTOR = values(7)
_SEQUENCE = values(4, 6)
_IMAGE = values(5, 4, 3)
_VOLUME = values(4, 3, 5, 2)

# All of keras.activations that need no arguments, which are layers' arguments rather than layers.
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]


def _threshold(x: object) -> object:
    from keras import activations

    return activations.threshold(x, 0.3, -0.5)


_DENSE = merge(
    variants(
        "Dense",
        _VECTOR,
        plain=layers.Dense(5),
        no_bias=layers.Dense(5, use_bias=False, activation="gelu"),
        wide=layers.Dense(130, activation="relu"),
        softmax=layers.Dense(10, activation="softmax"),
        lora=layers.Dense(5, lora_rank=2),
        float64=layers.Dense(5, dtype="float64"),
    ),
    variants(
        "Dense",
        _VECTOR,
        {"tolerance": 2**-9},  # two roundings to float16
        mixed_float16=layers.Dense(5, dtype="mixed_float16"),
    ),
    variants(
        "Dense",
        _VECTOR,
        {"tolerance": 2**-6},  # two roundings to bfloat16; TensorFlow adds the bias before it rounds
        mixed_bfloat16=layers.Sequential(
            [layers.Dense(5, dtype="mixed_bfloat16"), layers.Activation("softmax", dtype="float32")]
        ),
    ),
    variants("Dense", _SEQUENCE, sequence=layers.Dense(5, activation="silu")),
    variants("Dense", values(None, None, 6), unknown_sizes=layers.Dense(3)),
    variants(
        "EinsumDense",
        _SEQUENCE,
        projection=layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d"),
        heads=layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", activation="relu"),
        mixing=layers.EinsumDense("abc,bd->adc", output_shape=(5, 6), bias_axes="dc"),
        ellipsis=layers.EinsumDense("...x,xy->...y", output_shape=5, bias_axes="y"),
    ),
    variants(
        "Embedding",
        ids(11, 6),
        plain=layers.Embedding(11, 4),
        masked=layers.Sequential([layers.Embedding(11, 4, mask_zero=True), layers.GlobalAveragePooling1D()]),
        lora=layers.Embedding(11, 4, lora_rank=2),
    ),
    variants("Embedding", ids(11, None), unknown_length=layers.Embedding(11, 3)),
    variants(
        "ReversibleEmbedding",
        ids(11, 6),
        forward=layers.ReversibleEmbedding(11, 4),
        untied=layers.ReversibleEmbedding(11, 4, tie_weights=False),
    ),
    {
        "ReversibleEmbedding_there_and_back": Case(
            "ReversibleEmbedding",
            layers.ReversibleEmbedding(11, 4, logit_soft_cap=2.0),
            ids(11, 6),
            apply=lambda layer, x: layer(layer(x), reverse=True),
        )
    },
    variants("Masking", padded(5, 3), plain=layers.Masking(), other_value=layers.Masking(mask_value=2.0)),
    variants(
        "Masking",
        padded(None, 3),
        reaches_the_next=layers.Sequential([layers.Masking(), layers.GlobalAveragePooling1D()]),
    ),
    variants("Identity", _VECTOR, vector=layers.Identity()),
    variants("Identity", _IMAGE, image=layers.Identity()),
    variants(
        "Lambda",
        _SEQUENCE,
        arithmetic=layers.Lambda(lambda x: 2.0 * x * x - abs(x)),
        slicing=layers.Lambda(lambda x: x[:, ::-1, 1:-1]),
    ),
    variants(
        "TFSMLayer",
        _SEQUENCE,
        dense=layers.TFSMLayer(Exported(layers.Dense(5, activation="relu"), (4, 6)), call_endpoint="serve"),
        signature=layers.TFSMLayer(Exported(layers.GRU(3), (None, 6)), call_endpoint="serving_default"),
    ),
)

_ACTIVATIONS = merge(
    variants("Activation", _SEQUENCE, None, **{name: layers.Activation(name) for name in ACTIVATIONS}),
    variants(
        "Activation",
        _SEQUENCE,
        threshold=layers.Activation(_threshold),
    ),
    variants("ELU", _SEQUENCE, plain=layers.ELU(), alpha=layers.ELU(alpha=0.3)),
    variants("LeakyReLU", _SEQUENCE, plain=layers.LeakyReLU(), slope=layers.LeakyReLU(negative_slope=0.05)),
    variants("PReLU", _IMAGE, plain=layers.PReLU(), shared=layers.PReLU(shared_axes=[1, 2])),
    variants(
        "ReLU",
        _SEQUENCE,
        plain=layers.ReLU(),
        bounded=layers.ReLU(max_value=1.0, negative_slope=0.2, threshold=0.1),
        six=layers.ReLU(max_value=6.0),
    ),
    variants("Softmax", _SEQUENCE, plain=layers.Softmax(), axis=layers.Softmax(axis=1), axes=layers.Softmax((1, 2))),
)

_TRAINING = merge(
    *(
        variants(kind, inputs, one=getattr(layers, kind)(0.3), other=getattr(layers, kind)(0.6, seed=1))
        for kind, inputs in {
            "AlphaDropout": _VECTOR,
            "Dropout": _SEQUENCE,
            "GaussianDropout": _VECTOR,
            "GaussianNoise": _IMAGE,
            "SpatialDropout1D": _SEQUENCE,
            "SpatialDropout2D": _IMAGE,
            "SpatialDropout3D": _VOLUME,
        }.items()
    ),
    variants(
        "ActivityRegularization",
        _VECTOR,
        l1=layers.ActivityRegularization(l1=0.1),
        l2=layers.ActivityRegularization(l2=0.1),
    ),
)

_MERGING = merge(
    *(
        merge(
            variants(kind, (_SEQUENCE, _SEQUENCE), two=getattr(layers, kind)()),
            variants(kind, (_SEQUENCE, values(1, 6), values(4, 1)), broadcast=getattr(layers, kind)()),
        )
        for kind in ("Add", "Average", "Maximum", "Minimum", "Multiply")
    ),
    variants("Subtract", (_SEQUENCE, _SEQUENCE), two=layers.Subtract()),
    variants("Subtract", (_SEQUENCE, values(1, 6)), broadcast=layers.Subtract()),
    variants("Concatenate", (_SEQUENCE, values(4, 2), values(4, 1)), last=layers.Concatenate()),
    variants("Concatenate", (values(2, 6), _SEQUENCE), axis=layers.Concatenate(axis=1)),
    variants("Concatenate", (values(None, 6), values(None, 6)), unknown_length=layers.Concatenate(axis=1)),
    variants(
        "Dot",
        (_SEQUENCE, values(5, 6)),
        axes=layers.Dot(axes=2),
        cosine=layers.Dot(axes=(2, 2), normalize=True),
    ),
    variants("Dot", (_VECTOR, _VECTOR), vectors=layers.Dot(axes=1)),
)


def _each(kind: str, inputs: object, *arguments: object, **keywords: object) -> Cases:
    """Cases named one, two, ...: the layer with each argument."""
    layer: Callable[..., Layer] = getattr(layers, kind)
    names = ("one", "two", "three", "four")
    made = {name: layer(argument, **keywords) for name, argument in zip(names, arguments, strict=False)}
    return variants(kind, inputs, **made)  # type: ignore[arg-type]


_RESHAPING = merge(
    variants(
        "Flatten",
        _IMAGE,
        plain=layers.Flatten(),
        channels_first=layers.Flatten(data_format="channels_first"),
    ),
    variants("Flatten", values(None, 3), unknown_length=layers.Flatten()),
    _each("Permute", _IMAGE, (2, 1, 3), (3, 1, 2)),
    _each("RepeatVector", _VECTOR, 1, 4),
    _each("Reshape", _IMAGE, (4, 15), (-1, 6), (60,)),
    variants("Reshape", values(None, 4), unknown_length=layers.Reshape((-1, 2))),
    _each("Cropping1D", _SEQUENCE, 1, (2, 0)),
    _each("Cropping2D", _IMAGE, 1, ((1, 2), (0, 3))),
    _each("Cropping3D", _VOLUME, 1, ((1, 2), (0, 1), (3, 0))),
    variants("Cropping2D", _IMAGE, channels_first=layers.Cropping2D(1, data_format="channels_first")),
    _each("UpSampling1D", _SEQUENCE, 2, 3),
    _each("UpSampling2D", _IMAGE, 2, (3, 1)),
    variants(
        "UpSampling2D",
        _IMAGE,
        channels_first=layers.UpSampling2D(2, data_format="channels_first"),
        **{name: layers.UpSampling2D((2, 3), interpolation=name) for name in ("bilinear", "bicubic")},
        **{name: layers.UpSampling2D(2, interpolation=name) for name in ("lanczos3", "lanczos5")},
    ),
    _each("UpSampling3D", _VOLUME, 2, (1, 3, 2)),
    _each("ZeroPadding1D", _SEQUENCE, 2, (0, 3)),
    _each("ZeroPadding2D", _IMAGE, 1, ((1, 2), (3, 0))),
    variants("ZeroPadding2D", _IMAGE, channels_first=layers.ZeroPadding2D(1, data_format="channels_first")),
    _each("ZeroPadding3D", _VOLUME, 1, ((1, 2), (0, 1), (3, 0))),
)

CASES = merge(_DENSE, _ACTIVATIONS, _TRAINING, _MERGING, _RESHAPING)
