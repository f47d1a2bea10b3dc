"""All cases, by the op that names their test; and the ops that have none, with the reason."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from tests.ops.case import Case

_FOLDER = Path(__file__).parent / "cases"

WITHOUT_CASES: dict[str, str] = {
    "MutableDenseHashTable": "TensorFlow's kernel asks for an input that the op does not have: no node of it runs",
    "TopK": "TensorFlow has withdrawn it, and its kernel refuses every node of it; TopKV2 does the same",
}

WITHOUT_KERNELS: dict[str, str] = {
    "IdentityN": "a pass removes it",
    "ReadVariableOp": "the variable is a constant when nothing assigns it; the cases of assignments read by kernels",
    "EmptyTensorList": "lists that grow are run from Python",
    "TensorListSetItem": "the cases of TensorListFromTensor set elements by kernels",
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
