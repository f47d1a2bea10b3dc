"""Quantising to integers and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import NoKernel, check, infer, reference, run

FLOAT32 = np.float32
RANDOM = np.random.default_rng(5)
X = (RANDOM.standard_normal((2, 3, 17)) * 2).astype(FLOAT32)
ROUND_TRIP = {
    "signed_input": True,
    "num_bits": 8,
    "range_given": True,
    "round_mode": b"HALF_TO_EVEN",
    "narrow_range": False,
    "axis": -1,
}
QUANTIZE = {
    "T": np.dtype(np.uint8),
    "mode": b"MIN_COMBINED",
    "round_mode": b"HALF_AWAY_FROM_ZERO",
    "narrow_range": False,
    "axis": -1,
    "ensure_minimum_range": 0.01,
}
DEQUANTIZE = {"mode": b"MIN_COMBINED", "narrow_range": False, "axis": -1, "dtype": np.dtype(FLOAT32)}


def scalar(value: float, dtype: type = FLOAT32) -> np.ndarray:
    return np.array(value, dtype)


@pytest.mark.parametrize("mode, signed", [(b"HALF_TO_EVEN", True), (b"HALF_UP", False)])
def test_a_given_range_is_a_kernel(mode: bytes, signed: bool) -> None:
    attrs = {**ROUND_TRIP, "round_mode": mode, "signed_input": signed}
    check("QuantizeAndDequantizeV4", attrs, X, scalar(-1.5), scalar(2.25), constants=(1, 2), rtol=0, atol=0)


def test_a_range_for_each_channel_is_a_kernel() -> None:
    low, high = -np.arange(1, 4).astype(FLOAT32), np.array([0.5, 2, 9], FLOAT32)
    attrs = {**ROUND_TRIP, "axis": 1}
    check("QuantizeAndDequantizeV2", attrs, X, low, high, constants=(1, 2), rtol=0, atol=0)


def test_without_a_range_the_data_gives_it() -> None:
    attrs = {**ROUND_TRIP, "range_given": False}
    (got,) = reference("QuantizeAndDequantizeV3", attrs, X, scalar(0), scalar(0), scalar(8, np.int32))
    assert np.abs(got - X).max() <= np.abs(X).max() / 127
    assert len(np.unique(got)) <= 256


def test_a_range_upside_down_is_refused_while_running() -> None:
    with pytest.raises(ExecutionError, match="Invalid range"):
        reference("QuantizeAndDequantizeV2", ROUND_TRIP, X, scalar(1), scalar(0))
    with pytest.raises(NoKernel):
        run("QuantizeAndDequantizeV2", ROUND_TRIP, X, scalar(1), scalar(0), constants=(1, 2))


@pytest.mark.parametrize("mode", [b"MIN_COMBINED", b"MIN_FIRST", b"SCALED"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_dequantized_is_within_one_step(dtype: type, mode: bytes) -> None:
    x = np.abs(X) if mode == b"SCALED" else X
    attrs = {**QUANTIZE, "T": np.dtype(dtype), "mode": mode}
    quantized, low, high = reference("QuantizeV2", attrs, x, x.min(), x.max())
    assert quantized.dtype == dtype
    (back,) = reference("Dequantize", {**DEQUANTIZE, "mode": mode}, quantized, low, high)
    step = (high - low) / 2.0 ** (8 * quantized.itemsize)
    np.testing.assert_allclose(back, x, atol=1.01 * step)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32"])
@pytest.mark.parametrize("mode", [b"MIN_COMBINED", b"MIN_FIRST", b"SCALED"])
def test_quantize_has_kernels(mode: bytes, dtype: str) -> None:
    attrs = {**QUANTIZE, "mode": mode, "T": np.dtype(dtype)}
    x = np.concatenate([np.linspace(-4, 4, 100), [0.5, -0.5, np.inf, -np.inf, np.nan, -0.0]]).astype(np.float32)
    for low, high in ((-2.5, 3), (0, 0), (1, 2), (-1, 1), (-2, -1)):
        check("QuantizeV2", attrs, x, scalar(low), scalar(high), rtol=0, atol=0)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("mode", [b"MIN_COMBINED", b"SCALED"])
def test_quantize_along_an_axis_has_kernels(mode: bytes, axis: int) -> None:
    attrs = {**QUANTIZE, "mode": mode, "T": np.dtype(np.int8), "axis": axis, "narrow_range": True}
    x = np.random.default_rng(1).standard_normal((7, 5, 3)).astype(np.float32)
    ends = np.linspace(-3, 1, x.shape[axis], dtype=np.float32), np.linspace(1, 2, x.shape[axis], dtype=np.float32)
    check("QuantizeV2", attrs, x, *ends, rtol=0, atol=0)
    if axis == 1:
        check("QuantizeV2", attrs, x[:0], *ends, rtol=0, atol=0)


def test_quantize_with_a_range_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match="larger"):
        run("QuantizeV2", {**QUANTIZE, "T": np.dtype(np.int8)}, X, scalar(2), scalar(1))


def test_dequantize_with_known_range_is_a_kernel() -> None:
    x = np.arange(-128, 128, dtype=np.int8)
    for mode in (b"MIN_COMBINED", b"SCALED"):
        check("Dequantize", {**DEQUANTIZE, "mode": mode}, x, scalar(-3), scalar(5), constants=(1, 2), rtol=0, atol=0)


@pytest.mark.parametrize(
    "op, attrs, ranges",
    [
        ("QuantizeAndDequantizeV2", {**ROUND_TRIP, "num_bits": 62}, ()),
        ("QuantizeAndDequantizeV2", {**ROUND_TRIP, "axis": 3}, ()),
        ("QuantizeAndDequantizeV2", {**ROUND_TRIP, "axis": 1}, (4,)),
        ("QuantizeAndDequantizeV2", {**ROUND_TRIP, "round_mode": b"UP"}, ()),
        ("QuantizeV2", {**QUANTIZE, "mode": b"MAX"}, ()),
        ("QuantizeV2", {**QUANTIZE, "round_mode": b"HALF_TO_EVEN"}, ()),
        ("QuantizeV2", {**QUANTIZE, "mode": b"MIN_FIRST", "axis": 1}, (3,)),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], ranges: tuple[int, ...]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, X, np.zeros(ranges, FLOAT32), np.ones(ranges, FLOAT32))
