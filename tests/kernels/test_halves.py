"""float16 and bfloat16: every function rounds its float32 result once, alone or in a fused group."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from edgeload.kernels import expressions
from edgeload.kernels.registry import Operand
from tests.kernels import harness

HALVES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
RNG = np.random.default_rng(6)


def every(dtype: np.dtype) -> np.ndarray:
    """All numbers of a dtype: NaNs, infinities and denormals among them."""
    return np.arange(1 << 16, dtype=np.uint16).view(dtype)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """Bit for bit, but for the bits of NaN."""
    assert found.dtype == expected.dtype
    is_nan = np.isnan(expected.astype(np.float64))
    np.testing.assert_array_equal(np.isnan(found.astype(np.float64)), is_nan)
    np.testing.assert_array_equal(found.view(np.uint16)[~is_nan], expected.view(np.uint16)[~is_nan])


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_widening_is_exact(dtype: np.dtype) -> None:
    (found,) = harness.run("Cast", {"SrcT": dtype, "DstT": np.dtype(np.float32)}, every(dtype))
    np.testing.assert_array_equal(found, every(dtype).astype(np.float32))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_rounding_is_to_the_nearest_and_halves_to_even(dtype: np.dtype) -> None:
    exact = every(dtype).astype(np.float32)
    x = RNG.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    finite = np.sort(exact[np.isfinite(exact)])
    halfway = (finite[1:] / 2 + finite[:-1] / 2).astype(np.float32)
    near = [np.nextafter(halfway, np.float32(way)) for way in (-np.inf, np.inf)]
    x = np.concatenate([x, exact, halfway, *near, np.float32([65504, 65519.996, 65520, 3.4e38, -3.4e38])])
    (found,) = harness.run("Cast", {"SrcT": x.dtype, "DstT": dtype}, x)
    with np.errstate(all="ignore"):
        assert_same(found, x.astype(dtype))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("source", ["float64", "int32", "int64", "uint8", "bool"])
def test_other_dtypes_round_through_float32(source: str, dtype: np.dtype) -> None:
    x = (RNG.normal(0, 1e4, 999) if source == "float64" else RNG.integers(0, 2**31 - 1, 999)).astype(source)
    harness.check("Cast", {"SrcT": x.dtype, "DstT": dtype}, x, rtol=0, atol=0)
    harness.check("Cast", {"SrcT": dtype, "DstT": x.dtype}, x.astype(np.float32).astype(dtype), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("op", ["AddV2", "Mul", "RealDiv", "Maximum", "SquaredDifference"])
def test_arithmetic_rounds_the_exact_result(op: str, dtype: np.dtype) -> None:
    x, y = (RNG.permutation(every(dtype)) for _ in range(2))
    (found,) = harness.run(op, {"T": dtype}, x, y)
    with np.errstate(all="ignore"):
        (expected,) = harness.reference(op, {"T": dtype}, x, y)
    assert_same(found, expected)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("op", ["Exp", "Tanh", "Sigmoid", "Log", "Sqrt", "Rsqrt", "Erf", "Relu", "Relu6", "Softplus"])
def test_functions_are_within_one_unit_of_the_exact_result(op: str, dtype: np.dtype) -> None:
    x = every(dtype)
    (found,) = harness.run(op, {"T": dtype}, x)
    with np.errstate(all="ignore"):
        (wide,) = harness.reference(op, {"T": np.dtype(np.float64)}, x.astype(np.float64))
        expected = wide.astype(np.float32).astype(dtype)
    is_nan = np.isnan(wide)
    np.testing.assert_array_equal(np.isnan(found.astype(np.float32)), is_nan)
    steps = [
        np.where(bits & 0x8000, 0x8000 - bits.astype(int), bits) for bits in (found.view("u2"), expected.view("u2"))
    ]
    is_tiny = np.abs(wide) < 2.0**-126  # the least normal float32, below which sigmoid is 0
    assert np.abs(steps[0] - steps[1])[~is_nan & ~is_tiny].max() <= 1


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_comparisons_and_selections(dtype: np.dtype) -> None:
    x, y = (RNG.permutation(every(dtype)) for _ in range(2))
    for op in ("Less", "Equal", "NotEqual", "GreaterEqual"):
        harness.check(op, {"T": dtype}, x, y, rtol=0, atol=0)
    harness.check("IsNan", {"T": dtype}, x)
    harness.check("SelectV2", {"T": dtype}, x > y, x, y[:1], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_a_fused_group_rounds_as_its_nodes_do(dtype: np.dtype) -> None:
    x, y = RNG.normal(0, 3, (2, 7, 17)).astype(np.float32).astype(dtype)
    parts = [("mul(a0,a1)", (x, y)), ("add(a0,0.1)", ()), ("tanh(a0)", ()), ("sub(1.0,a0)", ())]
    text, value = "", np.empty(0)
    for part, operands in parts:
        value = expressions.evaluate(part, operands or [value])
        text = part if operands else expressions.substitute(part, [text])
    fused = {"expression": text, "dtype": dtype}
    (found,) = harness.run("_Elementwise", fused, x, y)
    one_ulp = 0.01 if dtype != np.float16 else 0.001
    np.testing.assert_allclose(found.astype(np.float32), value.astype(np.float32), atol=one_ulp)
    assert (found == value).mean() > 0.99


def test_dtypes_in_one_expression() -> None:
    x = RNG.normal(0, 3, 33).astype(np.float16)
    fused = {"expression": "cast_float16(mul(cast_float32(a0),a1))", "dtype": x.dtype}
    harness.check("_Elementwise", fused, x, RNG.normal(0, 3, 33).astype(np.float32), rtol=0, atol=0)


def test_numbers_are_rounded_to_the_dtype() -> None:
    x = np.ones(5, np.float16)
    harness.check("LeakyRelu", {"T": x.dtype, "alpha": 0.1}, -x, rtol=0, atol=0)
    (found,) = harness.reference("LeakyRelu", {"T": x.dtype, "alpha": 0.1}, -x)
    assert found[0] == -np.float16(0.1)


def test_operands_of_two_halves_do_not_fit_together() -> None:
    half, brain = (Operand(dtype, (3,)) for dtype in HALVES)
    assert expressions.native_result("add(a0,a1)", [half.dtype.name, brain.dtype.name]) is None
