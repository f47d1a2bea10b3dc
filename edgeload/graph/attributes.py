"""What a NodeDef says beside its inputs: its attributes, and the dtypes that its op takes and gives with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE, VARIANT, DType, name_of
from edgeload.errors import InvalidGraphError, UnsupportedOpError
from edgeload.graph.ir import Shape, Tensor
from edgeload.savedmodel import attrs as attr_values
from edgeload.savedmodel.attrs import Placeholder
from edgeload.savedmodel.opdefs import MISSING, Arg, OpDef
from edgeload.savedmodel.tensors import shape_of

_LONGEST_LIST = 1 << 16  # tensors in one list argument


def attributes(
    node_def: Any, definition: OpDef | None, bindings: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], list[Shape]]:
    """A node's attributes with the defaults of its op, and the shapes that the exporter noted for its outputs.

    Names that begin with an underscore are notes of the exporter's own and are left out.
    """
    try:
        found = {
            name: _bound(attr_values.to_python(attr), bindings)
            for name, attr in sorted(node_def.attr.items())  # protobuf's order changes from process to process
            if not name.startswith("_")
        }
        hints = (
            [shape_of(shape) for shape in node_def.attr["_output_shapes"].list.shape]
            if "_output_shapes" in node_def.attr
            else []
        )
    except (InvalidGraphError, UnsupportedOpError) as error:
        raise type(error)(f"{where}: {error}") from None
    if definition is not None:
        for name, (_, default) in definition.attrs.items():
            if name in found:
                continue
            if default is MISSING:
                raise InvalidGraphError(
                    f"{where} has no attribute {name!r}, which its op requires. Export the model again."
                )
            found[name] = default
    return found, hints


def _bound(value: Any, bindings: Mapping[str, Any]) -> Any:
    """The value with a placeholder `$T` replaced by what the function was called with."""
    if isinstance(value, Placeholder):
        if value.name not in bindings:
            raise InvalidGraphError(f"the function is called without a value for its attribute {value.name!r}")
        return bindings[value.name]
    return value


def dtypes_of(arg: Arg, attrs: Mapping[str, Any], where: str) -> list[DType]:
    """The dtypes of the tensors that one argument stands for."""
    if arg.type_list_attr:
        found = attrs.get(arg.type_list_attr)
        if not isinstance(found, list):
            raise InvalidGraphError(
                f"{where}: attribute {arg.type_list_attr!r} is {found!r}, a list of dtypes is expected."
            )
    else:
        count = attrs.get(arg.number_attr) if arg.number_attr else 1
        if not isinstance(count, int) or not 0 <= count <= _LONGEST_LIST:
            raise InvalidGraphError(
                f"{where}: attribute {arg.number_attr!r} is {count!r}, expected is 0 to {_LONGEST_LIST}."
            )
        found = [arg.type if arg.type is not None else attrs.get(arg.type_attr)] * count
    for dtype in found:
        if not isinstance(dtype, np.dtype) and dtype not in (RESOURCE, VARIANT):
            attr = arg.type_list_attr or arg.type_attr
            raise InvalidGraphError(f"{where}: argument {arg.name!r} has no dtype: attribute {attr!r} is {dtype!r}.")
    return list(found)


def is_unknown(tensor: Tensor) -> bool:
    """Whether an op that has no definition makes the tensor, so that its dtype is not known."""
    return "outputs" in tensor.node.attrs


def require_dtypes(
    found: Sequence[DType],
    declared: Sequence[DType],
    where: str,
    what: str,
    references: Mapping[Tensor, DType] | None = None,
    tensors: Sequence[Tensor] = (),
) -> None:
    """Raise InvalidGraphError unless dtypes agree. A reference is a resource that stands for a dtype."""
    actual = list(found)
    for index, tensor in enumerate(tensors):
        if references and tensor in references:
            actual[index] = references[tensor]
        elif tensor.node.op == "_Resource" and index < len(declared) and declared[index] != RESOURCE:
            actual[index] = declared[index]  # a reference to a table
        elif is_unknown(tensor) and index < len(declared):
            actual[index] = declared[index]
    if actual != list(declared):
        raise InvalidGraphError(
            f"{where}: its {what} are {', '.join(map(name_of, actual)) or 'none'}, declared are "
            f"{', '.join(map(name_of, declared)) or 'none'}. Export the model again."
        )
