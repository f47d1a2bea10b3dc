"""The objects that hold variables and functions: plain objects, lists, dicts, and the map of signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgeload.objects.origins import OfModel

TYPES: dict[str, Callable[[bytes], Any]] = {}
"""How to make objects of a registered name or identifier, as `register_type` was told."""


def register_type(name: str, make: Callable[[bytes], Any]) -> None:
    """Let `make` build the objects that were saved under a registered name ("package.Class"), or with this identifier
    of a user object, in models that are loaded later.

    It is called with what the object has written about itself when it was saved (the value of its Any message, often
    empty); then the object's attributes are set with setattr. Objects of unknown names become plain objects with their
    attributes.
    """
    TYPES[name] = make


class UserObject(OfModel):
    """An object of the model's Python code, of which only the attributes are left. Each is of a class of its own, so
    that one can be callable without the others. `_makers` make attributes that nobody has asked for yet."""

    identifier = "_generic_user_object"
    registered_name = ""
    proto = b""  # what the object has written about itself, for `register_type`
    _makers: dict[str, Callable[[], Any]] = {}

    def __getattr__(self, name: str) -> Any:
        maker = type(self)._makers.get(name)
        if maker is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return vars(self).setdefault(name, maker())

    def __delattr__(self, name: str) -> None:
        getattr(self, name)
        type(self)._makers.pop(name, None)
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._makers})

    def make_attributes(self) -> None:
        """Make all attributes, so that `vars` has them."""
        for name in list(type(self)._makers):
            getattr(self, name)

    def __copy__(self) -> UserObject:
        """Another object with the same attributes."""
        self.make_attributes()
        made = make_user_object(self.identifier, self.registered_name, self.proto)
        for name, child in vars(self).items():
            add_child(made, name, child)
        return made

    def __repr__(self) -> str:
        names = ", ".join(name for name in sorted({*vars(self), *self._makers}) if not name.startswith("_"))
        return f"<edgeload {self.identifier.strip('_')} with {names or 'no attributes'}>"


class ListWrapper(list[Any]):
    """A list, which may also have attributes."""


class DictWrapper(dict[str, Any]):
    """A dict, which may also have attributes."""


class Signatures(OfModel, Mapping[str, Any]):
    """The signatures of a model by key. Read-only."""

    def __init__(self, functions: Mapping[str, Any] | None = None) -> None:
        self._functions = dict(functions or {})

    def __getitem__(self, key: str) -> Any:
        try:
            return self._functions[key]
        except KeyError:
            raise KeyError(f"the model has no signature {key!r}; it has {sorted(self._functions)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def __repr__(self) -> str:
        return f"Signatures({', '.join(map(repr, self._functions.values()))})"


def make_user_object(identifier: str, registered_name: str = "", proto: bytes = b"") -> UserObject:
    """An object with a class of its own."""
    told = {"registered_name": registered_name, "proto": proto} if registered_name or proto else {}
    made: UserObject = type("UserObject", (UserObject,), {"identifier": identifier, "_makers": {}, **told})()
    return made


def make_registered(registered_name: str, identifier: str, proto: bytes) -> Any:
    """An object as `register_type` was told to make those of its registered name or identifier; None if it was not."""
    make = TYPES.get(registered_name) or TYPES.get(identifier)
    return None if make is None else make(proto)


def add_child(owner: Any, name: str, child: Any) -> None:
    """Set an attribute, list item, dict item or signature, by what the owner is. Constants have no children."""
    if isinstance(owner, Signatures):
        owner._functions[name] = child
    elif isinstance(owner, ListWrapper):
        _set_item(owner, name, child)
    elif isinstance(owner, DictWrapper):
        owner[name] = child
    elif isinstance(owner, UserObject):
        vars(owner)[name] = child
        if name == "__call__" and not callable(owner):
            type(owner).__call__ = _call_attribute  # type: ignore[method-assign]
    elif hasattr(owner, "__dict__") and name not in vars(owner) and (not hasattr(type(owner), name)):
        vars(owner)[name] = child


def add_child_when_asked_for(owner: UserObject, name: str, make: Callable[[], Any]) -> None:
    """Let an attribute be made at its first use. What makes the object callable is made now."""
    if name == "__call__":
        add_child(owner, name, make())
    else:
        type(owner)._makers[name] = make


def _set_item(items: ListWrapper, name: str, child: Any) -> None:
    """Lists and tuples have edges named by index; a namedtuple also has its fields' names, which are not needed."""
    if not name.isdecimal() or len(name) > 6:
        return
    index = int(name)
    items.extend([None] * (index + 1 - len(items)))
    items[index] = child


def _call_attribute(owner: Any, *args: Any, **kwargs: Any) -> Any:
    return vars(owner)["__call__"](*args, **kwargs)
