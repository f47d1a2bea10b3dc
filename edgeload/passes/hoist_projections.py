"""What a loop does to each element of a list alone, one matrix product does to all of them in front of the loop."""

from __future__ import annotations

import numpy as np

from edgeload.graph.branches import LOOPS, parts
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.passes.products import constant

_MOST_NBYTES = 1 << 22  # of the products of all elements, which are in memory together


def hoist_projections(graph: Graph) -> int:
    """items = TensorListFromTensor(x); While(items, ...) whose body has _MatMul(TensorListGetItem(items, i), w, b)
    ->  items = TensorListFromTensor(_MatMul(x, w, b)); While(items, ...) whose body has TensorListGetItem(items, i)

    for constants w and b and a list that the body hands on unchanged: a recurrent layer multiplies its inputs of all
    time steps at once. The product must have no residual, and its results for all elements at most _MOST_NBYTES.
    Requires exact shapes. The loop gets new graphs: those that it has belong to the Program.
    """
    count = 0
    for node in [node for node in graph.nodes if node.op in LOOPS]:
        if not any(_list_of(node, product) is not None for product in parts(node)[1].nodes):
            continue
        cond, body = map(_copied, parts(node))
        node.attrs = {**node.attrs, "cond": cond, "body": body}
        for product in list(body.nodes):
            index = _list_of(node, product)
            if index is not None:
                _hoist(graph, node, index, product)
                count += 1
        node.attrs["T"] = [tensor.dtype for tensor in node.inputs]
    return count


def _list_of(loop: Node, product: Node) -> int | None:
    """The number of the loop's input whose elements a node of the body multiplies; None if the node stays."""
    if product.op != "_MatMul" or product.attrs["has_residual"] or product.attrs["transpose_a"]:
        return None
    item, *weights = product.inputs
    if item.node.op != "TensorListGetItem" or any(tensor.node.op != "Const" for tensor in weights):
        return None
    body, items = parts(loop)[1], item.node.inputs[0]
    if items not in body.inputs:
        return None
    index = body.inputs.index(items)
    source = loop.inputs[index].node
    if body.outputs[index] is not items or source.op != "TensorListFromTensor":
        return None
    x = source.inputs[0]
    if x.shape is None or len(x.shape) != 3 or None in x.shape or x.dtype != product.output.dtype:
        return None
    return index if _nbytes_of_all(x, product) <= _MOST_NBYTES else None


def _columns(product: Node) -> int:
    return int(product.inputs[2].node.attrs["value"].shape[0])


def _nbytes_of_all(x: Tensor, product: Node) -> int:
    steps, rows, _ = x.shape  # type: ignore[misc]
    return steps * rows * _columns(product) * x.dtype.itemsize  # type: ignore[operator, union-attr]


def _hoist(graph: Graph, loop: Node, index: int, product: Node) -> None:
    cond, body = parts(loop)
    item = product.inputs[0].node
    x = loop.inputs[index].node.inputs[0]
    name = f"{loop.name}/{product.name}"
    weights = [Node("Const", tensor.node.name, attrs=tensor.node.attrs) for tensor in product.inputs[1:]]
    operands = [
        copy.add_output(tensor.dtype, tensor.shape) for copy, tensor in zip(weights, product.inputs[1:], strict=True)
    ]
    whole = Node("_MatMul", name, [x, *operands], product.attrs)
    whole.add_output(x.dtype, (*x.shape[:2], _columns(product)))  # type: ignore[index]
    any_shape = np.array(-1, np.int32)
    outside, inside = (constant(f"{name}/shape", any_shape, ("list", "any shape")) for _ in range(2))
    attrs = {"element_dtype": x.dtype, "shape_type": any_shape.dtype}
    items = Node("TensorListFromTensor", f"{name}/list", [whole.output, outside], attrs)
    loop.inputs.append(items.add_output(x.dtype, whole.output.shape))
    loop.add_output(x.dtype, whole.output.shape)
    at = graph.nodes.index(loop)
    graph.nodes[at:at] = [*weights, whole, outside.node, items]
    for part in (cond, body):
        given = Node("_Input", f"{product.name}/list").add_output(item.inputs[0].dtype)
        part.nodes.insert(part.nodes.index(part.inputs[-1].node) + 1, given.node)  # inputs keep their order
        part.inputs.append(given)
    body.outputs.append(body.inputs[-1])
    taken = Node(item.op, product.name, [body.inputs[-1], item.inputs[1], inside], item.attrs)
    taken.add_output(product.output.dtype, product.output.shape)
    at = body.nodes.index(product)
    body.nodes[at : at + 1] = [inside.node, taken]
    body.replace({product.output: taken.output})


def _copied(graph: Graph) -> Graph:
    """The graph with nodes of its own, whose attributes are the same objects."""
    nodes: dict[Node, Node] = {}
    tensors: dict[Tensor, Tensor] = {}
    for node in graph.nodes:
        copy = Node(node.op, node.name, [tensors[tensor] for tensor in node.inputs], node.attrs)
        copy.controls = [nodes[control] for control in node.controls if control in nodes]
        tensors.update((tensor, copy.add_output(tensor.dtype, tensor.shape)) for tensor in node.outputs)
        nodes[node] = copy
    inputs, outputs = ([tensors[tensor] for tensor in ends] for ends in (graph.inputs, graph.outputs))
    return Graph(graph.name, list(nodes.values()), inputs, outputs)
