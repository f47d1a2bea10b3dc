"""The architectures of keras.applications answer as TensorFlow does, and run without a host step.

The usual run takes one or two of each family; `pytest -m applications tests/keras` takes all, which needs an hour,
exports one after the other and deletes it again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeload
from tests.keras.applications import APPLICATIONS, BY_DEFAULT
from tests.keras.steps import counted_steps
from tests.zoo import recording

Applications = Callable[[str], Path]
OTHERS = tuple(name for name in APPLICATIONS if name not in BY_DEFAULT)


@pytest.mark.parametrize(
    "name", [*BY_DEFAULT, *(pytest.param(name, marks=pytest.mark.applications) for name in OTHERS)]
)
def test_an_architecture_answers_as_in_tensorflow_without_a_host_step(
    name: str, keras_application: Applications
) -> None:
    folder = keras_application(name)
    function = edgeload.load(folder).signatures["serve"]
    with counted_steps() as steps:
        for call in recording.read(folder.with_name(f"{name}.npz")):
            recording.assert_same(function(**call.arguments), call, APPLICATIONS[name].tolerance)
    assert not steps
    shutil.rmtree(folder)


def test_all_architectures_of_keras_are_in_the_table(keras_layers: Path) -> None:
    public = json.loads((keras_layers / "public.json").read_text())
    assert sorted(public["applications"]) == sorted(APPLICATIONS)
