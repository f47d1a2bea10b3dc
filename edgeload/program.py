"""A Program: one function's graph, optimised once, planned once for every set of input shapes, run many times.

    import_graph() ── program passes ──► Program      at the first call
    shapes of the arguments ── specialise, plan passes, plan ──► Plan, kept in a small LRU cache
    Plan ── bind ──► BoundPlan, one for each concurrent call

A stage that ends before the function does hands its outputs to another Program, made of what is left of the graph.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE
from edgeload.errors import EdgeloadError
from edgeload.graph.branches import all_nodes, parts
from edgeload.graph.ir import Graph, Node
from edgeload.graph.support import require_supported
from edgeload.kernels import registry
from edgeload.kernels.registry import Spec
from edgeload.kernels.tensor_list import ElementList
from edgeload.passes.pipeline import IMPORT_PASSES, PLAN_PASSES, PROGRAM_PASSES, Pass, run, without_fusing
from edgeload.plan.layout import lay_out
from edgeload.plan.plan import ControlStep, HostStep, Plan
from edgeload.plan.planner import make_plan
from edgeload.plan.specialise import specialise
from edgeload.plan.store import Store
from edgeload.runtime.bound import BoundPlan
from edgeload.runtime.library import Library, default
from edgeload.runtime.steps import FoldedVariables, Planned, plan_key, run_step
from edgeload.runtime.target import host

_PLANS_KEPT = 8  # per Program: batch sizes, image sizes or sequence lengths in use at the same time
_SMALL_PLANS_KEPT = 512  # per Program, as long as they take little: a loop may make a sequence longer in each round
_SMALL_PLANS_NBYTES = 64 << 20
# what a step takes apart from the arena, measured: its objects, its constants, its part of the call
_STEP_NBYTES = 8192
_CONSTANTS_KEPT = 4096  # for each _PLANS_KEPT plans: packed weights and what plans evaluated, of one Program


class Program:
    """A function that can be run. `import_graph` is called at the first run, and again when variables that were folded
    into constants have changed since."""

    def __init__(
        self,
        name: str,
        import_graph: Callable[[], Graph],
        release: Callable[[], None] = lambda: None,
        library: Library | None = None,
    ) -> None:
        """`release` lets go of the memory of checkpoint values, which are read again when they are needed again.
        `library` has the kernels, by default those for this machine's CPU."""
        self.name = name
        self._import_graph = import_graph
        self._graph: Graph | None = None
        self._folded = FoldedVariables(())
        self._assigned: tuple[Any, ...] = ()
        self._release = release
        self._library = library
        self._store = Store(release)
        self._plans: OrderedDict[Any, Planned] = OrderedDict()
        self._parts: dict[int, Program] = {}
        self._value_inputs: set[int] = set()
        self.memories: dict[str, dict[str, Any]] = {}  # what nodes keep from call to call, by name
        self._fuses = True
        self._lock = threading.RLock()
        self._last: Planned | None = None

    @property
    def plan(self) -> Plan:
        """The plan of the last call. Raises EdgeloadError before the first call: shapes are not known then."""
        if self._last is None:
            raise EdgeloadError(f"{self.name!r} has no plan yet: plans are made for concrete shapes. Call it once.")
        return self._last.plan

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for inputs in order: arrays, or objects for strings' arrays, tables and variables."""
        if self._folded.have_changed():
            self._forget()
        planned = self._last  # which another thread may have left there before the variables changed
        if planned is None or planned.folded is not self._folded or not planned.fits(inputs):
            planned = self._planned(inputs)
        outputs = planned.run(inputs)
        for variable in self._assigned:
            variable.touch()
        return outputs if planned.rest is None else planned.rest.run(outputs)

    def prepared(self, inputs: Sequence[Any]) -> Callable[[Any], Any] | None:
        """See objects.functions.Executor. (The last plan may be that of another thread's call.)"""
        planned = self._last
        if planned is None or planned.rest is not None or planned.folded is None or not planned.fits(inputs):
            return None
        folded = planned.folded
        return None if folded.have_changed() else planned.prepared(folded.states())

    def planned_for(self) -> set[Any]:
        """What there are plans for, see `plan_key`."""
        return set(self._plans)

    # -- planning ---------------------------------------------------------------------------------------------------

    def _planned(self, inputs: Sequence[Any]) -> Planned:
        planned = self._plans.get(self._key(inputs))
        if planned is None:
            with self._lock:
                planned = self._plans.get(self._key(inputs))  # another thread may have planned it meanwhile
                if planned is None:
                    planned = self._make(inputs)
                    self._plans[self._key(inputs)] = planned  # planning tells which inputs' values are part of the key
                    if not self._value_inputs and not self._assigned:
                        planned.note_exact(inputs, self._folded)
                while self._has_too_many_plans():
                    self._plans.popitem(last=False)
                if len(self._store.constants) > _CONSTANTS_KEPT * max(1, len(self._plans) // _PLANS_KEPT):
                    # most of them belong to plans that are gone: shapes change with every call
                    self._plans.clear()
                    self._parts.clear()
                    self._store = Store(self._release)
        elif len(self._plans) > 1:
            with self._lock, contextlib.suppress(KeyError):  # another thread may have dropped it
                self._plans.move_to_end(self._key(inputs))
        self._last = planned
        return planned

    def _has_too_many_plans(self) -> bool:
        if len(self._plans) <= _PLANS_KEPT:
            return False
        plans = [planned.plan for planned in self._plans.values()]
        nbytes = sum(plan.arena_nbytes + _STEP_NBYTES * len(plan.steps) for plan in plans)
        return len(plans) > _SMALL_PLANS_KEPT or nbytes > _SMALL_PLANS_NBYTES

    def _key(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """What a plan is made for: dtypes and shapes, and the values that shapes follow from."""
        key = plan_key(inputs, sorted(self._value_inputs))
        if self._assigned:
            key += tuple(variable.array.shape for variable in self._assigned)
        return key

    def _make(self, inputs: Sequence[Any]) -> Planned:
        graph = self._optimised()
        graph = _with_resources(graph, inputs)
        specs = [_spec(value) for value in inputs]
        while True:
            values = {index: np.asarray(inputs[index]) for index in self._value_inputs}
            stage = specialise(graph, specs, values)
            new_values = stage.needs_values - self._value_inputs
            if not new_values:
                break
            self._value_inputs |= new_values
        run(stage.graph, PLAN_PASSES if self._fuses else without_fusing(PLAN_PASSES))
        target = host() if self._library is None else self._library.target
        lacks = (self._library or default()).lacks
        plan = make_plan(
            stage.graph,
            self._store,
            target,
            has_rest=stage.rest is not None,
            lacks=(lambda names: []) if self._fuses else lacks,
        )
        self._store.release()
        layout = lay_out(plan)
        if self._fuses and lacks(layout.kernels):
            # a fused kernel that is in no pack, and nothing to compile it with: the parts that it was fused of may be
            self._fuses = False
            self._forget()
            return self._make(inputs)
        rest = None
        if stage.rest is not None:
            rest = type(self)(self.name, lambda: stage.rest, library=self._library)  # type: ignore[arg-type, return-value]
            rest._graph, rest._store, rest._assigned = stage.rest, self._store, self._assigned
            rest._fuses = self._fuses
            rest.memories = self.memories
        store = self._store  # the plan's own; the Program takes a new one when it has to forget its plans

        def bind() -> BoundPlan:
            return BoundPlan(layout, lambda: plan, store, store.resources, self._run_host, self._library)

        return Planned(lambda: plan, rest, bind)

    def _optimised(self) -> Graph:
        if self._graph is None:
            graph = self._import_graph()
            require_supported(graph, self.name)
            optimise(graph, IMPORT_PASSES)
            self._assigned = tuple(_assigned_variables(graph))
            for variable in self._assigned:
                variable.is_mutable = True
            self._folded = FoldedVariables(_foldable_variables(graph))
            optimise(graph, PROGRAM_PASSES if self._fuses else without_fusing(PROGRAM_PASSES))
            self._graph = graph
        return self._graph

    def _forget(self) -> None:
        """Drop everything that was made from values of variables that have changed."""
        with self._lock:
            self._graph, self._store, self._folded = None, Store(self._release), FoldedVariables(())
            self._last = None
            self._plans.clear()
            self._parts.clear()

    # -- steps that Python runs -------------------------------------------------------------------------------------

    def _run_host(self, step: HostStep | ControlStep, inputs: list[Any]) -> list[Any]:
        return run_step(step, inputs, self._part, self.memories)

    def _part(self, index: int) -> Program:
        if index not in self._parts:
            graph = self._store.parts[index]
            part = type(self)(f"{self.name}/{graph.name}", lambda: graph, library=self._library)
            part._graph, part._store, part._fuses = graph, self._store, self._fuses
            part.memories = self.memories
            self._parts[index] = part
        return self._parts[index]


def optimise(graph: Graph, passes: tuple[Pass, ...] = PROGRAM_PASSES) -> None:
    """Run the shape-independent passes on a graph and on every graph inside it."""
    run(graph, passes)
    for node in graph.nodes:
        for part in parts(node):
            optimise(part, passes)


def _assigned_variables(graph: Graph) -> list[Any]:
    """The variables that the graph's stateful nodes write."""
    found = {}
    for node in all_nodes(graph):
        op = registry.find(node.op)
        if op is not None and op.stateful:
            for tensor in node.inputs:
                resource = tensor.node.attrs.get("resource") if tensor.node.op == "_Resource" else None
                if hasattr(resource, "is_mutable"):
                    found[id(resource)] = resource
    return list(found.values())


def _foldable_variables(graph: Graph) -> list[Any]:
    """The variables whose values become constants: those that no function is known to assign."""
    found = {}
    for node in all_nodes(graph):
        resource = node.attrs.get("resource") if node.op == "_Resource" else None
        if resource is not None and hasattr(resource, "is_mutable") and not resource.is_mutable:
            found[id(resource)] = resource
    return list(found.values())


def _spec(value: Any) -> Spec:
    if isinstance(value, np.ndarray | ElementList):
        return Spec(value.dtype, value.shape)
    return Spec(RESOURCE, ())


def _with_resources(graph: Graph, inputs: Sequence[Any]) -> Graph:
    """The graph with inputs that are variables or tables turned into _Resource nodes."""
    handles = {index: value for index, value in enumerate(inputs) if _spec(value).dtype == RESOURCE}
    if not handles:
        return graph
    copy = Graph(graph.name, list(graph.nodes), list(graph.inputs), list(graph.outputs))
    replacements = {}
    for index, value in handles.items():
        node = Node("_Resource", f"{graph.inputs[index].name}/resource", attrs={"resource": value})
        replacements[graph.inputs[index]] = node.add_output(RESOURCE, ())
        copy.nodes.insert(0, node)
    copy.nodes = [
        Node(node.op, node.name, list(node.inputs), node.attrs, node.outputs, node.controls) if node.inputs else node
        for node in copy.nodes
    ]
    copy.replace(replacements)
    return copy
