"""Saves what the builders make and records TensorFlow's answers. Imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.zoo.recording import Call, flatten

CALIBRATION_BATCH = 8
PATCHES = 8  # patches of colour along each side of an image
LARGE = 10.0  # how much larger than usual the inputs of the case `large` are: at 100, deep nets answer at random

Inputs = dict[str, np.ndarray]


def save_keras(
    model: keras.Model,
    folder: Path,
    *,
    cases: Mapping[str, Inputs] | None = None,
    centre: float = 0.0,
    scale: float = 1.0,
) -> list[Call]:
    """Randomise the model's state, export it as Keras 3 does, and record `serving_default` for each case.

    Without `cases` the inputs are normal with mean `centre` and deviation `scale`, at batch 1 and 3, and edge values.
    """
    random = np.random.default_rng(sum(map(ord, folder.name)))
    randomise(model, random, centre, scale)
    if cases is None:
        cases = usual_cases(model, random, centre, scale)
    model.export(str(folder), format="tf_saved_model", verbose=False)
    calls = []
    for case, inputs in cases.items():
        feed = [inputs[tensor.name] for tensor in model.inputs]
        outputs = model(feed if len(feed) > 1 else feed[0], training=False)
        calls.append(Call(case, "serving_default", dict(inputs), signature_outputs(outputs)))
    assert_signature_names(folder, calls[0])
    return calls


def save_module(
    module: tf.Module,
    folder: Path,
    calls: Sequence[Call],
    signatures: Any = None,
) -> list[Call]:
    """Save a module and record what the module, loaded again by TensorFlow, answers to `calls`, one after the other."""
    tf.saved_model.save(module, str(folder), signatures=signatures)
    loaded = tf.saved_model.load(str(folder))
    for call in calls:
        if call.where.startswith("obj."):
            name = call.where.removeprefix("obj.")
            function = loaded if name == "(root)" else getattr(loaded, name)
        else:
            function = loaded.signatures[call.where]
        positional = [tf.constant(value) for value in call.positional()]
        named = {key: tf.constant(value) for key, value in call.named().items()}
        call.outputs = flatten(function(*positional, **named))
    return list(calls)


def usual_cases(model: keras.Model, random: np.random.Generator, centre: float, scale: float) -> dict[str, Inputs]:
    """Random inputs at batch 1 and 3, zeros, all negative, and large ones."""
    one, three, negative, large = (sample(model, random, batch) for batch in (1, 3, 2, 2))
    cases = {
        "batch_1": {name: centre + scale * x for name, x in one.items()},
        "batch_3": {name: centre + scale * x for name, x in three.items()},
        "zeros": {name: np.zeros_like(x) for name, x in one.items()},
        "negative": {name: -np.abs(scale * x) for name, x in negative.items()},
        "large": {name: LARGE * scale * x for name, x in large.items()},
    }
    return cases


def sample(model: keras.Model, random: np.random.Generator, batch: int) -> Inputs:
    """Standard normal float32 arrays for the model's inputs; images are patches of colour under noise.

    White noise alone would average out in a deep network, and every image would get nearly the same answer.
    """
    inputs = {}
    for tensor in model.inputs:
        x = random.standard_normal((batch, *tensor.shape[1:]))
        if x.ndim == 4 and min(x.shape[1:3]) >= PATCHES:
            patches = random.standard_normal((batch, PATCHES, PATCHES, x.shape[3]))
            rows, cols = (np.arange(size) * PATCHES // size for size in x.shape[1:3])
            x = 0.3 * x + patches[:, rows][:, :, cols]
        inputs[tensor.name] = x.astype(np.float32)
    return inputs


def randomise(
    model: keras.Model, random: np.random.Generator, centre: float, scale: float, batch: int = CALIBRATION_BATCH
) -> None:
    """Give biases and normalisations values that matter, and batch norms the statistics of a random batch.

    So folding is exercised and activations stay near one through any depth.
    """
    norms = []
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            norms.append((layer, layer.momentum))
            layer.momentum = 0.0
        if isinstance(layer, keras.layers.DepthwiseConv2D):  # Keras counts all channels as one filter's inputs
            kernel = layer.kernel
            kernel.assign(random.normal(0.0, 1.0 / np.sqrt(np.prod(kernel.shape[:2])), kernel.shape))
        for variable in layer.weights:
            if variable.name == "gamma":
                variable.assign(random.uniform(0.8, 1.2, variable.shape))
            elif variable.name in ("beta", "bias"):
                variable.assign(random.normal(0.0, 0.1, variable.shape))
    if not norms:
        return
    feed = [centre + scale * x for x in sample(model, random, batch).values()]
    model(feed if len(feed) > 1 else feed[0], training=True)
    for layer, momentum in norms:
        layer.momentum = momentum
        variance = np.asarray(layer.moving_variance)
        layer.moving_variance.assign(variance * random.uniform(0.8, 1.25, variance.shape) + 1e-3)


def signature_outputs(outputs: Any) -> dict[str, np.ndarray]:
    """A model's outputs under the names that a signature gives them: the keys of a dict, or output_0, output_1, ..."""
    if not isinstance(outputs, dict):
        sequence = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        outputs = {f"output_{index}": output for index, output in enumerate(sequence)}
    return {name: np.asarray(output) for name, output in outputs.items()}


def assert_signature_names(folder: Path, call: Call) -> None:
    """Fail while exporting, not in the tests, when a recorded call does not fit the signature that was saved."""
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def[call.where]
    assert sorted(signature.inputs) == sorted(call.arguments), (folder.name, sorted(signature.inputs))
    assert sorted(signature.outputs) == sorted(call.outputs), (folder.name, sorted(signature.outputs))
