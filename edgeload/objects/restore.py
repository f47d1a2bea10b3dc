"""Builds the objects of a TF2 SavedModel from its object graph.

nodes -> objects, without functions      variables get their keys in the checkpoint, nothing is read
concrete functions                       with what they capture
functions and signatures
edges                                    last, so that cycles and objects with several names just work
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from edgeload.errors import CorruptModelError, MissingCheckpointError, MissingVariableError
from edgeload.objects import decoding
from edgeload.objects.checkpoint import keys_by_node
from edgeload.objects.functions import ConcreteFunction, Executor, Function
from edgeload.objects.origins import OfModel, Origin
from edgeload.objects.parameters import Parameters
from edgeload.objects.resources import Asset, CapturedTensor, Initializers, Resource
from edgeload.objects.specs import TensorSpec
from edgeload.objects.trackables import (
    TYPES,
    DictWrapper,
    ListWrapper,
    Signatures,
    add_child,
    make_registered,
    make_user_object,
)
from edgeload.objects.variables import State, Variable
from edgeload.savedmodel import attrs, tensors
from edgeload.savedmodel.reader import SavedModel

MakeExecutor = Callable[[ConcreteFunction], Executor]

_CONTAINERS: dict[str, Callable[[], Any]] = {
    "trackable_list_wrapper": ListWrapper,
    "trackable_tuple_wrapper": ListWrapper,
    "trackable_dict_wrapper": DictWrapper,
    "signature_map": Signatures,
}
_VARIABLE_VALUE = "VARIABLE_VALUE"
_MOST_NAMED = 5  # missing variables that an error names


def restore(
    model: SavedModel,
    make_executor: MakeExecutor,
    *,
    allow_partial_checkpoint: bool = False,
    is_plain: bool = False,
    origin: Origin | None = None,
) -> Any:
    """The root object. `make_executor` is called when a function first runs. `origin` is told of all objects.
    `is_plain` leaves out the objects of types that the program has registered.

    Raises CorruptModelError for a graph that contradicts itself, and MissingVariableError for variables without value
    in the checkpoint, unless `allow_partial_checkpoint`: then those can be assigned, or raise when they are read.
    """
    graph = model.meta_graph.object_graph_def
    if not graph.nodes:
        raise CorruptModelError(f"the object graph of {model.path} has no nodes; export the model again")
    keys = keys_by_node(graph.nodes, model.bundle)
    initializers = Initializers(make_executor)
    restored = _Objects(model, keys, initializers.make_executor, {} if is_plain else TYPES)
    objects = restored.build()
    captured = {index for saved in graph.concrete_functions.values() for index in saved.bound_inputs}
    initializers.waiting = [
        item
        for index, item in enumerate(objects)
        if isinstance(item, Resource) and index not in captured and hasattr(item, "_initialize")
    ]
    if origin is not None:
        for key, item in (*restored.functions.items(), *enumerate(objects)):
            if isinstance(item, OfModel):
                origin.note(key, item)
    # An optimizer's slots are often saved without values, and no inference needs them.
    slots = {slot.slot_variable_node_id for node in graph.nodes for slot in node.slot_variables}
    missing = [
        item
        for index, item in enumerate(objects)
        if isinstance(item, Variable) and not item.has_value and index not in slots
    ]
    if missing and not allow_partial_checkpoint and model.bundle is None:
        raise MissingCheckpointError(
            f"{model.path} has {len(missing)} variable(s) with values in the checkpoint "
            f"{model.path / 'variables' / 'variables.index'}, which does not exist. Copy the whole folder, or load it "
            "with options=edgeload.LoadOptions(allow_partial_checkpoint=True) and assign them."
        )
    if missing and not allow_partial_checkpoint:
        names = ", ".join(repr(variable.name) for variable in missing[:_MOST_NAMED])
        raise MissingVariableError(
            f"{len(missing)} variable(s) of {model.path} are not bound to checkpointed values: {names}"
            f"{', ...' if len(missing) > _MOST_NAMED else ''}. Export the model again, or load it with "
            "options=edgeload.LoadOptions(allow_partial_checkpoint=True) and assign them."
        )
    return objects[0]


class _Objects:
    """The objects by node id, in the making."""

    def __init__(
        self, model: SavedModel, keys: dict[int, dict[str, str]], make_executor: MakeExecutor, types: Any
    ) -> None:
        self._model = model
        self._graph = model.meta_graph.object_graph_def
        self._keys = keys
        self._make_executor = make_executor
        self._types = types
        self._state = State()
        self._constants = {node.name: node for node in model.meta_graph.graph_def.node if node.op == "Const"}
        self._objects: list[Any] = [None] * len(self._graph.nodes)
        self._made_by_program: set[int] = set()
        self.functions: dict[str, ConcreteFunction] = {}

    def build(self) -> list[Any]:
        nodes = self._graph.nodes
        for index, node in enumerate(nodes):
            self._objects[index] = self._make(index, node)
        for name, saved in self._graph.concrete_functions.items():
            self.functions[name] = self._make_concrete_function(name, saved)
        for index, node in enumerate(nodes):
            kind = node.WhichOneof("kind")
            if kind == "function":
                self._objects[index] = self._make_function(node.function, self._name_of(index))
            elif kind == "bare_concrete_function":
                self._objects[index] = self._make_bare_function(node.bare_concrete_function)
        for index, node in enumerate(nodes):
            add = setattr if index in self._made_by_program else add_child
            for child in node.children:
                add(self._objects[index], child.local_name, self._at(child.node_id))
        self._add_signature_defaults()
        return self._objects

    def _make(self, index: int, node: Any) -> Any:
        kind = node.WhichOneof("kind")
        if self._types:
            made = make_registered(node.registered_name, node.user_object.identifier, node.serialized_user_proto.value)
            if made is not None:
                self._made_by_program.add(index)
                return made
        if kind == "variable":
            return self._make_variable(index, node.variable)
        if kind == "asset":
            return Asset(self._model.asset_path(node.asset.asset_file_def_index))
        if kind == "constant":
            return self._make_constant(node.constant.operation)
        if kind == "resource":
            keys = self._keys.get(index)
            return Resource(partial(self._restore_table, list(keys.values())) if keys else None)
        if kind == "captured_tensor":
            return CapturedTensor(node.captured_tensor.name, node.captured_tensor.concrete_function)
        if kind in ("function", "bare_concrete_function"):
            return None
        identifier = node.user_object.identifier
        if identifier in _CONTAINERS:
            return _CONTAINERS[identifier]()
        return make_user_object(identifier, node.registered_name, node.serialized_user_proto.value)

    def _make_variable(self, index: int, saved: Any) -> Variable:
        dtype = attrs.to_dtype(saved.dtype)
        if not isinstance(dtype, np.dtype):
            raise CorruptModelError(f"variable {saved.name!r} has no dtype, or one without data")
        key = self._keys.get(index, {}).get(_VARIABLE_VALUE, "")
        bundle = self._model.bundle
        descriptor = saved.DESCRIPTOR.fields_by_name
        return Variable(
            f"{saved.name}:0" if saved.name else "Variable:0",
            dtype,
            tensors.shape_of(saved.shape),
            state=self._state,
            read=partial(bundle.read, key) if bundle is not None and key in bundle else None,
            trainable=saved.trainable,
            key=key,
            synchronization=_enum_name(descriptor["synchronization"], saved.synchronization),
            aggregation=_enum_name(descriptor["aggregation"], saved.aggregation),
        )

    def _make_constant(self, operation: str) -> np.ndarray:
        node = self._constants.get(operation)
        if node is None or not node.attr["value"].HasField("tensor"):
            raise CorruptModelError(
                f"the object graph has a constant {operation!r}, of which the graph has no Const node"
            )
        return tensors.to_array(node.attr["value"].tensor)

    def _make_concrete_function(self, name: str, saved: Any) -> ConcreteFunction:
        signature = decoding.decode(saved.canonicalized_input_signature)
        if signature is None:  # of a part of a TF1 graph, which is called with its tensors one by one
            signature = self._flat_signature(name, len(saved.bound_inputs))
        if not (
            isinstance(signature, tuple | list)
            and len(signature) == 2
            and isinstance(signature[0], tuple | list)
            and isinstance(signature[1], dict)
        ):
            raise CorruptModelError(
                f"the signature of function {name!r} is not a pair of arguments and keyword arguments"
            )
        outputs = decoding.decode(saved.output_signature) if saved.HasField("output_signature") else None
        captured = [self._at(node_id) for node_id in saved.bound_inputs]
        return ConcreteFunction(name, (tuple(signature[0]), signature[1]), outputs, self._make_executor, captured.copy)

    def _flat_signature(self, name: str, num_captures: int) -> tuple[tuple[TensorSpec, ...], dict[str, Any]]:
        """The specs of a function's own arguments, in order, as the library has them."""
        library = self._model.meta_graph.graph_def.library.function
        function = next((function for function in library if function.signature.name == name), None)
        if function is None:
            raise CorruptModelError(f"the library has no function {name!r}, which the object graph describes")
        specs = []
        for position, arg in enumerate(
            function.signature.input_arg[: len(function.signature.input_arg) - num_captures]
        ):
            hint = function.arg_attr[position].attr.get("_output_shapes") if position in function.arg_attr else None
            shape = tensors.shape_of(hint.list.shape[0]) if hint is not None and hint.list.shape else None
            specs.append(TensorSpec(shape, attrs.to_dtype(arg.type), arg.name))
        return tuple(specs), {}

    def _make_function(self, saved: Any, name: str) -> Function:
        traces = [self._function_named(trace) for trace in saved.concrete_functions]
        parameters = decode_parameters(saved.function_spec) if saved.HasField("function_spec") else None
        return Function(name, traces, parameters)

    def _make_bare_function(self, saved: Any) -> ConcreteFunction:
        function = self._function_named(saved.concrete_function_name)
        parameters = decode_parameters(saved.function_spec) if saved.HasField("function_spec") else None
        function.accept_flat_calls(list(saved.argument_keywords), saved.allowed_positional_arguments, parameters)
        return function

    def _function_named(self, name: str) -> ConcreteFunction:
        if name not in self.functions:
            raise CorruptModelError(f"the object graph refers to a function {name!r}, which it does not describe")
        return self.functions[name]

    def _add_signature_defaults(self) -> None:
        """Inputs of signatures that a caller may leave out."""
        signatures = getattr(self._objects[0], "signatures", None)
        for key, signature in self._model.meta_graph.signature_def.items():
            if signature.defaults and isinstance(signatures, Signatures) and key in signatures:
                values = {name: tensors.to_array(value) for name, value in signature.defaults.items()}
                signatures[key].set_defaults(values)

    def _restore_table(self, keys: list[str], table: Any) -> None:
        """Put the keys and values of a mutable table, which lie in the checkpoint beside each other, into it."""
        bundle = self._model.bundle
        assert bundle is not None
        stored = sorted({key.removesuffix("-keys").removesuffix("-values") for key in keys})
        for prefix in stored:
            if f"{prefix}-keys" in bundle and f"{prefix}-values" in bundle:
                table.replace(bundle.read(f"{prefix}-keys"), bundle.read(f"{prefix}-values"))

    def _name_of(self, index: int) -> str:
        """The name of a function for messages: that of its first trace, without TensorFlow's decoration."""
        traces = self._graph.nodes[index].function.concrete_functions
        name = traces[0] if traces else f"node {index}"
        return name.removeprefix("__inference_").rstrip("0123456789").rstrip("_") or name

    def _at(self, node_id: int) -> Any:
        if not 0 <= node_id < len(self._objects):
            raise CorruptModelError(f"the object graph refers to node {node_id}; it has {len(self._objects)} nodes")
        return self._objects[node_id]


def decode_parameters(spec: Any) -> Parameters | None:
    """The parameters in a FunctionSpec, without `self`. None if it has no FullArgSpec."""
    if not spec.HasField("fullargspec"):
        return None
    full = decoding.decode(spec.fullargspec)
    args = list(getattr(full, "args", None) or ())
    if args and (spec.is_method or args[0] == "self"):
        args = args[1:]
    signature = decoding.decode(spec.input_signature) if spec.HasField("input_signature") else None
    return Parameters(
        tuple(args),
        getattr(full, "varargs", None),
        getattr(full, "varkw", None),
        tuple(getattr(full, "defaults", None) or ()),
        tuple(getattr(full, "kwonlyargs", None) or ()),
        dict(getattr(full, "kwonlydefaults", None) or {}),
        signature is not None,
    )


def _enum_name(field: Any, number: int) -> str:
    value = field.enum_type.values_by_number.get(number)
    return "AUTO" if value is None else value.name.split("_", 2)[-1]
