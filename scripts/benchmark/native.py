"""Native measurements, compiled with llvmlite, which compiles the kernels too: the machine's peak, a stopwatch."""

from __future__ import annotations

import ctypes
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm

from edgeload.runtime.target import host

_CHAINS = 12  # independent: they hide the latency of the unit, 4 or 5 cycles at two a cycle on most CPUs
_TURNS = 1_000_000  # a few milliseconds
_REPEATS = 200
_FLOPS_PER_LANE = 2  # a multiplication and an addition
_CALIBRATION_SECONDS = 0.05
_EMPTY_CALLS = 2001


def measured_peak() -> float:
    """GFLOP/s of float32 fused multiply-adds on vector registers as long as the kernels', nothing else, one thread: of
    the fastest of many short runs, when nothing disturbed it."""
    lanes = host().lanes
    engine = _compiled(_chains(lanes))
    function = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_float, ctypes.c_void_p)(
        engine.get_function_address("chains")
    )
    out = (ctypes.c_float * lanes)()

    def seconds() -> float:
        start = time.perf_counter()
        function(_TURNS, 0.5, ctypes.addressof(out))
        return time.perf_counter() - start

    return _CHAINS * lanes * _FLOPS_PER_LANE * _TURNS / min(seconds() for _ in range(_REPEATS)) / 1e9


class Stopwatch:
    """Times kernels with the CPU's own counter, so that what Python needs for a call is not counted."""

    def __init__(self) -> None:
        self._engine = _compiled(_TIMED.format(counter=_COUNTERS[platform.machine()]))
        address = self._engine.get_function_address
        pointer = ctypes.c_void_p
        self._timed = ctypes.CFUNCTYPE(ctypes.c_int64, pointer, pointer)(address("timed"))
        self._count = ctypes.CFUNCTYPE(ctypes.c_int64)(address("count"))
        start, count = time.perf_counter(), self._count()
        time.sleep(_CALIBRATION_SECONDS)
        self._seconds_per_tick = (time.perf_counter() - start) / (self._count() - count)
        empty = address("empty")
        self._overhead = statistics.median(self._timed(empty, None) for _ in range(_EMPTY_CALLS))

    def of_kernel(self, function: int, block: int) -> Callable[[], float]:
        """What calls a kernel with an argument block, both given by address, and returns the seconds it took."""

        def run() -> float:  # it keeps the engine alive, whose code it calls
            return max(0, self._timed(function, block) - self._overhead) * self._seconds_per_tick

        return run


def _compiled(source: str) -> Any:
    """An engine with LLVM assembly compiled for this CPU."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(source), machine)
    engine.finalize_object()
    return engine


def _chains(lanes: int) -> str:
    """chains(turns, factor, out): acc = fma(acc, factor, factor), `turns` times in each chain; out is their sum."""
    vector = f"<{lanes} x float>"
    chains = range(_CHAINS)
    phis = "\n".join(f"  %a{i} = phi {vector} [ zeroinitializer, %entry ], [ %b{i}, %loop ]" for i in chains)
    steps = "\n".join(
        f"  %b{i} = call {vector} @llvm.fma.v{lanes}f32({vector} %a{i}, {vector} %f, {vector} %f)" for i in chains
    )
    sums = "\n".join(f"  %s{i} = fadd {vector} {f'%s{i - 1}' if i > 1 else '%b0'}, %b{i}" for i in range(1, _CHAINS))
    return f"""
declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})
define void @chains(i64 %turns, float %factor, ptr %out) {{
entry:
  %one = insertelement {vector} poison, float %factor, i32 0
  %f = shufflevector {vector} %one, {vector} poison, <{lanes} x i32> zeroinitializer
  br label %loop
loop:
  %turn = phi i64 [ 0, %entry ], [ %next, %loop ]
{phis}
{steps}
  %next = add i64 %turn, 1
  %more = icmp slt i64 %next, %turns
  br i1 %more, label %loop, label %done
done:
{sums}
  store {vector} %s{_CHAINS - 1}, ptr %out, align 4
  ret void
}}
"""


_COUNTERS = {
    "x86_64": "call i64 @llvm.readcyclecounter()",  # the time-stamp counter, which runs at a constant rate
    "aarch64": 'call i64 asm sideeffect "mrs $0, cntvct_el0", "=r"()',
}
_TIMED = """
declare i64 @llvm.readcyclecounter()
define i64 @count() {{
  %now = {counter}
  ret i64 %now
}}
define i32 @empty(ptr %block, i32 %worker, i32 %workers) {{
  ret i32 0
}}
define i64 @timed(ptr %function, ptr %block) {{
  %start = {counter}
  %code = call i32 %function(ptr %block, i32 0, i32 1)
  %end = {counter}
  %ticks = sub i64 %end, %start
  ret i64 %ticks
}}
"""
