"""CTCGreedyDecoder as a decoding of known size and cuts."""

from __future__ import annotations

import pytest

from edgeload.passes.pad_labels import pad_labels
from tests.passes.build import Build, apply


@pytest.mark.parametrize("time", [0, 9])
def test_labels_are_decoded_into_as_much_memory_as_there_can_be(time: int) -> None:
    build = Build()
    x, lengths = build.input(time, 3, 4), build.const([time, 0, time // 2], "int32")
    build.op("CTCGreedyDecoder", x, lengths)
    build.returns(*build.graph.nodes[-1].outputs)
    assert apply(build, pad_labels) == (1, {"_GreedyLabels": 1, "_Front": 2})
    (decode,) = (node for node in build.graph.nodes if node.op == "_GreedyLabels")
    assert [tensor.shape for tensor in decode.outputs] == [(3 * time, 2), (3 * time,), (2,), (3, 1), ()]
