"""Conv3D and its transpose, Conv3DBackpropInputV2, over NDHWC volumes.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Conv3D

A convolution of volumes is one of images: for each output depth, the slices that the taps along the depth read become
channels of one image, by a copy; the product then is that of `edgeload.kernels.conv`. The transpose multiplies every
input voxel with the whole filter, then every output voxel gathers the products that reach it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.conv import FLOATS, Window, lower_product, output_size
from edgeload.kernels.kernel import kernel
from edgeload.kernels.movement import copy_strided, steps_of, tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require


class _Window3D:
    """Along depth, height and width: output sizes, padding before, strides, dilations, kernel sizes."""

    def __init__(self, node: Node, sizes: Sequence[int], kernel_sizes: Sequence[int]) -> None:
        attrs = node.attrs
        spatial = slice(2, 5) if _is_channels_first(node) else slice(1, 4)
        strides, dilations = attrs["strides"], attrs.get("dilations") or [1] * 5
        fits = len(strides) == 5 and len(dilations) == 5 and min(*strides, *dilations) > 0
        require(fits, node, f"strides {strides}, dilations {dilations}", "five numbers of at least 1")
        require(attrs["padding"] in (b"SAME", b"VALID"), node, f"padding {attrs['padding']!r}", "SAME or VALID")
        self.kernel = list(kernel_sizes)
        self.strides, self.dilations = list(strides[spatial]), list(dilations[spatial])
        along = [
            output_size(node, size, kernel_size, stride, dilation, attrs["padding"], (0, 0))
            for size, kernel_size, stride, dilation in zip(
                sizes, self.kernel, self.strides, self.dilations, strict=True
            )
        ]
        self.out = [out for out, _ in along]
        self.pad = [pad for _, pad in along]

    def taps(self, tap: Sequence[int], count: Sequence[int]) -> tuple[slice, ...]:
        """What a tap reads of the padded volumes, for `count` positions along each axis."""
        starts = [at * dilation for at, dilation in zip(tap, self.dilations, strict=True)]
        along = [
            slice(start, start + (n - 1) * stride + 1, stride)
            for start, n, stride in zip(starts, count, self.strides, strict=True)
        ]
        return (slice(None), *along)


def _is_channels_first(node: Node) -> bool:
    data_format = node.attrs.get("data_format", b"NDHWC")
    require(data_format in (b"NDHWC", b"NCDHW"), node, f"data_format {data_format!r}", "NDHWC or NCDHW")
    return bool(data_format == b"NCDHW")


def _channels_last(node: Node, shape: Sequence[int]) -> tuple[int, ...]:
    """batch, depth, height, width, channels."""
    return tuple(shape[axis] for axis in ((0, 2, 3, 4, 1) if _is_channels_first(node) else range(5)))


def _arranged(node: Node, shape: Sequence[int]) -> tuple[int, ...]:
    """NDHWC sizes in the order of the node's data_format."""
    return tuple(shape[axis] for axis in ((0, 4, 1, 2, 3) if _is_channels_first(node) else range(5)))


def _require_ranks(node: Node, x: Operand, filter: Operand) -> None:
    is_fitting = len(x.shape) == 5 and len(filter.shape) == 5 and x.dtype == filter.dtype
    require(is_fitting, node, f"{x.spec} and filter {filter.spec}", "five dimensions each, equal dtypes")
    require(min(filter.shape) > 0, node, f"filter {filter.shape}", "sizes of at least 1")


# ---- Conv3D


def _infer(node: Node, x: Operand, filter: Operand) -> Spec:
    """x [batch, in_d, in_h, in_w, in_c], filter [kernel_d, kernel_h, kernel_w, in_c / groups, out_c]."""
    _require_ranks(node, x, filter)
    batch, *sizes, in_c = _channels_last(node, x.shape)
    *kernel_sizes, filter_c, out_c = filter.shape
    fits = in_c % filter_c == 0 and out_c % max(1, in_c // filter_c) == 0
    require(fits, node, f"{in_c} channels, a filter for {filter_c} -> {out_c}", "multiples of the filter's channels")
    window = _Window3D(node, sizes, kernel_sizes)
    return Spec(x.dtype, _arranged(node, (batch, *window.out, out_c)))


def _padded(volume: np.ndarray, window: _Window3D, count: Sequence[int], dtype: Any) -> np.ndarray:
    """The volume with zeros around it, large enough for every tap at `count` positions."""
    spans = [
        (n - 1) * stride + (size - 1) * dilation + 1
        for n, stride, size, dilation in zip(count, window.strides, window.kernel, window.dilations, strict=True)
    ]
    sizes = [max(span, size + pad) for span, size, pad in zip(spans, volume.shape[1:4], window.pad, strict=True)]
    padded = np.zeros((volume.shape[0], *sizes, volume.shape[-1]), dtype)
    inside = (slice(None), *(slice(pad, pad + size) for pad, size in zip(window.pad, volume.shape[1:4], strict=True)))
    padded[inside] = volume
    return padded


def _reference(node: Node, x: np.ndarray, filter: np.ndarray) -> np.ndarray:
    """Sum over taps of strided parts of the padded volume times the filter's matrix, in float64."""
    is_first = _is_channels_first(node)
    volume = x.transpose(0, 2, 3, 4, 1) if is_first else x
    *kernel_sizes, filter_c, out_c = filter.shape
    window = _Window3D(node, volume.shape[1:4], kernel_sizes)
    groups = volume.shape[-1] // filter_c
    padded = _padded(volume, window, window.out, np.float64)
    total = np.zeros((volume.shape[0], *window.out, out_c))
    for tap in np.ndindex(*kernel_sizes):
        part = padded[window.taps(tap, window.out)]
        matrix = filter[tap].astype(np.float64).reshape(filter_c, groups, out_c // groups)
        grouped = part.reshape(*part.shape[:-1], groups, filter_c)
        total += np.einsum("bdhwgc,cgo->bdhwgo", grouped, matrix).reshape(total.shape)
    result = total.astype(x.dtype)
    return np.ascontiguousarray(result.transpose(0, 4, 1, 2, 3)) if is_first else result


@kernel(
    "T[:] x, int64 in_d, int64 pixels, int64 groups, int64 group_c, int64 kernel_d, int64 stride_d, "
    "int64 dilation_d, int64 pad_d, int64 out_d, int64 rows, T[:] out",
    T=FLOATS,
)
def gather_depth(  # type: ignore[no-untyped-def]
    x, in_d, pixels, groups, group_c, kernel_d, stride_d, dilation_d, pad_d, out_d, rows, out, worker, workers
):
    """out[b, z, p, g, k, c] = x[b, z * stride_d + k * dilation_d - pad_d, p, g, c], 0 outside; `rows` is batch * out_d.

    Groups come first, so that each has its channels next to each other.
    """
    in_c = groups * group_c
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        top = row % out_d * stride_d - pad_d
        for k in range(kernel_d):
            z = top + k * dilation_d
            source = (row // out_d * in_d + z) * pixels * in_c
            is_outside = z < 0 or z >= in_d
            for p in range(pixels * groups):
                target = ((row * pixels * groups + p) * kernel_d + k) * group_c
                for c in range(group_c):
                    to = np.uint64(target + c)
                    if is_outside:
                        out[to] = 0
                    else:
                        out[to] = x[np.uint64(source + p * group_c + c)]


def _lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x, filter), (out,) = operands, outputs
    kernel_d, kernel_h, kernel_w, filter_c, out_c = filter.shape
    if x.dtype.name not in FLOATS or filter.value is None:
        return NotImplemented
    if 0 in out.shape:
        return None
    volume, result = x, out
    if _is_channels_first(node):
        volume, result = (emit.scratch(x.dtype, _channels_last(node, operand.shape)) for operand in (x, out))
        copy_strided(emit, x, volume, volume.shape, _channels_last(node, steps_of(x.shape)), steps_of(volume.shape))
    batch, in_d, in_h, in_w, in_c = volume.shape
    groups = in_c // filter_c
    window = _Window3D(node, (in_d, in_h, in_w), (kernel_d, kernel_h, kernel_w))
    out_d, out_h, out_w = window.out
    depth = kernel_d * filter_c
    image = emit.scratch(x.dtype, (batch * out_d, in_h, in_w, groups * depth))
    emit.kernel(
        f"gather_depth<{x.dtype.name}>",
        volume, in_d, in_h * in_w, groups, filter_c, kernel_d, window.strides[0], window.dilations[0], window.pad[0],
        out_d, batch * out_d, image, tiles=max(1, min(batch * out_d, tiles_of(math.prod(image.shape), x.dtype))),
    )  # fmt: skip
    shape = (kernel_h, kernel_w, depth, out_c)
    matrix = np.asarray(filter.value).transpose(1, 2, 0, 3, 4).reshape(shape)
    (_, stride_h, stride_w), (_, dilation_h, dilation_w) = window.strides, window.dilations
    _, pad_top, pad_left = window.pad
    flat = Window(
        kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, out_h, out_w
    )  # fmt: skip
    filter_2d = Operand(x.dtype, shape, value=matrix, key=("depth as channels", filter.key))
    size = in_h, in_w, groups * depth
    lower_product(image, filter_2d, None, None, result, "a0", size, flat, groups, emit, shape)
    if result is not out:
        copy_strided(emit, result, out, result.shape, steps_of(result.shape), _channels_last(node, steps_of(out.shape)))
    return None


register("Conv3D", infer=_infer, reference=_reference, lower=_lower)


# ---- Conv3DBackpropInputV2


def _infer_transposed(node: Node, sizes: Operand, filter: Operand, x: Operand) -> Spec:
    """x [batch, in_d, in_h, in_w, in_c], filter [kernel_d, kernel_h, kernel_w, out_c, in_c], sizes = output shape."""
    _require_ranks(node, x, filter)
    shape = tuple(int(size) for size in sizes.known().reshape(-1))
    require(len(shape) == 5 and min(shape) >= 0, node, f"output shape {shape}", "five sizes of at least 0")
    batch, *out_sizes, channels = _channels_last(node, shape)
    x_batch, *in_sizes, x_c = _channels_last(node, x.shape)
    *kernel_sizes, out_c, in_c = filter.shape
    window = _Window3D(node, out_sizes, kernel_sizes)
    fits = (batch, channels, x_c) == (x_batch, out_c, in_c) and window.out == in_sizes
    require(fits, node, f"input {x.shape}, filter {filter.shape}, output {shape}", "sizes of one convolution")
    return Spec(x.dtype, shape)


def _transposed(node: Node, sizes: np.ndarray, filter: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Add every input voxel's products to the padded output, in float64."""
    is_first = _is_channels_first(node)
    volume = (x.transpose(0, 2, 3, 4, 1) if is_first else x).astype(np.float64)
    batch, *out_sizes, out_c = _channels_last(node, [int(size) for size in sizes])
    window = _Window3D(node, out_sizes, filter.shape[:3])
    total = _padded(np.zeros((batch, *out_sizes, out_c)), window, volume.shape[1:4], np.float64)
    for tap in np.ndindex(*window.kernel):
        total[window.taps(tap, volume.shape[1:4])] += volume @ filter[tap].astype(np.float64).T
    inside = (slice(None), *(slice(pad, pad + size) for pad, size in zip(window.pad, out_sizes, strict=True)))
    result = total[inside].astype(x.dtype)
    return np.ascontiguousarray(result.transpose(0, 4, 1, 2, 3) if is_first else result)


_GEOMETRY = ", ".join(
    f"int64 {name}_{axis}" for name in ("in", "kernel", "stride", "dilation", "pad", "out") for axis in "dhw"
)


@kernel(f"T[:] products, {_GEOMETRY}, int64 out_c, int64 rows, T[:] out", T=FLOATS)
def gather_products_3d(  # type: ignore[no-untyped-def]
    products, in_d, in_h, in_w, kernel_d, kernel_h, kernel_w, stride_d, stride_h, stride_w, dilation_d, dilation_h,
    dilation_w, pad_d, pad_h, pad_w, out_d, out_h, out_w, out_c, rows, out, worker, workers
):  # fmt: skip
    """out[b, z, y, x, c] = sum of products[b, iz, iy, ix, kz, ky, kx, c] over the taps that reach the voxel.

    Those with iz * stride_d + kz * dilation_d - pad_d = z, and alike for y and x. `rows` is batch * out_d * out_h.
    """
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        image, oz, oy = row // (out_d * out_h), row // out_h % out_d, row % out_h
        for ox in range(out_w):
            at = (row * out_w + ox) * out_c
            for c in range(out_c):
                out[at + c] = 0
            for kz in range(kernel_d):
                z = oz + pad_d - kz * dilation_d
                if z < 0 or z % stride_d != 0 or z // stride_d >= in_d:
                    continue
                for ky in range(kernel_h):
                    y = oy + pad_h - ky * dilation_h
                    if y < 0 or y % stride_h != 0 or y // stride_h >= in_h:
                        continue
                    for kx in range(kernel_w):
                        x = ox + pad_w - kx * dilation_w
                        if x < 0 or x % stride_w != 0 or x // stride_w >= in_w:
                            continue
                        voxel = ((image * in_d + z // stride_d) * in_h + y // stride_h) * in_w + x // stride_w
                        source = (((voxel * kernel_d + kz) * kernel_h + ky) * kernel_w + kx) * out_c
                        for c in range(out_c):
                            out[at + c] += products[source + c]


def _lower_transposed(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (_, filter, x), (out,) = operands, outputs
    if _is_channels_first(node) or x.dtype.name not in FLOATS or filter.value is None:
        return NotImplemented
    if 0 in out.shape:
        return None
    *kernel_sizes, out_c, in_c = filter.shape
    batch, *in_sizes, _ = x.shape
    window = _Window3D(node, out.shape[1:4], kernel_sizes)
    spread, voxels = math.prod(kernel_sizes) * out_c, math.prod(x.shape[:4])
    products = emit.scratch(x.dtype, (*x.shape[:4], spread))
    if voxels:
        value = np.asarray(filter.value).reshape(spread, in_c).T
        matrix = Operand(x.dtype, (in_c, spread), value=value, key=("transposed", filter.key))
        flat = Window(1, 1, 1, 1, 1, 1, 0, 0, 1, voxels)
        lower_product(x, matrix, None, None, products, "a0", (1, voxels, in_c), flat, 1, emit, (1, 1, in_c, spread))
    geometry = (in_sizes, window.kernel, window.strides, window.dilations, window.pad, out.shape[1:4])
    rows = batch * out.shape[1] * out.shape[2]
    tiles = max(1, min(rows, tiles_of(math.prod(out.shape), x.dtype)))
    numbers = [number for axes in geometry for number in axes]
    emit.kernel(f"gather_products_3d<{x.dtype.name}>", products, *numbers, out_c, rows, out, tiles=tiles)
    return None


register("Conv3DBackpropInputV2", infer=_infer_transposed, reference=_transposed, lower=_lower_transposed)
