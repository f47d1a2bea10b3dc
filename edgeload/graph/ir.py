"""The graph: nodes in an order in which they can run, symbolic tensors between them.

One form for everything: imported FunctionDefs and GraphDefs, after inlining, and what passes make of them. Nodes that
edgeload adds begin with an underscore:

    _Input      an input of the graph; no inputs, one output
    Const       attrs["value"]: a NumPy array (read-only), attrs["key"]: its identity, stable within the Program
                attrs["is_captured"]: whether it is made of constants that the function captures, for TensorFlow inputs
    _Resource   attrs["resource"]: a variable, table or other object that functions share; output dtype RESOURCE

Control-flow nodes (While, If, Case, and their stateless forms) hold their branches as Graphs in attrs["cond"],
attrs["body"], or attrs["branches"]. What a branch captures is an explicit input, as in TensorFlow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgeload.dtypes import DType, name_of
from edgeload.errors import InvalidGraphError

Shape = tuple[int | None, ...] | None


@dataclass(eq=False, slots=True)
class Tensor:
    """Output `index` of a node. `shape` is what is known of it: None, or sizes of which some may be None; after
    specialising for concrete inputs it is exact."""

    node: Node
    index: int
    dtype: DType
    shape: Shape = None

    @property
    def name(self) -> str:
        return self.node.name if self.index == 0 else f"{self.node.name}:{self.index}"

    def __repr__(self) -> str:
        dims = "?" if self.shape is None else ",".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}:{name_of(self.dtype)}[{dims}]"


@dataclass(eq=False, slots=True)
class Node:
    """One use of an op. `controls` are nodes that must have run before it."""

    op: str
    name: str
    inputs: list[Tensor] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)
    controls: list[Node] = field(default_factory=list)

    def add_output(self, dtype: DType, shape: Shape = None) -> Tensor:
        tensor = Tensor(self, len(self.outputs), dtype, shape)
        self.outputs.append(tensor)
        return tensor

    @property
    def output(self) -> Tensor:
        """The only output."""
        (tensor,) = self.outputs
        return tensor

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(repr, self.inputs))}) -> {', '.join(map(repr, self.outputs))}"


@dataclass(eq=False)
class Graph:
    """Nodes in running order. `inputs` are outputs of _Input nodes, which stand among the nodes."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)

    def uses(self) -> Counter[Tensor]:
        """How often each tensor is an input of a node or an output of the graph."""
        counts = Counter(tensor for node in self.nodes for tensor in node.inputs)
        counts.update(self.outputs)
        return counts

    def consumers(self) -> dict[Tensor, list[Node]]:
        """The nodes that read each tensor, in running order."""
        readers: dict[Tensor, list[Node]] = {}
        for node in self.nodes:
            for tensor in dict.fromkeys(node.inputs):
                readers.setdefault(tensor, []).append(node)
        return readers

    def replace(self, replacements: dict[Tensor, Tensor]) -> None:
        """Let every reader of the keys read the values instead; chains of replacements are followed."""

        def resolve(tensor: Tensor) -> Tensor:
            while tensor in replacements:
                tensor = replacements[tensor]
            return tensor

        for node in self.nodes:
            node.inputs = [resolve(tensor) for tensor in node.inputs]
        self.outputs = [resolve(tensor) for tensor in self.outputs]

    def prune(self, keep: Iterable[Node] = ()) -> int:
        """Drop nodes that no output, and no node of `keep`, needs. Inputs stay. Returns how many were dropped."""
        needed: set[Node] = set()
        stack = [tensor.node for tensor in (*self.inputs, *self.outputs)] + list(keep)
        while stack:
            node = stack.pop()
            if node not in needed:
                needed.add(node)
                stack.extend(tensor.node for tensor in node.inputs)
                stack.extend(node.controls)
        before = len(self.nodes)
        self.nodes = [node for node in self.nodes if node in needed]
        return before - len(self.nodes)

    def check(self, where: str = "") -> None:
        """Raise InvalidGraphError when a node reads what does not come before it, or outputs do not belong to nodes."""
        seen: set[Tensor] = set()
        for node in self.nodes:
            for tensor in node.inputs:
                if tensor not in seen:
                    raise InvalidGraphError(
                        f"{where}: {node.op} node {node.name!r} reads {tensor!r}, which no node before it makes."
                    )
            for index, tensor in enumerate(node.outputs):
                if tensor.node is not node or tensor.index != index:
                    raise InvalidGraphError(f"{where}: output {index} of {node.op} node {node.name!r} is {tensor!r}.")
            seen.update(node.outputs)
        for tensor in (*self.inputs, *self.outputs):
            if tensor not in seen:
                raise InvalidGraphError(f"{where}: graph {self.name!r} has {tensor!r} as an end, which no node makes.")

    def __str__(self) -> str:
        lines = [f"graph {self.name}({', '.join(map(repr, self.inputs))})"]
        lines += [f"  {node.name}: {node!r}" for node in self.nodes]
        return "\n".join([*lines, f"  return {', '.join(map(repr, self.outputs))}"])


def constant_value(tensor: Tensor) -> Any:
    """The array of a Const's output, None for other tensors."""
    return tensor.node.attrs["value"] if tensor.node.op == "Const" else None


def insert_after(graph: Graph, position: Node, nodes: Sequence[Node]) -> None:
    """Put nodes into the running order right behind another."""
    at = graph.nodes.index(position) + 1
    graph.nodes[at:at] = nodes
