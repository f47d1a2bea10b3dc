"""What LLVM's machine code analyser says of the register tiles: cycles of the inner loop, and multiply-adds in it.

`llvm-mca` (Debian: llvm-19) simulates a loop on a model of a CPU's pipelines. It knows no cache misses, so its figures
are what a tile can reach at best.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgeload.aot.compile import assembly
from edgeload.errors import MissingDependencyError
from edgeload.kernels import kernel
from edgeload.runtime import target as targets

_ITERATIONS = 200
_TOOLS = ("llvm-mca-19", "llvm-mca-20", "llvm-mca-21", "llvm-mca-18", "llvm-mca-17", "llvm-mca-16", "llvm-mca")


@dataclass(frozen=True)
class Cpu:
    """A CPU in the table: edgeload's target for it, the model that llvm-mca has of it, and how many multiply-adds of
    four floats that model starts in a cycle."""

    name: str
    target: str
    model: str
    multiply_adds_per_cycle: float


# LLVM's model for Cortex-A72 is that of A57, where such a multiply-add takes both vector pipes. For Cortex-A76 LLVM
# uses the same one; the model of Neoverse N1, which is the server's version of that core, is the closer one.
CPUS = (
    Cpu("cortex-a72", "raspberry-pi-4", "cortex-a72", 1.0),
    Cpu("cortex-a76", "raspberry-pi-5", "neoverse-n1", 2.0),
)
TILES = ("conv2d<float32,8,2,a0>", "conv2d<float32,6,3,a0>", "conv2d<float32,12,1,a0>")
MAIN_TILES = TILES[:2]


@dataclass(frozen=True)
class Analysis:
    """Of a tile's inner loop, an iteration of it: `spills` are accesses to the stack."""

    kernel: str
    cpu: str
    multiply_adds: int
    instructions: int
    cycles: float
    share_of_peak: float
    spills: int


def analyse(name: str, cpu: Cpu) -> Analysis:
    """Simulate the inner loop of a tile. Raises MissingDependencyError without llvm-mca."""
    loop = inner_loop(assembly(kernel.find(name), targets.find(cpu.target)))
    multiply_adds = sum(_mnemonic(line) == "fmla" for line in loop)
    cycles = _simulate(loop, cpu.model)
    spills = sum(bool(re.search(r"\bsp\b", line)) for line in loop)
    share = multiply_adds / cpu.multiply_adds_per_cycle / cycles
    return Analysis(name, cpu.name, multiply_adds, len(loop), cycles, share, spills)


def inner_loop(text: str) -> list[str]:
    """The instructions of the innermost loop with the most multiply-adds."""
    lines = [line for line in text.splitlines() if line.strip() and not re.match(r"\s+\.|\s*//", line)]
    labels = {line.split(":")[0]: number for number, line in enumerate(lines) if re.match(r"\.L\w+:", line)}
    best: list[str] = []
    for number, line in enumerate(lines):
        jump = re.match(r"\s+(?:b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+(\.L\w+)", line)
        start = labels.get(jump.group(1), number) if jump else number
        body = lines[start + 1 : number + 1]
        if start < number and not any(re.match(r"\.L\w+:", inner) for inner in body):
            best = max(best, body, key=lambda loop: sum(_mnemonic(inner) == "fmla" for inner in loop))
    return best


def table() -> str:
    """All tiles on all CPUs."""
    rows = [("tile", "CPU", "multiply-adds", "instructions", "cycles", "of peak", "spills")]
    for cpu in CPUS:
        for name in TILES:
            found = analyse(name, cpu)
            rows.append(
                (name, cpu.name, str(found.multiply_adds), str(found.instructions), f"{found.cycles:.1f}",
                 f"{found.share_of_peak:.1%}", str(found.spills))
            )  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)


def find_tool() -> Path:
    """llvm-mca. Raises MissingDependencyError."""
    for name in _TOOLS:
        if path := shutil.which(name):
            return Path(path)
    raise MissingDependencyError("llvm-mca is not installed. On Debian: apt-get install llvm-19")


def _simulate(loop: list[str], model: str) -> float:
    """Cycles of one iteration."""
    command = [str(find_tool()), "-mtriple=aarch64", f"-mcpu={model}", f"-iterations={_ITERATIONS}"]
    result = subprocess.run(command, input="\n".join(loop), capture_output=True, text=True, check=True)
    match = re.search(r"Total Cycles:\s+(\d+)", result.stdout)
    assert match is not None, result.stdout
    return int(match.group(1)) / _ITERATIONS


def _mnemonic(line: str) -> str:
    words = line.split()
    return words[0] if words else ""
