"""Specs and arguments as text: in one line for messages and tables, and as TensorFlow prints a function's type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.objects.specs import CompositeSpec, TensorSpec


def describe_signature(signature: tuple[Sequence[Any], Mapping[str, Any]]) -> str:
    """Arguments for messages: (float32[None, 4], training=False)."""
    args, kwargs = signature
    named = [f"{name}={describe(kwargs[name])}" for name in sorted(kwargs)]
    return f"({', '.join([describe(arg) for arg in args] + named)})"


def describe(value: Any) -> str:
    """A spec, or an argument of a call, for messages: arrays by dtype and shape, others by value."""
    if isinstance(value, TensorSpec):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        return f"{dtypes.name_of(value.dtype)}{list(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = zip(value._fields, value, strict=True)
        return f"{type(value).__name__}({', '.join(f'{name}={describe(item)}' for name, item in pairs)})"
    if isinstance(value, tuple | list):
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        return opening + ", ".join(_some(describe(item) for item in value)) + closing
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def describe_type(value: Any) -> str:
    """A spec, a Python value, or a nest of them, as TensorFlow prints its trace types: Dict[['x', TensorSpec(...)]]."""
    if isinstance(value, TensorSpec | CompositeSpec):
        return repr(value)
    if isinstance(value, Mapping):
        return f"Dict[{', '.join(f'[{key!r}, {describe_type(value[key])}]' for key in sorted(value))}]"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = zip(value._fields, value, strict=True)
        return f"{type(value).__name__}[{', '.join(f'[{name!r}, {describe_type(item)}]' for name, item in pairs)}]"
    if isinstance(value, tuple | list):
        name = "Tuple" if isinstance(value, tuple) else "List"
        return f"{name}[{', '.join(map(describe_type, value))}]"
    return f"Literal[{value!r}]"


def _some(texts: Iterator[str], limit: int = 12) -> list[str]:
    """The first texts, and an ellipsis if there are more."""
    shown: list[str] = []
    for text in texts:
        if len(shown) == limit:
            return [*shown, "..."]
        shown.append(text)
    return shown
