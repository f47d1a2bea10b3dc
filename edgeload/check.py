"""What of a model can run here, and where: `python -m edgeload check MODEL`.

    read the model without its weights ──► each signature and function ──► its graph ──► ops that are missing
                                                                               └──────► its plan ──► steps, by kind

Nothing is compiled, and nothing is run unless that is asked for. Unknown sizes of inputs are 1, or what is asked for,
or else the first of a few that the function can be planned with. Of a built artefact, the first plan is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgeload import dtypes
from edgeload.errors import ArgumentValueError, EdgeloadError
from edgeload.graph.branches import CONTROL, all_nodes
from edgeload.graph.effects import STRUCTURAL
from edgeload.graph.ir import Node
from edgeload.graph.support import missing_ops
from edgeload.kernels import registry
from edgeload.kernels.tensor_list import UNSET
from edgeload.objects import tf1
from edgeload.objects.describing import describe_signature
from edgeload.objects.functions import ConcreteFunction
from edgeload.objects.specs import TensorSpec
from edgeload.objects.walk import functions
from edgeload.plan.plan import BranchStep, ControlStep, HostStep, KernelStep, LoopStep, Place, Plan, Step, walk
from edgeload.plan.specialise import SHAPE_ONLY

if TYPE_CHECKING:
    from edgeload.built import BuiltProgram
    from edgeload.program import Program
    from edgeload.runtime.steps import Planned

_GUESSES = (2, 4, 8, 16, 32, 64, 128, 224, 256)  # for unknown sizes, where 1 is impossible
_GUESSED_RANKS = (1, 2, 3, 4, 0)
_DEEPEST_PART = 16  # loops in loops that are looked into
_INIT = "(what runs before the first call)"


@dataclass
class HostPart:
    """Steps in a row that Python runs: the first and last one's number in their plan, their ops and nodes, and why no
    kernel does it."""

    where: str
    first: int | None
    last: int | None
    ops: list[str]
    nodes: list[str]
    why: list[str]


@dataclass
class FunctionReport:
    """One function. `missing`: ops to the places where they are. `problem`: why it cannot be planned. Steps in loops
    and branches count; `native_calls` is how often a call of the function goes from Python to compiled code, apart from
    loops that Python drives. `later`: nodes whose steps only running can tell, since sizes depend on data."""

    names: list[str]
    function: str
    takes: str
    inputs: dict[str, str] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    problem: str = ""
    native: int = 0
    native_loops: int = 0
    native_calls: int = 0
    control: int = 0
    host: int = 0
    later: int = 0
    host_parts: list[HostPart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_runnable(self) -> bool:
        return not self.missing and not self.problem

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "runnable": self.is_runnable}


def check(
    path: str,
    tags: Iterable[str] | None = None,
    *,
    batch: int = 1,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    runs: bool = False,
) -> list[FunctionReport]:
    """A report for each signature and each trace of each function of a SavedModel or built artefact.

    batch: the size of unknown first dimensions. shapes: of inputs by name. runs: call each function once, with ones and
    empty strings, so that what depends on data is planned as well; weights are read. All three are for SavedModels.
    Raises as `load` does, and ArgumentValueError for a shape of an input that no function has.
    """
    from edgeload.runtime.artefact import is_artefact

    if is_artefact(path):
        if shapes or runs or batch != 1:
            raise ArgumentValueError(f"{path} was planned when it was built; check it without --batch, --shape, --run.")
        return _check_artefact(path)
    root, library = _read(path, tags, with_weights=runs)
    traces = _functions(root)
    _check_names(shapes or {}, [trace for trace, _ in traces])
    reports = []
    if isinstance(root, tf1.Graph) and (init := root.init_program()) is not None:
        report = FunctionReport([_INIT], "init op", "()")
        _examine(report, init, [], library, batch, shapes or {}, runs)
        reports.append(report)
    for trace, names in traces:
        report = FunctionReport(names, trace.name, describe_signature(trace.structured_input_signature))
        reports.append(report)
        try:
            program: Any = getattr(trace.executor, "_program", trace.executor)  # of TF1: behind the init op
            _examine(report, program, trace.input_specs, library, batch, shapes or {}, runs)
        except EdgeloadError as error:
            report.problem = str(error)
    return reports


def _read(path: str, tags: Iterable[str] | None, with_weights: bool) -> tuple[Any, Mapping[str, Any]]:
    """The root of a model whose weights may be zeros, and its library of functions."""
    from edgeload.load import restore
    from edgeload.savedmodel import reader
    from edgeload.savedmodel.outline import Outline

    model = reader.read(path, tags)
    if model.bundle is not None and not with_weights:
        model.bundle = Outline(model.bundle.prefix)
    library = {function.signature.name: function for function in model.meta_graph.graph_def.library.function}
    return restore(model, allow_partial_checkpoint=True), library


def _functions(root: Any) -> list[tuple[ConcreteFunction, list[str]]]:
    """The functions that can be reached from the root, with their names."""
    found: dict[int, tuple[ConcreteFunction, list[str]]] = {}

    def note(trace: ConcreteFunction, name: str) -> None:
        _, names = found.setdefault(id(trace), (trace, []))
        if name not in names:
            names.append(name)

    for key, signature in getattr(root, "signatures", {}).items():
        note(signature, f"signature {key!r}")
    for name, function in functions(root):
        if isinstance(function, ConcreteFunction):
            note(function, name)
        else:
            traces = function.concrete_functions
            for number, trace in enumerate(traces, 1):
                note(trace, f"{name} (trace {number} of {len(traces)})" if len(traces) > 1 else name)
    return list(found.values())


def _check_names(shapes: Mapping[str, Any], traces: Sequence[ConcreteFunction]) -> None:
    known = {spec.name for trace in traces for spec in trace.input_specs}
    for name in shapes:
        if name not in known:
            raise ArgumentValueError(
                f"no function has an input {name!r}; there are {', '.join(sorted(filter(None, known))) or 'none'}."
            )


# -- one function -----------------------------------------------------------------------------------------------------


def _examine(
    report: FunctionReport,
    program: Any,
    specs: Sequence[TensorSpec],
    library: Mapping[str, Any],
    batch: int,
    shapes: Mapping[str, tuple[int, ...]],
    runs: bool,
) -> None:
    """Fill in a report. `program` is what the model runs the function with."""
    from edgeload.program import Program

    report.missing = _places(missing_ops(program._import_graph()), library)
    if report.missing:
        return
    if any(isinstance(spec.dtype, dtypes.Opaque) for spec in specs):
        report.notes.append("it takes handles, whose shapes only a call tells: not planned")
        return
    ahead = Program(program.name, program._import_graph, program._release, program._library)
    problem: EdgeloadError | None = None
    for inputs in _samples(specs, batch, shapes):
        try:
            planned = ahead._planned(inputs)
        except EdgeloadError as error:
            problem = problem or error
            continue
        names = [spec.name or str(index) for index, spec in enumerate(specs)]
        report.inputs = {name: _spec_text(value) for name, value in zip(names, inputs, strict=True)}
        if runs:
            try:
                ahead.run(inputs)
            except (EdgeloadError, ArithmeticError, LookupError, TypeError, ValueError) as failure:
                report.notes.append(f"a call with ones and empty texts failed: {failure}")
        _count(report, _Fresh(ahead, planned))
        return
    report.problem = f"it cannot be planned: {problem}"
    if any(spec.shape is None or None in spec.shape for spec in specs):
        report.problem += " Its inputs have unknown sizes; give them with --shape NAME=N,N."


def _places(missing: Mapping[str, Sequence[str]], library: Mapping[str, Any]) -> dict[str, list[str]]:
    """Ops to their nodes, each with the function of the model's library that it is in."""
    owners: dict[str, list[tuple[str, str]]] = {op: [] for op in missing}
    for function in library.values():
        for node in function.node_def:
            if node.op in owners:
                owners[node.op].append((node.name, function.signature.name))
    return {op: [_place(name, owners[op]) for name in names] for op, names in missing.items()}


def _place(name: str, owners: Sequence[tuple[str, str]]) -> str:
    """A node with its function: an inlined node is named CALL/NODE."""
    functions = [owner for node, owner in owners if name == node or name.endswith(f"/{node}")]
    return f"{name!r} in function {' or '.join(map(repr, functions))}" if functions else repr(name)


def _samples(
    specs: Sequence[TensorSpec], batch: int, shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[list[np.ndarray]]:
    """Inputs of all shapes that are worth a try, the likeliest first. Integers are 1, since some are sizes."""
    is_known = all(spec.name in shapes or (spec.shape is not None and None not in spec.shape) for spec in specs)
    for size in (1,) if is_known else (1, *_GUESSES):
        ranks = _GUESSED_RANKS if any(spec.shape is None and spec.name not in shapes for spec in specs) else (0,)
        for rank in ranks:
            yield [_sample(spec.dtype, _shape(spec, batch, size, rank, shapes)) for spec in specs]


def _shape(
    spec: TensorSpec, batch: int, size: int, rank: int, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[int, ...]:
    if spec.name in shapes:
        return shapes[spec.name or ""]
    declared = (None,) * rank if spec.shape is None else spec.shape
    return tuple((batch if axis == 0 else size) if dim is None else dim for axis, dim in enumerate(declared))


def _sample(dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == dtypes.STRING:
        return np.full(shape, b"", dtypes.STRING)
    return np.broadcast_to(np.ones((), dtype), shape)


def _spec_text(value: np.ndarray) -> str:
    return f"{dtypes.name_of(value.dtype)}[{','.join(map(str, value.shape))}]"


# -- counting ---------------------------------------------------------------------------------------------------------


class _Stage(Protocol):
    """A plan, and what Python runs besides."""

    @property
    def plan(self) -> Plan: ...

    def following(self) -> _Stage | None:
        """The next stage, if it has been planned."""

    def rest(self) -> list[Node] | None:
        """The nodes that follow the plan, None if the plan is all."""

    def part(self, step: ControlStep, number: int) -> _Stage | None:
        """A part of a loop or branch, planned for what it gets at first; None if that is not known."""

    def part_nodes(self, step: ControlStep, number: int) -> list[Node]:
        """The nodes of such a part."""


def _count(report: FunctionReport, stage: _Stage, where: str = "", depth: int = 0) -> None:
    """Add the steps of a plan, of what follows it, and of the parts that Python drives."""
    _count_plan(report, stage.plan, where)
    for step in stage.plan.steps:
        for number in range(len(step.parts) if isinstance(step, ControlStep) else 0):
            assert isinstance(step, ControlStep)
            inside = f"in the {_part_name(step, number)} of {step.node!r}"
            part = stage.part(step, number) if depth < _DEEPEST_PART else None
            if part is None:
                _count_later(report, stage.part_nodes(step, number), inside)
            else:
                _count(report, part, inside, depth + 1)
    following, rest = stage.following(), stage.rest()
    if following is not None:
        _count(report, following, where or "in a later stage", depth)
    elif rest is not None:
        waits = [text for place, text in _makers(stage.plan) if place.shape is None] or ["values that decide sizes"]
        report.notes.append(f"the rest is planned at the call, once it has the results of {', '.join(_unique(waits))}")
        _count_later(report, rest, "behind the first stage")


def _count_plan(report: FunctionReport, plan: Plan, where: str) -> None:
    for step in walk(plan.steps):
        report.native += isinstance(step, KernelStep)
        report.native_loops += isinstance(step, LoopStep | BranchStep)
    report.control += sum(isinstance(step, ControlStep) for step in plan.steps)
    report.host += sum(isinstance(step, HostStep) for step in plan.steps)
    report.notes += plan.notes
    for is_python, numbered in groupby(enumerate(plan.steps), key=lambda item: _is_python(item[1])):
        if is_python:
            report.host_parts.append(_host_part(list(numbered), where))
        else:
            report.native_calls += 1


def _count_later(report: FunctionReport, nodes: Sequence[Node], where: str) -> None:
    """Nodes that are only planned when they run. What has no kernel is known all the same."""
    nodes = [node for node in nodes if node.op not in STRUCTURAL and node.op not in SHAPE_ONLY]
    report.later += len(nodes)
    whys = {node: None if node.op in CONTROL else _why_host(node.op, _specs(node)) for node in nodes}
    host = [node for node in nodes if whys[node] is not None]
    if host:
        reasons = _unique(str(whys[node]) for node in host)
        report.host_parts.append(
            HostPart(where, None, None, [node.op for node in host], [node.name for node in host], reasons)
        )


def _host_part(steps: Sequence[tuple[int, Step]], where: str) -> HostPart:
    reasons = _unique(_why(step) for _, step in steps)
    ops = [step.op for _, step in steps if isinstance(step, HostStep | ControlStep)]
    return HostPart(where, steps[0][0], steps[-1][0], ops, [step.node for _, step in steps], reasons)


def _why(step: Step) -> str:
    """Why Python runs a step."""
    assert isinstance(step, HostStep | ControlStep)
    if isinstance(step, ControlStep):
        if any(place.shape is None for place in step.outputs):
            return "the shapes it gives are not known before it has run"
        return "some of what is inside of it runs in Python"
    specs = [(place.dtype, place.shape) for place in (*step.inputs, *step.outputs)]
    why = _why_host(step.op, specs)
    if why is not None:
        return why
    if any(dtype == UNSET for dtype, _ in specs):
        return "the shape of a list's elements is not known"
    if any(shape is None for _, shape in specs):
        return "sizes depend on data"
    numeric = _unique(dtypes.name_of(dtype) for dtype, _ in specs if isinstance(dtype, np.dtype))
    return f"{step.op} has no kernel for {', '.join(numeric)} with these attributes"


def _why_host(op: str, specs: Sequence[tuple[Any, Any]]) -> str | None:
    """Why no kernel can ever run such a node; None if one may."""
    if any(dtype == dtypes.STRING for dtype, _ in specs):
        return "strings are Python's to process"
    found = registry.find(op)
    if found is not None and found.lower is None and not found.view:
        return "the op has no kernel"
    return None


def _specs(node: Node) -> list[tuple[Any, Any]]:
    return [(tensor.dtype, tensor.shape) for tensor in (*node.inputs, *node.outputs)]


def _makers(plan: Plan) -> Iterator[tuple[Place, str]]:
    """The outputs of a plan, with the steps that make them."""
    makers = {
        (place.space, place.at): f"{step.op} {step.node!r}"
        for step in plan.steps
        if isinstance(step, HostStep | ControlStep)
        for place in step.outputs
    }
    for place in plan.outputs:
        yield place, makers.get((place.space, place.at), str(place))


def _part_name(step: ControlStep, number: int) -> str:
    return ("condition", "body")[number] if "While" in step.op else f"branch {number}"


def _is_python(step: Step) -> bool:
    return isinstance(step, HostStep | ControlStep)


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


# -- where plans come from --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fresh:
    """A plan that was made here."""

    program: Program
    planned: Planned

    @property
    def plan(self) -> Plan:
        return self.planned.plan

    def following(self) -> _Fresh | None:
        following: Any = self.planned.rest
        return None if following is None or following._last is None else _Fresh(following, following._last)

    def rest(self) -> list[Node] | None:
        following: Any = self.planned.rest
        return None if following is None else all_nodes(following._graph)

    def part(self, step: ControlStep, number: int) -> _Fresh | None:
        part = self.program._part(step.parts[number])
        if part._last is not None:
            return _Fresh(part, part._last)
        places = step.inputs if "While" in step.op else step.inputs[1:]
        if not all(isinstance(place.dtype, np.dtype) and place.shape is not None for place in places):
            return None
        try:
            return _Fresh(part, part._planned([_sample(place.dtype, place.shape or ()) for place in places]))
        except EdgeloadError:
            return None

    def part_nodes(self, step: ControlStep, number: int) -> list[Node]:
        return all_nodes(self.program._store.parts[step.parts[number]])


@dataclass(frozen=True)
class _Built:
    """The first plan of a function in an artefact."""

    program: BuiltProgram

    @property
    def plan(self) -> Plan:
        described = next(iter(self.program._described.values()))
        return self.program._bind(described).plan

    def following(self) -> _Built | None:
        following: Any = self.program._bind(next(iter(self.program._described.values()))).rest
        return _Built(following) if following is not None and following._described else None

    def rest(self) -> list[Node] | None:
        following: Any = self.program._bind(next(iter(self.program._described.values()))).rest
        return None if following is None else self._nodes(following)

    def part(self, step: ControlStep, number: int) -> _Built | None:
        part = self._part(step, number)
        return _Built(part) if part._described else None

    def part_nodes(self, step: ControlStep, number: int) -> list[Node]:
        return self._nodes(self._part(step, number))

    def _part(self, step: ControlStep, number: int) -> BuiltProgram:
        return self.program._piece(self.program._parts[step.parts[number]])

    @staticmethod
    def _nodes(program: BuiltProgram) -> list[Node]:
        """The nodes that the device plans; none where only the plans were kept."""
        if program._graph is None:
            return []
        return all_nodes(program._model.graph(program._model.artefact.record(program._graph)))


def _check_artefact(path: str) -> list[FunctionReport]:
    """The first plan of each function, as it was built."""
    from edgeload.built import open_model

    reports = []
    for trace, names in _functions(open_model(path)):
        report = FunctionReport(names, trace.name, describe_signature(trace.structured_input_signature))
        reports.append(report)
        try:
            executor: Any = trace.executor
            program = executor._program() if hasattr(executor, "_init") else executor  # of TF1: behind the init op
            if program._described:
                _count(report, _Built(program))
                report.notes.append(f"counted: the first of {len(program._described)} plan(s) that were built")
            else:
                report.notes.append("no plan was built: it is planned at the call")
        except EdgeloadError as error:
            report.problem = str(error)
    return reports
