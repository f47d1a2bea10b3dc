"""Ops that take values from, or put them to, places given by indices; and those that find places by values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import COMPLEX, NUMBERS, array, bools, extremes, f32, i32, ints, longs, sample, scalar, texts
from tests.ops.case import Case, case, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")
_NUMERIC = (*NUMBERS, *COMPLEX)
_MADE = ("float32", "uint8")
_NONE = np.zeros(0, np.int32)


def _index(values: object, dtype: str = "int32") -> np.ndarray:
    return np.array(values, dtype)


def _gathering() -> Iterator[Case]:
    yield from each(
        _ALL,
        ("float32", "uint8", "complex128"),
        lambda dtype: [
            case("GatherV2", sample(dtype, 3, 4), ints(2, 0, 2), scalar(1)),
            case("GatherNd", sample(dtype, 3, 4), _index([[2, 1], [0, 3]])),
            case("Gather", sample(dtype, 3, 4), ints(2, 0)),
        ],
    )
    for axis in (0, 1, 2, -1, -3):
        yield case("GatherV2", f32(2, 3, 4), _index([[1, 0], [1, 1]]), scalar(axis)).with_constants(2)
    for batch_dims, axis in ((1, 1), (1, 2), (-1, 2), (2, 2)):
        yield case("GatherV2", f32(2, 3, 4), _index([[1, 0, 1], [2, 0, 1]]), scalar(axis), batch_dims=batch_dims)
    yield case("GatherV2", f32(5), scalar(3), scalar(0))
    yield case("GatherV2", f32(5, 2), longs(4, 1), scalar(0, "int64"))
    yield case("GatherV2", f32(5, 2), array("int16", [4, 1]), scalar(0)).folded()
    yield case("GatherV2", f32(5, 2), _NONE, scalar(0))
    yield case("GatherV2", f32(0, 2), _NONE, scalar(0))
    yield case("GatherV2", f32(5, 0), ints(1), scalar(0))
    yield case("GatherV2", f32(100, 16), _index([[3, 99], [0, 50]]), scalar(0)).with_constants(0, 2)
    for indices in (ints(5), ints(-1), ints(0, 1, 7)):
        yield case("GatherV2", f32(5, 2), indices, scalar(0)).fails()
    yield case("GatherV2", f32(0, 2), ints(0), scalar(0)).fails()
    yield case("GatherV2", f32(5, 2), ints(0), scalar(2)).fails()
    yield case("GatherV2", f32(5, 2), ints(0), scalar(-3)).fails()
    yield case("GatherV2", f32(), ints(0), scalar(0)).fails()
    yield case("GatherV2", f32(2, 3), _index([[0], [0], [0]]), scalar(1), batch_dims=1).fails()
    yield case("GatherV2", f32(2, 3), _index([[0], [0]]), scalar(0), batch_dims=1).fails()
    yield case("Gather", f32(4), _index([[3, 0]], "int64"))
    yield case("Gather", f32(4), ints(4)).fails()
    for indices in ([[0], [2]], [[[0, 1]], [[2, 0]]], [[1, 2, 3]], [0, 1]):
        yield case("GatherNd", f32(3, 4, 5), _index(indices)).with_constants(1)
    yield case("GatherNd", f32(3, 4), np.zeros((2, 0), np.int32))
    yield case("GatherNd", f32(3, 4), np.zeros((0, 2), np.int64))
    yield case("GatherNd", f32(3, 4), array("int16", [[1]])).folded()
    for indices in ([[3, 0]], [[0, -1]], [[0, 0, 0]]):
        yield case("GatherNd", f32(3, 4), _index(indices)).fails()
    for policy in ("IGNORE", "ERROR"):
        yield case("GatherNd", f32(3, 4), _index([[1, 1], [2, 3]]), bad_indices_policy=policy)
    yield case("GatherNd", f32(3, 4), _index([[1, 1], [2, 4], [-1, 0]]), bad_indices_policy="IGNORE")


def _scattering() -> Iterator[Case]:
    rows, cells = _index([[2], [0]]), _index([[2, 1], [0, 3], [2, 1]])
    yield from each(
        _NUMERIC,
        ("float32", "int32"),
        lambda dtype: [
            case("ScatterNd", cells, sample(dtype, 3), ints(3, 4)),
            *(
                case(op, sample(dtype, 3, 4), rows, sample(dtype, 2, 4))
                for op in ("TensorScatterAdd", "TensorScatterSub", "TensorScatterUpdate")
            ),
            case("ScatterNdNonAliasingAdd", sample(dtype, 3, 4), rows, sample(dtype, 2, 4)),
        ],
    )
    yield from each(
        NUMBERS,
        ("float32", "int32"),
        lambda dtype: [
            case(op, sample(dtype, 3, 4), cells, sample(dtype, 3)) for op in ("TensorScatterMax", "TensorScatterMin")
        ],
    )
    yield case("ScatterNd", rows, bools(2, 4), ints(3, 4))
    yield case("ScatterNd", rows, texts(2), ints(3))
    yield case("TensorScatterUpdate", bools(3), rows, bools(2))
    yield case("TensorScatterUpdate", texts(3), rows, texts(2))
    yield case("ScatterNd", longs(1, 2).reshape(2, 1), f32(2, 3), longs(4, 3)).with_constants(0, 2)
    yield case("ScatterNd", _index([[[0, 1], [1, 0]]]), f32(1, 2, 3), ints(2, 2, 3))
    yield case("ScatterNd", np.zeros((0, 1), np.int32), f32(0, 2), ints(3, 2))
    yield case("ScatterNd", _index([[0]]), f32(1), ints(0)).fails()
    yield case("ScatterNd", rows, f32(2, 3), ints(3, 4)).fails()
    yield case("ScatterNd", rows, f32(3, 4), ints(3, 4)).fails()
    yield case("ScatterNd", rows, f32(2), ints(-3)).fails()
    yield case("ScatterNd", _index([[3]]), f32(1), ints(3)).fails()
    yield case("ScatterNd", _index([[-1]]), f32(1), ints(3)).fails()
    yield case("ScatterNd", _index([[0, 0]]), f32(1), ints(3)).fails()
    for op in (
        "TensorScatterAdd",
        "TensorScatterSub",
        "TensorScatterUpdate",
        "TensorScatterMax",
        "TensorScatterMin",
        "ScatterNdNonAliasingAdd",
    ):
        yield case(op, f32(3, 4), _index([[1, 1], [2, 3]]), f32(2)).with_constants(1)
        yield case(op, f32(3, 4), np.zeros((0, 1), np.int32), f32(0, 4))
        yield case(op, f32(4, 2), _index([[[1], [3]]], "int64"), f32(1, 2, 2))
        yield case(op, f32(3, 4), _index([[3]]), f32(1, 4)).fails()
        yield case(op, f32(3, 4), _index([[-1]]), f32(1, 4)).fails()
        yield case(op, f32(3, 4), _index([[1]]), f32(1, 3)).fails()
        yield case(op, f32(3, 4), _index([[1]]), f32(2, 4)).fails()
    for op in ("TensorScatterAdd", "TensorScatterMax"):
        yield case(op, f32(3), _index([[1], [1], [1]]), f32(3))
        yield case(op, f32(3), _index([[1], [3], [-1]]), f32(3), bad_indices_policy="IGNORE")
    yield case("ScatterNd", _index([[1], [3], [-1]]), f32(3), ints(3), bad_indices_policy="IGNORE")
    yield case("ScatterNdNonAliasingAdd", f32(3), _index([[1], [1]]), f32(2))


def _one_hot() -> Iterator[Case]:
    yield from each(_ALL, _MADE, lambda dtype: case("OneHot", ints(0, 2, 1), scalar(3), sample(dtype), sample(dtype)))
    on, off = scalar(2.5, "float32"), scalar(-1, "float32")
    for axis in (-1, 0, 1, 2):
        yield case("OneHot", _index([[0, 1, -1], [3, 2, 4]]), scalar(4), on, off, axis=axis).with_constants(1, 2, 3)
    for dtype in ("uint8", "int8", "int64"):
        yield case("OneHot", array(dtype, [0, 2, 1]), scalar(3), on, off)
    yield case("OneHot", scalar(1), scalar(3), on, off)
    yield case("OneHot", _NONE, scalar(3), on, off)
    yield case("OneHot", ints(1, 0), scalar(0), on, off)
    yield case("OneHot", ints(1, 0), scalar(-1), on, off).fails()
    yield case("OneHot", ints(1, 0), scalar(2), on, off, axis=2).fails()
    yield case("OneHot", ints(1, 0), ints(2, 2), on, off).fails()
    yield case("OneHot", ints(1, 0), scalar(2), f32(2), off).fails()


def _finding() -> Iterator[Case]:
    wide = [dtype for dtype in (*_NUMERIC, "bool") if dtype != "float16"]  # which TensorFlow does not take
    yield from each(wide, (), lambda dtype: case("Where", sample(dtype, 3, 4, low=0, high=2)))
    for shape in ((7,), (2, 3, 2), (0, 3), (3, 0)):
        yield case("Where", bools(*shape))
    yield case("Where", bools()).fails()
    yield case("Where", array("float32", [0, -0.0, np.nan, 1, -np.inf]))
    for op in ("Unique", "UniqueWithCounts"):
        yield from each(
            (*NUMBERS, "bool", "string"), (), lambda dtype, op=op: case(op, sample(dtype, 9, low=0, high=4))
        )
        yield case(op, ints(4, 4, 1, 4, 0, 1), out_idx="int64")
        yield case(op, _NONE)
        yield case(op, array("float32", [0.0, -0.0, 1, 0]))
        yield case(op, i32(2, 2)).fails()
    for op in ("UniqueV2", "UniqueWithCountsV2"):
        yield from each(
            (*NUMBERS, "bool", "string"), (), lambda dtype, op=op: case(op, sample(dtype, 9, low=0, high=4), _NONE)
        )
        yield case(op, ints(4, 4, 1, 4, 0, 1), longs(0), out_idx="int64")
        for axis in (0, 1, -1):
            yield case(op, _index([[1, 0, 1], [1, 0, 1], [2, 0, 2]]), ints(axis))
        yield case(op, _index([[1, 0, 1], [1, 0, 1]]), _NONE).fails()
        yield case(op, i32(2, 2), ints(2)).fails()
        yield case(op, i32(0, 2), ints(0))
    yield from each(
        (*NUMBERS, "string"),
        (),
        lambda dtype: case("ListDiff", sample(dtype, 9, low=0, high=5), sample(dtype, 3, low=0, high=5)),
    )
    yield case("ListDiff", ints(1, 2, 3, 2), ints(2), out_idx="int64")
    yield case("ListDiff", ints(1, 2), _NONE)
    yield case("ListDiff", _NONE, ints(1))
    yield case("ListDiff", i32(2, 2), ints(1)).fails()
    for op in ("LowerBound", "UpperBound"):
        yield from each(
            NUMBERS,
            (),
            lambda dtype, op=op: case(
                op, array(dtype, [[0, 2, 2, 4], [1, 3, 5, 7]]), sample(dtype, 2, 3, low=0, high=8)
            ),
        )
        yield case(op, array("float32", [[1, 2, 2, 3]]), array("float32", [[0, 1, 2, 2.5, 3, 9]]), out_type="int64")
        yield case(op, f32(2, 0), f32(2, 2))
        yield case(op, f32(2, 3), f32(3, 2)).fails()
        yield case(op, f32(3), f32(3)).fails()
    yield from each(
        ("float32", "float64", "int32", "int64"),
        ("float32", "int32"),
        lambda dtype: case("Bucketize", sample(dtype, 3, 5), boundaries=[-2.0, 0.0, 3.5]),
    )
    yield case("Bucketize", array("float32", [-2, 0, 3.5, np.inf, -np.inf, 1e-9]), boundaries=[-2.0, 0.0, 3.5])
    yield case("Bucketize", f32(0), boundaries=[1.0])
    yield case("Bucketize", f32(3), boundaries=[])


def _partitioning() -> Iterator[Case]:
    yield from each(
        _ALL,
        (),
        lambda dtype: [
            case("DynamicPartition", sample(dtype, 4, 2), ints(1, 0, 1, 2), num_partitions=4),
            *(
                case(op, [ints(0, 2), ints(1, 2)], [sample(dtype, 2, 3), sample(dtype, 2, 3)])
                for op in ("DynamicStitch", "ParallelDynamicStitch")
            ),
        ],
    )
    yield case("DynamicPartition", f32(2, 2, 3), _index([[0, 1], [1, 0]]), num_partitions=2)
    yield case("DynamicPartition", f32(3), scalar(1), num_partitions=2)
    yield case("DynamicPartition", f32(0, 2), _NONE, num_partitions=2)
    yield case("DynamicPartition", f32(2), ints(0, 2), num_partitions=2).fails()
    yield case("DynamicPartition", f32(2), ints(0, -1), num_partitions=2).fails()
    yield case("DynamicPartition", f32(3), ints(0, 1), num_partitions=2).fails()
    for op in ("DynamicStitch", "ParallelDynamicStitch"):
        yield case(op, [scalar(1), _index([[0, 2], [3, 4]])], [f32(2), f32(2, 2, 2)])
        yield case(op, [_NONE, ints(0)], [f32(0, 2), f32(1, 2)])
        yield case(op, [_NONE], [f32(0)])
        yield case(op, [ints(0, 1)], [f32(3, 2)]).fails()
        yield case(op, [ints(0), ints(1)], [f32(1, 2), f32(1, 3)]).fails()
        yield case(op, [ints(-1, 0)], [f32(2)]).fails()
        yield case(op, [ints(0, 3)], [f32(2)]).ignoring(0, reason="places that no index names are left as they were")


CASES = [
    *_gathering(),
    *_scattering(),
    *_one_hot(),
    *_finding(),
    *_partitioning(),
    *(case("Unique", extremes(dtype)) for dtype in ("float32", "float64")),
]
