"""The fixture `contract`: models that TensorFlow has made, and its answers to every behaviour.

For development, EDGELOAD_CONTRACT names a folder that `python -m tests.contract.export` has filled.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import exported


@dataclass(frozen=True)
class Contract:
    folder: Path
    answers: dict[str, Any]

    def model(self, name: str) -> Path:
        """The folder of a model, by the name of its module and function in tests.contract.models."""
        assert (self.folder / name).is_dir(), f"no behaviour is answered by {name!r}, so it was not exported"
        return self.folder / name


@pytest.fixture(scope="session")
def contract(run_folder: Path) -> Contract:
    """The first worker that asks exports all models, in a process of its own; the others wait for it."""
    given = os.environ.get("EDGELOAD_CONTRACT")
    folder = Path(given) if given else exported(run_folder / "contract", "tests.contract.export")
    return Contract(folder, pickle.loads((folder / "answers.pickle").read_bytes()))
