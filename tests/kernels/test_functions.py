"""The mathematical functions: how many units in the last place they are off, over all of float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeload.kernels import expressions
from tests.kernels import harness

RNG = np.random.default_rng(11)
MOST_ULP = 4
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 1e-45, -1e-45, 2.0**-126, 88.7, 88.73, -87.4, -103.9, -104, 3.4e38]
ARGUMENTS = np.concatenate(
    [
        RNG.integers(0, 2**32, 60_000, dtype=np.uint32).view(np.float32),
        (10.0 ** RNG.uniform(-42, 38.5, 30_000) * RNG.choice([-1, 1], 30_000)).astype(np.float32),
        *(RNG.uniform(-limit, limit, 30_000).astype(np.float32) for limit in (1, 10, 110)),
        (np.arange(-400, 400) * (math.pi / 4)).astype(np.float32),
        np.array(EDGES, np.float32),
    ]
)

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
    "Selu": lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(x), x),
    "Sqrt": np.sqrt,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Reciprocal": lambda x: 1 / x,
    "Softsign": lambda x: x / (1 + np.abs(x)),
}


ERFC = np.vectorize(math.erfc, otypes=[np.float64])
FLUSHED = {"Sigmoid"}  # results below the least normal number may be 0, as in TensorFlow, which flushes denormals
LEAST_NORMAL = 2.0**-126


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|got - exact| in units of the last place of exact as a float32; 0 where both are NaN or the same infinity."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        unit = np.spacing(np.minimum(np.abs(rounded), np.float32(3.4e38))).astype(np.float64)
        distance = np.abs(got.astype(np.float64) - exact) / unit
    is_same = (got == rounded) | (np.isnan(got) & np.isnan(exact))
    return np.where(
        is_same, np.where(np.isfinite(distance), distance, 0), np.where(np.isnan(distance), np.inf, distance)
    )


@pytest.mark.parametrize("op", FUNCTIONS)
def test_function_is_within_four_ulp_of_float64(op: str) -> None:
    (got,) = harness.run(op, {"T": np.dtype("float32")}, ARGUMENTS)
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[op](ARGUMENTS.astype(np.float64))
    error = ulps(got, exact)
    if op in FLUSHED:
        error[(got == 0) & (np.abs(exact) < LEAST_NORMAL)] = 0
    worst = int(np.argmax(error))
    assert error[worst] <= MOST_ULP, f"{op}({ARGUMENTS[worst]!r}) = {got[worst]!r}, not {exact[worst]!r}"
    is_zero = exact == 0
    np.testing.assert_array_equal(np.signbit(got[is_zero]), np.signbit(exact[is_zero]))


@pytest.mark.parametrize("op", FUNCTIONS)
def test_reference_needs_no_compiler_and_agrees(op: str) -> None:
    few = ARGUMENTS[::97]
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[op](few.astype(np.float64)).astype(np.float32)
    (got,) = harness.reference(op, {"T": np.dtype("float32")}, few)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, exact, rtol=1e-6, atol=1e-44)


def test_power_is_within_four_ulp_of_float64() -> None:
    x = (10.0 ** RNG.uniform(-30, 30, 40_000) * RNG.choice([-1, 1], 40_000)).astype(np.float32)
    near_one = RNG.uniform(0.5, 2, 40_000).astype(np.float32)
    y = RNG.uniform(-3, 3, 40_000).astype(np.float32)
    y[::3] = np.rint(y[::3])
    x, y = np.concatenate([x, near_one]), np.concatenate([y, y * 40])
    (got,) = harness.run("Pow", {"T": np.dtype("float32")}, x, y)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    assert ulps(got, exact).max() <= MOST_ULP


def test_powers_that_are_whole_numbers_are_exact() -> None:
    x, y = np.arange(-12, 13, dtype=np.float32)[:, None], np.arange(0, 6, dtype=np.float32)
    np.testing.assert_array_equal(harness.run("Pow", {"T": np.dtype("float32")}, x, y)[0], np.power(x, y))


def test_gelu_by_composition_is_accurate() -> None:
    expression = "mul(mul(a0,0.5),add(erf(mul(a0,0.7071067811865476)),1.0))"
    x = RNG.uniform(-6, 6, 10_000).astype(np.float32)
    attrs = {"expression": expression, "dtype": x.dtype}
    harness.check("_Elementwise", attrs, x, rtol=1e-5, atol=5e-7)
    np.testing.assert_allclose(
        expressions.evaluate(expression, [x[:1]]), harness.run("_Elementwise", attrs, x[:1])[0], atol=5e-7
    )


@pytest.mark.parametrize(
    ("expression", "exact"),
    [
        ("mul(a0,sigmoid(a0))", lambda x: x / (1 + np.exp(-x))),
        (
            "mul(mul(0.5,a0),erfc(mul(neg(a0),0.70710677)))",
            lambda x: x / 2 * ERFC(-x * np.float64(np.float32(0.5**0.5))),
        ),
    ],
)
def test_shortcuts_agree_with_the_functions_that_they_are_for(expression: str, exact: Callable[[Any], Any]) -> None:
    x = np.concatenate([RNG.uniform(-limit, limit, 30_000).astype(np.float32) for limit in (0.01, 4, 60)])
    x = np.append(x, np.array([-np.inf, -3e38, -1e30, -100, -20, -0.0, 0, 100, 3e38, np.inf, np.nan], np.float32))
    (got,) = harness.run("_Elementwise", {"expression": expression, "dtype": x.dtype}, x)
    with np.errstate(all="ignore"):
        want = exact(x.astype(np.float64))
    np.testing.assert_allclose(got, want, rtol=3e-6, atol=1e-13)  # GELU's far tail has few right digits


def test_the_dtype_of_an_expression_is_known_without_running_it() -> None:
    assert expressions.native_result("select(less(a0,a1),a0,1.0)", ["float32", "float32"]) == "float32"
    assert expressions.native_result("cast_int32(mul(a0,2.0))", ["float64"]) == "int32"
    assert expressions.native_result("exp(a0)", ["float64"]) == "float64"
    assert expressions.native_result("exp(a0)", ["int32"]) is None
    assert expressions.native_result("add(a0,a1)", ["float32", "int32"]) is None
    assert expressions.native_result("select(a0,a1,a2)", ["int32", "int32", "int32"]) is None
