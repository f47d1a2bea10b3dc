"""The fixture `contract`: models that TensorFlow has made, and its answers to every behaviour.

For development, EDGELOAD_CONTRACT names a folder that `python -m tests.contract.export` has filled.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, locked

EXPORT_TIMEOUT_SECONDS = 900


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
    folder = Path(given) if given else run_folder / "contract"
    if not given:
        if importlib.util.find_spec("tensorflow") is None:
            pytest.skip("tensorflow is not installed, and these tests need its answers (extra: test)")
        with locked(run_folder / "contract.lock"):
            if not (folder / "answers.pickle").exists():
                _export(folder)
    return Contract(folder, pickle.loads((folder / "answers.pickle").read_bytes()))


def _export(folder: Path) -> None:
    """Run the exporter; its output is shown when it fails."""
    command = [sys.executable, "-m", "tests.contract.export", str(folder)]
    result = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=EXPORT_TIMEOUT_SECONDS, check=False
    )
    if result.returncode != 0:
        pytest.fail(f"{' '.join(command)} failed:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}", pytrace=False)
