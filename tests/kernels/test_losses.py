"""Cross entropies of logits."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(13)
LOGITS = (RANDOM.standard_normal((5, 3)) * 4).astype(np.float32)
LABELS = np.array([0, 2, 1, 1, 0])


def test_sparse_labels_are_dense_ones_with_a_single_one() -> None:
    dense = np.eye(3, dtype=np.float32)[LABELS]
    losses, gradients = reference("SoftmaxCrossEntropyWithLogits", {}, LOGITS, dense)
    sparse_losses, sparse_gradients = reference("SparseSoftmaxCrossEntropyWithLogits", {}, LOGITS, LABELS)
    np.testing.assert_allclose(sparse_losses, losses, rtol=1e-6)
    np.testing.assert_allclose(sparse_gradients, gradients, atol=1e-7)
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    np.testing.assert_allclose(losses, -np.log(softmax[np.arange(5), LABELS]), rtol=1e-5)
    np.testing.assert_allclose(gradients, softmax - dense, atol=1e-6)


def test_large_logits_do_not_overflow_and_labels_broadcast() -> None:
    logits = np.array([[1e4, 0], [0, 1e4]], np.float32)
    losses, _ = reference("SoftmaxCrossEntropyWithLogits", {}, logits, np.array([[1, 0]], np.float32))
    np.testing.assert_array_equal(losses, [0, 1e4])


def test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(ExecutionError, match="label value of 3"):
        reference("SparseSoftmaxCrossEntropyWithLogits", {}, LOGITS, LABELS + 1)


def test_shapes_that_do_not_fit_are_invalid() -> None:
    with pytest.raises(InvalidGraphError):
        infer("SparseSoftmaxCrossEntropyWithLogits", {}, LOGITS, LABELS[:4])
    with pytest.raises(InvalidGraphError):
        infer("SoftmaxCrossEntropyWithLogits", {}, LOGITS, LOGITS[:, :2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_have_kernels(dtype: type) -> None:
    random = np.random.default_rng(8)
    logits = (random.standard_normal((5, 7)) * 30).astype(dtype)
    logits[1, 2], logits[2, 3], logits[3, 1] = np.inf, -np.inf, np.nan
    labels = random.random((5, 7)).astype(dtype) * (random.random((5, 7)) < 0.5).astype(dtype)
    for rows, others in ((logits, labels), (logits[:1], labels), (logits, labels[:, :1]), (logits, labels[0])):
        check("SoftmaxCrossEntropyWithLogits", {}, rows, others)
    for index in (np.int32, np.int64):
        check("SparseSoftmaxCrossEntropyWithLogits", {}, logits, np.array([0, 6, 3, 1, 2], index))
    check("SparseSoftmaxCrossEntropyWithLogits", {}, logits[:0], np.array([], np.int32))
    with pytest.raises(ValueError, match="label"):
        run("SparseSoftmaxCrossEntropyWithLogits", {}, logits, np.array([0, 7, 3, 1, 2]))
