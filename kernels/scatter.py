"""Slices written to indexed places: ScatterNd, TensorScatterUpdate, TensorScatterAdd, -Sub, -Max, -Min.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/TensorScatterUpdate
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.complex_planes import as_pairs, is_complex
from edgeload.kernels.functions import FLOATS, HALVES, NUMBERS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.movement import copy_strided, steps_of, tiles_of, width_of
from edgeload.kernels.pad import zero_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require
from edgeload.kernels.tile import emit_broadcast, shape_argument

_COMBINE = {
    "ScatterNd": "add",
    "ScatterNdNonAliasingAdd": "add",
    "TensorScatterUpdate": "update",
    "TensorScatterAdd": "add",
    "TensorScatterSub": "sub",
    "TensorScatterMax": "max",
    "TensorScatterMin": "min",
}
_EXPRESSIONS = {  # of the old value a0 and the update a1
    "update": "a1",
    "add": "add(a0,a1)",
    "sub": "sub(a0,a1)",
    "mul": "mul(a0,a1)",
    "div": "div(a0,a1)",
    "max": "select(less(a0,a1),a1,a0)",
    "min": "select(less(a1,a0),a1,a0)",
}


def _check(node: Node, shape: Sequence[int], indices: Operand, updates: Operand) -> None:
    """indices [..., depth], updates [..., the shape after its first `depth` axes]."""
    require(len(indices.shape) >= 1, node, "scalar indices", "they need at least one dimension")
    depth = indices.shape[-1]
    require(depth <= len(shape), node, f"positions of {depth} numbers", f"the output has {len(shape)} dimensions")
    wanted = (*indices.shape[:-1], *shape[depth:])
    require(
        updates.shape == wanted, node, f"updates of shape {updates.shape}", f"for these indices they must be {wanted}"
    )


def _infer_scatter_nd(node: Node, indices: Operand, updates: Operand, shape: Operand) -> Spec:
    """An array of zeros of the given shape with the updates added."""
    sizes = shape_argument(node, shape.known())
    _check(node, sizes, indices, updates)
    return Spec(updates.dtype, sizes)


def _infer_tensor_scatter(node: Node, x: Operand, indices: Operand, updates: Operand) -> Spec:
    """x with the updates combined into it."""
    require(updates.dtype == x.dtype, node, f"updates of {updates.dtype}", f"they must be {x.dtype}, as the input")
    _check(node, x.shape, indices, updates)
    return x.spec


def _scatter(node: Node, out: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """Combine updates into `out` one after the other. Raises ExecutionError for a position outside, unless the node's
    policy is to leave such updates out."""
    depth = indices.shape[-1]
    positions = indices.reshape(math.prod(indices.shape[:-1]), depth)
    outside = ((positions < 0) | (positions >= np.array(out.shape[:depth], np.int64))).any(1)
    updates = updates.reshape(len(positions), *out.shape[depth:])
    if node.attrs.get("bad_indices_policy") == b"IGNORE":
        positions, updates = positions[~outside], updates[~outside]
    elif outside.any():
        first = positions[outside][0].tolist()
        raise ExecutionError(
            f"{node.op} node {node.name!r}: indices {first} do not index into shape {list(out.shape)}."
        )
    functions: dict[str, Callable[..., Any]] = {
        "add": np.add, "sub": np.subtract, "max": np.maximum, "min": np.minimum, "update": lambda old, new: new
    }  # fmt: skip
    combine = functions[_COMBINE[node.op]]
    for position, update in zip(positions, updates, strict=True):
        at = (*position, ...)
        out[at] = combine(out[at], update)
    return out


def _scatter_nd(node: Node, indices: np.ndarray, updates: np.ndarray, shape: np.ndarray) -> np.ndarray:
    sizes = tuple(int(size) for size in shape)
    zeros = np.full(sizes, b"", object) if updates.dtype == object else np.zeros(sizes, updates.dtype)
    return _scatter(node, zeros, indices, updates)


def _tensor_scatter(node: Node, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    return _scatter(node, x.copy(), indices, updates)


def _combining(expression: str, dtype: str) -> Any:
    """`f(old, new)`: an expression of two numbers; float16 and bfloat16 are given as their bits."""
    from numba.extending import intrinsic

    from edgeload.kernels import expressions
    from edgeload.kernels.lanes import Lanes

    @intrinsic
    def combine(typing: Any, old: Any, new: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return expressions.emit(expression, [Lanes(builder, value, dtype, 1) for value in arguments]).value

        return old(old, new), write

    return combine


@kernel_family("scatter", errors={1: "an index is out of range"})
def scatter(combine: str, dtype: str, index: str, depth_text: str) -> Iterator[Any]:
    """out[indices[n], :] = combine(out[indices[n], :], updates[n, :]), one n after the other; the work is split along
    the runs of `inner` elements, so that equal indices do not meet. `steps` count runs."""
    depth, stored = int(depth_text), "uint16" if dtype in HALVES else dtype
    numbers = ", ".join(f"int64 {name}.{axis}" for name in ("sizes", "steps") for axis in range(depth))
    yield f"{index}[:] indices, {stored}[:] updates, {numbers}, int64 count, int64 inner, {stored}[:] out"
    combined = _combining(_EXPRESSIONS[combine], dtype)

    def write(indices, updates, sizes, steps, count, inner, out, worker, workers):  # type: ignore[no-untyped-def]
        first, last = inner * worker // workers, inner * (worker + 1) // workers
        for n in range(count):
            target = 0
            for axis in range(depth):
                position = np.int64(indices[np.uint64(n * depth + axis)])
                if position < 0 or position >= sizes[axis]:
                    return 1
                target += position * steps[axis]
            target *= inner
            source = n * inner
            for i in range(first, last):
                at = np.uint64(target + i)
                out[at] = combined(out[at], updates[np.uint64(source + i)])
        return 0

    yield write


def _kernel_name(node: Node, indices: Operand, out: Operand) -> str | None:
    """The kernel for these dtypes, or None."""
    if node.attrs.get("bad_indices_policy") == b"IGNORE":
        return None
    return kernel_for(_COMBINE[node.op], indices, out)


def kernel_for(combine: str, indices: Operand, out: Operand) -> str | None:
    """The kernel that combines updates into `out` so; sums and differences of complex numbers are those of parts."""
    depth = indices.shape[-1]
    dtype = width_of(out.dtype) if combine == "update" else str(out.dtype)
    if is_complex(out.dtype) and combine in ("add", "sub"):
        dtype = str(as_pairs(out).dtype)
    is_moved = combine == "update" and dtype is not None
    known = (*FLOATS, *HALVES) if combine == "div" else (*NUMBERS, *HALVES)
    if not (is_moved or dtype in known) or str(indices.dtype) not in ("int32", "int64") or not 0 < depth <= 6:
        return None
    return f"scatter<{combine},{dtype},{indices.dtype},{depth}>"


def emit_scatter(emit: Emit, name: str, indices: Operand, updates: Operand, out: Operand) -> None:
    """Combine updates into `out`, by a kernel of `kernel_for`."""
    depth = indices.shape[-1]
    sizes = out.shape[:depth]
    if is_complex(out.dtype) and not name.startswith("scatter<update"):
        updates, out = as_pairs(updates), as_pairs(out)
    inner = math.prod(out.shape[depth:])
    tiles = min(inner, tiles_of(math.prod(updates.shape), updates.dtype))
    count = math.prod(indices.shape[:-1])
    emit.kernel(name, indices, updates, *sizes, *steps_of(sizes), count, inner, out, tiles=max(1, tiles))


def _lower_scatter_nd(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    indices, updates, _ = operands
    (out,) = outputs
    name = _kernel_name(node, indices, out)
    if name is None:
        return NotImplemented
    emit_broadcast(emit, zero_of(emit, out.dtype), out)
    emit_scatter(emit, name, indices, updates, out)
    return None


def _lower_tensor_scatter(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, indices, updates = operands
    (out,) = outputs
    name = _kernel_name(node, indices, out)
    if name is None:
        return NotImplemented
    copy_strided(emit, x, out, [math.prod(x.shape)], [1], [1])
    emit_scatter(emit, name, indices, updates, out)
    return None


register("ScatterNd", infer=_infer_scatter_nd, reference=_scatter_nd, lower=_lower_scatter_nd)
for _op in [op for op in _COMBINE if op != "ScatterNd"]:
    register(_op, infer=_infer_tensor_scatter, reference=_tensor_scatter, lower=_lower_tensor_scatter)
