"""Bands of matrices."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def scalar(value: float, dtype: type = np.int32) -> np.ndarray:
    return np.array(value, dtype)


@pytest.mark.parametrize("lower, upper", [(0, -1), (-1, 0), (1, 2), (5, 3), (0, 0)])
@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 7, 3)])
def test_what_is_outside_the_band_is_zero(shape: tuple[int, ...], lower: int, upper: int) -> None:
    check("MatrixBandPart", {}, floats(*shape), scalar(lower), scalar(upper), constants=(1, 2))


def test_bands_wider_than_the_matrix_are_invalid() -> None:
    with pytest.raises(InvalidGraphError, match="at most 5"):
        infer("MatrixBandPart", {}, floats(5, 7), scalar(6), scalar(0))


def test_vectors_are_invalid() -> None:
    with pytest.raises(InvalidGraphError):
        infer("MatrixBandPart", {}, floats(3), scalar(0), scalar(0))
