"""Models that Keras 2 saved answer as in TensorFlow: through their signature and, where they have one, called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeload
from tests.keras.keras2 import NAMES
from tests.zoo import recording

TOLERANCE = 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_of_keras_2_answers_as_in_tensorflow(name: str, keras2_models: Path) -> None:
    model = edgeload.load(keras2_models / name)
    for call in recording.read(keras2_models / f"{name}.npz"):
        recording.assert_same(model.signatures[call.where](**call.arguments), call, TOLERANCE)


@pytest.mark.parametrize("name", ["dense", "masked", "convolutional_lstm"])
def test_a_saved_model_of_keras_2_is_called_like_the_model(name: str, keras2_models: Path) -> None:
    model = edgeload.load(keras2_models / name)
    for call in recording.read(keras2_models / f"{name}.npz"):
        (x,), (expected,) = call.arguments.values(), call.outputs.values()
        for answer in (model(x), model(x, training=False)):
            np.testing.assert_allclose(answer, expected, rtol=TOLERANCE, atol=TOLERANCE)
