"""CTCGreedyDecoder as a decoding of known size and cuts."""

from __future__ import annotations

from edgeload.graph.ir import Graph, Node, Tensor


def pad_labels(graph: Graph) -> int:
    """CTCGreedyDecoder(x, lengths)  ->  _Front(indices, count), _Front(values, count), shape, score

    with indices, values, shape, score, count = _GreedyLabels(x, lengths). Requires exact shapes.
    """
    replacements: dict[Tensor, Tensor] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op != "CTCGreedyDecoder" or node.inputs[0].shape is None:
            nodes.append(node)
            continue
        decode, *fronts = _parts(node, node.inputs[0].shape)
        nodes += [decode, *fronts]
        made = [*(front.output for front in fronts), *decode.outputs[2:4]]
        replacements.update(zip(node.outputs, made, strict=True))
    graph.nodes = nodes
    graph.replace(replacements)
    return len([node for node in nodes if node.op == "_GreedyLabels"])


def _parts(node: Node, shape: tuple[int | None, ...]) -> list[Node]:
    """_GreedyLabels and what cuts its first two outputs."""
    most = (shape[0] or 0) * (shape[1] or 0)
    indices, values, dense_shape, score = node.outputs
    decode = Node("_GreedyLabels", node.name, node.inputs, node.attrs, controls=node.controls)
    padded = [decode.add_output(indices.dtype, (most, 2)), decode.add_output(values.dtype, (most,))]
    decode.add_output(dense_shape.dtype, dense_shape.shape)
    decode.add_output(score.dtype, score.shape)
    count = decode.add_output(values.dtype, ())
    fronts = []
    for number, x in enumerate(padded):
        front = Node("_Front", f"{node.name}/front{number or ''}", [x, count])
        front.add_output(x.dtype, None)
        fronts.append(front)
    return [decode, *fronts]
