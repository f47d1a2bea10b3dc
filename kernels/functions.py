"""The element-wise functions: name, what it computes on `Lanes`, what it computes in NumPy, its result's dtype.

An expression such as `mul(a0,sigmoid(a0))` is built from these names. `emit` writes the IR (see
`edgeload.kernels.lanes`) for the dtypes listed, `reference` is plain NumPy, takes any dtype, and is the oracle.
Arithmetic, comparisons and roundings are here; what needs polynomials is in `edgeload.kernels.transcendentals`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.dtypes import from_numpy_name

if TYPE_CHECKING:
    from edgeload.kernels.lanes import Lanes

FLOATS = ("float32", "float64")
HALVES = ("float16", "bfloat16")  # computed in float32, see `expressions`
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
NUMBERS = (*FLOATS, *SIGNED, *UNSIGNED)
ALL = (*NUMBERS, "bool")
_INFINITY = float("inf")
Emitter = Callable[..., "Lanes"]


@dataclass(frozen=True)
class Function:
    """One element-wise function of `arity` arguments, of which the first `conditions` are bools.

    The other arguments are of one dtype, one of `dtypes`. `result` is the dtype of the result, None for that dtype.
    """

    name: str
    arity: int
    emit: Callable[..., Lanes]
    reference: Callable[..., Any]
    dtypes: tuple[str, ...]
    result: str | None = None
    conditions: int = 0


FUNCTIONS: dict[str, Function] = {}


def function(
    name: str,
    arity: int,
    reference: Callable[..., Any],
    dtypes: tuple[str, ...] = NUMBERS,
    result: str | None = None,
    conditions: int = 0,
) -> Callable[[Emitter], Emitter]:
    """Record the emitter below it."""

    def record(emit: Emitter) -> Emitter:
        if name in FUNCTIONS:
            raise ValueError(f"element-wise function {name!r} is defined twice")
        FUNCTIONS[name] = Function(name, arity, emit, reference, dtypes, result, conditions)
        return emit

    return record


# ---- arithmetic; integers wrap


@function("add", 2, np.add)
def add(x: Lanes, y: Lanes) -> Lanes:
    return x + y


@function("sub", 2, np.subtract)
def sub(x: Lanes, y: Lanes) -> Lanes:
    return x - y


@function("mul", 2, np.multiply)
def mul(x: Lanes, y: Lanes) -> Lanes:
    return x * y


@function("div", 2, np.divide, FLOATS)
def div(x: Lanes, y: Lanes) -> Lanes:
    return x / y


@function("div_no_nan", 2, lambda x, y: np.where(y == 0, x.dtype.type(0), np.divide(x, y)), FLOATS)
def div_no_nan(x: Lanes, y: Lanes) -> Lanes:
    """x / y, 0 where y is 0."""
    return y.equals(0.0).select(0.0, x / y)


@function("mul_no_nan", 2, lambda x, y: np.where(y == 0, x.dtype.type(0), np.multiply(x, y)), FLOATS)
def mul_no_nan(x: Lanes, y: Lanes) -> Lanes:
    """x * y, 0 where y is 0, even if x is infinite or NaN."""
    return y.equals(0.0).select(0.0, x * y)


@function("floor_div", 2, lambda x, y: np.floor(np.divide(x, y)), FLOATS)
def floor_div(x: Lanes, y: Lanes) -> Lanes:
    return (x / y).call("llvm.floor")


@function("trunc_div", 2, lambda x, y: np.trunc(np.divide(x, y)), FLOATS)
def trunc_div(x: Lanes, y: Lanes) -> Lanes:
    return (x / y).call("llvm.trunc")


@function("reciprocal", 1, lambda x: x.dtype.type(1) / x, FLOATS)
def reciprocal(x: Lanes) -> Lanes:
    return 1.0 / x


@function("square", 1, np.square)
def square(x: Lanes) -> Lanes:
    return x * x


def _squared_difference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x - y) (x - y)*, with the conjugate where there is one."""
    difference = x - y
    return difference * np.conj(difference) if np.iscomplexobj(difference) else np.square(difference)


@function("squared_difference", 2, _squared_difference)
def squared_difference(x: Lanes, y: Lanes) -> Lanes:
    return (x - y) * (x - y)


@function("neg", 1, np.negative)
def neg(x: Lanes) -> Lanes:
    return -x


@function("abs", 1, np.abs)
def absolute(x: Lanes) -> Lanes:
    """|x|; the least integer stays what it is."""
    if x.is_float:
        return x.call("llvm.fabs")
    return (x < 0).select(-x, x) if x.is_signed else x


def _sign(x: np.ndarray) -> Any:
    return np.where(x == 0, x.dtype.type(0), np.sign(x))


@function("sign", 1, _sign)
def sign(x: Lanes) -> Lanes:
    """-1, 0 or 1; NaN stays NaN."""
    if not x.is_float:
        return (x > 0).select(x.like(1), (x < 0).select(x.like(-1), 0)) if x.is_signed else (x > 0).select(x.like(1), 0)
    of_number = (x > 0.0).select(x.like(1.0), (x < 0.0).select(x.like(-1.0), 0.0))
    return x.differs(x).select(x, of_number)


@function("maximum", 2, np.maximum)
def maximum(x: Lanes, y: Lanes) -> Lanes:
    """The larger; NaN when either is NaN."""
    larger = (x < y).select(y, x)
    return y.differs(y).select(y, larger) if x.is_float else larger


@function("minimum", 2, np.minimum)
def minimum(x: Lanes, y: Lanes) -> Lanes:
    """The smaller; NaN when either is NaN."""
    smaller = (x > y).select(y, x)
    return y.differs(y).select(y, smaller) if x.is_float else smaller


@function("clamp", 3, lambda x, low, high: np.minimum(np.maximum(x, low), high))
def clamp(x: Lanes, low: Lanes, high: Lanes) -> Lanes:
    """x between low and high, which are not NaN; NaN stays NaN."""
    x = (x < low).select(low, x)
    return (x > high).select(high, x)


@function("sqrt", 1, np.sqrt, FLOATS)
def sqrt(x: Lanes) -> Lanes:
    return x.call("llvm.sqrt")


@function("rsqrt", 1, lambda x: x.dtype.type(1) / np.sqrt(x), FLOATS)
def rsqrt(x: Lanes) -> Lanes:
    """1 / sqrt(x) with two roundings; infinity at 0."""
    return 1.0 / sqrt(x)


# ---- activations without exponentials


@function("relu", 1, lambda x: np.where(x <= 0, x.dtype.type(0), x))
def relu(x: Lanes) -> Lanes:
    """max(x, 0); NaN stays NaN."""
    return (x <= 0).select(0, x)


@function("leaky_relu", 2, lambda x, slope: np.where(x > 0, x, x * slope), FLOATS)
def leaky_relu(x: Lanes, slope: Lanes) -> Lanes:
    """x for positive x, else slope * x."""
    return (x > 0.0).select(x, x * slope)


@function("softsign", 1, lambda x: x / (x.dtype.type(1) + np.abs(x)), FLOATS)
def softsign(x: Lanes) -> Lanes:
    """x / (1 + |x|)."""
    return x / (absolute(x) + 1.0)


# ---- roundings; an integer is its own


@function("floor", 1, np.floor, FLOATS)
def floor(x: Lanes) -> Lanes:
    return x.call("llvm.floor")


@function("ceil", 1, np.ceil, FLOATS)
def ceil(x: Lanes) -> Lanes:
    return x.call("llvm.ceil")


@function("rint", 1, lambda x: x if x.dtype.kind in "iu" else np.rint(x))
def rint(x: Lanes) -> Lanes:
    """The nearest integer, halves to even."""
    return x.rint() if x.is_float else x


# ---- comparisons and logic


@function("is_nan", 1, np.isnan, FLOATS, "bool")
def is_nan(x: Lanes) -> Lanes:
    return x.differs(x)


@function("is_inf", 1, np.isinf, FLOATS, "bool")
def is_inf(x: Lanes) -> Lanes:
    return absolute(x).equals(_INFINITY)


@function("is_finite", 1, np.isfinite, FLOATS, "bool")
def is_finite(x: Lanes) -> Lanes:
    return absolute(x) < _INFINITY


@function("equal", 2, np.equal, ALL, "bool")
def equal(x: Lanes, y: Lanes) -> Lanes:
    return x.equals(y)


@function("not_equal", 2, np.not_equal, ALL, "bool")
def not_equal(x: Lanes, y: Lanes) -> Lanes:
    return x.differs(y)


@function("less", 2, np.less, NUMBERS, "bool")
def less(x: Lanes, y: Lanes) -> Lanes:
    return x < y


@function("less_equal", 2, np.less_equal, NUMBERS, "bool")
def less_equal(x: Lanes, y: Lanes) -> Lanes:
    return x <= y


@function("greater", 2, np.greater, NUMBERS, "bool")
def greater(x: Lanes, y: Lanes) -> Lanes:
    return x > y


@function("greater_equal", 2, np.greater_equal, NUMBERS, "bool")
def greater_equal(x: Lanes, y: Lanes) -> Lanes:
    return x >= y


@function("logical_and", 2, np.logical_and, ("bool",))
def logical_and(x: Lanes, y: Lanes) -> Lanes:
    return x & y


@function("logical_or", 2, np.logical_or, ("bool",))
def logical_or(x: Lanes, y: Lanes) -> Lanes:
    return x | y


@function("logical_not", 1, np.logical_not, ("bool",))
def logical_not(x: Lanes) -> Lanes:
    return ~x


@function("select", 3, np.where, ALL, conditions=1)
def select(condition: Lanes, yes: Lanes, no: Lanes) -> Lanes:
    """yes where the condition holds, else no."""
    return condition.select(yes, no)


# ---- bits of integers

_INTEGERS = (*SIGNED, *UNSIGNED)


@function("bitwise_and", 2, np.bitwise_and, _INTEGERS)
def bitwise_and(x: Lanes, y: Lanes) -> Lanes:
    return x & y


@function("bitwise_or", 2, np.bitwise_or, _INTEGERS)
def bitwise_or(x: Lanes, y: Lanes) -> Lanes:
    return x | y


@function("bitwise_xor", 2, np.bitwise_xor, _INTEGERS)
def bitwise_xor(x: Lanes, y: Lanes) -> Lanes:
    return x ^ y


@function("invert", 1, np.invert, _INTEGERS)
def invert(x: Lanes) -> Lanes:
    return ~x


# ---- conversions: cast_float32(a0), ...


def convert(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """NumPy's form of `Lanes.cast`, the same on every machine; complex numbers lose their imaginary part."""
    x = np.asarray(x)
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        x = x.real
    if dtype.name in HALVES and x.dtype != dtype:
        return x.astype(np.float32).astype(dtype)
    if dtype.kind not in "iu" or x.dtype.kind in "iub":
        return x != 0 if dtype.kind == "b" else x.astype(dtype)
    exact = x.astype(np.float64)
    if dtype == np.uint64:
        beyond = exact >= 2.0**63
        low = convert(np.where(beyond, exact - 2.0**63, exact), np.dtype(np.int64)).astype(np.uint64)
        return np.where(beyond, low ^ np.uint64(2**63), low)
    wide = np.dtype(np.int64 if dtype.name in ("uint32", "int64") else np.int32)
    least = np.iinfo(wide).min
    fits = (exact >= float(least)) & (exact < -float(least))
    return np.where(fits, np.where(fits, exact, 0).astype(wide), wide.type(least)).astype(dtype)


def _define_cast(dtype: str) -> None:
    def reference(x: np.ndarray) -> np.ndarray:
        return convert(x, from_numpy_name(dtype))

    @function(f"cast_{dtype}", 1, reference, ALL, dtype)
    def cast(x: Lanes) -> Lanes:
        return x.cast(dtype)


for _dtype in (*ALL, *HALVES):
    _define_cast(_dtype)
