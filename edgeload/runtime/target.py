"""What code is compiled for: a CPU or a tier of CPUs, its vector length, its registers; and what this machine has."""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import lru_cache
from typing import NamedTuple

from edgeload.errors import MissingDependencyError, UnsupportedOpError


class Target(NamedTuple):
    """A CPU, or a tier that many CPUs have. `cpu` and `features` are LLVM's names; `lanes` counts float32 elements in
    the vector registers that kernels use, `registers` counts those registers, `crc32c` says whether the CPU has
    instructions for it. `needs` are the CPU flags, in Linux' words, without which its code must not run."""

    name: str
    triple: str
    cpu: str
    features: str
    lanes: int
    registers: int
    crc32c: bool
    needs: frozenset[str] = frozenset()
    about: str = ""

    @property
    def machine(self) -> str:
        """The instruction set, as `uname -m` names it."""
        return self.triple.split("-")[0]


_X86 = "x86_64-unknown-linux-gnu"
_ARM = "aarch64-unknown-linux-gnu"
_RISCV = "riscv64-unknown-linux-gnu"
# the flags of /proc/cpuinfo that a tier needs (psABI micro-architecture levels)
_V2 = frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_V3 = _V2 | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_NEON = frozenset({"asimd", "crc32"})
_DOTPROD = _NEON | {"asimddp", "asimdhp", "atomics", "asimdrdm", "lrcpc"}  # Armv8.2-A, as all such CPUs have it
TARGETS = {
    target.name: target
    for target in (
        Target("x86-64-v2", _X86, "x86-64-v2", "", 4, 16, True, _V2, "any x86-64 since 2009"),
        Target("x86-64-v3", _X86, "x86-64-v3", "", 8, 16, True, _V3, "AVX2: Intel since 2013, AMD since 2015"),
        Target("x86-64-v4", _X86, "x86-64-v4", "", 16, 32, True, _V4, "AVX-512"),
        Target("aarch64", _ARM, "generic", "+neon,+crc", 4, 32, True, _NEON, "any 64-bit Arm with NEON and CRC"),
        Target(
            "aarch64+dotprod", _ARM, "generic", "+v8.2a,+neon,+crc,+dotprod,+fullfp16,+rcpc", 4, 32, True, _DOTPROD,
            "64-bit Arm since 2018",
        ),
        Target("raspberry-pi-zero-2w", _ARM, "cortex-a53", "-aes,-sha2", 4, 32, True, _NEON, "4 Cortex-A53, 1.0 GHz"),
        Target("raspberry-pi-3", _ARM, "cortex-a53", "-aes,-sha2", 4, 32, True, _NEON, "4 Cortex-A53, 1.2 to 1.4 GHz"),
        Target("raspberry-pi-4", _ARM, "cortex-a72", "-aes,-sha2", 4, 32, True, _NEON, "4 Cortex-A72, 1.5 to 1.8 GHz"),
        Target("raspberry-pi-5", _ARM, "cortex-a76", "", 4, 32, True, _DOTPROD, "4 Cortex-A76, 2.4 GHz"),
        Target("jetson", _ARM, "cortex-a78ae", "", 4, 32, True, _DOTPROD, "Jetson Orin, without its GPU"),
        Target("riscv64", _RISCV, "generic-rv64", "+m,+a,+f,+d,+c,-relax", 4, 32, False, frozenset("imafdc"), "RV64GC"),
    )
}  # fmt: skip
NATIVE = "native"


def find(name: str) -> Target:
    """The target of a name in the table, or this machine's very CPU for `native` (needs llvmlite).

    Raises UnsupportedOpError, which lists the names, MissingDependencyError.
    """
    if name == NATIVE:
        try:
            from edgeload.aot.native import native_target
        except ImportError:
            raise MissingDependencyError(
                f"the target {NATIVE} is what LLVM finds this CPU to be, and llvmlite is not installed. "
                "Install it with: pip install 'edgeload[aot]'"
            ) from None

        return native_target(host(), cpu_flags())
    if name not in TARGETS:
        raise UnsupportedOpError(f"there is no target {name!r}. Targets: {', '.join([*TARGETS, NATIVE])}.")
    return TARGETS[name]


@lru_cache(maxsize=1)
def host() -> Target:
    """The best tier that this machine's CPU has. Raises UnsupportedOpError for a CPU or a system without one."""
    machine = _machine()
    tiers = {
        "x86_64": ("x86-64-v4", "x86-64-v3", "x86-64-v2"),
        "aarch64": ("aarch64+dotprod", "aarch64"),
        "riscv64": ("riscv64",),
    }
    if not sys.platform.startswith("linux") or machine not in tiers:
        raise UnsupportedOpError(
            f"edgeload compiles for Linux on x86-64, aarch64 and riscv64, and this is {sys.platform} on {machine}. "
            "Run it on Linux, or in a Linux container."
        )
    for name in tiers[machine]:
        if not missing_flags(TARGETS[name]):
            return TARGETS[name]
    least = TARGETS[tiers[machine][-1]]
    raise UnsupportedOpError(
        f"this {machine} CPU lacks {', '.join(sorted(missing_flags(least)))}; "
        f"edgeload needs {least.name} ({least.about})."
    )


def missing_flags(target: Target) -> frozenset[str]:
    """What this machine's CPU lacks to run the target's code: CPU flags, or the instruction set itself."""
    if target.machine != _machine():
        return frozenset({target.machine})
    return target.needs - cpu_flags()


@lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """What this machine's CPU has, in the words of Linux' /proc/cpuinfo."""
    machine = _machine()
    if machine == "x86_64":
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                key, _, flags = line.partition(":")
                if key.strip() == "flags":
                    return frozenset(flags.split())
    getauxval = ctypes.CDLL(None).getauxval  # /proc/cpuinfo shows another machine's CPU under emulation
    getauxval.argtypes, getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
    word = getauxval(_AT_HWCAP)
    if machine == "aarch64":
        return frozenset(name for bit, name in enumerate(_ARM_HWCAP) if word >> bit & 1)
    return frozenset(chr(ord("a") + bit) for bit in range(26) if word >> bit & 1)  # riscv64: extensions by letter


_AT_HWCAP = 16  # linux/auxvec.h
# arch/arm64/include/uapi/asm/hwcap.h, from bit 0 on
_ARM_HWCAP = (
    "fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "cpuid",
    "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve",
)  # fmt: skip


def _machine() -> str:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
