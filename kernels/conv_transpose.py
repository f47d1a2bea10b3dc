"""Transposed convolution: the gradient of Conv2D with respect to its input, which Keras's Conv2DTranspose layers are.

Conv2DBackpropInput: https://www.tensorflow.org/api_docs/python/tf/raw_ops/Conv2DBackpropInput. Output pixels whose
index leaves the same remainder by the stride, a phase, are an ordinary convolution of the input with every stride-th
tap. With dilation, and where phases would multiply more than they save, every input pixel is multiplied with the whole
filter (one matrix product) and every output pixel gathers the products that reach it.

Own op `_Conv2DTranspose`: inputs x, filter, bias, output_shape; attrs of Conv2DBackpropInput and `epilogue`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from edgeload.kernels.conv import FLOATS, Window, finish_reference, lower_product, padded_image, window_of
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import copy_strided
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_GATHERING = 12  # multiply-adds that take as long as gathering one product


def _infer(node: Node, sizes: Operand, filter: Operand, x: Operand) -> Spec:
    """x [batch, in_h, in_w, in_c], filter [kernel_h, kernel_w, out_c, in_c], sizes = output shape."""
    require(len(x.shape) == 4 and len(filter.shape) == 4, node, f"ranks {len(x.shape)}, {len(filter.shape)}", "4 and 4")
    require(x.dtype == filter.dtype, node, f"dtypes {x.dtype} and {filter.dtype}", "equal dtypes")
    shape = [int(size) for size in sizes.known()]
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    kernel_h, kernel_w, out_c, in_c = filter.shape
    if len(shape) == 2:  # height and width only
        shape = [x.shape[0], out_c, *shape] if is_nchw else [x.shape[0], *shape, out_c]
    require(len(shape) == 4 and min(shape) >= 0, node, f"output shape {shape}", "4 sizes of at least 0")
    batch, out_h, out_w, channels = (shape[axis] for axis in ((0, 2, 3, 1) if is_nchw else range(4)))
    x_batch, in_h, in_w, x_c = (x.shape[axis] for axis in ((0, 2, 3, 1) if is_nchw else range(4)))
    window = window_of(node, out_h, out_w, kernel_h, kernel_w)
    fits = (batch, channels, x_c) == (x_batch, out_c, in_c) and (window.out_h, window.out_w) == (in_h, in_w)
    require(fits, node, f"input {x.shape}, filter {filter.shape}, output {tuple(shape)}", "sizes of one convolution")
    return Spec(x.dtype, tuple(shape))


def _reference(node: Node, sizes: np.ndarray, filter: np.ndarray, x: np.ndarray, *bias: np.ndarray) -> np.ndarray:
    """Scatter every input pixel's products into the padded output, in float64."""
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    image = (x.transpose(0, 2, 3, 1) if is_nchw else x).astype(np.float64)
    kernel_h, kernel_w, out_c, _ = filter.shape
    batch, in_h, in_w, _ = image.shape
    out_h, out_w = [int(size) for size in (sizes if len(sizes) == 2 else sizes[2:] if is_nchw else sizes[1:3])]
    window = window_of(node, out_h, out_w, kernel_h, kernel_w)
    span_h = (in_h - 1) * window.stride_h + (kernel_h - 1) * window.dilation_h + 1
    span_w = (in_w - 1) * window.stride_w + (kernel_w - 1) * window.dilation_w + 1
    total = np.zeros((batch, max(span_h, out_h + window.pad_top), max(span_w, out_w + window.pad_left), out_c))
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            top, left = ky * window.dilation_h, kx * window.dilation_w
            rows = slice(top, top + (in_h - 1) * window.stride_h + 1, window.stride_h)
            columns = slice(left, left + (in_w - 1) * window.stride_w + 1, window.stride_w)
            total[:, rows, columns] += image @ filter[ky, kx].astype(np.float64).T
    total = total[:, window.pad_top : window.pad_top + out_h, window.pad_left : window.pad_left + out_w]
    result = finish_reference(node, total, x.dtype, *bias)
    return result.transpose(0, 3, 1, 2) if is_nchw else result


@kernel(
    "T[:] products, T[:] bias, int64 in_h, int64 in_w, int64 kernel_h, int64 kernel_w, int64 stride_h, int64 stride_w, "
    "int64 dilation_h, int64 dilation_w, int64 pad_top, int64 pad_left, int64 rows, int64 out_h, int64 out_w, "
    "int64 out_c, T[:] out",
    T=FLOATS,
)
def gather_products(  # type: ignore[no-untyped-def]
    products, bias, in_h, in_w, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, rows,
    out_h, out_w, out_c, out, worker, workers
):  # fmt: skip
    """out[b, oy, ox, c] = bias[c] + sum of products[b, iy, ix, ky, kx, c] over the taps that reach the pixel.

    Those with iy * stride_h + ky * dilation_h - pad_top = oy, and alike for ox. `rows` is batch * out_h.
    """
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        image, oy = row // out_h, row % out_h
        for ox in range(out_w):
            at = (row * out_w + ox) * out_c
            for c in range(out_c):
                out[np.uint64(at + c)] = bias[np.uint64(c)]
            for ky in range(kernel_h):
                y = oy + pad_top - ky * dilation_h
                if y < 0 or y % stride_h != 0 or y // stride_h >= in_h:
                    continue
                for kx in range(kernel_w):
                    x = ox + pad_left - kx * dilation_w
                    if x < 0 or x % stride_w != 0 or x // stride_w >= in_w:
                        continue
                    pixel = (image * in_h + y // stride_h) * in_w + x // stride_w
                    source = ((pixel * kernel_h + ky) * kernel_w + kx) * out_c
                    for c in range(out_c):
                        out[np.uint64(at + c)] += products[np.uint64(source + c)]


class _Taps(NamedTuple):
    """Phases of one axis as one window: output pixel i of each reads `size` input pixels from i + `first` on."""

    phases: tuple[int, ...]
    first: int
    size: int


def _taps_of(phases: Iterable[int], kernel: int, stride: int, pad: int) -> _Taps:
    """Output stride * i + phase is reached by tap k of input i + t if k = phase + pad - stride * t."""
    chosen = tuple(phases)
    first = min(-((kernel - 1 - phase - pad) // stride) for phase in chosen)
    last = max((phase + pad) // stride for phase in chosen)
    return _Taps(chosen, first, max(1, last + 1 - first))


def _phase_filter(filter: np.ndarray, rows: _Taps, columns: _Taps, window: Window) -> np.ndarray:
    """[kernel_h, kernel_w, out_c, in_c] -> [rows.size, columns.size, in_c, phases of the columns * out_c]."""
    kernel_h, kernel_w, out_c, in_c = filter.shape
    parts = np.zeros((rows.size, columns.size, in_c, len(columns.phases), out_c), filter.dtype)
    (phase_h,) = rows.phases
    for y in range(rows.size):
        ky = phase_h + window.pad_top - window.stride_h * (rows.first + y)
        for x, (at, phase_w) in product(range(columns.size), enumerate(columns.phases)):
            kx = phase_w + window.pad_left - window.stride_w * (columns.first + x)
            if 0 <= ky < kernel_h and 0 <= kx < kernel_w:
                parts[y, x, :, at] = filter[ky, kx].T
    return parts.reshape(rows.size, columns.size, in_c, -1)


def _lower_phases(
    filter: Operand, x: Operand, bias: Operand, out: Operand, window: Window, epilogue: str, emit: Emit
) -> bool:
    """One convolution for each phase, or for all phases of an output row where few channels leave lanes idle.

    False, and nothing emitted, where gathering costs less. A merged phase multiplies the pixels that only others read
    by zero, so that infinity in one of them makes it NaN.
    """
    batch, in_h, in_w, in_c = x.shape
    kernel_h, kernel_w, out_c, _ = filter.shape
    _, out_h, out_w, _ = out.shape
    stride_h, stride_w = window.stride_h, window.stride_w
    if (window.dilation_h, window.dilation_w) != (1, 1):
        return False
    lanes = emit.lanes * 4 // x.dtype.itemsize
    all_rows = _taps_of(range(stride_h), kernel_h, stride_h, window.pad_top)
    merged = _taps_of(range(stride_w), kernel_w, stride_w, window.pad_left)
    rows = [_taps_of([phase], kernel_h, stride_h, window.pad_top) for phase in range(stride_h)]
    columns = [_taps_of([phase], kernel_w, stride_w, window.pad_left) for phase in range(stride_w)]

    def width(channels: int) -> int:
        return channels + -channels % lanes

    apart = sum(taps.size for taps in columns) * width(out_c)
    together = merged.size * width(stride_w * out_c)
    if together <= apart:
        columns = [merged]
    phase_h, phase_w = -(-out_h // stride_h), -(-out_w // stride_w)
    multiplied = phase_h * phase_w * sum(taps.size for taps in rows) * min(apart, together) * in_c
    gathered = in_h * in_w * kernel_h * kernel_w * out_c
    if multiplied > gathered * (in_c + _GATHERING) or max(all_rows.first, merged.first) > 0:
        return False
    reach = Window(all_rows.size, merged.size, 1, 1, 1, 1, -all_rows.first, -merged.first, phase_h, phase_w)
    image, image_h, image_w, _ = padded_image(x, in_h, in_w, reach, emit)
    is_whole = stride_h == 1 and phase_w * stride_w == out_w
    for row in rows:
        target = out if is_whole else emit.scratch(x.dtype, (batch, phase_h, phase_w * stride_w, out_c))
        for column in columns:
            key = ("phase", filter.key, *row, *column, stride_h, stride_w, window.pad_top, window.pad_left)
            channels = len(column.phases) * out_c
            filter_4d = (row.size, column.size, in_c, channels)
            part = Operand(
                x.dtype, filter_4d, key=key,
                value=_phase_filter(np.asarray(filter.value), row, column, window),
            )  # fmt: skip
            part_bias = replace(
                bias,
                shape=(channels,),
                value=np.tile(np.asarray(bias.value), len(column.phases)),
                key=("tiled", bias.key, channels),
            )
            lower_product(
                image, part, part_bias, None, target, epilogue, (image_h, image_w, in_c),
                replace(reach, kernel_h=row.size, kernel_w=column.size, pad_top=0, pad_left=0), 1, emit, filter_4d,
                x_start=((row.first - all_rows.first) * image_w + column.first - merged.first) * in_c,
                out_start=column.phases[0] * out_c, out_step=stride_w * out_c,
            )  # fmt: skip
        if not is_whole:
            (phase,) = row.phases
            run, step = out_w * out_c, phase_w * stride_w * out_c
            sizes = [batch, (out_h - phase + stride_h - 1) // stride_h, run]
            to = [out_h * run, stride_h * run, 1]
            copy_strided(emit, target, out, sizes, [phase_h * step, step, 1], to, 0, phase * run)
    return True


def _lower(node: Node, filter: Operand, x: Operand, bias: Operand | None, out: Operand, emit: Emit) -> Any:
    if node.attrs.get("data_format", b"NHWC") != b"NHWC" or x.dtype.name not in FLOATS or filter.value is None:
        return NotImplemented
    if bias is not None and bias.value is None:
        return NotImplemented
    if 0 in out.shape:
        return None
    batch, in_h, in_w, in_c = x.shape
    kernel_h, kernel_w, out_c, _ = filter.shape
    _, out_h, out_w, _ = out.shape
    window = window_of(node, out_h, out_w, kernel_h, kernel_w)
    epilogue = node.attrs.get("epilogue", "a0")
    if bias is None:
        bias = Operand(x.dtype, (out_c,), value=np.zeros(out_c, x.dtype), key=("zeros", out_c, x.dtype.name))
    if _lower_phases(filter, x, bias, out, window, epilogue, emit):
        return None
    spread = kernel_h * kernel_w * out_c
    matrix = Operand(
        x.dtype, (in_c, spread), value=np.asarray(filter.value).reshape(spread, in_c).T, key=("transposed", filter.key)
    )
    products = emit.scratch(x.dtype, (batch, in_h, in_w, spread))
    pixels = batch * in_h * in_w
    flat = Window(1, 1, 1, 1, 1, 1, 0, 0, 1, pixels)
    lower_product(x, matrix, None, None, products, "a0", (1, pixels, in_c), flat, 1, emit, (1, 1, in_c, spread))
    bias_value = bias.value
    emit.kernel(
        f"gather_products<{x.dtype.name}>",
        products, emit.constant(("plain", bias.key), lambda: np.asarray(bias_value)), in_h, in_w, kernel_h, kernel_w,
        window.stride_h, window.stride_w, window.dilation_h, window.dilation_w, window.pad_top, window.pad_left,
        batch * out_h, out_h, out_w, out_c, out,
    )  # fmt: skip
    if epilogue != "a0":
        return lower_expression(epilogue, [out], out, emit)
    return None


def _lower_plain(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    _, filter, x = operands
    return _lower(node, filter, x, None, outputs[0], emit)


def _lower_fused(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, filter, bias, _ = operands
    return _lower(node, filter, x, bias, outputs[0], emit)


register("Conv2DBackpropInput", infer=_infer, reference=_reference, lower=_lower_plain)
register(
    "_Conv2DTranspose",
    infer=lambda node, x, filter, bias, sizes: _infer(node, sizes, filter, x),
    reference=lambda node, x, filter, bias, sizes: _reference(node, sizes, filter, x, bias),
    lower=_lower_fused,
)
