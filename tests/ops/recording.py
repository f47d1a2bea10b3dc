"""What TensorFlow answered, and how edgeload's answer is compared with it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from tests.ops.arrays import BFLOAT16
from tests.ops.case import EXACT, TOLERANCE, Case

_SHOWN = 4


@dataclass(frozen=True)
class Answer:
    """Inputs of a case as they were fed, and the outputs, or what TensorFlow said against them."""

    title: str
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    error: str


def write(folder: Path, answers: list[Answer]) -> None:
    (folder / "answers.pickle").write_bytes(pickle.dumps(answers))


def read(folder: Path) -> list[Answer]:
    return pickle.loads((folder / "answers.pickle").read_bytes())


def difference(case: Case, position: int, got: Any, expected: np.ndarray) -> str:
    """What is wrong with output `position`, or nothing."""
    got = np.asarray(got)
    if got.dtype != expected.dtype:
        return f"output {position} is {got.dtype}, expected {expected.dtype}"
    if got.shape != expected.shape:
        return f"output {position} has the shape {got.shape}, expected {expected.shape}"
    if case.shapes_only or position in case.ignored:
        return ""
    tolerance = TOLERANCE.get(expected.dtype.name, EXACT) if case.tolerance is None else case.tolerance
    wrong = ~is_close(got, expected, tolerance)
    if not wrong.any():
        return ""
    places = [
        f"at {index} {got[index]!r}, expected {expected[index]!r}"
        for index in map(tuple, np.argwhere(wrong)[:_SHOWN].tolist())
    ]
    return f"{wrong.sum()} of {wrong.size} values of output {position} differ: {'; '.join(places)}"


def is_close(got: np.ndarray, expected: np.ndarray, tolerance: float) -> np.ndarray:
    """Which elements are equal within the relative and absolute tolerance. NaN equals NaN, infinities only themselves;
    numbers too small for their dtype's exponents equal zero, because TensorFlow flushes them to zero."""
    if expected.dtype.kind == "c":
        pairs = [(got.real, expected.real), (got.imag, expected.imag)]
        scale = np.abs(expected).astype(np.float64)
    elif expected.dtype.kind == "f" or expected.dtype == BFLOAT16:
        pairs = [(got, expected)]
        scale = np.abs(expected.astype(np.float64))
    elif tolerance and expected.dtype.kind in "iu":
        return np.abs(got.astype(np.int64) - expected.astype(np.int64)) <= tolerance
    else:
        return np.asarray(got == expected)
    close = np.ones(expected.shape, bool)
    for a, b in pairs:
        smallest = float(ml_dtypes.finfo(a.dtype).tiny)
        a, b = a.astype(np.float64), b.astype(np.float64)
        both_nan = np.isnan(a) & np.isnan(b)
        if tolerance == EXACT:
            a, b = (np.where(np.abs(x) < smallest, np.copysign(0.0, x), x) for x in (a, b))
            close &= both_nan | (a == b) & (np.signbit(a) == np.signbit(b))
        else:
            with np.errstate(invalid="ignore"):
                near = np.abs(a - b) <= tolerance * (1 + scale)
            close &= both_nan | (a == b) | near & np.isfinite(a) & np.isfinite(b)
    return close
