"""Diagonals of matrices, taken out and put in; vector products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer, reference

RANDOM = np.random.default_rng(6)
ALIGNMENTS = [b"LEFT_LEFT", b"LEFT_RIGHT", b"RIGHT_LEFT", b"RIGHT_RIGHT"]


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    return np.array(values if len(values) > 1 else values[0], np.int32)


ZERO = np.zeros((), np.float32)


def test_diagonals_are_aligned_as_documented() -> None:
    x = np.array([[1, 2, 3, 0], [4, 5, 6, 7], [0, 8, 9, 1]], np.float32)
    (right_left,) = reference("MatrixDiagPartV3", {"align": b"RIGHT_LEFT"}, x, whole(-1, 2), ZERO)
    assert right_left.tolist() == [[0, 3, 7], [2, 6, 1], [1, 5, 9], [4, 8, 0]]
    (left_right,) = reference("MatrixDiagPartV3", {"align": b"LEFT_RIGHT"}, x, whole(-1, 2), ZERO)
    assert left_right.tolist() == [[3, 7, 0], [2, 6, 1], [1, 5, 9], [0, 4, 8]]


@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("lowest, highest", [(0, 0), (-1, 2), (2, 2), (-2, -1), (-2, 3)])
def test_diagonals_taken_out_and_put_into_zeros_are_the_band(lowest: int, highest: int, align: bytes) -> None:
    attrs, x, k = {"align": align}, floats(2, 3, 4), whole(lowest, highest)
    check("MatrixDiagPartV3", attrs, x, k, ZERO, constants=(1,))
    (diagonals,) = reference("MatrixDiagPartV3", attrs, x, k, ZERO)
    check("MatrixSetDiagV3", attrs, np.zeros_like(x), diagonals, k, constants=(2,))
    check("MatrixDiagV3", attrs, diagonals, k, whole(3), whole(4), ZERO, constants=(1, 2, 3))
    (band,) = reference("MatrixDiagV3", attrs, diagonals, k, whole(3), whole(4), ZERO)
    np.testing.assert_array_equal(
        band, np.where((np.triu(np.ones((3, 4)), lowest) - np.triu(np.ones((3, 4)), highest + 1)), x, 0)
    )


def test_padding_fills_what_no_diagonal_covers() -> None:
    (got,) = reference("MatrixDiagV2", {}, floats(2), whole(1), whole(-1), whole(-1), np.float32(7))
    assert got.shape == (3, 3) and np.sum(got == 7) == 7


@pytest.mark.parametrize("shape", [(3, 3), (2, 7, 3), (1, 17), (2, 0, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_main_diagonals(shape: tuple[int, ...], dtype: type) -> None:
    x = (floats(*shape) * 50).astype(np.int64).astype(dtype)
    check("MatrixDiagPart", {}, x)
    check("MatrixDiag", {}, x)
    check("MatrixSetDiag", {}, x, np.ones((*shape[:-2], min(shape[-2:])), dtype))


def test_diag_and_diag_part_are_inverse() -> None:
    x = floats(2, 3)
    check("Diag", {}, x)
    (diagonal,) = reference("Diag", {}, x)
    check("DiagPart", {}, diagonal)
    np.testing.assert_array_equal(reference("DiagPart", {}, diagonal)[0], x)


def test_cross_is_the_vector_product() -> None:
    a, b = floats(5, 3), floats(5, 3)
    np.testing.assert_allclose(reference("Cross", {}, a, b)[0], np.cross(a, b), rtol=1e-6)


@pytest.mark.parametrize(
    "op, attrs, arrays",
    [
        ("MatrixDiagPartV3", {"align": b"MIDDLE"}, [floats(3, 3), whole(0), ZERO]),
        ("MatrixDiagPartV2", {}, [floats(3, 3), whole(3), ZERO]),
        ("MatrixDiagPartV2", {}, [floats(3, 3), whole(1, 0), ZERO]),
        ("MatrixDiagPart", {}, [floats(3)]),
        ("MatrixSetDiag", {}, [floats(3, 3), floats(2)]),
        ("MatrixDiagV2", {}, [floats(2, 3), whole(0, 2), whole(-1), whole(-1), ZERO]),
        ("MatrixDiagV2", {}, [floats(3), whole(0), whole(2), whole(-1), ZERO]),
        ("DiagPart", {}, [floats(2, 3)]),
        ("Cross", {}, [floats(4), floats(4)]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, *arrays)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint64"])
def test_cross_has_a_kernel(dtype: str) -> None:
    a, b = np.random.default_rng(6).integers(0, 250, (2, 5, 7, 3)).astype(dtype)
    check("Cross", {}, a, b)
    check("Cross", {}, a[:0], b[:0])
