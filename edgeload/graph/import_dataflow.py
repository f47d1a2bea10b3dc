"""Imports a GraphDef whose loops and conditions may be dataflow, and notes what `dataflow` needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeload.graph.dataflow import Condition, Dataflow
from edgeload.graph.order import running_order, source_of
from edgeload.graph.regions import CONTROL_FLOW_V1, Regions, back_edges, flow_op, forward_edges

if TYPE_CHECKING:
    from edgeload.graph.importer import _Importer, _Scope


def add_dataflow(
    importer: _Importer, scope: _Scope, needed: Mapping[str, Any], roots: Sequence[str], is_leaf: Callable[[str], bool]
) -> Dataflow:
    """Append the nodes of a GraphDef, which may have loops and conditions as dataflow: in the order in which they can
    run within one turn, and all of a loop before anything that it leads to."""
    regions = Regions(needed, is_leaf, scope.where)
    late_edges: dict[str, list[str]] = {name: late for name in needed if (late := back_edges(needed, name))}
    scope.late = late_edges
    turns: dict[tuple[str, ...], list[str]] = {}
    for name, node in needed.items():
        if flow_op(node.op) == "NextIteration":
            turns.setdefault(regions.of(name).frames, []).append(f"^{name}")

    def edges_of(node: Any) -> list[str]:
        edges = forward_edges(needed, node.name)
        return (
            edges + turns.get(regions.of(source_of(node.input[0])).frames, []) if flow_op(node.op) == "Exit" else edges
        )

    flow = Dataflow(scope.graph)
    for node_def in running_order(needed, roots, is_leaf, scope.where, edges_of):
        first = len(scope.graph.nodes)
        importer.add(scope, node_def)
        for node in scope.graph.nodes[first:]:
            flow.regions[node] = regions.of(node_def.name)
            if node.op == "ReadVariableOp" and node_def.op in CONTROL_FLOW_V1:
                flow.regions[node] = flow.region_of(
                    node.inputs[0]
                )  # the value of a reference, read where it comes from
        if flow_op(node_def.op) == "Switch" and not regions.is_of_loop(node_def):
            flow.switches[scope.graph.nodes[-1]] = regions.predicate(node_def)
        elif node_def.name in regions.predicates:
            predicate, side = regions.predicates[node_def.name]
            tensor = importer.value(scope, scope.resolve(predicate, node_def.name))
            flow.conditions[scope.made[node_def.name].tensors[0].node] = Condition(predicate, tensor, side)
    for name, late in late_edges.items():
        edges = [edge for edge in needed[name].input if not edge.startswith("^")]
        merge = scope.made[name].tensors[0].node
        merge.inputs = [
            scope.resolve(edge, name) if edge in late else tensor
            for edge, tensor in zip(edges, merge.inputs, strict=True)
        ]
    return flow
