"""NonMaxSuppression without padding as a selection of known size and a cut."""

from __future__ import annotations

from edgeload.graph.ir import Graph, Node, Tensor, constant_value

_VERSIONS = frozenset(f"NonMaxSuppression{version}" for version in ("", "V2", "V3", "V4", "V5", "WithOverlaps"))


def pad_suppressions(graph: Graph) -> int:
    """NonMaxSuppression(boxes, scores, limit, ...)  ->  _Front(indices, count)

    with indices, scores, count = _SelectBoxes(boxes, scores, limit, ...); V5 has a second _Front, of the scores. For a
    known max_output_size that is not negative, without pad_to_max_output_size. Requires exact shapes.
    """
    replacements: dict[Tensor, Tensor] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        parts = _parts(node) if node.op in _VERSIONS else []
        nodes += parts or [node]
        if parts:
            select, *fronts = parts
            made = [front.output for front in fronts] + select.outputs[2:]
            replacements.update(zip(node.outputs, made, strict=False))
    graph.nodes = nodes
    graph.replace(replacements)
    return len([node for node in nodes if node.op == "_SelectBoxes"])


def _parts(node: Node) -> list[Node]:
    """_SelectBoxes and what cuts its outputs; none where the limit is not known."""
    _, scores, limit, *_ = node.inputs
    most = constant_value(limit)
    if node.attrs.get("pad_to_max_output_size", False) or most is None or int(most) < 0 or scores.shape is None:
        return []
    length = min(int(most), scores.shape[0] or 0)
    select = Node("_SelectBoxes", node.name, node.inputs, {**node.attrs, "version": node.op}, controls=node.controls)
    indices = select.add_output(node.outputs[0].dtype, (length,))
    chosen_scores = select.add_output(scores.dtype, (length,))
    count = select.add_output(node.outputs[0].dtype, ())
    padded = [indices, chosen_scores] if node.op == "NonMaxSuppressionV5" else [indices]
    fronts = [Node("_Front", f"{node.name}/front{number or ''}", [x, count]) for number, x in enumerate(padded)]
    for front, x in zip(fronts, padded, strict=True):
        front.add_output(x.dtype, None)
    return [select, *fronts]
