"""Division, remainder and power: Div, FloorDiv, TruncateDiv, FloorMod, Mod, TruncateMod, Pow.

On floats they are expressions, but for remainders of float64, which take a loop. On integers they can fail, which an
expression cannot: a zero divisor and a negative exponent raise ExecutionError, as TensorFlow does.
https://www.tensorflow.org/api_docs/python/tf/raw_ops/FloorDiv
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels import expressions
from edgeload.kernels.elementwise import (
    MOST_LOOPS,
    fusible,
    infer_broadcast,
    lower_expression,
    merge_dimensions,
    padded_loops,
)
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import ELEMENTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, register

_ERRORS = {1: "Integer division by zero", 2: "Integers to negative integer powers are not allowed"}
_INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}


def _quotient(x: np.ndarray, y: np.ndarray) -> Any:
    """Towards zero; the least integer divided by -1 is itself."""
    floor = np.floor_divide(x, y)
    is_above = (np.remainder(x, y) != 0) & ((x < 0) != (y < 0))
    return floor + is_above.astype(floor.dtype)


# how each integer op computes, once its second input is known to be good
_REFERENCES: dict[str, Callable[..., Any]] = {
    "floor_div": np.floor_divide,
    "trunc_div": _quotient,
    "floor_mod": np.remainder,
    "trunc_mod": np.fmod,
    "pow": np.power,
}


@kernel_family("integer", errors=_ERRORS)
def integer(operation: str, dtype: str) -> Iterator[Any]:
    """out[p, l] = x[...] OP y[...] for p in ndindex(sizes), with steps in elements along each outer loop and along l.

    Returns an error code at a zero divisor or a negative exponent.
    """
    yield _signature(dtype)
    kind = np.dtype(dtype).type
    zero, one, minus_one = kind(0), kind(1), kind(-1 if dtype.startswith("int") else 0)
    is_signed = dtype.startswith("int")
    is_power, is_floor, is_quotient = operation == "pow", operation.startswith("floor"), operation.endswith("div")

    def walk(x, y, x_steps, y_steps, sizes, inner, x_step, y_step, out, worker, workers):  # type: ignore[no-untyped-def]
        rows = 1
        for size in sizes:
            rows *= size
        total = rows * inner
        for element in range(total * worker // workers, total * (worker + 1) // workers):
            row = element // inner
            x_at, y_at = (element % inner) * x_step, (element % inner) * y_step
            for axis in range(MOST_LOOPS - 1, -1, -1):
                position = row % sizes[axis]
                row = row // sizes[axis]
                x_at += position * x_steps[axis]
                y_at += position * y_steps[axis]
            a, b = x[x_at], y[y_at]
            if is_power:
                if b < zero:
                    return 2
                result = one
                while b > zero:
                    if b & one:
                        result = kind(result * a)
                    a = kind(a * a)
                    b = kind(b >> one)
                out[element] = result
                continue
            if b == zero:
                return 1
            if is_signed and b == minus_one:
                # the machine's division of the least integer by -1 traps
                out[element] = kind(zero - a) if is_quotient else zero
                continue
            quotient = kind(a // b)
            rest = kind(a - kind(quotient * b))
            if is_signed and not is_floor and rest != zero and (a < zero) != (b < zero):
                quotient = kind(quotient + one)
                rest = kind(rest - b)
            out[element] = quotient if is_quotient else rest
        return 0

    yield walk


def _signature(dtype: str) -> str:
    return ", ".join(
        [f"{dtype}[:] x", f"{dtype}[:] y"]
        + [f"int64 {name}.{axis}" for name in ("x_steps", "y_steps", "sizes") for axis in range(MOST_LOOPS)]
        + ["int64 inner", "int64 x_step", "int64 y_step", f"{dtype}[:] out"]
    )


@kernel_family("remainder")
def remainder(operation: str) -> Iterator[Any]:
    """out = x - trunc(x / y) y without rounding ("floor_mod": x - floor(x / y) y with one), for float64; as `integer`.

    A long division in base 2: y times a power of two is taken from |x| wherever it fits, which is exact each time.
    """
    yield _signature("float64")
    is_floor = operation == "floor_mod"

    def walk(x, y, x_steps, y_steps, sizes, inner, x_step, y_step, out, worker, workers):  # type: ignore[no-untyped-def]
        rows = 1
        for size in sizes:
            rows *= size
        total = rows * inner
        for element in range(total * worker // workers, total * (worker + 1) // workers):
            row = element // inner
            x_at, y_at = (element % inner) * x_step, (element % inner) * y_step
            for axis in range(MOST_LOOPS - 1, -1, -1):
                position = row % sizes[axis]
                row = row // sizes[axis]
                x_at += position * x_steps[axis]
                y_at += position * y_steps[axis]
            a, b = x[x_at], y[y_at]
            rest, divisor = abs(a), abs(b)
            if not (rest < np.inf and divisor > 0.0):  # infinite x, y = 0, NaN
                out[element] = np.nan
                continue
            if rest >= divisor:
                part = divisor
                while part <= rest * 0.5:
                    part *= 2.0
                while part >= divisor:
                    if rest >= part:
                        rest -= part
                    part *= 0.5
            if a < 0.0 or (a == 0.0 and 1.0 / a < 0.0):
                rest = -rest
            if is_floor and rest != 0.0 and (rest < 0.0) != (b < 0.0):
                rest += b
            out[element] = rest

    yield walk


def _lower_walk(kernel: str, operands: Sequence[Operand], out: Operand, emit: Emit) -> Any:
    sizes, strides = merge_dimensions(out.shape, [operand.shape for operand in operands])
    if len(sizes) > MOST_LOOPS + 1:
        return NotImplemented
    outer, steps = padded_loops(sizes, strides, MOST_LOOPS)
    inner_steps = [stride[-1] for stride in strides]
    count = int(np.prod(out.shape))
    tiles = pieces(count, count, ELEMENTS)
    emit.kernel(kernel, *operands, *steps, *outer, *inner_steps, out, tiles=tiles)
    return None


def _register(op: str, of_floats: str, of_integers: str) -> None:
    expression = f"{of_floats}(a0,a1)"

    def reference(node: Node, x: np.ndarray, y: np.ndarray) -> Any:
        if x.dtype.kind not in "iu":
            return expressions.evaluate(expression, [x, y])
        with np.errstate(all="ignore"):
            if op == "Pow" and (y < 0).any():
                raise ExecutionError(f"{op} node {node.name!r}: {_ERRORS[2]}.")
            if op != "Pow" and (y == 0).any():
                raise ExecutionError(f"{op} node {node.name!r}: {_ERRORS[1]}.")
            return _REFERENCES[of_integers](x, y)

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        (out,) = outputs
        if getattr(out.dtype, "name", "") in _INTEGERS:
            return _lower_walk(f"integer<{of_integers},{out.dtype.name}>", operands, out, emit)
        if of_floats.endswith("mod") and out.dtype == np.dtype(np.float64):
            return _lower_walk(f"remainder<{of_floats}>", operands, out, emit)
        return lower_expression(expression, operands, out, emit)

    def expression_of(node: Node) -> str:
        dtype = node.attrs["T"]
        return "" if getattr(dtype, "name", "") in _INTEGERS else fusible(expression, dtype, dtype)

    register(op, infer=infer_broadcast, reference=reference, lower=lower, expression=expression_of)


_register("Div", "div", "trunc_div")
_register("FloorDiv", "floor_div", "floor_div")
_register("TruncateDiv", "trunc_div", "trunc_div")
_register("FloorMod", "floor_mod", "floor_mod")
_register("Mod", "trunc_mod", "trunc_mod")
_register("TruncateMod", "trunc_mod", "trunc_mod")
_register("Pow", "pow", "pow")
