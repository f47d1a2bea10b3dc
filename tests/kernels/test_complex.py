"""Complex numbers: arithmetic, parts, sums and products by the kernels of real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.kernels import harness

RNG = np.random.default_rng(9)
DTYPES = ["complex64", "complex128"]


def numbers(dtype: str, *shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(dtype)


def check(op: str, attrs: dict[str, Any], *arrays: np.ndarray, constants: tuple[int, ...] = ()) -> None:
    tolerance = 1e-5 if any(array.dtype in (np.complex64, np.float32) for array in arrays) else 1e-13
    harness.check(op, attrs, *arrays, constants=constants, rtol=tolerance, atol=tolerance)


TWO_OPERANDS = [(op, "complex64") for op in ("AddV2", "Sub", "Mul", "RealDiv", "Equal", "NotEqual")]


@pytest.mark.parametrize(("op", "dtype"), [*TWO_OPERANDS, ("Mul", "complex128"), ("Div", "complex128")])
def test_two_operands_broadcast(op: str, dtype: str) -> None:
    x, y = numbers(dtype, 3, 1, 7), numbers(dtype, 5, 1)
    x[0, 0, 0] = y[2, 0]
    check(op, {"T": x.dtype}, x, y)


def test_sums_of_many_and_biases_and_selections() -> None:
    x, y, z = (numbers("complex64", 4, 3) for _ in range(3))
    check("AddN", {"T": x.dtype, "N": 3}, x, y, z)
    check("BiasAdd", {"T": x.dtype}, x, y[0])
    check("SelectV2", {"T": x.dtype}, np.array([[True], [False], [False], [True]]), x, y[0])
    check("Neg", {"T": x.dtype}, x)
    check("Square", {"T": x.dtype}, x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["Real", "Imag", "Conj", "ComplexAbs", "Angle"])
def test_parts(op: str, dtype: str) -> None:
    check(op, {"T": np.dtype(dtype)}, numbers(dtype, 3, 5))
    check(op, {"T": np.dtype(dtype)}, numbers(dtype, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parts_make_a_number(dtype: str) -> None:
    check("Complex", {"T": np.dtype(dtype)}, RNG.normal(size=(3, 1)).astype(dtype), RNG.normal(size=4).astype(dtype))


@pytest.mark.parametrize(("dtype", "large"), [("complex64", 1e38), ("complex128", 1e308)])
def test_quotients_and_magnitudes_of_large_numbers_do_not_overflow(dtype: str, large: float) -> None:
    x = np.array([complex(large, large / 2), complex(large, 0), complex(0, 1 / large)], dtype)
    check("RealDiv", {"T": x.dtype}, x, x)
    edges = [complex(large, large / 2), 0, complex(np.inf, 1), complex(np.nan, -np.inf), complex(np.nan, 1)]
    check("ComplexAbs", {"T": x.dtype}, np.array(edges, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["Sum", "Mean"])
def test_sums(op: str, dtype: str) -> None:
    for axes in ([0], [1], [0, 2], [0, 1, 2]):
        check(op, {"T": np.dtype(dtype), "keep_dims": False}, numbers(dtype, 3, 5, 2), np.array(axes), constants=(1,))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("flags", [(False, True), (True, False)])
def test_matrix_products_with_transposes_and_adjoints(flags: tuple[bool, bool], dtype: str) -> None:
    shapes = [(shape[::-1] if flag else shape) for shape, flag in zip([(3, 4), (4, 5)], flags, strict=True)]
    x, y = (numbers(dtype, 2, *shape) for shape in shapes)
    check("BatchMatMulV2", {"T": x.dtype, "adj_x": flags[0], "adj_y": flags[1]}, x, y)
    check("MatMul", {"T": x.dtype, "transpose_a": flags[0], "transpose_b": flags[1]}, x[0], y[0], constants=(1,))


def test_numbers_of_16_bytes_are_moved() -> None:
    x = numbers("complex128", 3, 4, 5)
    harness.check("Transpose", {"T": x.dtype}, x, np.array([2, 0, 1], np.int32), constants=(1,), rtol=0, atol=0)
    masks = {"end_mask": 1}
    begin, end, strides = (np.array(values, np.int32) for values in ([1, 0], [0, 3], [1, 2]))
    harness.check("StridedSlice", masks, x, begin, end, strides, constants=(1, 2, 3), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
def test_integer_matrix_products_wrap(flags: tuple[bool, bool], dtype: str) -> None:
    shapes = [(shape[::-1] if flag else shape) for shape, flag in zip([(3, 4), (4, 5)], flags, strict=True)]
    limits = np.iinfo(dtype)
    x, y = (RNG.integers(limits.min, limits.max, (2, *shape), dtype) for shape in shapes)
    harness.check("BatchMatMulV2", {"T": x.dtype, "adj_x": flags[0], "adj_y": flags[1]}, x, y[:1], rtol=0, atol=0)


@pytest.mark.parametrize(
    "op",
    ["Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Sigmoid", "Sinh", "Cosh", "Tanh", "Sin", "Cos", "Tan", "Sign",
     "Round", "Reciprocal"],
)  # fmt: skip
def test_functions_of_complex_numbers_are_made_of_those_of_parts(op: str) -> None:
    random = np.random.default_rng(3)
    parts = random.standard_normal((2, 300)) * random.choice([1e-3, 1, 3], 300)
    edges = [0, 1, -1, 1j, -1j, 2, -2 + 1e-3j, -2 - 1e-3j, 25 + 1j, -25 + 2j]
    x = np.concatenate([parts[0] + 1j * parts[1], edges]).astype(np.complex64)
    check(op, {"T": x.dtype}, x)


@pytest.mark.parametrize("op", ["SquaredDifference", "DivNoNan", "MulNoNan", "Xlogy"])
def test_zeros_stay_zero_among_complex_numbers(op: str) -> None:
    random = np.random.default_rng(4)
    x, y = (random.standard_normal((2, 40)) + 1j * random.standard_normal((2, 40))).astype(np.complex64)
    x[:5], y[3:8] = 0, 0
    check(op, {"T": x.dtype}, x, y)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_casts_to_and_from_complex_numbers(dtype: str) -> None:
    x = np.array([1.5 - 2j, 0, 3j, -7.25, 1e10 + 1j]).astype(dtype)
    for other in ("float32", "int32", "bool", "complex64", "complex128", "float16"):
        check("Cast", {"SrcT": x.dtype, "DstT": np.dtype(other), "Truncate": False}, x)
    for other in ("float64", "uint8", "bool"):
        given = np.array([0, 1, 7]).astype(other)
        check("Cast", {"SrcT": given.dtype, "DstT": x.dtype, "Truncate": False}, given)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_are_moved_scattered_and_added_up(dtype: str) -> None:
    x = (np.arange(60) * (1 - 2j)).reshape(3, 4, 5).astype(dtype)
    indices, axis = np.array([[1], [0], [1]], np.int32), np.array(1, np.int32)
    check("ConjugateTranspose", {}, x, np.array([2, 0, 1], np.int32), constants=(1,))
    check("Cumsum", {"exclusive": True, "reverse": False}, x, axis, constants=(1,))
    check("ScatterNd", {}, indices, x, np.array([3, 4, 5], np.int32), constants=(2,))
    check("TensorScatterUpdate", {}, x, indices, x)
    check("GatherV2", {"batch_dims": 0}, x, np.array([3, 0], np.int32), axis, constants=(2,))
    on, off = np.array(2 + 1j, dtype), np.array(5j, dtype)
    check("OneHot", {"axis": -1}, np.array([1, 0, 9]), np.array(4, np.int32), on, off, constants=(1,))
