"""Sound goes into a keyword-spotting model natively, spectrogram included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeload
from edgeload.plan.plan import ControlStep, HostStep, walk


@pytest.mark.parametrize(
    "name, shape", [("coefficients", (2, 1600)), ("older", (1600, 1)), ("there_and_back", (1, 2000))]
)
def test_features_of_sound_are_one_native_call(name: str, shape: tuple[int, ...], zoo: Callable[[str], Path]) -> None:
    function = edgeload.load(zoo("sound_features")).signatures[name]
    function(sound=np.ones(shape, np.float32))
    assert not function.plan.rest
    assert [step for step in walk(function.plan.steps) if isinstance(step, HostStep | ControlStep)] == []
