"""Structured values: the nests of tuples, lists, dicts and specs in which functions describe arguments and results."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgeload.objects.arrays import is_tensor
from edgeload.objects.specs import CompositeSpec, TensorSpec


@functools.lru_cache(maxsize=1024)
def make_namedtuple(name: str, fields: tuple[str, ...]) -> Any:
    typename = name if name.isidentifier() else "NamedTuple"
    return namedtuple(typename, fields, rename=True)  # type: ignore[misc]


def leaves(structure: Any) -> Iterator[Any]:
    """The leaves of a nest of tuples, lists, dicts (by sorted key) and namedtuples, in TensorFlow's order."""
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield from leaves(structure[key])
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from leaves(item)
    else:
        yield structure


def map_leaves(structure: Any, function: Callable[[Any], Any]) -> Any:
    """The structure with the leaves' results, which are made in the order of `leaves`."""
    if isinstance(structure, Mapping):
        made = {key: map_leaves(structure[key], function) for key in sorted(structure)}
        return {key: made[key] for key in structure}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(map_leaves(item, function) for item in structure))
    if isinstance(structure, tuple | list):
        return type(structure)(map_leaves(item, function) for item in structure)
    return function(structure)


def flat_specs(structure: Any) -> list[TensorSpec]:
    """The specs of all tensors of a structure: its TensorSpecs and the components of its CompositeSpecs. A variable
    that is several arguments is one tensor."""
    specs: list[TensorSpec] = []
    aliases: set[Any] = set()
    for leaf in leaves(structure):
        if isinstance(leaf, TensorSpec):
            specs.append(leaf)
        elif isinstance(leaf, CompositeSpec) and (leaf.alias is None or leaf.alias not in aliases):
            specs.extend(leaf.components)
            aliases.add(leaf.alias)
    return specs


def pack(structure: Any, flat: Iterator[Any]) -> Any:
    """The structure with each TensorSpec replaced by the next tensor, each CompositeSpec by its value."""
    if isinstance(structure, TensorSpec):
        return next(flat)
    if isinstance(structure, CompositeSpec):
        return structure.join([next(flat) for _ in structure.components])
    if isinstance(structure, Mapping):
        return {key: pack(structure[key], flat) for key in sorted(structure)}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(pack(item, flat) for item in structure))
    if isinstance(structure, tuple | list):
        return type(structure)(pack(item, flat) for item in structure)
    return structure


def without_aliases(signature: Any, flat: list[Any]) -> list[Any]:
    """The flat inputs of a signature, of variables that are one argument under several names only the first."""
    if not any(isinstance(leaf, CompositeSpec) and leaf.kind == "variable_spec" for leaf in leaves(signature)):
        return flat
    seen: set[Any] = set()
    kept = []
    rest = iter(flat)
    for leaf in leaves(signature):
        count = len(leaf.components) if isinstance(leaf, CompositeSpec) else int(isinstance(leaf, TensorSpec))
        values = [next(rest) for _ in range(count)]
        alias = leaf.alias if isinstance(leaf, CompositeSpec) else None
        if alias is None or alias not in seen:
            kept += values
        seen.add(alias)
    return kept


def same_value(found: Any, expected: Any) -> bool:
    """Whether a leaf that is no tensor equals the one that a function was traced with. 1 equals True; tensors equal
    nothing."""
    if is_tensor(found) or is_tensor(expected):
        return found is expected
    return bool(found == expected)
