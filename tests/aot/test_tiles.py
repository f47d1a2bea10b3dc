"""The NEON register tiles on LLVM's models of two cores: the multiply-adds come one after the other, nothing spills."""

from __future__ import annotations

import shutil

import pytest

from scripts import tile_analysis

_LEAST_SHARE = 0.95
_LEAST_VERSION = "llvm-mca-19"  # older ones have no model of Cortex-A76's core


@pytest.mark.parametrize("cpu", tile_analysis.CPUS, ids=lambda cpu: cpu.name)
@pytest.mark.parametrize("name", tile_analysis.TILES)
def test_a_tile_keeps_the_multiply_add_pipes_busy(name: str, cpu: tile_analysis.Cpu) -> None:
    if shutil.which(_LEAST_VERSION) is None:
        pytest.skip(f"{_LEAST_VERSION} is not installed: apt-get install llvm-19")
    found = tile_analysis.analyse(name, cpu)
    assert found.spills == 0
    assert found.share_of_peak >= _LEAST_SHARE


def test_the_inner_loop_is_the_one_with_the_most_multiply_adds() -> None:
    text = """
.L1:
\tfmla v0.4s, v1.4s, v2.4s
.L2:
\tfmla v0.4s, v1.4s, v2.s[0]
\tfmla v3.4s, v1.4s, v2.s[1]
\tb.ne .L2
\tcbnz x0, .L1
"""
    assert [line.split()[0] for line in tile_analysis.inner_loop(text)] == ["fmla", "fmla", "b.ne"]
