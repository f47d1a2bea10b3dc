"""Batched matrix products read tensors whose axes are in another order, and write one, without a copy."""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Graph, Node, Tensor

_PRODUCTS = frozenset({"BatchMatMul", "BatchMatMulV2"})
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def fuse_transposes(graph: Graph) -> int:
    """Transpose(BatchMatMulV2(Transpose(a, p), Transpose(b, q)), r)  ->  _BatchMatMul(a, b), perm_a, perm_b, perm_out

    and so for any of the three, where the product runs along what lies next to each other in a, along that or its
    columns in b, and its columns stay together. Nothing else may read the product where its result is transposed.
    Reshapes that change nothing may stand between. A constant right side is packed as it is. Requires exact shapes.
    """
    uses = graph.uses()
    readers = graph.consumers()
    replacements: dict[Tensor, Tensor] = {}
    for index, node in enumerate(graph.nodes):
        if node.op not in _PRODUCTS or node.output.dtype not in _FLOATS or _is_constant(node.inputs[1]):
            continue
        a, perm_a = _before(node.inputs[0], {-2 if node.attrs["adj_x"] else -1})
        b, perm_b = _before(node.inputs[1], {-2, -1})
        out, perm_out = node.output, _straight(node.output)
        last = out
        while uses[last] == 1 and len(readers.get(last, ())) == 1 and _is_same(reader := readers[last][0]):
            last = reader.output
        if uses[last] == 1 and len(readers.get(last, ())) == 1:
            perm = _permutation(readers[last][0])
            if perm is not None and perm[-1] == len(perm) - 1:
                out, perm_out = readers[last][0].output, perm
        if [a, b, out] == [*node.inputs, node.output]:
            continue
        attrs = {**node.attrs, "perm_a": perm_a, "perm_b": perm_b, "perm_out": perm_out}
        product = Node("_BatchMatMul", node.name, [a, b], attrs, controls=node.controls)
        replacements[out] = product.add_output(out.dtype, out.shape)
        graph.nodes[index] = product
    graph.replace(replacements)
    return len(replacements)


def _before(tensor: Tensor, lasts: set[int]) -> tuple[Tensor, list[int]]:
    """What a Transpose in front has made the tensor of, and its permutation, where it puts the last axis at one of
    `lasts`, counted from the end; else the tensor itself."""
    source = tensor
    while _is_same(source.node):
        source = source.node.inputs[0]
    perm = _permutation(source.node)
    if perm is None or perm.index(len(perm) - 1) - len(perm) not in lasts:
        return tensor, _straight(tensor)
    return source.node.inputs[0], perm


def _permutation(node: Node) -> list[int] | None:
    if node.op != "Transpose" or node.controls or not _is_constant(node.inputs[1]):
        return None
    perm = np.asarray(node.inputs[1].node.attrs["value"]).reshape(-1).tolist()
    return [axis % len(perm) for axis in perm]


def _is_same(node: Node) -> bool:
    return node.op == "Reshape" and not node.controls and node.inputs[0].shape == node.output.shape


def _is_constant(tensor: Tensor) -> bool:
    return tensor.node.op == "Const"


def _straight(tensor: Tensor) -> list[int]:
    return list(range(len(tensor.shape or ())))
