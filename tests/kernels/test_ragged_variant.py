"""Ragged tensors as single values: there and back, row by row and whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from edgeload.kernels.registry import Operand
from edgeload.kernels.tensor_list import RAGGED, ElementList
from tests.kernels import harness

SPLITS = np.array([0, 2, 2, 3], np.int64), np.array([0, 2, 2, 5], np.int64)
VALUES = np.arange(5, dtype=np.float32)


def encoded(*arrays: np.ndarray, batched: bool) -> Any:
    (value,) = harness.reference("RaggedTensorToVariant", {"batched_input": batched}, *arrays)
    return value


def decoded(value: Any, rank: int, inner_rank: int = -1, dtype: Any = np.float32) -> list[list[Any]]:
    attrs = {
        "input_ragged_rank": inner_rank, "output_ragged_rank": rank, "Tvalues": np.dtype(dtype),
        "Tsplits": np.dtype(np.int64),
    }  # fmt: skip
    return [array.tolist() for array in harness.reference("RaggedTensorFromVariant", attrs, value)]


def test_whole_tensor_comes_back() -> None:
    value = encoded(*SPLITS, VALUES, batched=False)
    assert value.shape == ()
    assert decoded(value, 2) == [SPLITS[0].tolist(), SPLITS[1].tolist(), VALUES.tolist()]


@pytest.mark.parametrize("inner_rank", [-1, 1])
def test_rows_come_back(inner_rank: int) -> None:
    value = encoded(*SPLITS, VALUES, batched=True)
    assert value.shape == (3,)
    assert decoded(value, 2, inner_rank) == [SPLITS[0].tolist(), SPLITS[1].tolist(), VALUES.tolist()]
    assert decoded(value.elements[0], 1) == [[0, 2, 2], [0.0, 1.0]]


def test_rows_of_a_dense_tensor_are_values_without_splits() -> None:
    value = encoded(np.array([[1, 2], [3, 4]], np.int32), batched=True)
    assert decoded(value, 1, 0, np.int32) == [[0, 2, 4], [1, 2, 3, 4]]


def test_no_rows_come_back_as_no_values() -> None:
    assert decoded(ElementList(()), 2) == [[0], [0], []]


def test_value_of_another_dtype_or_rank_is_refused() -> None:
    value = encoded(*SPLITS, VALUES, batched=False)
    with pytest.raises(ExecutionError, match="ragged dimensions; the node decodes int32"):
        decoded(value, 2, dtype=np.int32)
    with pytest.raises(ExecutionError, match="with 1"):
        decoded(value, 1)


def test_ranks_that_do_not_add_up_are_refused() -> None:
    from edgeload.kernels import registry

    op = registry.find("RaggedTensorFromVariant")
    assert op is not None
    attrs = {"input_ragged_rank": 2, "output_ragged_rank": 2}
    with pytest.raises(InvalidGraphError, match="output_ragged_rank 2"):
        op.infer(harness.FakeNode("RaggedTensorFromVariant", "test", attrs), Operand(RAGGED, (3,)))


def test_splits_that_do_not_fit_the_values_are_refused() -> None:
    with pytest.raises(ExecutionError, match="row splits"):
        encoded(np.array([0, 2, 9], np.int64), VALUES, batched=True)
