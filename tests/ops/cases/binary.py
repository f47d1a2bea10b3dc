"""Element-wise functions of two tensors: every dtype, broadcasting, extreme values against each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import (
    COMPLEX,
    FLOATS,
    INTEGERS,
    NUMBERS,
    SIGNED,
    array,
    bools,
    dtype_of,
    extremes,
    f32,
    f64,
    i32,
    ints,
    sample,
    scalar,
    strings,
    texts,
)
from tests.ops.case import EXACT, Case, case, each

_MADE = ("float32", "int32")  # also run by kernels
_WIDE = (*FLOATS, *COMPLEX)
_DTYPES = {
    **dict.fromkeys(("AddV2", "Sub", "Mul"), (*NUMBERS, *COMPLEX)),
    "Add": (*FLOATS, *SIGNED, "uint8", *COMPLEX),
    **dict.fromkeys(("RealDiv", "DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py"), _WIDE),
    "SquaredDifference": (*_WIDE, "int32", "int64"),
    **dict.fromkeys(("Maximum", "Minimum"), NUMBERS),
    "Atan2": FLOATS,
    **dict.fromkeys(("Equal", "NotEqual"), (*NUMBERS, *COMPLEX)),
    **dict.fromkeys(("Less", "LessEqual", "Greater", "GreaterEqual"), NUMBERS),
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor"), INTEGERS),
    "Div": (*NUMBERS, *COMPLEX),
    **dict.fromkeys(("FloorDiv", "FloorMod", "TruncateDiv"), NUMBERS),
    **dict.fromkeys(("Mod", "TruncateMod"), ("float32", "float64", "int32", "int64")),
    "Pow": (*FLOATS, *SIGNED, *COMPLEX),
    "ApproximateEqual": ("float32", "float64"),
}
_DIVIDES = ("Div", "FloorDiv", "FloorMod", "TruncateDiv", "Mod", "TruncateMod")
_POSITIVE = ("Xlogy", "Xlog1py")
_EXACT = ("AddV2", "Add", "Sub", "Mul")  # which of two zeros is the larger is nobody's promise
_SAME_SHAPE = ("ApproximateEqual",)
_SHAPES = (
    ((2, 3), (3,)),
    ((2, 1, 3), (4, 1)),
    ((5,), ()),
    ((), (2, 2)),
    ((0, 3), (1, 3)),
    ((), ()),
    ((3, 1, 2, 1, 2), (1, 2, 1, 3, 1)),
)

_QUOTIENTS = [0, -0.0, 1, -1, 0.5, 2.5, -7, 64, np.inf, -np.inf, np.nan]


def _pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Every extreme value against every other."""
    values = extremes(dtype)
    return np.repeat(values, values.size), np.tile(values, values.size)


def _cases(op: str, dtypes: tuple[str, ...]) -> Iterator[Case]:
    for dtype in dtypes:
        bounds = (0.1, 4.0) if op in _POSITIVE else (1, 6) if op == "Pow" or op in _DIVIDES else (None, None)
        second = sample(dtype, 3, 5, low=bounds[0], high=bounds[1])
        first = sample(dtype, 3, 5, low=0.1, high=4.0) if op == "Pow" and dtype in FLOATS else sample(dtype, 3, 5)
        made = [case(op, first, second)]
        is_integer = dtype in INTEGERS
        if not (is_integer and (op in _DIVIDES or op == "Pow")) and dtype not in COMPLEX and op != "FloorDiv":
            made.append(case(op, *_pairs(dtype)))
        for one in made:
            one = one.within(EXACT) if op in _EXACT and dtype not in COMPLEX else one
            yield one if dtype in _MADE else one.folded()
    if op in _SAME_SHAPE:
        return
    dtype = "float32" if "float32" in dtypes else "int32"
    for a, b in _SHAPES:
        low, high = (0.1, 4.0) if op == "Pow" or op in _POSITIVE else (1, 9)
        yield case(op, sample(dtype, *a, low=low, high=high), sample(dtype, *b, low=low, high=high))
    if op not in ("Equal", "NotEqual"):
        yield case(op, sample(dtype, 3), sample(dtype, 2)).fails()
    yield case(op, sample(dtype, 2, 3), sample(dtype, 2, 2), **_ERROR.get(op, {})).fails()


_ERROR = {op: {"incompatible_shape_error": True} for op in ("Equal", "NotEqual")}


def _divisions(op: str, dtype: str) -> Iterator[Case]:
    """All signs, the smallest by -1, and zeros, which only some ops take."""
    if dtype in SIGNED or dtype in FLOATS:
        first, second = [7, 7, -7, -7, 6, 6, -6, -6, 0, 0, 1, -1], [3, -3, 3, -3, 3, -3, 3, -3, 5, -5, 2, 2]
        yield case(op, array(dtype, first), array(dtype, second))
    limits = extremes(dtype)
    yield case(op, np.repeat(limits, 3), np.tile(np.array([1, 2, 3], limits.dtype), limits.size))
    if dtype in INTEGERS:
        yield case(op, array(dtype, [1, 2]), array(dtype, [1, 0])).fails()


CASES = [
    *(one for op, dtypes in _DTYPES.items() for one in _cases(op, dtypes)),
    *(
        one
        for op in _DIVIDES
        for one in each(
            [d for d in _DTYPES[op] if d not in COMPLEX], _MADE, lambda dtype, op=op: list(_divisions(op, dtype))
        )
    ),
    # incompatible shapes give one False or True where that is asked for
    case("Equal", f32(2), f32(3), incompatible_shape_error=False),
    case("NotEqual", f32(2), f32(3), incompatible_shape_error=False),
    *(case(op, bools(3, 4), bools(4)) for op in ("Equal", "NotEqual", "LogicalAnd", "LogicalOr")),
    *(case(op, bools(0, 1), bools(4)) for op in ("LogicalAnd", "LogicalOr")),
    *(case(op, bools(2), bools(3)).fails() for op in ("LogicalAnd", "LogicalOr")),
    *(case(op, texts(3, 4), texts(4)) for op in ("Equal", "NotEqual")),
    case("Add", texts(2, 1), texts(3)),
    case("Add", strings(b"a\x00"), strings([b"", b"\x00b"])),
    # powers: TensorFlow multiplies, and refuses negative exponents of integers
    # quotients that TensorFlow's rounding to halves, or flushing of small numbers to zero, does not make another number
    *each(
        FLOATS,
        ("float32",),
        lambda dtype: case("FloorDiv", *(np.array(p, dtype_of(dtype)) for p in np.meshgrid(_QUOTIENTS, _QUOTIENTS))),
    ),
    *(
        case("Pow", array(dtype, [0, 1, -1, 2, -2, 3, -3, 10]), array(dtype, [0, 5, 3, 6, 3, 4, 1, 1]))
        for dtype in ("int32", "int64")
    ),
    case("Pow", array("int8", [3, -3, 2]), array("int8", [5, 5, 7])).folded(),
    case("Pow", ints(2, 2), ints(1, -1)).fails(),
    case(
        "Pow",
        array("float32", [-8, -8, 0, 0, 0, 4, 2, np.inf, -np.inf]),
        array("float32", [1 / 3, 2, 0, -1, 1, 0.5, 200, 0, 3]),
    ),
    case("Pow", f64(3, 4, low=0.1, high=4), f64(4)),
    case("Pow", f32(3, 4, low=0.1, high=4), scalar(2, "float32")).with_constants(1),
    case("Pow", f32(3, 4), scalar(3, "float32")).with_constants(1),
    case("Pow", f32(3, 4, low=0.1, high=4), scalar(-0.5, "float32")).with_constants(1),
    *(case(op, f64(3, 5), f64(5)) for op in ("AddV2", "Mul", "RealDiv", "Maximum", "FloorDiv", "FloorMod", "Atan2")),
    # shifts by more than the width, and by negative numbers, are clamped
    *(
        one
        for op in ("LeftShift", "RightShift")
        for one in each(
            INTEGERS,
            ("int32", "uint8"),
            lambda dtype, op=op: [
                case(op, sample(dtype, 2, 4), sample(dtype, 4, low=0, high=7)),
                case(op, extremes(dtype), scalar(1, dtype)),
                case(op, array(dtype, [1, 1, 1, 5, 5]), array(dtype, [7, 8, 31, 100, 127])),
            ],
        )
    ),
    *(case(op, array("int32", [1, -8, -8]), array("int32", [-1, -1, 40])) for op in ("LeftShift", "RightShift")),
    *(case(op, i32(3), i32(2)).fails() for op in ("LeftShift", "RightShift")),
    # Xdivy, Xlogy, Xlog1py, MulNoNan, DivNoNan: a zero wins over everything
    *(
        case(op, array("float32", [0, 0, 0, 0, 1, 1]), array("float32", [0, -1, np.nan, np.inf, 0, np.nan]))
        for op in ("Xdivy", "Xlogy", "Xlog1py", "MulNoNan", "DivNoNan")
    ),
    *(
        case(
            "ApproximateEqual",
            array("float32", [1, 1, 1, np.inf, np.nan]),
            array("float32", [1.0000001, 1.05, 1.2, np.inf, np.nan]),
            tolerance=tolerance,
        )
        for tolerance in (1e-5, 0.1)
    ),
    case("ApproximateEqual", f32(2), f32(3)).fails(),
    case("ApproximateEqual", f32(0), f32(0)),
    # AddN, BiasAdd, ClipByValue
    *each((*NUMBERS, *COMPLEX), _MADE, lambda dtype: case("AddN", [sample(dtype, 3, 4)] * 3)),
    case("AddN", [f32(3)]),
    case("AddN", [f32(), f32()]),
    case("AddN", [f32(0, 2)] * 2),
    case("AddN", [f32(5)] * 12),
    case("AddN", [f32(3), f32(4)]).fails(),
    *each(
        (*NUMBERS, *COMPLEX),
        _MADE,
        lambda dtype: [case(op, sample(dtype, 2, 3, 4), sample(dtype, 4)) for op in ("BiasAdd", "BiasAddV1")],
    ),
    *(case(op, f32(2, 4), f32(4)).with_constants(1) for op in ("BiasAdd", "BiasAddV1")),
    *(case(op, f32(0, 4), f32(4)) for op in ("BiasAdd", "BiasAddV1")),
    *(case(op, f32(2, 4), f32(3)).fails() for op in ("BiasAdd", "BiasAddV1")),
    *(case(op, f32(4), f32(4)).fails() for op in ("BiasAdd", "BiasAddV1")),
    *(case(op, f32(2, 4), f32(1, 4)).fails() for op in ("BiasAdd", "BiasAddV1")),
    case("BiasAdd", f32(2, 3, 4, 5), f32(3), data_format="NCHW"),
    case("BiasAdd", f32(2, 3, 4), f32(3), data_format="NCHW"),
    case("BiasAdd", f32(2, 3), f32(3), data_format="NCHW"),
    case("BiasAdd", f32(2, 3, 2, 2, 2), f32(3), data_format="NCHW"),
    case("BiasAdd", f32(2, 3, 2, 2, 2), f32(2), data_format="NHWC"),
    *each(
        (*FLOATS, *SIGNED, "uint8", "uint16"),
        _MADE,
        lambda dtype: case("ClipByValue", sample(dtype, 3, 4), scalar(1, dtype), scalar(4, dtype)),
    ),
    case("ClipByValue", extremes("float32"), scalar(-1, "float32"), scalar(1, "float32")),
    case("ClipByValue", f32(3, 4), f32(3, 4, low=-1, high=0), f32(3, 4, low=0, high=1)),
    case("ClipByValue", f32(3, 4), f32(3, 4, low=-1, high=0), scalar(1, "float32")),
    case("ClipByValue", f32(3, 4), scalar(-1, "float32"), f32(3, 4, low=0, high=1)),
    case("ClipByValue", f32(4), scalar(2, "float32"), scalar(1, "float32")),
    case("ClipByValue", f32(0), scalar(1, "float32"), scalar(2, "float32")),
    case("ClipByValue", f32(3, 4), f32(4), f32(4)).fails(),
]
