"""What functions return: NumPy arrays that feel like TensorFlow's tensors."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeload.shapes import ArrayShape, TensorShape


class Array(np.ndarray):
    """What functions return: a NumPy array with TensorFlow's `.numpy()`. Strings are an object array of bytes."""

    def numpy(self) -> Any:
        """The value as a plain array of the same memory; a scalar as NumPy scalar or bytes."""
        plain = np.asarray(self)
        return plain[()] if plain.ndim == 0 else plain

    @property
    def shape(self) -> TensorShape:
        return ArrayShape(super().shape)

    @shape.setter
    def shape(self, shape: Any) -> None:
        np.ndarray.shape.__set__(self, shape)  # type: ignore[attr-defined]

    def get_shape(self) -> TensorShape:
        return self.shape

    def __getitem__(self, key: Any) -> Any:
        """As NumPy's; elements have `.numpy()`, too."""
        found = super().__getitem__(key)
        return found if isinstance(found, np.ndarray) else _element(found)

    def __iter__(self) -> Iterator[Any]:
        return map(_element, super().__iter__()) if self.ndim == 1 else super().__iter__()


def _element(value: Any) -> Any:
    """A NumPy scalar, or bytes, as one with `.numpy()`; where there can be no such class, an array without axes."""
    found: Any = type(value)
    kind = _kind_with_numpy(found)
    return np.asarray(value).view(Array) if kind is None else kind(value)


@functools.cache
def _kind_with_numpy(kind: Any) -> Any:
    """A class of such values that have `.numpy()`; None for np.bool and other types that cannot be derived from."""
    try:
        methods = {"numpy": lambda self: kind(self), "__reduce__": lambda self: (kind, (kind(self),)), "__slots__": ()}
        derived = type(kind.__name__, (kind,), methods)
        return derived if type(derived(kind())) is derived else None
    except TypeError:
        return None
