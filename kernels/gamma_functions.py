"""The logarithm of the gamma function and its derivative as element-wise functions, computed in float64 lanes.

For x >= 1/2 the arguments are moved up to x + 8 by the recurrence, where the asymptotic series are exact to float64
(M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 6.1.40 and 6.3.18); smaller ones are reflected.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.kernels.functions import FLOATS, absolute, function
from edgeload.kernels.transcendentals import _polynomial
from edgeload.kernels.transcendentals_64 import cos, log, sin

if TYPE_CHECKING:
    from edgeload.kernels.lanes import Lanes

_INFINITY, _NAN = float("inf"), float("nan")
_SHIFT = 8
# B(2k) / (2k (2k - 1)) and B(2k) / 2k for k = 1, 2, ..., with Bernoulli's numbers B; highest power first below
_LOG_GAMMA = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_LARGE = 1e15  # from here on x + 8 is x, as far as a logarithm sees it


def _log_gamma_of(x: float) -> float:
    """log |gamma(x)|; infinite at 0, the negative integers and the infinities."""
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def _digamma_of(x: float) -> float:
    """The derivative of log gamma: reflection for negative x, recurrence up to 10, then log x - 1/2x - series."""
    if math.isnan(x) or x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x == math.inf:
        return x
    total = 0.0
    if x < 0:
        total, x = -math.pi / math.tan(math.pi * math.fmod(x, 1.0)), 1.0 - x
    while x < _SHIFT + 2:
        total -= 1.0 / x
        x += 1.0
    inverse = 1.0 / (x * x)
    series = 0.0
    for coefficient in reversed(_DIGAMMA):
        series = (series + coefficient) * inverse
    return total + math.log(x) - 0.5 / x - series


def _of_each(compute: Any) -> Any:
    vectorized = np.vectorize(compute, otypes=[np.float64])
    return lambda x: np.asarray(vectorized(np.asarray(x, np.float64)), x.dtype)


def _reflected(x: Lanes) -> tuple[Lanes, Lanes]:
    """(whether x < 1/2, x or 1 - x)."""
    is_low = x < 0.5
    return is_low, is_low.select(1.0 - x, x)


def _fraction(x: Lanes) -> Lanes:
    """pi times x's distance from the nearest integer."""
    return (x - x.rint()) * math.pi


def _is_pole(x: Lanes) -> Lanes:
    return (x <= 0.0) & x.equals(x.rint())


@function("lgamma", 1, _of_each(_log_gamma_of), FLOATS)
def lgamma(x: Lanes) -> Lanes:
    """log |gamma(x)|, infinite at 0, the negative integers and the infinities."""
    wide = x.cast("float64")
    is_low, y = _reflected(wide)
    product = y
    for step in range(1, _SHIFT):
        product = product * (y + float(step))
    z = y + float(_SHIFT)
    inverse = 1.0 / z
    series = _polynomial(_LOG_GAMMA[::-1], inverse * inverse) * inverse
    result = (z - 0.5) * log(z) - z + _HALF_LOG_TWO_PI + series - log(product)
    of_large = y * (log(y) - 1.0)  # the product would overflow
    result = (y > _LARGE).select(of_large, result)
    result = (y.equals(1.0) | y.equals(2.0)).select(0.0, result)
    reflected = log(math.pi / absolute(sin(_fraction(wide)))) - result
    result = is_low.select(reflected, result)
    is_infinite = absolute(wide).equals(_INFINITY) | _is_pole(wide)
    return is_infinite.select(_INFINITY, result).cast(x.dtype)


@function("digamma", 1, _of_each(_digamma_of), FLOATS)
def digamma(x: Lanes) -> Lanes:
    """The derivative of log gamma; NaN at 0 and the negative integers."""
    wide = x.cast("float64")
    is_low, y = _reflected(wide)
    recurrence = 1.0 / y
    for step in range(1, _SHIFT):
        recurrence = recurrence + 1.0 / (y + float(step))
    z = y + float(_SHIFT)
    inverse = 1.0 / z
    square = inverse * inverse
    series = _polynomial(_DIGAMMA[::-1], square) * square
    result = log(z) - inverse * 0.5 - series - recurrence
    angle = _fraction(wide)
    result = is_low.select(result - cos(angle) / sin(angle) * math.pi, result)
    result = _is_pole(wide).select(_NAN, result)
    return wide.equals(_INFINITY).select(_INFINITY, result).cast(x.dtype)
