"""Fixtures: what TensorFlow exports of Keras, once a run, for all worker processes.

For development, environment variables name folders to use as they are: EDGELOAD_KERAS (layers), EDGELOAD_KERAS2.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import exported
from tests.keras.applications import BY_DEFAULT


@pytest.fixture(scope="session")
def keras_layers(run_folder: Path) -> Path:
    """The folder with the exported families of layers. The first worker that asks exports; the others wait for it."""
    given = os.environ.get("EDGELOAD_KERAS")
    return Path(given) if given else exported(run_folder / "keras-layers", "tests.keras.export")


@pytest.fixture(scope="session")
def keras2_models(run_folder: Path) -> Path:
    """The folder with the models of Keras 2."""
    given = os.environ.get("EDGELOAD_KERAS2")
    if not given and importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras is not installed, which saves these models (make test installs it)")
    return Path(given) if given else exported(run_folder / "keras2", "tests.keras.keras2")


@pytest.fixture(scope="session")
def keras_application(run_folder: Path) -> Callable[[str], Path]:
    """keras_application(name) is the folder of an architecture. Those of the usual run are exported by one process,
    the others one by one, and whoever asks deletes them: all together would take 30 GB."""

    def model(name: str) -> Path:
        if name in BY_DEFAULT:
            return exported(run_folder / "applications", "tests.keras.export_applications") / name
        return exported(run_folder / f"application-{name}", "tests.keras.export_applications", name) / name

    return model
