"""All cases, by the op that names their test; and the ops that have none, with the reason."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from tests.ops.case import Case

_FOLDER = Path(__file__).parent / "cases"

WITHOUT_CASES: dict[str, str] = {
    "_Conv2D": "made by edgeload's own passes only, of ops that have cases",
    "_Conv2DTranspose": "made by edgeload's own passes only, of ops that have cases",
    "_DepthwiseConv2d": "made by edgeload's own passes only, of ops that have cases",
    "_Elementwise": "made by edgeload's own passes only, of ops that have cases",
    "_EmptyList": "made by edgeload's own passes only, of ops that have cases",
    "_MatMul": "made by edgeload's own passes only, of ops that have cases",
    "MutableDenseHashTable": "TensorFlow's kernel asks for an input that the op does not have: no node of it runs",
    "TopK": "TensorFlow has withdrawn it, and its kernel refuses every node of it; TopKV2 does the same",
}


def _collect() -> dict[str, list[Case]]:
    """The lists CASES of all modules in cases/."""
    found: dict[str, list[Case]] = {}
    for module in sorted(module.name for module in pkgutil.iter_modules([str(_FOLDER)])):
        for case in importlib.import_module(f"tests.ops.cases.{module}").CASES:
            found.setdefault(case.op, []).append(case)
    return found


CASES = _collect()


def ops_with_cases() -> set[str]:
    """Every op that some case is there for."""
    return {op for cases in CASES.values() for case in cases for op in case.ops}
