"""Where the time of a plan goes: every step timed in its place, one thread.

A pass runs the steps of one inference in order, each as a native call of its own, timed by the CPU's counter, so that
a step finds its inputs in the cache as it does in the plan's single native call. A step's time is the 10th percentile
of the passes, and so is that of whole calls. Loops are walked turn by turn: a step inside of one has the sum over the
turns.

Operations are those that the kernels of matrix products and convolutions execute, two for each multiply-add: fewer than
the formula of a convolution has where it is done by Winograd's method, more where bands of rows overlap. All other work
counts as time only. The share is of `native.measured_peak`, and so never above 1 but for the clock.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import edgeload
from edgeload.kernels import kernel
from edgeload.load import load_plain
from edgeload.plan.layout import SLOT_NBYTES
from edgeload.plan.plan import BranchStep, HostStep, KernelStep, LoopStep, Scalar, Step, walk
from edgeload.runtime.artefact import is_artefact
from edgeload.runtime.bound import BoundPlan
from scripts.benchmark.native import Stopwatch, measured_peak

PASSES_SECONDS = 2.0
MOST_PASSES = 200
FEWEST_PASSES = 5
UNDISTURBED_PERCENTILE = 10  # what other work on the machine does to the rest is no property of a kernel
_NODE_CHARACTERS = 60
_KERNEL_CHARACTERS = 64
_HEADER = f"{'us':>10} {'share':>6} {'GFLOP/s':>8} {'of peak':>8}"


@dataclass
class Row:
    """A step of the plan. `seconds` has one entry a pass; `flops` are those of all turns."""

    step: Any
    depth: int = 0
    seconds: list[float] = field(default_factory=list)
    turns: int = 0
    flops: float = 0.0

    @property
    def undisturbed(self) -> float:
        return _undisturbed(self.seconds)


@dataclass
class Profile:
    """`call` is the undisturbed time of a whole call, inputs and outputs copied, one thread; `peak` is in GFLOP/s."""

    plan: Any
    rows: list[Row]
    call: float
    peak: float

    @property
    def steps_seconds(self) -> float:
        return sum(row.undisturbed for row in self.rows)


# What a kernel's parameters say of the multiply-adds that one call of it executes: numbers by name, arrays as sizes.

Parameters = Mapping[str, int]
MULTIPLY_ADDS: Mapping[str, Callable[[Parameters], int]] = {
    "conv2d": lambda p: p["pixels"] * p["out_c"] * p["kernel_h"] * p["kernel_w"] * p["depth"],
    "conv2d_direct": lambda p: (
        p["rows"] * p["out_w"] * p["out_c"] * p["kernel_h"] * p["kernel_w"] * p["in_c"] // p["groups"]
    ),
    "depthwise": lambda p: p["batch"] * p["out_h"] * p["out_w"] * p["w"],  # w has a filter for each channel
    "matmul": lambda p: p["x_index"] * p["rows"] * p["inner"] * p["cols"],  # x_index has a matrix each
    "winograd_products": lambda p: p["count"] * p["positions"] * p["depth"] * p["panels"] * p["columns"],
}


def executed_flops(step: Any) -> float:
    """Two for each multiply-add of one call, 0 for kernels that are no products."""
    family = _name(step).partition("<")[0]
    if not isinstance(step, KernelStep) or family not in MULTIPLY_ADDS:
        return 0.0
    parameters = {
        parameter.name: argument.slot if isinstance(argument, Scalar) else math.prod(argument[1])
        for parameter, argument in zip(kernel.parameters_of(step.kernel), step.arguments, strict=True)
    }
    return 2.0 * MULTIPLY_ADDS[family](parameters)


def profile(model: str, signature_key: str, inputs: Mapping[str, np.ndarray]) -> list[Profile]:
    """A profile for each stage of the plan for these inputs; most functions have one stage."""
    edgeload.set_num_threads(1)
    root = edgeload.load(model) if is_artefact(model) else load_plain(model)  # not what is kept: plans are looked into
    signature = root.signatures[signature_key]
    signature(**inputs)
    peak = measured_peak()
    values = signature._bind((), dict(inputs))
    profiles = []
    program: Any = signature.executor
    while program is not None:
        planned = program._planned(values)
        bound = planned.take()
        rows = _rows(planned.plan.steps)
        call = _time_passes(bound, rows, values, lambda: signature(**inputs))
        for row in rows:
            row.flops = executed_flops(row.step) * row.turns
        profiles.append(Profile(planned.plan, rows, call, peak))
        values = bound.run(values)
        program = planned.rest
    return profiles


def _rows(steps: Sequence[Step], depth: int = 0) -> list[Row]:
    """A row for each step that computes, in the order of plan.walk, as argument blocks have it."""
    rows = []
    for step in steps:
        if isinstance(step, LoopStep):
            rows += [*_rows(step.condition, depth + 1), *_rows(step.body, depth + 1)]
        elif isinstance(step, BranchStep):
            for branch in step.branches:
                rows += _rows(branch, depth + 1)
        else:
            rows.append(Row(step, depth))
    return rows


def _time_passes(bound: BoundPlan, rows: Sequence[Row], inputs: Sequence[Any], call: Callable[[], Any]) -> float:
    """Fill in the rows' seconds and turns. Returns the time of `call`, made after each pass."""
    run = _stepper(bound, rows)
    places = bound._layout.inputs
    setters = [(bound._setter(place), value) for place, value in zip(places, inputs, strict=True) if place is not None]
    end = time.perf_counter() + PASSES_SECONDS
    calls: list[float] = []
    while len(calls) < FEWEST_PASSES or (len(calls) < MOST_PASSES and time.perf_counter() < end):
        for set_input, value in setters:
            set_input(value)
        for row in rows:
            row.seconds.append(0.0)
            row.turns = 0
        run()
        call()  # brings Python's part of a call back into the caches
        start = time.perf_counter()
        call()
        calls.append(time.perf_counter() - start)
    return _undisturbed(calls)


def _undisturbed(seconds: Sequence[float]) -> float:
    return float(np.percentile(seconds, UNDISTURBED_PERCENTILE))


def _stepper(bound: BoundPlan, rows: Sequence[Row]) -> Callable[[], None]:
    """One pass over the plan, step by step."""
    layout, base = bound._layout, bound._slots.__array_interface__["data"][0]
    addresses = bound._library.addresses(layout.kernels)
    stopwatch = Stopwatch()
    blocks = iter(layout.blocks)
    hosted = iter([action for action, kind in zip(bound._actions, layout.actions, strict=True) if type(kind) is int])
    timed: dict[int, Callable[[], float]] = {}
    for step in walk(bound._get_plan().steps):
        if isinstance(step, KernelStep):
            timed[id(step)] = stopwatch.of_kernel(addresses[step.kernel], base + next(blocks) * SLOT_NBYTES)
        elif not isinstance(step, LoopStep | BranchStep):
            timed[id(step)] = _timed_host_step(next(hosted))
    rows_of = {id(row.step): row for row in rows}

    def run(steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, LoopStep):
                flag = bound._view([step.flag.space, step.flag.at, "bool", []])
                run(step.condition)
                while flag:
                    run(step.body)
                    run(step.condition)
            elif isinstance(step, BranchStep):
                chosen = int(bound._view([step.selector.space, step.selector.at, "int32", []]))
                run(step.branches[chosen if 0 <= chosen < len(step.branches) else -1])
            else:
                row = rows_of[id(step)]
                row.seconds[-1] += timed[id(step)]()
                row.turns += 1

    return lambda: run(bound._get_plan().steps)


def _timed_host_step(action: Callable[[], None]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return run


def render(profile: Profile) -> str:
    """The summary, then all steps in order."""
    lines = [render_summary(profile), "", f"{_HEADER} {'step':>6}  kernel, arrays, node"]
    for number, row in enumerate(profile.rows):
        turns = f" in {row.turns} turns" if row.depth else ""
        name = "  " * row.depth + _name(row.step)
        text = f"{number:6}  {name:<{_KERNEL_CHARACTERS}} {_shapes(row.step)}{turns}  "
        lines.append(
            _line(
                row.undisturbed,
                profile.steps_seconds,
                row.flops,
                profile.peak,
                text + row.step.node[-_NODE_CHARACTERS:],
            )
        )
    return "\n".join(lines)


def render_summary(profile: Profile) -> str:
    """The whole call, and a line for each kernel, the one that takes longest first."""
    total, flops = profile.steps_seconds, sum(row.flops for row in profile.rows)
    lines = [
        f"plan of {profile.plan.name}",
        f"a call {_us(profile.call)} us, its steps one by one {_us(total)} us; arena "
        f"{profile.plan.arena_nbytes / 2**20:.2f} MiB (op by op at least {profile.plan.bound_nbytes / 2**20:.2f})",
        f"measured FMA peak {profile.peak:.1f} GFLOP/s (float32, one thread); products and convolutions execute "
        f"{flops / 1e9:.6f} GFLOP: {_rate(flops, total, profile.peak)} over the steps",
        "",
        f"{_HEADER} {'steps':>6}  kernel",
    ]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in profile.rows:
        groups[_name(row.step)].append(row)
    sums = {name: sum(row.undisturbed for row in rows) for name, rows in groups.items()}
    for name in sorted(groups, key=sums.__getitem__, reverse=True):
        rows = groups[name]
        lines.append(_line(sums[name], total, sum(row.flops for row in rows), profile.peak, f"{len(rows):6}  {name}"))
    return "\n".join(lines)


def _line(seconds: float, total: float, flops: float, peak: float, text: str) -> str:
    gflops = flops / seconds / 1e9 if seconds else 0.0
    rate, of_peak = (f"{gflops:.1f}", f"{gflops / peak:.1%}") if gflops else ("", "")
    return f"{_us(seconds):>10} {seconds / total if total else 0:6.1%} {rate:>8} {of_peak:>8} {text}"


def _rate(flops: float, seconds: float, peak: float) -> str:
    gflops = flops / seconds / 1e9
    return f"{gflops:.1f} GFLOP/s, {gflops / peak:.1%} of the peak,"


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.2f}"


def _name(step: Any) -> str:
    if isinstance(step, KernelStep):
        return step.kernel
    return f"{'host' if isinstance(step, HostStep) else 'control'} {step.op}"


def _shapes(step: Any) -> str:
    """The arrays' shapes, the last one written."""
    places = (
        [part[0] for part in step.arguments if not isinstance(part, Scalar)]
        if isinstance(step, KernelStep)
        else [*step.inputs, *step.outputs]
    )
    texts = ["?" if place.shape is None else "x".join(map(str, place.shape)) for place in places]
    return f"{', '.join(texts[:-1])} -> {texts[-1] if texts else ''}"
