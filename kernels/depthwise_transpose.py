"""Transposed depthwise convolution: the gradient of DepthwiseConv2dNative with respect to its input.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/DepthwiseConv2dNativeBackpropInput
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.conv import FLOATS, window_of
from edgeload.kernels.kernel import kernel
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_MACS_PER_TILE = 1 << 17


def _infer(node: Node, sizes: Operand, filter: Operand, x: Operand) -> Spec:
    """sizes = output shape, filter [kernel_h, kernel_w, out_c, multiplier], x [batch, in_h, in_w, out_c * multiplier]
    -> [batch, out_h, out_w, out_c]."""
    require(len(x.shape) == 4 and len(filter.shape) == 4, node, f"ranks {len(x.shape)}, {len(filter.shape)}", "4 and 4")
    require(x.dtype == filter.dtype, node, f"dtypes {x.dtype} and {filter.dtype}", "equal dtypes")
    data_format = node.attrs.get("data_format", b"NHWC")
    require(data_format == b"NHWC", node, f"data_format {data_format!r}", "NHWC, as in TensorFlow on a CPU")
    shape = tuple(int(size) for size in sizes.known())
    require(len(shape) == 4 and min(shape) >= 0, node, f"output shape {shape}", "4 sizes of at least 0")
    kernel_h, kernel_w, out_c, multiplier = filter.shape
    window = window_of(node, shape[1], shape[2], kernel_h, kernel_w)
    expected = (shape[0], window.out_h, window.out_w, out_c * multiplier)
    require(
        shape[3] == out_c and x.shape == expected,
        node,
        f"input {x.shape}, filter {filter.shape}, output {shape}",
        "sizes of one depthwise convolution",
    )
    return Spec(x.dtype, shape)


def _reference(node: Node, sizes: np.ndarray, filter: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Every input pixel's products with the filter, added where they belong in the padded output; in float64."""
    kernel_h, kernel_w, out_c, multiplier = filter.shape
    batch, in_h, in_w, _ = x.shape
    _, out_h, out_w, _ = (int(size) for size in sizes)
    window = window_of(node, out_h, out_w, kernel_h, kernel_w)
    span_h = (in_h - 1) * window.stride_h + (kernel_h - 1) * window.dilation_h + 1
    span_w = (in_w - 1) * window.stride_w + (kernel_w - 1) * window.dilation_w + 1
    total = np.zeros((batch, max(span_h, out_h + window.pad_top), max(span_w, out_w + window.pad_left), out_c))
    pixels = x.astype(np.float64).reshape(batch, in_h, in_w, out_c, multiplier)
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            top, left = ky * window.dilation_h, kx * window.dilation_w
            rows = slice(top, top + (in_h - 1) * window.stride_h + 1, window.stride_h)
            columns = slice(left, left + (in_w - 1) * window.stride_w + 1, window.stride_w)
            total[:, rows, columns] += (pixels * filter[ky, kx].astype(np.float64)).sum(-1)
    inside = total[:, window.pad_top : window.pad_top + out_h, window.pad_left : window.pad_left + out_w]
    return inside.astype(x.dtype)


@kernel(
    "T[:] x, T[:] filter, int64 in_h, int64 in_w, int64 kernel_h, int64 kernel_w, int64 multiplier, int64 stride_h, "
    "int64 stride_w, int64 dilation_h, int64 dilation_w, int64 pad_top, int64 pad_left, int64 rows, int64 out_h, "
    "int64 out_w, int64 out_c, T[:] out",
    T=FLOATS,
)
def depthwise_transpose(  # type: ignore[no-untyped-def]
    x, filter, in_h, in_w, kernel_h, kernel_w, multiplier, stride_h, stride_w, dilation_h, dilation_w, pad_top,
    pad_left, rows, out_h, out_w, out_c, out, worker, workers
):  # fmt: skip
    """out[b, oy, ox, c] = sum of x[b, iy, ix, c, m] * filter[ky, kx, c, m] over m and the taps that reach the pixel.

    Those with iy * stride_h + ky * dilation_h - pad_top = oy, and alike for ox. `rows` is batch * out_h.
    """
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        image, oy = row // out_h, row % out_h
        for ox in range(out_w):
            at = (row * out_w + ox) * out_c
            for c in range(out_c):
                out[np.uint64(at + c)] = 0
            for ky in range(kernel_h):
                y = oy + pad_top - ky * dilation_h
                if y < 0 or y % stride_h != 0 or y // stride_h >= in_h:
                    continue
                for kx in range(kernel_w):
                    u = ox + pad_left - kx * dilation_w
                    if u < 0 or u % stride_w != 0 or u // stride_w >= in_w:
                        continue
                    source = ((image * in_h + y // stride_h) * in_w + u // stride_w) * out_c * multiplier
                    tap = (ky * kernel_w + kx) * out_c * multiplier
                    for c in range(out_c):
                        for m in range(multiplier):
                            i = c * multiplier + m
                            out[np.uint64(at + c)] += x[np.uint64(source + i)] * filter[np.uint64(tap + i)]


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (_, filter, x), (out,) = operands, outputs
    if x.dtype.name not in FLOATS:
        return NotImplemented
    batch, in_h, in_w, _ = x.shape
    kernel_h, kernel_w, out_c, multiplier = filter.shape
    _, out_h, out_w, _ = out.shape
    window = window_of(node, out_h, out_w, kernel_h, kernel_w)
    macs = math.prod(x.shape) * kernel_h * kernel_w
    emit.kernel(
        f"depthwise_transpose<{x.dtype.name}>",
        x, filter, in_h, in_w, kernel_h, kernel_w, multiplier, window.stride_h, window.stride_w, window.dilation_h,
        window.dilation_w, window.pad_top, window.pad_left, batch * out_h, out_h, out_w, out_c, out,
        tiles=max(1, min(batch * out_h, macs // _MACS_PER_TILE)),
    )  # fmt: skip
    return None


register("DepthwiseConv2dNativeBackpropInput", infer=_infer, reference=_reference, lower=_lower)
