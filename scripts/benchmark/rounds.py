"""Runs the contenders: in every round each gets one process for each thread count, one after the other.

The contender that begins changes from round to round. A round before the first, of one call each, is not counted: it
fills edgeload's kernel cache, Python's bytecode caches and the system's file cache.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmark.agreement import difference
from scripts.benchmark.conversion import SHOWN_ERROR_LINES, ConversionError, converted
from scripts.benchmark.models import REPOSITORY, Arrays, Subject

CONTENDERS = ("edgeload", "built", "litert", "onnxruntime", "openvino", "tensorflow")
OWN = frozenset({"edgeload", "built"})  # all others are peers
REFERENCE = "tensorflow"  # what the others' outputs are compared with, if it is there; else the first contender
ONLY_AVX2: Mapping[str, Mapping[str, str]] = {
    "edgeload": {},
    "built": {},
    "tensorflow": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "openvino": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
}
"""Who can be told to leave AVX-512 alone, and the environment that says so; edgeload is told in its process."""

_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Conditions:
    """How all models are measured. `pythons` are interpreters by contender."""

    contenders: Sequence[str]
    threads: Sequence[int]
    rounds: int
    seconds: float
    only_avx2: bool
    pythons: Mapping[str, str]
    cache: Path


@dataclass
class Measurement:
    """`results[threads][contender]` has one result of `child` a round; `failures` says why a contender has none;
    `differences` are those of the outputs to those of `reference`."""

    title: str
    inputs: dict[str, str]
    results: dict[int, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    reference: str = ""
    differences: dict[str, float] = field(default_factory=dict)


class RunError(Exception):
    """A process ended without a result; the text is the end of what it wrote to stderr."""


def measure(subject: Subject, conditions: Conditions, folder: Path) -> Measurement:
    """All rounds of one model, in a folder of its own."""
    measurement = Measurement(
        subject.title, {name: f"{array.dtype}{list(array.shape)}" for name, array in subject.inputs.items()}
    )
    measurement.results = {count: {} for count in conditions.threads}
    paths = _convert_all(subject, conditions, measurement)
    folder.mkdir()
    for index, array in enumerate(subject.inputs.values()):
        np.save(folder / f"input-{index}.npy", array)
    for number in range(conditions.rounds + 1):
        for threads in conditions.threads:
            turn = number % len(conditions.contenders)
            for contender in [*conditions.contenders[turn:], *conditions.contenders[:turn]]:
                if contender in measurement.failures:
                    continue
                _say(f"{subject.title}, {f'round {number}' if number else 'before'}, {threads} thread(s): {contender}")
                try:
                    seconds = conditions.seconds if number else 0.0
                    result = run_child(subject, contender, paths[contender], threads, seconds, conditions, folder)
                except RunError as error:
                    measurement.failures[contender] = ("does not run", str(error))
                    continue
                if number > 0:
                    measurement.results[threads].setdefault(contender, []).append(result)
    for results in measurement.results.values():
        for contender in measurement.failures:
            results.pop(contender, None)
    _compare(measurement, conditions, folder)
    return measurement


def _convert_all(subject: Subject, conditions: Conditions, measurement: Measurement) -> dict[str, Path]:
    paths = {}
    for contender in conditions.contenders:
        try:
            paths[contender] = converted(subject, contender, conditions.pythons, conditions.cache)
        except ConversionError as error:
            measurement.failures[contender] = ("does not convert", str(error))
    return paths


def run_child(
    subject: Subject,
    contender: str,
    path: Path,
    threads: int,
    seconds: float,
    conditions: Conditions,
    folder: Path,
) -> dict[str, Any]:
    """One process of one contender. Raises RunError."""
    outputs = folder / contender
    outputs.mkdir(exist_ok=True)
    python = conditions.pythons[contender]
    command = [
        python, "-c", _CHILD.read_text(), contender, str(path), subject.signature, str(threads),
        str(seconds), "avx2" if conditions.only_avx2 else "", str(folder), str(outputs), *subject.inputs,
    ]  # fmt: skip
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **(ONLY_AVX2.get(contender, {}) if conditions.only_avx2 else {}),
    }
    if contender in OWN:
        environment["PYTHONPATH"] = str(REPOSITORY)
    with open(outputs / "stderr", "w+") as stderr:
        start = time.monotonic()
        try:
            process = subprocess.Popen(
                command, cwd=outputs, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        except OSError as error:
            raise RunError(f"cannot run {python}: {error}") from None
        first_result = math.nan
        line = ""
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.rstrip("\n") == "first result":
                    first_result = time.monotonic() - start
        if process.returncode != 0:
            stderr.seek(0)
            lines = stderr.read().strip().splitlines()[-SHOWN_ERROR_LINES:]
            raise RunError("\n".join([f"{python} ended with {process.returncode}", *lines]))
    return {"start to first result": first_result, **json.loads(line)}


def _compare(measurement: Measurement, conditions: Conditions, folder: Path) -> None:
    """Fill in the reference and the differences, from what the last processes returned."""
    results = measurement.results[conditions.threads[-1]]
    measurement.reference = next((name for name in (REFERENCE, *conditions.contenders) if name in results), "")
    outputs = {contender: _outputs(folder, contender, results[contender][-1]["outputs"]) for contender in results}
    measurement.differences = {
        contender: difference(outputs[measurement.reference], outputs[contender])
        for contender in results
        if contender != measurement.reference
    }


def _outputs(folder: Path, contender: str, names: Sequence[str]) -> Arrays:
    return {name: np.load(folder / contender / f"output-{index}.npy") for index, name in enumerate(names)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
