"""From the user's values to arrays: what a function takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.dtypes import DType
from edgeload.errors import ArgumentTypeError


def is_tensor(value: Any) -> bool:
    """Whether TensorFlow takes a value for a tensor, which has a dtype of its own: an array of NumPy or of another
    library, a NumPy scalar, a variable. Python's numbers, strings and lists are not tensors yet."""
    if isinstance(value, np.ndarray | np.generic):
        return True
    return hasattr(value, "__array__") and not isinstance(value, type)  # np.float32 is a dtype


def to_array(value: Any, dtype: DType, what: str, *, casts: bool = False) -> np.ndarray:
    """`value` as a C-contiguous array of `dtype`, in whatever shape it has.

    Python values are converted as TensorFlow converts them: bools and integers to any number, floats to floats and
    complex, str to UTF-8 bytes. Tensors keep their kind: integers may become other integers, floats and complex, floats
    other floats and complex. With `casts`, as for parameters with an input signature and for variables, NumPy's arrays
    and scalars are cast to whatever dtype they need, floats to integers among them. Everything else raises
    ArgumentTypeError, as do integers that do not fit; it calls the value `what`.
    """
    if type(value) is np.ndarray and value.dtype == dtype and value.flags.c_contiguous:
        return strings(value, what) if dtype == dtypes.STRING else value
    if isinstance(dtype, dtypes.Opaque):
        raise ArgumentTypeError(f"{what} is a {dtype.name}, which cannot be made of {_describe(value)}.")
    if dtype == dtypes.STRING:
        return strings(value, what)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{what} cannot be made an array: {error}.") from None
    if array.dtype != dtype and not (array.size == 0 and array.dtype == np.float64 and not is_tensor(value)):
        _check_conversion(value, array, dtype, what, casts)
        array = array.real if array.dtype.kind == "c" and dtype.kind not in "cb" else array
    with np.errstate(over="ignore"):  # too large for a half is infinity, as in TensorFlow
        array = array.astype(dtype, order="C", copy=False)
    return array if array.flags.c_contiguous else array.copy()


def strings(value: Any, what: str) -> np.ndarray:
    """str, bytes, NumPy strings, or nested lists of them as an object array of bytes. Raises ArgumentTypeError."""
    if isinstance(value, str | bytes):
        scalar = np.empty((), dtypes.STRING)
        scalar[()] = value.encode() if isinstance(value, str) else value
        return scalar
    array = np.asarray(value) if is_tensor(value) else np.array(value, dtypes.STRING)
    if array.size and array.dtype.kind not in "OSUT":
        raise ArgumentTypeError(f"{what} expects string, found {_describe(value)}. Pass str, bytes or arrays of them.")
    encoded = np.empty(array.shape, dtypes.STRING)
    source, target = array.reshape(-1), encoded.reshape(-1)
    for index, item in enumerate(source):
        if isinstance(item, str):
            target[index] = item.encode()
        elif isinstance(item, bytes):
            target[index] = item if type(item) is bytes else bytes(item)
        else:
            raise ArgumentTypeError(f"{what} expects string, found an element of type {type(item).__name__}.")
    return encoded


def _can_convert(found: str, wanted: str, value: Any, casts: bool) -> bool:
    """Whether a value becomes another kind of number. Source: TensorFlow's python/eager/pywrap_tensor.cc, IsCompatible,
    for Python values, and python/util/numpy_compat.py for NumPy's."""
    numbers = ("bool", "integer", "floating", "complex")
    if found not in numbers or wanted not in numbers:
        return False
    if casts and (type(value) is np.ndarray or isinstance(value, np.generic)):
        return True
    if found == "bool" and is_tensor(value):
        return wanted == "bool"
    return numbers.index(found) <= numbers.index(wanted)


def _kind(dtype: np.dtype) -> str:
    if dtype.kind in "iu":
        return "integer"
    if dtype.kind == "f":
        return "floating"
    if dtype.kind == "c":
        return "complex"
    if dtype.kind == "V" and dtype.type.__module__ == "ml_dtypes":
        return "integer" if "int" in dtype.name else "floating"
    return "bool" if dtype.kind == "b" else "other"


def _check_conversion(value: Any, array: np.ndarray, dtype: np.dtype, what: str, casts: bool) -> None:
    if not _can_convert(_kind(array.dtype), _kind(dtype), value, casts):
        hint = (
            f"Convert it with np.asarray(x).astype({dtype.name!r})" if array.dtype.kind in "biufc" else "Pass numbers"
        )
        raise ArgumentTypeError(f"{what} expects {dtype.name}, found {_describe(value)}. {hint}.")
    if dtype.kind in "iu" and array.size and array.dtype.kind != "b":
        limits, real = np.iinfo(dtype), array.real
        if not (real.min().item() >= limits.min and real.max().item() <= limits.max):  # NaN does not fit either
            raise ArgumentTypeError(
                f"{what} expects {dtype.name}, found values outside of {limits.min} to {limits.max}."
            )


def _describe(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of {dtypes.name_of(value.dtype)}{list(value.shape)}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
