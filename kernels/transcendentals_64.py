"""The element-wise functions of float64 that need polynomials, as in `transcendentals` and `rare_functions`.

Within 4 ulp, most within 1. Polynomials are Taylor series, long enough for the reduced arguments, but for erfc's, which
is an own interpolation. None depends on fused multiply-adds: where a product must be exact, it is made of halves
(T. J. Dekker, 1971).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import edgeload.kernels.rare_functions  # noqa: F401  (defines functions)
from edgeload.kernels.functions import FUNCTIONS, Emitter, absolute
from edgeload.kernels.transcendentals import _polynomial, _with_sign_of

if TYPE_CHECKING:
    from edgeload.kernels.lanes import Lanes

_INFINITY, _NAN = float("inf"), float("nan")
_LOG2_E = 1 / math.log(2)
# ln 2 in two parts, the first so short that its product with an integer below 2^20 is exact
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
# adding 1.5 * 2^52 rounds a number to an integer, which then is in the low bits
_ROUND, _ROUND_BITS = 6755399441055744.0, 0x4338000000000000


def _taylor(term: Callable[[int], float], count: int) -> tuple[float, ...]:
    """term(0), ..., term(count - 1), highest power first."""
    return tuple(term(k) for k in reversed(range(count)))


# (e^r - 1 - r) / r^2 on |r| <= ln2 / 2
_EXP = _taylor(lambda k: 1 / math.factorial(k + 2), 13)
# (log((1 + s) / (1 - s)) - 2 s) / s as a function of s^2, without its factor s^2; s <= 0.1716
_LOG = _taylor(lambda k: 2 / (2 * k + 3), 11)
_TWO_THIRDS_REST = 2 / 3 * 2.0**-54  # 2/3 without the float64 next to it
# (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 as functions of r^2, |r| <= pi / 4
_SIN = _taylor(lambda k: (-1) ** (k + 1) / math.factorial(2 * k + 3), 8)
_COS = _taylor(lambda k: (-1) ** k / math.factorial(2 * k + 4), 8)
# (atan(t) - t) / t^3 as a function of t^2, |t| <= tan(pi / 8)
_ATAN = _taylor(lambda k: (-1) ** (k + 1) / (2 * k + 3), 20)
_TAN_EIGHTH_PI = math.sqrt(2) - 1
# erf(x) / x as a function of x^2, |x| <= 1
_ERF = _taylor(lambda k: 2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)), 20)
# e^(x^2) erfc(x) (1 + 2 x) as a function of (x - 3) / (x + 3), 0.47 <= x <= 28; 4e-17
_ERFC = (
    2.2627387165629343e-09, -6.429854783069167e-09, -1.729174610366999e-08, 4.03623875751743e-08,
    1.0726454483868416e-07, -1.4204515443010973e-07, -6.208700219765289e-07, 3.581994770410744e-07,
    3.474517628502777e-06, -7.324963101045184e-07, -2.010126639293475e-05, 4.949867451096028e-06,
    0.00012509950936120517, -0.00010515988760777103, -0.0007798322957632092, 0.0018886903709669333,
    0.002529391818357403, -0.023770514919506533, 0.0683080273438485, -0.1192736634152787, 0.1296451587027642,
    -0.047562294353451134, -0.1356211061245812, 1.2530080582697296,
)  # fmt: skip
_MOST_ERFC = 27.3  # beyond, erfc(x) is less than the least number


def _in_float64(name: str) -> Callable[[Emitter], Emitter]:
    """Record the emitter below it as that of a function for float64."""

    def record(emit: Emitter) -> Emitter:
        function = FUNCTIONS[name]

        def choose(*arguments: Lanes) -> Lanes:
            return (emit if arguments[-1].dtype == "float64" else function.emit)(*arguments)

        FUNCTIONS[name] = replace(function, emit=choose, dtypes=(*function.dtypes, "float64"))
        return emit

    return record


# ---- exact products and sums


def _split(x: Lanes) -> tuple[Lanes, Lanes]:
    """x as two numbers of 26 bits each."""
    shifted = x * 134217729.0
    high = shifted - (shifted - x)
    return high, x - high


def _product(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """x * y as rounded, and the rest."""
    product = x * y
    (x_high, x_low), (y_high, y_low) = _split(x), _split(y)
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _sum(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """x + y as rounded, and the rest, for |x| >= |y| or x = 0."""
    total = x + y
    return total, y - (total - x)


# ---- exponentials


def _reduced(x: Lanes) -> tuple[Lanes, Lanes]:
    """(n as int64, e^r - 1) with e^x = 2^n e^r, for |x| <= 2000."""
    shifted = x.fma(_LOG2_E, _ROUND)
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return shifted.bits("int64") - _ROUND_BITS, (_polynomial(_EXP, r) * r).fma(r, r)


def _power_of_two(n: Lanes) -> Lanes:
    """2^n for -1023 < n < 1024."""
    return ((n + 1023) << 52).bits("float64")


def _bounded(x: Lanes, low: float, high: float) -> Lanes:
    x = (x < low).select(low, x)
    return (x > high).select(high, x)


@_in_float64("exp")
def exp(x: Lanes) -> Lanes:
    """e^x = 2^n e^r; 0 below -746, infinity above 709.8, denormals right."""
    n, e = _reduced(_bounded(x, -746.0, 710.0))
    half = n >> 1  # in two steps, for n goes beyond what one exponent field holds
    return (e + 1.0) * _power_of_two(half) * _power_of_two(n - half)


@_in_float64("expm1")
def expm1(x: Lanes) -> Lanes:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), without cancellation near 0."""
    n, e = _reduced(_bounded(x, -40.0, 710.0))
    half = _power_of_two(n - 1)  # n may be 1024
    result = half.fma(e, half - 0.5) * 2.0
    return (absolute(x) < 1e-17).select(x, result)


@_in_float64("sigmoid")
def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e^-x), by e^-|x| so that nothing overflows."""
    e = exp(-absolute(x))
    return (x < 0.0).select(e, 1.0) / (e + 1.0)


@_in_float64("tanh")
def tanh(x: Lanes) -> Lanes:
    """-e / (2 + e) with e = e^(-2 |x|) - 1."""
    e = expm1(absolute(x) * -2.0)
    return _with_sign_of(e / (e + 2.0), x)


@_in_float64("elu")
def elu(x: Lanes) -> Lanes:
    """x for x >= 0, else e^x - 1."""
    return (x < 0.0).select(expm1(x), x)


# Klambauer et al., Self-Normalizing Neural Networks, 2017
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@_in_float64("selu")
def selu(x: Lanes) -> Lanes:
    """scale * x for x >= 0, else scale * alpha * (e^x - 1)."""
    return (x < 0.0).select(expm1(x) * _SELU_ALPHA, x) * _SELU_SCALE


# ---- logarithms


def _parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """(n, f) with x = 2^n (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for positive finite x."""
    is_denormal = x < 2.0**-1022
    bits = is_denormal.select(x * 2.0**54, x).bits("int64")
    exponent = (bits - 0x3FE6A09E667F3BCD) >> 52  # of x / sqrt(1/2)
    f = (bits - (exponent << 52)).bits("float64") - 1.0
    exponent = is_denormal.select(exponent - 54, exponent)
    return (exponent + _ROUND_BITS).bits("float64") - _ROUND, f


def _with_edges(x: Lanes, logarithm: Lanes) -> Lanes:
    """-infinity at 0, NaN below; infinity and NaN as they are."""
    logarithm = (x < _INFINITY).select(logarithm, x)
    logarithm = x.equals(0.0).select(-_INFINITY, logarithm)
    return (x < 0.0).select(_NAN, logarithm)


@_in_float64("log")
def log(x: Lanes) -> Lanes:
    """log x = n ln2 + f - f^2 / 2 + s (f^2 / 2 + s^2 P(s^2)) with s = f / (2 + f)."""
    n, f = _parts(x)
    s = f / (f + 2.0)
    square, half = s * s, f * f * 0.5
    rest = s * (_polynomial(_LOG, square) * square + half) + n * _LN2_LOW
    return _with_edges(x, n * _LN2_HIGH - ((half - rest) - f))


@_in_float64("log1p")
def log1p(x: Lanes) -> Lanes:
    """log(1 + x) = log(u) x / (u - 1) with u = 1 + x as rounded (W. Kahan)."""
    u = x + 1.0
    ratio = (x > 1e18).select(1.0, x / (u - 1.0))
    return u.equals(1.0).select(x, log(u) * ratio)


@_in_float64("softplus")
def softplus(x: Lanes) -> Lanes:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return (x < 0.0).select(0.0, x) + log1p(exp(-absolute(x)))


@_in_float64("xlogy")
def xlogy(x: Lanes, y: Lanes) -> Lanes:
    """x log(y), 0 where x is."""
    return x.equals(0.0).select(0.0, x * log(y))


@_in_float64("xlog1py")
def xlog1py(x: Lanes, y: Lanes) -> Lanes:
    """x log(1 + y), 0 where x is."""
    return x.equals(0.0).select(0.0, x * log1p(y))


# ---- powers


def _long_log(x: Lanes) -> tuple[Lanes, Lanes]:
    """log x for positive finite x, as rounded and the rest: about 64 bits."""
    n, f = _parts(x)
    divisor, divisor_rest = _sum(f.like(2.0), f)
    s = f / divisor
    product, product_rest = _product(s, divisor)
    s_rest = ((f - product) - product_rest - s * divisor_rest) / divisor
    square, square_rest = _product(s, s)
    cube, cube_rest = _product(square, s)
    third, third_rest = _product(cube, s.like(2 / 3))
    rest = (s_rest * 2.0).fma(square, s_rest * 2.0) + n * _LN2_LOW
    rest = rest + _polynomial(_LOG[:-1], square) * square * cube
    rest = rest + (cube_rest + square_rest * s) * (2 / 3) + cube * _TWO_THIRDS_REST + third_rest
    high, low = _sum(n * _LN2_HIGH, s * 2.0)
    high, more = _sum(high, third)
    return _sum(high, low + more + rest)


@_in_float64("pow")
def power(x: Lanes, y: Lanes) -> Lanes:
    """x^y = e^(y log |x|), with the sign of x for odd y; special cases as in C's pow."""
    base = absolute(x)
    high, low = _long_log(base)
    # beyond 2^62, e^t is 0 or infinite unless |x| is 1; so large a factor would overflow when it is split
    factor = _bounded(y, -(2.0**62), 2.0**62)
    t, t_rest = _product(factor, high)
    t_rest = t_rest + factor * low
    result = exp(t)
    result = (result < _INFINITY).select(t_rest.fma(result, result), result)
    is_rising = y > 0.0
    of_zero = is_rising.select(y.like(0.0), _INFINITY)
    of_infinity = is_rising.select(y.like(_INFINITY), 0.0)
    result = base.equals(0.0).select(of_zero, result)
    result = base.equals(_INFINITY).select(of_infinity, result)
    result = (x.differs(x) | y.differs(y)).select(_NAN, result)
    is_whole = y.rint().equals(y)
    half = y * 0.5
    is_odd = is_whole & half.rint().differs(half)
    result = (is_odd & (_with_sign_of(x.like(1.0), x) < 0.0)).select(-result, result)
    result = ((x < 0.0) & (x > -_INFINITY) & ~is_whole & y.equals(y)).select(_NAN, result)
    result = (x.equals(-1.0) & absolute(y).equals(_INFINITY)).select(1.0, result)
    return (x.equals(1.0) | y.equals(0.0)).select(1.0, result)


# ---- trigonometry

# pi / 2 in four parts of 33, 33, 33 and 53 bits: products of the first three with a 20-bit integer are exact
_HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32)
_LARGE = 2.0**20
# the bits of 2 / pi behind the binary point, 64 in each word
_TWO_OVER_PI = (
    0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561, 0xB7246E3A424DD2E0,
    0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484, 0xE99C7026B45F7E41, 0x3991D639835339F4,
    0x9C845F8BBDF9283B, 0x1FF897FFDE05980F, 0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB, 0xF0CFBC209AF4361D,
)  # fmt: skip


def _quadrant(x: Lanes) -> tuple[Lanes, Lanes]:
    """(n as int64, r) with x = n pi/2 + r, |r| <= pi/4."""
    from edgeload.kernels.lanes import choose

    shifted = x.fma(2 / math.pi, _ROUND)
    n = shifted - _ROUND
    r = x
    for part in _HALF_PI:
        r = r - n * part
    n_and_r = shifted.bits("int64"), r
    is_large = absolute(x) >= _LARGE

    def with_large() -> tuple[Lanes, ...]:
        return tuple(is_large.select(yes, no) for yes, no in zip(_quadrant_of_large(x), n_and_r, strict=True))

    quadrant, r = choose(is_large.any(), with_large, n_and_r)
    return quadrant, r


def _high_product(x: Lanes, y: Lanes) -> Lanes:
    """The upper 64 bits of a product of two uint64."""
    x_high, x_low, y_high, y_low = x >> 32, x & 0xFFFFFFFF, y >> 32, y & 0xFFFFFFFF
    middle = x_high * y_low + (x_low * y_low >> 32)
    other = x_low * y_high + (middle & 0xFFFFFFFF)
    return x_high * y_high + (middle >> 32) + (other >> 32)


def _quadrant_of_large(x: Lanes) -> tuple[Lanes, Lanes]:
    """The same for |x| >= 2^20, in integers (M. Payne and R. Hanek, 1983).

    |x| = m 2^e with m < 2^53. Of 2/pi only the bits from weight 2^(1-e) on matter, since the others make whole turns;
    192 of them leave an error of 2^-135 quadrants.
    """
    from edgeload.kernels.lanes import lookup

    magnitude = absolute(x).bits("int64")
    m = ((magnitude & 0xFFFFFFFFFFFFF) | 0x10000000000000).cast("uint64")
    skipped = (magnitude >> 52) - 1077  # e - 2 bits of 2/pi stand before the first that matters
    skipped = skipped + 64  # a word of zeros stands before the table, as e may be less than 2
    word, shift = skipped >> 6, (skipped & 63).cast("uint64")
    most = word.like(len(_TWO_OVER_PI) - 3)
    word = (word > most).select(most, word)  # of infinity and NaN
    words = [lookup(word + index, (0, *_TWO_OVER_PI)) for index in range(4)]

    def window(index: int) -> Lanes:
        """64 bits of 2/pi, those from 64 * index + skipped on."""
        behind = words[index + 1] >> 1 >> (63 - shift)
        return (words[index] << shift) | behind

    high, middle, low = window(0), window(1), window(2)
    # in units of 2^-62 and 2^-126 quadrants; what overflows is whole turns
    carried = m * middle
    fraction = carried + _high_product(m, low)
    carry = (fraction < carried).select(m.like(1), 0)
    turn = m * high + _high_product(m, middle) + carry
    n = (turn + (1 << 61)) >> 62
    rest = (turn - (n << 62)).cast("int64").cast("float64")
    r = (rest + fraction.cast("float64") * 2.0**-64) * (math.pi / 2 * 2.0**-62)
    is_negative = x < 0.0
    whole = n.cast("int64")
    r = (absolute(x) < _INFINITY).select(is_negative.select(-r, r), _NAN)
    return is_negative.select(-whole, whole), r


def _sin_cos(r: Lanes) -> tuple[Lanes, Lanes]:
    """sin and cos of |r| <= pi / 4."""
    square = r * r
    sine = (_polynomial(_SIN, square) * square).fma(r, r)
    half = square * 0.5
    whole = 1.0 - half
    cosine = whole + (((1.0 - whole) - half) + _polynomial(_COS, square) * square * square)
    return sine, cosine


@_in_float64("sin")
def sin(x: Lanes) -> Lanes:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    result = (n & 1).equals(0).select(sine, cosine)
    result = (n & 2).equals(0).select(result, -result)
    return x.equals(0.0).select(x, result)


@_in_float64("cos")
def cos(x: Lanes) -> Lanes:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    result = (n & 1).equals(0).select(cosine, sine)
    return ((n + 1) & 2).equals(0).select(result, -result)


@_in_float64("tan")
def tan(x: Lanes) -> Lanes:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    is_even = (n & 1).equals(0)
    result = is_even.select(sine, -cosine) / is_even.select(cosine, sine)
    return x.equals(0.0).select(x, result)


def _atan_of_ratio(y: Lanes, x: Lanes) -> Lanes:
    """atan(y / x) for y, x >= 0, not both 0 and not both infinite; 0 to pi / 2."""
    is_steep = y > x
    ratio = is_steep.select(x, y) / is_steep.select(y, x)
    is_large = ratio > _TAN_EIGHTH_PI
    t = is_large.select((ratio - 1.0) / (ratio + 1.0), ratio)
    square = t * t
    angle = (_polynomial(_ATAN, square) * square).fma(t, t)
    angle = is_large.select(angle + math.pi / 4, angle)
    return is_steep.select(math.pi / 2 - angle, angle)


@_in_float64("atan")
def atan(x: Lanes) -> Lanes:
    return _with_sign_of(_atan_of_ratio(absolute(x), x.like(1.0)), x)


@_in_float64("atan2")
def atan2(y: Lanes, x: Lanes) -> Lanes:
    """The angle of the point (x, y), with the signs of C's atan2."""
    height, width = absolute(y), absolute(x)
    # equal infinities are a diagonal; two zeros the axis
    is_diagonal = height.equals(_INFINITY) & width.equals(_INFINITY)
    is_origin = height.equals(0.0) & width.equals(0.0)
    height = is_diagonal.select(1.0, height)
    width = (is_diagonal | is_origin).select(1.0, width)
    angle = _atan_of_ratio(height, width)
    is_left = _with_sign_of(x.like(1.0), x) < 0.0
    result = _with_sign_of(is_left.select(math.pi - angle, angle), y)
    return x.differs(x).select(_NAN, result)


def _cathetus(x: Lanes) -> Lanes:
    """sqrt(1 - x^2); NaN beyond 1."""
    return ((1.0 - x) * (x + 1.0)).call("llvm.sqrt")


@_in_float64("asin")
def asin(x: Lanes) -> Lanes:
    magnitude = absolute(x)
    return _with_sign_of(_atan_of_ratio(magnitude, _cathetus(magnitude)), x)


@_in_float64("acos")
def acos(x: Lanes) -> Lanes:
    magnitude = absolute(x)
    angle = _atan_of_ratio(_cathetus(magnitude), magnitude)
    return (x < 0.0).select(math.pi - angle, angle)


# ---- hyperbolic


@_in_float64("sinh")
def sinh(x: Lanes) -> Lanes:
    """(e + e / (e + 1)) / 2 with e = e^|x| - 1."""
    magnitude = absolute(x)
    e = expm1(_bounded(magnitude, 0.0, 709.0))
    root = exp(magnitude * 0.5)
    result = (magnitude > 709.0).select(root * 0.5 * root, (e + e / (e + 1.0)) * 0.5)
    return _with_sign_of(x.differs(x).select(x, result), x)


@_in_float64("cosh")
def cosh(x: Lanes) -> Lanes:
    """(e + 1 / e) / 2 with e = e^|x|."""
    magnitude = absolute(x)
    e = exp(_bounded(magnitude, 0.0, 709.0))
    root = exp(magnitude * 0.5)
    return (magnitude > 709.0).select(root * 0.5 * root, (e + 1.0 / e) * 0.5)


@_in_float64("asinh")
def asinh(x: Lanes) -> Lanes:
    """log(1 + |x| + x^2 / (1 + sqrt(1 + x^2))) with the sign of x; log(2 |x|) for large x."""
    magnitude = absolute(x)
    square = magnitude * magnitude
    small = log1p(magnitude + square / ((square + 1.0).call("llvm.sqrt") + 1.0))
    large = log(magnitude) + math.log(2)
    return _with_sign_of((magnitude > 2.0**28).select(large, small), x)


@_in_float64("acosh")
def acosh(x: Lanes) -> Lanes:
    """log(1 + t + sqrt(2 t + t^2)) with t = x - 1; log(2 x) for large x; NaN below 1."""
    t = x - 1.0
    small = log1p(t + (t * 2.0 + t * t).call("llvm.sqrt"))
    result = (x > 2.0**28).select(log(x) + math.log(2), small)
    return (x < 1.0).select(_NAN, result)


@_in_float64("atanh")
def atanh(x: Lanes) -> Lanes:
    """log(1 + 2 |x| / (1 - |x|)) / 2 with the sign of x; infinite at 1, NaN beyond."""
    magnitude = absolute(x)
    result = log1p(magnitude * 2.0 / (1.0 - magnitude)) * 0.5
    result = magnitude.equals(1.0).select(_INFINITY, result)
    return _with_sign_of((magnitude <= 1.0).select(result, _NAN), x)


# ---- the error function


def _erfc_of_large(x: Lanes) -> Lanes:
    """erfc(x) for x >= 0.5: e^(-x^2) P((x - 3) / (x + 3)) / (1 + 2 x), with x^2 as the exact square of a short number
    and the rest."""
    x = _bounded(x, 0.5, _MOST_ERFC)
    short = (x.bits("int64") & -(1 << 27)).bits("float64")
    scaled = _polynomial(_ERFC, (x - 3.0) / (x + 3.0)) / (x * 2.0 + 1.0)
    return exp(-(short * short)) * (exp((short - x) * (short + x)) * scaled)


@_in_float64("erf")
def erf(x: Lanes) -> Lanes:
    """x P(x^2) for |x| < 1, else 1 - erfc(|x|)."""
    magnitude = absolute(x)
    within = _bounded(magnitude, 0.0, 1.0)
    small = x * _polynomial(_ERF, within * within)
    large = _with_sign_of(1.0 - _erfc_of_large(magnitude), x)
    result = (magnitude < 1.0).select(small, large)
    return x.differs(x).select(x, result)


@_in_float64("erfc")
def erfc(x: Lanes) -> Lanes:
    """1 - erf(x) for x < 0.5, 2 - erfc(-x) for x < -1."""
    magnitude = absolute(x)
    within = _bounded(magnitude, 0.0, 1.0)
    small = 1.0 - x * _polynomial(_ERF, within * within)
    large = _erfc_of_large(magnitude)
    result = (x < 0.5).select((x < -1.0).select(2.0 - large, small), large)
    return x.differs(x).select(x, result)
