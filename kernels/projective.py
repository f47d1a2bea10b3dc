"""Images moved, turned and seen in perspective: ImageProjectiveTransformV2 and V3.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/ImageProjectiveTransformV3; coordinates in float32 as in
tensorflow/core/kernels/image/image_ops.h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.movement import tiles_of
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32 = np.float32
_PIXELS = ("float32", "float64", "uint8", "int32", "int64")


def _reflect(at: np.ndarray, size: int) -> np.ndarray:
    """... b a | a b c | c b a ..."""
    period = 2 * size
    below = np.where(at < period, period * np.trunc(-at / period) + at, at)
    below = np.where(below < -size, below + period, -below - 1)
    above = at - period * np.trunc(at / period)
    above = np.where(above >= size, period - above - 1, above)
    return np.where(at < 0, below, np.where(at > size - 1, above, at))


def _wrap(at: np.ndarray, size: int) -> np.ndarray:
    """... b c | a b c | a b ..."""
    below = at + size * (np.trunc(-at / (size - 1)) + 1)
    above = at - size * np.trunc(at / (size - 1))
    return np.where(at < 0, below, np.where(at > size - 1, above, at))


_FILLS: dict[bytes, Callable[[np.ndarray, int], np.ndarray] | None] = {
    b"CONSTANT": None, b"REFLECT": _reflect, b"WRAP": _wrap, b"NEAREST": lambda at, size: at,
}  # fmt: skip


def _infer_transform(node: Node, x: Operand, transforms: Operand, size: Operand, *fill: Operand) -> Spec:
    attrs = node.attrs
    require(len(x.shape) == 4, node, f"images of shape {x.shape}", "[batch, height, width, channels]")
    fits = len(transforms.shape) == 2 and transforms.shape[0] in (1, x.shape[0]) and transforms.shape[1] == 8
    require(fits, node, f"transforms of shape {transforms.shape}", "eight numbers for all images or for each")
    require(attrs["fill_mode"] in _FILLS, node, f"fill_mode {attrs['fill_mode']!r}", "CONSTANT, REFLECT, WRAP, NEAREST")
    kind = attrs["interpolation"]
    require(kind in (b"NEAREST", b"BILINEAR"), node, f"interpolation {kind!r}", "NEAREST or BILINEAR")
    shape = [int(number) for number in size.known().reshape(-1)]
    require(len(shape) == 2 and min(shape) > 0, node, f"output_shape {shape}", "height and width, positive")
    require(all(value.shape == () for value in fill), node, "a fill_value with dimensions", "a scalar")
    return Spec(x.dtype, (x.shape[0], *shape, x.shape[3]))


def _transform(node: Node, x: np.ndarray, transforms: np.ndarray, size: np.ndarray, *fill: np.ndarray) -> np.ndarray:
    """Output pixel (x, y) is input pixel (a0 x + a1 y + a2, b0 x + b1 y + b2) / (c0 x + c1 y + 1)."""
    batch, in_h, in_w, channels = x.shape
    out_h, out_w = (int(number) for number in size.reshape(-1))
    fill_value = np.asarray(fill[0] if fill else 0, _FLOAT32).astype(x.dtype)
    u, v = np.arange(out_w, dtype=_FLOAT32)[None, None, :], np.arange(out_h, dtype=_FLOAT32)[None, :, None]
    a = np.broadcast_to(transforms.astype(_FLOAT32), (batch, 8)).T[:, :, None, None]
    out = np.empty((batch, out_h, out_w, channels), x.dtype)
    if out.size == 0 or x.size == 0:
        out[...] = fill_value
        return out
    with np.errstate(all="ignore"):
        projection = a[6] * u + a[7] * v + _FLOAT32(1)
        col = _mapped(node, (a[0] * u + a[1] * v + a[2]) / projection, in_w)
        row = _mapped(node, (a[3] * u + a[4] * v + a[5]) / projection, in_h)

        def pixels(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
            is_inside = (rows >= 0) & (rows < in_h) & (cols >= 0) & (cols < in_w)
            at = np.where(is_inside, rows, 0).astype(np.int64), np.where(is_inside, cols, 0).astype(np.int64)
            found = x[np.arange(batch)[:, None, None], at[0], at[1]]
            return np.where(is_inside[..., None], found, fill_value)

        if node.attrs["interpolation"] == b"NEAREST":
            out = pixels(_half_away(row), _half_away(col))
        else:
            top, left = np.floor(row), np.floor(col)
            down, across = (row - top)[..., None], (col - left)[..., None]
            rest_down, rest_across = (top + 1 - row)[..., None], (left + 1 - col)[..., None]
            above = rest_across * pixels(top, left).astype(_FLOAT32) + across * pixels(top, left + 1).astype(_FLOAT32)
            below = rest_across * pixels(top + 1, left).astype(_FLOAT32) + across * pixels(top + 1, left + 1).astype(
                _FLOAT32
            )
            out = (rest_down * above + down * below).astype(x.dtype)
    return np.where((projection == 0)[..., None], fill_value, out)


def _mapped(node: Node, at: np.ndarray, size: int) -> np.ndarray:
    """Coordinates outside the image as coordinates inside, unless they are to be filled."""
    fill = _FILLS[node.attrs["fill_mode"]]
    if fill is None:
        return at
    inside = fill(at, size) if size > 1 else np.where((at < 0) | (at > 0), 0, at)
    return np.clip(inside, 0, size - 1).astype(_FLOAT32)


def _half_away(x: np.ndarray) -> np.ndarray:
    """C's round: halves away from zero."""
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)


@kernel_family("projective")
def projective(interpolation: str, fill_mode: str, dtype: str) -> Iterator[Any]:
    """out[b, v, u, :] = image b at row (a3 u + a4 v + a5) / p and column (a0 u + a1 v + a2) / p, p = a6 u + a7 v + 1;
    fill[0] where p is 0 and for pixels outside of the image. One line of transforms [.., 8] may serve all images."""
    yield (
        f"{dtype}[:] x, float32[:] transforms, float32[:] fill, int64 batch, int64 in_h, int64 in_w, int64 channels, "
        f"int64 out_h, int64 out_w, {dtype}[:] out"
    )
    from edgeload.kernels.simd import scalar_function

    floor, trunc_abs = scalar_function("floor(a0)"), scalar_function("floor(abs(a0))")
    is_nearest, is_integer = interpolation == "NEAREST", np.dtype(dtype).kind in "iu"
    is_filled, is_reflected, is_wrapped = (fill_mode == mode for mode in ("CONSTANT", "REFLECT", "WRAP"))
    zero, one, half = (_FLOAT32(number) for number in (0, 1, 0.5))

    def run(  # type: ignore[no-untyped-def]
        x, transforms, fill, batch, in_h, in_w, channels, out_h, out_w, out, worker, workers
    ):
        given = fill[0]
        rows = batch * out_h
        for line in range(rows * worker // workers, rows * (worker + 1) // workers):
            image, v = line // out_h, _FLOAT32(line % out_h)
            a = image * 8 if transforms.size > 8 else 0
            for place in range(out_w):
                u = _FLOAT32(place)
                target = (line * out_w + place) * channels
                projection = transforms[a + 6] * u + transforms[a + 7] * v + one
                row = col = zero
                for axis in range(2):
                    size = _FLOAT32(in_h if axis else in_w)
                    k = a + 3 * axis
                    at = (transforms[k] * u + transforms[k + 1] * v + transforms[k + 2]) / projection
                    if not is_filled:
                        last = size - one
                        if last <= zero:
                            at = zero if at < zero or at > zero else at
                        elif is_reflected:
                            period = size + size
                            if at < zero:
                                if at < period:
                                    at = period * trunc_abs(at / period) + at
                                at = at + period if at < -size else -at - one
                            elif at > last:
                                at = at - period * trunc_abs(at / period)
                                if at >= size:
                                    at = period - at - one
                        elif is_wrapped:
                            if at < zero:
                                at = at + size * (trunc_abs(at / last) + one)
                            elif at > last:
                                at = at - size * trunc_abs(at / last)
                        if at < zero:
                            at = zero
                        elif at > last:
                            at = last
                    if axis:
                        row = at
                    else:
                        col = at
                if projection == zero:
                    row = -one - one
                if is_nearest:
                    # halves away from zero
                    r, c = trunc_abs(row), trunc_abs(col)
                    r = r + one if abs(row) - r >= half else r
                    c = c + one if abs(col) - c >= half else c
                    r, c = -r if row < zero else r, -c if col < zero else c
                    if r >= zero and r < _FLOAT32(in_h) and c >= zero and c < _FLOAT32(in_w):
                        source = ((image * in_h + np.int64(r)) * in_w + np.int64(c)) * channels
                        for channel in range(channels):
                            out[np.uint64(target + channel)] = x[np.uint64(source + channel)]
                    else:
                        for channel in range(channels):
                            out[np.uint64(target + channel)] = np.int64(given) if is_integer else given
                    continue
                top, left = floor(row), floor(col)
                down, across = row - top, col - left
                rest_down, rest_across = top + one - row, left + one - col
                is_top = top >= zero and top < _FLOAT32(in_h)
                is_bottom = top + one >= zero and top + one < _FLOAT32(in_h)
                is_left = left >= zero and left < _FLOAT32(in_w)
                is_right = left + one >= zero and left + one < _FLOAT32(in_w)
                is_at_all = (is_top or is_bottom) and (is_left or is_right)
                source = image * in_h * in_w * channels
                if is_at_all:
                    source = ((image * in_h + np.int64(top)) * in_w + np.int64(left)) * channels
                below = source + in_w * channels
                for channel in range(channels):
                    p = q = r = s = _FLOAT32(np.int64(given)) if is_integer else given
                    if is_top and is_left:
                        p = _FLOAT32(x[np.uint64(source + channel)])
                    if is_top and is_right:
                        q = _FLOAT32(x[np.uint64(source + channels + channel)])
                    if is_bottom and is_left:
                        r = _FLOAT32(x[np.uint64(below + channel)])
                    if is_bottom and is_right:
                        s = _FLOAT32(x[np.uint64(below + channels + channel)])
                    value = rest_down * (rest_across * p + across * q) + down * (rest_across * r + across * s)
                    if projection == zero:
                        value = p
                    out[np.uint64(target + channel)] = np.int64(value) if is_integer else value

    yield run


def _lower_transform(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, transforms, _, *fill = operands
    (out,) = outputs
    dtype = getattr(x.dtype, "name", "")
    if dtype not in _PIXELS or 0 in x.shape[1:3]:
        return NotImplemented
    filling = fill[0] if fill else emit.constant(("projective", "fill"), lambda: np.zeros(1, _FLOAT32))
    name = f"projective<{node.attrs['interpolation'].decode()},{node.attrs['fill_mode'].decode()},{dtype}>"
    tiles = min(max(1, out.shape[0] * out.shape[1]), tiles_of(4 * math.prod(out.shape), x.dtype))
    emit.kernel(name, x, transforms, filling, *x.shape, *out.shape[1:3], out, tiles=tiles)
    return None


for _op in ("ImageProjectiveTransformV2", "ImageProjectiveTransformV3"):
    register(_op, infer=_infer_transform, reference=_transform, lower=_lower_transform)
