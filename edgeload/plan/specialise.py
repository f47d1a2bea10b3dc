"""From a Program's graph to the graph of one stage: every shape exact, everything that can be known is a constant.

Nodes are walked in order with the concrete specs of the inputs. A node whose inputs are all known is evaluated at once
by its reference, which is how shape arithmetic disappears. Where a shape depends on data, the stage ends: the nodes
that need it, and all that follow from them, are left for the next stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE
from edgeload.errors import EdgeloadError, InvalidGraphError
from edgeload.graph.branches import CONTROL
from edgeload.graph.effects import STRUCTURAL, has_effects
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels import registry
from edgeload.kernels.registry import NeedsValue, Op, Operand, Spec
from edgeload.kernels.tensor_list import UNSET, is_list_object

SHAPE_ONLY = frozenset(
    {"Shape", "ShapeN", "Size", "Rank", "TensorListLength"}
)  # their values follow from shapes, not from data
_FIRST_ELEMENTS = frozenset({"TensorListSetItem", "TensorListScatterIntoExistingList"})  # tell an UNSET list's shape
_FOLD_NBYTES = 1 << 16  # larger results are computed by kernels at run time, not kept as constants


@dataclass
class Stage:
    """What `specialise` returns. `graph` can be planned; its outputs are the function's, or, when `rest` is there, the
    inputs of `rest` in order. `needs_values` are inputs of the graph that must be known for planning to get further."""

    graph: Graph
    rest: Graph | None
    needs_values: set[int] = field(default_factory=set)


def specialise(graph: Graph, specs: Sequence[Spec], values: dict[int, np.ndarray]) -> Stage:
    """Split a graph into the stage that concrete input specs (and known input values) allow, and the rest."""
    return _Specialiser(graph, specs, values).run()


class _Specialiser:
    def __init__(self, graph: Graph, specs: Sequence[Spec], values: dict[int, np.ndarray]) -> None:
        self.source = graph
        self.specs = specs
        self.values = values
        self.stage = Graph(graph.name)
        self.new: dict[Tensor, Tensor] = {}  # tensors of the source to tensors of the stage
        self.deferred: list[Node] = []
        self.dynamic: set[Tensor] = set()  # made by the stage, with a shape that only running tells
        self.needs_values: set[int] = set()
        self.is_read_deferred = False  # of a variable, table or list: nothing may be written before it has happened
        self.is_write_deferred = False  # nothing may be read or written before it has happened
        self.input_index = {tensor: index for index, tensor in enumerate(graph.inputs)}

    def run(self) -> Stage:
        for node in self.source.nodes:
            if node.op == "_Input":
                self._add_input(node)
            elif self._is_blocked(node):
                self._defer(node)
            else:
                self._add(node)
        if not self.deferred and not self.dynamic & set(self.source.outputs):
            self.stage.outputs = [self.new[tensor] for tensor in self.source.outputs]
            return Stage(self.stage, None)
        return self._cut()

    def _is_blocked(self, node: Node) -> bool:
        writes, reads = has_effects(node), _reads_state(node)
        out_of_turn = self.is_write_deferred and (writes or reads) or self.is_read_deferred and writes
        return out_of_turn or any(tensor not in self.new or tensor in self.dynamic for tensor in node.inputs)

    def _defer(self, node: Node) -> None:
        self.deferred.append(node)
        self.is_write_deferred |= has_effects(node)
        self.is_read_deferred |= _reads_state(node)

    def _add_input(self, node: Node) -> None:
        index = self.input_index[node.output]
        spec = self.specs[index]
        copy = Node("_Input", node.name, attrs=node.attrs)
        self.new[node.output] = copy.add_output(spec.dtype, spec.shape)
        self.stage.nodes.append(copy)
        self.stage.inputs.append(copy.output)
        if index in self.values:
            self._add_constant(node.output, node.name, self.values[index])

    def _add_constant(self, source: Tensor, name: str, value: np.ndarray) -> None:
        content = tuple(value.ravel().tolist()) if value.dtype == object else value.tobytes()
        key = ("planned", value.dtype.name, value.shape, content)  # another plan's value under this name may differ
        constant = Node("Const", name, attrs={"value": value, "key": key})
        constant.add_output(value.dtype, np.shape(value))
        self.stage.nodes.append(constant)
        self.new[source] = constant.output

    def _add(self, node: Node) -> None:
        if node.op in STRUCTURAL:
            shape = np.shape(node.attrs["value"]) if node.op == "Const" else ()
            copy = Node(node.op, node.name, attrs=node.attrs)
            self.new[node.output] = copy.add_output(node.output.dtype, shape)
            self.stage.nodes.append(copy)
            return
        operands = [self._operand(tensor, index) for index, tensor in enumerate(node.inputs)]
        try:
            if node.op in CONTROL:
                specs = None
            else:
                op = registry.find(node.op)
                if op is None:
                    raise InvalidGraphError(f"{node.op} node {node.name!r}: no such op is registered.")
                inferred = op.infer(node, *operands)
                specs = [inferred] if isinstance(inferred, Spec) else list(inferred)
                if self._fold(node, op, operands, specs):
                    return
        except NeedsValue as missing:
            tensor = node.inputs[missing.index]
            if tensor in self.input_index:
                self.needs_values.add(self.input_index[tensor])
            self._defer(node)
            return
        self._copy(node, specs)

    def _operand(self, tensor: Tensor, index: int) -> Operand:
        mine = self.new[tensor]
        value = mine.node.attrs["value"] if mine.node.op == "Const" else None
        resource = mine.node.attrs["resource"] if mine.node.op == "_Resource" else None
        return Operand(mine.dtype, mine.shape or (), index, value, resource=resource)  # type: ignore[arg-type]

    def _fold(self, node: Node, op: Op, operands: Sequence[Operand], specs: Sequence[Spec]) -> bool:
        """Evaluate a node whose outputs can be known now."""
        if op.stateful or op.reference is None or not operands:
            return False
        if any(spec.shape is None or not isinstance(spec.dtype, np.dtype) for spec in specs):
            return False
        if node.op in SHAPE_ONLY and all(operand.dtype != RESOURCE for operand in operands):
            arrays: list[Any] = [np.broadcast_to(np.zeros((), np.int8), operand.shape) for operand in operands]
        elif all(operand.value is not None for operand in operands):
            nbytes = sum(int(np.prod(spec.shape)) * getattr(spec.dtype, "itemsize", 8) for spec in specs)  # type: ignore[arg-type, misc]
            if nbytes > _FOLD_NBYTES:
                return False
            arrays = [operand.value for operand in operands]
        else:
            return False
        results = op.reference(node, *arrays)
        results = list(results) if isinstance(results, list | tuple) else [results]
        for tensor, spec, result in zip(node.outputs, specs, results, strict=True):
            self._add_constant(tensor, tensor.name, np.asarray(result, dtype=spec.dtype))  # type: ignore[arg-type]
        return True

    def _copy(self, node: Node, specs: Sequence[Spec] | None) -> None:
        copy = Node(node.op, node.name, [self.new[tensor] for tensor in node.inputs], node.attrs)
        if (
            node.op in _FIRST_ELEMENTS
            and copy.inputs[0].dtype == UNSET
            and specs
            and not is_list_object(specs[0].dtype)
        ):
            copy.inputs[0] = self._empty_list(copy.inputs[0], specs[0])
        for index, tensor in enumerate(node.outputs):
            spec = specs[index] if specs is not None else Spec(tensor.dtype, None)
            self.new[tensor] = copy.add_output(spec.dtype, spec.shape)
            if spec.shape is None:
                self.dynamic.add(tensor)
        if specs is None:
            self._try_native_control(node, copy)
        self.stage.nodes.append(copy)

    def _try_native_control(self, node: Node, copy: Node) -> None:
        """Give a loop or branch exact output shapes where its parts can be planned with them; see `control`."""
        from edgeload.plan.control import signature

        found = signature(copy)
        if found is None:
            return
        first = len(copy.inputs) - len(found.inputs)
        for index, spec in enumerate(found.inputs, first):
            if copy.inputs[index].dtype == UNSET and spec.dtype != UNSET:
                copy.inputs[index] = self._empty_list(copy.inputs[index], spec)
        for tensor, mine, spec in zip(node.outputs, copy.outputs, found.outputs, strict=True):
            mine.dtype, mine.shape = spec.dtype, spec.shape
            self.dynamic.discard(tensor)

    def _empty_list(self, source: Tensor, spec: Spec) -> Tensor:
        """An UNSET list, now that its element shape is known."""
        node = Node("_EmptyList", f"{source.name}/list", attrs={"dtype": spec.dtype, "shape": spec.shape})
        self.stage.nodes.append(node)
        return node.add_output(spec.dtype, spec.shape)

    def _cut(self) -> Stage:
        """End the stage: what the deferred nodes, and the function's outputs, need from it becomes its outputs."""
        rest = Graph(self.source.name)
        moved: dict[Tensor, Tensor] = {}
        deferred_outputs = {tensor for node in self.deferred for tensor in node.outputs}

        def carry(tensor: Tensor) -> Tensor:
            if tensor in moved or tensor in deferred_outputs:
                return moved.get(tensor, tensor)
            mine = self.new[tensor]
            if mine.node.op in ("Const", "_Resource"):
                node = Node(mine.node.op, mine.node.name, attrs=mine.node.attrs)
            else:
                node = Node("_Input", f"{tensor.name}", attrs={})
                self.stage.outputs.append(mine)
            moved[tensor] = node.add_output(tensor.dtype, tensor.shape)
            rest.nodes.append(node)
            if node.op == "_Input":
                rest.inputs.append(node.output)
            return moved[tensor]

        for node in self.deferred:
            for tensor in node.inputs:
                carry(tensor)
        for tensor in self.source.outputs:
            carry(tensor)
        for node in self.deferred:
            copy = Node(node.op, node.name, [moved[tensor] for tensor in node.inputs], node.attrs)
            for tensor in node.outputs:
                moved[tensor] = copy.add_output(tensor.dtype, tensor.shape)
            rest.nodes.append(copy)
        rest.outputs = [moved[tensor] for tensor in self.source.outputs]
        work = [node for node in self.stage.nodes if node.op not in STRUCTURAL]
        if not work and not self.needs_values and len(rest.nodes) >= len(self.source.nodes):
            blocked = ", ".join(f"{node.op} {node.name!r}" for node in self.deferred[:3])
            raise EdgeloadError(
                f"planning {self.source.name!r} makes no progress at: {blocked}. Please report this model."
            )
        return Stage(self.stage, rest, self.needs_values)


def _reads_state(node: Node) -> bool:
    """Whether what the node gives depends on when it runs."""
    return any(tensor.dtype == RESOURCE for tensor in node.inputs)
