"""Models of Keras 2 (the package tf_keras), saved by `model.save` with all their traces, or exported.

    python -m tests.keras.keras2 FOLDER [NAME ...]

writes FOLDER/NAME and FOLDER/NAME.npz. A name is the function of this file that builds the model; the names' list
imports nothing heavy. Runs in a process of its own, because the tests must not import TensorFlow.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.keras.case import VOCABULARY
from tests.zoo import recording
from tests.zoo.recording import Call

NAMES = (
    "dense",
    "convolutional",
    "recurrent",
    "masked",
    "stateful",
    "attention",
    "convolutional_lstm",
    "preprocessing",
    "subclassed",
    "exported",
)
SEED = 20


def dense(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((7,), name="x"),
            k.layers.Dense(9, "relu"),
            k.layers.BatchNormalization(),
            k.layers.Dense(3, "softmax"),
        ]
    )


def convolutional(k: Any) -> Any:
    x = k.Input((12, 10, 3), name="x")
    y = k.layers.BatchNormalization()(k.layers.Conv2D(8, 3, padding="same", use_bias=False)(x))
    y = k.layers.MaxPooling2D()(k.layers.ReLU(6.0)(y))
    z = k.layers.BatchNormalization()(k.layers.DepthwiseConv2D(3, padding="same")(y))
    z = k.layers.SeparableConv2D(8, 3, padding="same", activation="swish")(k.layers.PReLU()(z))
    z = k.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(k.layers.Add()([y, z]))
    return k.Model(x, [k.layers.GlobalAveragePooling2D()(z), k.layers.UpSampling2D(interpolation="bilinear")(z)])


def recurrent(k: Any) -> Any:
    x = k.Input((None, 5), name="x")
    y = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True))(x)
    sequence, state = k.layers.GRU(3, return_sequences=True, return_state=True)(y)
    return k.Model(x, [sequence, state, k.layers.SimpleRNN(2, go_backwards=True)(y)])


def masked(k: Any) -> Any:
    ids = k.Input((None,), dtype="int32", name="x")
    y = k.layers.Embedding(11, 6, mask_zero=True)(ids)
    y = k.layers.LSTM(5, return_sequences=True)(y)
    return k.Model(ids, k.layers.Dense(2)(k.layers.GRU(4)(y)))


def stateful(k: Any) -> Any:
    x = k.Input((4, 3), 3, name="x")
    return k.Model(x, k.layers.GRU(3, stateful=True)(k.layers.LSTM(4, stateful=True, return_sequences=True)(x)))


def attention(k: Any) -> Any:
    x = k.Input((6, 8), name="x")
    y = k.layers.LayerNormalization()(x + k.layers.MultiHeadAttention(2, 4)(x, x))
    return k.Model(x, k.layers.Dense(3, "gelu")(k.layers.Attention()([y, y])))


def convolutional_lstm(k: Any) -> Any:
    x = k.Input((3, 6, 5, 2), name="x")
    return k.Model(x, k.layers.TimeDistributed(k.layers.Flatten())(k.layers.ConvLSTM2D(3, 2, return_sequences=True)(x)))


def preprocessing(k: Any) -> Any:
    numbers, words = k.Input((3,), name="numbers"), k.Input((2,), dtype="string", name="words")
    scaled = k.layers.Normalization()
    scaled.adapt(np.random.default_rng(1).normal(3.0, 2.0, (30, 3)).astype(np.float32))
    ids = k.layers.StringLookup(vocabulary=list(VOCABULARY), output_mode="multi_hot")(words)
    hashed = k.layers.CategoryEncoding(5)(k.layers.Hashing(5)(words))
    text = k.layers.TextVectorization(vocabulary=list(VOCABULARY), output_mode="count")(words[:, :1])
    return k.Model([numbers, words], k.layers.Concatenate()([scaled(numbers), ids, hashed, text]))


def subclassed(k: Any) -> Any:
    class Gated(k.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.value, self.gate = k.layers.Dense(4), k.layers.Dense(4, "sigmoid")

        def call(self, inputs: Any, training: bool = False) -> dict[str, Any]:
            gate = self.gate(inputs)
            return {"gate": gate, "value": gate * self.value(inputs)}

    model = Gated()
    model(np.zeros((2, 5), np.float32))
    return model


def exported(k: Any) -> Any:
    return convolutional(k)


def save(name: str, folder: Path) -> None:
    """Build, save and record one model, replacing what was there."""
    import tensorflow as tf
    import tf_keras

    tf.get_logger().setLevel("ERROR")
    tf_keras.utils.set_random_seed(SEED)
    started = time.perf_counter()
    path = folder / name
    shutil.rmtree(path, ignore_errors=True)
    model = globals()[name](tf_keras)
    random = np.random.default_rng(SEED)
    for variable in model.weights:
        value = variable.numpy()
        if value.dtype == np.float32 and value.size > 1 and np.all(value == value.flat[0]):
            variable.assign(random.uniform(0.5, 1.5, value.shape))
    if name == "exported":
        model.export(str(path))
    else:
        model.save(str(path), save_format="tf")
    where = "serving_default"
    function = tf.saved_model.load(str(path)).signatures[where]
    calls = []
    for step, batch in enumerate((1, 3) if name != "stateful" else (3, 3)):
        arrays = {key: _sample(spec, random, batch) for key, spec in function.structured_input_signature[1].items()}
        outputs = function(**{key: tf.constant(array) for key, array in arrays.items()})
        answers = {key: np.asarray(value) for key, value in outputs.items()}
        calls.append(Call(f"{step}_batch_{batch}", where, arrays, answers))
    recording.write(folder / f"{name}.npz", calls)
    print(f"{name:20} {time.perf_counter() - started:6.1f} s", flush=True)


def _sample(spec: Any, random: np.random.Generator, batch: int) -> np.ndarray:
    shape = (batch, *(5 + batch if size is None else size for size in spec.shape[1:]))
    if spec.dtype == "string":
        return np.array([text.encode() for text in VOCABULARY], object)[random.integers(0, len(VOCABULARY), shape)]
    if spec.dtype == "int32":
        return (random.integers(1, 11, shape) * (np.arange(shape[1]) < shape[1] - 2)).astype(np.int32)
    return random.standard_normal(shape).astype(np.float32)


def main(arguments: list[str]) -> int:
    if not arguments or set(arguments[1:]) - set(NAMES):
        print(f"{__doc__}\nNames: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or NAMES:
        save(name, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
