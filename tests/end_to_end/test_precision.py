"""Networks in float16, bfloat16 and float64 run natively from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import edgeload
from edgeload.plan.plan import ControlStep, HostStep, walk
from tests.end_to_end.test_zoo import calls_of, run
from tests.zoo.table import MODELS


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.family == "precision"])
def test_no_step_runs_in_python(name: str, zoo: Callable[[str], Path]) -> None:
    folder = zoo(name)
    model = edgeload.load(folder)
    call = calls_of(folder)[0]
    run(model, call)
    function = model.signatures[call.where] if call.where in model.signatures else model.__call__.concrete_functions[0]
    assert not function.plan.rest
    in_python = [step for step in walk(function.plan.steps) if isinstance(step, HostStep | ControlStep)]
    assert in_python == []
