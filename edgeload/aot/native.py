"""The target `native`: the very CPU of this machine, as LLVM sees it."""

from __future__ import annotations

import llvmlite.binding as llvm

from edgeload.runtime.target import NATIVE, Target


def native_target(host: Target, flags: frozenset[str]) -> Target:
    """`host`, which is this machine's tier, narrowed to its CPU. Its code needs all CPU flags that are here."""
    return host._replace(
        name=NATIVE,
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        needs=flags,
        about="the CPU of the machine that builds",
    )
