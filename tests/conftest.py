"""Fixtures that every test may use: the zoo that TensorFlow exports once a run, the real models, the kernel cache.

For development, environment variables name folders to use as they are: EDGELOAD_ZOO (an exported zoo),
EDGELOAD_TEST_CACHE (compiled kernels), EDGELOAD_MODELS (the real models).
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
EXPORT_TIMEOUT_SECONDS = 1800


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all worker processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def kernel_cache(run_folder: Path) -> Iterator[Path]:
    """Point EDGELOAD_CACHE away from the user's cache, to a folder that the workers share. Models are not kept there,
    so that each test goes the whole way; see `model_cache`."""
    folder = Path(os.environ.get("EDGELOAD_TEST_CACHE") or run_folder / "kernel-cache")
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGELOAD_CACHE", str(folder))
        patch.setenv("EDGELOAD_MODEL_CACHE", "0")
        yield folder


@pytest.fixture
def model_cache(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it lets `edgeload.load` keep models and find those that are kept, in this test."""
    return lambda: monkeypatch.setenv("EDGELOAD_MODEL_CACHE", "1000")


@pytest.fixture(scope="session")
def zoo(run_folder: Path) -> Callable[[str], Path]:
    """zoo(name) is the folder of a model of `tests.zoo.table`; its recorded calls lie beside it, in NAME.npz.

    The first worker that asks exports all of them, in a process of its own; the others wait for it.
    """
    given = os.environ.get("EDGELOAD_ZOO")
    folder = Path(given) if given else exported(run_folder / "zoo", "tests.zoo.export")

    def model(name: str) -> Path:
        assert (folder / name).is_dir(), f"{folder} has no {name}: run python -m tests.zoo.export {folder} {name}"
        return folder / name

    return model


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real SavedModels with recorded outputs, which is no part of the project."""
    folder = Path(os.environ.get("EDGELOAD_MODELS") or REPOSITORY.parent / "shared" / "models")
    if not folder.is_dir():
        pytest.skip(f"the real models are not at {folder} (set EDGELOAD_MODELS)")
    return folder


@pytest.fixture(autouse=True)
def tensorflow_stays_out() -> Iterator[None]:
    """Fail the test that brings TensorFlow into the process: edgeload must work without it."""
    yield
    assert "tensorflow" not in sys.modules, "this test imported TensorFlow"


def exported(folder: Path, module: str, *arguments: str) -> Path:
    """The folder, filled by `python -m module folder arguments...` unless that is done already.

    The first worker that asks runs it, in a process of its own, where TensorFlow is; the others wait for it. Its output
    is shown when it fails.
    """
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed, and these tests need what it exports (extra: test)")
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not (folder / "done").exists():
            command = [sys.executable, "-m", module, str(folder), *arguments]
            result = subprocess.run(
                command, cwd=REPOSITORY, capture_output=True, text=True, timeout=EXPORT_TIMEOUT_SECONDS, check=False
            )
            if result.returncode != 0:
                shown = f"{result.stdout[-2000:]}\n{result.stderr[-8000:]}"
                pytest.fail(f"{' '.join(command)} failed:\n{shown}", pytrace=False)
            (folder / "done").touch()
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system drops it if the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
