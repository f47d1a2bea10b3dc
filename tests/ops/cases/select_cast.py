"""Choosing by conditions, changing dtypes, and ops that pass on what they get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.arrays import (
    COMPLEX,
    FLOATS,
    INTEGERS,
    NUMBERS,
    SIGNED,
    array,
    bools,
    extremes,
    f32,
    i32,
    sample,
    scalar,
    strings,
    texts,
)
from tests.ops.case import EXACT, case, chain, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")
_MADE = ("float32", "uint8")

_REALS = array("float32", [0, -0.0, 0.5, 1.5, -1.5, 2.999, -2.999, 100, 127, -128, 255, 1e-40])
_CASTS = [
    *(
        case("Cast", sample(source, 7, low=0, high=9), DstT=target)
        for source in (*NUMBERS, *COMPLEX, "bool")
        for target in (*NUMBERS, *COMPLEX, "bool")
    ),
    *(case("Cast", extremes(source), DstT=target) for source in INTEGERS for target in INTEGERS),
    *(case("Cast", extremes(source), DstT=target) for source in INTEGERS for target in (*FLOATS, "bool")),
    *(case("Cast", extremes(source), DstT=target) for source in FLOATS for target in (*FLOATS, "bool")),
    *(
        case("Cast", array(source, [0, -0.0, 0.5, 1.5, -1.5, 2.999, -2.999, 100, 127]), DstT=target)
        for source in FLOATS
        for target in SIGNED
    ),
]
_KERNEL_CASTS = {"float32", "int32", "uint8", "bool", "int64"}  # 25 kernels, of 225


def _print(tf: Any, x: Any) -> Any:
    printed = tf.raw_ops.PrintV2(input=x)
    with tf.control_dependencies([printed]):
        return tf.identity(x)


def _no_op(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([tf.no_op()]):
        return tf.identity(x)


def _ensured(shape: list[int | None] | None) -> Callable[..., Any]:
    def ensure(tf: Any, x: Any) -> Any:
        return tf.raw_ops.EnsureShape(input=x, shape=shape)

    return ensure


CASES = [
    *(one if {str(one.inputs[0].dtype), one.attrs["DstT"]} <= _KERNEL_CASTS else one.folded() for one in _CASTS),
    case("Cast", _REALS, DstT="int32"),
    case("Cast", _REALS, DstT="bfloat16").within(EXACT),
    case("Cast", _REALS, DstT="float16").within(EXACT),
    case(
        "Cast", array("float32", [1 + 2**-8, 1 + 3 * 2**-8, 3.4e38, 65520, 65519, 6e-8, 3e-8]), DstT="bfloat16"
    ).within(EXACT),
    case(
        "Cast", array("float32", [1 + 2**-11, 1 + 3 * 2**-11, 3.4e38, 65520, 65519, 6e-8, 3e-8]), DstT="float16"
    ).within(EXACT),
    case("Cast", array("float64", [1 + 2**-24, 1e300, 1e-46, -1e300]), DstT="float32").within(EXACT),
    case("Cast", array("float32", [1 + 2**-9, 3.3999999e38]), DstT="bfloat16", Truncate=True).folded(),
    case("Cast", f32(), DstT="int32"),
    case("Cast", f32(3, 0), DstT="int32"),
    case("Cast", texts(3), DstT="float32").fails(),
    *(
        case("Bitcast", sample(source, 2, 4), type=target).folded()
        for source, target in (
            ("float32", "int32"),
            ("int32", "float32"),
            ("float64", "int64"),
            ("int64", "float64"),
            ("float32", "uint32"),
            ("int8", "uint8"),
            ("float16", "int16"),
            ("bfloat16", "uint16"),
            ("complex64", "float64"),
            ("int32", "uint8"),
            ("int64", "float32"),
            ("float64", "uint8"),
            ("uint8", "int32"),
            ("complex64", "float32"),
        )
    ),
    case("Bitcast", f32(2, 3), type="int32"),
    case("Bitcast", f32(2, 3), type="uint8"),
    case("Bitcast", sample("uint8", 3, 4), type="float32").within(EXACT),
    case("Bitcast", sample("uint8", 3, 8), type="int64"),
    case("Bitcast", sample("uint8", 3, 2), type="int32").fails(),
    case("Bitcast", scalar(1, "uint8"), type="int32").fails(),
    case("Bitcast", f32(0, 2), type="int32"),
    *each(
        _ALL,
        _MADE,
        lambda dtype: [
            case(op, bools(3, 4), sample(dtype, 3, 4), sample(dtype, 3, 4)) for op in ("Select", "SelectV2")
        ],
    ),
    *(
        case(op, scalar(condition, "bool"), f32(2, 3), f32(2, 3))
        for op in ("Select", "SelectV2")
        for condition in (True, False)
    ),
    case("Select", bools(4), f32(4, 3, 2), f32(4, 3, 2)),
    case("Select", bools(4), f32(4, 3), f32(4, 1)).fails(),
    case("Select", bools(3), f32(4, 3), f32(4, 3)).fails(),
    case("Select", bools(0), f32(0, 3), f32(0, 3)),
    case("Select", bools(2, 3), f32(2), f32(2)).fails(),
    case("SelectV2", bools(3, 1), f32(4), f32(1, 1)),
    case("SelectV2", bools(2, 1, 2), f32(3, 1), f32()),
    case("SelectV2", bools(3), f32(), extremes("float32")[:3]),
    case("SelectV2", bools(0, 1), f32(4), f32(4)),
    case("SelectV2", bools(3), f32(2), f32(2)).fails(),
    *(
        case(op, sample(dtype, 2, 3)).folded()
        for op in ("Identity", "StopGradient", "PreventGradient", "Snapshot")
        for dtype in (*NUMBERS, *COMPLEX, "bool")
    ),
    *(case(op, f32(0, 3)) for op in ("Identity", "StopGradient", "PreventGradient", "Snapshot")),
    *(
        case(op, extremes("float32")).within(EXACT)
        for op in ("Identity", "StopGradient", "PreventGradient", "Snapshot")
    ),
    *(case(op, texts(3)) for op in ("Identity", "StopGradient", "PreventGradient")),
    case("IdentityN", [f32(2), texts(3), i32()]),
    case("IdentityN", [f32(0)]),
    case("PlaceholderWithDefault", f32(2, 3), shape=[None, 3]),
    case("PlaceholderWithDefault", texts(2), shape=None),
    chain(("NoOp",), _no_op, f32(3)),
    *(
        one
        for op in ("CheckNumerics", "CheckNumericsV2")
        for one in each(
            FLOATS,
            ("float32",),
            lambda dtype, op=op: [
                case(op, sample(dtype, 3, 4), message="checked"),
                case(op, sample(dtype, 0), message="checked"),
                *(case(op, array(dtype, [1, bad]), message="checked").fails() for bad in (np.inf, -np.inf, np.nan)),
            ],
        )
    ),
    *(chain(("EnsureShape",), _ensured(shape), f32(2, 3)) for shape in ([2, 3], [None, 3], [None, None], None)),
    *(chain(("EnsureShape",), _ensured(shape), f32(2, 3)).fails() for shape in ([2, 4], [2], [2, 3, 1], [])),
    case("Assert", scalar(True, "bool"), [f32(2), strings(b"all is well")]),
    case("Assert", scalar(False, "bool"), [f32(2), strings(b"all is not well")]).fails(),
    case("Assert", bools(2), [f32(2)]).fails(),
    case("Print", f32(2, 2), [i32(2), texts(1)], message="printed: ", summarize=1),
    chain(("PrintV2",), _print, strings(b"printed")),
]
