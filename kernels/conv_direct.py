"""Convolution whose filter the model computes, or of integers: no packing, one row of the filter at a time.

See `conv` for constant filters of floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.kernel import kernel
from edgeload.kernels.registry import Emit, Operand

_NUMBERS = ("float32", "float64", "int32")
_MACS_PER_TILE = 1 << 17


@kernel(
    "T[:] x, T[:] filter, int64 in_h, int64 in_w, int64 in_c, int64 kernel_h, int64 kernel_w, int64 stride_h, "
    "int64 stride_w, int64 dilation_h, int64 dilation_w, int64 pad_top, int64 pad_left, int64 rows, int64 out_h, "
    "int64 out_w, int64 out_c, int64 groups, T[:] out",
    T=_NUMBERS,
)
def conv2d_direct(  # type: ignore[no-untyped-def]
    x, filter, in_h, in_w, in_c, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left,
    rows, out_h, out_w, out_c, groups, out, worker, workers
):  # fmt: skip
    """out[b, oy, ox, n] = sum over the taps inside the image and c of x[b, y, u, c] * filter[ky, kx, c, n]; `rows` is
    batch * out_h, c runs over the channels of n's group."""
    group_in, group_out = in_c // groups, out_c // groups
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        image, top = row // out_h, row % out_h * stride_h - pad_top
        for ox in range(out_w):
            left, at = ox * stride_w - pad_left, (row * out_w + ox) * out_c
            for n in range(out_c):
                out[np.uint64(at + n)] = 0
            for ky in range(kernel_h):
                y = top + ky * dilation_h
                if y < 0 or y >= in_h:
                    continue
                for kx in range(kernel_w):
                    u = left + kx * dilation_w
                    if u < 0 or u >= in_w:
                        continue
                    source = ((image * in_h + y) * in_w + u) * in_c
                    tap = (ky * kernel_w + kx) * group_in * out_c
                    for group in range(groups):
                        first = group * group_out
                        for c in range(group_in):
                            factor = x[np.uint64(source + group * group_in + c)]
                            w_at = tap + c * out_c + first
                            for n in range(group_out):
                                out[np.uint64(at + first + n)] += factor * filter[np.uint64(w_at + n)]


def lower_direct(
    x: Operand, filter: Operand, filter_4d: Sequence[int], groups: int, window: Any, out: Operand, emit: Emit
) -> Any:
    """`window` is a `conv.Window`; NotImplemented for other dtypes."""
    if getattr(x.dtype, "name", "") not in _NUMBERS:
        return NotImplemented
    batch, in_h, in_w, in_c = x.shape
    macs = math.prod(out.shape) * math.prod(filter_4d[:3])
    emit.kernel(
        f"conv2d_direct<{x.dtype.name}>",
        x, filter, in_h, in_w, in_c, window.kernel_h, window.kernel_w, window.stride_h, window.stride_w,
        window.dilation_h, window.dilation_w, window.pad_top, window.pad_left, batch * window.out_h, window.out_h,
        window.out_w, filter_4d[3], groups, out, tiles=max(1, min(batch * window.out_h, macs // _MACS_PER_TILE)),
    )  # fmt: skip
    return None
