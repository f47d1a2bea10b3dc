"""What running a plan takes, with nothing left to decide: its argument blocks and step tables in one array of 8-byte
slots, and the slots that get pointers.

    plan ── lay_out ──► Layout ── bind (runtime/bound.py) ──► slots with addresses, one native call

An artefact stores the layout, and a device that has it never looks at the plan that it was made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.kernels.mailbox import LINE, MAILBOX_WORDS, SEATS
from edgeload.records import Record

if TYPE_CHECKING:
    from edgeload.plan.plan import NativeStep, Place, Plan

SLOT_NBYTES = 8

ARENA, CONSTANT, VARIABLE, KERNEL, SLOTS, MAILBOX = "arena", "constant", "variable", "kernel", "slots", "mailbox"
"""What a pointer is made of, and so what its slot holds before: an offset in bytes into the arena; the number of a
constant, variable or kernel; an offset in bytes into the slots; nothing."""


class Layout(Record):
    """`pointers` are the positions of slots that get addresses, by what the address is made of. `actions` are, in
    order, [position of the block of "drive", position of the block of "lead" or None] for steps that are one native
    call, and the number of the step in the plan for one that Python runs. `blocks` are the positions of the kernel
    steps' argument blocks, in the order of plan.walk; `failed` is the slot where native code leaves the address of
    the one that failed. Inputs and outputs are [space, offset or number, dtype, shape]. The arrays are int64."""

    name: str
    arena_nbytes: int
    objects: int
    slots: np.ndarray
    pointers: dict[str, np.ndarray]
    kernels: list[str]
    actions: list[Any]
    blocks: list[int]
    failed: int
    inputs: list[Any]
    outputs: list[Any]


def lay_out(plan: Plan) -> Layout:
    """The layout of a plan. The same plan gives the same layout."""
    writer = _Writer()
    actions: list[Any] = []
    first = 0
    for is_native, group in groupby(plan.steps, key=_is_native):
        steps = list(group)
        actions += [writer.native(steps)] if is_native else range(first, first + len(steps))  # type: ignore[arg-type]
        first += len(steps)
    slots = np.array(writer.slots, np.int64)
    pointers = {space: np.array(positions, np.int64) for space, positions in writer.pointers.items() if positions}
    return Layout(
        plan.name, plan.arena_nbytes, plan.objects, slots, pointers, list(writer.kernels), actions, writer.blocks,
        writer.failed, [describe(place) for place in plan.inputs], [describe(place) for place in plan.outputs],
    )  # fmt: skip


class _Writer:
    """Appends blocks to the slots; a block's position is the number of its first slot."""

    def __init__(self) -> None:
        self.slots: list[int] = [0] * LINE
        self.pointers: dict[str, list[int]] = {
            space: [] for space in (ARENA, CONSTANT, VARIABLE, KERNEL, SLOTS, MAILBOX)
        }
        self.kernels: dict[str, int] = {}
        self.blocks: list[int] = []
        self.failed = 0

    def native(self, steps: Sequence[NativeStep]) -> list[int | None]:
        """The blocks of "drive" and, if threads can share the work, of "lead"."""
        from edgeload.plan.plan import KernelStep

        entries = self.entries(steps)
        table = self.write(entries)
        self.kernel("drive")
        drive = self.write([*self.array(table, len(entries)), *self.array(self.failed, 1)])
        tiles = [step.tiles if isinstance(step, KernelStep) else 1 for step in steps]
        if max(tiles) == 1:
            return [drive, None]
        shared_entries = [
            slot for pair, count in zip(_pairs(entries), tiles, strict=True) for slot in (*pair, (None, count))
        ]
        shared = self.write(shared_entries)
        size = LINE + (SEATS + 1) * (len(tiles) + -len(tiles) % LINE)
        words, error = self.apart(size), self.apart(1)
        walk = self.write(
            [
                *self.array(shared, len(shared_entries)),
                *self.array(words, size),
                *self.array(error, 1),
                *self.array(self.failed, 1),
                (MAILBOX, 0),
                (None, MAILBOX_WORDS),
            ]
        )
        self.kernel("work")
        entry = self.write([self.kernel("walk"), (SLOTS, walk), (None, 1)])
        self.kernel("lead")
        lead = self.write(
            [
                (MAILBOX, 0),
                (None, MAILBOX_WORDS),
                *self.array(entry, 3),
                *self.array(words, size),
                *self.array(error, 1),
            ]
        )
        return [drive, lead]

    def entries(self, steps: Sequence[NativeStep]) -> list[tuple[str | None, int]]:
        """A step table: (function pointer, argument pointer) for each step."""
        from edgeload.plan.plan import KernelStep, LoopStep

        entries: list[tuple[str | None, int]] = []
        for step in steps:
            if isinstance(step, KernelStep):
                function = self.kernel(step.kernel)
                block = self.write(_argument_slots(step.arguments))
                self.blocks.append(block)
            elif isinstance(step, LoopStep):
                condition, body = self.table(step.condition), self.table(step.body)
                function = self.kernel("loop")
                block = self.write(
                    [*condition, (step.flag.space, step.flag.at), (None, 1), *body, *self.array(self.failed, 1)]
                )
            else:
                tables = [self.table(branch) for branch in step.branches]
                function = self.kernel(f"branch<{len(tables)}>")
                selector = (step.selector.space, step.selector.at)
                block = self.write(
                    [selector, (None, 1), *(slot for table in tables for slot in table), *self.array(self.failed, 1)]
                )
            entries += [function, (SLOTS, block)]
        return entries

    def table(self, steps: Sequence[NativeStep]) -> list[tuple[str | None, int]]:
        """A step table of its own, as an argument."""
        entries = self.entries(steps)
        return self.array(self.write(entries), len(entries))

    def write(self, block: Sequence[tuple[str | None, int]]) -> int:
        """Append slots, each (what its pointer is made of or None, content); their position."""
        position = len(self.slots)
        for offset, (space, content) in enumerate(block):
            if space is not None:
                self.pointers[space].append(position + offset)
            self.slots.append(content * SLOT_NBYTES if space == SLOTS else content)
        return position

    def apart(self, count: int) -> int:
        """Zeros that share no cache line with anything else."""
        self.slots += [0] * (-len(self.slots) % LINE)
        position = len(self.slots)
        self.slots += [0] * -(-count // LINE) * LINE
        return position

    def kernel(self, name: str) -> tuple[str, int]:
        """A pointer to a kernel's function."""
        return KERNEL, self.kernels.setdefault(name, len(self.kernels))

    @staticmethod
    def array(position: int, size: int) -> list[tuple[str | None, int]]:
        """An array argument that lies in the slots."""
        return [(SLOTS, position), (None, size)]


def _argument_slots(arguments: Sequence[Any]) -> list[tuple[str | None, int]]:
    from edgeload.plan.plan import Scalar

    slots: list[tuple[str | None, int]] = []
    for argument in arguments:
        if isinstance(argument, Scalar):
            slots.append((None, argument.slot))
        else:
            place, sizes = argument
            slots += [(place.space, place.at), *((None, size) for size in sizes)]
    return slots


def describe(place: Place | None) -> list[Any] | None:
    """[space, offset or number, NumPy's name of the dtype or None, shape or None]; None for no place."""
    if place is None:
        return None
    dtype = place.dtype.name if isinstance(place.dtype, np.dtype) else None
    return [place.space, place.at, dtype, None if place.shape is None else list(place.shape)]


def _is_native(step: Any) -> bool:
    from edgeload.plan.plan import BranchStep, KernelStep, LoopStep

    return isinstance(step, KernelStep | LoopStep | BranchStep)


def _pairs(entries: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(entries[::2], entries[1::2], strict=True))
