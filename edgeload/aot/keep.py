"""Writes what a process has planned of a SavedModel to the user's cache, see `edgeload.model_cache`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeload.aot.functions import PlannedFunction, PlannedStage
from edgeload.aot.writer import Writer
from edgeload.errors import EdgeloadError
from edgeload.graph.ir import Graph
from edgeload.load import load_plain
from edgeload.model_cache import Place
from edgeload.objects.functions import ConcreteFunction
from edgeload.objects.origins import OfModel
from edgeload.objects.resources import Resource
from edgeload.objects.variables import Variable
from edgeload.program import Program
from edgeload.runtime.encoding import Encoding
from edgeload.runtime.library import default

_MOST_PLANS = 8  # of a function
_MOST_PART_PLANS = 16  # of a later stage or a part of a loop, whose shapes data tell


def keep(place: Place, function: ConcreteFunction, program: Program) -> None:
    """Write the plans of a function, with those that were kept before, and the model's objects if they are not there.

    Raises OSError, and EdgeloadError for what cannot be kept: constants that were variables with other values than in
    the checkpoint, objects that loading the model does not make, more than there is room for.
    """
    if not place.still_holds():
        return
    with program._lock:
        if not program._folded.are_original():
            raise EdgeloadError(f"{function.name!r} was planned with values that variables were assigned.")
        _require_room(place, program)
        _plan_what_was_kept(place, function, program)
        planned = _describe(program, None, _MOST_PLANS, {})
        if not planned.plans:
            return
        writer = _FunctionWriter(Path(place.model), default().target)
        writer.add(planned, function)
        if place.objects() is None:
            place.drop()
            _write_objects(place)
        told = {"source": place.source, "function": function.name}
        writer.write(Path(place.file(function.name)), writer.images(), told)
    place.make_room()


def _require_room(place: Place, program: Program) -> None:
    """Raise EdgeloadError when the constants are more than may be kept, or would fill the disk."""
    nbytes = sum(np.asarray(constant).nbytes for constant in program._store.constants)
    os.makedirs(place.folder, exist_ok=True)
    if nbytes > min(place.max_nbytes, shutil.disk_usage(place.folder).free / 2):
        raise EdgeloadError(f"{nbytes:,} bytes of constants are too many to keep.")


def _plan_what_was_kept(place: Place, function: ConcreteFunction, program: Program) -> None:
    """Plan for the latest shapes that there are plans of, as far as they stay beside the program's own."""
    artefact = place.function(function.name)
    if artefact is None:
        return
    record = artefact.record("program 0")
    if record["value_inputs"] != sorted(program._value_inputs):
        return
    keys = [Encoding().decode(plan["key"]) for plan in record["plans"]]
    others = [key for key in keys if key not in program._plans]
    for key in others[-max(0, _MOST_PLANS - len(program._plans)) :]:
        program._planned(_inputs_for(key, len(function.input_specs), record["value_inputs"]))


def _inputs_for(key: Sequence[Any], count: int, value_inputs: Sequence[int]) -> list[np.ndarray]:
    """Inputs that have such a key, see `edgeload.runtime.steps.plan_key`."""
    inputs = [np.zeros(shape, dtype) for dtype, shape in key[:count]]
    for index, value in zip(value_inputs, key[count:], strict=False):
        flat = np.frombuffer(value, inputs[index].dtype) if isinstance(value, bytes) else np.array(value, object)
        inputs[index] = flat.reshape(inputs[index].shape)
    return inputs


def _describe(program: Program, graph: Graph | None, most: int, unused: dict[int, PlannedFunction]) -> PlannedFunction:
    """A program with the plans that it has, its later stages and its parts. `graph` is what other shapes are planned
    from, None for the one that the SavedModel has; `unused` are parts without plans, by the id of their graph."""
    planned = PlannedFunction(
        program.name, graph, graph is not None, program._store, program._folded.variables, program._assigned,
        program._value_inputs,
    )  # fmt: skip
    for key, stage in list(program._plans.items())[-most:]:
        if any(type(item) is int for item in key):  # an object of this process, by its id
            continue
        rest = None
        if stage.rest is not None:
            assert isinstance(stage.rest, Program)
            rest = _describe(stage.rest, stage.rest._graph, _MOST_PART_PLANS, unused)
        planned.plans.append(PlannedStage(key, stage.plan, rest))
    for index, part in enumerate(program._store.parts):
        if index in program._parts:
            planned.parts.append(_describe(program._parts[index], part, _MOST_PART_PLANS, unused))
        else:
            name = f"{program.name}/{part.name}"
            blank = PlannedFunction(name, part, True, program._store, (), (), set())
            planned.parts.append(unused.setdefault(id(part), blank))
    return planned


class _FunctionWriter(Writer):
    """Writes a function's plans, which refer to objects by their keys in the SavedModel."""

    def add(self, planned: PlannedFunction, function: ConcreteFunction) -> None:
        """Make the records of a function's plans. Raises EdgeloadError."""
        self._note_handles([function])
        self._add_planned(planned)

    def _refer(self, item: Any) -> Any:
        key = _key_of(item)
        if key is None:
            raise EdgeloadError(f"loading the model does not make {item!r}, which a plan needs.")
        return key

    def images(self) -> Any:
        """The kernels' code, from where this process has it."""
        return {name: default().image(name) for name in self._kernels}


class _ObjectsWriter(Writer):
    """Writes a model's objects, whose functions and variables' values stay in the SavedModel."""

    def _variable_value(self, variable: Variable) -> Any:
        return ["checkpoint", variable.key] if variable.has_value else None

    def keys(self) -> list[Any]:
        """The objects' keys, by number."""
        return [_key_of(item) for item in self._kept]


def _write_objects(place: Place) -> None:
    root = load_plain(place.model, place.tags)
    writer = _ObjectsWriter(Path(place.model), default().target)
    traces = writer.describe_all(root)
    waiting: list[Resource] = []
    for _, trace in traces[:1]:
        waiting = getattr(getattr(trace.executor, "_initializers", None), "waiting", [])
    writer.record_objects()
    writer.add_records({"keys": writer.keys(), "waiting": [_key_of(resource) for resource in waiting]})
    writer.write(Path(place.file(None)), {}, {"source": place.source})


def _key_of(item: Any) -> Any:
    """An object's number or name in the SavedModel, None if it has neither."""
    return getattr(item, "_origin", (None, None))[1] if isinstance(item, OfModel) else None
