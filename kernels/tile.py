"""Arrays filled with repeated or counted values: Tile, BroadcastTo, Fill, ZerosLike, OnesLike, Empty, Range, LinSpace.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Tile
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.dtypes import STRING
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.movement import copy_strided, steps_of, width_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, broadcast_shapes, register, require


def shape_argument(node: Node, sizes: np.ndarray) -> tuple[int, ...]:
    """A shape given as a vector of sizes, none of which is negative."""
    require(sizes.ndim == 1, node, f"a shape argument of shape {sizes.shape}", "it must be a vector")
    shape = tuple(int(size) for size in sizes)
    require(all(size >= 0 for size in shape), node, f"shape {shape}", "sizes must not be negative")
    return shape


def _infer_tile(node: Node, x: Operand, multiples: Operand) -> Spec:
    times = shape_argument(node, multiples.known())
    require(len(times) == len(x.shape), node, f"{len(times)} multiples", f"the input has {len(x.shape)} dimensions")
    return Spec(x.dtype, tuple(size * count for size, count in zip(x.shape, times, strict=True)))


def _tile(node: Node, x: np.ndarray, multiples: np.ndarray) -> np.ndarray:
    return np.tile(x, tuple(multiples)) if x.ndim else x.copy()


def _lower_tile(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Each axis is two loops: over the repetitions, which do not advance in x, and over x."""
    x, multiples = operands
    (out,) = outputs
    sizes, steps, out_steps = [], [], []
    for size, count, step, out_step in zip(
        x.shape, multiples.known(), steps_of(x.shape), steps_of(out.shape), strict=True
    ):
        sizes += [int(count), size]
        steps += [0, step]
        out_steps += [size * out_step, out_step]
    return copy_strided(emit, x, out, sizes, steps, out_steps)


def _infer_broadcast_to(node: Node, x: Operand, shape: Operand) -> Spec:
    wanted = shape_argument(node, shape.known())
    fits = broadcast_shapes(node, x.shape, wanted) == wanted
    require(fits, node, f"shapes {x.shape} and {wanted}", "the first must broadcast to the second")
    return Spec(x.dtype, wanted)


def _broadcast_to(node: Node, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, tuple(shape)).copy()


def _lower_broadcast_to(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return emit_broadcast(emit, operands[0], outputs[0])


def emit_broadcast(emit: Emit, x: Operand, out: Operand) -> Any:
    """Emit out = x broadcast to out's shape. One number may have a dimension more than `out`, which has none."""
    padded = (1,) * (len(out.shape) - len(x.shape)) + x.shape[: len(out.shape)]
    steps = [0 if size == 1 else step for size, step in zip(padded, steps_of(padded), strict=True)]
    return copy_strided(emit, x, out, out.shape, steps, steps_of(out.shape))


def _infer_fill(node: Node, dims: Operand, value: Operand) -> Spec:
    require(value.shape in ((), (1,)), node, f"a value of shape {value.shape}", "it must be a scalar")
    sizes = dims.known()
    return Spec(value.dtype, shape_argument(node, sizes if sizes.ndim else sizes.reshape(1)))


def _fill(node: Node, dims: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.full(tuple(dims.reshape(-1)), value, value.dtype)


def _lower_fill(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return emit_broadcast(emit, operands[1], outputs[0])


def _infer_like(node: Node, x: Operand) -> Spec:
    return x.spec


def _like(node: Node, x: np.ndarray) -> np.ndarray:
    if x.dtype == object:
        return np.full(x.shape, b"", object)
    return np.zeros_like(x) if node.op == "ZerosLike" else np.ones_like(x)


def _lower_like(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,) = operands
    dtype = x.dtype
    if not isinstance(dtype, np.dtype) or width_of(dtype) is None:
        return NotImplemented
    number = 0 if node.op == "ZerosLike" else 1
    value = emit.constant(("one" if number else "zero", str(dtype)), lambda: np.array([number]).astype(dtype))
    return emit_broadcast(emit, value, outputs[0])


def _infer_empty(node: Node, shape: Operand) -> Spec:
    return Spec(node.attrs["dtype"], shape_argument(node, shape.known()))


def _empty(node: Node, shape: np.ndarray) -> np.ndarray:
    """Zeros: what an uninitialised array holds must not differ from run to run."""
    dtype = node.attrs["dtype"]
    return np.full(tuple(shape), b"", object) if dtype == STRING else np.zeros(tuple(shape), dtype)


def _range_size(node: Node, start: Any, limit: Any, delta: Any) -> int:
    """How many numbers Range gives: ceil((limit - start) / delta), computed as TensorFlow does."""
    require(delta != 0, node, "delta 0", "it must not be 0")
    fits = start <= limit if delta > 0 else start >= limit
    require(bool(fits), node, f"start {start}, limit {limit}, delta {delta}", "the limit must lie in delta's direction")
    if isinstance(start, int):
        return -(-abs(limit - start) // abs(delta))
    return math.ceil(abs((limit - start) / delta))


def _number(scalar: np.ndarray) -> Any:
    """An int, or a float that computes in its own dtype, as TensorFlow's does."""
    return scalar.item() if scalar.dtype.kind in "iu" else scalar.reshape(())[()]


def _infer_range(node: Node, start: Operand, limit: Operand, delta: Operand) -> Spec:
    for operand in (start, limit, delta):
        require(
            operand.shape in ((), (1,)),
            node,
            f"an argument of shape {operand.shape}",
            "start, limit and delta must be scalars",
        )
    numbers = [_number(operand.known()) for operand in (start, limit, delta)]
    finite = all(math.isfinite(number) for number in numbers)
    require(finite, node, f"start, limit and delta {numbers}", "they must be finite")
    return Spec(start.dtype, (_range_size(node, *numbers),))


def _range(node: Node, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """start + i * delta, in the dtype itself."""
    count = _range_size(node, _number(start), _number(limit), _number(delta))
    return (start + np.arange(count).astype(start.dtype) * delta).astype(start.dtype)


def _infer_lin_space(node: Node, start: Operand, stop: Operand, num: Operand) -> Spec:
    for operand in (start, stop, num):
        require(
            operand.shape == (), node, f"an argument of shape {operand.shape}", "start, stop and num must be scalars"
        )
    count = int(num.known())
    require(count > 0, node, f"num {count}", "it must be positive")
    return Spec(start.dtype, (count,))


def _lin_space(node: Node, start: np.ndarray, stop: np.ndarray, num: np.ndarray) -> np.ndarray:
    """start + i * step, and the last exactly stop (tensorflow/core/kernels/sequence_ops.cc)."""
    count = int(num)
    if count == 1:
        return start.reshape(1).copy()
    step = ((stop - start) / start.dtype.type(count - 1)).astype(start.dtype)
    out = (start + step * np.arange(count).astype(start.dtype)).astype(start.dtype)
    out[-1] = stop
    return out


register("Tile", infer=_infer_tile, reference=_tile, lower=_lower_tile)
register("BroadcastTo", infer=_infer_broadcast_to, reference=_broadcast_to, lower=_lower_broadcast_to)
register("Fill", infer=_infer_fill, reference=_fill, lower=_lower_fill)
register("ZerosLike", infer=_infer_like, reference=_like, lower=_lower_like)
register("OnesLike", infer=_infer_like, reference=_like, lower=_lower_like)
register("Empty", infer=_infer_empty, reference=_empty)
register("Range", infer=_infer_range, reference=_range)


@kernel_family("lin_space")
def lin_space(dtype: str) -> Iterator[Any]:
    """out[i] = start + i * step, the last exactly stop."""
    yield f"{dtype}[:] start, {dtype}[:] stop, {dtype}[:] out"
    kind = np.dtype(dtype).type

    def run(start, stop, out, worker, workers):  # type: ignore[no-untyped-def]
        last = out.size - 1
        first = start[0]
        step = (stop[0] - first) / kind(max(last, 1))
        for i in range(last * worker // workers, last * (worker + 1) // workers):
            out[i] = first + step * kind(i)
        if worker == workers - 1:
            out[last] = stop[0] if last > 0 else first

    yield run


def _lower_lin_space(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    start, stop, _ = operands
    if start.dtype.name not in ("float32", "float64"):
        return NotImplemented
    emit.kernel(f"lin_space<{start.dtype.name}>", start, stop, outputs[0])
    return None


register("LinSpace", infer=_infer_lin_space, reference=_lin_space, lower=_lower_lin_space)
