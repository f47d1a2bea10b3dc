"""From the root of a model to its functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgeload.objects.functions import ConcreteFunction, Function
from edgeload.objects.trackables import UserObject
from edgeload.objects.variables import Variable


def functions(root: Any) -> Iterator[tuple[str, Function | ConcreteFunction]]:
    """All functions that can be reached from the root, under each of their names: paths of attributes, shortest first.
    Signatures are not among them."""
    seen = {id(root)}
    level = [("", root)]
    while level:
        following = []
        for path, item in level:
            for name, child in _attributes(item):
                full = f"{path}.{name}" if path else name
                if isinstance(child, ConcreteFunction | Function):
                    yield full, child
                elif id(child) not in seen and not isinstance(child, Variable):
                    seen.add(id(child))
                    following.append((full, child))
        level = following


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, Mapping):
        yield from ((str(key), item[key]) for key in item)
    elif isinstance(item, list):
        yield from ((str(index), child) for index, child in enumerate(item))
    if isinstance(item, UserObject):
        item.make_attributes()
    yield from ((name, child) for name, child in getattr(item, "__dict__", {}).items() if name != "signatures")
