"""Axes in another order: Transpose, ConjugateTranspose, InvertPermutation.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Transpose
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.complex_planes import is_complex, lower_conj
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import copy_strided, steps_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require


def _permutation(node: Node, rank: int, perm: np.ndarray) -> list[int]:
    """perm as axes from 0 on. Negative ones count from the end."""
    axes = [int(axis) for axis in perm.reshape(-1)]
    valid = perm.ndim <= 1 and all(-rank <= axis < rank for axis in axes)
    axes = [axis % rank for axis in axes] if valid and rank else axes
    valid = valid and sorted(axes) == list(range(rank))
    require(valid, node, f"perm {perm.tolist()}", f"it must be a permutation of the {rank} axes")
    return axes


def _infer_transpose(node: Node, x: Operand, perm: Operand) -> Spec:
    return Spec(x.dtype, tuple(x.shape[axis] for axis in _permutation(node, len(x.shape), perm.known())))


def _transpose(node: Node, x: np.ndarray, perm: np.ndarray) -> np.ndarray:
    out = x.transpose(_permutation(node, x.ndim, perm)).copy(order="C")
    return np.conj(out) if node.op == "ConjugateTranspose" and np.iscomplexobj(out) else out


def _lower_transpose(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, perm = operands
    if node.op == "ConjugateTranspose" and is_complex(x.dtype):
        conjugates = emit.scratch(x.dtype, x.shape)
        lower_conj(x, conjugates, emit)
        x = conjugates
    axes = _permutation(node, len(x.shape), perm.known())
    steps = steps_of(x.shape)
    shape = outputs[0].shape
    return copy_strided(emit, x, outputs[0], shape, [steps[axis] for axis in axes], steps_of(shape))


def _infer_invert(node: Node, x: Operand) -> Spec:
    require(len(x.shape) == 1, node, f"shape {x.shape}", "it takes a vector")
    return x.spec


def _invert_permutation(node: Node, x: np.ndarray) -> np.ndarray:
    """out[x[i]] = i. Raises ExecutionError when x is not a permutation of 0, 1, ..."""
    if x.size and (x.min() < 0 or x.max() >= x.size or np.unique(x).size != x.size):
        raise ExecutionError(f"{node.op} node {node.name!r}: {x.tolist()} is not a permutation of 0 to {x.size - 1}.")
    out = np.empty_like(x)
    out[x] = np.arange(x.size, dtype=x.dtype)
    return out


@kernel("T[:] x, T[:] out", errors={1: "the input is not a permutation of 0, 1, ..."}, T=("int32", "int64"))
def invert_permutation(x, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[x[i]] = i"""
    for i in range(out.size):
        out[i] = -1
    for i in range(x.size):
        place = x[i]
        if place < 0 or place >= x.size or out[np.uint64(place)] >= 0:
            return 1
        out[np.uint64(place)] = i
    return 0


def _lower_invert(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    emit.kernel(f"invert_permutation<{operands[0].dtype.name}>", operands[0], outputs[0])


register("Transpose", infer=_infer_transpose, reference=_transpose, lower=_lower_transpose)
register("ConjugateTranspose", infer=_infer_transpose, reference=_transpose, lower=_lower_transpose)
register("InvertPermutation", infer=_infer_invert, reference=_invert_permutation, lower=_lower_invert)
