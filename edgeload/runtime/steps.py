"""What all Programs share, made here or ahead of time: plans with bound copies, and the steps that Python runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgeload.errors import ExecutionError

if TYPE_CHECKING:
    from edgeload.plan.plan import ControlStep, HostStep, Plan
    from edgeload.runtime.bound import BoundPlan


class Runs(Protocol):
    """A Program, or one that was built ahead of time."""

    def run(self, inputs: Sequence[Any]) -> list[Any]: ...


class FoldedVariables:
    """The variables whose values have become constants of a Program, and when that was.

    Every call asks whether one has changed since. All variables of a model share a State that counts assignments, so
    that mostly one comparison answers for all of them.
    """

    def __init__(self, variables: Iterable[Any], version: int | None = None) -> None:
        """`version`: the one that they all had then, by default those that they have now."""
        self.variables = tuple(variables)
        self._states = self._state_versions() if version is None else [(None, -1)]
        self._versions = [variable.version if version is None else version for variable in self.variables]

    def have_changed(self) -> bool:
        for state, version in self._states:
            if state is None or state.version != version:
                break
        else:
            return False
        states = self._state_versions()
        if any(variable.version != version for variable, version in zip(self.variables, self._versions, strict=True)):
            return True
        self._states = states  # the assignments were to others
        return False

    def are_original(self) -> bool:
        """Whether the variables had not been assigned when they were folded."""
        return not any(self._versions)

    def states(self) -> list[tuple[Any, int]]:
        """States, and the versions that they had when `have_changed` last answered no."""
        return list(self._states)

    def _state_versions(self) -> list[tuple[Any, int]]:
        states = {id(variable.state): variable.state for variable in self.variables}
        return [(state, state.version) for state in states.values()]


class Planned:
    """A plan, what follows it, and bound copies of it that no call is using."""

    def __init__(self, get_plan: Callable[[], Plan], rest: Runs | None, bind: Callable[[], BoundPlan]) -> None:
        self.rest = rest
        self.exact: list[tuple[Any, Any]] | None = None
        self.folded: FoldedVariables | None = None
        self._get_plan = get_plan
        self.pool: deque[BoundPlan] = deque()
        self._bind = bind

    @property
    def plan(self) -> Plan:
        return self._get_plan()

    def note_exact(self, inputs: Sequence[Any], folded: FoldedVariables | None = None) -> None:
        """Remember the inputs' dtypes and shapes for `fits`; only when the plan depends on nothing but them and the
        variables `folded`."""
        self.folded = folded
        if all(type(value) is np.ndarray for value in inputs):
            self.exact = [(value.dtype, value.shape) for value in inputs]

    def fits(self, inputs: Sequence[Any]) -> bool:
        """Whether the plan is surely for such inputs. Quicker than to look it up by their key."""
        if self.exact is None:
            return False
        for value, (dtype, shape) in zip(inputs, self.exact):  # noqa: B905  (a function's inputs are as many each time)
            if type(value) is not np.ndarray or value.dtype is not dtype or value.shape != shape:
                return False
        return True

    def take(self) -> BoundPlan:
        try:
            return self.pool.pop()
        except IndexError:
            return self._bind()

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs of this stage."""
        bound = self.take()
        try:
            return bound.run(inputs)
        finally:
            self.pool.append(bound)

    def prepared(self, states: Sequence[tuple[Any, int]]) -> Callable[[Any], Any] | None:
        """`BoundPlan.answer`, or None as soon as the state has another version, in the fewest steps of Python. There
        are several states when a function's variables belong to several models: then nothing is prepared."""
        if len(states) > 1:
            return None
        state, version = states[0] if states else _UNCHANGING
        pool, bind = self.pool, self._bind

        def answer(inputs: Any) -> Any:
            if state.version != version:
                return None
            try:
                bound = pool.pop()
            except IndexError:
                bound = bind()
            try:
                return bound.answer(inputs)
            finally:
                pool.append(bound)

        return answer


_UNCHANGING = SimpleNamespace(version=0), 0  # the state of no variables


def run_step(
    step: HostStep | ControlStep, inputs: list[Any], part: Callable[[int], Runs], memories: dict[str, dict[str, Any]]
) -> list[Any]:
    """The outputs of a step that Python runs; `part` gives the programs of a loop's or branch's parts. `memories` is
    what the program's nodes keep from call to call, by name."""
    from edgeload.kernels import registry
    from edgeload.plan.plan import ControlStep

    if isinstance(step, ControlStep):
        return _run_control(step, inputs, [part(index) for index in step.parts])
    op = registry.find(step.op)
    assert op is not None
    if op.reference is None:
        raise ExecutionError(f"{step.op} node {step.node!r} cannot run on its own")
    memory = memories.setdefault(step.node, {}) if op.stateful else {}
    results = op.reference(_HostNode(step, memory), *inputs)
    if not step.outputs:
        return []
    return list(results) if isinstance(results, list | tuple) else [results]


def _run_control(step: ControlStep, inputs: list[Any], parts: list[Runs]) -> list[Any]:
    if "While" in step.op:
        condition, body = parts
        state = list(inputs)
        while bool(np.asarray(condition.run(state)[0])):
            state = body.run(state)
        return _settled(step, state)
    chosen = int(np.asarray(inputs[0]) != 0) if step.op.endswith("If") else int(np.asarray(inputs[0]))
    if not 0 <= chosen < len(parts):
        chosen = len(parts) - 1
    return _settled(step, parts[chosen].run(inputs[1:]))


def _settled(step: ControlStep, outputs: list[Any]) -> list[Any]:
    """The outputs, with lists that were never written as the arrays that the plan has for them."""
    from edgeload.kernels.tensor_list import ElementList

    return [
        np.zeros(place.shape, place.dtype) if place.space == "arena" and isinstance(value, ElementList) else value  # type: ignore[arg-type]
        for place, value in zip(step.outputs, outputs, strict=True)
    ]


class _HostNode:
    """A host step as references see it: a node."""

    def __init__(self, step: HostStep, memory: dict[str, Any]) -> None:
        self.op, self.name, self.attrs, self.memory = step.op, step.node, step.attrs, memory


def plan_key(inputs: Sequence[Any], value_inputs: Sequence[int]) -> tuple[Any, ...]:
    """What decides which plan a call takes: dtypes and shapes, and the values of `value_inputs`, in order."""
    key = tuple([(value.dtype, value.shape) if type(value) is np.ndarray else _object_key(value) for value in inputs])
    return key + tuple(_frozen(inputs[index]) for index in value_inputs) if value_inputs else key


def _object_key(value: Any) -> Any:
    """Dtype and shape of other arrays and of lists; variables and tables are themselves, whatever they hold."""
    from edgeload.kernels.tensor_list import ElementList

    return (value.dtype, value.shape) if isinstance(value, np.ndarray | ElementList) else id(value)


def _frozen(value: Any) -> Any:
    return tuple(value.ravel().tolist()) if value.dtype == object else value.tobytes()
