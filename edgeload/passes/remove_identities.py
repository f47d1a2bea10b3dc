"""Nodes that hand an input on unchanged go away."""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Graph, Node, Tensor

_PASS_ON = frozenset({"Identity", "StopGradient", "PreventGradient", "Snapshot", "IdentityN", "PlaceholderWithDefault"})


def remove_identities(graph: Graph) -> int:
    """op(Identity(x))  ->  op(x), and so for each output of IdentityN.

    Also Mul(x, 1), RealDiv(x, 1) with a scalar 1, Transpose(x, [0, 1, ...]), and Cast to the dtype that x has.
    """
    passed = {node: tensors for node in graph.nodes if (tensors := _passed(node)) is not None}
    graph.replace(
        {
            output: tensor
            for node, tensors in passed.items()
            for output, tensor in zip(node.outputs, tensors, strict=True)
        }
    )
    graph.nodes = [node for node in graph.nodes if node not in passed]
    return len(passed)


def _passed(node: Node) -> list[Tensor] | None:
    """The inputs that the outputs are equal to; None if the node does anything."""
    if node.op in _PASS_ON and len(node.inputs) == len(node.outputs):
        return node.inputs
    if node.op == "Mul":
        left, right = node.inputs
        return [left] if _is_one(right) else [right] if _is_one(left) else None
    if node.op == "RealDiv" and _is_one(node.inputs[1]):
        return node.inputs[:1]
    if node.op == "Cast" and node.inputs[0].dtype == node.output.dtype:
        return node.inputs
    if node.op == "Transpose" and node.inputs[1].node.op == "Const":
        permutation = np.asarray(node.inputs[1].node.attrs["value"])
        shape = node.inputs[0].shape
        fits = shape is None or len(shape) == permutation.size
        return node.inputs[:1] if fits and permutation.tolist() == list(range(permutation.size)) else None
    return None


def _is_one(tensor: Tensor) -> bool:
    if tensor.node.op != "Const" or tensor.dtype == object:
        return False
    value = np.asarray(tensor.node.attrs["value"])
    return value.shape == () and bool(value == 1)
