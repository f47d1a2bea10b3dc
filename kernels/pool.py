"""Pooling over windows: MaxPool, MaxPoolV2, AvgPool, MaxPool3D, AvgPool3D.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/MaxPool

Everything is computed as [batch, depth, height, width, channels]; two-dimensional pooling has depth 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.movement import tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOATS = ("float32", "float64")
_NUMBERS = (*_FLOATS, "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@dataclass(frozen=True)
class Window:
    """Along one axis: `out_size` windows of `size` elements, `stride` apart, the first one `pad` before 0."""

    in_size: int
    out_size: int
    size: int
    stride: int
    pad: int

    def span(self, at: int) -> slice:
        """The elements inside the array that window `at` covers."""
        start = at * self.stride - self.pad
        return slice(max(start, 0), min(start + self.size, self.in_size))


def _windows(node: Node, shape: Sequence[int], ksize: Sequence[int], strides: Sequence[int]) -> list[Window]:
    """One Window for each axis of the input, channels and batch among them. Raises InvalidGraphError."""
    rank = len(shape)
    attrs = node.attrs
    require(
        len(ksize) == rank and len(strides) == rank,
        node,
        f"ksize {ksize}, strides {strides} for shape {shape}",
        "one number per axis",
    )
    require(min(ksize) > 0 and min(strides) > 0, node, f"ksize {ksize}, strides {strides}", "they must be positive")
    require(
        ksize[0] == 1 and strides[0] == 1,
        node,
        f"ksize {ksize}, strides {strides}",
        "pooling over the batch is not supported",
    )
    padding = attrs["padding"]
    require(
        padding in (b"SAME", b"VALID", b"EXPLICIT"), node, f"padding {padding!r}", "it must be SAME, VALID or EXPLICIT"
    )
    explicit = attrs.get("explicit_paddings", [])
    if padding == b"EXPLICIT":
        fits = len(explicit) == 2 * rank and all(0 <= pad < ksize[i // 2] for i, pad in enumerate(explicit))
        require(
            fits, node, f"explicit_paddings {explicit}", "it takes two numbers per axis, each smaller than the window"
        )
    windows = []
    for axis in range(rank):
        in_size, size, stride = shape[axis], ksize[axis], strides[axis]
        if padding == b"SAME":
            out_size = -(-in_size // stride)
            missing = (out_size - 1) * stride + size - in_size
            # with strides longer than the window this is negative; TensorFlow's 3-D pooling then starts further in
            before = int((missing if rank == 5 else max(missing, 0)) / 2)
        else:
            before, after = explicit[2 * axis : 2 * axis + 2] if padding == b"EXPLICIT" else (0, 0)
            span = in_size + before + after - size
            fits = span >= 0 or axis == 0 == in_size  # an empty batch is fine
            require(fits, node, f"a window of {size} over {in_size} elements", "the output would be empty")
            out_size = max(0, span // stride + 1)
        windows.append(Window(in_size, out_size, size, stride, before))
    return windows


def _is_channels_first(node: Node, rank: int) -> bool:
    data_format = node.attrs.get("data_format", b"NDHWC" if "3D" in node.op else b"NHWC")
    require(
        data_format in (b"NHWC", b"NCHW", b"NDHWC", b"NCDHW"),
        node,
        f"data_format {data_format!r}",
        "it must be NHWC, NCHW, NDHWC or NCDHW",
    )
    require(rank == len(data_format), node, f"an input of {rank} dimensions", f"data_format is {data_format.decode()}")
    return bool(data_format[1:2] == b"C")


def _of(node: Node, shape: Sequence[int], sizes: Sequence[np.ndarray]) -> list[Window]:
    """The windows of a node; MaxPoolV2 has ksize and strides as inputs, the others as attributes."""
    ksize, strides = (
        ([int(n) for n in array.reshape(-1)] for array in sizes)
        if sizes
        else (node.attrs["ksize"], node.attrs["strides"])
    )
    _is_channels_first(node, len(shape))
    return _windows(node, shape, list(ksize), list(strides))


def _infer_pool(node: Node, x: Operand, *sizes: Operand) -> Spec:
    windows = _of(node, x.shape, [operand.known() for operand in sizes])
    return Spec(x.dtype, tuple(window.out_size for window in windows))


def _lowest(dtype: Any) -> Any:
    """The least finite number of a dtype."""
    if np.issubdtype(dtype, np.integer):
        return int(np.iinfo(dtype).min)
    if dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        return float(np.finfo(dtype).min)
    import ml_dtypes

    return ml_dtypes.finfo(dtype).min


def _at(*index: Any) -> tuple[Any, ...]:
    """An index behind the batch."""
    return (slice(None), *index)


def _max_pool(node: Node, x: np.ndarray, *sizes: np.ndarray) -> np.ndarray:
    """The largest element of each window. As in TensorFlow, NaN loses every comparison, and nothing is below the
    dtype's lowest finite number."""
    windows = _of(node, x.shape, sizes)
    lowest = _lowest(x.dtype)
    out = np.full([window.out_size for window in windows], lowest, x.dtype)
    for index in np.ndindex(*out.shape[1:-1]) if windows[-1].size == 1 else np.ndindex(*out.shape[1:]):
        spans = [window.span(at) for window, at in zip(windows[1:], index, strict=False)]
        part = x[_at(*spans)]
        axes = tuple(range(1, len(spans) + 1))
        known = np.where(part != part, lowest, part)
        out[_at(*index)] = np.maximum(known.max(axes), out.dtype.type(lowest))
    return out


def _avg_pool(node: Node, x: np.ndarray, *sizes: np.ndarray) -> np.ndarray:
    """The mean of each window's elements inside the array: padding does not count."""
    windows = _of(node, x.shape, sizes)
    out = np.empty([window.out_size for window in windows], x.dtype)
    for index in np.ndindex(*out.shape[1:-1]) if windows[-1].size == 1 else np.ndindex(*out.shape[1:]):
        spans = [window.span(at) for window, at in zip(windows[1:], index, strict=False)]
        total = np.zeros(out[_at(*index)].shape, x.dtype)
        # one after the other, as the kernel adds them
        for at in product(*(range(span.start, span.stop) for span in spans)):
            total += x[_at(*at)]
        out[_at(*index)] = total / x.dtype.type(math.prod(span.stop - span.start for span in spans))
    return out


_GEOMETRY = ", ".join(
    f"int64 {name}_{axis}" for name in ("in", "out", "kernel", "stride", "pad") for axis in ("d", "h", "w")
)


@cache
def _reduce_window(mode: str, dtype: str) -> Any:
    """`reduce_window(x, start, plane_step, row_step, depth, height, width, channels, initial, divisor, out, at)`:
    for all channels at once, with the running values of four vectors in registers,

        out[at + c] = max or mean over z, y, u of x[start + z * plane_step + y * row_step + u * channels + c].
    """
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    from edgeload.kernels.lanes import Lanes, load, loop, splat, store
    from edgeload.kernels.simd import data_pointer, lanes_of, offset_by

    zero = ir.Constant(ir.IntType(64), 0)

    @intrinsic
    def reduce_window(
        typing: Any, x: Any, start: Any, plane_step: Any, row_step: Any, depth: Any, height: Any, width: Any,
        channels: Any, initial: Any, divisor: Any, out: Any, at: Any,
    ) -> Any:  # fmt: skip
        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x_array, first, plane, row, depth, height, width, channels, initial, divisor, out_array, at = arguments
            source = offset_by(builder, data_pointer(context, builder, x, x_array), dtype, first)
            target = offset_by(builder, data_pointer(context, builder, out, out_array), dtype, at)

            def channels_from(c: Any, vectors: int, count: int) -> list[Any]:
                """The window's result for `vectors` vectors of `count` channels from c on."""

                def lanes(value: Any) -> Lanes:
                    return Lanes(builder, value, dtype, count)

                def step(z: Any, y: Any, u: Any, *best: Any) -> list[Any]:
                    offset = builder.add(
                        builder.mul(z, plane), builder.add(builder.mul(y, row), builder.mul(u, channels))
                    )
                    pointer = offset_by(builder, source, dtype, builder.add(offset, c))
                    following = []
                    for vector, running in enumerate(map(lanes, best)):
                        shift = ir.Constant(ir.IntType(64), vector * count)
                        value = load(builder, offset_by(builder, pointer, dtype, shift), dtype, count)
                        # a NaN is not above anything
                        combined = (running < value).select(value, running) if mode == "max" else running + value
                        following.append(combined.value)
                    return following

                running = [splat(Lanes(builder, initial, dtype, 1), count).value] * vectors
                results = loop(
                    builder, zero, depth, 1, lambda z, *of_plane: loop(
                        builder, zero, height, 1, lambda y, *of_row: loop(
                            builder, zero, width, 1, lambda u, *best: step(z, y, u, *best), list(of_row)
                        ), list(of_plane)
                    ), running
                )  # fmt: skip
                for vector, value in enumerate(map(lanes, results)):
                    result = value / splat(Lanes(builder, divisor, dtype, 1), count) if mode == "mean" else value
                    shift = builder.add(c, ir.Constant(ir.IntType(64), vector * count))
                    store(result, offset_by(builder, target, dtype, shift))
                return []

            count, done = lanes_of(context, dtype), zero
            for vectors, length in ((4, count), (1, count), (1, 1)):
                by = vectors * length
                rest = builder.sub(channels, done)
                end = builder.sub(channels, builder.srem(rest, ir.Constant(ir.IntType(64), by)))
                loop(
                    builder,
                    done,
                    end,
                    by,
                    lambda c, vectors=vectors, length=length: channels_from(c, vectors, length),
                    [],
                )
                done = end
            return context.get_dummy_value()

        return types.void(x, *([types.int64] * 7), initial, divisor, out, types.int64), write

    return reduce_window


@kernel_family("pool")
def pool(mode: str, dtype: str) -> Iterator[Any]:
    """out[b, d, h, w, c] = max (but at least `initial`) or mean of the window's x[b, :, :, :, c] inside the array."""
    yield f"{dtype}[:] x, {dtype} initial, {_GEOMETRY}, int64 batch, int64 channels, {dtype}[:] out"
    reduce_window = _reduce_window(mode, dtype)

    def walk(  # type: ignore[no-untyped-def]
        x, initial, in_d, in_h, in_w, out_d, out_h, out_w, kernel_d, kernel_h, kernel_w, stride_d, stride_h, stride_w,
        pad_d, pad_h, pad_w, batch, channels, out, worker, workers,
    ):  # fmt: skip
        rows = batch * out_d * out_h
        row_step = in_w * channels
        plane_step = in_h * row_step
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            d = row // out_h % out_d * stride_d - pad_d
            h = row % out_h * stride_h - pad_h
            top, near = max(h, 0), max(d, 0)
            depth, height = min(d + kernel_d, in_d) - near, min(h + kernel_h, in_h) - top
            plane = (row // (out_h * out_d) * in_d + near) * plane_step + top * row_step
            for col in range(out_w):
                w = col * stride_w - pad_w
                left = max(w, 0)
                width = min(w + kernel_w, in_w) - left
                divisor = out.dtype.type(depth * height * width)
                start, at = plane + left * channels, (row * out_w + col) * channels
                reduce_window(
                    x, start, plane_step, row_step, depth, height, width, channels, initial, divisor, out, at
                )  # fmt: skip

    yield walk


def _geometry(node: Node, x: Operand, sizes: Sequence[Operand]) -> list[int] | None:
    """_GEOMETRY's numbers, batch and channels; None for layouts that the kernels do not have."""
    windows = _of(node, x.shape, [operand.known() for operand in sizes])
    if _is_channels_first(node, len(x.shape)) or windows[-1].size != 1 or windows[-1].stride != 1:
        return None
    inside = windows[1:-1]
    inside = [Window(1, 1, 1, 1, 0)] * (3 - len(inside)) + inside
    fields = ("in_size", "out_size", "size", "stride", "pad")
    return [*(getattr(window, name) for name in fields for window in inside), x.shape[0], x.shape[-1]]


def _lower_max_pool(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, *sizes = operands
    geometry = _geometry(node, x, sizes)
    if geometry is None or str(x.dtype) not in _NUMBERS:
        return NotImplemented
    tiles = tiles_of(math.prod(x.shape), x.dtype)
    emit.kernel(f"pool<max,{x.dtype}>", x, _lowest(x.dtype), *geometry, outputs[0], tiles=tiles)
    return None


def _lower_avg_pool(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, *sizes = operands
    geometry = _geometry(node, x, sizes)
    if geometry is None or str(x.dtype) not in _FLOATS:
        return NotImplemented
    emit.kernel(f"pool<mean,{x.dtype}>", x, 0.0, *geometry, outputs[0], tiles=tiles_of(math.prod(x.shape), x.dtype))
    return None


for _op in ("MaxPool", "MaxPoolV2", "MaxPool3D"):
    register(_op, infer=_infer_pool, reference=_max_pool, lower=_lower_max_pool)
for _op in ("AvgPool", "AvgPool3D"):
    register(_op, infer=_infer_pool, reference=_avg_pool, lower=_lower_avg_pool)
