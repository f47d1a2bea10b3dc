"""Sparse tensors: indices in order, values, a shape; their arithmetic, their crosses, and sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import COMPLEX, FLOATS, NUMBERS, f32, ints, longs, sample, scalar, strings, texts
from tests.ops.case import Case, case, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")
_AT = np.array([[0, 1], [0, 3], [2, 0], [3, 2]], np.int64)
_SHAPE = np.array([4, 5], np.int64)
_NOWHERE = np.zeros((0, 2), np.int64)


def _moving() -> Iterator[Case]:
    shuffled = _AT[[2, 0, 3, 1]]
    yield from each(
        _ALL,
        (),
        lambda dtype: [
            case("SparseReorder", shuffled, sample(dtype, 4), _SHAPE),
            case("SparseSlice", _AT, sample(dtype, 4), _SHAPE, longs(0, 1), longs(3, 3)),
            case("SparseSplit", scalar(1, "int64"), _AT, sample(dtype, 4), _SHAPE, num_split=2),
            case("SparseConcat", [_AT, _AT], [sample(dtype, 4), sample(dtype, 4)], [_SHAPE, _SHAPE], concat_dim=1),
            case("SparseFillEmptyRows", _AT, sample(dtype, 4), _SHAPE, sample(dtype)),
            case("SparseToDense", _AT, _SHAPE, sample(dtype, 4), sample(dtype)),
        ],
    )
    yield case("SparseReorder", _NOWHERE, f32(0), _SHAPE)
    yield case("SparseReorder", np.array([[1], [0], [1]], np.int64), f32(3), longs(2))
    yield case("SparseReorder", _AT, f32(3), _SHAPE).fails()
    yield case("SparseReorder", _AT, f32(4), longs(4)).fails()
    for shape in (longs(2, 10), longs(-1, 4), longs(20), longs(2, -1, 5)):
        yield case("SparseReshape", _AT, _SHAPE, shape)
    yield case("SparseReshape", _NOWHERE, _SHAPE, longs(10, 2))
    for shape in (longs(3, 7), longs(-1, -1), longs(-1, 3)):
        yield case("SparseReshape", _AT, _SHAPE, shape).fails()
    yield case("SparseSlice", _AT, f32(4), _SHAPE, longs(2, 0), longs(9, 9))
    yield case("SparseSlice", _AT, f32(4), _SHAPE, longs(4, 5), longs(1, 1))
    yield case("SparseSlice", _AT, f32(4), _SHAPE, longs(0), longs(1)).fails()
    for axis, parts in ((0, 2), (0, 4), (0, 3), (1, 1), (1, 3)):
        yield case("SparseSplit", scalar(axis, "int64"), _AT, f32(4), _SHAPE, num_split=parts)
    yield case("SparseSplit", scalar(2, "int64"), _AT, f32(4), _SHAPE, num_split=2).fails()
    yield case("SparseSplit", scalar(0, "int64"), _AT, f32(4), _SHAPE, num_split=5).fails()
    yield case("SparseConcat", [_AT, _NOWHERE], [f32(4), f32(0)], [_SHAPE, longs(2, 5)], concat_dim=0)
    yield case("SparseConcat", [_AT, _AT], [f32(4), f32(4)], [_SHAPE, longs(4, 6)], concat_dim=-1)
    yield case("SparseConcat", [_AT, _AT], [f32(4), f32(4)], [_SHAPE, longs(5, 5)], concat_dim=1).fails()
    yield case("SparseConcat", [_AT, _AT], [f32(4), f32(4)], [_SHAPE, _SHAPE], concat_dim=2).fails()
    yield case("SparseFillEmptyRows", _NOWHERE, f32(0), _SHAPE, scalar(7, "float32"))
    yield case("SparseFillEmptyRows", shuffled, f32(4), _SHAPE, scalar(7, "float32"))
    yield case("SparseFillEmptyRows", _NOWHERE, f32(0), longs(0, 5), scalar(7, "float32"))
    yield case("SparseFillEmptyRows", _AT, f32(4), longs(3, 5), scalar(7, "float32")).fails()
    yield case("SparseFillEmptyRows", _AT, f32(4), _SHAPE, f32(2)).fails()
    zero = scalar(0, "float32")
    yield case("SparseToDense", ints(1, 3), ints(5), f32(2), zero)
    yield case("SparseToDense", scalar(2), ints(5), f32(), zero)
    yield case("SparseToDense", ints(1, 3), ints(5), f32(), zero)
    yield case("SparseToDense", _NOWHERE, _SHAPE, f32(0), zero)
    yield case("SparseToDense", ints(3, 1), ints(5), f32(2), zero).fails()
    yield case("SparseToDense", ints(1, 1), ints(5), f32(2), zero).fails()
    yield case("SparseToDense", ints(3, 1), ints(5), f32(2), zero, validate_indices=False)
    yield case("SparseToDense", ints(1, 5), ints(5), f32(2), zero).fails()
    yield case("SparseToDense", ints(1, -1), ints(5), f32(2), zero).fails()
    yield case("SparseToDense", ints(1, 2), ints(5), f32(3), zero).fails()


def _arithmetic() -> Iterator[Case]:
    other = np.array([[0, 1], [1, 1], [3, 2], [3, 4]], np.int64)
    adding = ("float32", "float64", "int8", "int16", "int32", "int64", "complex64", "complex128")
    for dtype in adding:
        threshold = scalar(0, dtype.replace("complex64", "float32").replace("complex128", "float64"))
        yield case("SparseAdd", _AT, sample(dtype, 4), _SHAPE, other, sample(dtype, 4), _SHAPE, threshold)
    yield case("SparseAdd", _AT, f32(4), _SHAPE, other, f32(4), _SHAPE, scalar(1.5, "float32"))
    yield case("SparseAdd", _AT, f32(4), _SHAPE, _NOWHERE, f32(0), _SHAPE, scalar(0, "float32"))
    yield case("SparseAdd", _AT, f32(4), _SHAPE, other, f32(4), longs(4, 6), scalar(0, "float32")).fails()
    for op in ("SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"):
        yield from each(
            NUMBERS,
            (),
            lambda dtype, op=op: case(op, _AT, sample(dtype, 4), _SHAPE, sample(dtype, 4, 5, low=1, high=6)),
        )
        yield case(op, _AT, f32(4), _SHAPE, f32(5))
        yield case(op, _AT, f32(4), _SHAPE, f32(4, 1))
        yield case(op, _NOWHERE, f32(0), _SHAPE, f32(4, 5))
        yield case(op, _AT, f32(4), _SHAPE, f32(4)).fails()
        yield case(op, _AT, f32(4), _SHAPE, f32(2, 4, 5)).fails()
    for op in ("SparseReduceSum", "SparseReduceMax"):
        dtypes = NUMBERS if op.endswith("Max") else (*NUMBERS, *COMPLEX)
        yield from each(dtypes, (), lambda dtype, op=op: case(op, _AT, sample(dtype, 4), _SHAPE, ints(1)))
        for axes in (ints(0), ints(1), ints(-1), ints(0, 1), np.zeros(0, np.int32)):
            for keep in (True, False):
                yield case(op, _AT, f32(4), _SHAPE, axes, keep_dims=keep)
        yield case(op, _AT, f32(4), _SHAPE, ints(2)).fails()
    yield from each(
        ("float32", "float64", "float16"), (), lambda dtype: case("SparseSoftmax", _AT, sample(dtype, 4), _SHAPE)
    )
    yield case(
        "SparseSoftmax", np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 2]], np.int64), f32(4), longs(2, 2, 3)
    )
    yield case("SparseSoftmax", np.array([[0], [1]], np.int64), f32(2), longs(2)).fails()
    yield from each(
        (*NUMBERS, *COMPLEX),
        (),
        lambda dtype: case("SparseTensorDenseAdd", _AT, sample(dtype, 4), _SHAPE, sample(dtype, 4, 5)),
    )
    yield case("SparseTensorDenseAdd", _AT.astype(np.int32), f32(4), _SHAPE.astype(np.int32), f32(4, 5))
    yield case("SparseTensorDenseAdd", _AT, f32(4), _SHAPE, f32(4, 4)).fails()
    yield case("SparseTensorDenseAdd", _AT + 2, f32(4), _SHAPE, f32(4, 5)).fails()
    yield from each(
        (*FLOATS, *COMPLEX, "int32"),
        (),
        lambda dtype: case("SparseTensorDenseMatMul", _AT, sample(dtype, 4), _SHAPE, sample(dtype, 5, 3)),
    )
    for adjoint_a in (True, False):
        for adjoint_b in (True, False):
            inner = 4 if adjoint_a else 5
            right = (3, inner) if adjoint_b else (inner, 3)
            for dtype in ("float32", "complex64"):
                yield case(
                    "SparseTensorDenseMatMul",
                    _AT,
                    sample(dtype, 4),
                    _SHAPE,
                    sample(dtype, *right),
                    adjoint_a=adjoint_a,
                    adjoint_b=adjoint_b,
                )
    yield case("SparseTensorDenseMatMul", _NOWHERE, f32(0), _SHAPE, f32(5, 3))
    yield case("SparseTensorDenseMatMul", _AT, f32(4), _SHAPE, f32(4, 3)).fails()
    yield case("SparseTensorDenseMatMul", _AT + 3, f32(4), _SHAPE, f32(5, 3)).fails()


def _crossing() -> Iterator[Case]:
    first = np.array([[0, 0], [0, 1], [2, 0]], np.int64)
    second = np.array([[0, 0], [1, 0], [2, 0], [2, 1]], np.int64)
    numbers, words = longs(7, -3, 12), strings([b"x", b"", b"yy", b"z"])
    shapes = [longs(3, 2), longs(3, 2)]
    dense = [np.array([[1], [2], [3]], np.int64), strings([[b"p", b"q"], [b"r", b"s"], [b"t", b"u"]])]
    for hashed in (True, False):
        for buckets in (0, 100):
            out = "int64" if hashed else "string"
            yield case(
                "SparseCross",
                [first, second],
                [strings([b"1", b"", b"2"]), words],
                shapes,
                [dense[1]],
                hashed_output=hashed,
                num_buckets=buckets,
                hash_key=956888297470,
                out_type=out,
                internal_type="string",
            )
            yield case(
                "SparseCross",
                [first, second],
                [numbers, longs(1, 2, 3, 4)],
                shapes,
                [dense[0]],
                hashed_output=True,
                num_buckets=buckets,
                hash_key=7,
                out_type="int64",
                internal_type="int64",
            )
    for sep in (b"_X_", b""):
        yield case("SparseCrossV2", [first, second], [numbers, words], shapes, dense, strings(sep))
    for buckets in (0, 100):
        salt = longs(137, 173)
        yield case(
            "SparseCrossHashed",
            [first, second],
            [numbers, words],
            shapes,
            dense,
            scalar(buckets, "int64"),
            scalar(False, "bool"),
            salt,
        )
        # numbers under a strong hash crash TensorFlow
        yield case(
            "SparseCrossHashed",
            [second],
            [words],
            shapes[1:],
            dense[1:],
            scalar(buckets, "int64"),
            scalar(True, "bool"),
            salt,
        )


def _sets() -> Iterator[Case]:
    left = np.array([[3, 1, 3], [5, 9, 2]])
    right = np.array([[1, 4], [9, 5]])
    at = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int64)
    for operation in ("intersection", "union", "a-b", "b-a"):
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16"):
            yield case("DenseToDenseSetOperation", left.astype(dtype), right.astype(dtype), set_operation=operation)
        yield case("DenseToDenseSetOperation", texts(2, 3), texts(2, 4), set_operation=operation)
        yield case(
            "DenseToSparseSetOperation",
            left.astype(np.int64),
            at,
            longs(1, 3, 2, 7),
            longs(2, 2),
            set_operation=operation,
        )
        yield case(
            "SparseToSparseSetOperation",
            at,
            longs(1, 3, 2, 7),
            longs(2, 2),
            at[:3],
            longs(3, 8, 7),
            longs(2, 2),
            set_operation=operation,
        )
        yield case(
            "SparseToSparseSetOperation",
            at,
            longs(1, 3, 2, 7),
            longs(2, 2),
            _NOWHERE,
            longs(),
            longs(2, 2),
            set_operation=operation,
        )
    yield case("DenseToDenseSetOperation", left, right, set_operation="union-ish").fails()
    yield case("DenseToDenseSetOperation", left, right[:1], set_operation="union").fails()
    yield case(
        "SparseToSparseSetOperation",
        at[::-1].copy(),
        longs(1, 3, 2, 7),
        longs(2, 2),
        at,
        longs(1, 2, 3, 4),
        longs(2, 2),
        set_operation="union",
    ).fails()
    for dtype in ("int32", "int64", "string"):
        yield case("SetSize", at, sample(dtype, 4, low=0, high=2), longs(2, 2))
    yield case("SetSize", _NOWHERE, longs(), longs(3, 2))
    yield case("SetSize", at[::-1].copy(), longs(1, 2, 3, 4), longs(2, 2)).fails()
    yield case("SetSize", at, longs(1, 2, 3, 4), longs(1, 2)).fails()


CASES = [*_moving(), *_arithmetic(), *_crossing(), *_sets()]
