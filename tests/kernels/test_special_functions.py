"""Functions that few models have: accuracy, special values, shifts, tolerances, host steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness
from tests.kernels.test_functions import MOST_ULP, ulps

FLOAT32 = np.dtype(np.float32)
RANDOM = np.random.default_rng(12)
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 1e-45, -1e-45, 1e-3, -1e-3, 0.5, 1.0000001, 88.7, 89.5, 3.4e38]
X = np.concatenate(
    [
        (10.0 ** RANDOM.uniform(-42, 38.5, 6_000) * RANDOM.choice([-1, 1], 6_000)).astype(np.float32),
        *(RANDOM.uniform(-limit, limit, 4_000).astype(np.float32) for limit in (1e-2, 1.2, 10, 95)),
        np.array(EDGES, np.float32),
    ]
)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "Cosh": np.cosh,
    "Sinh": np.sinh,
}


@pytest.mark.parametrize("op", FUNCTIONS)
def test_function_is_within_four_ulp_of_float64(op: str) -> None:
    (got,) = harness.run(op, {"T": FLOAT32}, X)
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[op](X.astype(np.float64))
    error = ulps(got, exact)
    worst = int(np.argmax(error))
    assert error[worst] <= MOST_ULP, f"{op}({X[worst]!r}) = {got[worst]!r}, not {exact[worst]!r}"


def test_atan2_has_the_angle_and_the_signs_of_c() -> None:
    y, x = (part.ravel() for part in np.meshgrid(np.array(EDGES, np.float32), np.array(EDGES, np.float32)))
    y, x = np.concatenate([y, X]), np.concatenate([x, RANDOM.permutation(X)])
    (got,) = harness.run("Atan2", {"T": FLOAT32}, y, x)
    exact = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    assert ulps(got, exact).max() <= MOST_ULP
    np.testing.assert_array_equal(np.signbit(got[exact == 0]), np.signbit(exact[exact == 0]))


@pytest.mark.parametrize("op", ["Xdivy", "Xlogy", "Xlog1py"])
def test_zero_times_anything_is_zero(op: str) -> None:
    y = np.array([0, np.inf, -1, np.nan, 2], np.float32)
    (got,) = harness.run(op, {"T": FLOAT32}, np.zeros(5, np.float32), y)
    np.testing.assert_array_equal(got, np.zeros(5))
    harness.check(op, {"T": FLOAT32}, np.arange(5, dtype=np.float32)[:, None], y)


@pytest.mark.parametrize("op", ["LeftShift", "RightShift"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint32])
def test_shifts_by_too_much_are_shifts_by_all_bits_but_one(op: str, dtype: type) -> None:
    x = RANDOM.integers(-128 if dtype == np.int8 else 0, 127, 17).astype(dtype)
    most = 8 * x.itemsize - 1
    (far,) = harness.reference(op, {}, x, np.full(17, 100, dtype))
    np.testing.assert_array_equal(far, harness.reference(op, {}, x, np.full(17, most, dtype))[0])
    harness.check(op, {}, x, np.arange(17).astype(dtype))


def test_approximately_equal_is_nearer_than_the_tolerance() -> None:
    x, y = np.array([1, 2, np.nan, 3], np.float32), np.array([1.5, 2.25, 0, 3], np.float32)
    attrs = {"T": FLOAT32, "tolerance": 0.5}
    harness.check("ApproximateEqual", attrs, x, y)
    assert harness.reference("ApproximateEqual", attrs, x, y)[0].tolist() == [False, True, False, True]
    with pytest.raises(InvalidGraphError):
        harness.infer("ApproximateEqual", attrs, x, y[:3])


def test_lgamma_and_digamma_at_known_points() -> None:
    x = np.array([1, 2, 0.5, 5, -0.5, 0, -2], np.float64)
    (gamma,) = harness.reference("Lgamma", {}, x)
    expected = [0, 0, math.log(math.pi) / 2, math.log(24), math.log(2 * math.sqrt(math.pi)), math.inf, math.inf]
    np.testing.assert_allclose(gamma, expected, atol=1e-15)
    euler = 0.5772156649015329
    (digamma,) = harness.reference("Digamma", {}, x)
    expected = [-euler, 1 - euler, -euler - 2 * math.log(2), 25 / 12 - euler, 0.03648997397857652, math.nan, math.nan]
    np.testing.assert_allclose(digamma, expected, rtol=1e-12)


@pytest.mark.parametrize("op", ["Lgamma", "Digamma"])
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-13)])
def test_lgamma_and_digamma_have_kernels_as_good_as_the_reference(op: str, dtype: type, tolerance: float) -> None:
    edges = np.array([0, -0.0, np.inf, -np.inf, np.nan, -1, -2, 1, 2, 0.5, -0.5, 3e38, -1e20, 1e-30])
    x = np.concatenate([RANDOM.uniform(-20, 20, 500), 10.0 ** RANDOM.uniform(-30, 30, 200), edges]).astype(dtype)
    harness.check(op, {"T": np.dtype(dtype)}, x, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("exclusive, reverse", [(False, False), (True, False), (False, True), (True, True)])
def test_cumulative_logsumexp_is_the_logarithm_of_sums(exclusive: bool, reverse: bool) -> None:
    x = RANDOM.standard_normal((3, 7)).astype(np.float32)
    attrs = {"exclusive": exclusive, "reverse": reverse}
    (got,) = harness.reference("CumulativeLogsumexp", attrs, x, np.array(1, np.int32))
    (sums,) = harness.reference("Cumsum", attrs, np.exp(x), np.array(1, np.int32))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got, np.log(sums), rtol=1e-5, atol=1e-5)
    edges = np.array([[-np.inf, 1, np.inf, 2], [1, np.nan, 2, 3], [-np.inf, -np.inf, 500, -500]], np.float32)
    harness.check("CumulativeLogsumexp", attrs, edges, np.array(1, np.int32), constants=(1,))
    harness.check("CumulativeLogsumexp", attrs, x[:, :, None] * x[0, :3], np.array(-2, np.int32), constants=(1,))
    with pytest.raises(InvalidGraphError):
        harness.infer("CumulativeLogsumexp", attrs, x, np.array(2, np.int32))
