"""Counts what Python runs while a function is called: host steps, and loops and branches that do not run natively."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edgeload import program
from edgeload.plan.plan import ControlStep, HostStep


@contextmanager
def counted_steps() -> Iterator[Counter[str]]:
    """The steps that Python runs in the block, by op."""
    steps: Counter[str] = Counter()
    run_step = program.run_step

    def count(step: HostStep | ControlStep, *others: Any) -> Any:
        steps[step.op] += 1
        return run_step(step, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "run_step", count)
        yield steps
