"""Every public Keras layer answers as TensorFlow does, through the SavedModel that Keras exports of it."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import edgeload
from tests.keras.core import ACTIVATIONS
from tests.keras.steps import counted_steps
from tests.keras.table import FAMILIES, WITHOUT_CASES
from tests.zoo import recording
from tests.zoo.recording import Call

CASES = [(family, name) for family, cases in FAMILIES.items() for name in cases]


@cache
def loaded(folder: Path) -> tuple[Any, dict[str, list[Call]]]:
    """A family's model, and its calls by case. Loading reads no function: all cases may share it."""
    calls: dict[str, list[Call]] = {}
    for call in recording.read(folder.with_name(f"{folder.name}.npz")):
        calls.setdefault(call.where, []).append(call)
    return edgeload.load(folder), calls


@pytest.mark.parametrize(("family", "name"), CASES)
def test_a_layer_answers_as_in_tensorflow_without_unexpected_host_steps(
    family: str, name: str, keras_layers: Path
) -> None:
    model, calls = loaded(keras_layers / family)
    case = FAMILIES[family][name]
    with counted_steps() as steps:
        for call in calls[name]:
            recording.assert_same(recording.flatten(model.signatures[name](**call.arguments)), call, case.tolerance)
    assert set(steps) <= case.host_ops


def test_every_public_layer_of_keras_has_two_cases(keras_layers: Path) -> None:
    """Keras's own list: aliases share a class. A layer that Keras adds needs cases, or a reason why it has none."""
    classes = public_names(keras_layers)["layers"]
    counts = Counter(classes[case.kind] for cases in FAMILIES.values() for case in cases.values())
    excused = {classes[name] for name in WITHOUT_CASES}
    assert sorted({*classes.values()} - excused) == sorted(kind for kind, count in counts.items() if count >= 2)


def test_every_activation_of_keras_has_a_case(keras_layers: Path) -> None:
    assert sorted({*ACTIVATIONS, "threshold"}) == public_names(keras_layers)["activations"]


def public_names(folder: Path) -> dict[str, Any]:
    """What keras.layers and keras.activations have."""
    names: dict[str, Any] = json.loads((folder / "public.json").read_text())
    return names
