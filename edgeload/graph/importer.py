"""From FunctionDefs and GraphDefs to Graphs.

What outputs and effects do not need is left out before any attribute is decoded. Calls are inlined: the nodes of a
called function stand in the caller's place, named `call/node`. Control edges are gone afterwards: the order of
Graph.nodes keeps them. Branches and loop bodies become Graphs of their own (see `branches`).

References (TF1 variables: `VariableV2`, `Assign`, ...) become resources: a node that wants the value reads it through a
ReadVariableOp where it stands, and `Assign` is an AssignVariableOp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE, VARIANT, DType, name_of
from edgeload.errors import InvalidGraphError, UnsupportedOpError
from edgeload.graph.attributes import attributes, dtypes_of, is_unknown, require_dtypes
from edgeload.graph.branches import CONTROL, LOOPS, bind_branch_inputs, parts
from edgeload.graph.dataflow import Dataflow
from edgeload.graph.effects import prune
from edgeload.graph.import_dataflow import add_dataflow
from edgeload.graph.ir import Graph, Node, Shape, Tensor
from edgeload.graph.order import needed_nodes, nodes_by_name, running_order, source_of
from edgeload.graph.references import ON_RESOURCES, choose_references
from edgeload.graph.regions import CONTROL_FLOW_V1, flow_op
from edgeload.graph.tensor_arrays import replace_tensor_arrays
from edgeload.savedmodel import opdefs
from edgeload.savedmodel.attrs import FunctionRef
from edgeload.savedmodel.opdefs import Arg, OpDef
from edgeload.savedmodel.tensors import shape_of

ResourceOf = Callable[[str, str, Mapping[str, Any]], Any]

_DEEPEST_CALL = 64  # functions inside functions
_MOST_NODES = 1 << 17  # of one import: calls of calls can multiply
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_ORDER_ONLY = frozenset({"NoOp", "DisableCopyOnRead"})  # the latter is a hint about how TensorFlow keeps a variable
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})


def import_function(
    library: Mapping[str, Any],
    name: str,
    captures: Sequence[Any],
    resource_of: ResourceOf = lambda name, op, attrs: None,
) -> Graph:
    """The FunctionDef `name` as a Graph. `captures` are bound to its last arguments: arrays become Consts, all other
    objects (variables, tables) become _Resources. `resource_of`: see import_graph_def. Raises InvalidGraphError,
    UnsupportedOpError."""
    graph = _Importer(library, resource_of).function_graph(FunctionRef(name, {}), "", (), list(captures))
    bind_branch_inputs(graph)
    prune(graph)
    return graph


def import_graph_def(
    graph_def: Any,
    feeds: Sequence[str],
    fetches: Sequence[str],
    library: Mapping[str, Any],
    resource_of: ResourceOf = lambda name, op, attrs: None,
) -> Graph:
    """The part of a GraphDef that computes `fetches`. The graph is cut at the tensors `feeds`, which become its inputs.

    A tensor may be fed twice; the last value counts. Fetches are tensors (`node:k`) or operations (`node`), which run
    and give no output. `resource_of(node name, op, attrs)` is asked for the object behind each node that makes a
    reference or a resource from nothing (VariableV2, VarHandleOp, HashTableV2); None leaves the node as it is. Raises
    InvalidGraphError, UnsupportedOpError.
    """
    where = "the graph"
    nodes = nodes_by_name(graph_def.node, where)
    importer = _Importer(library, resource_of)
    graph = Graph("graph")
    scope = _Scope(graph, where)
    fed = {tensor_name(feed) for feed in feeds}
    for feed in feeds:
        name = tensor_name(feed)
        source = source_of(name)
        if source not in nodes:
            raise InvalidGraphError(f"{where}: the input {feed!r} belongs to no node of the graph.")
        dtype, shape = importer.output_of(nodes[source], int(name.split(":")[1]), where)
        scope.fed[name] = importer.input(
            graph, f"{source}/{name.split(':')[1]}" if name[-2:] != ":0" else source, dtype, shape
        )

    def is_leaf(edge: str) -> bool:
        if edge.startswith("^"):
            source = edge[1:]
            return f"{source}:0" in fed and source in nodes and nodes[source].op in _PLACEHOLDERS
        return tensor_name(edge) in fed

    roots = [fetch if ":" in fetch else f"^{fetch}" for fetch in fetches]
    needed = needed_nodes(nodes, roots, is_leaf, where)
    flow = add_dataflow(importer, scope, needed, roots, is_leaf)
    for fetch in fetches:
        if ":" in fetch:
            graph.outputs.append(importer.value(scope, scope.resolve(fetch, "output")))
    _structure(graph, flow)
    bind_branch_inputs(graph)
    prune(graph)
    return graph


def _structure(graph: Graph, flow: Dataflow) -> None:
    """Turn what TF1 wrote as dataflow, references and handles into If, While, resources and lists."""
    replace_tensor_arrays(graph)
    flow.structure()
    choose_references(graph)


def tensor_name(edge: str) -> str:
    """`node` and `node:0` are the same tensor."""
    return edge if ":" in edge else f"{edge}:0"


@dataclass
class _Made:
    """The outputs of an imported node (or function argument): in order, and by the OpDef's output arguments."""

    tensors: list[Tensor]
    by_arg: Mapping[str, list[Tensor]] = field(default_factory=dict)
    unknown: Node | None = None  # a node without OpDef: it gets outputs as they are asked for


@dataclass
class _Scope:
    """The body that is being imported: where its nodes go, and what its names mean."""

    graph: Graph
    where: str
    prefix: str = ""
    calls: tuple[str, ...] = ()
    bindings: Mapping[str, Any] = field(default_factory=dict)  # values of the function's attributes
    made: dict[str, _Made] = field(default_factory=dict)
    fed: dict[str, Tensor] = field(default_factory=dict)  # tensors of a GraphDef where it is cut
    late: Mapping[str, Sequence[str]] = field(default_factory=dict)  # edges of Merge nodes from a loop's turn before

    def resolve(self, edge: str, reader: str, offset: int = 0) -> Tensor:
        """The tensor that an edge names, or the one `offset` behind it in the same list."""
        if self.fed and tensor_name(edge) in self.fed:
            return self.fed[tensor_name(edge)]
        name, *rest = edge.split(":")
        made = self.made.get(name)
        if made is None:
            raise InvalidGraphError(f"{self.where}: {reader!r} reads {edge!r}, which has no value there.")
        digits = rest.pop() if rest and rest[-1].isdecimal() and len(rest[-1]) < 9 else "0"
        index = int(digits) + offset
        if made.unknown is not None:
            return self._unknown_output(made, tuple(rest), index)
        tensors = made.by_arg.get(rest[0], []) if rest else made.tensors
        if len(rest) > 1 or index >= len(tensors):
            raise InvalidGraphError(
                f"{self.where}: {reader!r} reads {edge!r}, and node {name!r} has no such output; it has "
                f"{', '.join(f'{arg}[{len(items)}]' for arg, items in made.by_arg.items()) or len(tensors)}."
            )
        return tensors[index]

    @staticmethod
    def _unknown_output(made: _Made, arg: tuple[str, ...], index: int) -> Tensor:
        assert made.unknown is not None
        known: dict[Any, Tensor] = made.unknown.attrs["outputs"]
        if (arg, index) not in known:
            known[arg, index] = made.unknown.add_output(VARIANT)
        return known[arg, index]


class _Importer:
    """One import: the function library, and what is common to all bodies."""

    def __init__(self, library: Mapping[str, Any], resource_of: ResourceOf = lambda name, op, attrs: None) -> None:
        self.library = library
        self.resource_of = resource_of
        self.nodes_left = _MOST_NODES
        self.names: dict[Graph, set[str]] = {}
        self.signatures: dict[str, OpDef] = {}
        self.references: dict[Tensor, DType] = {}  # resources that are TF1 references, and the dtype of their value

    # -- functions --------------------------------------------------------------------------------------------------

    def function_graph(self, ref: FunctionRef, prefix: str, calls: tuple[str, ...], captures: list[Any]) -> Graph:
        """A function as a Graph with _Input nodes."""
        function = self._find(ref.name, calls)
        graph = Graph(prefix.rstrip("/") or ref.name)
        arguments: list[Tensor] = []
        where = f"function {ref.name!r}"
        specs = [
            (arg.name, dtype, self._argument_shape(function, position))
            for position, arg in enumerate(self._signature(function).inputs)
            for dtype in dtypes_of(arg, ref.attrs, where)
        ]
        free = len(specs) - len(captures)
        if free < 0:
            raise InvalidGraphError(
                f"{where} has {len(specs)} arguments, and {len(captures)} captures are bound to it."
            )
        for name, dtype, shape in specs[:free]:
            arguments.append(self.input(graph, prefix + name, dtype, shape))
        for (name, dtype, _), capture in zip(specs[free:], captures, strict=True):
            arguments.append(self._capture(graph, prefix + name, dtype, capture, where))
        graph.outputs = self._body(graph, function, ref, arguments, prefix, calls)
        prune(graph)
        return graph

    def input(self, graph: Graph, name: str, dtype: DType, shape: Shape) -> Tensor:
        """A new input of the graph."""
        node = self._append(graph, "_Input", name, [], {})
        graph.inputs.append(node.add_output(dtype, shape))
        return node.output

    def _capture(self, graph: Graph, name: str, dtype: DType, capture: Any, where: str) -> Tensor:
        if isinstance(capture, np.ndarray):
            if capture.dtype != dtype:
                raise InvalidGraphError(
                    f"{where}: the constant bound to {name!r} is {name_of(capture.dtype)}, declared {name_of(dtype)}."
                )
            attrs = {"value": capture, "key": ("capture", name), "is_captured": True}
            node = self._append(graph, "Const", name, [], attrs)
            return node.add_output(dtype, capture.shape)
        if dtype != RESOURCE:
            raise InvalidGraphError(f"{where}: {capture!r} is bound to {name!r}, which is declared {name_of(dtype)}.")
        return self._append(graph, "_Resource", name, [], {"resource": capture}).add_output(RESOURCE, ())

    @staticmethod
    def _argument_shape(function: Any, position: int) -> Shape:
        hint = function.arg_attr[position].attr["_output_shapes"] if position in function.arg_attr else None
        return shape_of(hint.list.shape[0]) if hint is not None and hint.list.shape else None

    def _signature(self, function: Any) -> OpDef:
        """The signature of a FunctionDef."""
        name = function.signature.name
        if name not in self.signatures:
            self.signatures[name] = opdefs.from_message(function.signature)
        return self.signatures[name]

    def _find(self, name: str, calls: tuple[str, ...]) -> Any:
        if name not in self.library:
            raise InvalidGraphError(
                f"{calls[-1] if calls else 'the model'!r} calls function {name!r}, which the model does not have."
            )
        if name in calls:
            raise InvalidGraphError(
                f"function {name!r} calls itself, through {' -> '.join(calls)}; recursion is not supported."
            )
        if len(calls) >= _DEEPEST_CALL:
            raise InvalidGraphError(
                f"functions call each other more than {_DEEPEST_CALL} deep: {' -> '.join(calls[:4])} ..."
            )
        return self.library[name]

    def _body(
        self,
        graph: Graph,
        function: Any,
        ref: FunctionRef,
        arguments: Sequence[Tensor],
        prefix: str,
        calls: tuple[str, ...],
    ) -> list[Tensor]:
        """Append the nodes of a function, and give its outputs."""
        where = f"function {ref.name!r}"
        scope = _Scope(graph, where, prefix, (*calls, ref.name), ref.attrs)
        signature = self._signature(function)
        rest = list(arguments)
        for arg in signature.inputs:
            count = len(dtypes_of(arg, ref.attrs, where))
            scope.made[arg.name] = _Made(rest[:count])
            del rest[:count]
        nodes = nodes_by_name(function.node_def, where)
        returned = []
        for arg in signature.outputs:
            if arg.name not in function.ret:
                raise InvalidGraphError(f"{where} has no value for its output {arg.name!r}.")
            returned.append((arg, function.ret[arg.name]))
        controls = list(function.control_ret.values())
        if not controls:  # before automatic control dependencies, everything with effects ran
            controls = [node.name for node in function.node_def if _acts(node)]
        roots = [edge for _, edge in returned] + [f"^{name}" for name in controls]
        given = frozenset(scope.made)

        def is_leaf(edge: str) -> bool:
            return source_of(edge) in given

        flow = None
        if any(flow_op(node.op) in CONTROL_FLOW_V1 or node.op == "TensorArrayV3" for node in function.node_def):
            scope.graph = Graph(graph.name)
            self.names[scope.graph] = self.names.setdefault(graph, set())
            flow = add_dataflow(self, scope, needed_nodes(nodes, roots, is_leaf, where), roots, is_leaf)
        else:
            for node_def in running_order(nodes, roots, is_leaf, where):
                self.add(scope, node_def)
        outputs = [
            self.value(scope, scope.resolve(edge, arg.name, offset))
            for arg, edge in returned
            for offset in range(len(dtypes_of(arg, ref.attrs, where)))
        ]
        if flow is None:
            return outputs
        part = scope.graph
        part.outputs = outputs
        _structure(part, flow)
        graph.nodes += part.nodes
        return part.outputs

    # -- nodes ------------------------------------------------------------------------------------------------------

    def add(self, scope: _Scope, node_def: Any) -> None:
        """Append what a NodeDef stands for, and note its outputs under its name."""
        if node_def.op in _ORDER_ONLY:
            scope.made[node_def.name] = _Made([])
            return
        where = f"{scope.where}: {node_def.op} node {node_def.name!r}"
        definition, is_function = self._definition(node_def.op)
        attrs, hints = attributes(node_def, definition, scope.bindings, where)
        edges = [edge for edge in node_def.input if not edge.startswith("^")]
        late = scope.late.get(node_def.name, ())
        early = [edge for edge in edges if edge not in late]  # one of them stands in for the late ones
        inputs = [scope.resolve(early[0] if edge in late else edge, node_def.name) for edge in edges if early]
        if definition is None:
            node = self._append(scope.graph, node_def.op, scope.prefix + node_def.name, inputs, {"outputs": {}})
            scope.made[node_def.name] = _Made([], unknown=node)
            return
        inputs = self._fit_inputs(scope, node_def, definition, attrs, inputs, where)
        results = [(arg, dtypes_of(arg, attrs, where)) for arg in definition.outputs]
        if node_def.op in _CALLS or is_function:
            tensors = self._call(scope, node_def, is_function, attrs, inputs, where)
        else:
            tensors = self._make(scope, node_def, definition, attrs, hints, inputs, results)
        declared = [dtype for _, dtypes in results for dtype in dtypes]
        require_dtypes([tensor.dtype for tensor in tensors], declared, where, "outputs", self.references, tensors)
        by_arg, rest = {}, list(tensors)
        for arg, dtypes in results:
            by_arg[arg.name] = rest[: len(dtypes)]
            del rest[: len(dtypes)]
        scope.made[node_def.name] = _Made(tensors, by_arg)

    def value(self, scope: _Scope, tensor: Tensor) -> Tensor:
        """The tensor, or the value behind a reference, read now."""
        if tensor not in self.references:
            return tensor
        dtype = self.references[tensor]
        node = self._append(scope.graph, "ReadVariableOp", f"{tensor.node.name}/read", [tensor], {"dtype": dtype})
        return node.add_output(dtype)

    def output_of(self, node_def: Any, index: int, where: str) -> tuple[DType, Shape]:
        """Dtype and shape of one output of a NodeDef that is not imported, because it is fed."""
        definition, _ = self._definition(node_def.op)
        where = f"{where}: {node_def.op} node {node_def.name!r}"
        if definition is None:
            raise UnsupportedOpError(f"{where} is an input, and its op is unknown.")
        attrs, hints = attributes(node_def, definition, {}, where)
        dtypes = [dtype for arg in definition.outputs for dtype in dtypes_of(arg, attrs, where)]
        if index >= len(dtypes):
            raise InvalidGraphError(f"{where} has {len(dtypes)} outputs, and output {index} is an input of the graph.")
        shape = attrs.get("shape") if node_def.op in _PLACEHOLDERS else None
        return dtypes[index], hints[index] if index < len(hints) else shape

    def _definition(self, op: str) -> tuple[OpDef | None, bool]:
        """The OpDef of an op, and whether the op is a function of the library."""
        definition = opdefs.get(op)
        if definition is None and op in self.library:
            return self._signature(self.library[op]), True
        return definition, False

    def _fit_inputs(
        self,
        scope: _Scope,
        node_def: Any,
        definition: OpDef,
        attrs: Mapping[str, Any],
        inputs: list[Tensor],
        where: str,
    ) -> list[Tensor]:
        """The inputs, with references read where the op takes a value. Raises InvalidGraphError for wrong dtypes."""
        expected = [(arg.is_ref, dtype) for arg in definition.inputs for dtype in dtypes_of(arg, attrs, where)]
        if len(expected) != len(inputs):
            raise InvalidGraphError(f"{where} has {len(inputs)} inputs, its op takes {len(expected)}.")
        fitted = [
            tensor if is_ref else self.value(scope, tensor)
            for tensor, (is_ref, _) in zip(inputs, expected, strict=True)
        ]
        declared = [dtype for _, dtype in expected]
        require_dtypes([tensor.dtype for tensor in fitted], declared, where, "inputs", self.references, fitted)
        return fitted

    def _call(
        self, scope: _Scope, node_def: Any, is_function: bool, attrs: dict[str, Any], inputs: list[Tensor], where: str
    ) -> list[Tensor]:
        """Inline a called function."""
        ref = FunctionRef(node_def.op, attrs) if is_function else _function_ref(attrs, "f", where)
        function = self._find(ref.name, scope.calls)
        signature = self._signature(function)
        declared = [dtype for arg in signature.inputs for dtype in dtypes_of(arg, ref.attrs, where)]
        require_dtypes([tensor.dtype for tensor in inputs], declared, where, "arguments", self.references, inputs)
        return self._body(scope.graph, function, ref, inputs, f"{scope.prefix}{node_def.name}/", scope.calls)

    def _make(
        self,
        scope: _Scope,
        node_def: Any,
        definition: OpDef,
        attrs: dict[str, Any],
        hints: list[Shape],
        inputs: list[Tensor],
        results: list[tuple[Arg, list[DType]]],
    ) -> list[Tensor]:
        """Append one node. Gives its outputs."""
        name = scope.prefix + node_def.name
        outputs = [(arg.is_ref, dtype) for arg, dtypes in results for dtype in dtypes]
        resource = self._resource(node_def, definition, attrs, inputs, outputs)
        if resource is not None:
            tensor = self._append(scope.graph, "_Resource", name, [], {"resource": resource}).add_output(RESOURCE, ())
            self._note_reference(tensor, node_def.op, outputs[0])
            return [tensor]
        if node_def.op == "Const":
            attrs = {"value": attrs["value"], "key": ("const", name)}
            hints = [np.shape(attrs["value"])]
        elif node_def.op in CONTROL:
            attrs = self._with_branches(scope, node_def, attrs, inputs, [dtype for _, dtype in outputs])
        if node_def.op == "RefIdentity":
            return [inputs[0]]
        if outputs and outputs[0][0] and node_def.op in ON_RESOURCES:
            self._append(scope.graph, ON_RESOURCES[node_def.op], name, inputs, {**attrs, "dtype": attrs["T"]})
            return [inputs[0]]
        op = ON_RESOURCES.get(node_def.op, node_def.op) if inputs and inputs[0] in self.references else node_def.op
        node = self._append(scope.graph, flow_op(op), name, inputs, attrs)
        for index, (is_ref, dtype) in enumerate(outputs):
            if is_ref and any(tensor in self.references for tensor in inputs):  # RefSwitch, RefMerge, ... hand it on
                self.references[node.add_output(RESOURCE, ())] = dtype
            else:
                node.add_output(dtype, hints[index] if index < len(hints) else None)
        return node.outputs

    def _resource(
        self,
        node_def: Any,
        definition: OpDef,
        attrs: Mapping[str, Any],
        inputs: list[Tensor],
        outputs: list[tuple[bool, DType]],
    ) -> Any:
        """The object that a node makes a reference or handle of from nothing, or from the keys that a dense table does
        not take."""
        if len(outputs) != 1 or not (outputs[0][0] or outputs[0][1] == RESOURCE):
            return None
        if "DenseHashTable" in node_def.op and all(tensor.node.op == "Const" for tensor in inputs):
            attrs = {**attrs, "reserved": tuple(tensor.node.attrs["value"].item() for tensor in inputs)}
        elif definition.inputs:
            return None
        return self.resource_of(node_def.name, node_def.op, attrs)

    def _note_reference(self, tensor: Tensor, op: str, output: tuple[bool, DType]) -> None:
        is_ref, dtype = output
        if is_ref and not op.endswith("HashTable"):  # references to tables are handles; nobody reads their value
            self.references[tensor] = dtype

    def _with_branches(
        self, scope: _Scope, node_def: Any, attrs: dict[str, Any], inputs: list[Tensor], results: list[DType]
    ) -> dict[str, Any]:
        """Attributes of a control-flow node with its functions imported as graphs."""
        where = f"{scope.where}: {node_def.op} node {node_def.name!r}"

        def graph(label: str, value: Any) -> Graph:
            if not isinstance(value, FunctionRef):
                raise InvalidGraphError(f"{where}: attribute {label!r} is {value!r}, a function is expected.")
            return self.function_graph(value, f"{scope.prefix}{node_def.name}/{label}/", scope.calls, [])

        given = [tensor.dtype for tensor in inputs]
        unknown = {index for index, tensor in enumerate(inputs) if is_unknown(tensor)}
        attrs = dict(attrs)
        if node_def.op in LOOPS:
            known_results = dict(enumerate(results))
            given = [known_results.get(i, dtype) if i in unknown else dtype for i, dtype in enumerate(given)]
            attrs["cond"], attrs["body"] = graph("cond", attrs.get("cond")), graph("body", attrs.get("body"))
            if len(attrs["cond"].outputs) != 1 or given != results:
                raise InvalidGraphError(
                    f"{where}: the condition must have one output, and the loop as many outputs as inputs."
                )
            expected = [(given, None), (given, given)]
        else:
            if node_def.op.endswith("If"):
                branches = [
                    ("else_branch", attrs.pop("else_branch", None)),
                    ("then_branch", attrs.pop("then_branch", None)),
                ]
            else:
                branches = [(f"branch_{index}", ref) for index, ref in enumerate(attrs.get("branches") or [])]
            if not branches:
                raise InvalidGraphError(f"{where} has no branches.")
            attrs["branches"] = [graph(label, ref) for label, ref in branches]
            expected = [(given[1:], results)] * len(branches)
        for part, (part_given, part_results) in zip(_parts(node_def.op, attrs), expected, strict=True):
            taken = [tensor.dtype for tensor in part.inputs]
            if len(taken) == len(part_given):
                first = len(inputs) - len(part_given)
                taken = [
                    dtype if index + first in unknown else own
                    for index, (own, dtype) in enumerate(zip(taken, part_given, strict=True))
                ]
            require_dtypes(taken, part_given, where, f"inputs of {part.name!r}")
            if part_results is not None:
                found = [tensor.dtype for tensor in part.outputs]
                require_dtypes(found, part_results, where, f"outputs of {part.name!r}", {}, part.outputs)
        return attrs

    def _append(self, graph: Graph, op: str, name: str, inputs: list[Tensor], attrs: dict[str, Any]) -> Node:
        """A new node at the end of the graph, under a name that is unique there."""
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise InvalidGraphError(
                f"graph {graph.name!r} has more than {_MOST_NODES} nodes once its calls are inlined."
            )
        names = self.names.setdefault(graph, set())
        unique, number = name, 1
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        names.add(unique)
        node = Node(op, unique, list(inputs), attrs)
        graph.nodes.append(node)
        return node


def _parts(op: str, attrs: dict[str, Any]) -> tuple[Graph, ...]:
    return parts(Node(op, "", attrs=attrs))


def _acts(node_def: Any) -> bool:
    """Whether a node of an old function ran although nobody reads it: it is stateful and returns nothing."""
    definition = opdefs.get(node_def.op)
    return definition is not None and definition.is_stateful and not definition.outputs


def _function_ref(attrs: Mapping[str, Any], name: str, where: str) -> FunctionRef:
    ref = attrs.get(name)
    if not isinstance(ref, FunctionRef):
        raise InvalidGraphError(f"{where}: attribute {name!r} is {ref!r}, a function is expected.")
    return ref
