"""Element-wise ops that few models have: inverse trigonometric and hyperbolic functions, Xlogy and its relatives,
ApproximateEqual, shifts, Lgamma, Digamma, CumulativeLogsumexp.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Atan2, ../Xlogy, ../Lgamma, ../LeftShift
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import edgeload.kernels.rare_functions  # noqa: F401  (defines functions)
from edgeload.kernels.elementwise import fusible, infer_compare, lower_expression, register_function
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

for _op, _expression in {
    "Acos": "acos(a0)",
    "Acosh": "acosh(a0)",
    "Asin": "asin(a0)",
    "Asinh": "asinh(a0)",
    "Atan": "atan(a0)",
    "Atanh": "atanh(a0)",
    "Cosh": "cosh(a0)",
    "Digamma": "digamma(a0)",
    "Lgamma": "lgamma(a0)",
    "Sinh": "sinh(a0)",
}.items():
    register_function(_op, _expression, 1)

for _op, _expression in {
    "Atan2": "atan2(a0,a1)",
    "LeftShift": "left_shift(a0,a1)",
    "RightShift": "right_shift(a0,a1)",
    "Xdivy": "xdivy(a0,a1)",
    "Xlog1py": "xlog1py(a0,a1)",
    "Xlogy": "xlogy(a0,a1)",
}.items():
    register_function(_op, _expression, 2)


# ---- ApproximateEqual: the tolerance is an attribute


def _tolerance_text(node: Node) -> str:
    return f"approximately_equal(a0,a1,{float(node.attrs['tolerance'])!r})"


def _infer_approximate(node: Node, x: Operand, y: Operand) -> Spec:
    require(x.shape == y.shape, node, f"shapes {x.shape} and {y.shape}", "equal shapes")
    return infer_compare(node, x, y)


def _approximate(node: Node, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(x - y) < float(node.attrs["tolerance"]))


def _lower_approximate(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    if not math.isfinite(node.attrs["tolerance"]):
        return NotImplemented
    return lower_expression(_tolerance_text(node), operands, outputs[0], emit)


def _fusible_approximate(node: Node) -> str:
    is_finite = math.isfinite(node.attrs["tolerance"])
    return fusible(_tolerance_text(node), *[node.attrs["T"]] * 2) if is_finite else ""


register(
    "ApproximateEqual",
    infer=_infer_approximate,
    reference=_approximate,
    lower=_lower_approximate,
    expression=_fusible_approximate,
)


# ---- CumulativeLogsumexp


def _cumulative_axis(node: Node, rank: int, axis: np.ndarray) -> int:
    require(axis.size == 1, node, f"{axis.size} axes", "one axis")
    chosen = int(axis.reshape(()))
    require(-rank <= chosen < rank, node, f"axis {chosen}", f"for {rank} dimensions it must be in [{-rank}, {rank})")
    return chosen % rank


def _infer_cumulative(node: Node, x: Operand, axis: Operand) -> Spec:
    _cumulative_axis(node, len(x.shape), axis.known())
    return x.spec


def _cumulative_logsumexp(node: Node, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """log(e^x[0] + ... + e^x[i]) along the axis; an empty sum is -infinity."""
    at = _cumulative_axis(node, x.ndim, axis)
    x = np.moveaxis(x, at, 0)
    x = x[::-1] if node.attrs["reverse"] else x
    with np.errstate(all="ignore"):
        sums = np.logaddexp.accumulate(x.astype(np.float64), axis=0).astype(x.dtype) if x.size else x
    if node.attrs["exclusive"]:
        first = np.full_like(x[:1], -np.inf)
        sums = np.concatenate([first, sums[:-1]])
    sums = sums[::-1] if node.attrs["reverse"] else sums
    return np.ascontiguousarray(np.moveaxis(sums, 0, at))


@kernel_family("cumulative_logsumexp")
def cumulative_logsumexp(dtype: str) -> Iterator[Any]:
    """out[o, r, i] = log(e^x[o, 0, i] + ... + e^x[o, r, i]) in float64, shape [outer, size, inner]: of the sum so far
    and the next term the larger is taken out of the logarithm. `exclusive` leaves x[o, r, i] out, `reverse` goes from
    the last r to the first."""
    yield f"{dtype}[:] x, int64 outer, int64 size, int64 inner, int64 exclusive, int64 reverse, {dtype}[:] out"
    from edgeload.kernels.simd import scalar_function

    exp, log1p = scalar_function("exp(a0)"), scalar_function("log1p(a0)")

    def run(x, outer, size, inner, exclusive, reverse, out, worker, workers):  # type: ignore[no-untyped-def]
        count = outer * inner
        for place in range(count * worker // workers, count * (worker + 1) // workers):
            start = place // inner * size * inner + place % inner
            total = -np.inf
            for step in range(size):
                at = np.uint64(start + (size - 1 - step if reverse else step) * inner)
                if exclusive:
                    out[at] = total
                value = np.float64(x[at])
                if value != value or total != total:
                    total = np.nan
                elif value == total:
                    total = total + log1p(1.0)  # both may be infinite
                elif value > total:
                    total = value + log1p(exp(total - value))
                else:
                    total = total + log1p(exp(value - total))
                if not exclusive:
                    out[at] = total

    yield run


def _lower_cumulative(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x, axis), (out,) = operands, outputs
    if getattr(x.dtype, "name", "") not in ("float32", "float64"):
        return NotImplemented
    at = _cumulative_axis(node, len(x.shape), axis.known())
    outer, inner = math.prod(x.shape[:at]), math.prod(x.shape[at + 1 :])
    flags = int(node.attrs["exclusive"]), int(node.attrs["reverse"])
    tiles = max(1, min(outer * inner, math.prod(x.shape) >> 12))
    emit.kernel(f"cumulative_logsumexp<{x.dtype.name}>", x, outer, x.shape[at], inner, *flags, out, tiles=tiles)
    return None


register("CumulativeLogsumexp", infer=_infer_cumulative, reference=_cumulative_logsumexp, lower=_lower_cumulative)
