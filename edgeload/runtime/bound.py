"""A plan with memory behind it: an arena, argument blocks with real addresses, and one native call per run of steps.

Binding writes every pointer once. A call copies the inputs in, makes the native calls, and copies the outputs out; a
BoundPlan serves one call at a time, concurrent calls each take their own.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgeload.array import Array
from edgeload.dtypes import from_numpy_name
from edgeload.errors import ExecutionError
from edgeload.memory import aligned_zeros
from edgeload.plan.layout import ARENA, CONSTANT, KERNEL, MAILBOX, SLOT_NBYTES, SLOTS, VARIABLE, Layout, describe
from edgeload.runtime import threads
from edgeload.runtime.library import Library, default

if TYPE_CHECKING:
    from edgeload.plan.plan import ControlStep, HostStep, Plan

# `drive` and `lead` read no worker numbers, and an argument costs a call 0.15 us
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)

RunHost = Callable[["HostStep | ControlStep", list[Any]], list[Any]]


class Constants(Protocol):
    """A program's constants by number."""

    def __getitem__(self, index: int, /) -> Any: ...

    def address(self, index: int) -> int:
        """Where a numeric constant's first element is in memory, as long as the constants live."""


class BoundPlan:
    """A callable plan. `constants` and `resources` are what its places number; `run_host` runs the steps that are
    Python's, on arrays and objects; only for those, and after a failure, is `get_plan` asked for the plan. Kernels come
    from `library`, by default the one for this machine's CPU."""

    def __init__(
        self,
        layout: Layout,
        get_plan: Callable[[], Plan],
        constants: Constants,
        resources: Sequence[Any],
        run_host: RunHost,
        library: Library | None = None,
    ) -> None:
        self._layout = layout
        self._get_plan = get_plan
        self._constants = constants
        self._resources = resources
        self._run_host = run_host
        _require_memory(layout)
        self._arena = aligned_zeros((layout.arena_nbytes,), np.uint8)
        self._objects: list[Any] = [None] * layout.objects
        self._library = library or default()
        self._slots = self._bind()
        self._inputs = [
            (number, self._setter(place)) for number, place in enumerate(layout.inputs) if place is not None
        ]
        self._outputs = [self._getter(place, is_output=True) for place in layout.outputs]
        self._answers = [self._getter(place, is_output=True, kind=Array) for place in layout.outputs]
        self._actions = [
            self._host_action(action) if isinstance(action, int) else self._native_action(*action)
            for action in layout.actions
        ]
        is_single = len(layout.inputs) == len(layout.outputs) == 1
        self.answer: Callable[[Any], Any] = (self._one_to_one() or self._answer_one) if is_single else self._answer
        """As `run`, with arrays as a function returns them. Of a plan with one input and one output, these themselves
        instead of sequences of them: many small models are so, and their calls short."""

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Fresh output arrays (or objects) for one set of inputs, which have the plan's dtypes and shapes."""
        for number, set_input in self._inputs:
            set_input(inputs[number])
        for action in self._actions:
            action()
        return [getter() for getter in self._outputs]

    def _answer(self, inputs: Sequence[Any]) -> list[Any]:
        for number, set_input in self._inputs:
            set_input(inputs[number])
        for action in self._actions:
            action()
        return [getter() for getter in self._answers]

    def _answer_one(self, value: Any) -> Any:
        return self._answer([value])[0]

    def _one_to_one(self) -> Callable[[Any], Any] | None:
        """`answer` for the commonest of plans, without loops: one array in, one native call, one array out."""
        [source_place], [target_place] = self._layout.inputs, self._layout.outputs
        if len(self._actions) != 1 or isinstance(self._layout.actions[0], int):
            return None
        if source_place is None or source_place[0] != ARENA or target_place[0] != ARENA:
            return None
        source, target, action = self._view(source_place), self._view(target_place).view(Array), self._actions[0]
        drive, lead = self._layout.actions[0]
        if lead is None:
            call, block = self._entry("drive", drive)

            def answer_alone(value: Any) -> Any:
                source[...] = value
                if code := call(block):
                    raise self._failure(code)
                return target.copy()

            return answer_alone

        def answer(value: Any) -> Any:
            source[...] = value
            action()
            return target.copy()

        return answer

    # -- native steps -----------------------------------------------------------------------------------------------

    def _bind(self) -> np.ndarray:
        """The layout's slots, with addresses where pointers go."""
        layout = self._layout
        slots = aligned_zeros((len(layout.slots),), np.int64)
        slots[:] = layout.slots
        addresses = self._library.addresses(layout.kernels)
        bases = {ARENA: _address(self._arena), SLOTS: _address(slots), MAILBOX: _address(threads.mailbox)}
        for space, positions in layout.pointers.items():
            if space in bases:
                slots[positions] += bases[space]
                continue
            numbers = slots[positions].tolist()
            if space == KERNEL:
                slots[positions] = [addresses[layout.kernels[number]] for number in numbers]
            elif space == CONSTANT:
                slots[positions] = [self._constants.address(number) for number in numbers]
            elif space == VARIABLE:
                slots[positions] = [_address(self._resources[number].own()) for number in numbers]
        return slots

    def _entry(self, kernel: str, position: int) -> tuple[Callable[[int], int], int]:
        """A function and its argument: the kernel, and the address of its block."""
        code = self._library.addresses([kernel])[kernel]
        return _ENTRY(code), _address(self._slots) + position * SLOT_NBYTES

    def _native_action(self, drive: int, lead: int | None) -> Callable[[], None]:
        call, block = self._entry("drive", drive)
        if lead is None:

            def run() -> None:
                if code := call(block):
                    raise self._failure(code)

            return run

        library, (shared_call, shared_block) = self._library, self._entry("lead", lead)

        def run_together() -> None:
            if threads.get_num_threads() == 1:
                code = call(block)
            else:
                threads.start(library)
                code = shared_call(shared_block)
            if code:
                raise self._failure(code)

        return run_together

    def _failure(self, code: int) -> ExecutionError:
        from edgeload.kernels import kernel
        from edgeload.plan.plan import KernelStep, walk

        plan = self._get_plan()
        position = (int(self._slots[self._layout.failed]) - _address(self._slots)) // SLOT_NBYTES
        self._slots[self._layout.failed] = 0
        steps = [step for step in walk(plan.steps) if isinstance(step, KernelStep)]
        step = steps[self._layout.blocks.index(position)]
        message = kernel.find(step.kernel).errors.get(code, f"error code {code}")
        return ExecutionError(f"node {step.node!r} of {plan.name!r}: {message}")

    # -- steps that Python runs -------------------------------------------------------------------------------------

    def _host_action(self, number: int) -> Callable[[], None]:
        step: Any = self._get_plan().steps[number]
        getters = [self._getter(describe(place), is_output=False) for place in step.inputs]
        setters = [None if place is None else self._setter(describe(place)) for place in step.outputs]

        def run() -> None:
            results = self._run_host(step, [getter() for getter in getters])
            for setter, result in zip(setters, results, strict=True):
                if setter is not None:
                    setter(result)

        return run

    def _getter(self, place: Any, *, is_output: bool, kind: type[np.ndarray] = np.ndarray) -> Callable[[], Any]:
        """What gives the value at a place: a copy for outputs, which outlive the call, else a view. Arrays are of the
        class `kind`."""
        space, at, _, shape = place
        if space == "object":
            objects = self._objects
            if kind is np.ndarray:
                return lambda: objects[at]
            return lambda: objects[at].view(kind) if isinstance(objects[at], np.ndarray) else objects[at]
        if space == VARIABLE:
            resource = self._resources[at]
            return lambda: resource
        if space == CONSTANT:
            constant = self._constants[at]
            if shape is not None and constant.shape != tuple(shape):
                constant = constant.reshape(shape)
            constant = constant.view(kind)
            return constant.copy if is_output else lambda: constant
        view = self._view(place).view(kind)
        return view.copy if is_output else lambda: view

    def _setter(self, place: Any) -> Callable[[Any], None]:
        """What puts a value at a place."""
        space, at, _, _ = place
        if space == "object":
            objects, arena = self._objects, self._arena

            def keep(value: Any) -> None:  # a value that lies in the arena would not outlive its buffer
                is_lent = isinstance(value, np.ndarray) and np.may_share_memory(value, arena)
                objects[at] = value.copy() if is_lent else value

            return keep
        view = self._view(place)
        return partial(view.__setitem__, ...)

    def _view(self, place: Any) -> np.ndarray:
        """A value in the arena as an array."""
        _, at, dtype_name, shape = place
        return np.ndarray(shape, from_numpy_name(dtype_name), self._arena, at)


def _require_memory(layout: Layout) -> None:
    """Raise ExecutionError for an arena that the machine cannot hold."""
    memory_nbytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if layout.arena_nbytes > memory_nbytes:
        raise ExecutionError(
            f"{layout.name!r} needs {layout.arena_nbytes / 2**30:.1f} GiB for these input shapes, and this machine has "
            f"{memory_nbytes / 2**30:.1f} GiB. Call it with smaller inputs."
        )


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
