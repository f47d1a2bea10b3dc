"""Layer normalisation: the kernel against its float64 reference."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels.harness import check, infer

KERAS = "add(mul(a0,mul(rsqrt(add(a2,0.001)),a3)),add(mul(neg(a1),mul(rsqrt(add(a2,0.001)),a3)),a4))"
_random = np.random.default_rng(5)


@pytest.mark.parametrize("cols", [1, 2, 7, 17, 33, 256])
def test_rows_of_every_length_equal_the_reference(cols: int) -> None:
    x = (3 + _random.standard_normal((2, 3, cols))).astype(np.float32)
    gamma, beta = (_random.standard_normal(cols).astype(np.float32) for _ in range(2))
    check("_LayerNorm", {"expression": KERAS}, x, gamma, beta, constants=(1, 2), rtol=1e-5, atol=1e-5)


def test_no_vectors_and_float64() -> None:
    x = _random.standard_normal((4, 19))
    check("_LayerNorm", {"expression": "mul(sub(a0,a1),rsqrt(a2))"}, x, rtol=1e-12, atol=1e-12)


def test_nan_and_infinity_stay_in_their_rows() -> None:
    x = _random.standard_normal((5, 12)).astype(np.float32)
    x[1, 3], x[3, 7] = np.nan, np.inf
    check("_LayerNorm", {"expression": "mul(sub(a0,a1),rsqrt(add(a2,0.1)))"}, x, rtol=1e-5, atol=1e-5)


def test_no_rows_are_no_step() -> None:
    check("_LayerNorm", {"expression": "sub(a0,a1)"}, np.zeros((0, 3), np.float32))


def test_a_vector_of_another_size_raises() -> None:
    with pytest.raises(InvalidGraphError, match="a vector"):
        infer("_LayerNorm", {"expression": "mul(a0,a3)"}, np.zeros((2, 3), np.float32), np.zeros(4, np.float32))
