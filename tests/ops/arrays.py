"""Inputs of cases. Samples are given by dtype and shape, and get their values when a case is made of them.

    f32(2, 3)                    normal values; f32(2, 3, low=0, high=1) uniform ones
    array("int64", [1, -1])      these values
    strings([b"a", b"b"])        an array of strings

A sample's values follow from the op and the position that it has in its case, so that they stay as they are when cases
are added, and equal shapes in one case have different values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
HALVES = ("float16", "bfloat16")
FLOATS = ("float32", "float64", *HALVES)
COMPLEX = ("complex64", "complex128")
NUMBERS = FLOATS + INTEGERS
WORDS = (b"", b"a", b"Zo\xc3\xab", b"two words", b"\x00\xff", b"10", b"-3.5")
_INTEGER_RANGE = (-9, 10)


@dataclass(frozen=True)
class Sample:
    """An array whose values are still to be drawn."""

    dtype: str
    shape: tuple[int, ...]
    low: float | None = None
    high: float | None = None

    def draw(self, random: np.random.Generator) -> np.ndarray:
        if self.dtype == "string":
            drawn = np.empty(self.shape, object)
            drawn[...] = random.choice(np.array(WORDS, object), self.shape)
            return drawn
        if self.dtype == "bool":
            return random.random(self.shape) < 0.5
        kind = dtype_of(self.dtype)
        if self.dtype in INTEGERS:
            low, high = (self.low, self.high) if self.low is not None else _INTEGER_RANGE
            return random.integers(max(low, np.iinfo(kind).min), high, self.shape).astype(kind)  # type: ignore[arg-type]
        values = self._reals(random)
        if kind.kind == "c":
            values = values + 1j * self._reals(random)
        return np.asarray(values).astype(kind)

    def _reals(self, random: np.random.Generator) -> np.ndarray:
        if self.low is None:
            return random.standard_normal(self.shape) * 2
        return random.uniform(self.low, self.high, self.shape)  # type: ignore[arg-type]


def sample(dtype: str, *shape: int, low: float | None = None, high: float | None = None) -> Sample:
    """`low` and `high` bound uniform values; the high end of integers is excluded."""
    return Sample(dtype, shape, low, high)


def _sampler(dtype: str) -> Callable[..., Sample]:
    def make(*shape: int, low: float | None = None, high: float | None = None) -> Sample:
        return Sample(dtype, shape, low, high)

    return make


f16, bf16, f32, f64 = map(_sampler, ("float16", "bfloat16", "float32", "float64"))
i8, i16, i32, i64 = map(_sampler, SIGNED)
u8, u16, u32, u64 = map(_sampler, UNSIGNED)
c64, c128, bools, texts = map(_sampler, ("complex64", "complex128", "bool", "string"))


def dtype_of(name: str) -> np.dtype:
    """NumPy's dtype of a name; strings are objects."""
    return BFLOAT16 if name == "bfloat16" else np.dtype(object if name == "string" else name)


def array(dtype: str, values: Any) -> np.ndarray:
    """These values; Python's integers wrap around where they are too large."""
    if dtype in HALVES:
        return np.asarray(values, np.float64).astype(dtype_of(dtype))
    return np.array(values, dtype_of(dtype))


def ints(*values: int) -> np.ndarray:
    """A vector of int32, which axes, shapes and permutations usually are."""
    return np.array(values, np.int32)


def longs(*values: int) -> np.ndarray:
    """A vector of int64."""
    return np.array(values, np.int64)


def scalar(value: float, dtype: str = "int32") -> np.ndarray:
    """A scalar, by default an int32."""
    return np.asarray(value).astype(dtype_of(dtype))


def strings(values: Any) -> np.ndarray:
    """Nested lists of bytes, or one bytes, as an array of strings."""
    if isinstance(values, bytes):
        made = np.empty((), object)
        made[()] = values
        return made
    return np.array(values, object)


def extremes(dtype: str) -> np.ndarray:
    """The values at which formulas break: zeros of both signs, the smallest and largest, infinities, NaN."""
    kind = dtype_of(dtype)
    if dtype in INTEGERS:
        limits = np.iinfo(kind)
        small = [0, 1, 2, 3, 7] + ([-1, -2, -7] if limits.min < 0 else [])
        return np.array([limits.min, limits.min + 1, limits.max - 1, limits.max, *small], kind)
    limits = ml_dtypes.finfo(kind)
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 100.0, -100.0, np.inf, -np.inf, np.nan]
    return np.array([*values, float(limits.max), float(limits.min), float(limits.tiny), 1e-3, -1e-3]).astype(kind)
