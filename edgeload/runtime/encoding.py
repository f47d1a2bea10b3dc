"""Python values as JSON and back: plans, signatures, attributes of nodes.

None, booleans, integers, texts and finite floats stand for themselves, a dict with text keys is an object, and
everything else is a list that begins with a tag. Arrays are tensors in the artefact's weights, referred to by number.
What may be made when reading is this table and nothing else, whatever the file says.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from edgeload.dtypes import Opaque, from_numpy_name
from edgeload.errors import CorruptModelError, EdgeloadError
from edgeload.records import Record

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]

_PLAN_TYPES = dict.fromkeys(
    ("Place", "Scalar", "KernelStep", "LoopStep", "BranchStep", "HostStep", "ControlStep", "Occupant", "Plan"),
    "edgeload.plan.plan",
)
_PLAN_TYPES["Layout"] = "edgeload.plan.layout"


class Encoding:
    """How one artefact writes and reads values. `types` are the names of records that it may contain besides the
    dataclasses of plans, with their modules, which are imported when such a value is met; `others` are (tag, type,
    encode, decode) for what is neither. Arrays go through `put_array` and `get_array`."""

    def __init__(
        self,
        types: Mapping[str, str] = MappingProxyType({}),
        others: tuple[tuple[str, Any, Encode, Decode], ...] = (),
        put_array: Callable[[np.ndarray], Any] | None = None,
        get_array: Callable[[Any], np.ndarray] | None = None,
    ) -> None:
        self._modules = {**_PLAN_TYPES, **types}
        self._types: dict[str, Any] = {}
        self._others = {tag: decode for tag, _, _, decode in others}
        self._encoders = [(tag, kind, encode) for tag, kind, encode, _ in others]
        self._put_array = put_array
        self._get_array = get_array

    def encode(self, value: Any) -> Any:
        """The JSON value. Raises EdgeloadError for a value of a type that is not in the table."""
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else ["float", repr(value)]
        if kind is list or (isinstance(value, tuple) and not hasattr(value, "_fields")):
            return ["list" if kind is list else "tuple", *map(self.encode, value)]
        if kind is dict and all(type(key) is str for key in value):
            return {key: self.encode(item) for key, item in value.items()}
        if kind is bytes:
            from binascii import b2a_base64  # here and below: few models have bytes, and importing takes its time

            return ["bytes", b2a_base64(value, newline=False).decode()]
        if isinstance(value, np.dtype):
            return ["dtype", value.name]
        if isinstance(value, Opaque):
            return ["opaque", value.name]
        for tag, other, encode in self._encoders:
            if isinstance(value, other):
                return [tag, encode(value)]
        if self._modules.get(kind.__name__) == kind.__module__:
            names = kind.fields if issubclass(kind, Record) else kind.__dataclass_fields__
            return [kind.__name__, *(self.encode(getattr(value, name)) for name in names)]
        if isinstance(value, dict):
            return ["dict", *([self.encode(key), self.encode(item)] for key, item in value.items())]
        if isinstance(value, np.ndarray):
            assert self._put_array is not None
            return ["array", self._put_array(value)]
        if isinstance(value, np.generic):
            assert self._put_array is not None
            return ["number", self._put_array(np.asarray(value))]
        raise EdgeloadError(f"an artefact cannot hold {kind.__name__} {value!r:.80}. Please report this model.")

    def decode(self, value: Any) -> Any:
        """The Python value. Raises CorruptModelError for what `encode` does not write."""
        if type(value) is list:
            try:
                return self._decode_tagged(value)
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                if isinstance(error, EdgeloadError):
                    raise
                raise CorruptModelError(f"an artefact has a broken value {value!r:.80}: {error}") from None
        if type(value) is dict:
            return {key: self.decode(item) for key, item in value.items()}
        return value

    def _decode_tagged(self, value: list[Any]) -> Any:
        tag, rest = value[0], value[1:]
        if tag == "tuple":
            return tuple(map(self.decode, rest))
        if tag == "list":
            return list(map(self.decode, rest))
        if tag in self._modules:
            if tag not in self._types:
                self._types[tag] = getattr(importlib.import_module(self._modules[tag]), tag)
            return self._types[tag](*map(self.decode, rest))
        if tag in self._others:
            return self._others[tag](rest[0])
        if tag == "float":
            return float(rest[0])
        if tag == "bytes":
            from binascii import a2b_base64

            return a2b_base64(rest[0])
        if tag == "dtype":
            return from_numpy_name(rest[0])
        if tag == "opaque":
            return Opaque(rest[0])
        if tag == "dict":
            return {self.decode(key): self.decode(item) for key, item in rest}
        if tag in ("array", "number"):
            assert self._get_array is not None
            array = self._get_array(rest[0])
            return array if tag == "array" else array[()]
        raise CorruptModelError(f"an artefact has a value with the unknown tag {tag!r}; it is newer, or damaged.")
