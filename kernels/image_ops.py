"""Images: ExtractImagePatches, RGBToHSV, HSVToRGB, AdjustContrastv2, AdjustHue, AdjustSaturation.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/ExtractImagePatches, ../AdjustHue
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels.conv import output_size
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.movement import WIDTHS, tiles_of, width_of
from edgeload.kernels.reduce import lower_fold
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32 = np.float32
_FLOATS = ("float16", "bfloat16", "float32", "float64")

# ---- ExtractImagePatches


def _patch_geometry(node: Node, shape: tuple[int, ...]) -> list[int]:
    """kernel, stride, rate, pad and output size, each for height and width."""
    attrs = node.attrs
    require(len(shape) == 4, node, f"images of shape {shape}", "[batch, height, width, channels]")
    for name in ("ksizes", "strides", "rates"):
        steps = attrs[name]
        is_spatial = len(steps) == 4 and steps[0] == steps[3] == 1 and min(steps) > 0
        require(is_spatial, node, f"{name} {steps}", "[1, height, width, 1], at least 1")
    require(attrs["padding"] in (b"SAME", b"VALID"), node, f"padding {attrs['padding']!r}", "SAME or VALID")
    kernels, strides, rates = (attrs[name][1:3] for name in ("ksizes", "strides", "rates"))
    along = [
        output_size(node, size, kernel_size, stride, rate, attrs["padding"], (0, 0))
        for size, kernel_size, stride, rate in zip(shape[1:3], kernels, strides, rates, strict=True)
    ]
    return [*kernels, *strides, *rates, *(pad for _, pad in along), *(out for out, _ in along)]


def _infer_patches(node: Node, x: Operand) -> Spec:
    *_, out_h, out_w = geometry = _patch_geometry(node, x.shape)
    return Spec(x.dtype, (x.shape[0], out_h, out_w, geometry[0] * geometry[1] * x.shape[3]))


def _patches(node: Node, x: np.ndarray) -> np.ndarray:
    """out[b, y, x, (ky, kx, c)]: the pixels under a window, zeros outside the image."""
    kernel_h, kernel_w, stride_h, stride_w, rate_h, rate_w, top, left, out_h, out_w = _patch_geometry(node, x.shape)
    height = max(x.shape[1] + top, (out_h - 1) * stride_h + (kernel_h - 1) * rate_h + 1)
    width = max(x.shape[2] + left, (out_w - 1) * stride_w + (kernel_w - 1) * rate_w + 1)
    padded = np.zeros((x.shape[0], height, width, x.shape[3]), x.dtype)
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    parts = []
    for ky, kx in np.ndindex(kernel_h, kernel_w):
        rows = slice(ky * rate_h, ky * rate_h + (out_h - 1) * stride_h + 1, stride_h)
        cols = slice(kx * rate_w, kx * rate_w + (out_w - 1) * stride_w + 1, stride_w)
        parts.append(padded[:, rows, cols])
    return np.concatenate(parts, axis=3)


@kernel(
    "T[:] x, int64 in_h, int64 in_w, int64 channels, int64 kernel_h, int64 kernel_w, int64 stride_h, int64 stride_w, "
    "int64 rate_h, int64 rate_w, int64 pad_top, int64 pad_left, int64 out_h, int64 out_w, int64 rows, T[:] out",
    T=WIDTHS,
)
def image_patches(  # type: ignore[no-untyped-def]
    x, in_h, in_w, channels, kernel_h, kernel_w, stride_h, stride_w, rate_h, rate_w, pad_top, pad_left, out_h, out_w,
    rows, out, worker, workers
):  # fmt: skip
    """out[b, oy, ox, ky, kx, c] = x[b, oy * stride_h + ky * rate_h - pad_top, ..., c]; `rows` is batch * out_h."""
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        for ox in range(out_w):
            for ky in range(kernel_h):
                y = row % out_h * stride_h + ky * rate_h - pad_top
                for kx in range(kernel_w):
                    u = ox * stride_w + kx * rate_w - pad_left
                    target = (((row * out_w + ox) * kernel_h + ky) * kernel_w + kx) * channels
                    source = ((row // out_h * in_h + y) * in_w + u) * channels
                    if y < 0 or y >= in_h or u < 0 or u >= in_w:
                        for c in range(channels):
                            out[np.uint64(target + c)] = 0
                    else:
                        for c in range(channels):
                            out[np.uint64(target + c)] = x[np.uint64(source + c)]


def _lower_patches(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,), (out,) = operands, outputs
    width = width_of(x.dtype)
    if width is None:
        return NotImplemented
    batch, in_h, in_w, channels = x.shape
    rows = batch * out.shape[1]
    tiles = max(1, min(rows, tiles_of(math.prod(out.shape), x.dtype)))
    geometry = _patch_geometry(node, x.shape)
    emit.kernel(f"image_patches<{width}>", x, in_h, in_w, channels, *geometry, rows, out, tiles=tiles)
    return None


register("ExtractImagePatches", infer=_infer_patches, reference=_patches, lower=_lower_patches)


# ---- colours


def _infer_colours(node: Node, x: Operand, *numbers: Operand) -> Spec:
    require(x.shape[-1:] == (3,), node, f"images of shape {x.shape}", "three channels in the last dimension")
    require(str(x.dtype) in _FLOATS, node, f"dtype {x.dtype}", "floating-point numbers")
    require(len(x.shape) >= (3 if numbers else 1), node, f"images of shape {x.shape}", "three or more dimensions")
    for number in numbers:
        require(number.shape == (), node, f"a number of shape {number.shape}", "a scalar")
    return x.spec


def _hue(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue from 0 to 1, the least and the largest of red, green and blue; in float64."""
    red, green, blue = np.moveaxis(x.astype(np.float64), -1, 0)
    least, largest = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    unit = 1 / (6 * np.where(largest > least, largest - least, 1))
    of_green = np.where(largest == green, unit * (blue - red) + 2 / 6, unit * (red - green) + 4 / 6)
    hue = np.where(largest > least, np.where(largest == red, unit * (green - blue), of_green), 0)
    return np.where(hue < 0, hue + 1, hue), least, largest


def _from_hue(hue: np.ndarray, least: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Red, green and blue."""
    six = 6 * hue
    shares = [np.abs(six - 3) - 1, 2 - np.abs(six - 2), 2 - np.abs(six - 4)]
    return np.stack([least + (largest - least) * np.clip(share, 0, 1) for share in shares], axis=-1)


def _saturation(least: np.ndarray, largest: np.ndarray) -> np.ndarray:
    return np.where(largest > 0, (largest - least) / np.where(largest > 0, largest, 1), 0)


def _rgb_to_hsv(node: Node, x: np.ndarray) -> np.ndarray:
    hue, least, largest = _hue(x)
    return np.stack([hue, _saturation(least, largest), largest], axis=-1).astype(x.dtype)


def _hsv_to_rgb(node: Node, x: np.ndarray) -> np.ndarray:
    hue, saturation, value = np.moveaxis(x.astype(np.float64), -1, 0)
    return _from_hue(hue, value * (1 - saturation), value).astype(x.dtype)


def _adjust_hue(node: Node, x: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """The hue turned by delta turns."""
    hue, least, largest = _hue(x)
    return _from_hue(np.mod(hue + float(delta), 1.0), least, largest).astype(x.dtype)


def _adjust_saturation(node: Node, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The saturation times scale, at most 1."""
    hue, least, largest = _hue(x)
    saturation = np.clip(_saturation(least, largest) * float(scale), 0, 1)
    return _from_hue(hue, largest * (1 - saturation), largest).astype(x.dtype)


@kernel_family("colours")
def colours(op: str, dtype: str) -> Iterator[Any]:
    """out[p, :] = the colour x[p, :], three numbers, converted or adjusted by number[0]; in float64."""
    yield f"{dtype}[:] x, float32[:] number, {dtype}[:] out"
    from edgeload.kernels.simd import scalar_function

    floor = scalar_function("floor(a0)")
    is_from_hsv, is_to_hsv = op == "HSVToRGB", op == "RGBToHSV"
    is_hue, is_saturation = op == "AdjustHue", op == "AdjustSaturation"

    def run(x, number, out, worker, workers):  # type: ignore[no-untyped-def]
        count = x.size // 3
        amount = np.float64(number[0])
        for p in range(count * worker // workers, count * (worker + 1) // workers):
            red, green, blue = np.float64(x[3 * p]), np.float64(x[3 * p + 1]), np.float64(x[3 * p + 2])
            hue, least, largest = red, blue * (1 - green), blue
            if not is_from_hsv:
                least, largest = min(min(red, green), blue), max(max(red, green), blue)
                hue = 0.0
                if largest > least:
                    unit = 1 / (6 * (largest - least))
                    if largest == red:
                        hue = unit * (green - blue)
                    elif largest == green:
                        hue = unit * (blue - red) + 2 / 6
                    else:
                        hue = unit * (red - green) + 4 / 6
                    if hue < 0:
                        hue += 1
            saturation = (largest - least) / largest if largest > 0 else 0.0
            if is_to_hsv:
                out[3 * p], out[3 * p + 1], out[3 * p + 2] = hue, saturation, largest
                continue
            if is_hue:
                hue = hue + amount
                hue = hue - floor(hue)
            if is_saturation:
                least = largest * (1 - min(max(saturation * amount, 0.0), 1.0))
            span, six = largest - least, 6 * hue
            out[3 * p] = least + span * min(max(abs(six - 3) - 1, 0.0), 1.0)
            out[3 * p + 1] = least + span * min(max(2 - abs(six - 2), 0.0), 1.0)
            out[3 * p + 2] = least + span * min(max(2 - abs(six - 4), 0.0), 1.0)

    yield run


def _lower_colours(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, *numbers = operands
    if getattr(x.dtype, "name", "") not in ("float32", "float64"):
        return NotImplemented
    number = numbers[0] if numbers else emit.constant(("zero", "float32"), lambda: np.zeros((), _FLOAT32))
    tiles = max(1, math.prod(x.shape) >> 13)
    emit.kernel(f"colours<{node.op},{x.dtype.name}>", x, number, outputs[0], tiles=tiles)
    return None


_COLOURS: dict[str, Callable[..., Any]] = {
    "RGBToHSV": _rgb_to_hsv,
    "HSVToRGB": _hsv_to_rgb,
    "AdjustHue": _adjust_hue,
    "AdjustSaturation": _adjust_saturation,
}
for _op, _compute in _COLOURS.items():
    register(_op, infer=_infer_colours, reference=_compute, lower=_lower_colours)


def _infer_contrast(node: Node, x: Operand, factor: Operand) -> Spec:
    require(len(x.shape) >= 3, node, f"images of shape {x.shape}", "three or more dimensions")
    require(str(x.dtype) in _FLOATS, node, f"dtype {x.dtype}", "floating-point numbers")
    require(factor.shape == (), node, f"a factor of shape {factor.shape}", "a scalar")
    return x.spec


def _adjust_contrast(node: Node, x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Each channel's distance from its mean over the image, times the factor."""
    if x.size == 0:
        return x
    wide = x.astype(np.float64)
    mean = wide.mean((-3, -2), keepdims=True)
    return ((wide - mean) * float(factor) + mean).astype(x.dtype)


def _lower_contrast(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, factor = operands
    if x.dtype != np.dtype(_FLOAT32):
        return NotImplemented
    rank = len(x.shape)
    if math.prod(x.shape) == 0:
        return None
    mean = emit.scratch(x.dtype, (*x.shape[:-3], 1, 1, x.shape[-1]))
    if lower_fold("sum", "mean", x, (rank - 3, rank - 2), mean, emit) is NotImplemented:
        return NotImplemented
    return lower_expression("add(mul(sub(a0,a1),a2),a1)", [x, mean, factor], outputs[0], emit)


register("AdjustContrastv2", infer=_infer_contrast, reference=_adjust_contrast, lower=_lower_contrast)
