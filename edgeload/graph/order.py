"""Which nodes of a FunctionDef or GraphDef are needed, and an order in which they can run: by names alone.

Edges are the strings of NodeDef.input: `node`, `node:k`, `node:out_arg:k`, `^node` for control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from edgeload.errors import InvalidGraphError


def nodes_by_name(node_defs: Iterable[Any], where: str) -> dict[str, Any]:
    """NodeDefs by name. Raises InvalidGraphError for two of the same name."""
    nodes: dict[str, Any] = {}
    for node in node_defs:
        if node.name in nodes:
            raise InvalidGraphError(f"{where} has two nodes named {node.name!r}. Export the model again.")
        nodes[node.name] = node
    return nodes


def source_of(edge: str) -> str:
    """The name of the node (or function argument) that an edge comes from."""
    return edge.removeprefix("^").split(":", 1)[0]


def running_order(
    nodes: Mapping[str, Any],
    roots: Iterable[str],
    is_leaf: Callable[[str], bool],
    where: str,
    edges_of: Callable[[Any], Iterable[str]] | None = None,
) -> list[Any]:
    """The NodeDefs that the edges `roots` need, each behind all it needs itself. Edges that are leaves end there.

    `edges_of` gives a NodeDef's edges, if not its inputs: those of loops in dataflow are cycles. Raises
    InvalidGraphError for an unknown node or a cycle.
    """
    edges_of = edges_of or _inputs_of
    order: list[Any] = []
    is_done: dict[str, bool] = {}
    stack: list[tuple[Any, Iterator[str]]] = [(None, iter(roots))]
    while stack:
        node, edges = stack[-1]
        for edge in edges:
            source = source_of(edge)
            if is_leaf(edge) or is_done.get(source):
                continue
            if source in is_done:
                raise InvalidGraphError(f"{where}: node {source!r} depends on itself. Export the model again.")
            if source not in nodes:
                reader = where if node is None else node.name
                raise InvalidGraphError(f"{where}: {reader!r} reads {edge!r}, and there is no node {source!r}.")
            is_done[source] = False
            stack.append((nodes[source], iter(edges_of(nodes[source]))))
            break
        else:
            stack.pop()
            if node is not None:
                is_done[node.name] = True
                order.append(node)
    return order


def _inputs_of(node: Any) -> Iterable[str]:
    return iter(node.input)


def needed_nodes(
    nodes: Mapping[str, Any], roots: Iterable[str], is_leaf: Callable[[str], bool], where: str
) -> dict[str, Any]:
    """The NodeDefs that the edges `roots` need, by name. Raises InvalidGraphError for an unknown node."""
    needed: dict[str, Any] = {}
    stack = [(where, edge) for edge in roots]
    while stack:
        reader, edge = stack.pop()
        source = source_of(edge)
        if is_leaf(edge) or source in needed:
            continue
        if source not in nodes:
            raise InvalidGraphError(f"{where}: {reader!r} reads {edge!r}, and there is no node {source!r}.")
        needed[source] = nodes[source]
        stack += [(source, inner) for inner in nodes[source].input]
    return needed
