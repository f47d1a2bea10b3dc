"""Models from the user's cache: a SavedModel's objects and the plans of functions that were called before.

What the cache lacks comes from the SavedModel, which is read when it is first needed: values of variables, functions
that were never called, plans for other shapes. New plans are kept, see `edgeload.model_cache`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from edgeload.built import BuiltProgram, Model
from edgeload.errors import CorruptModelError
from edgeload.model_cache import Place
from edgeload.objects.functions import ConcreteFunction
from edgeload.objects.origins import OfModel, Origin
from edgeload.objects.resources import Asset, Initializers
from edgeload.objects.trackables import UserObject, add_child_when_asked_for

if TYPE_CHECKING:
    from edgeload.program import Program
    from edgeload.runtime.artefact import Artefact


class Source(Protocol):
    """The SavedModel behind a kept model."""

    def program(self, function: ConcreteFunction) -> Program:
        """The program of a function."""

    def value(self, key: str) -> Any:
        """A variable's value in the checkpoint."""

    @property
    def debug_info(self) -> Any: ...


def open_kept(place: Place, reload: Callable[[], Any], source: Source) -> Any:
    """The root object of a model, None if it is not kept. `reload` is how pickled objects get the model again."""
    artefact = place.objects()
    return None if artefact is None else _KeptModel(artefact, place, reload, source).root()


class _KeptModel(Model):
    """The objects of a kept model."""

    def __init__(self, artefact: Artefact, place: Place, reload: Callable[[], Any], source: Source) -> None:
        super().__init__(artefact, None, (("checkpoint", (), lambda value: None, source.value),))
        self._place = place
        self._source = source
        self._origin = Origin(reload, self.find)
        self._initializers = Initializers(self._make_kept)

    def root(self) -> Any:
        root = super().root()
        if isinstance(root, UserObject):
            add_child_when_asked_for(root, "graph_debug_info", lambda: self._source.debug_info)
        return root

    def find(self, key: Any) -> Any:
        """An object by its key in the SavedModel: the number of its node, or the name of a function. None if there is
        none."""
        return self.object(self._numbers[key]) if key in self._numbers else None

    @cached_property
    def _keys(self) -> list[Any]:
        """The objects' keys, by number; None for lists, dicts and the like."""
        keys: list[Any] = self.artefact.record("keys")
        return keys

    @cached_property
    def _numbers(self) -> dict[Any, int]:
        return {key: number for number, key in enumerate(self._keys) if key is not None}

    def _note(self, index: int, made: OfModel) -> None:
        if self._keys[index] is not None:
            self._origin.note(self._keys[index], made)

    def _asset(self, file: str) -> Asset:
        return Asset(os.path.join(self._place.model, "assets", file))

    def _executor(self, described: Any, function: ConcreteFunction) -> Any:
        with self._lock:
            if self._waiting:
                self._initializers.waiting = [self.find(key) for key in self._waiting]
                self._waiting = []
        return self._initializers.make_executor(function)

    @cached_property
    def _waiting(self) -> list[Any]:
        return list(self.artefact.record("waiting"))

    def _make_kept(self, function: ConcreteFunction) -> KeptFunction:
        built = None
        artefact = self._place.function(function.name)
        if artefact is not None:
            try:
                built = _FunctionModel(artefact, self).program("program 0")
            except CorruptModelError:
                self._place.drop()
        return KeptFunction(self._place, function, lambda: self._source.program(function), built)


class _FunctionModel(Model):
    """The plans of one function, which refer to the objects of the model."""

    def __init__(self, artefact: Artefact, model: _KeptModel) -> None:
        super().__init__(artefact, artefact.library())
        self._model = model
        self.state = model.state

    def object(self, key: Any) -> Any:
        found = self._model.find(key)
        if found is None:
            raise CorruptModelError(f"{self.artefact.path} refers to object {key!r}, which the model does not have.")
        return found

    def _asset(self, file: str) -> Asset:
        return self._model._asset(file)


class KeptFunction:
    """Runs a function by its kept plans, or else by the program of the SavedModel, whose plans are then kept."""

    def __init__(
        self,
        place: Place,
        function: ConcreteFunction,
        make_program: Callable[[], Program],
        built: BuiltProgram | None = None,
    ) -> None:
        self._place = place
        self._function = function
        self._make_program = make_program
        self._built = built
        self._made: Program | None = None
        self._last: Any = None
        self._tried: set[Any] = set()  # for what the program had plans when it was written
        self._lock = threading.Lock()
        _functions.add(self)

    def run(self, inputs: list[Any]) -> list[Any]:
        outputs = self._run_built(inputs)
        if outputs is not None:
            return outputs
        program = self._last = self._program
        outputs = program.run(inputs)
        if not self._tried:
            self.keep()
        return outputs

    def _run_built(self, inputs: list[Any]) -> list[Any] | None:
        """The outputs, None where nothing is kept for such inputs."""
        if self._built is None:
            return None
        try:
            outputs = self._built.run_planned(inputs)
        except CorruptModelError:
            self._built = None
            self._place.drop()
            return None
        if outputs is not None:
            self._last = self._built
        return outputs

    def prepared(self, inputs: list[Any]) -> Any:
        return self._last.prepared(inputs)

    @property
    def plan(self) -> Any:
        return (self._last or self._program).plan

    @property
    def _program(self) -> Program:
        """What runs the function from the SavedModel."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make_program()
                    if self._built is not None:
                        self._made.memories = self._built.memories
        return self._made

    def keep(self) -> None:
        """Write the program's plans, unless that has been tried. Plans that cannot be kept are made again next time."""
        with self._lock:
            program = self._made
            if program is None or program.planned_for() <= self._tried:
                return
            self._tried |= program.planned_for()
            with contextlib.suppress(Exception):  # whatever it is, the call that planned them has its result
                from edgeload.aot.keep import keep

                keep(self._place, self._function, program)


_functions: weakref.WeakSet[KeptFunction] = weakref.WeakSet()


@atexit.register
def keep_all() -> None:
    """Write the plans that were made since each function was first called."""
    for function in list(_functions):
        function.keep()
