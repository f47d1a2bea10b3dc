"""The element-wise functions that need polynomials: exponentials, logarithms, trigonometry, erf, and their compounds.

Each works on float32 within 4 ulp; float64 is left to the NumPy references. Polynomials are own minimax fits (weighted
least squares with Lawson's weights on Chebyshev nodes), highest power first; the error stated is the relative error
of the function after the coefficients are rounded. Functions whose argument reduction would lose float32 digits (sin,
pow, erfc) compute in float64 lanes. None depends on fused multiply-adds for its accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.kernels.functions import absolute, function

if TYPE_CHECKING:
    from edgeload.kernels.lanes import Lanes

_FLOAT32 = ("float32",)
_INFINITY = float("inf")
_NAN = float("nan")
_LOG2_E = 1.4426950408889634
# ln 2 in two parts, the first so short that its product with an integer below 2^14 (float32) or 2^20 is exact
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440054690581e-4
_LN2_HIGH_64, _LN2_LOW_64 = 0.6931471803691238, 1.9082149292705877e-10
# adding 1.5 * 2^23 (2^52) rounds a number to an integer, which then is in the low bits
_ROUND_32, _ROUND_64 = 12582912.0, 6755399441055744.0
_ROUND_BITS_32, _ROUND_BITS_64 = 0x4B400000, 0x4338000000000000

# (e^r - 1 - r) / r^2 on |r| <= ln2 / 2; 1.1e-9 of e^r
_EXP = (0.000197902438, 0.00139447585, 0.00833349767, 0.0416662936, 0.166666659, 0.500000007)
# the same in float64; 1.2e-12 of e^r
_EXP_64 = (
    2.4708105381317253e-05, 1.9909074051143141e-04, 1.3889198357455211e-03, 8.3332816023727833e-03,
    4.1666664391526949e-02, 1.6666666785147013e-01, 5.0000000004302270e-01,
)  # fmt: skip
# (log(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) <= 1 + f <= sqrt(2); 3.2e-9 of log(1 + f)
_LOG = (
    0.0674664107, -0.11675652, 0.118881621, -0.124055889, 0.142195524, -0.166679959, 0.200021187, -0.250000096,
    0.333333126,
)  # fmt: skip
# (log((1 + s) / (1 - s)) - 2 s) / s^3 as a function of s^2, s <= 0.1716; 3e-14 of the logarithm
_LOG_64 = (
    0.19584203116352164, 0.22176184756773376, 0.28572109262740558, 0.39999995620735551, 0.6666666667580462,
)  # fmt: skip
# (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 as functions of r^2, |r| <= pi / 4; 5e-15 and 1.2e-13
_SIN = (
    -2.4761600132314079e-08, 2.7555356993504486e-06, -1.9841263819242029e-04, 8.3333333252650979e-03,
    -1.6666666666631566e-01,
)  # fmt: skip
_COS = (-2.7205684198751309e-07, 2.4799459304449103e-05, -1.3888883496836343e-03, 4.1666666619453438e-02)
# erf(x) / x - 1 as a function of x^2, |x| <= 1; 2.4e-9
_ERF_SMALL = (7.85386121e-05, -0.000801019358, 0.00518832768, -0.0268538119, 0.112835851, -0.376126258, 0.128379166)
# -log(erfc(x)) on 1 <= x <= 4; 1.3e-8 of erf(x)
_ERF_LARGE = (
    2.16976248e-05, -0.00044147279, 0.00420528551, -0.025210342, 0.108422104, 0.633216392, 1.12958031,
    -0.000188468475,
)  # fmt: skip
# e^(x^2) erfc(x) (1 + 2 x) as a function of (x - 2) / (x + 2), 0 <= x <= 10.5; 6.8e-11
_ERFC = (
    -1.0660529832728192e-05, -4.3530602113100950e-06, 1.1934068028497811e-04, 1.9719888605776421e-04,
    -4.3765424734229416e-04, -1.4497374717759386e-03, 1.2669281484169181e-03, 8.7206196168914188e-03,
    -8.0334215900865012e-03, -5.4219750988383594e-02, 1.6405124339280336e-01, -1.6603040856228271e-01,
    -9.2763825873561453e-02, 1.2769783816282549e+00,
)  # fmt: skip


def _polynomial(coefficients: Sequence[float], x: Lanes) -> Lanes:
    """Horner's scheme, highest power first."""
    p = x.like(coefficients[0])
    for coefficient in coefficients[1:]:
        p = p.fma(x, coefficient)
    return p


def _with_sign_of(magnitude: Lanes, x: Lanes) -> Lanes:
    return magnitude.call("llvm.copysign", x)


def _in_float64(compute: Callable[..., Any]) -> Callable[[np.ndarray], Any]:
    """A reference that applies a function of the `math` module to every element."""

    def reference(x: np.ndarray) -> Any:
        return np.vectorize(compute, otypes=[np.float64])(np.asarray(x, np.float64)).astype(x.dtype)

    return reference


# ---- exponentials


def _reduced(x: Lanes) -> tuple[Lanes, Lanes]:
    """(n as int32, e^r - 1) with e^x = 2^n e^r, for |x| <= 105."""
    shifted = x.fma(_LOG2_E, _ROUND_32)
    n = shifted - _ROUND_32
    r = n.fma(-_LN2_LOW, n.fma(-_LN2_HIGH, x))
    return shifted.bits("int32") - _ROUND_BITS_32, (_polynomial(_EXP, r) * r).fma(r, r)


def _power_of_two(n: Lanes) -> Lanes:
    """2^n as float32 for -127 < n < 128."""
    return ((n + 127) << 23).bits("float32")


@function("exp", 1, np.exp, _FLOAT32)
def exp(x: Lanes) -> Lanes:
    """e^x = 2^n e^r; 0 below -104, infinity above 88.73, denormals right."""
    within = (x < -104.5).select(-104.5, x)
    within = (within > 89.0).select(89.0, within)
    n, e = _reduced(within)
    # in two steps, for n goes from -151 to 128, beyond what one exponent field holds
    half = n >> 1
    return (e + 1.0) * _power_of_two(half) * _power_of_two(n - half)


@function("expm1", 1, np.expm1, _FLOAT32)
def expm1(x: Lanes) -> Lanes:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), without cancellation near 0."""
    within = (x < -20.0).select(-20.0, x)
    within = (within > 89.0).select(89.0, within)
    n, e = _reduced(within)
    half = _power_of_two(n - 1)  # n may be 128
    result = half.fma(e, half - 0.5) * 2.0
    return (absolute(x) < 1e-8).select(x, result)


# e^r - 1 over r on |r| <= ln2 / 2; 9.5e-8 of e^r
_EXP_SHORT = (0.008290305733680725, 0.0418979749083519, 0.1666763722896576, 0.4999915063381195, 0.9999997019767761)


def _short_exp(x: Lanes) -> tuple[Lanes, Lanes]:
    """(2^n, e^r) with e^x = 2^n e^r, for -88 <= x <= 89: 2^n is 0 at the lower end and infinity at the upper."""
    shifted = x.fma(_LOG2_E, _ROUND_32)
    n = shifted - _ROUND_32
    r = n.fma(-_LN2_LOW, n.fma(-_LN2_HIGH, x))
    scale = ((shifted.bits("int32") << 23) + (127 << 23)).bits("float32")  # the higher bits of _ROUND_32 drop out
    return scale, _polynomial((*_EXP_SHORT, 1.0), r)


def exp_of_negative(x: Lanes) -> Lanes:
    """e^x for x <= 0, float32; 0 below -87.7, where it is less than the least normal number."""
    scale, e = _short_exp((x < -88.0).select(-88.0, x))
    return scale * e


def _one_plus_exp_minus(x: Lanes) -> Lanes:
    """1 + e^-x: infinity below -88.4, 1 from 88 on. What divides by it needs neither a smaller nor a larger e^-x."""
    within = (x < -89.0).select(-89.0, x)
    within = (within > 88.0).select(88.0, within)
    scale, e = _short_exp(-within)
    return scale.fma(e, 1.0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x); e^-x of reals never overflows."""
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    return np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x)))


@function("sigmoid", 1, _sigmoid, _FLOAT32)
def sigmoid(x: Lanes) -> Lanes:
    """1 / (1 + e^-x); 0 below -88.4, where it is less than the least normal number."""
    return 1.0 / _one_plus_exp_minus(x)


def swish(x: Lanes) -> Lanes:
    """x / (1 + e^-x), float32."""
    return x / _one_plus_exp_minus(x)


@function("tanh", 1, np.tanh, _FLOAT32)
def tanh(x: Lanes) -> Lanes:
    """-e / (2 + e) with e = e^(-2 |x|) - 1."""
    magnitude = absolute(x)
    n, e = _reduced((magnitude > 10.0).select(10.0, magnitude) * -2.0)
    scale = _power_of_two(n)
    e = scale.fma(e, scale - 1.0)
    return _with_sign_of(e / (e + 2.0), x)


@function("elu", 1, lambda x: np.where(x < 0, np.expm1(x), x), _FLOAT32)
def elu(x: Lanes) -> Lanes:
    """x for x >= 0, else e^x - 1."""
    return (x < 0.0).select(expm1(x), x)


# Klambauer et al., Self-Normalizing Neural Networks, 2017
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _selu(x: np.ndarray) -> Any:
    return x.dtype.type(_SELU_SCALE) * np.where(x < 0, x.dtype.type(_SELU_ALPHA) * np.expm1(x), x)


@function("selu", 1, _selu, _FLOAT32)
def selu(x: Lanes) -> Lanes:
    """scale * x for x >= 0, else scale * alpha * (e^x - 1)."""
    return (x < 0.0).select(expm1(x) * (_SELU_SCALE * _SELU_ALPHA), x * _SELU_SCALE)


# ---- logarithms


@function("log", 1, np.log, _FLOAT32)
def log(x: Lanes) -> Lanes:
    """log x = n ln2 + log(1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); -infinity at 0, NaN below."""
    is_denormal = x < 2.0**-126
    bits = is_denormal.select(x * 2.0**23, x).bits("int32")
    exponent = (bits - 0x3F3504F3) >> 23  # of x / sqrt(1/2)
    f = (bits - (exponent << 23)).bits("float32") - 1.0
    n = is_denormal.select(exponent - 23, exponent).cast("float32")
    square = f * f
    small = n.fma(_LN2_LOW, _polynomial(_LOG, f) * f * square)
    result = n.fma(_LN2_HIGH, square.fma(-0.5, small) + f)
    result = (x < _INFINITY).select(result, x)
    result = x.equals(0.0).select(-_INFINITY, result)
    return (x < 0.0).select(_NAN, result)


@function("log1p", 1, np.log1p, _FLOAT32)
def log1p(x: Lanes) -> Lanes:
    """log(1 + x) = log(u) x / (u - 1) with u = 1 + x as rounded (W. Kahan)."""
    u = x + 1.0
    ratio = (x > 1e9).select(1.0, x / (u - 1.0))
    return u.equals(1.0).select(x, log(u) * ratio)


@function("softplus", 1, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), _FLOAT32)
def softplus(x: Lanes) -> Lanes:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return (x < 0.0).select(0.0, x) + log1p(exp(-absolute(x)))


# ---- powers, in float64


def _exp_64(x: Lanes) -> Lanes:
    """e^x for float64 |x| <= 700, to 1.2e-12."""
    shifted = x.fma(_LOG2_E, _ROUND_64)
    n = shifted - _ROUND_64
    r = n.fma(-_LN2_LOW_64, n.fma(-_LN2_HIGH_64, x))
    e = (_polynomial(_EXP_64, r) * r).fma(r, r)
    scale = ((shifted.bits("int64") << 52) + 0x3FF0000000000000).bits("float64")
    return scale.fma(e, scale)


def _log_64(x: Lanes) -> Lanes:
    """log x for positive normal float64, to 3e-14 of it."""
    bits = x.bits("int64")
    exponent = (bits - 0x3FE6A09E667F3BCD) >> 52  # of x / sqrt(1/2)
    f = (bits - (exponent << 52)).bits("float64") - 1.0
    n = (exponent + _ROUND_BITS_64).bits("float64") - _ROUND_64
    s = f / (f + 2.0)
    square = s * s
    odd = (_polynomial(_LOG_64, square) * square).fma(s, s * 2.0)
    return n.fma(_LN2_HIGH_64, n.fma(_LN2_LOW_64, odd))


@function("pow", 2, np.power, _FLOAT32)
def power(x: Lanes, y: Lanes) -> Lanes:
    """x^y = e^(y log |x|), with the sign of x for odd y; special cases as in C's pow."""
    base, exponent = absolute(x).cast("float64"), y.cast("float64")
    logarithm = _log_64(base)
    logarithm = base.equals(0.0).select(-_INFINITY, logarithm)
    logarithm = (base < _INFINITY).select(logarithm, base)
    t = exponent * logarithm
    t = (t > 200.0).select(200.0, t)  # e^200 and e^-200 are infinity and 0 as float32
    result = _exp_64((t < -200.0).select(-200.0, t)).cast("float32")
    is_whole = exponent.rint().equals(exponent)
    half = exponent * 0.5
    is_odd = is_whole & half.rint().differs(half)
    result = (is_odd & (_with_sign_of(x.like(1.0), x) < 0.0)).select(-result, result)
    result = ((x < 0.0) & (x > -_INFINITY) & ~is_whole & y.equals(y)).select(_NAN, result)
    result = (x.equals(-1.0) & absolute(y).equals(_INFINITY)).select(1.0, result)
    return (x.equals(1.0) | y.equals(0.0)).select(1.0, result)


# ---- trigonometry, in float64

# pi / 2 in three parts of 22, 22 and 53 bits: products of the first two with a 31-bit integer are exact
_HALF_PI = (1.570796012878418, 3.139164164167596e-07, 6.223372171896613e-14)
# the bits of 2 / pi behind the binary point, 32 in each word
_TWO_OVER_PI = (0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB)
_LARGE = 2.0**31


def _quadrant(x: Lanes) -> tuple[Lanes, Lanes]:
    """(n as int64, r) with x = n pi/2 + r, |r| <= pi/4, both right for every finite float32 x; r is float64."""
    from edgeload.kernels.lanes import choose

    wide = x.cast("float64")
    shifted = wide.fma(2 / math.pi, _ROUND_64)
    n = shifted - _ROUND_64
    r = wide
    for part in _HALF_PI:
        r = r - n * part
    n_and_r = shifted.bits("int64"), r
    is_large = absolute(x) >= _LARGE

    def with_large() -> tuple[Lanes, ...]:
        of_large = _quadrant_of_large(x)
        return tuple(is_large.select(yes, no) for yes, no in zip(of_large, n_and_r, strict=True))

    quadrant, r = choose(is_large.any(), with_large, n_and_r)
    return quadrant, r


def _quadrant_of_large(x: Lanes) -> tuple[Lanes, Lanes]:
    """The same for |x| >= 2^31, in integers (M. Payne and R. Hanek, 1983).

    |x| = m 2^e with integers 8 <= e and m < 2^24. Of 2/pi only the bits from weight 2^(1-e) on matter, since the others
    make whole turns; 96 of them leave an error of 2^-61 quadrants.
    """
    magnitude = absolute(x).bits("int32").cast("int64")
    m = ((magnitude & 0x7FFFFF) | 0x800000).cast("uint64")
    skipped = (magnitude >> 23) - 152  # e - 2 bits stand before the first that matters
    word, shift = skipped >> 5, (skipped & 31).cast("uint64")

    def window(index: int) -> Lanes:
        """32 bits of 2/pi, those from 32 * index + skipped on."""
        pair = m.like(0)
        for first in range(4):
            bits = _TWO_OVER_PI[first + index] << 32 | _TWO_OVER_PI[first + index + 1]
            pair = word.equals(first).select(m.like(bits), pair)
        return (pair >> (32 - shift)) & 0xFFFFFFFF

    high, middle, low = window(0), window(1), window(2)
    # in units of 2^-62 quadrants; what overflows 64 bits is whole turns
    turn = (m * high << 32) + m * middle + (m * low >> 32)
    n = (turn + (1 << 61)) >> 62
    r = (turn - (n << 62)).cast("int64").cast("float64") * (math.pi / 2 * 2.0**-62)
    is_negative = x < 0.0
    whole = n.cast("int64")
    r = absolute(x).equals(_INFINITY).select(_NAN, is_negative.select(-r, r))
    return is_negative.select(-whole, whole), r


def _sin_cos(r: Lanes) -> tuple[Lanes, Lanes]:
    """sin and cos of |r| <= pi / 4."""
    square = r * r
    sine = (_polynomial(_SIN, square) * square).fma(r, r)
    cosine = (_polynomial(_COS, square) * square).fma(square, square.fma(-0.5, 1.0))
    return sine, cosine


@function("sin", 1, np.sin, _FLOAT32)
def sin(x: Lanes) -> Lanes:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    result = (n & 1).equals(0).select(sine, cosine)
    result = (n & 2).equals(0).select(result, -result).cast("float32")
    return x.equals(0.0).select(x, result)


@function("cos", 1, np.cos, _FLOAT32)
def cos(x: Lanes) -> Lanes:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    result = (n & 1).equals(0).select(cosine, sine)
    return ((n + 1) & 2).equals(0).select(result, -result).cast("float32")


@function("tan", 1, np.tan, _FLOAT32)
def tan(x: Lanes) -> Lanes:
    n, r = _quadrant(x)
    sine, cosine = _sin_cos(r)
    is_even = (n & 1).equals(0)
    result = (is_even.select(sine, -cosine) / is_even.select(cosine, sine)).cast("float32")
    return x.equals(0.0).select(x, result)


# ---- the error function


@function("erf", 1, _in_float64(math.erf), _FLOAT32)
def erf(x: Lanes) -> Lanes:
    """x + x P(x^2) for |x| < 1, else 1 - e^-Q(|x|)."""
    magnitude = absolute(x)
    within = (magnitude > 4.0).select(4.0, magnitude)
    small = magnitude.fma(_polynomial(_ERF_SMALL, within * within), magnitude)
    large = 1.0 - exp(-_polynomial(_ERF_LARGE, within))
    return _with_sign_of((magnitude < 1.0).select(small, large), x)


@function("erfc", 1, _in_float64(math.erfc), _FLOAT32)
def erfc(x: Lanes) -> Lanes:
    """e^(-x^2) P((x - 2) / (x + 2)) / (1 + 2 x), and 2 - erfc(-x) for negative x; in float64."""
    wide = absolute(x).cast("float64")
    wide = (wide > 10.5).select(10.5, wide)
    scaled = _polynomial(_ERFC, (wide - 2.0) / (wide + 2.0)) / wide.fma(2.0, 1.0)
    result = scaled * _exp_64(-(wide * wide))
    return (x < 0.0).select(2.0 - result, result).cast("float32")


# (erfc(x / sqrt 2)^(-1/16) - 1) / x, 0 <= x <= 7.2; 1.5e-7 of erfc(x / sqrt 2)
_ROOT_ERFC = (
    2.722959413503645e-09, -5.601705765911902e-08, 6.357158213177172e-07, -3.3520605029480066e-06,
    1.3737361769017298e-05, 3.9658916648477316e-05, 4.028960029245354e-05, 0.003280558157712221,
    0.0211392380297184, 0.04986756294965744,
)  # fmt: skip


def gelu(x: Lanes) -> Lanes:
    """x / 2 erfc(-x / sqrt 2), float32: x q for negative x, else x (1 - q), with q = erfc(|x| / sqrt 2) / 2.

    q = 1 / 2 (1 + y)^-16, where y is nearly a parabola. (1 + y)^2 is rounded once, as 1 + y (y + 2). Where |x| is
    beyond 7.2, and x q within 3e-12, q has few right digits.
    """
    magnitude = absolute(x)
    y = _polynomial(_ROOT_ERFC, magnitude) * magnitude
    power = y.fma(y + 2.0, 1.0)
    for _ in range(3):
        power = power * power
    q = 0.5 / power
    is_negative = x.bits("int32") < 0  # the sign bit alone, of NaN and -0.0 as well
    return x * is_negative.select(q, 1.0 - q)


# ---- remainders: exact, hence in float64


def _remainder(x: Lanes, y: Lanes) -> Lanes:
    """x - trunc(x / y) y without rounding, with the sign of x; NaN for y = 0 or infinite x."""
    from edgeload.kernels.lanes import choose

    dividend, divisor = absolute(x).cast("float64"), absolute(y).cast("float64")

    def reduced(rest: Lanes, by: Lanes) -> Lanes:
        """rest mod by; the quotient is below 2^29, so that its product with 24 bits of `by` is exact."""
        rest = rest - (rest / by).call("llvm.trunc") * by
        return (rest < 0.0).select(rest + by, rest)  # the quotient was rounded up

    def of_large_quotients() -> tuple[Lanes]:
        rest = dividend
        for shift in range(252, 0, -28):  # 2^277 is the largest quotient
            by = divisor * 2.0**shift
            rest = (rest < by).select(rest, reduced(rest, by))
        return (rest,)

    has_large = ((dividend >= divisor * 2.0**28) & (dividend < _INFINITY) & (divisor > 0.0)).any()
    (rest,) = choose(has_large, of_large_quotients, (dividend,))
    rest = (rest < divisor).select(rest, reduced(rest, divisor))
    rest = (divisor > 0.0).select(rest, _NAN)
    return _with_sign_of(rest.cast("float32"), x)


@function("trunc_mod", 2, np.fmod, _FLOAT32)
def trunc_mod(x: Lanes, y: Lanes) -> Lanes:
    """The remainder with the sign of x."""
    return _remainder(x, y)


def _floor_mod(x: np.ndarray, y: np.ndarray) -> Any:
    rest = np.fmod(x, y)
    return np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


@function("floor_mod", 2, _floor_mod, _FLOAT32)
def floor_mod(x: Lanes, y: Lanes) -> Lanes:
    """The remainder with the sign of y."""
    rest = _remainder(x, y)
    differ = ((rest < 0.0) ^ (y < 0.0)) & rest.differs(0.0)
    return differ.select(rest + y, rest)
