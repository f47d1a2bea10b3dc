"""NonMaxSuppression as a selection of known size and a cut."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.passes.pad_suppressions import pad_suppressions
from tests.passes.build import Build, apply


def suppression(version: str, limit: int, is_known: bool = True, **attrs: object) -> Build:
    build = Build()
    boxes, scores = build.input(9, 4), build.input(9)
    most = build.const(limit, np.int32) if is_known else build.input(dtype=np.int32)
    thresholds = [build.const(0.3), build.const(-1.0), build.const(0.4)]
    taken = {"": 0, "V2": 1, "V3": 2, "V4": 2, "V5": 3}[version]
    build.op(f"NonMaxSuppression{version}", boxes, scores, most, *thresholds[:taken], **attrs)
    return build.returns(*build.graph.nodes[-1].outputs)


@pytest.mark.parametrize("version, cuts", [("", 1), ("V2", 1), ("V3", 1), ("V4", 1), ("V5", 2)])
@pytest.mark.parametrize("limit", [0, 2, 50])
def test_a_known_limit_gives_a_known_size(version: str, cuts: int, limit: int) -> None:
    build = suppression(version, limit)
    assert apply(build, pad_suppressions) == (1, {"_SelectBoxes": 1, "_Front": cuts})
    (select,) = (node for node in build.graph.nodes if node.op == "_SelectBoxes")
    assert [tensor.shape for tensor in select.outputs] == [(min(limit, 9),), (min(limit, 9),), ()]


def test_what_is_padded_stays() -> None:
    assert apply(suppression("V4", 3, pad_to_max_output_size=True), pad_suppressions)[0] == 0


def test_an_unknown_limit_stays() -> None:
    assert pad_suppressions(suppression("V3", 3, is_known=False).graph) == 0


def test_a_negative_limit_stays_for_the_reference_to_refuse() -> None:
    assert pad_suppressions(suppression("V3", -1).graph) == 0
