"""The graph of a TF1 model to look at: its operations and tensors by name, its collections, its GraphDef.

https://www.tensorflow.org/api_docs/python/tf/Graph
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgeload.dtypes import VARIANT, DType, name_of
from edgeload.errors import ArgumentTypeError, ArgumentValueError, UnknownNameError
from edgeload.objects.variables import Shape, Variable
from edgeload.savedmodel import attrs, opdefs, tensors

_MOST_OUTPUTS = 1 << 16  # of one list argument
_UNKNOWN_SCALARS = 24  # before this version of GraphDefs, the shape () of a placeholder meant unknown
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")


class GraphTensor:
    """A symbolic tensor: output `value_index` of an operation. `shape` is what the graph tells of it, or None."""

    def __init__(self, op: Operation, value_index: int, dtype: DType | None, shape: Shape) -> None:
        self.op = op
        self.value_index = value_index
        self.dtype = VARIANT if dtype is None else dtype
        self.shape = shape

    @property
    def name(self) -> str:
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self) -> GraphElements:
        return self.op.graph

    @property
    def device(self) -> str:
        return self.op.device

    def get_shape(self) -> Shape:
        return self.shape

    def consumers(self) -> list[Operation]:
        """The operations that read the tensor."""
        return [op for op in self.graph.get_operations() if self in op.inputs]

    def __repr__(self) -> str:
        return f"<edgeload.GraphTensor {self.name!r} shape={self.shape} dtype={name_of(self.dtype)}>"


class Operation:
    """A node of the graph, with TensorFlow's names."""

    def __init__(self, graph: GraphElements, node: Any) -> None:
        self.graph = graph
        self._node = node

    @property
    def name(self) -> str:
        return str(self._node.name)

    @property
    def type(self) -> str:
        return str(self._node.op)

    @property
    def device(self) -> str:
        return str(self._node.device)

    @property
    def node_def(self) -> Any:
        """A copy of the NodeDef message."""
        return type(self._node).FromString(self._node.SerializeToString())

    @functools.cached_property
    def inputs(self) -> tuple[GraphTensor, ...]:
        edges = [edge for edge in self._node.input if not edge.startswith("^")]
        return tuple(self.graph.get_tensor_by_name(edge if ":" in edge else f"{edge}:0") for edge in edges)

    @property
    def control_inputs(self) -> list[Operation]:
        return [self.graph.get_operation_by_name(edge[1:]) for edge in self._node.input if edge.startswith("^")]

    @functools.cached_property
    def outputs(self) -> list[GraphTensor]:
        dtypes = self.graph.output_dtypes(self._node)
        return [
            GraphTensor(self, index, dtype, self.graph.shape(self._node, index)) for index, dtype in enumerate(dtypes)
        ]

    def values(self) -> tuple[GraphTensor, ...]:
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """An attribute as a Python value: bytes, numbers, dtypes, shapes as tuples, tensors as arrays, lists of them.

        Raises ArgumentValueError when there is none of that name.
        """
        if name in self._node.attr:
            return attrs.to_python(self._node.attr[name])
        definition = opdefs.get(self.type)
        default = opdefs.MISSING if definition is None else definition.attrs.get(name, ("", opdefs.MISSING))[1]
        if default is opdefs.MISSING:
            raise ArgumentValueError(
                f"Operation {self.name!r} has no attr named {name!r}; it has {', '.join(sorted(self._node.attr))}."
            )
        return default

    def __repr__(self) -> str:
        return f"<edgeload.Operation {self.name!r} type={self.type}>"


class GraphElements:
    """`.graph` of a TF1 model."""

    def __init__(self, meta_graph: Any, changed: Mapping[str, Any], variables: Callable[[], list[Variable]]) -> None:
        """`changed` are the original NodeDefs, by name, of nodes that loading has replaced."""
        self._meta_graph = meta_graph
        self._changed = changed
        self._get_variables = variables
        self._functions = {function.signature.name: function for function in meta_graph.graph_def.library.function}

    @functools.cached_property
    def _operations(self) -> dict[str, Operation]:
        nodes = [self._changed.get(node.name, node) for node in self._meta_graph.graph_def.node]
        return {node.name: Operation(self, node) for node in nodes}

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(self._get_variables())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        return tuple(variable for variable in self._get_variables() if variable.trainable)

    def get_operations(self) -> list[Operation]:
        """All operations, in the order of the GraphDef."""
        return list(self._operations.values())

    def get_operation_by_name(self, name: str) -> Operation:
        """Raises UnknownNameError, or ArgumentTypeError and ArgumentValueError for what is no operation's name."""
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        found = self.as_graph_element(name, allow_tensor=False)
        assert isinstance(found, Operation)
        return found

    def get_tensor_by_name(self, name: str) -> GraphTensor:
        """Raises UnknownNameError, or ArgumentTypeError and ArgumentValueError for what is no tensor's name."""
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        found = self.as_graph_element(name, allow_operation=False)
        assert isinstance(found, GraphTensor)
        return found

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> GraphTensor | Operation:
        """The tensor ("op:0") or operation ("op") of a name; one of this graph's own as it is. Raises as the above."""
        if isinstance(obj, GraphTensor | Operation):
            if obj.graph is not self:
                raise ArgumentValueError(f"{obj!r} is not an element of this graph.")
            wanted = allow_tensor if isinstance(obj, GraphTensor) else allow_operation
            if wanted:
                return obj
        elif isinstance(obj, str | bytes):
            return self._by_name(obj if isinstance(obj, str) else obj.decode(), allow_tensor, allow_operation)
        kinds = " or ".join(
            kind for kind, allowed in [("Tensor", allow_tensor), ("Operation", allow_operation)] if allowed
        )
        raise ArgumentTypeError(f"Can not convert a {type(obj).__name__} into a {kinds}.")

    def _by_name(self, name: str, allow_tensor: bool, allow_operation: bool) -> GraphTensor | Operation:
        if ":" in name:
            if not allow_tensor:
                raise ArgumentValueError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
            return self._tensor(name)
        operation = self._operations.get(name)
        if not allow_operation:
            what = "refers to an Operation" if operation else "looks like an (invalid) Operation name"
            raise ArgumentValueError(
                f'The name {name!r} {what}, not a Tensor. Tensor names must be of the form "<op_name>:<output_index>".'
            )
        if operation is None:
            raise UnknownNameError(f"The name {name!r} refers to an Operation not in the graph. {self._some()}")
        return operation

    def _tensor(self, name: str) -> GraphTensor:
        op_name, _, port = name.partition(":")
        if not port.isdecimal() or len(port) > 9:
            raise ArgumentValueError(
                f"The name {name!r} looks a like a Tensor name, but is not a valid one. Tensor names must be of the "
                'form "<op_name>:<output_index>".'
            )
        operation = self._operations.get(op_name)
        start = f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r},"
        if operation is None:
            raise UnknownNameError(f"{start} does not exist in the graph. {self._some()}")
        if int(port) >= len(operation.outputs):
            raise UnknownNameError(f"{start} exists but only has {len(operation.outputs)} outputs.")
        return operation.outputs[int(port)]

    def _some(self) -> str:
        return f"It has {', '.join(map(repr, list(self._operations)[:5]))}, ..."

    def get_all_collection_keys(self) -> list[str]:
        return list(self._meta_graph.collection_def)

    def get_collection(self, name: str) -> list[Any]:
        """The items of a collection: variables, operations, tensors, numbers, messages as bytes. [] if unknown."""
        if name not in self._meta_graph.collection_def:
            return []
        definition = self._meta_graph.collection_def[name]
        kind = definition.WhichOneof("kind")
        items = list(getattr(definition, kind).value) if kind else []
        if kind == "node_list":
            return [self.as_graph_element(item) for item in items]
        by_name = {variable.name: variable for variable in self._get_variables()}
        if kind == "bytes_list" and name.endswith("variables"):
            from edgeload.savedmodel import protos

            return [by_name.get(protos.VariableDef.FromString(item).variable_name, item) for item in items]
        return items

    def as_graph_def(self) -> Any:
        """A copy of the GraphDef message, with the model's functions, without the exporter's notes on shapes."""
        original = self._meta_graph.graph_def
        copy = type(original).FromString(original.SerializeToString())
        for node in copy.node:
            if node.name in self._changed:
                node.CopyFrom(self._changed[node.name])
            node.attr.pop("_output_shapes", None)
        return copy

    def shape(self, node: Any, index: int) -> Shape:
        return output_shape(node, index, self._meta_graph.graph_def.versions.producer)

    def output_dtypes(self, node: Any) -> list[DType | None]:
        """The dtypes of a node's outputs; none of them if its op is unknown."""
        definition = opdefs.get(node.op)
        if definition is None and node.op in self._functions:
            definition = opdefs.from_message(self._functions[node.op].signature)
        return [] if definition is None else output_dtypes(node, definition)

    def __repr__(self) -> str:
        return f"<edgeload.GraphElements with {len(self._meta_graph.graph_def.node)} operations>"


def output_dtypes(node: Any, definition: opdefs.OpDef) -> list[DType | None]:
    """The dtypes of a node's outputs, None where its attributes do not tell."""
    found: list[DType | None] = []
    for arg in definition.outputs:
        if arg.type_list_attr:
            found += [attrs.to_dtype(number) for number in node.attr[arg.type_list_attr].list.type]
            continue
        count = max(0, min(node.attr[arg.number_attr].i, _MOST_OUTPUTS)) if arg.number_attr else 1
        if arg.type is not None:
            dtype: DType | None = arg.type
        elif arg.type_attr in node.attr:
            dtype = attrs.to_dtype(node.attr[arg.type_attr].type)
        else:
            default = definition.attrs.get(arg.type_attr, ("", None))[1]
            dtype = default if isinstance(default, np.dtype) else None
        found += [dtype] * count
    return found


def output_shape(node: Any, index: int, version: int) -> Shape:
    """The shape of a node's output, where the exporter noted it, or where a placeholder or constant has it.

    `version` is the GraphDef's, of its producer.
    """
    if "_output_shapes" in node.attr and index < len(node.attr["_output_shapes"].list.shape):
        return tensors.shape_of(node.attr["_output_shapes"].list.shape[index])
    if node.op in _PLACEHOLDERS and "shape" in node.attr:
        shape = tensors.shape_of(node.attr["shape"].shape)
        return None if shape == () and version < _UNKNOWN_SCALARS else shape
    if node.op == "Const":
        return tensors.shape_of(node.attr["value"].tensor.tensor_shape)
    return None
