"""Axes in another order."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize("perm", [(0, 3, 1, 2), (0, 2, 3, 1), (3, 2, 1, 0), (0, 1, 2, 3), (1, 0, 2, 3), (0, 2, 1, -1)])
@pytest.mark.parametrize("shape", [(2, 17, 19, 3), (2, 3, 33, 40), (1, 2, 3, 17)])
def test_axes_are_reordered(shape: tuple[int, ...], perm: tuple[int, ...]) -> None:
    check("Transpose", {}, floats(*shape), ints(*perm), constants=(1,))


def test_a_scalar_stays_as_it_is() -> None:
    check("Transpose", {}, floats(), np.zeros(0, np.int32), constants=(1,))


def test_complex_numbers_are_conjugated() -> None:
    x = (floats(2, 3) + 1j * floats(2, 3)).astype(np.complex64)
    np.testing.assert_array_equal(reference("ConjugateTranspose", {}, x, ints(1, 0))[0], x.conj().T)


@pytest.mark.parametrize("perm", [(0, 0), (0,), (0, 2)])
def test_what_is_no_permutation_is_invalid(perm: tuple[int, ...]) -> None:
    with pytest.raises(InvalidGraphError, match="permutation"):
        infer("Transpose", {}, floats(2, 3), ints(*perm))


def test_permutations_are_inverted() -> None:
    for dtype in (np.int32, np.int64):
        check("InvertPermutation", {}, RANDOM.permutation(17).astype(dtype))
        check("InvertPermutation", {}, np.zeros(0, dtype))
        for wrong in ([0, 0], [0, 2], [-1, 0]):
            with pytest.raises(ValueError, match="permutation"):
                run("InvertPermutation", {}, np.array(wrong, dtype))
    np.testing.assert_array_equal(reference("InvertPermutation", {}, ints(2, 0, 1))[0], [1, 2, 0])
    with pytest.raises(ExecutionError):
        reference("InvertPermutation", {}, ints(2, 0, 0))
