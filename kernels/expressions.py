"""Expressions of element-wise functions, as text: `clamp(add(a0,a1),0.0,6.0)`.

`a0`, `a1`, ... are the operands in order, numbers are constants in their neighbour's dtype, infinity is `1e999`. The
text is the name under which a fused kernel is known, cached and printed; this file parses it, evaluates it in NumPy,
and emits it on `Lanes`.

On float16 and bfloat16 every function computes in float32 and rounds its result, so that a fused group gives what its
nodes give one by one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import edgeload.kernels.gamma_functions  # noqa: F401  (defines functions)
import edgeload.kernels.quantizers  # noqa: F401  (defines functions)
import edgeload.kernels.rare_functions  # noqa: F401  (defines functions)
import edgeload.kernels.transcendentals_64  # noqa: F401  (the same for float64)
from edgeload.dtypes import from_numpy_name
from edgeload.kernels import transcendentals
from edgeload.kernels.functions import FUNCTIONS, HALVES

if TYPE_CHECKING:
    from edgeload.kernels.lanes import Lanes

_SQRT_HALF = 0.70710677  # as a float32 prints


@cache
def parse(text: str) -> ast.expr:
    """The syntax tree: calls of FUNCTIONS, operand names, numbers. Raises KeyError for an unknown function."""
    tree = ast.parse(text, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            FUNCTIONS[_function_name(node)]
    return tree


def substitute(text: str, operands: Sequence[str]) -> str:
    """The expression with operand i replaced by the text operands[i]."""

    def write(node: ast.expr) -> str:
        if isinstance(node, ast.Call):
            return f"{_function_name(node)}({','.join(write(argument) for argument in node.args)})"
        if isinstance(node, ast.Name):
            return operands[int(node.id[1:])]
        return ast.unparse(node)

    return write(parse(text))


def evaluate(text: str, operands: Sequence[np.ndarray]) -> np.ndarray:
    """The expression in NumPy, with broadcasting."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Call):
            function = FUNCTIONS[_function_name(node)]
            arguments = [value(argument) for argument in node.args]
            typed = arguments[function.conditions :]
            kind = next(argument.dtype for argument in typed if isinstance(argument, np.ndarray | np.generic))
            arguments = [argument if hasattr(argument, "dtype") else kind.type(argument) for argument in arguments]
            arguments = [_widened(argument) for argument in arguments]
            result = np.asarray(function.reference(*arguments))
            return result.astype(from_numpy_name(function.result) if function.result else kind, copy=False)
        return operands[int(node.id[1:])] if isinstance(node, ast.Name) else _number(node)

    with np.errstate(all="ignore"):
        return np.asarray(value(parse(text)))


def emit(text: str, operands: Sequence[Lanes]) -> Lanes:
    """The expression as IR on scalars or vectors of one length."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Call):
            function = FUNCTIONS[_function_name(node)]
            arguments = [value(argument) for argument in node.args]
            typed = arguments[function.conditions :]
            model = next(argument for argument in typed if not isinstance(argument, int | float))
            if model.dtype == "float32" and (shortcut := _shortcut(node)):
                shorter, of = shortcut
                return shorter(value(of))
            if model.dtype not in HALVES:
                return function.emit(*_filled(arguments, model))
            # a number is rounded to the dtype of its neighbour
            single = [
                argument.cast(model.dtype).cast("float32") if _is_typed(argument) else argument
                for argument in _filled(arguments, model.cast("float32"))
            ]
            result = function.emit(*single)
            return result if function.result else result.cast(model.dtype)
        return operands[int(node.id[1:])] if isinstance(node, ast.Name) else _number(node)

    result: Lanes = value(parse(text))
    return result


def _shortcut(node: ast.Call) -> tuple[Callable[[Lanes], Lanes], ast.expr] | None:
    """A quicker function for the same float32 numbers to a few of their last places, and what it is applied to.

    x * sigmoid(x) takes one division, and GELU, x / 2 * erfc(-x / sqrt 2), no float64.
    """
    shape, x = ast.unparse(node), node.args[0]
    if _function_name(node) == "mul" and shape == f"mul({ast.unparse(x)}, sigmoid({ast.unparse(x)}))":
        return transcendentals.swish, x
    if isinstance(x, ast.Call) and len(x.args) == 2:
        half_of = x.args[1]
        inner = ast.unparse(half_of)
        if shape == f"mul(mul(0.5, {inner}), erfc(mul(neg({inner}), {_SQRT_HALF})))":
            return transcendentals.gelu, half_of
    return None


def _filled(arguments: Sequence[Any], model: Lanes) -> list[Any]:
    """The arguments, numbers among them like the model."""
    return [model.like(argument) if isinstance(argument, int | float) else argument for argument in arguments]


def _is_typed(argument: Lanes) -> bool:
    return argument.dtype != "bool"


def _widened(argument: Any) -> Any:
    """float16 and bfloat16 as float32."""
    return argument.astype(np.float32) if argument.dtype.name in HALVES else argument


def native_result(text: str, dtypes: Sequence[str]) -> str | None:
    """The dtype of the result for operands of these dtypes; None where `emit` has no code for them."""

    def value(node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return dtypes[int(node.id[1:])]
        if not isinstance(node, ast.Call):
            return "number"
        function = FUNCTIONS[_function_name(node)]
        arguments = [value(argument) for argument in node.args]
        conditions, typed = arguments[: function.conditions], arguments[function.conditions :]
        kinds = {argument for argument in typed if argument != "number"}
        if len(kinds) != 1 or any(condition != "bool" for condition in conditions):
            return None
        (kind,) = kinds
        return (function.result or kind) if _computed_in(str(kind)) in function.dtypes else None

    return value(parse(text))


def _computed_in(dtype: str) -> str:
    return "float32" if dtype in HALVES else dtype


def _function_name(node: ast.Call) -> str:
    assert isinstance(node.func, ast.Name)
    return node.func.id


def _number(node: ast.expr) -> float:
    number = ast.literal_eval(node)
    assert isinstance(number, int | float)
    return number
