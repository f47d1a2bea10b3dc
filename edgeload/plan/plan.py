"""A Plan: what one function does for concrete input shapes, as pure data.

A plan is a list of steps over values that have their places: offsets in one arena, packed constants, variables, or
slots for Python objects (strings, tables, arrays whose shape only running tells). It holds no addresses and no
functions: `edgeload.runtime.bound` makes a plan callable, an artefact stores it, `print` shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.dtypes import DType


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is. `space` is "arena" (`at` is a byte offset), "constant", "variable" or "object" (`at` is an
    index). `shape` is None for an object whose shape is not known before it is there."""

    space: str
    at: int
    dtype: DType
    shape: tuple[int, ...] | None

    @property
    def nbytes(self) -> int:
        if self.shape is None or not isinstance(self.dtype, np.dtype):
            return 0
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        dims = "?" if self.shape is None else ",".join(map(str, self.shape))
        return f"{self.space}@{self.at}:{dtypes.name_of(self.dtype)}[{dims}]"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number in an argument block: its 64-bit slot, and how to print it."""

    slot: int
    text: str


@dataclass(frozen=True, slots=True)
class KernelStep:
    """One kernel call. The argument block follows from `arguments`: a Place gives its pointer, then `sizes` its
    dimensions as the kernel counts them. `band` numbers the bands of rows in which a chain of nodes is computed."""

    node: str
    kernel: str
    arguments: tuple[tuple[Place, tuple[int, ...]] | Scalar, ...]
    tiles: int = 1
    band: int | None = None


@dataclass(frozen=True, slots=True)
class LoopStep:
    """A native While: `condition` steps leave a bool at `flag`; while it holds, `body` steps run."""

    node: str
    condition: tuple[NativeStep, ...]
    flag: Place
    body: tuple[NativeStep, ...]


@dataclass(frozen=True, slots=True)
class BranchStep:
    """A native If or Case: the int32 at `selector` chooses one of `branches`; out of range, the last."""

    node: str
    selector: Place
    branches: tuple[tuple[NativeStep, ...], ...]


@dataclass(frozen=True, slots=True)
class HostStep:
    """One call of an op's reference in Python."""

    node: str
    op: str
    attrs: Mapping[str, Any]
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class ControlStep:
    """A While, If or Case that Python drives: its parts are Programs, listed by index in the owning Program."""

    node: str
    op: str
    parts: tuple[int, ...]
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]


NativeStep = KernelStep | LoopStep | BranchStep
Step = NativeStep | HostStep | ControlStep


@dataclass(frozen=True, slots=True)
class Occupant:
    """A buffer of the arena, for the picture: alive from step `first` to step `last`."""

    name: str
    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Steps in order. `rest` tells that the function goes on: its outputs are the inputs of the next stage, which is
    planned when they are known. `bound_nbytes` is the least any arena could have: the most bytes alive at one step."""

    name: str
    steps: tuple[Step, ...]
    inputs: tuple[Place | None, ...]
    outputs: tuple[Place, ...]
    arena_nbytes: int
    bound_nbytes: int
    occupants: tuple[Occupant, ...] = ()
    objects: int = 0
    rest: bool = False
    notes: tuple[str, ...] = field(default=())

    def kernels(self) -> list[str]:
        """The names of all kernels, in the order of first use."""
        return list(dict.fromkeys(step.kernel for step in walk(self.steps) if isinstance(step, KernelStep)))

    def __str__(self) -> str:
        from edgeload.plan.printing import render

        return render(self)


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, those inside native loops and branches included."""
    for step in steps:
        yield step
        if isinstance(step, LoopStep):
            yield from walk(step.condition)
            yield from walk(step.body)
        elif isinstance(step, BranchStep):
            for branch in step.branches:
                yield from walk(branch)
