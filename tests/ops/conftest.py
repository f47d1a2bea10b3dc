"""The fixture `answers`: a SavedModel and TensorFlow's answers for each op of `tests.ops.table`.

For development, EDGELOAD_OPS names a folder that `python -m tests.ops.export` has filled.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import exported


@pytest.fixture(scope="session")
def answers(run_folder: Path) -> Path:
    """The first worker that asks exports all ops, in a process of its own; the others wait for it."""
    given = os.environ.get("EDGELOAD_OPS")
    return Path(given) if given else exported(run_folder / "ops", "tests.ops.export")
