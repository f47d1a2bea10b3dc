"""Sums and counts by group: segments, sparse segments, bins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import COMPLEX, FLOATS, NUMBERS, f32, i32, ints, longs, sample, scalar
from tests.ops.case import Case, case, each

_WIDE = (*NUMBERS, *COMPLEX)
_NONE = np.zeros(0, np.int32)


def _sorted_segments() -> Iterator[Case]:
    for op in ("SegmentSum", "SegmentMean", "SegmentMax", "SegmentMin", "SegmentProd"):
        dtypes = NUMBERS if op in ("SegmentMax", "SegmentMin") else _WIDE
        yield from each(dtypes, (), lambda dtype, op=op: case(op, sample(dtype, 5, 3), ints(0, 0, 1, 3, 3)))
        yield case(op, f32(5), longs(0, 0, 1, 1, 2)).with_constants(1)
        yield case(op, f32(4, 2, 3), ints(1, 1, 1, 4)).with_constants(1)
        yield case(op, f32(0, 3), _NONE)
        yield case(op, f32(3, 0), ints(0, 0, 1))
        yield case(op, f32(3), ints(1, 0, 2)).fails()
        yield case(op, f32(3), ints(-1, 0, 2)).fails()
        yield case(op, f32(3), ints(0, 1)).fails()
        yield case(op, f32(), ints(0)).fails()
    for op in ("UnsortedSegmentSum", "UnsortedSegmentMax", "UnsortedSegmentMin", "UnsortedSegmentProd"):
        dtypes = NUMBERS if op in ("UnsortedSegmentMax", "UnsortedSegmentMin") else _WIDE
        yield from each(
            dtypes, ("float32",), lambda dtype, op=op: case(op, sample(dtype, 5, 3), ints(2, 0, 2, 3, 0), scalar(5))
        )
        yield case(op, f32(5), ints(-1, 0, -3, 1, 1), scalar(2))
        yield case(op, f32(2, 3, 2), np.array([[0, 1, 0], [2, 2, 1]], np.int64), scalar(3, "int64")).with_constants(
            1, 2
        )
        yield case(op, f32(3), _NONE, scalar(2)).fails()
        yield case(op, f32(0, 2), _NONE, scalar(2))
        yield case(op, f32(2), ints(0, 1), scalar(0)).fails()
        yield case(op, f32(2), ints(0, 2), scalar(2)).fails()
        yield case(op, f32(2), ints(0, 1), scalar(-1)).fails()
        yield case(op, f32(2, 3), np.array([[0], [1]], np.int32), scalar(2)).fails()


def _sparse_segments() -> Iterator[Case]:
    for kind in ("Sum", "Mean", "SqrtN"):
        op = f"SparseSegment{kind}"
        dtypes = NUMBERS if kind == "Sum" else FLOATS
        rows, groups = ints(0, 2, 3, 0), ints(0, 0, 2, 2)
        yield from each(
            dtypes,
            (),
            lambda dtype, op=op, rows=rows, groups=groups: [
                case(op, sample(dtype, 4, 3), rows, groups),
                case(f"{op}WithNumSegments", sample(dtype, 4, 3), rows, groups, scalar(5)),
            ],
        )
        yield case(op, f32(4, 3), longs(1, 1), longs(0, 1)).with_constants(1, 2)
        yield case(op, f32(4, 3), rows, groups).with_constants(2)
        yield case(op, sample("bfloat16", 4, 3), rows, groups).with_constants(2)
        yield case(op, f32(4, 3), _NONE, _NONE)
        yield case(op, f32(4, 3), ints(4, 0), ints(0, 1)).with_constants(2).fails()
        yield case(op, f32(4, 3), ints(-1, 0), ints(0, 1)).with_constants(2).fails()
        yield case(op, f32(4, 3), ints(1, 0), ints(1, 0)).with_constants(2).fails()
        yield case(op, f32(4, 3), ints(1, 0), ints(0)).fails()
        op = f"{op}WithNumSegments"
        yield case(op, f32(4, 3), _NONE, _NONE, scalar(2))
        yield case(op, f32(4, 3), rows, groups, scalar(5)).with_constants(1, 2, 3)
        yield case(op, f32(4, 3), ints(1, 0), ints(0, 2), scalar(2)).fails()
        yield case(op, f32(4, 3), ints(1, 0), ints(0, 1), scalar(-1)).fails()


def _bins() -> Iterator[Case]:
    weights = ("float32", "float64", "int32", "int64")
    none = np.zeros(0, np.float32)
    for dtype in weights:
        yield case("Bincount", i32(3, 4, low=0, high=6), scalar(5), np.zeros(0, dtype))
        yield case("Bincount", i32(3, 4, low=0, high=6), scalar(5), sample(dtype, 3, 4))
        yield case("DenseBincount", i32(9, low=0, high=6), scalar(5), sample(dtype, 9))
        yield case("DenseBincount", i32(2, 9, low=0, high=6), scalar(5), np.zeros(0, dtype))
    yield case("Bincount", _NONE, scalar(3), none)
    yield case("Bincount", ints(0, 1), scalar(0), none)
    yield case("Bincount", ints(0, -1), scalar(3), none).fails()
    yield case("Bincount", ints(0, 1), scalar(-3), none).fails()
    yield case("Bincount", ints(0, 1), scalar(3), f32(3)).fails()
    for binary in (True, False):
        yield case("DenseBincount", i32(2, 9, low=0, high=6), scalar(5), none, binary_output=binary)
        yield case("DenseBincount", longs(0, 3, 3, 9), scalar(4, "int64"), none, binary_output=binary)
        indices = np.array([[0, 0], [0, 1], [1, 0], [2, 3]], np.int64)
        yield case("SparseBincount", indices, ints(1, 1, 0, 3), longs(3, 4), scalar(4), none, binary_output=binary)
        yield case(
            "SparseBincount",
            indices[:, :1],
            longs(1, 1, 0, 9),
            longs(3),
            scalar(4, "int64"),
            none,
            binary_output=binary,
        )
        yield case("RaggedBincount", longs(0, 2, 2, 5), ints(1, 1, 0, 3, 3), scalar(4), none, binary_output=binary)
    yield case("DenseBincount", i32(2, 9, low=0, high=6), scalar(5), f32(2, 9))
    yield case("DenseBincount", i32(2, 0), scalar(5), none)
    yield case("DenseBincount", ints(-1, 1), scalar(5), none).fails()
    yield case("DenseBincount", ints(1, 1), scalar(-1), none).fails()
    yield case("DenseBincount", i32(2, 2, 2), scalar(5), none).fails()
    yield case("DenseBincount", ints(1, 1), scalar(3), f32(3)).fails()
    indices = np.array([[0, 0], [0, 1], [1, 0], [2, 3]], np.int64)
    yield case("SparseBincount", indices, ints(1, 1, 0, 3), longs(3, 4), scalar(4), f32(4))
    yield case("SparseBincount", indices, ints(1, 1, 0, 3), longs(2, 4), scalar(4), none).fails()
    yield case("RaggedBincount", longs(0, 2, 2, 5), ints(1, 1, 0, 3, 3), scalar(4), f32(5))
    yield case("RaggedBincount", longs(0, 2, 2, 4), ints(1, 1, 0, 3, 3), scalar(4), none).fails()
    yield case("RaggedBincount", longs(1, 5), ints(1, 1, 0, 3, 3), scalar(4), none).fails()
    yield case("RaggedBincount", longs(0, 2), ints(1, -1), scalar(4), none).fails()


CASES = [*_sorted_segments(), *_sparse_segments(), *_bins()]
