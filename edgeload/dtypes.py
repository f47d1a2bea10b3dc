"""TensorFlow's DataType enum as NumPy dtypes.

Numbers are NumPy's own dtypes, `ml_dtypes` supplies bfloat16, float8 and int4. Strings are `object` arrays of `bytes`.
Handles of resources and variants are not data; they are the two `Opaque` dtypes.
"""

from __future__ import annotations

from typing import Union

import numpy as np

from edgeload.errors import MissingDependencyError


class Opaque:
    """A dtype without data: a handle that only some ops understand. Equal by name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Opaque({self.name!r})"


DType = Union["np.dtype", Opaque]

STRING = np.dtype(object)
RESOURCE = Opaque("resource")
VARIANT = Opaque("variant")

# DataType numbers: tensorflow/core/framework/types.proto. Quantised types are their integers.
_NUMPY_NAMES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 8: "complex64", 9: "int64",
    10: "bool", 11: "int8", 12: "uint8", 13: "int32", 15: "int16", 16: "uint16", 17: "uint16", 18: "complex128",
    19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
_ML_DTYPES_NAMES = {
    14: "bfloat16", 24: "float8_e5m2", 25: "float8_e4m3fn", 26: "float8_e4m3fnuz", 27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz", 29: "int4", 30: "uint4", 31: "int2", 32: "uint2", 33: "float4_e2m1fn",
}  # fmt: skip
_REFERENCE_OFFSET = 100  # the dtype of a TF1 reference is 100 more than the dtype of its value


def from_enum(number: int) -> DType:
    """The dtype of a DataType number; references give the dtype of their value. Raises KeyError for unknown numbers,
    MissingDependencyError for one that needs ml_dtypes, which is not installed."""
    if number > _REFERENCE_OFFSET:
        number -= _REFERENCE_OFFSET
    if number == 7:
        return STRING
    if number == 20:
        return RESOURCE
    if number == 21:
        return VARIANT
    if number in _ML_DTYPES_NAMES:
        return _from_ml_dtypes(_ML_DTYPES_NAMES[number])
    return np.dtype(_NUMPY_NAMES[number])


def from_numpy_name(name: str) -> np.dtype:
    """The dtype of a name that NumPy or ml_dtypes gives it; "object" are strings. Raises MissingDependencyError for one
    that needs ml_dtypes, which is not installed."""
    try:
        return np.dtype(name)
    except TypeError:
        return _from_ml_dtypes(name)


def _from_ml_dtypes(name: str) -> np.dtype:
    try:
        import ml_dtypes
    except ImportError:
        raise MissingDependencyError(
            f"numbers of dtype {name} are ml_dtypes' to define, which is not installed: pip install ml_dtypes"
        ) from None
    return np.dtype(getattr(ml_dtypes, name))


def name_of(dtype: DType) -> str:
    """TensorFlow's name of a dtype: "float32", "string", "resource"."""
    return "string" if dtype == STRING else dtype.name
