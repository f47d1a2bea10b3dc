"""Runs programs as a device would: in a process of its own, in which packages that a device lacks are missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
READERS = ("google.protobuf", "ml_dtypes")
COMPILERS = ("numba", "llvmlite")
# numbers 0.00, 0.01, ... make inputs that do not need to be handed over
_CALL = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
import hashlib
import numpy as np
import edgeload
model = edgeload.load({path!r})
function = model.signatures[{key!r}]
inputs = {{}}
for name, spec in function.structured_input_signature[1].items():
    shape = tuple(size or {batch} for size in spec.shape)
    inputs[name] = (np.arange(np.prod(shape)) % 97 / 97).reshape(shape).astype(spec.dtype)
outputs = function(**inputs)
print({{name: hashlib.sha256(np.ascontiguousarray(outputs[name]).tobytes()).hexdigest() for name in sorted(outputs)}})
print("imported:", sorted(name for name, module in sys.modules.items() if module and name.startswith({watched!r})))
"""
# the recorded calls of a zoo model, answered by an artefact
_ANSWER = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
import edgeload
from pathlib import Path
from tests.zoo import recording
model = edgeload.load({artefact!r})
for call in recording.read(Path({calls!r})):
    if call.case.startswith({case!r}):
        function = getattr(model, call.where[4:]) if call.where.startswith("obj.") else model.signatures[call.where]
        outputs = recording.flatten(function(*call.positional(), **call.named()))
        recording.assert_same(outputs, call, 1e-4, 1e-4)
print("right", "with" if "edgeload.plan.planner" in sys.modules else "without", "planner")
"""
_WATCHED = (
    "google", "ml_dtypes", "numba", "llvmlite", "edgeload.plan.planner", "edgeload.plan.specialise", "edgeload.passes",
    "edgeload.graph",
)  # fmt: skip


def program(path: Path, key: str = "serving_default", batch: int = 1, missing: Sequence[str] = ()) -> str:
    """A program that calls a signature and prints digests of its outputs, and which heavy modules it imported."""
    return _CALL.format(path=str(path), key=key, batch=batch, missing=tuple(missing), watched=_WATCHED)


def answering(artefact: Path, calls: Path, case: str = "", missing: Sequence[str] = (*READERS, *COMPILERS)) -> str:
    """A program that compares what an artefact answers with what TensorFlow recorded, in cases that begin so."""
    return _ANSWER.format(artefact=str(artefact), calls=str(calls), case=case, missing=tuple(missing))


def answer(artefact: Path, calls: Path, case: str = "") -> str:
    """ "right with planner" or "right without planner". Fails when answers differ."""
    return run(answering(artefact, calls, case), EDGELOAD_CACHE="/nonexistent")


def call(path: Path, key: str = "serving_default", batch: int = 1, missing: Sequence[str] = ()) -> tuple[str, str]:
    """(digests of the outputs, what was imported). Fails when the process does."""
    digests, imported = run(program(path, key, batch, missing)).splitlines()
    return digests, imported


def run(source: str, **environment: str) -> str:
    """What a program prints."""
    result = subprocess.run(
        [sys.executable, "-c", source], cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.strip()
