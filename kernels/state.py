"""Variables in a graph: reads, assignments, gathers from and scatters into them.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/ReadVariableOp, AssignVariableOp, AssignAddVariableOp,
AssignSubVariableOp, VariableShape, VarIsInitializedOp, ResourceGather, ResourceGatherNd, ResourceScatterAdd and its
relatives, ResourceScatterNdUpdate and its relatives, ResourceStridedSliceAssign, DisableCopyOnRead, DestroyResourceOp.

Input 0 is the variable itself. Its memory stays in place while its shape stays, so kernels read and write it there;
an assignment that changes the shape is a host step. Order is kept by the graph's control edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE, name_of
from edgeload.errors import ExecutionError
from edgeload.kernels.complex_planes import as_pairs, is_complex
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.functions import HALVES
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import copy_strided, steps_of, tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require
from edgeload.kernels.scatter import emit_scatter, kernel_for
from edgeload.kernels.slice import lower_assignment_at, strided

_NUMBERS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def _variable(node: Node, operand: Operand) -> Any:
    """The variable that an operand is. Raises InvalidGraphError for tables and for handles from elsewhere."""
    variable = operand.resource
    require(
        operand.dtype == RESOURCE and hasattr(variable, "is_mutable"),
        node,
        f"{type(variable).__name__} as input 0"
        if variable is not None
        else f"an input of dtype {name_of(operand.dtype)}",
        "it must be a variable that the function captures",
    )
    return variable


def _value_spec(variable: Any) -> Spec:
    """Dtype and shape of the value. The shape is None where an assignment in the same function may change it."""
    shape = variable.shape
    if (shape is None or None in shape) and not variable.is_mutable:
        shape = variable.array.shape
    return Spec(variable.dtype, None if shape is None or None in shape else tuple(shape))


# ReadVariableOp: the value at this point of the graph.


def _infer_read(node: Node, handle: Operand) -> Spec:
    variable = _variable(node, handle)
    wanted = node.attrs.get("dtype", variable.dtype)
    require(
        wanted == variable.dtype, node, f"dtype {name_of(wanted)}", f"variable {variable.name!r} is {variable.dtype}"
    )
    return _value_spec(variable)


def _read(node: Node, variable: Any) -> np.ndarray:
    return np.array(variable.array) if variable.array.flags.writeable else variable.array


def _lower_read(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return copy_strided(emit, emit.variable(operands[0]), outputs[0], [math.prod(outputs[0].shape)], [1], [1])


register("ReadVariableOp", infer=_infer_read, reference=_read, lower=_lower_read)


# AssignVariableOp, AssignAddVariableOp, AssignSubVariableOp: no outputs.


def _infer_assign(node: Node, handle: Operand, value: Operand) -> list[Spec]:
    variable = _variable(node, handle)
    require(
        value.dtype == variable.dtype,
        node,
        f"a value of {name_of(value.dtype)}",
        f"variable {variable.name!r} is {variable.dtype}",
    )
    return []


def _infer_accumulate(node: Node, handle: Operand, value: Operand) -> list[Spec]:
    specs = _infer_assign(node, handle, value)
    shape = _value_spec(handle.resource).shape
    require(
        shape is None or value.shape == shape,
        node,
        f"a value of shape {value.shape}",
        f"variable {handle.resource.name!r} has {shape}",
    )
    return specs


def _assign(node: Node, variable: Any, value: np.ndarray) -> list[Any]:
    variable.assign(value)
    return []


def _assign_add(node: Node, variable: Any, value: np.ndarray) -> list[Any]:
    variable.assign_add(value)
    return []


def _assign_sub(node: Node, variable: Any, value: np.ndarray) -> list[Any]:
    variable.assign_sub(value)
    return []


def _lower_assign(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    handle, value = operands
    if _value_spec(handle.resource).shape != value.shape:
        return NotImplemented
    return copy_strided(emit, value, emit.variable(handle), [math.prod(value.shape)], [1], [1])


@kernel("T[:] x, T[:] out", T=_NUMBERS)
def add_to(x, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[i] += x[i]"""
    for i in range(out.size * worker // workers, out.size * (worker + 1) // workers):
        out[i] = out[i] + x[i]


@kernel("T[:] x, T[:] out", T=_NUMBERS)
def subtract_from(x, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[i] -= x[i]"""
    for i in range(out.size * worker // workers, out.size * (worker + 1) // workers):
        out[i] = out[i] - x[i]


def _lower_accumulate(kernel_name: str, expression: str) -> Callable[..., Any]:
    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        handle, value = operands
        if _value_spec(handle.resource) != value.spec:
            return NotImplemented
        variable = emit.variable(handle)
        if is_complex(value.dtype):
            value, variable = as_pairs(value), as_pairs(variable)
        dtype = name_of(value.dtype)
        if dtype in HALVES:
            return lower_expression(expression, [variable, value], variable, emit)
        if dtype not in _NUMBERS:
            return NotImplemented
        tiles = tiles_of(math.prod(value.shape), value.dtype)
        emit.kernel(f"{kernel_name}<{dtype}>", value, variable, tiles=tiles)
        return None

    return lower


register("AssignVariableOp", infer=_infer_assign, reference=_assign, lower=_lower_assign, stateful=True)
register(
    "AssignAddVariableOp",
    infer=_infer_accumulate,
    reference=_assign_add,
    lower=_lower_accumulate("add_to", "add(a0,a1)"),
    stateful=True,
)
register(
    "AssignSubVariableOp",
    infer=_infer_accumulate,
    reference=_assign_sub,
    lower=_lower_accumulate("subtract_from", "sub(a0,a1)"),
    stateful=True,
)


# What is known of a variable without its value.


def _infer_variable_shape(node: Node, handle: Operand) -> Spec:
    shape = _value_spec(_variable(node, handle)).shape
    return Spec(node.attrs["out_type"], None if shape is None else (len(shape),))


def _variable_shape(node: Node, variable: Any) -> np.ndarray:
    return np.array(variable.array.shape, node.attrs["out_type"])


def _infer_is_initialized(node: Node, handle: Operand) -> Spec:
    _variable(node, handle)
    return Spec(np.dtype(bool), ())


def _is_initialized(node: Node, variable: Any) -> np.ndarray:
    return np.array(variable.has_value)


register("VariableShape", infer=_infer_variable_shape, reference=_variable_shape)
register("VarIsInitializedOp", infer=_infer_is_initialized, reference=_is_initialized)


# ResourceGather, ResourceGatherNd: rows, or slices, of the value.


def _infer_gather(node: Node, handle: Operand, indices: Operand) -> Spec:
    spec = _value_spec(_variable(node, handle))
    batch_dims = node.attrs.get("batch_dims", 0)
    if spec.shape is None:
        return spec
    require(
        0 <= batch_dims <= len(indices.shape) and batch_dims < len(spec.shape),
        node,
        f"batch_dims {batch_dims} for shapes {spec.shape} and {indices.shape}",
        "batch_dims must be less than the variable's rank, and at most that of the indices",
    )
    require(
        spec.shape[:batch_dims] == indices.shape[:batch_dims],
        node,
        f"shapes {spec.shape} and {indices.shape} with batch_dims {batch_dims}",
        "the first batch_dims dimensions must be equal",
    )
    return Spec(spec.dtype, spec.shape[:batch_dims] + indices.shape[batch_dims:] + spec.shape[batch_dims + 1 :])


def _gather(node: Node, variable: Any, indices: np.ndarray) -> np.ndarray:
    """out[b, i, r] = value[b, indices[b, i], r], with b over batch_dims dimensions."""
    batch_dims = node.attrs.get("batch_dims", 0)
    value = variable.array
    _check_indices(node, indices, value.shape[batch_dims])
    grids = np.ogrid[tuple(slice(size) for size in value.shape[:batch_dims])] if batch_dims else ()
    batch = [grid.reshape(grid.shape + (1,) * (indices.ndim - batch_dims)) for grid in grids]
    index = (*batch, indices)
    return value[index]


def _infer_gather_nd(node: Node, handle: Operand, indices: Operand) -> Spec:
    spec = _value_spec(_variable(node, handle))
    if spec.shape is None:
        return spec
    require(
        len(indices.shape) >= 1 and indices.shape[-1] <= len(spec.shape),
        node,
        f"indices of shape {indices.shape} into {spec.shape}",
        "the last dimension of the indices is how many dimensions they select, at most the variable's rank",
    )
    return Spec(spec.dtype, indices.shape[:-1] + spec.shape[indices.shape[-1] :])


def _gather_nd(node: Node, variable: Any, indices: np.ndarray) -> np.ndarray:
    """out[i, r] = value[tuple(indices[i]), r]"""
    value = variable.array
    for axis in range(indices.shape[-1]):
        _check_indices(node, indices[..., axis], value.shape[axis])
    selected = value[tuple(np.moveaxis(indices, -1, 0))]
    return selected if indices.shape[-1] else np.broadcast_to(value, indices.shape[:-1] + value.shape).copy()


def _check_indices(node: Node, indices: np.ndarray, size: int) -> None:
    wrong = (indices < 0) | (indices >= size)
    if wrong.any():
        place = np.unravel_index(int(np.argmax(wrong)), indices.shape)
        at = ", ".join(str(int(index)) for index in place)
        raise ExecutionError(f"{node.op} node {node.name!r}: indices[{at}] = {indices[place]} is not in [0, {size})")


register("ResourceGather", infer=_infer_gather, reference=_gather)
register("ResourceGatherNd", infer=_infer_gather_nd, reference=_gather_nd)


# ResourceScatter*: value[indices[i]] = combine(value[indices[i]], updates[i]). ResourceScatterNd*: the same for slices.


def _infer_scatter(node: Node, handle: Operand, indices: Operand, updates: Operand) -> list[Spec]:
    spec = _value_spec(_variable(node, handle))
    if spec.shape is not None:
        expected = indices.shape + spec.shape[1:]
        require(
            len(spec.shape) >= 1 and updates.shape in ((), expected),
            node,
            f"updates of shape {updates.shape}",
            f"expected {expected}",
        )
    require(updates.dtype == spec.dtype, node, f"updates of {name_of(updates.dtype)}", f"the variable is {spec.dtype}")
    return []


def _infer_scatter_nd(node: Node, handle: Operand, indices: Operand, updates: Operand) -> list[Spec]:
    spec = _infer_gather_nd(node, handle, indices)
    require(spec.shape in (None, updates.shape), node, f"updates of shape {updates.shape}", f"expected {spec.shape}")
    require(updates.dtype == spec.dtype, node, f"updates of {name_of(updates.dtype)}", f"the variable is {spec.dtype}")
    return []


def _put(value: np.ndarray, places: Any, updates: np.ndarray) -> None:
    value[places] = updates


def _lower_scatter(combine: str, is_nd: bool) -> Callable[..., Any]:
    """In the variable's memory; an update for all indices stays with the reference."""

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        handle, indices, updates = operands
        shape = _value_spec(handle.resource).shape
        if node.attrs.get("bad_indices_policy") == b"IGNORE":
            return NotImplemented
        # float16 that has been widened is not what the variable holds
        if shape is None or handle.resource.array.shape != shape or updates.dtype != handle.resource.dtype:
            return NotImplemented
        indices = indices if is_nd else replace(indices, shape=(*indices.shape, 1))
        if updates.shape != (*indices.shape[:-1], *shape[indices.shape[-1] :]):
            return NotImplemented
        name = kernel_for(combine, indices, updates)
        if name is None:
            return NotImplemented
        emit_scatter(emit, name, indices, updates, emit.variable(handle))
        return None

    return lower


def _register_scatters(name: str, combine: Callable[[np.ndarray, Any, np.ndarray], Any]) -> None:
    def scatter(node: Node, variable: Any, indices: np.ndarray, updates: np.ndarray) -> list[Any]:
        value = variable.own()
        _check_indices(node, indices, value.shape[0])
        combine(value, indices, updates)
        variable.touch()
        return []

    def scatter_nd(node: Node, variable: Any, indices: np.ndarray, updates: np.ndarray) -> list[Any]:
        value = variable.own()
        if node.attrs.get("bad_indices_policy") == b"IGNORE":
            inside = ((indices >= 0) & (indices < np.array(value.shape[: indices.shape[-1]], np.int64))).all(-1)
            indices, updates = indices[inside], updates[inside]
        for axis in range(indices.shape[-1]):
            _check_indices(node, indices[..., axis], value.shape[axis])
        combine(value, tuple(np.moveaxis(indices, -1, 0)), updates)
        variable.touch()
        return []

    lower, lower_nd = (_lower_scatter(name.lower(), is_nd) for is_nd in (False, True))
    register(f"ResourceScatter{name}", infer=_infer_scatter, reference=scatter, lower=lower, stateful=True)
    if name in ("Mul", "Div"):
        return
    register(f"ResourceScatterNd{name}", infer=_infer_scatter_nd, reference=scatter_nd, lower=lower_nd, stateful=True)


_register_scatters("Update", _put)
_register_scatters("Add", np.add.at)
_register_scatters("Sub", np.subtract.at)
_register_scatters("Mul", np.multiply.at)
_register_scatters("Div", np.divide.at)
_register_scatters("Max", np.maximum.at)
_register_scatters("Min", np.minimum.at)


# ResourceStridedSliceAssign: value[begin:end:strides] = new value, with StridedSlice's masks.


def _infer_slice_assign(
    node: Node, handle: Operand, begin: Operand, end: Operand, strides: Operand, value: Operand
) -> list[Spec]:
    spec = _value_spec(_variable(node, handle))
    require(value.dtype == spec.dtype, node, f"a value of {name_of(value.dtype)}", f"the variable is {spec.dtype}")
    for operand in (begin, end, strides):
        require(len(operand.shape) == 1, node, f"begin, end or strides of shape {operand.shape}", "vectors")
    return []


def _slice_assign(
    node: Node, variable: Any, begin: np.ndarray, end: np.ndarray, strides: np.ndarray, value: np.ndarray
) -> list[Any]:
    """Raises ExecutionError for a value that does not broadcast to the slice."""
    target = variable.own()
    slicing = strided(node, target.shape, begin, end, strides)
    try:
        whole = np.broadcast_to(value, slicing.out_shape)
    except ValueError:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: a value of shape {value.shape} for a slice of shape {slicing.out_shape}; "
            "it must broadcast to that"
        ) from None
    target[slicing.index + (...,)] = whole.reshape(slicing.size)
    variable.touch()
    return []


def _lower_slice_assign(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Where begin, end and strides are known, or single indices are not."""
    handle, begin, end, strides, value = operands
    shape = _value_spec(handle.resource).shape
    if shape is None or handle.resource.array.shape != shape or value.dtype != handle.resource.dtype:
        return NotImplemented
    if begin.value is None:
        return lower_assignment_at(node, emit.variable(handle), begin, strides, value, emit)
    if end.value is None or strides.value is None:
        return NotImplemented
    slicing = strided(node, shape, np.asarray(begin.value), np.asarray(end.value), np.asarray(strides.value))
    rank = len(slicing.out_shape)
    padded = (1,) * (rank - len(value.shape)) + value.shape
    if len(padded) != rank or any(size not in (1, of) for size, of in zip(padded, slicing.out_shape, strict=True)):
        return NotImplemented  # the reference refuses it
    # the slice's axes of more than one element are those of the variable, in order
    spread = [
        0 if size == 1 else step
        for size, step, of in zip(padded, steps_of(padded), slicing.out_shape, strict=True)
        if of != 1
    ]
    left, steps = iter(spread), steps_of(shape)
    value_steps = [0 if size == 1 else next(left) for size in slicing.size]
    start = sum(first * step for first, step in zip(slicing.begin, steps, strict=True))
    target_steps = [step * stride for step, stride in zip(steps, slicing.stride, strict=True)]
    target = emit.variable(handle)
    return copy_strided(emit, value, target, slicing.size, value_steps, target_steps, 0, start)


register(
    "ResourceStridedSliceAssign",
    infer=_infer_slice_assign,
    reference=_slice_assign,
    lower=_lower_slice_assign,
    stateful=True,
)


# Ops that manage memory in TensorFlow, which Python does here.


def _infer_nothing(node: Node, *operands: Operand) -> list[Spec]:
    return []


def _do_nothing(node: Node, *values: Any) -> list[Any]:
    return []


register("DisableCopyOnRead", infer=_infer_nothing, reference=_do_nothing)
register("DestroyResourceOp", infer=_infer_nothing, reference=_do_nothing)
