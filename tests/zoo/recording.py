"""Recorded calls: NAME.npz beside the SavedModel NAME, with keys

    in/<case>/<where>/<argument>     out/<case>/<where>/<output>

`<where>` is a signature key, `obj.NAME` for the function `model.NAME`, or `obj.(root)` for a call of the model.
Arguments named by a number are positional. Outputs of functions are flattened: `result` for a bare tensor, else the
path of keys and indices joined by dots. Strings are stored as NumPy's "S" dtype. Calls keep the order in which they
were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SMALLEST_SCALE = 1e-3  # outputs that are all smaller than this are compared as if their largest were this


@dataclass
class Call:
    """One call of one signature or function, and what TensorFlow answered."""

    case: str
    where: str
    arguments: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray] = field(default_factory=dict)

    def positional(self) -> list[np.ndarray]:
        """The arguments named 0, 1, ..., in order."""
        return [self.arguments[key] for key in sorted((k for k in self.arguments if k.isdigit()), key=int)]

    def named(self) -> dict[str, np.ndarray]:
        """The arguments passed by name."""
        return {key: value for key, value in self.arguments.items() if not key.isdigit()}


def write(path: Path, calls: Sequence[Call]) -> None:
    """Store calls with their outputs."""
    arrays: dict[str, np.ndarray] = {}
    prefixes = [f"{call.case}/{call.where}" for call in calls]
    assert len(set(prefixes)) == len(prefixes), f"a case is recorded twice in {prefixes}"
    for prefix, call in zip(prefixes, calls, strict=True):
        arrays.update({f"in/{prefix}/{name}": storable(value) for name, value in call.arguments.items()})
        arrays.update({f"out/{prefix}/{name}": storable(value) for name, value in call.outputs.items()})
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read(path: Path) -> list[Call]:
    """The calls of one file, in the order in which they were recorded."""
    calls: dict[tuple[str, str], Call] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            direction, case, where, name = key.split("/", 3)
            call = calls.setdefault((case, where), Call(case, where, {}))
            (call.arguments if direction == "in" else call.outputs)[name] = stored[key]
    return list(calls.values())


def storable(value: Any) -> np.ndarray:
    """Object arrays of bytes as NumPy's "S" dtype, which loads without pickle, bfloat16, which NumPy does not load, as
    float32; everything else as it is."""
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array.astype("S") if array.dtype.kind in "OU" else array


def flatten(value: Any) -> dict[str, np.ndarray]:
    """The arrays of nested dicts, lists and tuples by their path: {"a": (x, y)} gives a.0 and a.1.

    None gives an empty array named `none`, so that a call without outputs leaves its mark too.
    """
    if isinstance(value, Mapping):
        items = [(str(key), value[key]) for key in value]
    elif hasattr(value, "_asdict"):
        items = list(value._asdict().items())
    elif isinstance(value, (list, tuple)):
        items = [(str(index), item) for index, item in enumerate(value)]
    elif value is None:
        return {"none": np.zeros(0)}
    else:
        return {"result": np.asarray(value)}
    flat = {}
    for name, item in items:
        for path, array in flatten(item).items():
            flat[name if path == "result" else f"{name}.{path}"] = array
    return flat


def assert_same(got: Mapping[str, Any], call: Call, rtol: float, scaled_atol: float | None = None) -> None:
    """Fail unless `got` has the recorded names, dtypes, shapes and values.

    Floats may differ by `rtol` relatively, plus `scaled_atol` (without it, `rtol`) times the output's largest finite
    magnitude: probabilities of a thousand classes are held to 1e-8, and sums of large terms may round as such sums do.
    Infinities, NaN, integers, booleans and strings are compared exactly.
    """
    scaled_atol = rtol if scaled_atol is None else scaled_atol
    assert sorted(got) == sorted(call.outputs), f"{call.where}: outputs {sorted(got)}, expected {sorted(call.outputs)}"
    for name, expected in call.outputs.items():
        actual = storable(got[name])
        title = f"{call.where}, case {call.case}, output {name}"
        assert actual.shape == expected.shape, f"{title}: shape {actual.shape}, expected {expected.shape}"
        if expected.dtype.kind == "S":
            np.testing.assert_array_equal(actual.astype("S"), expected, err_msg=title)
            continue
        assert actual.dtype == expected.dtype, f"{title}: dtype {actual.dtype}, expected {expected.dtype}"
        if expected.dtype.kind not in "fc":
            np.testing.assert_array_equal(actual, expected, err_msg=title)
            continue
        finite = np.abs(expected[np.isfinite(expected)])
        atol = scaled_atol * max(float(finite.max(initial=0.0)), SMALLEST_SCALE)
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=title)
