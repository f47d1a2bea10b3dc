"""Exports the cases of Keras layers: python -m tests.keras.export FOLDER [FAMILY ...]

Each case becomes a model of one layer, and a family one SavedModel, of which each case is an endpoint: what
`model.export()` writes for one model, `ExportArchive` writes for many at the price of one. FOLDER/FAMILY.npz has the
answers that TensorFlow's traced functions gave, and FOLDER/public.json what keras.layers has.
Runs in a process of its own, because the tests must not import TensorFlow.
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.keras.case import Case, Exported, Layer, Values
from tests.keras.table import FAMILIES
from tests.zoo import recording
from tests.zoo.recording import Call

SEED = 20
# `model.export()` also tracks the model, which traces it two more times: that takes minutes where graphs are large.
UNTRACKED = {"recurrent", "images"}
UNKNOWN_SIZES = {1: 9, 3: 6}  # batch -> what unknown sizes are in the call with it


def export(family: str, folder: Path) -> None:
    """Save and record all cases of a family, replacing what was there."""
    import keras
    import tensorflow as tf
    from keras.src.export.export_utils import make_tf_tensor_spec

    tf.get_logger().setLevel("ERROR")
    keras.utils.set_random_seed(SEED)
    started = time.perf_counter()
    shutil.rmtree(folder / family, ignore_errors=True)
    archive = keras.export.ExportArchive()
    cases = FAMILIES[family]
    failures = []
    functions = {}
    for name, case in cases.items():
        try:
            model, signature = build(case)
            if family not in UNTRACKED:
                archive.track(model)
            function = tf.function(
                model.__call__, keras.tree.map_structure(make_tf_tensor_spec, signature), autograph=False
            )
            functions[name] = function.get_concrete_function()
            archive.add_endpoint(name, function)  # traced already, as some layers do not do twice alike
        except Exception as error:  # Keras refuses with errors of every kind; all of them are told at once
            failures.append(f"{name}: {error}")
    if failures:
        raise ValueError(f"Keras cannot export these cases of {family}:\n" + "\n".join(failures))
    archive.write_out(str(folder / family), verbose=False)
    calls = []
    for name, case in cases.items():
        try:
            calls += record(name, case, functions[name])
        except Exception as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise ValueError(f"TensorFlow cannot run these cases of {family}:\n" + "\n".join(failures))
    recording.write(folder / f"{family}.npz", calls)
    print(f"{family:16} {len(cases):4} cases {time.perf_counter() - started:6.1f} s", flush=True)


def build(case: Case) -> tuple[Any, Any]:
    """A functional model of the case's layer, adapted and with weights that matter, and its input signature."""
    import keras
    import tensorflow as tf
    from keras.src.export.export_utils import get_input_signature

    tensors = {
        name: keras.Input(value.shape, value.batch, dtype=value.dtype, name=name)
        for name, value in case.named_inputs().items()
    }
    layer = made(case.layer)
    if case.adapt is not None:
        layer.adapt(case.adapt)
    if case.bare:
        layer.build((None, *case.inputs.shape))
        return layer, [tf.TensorSpec((None, *case.inputs.shape), case.inputs.dtype, "x")]
    outputs = applied(case, layer, tensors)
    model = keras.Model(list(tensors.values()) if len(tensors) > 1 else next(iter(tensors.values())), outputs)
    randomise(model)
    return model, get_input_signature(model)


def made(value: Any) -> Any:
    """Layers out of their descriptions, in lists too."""
    import keras

    if isinstance(value, Layer):
        cls = getattr(keras.layers, value.name, None) or getattr(keras, value.name)
        return cls(*map(made, value.args), **{name: made(argument) for name, argument in value.kwargs.items()})
    if isinstance(value, Exported):
        x = keras.Input(value.shape, name="x")
        folder = Path(scratch().name) / f"exported_{len(list(Path(scratch().name).iterdir()))}"
        keras.Model(x, made(value.layer)(x)).export(str(folder), format="tf_saved_model", verbose=False)
        return str(folder)
    return [made(item) for item in value] if isinstance(value, list) else value


@cache
def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes away with the process."""
    return tempfile.TemporaryDirectory()


def applied(case: Case, layer: Any, tensors: dict[str, Any]) -> Any:
    """The layer's outputs for its symbolic inputs."""
    import keras

    inputs: Any = list(tensors.values())
    if isinstance(case.inputs, Values):
        inputs = inputs[0]
    elif not isinstance(case.inputs, tuple):
        inputs = tensors
    if case.apply is not None:
        outputs = case.apply(layer, inputs)
    else:
        outputs = layer(**inputs, **case.call) if isinstance(inputs, dict) else layer(inputs, **case.call)
    return outputs if isinstance(outputs, dict) else keras.tree.flatten(outputs)  # signatures have no nested outputs


def randomise(model: Any) -> None:
    """Give random values to the float weights that Keras starts as constants: biases, scales, moving statistics."""
    random = np.random.default_rng(SEED)
    for variable in model.weights:
        value = np.asarray(variable)
        if "float" in variable.dtype and value.size and np.all(value == value.flat[0]) and variable.name != "count":
            positive = variable.name in ("gamma", "scale") or "variance" in variable.name
            drawn = random.uniform(0.5, 1.5, value.shape) if positive else random.normal(0.0, 0.4, value.shape)
            variable.assign(drawn)


def record(name: str, case: Case, function: Any) -> list[Call]:
    """What TensorFlow answers at batch 1 and 3; twice at a fixed batch, where there may be a state."""
    import tensorflow as tf

    random = np.random.default_rng(sum(map(ord, name)))
    fixed = next((value.batch for value in case.named_inputs().values() if value.batch), None)
    calls = []
    for step, batch in enumerate((1, 3) if fixed is None else (fixed, fixed)):
        unknown = UNKNOWN_SIZES[batch]
        arrays = {key: value.sample(random, batch, unknown) for key, value in case.named_inputs().items()}
        tensors = [tf.constant(array) for array in arrays.values()]
        outputs = function(tensors if len(tensors) > 1 else tensors[0])
        calls.append(Call(f"{step}_batch_{batch}", name, arrays, signature_outputs(outputs)))
    return calls


def signature_outputs(outputs: Any) -> dict[str, np.ndarray]:
    """The outputs under the names that a signature gives them."""
    import tensorflow as tf

    if isinstance(outputs, dict):
        return {name: np.asarray(output) for name, output in outputs.items()}
    return {f"output_{index}": np.asarray(output) for index, output in enumerate(tf.nest.flatten(outputs))}


def public_layers() -> dict[str, str]:
    """The classes of keras.layers: public name -> name of the class, by which aliases are known."""
    import keras

    return {name: cls.__name__ for name, cls in inspect.getmembers(keras.layers, inspect.isclass)}


def public_functions(module: Any) -> list[str]:
    """The functions of keras.activations or keras.applications, without aliases and those that handle names."""
    others = {"get", "serialize", "deserialize"}
    found = {function.__name__ for _, function in inspect.getmembers(module, inspect.isfunction)}
    return sorted(found - others)


def main(arguments: list[str]) -> int:
    if not arguments or set(arguments[1:]) - set(FAMILIES):
        print(f"{__doc__}\nFamilies: {', '.join(FAMILIES)}", file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for family in arguments[1:] or FAMILIES:
        export(family, folder)
    write_public(folder / "public.json")
    return 0


def write_public(path: Path) -> None:
    """Tell what the installed Keras has."""
    import keras

    public = {
        "layers": public_layers(),
        "activations": public_functions(keras.activations),
        "applications": public_functions(keras.applications),
    }
    path.write_text(json.dumps(public))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
