"""Where a model's objects come from, so that they can be pickled and copied: by the model's path, not by content.

Whoever unpickles an object loads the model again, once for all objects of one pickle. Variables and tables that have
changed since they were loaded travel with their values. `copy.deepcopy` goes the same way.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from edgeload.errors import ArgumentTypeError


class Origin:
    """One load of one model. It does not keep the model's objects alive."""

    def __init__(self, reload: Callable[[], Any], find: Callable[[Any], Any] | None = None) -> None:
        """`reload` gives the root of another load, and can be pickled. `find` gives an object that nobody has noted
        yet by its key."""
        self.reload = reload
        self._find = find
        self._objects: dict[Any, weakref.ref[Any]] = {}

    def note(self, key: Any, item: OfModel) -> None:
        """Remember an object, by a key that is the same in every load."""
        item._origin = self, key
        self._objects[key] = weakref.ref(item)

    def note_graph(self, root: Any) -> None:
        """Remember a TF1 model: its root, signatures and variables."""
        self.note(0, root)
        self.note("signatures", root.signatures)
        for key, signature in root.signatures.items():
            self.note(f"signature {key}", signature)
        for variable in root.all_variables:
            self.note(f"variable {variable.name}", variable)

    def object(self, key: Any) -> Any:
        reference = self._objects.get(key)
        found = reference() if reference is not None else None
        if found is None and self._find is not None:
            found = self._find(key)
        if found is None:
            raise ArgumentTypeError(f"the model that {self.reload} loads has changed: it has no object {key!r} now.")
        return found

    part = object  # for copy.copy, which does not reload: a function's copy is the function

    def changes(self) -> dict[Any, Any]:
        """The state of objects that have changed since they were loaded, by key."""
        found = {}
        for key, reference in list(self._objects.items()):
            item = reference()
            state = None if item is None else item._changed_state()
            if state is not None:
                found[key] = state
        return found

    def __reduce__(self) -> Any:
        return _Reloaded, (self.reload, self.changes())


class OfModel:
    """An object that belongs to a model."""

    _origin: tuple[Origin, Any]
    __slots__ = ("_origin",)  # (Origin, key), once `Origin.note` has set it; no attribute among those of the model

    def __reduce__(self) -> Any:
        origin = getattr(self, "_origin", None)
        if origin is None:
            raise ArgumentTypeError(
                f"{self!r} cannot be pickled or copied: it was not loaded with the model but made of it. Pickle the "
                "model, and make it again."
            )
        return _part, origin

    def _changed_state(self) -> Any:
        """What `_set_changed_state` needs in another load of the model. None if loading alone gives this object."""
        return None

    def _set_changed_state(self, state: Any) -> None:
        raise NotImplementedError


class _Reloaded:
    """What an Origin is unpickled as: it keeps the root alive until its parts have been taken."""

    def __init__(self, reload: Callable[[], Any], changes: dict[Any, Any]) -> None:
        self._root = reload()
        self._origin: Origin = self._root._origin[0]
        for key, state in changes.items():
            self._origin.object(key)._set_changed_state(state)

    def part(self, key: Any) -> Any:
        return self._origin.object(key)


def _part(reloaded: _Reloaded, key: Any) -> Any:
    return reloaded.part(key)
