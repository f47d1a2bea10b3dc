"""Element-wise ops with broadcasting: each is an expression, and expressions fuse.

One kernel family serves all of them. `elementwise<EXPRESSION,PATTERN,LOOPS,DTYPES>` walks some outer loops, after
dimensions that advance alike in all operands have been merged; the innermost runs over contiguous or repeated elements
as SIMD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeload.kernels import expressions
from edgeload.kernels.functions import ALL, HALVES
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import ELEMENTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, broadcast_shapes, register, require

FEW_LOOPS, MOST_LOOPS = 3, 8
_SHORT_ROW, _LONG_ROW = 32, 256
_NATIVE = {*ALL, *HALVES}
BOOL = np.dtype(bool)


@kernel_family("elementwise")
def elementwise(expression: str, pattern: str, loops: str, *dtypes: str) -> Iterator[Any]:
    """out[p, l] = expression(operands) for p in ndindex(sizes); strides[loops * o + d] is operand o's step in elements
    along outer loop d, letter o of the pattern its step along l: "v" 1, "s" 0.

    `dtypes` are the operands' and, last, the output's.
    """
    outer = int(loops)
    operand_dtypes, out_dtype = map(_stored, dtypes[:-1]), _stored(dtypes[-1])
    yield ", ".join(
        [f"{dtype}[:] operands.{index}" for index, dtype in enumerate(operand_dtypes)]
        + [f"int64 strides.{index}" for index in range(outer * (len(dtypes) - 1))]
        + [f"int64 sizes.{index}" for index in range(outer)]
        + ["int64 inner", f"{out_dtype}[:] out"]
    )
    from edgeload.kernels.simd import map_row

    map_inner = map_row(expression, pattern, outer, dtypes)

    def walk(operands, strides, sizes, inner, out, worker, workers):  # type: ignore[no-untyped-def]
        rows = 1
        for size in sizes:
            rows *= size
        if rows >= workers:
            first, last = rows * worker // workers, rows * (worker + 1) // workers
            start, count = 0, inner
        else:
            first, last = 0, rows
            start = inner * worker // workers
            count = inner * (worker + 1) // workers - start
        for row in range(first, last):
            map_inner(operands, strides, sizes, row, start, count, out, row * inner + start)

    yield walk


def _stored(dtype: str) -> str:
    """The dtype that Numba has for such elements."""
    return "uint16" if dtype in HALVES else dtype


def merge_dimensions(
    out_shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]
) -> tuple[list[int], list[list[int]]]:
    """Sizes and, for each operand, strides (in elements) of the fewest loops, at least one, that walk the broadcast
    shape."""
    rank = len(out_shape)
    strides = []
    for shape in shapes:
        padded = (1,) * (rank - len(shape)) + tuple(shape)
        steps, step = [0] * rank, 1
        for axis in reversed(range(rank)):
            steps[axis] = step if padded[axis] != 1 else 0
            step *= padded[axis]
        strides.append(steps)
    sizes: list[int] = []
    merged: list[list[int]] = [[] for _ in shapes]
    for axis, size in enumerate(out_shape):
        if size == 1:
            continue
        if sizes and all(into[-1] == steps[axis] * size for into, steps in zip(merged, strides, strict=True)):
            sizes[-1] *= size
            for into, steps in zip(merged, strides, strict=True):
                into[-1] = steps[axis]
        else:
            sizes.append(size)
            for into, steps in zip(merged, strides, strict=True):
                into.append(steps[axis])
    return (sizes, merged) if sizes else ([1], [[0] for _ in shapes])


def padded_loops(sizes: list[int], strides: list[list[int]], loops: int) -> tuple[list[int], list[int]]:
    """Sizes of `loops` outer loops and the inner one, and the operands' outer strides in one list."""
    missing = loops + 1 - len(sizes)
    return [1] * missing + sizes, [step for steps in strides for step in ([0] * missing + steps)[:-1]]


def is_native(expression: str, operands: Sequence[Any], output: Any) -> bool:
    """Whether the expression compiles for operands of these dtypes, and gives what converts to the output's."""
    kinds = [getattr(dtype, "name", "") for dtype in (*operands, output)]
    return _NATIVE.issuperset(kinds) and expressions.native_result(expression, kinds[:-1]) is not None


def lower_expression(expression: str, operands: Sequence[Operand], output: Operand, emit: Emit) -> Any:
    """Emit one kernel call for an expression over operands, more for complex ones; NotImplemented for dtypes or shapes
    it does not take."""
    if any(getattr(operand.dtype, "kind", "") == "c" for operand in operands):
        from edgeload.kernels import complex_planes

        return complex_planes.lower_expression(expression, operands, output, emit)
    if not is_native(expression, [operand.dtype for operand in operands], output.dtype):
        return NotImplemented
    operands, out_shape = _with_longer_rows(operands, output.shape, emit)
    sizes, strides = merge_dimensions(out_shape, [operand.shape for operand in operands])
    if len(sizes) > MOST_LOOPS + 1:
        return NotImplemented
    loops = FEW_LOOPS if len(sizes) <= FEW_LOOPS + 1 else MOST_LOOPS
    outer, flat_strides = padded_loops(sizes, strides, loops)
    pattern = "".join("v" if steps[-1] else "s" for steps in strides)
    for operand in operands:
        if operand.shape == out_shape and operand.dtype == output.dtype:
            emit.may_share(output, operand)
    kinds = ",".join(operand.dtype.name for operand in (*operands, output))
    count = int(np.prod(output.shape))
    emit.kernel(
        f"elementwise<{expression},{pattern},{loops},{kinds}>", *operands, *flat_strides, *outer, output,
        tiles=pieces(count, count, ELEMENTS),
    )  # fmt: skip
    return None


def _with_longer_rows(
    operands: Sequence[Operand], out_shape: tuple[int, ...], emit: Emit
) -> tuple[Sequence[Operand], tuple[int, ...]]:
    """[rows, 3] + [3] as [rows / k, 3 k] + [3 k], with the short operands repeated k times: a call of the inner loop
    for 3 elements costs more than it does."""
    sizes, strides = merge_dimensions(out_shape, [operand.shape for operand in operands])
    if len(sizes) != 2 or sizes[1] >= _SHORT_ROW or sizes[0] * sizes[1] < 2 * _LONG_ROW:
        return operands, out_shape
    if any(steps != [sizes[1], 1] and steps[0] != 0 for steps in strides):
        return operands, out_shape
    rows, row = sizes
    times = max(k for k in range(1, _LONG_ROW // row + 1) if rows % k == 0)
    if times * row < _SHORT_ROW:
        return operands, out_shape
    longer: list[Operand] = []
    for operand, steps in zip(operands, strides, strict=True):
        if steps == [row, 1]:
            longer.append(replace(operand, shape=(rows // times, times * row)))
        elif steps == [0, 0]:
            longer.append(operand)
        else:
            longer.append(_repeated(operand, row, times, emit))
    return longer, (rows // times, times * row)


def _repeated(operand: Operand, row: int, times: int, emit: Emit) -> Operand:
    """An operand of `row` elements, `times` times in a row."""
    if operand.value is not None and operand.key is not None:
        value = operand.value
        return emit.constant(("repeated", operand.key, times), lambda: np.tile(value.reshape(-1), times))
    repeated = emit.scratch(operand.dtype, (times * row,))
    kinds = f"{operand.dtype.name},{operand.dtype.name}"
    emit.kernel(f"elementwise<a0,v,{FEW_LOOPS},{kinds}>", operand, 0, 0, 0, 1, 1, times, row, repeated)
    return repeated


def infer_broadcast(node: Node, *operands: Operand) -> Spec:
    """The broadcast shape; the dtype of the first operand, which all share."""
    for operand in operands[1:]:
        require(
            operand.dtype == operands[0].dtype, node, f"dtypes {operands[0].dtype} and {operand.dtype}", "equal dtypes"
        )
    return Spec(operands[0].dtype, broadcast_shapes(node, *(operand.shape for operand in operands)))


def infer_compare(node: Node, *operands: Operand) -> Spec:
    """The broadcast shape as bool."""
    return Spec(BOOL, infer_broadcast(node, *operands).shape)


def fusible(expression: str, *dtypes: Any) -> str:
    """The expression, or "" where it has no code for operands of these dtypes, so that the node is not to be fused."""
    kinds = [getattr(dtype, "name", "") for dtype in dtypes]
    return expression if _NATIVE.issuperset(kinds) and expressions.native_result(expression, kinds) else ""


def register_function(op: str, expression: str, arity: int, infer: Callable[..., Spec] = infer_broadcast) -> None:
    """Register a TensorFlow op that is an element-wise expression of its inputs, of dtype attribute T (or bool)."""

    def reference(node: Node, *arrays: np.ndarray) -> np.ndarray:
        return expressions.evaluate(expression, arrays)

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        return lower_expression(expression, operands, outputs[0], emit)

    def expression_of(node: Node) -> str:
        return fusible(expression, *[node.attrs.get("T", BOOL)] * arity)

    register(op, infer=infer, reference=reference, lower=lower, expression=expression_of)


for _op, _expression in {
    "Abs": "abs(a0)",
    "Ceil": "ceil(a0)",
    "Cos": "cos(a0)",
    "Elu": "elu(a0)",
    "Erf": "erf(a0)",
    "Erfc": "erfc(a0)",
    "Exp": "exp(a0)",
    "Expm1": "expm1(a0)",
    "Floor": "floor(a0)",
    "Inv": "reciprocal(a0)",
    "Invert": "invert(a0)",
    "Log": "log(a0)",
    "Log1p": "log1p(a0)",
    "LogicalNot": "logical_not(a0)",
    "Neg": "neg(a0)",
    "Reciprocal": "reciprocal(a0)",
    "Relu": "relu(a0)",
    "Relu6": "clamp(a0,0.0,6.0)",
    "Rint": "rint(a0)",
    "Round": "rint(a0)",
    "Rsqrt": "rsqrt(a0)",
    "Selu": "selu(a0)",
    "Sigmoid": "sigmoid(a0)",
    "Sign": "sign(a0)",
    "Sin": "sin(a0)",
    "Softplus": "softplus(a0)",
    "Softsign": "softsign(a0)",
    "Sqrt": "sqrt(a0)",
    "Square": "square(a0)",
    "Tan": "tan(a0)",
    "Tanh": "tanh(a0)",
}.items():
    register_function(_op, _expression, 1)

for _op, _expression in {
    "Add": "add(a0,a1)",
    "AddV2": "add(a0,a1)",
    "BitwiseAnd": "bitwise_and(a0,a1)",
    "BitwiseOr": "bitwise_or(a0,a1)",
    "BitwiseXor": "bitwise_xor(a0,a1)",
    "DivNoNan": "div_no_nan(a0,a1)",
    "LogicalAnd": "logical_and(a0,a1)",
    "LogicalOr": "logical_or(a0,a1)",
    "Maximum": "maximum(a0,a1)",
    "Minimum": "minimum(a0,a1)",
    "Mul": "mul(a0,a1)",
    "MulNoNan": "mul_no_nan(a0,a1)",
    "RealDiv": "div(a0,a1)",
    "SquaredDifference": "squared_difference(a0,a1)",
    "Sub": "sub(a0,a1)",
}.items():
    register_function(_op, _expression, 2)

for _op, _expression in {"IsFinite": "is_finite(a0)", "IsInf": "is_inf(a0)", "IsNan": "is_nan(a0)"}.items():
    register_function(_op, _expression, 1, infer_compare)

for _op, _expression in {
    "Greater": "greater(a0,a1)",
    "GreaterEqual": "greater_equal(a0,a1)",
    "Less": "less(a0,a1)",
    "LessEqual": "less_equal(a0,a1)",
}.items():
    register_function(_op, _expression, 2, infer_compare)


# ---- Equal, NotEqual: shapes that do not broadcast may be an answer


def _are_comparable(node: Node, shapes: Sequence[tuple[int, ...]]) -> bool:
    if node.attrs.get("incompatible_shape_error", True):
        return True
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def _infer_equal(node: Node, *operands: Operand) -> Spec:
    if not _are_comparable(node, [operand.shape for operand in operands]):
        return Spec(BOOL, ())
    return infer_compare(node, *operands)


def _register_equality(op: str, expression: str) -> None:
    def reference(node: Node, *arrays: np.ndarray) -> np.ndarray:
        if not _are_comparable(node, [array.shape for array in arrays]):
            return np.array(op == "NotEqual")
        return expressions.evaluate(expression, arrays)

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        if not _are_comparable(node, [operand.shape for operand in operands]):
            return NotImplemented
        return lower_expression(expression, operands, outputs[0], emit)

    def expression_of(node: Node) -> str:
        strict = node.attrs.get("incompatible_shape_error", True)
        return fusible(expression, *[node.attrs.get("T", BOOL)] * 2) if strict else ""

    register(op, infer=_infer_equal, reference=reference, lower=lower, expression=expression_of)


_register_equality("Equal", "equal(a0,a1)")
_register_equality("NotEqual", "not_equal(a0,a1)")


# ---- LeakyRelu: a constant of the node is a constant of the expression


def _leaky_expression(node: Node) -> str:
    return f"leaky_relu(a0,{float(node.attrs['alpha'])!r})"


def _leaky_relu(node: Node, x: np.ndarray) -> np.ndarray:
    return expressions.evaluate(_leaky_expression(node), [x])


def _lower_leaky_relu(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    if not np.isfinite(node.attrs["alpha"]):
        return NotImplemented
    return lower_expression(_leaky_expression(node), operands, outputs[0], emit)


def _fusible_leaky_relu(node: Node) -> str:
    return fusible(_leaky_expression(node), node.attrs["T"]) if np.isfinite(node.attrs["alpha"]) else ""


register(
    "LeakyRelu", infer=infer_broadcast, reference=_leaky_relu, lower=_lower_leaky_relu, expression=_fusible_leaky_relu
)


# ---- AddN: the sum of inputs of one shape

_MOST_TERMS = 8


def _sum_expression(count: int) -> str:
    expression = "a0"
    for index in range(1, count):
        expression = f"add({expression},a{index})"
    return expression


def _infer_add_n(node: Node, *operands: Operand) -> Spec:
    require(len(operands) > 0, node, "no inputs", "one or more")
    shapes = {operand.shape for operand in operands}
    require(len(shapes) == 1, node, f"shapes {sorted(shapes)}", "the shapes must be equal")
    return infer_broadcast(node, *operands)


def _add_n(node: Node, *arrays: np.ndarray) -> np.ndarray:
    return expressions.evaluate(_sum_expression(len(arrays)), arrays)


def _lower_add_n(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """Eight terms at a time, each call adding to what the one before has written."""
    (out,) = outputs
    first, rest = list(operands[:_MOST_TERMS]), list(operands[_MOST_TERMS:])
    if lower_expression(_sum_expression(len(first)), first, out, emit) is NotImplemented:
        return NotImplemented
    while rest:
        terms, rest = [out, *rest[: _MOST_TERMS - 1]], rest[_MOST_TERMS - 1 :]
        lower_expression(_sum_expression(len(terms)), terms, out, emit)
    return None


def _fusible_add_n(node: Node) -> str:
    count = int(node.attrs["N"])
    return fusible(_sum_expression(count), *[node.attrs["T"]] * count) if count <= _MOST_TERMS else ""


register("AddN", infer=_infer_add_n, reference=_add_n, lower=_lower_add_n, expression=_fusible_add_n)


# ---- ClipByValue: bounds are scalars or have x's shape


def _infer_clip(node: Node, x: Operand, low: Operand, high: Operand) -> Spec:
    spec = infer_broadcast(node, x, low, high)
    require(
        {low.shape, high.shape} <= {(), x.shape},
        node,
        f"bounds of shapes {low.shape} and {high.shape}",
        f"they must be scalars or have the shape {x.shape}",
    )
    return spec


register_function("ClipByValue", "maximum(minimum(a0,a2),a1)", 3, _infer_clip)


# ---- BiasAdd: one number for each channel


def _bias_shape(node: Node, rank: int, bias: tuple[int, ...]) -> tuple[int, ...]:
    """The bias as it broadcasts against x: [channels], or [channels, 1, ...] for NCHW."""
    return (*bias, *(1,) * (rank - 2)) if node.attrs.get("data_format", b"NHWC") == b"NCHW" else bias


def _infer_bias_add(node: Node, x: Operand, bias: Operand) -> Spec:
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    require(len(x.shape) >= 2, node, f"x of shape {x.shape}", "two or more dimensions")
    require(len(bias.shape) == 1, node, f"bias of shape {bias.shape}", "one dimension")
    channels = x.shape[1] if is_nchw else x.shape[-1]
    require(
        bias.shape[0] == channels, node, f"{bias.shape[0]} biases for {channels} channels", "the numbers must agree"
    )
    require(x.dtype == bias.dtype, node, f"dtypes {x.dtype} and {bias.dtype}", "equal dtypes")
    return x.spec


def _bias_add(node: Node, x: np.ndarray, bias: np.ndarray) -> Any:
    return x + bias.reshape(_bias_shape(node, x.ndim, bias.shape))


def _lower_bias_add(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, bias = operands
    shaped = replace(bias, shape=_bias_shape(node, len(x.shape), bias.shape))
    return lower_expression("add(a0,a1)", [x, shaped], outputs[0], emit)


def _fusible_bias_add(node: Node) -> str:
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    return "" if is_nchw else fusible("add(a0,a1)", *[node.attrs["T"]] * 2)


for _op in ("BiasAdd", "BiasAddV1"):
    register(_op, infer=_infer_bias_add, reference=_bias_add, lower=_lower_bias_add, expression=_fusible_bias_add)


# ---- _Elementwise: a group of element-wise nodes fused into one. attrs: expression (text), dtype (of the output)


def _infer_fused(node: Node, *operands: Operand) -> Spec:
    return Spec(node.attrs["dtype"], broadcast_shapes(node, *(operand.shape for operand in operands)))


def _fused_reference(node: Node, *arrays: np.ndarray) -> np.ndarray:
    return expressions.evaluate(node.attrs["expression"], arrays)


def _lower_fused(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return lower_expression(node.attrs["expression"], operands, outputs[0], emit)


register(
    "_Elementwise",
    infer=_infer_fused,
    reference=_fused_reference,
    lower=_lower_fused,
    expression=lambda node: str(node.attrs["expression"]),
)
