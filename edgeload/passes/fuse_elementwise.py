"""Neighbouring element-wise nodes become one, which reads and writes memory once."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels.elementwise import is_native
from edgeload.kernels.expressions import substitute
from edgeload.kernels.functions import ALL, HALVES
from edgeload.passes.texts import count_calls, expression_of, literal

_MOST_OPERANDS = 8
_MOST_CALLS = 24
_MOST_REPEATED_CALLS = 3  # of an inner result that is read twice: its text is written twice, and compiled once
_DTYPES = frozenset({*ALL, *HALVES})


def fuse_elementwise(graph: Graph) -> int:
    """Relu(AddV2(Mul(x, a), b))  ->  _Elementwise(x, a, b), expression relu(add(mul(a0,a1),a2))

    for groups of element-wise nodes of one shape, of which only the last is read from outside. Inputs from outside may
    be smaller and are broadcast; constants of one float element become literals. Requires exact shapes.
    """
    uses, consumers = graph.uses(), graph.consumers()
    replaced: dict[Node, Node] = {}
    dropped: set[Node] = set()
    for node in reversed(graph.nodes):
        if node in dropped or _text_of(node) is None:
            continue
        group = _Group(node)
        _grow(group, uses, consumers)
        if len(group.nodes) < 2:
            continue
        text, operands = group.expression()
        fused = Node("_Elementwise", node.name, operands, {"expression": text, "dtype": node.output.dtype})
        fused.add_output(node.output.dtype, node.output.shape)
        replaced[node] = fused
        dropped |= group.nodes
    graph.nodes = [replaced.get(node, node) for node in graph.nodes if node in replaced or node not in dropped]
    graph.replace({node.output: fused.output for node, fused in replaced.items()})
    return len(replaced)


@dataclass
class _Group:
    """Nodes that become one, and the one whose output is read from outside."""

    last: Node
    nodes: set[Node] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.nodes.add(self.last)

    def expression(self) -> tuple[str, list[Tensor]]:
        """The text over a0, a1, ... and the tensors that these are."""
        operands: list[Tensor] = []
        texts: dict[Tensor, str] = {}

        def text_of(tensor: Tensor, reader: Node) -> str:
            if tensor.node in self.nodes:
                if tensor not in texts:
                    texts[tensor] = write(tensor.node)
                return texts[tensor]
            number = _inlined(tensor, reader)
            if number is not None:
                return number
            if tensor not in operands:
                operands.append(tensor)
            return f"a{operands.index(tensor)}"

        def write(node: Node) -> str:
            return substitute(_text_of(node) or "", [text_of(tensor, node) for tensor in node.inputs])

        return write(self.last), operands

    def fits(self) -> bool:
        """Whether the group keeps to the limits of one kernel."""
        text, operands = self.expression()
        if count_calls(text) > _MOST_CALLS or not 0 < len(operands) <= _MOST_OPERANDS:
            return False
        return is_native(text, [tensor.dtype for tensor in operands], self.last.output.dtype)


def _grow(group: _Group, uses: dict[Tensor, int], consumers: dict[Tensor, list[Node]]) -> None:
    """Take in the makers of what the group reads, as long as that is allowed and changes anything."""
    refused: set[Node] = set()
    while True:
        makers = {
            tensor.node: tensor for node in group.nodes for tensor in node.inputs if tensor.node not in group.nodes
        }
        fitting = [
            maker
            for maker, tensor in makers.items()
            if maker not in refused and _can_join(maker, tensor, group, uses, consumers)
        ]
        if not fitting:
            return
        for maker in fitting:
            group.nodes.add(maker)
            if not group.fits():
                group.nodes.remove(maker)
                refused.add(maker)


def _can_join(
    maker: Node, tensor: Tensor, group: _Group, uses: dict[Tensor, int], consumers: dict[Tensor, list[Node]]
) -> bool:
    text = _text_of(maker)
    if text is None or tensor.shape != group.last.output.shape:
        return False
    readers = consumers[tensor]
    inside = sum(node.inputs.count(tensor) for node in readers if node in group.nodes)
    if inside != uses[tensor]:
        return False
    if inside == 1:
        return True
    return count_calls(text) <= _MOST_REPEATED_CALLS


def _text_of(node: Node) -> str | None:
    """The expression of a node that one kernel can compute; None for others."""
    expression = expression_of(node)
    if expression is None or len(node.outputs) != 1:
        return None
    tensors = [*node.inputs, node.output]
    if any(
        getattr(tensor.dtype, "name", "") not in _DTYPES or tensor.shape is None or None in tensor.shape
        for tensor in tensors
    ):
        return None
    if all(_inlined(tensor, node) is not None for tensor in node.inputs):
        return None
    return expression


def _inlined(tensor: Tensor, reader: Node) -> str | None:
    """A constant as a literal, where the first operand that is none gives it its dtype."""
    first = next((other for other in reader.inputs if literal(other) is None), None)
    return literal(tensor) if first is not None and first.dtype == tensor.dtype else None
