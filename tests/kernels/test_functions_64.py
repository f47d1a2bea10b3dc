"""The mathematical functions of float64: how many units in the last place they are off."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.kernels import harness

RNG = np.random.default_rng(12)
MOST_ULP = 4
FLOAT64 = {"T": np.dtype(np.float64)}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 5e-324, -5e-324, 2.0**-1022, 709.7, 709.79, -744.4, -746, 1.7e308]
ARGUMENTS = np.concatenate(
    [
        RNG.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64),
        10.0 ** RNG.uniform(-320, 308, 10_000) * RNG.choice([-1, 1], 10_000),
        *(RNG.uniform(-limit, limit, 20_000) for limit in (1, 10, 750)),
        np.arange(-400, 400) * (math.pi / 4),
        2.0**20 + RNG.uniform(0, 1e6, 1000),
        np.array(EDGES),
    ]
)

# a long double has 64 bits on x86, which is where the exact values come from; elsewhere it is taken as it is
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Exp": np.exp,
    "Expm1": np.expm1,
    "Log": np.log,
    "Log1p": np.log1p,
    "Sin": np.sin,
    "Cos": np.cos,
    "Tan": np.tan,
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Erf": np.vectorize(math.erf, otypes=[np.float64]),
    "Erfc": np.vectorize(math.erfc, otypes=[np.float64]),
    "Softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "Elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "Atan": np.arctan,
    "Asin": np.arcsin,
    "Acos": np.arccos,
    "Sinh": np.sinh,
    "Cosh": np.cosh,
    "Asinh": np.arcsinh,
    "Acosh": np.arccosh,
    "Atanh": np.arctanh,
}


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|got - exact| in units of the last place of exact; 0 where both are NaN or the same infinity."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float64)
        unit = np.spacing(np.minimum(np.abs(rounded), 1.7e308))
        distance = (np.abs(got - exact) / unit).astype(np.float64)
    is_same = (got == rounded) | (np.isnan(got) & np.isnan(exact))
    return np.where(is_same, 0, np.where(np.isnan(distance), np.inf, distance))


@pytest.mark.parametrize("op", FUNCTIONS)
def test_function_is_within_four_ulp(op: str) -> None:
    (got,) = harness.run(op, FLOAT64, ARGUMENTS)
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[op](ARGUMENTS.astype(np.longdouble))
    error = ulps(got, exact)
    worst = int(np.argmax(error))
    assert error[worst] <= MOST_ULP, f"{op}({ARGUMENTS[worst]!r}) = {got[worst]!r}, not {exact[worst]!r}"
    is_zero = exact == 0
    np.testing.assert_array_equal(np.signbit(got[is_zero]), np.signbit(exact[is_zero]))


def test_power_is_within_four_ulp() -> None:
    x = np.concatenate([10.0 ** RNG.uniform(-30, 30, 20_000), RNG.uniform(0.5, 2, 20_000)])
    x *= RNG.choice([-1, 1], x.size)
    y = RNG.uniform(-8, 8, x.size)
    y[::3] = np.rint(y[::3])
    y[20_000:] *= 100
    (got,) = harness.run("Pow", FLOAT64, x, y)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    error = ulps(got, exact)
    worst = int(np.argmax(error))
    assert error[worst] <= MOST_ULP, f"{x[worst]!r} ** {y[worst]!r} = {got[worst]!r}, not {exact[worst]!r}"


def test_special_cases_of_two_arguments_are_those_of_c() -> None:
    values = np.array([0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1e300, -1e300, 5e-324, np.inf, -np.inf, np.nan])
    x, y = values[:, None], values[None, :]
    for op in ("Pow", "Atan2", "Xlogy", "Xlog1py"):
        (got,) = harness.run(op, FLOAT64, x, y)
        with np.errstate(all="ignore"):
            (expected,) = harness.reference(op, FLOAT64, x, y)
        np.testing.assert_allclose(got, expected, rtol=1e-15, err_msg=op)
        is_number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(got[is_number]), np.signbit(expected[is_number]), err_msg=op)
