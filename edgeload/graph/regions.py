"""Where the nodes of a TF1 GraphDef stand: in which loops, and on which sides of which conditions.

TF1 wrote control flow as dataflow. A loop is a frame: values come in through Enter, variables go round through
Merge(Enter, NextIteration) and Switch(Merge, LoopCond), and out through Exit. A condition is a Switch by a predicate at
each value that its two sides read, and a Merge at each result. Nothing but names and edges says which node is in which
frame and side: a node is where its inputs are, control inputs included.
https://www.tensorflow.org/api_docs/python/tf/raw_ops/Switch, and "Dynamic control flow in large-scale machine learning"
(Yu et al., EuroSys 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeload.errors import InvalidGraphError

Side = tuple[str, int]  # the edge of a predicate, and 0 (false) or 1 (true)

CONTROL_FLOW_V1 = frozenset({"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond"})
_ON_REFERENCES = {f"Ref{op}": op for op in CONTROL_FLOW_V1 - {"LoopCond"}}
_PASS_ON = frozenset({"Identity", "Enter"})
_DEEPEST = 64  # frames and sides inside each other


@dataclass(frozen=True)
class Region:
    """`frames` are the names of the loops around a node, the outermost first; `sides` the conditions it is under."""

    frames: tuple[str, ...] = ()
    sides: frozenset[Side] = frozenset()


def flow_op(op: str) -> str:
    """The op without the difference between control flow on values and on TF1's references."""
    return _ON_REFERENCES.get(op, op)


class Regions:
    """The regions of the nodes that a computation needs. `nodes` are NodeDefs by name; edges that are leaves end."""

    def __init__(self, nodes: Mapping[str, Any], is_leaf: Callable[[str], bool], where: str) -> None:
        self._nodes = nodes
        self._is_leaf = is_leaf
        self._where = where
        self._regions: dict[str, Region] = {}
        self.predicates: dict[str, tuple[str, int]] = {}  # of a condition's Merge: predicate, side of its input 0
        for name in nodes:
            self._visit(name)

    def of(self, name: str) -> Region:
        return self._regions[name]

    def _visit(self, name: str) -> None:
        """Find the regions of a node and all that it needs, without recursion: models are deep."""
        is_begun: set[str] = set()
        stack: list[tuple[str, Iterator[str]]] = [(name, iter(forward_edges(self._nodes, name)))]
        while stack:
            current, edges = stack[-1]
            for edge in edges:
                source = _source(edge)
                if self._is_leaf(edge) or source in self._regions or source not in self._nodes:
                    continue
                if source in is_begun:
                    raise InvalidGraphError(
                        f"{self._where}: node {source!r} depends on itself. Export the model again."
                    )
                is_begun.add(source)
                stack.append((source, iter(forward_edges(self._nodes, source))))
                break
            else:
                stack.pop()
                if current not in self._regions:
                    self._regions[current] = self._region(current)

    def _region(self, name: str) -> Region:
        node = self._nodes[name]
        edges = [edge for edge in forward_edges(self._nodes, name) if not self._is_leaf(edge)]
        found = [self.along(edge) for edge in edges if _source(edge) in self._regions]
        frames = max((region.frames for region in found), key=len, default=())
        sides = frozenset().union(*(region.sides for region in found))
        op = flow_op(node.op)
        if op == "Enter":
            frames = (*frames, node.attr["frame_name"].s.decode("utf-8", "replace"))
        elif op == "Exit":
            if not frames:
                raise InvalidGraphError(f"{self._where}: Exit node {name!r} is in no loop. Export the model again.")
            frames = frames[:-1]
        elif op == "Merge" and not back_edges(self._nodes, name):
            sides = self._merged(name, [edge for edge in node.input if not edge.startswith("^")], sides)
        if len(frames) + len(sides) > _DEEPEST:
            raise InvalidGraphError(f"{self._where}: {name!r} is more than {_DEEPEST} loops and conditions deep.")
        return Region(frames, sides)

    def along(self, edge: str) -> Region:
        """The region that an edge leads out of: behind a Switch it is one side."""
        region = self._regions[_source(edge)]
        node = self._nodes[_source(edge)]
        if flow_op(node.op) != "Switch" or edge.startswith("^") or self.is_of_loop(node):
            return region
        return Region(region.frames, region.sides | {(self.predicate(node), _side(edge))})

    def _merged(self, name: str, edges: list[str], sides: frozenset[Side]) -> frozenset[Side]:
        """The sides around a condition's Merge: all but the two that meet in it."""
        if len(edges) != 2:
            raise InvalidGraphError(f"{self._where}: Merge node {name!r} has {len(edges)} inputs; conditions have 2.")
        first, second = (self.along(edge).sides if not self._is_leaf(edge) else frozenset() for edge in edges)
        meeting = [(predicate, side) for predicate, side in first if (predicate, 1 - side) in second]
        if len(meeting) != 1:
            raise InvalidGraphError(
                f"{self._where}: the inputs of Merge node {name!r} are not the sides of a condition."
            )
        predicate, side = meeting[0]
        self.predicates[name] = (predicate, side)
        return sides - {(predicate, 0), (predicate, 1)}

    def predicate(self, switch: Any) -> str:
        """The edge that decides a Switch, at its origin: several Switches of one condition read it through Identity."""
        edge = str(switch.input[1])
        while (
            (node := self._nodes.get(_source(edge))) is not None
            and flow_op(node.op) in _PASS_ON
            and not self._is_leaf(edge)
        ):
            edge = str(node.input[0])
        return edge.removesuffix(":0")

    def is_of_loop(self, switch: Any) -> bool:
        """Whether a Switch is where a loop ends."""
        node = self._nodes.get(_source(switch.input[1]))
        return node is not None and node.op == "LoopCond"


def _side(edge: str) -> int:
    """Which output of a Switch an edge names, in a GraphDef or in a FunctionDef."""
    return int(edge.endswith((":1", ":output_true:0")))


def _source(edge: str) -> str:
    return edge.removeprefix("^").split(":", 1)[0]


def back_edges(nodes: Mapping[str, Any], name: str) -> list[str]:
    """The edges of a loop's Merge that come from the turn before."""
    node = nodes[name]
    if flow_op(node.op) != "Merge":
        return []
    return [
        edge
        for edge in node.input
        if (source := nodes.get(_source(edge))) is not None and flow_op(source.op) == "NextIteration"
    ]


def forward_edges(nodes: Mapping[str, Any], name: str) -> list[str]:
    """The edges of a node but those that make a loop's cycle."""
    late = back_edges(nodes, name)
    return [edge for edge in nodes[name].input if edge not in late]
