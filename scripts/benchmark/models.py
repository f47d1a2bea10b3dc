"""Which models are measured, where their folders are, and what they are called with."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgeload
from tests.zoo import recording
from tests.zoo.table import BENCHMARKS, MODELS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SEED = 20
ZOO = MODELS | BENCHMARKS

STANDARD = {
    "MLP 16-64-64-4": "dense_mlp",
    "keyword spotting DS-CNN": "keyword_spotting",
    "LSTM(64)+GRU(32), 100 steps": "lstm_gru",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3-Small": "mobilenet_v3_small_224",
    "EfficientNet-B0": "efficientnet_b0",
    "ResNet50": "resnet50",
    "BERT-like encoder, 128 tokens": "text_encoder",
    "DenseNet121": "densenet121_224",
    "1-D autoencoder": "signal_autoencoder",
}
"""The field, by title: what `all` stands for. Names of tests/zoo/table.py."""

Arrays = dict[str, np.ndarray]


class ModelError(Exception):
    """A model that cannot be measured; the text says why."""


@dataclass(frozen=True)
class Subject:
    """A model to measure: the folder of a SavedModel, a signature, and its arguments."""

    title: str
    folder: Path
    signature: str
    inputs: Arrays

    @property
    def slug(self) -> str:
        """The title as a file's name."""
        return re.sub(r"\W+", "_", self.title).strip("_").lower()


def find(name: str, signature: str, cache: Path, python: str) -> Subject:
    """A model by path, by name of the zoo, or by title. `python` has TensorFlow, to export what is not in `cache`.

    Inputs are those of the first call that is recorded beside the folder, else random. Raises ModelError.
    """
    titles = {zoo_name: title for title, zoo_name in STANDARD.items()}
    name = STANDARD.get(name, name)
    if not Path(name).is_dir() and name not in ZOO:
        raise ModelError(f"{name!r} is neither a folder nor one of {', '.join(ZOO)}")
    folder = Path(name).absolute() if Path(name).is_dir() else exported(name, cache, python)
    inputs = recorded_inputs(folder.with_name(f"{folder.name}.npz"), signature)
    if inputs is None:
        inputs = random_inputs(folder, signature)
    return Subject(titles.get(folder.name, folder.name), folder, signature, inputs)


def exported(name: str, cache: Path, python: str) -> Path:
    """The folder of a zoo model, exported now unless the same sources have exported it before. Raises ModelError."""
    sources = [REPOSITORY / "tests" / "zoo" / file for file in (f"{ZOO[name].family}.py", "saving.py", "export.py")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    zoo = cache / "zoo" / digest
    if not (zoo / f"{name}.npz").exists():  # it is written last
        zoo.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "tests.zoo.export", str(zoo.resolve()), name]
        try:
            result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        except OSError as error:
            raise ModelError(f"cannot export {name}: {error}") from None
        if result.returncode != 0:
            raise ModelError(f"{shlex.join(command)} failed:\n{result.stderr[-2000:]}")
    return zoo / name


def recorded_inputs(path: Path, signature: str) -> Arrays | None:
    """The arguments of the first call of a signature that `tests.zoo.recording` has kept in a file, if there is one."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        if not all(key.startswith(("in/", "out/")) for key in arrays.files):
            return None  # other arrays
    return next((call.arguments for call in recording.read(path) if call.where == signature), None)


def random_inputs(folder: Path, signature_key: str) -> Arrays:
    """Normal numbers, or 0 and 1 where the dtype is integer or boolean; sizes that are unknown are 1."""
    signatures = edgeload.load(folder).signatures
    if signature_key not in signatures:
        raise ModelError(
            f"{folder} has the signatures {', '.join(signatures) or '(none)'}; choose one with --signature"
        )
    random = np.random.default_rng(SEED)
    inputs = {}
    for name, spec in signatures[signature_key].structured_input_signature[1].items():
        if spec.shape is None or spec.dtype.kind not in "biuf":
            raise ModelError(f"the input {name}: {spec} cannot be filled with random numbers")
        shape = [1 if size is None else size for size in spec.shape]
        values = random.standard_normal(shape) if spec.dtype.kind == "f" else random.integers(0, 2, shape)
        inputs[name] = np.asarray(values, spec.dtype)
    return inputs
