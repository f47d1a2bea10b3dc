"""Plans one function for a target, for the shapes that are known ahead of time.

A function's later stages, and the parts of loops that Python drives, get shapes that only running tells. So where a
function has any, it is run here once, on samples, and what its stages were called with is planned for the target too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.aot.choices import Choices
from edgeload.errors import EdgeloadError
from edgeload.graph.branches import all_nodes
from edgeload.graph.ir import Graph
from edgeload.objects.specs import TensorSpec
from edgeload.plan.layout import lay_out
from edgeload.plan.plan import ControlStep, Plan, walk
from edgeload.plan.store import Store
from edgeload.program import Program
from edgeload.runtime.library import Library
from edgeload.runtime.steps import Planned
from edgeload.runtime.target import Target

_GUESSED_SIZES = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    16,
)  # for unknown sizes, to find the kernels that plans for other shapes will take
_SEED = 0  # of samples


@dataclass(eq=False)
class PlannedStage:
    """One stored plan: the key of its inputs, and the function's next stage, if it has one."""

    key: Any
    plan: Plan
    rest: PlannedFunction | None


@dataclass(eq=False)
class PlannedFunction:
    """A function, a later stage of one, or a part of a loop, with its plans. `graph` is what other shapes are planned
    from; `is_optimised` tells that passes have been over it."""

    name: str
    graph: Graph | None
    is_optimised: bool
    store: Store
    folded: Sequence[Any]
    assigned: Sequence[Any]
    value_inputs: set[int]
    plans: list[PlannedStage] = field(default_factory=list)
    parts: list[PlannedFunction] = field(default_factory=list)
    extra_kernels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    originals: dict[Any, Any] = field(default_factory=dict)
    """The values of constants before packing, by key."""

    def kernels(self) -> list[str]:
        """The kernels that its plans take, and those that plans for other shapes will probably take."""
        return [*(name for stage in self.plans for name in lay_out(stage.plan).kernels), *self.extra_kernels]


class _Observed(Program):
    """A Program that remembers what it was run with."""

    def __init__(self, name: str, import_graph: Callable[[], Graph], **options: Any) -> None:
        super().__init__(name, import_graph, **options)
        self.seen: list[Sequence[Any]] = []

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        self.seen.append(list(inputs))
        return super().run(inputs)


def plan_function(program: Any, specs: Sequence[TensorSpec], target: Target, choices: Choices) -> PlannedFunction:
    """All plans of a function that the choices ask for. `program` is what its SavedModel runs it with.

    Raises UnsupportedOpError when it has ops that edgeload does not have.
    """
    ahead = Program(program.name, program._import_graph, program._release, Library(target))
    ahead._optimised()
    planned = _describe(ahead, program._import_graph(), is_optimised=False)
    wanted = list(samples(specs, choices))
    for inputs in wanted:
        try:
            stage = ahead._planned(inputs)
        except EdgeloadError as error:
            planned.notes.append(f"not planned for {_shapes(inputs)}: {error}")
            continue
        planned.value_inputs = ahead._value_inputs
        if planned.value_inputs and not all(specs[index].name in choices.samples for index in planned.value_inputs):
            planned.notes.append("its shapes depend on the values of inputs; give samples of them with --input")
        observed = _observe(program, stage, inputs, planned.notes)
        _add_stage(planned, ahead, inputs, observed)
    if not wanted:
        planned.notes.append("its shapes are unknown; plans are made on the device, or here with --shape")
    if not choices.fixed_shapes and any(spec.shape is None or None in spec.shape for spec in specs):
        planned.extra_kernels = _guess_kernels(program, specs, Library(target))
    if choices.fixed_shapes:
        _drop_graphs(planned)
    return planned


def _drop_graphs(planned: PlannedFunction) -> None:
    """Forget what other shapes would be planned from, wherever there is a plan."""
    if planned.plans:
        planned.graph = None
    for following in [*planned.parts, *(stage.rest for stage in planned.plans if stage.rest is not None)]:
        _drop_graphs(following)


def _observe(program: Any, stage: Planned, inputs: Sequence[Any], notes: list[str]) -> _Observed | None:
    """The function after it has run here, where running tells more than planning: what its later stages got."""
    if stage.rest is None and not any(isinstance(step, ControlStep) for step in walk(stage.plan.steps)):
        return None
    observed = _Observed(program.name, program._import_graph, release=program._release)
    try:
        observed.run(inputs)
    except (EdgeloadError, ArithmeticError, ValueError, TypeError, IndexError) as error:
        notes.append(f"later stages are planned on the device: a sample did not run here: {error}")
        return None
    return observed


def _describe(program: Program, graph: Graph | None, *, is_optimised: bool) -> PlannedFunction:
    folded = list(program._folded.variables)
    nodes = [] if program._graph is None else all_nodes(program._graph)
    originals = {node.attrs.get("key", node.name): node.attrs["value"] for node in nodes if node.op == "Const"}
    return PlannedFunction(
        program.name, graph, is_optimised, program._store, folded, program._assigned, program._value_inputs,
        originals=originals,
    )  # fmt: skip


def _add_stage(
    planned: PlannedFunction, ahead: Program, inputs: Sequence[Any], observed: _Observed | None
) -> PlannedFunction:
    """Add the plan for these inputs; from what was observed, the plans of what follows it and of its parts."""
    stage = ahead._planned(inputs)
    key = ahead._key(inputs)
    if any(entry.key == key for entry in planned.plans):
        return planned
    rest = None
    if stage.rest is not None:
        assert isinstance(stage.rest, Program)
        rest = _describe(stage.rest, stage.rest._graph, is_optimised=True)
        following: Any = None if observed is None else observed._planned(inputs).rest
        for later in [] if following is None else following.seen:
            _add_stage(rest, stage.rest, later, following)
    planned.plans.append(PlannedStage(key, stage.plan, rest))
    for index in range(len(planned.parts), len(ahead._store.parts)):
        part = ahead._part(index)
        planned.parts.append(_describe(part, part._graph, is_optimised=True))
    for index, seen_part in [] if observed is None else sorted(observed._parts.items()):
        assert isinstance(seen_part, _Observed)
        for later in _distinct(seen_part):
            _add_stage(planned.parts[index], ahead._part(index), later, seen_part)
    return planned


def _distinct(program: _Observed) -> list[Sequence[Any]]:
    """Inputs of different keys, of which a loop's parts see few among many."""
    return list({program._key(inputs): inputs for inputs in program.seen}.values())[:16]


def samples(specs: Sequence[TensorSpec], choices: Choices) -> Iterator[list[Any]]:
    """Inputs of all shapes to be planned."""
    options = [_shapes_of(spec, choices) for spec in specs]
    if any(isinstance(spec.dtype, dtypes.Opaque) for spec in specs):
        return
    # sizes that go together: the first of each, the second of each, ...; a single one goes with all
    count = max((len(option) for option in options), default=1)
    if any(len(option) not in (1, count) for option in options):
        yield from (
            [_sample(*pair, choices) for pair in zip(specs, shapes, strict=True)] for shapes in product(*options)
        )
        return
    for number in range(count):
        shapes = [option[number % len(option)] for option in options]
        yield [_sample(spec, shape, choices) for spec, shape in zip(specs, shapes, strict=True)]


def _shapes_of(spec: TensorSpec, choices: Choices) -> list[tuple[int, ...]]:
    """The shapes to plan an input for; none if it has unknown sizes of which the choices say nothing."""
    name = spec.name or ""
    if name in choices.shapes:
        return list(choices.shapes[name])
    if name in choices.samples:
        return [choices.samples[name].shape]
    if spec.shape is None or None in spec.shape[1:]:
        return []
    if spec.shape and spec.shape[0] is None:
        return [(batch, *spec.shape[1:]) for batch in choices.batches]  # type: ignore[arg-type]
    return [spec.shape]  # type: ignore[list-item]


def _sample(spec: TensorSpec, shape: tuple[int, ...], choices: Choices) -> np.ndarray:
    """A given sample, or small numbers, zeros, empty texts."""
    given = choices.samples.get(spec.name or "")
    if given is not None and given.shape == shape:
        return given.astype(spec.dtype, copy=False)
    if spec.dtype == dtypes.STRING:
        return np.full(shape, b"", dtypes.STRING)
    if spec.dtype.kind == "f":
        return np.random.default_rng(_SEED).random(shape).astype(spec.dtype)
    return np.zeros(shape, spec.dtype)


def _guess_kernels(program: Any, specs: Sequence[TensorSpec], library: Library) -> list[str]:
    """The kernels of plans for some other sizes, so that the device can plan those."""
    if any(isinstance(spec.dtype, dtypes.Opaque) for spec in specs):
        return []
    guess = Program(program.name, program._import_graph, program._release, library)
    guessed = _describe(guess, None, is_optimised=False)
    for size in _GUESSED_SIZES:
        shapes = [
            (size,) if spec.shape is None else tuple(size if known is None else known for known in spec.shape)
            for spec in specs
        ]
        inputs = [_sample(spec, shape, Choices()) for spec, shape in zip(specs, shapes, strict=True)]
        try:
            stage = guess._planned(inputs)
        except EdgeloadError:
            continue
        _add_stage(guessed, guess, inputs, _observe(program, stage, inputs, []))
    return list(dict.fromkeys(_all_kernels(guessed)))


def _all_kernels(planned: PlannedFunction) -> Iterator[str]:
    yield from planned.kernels()
    for part in [*planned.parts, *(stage.rest for stage in planned.plans if stage.rest is not None)]:
        yield from _all_kernels(part)


def _shapes(inputs: Sequence[Any]) -> str:
    return ", ".join(f"{dtypes.name_of(value.dtype)}{list(value.shape)}" for value in inputs)
