"""Matrix products, einsum, linear algebra, parts of matrices, recurrent cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import COMPLEX, FLOATS, NUMBERS, Sample, array, f32, f64, ints, sample, scalar
from tests.ops.case import Case, case, each

_WIDE = (*FLOATS, *COMPLEX)
_MATRICES = ("float32", "float64", "complex64", "complex128")
_ROUGH = 1e-4


def _products() -> Iterator[Case]:
    integers = ("int16", "int32", "int64")
    yield case("BatchMatMulV2", sample("int16", 2, 3, 5), sample("int16", 2, 5, 4)).folded()
    yield from each((*_WIDE, *integers[1:]), ("float32", "float64"), lambda dtype: [
        case("MatMul", sample(dtype, 3, 5), sample(dtype, 5, 4)),
        *(case(op, sample(dtype, 2, 3, 5), sample(dtype, 2, 5, 4)) for op in ("BatchMatMul", "BatchMatMulV2")),
    ])  # fmt: skip
    yield from each([dtype for dtype in (*_WIDE, *integers) if dtype != "float16"], ("float32",), lambda dtype: case(
        "BatchMatMulV3", sample(dtype, 2, 3, 5), sample(dtype, 2, 5, 4), Tout=dtype
    ))  # fmt: skip
    for a in (False, True):
        for b in (False, True):
            first, second = (5, 3) if a else (3, 5), (4, 5) if b else (5, 4)
            yield case("MatMul", f32(*first), f32(*second), transpose_a=a, transpose_b=b).with_constants(1)
            yield case("BatchMatMulV2", f32(2, *first), f32(2, *second), adj_x=a, adj_y=b).with_constants(1)
            yield case(
                "MatMul", sample("complex64", *first), sample("complex64", *second), transpose_a=a, transpose_b=b
            ).folded()
            for op in ("BatchMatMul", "BatchMatMulV2"):
                yield case(
                    op, sample("complex64", 2, *first), sample("complex64", 2, *second), adj_x=a, adj_y=b
                ).folded()
    for m, k, n in ((1, 1, 1), (1, 64, 33), (7, 17, 1), (13, 100, 65), (2, 3, 1000)):
        yield case("MatMul", f32(m, k), f32(k, n)).within(_ROUGH).with_constants(1)
    for m, k, n in ((0, 3, 2), (2, 0, 3), (2, 3, 0)):
        yield case("MatMul", f32(m, k), f32(k, n))
        yield case("BatchMatMulV2", f32(2, m, k), f32(2, k, n))
    yield case("MatMul", f32(2, 3), f32(4, 2)).fails()
    yield case("MatMul", f32(2, 3), f32(3)).fails()
    yield case("MatMul", f32(2, 2, 3), f32(3, 2)).fails()
    for first, second in (
        ((1, 3, 5), (4, 5, 2)),
        ((2, 1, 3, 5), (3, 5, 2)),
        ((3, 5), (2, 5, 4)),
        ((2, 3, 5), (5, 4)),
        ((0, 3, 5), (1, 5, 2)),
    ):
        yield case("BatchMatMulV2", f32(*first), f32(*second))
        yield case("BatchMatMulV3", f32(*first), f32(*second), Tout="float32")
    yield case("BatchMatMulV3", sample("int8", 2, 3, 5), sample("int8", 2, 5, 4), Tout="int32").folded()
    yield case("BatchMatMulV3", sample("uint8", 2, 3, 5), sample("int8", 2, 5, 4), Tout="int32").folded()
    for op in ("BatchMatMul", "BatchMatMulV2"):
        yield case(op, f32(3, 5), f32(5, 4))
        yield case(op, f32(2, 3, 5), f32(2, 4, 5)).fails()
        yield case(op, f32(2, 3, 5), f32(3, 5, 4)).fails()
        yield case(op, f32(3), f32(3)).fails()
    yield case("BatchMatMul", f32(1, 3, 5), f32(2, 5, 4)).fails()
    yield case("BatchMatMulV2", f32(2, 3, 5), f32(2, 5, 4)).with_constants(0)


def _einsum() -> Iterator[Case]:
    yield from each(
        (*_WIDE, "int32", "int64"),
        ("float32",),
        lambda dtype: case("Einsum", [sample(dtype, 2, 3), sample(dtype, 3, 4)], equation="ab,bc->ac"),
    )
    for equation, shapes in (
        ("ab->ba", ((2, 3),)),
        ("ab->a", ((2, 3),)),
        ("ab->", ((2, 3),)),
        ("aa->a", ((3, 3),)),
        ("aab->ab", ((3, 3, 2),)),
        ("a,b->ab", ((2,), (3,))),
        ("a,a->", ((3,), (3,))),
        ("abc,acd->abd", ((2, 3, 4), (2, 4, 5))),
        ("abcd,cde->abe", ((2, 3, 4, 5), (4, 5, 6))),
        ("abc,dec->abde", ((2, 3, 4), (5, 6, 4))),
        ("aecd,abcd->acbe", ((2, 3, 4, 5), (2, 6, 4, 5))),
        ("acbe,aecd->abcd", ((2, 4, 6, 3), (2, 3, 4, 5))),
        ("...ab,...bc->...ac", ((2, 1, 3, 4), (5, 4, 2))),
        ("...a,a->...", ((2, 3), (3,))),
        ("ab...,b->a...", ((2, 3, 4), (3,))),
        ("ij,kj->ik", ((2, 3), (4, 3))),
        ("ab,cd->abcd", ((2, 3), (0, 2))),
    ):
        yield case("Einsum", [f32(*shape) for shape in shapes], equation=equation)
    yield case("Einsum", [f32(2, 3), f32(4, 5)], equation="ab,bc->ac").fails()
    yield case("Einsum", [f32(2, 3)], equation="abc->a").fails()


def _solvable(dtype: str, *shape: int) -> np.ndarray:
    """Matrices that are far from singular: their diagonals are large."""
    values = Sample(dtype, shape).draw(np.random.default_rng(shape[-1]))
    return (values / 4 + np.eye(shape[-1]) * 3).astype(values.dtype)


def _definite(dtype: str, *shape: int) -> np.ndarray:
    """Hermitian positive definite matrices."""
    values = _solvable(dtype, *shape)
    return values @ np.conj(np.swapaxes(values, -1, -2))


def _linear_algebra() -> Iterator[Case]:
    many = 1e-4
    for dtype in _MATRICES:
        tolerance = many if dtype in ("float32", "complex64") else 1e-9
        for adjoint in (False, True):
            yield case("MatrixInverse", _solvable(dtype, 3, 3), adjoint=adjoint).within(tolerance).folded()
            yield (
                case("MatrixSolve", _solvable(dtype, 4, 4), sample(dtype, 4, 2), adjoint=adjoint)
                .within(tolerance)
                .folded()
            )
            for lower in (False, True):
                yield (
                    case(
                        "MatrixTriangularSolve",
                        _solvable(dtype, 3, 3),
                        sample(dtype, 3, 2),
                        lower=lower,
                        adjoint=adjoint,
                    )
                    .within(tolerance)
                    .folded()
                )
        yield case("MatrixDeterminant", _solvable(dtype, 2, 3, 3)).within(tolerance).folded()
        yield case("LogMatrixDeterminant", _solvable(dtype, 2, 3, 3)).within(tolerance).folded()
        yield case("Cholesky", _definite(dtype, 2, 3, 3)).within(tolerance).folded()
        yield (
            case("SelfAdjointEigV2", _definite(dtype, 3, 3), compute_v=False)
            .within(tolerance)
            .ignoring(1, reason="not computed")
            .folded()
        )
        yield (
            case("Svd", _solvable(dtype, 2, 4, 4)[..., :3], compute_uv=False)
            .within(tolerance)
            .ignoring(1, 2, reason="not computed")
            .folded()
        )
    for op in ("MatrixInverse", "MatrixDeterminant", "LogMatrixDeterminant", "Cholesky"):
        yield case(op, _definite("float32", 4, 4)).within(many)
        yield case(op, _definite("float32", 2, 2, 1, 1)).within(many)
        yield case(op, f32(0, 0))
        yield case(op, f32(0, 3, 3))
        yield case(op, f32(2, 3)).fails()
        yield case(op, f32(3)).fails()
    yield case("MatrixInverse", np.ones((2, 2), np.float32)).fails()
    yield case("MatrixDeterminant", np.ones((2, 2), np.float32))
    yield case("LogMatrixDeterminant", np.ones((2, 2), np.float32))
    yield case("Cholesky", np.array([[1, 2], [2, 1]], np.float32)).shapes(
        "TensorFlow leaves NaN, and half of the factor"
    )
    yield case("MatrixSolve", np.ones((2, 2), np.float32), f32(2, 1)).fails()
    yield case("MatrixSolve", _solvable("float32", 3, 3), f32(2, 2)).fails()
    yield case("MatrixSolve", _solvable("float32", 2, 3, 3), f32(2, 3, 1)).within(many)
    yield case("MatrixSolve", f32(0, 0), f32(0, 2))
    yield case("MatrixTriangularSolve", _solvable("float32", 2, 3, 3), f32(2, 3, 1)).within(many)
    yield case("MatrixTriangularSolve", _solvable("float32", 3, 3), f32(2, 3, 2)).within(many)
    yield case("MatrixTriangularSolve", np.array([[1, 0], [1, 0]], np.float32), f32(2, 1))
    yield case("MatrixTriangularSolve", _solvable("float32", 3, 3), f32(2, 2)).fails()
    # vectors are unique but for their signs, so they are multiplied back
    for full in (False, True):
        yield case("Qr", f32(4, 3), full_matrices=full).shapes("factors have no unique signs")
        yield case("Qr", f32(2, 3, 4), full_matrices=full).shapes("factors have no unique signs")
        yield (
            case("Svd", f32(4, 3), full_matrices=full)
            .ignoring(1, 2, reason="vectors have no unique signs")
            .within(many)
        )
        yield (
            case("Svd", f32(2, 3, 4), full_matrices=full)
            .ignoring(1, 2, reason="vectors have no unique signs")
            .within(many)
        )
    yield (
        case("SelfAdjointEigV2", _definite("float32", 2, 3, 3))
        .ignoring(1, reason="vectors have no unique signs")
        .within(many)
    )
    yield case("SelfAdjointEigV2", f32(2, 3)).fails()
    yield case("Qr", f32(3)).fails()
    yield case("Svd", f32(3)).fails()
    yield case("Qr", sample("complex64", 3, 3)).shapes("factors have no unique signs").folded()


def _parts() -> Iterator[Case]:
    numbers = (*NUMBERS, *COMPLEX, "bool")
    zero = {dtype: scalar(0, dtype) for dtype in numbers}
    yield from each(numbers, ("float32",), lambda dtype: [
        case("MatrixBandPart", sample(dtype, 3, 4), scalar(1), scalar(0)),
        case("MatrixDiag", sample(dtype, 2, 3)),
        case("MatrixDiagPart", sample(dtype, 2, 3, 4)),
        case("MatrixSetDiag", sample(dtype, 3, 4), sample(dtype, 3)),
        case("MatrixDiagV2", sample(dtype, 3), scalar(1), scalar(-1), scalar(-1), zero[dtype]),
        case("MatrixDiagV3", sample(dtype, 2, 3), ints(0, 1), scalar(-1), scalar(-1), zero[dtype]),
        case("MatrixDiagPartV2", sample(dtype, 3, 4), ints(-1, 1), sample(dtype)),
        case("MatrixDiagPartV3", sample(dtype, 3, 4), ints(-1, 1), sample(dtype)),
        case("MatrixSetDiagV2", sample(dtype, 3, 4), sample(dtype, 3), scalar(1)).with_constants(2),
        case("MatrixSetDiagV3", sample(dtype, 3, 4), sample(dtype, 3), scalar(1)).with_constants(2),
    ])  # fmt: skip
    for lower, upper in ((0, 0), (-1, 0), (0, -1), (-1, -1), (1, 1), (2, 0), (3, 4)):
        yield case("MatrixBandPart", f32(2, 3, 4), scalar(lower), scalar(upper)).with_constants(1, 2)
    yield case("MatrixBandPart", f32(3, 3), scalar(4), scalar(0)).fails()
    yield case("MatrixBandPart", f32(3), scalar(0), scalar(0)).fails()
    yield case("MatrixBandPart", f32(0, 3), scalar(0, "int64"), scalar(0, "int64"))
    for align in ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT"):
        for k in (ints(-1, 1), ints(0, 2), ints(-2, 0), scalar(-1)):
            yield case("MatrixDiagPartV3", f32(2, 3, 4), k, scalar(9, "float32"), align=align).with_constants(1, 2)
        yield case(
            "MatrixDiagV3", f32(3, 3), ints(-1, 1), scalar(3), scalar(4), scalar(9, "float32"), align=align
        ).with_constants(1, 2, 3, 4)
        yield case("MatrixSetDiagV3", f32(3, 4), f32(3, 3), ints(-1, 1), align=align).with_constants(2)
    for rows, cols in ((-1, -1), (4, 4), (5, 4), (-1, 6)):
        yield case("MatrixDiagV3", f32(3), scalar(1), scalar(rows), scalar(cols), scalar(-1, "float32"))
    yield case("MatrixDiagV3", f32(3), scalar(1), scalar(4), scalar(7), scalar(-1, "float32")).fails()
    yield case("MatrixDiagV3", f32(3), scalar(0), scalar(2), scalar(2), scalar(0, "float32")).fails()
    yield case("MatrixDiagPartV3", f32(3, 4), scalar(4), scalar(0, "float32")).fails()
    yield case("MatrixDiagPartV3", f32(3, 4), ints(1, 0), scalar(0, "float32")).fails()
    yield case("MatrixSetDiagV3", f32(3, 4), f32(2), scalar(0)).fails()
    yield case("MatrixSetDiag", f32(2, 3, 3), f32(2, 2)).fails()
    yield case("MatrixDiagPart", f32(3)).fails()
    yield case("MatrixDiag", f32()).fails()
    yield case("MatrixDiag", f32(0))
    diagonals = ("float32", "float64", "float16", "int32", "int64", "complex64", "complex128")
    yield from each(
        diagonals, ("float32",), lambda dtype: [case("Diag", sample(dtype, 3)), case("DiagPart", sample(dtype, 3, 3))]
    )
    yield case("Diag", f32(2, 3))
    yield case("Diag", f32(0))
    yield case("DiagPart", f32(2, 3, 2, 3))
    yield case("DiagPart", f32(2, 3)).fails()
    yield case("DiagPart", f32(3)).fails()
    yield from each(NUMBERS, (), lambda dtype: case("Cross", sample(dtype, 2, 3), sample(dtype, 2, 3)))
    yield case("Cross", f32(3), f32(3))
    yield case("Cross", f32(2, 2), f32(2, 2)).fails()
    yield case("Cross", f32(2, 3), f32(1, 3)).fails()


def _cells() -> Iterator[Case]:
    batch, inputs, cells = 2, 3, 4
    state = f32(batch, cells)
    weights = [f32(inputs + cells, 4 * cells), f32(cells), f32(cells), f32(cells), f32(4 * cells)]
    for attrs in ({}, {"use_peephole": True}, {"forget_bias": 0.5, "cell_clip": 0.7}, {"cell_clip": -1.0}):
        yield case("LSTMBlockCell", f32(batch, inputs), state, state, *weights, **attrs)
        for op in ("BlockLSTM", "BlockLSTMV2"):
            kept = {key: value for key, value in attrs.items() if op == "BlockLSTM" or key != "forget_bias"}
            yield case(op, scalar(5, "int64"), f32(5, batch, inputs), state, state, *weights, **kept)
    why = "TensorFlow leaves what is after the longest sequence as it was in memory"
    yield case("BlockLSTM", scalar(2, "int64"), f32(5, batch, inputs), state, state, *weights).shapes(why)
    yield case("BlockLSTMV2", scalar(0, "int64"), f32(3, batch, inputs), state, state, *weights).shapes(why)
    yield case("LSTMBlockCell", f32(batch, inputs), state, f32(batch, 3), *weights).fails()
    gates = [f32(inputs + cells, 2 * cells), f32(inputs + cells, cells), f32(2 * cells), f32(cells)]
    yield case("GRUBlockCell", f32(batch, inputs), state, *gates)
    yield case("GRUBlockCell", f32(1, inputs), f32(1, cells), *gates)
    yield case("GRUBlockCell", f32(batch, inputs), f32(3, cells), *gates).fails()


CASES = [
    *_products(),
    *_einsum(),
    *_linear_algebra(),
    *_parts(),
    *_cells(),
    case("MatMul", array("float32", [[np.inf, 1], [np.nan, 0]]), array("float32", [[0, 1], [1, 2]])),
    case("Einsum", [f64(2, 3, 4), f64(4, 5)], equation="abc,cd->abd"),
]
