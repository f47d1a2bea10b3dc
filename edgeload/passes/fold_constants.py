"""What can be computed from constants alone is computed once, here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from edgeload.dtypes import STRING, DType
from edgeload.errors import EdgeloadError
from edgeload.graph.effects import is_pure
from edgeload.graph.ir import Graph, Node
from edgeload.kernels import registry
from edgeload.kernels.registry import Operand, Spec

_FREE_NBYTES = 1 << 20  # results up to this size are always kept
_OBJECT_NBYTES = 64  # what a string takes, about
_GROWTH = 2  # larger results may be this many times as large as what they are made of


def fold_constants(graph: Graph) -> int:
    """op(Const, ..., Const)  ->  Const, for pure ops whose result is not much larger than its inputs.

    A node that its op's definition refuses stays, so that the error comes when, and only if, the node is to run. Keys
    follow from the node's name and the keys of its inputs: equal keys mean equal values, in all plans of a Program.
    """
    nodes: list[Node] = []
    count = 0
    for node in graph.nodes:
        values = _fold(node)
        if values is None:
            nodes.append(node)
            continue
        count += 1
        sources = repr([tensor.node.attrs["key"] for tensor in node.inputs])
        digest = hashlib.blake2b(sources.encode(), digest_size=16).hexdigest()
        is_captured = any(tensor.node.attrs.get("is_captured", False) for tensor in node.inputs)
        for tensor, value in zip(node.outputs, values, strict=True):
            key = ("folded", node.name, tensor.index, digest)
            constant = Node("Const", tensor.name, attrs={"value": value, "key": key, "is_captured": is_captured})
            constant.outputs = [tensor]
            tensor.node, tensor.index, tensor.shape = constant, 0, value.shape
            tensor.dtype = value.dtype  # a list of known element shape, which the graph calls a variant, is an array
            nodes.append(constant)
    graph.nodes = nodes
    return count


def _fold(node: Node) -> list[np.ndarray] | None:
    """The values of the outputs, or None if the node must stay."""
    if (
        not node.inputs
        or not node.outputs
        or any(tensor.node.op != "Const" for tensor in node.inputs)
        or not is_pure(node)
    ):
        return None
    op = registry.find(node.op)
    if op is None or op.reference is None:
        return None
    values = [np.asarray(tensor.node.attrs["value"]) for tensor in node.inputs]
    operands = [Operand(value.dtype, value.shape, index, value) for index, value in enumerate(values)]
    try:
        inferred = op.infer(node, *operands)
        specs = [inferred] if isinstance(inferred, Spec) else list(inferred)
        if not all(isinstance(spec.dtype, np.dtype) for spec in specs) or _is_too_large(specs, values):
            return None
        results = op.reference(node, *values)
    except (EdgeloadError, registry.NeedsValue):
        return None
    arrays = results if isinstance(results, list | tuple) else [results]
    return [np.asarray(array, dtype=spec.dtype) for array, spec in zip(arrays, specs, strict=True)]  # type: ignore[arg-type]


def _is_too_large(specs: Sequence[Spec], values: Sequence[np.ndarray]) -> bool:
    given_nbytes = sum(value.size * _itemsize(value.dtype) for value in values)
    result_nbytes = sum(math.prod(spec.shape) * _itemsize(spec.dtype) for spec in specs if spec.shape is not None)
    return result_nbytes > max(_FREE_NBYTES, _GROWTH * given_nbytes)


def _itemsize(dtype: DType) -> int:
    return dtype.itemsize if isinstance(dtype, np.dtype) and dtype != STRING else _OBJECT_NBYTES
