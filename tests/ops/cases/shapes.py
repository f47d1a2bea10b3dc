"""Shapes and their arithmetic, views, constants made of nothing but shapes."""

from __future__ import annotations

import numpy as np

from tests.ops.arrays import COMPLEX, FLOATS, NUMBERS, array, f32, i32, i64, ints, longs, sample, scalar, strings, texts
from tests.ops.case import case, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")
_SHAPES = ((), (3,), (0, 2), (2, 3, 4))
_NONE = np.zeros(0, np.int32)

CASES = [
    *(case(op, f32(*shape)) for op in ("Shape", "Size", "Rank") for shape in _SHAPES),
    *(case(op, f32(2, 3), out_type="int64") for op in ("Shape", "Size")),
    *each(_ALL, (), lambda dtype: [case(op, sample(dtype, 2, 3)) for op in ("Shape", "Size", "Rank")]),
    case("ShapeN", [f32(2, 3), f32(0), f32()]),
    case("ShapeN", [f32(2, 3), f32(4)], out_type="int64"),
    # views
    *each(
        _ALL,
        ("float32",),
        lambda dtype: [
            case("Reshape", sample(dtype, 2, 3), ints(3, 2)),
            case("Squeeze", sample(dtype, 1, 3)),
            case("ExpandDims", sample(dtype, 3), scalar(0)),
        ],
    ),
    *(
        case("Reshape", f32(2, 3, 4), shape)
        for shape in (ints(24), ints(-1), ints(4, -1), ints(2, 2, 2, 3), longs(6, 4), ints(2, -1, 1, 3), scalar(24))
    ),
    *(
        case("Reshape", f32(2, 3, 4), shape).fails()
        for shape in (ints(23), ints(-1, -1), ints(5, -1), ints(-2, -12), _NONE)
    ),
    case("Reshape", f32(1, 1), _NONE),
    case("Reshape", f32(), ints(1, 1)),
    case("Reshape", f32(0, 3), ints(3, 0)),
    case("Reshape", f32(0, 3), ints(3, -1)),
    case("Reshape", f32(0, 3), ints(0, -1)),
    case("Reshape", f32(2, 3), ints(0, -1)).fails(),
    *(case("Squeeze", f32(1, 3, 1, 2), axis=dims) for dims in ([], [0], [2], [-2], [0, 2], [-4, -2])),
    *(case("Squeeze", f32(1, 3, 1, 2), axis=dims).fails() for dims in ([1], [0, 1], [4], [-5])),
    case("Squeeze", f32(1, 1)),
    case("Squeeze", f32()),
    case("Squeeze", f32(1, 0)),
    *(case("ExpandDims", f32(2, 3), scalar(axis)) for axis in (0, 1, 2, -1, -2, -3)),
    *(case("ExpandDims", f32(2, 3), scalar(axis)).fails() for axis in (3, -4)),
    case("ExpandDims", f32(), scalar(0)),
    case("ExpandDims", f32(2), ints(1)),
    case("ExpandDims", f32(2), longs(-1)),
    case("ExpandDims", f32(2), ints(0, 1)).fails(),
    # made of shapes
    *each(_ALL, ("float32",), lambda dtype: case("Fill", ints(2, 3), sample(dtype))),
    case("Fill", _NONE, scalar(2.5, "float32")),
    case("Fill", ints(0, 3), scalar(2.5, "float32")),
    case("Fill", longs(2, 2), scalar(7)),
    case("Fill", ints(-1), scalar(7)).fails(),
    case("Fill", ints(2), ints(7)),
    case("Fill", scalar(2), scalar(7)),
    *each(_ALL, ("float32",), lambda dtype: case("ZerosLike", sample(dtype, 2, 3))),
    *each(
        [dtype for dtype in _ALL if dtype != "string"],
        ("float32",),
        lambda dtype: case("OnesLike", sample(dtype, 2, 3)),
    ),
    *(case(op, f32(*shape)) for op in ("ZerosLike", "OnesLike") for shape in ((), (0, 2))),
    *(
        case("Empty", ints(2, 3), dtype=dtype, init=True)
        for dtype in ("float32", "int64", "string", "bool", "bfloat16")
    ),
    case("Empty", ints(2, 3), dtype="float32").shapes("memory is as it was"),
    case("Empty", ints(-2), dtype="float32", init=True).fails(),
    *each(
        (*FLOATS, "int32", "int64"),
        (),
        lambda dtype: case("Range", scalar(1, dtype), scalar(9, dtype), scalar(2, dtype)),
    ),
    *(case("Range", scalar(a), scalar(b), scalar(c)) for a, b, c in ((0, 5, 1), (5, 0, -2), (3, 3, 1), (-4, 4, 3))),
    *(case("Range", scalar(a), scalar(b), scalar(c)).fails() for a, b, c in ((0, 5, 0), (0, 5, -1), (5, 0, 1))),
    *(
        case("Range", scalar(a, "float32"), scalar(b, "float32"), scalar(c, "float32"))
        for a, b, c in ((0, 1, 0.1), (0.5, -3, -0.7), (0, 1, 0.3))
    ),
    case("Range", ints(1), scalar(3), scalar(1)),
    case("Range", ints(1, 2), scalar(3), scalar(1)).fails(),
    *each(
        ("float32", "float64"),
        ("float32",),
        lambda dtype: case("LinSpace", scalar(-1.5, dtype), scalar(4, dtype), scalar(7)),
    ),
    *(case("LinSpace", scalar(1, "float32"), scalar(4, "float32"), scalar(count)) for count in (1, 2)),
    case("LinSpace", scalar(4, "float32"), scalar(1, "float32"), scalar(5, "int64")),
    *(case("LinSpace", scalar(1, "float32"), scalar(4, "float32"), scalar(count)).fails() for count in (0, -1)),
    case("LinSpace", array("float32", [1]), scalar(4, "float32"), scalar(3)).fails(),
    # arithmetic of shapes
    *(
        case(op, array(dtype, a), array(dtype, b))
        for op in ("BroadcastArgs", "BroadcastGradientArgs")
        for dtype in ("int32", "int64")
        for a, b in (([2, 3], [3]), ([2, 1, 3], [4, 1]), ([], [2]), ([2, 3], [2, 3]), ([1], [1]), ([0, 1], [1, 5]))
    ),
    case("BroadcastArgs", ints(2, 3), ints(2)).fails(),
    case("BroadcastGradientArgs", ints(2, 3), ints(2)).fails(),
    case("BroadcastArgs", i32(2, 2), ints(2)).fails(),
    case("ConcatOffset", scalar(1), [ints(2, 3), ints(2, 5), ints(2, 1)]),
    case("ConcatOffset", scalar(-1), [ints(2, 3), ints(2, 5)]),
    case("ConcatOffset", scalar(0), [longs(2, 3), longs(4, 3)]),
    case("ConcatOffset", scalar(2), [ints(2, 3), ints(2, 5)]).fails(),
    case("ConcatOffset", scalar(1), [ints(2, 3), ints(3, 5)]).fails(),
    *each(("int32", "int64"), ("int32",), lambda dtype: case("InvertPermutation", array(dtype, [3, 1, 0, 2]))),
    case("InvertPermutation", _NONE),
    case("InvertPermutation", ints(0, 0)).fails(),
    case("InvertPermutation", ints(0, 2)).fails(),
    case("InvertPermutation", ints(-1, 0)).fails(),
    case("InvertPermutation", i64(2, 2)).fails(),
    case("Fill", ints(2), strings(b"word")),
    case("Reshape", texts(6), ints(2, 3)),
]
