"""Depthwise convolutions over NHWC images: every channel has its own small filter.

DepthwiseConv2dNative: https://www.tensorflow.org/api_docs/python/tf/raw_ops/DepthwiseConv2dNative. Vectors run along
channels; a tile is a few neighbouring output pixels, which share each loaded filter value. Taps outside the image are
left out, so that no padded copy is needed. With a channel multiplier the op is a grouped convolution and uses `conv2d`.

Own op `_DepthwiseConv2d`: inputs x, filter, bias[, residual]; attrs of DepthwiseConv2dNative and `epilogue`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels.conv import FLOATS, lower_product, padded_size, reference_conv2d, window_of
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import TAPS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_PIXELS = 4  # output pixels in a tile
_NARROW_PIXELS = 14  # in images up to this width, a padded copy costs less than the pixels at the border
_STRIP_ROWS = 8  # of the output for which rows are copied at a time: they should stay in the first-level cache
_UNROLLED_TAPS = 49  # larger windows run tap by tap


def infer_depthwise(node: Node, x: Operand, filter: Operand, *others: Operand) -> Spec:
    """x [batch, in_h, in_w, in_c], filter [kernel_h, kernel_w, in_c, multiplier] -> [.., .., .., in_c * multiplier]."""
    require(len(x.shape) == 4 and len(filter.shape) == 4, node, f"ranks {len(x.shape)}, {len(filter.shape)}", "4 and 4")
    require(x.dtype == filter.dtype, node, f"dtypes {x.dtype} and {filter.dtype}", "equal dtypes")
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    batch, in_h, in_w, in_c = (x.shape[axis] for axis in ((0, 2, 3, 1) if is_nchw else range(4)))
    kernel_h, kernel_w, filter_c, multiplier = filter.shape
    require(in_c == filter_c, node, f"{in_c} channels and a filter for {filter_c}", "equal channels")
    window = window_of(node, in_h, in_w, kernel_h, kernel_w)
    out_c = in_c * multiplier
    if others:
        require(others[0].shape == (out_c,), node, f"bias {others[0].shape}", f"bias ({out_c},)")
    shape = (batch, out_c, window.out_h, window.out_w) if is_nchw else (batch, window.out_h, window.out_w, out_c)
    return Spec(x.dtype, shape)


def reference_depthwise(node: Node, x: np.ndarray, filter: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """A convolution with as many groups as channels."""
    kernel_h, kernel_w, in_c, multiplier = filter.shape
    return reference_conv2d(node, x, filter.reshape(kernel_h, kernel_w, 1, in_c * multiplier), *others)


@kernel_family("depthwise")
def depthwise(
    dtype: str, pixels: str, kernel_h: str, kernel_w: str, stride_w: str, is_unrolled: str, epilogue: str
) -> Iterator[Any]:
    """out[b, oy, ox, c] = epilogue(bias[c] + sum over taps inside the image of x[b, y, x, c] * w[ky, kx, c]).

    Output columns [inside_from, inside_to) have all their taps inside the image, from the left to the right. Where rows
    do, too, and `is_unrolled` is 1 (dilation 1, few taps), `depthwise_window` does `pixels` of them at once, and of two
    rows with stride 1; elsewhere the general tile does.
    """
    t = dtype
    sizes = "batch in_h in_w channels stride_h dilation_h dilation_w pad_top pad_left out_h out_w inside_from inside_to"
    numbers = ", ".join(f"int64 {name}" for name in sizes.split())
    yield f"{t}[:] x, {t}[:] w, {t}[:] bias, {t}[:] residual, {numbers}, {t}[:] out"
    from edgeload.kernels.tiles import depthwise_tile, depthwise_window

    width, window_h, window_w, step_w = int(pixels), int(kernel_h), int(kernel_w), int(stride_w)
    can_unroll = is_unrolled == "1"
    window = (window_h if can_unroll else 1, window_w if can_unroll else 1, step_w, epilogue)
    pair = 2 if can_unroll and step_w == 1 else 1
    window_tile, single_tile = depthwise_window(1, width, *window), depthwise_window(1, 1, *window)
    window_pair, single_pair = depthwise_window(pair, width, *window), depthwise_window(pair, 1, *window)
    wide_tile, narrow_tile = depthwise_tile(width, epilogue), depthwise_tile(1, epilogue)

    def run(  # type: ignore[no-untyped-def]
        x, w, bias, residual, batch, in_h, in_w, channels, stride_h, dilation_h, dilation_w, pad_top, pad_left, out_h,
        out_w, inside_from, inside_to, out, worker, workers
    ):  # fmt: skip
        rows = batch * out_h
        x_row, out_row, tap_row = in_w * channels, out_w * channels, dilation_h * in_w * channels
        tap_column, w_row, pixel_step = dilation_w * channels, window_w * channels, step_w * channels
        can_pair = pair == 2 and stride_h == 1
        row, last = rows * worker // workers, rows * (worker + 1) // workers
        while row < last:
            image, oy = row // out_h, row % out_h
            top = oy * stride_h - pad_top
            first_ky = (-top + dilation_h - 1) // dilation_h if top < 0 else 0
            last_ky = min(window_h, (in_h - top + dilation_h - 1) // dilation_h)
            taps_h = max(0, last_ky - first_ky)
            # the next row is of the same image, and has all its taps as well
            is_pair = can_pair and taps_h == window_h and row + 1 < last and oy + 1 < out_h and top + window_h < in_h
            line = (image * in_h + top + first_ky * dilation_h) * x_row
            w_line = first_ky * w_row
            ox = 0
            while ox < out_w:
                left = ox * step_w - pad_left
                out_at = (row * out_w + ox) * channels
                if ox >= inside_from and ox + width <= inside_to:
                    if can_unroll and is_pair:
                        window_pair(x, line + left * channels, x_row, w, bias, residual, out, out_at, out_row, channels)
                    elif can_unroll and taps_h == window_h:
                        window_tile(x, line + left * channels, x_row, w, bias, residual, out, out_at, out_row, channels)
                    else:
                        wide_tile(
                            x, line + left * channels, pixel_step, tap_row, tap_column, taps_h, window_w,
                            w, w_line, w_row, bias, residual, out, out_at, channels,
                        )  # fmt: skip
                    ox += width
                elif can_unroll and is_pair and ox >= inside_from and ox < inside_to:
                    single_pair(x, line + left * channels, x_row, w, bias, residual, out, out_at, out_row, channels)
                    ox += 1
                elif can_unroll and taps_h == window_h and ox >= inside_from and ox < inside_to:
                    single_tile(x, line + left * channels, x_row, w, bias, residual, out, out_at, out_row, channels)
                    ox += 1
                else:
                    first_kx = (-left + dilation_w - 1) // dilation_w if left < 0 else 0
                    last_kx = min(window_w, (in_w - left + dilation_w - 1) // dilation_w)
                    for r in range(2 if is_pair else 1):
                        narrow_tile(
                            x, line + r * x_row + (left + first_kx * dilation_w) * channels, pixel_step, tap_row,
                            tap_column, taps_h, max(0, last_kx - first_kx), w, w_line + first_kx * channels, w_row,
                            bias, residual, out, out_at + r * out_row, channels,
                        )  # fmt: skip
                    ox += 1
            row += 2 if is_pair else 1

    yield run


@kernel_family("depthwise_strips")
def depthwise_strips(
    dtype: str, pixels: str, kernel_h: str, kernel_w: str, stride_w: str, epilogue: str
) -> Iterator[Any]:
    """As `depthwise`, for images of few columns: a worker copies the rows that it reads next to its part of `strips`,
    with zeros around them, so that all windows lie inside. Rows there have padded_w pixels; windows are unrolled.
    """
    t = dtype
    sizes = "batch in_h in_w channels stride_h pad_top pad_left out_h out_w padded_w"
    numbers = ", ".join(f"int64 {name}" for name in sizes.split())
    yield f"{t}[:] x, {t}[:] w, {t}[:] bias, {t}[:] residual, {numbers}, {t}[:] strips, {t}[:] out"
    from edgeload.kernels.tiles import depthwise_window

    width, window_h, window_w, step_w = int(pixels), int(kernel_h), int(kernel_w), int(stride_w)
    window = (window_h, window_w, step_w, epilogue)
    pair = 2 if step_w == 1 else 1
    window_tile, single_tile = depthwise_window(1, width, *window), depthwise_window(1, 1, *window)
    window_pair, single_pair = depthwise_window(pair, width, *window), depthwise_window(pair, 1, *window)

    def run(  # type: ignore[no-untyped-def]
        x, w, bias, residual, batch, in_h, in_w, channels, stride_h, pad_top, pad_left, out_h, out_w, padded_w, strips,
        out, worker, workers
    ):  # fmt: skip
        rows = batch * out_h
        most_rows = min(_STRIP_ROWS, out_h, (rows + workers - 1) // workers)
        strip_row, out_row, pixel_step = padded_w * channels, out_w * channels, step_w * channels
        strip = worker * ((most_rows - 1) * stride_h + window_h) * strip_row
        before, inside = pad_left * channels, min(in_w, padded_w - pad_left) * channels
        row, last = rows * worker // workers, rows * (worker + 1) // workers
        while row < last:
            image, first = row // out_h, row % out_h
            count = min(last - row, out_h - first, most_rows)
            for r in range((count - 1) * stride_h + window_h):
                at, y = strip + r * strip_row, first * stride_h - pad_top + r
                if y < 0 or y >= in_h:
                    for i in range(strip_row):
                        strips[np.uint64(at + i)] = 0
                    continue
                source = (image * in_h + y) * in_w * channels
                for i in range(before):
                    strips[np.uint64(at + i)] = 0
                for i in range(inside):
                    strips[np.uint64(at + before + i)] = x[np.uint64(source + i)]
                for i in range(before + inside, strip_row):
                    strips[np.uint64(at + i)] = 0
            r = 0
            while r < count:
                is_pair = pair == 2 and stride_h == 1 and r + 1 < count
                at, out_at = strip + r * stride_h * strip_row, (row + r) * out_row
                for ox in range(0, out_w - width + 1, width):
                    place, target = at + ox * pixel_step, out_at + ox * channels
                    if is_pair:
                        window_pair(strips, place, strip_row, w, bias, residual, out, target, out_row, channels)
                    else:
                        window_tile(strips, place, strip_row, w, bias, residual, out, target, out_row, channels)
                for ox in range(out_w // width * width, out_w):
                    place, target = at + ox * pixel_step, out_at + ox * channels
                    if is_pair:
                        single_pair(strips, place, strip_row, w, bias, residual, out, target, out_row, channels)
                    else:
                        single_tile(strips, place, strip_row, w, bias, residual, out, target, out_row, channels)
                r += 2 if is_pair else 1
            row += count

    yield run


def lower_depthwise(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, filter, *others = operands
    bias, residual = (*others, None, None)[:2]
    if node.attrs.get("data_format", b"NHWC") != b"NHWC" or x.dtype.name not in FLOATS:
        return NotImplemented
    if 0 in outputs[0].shape:
        return None
    batch, in_h, in_w, in_c = x.shape
    kernel_h, kernel_w, _, multiplier = filter.shape
    window = window_of(node, in_h, in_w, kernel_h, kernel_w)
    epilogue = node.attrs.get("epilogue", "a0")
    out = outputs[0]
    if multiplier != 1:
        as_groups = (kernel_h, kernel_w, 1, in_c * multiplier)
        return lower_product(
            x, filter, bias, residual, out, epilogue, (in_h, in_w, in_c), window, in_c, emit, as_groups
        )  # fmt: skip
    if bias is None:
        bias = emit.constant(("bias", ("zeros", in_c, x.dtype.name), 1, 1), lambda: np.zeros(in_c, x.dtype))
    if residual is not None:
        emit.may_share(out, residual)
    is_unrolled = window.dilation_h == window.dilation_w == 1 and kernel_h * kernel_w <= _UNROLLED_TAPS
    macs, rows = math.prod(out.shape) * kernel_h * kernel_w, batch * window.out_h
    tiles = pieces(rows // 2, macs, TAPS)  # kernels do rows by pairs
    padded_h, padded_w = padded_size(window)
    is_padded = window.pad_top + window.pad_left > 0 or padded_h > in_h or padded_w > in_w
    if is_unrolled and is_padded and window.out_w <= _NARROW_PIXELS:
        strip_rows = (min(_STRIP_ROWS, window.out_h) - 1) * window.stride_h + kernel_h
        most_rows = min(tiles * strip_rows, rows * window.stride_h + tiles * kernel_h)
        strips = emit.scratch(x.dtype, (most_rows, padded_w, in_c))
        emit.kernel(
            f"depthwise_strips<{x.dtype.name},{_PIXELS},{kernel_h},{kernel_w},{window.stride_w},{epilogue}>",
            x, filter, bias, bias if residual is None else residual, batch, in_h, in_w, in_c, window.stride_h,
            window.pad_top, window.pad_left, window.out_h, window.out_w, padded_w, strips, out, tiles=tiles,
        )  # fmt: skip
        return None
    # output columns [inside_from, inside_to) have all their taps inside the image
    inside_from = -(-window.pad_left // window.stride_w)
    last_start = in_w - (kernel_w - 1) * window.dilation_w - 1 + window.pad_left
    inside_to = min(window.out_w, last_start // window.stride_w + 1) if last_start >= 0 else 0
    shape = f"{kernel_h},{kernel_w},{window.stride_w},{int(is_unrolled)}"
    emit.kernel(
        f"depthwise<{x.dtype.name},{_PIXELS},{shape},{epilogue}>",
        x, filter, bias, bias if residual is None else residual, batch, in_h, in_w, in_c, window.stride_h,
        window.dilation_h, window.dilation_w, window.pad_top, window.pad_left,
        window.out_h, window.out_w, inside_from, inside_to, out,
        tiles=tiles,
    )  # fmt: skip
    return None


register("DepthwiseConv2dNative", infer=infer_depthwise, reference=reference_depthwise, lower=lower_depthwise)
register("_DepthwiseConv2d", infer=infer_depthwise, reference=reference_depthwise, lower=lower_depthwise)
