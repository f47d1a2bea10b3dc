"""QuantizeAndDequantizeV2, V3 and V4; QuantizeV2 and Dequantize.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/QuantizeAndDequantizeV4
https://www.tensorflow.org/api_docs/python/tf/raw_ops/QuantizeV2

Quantised dtypes are their integers: quint8 is uint8. With a given range QuantizeAndDequantize is an element-wise
expression, and so is Dequantize with a known one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.functions import convert
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.movement import tiles_of
from edgeload.kernels.quantizers import round_to_grid
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32 = np.float32


def _axis(node: Node, rank: int) -> int:
    """The axis with a range of its own for each index; -1: one range for all."""
    axis = int(node.attrs.get("axis", -1))
    require(-1 <= axis < rank, node, f"axis {axis} for {rank} dimensions", "-1 or one of the dimensions")
    return axis


def _along(values: Any, axis: int, rank: int) -> tuple[int, ...]:
    """The shape under which a range for each index of the axis broadcasts against the input."""
    return () if axis < 0 else (*values.shape, *(1,) * (rank - 1 - axis))


def _require_ranges(node: Node, shape: tuple[int, ...], axis: int, ranges: Sequence[Operand]) -> None:
    wanted = () if axis < 0 else (shape[axis],)
    for values in ranges:
        is_one = axis < 0 and math.prod(values.shape) == 1
        require(values.shape == wanted or is_one, node, f"a range of shape {values.shape}", f"{wanted} is needed")


# ---- QuantizeAndDequantize


def _bits(node: Node, number: int) -> int:
    most = 61 if node.attrs["signed_input"] else 62
    require(0 < number <= most, node, f"num_bits {number}", f"1 to {most}")
    return number


def _ends(node: Node, bits: int) -> tuple[int, int]:
    """The least and the largest integer of the grid."""
    if not node.attrs["signed_input"]:
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)) + bool(node.attrs["narrow_range"]), 2 ** (bits - 1) - 1


def _is_half_up(node: Node) -> bool:
    return bool(node.attrs.get("round_mode", b"HALF_TO_EVEN") == b"HALF_UP")


def _text(node: Node, bits: int) -> str:
    least, most = _ends(node, bits)
    name = "to_grid_half_up" if _is_half_up(node) else "to_grid_half_to_even"
    return f"{name}(a0,a1,a2,{float(least)!r},{float(most)!r})"


def _infer_round_trip(node: Node, x: Operand, low: Operand, high: Operand, *bits: Operand) -> Spec:
    mode = node.attrs.get("round_mode", b"HALF_TO_EVEN")
    require(mode in (b"HALF_UP", b"HALF_TO_EVEN"), node, f"round_mode {mode!r}", "HALF_UP or HALF_TO_EVEN")
    if not bits:
        _bits(node, node.attrs["num_bits"])
    elif bits[0].value is not None:
        _bits(node, int(bits[0].value))
    axis = _axis(node, len(x.shape))
    if node.attrs["range_given"]:
        _require_ranges(node, x.shape, axis, (low, high))
    return x.spec


def _round_trip(node: Node, x: np.ndarray, low: np.ndarray, high: np.ndarray, *bits: np.ndarray) -> np.ndarray:
    """Without a given range, the one of the data."""
    least, most = (x.dtype.type(end) for end in _ends(node, _bits(node, int(bits[0]) if bits else _given_bits(node))))
    axis = _axis(node, x.ndim)
    if not node.attrs["range_given"]:
        others = tuple(at for at in range(x.ndim) if at != axis)
        low = np.min(x, others, initial=np.inf).reshape(-1 if axis >= 0 else ())
        high = np.max(x, others, initial=-np.inf).reshape(-1 if axis >= 0 else ())
    elif axis < 0 and low > high:
        raise ExecutionError(f"{node.op} node {node.name!r}: Invalid range: input_min {low} > input_max {high}")
    low, high = low.reshape(_along(low, axis, x.ndim)), high.reshape(_along(high, axis, x.ndim))
    with np.errstate(all="ignore"):
        rounded = round_to_grid(x, low, high, least, most, _is_half_up(node), bool(node.attrs["range_given"]))
    return np.asarray(rounded, x.dtype)


def _given_bits(node: Node) -> int:
    return int(node.attrs["num_bits"])


def _lower_round_trip(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Ranges that are not known yet might be refused while running, which only the reference does."""
    x, low, high, *bits = operands
    axis = _axis(node, len(x.shape))
    if not node.attrs["range_given"] or low.value is None or high.value is None:
        return NotImplemented
    if (bits and bits[0].value is None) or (axis < 0 and np.any(np.asarray(low.value) > np.asarray(high.value))):
        return NotImplemented
    text = _text(node, int(bits[0].value) if bits else _given_bits(node))  # type: ignore[arg-type]
    ranges = [replace(values, shape=_along(values, axis, len(x.shape))) for values in (low, high)]
    return lower_expression(text, [x, *ranges], outputs[0], emit)


for _op in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"):
    register(_op, infer=_infer_round_trip, reference=_round_trip, lower=_lower_round_trip)


# ---- QuantizeV2

_QUANTIZED = ("int8", "uint8", "int16", "uint16", "int32")
_MODES = (b"MIN_COMBINED", b"MIN_FIRST", b"SCALED")


def _require_mode(node: Node, axis: int, dtype: Any) -> None:
    mode = node.attrs["mode"]
    require(mode in _MODES, node, f"mode {mode!r}", "MIN_COMBINED, MIN_FIRST or SCALED")
    require(str(dtype) in _QUANTIZED, node, f"dtype {dtype}", "quantised integers of 8, 16 or 32 bits")


def _infer_quantize(node: Node, x: Operand, low: Operand, high: Operand) -> list[Spec]:
    axis = _axis(node, len(x.shape))
    _require_mode(node, axis, node.attrs["T"])
    mode = node.attrs["round_mode"]
    is_known = mode == b"HALF_AWAY_FROM_ZERO" or (mode == b"HALF_TO_EVEN" and node.attrs["mode"] == b"SCALED")
    require(is_known, node, f"round_mode {mode!r}", "HALF_AWAY_FROM_ZERO, or HALF_TO_EVEN with mode SCALED")
    _require_ranges(node, x.shape, axis, (low, high))
    slices = 1 if axis < 0 else x.shape[axis]
    require(
        slices == 1 or node.attrs["mode"] != b"MIN_FIRST", node, "MIN_FIRST along an axis", "MIN_COMBINED or SCALED"
    )
    range_shape = () if slices == 1 else (slices,)
    return [Spec(node.attrs["T"], x.shape), *[Spec(np.dtype(_FLOAT32), range_shape)] * 2]


def _half_away(x: np.ndarray) -> np.ndarray:
    """C's round: halves away from zero."""
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole).astype(x.dtype)


def _quantize(node: Node, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[np.ndarray]:
    axis, dtype, mode = _axis(node, x.ndim), node.attrs["T"], node.attrs["mode"]
    if np.any(high < low):
        raise ExecutionError(f"{node.op} node {node.name!r}: input_max_range must be larger than input_min_range.")
    shape = _along(low, axis, x.ndim)
    first, last = (float(end) for end in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    least_span = np.maximum(_FLOAT32(1), np.maximum(np.abs(low), np.abs(high))) * _FLOAT32(
        node.attrs["ensure_minimum_range"]
    )
    with np.errstate(all="ignore"):
        low = np.minimum(_FLOAT32(0), low)
        high = np.maximum(_FLOAT32(0), np.maximum(high, low + least_span))
        if mode == b"SCALED":
            least, most = _FLOAT32(int(first) + bool(node.attrs["narrow_range"])), _FLOAT32(last)
            largest = _FLOAT32(np.finfo(_FLOAT32).max)
            of_low = np.where(least * low > 0, least / low, largest)
            scale = np.minimum(of_low, np.where(most * high > 0, most / high, largest))
            low, high = least / scale, most / scale
            within = np.maximum(np.minimum(x, high.reshape(shape)), low.reshape(shape)) * scale.reshape(shape)
            whole = np.rint(within) if node.attrs["round_mode"] == b"HALF_TO_EVEN" else _half_away(within)
        elif mode == b"MIN_COMBINED":
            scale = ((last - first) / (high - low).astype(np.float64)).astype(_FLOAT32).reshape(shape)
            within = (np.maximum(np.minimum(x, high.reshape(shape)), low.reshape(shape)) - low.reshape(shape)) * scale
            half = _FLOAT32((last - first + 1) / 2)
            whole = _half_away(within - half) if first < 0 else np.trunc(within + _FLOAT32(0.5))
        else:
            steps = 2.0 ** (8 * dtype.itemsize)
            scale = np.where(high == low, 0, (steps - 1) / (high - low).astype(np.float64)).astype(_FLOAT32)
            first_step = _half_away(low * scale) - _FLOAT32(first)
            whole = _half_away(x * scale.reshape(shape)) - first_step.reshape(shape)
            whole = np.minimum(np.maximum(whole, _FLOAT32(first)), _FLOAT32(min(last, 2147483520.0)))
        quantized = convert(whole, dtype)
    range_shape = () if low.size == 1 else low.shape
    return [quantized, low.astype(_FLOAT32).reshape(range_shape), high.astype(_FLOAT32).reshape(range_shape)]


_TOP_FLOAT = 2147483520.0  # the largest float32 that is an int32


@kernel_family("quantize", errors={1: "input_max_range must be larger than input_min_range"})
def quantize(mode: str, rounding: str, dtype: str) -> Iterator[Any]:
    """out[o, s, i] = x[o, s, i] in steps of slice s, whose range (low[s], high[s]) is widened to include 0 and to be at
    least `share` of the larger end wide; used_low and used_high are what it has become. `outer` is at least 1."""
    yield (
        f"float32[:] x, float32[:] low, float32[:] high, int64 outer, int64 inner, float32 share, int64 is_narrow, "
        f"{dtype}[:] out, float32[:] used_low, float32[:] used_high"
    )
    from edgeload.kernels.simd import scalar_function

    rint, trunc_abs = scalar_function("rint(a0)"), scalar_function("floor(abs(a0))")
    limits, kind = np.iinfo(dtype), np.dtype(dtype).type
    first, last, is_signed = float(limits.min), float(limits.max), limits.min < 0
    is_scaled, is_combined, is_even = mode == "SCALED", mode == "MIN_COMBINED", rounding == "HALF_TO_EVEN"
    span, middle, top = last - first, _FLOAT32((last - first + 1) / 2), _FLOAT32(min(last, _TOP_FLOAT))
    bottom, most, largest = _FLOAT32(first), _FLOAT32(last), _FLOAT32(np.finfo(_FLOAT32).max)
    zero, half, one = (_FLOAT32(number) for number in (0, 0.5, 1))
    bits32 = 2147483648.0

    def run(  # type: ignore[no-untyped-def]
        x, low, high, outer, inner, share, is_narrow, out, used_low, used_high, worker, workers
    ):
        slices = low.size
        rows = outer * slices
        first_row, end, begin, stop = 0, rows, 0, inner
        if rows >= workers:
            first_row, end = rows * worker // workers, rows * (worker + 1) // workers
        else:
            begin, stop = inner * worker // workers, inner * (worker + 1) // workers
        for row in range(first_row, end):
            a, b = low[row % slices], high[row % slices]
            if b < a:
                return 1
            least_span = max(one, max(abs(a), abs(b))) * share
            a = min(zero, a)
            b = max(zero, max(b, a + least_span))
            scale = shift = zero
            if is_scaled:
                least = bottom + one if is_narrow else bottom
                of_low = least / a if least * a > zero else largest
                of_high = most / b if most * b > zero else largest
                scale = min(of_low, of_high)
                a, b = least / scale, most / scale
            elif is_combined or a != b:
                scale = _FLOAT32(span / np.float64(b - a))
            if not is_scaled and not is_combined:
                product = a * scale
                whole = trunc_abs(product)
                whole = whole + one if abs(product) - whole >= half else whole
                shift = (-whole if product < zero else whole) - bottom
            if row < slices and begin == 0:
                used_low[row], used_high[row] = a, b
            for i in range(begin, stop):
                value = x[np.uint64(row * inner + i)]
                if is_scaled or is_combined:
                    value = b if value > b else value
                    value = a if value < a else value
                if is_combined:
                    value = (value - a) * scale
                    value = value - middle if is_signed else value + half
                else:
                    value = value * scale
                if is_scaled and is_even:
                    value = rint(value)
                elif is_combined and not is_signed:
                    whole = trunc_abs(value)
                    value = -whole if value < zero else whole
                else:
                    whole = trunc_abs(value)
                    whole = whole + one if abs(value) - whole >= half else whole
                    value = -whole if value < zero else whole
                if not is_scaled and not is_combined:
                    value = value - shift
                    value = bottom if value < bottom else value
                    value = top if value > top else value
                number = np.int32(-bits32)
                if value >= -bits32 and value < bits32:
                    number = np.int32(value)
                out[np.uint64(row * inner + i)] = kind(number)
        return 0

    yield run


def _lower_quantize(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, low, high = operands
    if any(operand.dtype != np.dtype(_FLOAT32) for operand in operands):
        return NotImplemented
    axis, dtype = _axis(node, len(x.shape)), outputs[0].dtype
    outer = math.prod(x.shape[: max(axis, 0)])
    inner = math.prod(x.shape) if axis < 0 else math.prod(x.shape[axis + 1 :])
    name = f"quantize<{node.attrs['mode'].decode()},{node.attrs['round_mode'].decode()},{dtype.name}>"
    share, is_narrow = float(node.attrs["ensure_minimum_range"]), int(node.attrs["narrow_range"])
    inner, outer = (inner, outer) if outer else (0, 1)  # the ranges are wanted even of nothing
    tiles = tiles_of(math.prod(x.shape), x.dtype)
    emit.kernel(name, x, low, high, outer, inner, share, is_narrow, *outputs, tiles=tiles)
    return None


register("QuantizeV2", infer=_infer_quantize, reference=_quantize, lower=_lower_quantize)


# ---- Dequantize


def _infer_dequantize(node: Node, x: Operand, low: Operand, high: Operand) -> Spec:
    axis, out = _axis(node, len(x.shape)), node.attrs["dtype"]
    _require_mode(node, axis, x.dtype)
    is_float = out == np.dtype(_FLOAT32) or (str(out) == "bfloat16" and node.attrs["mode"] == b"MIN_COMBINED")
    require(is_float, node, f"dtype {out} in mode {node.attrs['mode']!r}", "float32, or bfloat16 with MIN_COMBINED")
    _require_ranges(node, x.shape, axis, (low, high))
    slices = 1 if axis < 0 else x.shape[axis]
    require(
        slices == 1 or node.attrs["mode"] != b"MIN_FIRST", node, "MIN_FIRST along an axis", "MIN_COMBINED or SCALED"
    )
    return Spec(out, x.shape)


def _line(node: Node, dtype: np.dtype, low: np.ndarray, high: np.ndarray) -> tuple[Any, Any, Any]:
    """(before, scale, after) with which the result is (x + before) * scale + after, each for every range."""
    first, last = _FLOAT32(np.iinfo(dtype).min), _FLOAT32(np.iinfo(dtype).max)
    zero = np.zeros_like(low)
    with np.errstate(all="ignore"):
        if node.attrs["mode"] == b"MIN_COMBINED":
            half = _FLOAT32(0) if first == 0 else (last - first + _FLOAT32(1)) / _FLOAT32(2)
            return zero + half, (high - low) / (last - first), low
        if node.attrs["mode"] == b"SCALED":
            scale = high / last
            if first != 0:
                scale = np.maximum(low / _FLOAT32(int(first) + bool(node.attrs["narrow_range"])), scale)
            return zero, scale, zero
        scale = ((high - low).astype(np.float64) / (2.0 ** (8 * dtype.itemsize) - 1)).astype(_FLOAT32)
        rounded = np.where(high == low, low, _half_away(low / scale) * scale)
        return zero, scale, rounded - first * scale


def _dequantize(node: Node, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    shape = _along(low, _axis(node, x.ndim), x.ndim)
    before, scale, after = (part.reshape(shape) for part in _line(node, x.dtype, low, high))
    with np.errstate(all="ignore"):
        return np.asarray((x.astype(_FLOAT32) + before) * scale + after, node.attrs["dtype"])


def _lower_dequantize(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, low, high = operands
    if low.value is None or high.value is None or low.value.size != 1:
        return NotImplemented
    numbers = [float(part.reshape(())) for part in _line(node, x.dtype, np.asarray(low.value), np.asarray(high.value))]
    if not np.isfinite(numbers).all():
        return NotImplemented
    before, scale, after = map(repr, numbers)
    return lower_expression(f"add(mul(add(cast_float32(a0),{before}),{scale}),{after})", [x], outputs[0], emit)


register("Dequantize", infer=_infer_dequantize, reference=_dequantize, lower=_lower_dequantize)
