"""TF1's references to variables, which become resources: the ops on them, and references that are chosen at run time.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/RefSwitch, RefMerge, RefSelect
"""

from __future__ import annotations

from collections.abc import Sequence

from edgeload.dtypes import RESOURCE
from edgeload.errors import UnsupportedOpError
from edgeload.graph.branches import parts
from edgeload.graph.dataflow import own_parts
from edgeload.graph.ir import Graph, Node, Tensor

ON_RESOURCES = {
    "Assign": "AssignVariableOp",
    "AssignAdd": "AssignAddVariableOp",
    "AssignSub": "AssignSubVariableOp",
    "IsVariableInitialized": "VarIsInitializedOp",
    "ScatterAdd": "ResourceScatterAdd",
    "ScatterSub": "ResourceScatterSub",
    "ScatterMul": "ResourceScatterMul",
    "ScatterDiv": "ResourceScatterDiv",
    "ScatterMin": "ResourceScatterMin",
    "ScatterMax": "ResourceScatterMax",
    "ScatterUpdate": "ResourceScatterUpdate",
    "ScatterNdAdd": "ResourceScatterNdAdd",
    "ScatterNdSub": "ResourceScatterNdSub",
    "ScatterNdUpdate": "ResourceScatterNdUpdate",
}  # fmt: skip
"""Ops on references, and those on resources that do the same."""
_CHOICES = frozenset({"If", "RefSelect"})


def choose_references(graph: Graph) -> None:
    """r = If(p, a, b) with branches a and b; f(r, x)  ->  If(p, a, b, x) with branches f(a, x) and f(b, x).

    The same for RefSelect(i, a, b, ...), where f goes into a Case. If both are one variable, r is that variable. So no
    resource is chosen at run time. Raises UnsupportedOpError where a branch gives a reference that it chose itself.
    """
    for node in list(graph.nodes):
        for part in parts(node):
            choose_references(part)
        if node.op not in _CHOICES:
            continue
        for tensor in [tensor for tensor in node.outputs if tensor.dtype == RESOURCE]:
            candidates = _candidates(node, tensor)
            if all(candidate is candidates[0] for candidate in candidates):
                graph.replace({tensor: candidates[0]})
                continue
            for reader in [reader for reader in graph.nodes if tensor in reader.inputs]:
                _choose_inside(graph, node, tensor, candidates, reader)
        _drop_references(graph, node)


def _candidates(choice: Node, tensor: Tensor) -> list[Tensor]:
    """The references of which an output is one, in the order in which input 0 numbers them."""
    if choice.op == "RefSelect":
        return choice.inputs[1:]
    found = []
    for branch in parts(choice):
        inner = branch.outputs[tensor.index]
        if inner not in branch.inputs:
            raise UnsupportedOpError(
                f"{choice.name!r} gives a reference to a variable that another condition inside of it chooses. Export "
                "the model with resource variables (use_resource=True)."
            )
        found.append(choice.inputs[1 + branch.inputs.index(inner)])
    return found


def _choose_inside(graph: Graph, choice: Node, tensor: Tensor, candidates: Sequence[Tensor], reader: Node) -> None:
    """Put a node that reads the chosen reference into the branches of an If or Case, with another candidate in each."""
    given = list(dict.fromkeys([*(one for one in reader.inputs if one is not tensor), *candidates]))
    branches = []
    for number, candidate in enumerate(candidates):
        branch = Graph(f"{reader.name}/{number}")
        inner: dict[Tensor, Tensor] = {}
        for position, outer in enumerate(given):
            node = Node("_Input", f"{branch.name}/{position}")
            inner[outer] = node.add_output(outer.dtype, outer.shape)
            branch.nodes.append(node)
            branch.inputs.append(node.output)
        inputs = [inner[candidate if one is tensor else one] for one in reader.inputs]
        copy = Node(reader.op, f"{branch.name}/{reader.op}", inputs, own_parts(reader))
        branch.nodes.append(copy)
        branch.outputs = [copy.add_output(output.dtype, output.shape) for output in reader.outputs]
        branches.append(branch)
    made = Node("If" if choice.op == "If" else "Case", reader.name, [choice.inputs[0], *given], {"branches": branches})
    for output in reader.outputs:
        made.add_output(output.dtype, output.shape)
    made.attrs |= {"Tin": [one.dtype for one in given], "Tout": [one.dtype for one in made.outputs]}
    graph.nodes[graph.nodes.index(reader)] = made
    graph.replace(dict(zip(reader.outputs, made.outputs, strict=True)))


def _drop_references(graph: Graph, choice: Node) -> None:
    """Take a choice's references from its outputs: nobody reads them any more."""
    if choice.op == "RefSelect":
        graph.nodes.remove(choice)
        return
    kept = [tensor for tensor in choice.outputs if tensor.dtype != RESOURCE]
    for branch in parts(choice):
        branch.outputs = [branch.outputs[tensor.index] for tensor in kept]
    choice.outputs = kept
    for index, tensor in enumerate(kept):
        tensor.index = index
    choice.attrs["Tout"] = [tensor.dtype for tensor in kept]
