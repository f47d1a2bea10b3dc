"""Ragged tensors as single values, which lists can hold: RaggedTensorToVariant, RaggedTensorFromVariant. Host steps.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/RaggedTensorToVariant

map_fn over ragged tensors takes its rows this way. Encoded rows are a RAGGED list (see tensor_list), of any length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeload.dtypes import VARIANT, DType, Opaque
from edgeload.errors import ExecutionError
from edgeload.kernels.ragged import check_splits
from edgeload.kernels.registry import Node, Operand, Spec, register, require
from edgeload.kernels.tensor_list import RAGGED, ElementList


@dataclass(frozen=True, eq=False)
class RaggedValue:
    """One encoded ragged tensor: row splits from the outermost dimension on, and the values."""

    splits: tuple[np.ndarray, ...]
    values: np.ndarray
    dtype: Opaque = VARIANT
    shape: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.splits[0]) - 1 if self.splits else len(self.values)

    def row(self, index: int) -> RaggedValue:
        """Row `index`, with one dimension less."""
        if not self.splits:
            return RaggedValue((), np.asarray(self.values[index]))
        start, end = int(self.splits[0][index]), int(self.splits[0][index + 1])
        inner = []
        for splits in self.splits[1:]:
            part = splits[start : end + 1]
            inner.append(part - part[0])
            start, end = int(part[0]), int(part[-1])
        return RaggedValue(tuple(inner), self.values[start:end])


# RaggedTensorToVariant.


def _infer_to_variant(node: Node, *operands: Operand) -> Spec:
    """A scalar; with batched_input, one value for each row."""
    *splits, values = operands
    for operand in splits:
        fits = len(operand.shape) == 1 and operand.shape[0] >= 1
        require(fits, node, f"row splits of shape {operand.shape}", "they must be vectors that are not empty")
    if not node.attrs["batched_input"]:
        return Spec(VARIANT, ())
    require(bool(splits) or len(values.shape) >= 1, node, "a scalar", "rows need at least one dimension")
    return Spec(RAGGED, (splits[0].shape[0] - 1 if splits else values.shape[0],))


def _to_variant(node: Node, *arrays: np.ndarray) -> RaggedValue | ElementList:
    *splits, values = arrays
    for level, one in enumerate(splits):
        below = splits[level + 1].size - 1 if level + 1 < len(splits) else len(values)
        check_splits(node, one, below)
    # what lies in the arena does not outlive its step
    whole = RaggedValue(tuple(np.array(one) for one in splits), np.array(values))
    if not node.attrs["batched_input"]:
        return whole
    return ElementList(tuple(whole.row(index) for index in range(whole.rows)))


# RaggedTensorFromVariant.


def _infer_from_variant(node: Node, encoded: Operand) -> list[Spec]:
    """Row splits of each dimension, then values. Dimensions of `encoded` are the outermost ones of the result."""
    require(_is_encoded(encoded.dtype), node, f"{encoded.spec}", "what RaggedTensorToVariant encodes")
    rank, inner_rank = node.attrs["output_ragged_rank"], _inner_rank(node, len(encoded.shape))
    fits = rank == len(encoded.shape) + inner_rank or (rank == 0 and not encoded.shape)
    require(
        fits and inner_rank >= 0,
        node,
        f"output_ragged_rank {rank}, input_ragged_rank {inner_rank}, input of {len(encoded.shape)} dimensions",
        "the output has the ragged dimensions of the input's values and one for each of its own",
    )
    splits = [Spec(node.attrs["Tsplits"], None)] * rank
    return [*splits, Spec(node.attrs["Tvalues"], None)]


def _is_encoded(dtype: DType) -> bool:
    return dtype in (VARIANT, RAGGED)


def _inner_rank(node: Node, rank: int) -> int:
    given = int(node.attrs["input_ragged_rank"])
    return given if given >= 0 else int(node.attrs["output_ragged_rank"]) - rank


def _from_variant(node: Node, encoded: Any) -> list[np.ndarray]:
    """The values one behind the other, with the splits that say so. Raises ExecutionError for values of other
    dtypes, ragged dimensions or shapes than the node's."""
    dtype, splits_dtype = node.attrs["Tvalues"], node.attrs["Tsplits"]
    if isinstance(encoded, RaggedValue):
        _check_value(node, encoded, _inner_rank(node, 0))
        return [*(one.astype(splits_dtype) for one in encoded.splits), encoded.values]
    parts: list[RaggedValue] = []
    for element in encoded.elements:
        if not isinstance(element, RaggedValue):
            raise ExecutionError(f"{node.op} node {node.name!r}: found {element!r} among the encoded ragged tensors")
        _check_value(node, element, _inner_rank(node, 1))
        parts.append(element)
    found = [_joined([np.array([part.rows]) for part in parts])]
    for level in range(_inner_rank(node, 1)):
        found.append(_joined([np.diff(part.splits[level]) for part in parts]))
    shapes = {part.values.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise ExecutionError(f"{node.op} node {node.name!r}: values of shapes {sorted(shapes)}; they must be equal")
    values = np.concatenate([part.values for part in parts]) if parts else np.empty(0, dtype)
    return [*(one.astype(splits_dtype) for one in found), values]


def _check_value(node: Node, value: RaggedValue, rank: int) -> None:
    wanted = node.attrs["Tvalues"]
    if len(value.splits) != rank or value.values.dtype != wanted:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: found a value of {value.values.dtype} with {len(value.splits)} ragged "
            f"dimensions; the node decodes {wanted} with {rank}"
        )


def _joined(lengths: list[np.ndarray]) -> np.ndarray:
    """The row splits of rows of these lengths."""
    return np.concatenate([[0], np.cumsum(np.concatenate(lengths))]) if lengths else np.zeros(1, np.int64)


register("RaggedTensorToVariant", infer=_infer_to_variant, reference=_to_variant)
register("RaggedTensorFromVariant", infer=_infer_from_variant, reference=_from_variant)
