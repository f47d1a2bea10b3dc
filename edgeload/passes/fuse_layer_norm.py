"""A row's mean and variance and what is done with them become one node, which reads the row from memory once."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels.expressions import substitute
from edgeload.passes.products import constant
from edgeload.passes.texts import count_calls, expression_of, literal

_MOST_CALLS = 24
_MOST_VECTORS = 4
_DTYPES = (np.float32, np.float64)


def fuse_layer_norm(graph: Graph) -> int:
    """x * i + (beta - m * i)  ->  _LayerNorm(x, gamma, beta)
    with m = Mean(x), v = Mean(SquaredDifference(x, m)), i = Rsqrt(v + epsilon) * gamma

    and the text of all that: any element-wise nodes over x, its mean and variance along the last axis, single
    elements and constants [size], that end in one tensor of x's shape. Nothing else may read what they or the means
    make. Requires exact shapes.
    """
    uses = graph.uses()
    replaced: dict[Node, list[Node]] = {}
    dropped: set[Node] = set()
    for node in graph.nodes:
        moments = _moments(node)
        if moments is None:
            continue
        fused = _Fused(*moments, node.output)
        last = fused.grow(graph, uses)
        if last is None or fused.nodes & dropped:
            continue
        replaced[last] = fused.made(last)
        dropped |= fused.nodes
    graph.nodes = [new for node in graph.nodes for new in replaced.get(node, [] if node in dropped else [node])]
    graph.replace({last.output: made[-1].output for last, made in replaced.items()})
    return len(replaced)


def _moments(node: Node) -> tuple[Tensor, Tensor, Node] | None:
    """x, its mean, and their SquaredDifference, where the node is the mean of that along the last axis."""
    if not _is_row_mean(node) or node.inputs[0].node.op != "SquaredDifference":
        return None
    squares = node.inputs[0].node
    for x, mean in (squares.inputs, squares.inputs[::-1]):
        if _is_row_mean(mean.node) and mean.node.inputs[0] is x and x.dtype in _DTYPES:
            return x, mean, squares
    return None


def _is_row_mean(node: Node) -> bool:
    if node.op != "Mean" or not node.attrs["keep_dims"] or node.inputs[1].node.op != "Const":
        return False
    shape = node.inputs[0].shape
    axes = np.asarray(node.inputs[1].node.attrs["value"]).reshape(-1).tolist()
    return bool(shape) and shape[-1] not in (None, 0) and axes in ([-1], [len(shape) - 1])  # type: ignore[index, arg-type]


class _Fused:
    """The nodes that become one, and their texts."""

    def __init__(self, x: Tensor, mean: Tensor, squares: Node, variance: Tensor) -> None:
        self.x, self.mean, self.variance = x, mean, variance
        self.texts: dict[Tensor, str] = {x: "a0", mean: "a1", variance: "a2"}
        self.nodes = {mean.node, squares, variance.node}
        self.vectors: list[Tensor] = []

    def grow(self, graph: Graph, uses: dict[Tensor, int]) -> Node | None:
        """Take in what reads the moments, in running order, until nothing else does; the last node taken, or None
        where something else reads them or what is made of them."""
        for node in graph.nodes:
            if node in self.nodes or not any(tensor in self.texts and tensor is not self.x for tensor in node.inputs):
                continue
            text = self._text(node)
            if text is None or count_calls(text) > _MOST_CALLS or len(self.vectors) > _MOST_VECTORS:
                return None
            self.nodes.add(node)
            self.texts[node.output] = text
            if node.output.shape == self.x.shape and self._is_closed(node, uses):
                return node
        return None

    def made(self, last: Node) -> list[Node]:
        """The new node, and the constants in front of it."""
        vectors = []
        for tensor in self.vectors:
            key = ("row", tensor.node.attrs["key"])
            vectors.append(constant(f"{tensor.name}/row", np.asarray(tensor.node.attrs["value"]).reshape(-1), key))
        node = Node("_LayerNorm", last.name, [self.x, *vectors], {"expression": self.texts[last.output]})
        node.add_output(last.output.dtype, last.output.shape)
        return [*(vector.node for vector in vectors), node]

    def _text(self, node: Node) -> str | None:
        expression = expression_of(node)
        if expression is None or len(node.outputs) != 1 or node.output.dtype != self.x.dtype:
            return None
        rank = len(self.x.shape or ())
        texts = [self._operand(tensor, rank) for tensor in node.inputs]
        return None if None in texts else substitute(expression, texts)  # type: ignore[arg-type]

    def _operand(self, tensor: Tensor, rank: int) -> str | None:
        if tensor in self.texts:
            return self.texts[tensor]
        if tensor.node.op != "Const" or tensor.dtype != self.x.dtype or len(tensor.shape or ()) > rank:
            return None
        value = tensor.node.attrs["value"]
        if value.size == 1:
            return literal(tensor)
        if value.shape[-1:] != (value.size,) or value.size != self.x.shape[-1]:  # type: ignore[index]
            return None
        if tensor not in self.vectors:
            self.vectors.append(tensor)
        return f"a{3 + self.vectors.index(tensor)}"

    def _is_closed(self, last: Node, uses: dict[Tensor, int]) -> bool:
        inside = Counter(tensor for node in self.nodes for tensor in node.inputs)
        made = [node.output for node in self.nodes if node is not last]
        return all(uses[tensor] == inside[tensor] for tensor in made)
