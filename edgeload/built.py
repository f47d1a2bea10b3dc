"""Built artefacts as objects: what `load` returns for a folder that `scripts/aot_build.py` has made.

A function runs the plans that were made for it, with the artefact's kernels and mapped weights. Only for other shapes,
or after Python has assigned a variable that was packed, is the function's graph read and planned here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.errors import CorruptModelError, EdgeloadError, UnsupportedOpError
from edgeload.objects import structured
from edgeload.objects.functions import ConcreteFunction, Function
from edgeload.objects.origins import OfModel, Origin
from edgeload.objects.resources import Asset, CapturedTensor, Resource
from edgeload.objects.trackables import (
    TYPES,
    DictWrapper,
    ListWrapper,
    Signatures,
    UserObject,
    add_child,
    add_child_when_asked_for,
    make_registered,
    make_user_object,
)
from edgeload.objects.variables import State, Variable
from edgeload.runtime.artefact import Artefact
from edgeload.runtime.bound import BoundPlan
from edgeload.runtime.encoding import Encoding
from edgeload.runtime.library import Library
from edgeload.runtime.steps import FoldedVariables, Planned, plan_key, run_step

if TYPE_CHECKING:
    from edgeload.kernels.tables import Table
    from edgeload.plan.layout import Layout
    from edgeload.plan.plan import ControlStep, HostStep, Plan

VALUE_TYPES = {
    "TensorSpec": "edgeload.objects.specs",
    "BoundedTensorSpec": "edgeload.objects.specs",
    "CompositeSpec": "edgeload.objects.specs",
    "Parameters": "edgeload.objects.parameters",
}
"""Dataclasses that signatures and functions consist of."""


def open_model(path: str) -> Any:
    """The root object of an artefact. Raises CorruptModelError, UnsupportedOpError."""
    artefact = Artefact(path)
    return Model(artefact, artefact.library()).root()


class BuiltGraph(OfModel):
    """A TF1 model that was built: `.signatures`, `.variables`, `.asset_paths`. What of its graph no signature takes was
    left out, so there is no `.graph` to look at, to `prune` or to `restore` with."""

    signatures: Signatures
    variables: list[Variable]
    asset_paths: list[Asset]

    def prune(self, feeds: Any, fetches: Any, name: str = "pruned", input_signature: Any = None) -> ConcreteFunction:
        raise UnsupportedOpError(
            "a built artefact has only the functions that it was built with; prune the SavedModel instead, with "
            "edgeload.load(savedmodel).prune(...)."
        )

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"a built artefact of a TF1 model has no {name!r}: it has .signatures, .variables and .asset_paths. Load "
            "the SavedModel itself for its graph."
        )


class Model:
    """The objects of one artefact, made when something refers to them."""

    def __init__(self, artefact: Artefact, library: Library | None, others: Sequence[Any] = ()) -> None:
        """`library` has the kernels of the artefact's programs, if it has any. `others` are more values that its
        records contain, as `Encoding` takes them."""
        self.artefact = artefact
        self.library = library
        self.encoding = Encoding(
            VALUE_TYPES,
            (
                ("object", (), lambda value: None, self.object),
                ("handle", (), lambda value: None, lambda index: self.object(index).capture()),
                ("graph", (), lambda value: None, self.graph),
                ("namedtuple", (), lambda value: None, self._namedtuple),
                *others,
            ),
            get_array=self._array,
        )
        self._objects: dict[int, Any] = {}
        self._childless: list[tuple[Any, dict[str, Any]]] = []
        self._is_adding = False
        self.state = State()
        self._programs: dict[str, BuiltProgram] = {}
        self._lock = threading.RLock()
        self._origin = Origin(partial(open_model, os.path.abspath(artefact.path)), self.object)

    def root(self) -> Any:
        return self.object(0)

    def object(self, index: int) -> Any:
        """An object by its number, with its children; those of plain objects are made when somebody asks for them."""
        with self._lock:
            if index not in self._objects:
                described = self._describe(index)
                self._objects[index] = made = getattr(self, f"_make_{described['kind']}")(described)
                if isinstance(made, OfModel):
                    self._note(index, made)
                if described.get("children"):
                    self._childless.append((self._objects[index], described["children"]))
            if not self._is_adding:  # children lead on to others, however deep, and maybe back
                self._is_adding = True
                try:
                    while self._childless:
                        self._add_children(*self._childless.pop())
                finally:
                    self._is_adding = False
            return self._objects[index]

    def _note(self, index: int, made: OfModel) -> None:
        """Tell the origin of an object that was made."""
        self._origin.note(index, made)

    @cached_property
    def _described(self) -> list[Any]:
        described: list[Any] = self.artefact.record("objects")
        return described

    def _describe(self, index: int) -> Any:
        if not 0 <= index < len(self._described):
            raise CorruptModelError(f"{self.artefact.path} refers to object {index}, which it does not have.")
        return self._described[index] or self._variables[str(index)]

    @cached_property
    def _variables(self) -> Any:
        """The descriptions of variables, of which a model may have many and a call needs none."""
        return self.artefact.record("variables")

    def graph(self, value: Any) -> Any:
        """A graph inside a node's attributes."""
        from edgeload.graph.encoding import decode_graph

        return decode_graph(value, self.encoding)

    def _array(self, place: Any) -> np.ndarray:
        """A tensor by its number, or the path of an asset."""
        return self.artefact.tensor(place) if type(place) is int else self._asset(place["asset"]).capture()

    def _asset(self, file: str) -> Asset:
        return Asset(os.path.realpath(self.artefact.file(os.path.join("assets", file))))

    def program(self, name: str) -> BuiltProgram:
        """A program by its record."""
        with self._lock:
            if name not in self._programs:
                self._programs[name] = BuiltProgram(self, name)
            return self._programs[name]

    def _namedtuple(self, value: Any) -> Any:
        name, fields, items = value
        return structured.make_namedtuple(name, tuple(fields))(*map(self.encoding.decode, items))

    def _add_children(self, owner: Any, children: dict[str, Any]) -> None:
        for name, child in children.items():
            if isinstance(owner, UserObject):
                add_child_when_asked_for(owner, name, partial(self.encoding.decode, child))
            elif isinstance(owner, BuiltGraph) or not isinstance(owner, OfModel | list | dict):  # of a registered type
                setattr(owner, name, self.encoding.decode(child))
            else:
                add_child(owner, name, self.encoding.decode(child))

    # -- objects ----------------------------------------------------------------------------------------------------

    def _make_user(self, described: Any) -> Any:
        told = described["registered_name"], described["identifier"], bytes.fromhex(described["proto"])
        made = make_registered(*told) if TYPES else None
        return make_user_object(told[1], told[0], told[2]) if made is None else made

    def _make_list(self, described: Any) -> Any:
        return ListWrapper()

    def _make_dict(self, described: Any) -> Any:
        return DictWrapper()

    def _make_signatures(self, described: Any) -> Any:
        return Signatures()

    def _make_tf1(self, described: Any) -> Any:
        return BuiltGraph()

    def _make_asset(self, described: Any) -> Asset:
        return self._asset(described["file"])

    def _make_captured_tensor(self, described: Any) -> CapturedTensor:
        return CapturedTensor(described["name"], described["function"])

    def _make_table(self, described: Any) -> Table:
        from edgeload.kernels.tables import Table

        return Table(*(self.encoding.decode(described[name]) for name in TABLE_FIELDS))

    def _make_resource(self, described: Any) -> Resource:
        entries = [self.encoding.decode(entry) for entry in described["entries"]]

        def restore(table: Any) -> None:
            for keys, values in entries:
                table.replace(keys, values)

        return Resource(restore if entries else None)

    def _make_variable(self, described: Any) -> Variable:
        decode = self.encoding.decode
        value = described["value"]
        return Variable(
            described["name"],
            decode(described["dtype"]),
            decode(described["shape"]),
            state=self.state,
            read=None if value is None else partial(decode, value),
            trainable=described["trainable"],
            key=described["key"],
            synchronization=described["synchronization"],
            aggregation=described["aggregation"],
        )

    def _make_function(self, described: Any) -> Function:
        traces = [self.object(index) for index in described["traces"]]
        return Function(described["name"], traces, self.encoding.decode(described["parameters"]))

    def _make_trace(self, described: Any) -> ConcreteFunction:
        decode = self.encoding.decode
        name = described["program"]
        trace = ConcreteFunction(
            described["name"],
            decode(described["signature"]),
            decode(described["outputs"]),
            lambda function: self._executor(described, function),
            lambda: decode(described["captures"]),
        )
        trace.accept_flat_calls(described["keywords"], described["positional"], decode(described["parameters"]))
        trace.set_defaults(decode(described["defaults"]))
        trace.set_aliases(described["aliases"])
        assert name is None or isinstance(name, str)
        return trace

    def _executor(self, described: Any, function: ConcreteFunction) -> Any:
        if described["program"] is None:
            raise UnsupportedOpError(f"function {described['name']!r} was not built: {described['why_not']}")
        name, init = described["program"], described["init"]
        return _Initialised(list(map(self.program, init)), lambda: self.program(name)) if init else self.program(name)


TABLE_FIELDS = ("name", "key_dtype", "value_dtype", "value_shape", "is_static", "reserved")


class _Initialised:
    """Runs what initialises a model before the first call of any of its functions."""

    def __init__(self, init: Sequence[BuiltProgram], program: Callable[[], BuiltProgram]) -> None:
        """`program` gives the function, whose constants are what variables are after the initialisation."""
        self._init = init
        self._program = program

    def run(self, inputs: list[Any]) -> list[Any]:
        for program in self._init:
            program.run_once()
        return self._program().run(inputs)

    def prepared(self, inputs: list[Any]) -> Any:
        return self._program().prepared(inputs)

    @property
    def plan(self) -> Plan:
        return self._program().plan


class BuiltProgram:
    """A function that was planned ahead of time. It runs as `edgeload.program.Program` does."""

    def __init__(self, model: Model, record: str) -> None:
        self._model = model
        described = model.artefact.record(record)
        decode = model.encoding.decode
        self.name: str = described["name"]
        self._graph: str | None = described["graph"]
        self._is_optimised: bool = described["is_optimised"]
        self._parts: list[str] = described["parts"]
        self._constants: list[Any] = described["constants"]
        self._resources = decode(described["resources"])
        self._folded_variables: Any = described["folded"]
        self._assigned = decode(described["assigned"])
        self._were_mutable = [variable.is_mutable for variable in self._assigned]
        for variable in self._assigned:
            variable.is_mutable = True
        self._value_inputs: list[int] = described["value_inputs"]
        self._described = {decode(entry["key"]): entry for entry in described["plans"]}
        self._plans: dict[Any, Planned] = {}
        self._planning: Any = None
        self._last: Any = None
        self._has_run = False
        self.memories: dict[str, dict[str, Any]] = {}  # what nodes keep from call to call, by name
        self._lock = threading.RLock()

    @property
    def plan(self) -> Plan:
        """The plan of the last call. Raises EdgeloadError before the first call."""
        if self._last is None:
            raise EdgeloadError(f"{self.name!r} has no plan yet: plans are made for concrete shapes. Call it once.")
        plan: Plan = self._last.plan
        return plan

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for inputs in order."""
        outputs = self.run_planned(inputs)
        if outputs is None:
            self._last = self._planner()
            outputs = self._last.run(inputs)
        return outputs

    def run_planned(self, inputs: Sequence[Any]) -> list[Any] | None:
        """As `run`, None if there is no plan for such inputs."""
        planned = self._planned(inputs)
        if planned is None:
            return None
        self._last = planned
        outputs = planned.run(inputs)
        for variable in self._assigned:
            variable.touch()
        return outputs if planned.rest is None else planned.rest.run(outputs)

    def prepared(self, inputs: Sequence[Any]) -> Callable[[Any], Any] | None:
        """See objects.functions.Executor. (The last plan may be that of another thread's call.)"""
        planned, state = self._last, self._model.state
        if planned is None:
            return None
        if not isinstance(planned, Planned):  # made here, for other shapes
            answer: Callable[[Any], Any] | None = planned.prepared(inputs)
            return answer
        if planned.rest is not None or not planned.fits(inputs):
            return None
        if state.version == 0:
            return planned.prepared([(state, 0)])
        return None if self._folded.have_changed() else planned.prepared(self._folded.states())

    def run_once(self) -> None:
        """Run without inputs, at the first time only."""
        if self._has_run:
            return
        with self._lock:
            if self._has_run:
                return
            self._has_run = True  # while it runs as well
            versions = [variable.version for variable in self._assigned]
            try:
                self.run([])
            except BaseException:
                self._has_run = False
                raise
            for variable, was_mutable, version in zip(self._assigned, self._were_mutable, versions, strict=True):
                variable.is_mutable = was_mutable
                variable.version = version  # what it set here is what it set when this was built

    def _planned(self, inputs: Sequence[Any]) -> Planned | None:
        """The plan for such inputs, None if it has to be made here."""
        if self._model.state.version and self._folded.have_changed():
            return None
        key = plan_key(inputs, self._value_inputs)
        if self._assigned:
            key += tuple(variable.array.shape for variable in self._assigned)
        planned = self._plans.get(key)
        if planned is None and key in self._described:
            with self._lock:
                planned = self._plans[key] = self._bind(self._described[key])
                if not self._value_inputs and not self._assigned:
                    planned.note_exact(inputs)
        return planned

    @cached_property
    def _folded(self) -> FoldedVariables:
        """The variables that are constants of the plans, as they are in the artefact."""
        return FoldedVariables(self._model.encoding.decode(self._folded_variables), version=0)

    def _bind(self, described: Any) -> Planned:
        model = self._model
        layout: Layout = model.encoding.decode(described["layout"])
        rest = None if described["rest"] is None else self._piece(described["rest"])
        constants = _Constants(model, self._constants)

        @cache
        def get_plan() -> Plan:
            plan: Plan = model.encoding.decode(model.artefact.record(described["plan"]))
            return plan

        def bind() -> BoundPlan:
            return BoundPlan(layout, get_plan, constants, self._resources, self._run_host, model.library)

        return Planned(get_plan, rest, bind)

    def _run_host(self, step: HostStep | ControlStep, inputs: list[Any]) -> list[Any]:
        return run_step(step, inputs, lambda index: self._piece(self._parts[index]), self.memories)

    def _piece(self, record: str) -> BuiltProgram:
        """A part's program, or what follows a stage: its nodes are this program's, with what they keep."""
        program = self._model.program(record)
        program.memories = self.memories
        return program

    def _planner(self) -> Any:
        """A Program of the stored graph, for what was not planned ahead of time."""
        with self._lock:
            if self._planning is None:
                self._planning = self._make_planner()
            return self._planning

    def _make_planner(self) -> Any:
        if self._graph is None:
            shapes = "; ".join(str(key) for key in self._described)
            raise UnsupportedOpError(
                f"function {self.name!r} was built for these shapes only: {shapes}. Build it again with --shape, or "
                "without --fixed-shapes."
            )
        from edgeload.program import Program

        record = self._graph

        def read() -> Any:
            return self._model.graph(self._model.artefact.record(record))

        program = Program(self.name, read, library=self._model.library)
        program.memories = self.memories
        if self._is_optimised:
            program._graph = read()
        return program


class _Constants:
    """A program's constants, read when a plan is bound that has them."""

    def __init__(self, model: Model, encoded: list[Any]) -> None:
        self._model = model
        self._encoded = encoded

    def __getitem__(self, index: int) -> Any:
        return self._model.encoding.decode(self._encoded[index])

    def address(self, index: int) -> int:
        """Where a constant's first element is in mapped memory."""
        _, place = self._encoded[index]
        return self._model.artefact.address(place)
