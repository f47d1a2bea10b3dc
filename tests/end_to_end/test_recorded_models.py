"""Real SavedModels, written by other people, answer as TensorFlow recorded it. They are no part of the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeload
from tests.zoo import recording
from tests.zoo.recording import Call

RELATIVE_TOLERANCE = 1e-4
SCALED_TOLERANCE = 1e-5  # times the output's largest magnitude: deep models accumulate differently

RECORDED = (
    "babyweight_keras",
    "basic_pitch",
    "cartpole_policy",
    "counter",
    "data_profiler",
    "half_plus_two_cpu",
    "half_plus_two_tf2",
    "kws_ref_model",
    "model_types_test",
    "ocr_qat_xxs_v2",
    "omr_glyphs_nn",
    "resnet8_k3",
    "t2_transformer",
    "taxi_estimator_2022",
    "thai_word_seg",
    "ws_gru_k3",
)


def recorded_calls(path: Path) -> list[Call]:
    """The calls of a file with keys in/<signature>/<argument> and out/<signature>/<output>, in order."""
    calls: dict[str, Call] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            direction, where, name = key.split("/", 2)
            call = calls.setdefault(where, Call("recorded", where, {}))
            (call.arguments if direction == "in" else call.outputs)[name] = stored[key]
    return list(calls.values())


@pytest.mark.parametrize("name", RECORDED)
def test_every_signature_answers_as_recorded(name: str, shared_models: Path) -> None:
    model = edgeload.load(shared_models / name)
    calls = recorded_calls(shared_models / f"{name}.npz")
    for key in set(model.signatures) - {call.where for call in calls}:  # has no outputs that could be recorded
        assert model.signatures[key].structured_outputs == {} == model.signatures[key]()
    for call in calls:
        got = model.signatures[call.where](**call.arguments)
        recording.assert_same(got, call, RELATIVE_TOLERANCE, SCALED_TOLERANCE)


def test_every_recorded_model_is_tested(shared_models: Path) -> None:
    assert sorted(RECORDED) == sorted(path.stem for path in shared_models.glob("*.npz"))
