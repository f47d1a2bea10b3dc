"""Quantisation: to a grid and back, fake quantisation, ranges that nudge, degenerate ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.arrays import array, extremes, f32, f64, sample, scalar
from tests.ops.case import Case, case, chain

_WIDE = array("float32", [-20, -6.1, -6, -1.5, -1e-9, 0, 0.02, 0.025, 0.5, 3.3, 5.999, 6, 6.01, 300, np.inf, -np.inf])


def _limit(value: float) -> np.ndarray:
    return scalar(value, "float32")


def _fake() -> list[Case]:
    made = []
    for low, high in ((-6, 6), (0, 6), (-1.5, 0), (-0.1, 5.7), (-10, 3), (0.5, 3), (-3, -0.5)):
        for bits, narrow in ((8, False), (8, True), (2, False), (16, True)):
            attrs = {"num_bits": bits, "narrow_range": narrow}
            made.append(case("FakeQuantWithMinMaxArgs", _WIDE, min=low, max=high, **attrs))
            if bits == 8:
                made.append(case("FakeQuantWithMinMaxVars", _WIDE, _limit(low), _limit(high), **attrs))
    per_channel = array("float32", [-6, 0, -0.1]), array("float32", [6, 5, 5.7])
    made += [
        case("FakeQuantWithMinMaxArgs", f32(0)),
        case("FakeQuantWithMinMaxArgs", f32(2, 3, 4)),
        case("FakeQuantWithMinMaxVars", f32(2, 3), _limit(0), _limit(0)),
        case("FakeQuantWithMinMaxVars", f32(2, 3), f32(2), _limit(1)).fails(),
        case("FakeQuantWithMinMaxVarsPerChannel", f32(5, 3), *per_channel).with_constants(1, 2),
        case("FakeQuantWithMinMaxVarsPerChannel", f32(2, 2, 2, 3), *per_channel, num_bits=4, narrow_range=True),
        case("FakeQuantWithMinMaxVarsPerChannel", f32(3), *per_channel),
        case("FakeQuantWithMinMaxVarsPerChannel", f32(0, 3), *per_channel),
        case("FakeQuantWithMinMaxVarsPerChannel", f32(5, 2), *per_channel).fails(),
    ]
    return made


def _and_back() -> list[Case]:
    made = []
    x = f32(3, 7)
    limits = _limit(-2.5), _limit(3)
    for op in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4"):
        for given in (True, False):
            for signed in (True, False):
                for mode in ("HALF_TO_EVEN", "HALF_UP"):
                    for narrow in (True, False):
                        attrs = {
                            "range_given": given,
                            "signed_input": signed,
                            "round_mode": mode,
                            "narrow_range": narrow,
                        }
                        made.append(case(op, x, *limits, **attrs).with_constants(1, 2))
        made += [
            case(op, x, *limits, num_bits=4, range_given=True),
            case(op, f64(3, 7), scalar(-1, "float64"), scalar(2, "float64"), range_given=True).folded(),
            case(op, f32(3, 4), *limits, axis=1),  # TensorFlow's kernel takes no ranges for axes
            case(op, x, _limit(3), _limit(-3), range_given=True).fails(),
            case(op, f32(0, 2), *limits, range_given=True),
            case(op, np.zeros(4, np.float32), *limits),
        ]
    made += [
        case(
            "QuantizeAndDequantizeV3", x, *limits, scalar(bits), signed_input=signed, range_given=given
        ).with_constants(1, 2, 3)
        for bits in (4, 8)
        for signed in (True, False)
        for given in (True, False)
    ]
    made += [
        case("QuantizeAndDequantizeV3", x, *limits, scalar(8), narrow_range=True),
        case("QuantizeAndDequantizeV3", x, *limits, scalar(0)).fails(),
        case("QuantizeAndDequantizeV3", f32(3, 4), f32(4, low=-3, high=-1), f32(4, low=1, high=3), scalar(8), axis=1),
    ]
    return made


def _quantize() -> list[Case]:
    made = []
    for dtype in ("quint8", "qint8", "qint16", "quint16", "qint32"):
        for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
            made.append(case("QuantizeV2", f32(3, 5), _limit(-2.5), _limit(3), T=dtype, mode=mode))
    made += [
        case(
            "QuantizeV2",
            f32(3, 5),
            _limit(-2.5),
            _limit(3),
            T="qint8",
            mode="SCALED",
            round_mode="HALF_TO_EVEN",
            narrow_range=narrow,
        )
        for narrow in (True, False)
    ]
    made += [
        case("QuantizeV2", f32(3, 5), _limit(0), _limit(0), T="quint8", mode="MIN_FIRST"),
        case("QuantizeV2", f32(3, 5), _limit(3), _limit(-3), T="quint8").fails(),
        case(
            "QuantizeV2",
            f32(3, 4),
            f32(4, low=-3, high=-1),
            f32(4, low=1, high=3),
            T="qint8",
            mode="SCALED",
            round_mode="HALF_TO_EVEN",
            axis=1,
        ),
        case("QuantizeV2", f32(0, 4), _limit(-1), _limit(1), T="quint8"),
    ]
    return made


def _dequantizing(source: str, **attrs: Any) -> Callable[..., Any]:
    def dequantize(tf: Any, x: Any, low: Any, high: Any) -> Any:
        x.set_shape([None, None] if "axis" in attrs else None)
        return tf.raw_ops.Dequantize(input=tf.bitcast(x, source), min_range=low, max_range=high, **attrs)

    dequantize.__name__ = f"{source} {attrs}"
    return dequantize


def _dequantize() -> list[Case]:
    made = []
    for dtype, plain in (
        ("quint8", "uint8"),
        ("qint8", "int8"),
        ("qint16", "int16"),
        ("quint16", "uint16"),
        ("qint32", "int32"),
    ):
        values = extremes(plain)
        for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
            if dtype == "qint32" and mode == "SCALED":
                values = values // 2  # TensorFlow's largest ones wrap around
            made.append(
                chain(("Dequantize",), _dequantizing(dtype, mode=mode), values, _limit(-2.5), _limit(3)).with_constants(
                    1, 2
                )
            )
    made += [
        chain(
            ("Dequantize",),
            _dequantizing("qint8", mode="SCALED", narrow_range=True),
            extremes("int8"),
            _limit(-2.5),
            _limit(3),
        ),
        chain(
            ("Dequantize",),
            _dequantizing("qint8", mode="SCALED", axis=1),
            sample("int8", 3, 4),
            f32(4, low=-3, high=-1),
            f32(4, low=1, high=3),
        ),
        chain(
            ("Dequantize",),
            _dequantizing("quint8", mode="MIN_FIRST", axis=0),
            sample("uint8", 3, 4),
            f32(3, low=-3, high=-1),
            f32(3, low=1, high=3),
        ).fails(),
        chain(
            ("Dequantize",), _dequantizing("quint8", dtype="bfloat16"), sample("uint8", 3, 4), _limit(-2), _limit(2)
        ).folded(),
        chain(("Dequantize",), _dequantizing("quint8"), sample("uint8", 0, 4), _limit(-2), _limit(2)),
        chain(
            ("Dequantize",), _dequantizing("qint8", mode="SCALED", axis=1), sample("int8", 3, 4), f32(3), f32(3)
        ).fails(),
    ]
    return made


CASES = [*_fake(), *_and_back(), *_quantize(), *_dequantize()]
