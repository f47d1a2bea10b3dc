"""Arithmetic on complex numbers by the kernels of real ones: on real and imaginary parts apart, which are then joined.

The parts of a number lie side by side in memory, so that an array of complex numbers is an array of real ones with one
more dimension of size 2.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeload.kernels import elementwise, expressions
from edgeload.kernels.movement import copy_strided
from edgeload.kernels.registry import Emit, Operand

_REAL = {"complex64": np.dtype(np.float32), "complex128": np.dtype(np.float64)}
Plane = tuple[str, str]


def is_complex(dtype: Any) -> bool:
    return getattr(dtype, "name", "") in _REAL


def as_pairs(x: Operand) -> Operand:
    """The same memory as real numbers [..., 2]."""
    return replace(x, dtype=_REAL[x.dtype.name], shape=(*x.shape, 2), value=None, key=None)


def split(x: Operand, emit: Emit) -> tuple[Operand, Operand]:
    """Copies of the real and of the imaginary parts."""
    pairs, count = as_pairs(x), int(np.prod(x.shape))
    parts = tuple(emit.scratch(pairs.dtype, x.shape) for _ in range(2))
    for start, part in enumerate(parts):
        copy_strided(emit, pairs, part, [count], [2], [1], start)
    return parts[0], parts[1]


def part_of(x: Operand, index: int, out: Operand, emit: Emit) -> Any:
    """Copy the real (index 0) or the imaginary parts (1) to an output."""
    return copy_strided(emit, as_pairs(x), out, [int(np.prod(x.shape))], [2], [1], index)


def join(real: Operand, imaginary: Operand, out: Operand, emit: Emit) -> Any:
    """Put parts of the output's shape together."""
    pairs, count = as_pairs(out), int(np.prod(out.shape))
    for start, part in enumerate((real, imaginary)):
        if copy_strided(emit, part, pairs, [count], [1], [2], 0, start) is NotImplemented:
            return NotImplemented
    return None


# What functions do with (real, imaginary) parts of their arguments. Quotients divide by the larger part of the divisor
# first, so that nothing overflows on the way (R. L. Smith, 1962).


def _product(x: Plane, y: Plane) -> Plane:
    (a, b), (c, d) = x, y
    return f"sub(mul({a},{c}),mul({b},{d}))", f"add(mul({a},{d}),mul({b},{c}))"


def _quotient(x: Plane, y: Plane) -> Plane:
    (a, b), (c, d) = x, y
    is_steep = f"less(abs({c}),abs({d}))"
    ratio = f"select({is_steep},div({c},{d}),div({d},{c}))"
    divisor = f"select({is_steep},add(mul({c},{ratio}),{d}),add({c},mul({d},{ratio})))"
    real = f"select({is_steep},add(mul({a},{ratio}),{b}),add({a},mul({b},{ratio})))"
    imaginary = f"select({is_steep},sub(mul({b},{ratio}),{a}),sub({b},mul({a},{ratio})))"
    return f"div({real},{divisor})", f"div({imaginary},{divisor})"


def _conditional(condition: str, yes: Plane, no: Plane) -> Plane:
    return f"select({condition},{yes[0]},{no[0]})", f"select({condition},{yes[1]},{no[1]})"


def _is_zero(x: Plane) -> str:
    return f"logical_and(equal({x[0]},0.0),equal({x[1]},0.0))"


def _magnitude(x: Plane) -> str:
    larger, smaller = (f"{choose}(abs({x[0]}),abs({x[1]}))" for choose in ("maximum", "minimum"))
    return f"mul({larger},sqrt(add(1.0,square(div_no_nan({smaller},{larger})))))"


def _zero_like(x: Plane) -> Plane:
    zero = f"mul_no_nan({x[0]},0.0)"
    return zero, zero


def _reciprocal(x: Plane) -> Plane:
    return _quotient(("1.0", "0.0"), x)


def _exp(x: Plane) -> Plane:
    return f"mul(exp({x[0]}),cos({x[1]}))", f"mul(exp({x[0]}),sin({x[1]}))"


def _expm1(x: Plane) -> Plane:
    """e^a cos b - 1 as expm1(a) cos b - 2 sin(b / 2)^2."""
    sine = f"square(sin(mul({x[1]},0.5)))"
    return f"sub(mul(expm1({x[0]}),cos({x[1]})),mul({sine},2.0))", f"mul(exp({x[0]}),sin({x[1]}))"


def _log(x: Plane) -> Plane:
    return f"log({_magnitude(x)})", f"atan2({x[1]},{x[0]})"


def _log1p(x: Plane) -> Plane:
    """|1 + x|^2 - 1 is a (2 + a) + b^2."""
    excess = f"add(mul({x[0]},add({x[0]},2.0)),square({x[1]}))"
    return f"mul(log1p({excess}),0.5)", f"atan2({x[1]},add({x[0]},1.0))"


def _sqrt(x: Plane) -> Plane:
    """t = sqrt((|a| + |x|) / 2) is the root's larger part, b / 2t the other."""
    t = f"sqrt(mul(add(abs({x[0]}),{_magnitude(x)}),0.5))"
    other = f"div_no_nan(mul({x[1]},0.5),{t})"
    is_right = f"greater_equal({x[0]},0.0)"
    signed = f"select(less({x[1]},0.0),neg({t}),{t})"
    return f"select({is_right},{t},abs({other}))", f"select({is_right},{other},{signed})"


def _sinh(x: Plane) -> Plane:
    return f"mul(sinh({x[0]}),cos({x[1]}))", f"mul(cosh({x[0]}),sin({x[1]}))"


def _cosh(x: Plane) -> Plane:
    return f"mul(cosh({x[0]}),cos({x[1]}))", f"mul(sinh({x[0]}),sin({x[1]}))"


_FLAT = 20.0  # beyond, the hyperbolic tangent is 1 in float64


def _tanh(x: Plane) -> Plane:
    """(sinh 2a + i sin 2b) / (cosh 2a + cos 2b), of which the divisor is 2 (sinh(a)^2 + cos(b)^2)."""
    a = f"clamp({x[0]},-{_FLAT},{_FLAT})"
    divisor = f"add(square(sinh({a})),square(cos({x[1]})))"
    return f"div(mul(sinh({a}),cosh({a})),{divisor})", f"div(mul(sin({x[1]}),cos({x[1]})),{divisor})"


def _turned(function: Callable[[Plane], Plane]) -> Callable[[Plane], Plane]:
    """-i f(i x), with which sin, tan, asin and atan follow from their hyperbolic relatives."""

    def turn(x: Plane) -> Plane:
        real, imaginary = function((f"neg({x[1]})", x[0]))
        return imaginary, f"neg({real})"

    return turn


def _shifted(x: Plane) -> Plane:
    return f"add({x[0]},1.0)", x[1]


def _conjugate_square(x: Plane, y: Plane) -> Plane:
    difference = [f"sub({a},{b})" for a, b in zip(x, y, strict=True)]
    real = f"add(square({difference[0]}),square({difference[1]}))"
    return real, f"mul({real},0.0)"


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "reciprocal": _reciprocal,
    "exp": _exp,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "rsqrt": lambda x: _reciprocal(_sqrt(x)),
    "sigmoid": lambda x: _reciprocal(_shifted(_exp((f"neg({x[0]})", f"neg({x[1]})")))),
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "sin": _turned(_sinh),
    "cos": lambda x: _cosh((f"neg({x[1]})", x[0])),
    "tan": _turned(_tanh),
    "sign": lambda x: (f"div_no_nan({x[0]},{_magnitude(x)})", f"div_no_nan({x[1]},{_magnitude(x)})"),
    "rint": lambda x: (f"rint({x[0]})", f"rint({x[1]})"),
    "squared_difference": _conjugate_square,
    "div_no_nan": lambda x, y: _conditional(_is_zero(y), _zero_like(x), _quotient(x, y)),
    "mul_no_nan": lambda x, y: _conditional(_is_zero(y), _zero_like(x), _product(x, y)),
    "xdivy": lambda x, y: _conditional(_is_zero(x), _zero_like(x), _quotient(x, y)),
    "xlogy": lambda x, y: _conditional(_is_zero(x), _zero_like(x), _product(x, _log(y))),
    "xlog1py": lambda x, y: _conditional(_is_zero(x), _zero_like(x), _product(x, _log1p(y))),
    "add": lambda x, y: (f"add({x[0]},{y[0]})", f"add({x[1]},{y[1]})"),
    "sub": lambda x, y: (f"sub({x[0]},{y[0]})", f"sub({x[1]},{y[1]})"),
    "neg": lambda x: (f"neg({x[0]})", f"neg({x[1]})"),
    "mul": _product,
    "square": lambda x: _product(x, x),
    "div": _quotient,
    "select": lambda condition, x, y: (f"select({condition},{x[0]},{y[0]})", f"select({condition},{x[1]},{y[1]})"),
    "equal": lambda x, y: f"logical_and(equal({x[0]},{y[0]}),equal({x[1]},{y[1]}))",
    "not_equal": lambda x, y: f"logical_or(not_equal({x[0]},{y[0]}),not_equal({x[1]},{y[1]}))",
}


def lower_expression(expression: str, operands: Sequence[Operand], output: Operand, emit: Emit) -> Any:
    """An element-wise expression over complex numbers, and bools where it selects; NotImplemented for functions that
    have no form for parts."""
    parts: list[Operand] = []
    names: list[Any] = []
    for operand in operands:
        if is_complex(operand.dtype):
            names.append((f"a{len(parts)}", f"a{len(parts) + 1}"))
            parts += split(operand, emit)
        else:
            names.append(f"a{len(parts)}")
            parts.append(operand)
    text = _in_parts(expressions.parse(expression), names)
    if text is None:
        return NotImplemented
    if isinstance(text, str):
        return elementwise.lower_expression(text, parts, output, emit)
    real, imaginary = (emit.scratch(as_pairs(output).dtype, output.shape) for _ in range(2))
    for one, result in zip(text, (real, imaginary), strict=True):
        if elementwise.lower_expression(one, parts, result, emit) is NotImplemented:
            return NotImplemented
    return join(real, imaginary, output, emit)


def _in_parts(node: ast.expr, names: Sequence[Any]) -> Any:
    """The texts of both parts, one text for what is a bool, None for what has no form for parts."""
    if isinstance(node, ast.Name):
        return names[int(node.id[1:])]
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS:
        return None
    arguments = [_in_parts(argument, names) for argument in node.args]
    return None if None in arguments else _FUNCTIONS[node.func.id](*arguments)


def lower_abs(x: Operand, out: Operand, emit: Emit) -> Any:
    """sqrt(a^2 + b^2): complex64 in float64, complex128 by the ratio of the parts, so that nothing overflows. Infinite
    where either part is, even if the other is NaN."""
    if x.dtype.name == "complex64":
        squares = ",".join(f"square(cast_float64({name}))" for name in ("a0", "a1"))
        magnitude = f"cast_float32(sqrt(add({squares})))"
    else:
        larger, smaller = "maximum(abs(a0),abs(a1))", "minimum(abs(a0),abs(a1))"
        magnitude = f"mul({larger},sqrt(add(1.0,square(div_no_nan({smaller},{larger})))))"
    infinite = "logical_or(is_inf(a0),is_inf(a1))"
    return elementwise.lower_expression(f"select({infinite},1e999,{magnitude})", split(x, emit), out, emit)


def lower_cast(x: Operand, out: Operand, emit: Emit) -> Any:
    """To, from or between complex numbers: the imaginary part is 0 where there is none, and lost where there is no
    room; as a bool a number is whether either part is not 0."""
    if not is_complex(x.dtype):
        part = emit.scratch(as_pairs(out).dtype, out.shape)
        if elementwise.lower_expression(f"cast_{part.dtype}(a0)", [x], part, emit) is NotImplemented:
            return NotImplemented
        zeros = emit.scratch(part.dtype, out.shape)
        elementwise.lower_expression("mul_no_nan(a0,0.0)", [part], zeros, emit)
        return join(part, zeros, out, emit)
    if is_complex(out.dtype):
        pairs = as_pairs(out)
        return elementwise.lower_expression(f"cast_{pairs.dtype}(a0)", [as_pairs(x)], pairs, emit)
    real, imaginary = split(x, emit)
    if out.dtype == np.dtype(bool):
        return elementwise.lower_expression(
            "logical_or(not_equal(a0,0.0),not_equal(a1,0.0))", [real, imaginary], out, emit
        )
    return elementwise.lower_expression(f"cast_{out.dtype.name}(a0)", [real], out, emit)


def lower_conj(x: Operand, out: Operand, emit: Emit) -> Any:
    """The imaginary parts with the other sign."""
    real, imaginary = split(x, emit)
    elementwise.lower_expression("neg(a0)", [imaginary], imaginary, emit)
    return join(real, imaginary, out, emit)
