"""Variables that nothing assigns become constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE
from edgeload.graph.branches import CONTROL, all_nodes
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels import registry

_GATHERS = frozenset({"ResourceGather", "ResourceGatherNd"})


def freeze_variables(graph: Graph) -> int:
    """ReadVariableOp(_Resource v)  ->  Const(v)
    ResourceGather(_Resource v, i)  ->  GatherV2(Const(v), i, batch_dims)

    where v is not mutable, and no node of the graph, or of a branch or loop in it, assigns it. The key of the constant
    is ("variable", key of v).
    """
    assigned = _assigned(graph)
    constants: dict[int, Tensor] = {}
    replacements: dict[Tensor, Tensor] = {}
    nodes: list[Node] = []
    count = 0
    for node in graph.nodes:
        variable = _variable_read_by(node)
        if variable is None or id(variable) in assigned:
            nodes.append(node)
            continue
        if id(variable) not in constants:
            attrs = {"value": variable.array, "key": ("variable", variable.key or variable.name)}
            constant = Node("Const", node.inputs[0].node.name + "/value", attrs=attrs)
            constants[id(variable)] = constant.add_output(variable.array.dtype, variable.array.shape)
            nodes.append(constant)
        value = constants[id(variable)]
        count += 1
        if node.op == "ReadVariableOp":
            replacements[node.output] = value
        else:
            nodes += _gather(node, value)
    graph.nodes = nodes
    graph.replace(replacements)
    return count


def _variable_read_by(node: Node) -> Any:
    """The variable that a node reads, if its value cannot change; else None."""
    if node.op != "ReadVariableOp" and node.op not in _GATHERS:
        return None
    variable = node.inputs[0].node.attrs.get("resource") if node.inputs[0].node.op == "_Resource" else None
    is_frozen = (
        variable is not None and hasattr(variable, "is_mutable") and not variable.is_mutable and variable.has_value
    )
    return variable if is_frozen else None


def _gather(node: Node, value: Tensor) -> list[Node]:
    """The nodes that gather from a constant; the last one takes over the outputs."""
    if node.op == "ResourceGatherNd":
        node.op, node.inputs = "GatherNd", [value, node.inputs[1]]
        return [node]
    batch_dims = node.attrs.get("batch_dims", 0)
    axis = Node(
        "Const", f"{node.name}/axis", attrs={"value": np.array(batch_dims, np.int32), "key": ("axis", batch_dims)}
    )
    axis.add_output(np.dtype(np.int32), ())
    attrs = {**node.attrs, "Tparams": value.dtype, "Taxis": np.dtype(np.int32), "batch_dims": batch_dims}
    node.op, node.inputs, node.attrs = "GatherV2", [value, node.inputs[1], axis.output], attrs
    return [axis, node]


def _assigned(graph: Graph) -> set[int]:
    """Ids of the resources that nodes with effects touch, or that go where it cannot be seen what touches them."""
    found = set()
    for node in all_nodes(graph):
        op = registry.find(node.op)
        if node.op in CONTROL or op is None or op.stateful:
            found |= {id(tensor.node.attrs.get("resource")) for tensor in node.inputs if tensor.dtype == RESOURCE}
    return found - {id(None)}
