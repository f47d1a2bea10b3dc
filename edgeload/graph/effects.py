"""What may be dropped, merged or computed early, and what must run in its place."""

from __future__ import annotations

from functools import cache

import numpy as np

from edgeload.dtypes import RESOURCE
from edgeload.graph.branches import CONTROL, parts
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels import registry
from edgeload.savedmodel import opdefs

STRUCTURAL = frozenset({"_Input", "Const", "_Resource"})


def has_effects(node: Node) -> bool:
    """Whether the node must run even if nobody reads its outputs. An unknown op must, an Assert of what is known to be
    true need not."""
    if node.op in STRUCTURAL or node.op == "Assert" and _is_true(node.inputs[0]):
        return False
    if node.op in CONTROL:
        return any(has_effects(inner) for part in parts(node) for inner in part.nodes)
    return _op_has_effects(node.op)


def _is_true(condition: Tensor) -> bool:
    """A condition of another rank than a scalar's is an error, which running tells."""
    if condition.node.op != "Const":
        return False
    value = np.asarray(condition.node.attrs["value"])
    return value.ndim == 0 and bool(value)


@cache
def _op_has_effects(name: str) -> bool:
    op = registry.find(name)
    if op is not None:
        return op.stateful
    return opdefs.get(name) is None or name in opdefs.stateful_ops()


def is_pure(node: Node) -> bool:
    """Whether equal inputs always give equal outputs, and nothing else happens: such nodes may be folded and merged."""
    if node.op in STRUCTURAL or node.op in CONTROL or any(tensor.dtype == RESOURCE for tensor in node.inputs):
        return False
    op = registry.find(node.op)
    return op is not None and not op.stateful and node.op not in opdefs.stateful_ops()


def prune(graph: Graph) -> int:
    """Drop the nodes that neither an output nor a node with effects needs. Returns how many."""
    return graph.prune(node for node in graph.nodes if has_effects(node))
