"""TF1's control flow, written as dataflow, becomes While and If nodes with graphs inside; see `regions` for its form.

Inside out: in the innermost loop first its conditions, the deepest first, then the loop itself, which from then on is
one node of the loop or graph around it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from edgeload.dtypes import RESOURCE
from edgeload.errors import InvalidGraphError, UnsupportedOpError
from edgeload.graph.branches import parts
from edgeload.graph.effects import has_effects
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.graph.regions import CONTROL_FLOW_V1, Region

_LEFT_OVER = CONTROL_FLOW_V1 - {"Switch"}


@dataclass
class Condition:
    """A Merge at the end of a condition: its predicate, by name and as a tensor, and which side its input 0 is."""

    name: str
    predicate: Tensor
    first_side: int


@dataclass
class Dataflow:
    """The nodes of a graph with what only the GraphDef says about them."""

    graph: Graph
    regions: dict[Node, Region] = field(default_factory=dict)
    conditions: dict[Node, Condition] = field(default_factory=dict)
    switches: dict[Node, str] = field(default_factory=dict)  # a condition's Switch: the name of its predicate
    positions: dict[Node, int] = field(default_factory=dict)

    def structure(self) -> None:
        """Put While and If nodes in place of loops and conditions. Raises InvalidGraphError, UnsupportedOpError."""
        if not any(node.op in CONTROL_FLOW_V1 for node in self.graph.nodes):
            return
        self.positions = {node: position for position, node in enumerate(self.graph.nodes)}
        self.graph.outputs = [self._or_nothing(tensor) for tensor in self.graph.outputs]
        frames = {self.regions[node].frames for node in self.graph.nodes if node in self.regions}
        for frame in sorted(frames, key=lambda frame: (-len(frame), frame)):
            self._fold_conditions(frame)
            self._fold_effects(frame)
            if frame:
                self._fold_loop(frame)
        self.graph.nodes = self._sorted(self.graph.nodes)
        self.graph.prune(node for node in self.graph.nodes if has_effects(node) and node.op not in CONTROL_FLOW_V1)
        for node in self.graph.nodes:
            if node.op in CONTROL_FLOW_V1:
                raise UnsupportedOpError(
                    f"{node.op} node {node.name!r} belongs to no loop or condition that is whole. Supported are graphs "
                    "as tf.while_loop and tf.cond write them, fetched from outside of loops and conditions."
                )

    def _members(self, frame: tuple[str, ...]) -> list[Node]:
        return [node for node in self.graph.nodes if self._region(node).frames == frame]

    def _region(self, node: Node) -> Region:
        return self.regions.get(node, Region())

    def region_of(self, tensor: Tensor) -> Region:
        """Where a tensor is: behind a condition's Switch on one of its sides."""
        region = self._region(tensor.node)
        if tensor.node not in self.switches:
            return region
        return Region(region.frames, region.sides | {(self.switches[tensor.node], tensor.index)})

    def _or_nothing(self, tensor: Tensor) -> Tensor:
        """An output: where it is on one side of a condition, a Merge of it and an empty tensor, which TensorFlow, too,
        returns for what was not computed."""
        while own := self._switches_of(self.region_of(tensor)):
            (name, side), switch = max(own.items(), key=lambda found: len(self._region(found[1]).sides))
            region = self.region_of(tensor)
            empty = np.empty(0, tensor.dtype if isinstance(tensor.dtype, np.dtype) else np.float32)
            attrs = {"value": empty, "key": ("nothing", empty.dtype.name)}
            nothing = Node("Const", f"{tensor.name}/nothing", attrs=attrs)
            merge = Node("Merge", f"{tensor.name}/or_nothing", [tensor, nothing.add_output(empty.dtype, empty.shape)])
            merge.add_output(tensor.dtype)
            merge.add_output(np.dtype(np.int32), ())
            outer = region.sides - {(name, side)}
            self.regions |= {
                nothing: Region(region.frames, outer | {(name, 1 - side)}),
                merge: Region(region.frames, outer),
            }
            self.conditions[merge] = Condition(name, switch.inputs[1], side)
            for node in (nothing, merge):
                self.positions[node] = len(self.positions)
                self.graph.nodes.append(node)
            tensor = merge.outputs[0]
        return tensor

    # -- conditions ---------------------------------------------------------------------------------------------------

    def _fold_conditions(self, frame: tuple[str, ...]) -> None:
        while merges := [node for node in self._members(frame) if node in self.conditions]:
            deepest = max(len(self._region(node).sides) for node in merges)
            merges = sorted((node for node in merges if len(self._region(node).sides) == deepest), key=self._position)
            name, region = self.conditions[merges[0]].name, self._region(merges[0])
            alike = [
                node
                for node in merges
                if self.conditions[node].name == name and self._region(node).sides == region.sides
            ]
            group = [alike[0]]
            for other in alike[1:]:
                if self._may_join(frame, other, group):
                    group.append(other)
            until = max(self._position(node) for node in group)
            self._fold_condition(self.conditions[alike[0]], region, group, until)

    def _may_join(self, frame: tuple[str, ...], merge: Node, group: Sequence[Node]) -> bool:
        """Whether a result may come from the group's If: no, if it needs the group's results, or if that moved effects
        past others which are in between."""
        sides = {(self.conditions[merge].name, side) for side in (0, 1)}
        ordered = [node for node in self._members(frame) if _keeps_order(node)]
        inside = {node for node in ordered if sides & self._region(node).sides}
        first, latest = self._position(group[0]), max(self._position(node) for node in group)
        needed = self._sources(merge)
        if any(self._position(node) < latest for node in inside & needed) and not needed & set(group):
            return True
        for node in inside:
            if latest < self._position(node) < self._position(merge):
                needed |= self._sources(node)
        if needed & set(group):
            return False
        between = range(first + 1, self._position(merge))
        return not inside or not any(self._position(node) in between for node in ordered if node not in inside)

    def _sources(self, node: Node) -> set[Node]:
        """All nodes that a node needs, within one turn of a loop."""
        seen: set[Node] = set()
        stack = [node]
        while stack:
            current = stack.pop()
            new = {tensor.node for tensor in current.inputs if not _is_back(current, tensor)} - seen
            seen |= new
            stack += new
        return seen

    def _fold_effects(self, frame: tuple[str, ...]) -> None:
        """Effects on a side of a condition that no Merge ends go into an If without outputs."""
        while stray := [node for node in self._members(frame) if has_effects(node) and self._own_sides(node)]:
            first = max(stray, key=lambda node: (len(self._own_sides(node)), -self._position(node)))
            (name, side), switch = max(
                self._own_sides(first).items(), key=lambda found: len(self._region(found[1]).sides)
            )
            region = Region(frame, self._region(first).sides - {(name, side)})
            others = [node for node in self._members(frame) if _keeps_order(node) and node not in stray]
            behind = [self._position(node) for node in others if self._position(node) > self._position(first)]
            until = min(behind, default=len(self.positions))
            self._fold_condition(Condition(name, switch.inputs[1], 0), region, [], until)

    def _own_sides(self, node: Node) -> dict[tuple[str, int], Node]:
        """The sides of a node whose conditions are in the same loop as it, each with a Switch of it."""
        return {} if node.op in CONTROL_FLOW_V1 else self._switches_of(self._region(node))

    def _switches_of(self, region: Region) -> dict[tuple[str, int], Node]:
        """The sides of a region whose conditions are in the same loop as it, each with a Switch of it."""
        return {
            (name, side): switch
            for switch, name in self.switches.items()
            for side in (0, 1)
            if (name, side) in region.sides and self._region(switch).frames == region.frames
        }

    def _fold_condition(self, condition: Condition, region: Region, merges: list[Node], until: int) -> None:
        """Merge(f(Switch(x, p):0), g(Switch(x, p):1))  ->  If(p, x) with branches f, g.

        Effects on the two sides go into it as far as they are before position `until`.
        """
        sides = []
        used_index = self._used([merge.outputs[1] for merge in merges])
        for side in (0, 1):
            inside = [
                node for node in self._members(region.frames) if (condition.name, side) in self._region(node).sides
            ]
            sources = {
                node.outputs[side]: node.inputs[0] for node in self.switches if self.switches[node] == condition.name
            }
            name = merges[0].name if merges else f"{condition.name}/condition"
            piece = _Piece(f"{name}/{'then' if side else 'else'}_branch", set(inside), sources)
            picks = [side == self.conditions[merge].first_side for merge in merges]
            ends = [merge.inputs[0 if pick else 1] for merge, pick in zip(merges, picks, strict=True)]
            ends += [
                piece.constant(merge, 0 if pick else 1)
                for merge, pick in zip(merges, picks, strict=True)
                if merge.outputs[1] in used_index
            ]
            effects = [node for node in inside if has_effects(node) and node.op not in CONTROL_FLOW_V1]
            piece.collect(ends, [node for node in effects if self._position(node) < until])
            sides.append((piece, ends))
        captured = list(dict.fromkeys(tensor for piece, _ in sides for tensor in piece.captured))
        branches = [piece.graph(captured, self._sorted, ends) for piece, ends in sides]
        node = Node("If", name, [condition.predicate, *captured], {"branches": branches})
        old = [merge.outputs[0] for merge in merges]
        old += [merge.outputs[1] for merge in merges if merge.outputs[1] in used_index]
        moved = {inner for piece, _ in sides for inner in piece.nodes if has_effects(inner)}
        self._put(node, region.frames, region.sides, old, {*merges, *moved})

    def _used(self, tensors: Iterable[Tensor]) -> set[Tensor]:
        wanted = set(tensors)
        return wanted & ({t for node in self.graph.nodes for t in node.inputs} | set(self.graph.outputs))

    # -- loops --------------------------------------------------------------------------------------------------------

    def _fold_loop(self, frame: tuple[str, ...]) -> None:
        """Exit(Switch(Merge(Enter(x), NextIteration(f(...))), LoopCond(g(...))))  ->  While(x) with cond g, body f."""
        members = self._members(frame)
        conditions = [node for node in members if node.op == "LoopCond"]
        merges = [node for node in members if node.op == "Merge"]
        if len(conditions) != 1 or any(len(merge.inputs) != 2 for merge in merges):
            raise InvalidGraphError(f"loop {'/'.join(frame)!r} has {len(conditions)} conditions; a loop has one.")
        (loop_condition,) = conditions
        firsts, nexts = [], []
        for merge in merges:
            around = {tensor.node.op: tensor.node for tensor in merge.inputs}
            if around.keys() != {"Enter", "NextIteration"}:
                raise InvalidGraphError(
                    f"Merge node {merge.name!r} of loop {'/'.join(frame)!r} has inputs {sorted(around)}; Enter and "
                    "NextIteration are expected."
                )
            firsts.append(around["Enter"].inputs[0])
            nexts.append(around["NextIteration"].inputs[0])
        switches = {
            node.inputs[0]: node for node in members if node.op == "Switch" and node.inputs[1].node is loop_condition
        }
        variables = [merge.outputs[0] for merge in merges]
        entered = {node.output: node.inputs[0] for node in members if node.op == "Enter"}
        plain = {node for node in members if node.op not in _LEFT_OVER}
        cond = _Piece(f"{loop_condition.name}/cond", plain, entered, variables)
        cond.collect(loop_condition.inputs, [])
        again = {switches[merge].outputs[1]: merge for merge in variables if merge in switches}
        body = _Piece(f"{loop_condition.name}/body", plain, entered, variables, again)
        body.collect(nexts, [node for node in plain - cond.nodes if has_effects(node) and node.op != "Switch"])
        captured = list(dict.fromkeys([*cond.captured, *body.captured]))
        graphs = {
            "cond": cond.graph(captured, self._sorted, loop_condition.inputs),
            "body": body.graph(captured, self._sorted, nexts, hands_on=True),
        }
        node = Node("While", loop_condition.name, [*firsts, *captured], graphs)
        exits = {tensor: node for tensor, node in self._exits(frame)}
        old = [exits[out].output if (out := _left(switches, tensor)) in exits else None for tensor in variables]
        sides = frozenset().union(*(self._region(tensor.node).sides for tensor in variables))
        self._put(node, frame[:-1], sides, [*old, *(None for _ in captured)], {*members, *exits.values()})

    def _exits(self, frame: tuple[str, ...]) -> list[tuple[Tensor, Node]]:
        return [
            (node.inputs[0], node)
            for node in self.graph.nodes
            if node.op == "Exit" and self._region(node.inputs[0].node).frames == frame
        ]

    # -- the graph ----------------------------------------------------------------------------------------------------

    def _put(
        self,
        node: Node,
        frame: tuple[str, ...],
        sides: frozenset[tuple[str, int]],
        old: Sequence[Tensor | None],
        gone: set[Node],
    ) -> None:
        """Put a While or If into the graph for nodes that go; its outputs replace `old`."""
        given = [tensor.dtype for tensor in node.inputs]
        ends = node.attrs["branches"][0].outputs if node.op == "If" else node.inputs
        for tensor in ends:
            node.add_output(tensor.dtype)
        node.attrs |= {"Tin": given[1:], "Tout": [t.dtype for t in node.outputs]} if node.op == "If" else {"T": given}
        self.positions[node] = (
            min(self.positions[tensor.node] for tensor in old if tensor is not None)
            if any(tensor is not None for tensor in old)
            else max(self.positions[other] for other in gone)
        )
        self.regions[node] = Region(frame, sides)
        self.graph.nodes = [other for other in self.graph.nodes if other not in gone] + [node]
        replaced = {before: after for before, after in zip(old, node.outputs, strict=True) if before is not None}
        self.graph.replace(replaced)
        for condition in self.conditions.values():
            condition.predicate = replaced.get(condition.predicate, condition.predicate)

    def _sorted(self, nodes: Iterable[Node]) -> list[Node]:
        """Nodes behind all that they need; otherwise in the order that they had, above all those with effects."""
        nodes = list(nodes)
        present = set(nodes)
        ordered = [node for node in sorted(nodes, key=self._position) if _keeps_order(node)]
        before = dict(zip(ordered[1:], ordered, strict=False))
        waits: dict[Node, int] = {}
        readers: dict[Node, list[Node]] = {}
        for node in nodes:
            needed = {t.node for t in node.inputs if t.node in present and not _is_back(node, t)}
            needed |= {before[node]} if node in before else set()
            waits[node] = len(needed)
            for source in needed:
                readers.setdefault(source, []).append(node)
        ticket = count()  # nodes of one position are not comparable
        heap = [(self._position(node), next(ticket), node) for node in nodes if not waits[node]]
        heapq.heapify(heap)
        order: list[Node] = []
        while heap:
            _, _, node = heapq.heappop(heap)
            order.append(node)
            for reader in readers.get(node, ()):
                waits[reader] -= 1
                if not waits[reader]:
                    heapq.heappush(heap, (self._position(reader), next(ticket), reader))
        if len(order) < len(nodes):
            stuck = next(node for node in nodes if waits[node])
            raise InvalidGraphError(f"node {stuck.name!r} depends on itself once its loops and conditions are nodes.")
        return order

    def _position(self, node: Node) -> int:
        return self.positions.get(node, -1)  # constants that were added here come first


class _Piece:
    """The nodes of one side of a condition, of a loop's test or body: what it takes from outside, what it gives."""

    def __init__(
        self,
        name: str,
        inside: set[Node],
        sources: Mapping[Tensor, Tensor],
        variables: Sequence[Tensor] = (),
        again: Mapping[Tensor, Tensor] | None = None,
    ) -> None:
        """`sources` gives for tensors at the border the outer tensor behind them, `again` those that are variables."""
        self.name = name
        self.inside = inside
        self.sources = sources
        self.variables = list(variables)
        self.again = again or {}
        self.nodes: set[Node] = set()
        self.captured: list[Tensor] = []

    def constant(self, merge: Node, value: int) -> Tensor:
        """Which input of a Merge is there, as its output 1 says."""
        array = np.array(value, np.int32)
        attrs = {"value": array, "key": ("side", merge.name, value)}
        node = Node("Const", f"{merge.name}/side", attrs=attrs)
        self.inside.add(node)
        return node.add_output(array.dtype, ())

    def collect(self, ends: Iterable[Tensor], effects: Iterable[Node]) -> None:
        """Find the nodes that the ends need, and the tensors from outside."""
        effects = list(effects)
        self.nodes.update(effects)
        stack = [*ends, *(tensor for node in effects for tensor in node.inputs)]
        while stack:
            tensor = stack.pop()
            if tensor in self.variables or tensor in self.again:
                continue
            if tensor in self.sources or tensor.node not in self.inside:
                outer = self._outer(tensor)
                if outer not in self.captured:
                    self.captured.append(outer)
            elif tensor.node not in self.nodes:
                self.nodes.add(tensor.node)
                stack += tensor.node.inputs

    def _outer(self, tensor: Tensor) -> Tensor:
        while tensor in self.sources:
            tensor = self.sources[tensor]
        return tensor

    def graph(self, captured: Sequence[Tensor], order: object, ends: Iterable[Tensor], hands_on: bool = False) -> Graph:
        """The piece as a graph: inputs are the variables, then what is captured; the latter are also the last outputs
        if `hands_on`."""
        graph = Graph(self.name)
        new: dict[Tensor, Tensor] = {}
        for index, tensor in enumerate([*self.variables, *captured]):
            node = Node("_Input", f"{self.name}/{index}")
            new[tensor] = node.add_output(tensor.dtype, tensor.shape)
            graph.nodes.append(node)
            graph.inputs.append(node.output)

        def find(tensor: Tensor) -> Tensor:
            inner = self.again.get(tensor, self._outer(tensor))
            if inner not in new:
                raise InvalidGraphError(
                    f"{self.name!r} needs {tensor!r}, which is inside of another loop or condition."
                )
            return new[inner]

        for node in order(self.nodes):  # type: ignore[operator]
            copy = Node(node.op, node.name, [find(tensor) for tensor in node.inputs], own_parts(node))
            for tensor in node.outputs:
                new[tensor] = copy.add_output(tensor.dtype, tensor.shape)
            graph.nodes.append(copy)
        graph.outputs = [find(tensor) for tensor in ends]
        if hands_on:
            graph.outputs += [new[tensor] for tensor in captured]
        return graph


def own_parts(node: Node) -> dict[str, object]:
    """The attributes of a copy of a node, with copies of the graphs in them: passes change graphs in place."""
    if not parts(node):
        return node.attrs
    return {
        name: _copied(value)
        if isinstance(value, Graph)
        else [_copied(graph) for graph in value]
        if name == "branches"
        else value
        for name, value in node.attrs.items()
    }


def _copied(graph: Graph) -> Graph:
    copy = Graph(graph.name)
    new: dict[Tensor, Tensor] = {}
    for node in graph.nodes:
        twin = Node(node.op, node.name, [new[tensor] for tensor in node.inputs], own_parts(node))
        for tensor in node.outputs:
            new[tensor] = twin.add_output(tensor.dtype, tensor.shape)
        copy.nodes.append(twin)
    copy.inputs = [new[tensor] for tensor in graph.inputs]
    copy.outputs = [new[tensor] for tensor in graph.outputs]
    return copy


def _left(switches: Mapping[Tensor, Node], variable: Tensor) -> Tensor | None:
    """The tensor that a variable leaves its loop by."""
    return switches[variable].outputs[0] if variable in switches else None


def _is_back(node: Node, tensor: Tensor) -> bool:
    return node.op == "Merge" and tensor.node.op == "NextIteration"


def _keeps_order(node: Node) -> bool:
    """Whether a node must stay before and behind others although no tensor says so."""
    if node.op in CONTROL_FLOW_V1:
        return False
    return has_effects(node) or any(tensor.dtype == RESOURCE for tensor in node.inputs)
