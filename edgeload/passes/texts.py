"""Element-wise nodes as text of `edgeload.kernels.expressions`, for the passes that fuse them."""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Node, Tensor
from edgeload.kernels import registry
from edgeload.kernels.functions import FLOATS, HALVES


def expression_of(node: Node) -> str | None:
    """The element-wise function that a node is, over a0, a1, ... = its inputs; None for other nodes."""
    op = registry.find(node.op)
    return op.expression(node) or None if op is not None and op.expression is not None else None


def literal(tensor: Tensor) -> str | None:
    """A constant of one float element as text that reads back as exactly that float; None for other tensors and NaN."""
    if tensor.node.op != "Const":
        return None
    value = np.asarray(tensor.node.attrs["value"])
    if value.size != 1 or value.dtype.name not in (*FLOATS, *HALVES) or np.isnan(value).any():
        return None
    number = value.reshape(())[()]
    shortest = repr(float(number)) if value.dtype.name in HALVES else str(number)
    return {"inf": "1e999", "-inf": "-1e999"}.get(shortest, shortest)


def count_calls(text: str) -> int:
    """How many functions an expression applies."""
    return text.count("(")
