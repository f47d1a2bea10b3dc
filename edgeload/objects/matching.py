"""From a call's arguments to a function's flat inputs: which structures fit, and what is converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from edgeload import dtypes
from edgeload.errors import ArgumentTypeError, ArgumentValueError
from edgeload.objects import structured
from edgeload.objects.arrays import is_tensor, strings, to_array
from edgeload.objects.describing import describe
from edgeload.objects.specs import CompositeSpec, TensorSpec
from edgeload.objects.variables import Variable, fits

Conversion = Literal["none", "kind", "any"]
"""none: a tensor must have the very dtype. kind: Python values become tensors, and tensors keep their kind. any: arrays
of NumPy are cast to whatever dtype is needed, too."""

Exact = tuple[Any, np.dtype, tuple[int, ...]]
"""Of an array that a call passed as it was: its position or name, its dtype, its shape."""


def flatten_to(
    expected: Any,
    found: Any,
    name: str,
    conversion: Conversion,
    *,
    mixes_sequences: bool = False,
    any_size: bool = False,
) -> list[Any]:
    """The tensors of `found`, which must have the structure `expected`, in TensorFlow's flat order.

    A TensorSpec may stand for a tensor. `mixes_sequences`: lists may stand for tuples and the other way round.
    `any_size`: tensors may have other shapes than expected. Raises ArgumentTypeError for wrong
    dtypes, ArgumentValueError for wrong structures and shapes; both name the argument.
    """
    if isinstance(expected, TensorSpec):
        return [to_input(expected, found, name, conversion, any_size=any_size)]
    if isinstance(expected, CompositeSpec):
        parts = expected.split(found)
        if parts is None:
            raise ArgumentTypeError(f"argument {name!r} expects {expected!r}, found {describe(found)}.")
        if expected.kind == "variable_spec":
            return [found]
        pairs = zip(expected.components, parts, strict=True)
        return [to_input(spec, part, name, conversion, any_size=any_size) for spec, part in pairs]
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping) or found.keys() != expected.keys():
            raise _does_not_fit(expected, found, name)
        items = [(expected[key], found[key], key) for key in sorted(expected)]
    elif isinstance(expected, tuple | list):
        if not _is_same_sequence(expected, found, mixes_sequences):
            raise _does_not_fit(expected, found, name)
        items = [(want, have, str(index)) for index, (want, have) in enumerate(zip(expected, found, strict=True))]
    elif structured.same_value(found, expected):
        return []
    else:
        raise _does_not_fit(expected, found, name)
    flat = []
    for want, have, key in items:
        path = f"{name}.{key}" if name else key
        flat += flatten_to(want, have, path, conversion, mixes_sequences=mixes_sequences, any_size=any_size)
    return flat


def to_input(spec: TensorSpec, value: Any, name: str, conversion: Conversion, *, any_size: bool = False) -> Any:
    """The value as an array that fits the spec. `any_size`: its shape need not fit."""
    if (
        type(value) is np.ndarray
        and value.dtype == spec.dtype
        and spec.dtype != dtypes.STRING
        and value.flags.c_contiguous
    ):
        array = value
    elif isinstance(value, TensorSpec):
        if not spec.accepts(value.dtype, value.shape):
            raise ArgumentValueError(f"argument {name!r} expects {spec}, found {value}.")
        return value
    elif isinstance(spec.dtype, dtypes.Opaque):
        if conversion != "none" or is_tensor(value) or isinstance(value, int | float | str | bytes | list | tuple):
            raise ArgumentTypeError(f"argument {name!r} expects {spec}, found {describe(value)}.")
        return value
    elif conversion == "none":
        array = _as_tensor(spec, value, name)
    else:
        array = to_array(value, spec.dtype, f"argument {name!r}", casts=conversion == "any")
    if not any_size and not fits(array.shape, spec.shape):
        raise ArgumentValueError(
            f"argument {name!r} expects {spec}, found {dtypes.name_of(array.dtype)}{list(array.shape)}."
        )
    return array


def exactly(noted: list[Exact], given: Any) -> list[np.ndarray] | None:
    """The flat inputs, if these arguments are arrays just like the noted ones. Most calls are, and this is quick."""
    flat = []
    for place, dtype, shape in noted:
        value = given.get(place) if type(place) is str else given[place]
        if type(value) is not np.ndarray or value.dtype is not dtype or value.shape != shape:
            return None
        flat.append(value)
    return flat


def note_exact(flat: list[Any], given: Any, places: Iterable[Any]) -> list[Exact] | None:
    """What `exactly` compares; None when an argument was converted, or has strings, which are checked every time."""
    noted = []
    for value, place in zip(flat, places, strict=True):
        if type(value) is not np.ndarray or value is not given[place] or value.dtype == dtypes.STRING:
            return None
        noted.append((place, value.dtype, value.shape))
    return noted


def call_key(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What decides which trace fits, for calls with plain arrays and Python scalars only; None for others."""
    parts: list[Any] = []
    for value in (*args, *kwargs.values()):
        kind = type(value)
        if kind is np.ndarray:
            if value.dtype.hasobject or not value.flags.c_contiguous:
                return None
            parts.append((value.dtype, value.shape))
        elif value is None or kind in (bool, int, float, str):
            parts.append((kind, value))
        else:
            return None
    return len(args), tuple(kwargs), tuple(parts)


def _as_tensor(spec: TensorSpec, value: Any, name: str) -> np.ndarray:
    """A tensor whose dtype is the spec's already."""
    if is_tensor(value) and not (isinstance(value, Variable) and not value.has_value):
        array = np.asarray(value)
        if spec.dtype == dtypes.STRING and array.dtype.kind in "OSUT":
            return strings(array, f"argument {name!r}")
        if array.dtype == spec.dtype:
            return np.require(array, requirements="C")
    raise ArgumentTypeError(f"argument {name!r} expects a tensor {spec}, found {describe(value)}.")


def _is_same_sequence(expected: Any, found: Any, mixes: bool) -> bool:
    """Whether two tuples, lists or named tuples have one kind and length. Named tuples have one name and fields."""
    if not isinstance(found, tuple | list) or len(found) != len(expected):
        return False
    fields = getattr(expected, "_fields", None)
    if fields is not None or hasattr(found, "_fields"):
        return fields == getattr(found, "_fields", None) and type(found).__name__ == type(expected).__name__
    return mixes or isinstance(found, list) == isinstance(expected, list)


def _does_not_fit(expected: Any, found: Any, name: str) -> ArgumentValueError:
    return ArgumentValueError(f"argument {name!r} expects {describe(expected)}, found {describe(found)}.")
