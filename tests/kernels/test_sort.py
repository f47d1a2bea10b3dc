"""The largest elements."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import NoKernel, check, infer, reference, run

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


def scalar(value: float, dtype: type = np.int32) -> np.ndarray:
    return np.array(value, dtype)


@pytest.mark.parametrize("k", [1, 7, 33])
def test_equal_elements_come_in_their_order(k: int) -> None:
    x = RANDOM.integers(0, 9, (4, 33)).astype(np.int32)
    check("TopKV2", {"sorted": True}, x, scalar(k), constants=(1,))
    check("TopK", {"k": k}, x.astype(np.float32))


def test_large_k_and_no_k_run_the_reference() -> None:
    x = floats(2, 100)
    for k in (0, 100):
        with pytest.raises(NoKernel):
            run("TopKV2", {}, x, scalar(k), constants=(1,))
    values, indices = reference("TopKV2", {"index_type": np.dtype(np.int64)}, x, scalar(100))
    np.testing.assert_array_equal(values, np.sort(x)[:, ::-1])
    assert indices.dtype == np.int64


def test_more_than_there_are_is_invalid() -> None:
    with pytest.raises(InvalidGraphError):
        infer("TopKV2", {}, floats(2, 3), scalar(4))


def test_in_top_k_counts_larger_predictions() -> None:
    predictions = np.array([[1, 2, 2, np.nan], [1, 2, 2, 3], [1, 2, 3, 4], [3, 2, 2, 0]], np.float32)
    assert reference("InTopK", {"k": 2}, predictions, ints(1, 1, 9, 2))[0].tolist() == [False, True, False, True]


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_in_top_k_has_a_kernel(index: type) -> None:
    predictions = np.array([[1, 2, 2, 0], [np.inf, 1, 0, 3], [1, np.nan, 3, 2], [5, 5, 5, 5], [1, 2, 3, 4]], np.float32)
    for targets in ([1, 3, 0, 2, 0], [0, 1, 2, 3, 4], [-1, 0, 2, 1, 3]):
        for k in (0, 1, 3, 9):
            check("InTopKV2", {}, predictions, np.array(targets, index), np.array(k, index))
    check("InTopK", {"k": 2}, predictions, np.array([1, 3, 0, 2, 0], index))
    check("InTopK", {"k": 2}, predictions[:, :0], np.array([1, 3, 0, 2, 0], index))
