"""What a case is: a Keras layer with its arguments, as data, and the inputs it gets. Imports nothing heavy.

    variants("Dense", values(7), plain=layers.Dense(5), relu=layers.Dense(5, activation="relu"))

gives the cases `Dense_plain` and `Dense_relu`. The exporter turns `layers.Dense(5)` into `keras.layers.Dense(5)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VOCABULARY = ("cat", "dog", "hippopotamus", "émeu", "ox")
SENTENCES = ("The quick, brown fox", "a dog! A dog?", "", "ox ox  cat", "an émeu and a CAT.", "fox")

# What runs in Python, and why.
STRINGS = frozenset(  # strings, tables and rows of different lengths are Python objects
    {
        *("HashTableV2", "LookupTableImportV2", "LookupTableFindV2", "StringToHashBucketFast"),
        *("StringToHashBucketStrong", "AsString", "SparseCross", "StringLower", "StaticRegexReplace", "StringSplitV2"),
        *("StringNGrams", "UnicodeDecode", "UnicodeEncode", "RaggedTensorToTensor", "RaggedBincount"),
        *("Equal", "Squeeze", "Reshape", "TensorListReserve"),
    }
)
RANDOM = frozenset(  # numbers are drawn bit by bit as TensorFlow draws them, in NumPy
    {
        *("StatelessRandomGetKeyCounter", "StatelessRandomUniformV2", "StatelessRandomUniformIntV2"),
        *("StatelessRandomNormalV2", "StatelessRandomGammaV3"),
    }
)
FOURIER = frozenset({"RFFT"})  # NumPy's pocketfft is used
DATA_DEPENDENT = frozenset({"Where", "StatelessIf"})  # output shapes are known when the values are
WARPING = frozenset({"ImageProjectiveTransformV3", "MatrixSolve"})  # rare in inference: NumPy is used
COLOURS = frozenset({"RGBToHSV", "HSVToRGB"})  # rare in inference: NumPy is used


@dataclass(frozen=True)
class Layer:
    """A layer (or another class of Keras) and the arguments to make it with; arguments may contain layers."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True)
class Exported:
    """In place of an argument: the folder of a SavedModel that `model.export()` made of a layer."""

    layer: Layer
    shape: tuple[int | None, ...]


class _Layers:
    def __getattr__(self, name: str) -> Callable[..., Layer]:
        return lambda *args, **kwargs: Layer(name, args, kwargs)


layers = _Layers()


@dataclass(frozen=True)
class Values:
    """An input without its batch: shape (None is unknown), dtype, and the kind of values that it gets.

    `batch` is given for what needs a fixed one; it is unknown otherwise.
    """

    shape: tuple[int | None, ...]
    kind: str = "normal"
    dtype: str = "float32"
    below: int = 0  # for integers
    batch: int | None = None

    def sample(self, random: np.random.Generator, batch: int, unknown: int) -> np.ndarray:
        """An array for a batch, with `unknown` in place of the unknown sizes."""
        shape = (batch, *(unknown if size is None else size for size in self.shape))
        return _SAMPLERS[self.kind](random, shape, self.below).astype(object if self.dtype == "string" else self.dtype)


Inputs = Values | tuple[Values, ...] | Mapping[str, Values]


@dataclass(frozen=True)
class Case:
    """One configuration of the public layer `kind`. A tuple of inputs is passed as a list, a mapping by keywords.

    `adapt` is what the layer's `adapt` gets. `apply(layer, inputs)` says how the layer is called, if not as usual.
    `bare` layers are exported by themselves, not as a functional model. `host_ops` may run in Python: by default, none.
    """

    kind: str
    layer: Layer
    inputs: Inputs
    adapt: Any = None
    apply: Callable[[Any, Any], Any] | None = None
    tolerance: float = 1e-5
    host_ops: frozenset[str] = frozenset()
    call: Mapping[str, Any] = field(default_factory=dict)
    bare: bool = False

    def named_inputs(self) -> dict[str, Values]:
        """The inputs under the names that the signature gives them."""
        if isinstance(self.inputs, Values):
            return {"x": self.inputs}
        if isinstance(self.inputs, tuple):
            return {f"x{index}": value for index, value in enumerate(self.inputs)}
        return dict(self.inputs)


Cases = dict[str, Case]


def variants(kind: str, inputs: Inputs, options: Mapping[str, Any] | None = None, /, **configurations: Layer) -> Cases:
    """Cases of one public layer on the same inputs, with the same further fields of `Case`."""
    return {f"{kind}_{name}": Case(kind, layer, inputs, **(options or {})) for name, layer in configurations.items()}


def merge(*groups: Cases) -> Cases:
    """All cases, none of them twice."""
    merged: Cases = {}
    for group in groups:
        assert not merged.keys() & group.keys(), f"named twice: {merged.keys() & group.keys()}"
        merged |= group
    return merged


def values(*shape: int | None) -> Values:
    """Standard normal float32."""
    return Values(shape)


def pixels(*shape: int | None) -> Values:
    """Float32 from 0 to 255."""
    return Values(shape, "pixels")


def unit(*shape: int | None) -> Values:
    """Float32 from 0 to 1."""
    return Values(shape, "unit")


def ids(below: int, *shape: int | None) -> Values:
    """Integers from 0 to below - 1."""
    return Values(shape, "ids", "int32", below)


def padded_ids(below: int, *shape: int | None) -> Values:
    """Integers from 1 to below - 1, then zeros to the end; the first has none."""
    return Values(shape, "padded_ids", "int32", below)


def padded(*shape: int | None) -> Values:
    """Sequences of standard normal vectors, then zeros to the end; the first has none."""
    return Values(shape, "padded")


def booleans(*shape: int | None) -> Values:
    """Random booleans; the first of each row is True."""
    return Values(shape, "booleans", "bool")


def words(*shape: int | None) -> Values:
    """Words, most of them of the vocabulary."""
    return Values(shape, "words", "string")


def sentences(*shape: int | None) -> Values:
    """Words, punctuation and blanks."""
    return Values(shape, "sentences", "string")


def _lengths(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    lengths = random.integers(0, shape[1] + 1, shape[0])
    lengths[0] = shape[1]
    return np.arange(shape[1]) < lengths[:, None]


def _padded(random: np.random.Generator, shape: tuple[int, ...], below: int) -> np.ndarray:
    kept = _lengths(random, shape)
    return random.standard_normal(shape) * kept.reshape(*kept.shape, *[1] * (len(shape) - 2))


def _padded_ids(random: np.random.Generator, shape: tuple[int, ...], below: int) -> np.ndarray:
    return random.integers(1, below, shape) * _lengths(random, shape)


def _booleans(random: np.random.Generator, shape: tuple[int, ...], below: int) -> np.ndarray:
    chosen = random.integers(0, 2, shape)
    chosen[..., 0] = 1
    return chosen


def _strings(among: tuple[str, ...]) -> Callable[..., np.ndarray]:
    encoded = np.array([text.encode() for text in among], object)
    return lambda random, shape, below: encoded[random.integers(0, len(among), shape)]


_SAMPLERS: dict[str, Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]] = {
    "normal": lambda random, shape, below: random.standard_normal(shape),
    "pixels": lambda random, shape, below: random.uniform(0, 255, shape),
    "unit": lambda random, shape, below: random.uniform(0, 1, shape),
    "ids": lambda random, shape, below: random.integers(0, below, shape),
    "padded_ids": _padded_ids,
    "padded": _padded,
    "booleans": _booleans,
    "words": _strings((*VOCABULARY, "unknown", "")),
    "sentences": _strings(SENTENCES),
}
