"""SoftmaxCrossEntropyWithLogits and SparseSoftmaxCrossEntropyWithLogits.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/SoftmaxCrossEntropyWithLogits
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, broadcast_shapes, register, require


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """In float64; the largest exponent is 0."""
    wide = logits.astype(np.float64)
    shifted = wide - np.max(wide, axis=1, keepdims=True, initial=-np.inf)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _infer_dense(node: Node, logits: Operand, labels: Operand) -> list[Spec]:
    """[batch, classes] twice, or one of them broadcast: losses [batch] and their gradients [batch, classes]."""
    require(logits.dtype == labels.dtype, node, f"dtypes {logits.dtype} and {labels.dtype}", "equal dtypes")
    shape = broadcast_shapes(node, logits.shape, labels.shape)
    require(len(shape) == 2, node, f"inputs of shapes {logits.shape} and {labels.shape}", "[batch, classes]")
    return [Spec(logits.dtype, shape[:1]), Spec(logits.dtype, shape)]


def _dense(node: Node, logits: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """-sum(labels log softmax(logits)), and softmax(logits) - labels."""
    dtype, (logits, labels) = logits.dtype, np.broadcast_arrays(logits, labels)
    with np.errstate(all="ignore"):
        logarithms = _log_softmax(logits)
        terms = np.where(labels == 0, 0.0, labels.astype(np.float64) * -logarithms)
        return [terms.sum(axis=1).astype(dtype), (np.exp(logarithms) - labels).astype(dtype)]


def _infer_sparse(node: Node, logits: Operand, labels: Operand) -> list[Spec]:
    """logits [batch, classes], labels [batch]."""
    require(len(logits.shape) == 2, node, f"logits of shape {logits.shape}", "[batch, classes]")
    require(labels.shape == logits.shape[:1], node, f"labels of shape {labels.shape}", f"{logits.shape[:1]}")
    require(logits.shape[1] > 0, node, "no classes", "one or more")
    return [Spec(logits.dtype, logits.shape[:1]), Spec(logits.dtype, logits.shape)]


def _sparse(node: Node, logits: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    classes = logits.shape[1]
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: Received a label value of {wrong[0]} which is outside the valid range of "
            f"[0, {classes})."
        )
    rows = np.arange(len(labels))
    with np.errstate(all="ignore"):
        logarithms = _log_softmax(logits)
        gradients = np.exp(logarithms)
    gradients[rows, labels] -= 1.0
    return [-logarithms[rows, labels].astype(logits.dtype), gradients.astype(logits.dtype)]


@kernel_family("cross_entropy", errors={1: "a label is outside the valid range"})
def cross_entropy(dtype: str, labels_dtype: str) -> Iterator[Any]:
    """Losses [rows] and gradients [rows, cols], in float64. labels [rows, cols] of the logits' dtype, or one class for
    each row; steps are in elements, 0 where an input is broadcast."""
    is_sparse = labels_dtype.startswith("int")
    steps = "int64 row_step, int64 step, int64 label_row_step, int64 label_step"
    outputs = f"{dtype}[:] losses, {dtype}[:] out"
    yield f"{dtype}[:] logits, {labels_dtype}[:] labels, int64 rows, int64 cols, {steps}, {outputs}"
    from edgeload.kernels.simd import scalar_function

    exp, log = scalar_function("exp(a0)"), scalar_function("log(a0)")

    def run(  # type: ignore[no-untyped-def]
        logits, labels, rows, cols, row_step, step, label_row_step, label_step, losses, out, worker, workers
    ):
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            start = row * row_step
            largest = -np.inf
            for col in range(cols):
                value = np.float64(logits[start + col * step])
                if value > largest or value != value:
                    largest = value
            total = 0.0
            for col in range(cols):
                total += exp(np.float64(logits[start + col * step]) - largest)
            shift = largest + log(total)
            loss, label = 0.0, np.int64(-1)
            if is_sparse:
                label = np.int64(labels[row])
                if label < 0 or label >= cols:
                    return 1
                loss = shift - np.float64(logits[start + label * step])
            for col in range(cols):
                logarithm = np.float64(logits[start + col * step]) - shift
                if is_sparse:
                    share = 1.0 if col == label else 0.0
                else:
                    share = np.float64(labels[row * label_row_step + col * label_step])
                    if share != 0:
                        loss -= share * logarithm
                out[row * cols + col] = exp(logarithm) - share
            losses[row] = loss
        return 0

    yield run


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (logits, labels), (losses, out) = operands, outputs
    is_sparse = node.op.startswith("Sparse")
    if getattr(logits.dtype, "name", "") not in ("float32", "float64"):
        return NotImplemented
    if is_sparse and str(labels.dtype) not in ("int32", "int64"):
        return NotImplemented
    rows, cols = out.shape
    steps = []
    for operand in (logits, logits if is_sparse else labels):
        shape = (1,) * (2 - len(operand.shape)) + operand.shape
        steps += [shape[1] if shape[0] > 1 else 0, 1 if shape[1] > 1 else 0]
    name = f"cross_entropy<{logits.dtype.name},{labels.dtype.name}>"
    emit.kernel(name, logits, labels, rows, cols, *steps, losses, out, tiles=max(1, min(rows, rows * cols >> 12)))
    return None


register("SoftmaxCrossEntropyWithLogits", infer=_infer_dense, reference=_dense, lower=_lower)
register("SparseSoftmaxCrossEntropyWithLogits", infer=_infer_sparse, reference=_sparse, lower=_lower)
