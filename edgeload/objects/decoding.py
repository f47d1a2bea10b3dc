"""Structured values as SavedModels have them: StructuredValue messages to nests of tuples, lists, dicts and specs.

Source: tensorflow/core/protobuf/struct.proto and tensorflow/python/saved_model/nested_structure_coder.py. The messages
are handed in; this file does not need protobuf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeload.errors import CorruptModelError
from edgeload.objects.specs import BoundedTensorSpec, CompositeSpec, TensorSpec, component_specs
from edgeload.objects.structured import make_namedtuple
from edgeload.savedmodel import attrs, tensors

_DEEPEST = 100  # protobuf's own limit on the nesting of messages
_MOST_COMPONENTS = 1 << 16  # of one composite value


def decode(value: Any, depth: int = 0) -> Any:
    """The Python value of a StructuredValue: shapes as tuples (None for unknown), dtypes as DType, specs of specs.py.

    Raises CorruptModelError for a value without a kind, InvalidGraphError for impossible shapes and dtypes.
    """
    kind = value.WhichOneof("kind")
    if kind is None or depth > _DEEPEST:
        raise CorruptModelError("a structured value of a function's signature is empty or nested too deeply")
    inner = getattr(value, kind)
    return _DECODERS[kind](inner, depth + 1)


def _decode_tensor_spec(spec: Any, depth: int) -> TensorSpec:
    return TensorSpec(tensors.shape_of(spec.shape), _dtype(spec.dtype), spec.name or None)


def _decode_bounded_spec(spec: Any, depth: int) -> TensorSpec:
    bounds = tensors.to_array(spec.minimum), tensors.to_array(spec.maximum)
    return BoundedTensorSpec(tensors.shape_of(spec.shape), _dtype(spec.dtype), spec.name or None, *bounds)


def _decode_type_spec(spec: Any, depth: int) -> CompositeSpec:
    kind = spec.DESCRIPTOR.fields_by_name["type_spec_class"].enum_type.values_by_number.get(spec.type_spec_class)
    name = "unknown" if kind is None else kind.name.lower()
    state = decode(spec.type_state, depth) if spec.HasField("type_state") else None
    count = spec.num_flat_components
    if not 0 <= count <= _MOST_COMPONENTS:
        raise CorruptModelError(f"a type spec {spec.type_spec_class_name!r} claims to have {count} tensors")
    try:
        components = component_specs(name, state, count)
    except (TypeError, ValueError, IndexError) as error:
        raise CorruptModelError(f"the state of a {name} {spec.type_spec_class_name!r} is broken: {error}") from None
    if len(components) > _MOST_COMPONENTS:
        raise CorruptModelError(f"a type spec {spec.type_spec_class_name!r} claims to have {len(components)} tensors")
    return CompositeSpec(name, spec.type_spec_class_name or name, state, components)


def _decode_namedtuple(value: Any, depth: int) -> Any:
    fields = tuple(pair.key for pair in value.values)
    return make_namedtuple(value.name, fields)(*(decode(pair.value, depth) for pair in value.values))


def _dtype(number: int) -> Any:
    found = attrs.to_dtype(number)
    if found is None:
        raise CorruptModelError("a tensor spec has no dtype")
    return found


_DECODERS: dict[str, Callable[[Any, int], Any]] = {
    "none_value": lambda value, depth: None,
    "float64_value": lambda value, depth: value,
    "int64_value": lambda value, depth: value,
    "string_value": lambda value, depth: value,
    "bool_value": lambda value, depth: value,
    "tensor_shape_value": lambda value, depth: tensors.shape_of(value),
    "tensor_dtype_value": lambda value, depth: attrs.to_dtype(value),
    "tensor_spec_value": _decode_tensor_spec,
    "type_spec_value": _decode_type_spec,
    "bounded_tensor_spec_value": _decode_bounded_spec,
    "list_value": lambda value, depth: [decode(item, depth) for item in value.values],
    "tuple_value": lambda value, depth: tuple(decode(item, depth) for item in value.values),
    "dict_value": lambda value, depth: {key: decode(value.fields[key], depth) for key in sorted(value.fields)},
    "named_tuple_value": _decode_namedtuple,
    "tensor_value": lambda value, depth: tensors.to_array(value),
    "numpy_value": lambda value, depth: tensors.to_array(value),
}
