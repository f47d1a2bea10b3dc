"""The strided copy behind all movement ops."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.harness import NoKernel, check, reference, run

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


def scalar(value: float, dtype: type = np.int32) -> np.ndarray:
    return np.array(value, dtype)


@pytest.mark.parametrize("dtype", ["bool", "int16", "float16", "uint32", "complex64", "float64"])
def test_every_width_is_copied_by_a_kernel(dtype: str) -> None:
    x = RANDOM.integers(0, 2, (3, 17, 5)).astype(dtype)
    check("Transpose", {}, x, ints(2, 0, 1), constants=(1,))


def test_strings_stay_with_the_reference() -> None:
    x = np.array([[b"a", b"b"]], object)
    with pytest.raises(NoKernel):
        run("Transpose", {}, x, ints(1, 0), constants=(1,))
    assert reference("Transpose", {}, x, ints(1, 0))[0].shape == x.shape[::-1]


def test_more_loops_than_a_kernel_has_become_several_calls() -> None:
    check("Transpose", {}, floats(2, 3, 2, 3, 2, 3, 2), ints(6, 5, 4, 3, 2, 1, 0), constants=(1,))


def test_empty_arrays_move_nowhere() -> None:
    check("Transpose", {}, floats(3, 0, 2), ints(2, 0, 1), constants=(1,))
    check("ConcatV2", {"N": 2}, floats(0, 3), floats(0, 2), scalar(1), constants=(2,))
    check("Split", {"num_split": 2}, scalar(1), floats(0, 4), constants=(0,))
