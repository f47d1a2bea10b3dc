"""What the contenders get of a model. Each conversion is a process of its own and is kept in the cache folder.

    SavedModel ── TensorFlow ──► SavedModel with the inputs' exact shapes ── TFLiteConverter ──► LiteRT
                                                                          ── tf2onnx ──► ONNX Runtime
                                                                          ── openvino.convert_model ──► OpenVINO
    SavedModel ── scripts/aot_build.py ──► built

Exact shapes are the peers' best case: they fold more, and some models convert no other way. Nothing is quantised.
edgeload, `built` and TensorFlow get the SavedModel with its unknown batch size.

TensorFlow 2.21, tf2onnx 1.17, LiteRT 2.3, ONNX Runtime 1.32 and OpenVINO 2026.4 live in one environment (NumPy 2.4,
protobuf 7). Where they do not, --python gives each contender its own; TensorFlow's converts for LiteRT as well and,
with tf2onnx, for ONNX Runtime.

    python -m scripts.benchmark.conversion KIND MODEL TARGET SIGNATURE [INPUT=SIZExSIZE...]
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.benchmark.models import REPOSITORY, Subject

CONVERTED = {"litert": "model.tflite", "onnxruntime": "model.onnx", "openvino": "model.xml", "built": "built"}
"""The file or folder that each contender gets; the others get the SavedModel."""
SHOWN_ERROR_LINES = 12


class ConversionError(Exception):
    """The text is the end of what the converter wrote."""


def converted(subject: Subject, contender: str, pythons: Mapping[str, str], cache: Path) -> Path:
    """What the contender loads, made now unless it is in the cache. Raises ConversionError."""
    if contender not in CONVERTED:
        return subject.folder
    folder = cache / "converted" / _digest(subject)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / CONVERTED[contender]
    if contender == "built":
        # always anew: it depends on edgeload's sources
        shutil.rmtree(target, ignore_errors=True)
        program = str(REPOSITORY / "scripts" / "aot_build.py")
        shapes = [
            f"--shape={name}={','.join(map(str, array.shape))}" for name, array in subject.inputs.items() if array.ndim
        ]
        _run([pythons["built"], program, str(subject.folder), str(target), "--function", subject.signature, *shapes])
        return target
    if target.exists():
        return target
    exact = folder / "exact"
    if not exact.exists():
        shapes = [f"{name}={_sizes(array.shape)}" for name, array in subject.inputs.items()]
        _convert(pythons["tensorflow"], "exact", subject.folder, exact, subject.signature, *shapes)
    python = pythons["openvino" if contender == "openvino" else "tensorflow"]
    _convert(python, contender, exact, target, subject.signature)
    return target


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _digest(subject: Subject) -> str:
    """Tells a model apart from others, and from what it and this file were before."""
    text = [
        Path(__file__).read_text(),
        subject.signature,
        *(f"{name} {array.shape}" for name, array in subject.inputs.items()),
    ]
    for path in sorted(subject.folder.rglob("*")):
        status = path.stat()
        text.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:12]


def _convert(python: str, kind: str, model: Path, target: Path, *arguments: str) -> None:
    """Convert in a process of its own; a target that appears is complete."""
    partial = target.with_name(f"partial-{target.name}")
    _run([python, "-m", "scripts.benchmark.conversion", kind, str(model), str(partial), *arguments])
    if kind == "openvino":
        partial.with_suffix(".bin").replace(target.with_suffix(".bin"))
    partial.replace(target)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        result = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConversionError(f"cannot run {command[0]}: {error}") from None
    if result.returncode != 0:
        raise ConversionError("\n".join(result.stderr.strip().splitlines()[-SHOWN_ERROR_LINES:]))


# In the processes that convert.


def exact(model: str, target: str, key: str, *sizes: str) -> None:
    """Save the signature once more, with exact input shapes."""
    import tensorflow as tf

    root = tf.saved_model.load(model)
    signature = root.signatures[key]
    shapes = {name: text for name, _, text in (size.rpartition("=") for size in sizes)}
    specs = {
        name: tf.TensorSpec(
            [] if shapes[name] == "scalar" else list(map(int, shapes[name].split("x"))), spec.dtype, name
        )
        for name, spec in signature.structured_input_signature[1].items()
    }
    holder = tf.Module()
    holder.root = root  # owns the variables
    concrete = tf.function(lambda **inputs: signature(**inputs)).get_concrete_function(**specs)
    tf.saved_model.save(holder, target, signatures={key: concrete})


def litert(model: str, target: str, key: str) -> None:
    """Convert for LiteRT, without quantisation."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(model, signature_keys=[key])
    Path(target).write_bytes(converter.convert())


def onnxruntime(model: str, target: str, key: str) -> None:
    """Convert for ONNX Runtime. ONNX has no Erfc, and tf2onnx leaves it as it is: it becomes 1 - Erf."""
    import onnx
    from tf2onnx import convert

    sys.argv = ["tf2onnx", "--saved-model", model, "--signature_def", key, "--output", target]
    convert.main()
    converted_model = onnx.load(target)
    graph = converted_model.graph
    nodes = []
    for node in graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        one, erf = f"{node.output[0]}/one", f"{node.output[0]}/erf"
        graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), one))
        nodes.append(onnx.helper.make_node("Erf", node.input, [erf]))
        nodes.append(onnx.helper.make_node("Sub", [one, erf], node.output))
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(converted_model)
    onnx.save(converted_model, target)


def openvino(model: str, target: str, key: str) -> None:
    """Convert for OpenVINO; weights stay float32. It reads the default signature."""
    import openvino as ov

    ov.save_model(ov.convert_model(model), target, compress_to_fp16=False)


if __name__ == "__main__":
    {"exact": exact, "litert": litert, "onnxruntime": onnxruntime, "openvino": openvino}[sys.argv[1]](*sys.argv[2:])
