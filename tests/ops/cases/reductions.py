"""Reductions, positions of extremes, sorting, running sums, softmax, losses: axes, ties, NaN, no elements."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import (
    COMPLEX,
    FLOATS,
    HALVES,
    INTEGERS,
    NUMBERS,
    array,
    bools,
    extremes,
    f32,
    f64,
    i32,
    ints,
    longs,
    sample,
    scalar,
)
from tests.ops.case import Case, case, each

_MADE = ("float32", "int32")
_NO_AXES = np.zeros(0, np.int32)
_REDUCTIONS = {
    **dict.fromkeys(("Sum", "Mean", "Prod"), (*NUMBERS, *COMPLEX)),
    **dict.fromkeys(("Max", "Min"), NUMBERS),
    "EuclideanNorm": (*NUMBERS, *COMPLEX),
}
_AXES = (
    ints(0),
    ints(1),
    ints(2),
    ints(-1),
    ints(0, 2),
    ints(1, 2),
    ints(0, 1, 2),
    ints(-1, 0),
    _NO_AXES,
    scalar(1),
    longs(0, -1),
)


def _reductions(op: str, dtypes: tuple[str, ...]) -> Iterator[Case]:
    yield from each(
        dtypes,
        _MADE,
        lambda dtype: [
            case(op, sample(dtype, 3, 5, 4), ints(1)),
            case(op, sample(dtype, 3, 5, low=1, high=4), ints(0, 1)),
        ],
    )
    for axes in _AXES:
        yield case(op, f32(2, 3, 5), axes)
        yield case(op, f32(2, 3, 5), axes, keep_dims=True)
    yield case(op, f32(), _NO_AXES)
    yield case(op, f32(7, 33), ints(1)).with_constants(1)
    yield case(op, f32(33, 7), ints(0)).with_constants(1)
    yield case(op, f32(3, 0), ints(1))
    yield case(op, f32(0, 3), ints(1))
    yield case(op, f32(0, 3), ints(0), keep_dims=True)
    if op in ("Max", "Min"):
        yield case(op, i32(0, 3), ints(0))
    for values in ([1, np.nan, 2], [np.inf, 1, -np.inf], [np.inf, 2, 3], [-np.inf, 2, 3], [-0.0, -0.0, 0.0]):
        yield case(op, array("float32", values), ints(0))
    if op == "EuclideanNorm":
        yield case(op, array("int8", [[8, 8], [100, 100]]), ints(1)).with_constants(1)
        yield case(op, sample("complex64", 3, 7), ints(1)).with_constants(1)
    yield case(op, f32(2, 3), ints(2)).fails()
    yield case(op, f32(2, 3), ints(-3)).fails()
    yield case(op, f32(2, 3), ints(0, 0)).fails()


def _logical(op: str) -> Iterator[Case]:
    for axes in _AXES:
        yield case(op, bools(2, 3, 5), axes)
        yield case(op, bools(2, 3, 5), axes, keep_dims=True)
    yield case(op, bools(3, 0), ints(1))
    yield case(op, bools(), _NO_AXES)
    yield case(op, bools(2), ints(1)).fails()


def _positions(op: str) -> Iterator[Case]:
    yield from each((*NUMBERS, "bool"), _MADE, lambda dtype: case(op, sample(dtype, 3, 5, 4), scalar(1)))
    for axis in (0, 1, 2, -1, -3):
        yield case(op, f32(2, 3, 5), scalar(axis), output_type="int32")
    yield case(op, f32(7), scalar(0))
    yield case(op, f32(2, 3), scalar(1, "int64"))
    yield case(op, array("float32", [[1, 3, 3], [2, 2, 2], [-0.0, 0.0, 0.0]]), scalar(1))
    yield case(op, array("float32", [[1, -np.inf, 3], [np.inf, 2, np.inf]]), scalar(1))
    yield case(op, i32(4, 6, low=0, high=2), scalar(1))
    yield case(op, f32(0, 3), scalar(1))
    yield case(op, f32(3, 0), scalar(1)).fails()
    yield case(op, f32(2, 3), scalar(2)).fails()
    yield case(op, f32(2, 3), scalar(-3)).fails()


def _top() -> Iterator[Case]:
    yield from each(NUMBERS, _MADE, lambda dtype: case("TopKV2", sample(dtype, 3, 9), scalar(3)))
    for shape, k in (((2, 6), 0), ((2, 6), 1), ((2, 6), 6), ((6,), 2), ((2, 3, 4), 2), ((0, 4), 2)):
        yield case("TopKV2", f32(*shape), scalar(k))
    yield case("TopKV2", array("float32", [[1, 2, 2, 1, 2], [0.0, -0.0, 0.0, -0.0, 0.0]]), scalar(4))
    yield case("TopKV2", array("float32", [3, -np.inf, np.inf, 3, 1]), scalar(5))
    yield case("TopKV2", i32(100, low=0, high=9), scalar(100))
    yield case("TopKV2", f32(2, 3), scalar(4)).fails()
    yield case("TopKV2", f32(2, 3), scalar(-1)).fails()
    yield case("TopKV2", f32(), scalar(1)).fails()


def _running(op: str) -> Iterator[Case]:
    dtypes = FLOATS if op == "CumulativeLogsumexp" else (*NUMBERS, *COMPLEX)
    yield from each(dtypes, _MADE, lambda dtype: case(op, sample(dtype, 3, 5), scalar(1)))
    for exclusive in (False, True):
        for reverse in (False, True):
            for axis in (0, 1, -1):
                yield case(op, f32(3, 4, 5), scalar(axis), exclusive=exclusive, reverse=reverse)
    yield case(op, f32(5), scalar(0, "int64"))
    yield case(op, f32(3, 0), scalar(1))
    yield case(op, f32(0, 3), scalar(1))
    yield case(op, array("float32", [1, np.inf, 2, -np.inf, 3]), scalar(0))
    yield case(op, f32(3), scalar(1)).fails()
    yield case(op, f32(3), scalar(-2)).fails()


def _softmax(op: str) -> Iterator[Case]:
    yield from each(FLOATS, ("float32", "float64"), lambda dtype: case(op, sample(dtype, 3, 9)))
    for shape in ((1, 1), (2, 33), (2, 3, 5), (0, 4), (7,), (2, 1000)):
        yield case(op, f32(*shape))
    yield case(op, array("float32", [[1000, 1000, -1000], [88, -88, 0], [-1e30, 1e30, 0]]))
    yield case(op, array("float32", [[-np.inf, 0, 1], [np.nan, 0, 1], [np.inf, 0, 1]]))
    yield case(op, f32()).fails()


def _labels(dtype: str, *labels: int) -> np.ndarray:
    return np.array(labels, dtype)


CASES = [
    *(one for op, dtypes in _REDUCTIONS.items() for one in _reductions(op, dtypes)),
    *(one for op in ("All", "Any") for one in _logical(op)),
    *(one for op in ("ArgMax", "ArgMin") for one in _positions(op)),
    *_top(),
    *(one for op in ("Cumsum", "Cumprod", "CumulativeLogsumexp") for one in _running(op)),
    *(one for op in ("Softmax", "LogSoftmax") for one in _softmax(op)),
    *(case("Sum", f64(3, 5), ints(axis)) for axis in (0, 1)),
    case("Sum", array("int8", [100, 100, 100]), ints(0)).folded(),
    case("Mean", array("int32", [7, -8, 0, 2]), ints(0)),
    case("Mean", array("int32", [-7, 2]), ints(0)),
    case("Mean", array("uint8", [255, 254, 255]), ints(0)).folded(),
    case("ArgMax", f32(3, 4), scalar(1), output_type="int16").folded(),
    case("ArgMax", f32(3, 4), scalar(1), output_type="uint16").folded(),
    *(case("TopKV2", f32(3, 5), scalar(2), index_type=dtype).folded() for dtype in ("int16", "int64")),
    case("TopKV2", f32(3, 5), scalar(2, "int16")).folded(),
    case("TopKV2", f32(3, 5), scalar(2, "int64")).folded(),
    case("TopKV2", f32(5), scalar(2)).with_constants(1),
    *each(FLOATS, ("float32",), lambda dtype: case("L2Loss", sample(dtype, 3, 5))),
    case("L2Loss", f32()),
    case("L2Loss", f32(0)),
    case("L2Loss", extremes("float32")),
    *each(
        FLOATS,
        ("float32",),
        lambda dtype: case("SoftmaxCrossEntropyWithLogits", sample(dtype, 3, 5), sample(dtype, 3, 5, low=0, high=1)),
    ),
    case("SoftmaxCrossEntropyWithLogits", f32(1, 5), f32(3, 5, low=0, high=1)),
    case("SoftmaxCrossEntropyWithLogits", f32(3, 5), f32(3, 1, low=0, high=1)),
    case("SoftmaxCrossEntropyWithLogits", f32(0, 5), f32(0, 5)),
    case("SoftmaxCrossEntropyWithLogits", f32(2, 5), f32(3, 5)).fails(),
    case("SoftmaxCrossEntropyWithLogits", f32(5), f32(5)).fails(),
    *each(
        FLOATS,
        ("float32",),
        lambda dtype: case("SparseSoftmaxCrossEntropyWithLogits", sample(dtype, 3, 5), _labels("int32", 0, 4, 2)),
    ),
    case("SparseSoftmaxCrossEntropyWithLogits", f32(2, 5), _labels("int64", 1, 3)),
    case("SparseSoftmaxCrossEntropyWithLogits", f32(0, 5), _labels("int64")),
    case("SparseSoftmaxCrossEntropyWithLogits", f32(2, 5), _labels("int32", 1, 5)).fails(),
    case("SparseSoftmaxCrossEntropyWithLogits", f32(2, 5), _labels("int32", -1, 0)).fails(),
    case("SparseSoftmaxCrossEntropyWithLogits", f32(2, 5), _labels("int32", 1)).fails(),
    *(
        one
        for k in (1, 2, 3)
        for one in (
            case("InTopK", f32(3, 4), _labels("int32", 0, 3, 1), k=k),
            case("InTopKV2", f32(3, 4), _labels("int64", 0, 3, 1), scalar(k, "int64")),
        )
    ),
    case(
        "InTopKV2",
        array("float32", [[1, 1, 1], [2, np.inf, 1], [np.nan, 1, 2], [1, 2, 3]]),
        ints(2, 1, 0, 9),
        scalar(1),
    ),
    case("InTopK", array("float32", [[1, 1, 1], [2, np.inf, 1], [np.nan, 1, 2], [1, 2, 3]]), ints(2, 1, 0, 9), k=2),
    case("InTopKV2", f32(0, 3), _labels("int32"), scalar(1)),
    case("InTopKV2", f32(2, 3), ints(0), scalar(1)).fails(),
    case("InTopK", f32(3), ints(0), k=1).fails(),
    *(case("Sum", sample(dtype, 4, 70, low=0, high=1), ints(1)).folded() for dtype in HALVES),
    *(case("Mean", sample(dtype, 4, 70), ints(1)).folded() for dtype in HALVES),
    *(case("Prod", extremes(dtype), ints(0)).folded() for dtype in INTEGERS),
]
