"""Dilation2D (grayscale morphology) and MaxPoolWithArgmax.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Dilation2D, ../MaxPoolWithArgmax
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels.conv import output_size
from edgeload.kernels.functions import NUMBERS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_TAPS_PER_TILE = 1 << 15

Geometry = tuple[int, int, int, int]  # output height and width, padding above and to the left


def _geometry(
    node: Node, shape: tuple[int, ...], kernel: tuple[int, ...], strides: list[int], rates: list[int]
) -> Geometry:
    require(len(shape) == 4, node, f"an input of shape {shape}", "[batch, height, width, channels]")
    for name, steps in (("strides", strides), ("rates", rates)):
        is_spatial = len(steps) == 4 and steps[0] == steps[3] == 1 and min(steps) > 0
        require(is_spatial, node, f"{name} {steps}", "[1, height, width, 1], at least 1")
    require(node.attrs["padding"] in (b"SAME", b"VALID"), node, f"padding {node.attrs['padding']!r}", "SAME or VALID")
    require(min(kernel) > 0, node, f"a window of {kernel}", "at least 1 x 1")
    along = [
        output_size(node, shape[axis], kernel[axis - 1], strides[axis], rates[axis], node.attrs["padding"], (0, 0))
        for axis in (1, 2)
    ]
    return along[0][0], along[1][0], along[0][1], along[1][1]


def _taps(
    x: np.ndarray, geometry: Geometry, kernel: tuple[int, ...], strides: list[int], rates: list[int], outside: Any
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Each tap and what it reads, [batch, out_h, out_w, channels], with `outside` beyond the image."""
    out_h, out_w, top, left = geometry
    spans = [
        (out - 1) * strides[at + 1] + (kernel[at] - 1) * rates[at + 1] + 1 for at, out in enumerate((out_h, out_w))
    ]
    height, width = max(spans[0], x.shape[1] + top), max(spans[1], x.shape[2] + left)
    padded = np.full((x.shape[0], height, width, x.shape[3]), outside, x.dtype)
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    for ky, kx in np.ndindex(*kernel):
        y, u = ky * rates[1], kx * rates[2]
        rows = slice(y, y + (out_h - 1) * strides[1] + 1, strides[1])
        cols = slice(u, u + (out_w - 1) * strides[2] + 1, strides[2])
        yield (ky, kx), padded[:, rows, cols]


def _lowest(dtype: np.dtype) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    if dtype.kind == "f":
        return np.finfo(dtype).min
    import ml_dtypes

    return ml_dtypes.finfo(dtype).min


# ---- Dilation2D


def _infer_dilation(node: Node, x: Operand, filter: Operand) -> Spec:
    """x [batch, in_h, in_w, channels], filter [kernel_h, kernel_w, channels]."""
    is_filter = len(filter.shape) == 3 and filter.shape[2:] == x.shape[3:] and filter.dtype == x.dtype
    require(is_filter, node, f"{x.spec} and filter {filter.spec}", "[kernel_h, kernel_w, channels] of the same dtype")
    geometry = _geometry(node, x.shape, (filter.shape[0], filter.shape[1]), node.attrs["strides"], node.attrs["rates"])
    return Spec(x.dtype, (x.shape[0], *geometry[:2], x.shape[3]))


def _dilation(node: Node, x: np.ndarray, filter: np.ndarray) -> np.ndarray:
    """out[b, y, x, c] = max over taps inside the image of x + filter."""
    kernel, strides, rates = filter.shape[:2], node.attrs["strides"], node.attrs["rates"]
    geometry = _geometry(node, x.shape, kernel, strides, rates)
    lowest = x.dtype.type(_lowest(x.dtype))
    out = np.full((x.shape[0], *geometry[:2], x.shape[3]), lowest, x.dtype)
    inside = _taps(np.ones((1, *x.shape[1:3], 1), bool), geometry, kernel, strides, rates, False)
    for (tap, part), (_, is_inside) in zip(_taps(x, geometry, kernel, strides, rates, 0), inside, strict=True):
        with np.errstate(all="ignore"):
            value = part + filter[tap]
        out = np.where(is_inside & (value > out), value, out)
    return out


_WINDOW = (
    "int64 in_h, int64 in_w, int64 channels, int64 kernel_h, int64 kernel_w, int64 stride_h, int64 stride_w, "
    "int64 rate_h, int64 rate_w, int64 out_h, int64 out_w, int64 pad_top, int64 pad_left, int64 rows"
)


@kernel_family("dilation")
def dilation(dtype: str) -> Iterator[Any]:
    """out[b, y, x, c] = max over taps inside the image of x + filter; `rows` is batch * out_h."""
    kind = np.dtype(dtype).type
    lowest = kind(_lowest(np.dtype(dtype)))
    yield f"{dtype}[:] x, {dtype}[:] filter, {_WINDOW}, {dtype}[:] out"

    def run(  # type: ignore[no-untyped-def]
        x, filter, in_h, in_w, channels, kernel_h, kernel_w, stride_h, stride_w, rate_h, rate_w, out_h, out_w, pad_top,
        pad_left, rows, out, worker, workers
    ):  # fmt: skip
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            for col in range(out_w):
                target = (row * out_w + col) * channels
                for c in range(channels):
                    out[np.uint64(target + c)] = lowest
                for ky in range(kernel_h):
                    y = row % out_h * stride_h + ky * rate_h - pad_top
                    for kx in range(kernel_w):
                        u = col * stride_w + kx * rate_w - pad_left
                        if y < 0 or y >= in_h or u < 0 or u >= in_w:
                            continue
                        source = ((row // out_h * in_h + y) * in_w + u) * channels
                        tap = (ky * kernel_w + kx) * channels
                        for c in range(channels):
                            value = kind(x[np.uint64(source + c)] + filter[np.uint64(tap + c)])
                            best = out[np.uint64(target + c)]
                            out[np.uint64(target + c)] = value if value > best else best

    yield run


def _window_arguments(
    x: Operand, geometry: Geometry, kernel: tuple[int, ...], strides: list[int], rates: list[int]
) -> tuple[list[int], int]:
    """What `_WINDOW` names, and how many tiles the work is worth."""
    numbers = [*x.shape[1:], *kernel[:2], *strides[1:3], *rates[1:3], *geometry, x.shape[0] * geometry[0]]
    taps = numbers[-1] * geometry[1] * x.shape[3] * kernel[0] * kernel[1]
    return numbers, max(1, min(numbers[-1], taps // _TAPS_PER_TILE))


def _lower_dilation(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, filter = operands
    if getattr(x.dtype, "name", "") not in NUMBERS:
        return NotImplemented
    strides, rates = node.attrs["strides"], node.attrs["rates"]
    geometry = _geometry(node, x.shape, filter.shape[:2], strides, rates)
    numbers, tiles = _window_arguments(x, geometry, filter.shape, strides, rates)
    emit.kernel(f"dilation<{x.dtype.name}>", x, filter, *numbers, outputs[0], tiles=tiles)
    return None


register("Dilation2D", infer=_infer_dilation, reference=_dilation, lower=_lower_dilation)


# ---- MaxPoolWithArgmax


def _pool_geometry(node: Node, shape: tuple[int, ...]) -> tuple[Geometry, tuple[int, int]]:
    ksize = node.attrs["ksize"]
    is_spatial = len(ksize) == 4 and ksize[0] == ksize[3] == 1
    require(is_spatial, node, f"ksize {ksize}", "[1, height, width, 1]")
    kernel = (ksize[1], ksize[2])
    return _geometry(node, shape, kernel, node.attrs["strides"], [1, 1, 1, 1]), kernel


def _infer_argmax(node: Node, x: Operand) -> list[Spec]:
    geometry, _ = _pool_geometry(node, x.shape)
    kind = node.attrs["Targmax"]
    require(str(kind) in ("int32", "int64"), node, f"Targmax {kind}", "int32 or int64")
    shape = (x.shape[0], *geometry[:2], x.shape[3])
    return [Spec(x.dtype, shape), Spec(kind, shape)]


def _max_pool_with_argmax(node: Node, x: np.ndarray) -> list[np.ndarray]:
    """The largest element of each window and where it is in the flat image (or batch): the first of equal ones."""
    geometry, kernel = _pool_geometry(node, x.shape)
    batch, in_h, in_w, channels = x.shape
    places = np.arange(in_h * in_w * channels).reshape(1, in_h, in_w, channels)
    if node.attrs["include_batch_in_index"]:
        places = places + (np.arange(batch) * places.size)[:, None, None, None]
    shape = (batch, *geometry[:2], channels)
    out, argmax = np.full(shape, _lowest(x.dtype), x.dtype), np.full(shape, -1)
    strides, rates = node.attrs["strides"], [1, 1, 1, 1]
    elements = _taps(x, geometry, kernel, strides, rates, 0)
    indices = _taps(places, geometry, kernel, strides, rates, -1)
    for (_, part), (_, index) in zip(elements, indices, strict=True):
        is_better = (index >= 0) & ((part > out) | (argmax < 0))
        out, argmax = np.where(is_better, part, out), np.where(is_better, index, argmax)
    return [out, argmax.astype(node.attrs["Targmax"])]


@kernel_family("max_pool_with_argmax")
def max_pool_with_argmax(dtype: str, index: str) -> Iterator[Any]:
    """The largest element of each window, the first of equal ones, and its place in the flat image, or (`image_step`
    not 0) in the flat batch; `rows` is batch * out_h."""
    yield f"{dtype}[:] x, {_WINDOW}, int64 image_step, {dtype}[:] out, {index}[:] argmax"
    lowest = np.dtype(dtype).type(_lowest(np.dtype(dtype)))

    def run(  # type: ignore[no-untyped-def]
        x, in_h, in_w, channels, kernel_h, kernel_w, stride_h, stride_w, rate_h, rate_w, out_h, out_w, pad_top,
        pad_left, rows, image_step, out, argmax, worker, workers
    ):  # fmt: skip
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            for col in range(out_w):
                target = (row * out_w + col) * channels
                for c in range(channels):
                    out[np.uint64(target + c)] = lowest
                    argmax[np.uint64(target + c)] = -1
                for ky in range(kernel_h):
                    y = row % out_h * stride_h + ky * rate_h - pad_top
                    for kx in range(kernel_w):
                        u = col * stride_w + kx * rate_w - pad_left
                        if y < 0 or y >= in_h or u < 0 or u >= in_w:
                            continue
                        image = row // out_h
                        source = ((image * in_h + y) * in_w + u) * channels
                        place = image * image_step + (y * in_w + u) * channels
                        for c in range(channels):
                            value = x[np.uint64(source + c)]
                            if value > out[np.uint64(target + c)] or argmax[np.uint64(target + c)] < 0:
                                out[np.uint64(target + c)] = value
                                argmax[np.uint64(target + c)] = place + c

    yield run


def _lower_argmax(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,), (out, argmax) = operands, outputs
    if getattr(x.dtype, "name", "") not in NUMBERS:
        return NotImplemented
    geometry, kernel = _pool_geometry(node, x.shape)
    numbers, tiles = _window_arguments(x, geometry, kernel, node.attrs["strides"], [1, 1, 1, 1])
    image_step = math.prod(x.shape[1:]) if node.attrs["include_batch_in_index"] else 0
    name = f"max_pool_with_argmax<{x.dtype.name},{argmax.dtype.name}>"
    emit.kernel(name, x, *numbers, image_step, out, argmax, tiles=tiles)
    return None


register("MaxPoolWithArgmax", infer=_infer_argmax, reference=_max_pool_with_argmax, lower=_lower_argmax)
