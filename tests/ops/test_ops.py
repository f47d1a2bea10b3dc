"""Each op, in all its cases and ways, against TensorFlow: dtypes, shapes, values, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import edgeload
from edgeload.kernels import registry
from edgeload.plan.plan import KernelStep
from tests.ops.case import CONSTANT, FED, Case
from tests.ops.recording import Answer, difference, read
from tests.ops.table import CASES, WITHOUT_CASES, WITHOUT_KERNELS, ops_with_cases

_SHOWN = 10
_OF_IMAGE_FILES = re.compile("(De|En)code(AndCrop)?(Bmp|Gif|Image|Jpeg|Png)")


@pytest.mark.parametrize("op", CASES)
def test_op_answers_as_tensorflow_does(answers: Path, op: str) -> None:
    if _OF_IMAGE_FILES.match(op):
        pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'edgeload[image]'")
    folder = answers / op
    wrong = []
    has_run_kernel = False
    model = edgeload.load(folder)
    for index, (case, answer) in enumerate(zip(CASES[op], read(folder), strict=True)):
        assert str(case) == answer.title, f"{folder} was exported from another table"
        for way in case.ways:
            signature = model.signatures[f"{index}_{way}"]
            problem = _problem(signature, case, answer, way)
            if problem:
                wrong.append(f"{index}, {case}, {way}: {problem}")
            elif way != CONSTANT and not case.is_error:
                has_run_kernel |= any(isinstance(step, KernelStep) for step in signature.plan.steps)
    more = f"\nand {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    assert not wrong, "\n".join(wrong[:_SHOWN]) + more
    found = registry.find(op)
    if found is not None and found.lower is not None and op not in WITHOUT_KERNELS:
        assert has_run_kernel, "no case ran a kernel: with_constants names inputs that a plan must know"


def _problem(signature: Any, case: Case, answer: Answer, way: str) -> str:
    """What edgeload does otherwise than TensorFlow, or nothing."""
    fixed = {CONSTANT: range(len(answer.inputs)), FED: ()}.get(way, case.constants)
    feeds = {f"i{position}": value for position, value in enumerate(answer.inputs) if position not in fixed}
    try:
        outputs = signature(**feeds)
    except edgeload.EdgeloadError as error:
        return "" if case.is_error else f"raises {type(error).__name__}: {error}"
    except Exception as error:
        return f"raises {type(error).__name__}, which is no error of edgeload's: {error}"
    if case.is_error:
        return f"answers {list(outputs.values())}, but TensorFlow says {answer.error}"
    assert len(outputs) == len(answer.outputs)
    problems = (difference(case, i, outputs[f"o{i}"], expected) for i, expected in enumerate(answer.outputs))
    return "; ".join(filter(None, problems))


def test_every_registered_op_has_cases() -> None:
    tensorflows = {name for name in registry.names() if not name.startswith("_")}  # not what edgeload's passes make
    without = tensorflows - ops_with_cases()
    assert sorted(without - set(WITHOUT_CASES)) == [], "add cases to tests/ops/cases"


def test_ops_without_cases_are_registered_and_have_none() -> None:
    assert set(WITHOUT_CASES) <= set(registry.names())
    assert not set(WITHOUT_CASES) & ops_with_cases()
