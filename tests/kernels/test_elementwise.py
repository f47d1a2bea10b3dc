"""Element-wise ops: values, dtypes, broadcasting, in-place use."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from edgeload.kernels import expressions, registry
from tests.kernels import harness

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 6.0, 7.25, np.inf, -np.inf, np.nan, 1e-40, 3e38]
RNG = np.random.default_rng(5)


def special(dtype: str) -> np.ndarray:
    return np.array(SPECIAL + list(RNG.normal(0, 3, 21)), dtype)


def pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    values = special(dtype)
    return values[:, None], values[None, :]


UNARY = ["Abs", "Ceil", "Floor", "Inv", "Neg", "Reciprocal", "Relu", "Relu6", "Rint", "Round", "Rsqrt"]
UNARY += ["Sign", "Softsign", "Sqrt", "Square", "IsNan", "IsInf", "IsFinite"]


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unary_op_equals_its_reference_on_special_values(op: str, dtype: str) -> None:
    harness.check(op, {"T": np.dtype(dtype)}, special(dtype), rtol=3e-7, atol=0)


BINARY = ["AddV2", "Sub", "Mul", "RealDiv", "DivNoNan", "MulNoNan", "Maximum", "Minimum", "SquaredDifference"]
BINARY += ["Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual", "FloorDiv", "Div"]


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_op_equals_its_reference_on_all_pairs_of_special_values(op: str, dtype: str) -> None:
    harness.check(op, {"T": np.dtype(dtype)}, *pairs(dtype), rtol=0, atol=0)


@pytest.mark.parametrize("op", ["FloorMod", "Mod", "TruncateMod"])
def test_float_remainder_is_exact(op: str) -> None:
    x = RNG.integers(0, 2**32, 5000, dtype=np.uint32).view(np.float32)
    y = RNG.integers(0, 2**32, 5000, dtype=np.uint32).view(np.float32)
    harness.check(op, {"T": np.dtype("float32")}, x, y, rtol=0, atol=0)
    harness.check(op, {"T": np.dtype("float32")}, *pairs("float32"), rtol=0, atol=0)


@pytest.mark.parametrize("op", ["FloorMod", "TruncateMod"])
def test_float64_remainder_is_exact(op: str) -> None:
    x, y = (RNG.integers(0, 2**64, 3000, dtype=np.uint64).view(np.float64) for _ in range(2))
    y[::2] = x[::2] * 10.0 ** RNG.uniform(-20, 0, 1500)
    harness.check(op, {"T": np.dtype("float64")}, x, y, rtol=0, atol=0)
    harness.check(op, {"T": np.dtype("float64")}, *pairs("float64"), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64"])
@pytest.mark.parametrize("op", ["AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference", "Less", "Equal"])
def test_integer_arithmetic_wraps_and_compares(op: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.array([0, 1, 2, 7, limits.max, limits.min, limits.max // 3], dtype)
    harness.check(op, {"T": np.dtype(dtype)}, values[:, None], values, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64"])
@pytest.mark.parametrize("op", ["Abs", "Neg", "Sign", "Square", "Relu", "Relu6", "Round", "Invert"])
def test_unary_op_takes_integers(op: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.array([0, 1, 5, 6, 7, limits.max, limits.min, limits.max // 3], dtype)
    harness.check(op, {"T": np.dtype(dtype)}, values, rtol=0, atol=0)


def test_logic_ops_take_bools() -> None:
    x, y = np.array([False, False, True, True] * 5), np.array([False, True, False, True] * 5)
    harness.check("LogicalAnd", {}, x, y)
    harness.check("LogicalOr", {}, x, y)
    harness.check("LogicalNot", {}, x)
    harness.check("Equal", {"T": np.dtype(bool)}, x, y)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((), ()),
        ((0,), (1,)),
        ((3, 0), (3, 1)),
        ((1,), (17,)),
        ((17,), ()),
        ((2, 3, 1, 7), (1, 3, 5, 1)),
        ((5, 1, 3, 1, 2, 1, 2), (1, 2, 1, 3, 1, 2, 1)),
        ((2, 1, 2, 1, 2, 1, 2, 1, 3), (1, 2, 1, 2, 1, 2, 1, 2, 1)),
        ((40, 50, 3), (3,)),
        ((41, 37, 2), (41, 37, 2)),
        ((3,), (40, 50, 3)),
        ((700, 1), (700, 3)),
    ],
)
def test_broadcasting_over_any_number_of_dimensions(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    x, y = RNG.normal(size=left).astype(np.float32), RNG.normal(size=right).astype(np.float32)
    harness.check("Sub", {"T": np.dtype("float32")}, x, y, rtol=0, atol=0)


def test_short_constant_rows_are_repeated_to_long_ones() -> None:
    x, y = RNG.normal(size=(64, 64, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)
    harness.check("Mul", {"T": np.dtype("float32")}, x, y, constants=(1,), rtol=0, atol=0)


def test_an_operand_of_the_outputs_shape_may_share_its_memory() -> None:
    emit = harness.ImmediateEmit(1)
    x = registry.Operand(np.dtype("float32"), (4, 5), buffer=np.ones((4, 5), np.float32))
    row = registry.Operand(np.dtype("float32"), (5,), 1, buffer=np.ones(5, np.float32))
    found = registry.find("AddV2")
    assert found is not None and found.lower is not None
    found.lower(harness.FakeNode("AddV2", "sum", {}), [x, row], [x], emit)
    assert [operand for _, operand in emit.shared] == [x]
    np.testing.assert_array_equal(x.buffer, 2)


def test_shapes_that_do_not_broadcast_raise_invalid_graph_error() -> None:
    with pytest.raises(InvalidGraphError, match="sum.*|found shapes"):
        harness.infer("AddV2", {}, np.zeros((2, 3)), np.zeros((4,)))


def test_equality_of_shapes_that_do_not_broadcast_is_false_when_allowed() -> None:
    attrs = {"T": np.dtype("float32"), "incompatible_shape_error": False}
    x, y = np.zeros(2, np.float32), np.zeros(3, np.float32)
    assert harness.reference("Equal", attrs, x, y)[0] == np.array(False)
    assert harness.reference("NotEqual", attrs, x, y)[0] == np.array(True)
    assert harness.infer("Equal", attrs, x, y)[0].shape == ()
    with pytest.raises(InvalidGraphError):
        harness.infer("Equal", {"T": np.dtype("float32"), "incompatible_shape_error": True}, x, y)


@pytest.mark.parametrize("alpha", [0.2, 1.5, 0.0, -0.5])
def test_leaky_relu_scales_negative_numbers(alpha: float) -> None:
    attrs = {"T": np.dtype("float32"), "alpha": float(np.float32(alpha))}
    harness.check("LeakyRelu", attrs, special("float32"), rtol=0, atol=0)


@pytest.mark.parametrize("count", [1, 2, 9, 20])
def test_add_n_sums_any_number_of_inputs(count: int) -> None:
    arrays = [RNG.normal(size=(3, 7)).astype(np.float32) for _ in range(count)]
    harness.check("AddN", {"T": np.dtype("float32"), "N": count}, *arrays, rtol=0, atol=0)


@pytest.mark.parametrize("bounds", [(), (3, 7)])
def test_clip_by_value_takes_scalar_and_full_bounds(bounds: tuple[int, ...]) -> None:
    x = RNG.normal(size=(3, 7)).astype(np.float32)
    x[0, 0] = np.nan
    low, high = np.full(bounds, -0.5, np.float32), np.full(bounds, 0.75, np.float32)
    harness.check("ClipByValue", {"T": np.dtype("float32")}, x, low, high, rtol=0, atol=0)


@pytest.mark.parametrize("data_format", [b"NHWC", b"NCHW"])
def test_bias_add_follows_the_data_format(data_format: bytes) -> None:
    x = RNG.normal(size=(2, 5, 3, 7)).astype(np.float32)
    bias = RNG.normal(size=7 if data_format == b"NHWC" else 5).astype(np.float32)
    attrs = {"T": np.dtype("float32"), "data_format": data_format}
    harness.check("BiasAdd", attrs, x, bias, rtol=0, atol=0)
    with pytest.raises(InvalidGraphError, match="channels"):
        harness.infer("BiasAdd", attrs, x, bias[:3])


def test_an_expression_is_offered_for_fusing_only_where_it_compiles() -> None:
    def offered(op: str, **attrs: object) -> str:
        found = registry.find(op)
        assert found is not None and found.expression is not None
        return found.expression(harness.FakeNode(op, "n", attrs))

    assert offered("Exp", T=np.dtype("float32")) == "exp(a0)"
    assert offered("Exp", T=np.dtype("complex64")) == ""
    assert offered("FloorDiv", T=np.dtype("int32")) == ""
    assert offered("FloorDiv", T=np.dtype("float32")) == "floor_div(a0,a1)"
    assert offered("BiasAdd", T=np.dtype("float32"), data_format=b"NCHW") == ""
    assert offered("LeakyRelu", T=np.dtype("float32"), alpha=0.25) == "leaky_relu(a0,0.25)"
    assert offered("SelectV2", T=np.dtype("int64")) == "select(a0,a1,a2)"
    assert offered("Cast", SrcT=np.dtype("int32"), DstT=np.dtype("float32")) == "cast_float32(a0)"
    assert offered("AddN", T=np.dtype("float32"), N=3) == "add(add(a0,a1),a2)"


def test_a_fused_expression_equals_its_evaluation_without_compiling() -> None:
    expression = "mul(select(less(a0,a1),a0,1e999),clamp(a1,-1.0,0.5))"
    x, y = (array.astype(np.float32) for array in pairs("float32"))
    attrs = {"expression": expression, "dtype": np.dtype("float32")}
    harness.check("_Elementwise", attrs, x, y, rtol=0, atol=0)
    with np.errstate(all="ignore"):
        expected = np.where(x < y, x, np.float32(np.inf)) * np.clip(y, -1, np.float32(0.5))
    np.testing.assert_array_equal(expressions.evaluate(expression, [x, y]), expected)
