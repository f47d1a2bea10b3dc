"""Reductions: Sum, Mean, Prod, Max, Min, All, Any, EuclideanNorm, L2Loss, ArgMax, ArgMin.

Neighbouring axes that are all reduced, or all kept, are one axis. What is left alternates; each reduced axis, the last
first, is one call of a kernel over [outer, size, inner]: `reduce_rows` where inner is 1, `reduce_columns` else.
https://www.tensorflow.org/api_docs/python/tf/raw_ops/Sum
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.kernels import functions
from edgeload.kernels.complex_planes import as_pairs, is_complex, join
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.functions import NUMBERS
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

if TYPE_CHECKING:
    from edgeload.kernels.lanes import Lanes

_ELEMENTS_PER_TILE = 1 << 13  # least elements in a piece of work for another thread
_MOST_PARTS = 16  # that a long run of few columns is reduced in
_COLUMNS_PER_TILE = 64  # threads that write one cache line in turns wait for each other
_BOOL = np.dtype(bool)


@dataclass(frozen=True)
class Fold:
    """A reduction on Lanes: what is done to each element, to two partial results, and to the last one (`name`:
    "none", "mean", "sqrt" or "half"). `widens`: float32 totals are float64."""

    start: Callable[[Lanes], Lanes]
    combine: Callable[[Lanes, Lanes], Lanes]
    identity: Callable[[str], Any]
    name: str
    widens: bool

    def total_dtype(self, dtype: str) -> str:
        return "float64" if self.widens and dtype == "float32" else dtype

    def finish(self, total: Lanes, size: Any) -> Lanes:
        """`size` is the number of elements that were folded, as an i64 value."""
        if self.name == "mean":
            return _mean_of(total, size)
        return {"none": lambda: total, "sqrt": lambda: functions.sqrt(total), "half": lambda: total * 0.5}[self.name]()


def _mean_of(total: Lanes, size: Any) -> Lanes:
    """total / size; integers are cut towards zero."""
    from edgeload.kernels.lanes import Lanes, splat

    builder = total.builder
    if total.is_float:
        return total / splat(Lanes(builder, size, "int64", 1).cast(total.dtype), total.count)
    is_none = builder.icmp_signed("<", size, size.type(1))
    count = splat(Lanes(builder, builder.select(is_none, size.type(1), size), "int64", 1), total.count)
    wide = total.cast("int64" if total.is_signed else "uint64")
    divide = builder.sdiv if total.is_signed else builder.udiv
    return Lanes(builder, divide(wide.value, count.value), wide.dtype, total.count).cast(total.dtype)


def _least(dtype: str) -> Any:
    return float("-inf") if dtype.startswith("float") else int(np.iinfo(dtype).min)


def _greatest(dtype: str) -> Any:
    return float("inf") if dtype.startswith("float") else int(np.iinfo(dtype).max)


def _same(x: Lanes) -> Lanes:
    return x


# combination: (start, combine, identity, widens)
_COMBINATIONS: dict[str, tuple[Any, Any, Any, bool]] = {
    "sum": (_same, functions.add, lambda dtype: 0, True),
    "sum_of_squares": (functions.square, functions.add, lambda dtype: 0, True),
    "prod": (_same, functions.mul, lambda dtype: 1, False),
    "max": (_same, functions.maximum, _least, False),
    "min": (_same, functions.minimum, _greatest, False),
    "all": (_same, functions.logical_and, lambda dtype: 1, False),
    "any": (_same, functions.logical_or, lambda dtype: 0, False),
}


def _fold(combination: str, finish: str) -> Fold:
    start, combine, identity, widens = _COMBINATIONS[combination]
    return Fold(start, combine, identity, finish, widens)


@kernel_family("reduce_rows")
def reduce_rows(combination: str, finish: str, dtype: str) -> Iterator[Any]:
    """out[o] = finish(fold over r of x[o, r]), shape [outer, size]."""
    yield f"{dtype}[:] x, int64 outer, int64 size, {dtype}[:] out"
    from edgeload.kernels.simd import fold_rows

    fold_row = fold_rows(_fold(combination, finish))

    def reduce(x, outer, size, out, worker, workers):  # type: ignore[no-untyped-def]
        for row in range(outer * worker // workers, outer * (worker + 1) // workers):
            fold_row(x, row * size, size, out, row)

    yield reduce


@kernel_family("reduce_columns")
def reduce_columns(combination: str, finish: str, dtype: str) -> Iterator[Any]:
    """out[o, i] = finish(fold over r of x[o, r, i]), shape [outer, size, inner]."""
    yield f"{dtype}[:] x, int64 outer, int64 size, int64 inner, {dtype}[:] out"
    from edgeload.kernels.simd import fold_columns

    fold_some = fold_columns(_fold(combination, finish))

    def reduce(x, outer, size, inner, out, worker, workers):  # type: ignore[no-untyped-def]
        first, last, begin, end = 0, outer, 0, inner
        if outer >= workers:
            first, last = outer * worker // workers, outer * (worker + 1) // workers
        else:
            blocks = (inner + _COLUMNS_PER_TILE - 1) // _COLUMNS_PER_TILE
            begin = blocks * worker // workers * _COLUMNS_PER_TILE
            end = min(inner, blocks * (worker + 1) // workers * _COLUMNS_PER_TILE)
        for row in range(first, last):
            fold_some(x, row * size * inner, size, inner, begin, end, out, row * inner)

    yield reduce


def reduced_axes(node: Node, rank: int, axes: np.ndarray) -> tuple[int, ...]:
    """The axes as sorted numbers in [0, rank); each may be named once."""
    named = [int(axis) for axis in np.asarray(axes).reshape(-1)]
    for axis in named:
        require(-rank <= axis < rank, node, f"axis {axis}", f"for {rank} dimensions it must be in [{-rank}, {rank})")
    chosen = sorted({axis % rank for axis in named})
    require(len(chosen) == len(named), node, f"axes {named}", "each axis may be given once")
    return tuple(chosen)


def _infer_reduction(node: Node, x: Operand, axes: Operand) -> Spec:
    chosen = reduced_axes(node, len(x.shape), axes.known())
    if node.attrs["keep_dims"]:
        return Spec(x.dtype, tuple(1 if axis in chosen else size for axis, size in enumerate(x.shape)))
    return Spec(x.dtype, tuple(size for axis, size in enumerate(x.shape) if axis not in chosen))


def _runs(shape: Sequence[int], axes: Sequence[int]) -> list[tuple[int, bool]]:
    """(size, is reduced) of the fewest axes with the same effect."""
    runs: list[tuple[int, bool]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        if runs and runs[-1][1] == (axis in axes):
            runs[-1] = runs[-1][0] * size, runs[-1][1]
        else:
            runs.append((size, axis in axes))
    return runs


def lower_fold(combination: str, finish: str, x: Operand, axes: Sequence[int], out: Operand, emit: Emit) -> Any:
    """One kernel call for each run of reduced axes, the last run first."""
    runs = _runs(x.shape, axes)
    if not any(is_reduced for _, is_reduced in runs):
        runs = [*runs, (1, True)]
    source, dtype = x, np.dtype(x.dtype.name)
    count = int(np.prod([size for size, is_reduced in runs if is_reduced]))
    while any(is_reduced for _, is_reduced in runs):
        at = max(index for index, (_, is_reduced) in enumerate(runs) if is_reduced)
        size = runs[at][0]
        outer = int(np.prod([size for size, _ in runs[:at]]))
        inner = int(np.prod([size for size, _ in runs[at + 1 :]]))
        runs = [*runs[:at], *runs[at + 1 :]]
        tiles = max(1, outer * size * inner // _ELEMENTS_PER_TILE)
        if inner > 1 and dtype.kind == "f":
            parts = _parts(outer, size, inner, tiles)
            if parts > 1:  # of the run, as if it were two
                runs.insert(at, (parts, True))
                outer, size = outer * parts, size // parts
        is_last = not any(is_reduced for _, is_reduced in runs)
        target = out if is_last else emit.scratch(dtype, (outer * inner,))
        # the mean of several runs is the mean of the means
        step_finish = finish if is_last or finish == "mean" else "none"
        if finish == "mean" and dtype.kind != "f" and size != count:
            return NotImplemented  # of integers it is not
        arguments = f"{combination},{step_finish},{dtype.name}"
        if inner == 1:
            emit.kernel(f"reduce_rows<{arguments}>", source, outer, size, target, tiles=min(tiles, max(1, outer)))
        else:
            most = outer if outer >= tiles else max(outer, inner // _COLUMNS_PER_TILE, 1)
            emit.kernel(f"reduce_columns<{arguments}>", source, outer, size, inner, target, tiles=min(tiles, most))
        source = target
        combination = "sum" if combination == "sum_of_squares" else combination
    return None


def _parts(outer: int, size: int, inner: int, tiles: int) -> int:
    """Into how many equal parts to cut a run of `size` rows, so that there is work for several threads."""
    if max(outer, inner // _COLUMNS_PER_TILE) >= min(tiles, _MOST_PARTS):
        return 1
    return max(parts for parts in range(1, min(_MOST_PARTS, tiles) + 1) if size % parts == 0)


def _lower_small_mean(x: Operand, axes: Sequence[int], out: Operand, emit: Emit) -> Any:
    """The mean of integers below 32 bits, which add up in 64."""
    kind = "int64" if x.dtype.name.startswith("int") else "uint64"
    wide = emit.scratch(np.dtype(kind), x.shape)
    mean = emit.scratch(np.dtype(kind), out.shape)
    lower_expression(f"cast_{kind}(a0)", [x], wide, emit)
    if lower_fold("sum", "mean", wide, axes, mean, emit) is NotImplemented:
        return NotImplemented
    return lower_expression(f"cast_{out.dtype.name}(a0)", [mean], out, emit)


def _is_float(x: Operand) -> bool:
    return getattr(x.dtype, "name", "") in functions.FLOATS


def _lower_norm(x: Operand, axes: Sequence[int], out: Operand, emit: Emit) -> Any:
    """Of integers, whose squares' sum wraps around, and of complex numbers, by their parts."""
    if is_complex(x.dtype):
        pairs = as_pairs(x)
        norm, zero = (emit.scratch(pairs.dtype, out.shape) for _ in range(2))
        if lower_fold("sum_of_squares", "sqrt", pairs, [*axes, len(x.shape)], norm, emit) is NotImplemented:
            return NotImplemented
        lower_expression("mul_no_nan(a0,0.0)", [norm], zero, emit)
        return join(norm, zero, out, emit)
    if getattr(x.dtype, "name", "") not in NUMBERS:
        return NotImplemented
    total = emit.scratch(x.dtype, out.shape)
    if lower_fold("sum_of_squares", "none", x, axes, total, emit) is NotImplemented:
        return NotImplemented
    return lower_expression(f"cast_{x.dtype.name}(sqrt(cast_float64(a0)))", [total], out, emit)


def _register_reduction(
    op: str, combination: str, finish: str, dtypes: Sequence[str], reference: Callable[..., Any]
) -> None:
    def compute(node: Node, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
        chosen = reduced_axes(node, x.ndim, axes)
        with np.errstate(all="ignore"):
            result = reference(x, axis=chosen, keepdims=bool(node.attrs["keep_dims"]))
        return np.asarray(result).astype(x.dtype, copy=False)

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        (x, axes), (out,) = operands, outputs
        assert axes.value is not None
        chosen = reduced_axes(node, len(x.shape), axes.value)
        if is_complex(x.dtype) and combination == "sum":
            return lower_fold(combination, finish, as_pairs(x), chosen, as_pairs(out), emit)
        if combination == "sum_of_squares" and finish == "sqrt" and not _is_float(x):
            return _lower_norm(x, chosen, out, emit)
        if getattr(x.dtype, "name", "") not in dtypes:
            return NotImplemented
        if finish == "mean" and x.dtype.name in ("int8", "int16", "uint8", "uint16"):
            return _lower_small_mean(x, chosen, outputs[0], emit)
        return lower_fold(combination, finish, x, chosen, outputs[0], emit)

    register(op, infer=_infer_reduction, reference=compute, lower=lower)


def _wide(x: np.ndarray) -> Any:
    """The dtype in which a reference adds up: float64 for floats; integers wrap in their own."""
    return np.dtype(np.float64) if x.dtype.kind not in "iubc" else x.dtype


def _sum(x: np.ndarray, axis: Any, keepdims: bool) -> Any:
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=_wide(x))


def _mean(x: np.ndarray, axis: Any, keepdims: bool) -> Any:
    """Integers: the sum, which wraps from 32 bits on, divided and cut towards zero."""
    if x.dtype.kind in "iu" and x.dtype.itemsize < 4:
        x = x.astype(np.int64)
    total = _sum(x, axis, keepdims)
    count = int(np.prod([x.shape[one] for one in axis]))
    if x.dtype.kind in "iu":
        return np.trunc(np.asarray(total, np.longdouble) / max(1, count)).astype(x.dtype)
    return total / np.float64(count) if x.dtype.kind != "c" else total / x.dtype.type(count)


def _extreme(function: Any, limit: Callable[[str], Any]) -> Callable[..., Any]:
    def reference(x: np.ndarray, axis: Any, keepdims: bool) -> Any:
        name = x.dtype.name if x.dtype.kind in "iu" else "float64"
        return function(x, axis=axis, keepdims=keepdims, initial=x.dtype.type(limit(name)))

    return reference


def _norm(x: np.ndarray, axis: Any, keepdims: bool) -> Any:
    if x.dtype.kind in "iu":
        total = np.sum(np.square(x), axis=axis, keepdims=keepdims, dtype=x.dtype)
        return functions.convert(np.sqrt(total.astype(np.float64)), x.dtype)
    squares = np.square(np.abs(x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)))
    return np.sqrt(np.sum(squares, axis=axis, keepdims=keepdims))


_register_reduction("Sum", "sum", "none", NUMBERS, _sum)
_register_reduction("Mean", "sum", "mean", NUMBERS, _mean)
_register_reduction(
    "Prod", "prod", "none", NUMBERS, lambda x, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
)
_register_reduction("Max", "max", "none", NUMBERS, _extreme(np.max, _least))
_register_reduction("Min", "min", "none", NUMBERS, _extreme(np.min, _greatest))
_register_reduction("All", "all", "none", ("bool",), np.all)
_register_reduction("Any", "any", "none", ("bool",), np.any)
_register_reduction("EuclideanNorm", "sum_of_squares", "sqrt", ("float32", "float64"), _norm)


def _infer_l2_loss(node: Node, x: Operand) -> Spec:
    return Spec(x.dtype, ())


def _l2_loss(node: Node, x: np.ndarray) -> np.ndarray:
    """sum(x^2) / 2."""
    return np.asarray(np.sum(np.square(x.astype(np.float64))) / 2).astype(x.dtype)


def _lower_l2_loss(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,) = operands
    if getattr(x.dtype, "name", "") not in ("float32", "float64"):
        return NotImplemented
    return lower_fold("sum_of_squares", "half", x, range(len(x.shape)), outputs[0], emit)


register("L2Loss", infer=_infer_l2_loss, reference=_l2_loss, lower=_lower_l2_loss)


# ---- ArgMax, ArgMin


@kernel_family("arg_extreme")
def arg_extreme(extreme: str, dtype: str, index_dtype: str) -> Iterator[Any]:
    """out[o, i] = the first r at which x[o, r, i] is largest (smallest), shape [outer, size, inner].

    NaN is never larger; a column of nothing but NaN and the least number gives 0, as TensorFlow's comparisons do.
    """
    yield f"{dtype}[:] x, int64 outer, int64 size, int64 inner, {index_dtype}[:] out"
    is_max = extreme == "max"
    kind = np.dtype(dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    start = kind.type(limits.min if is_max else limits.max)

    def search(x, outer, size, inner, out, worker, workers):  # type: ignore[no-untyped-def]
        count = outer * inner
        for place in range(count * worker // workers, count * (worker + 1) // workers):
            at = (place // inner) * size * inner + place % inner
            best, best_index = start, 0
            for index in range(size):
                value = x[np.uint64(at + index * inner)]
                if (is_max and value > best) or (not is_max and value < best):
                    best, best_index = value, index
            out[place] = best_index

    yield search


def _arg_axis(node: Node, x: Sequence[int], axis: np.ndarray) -> int:
    require(np.size(axis) == 1, node, f"{np.size(axis)} axes", "one axis")
    (chosen,) = reduced_axes(node, len(x), axis)
    require(
        x[chosen] > 0, node, f"axis {chosen} of size 0 in shape {tuple(x)}", "there must be something to choose from"
    )
    return chosen


def _infer_arg(node: Node, x: Operand, axis: Operand) -> Spec:
    chosen = _arg_axis(node, x.shape, axis.known())
    return Spec(node.attrs["output_type"], (*x.shape[:chosen], *x.shape[chosen + 1 :]))


def _register_arg(op: str, extreme: str) -> None:
    def reference(node: Node, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
        chosen = _arg_axis(node, x.shape, axis)
        if x.dtype.kind == "f":
            limits = np.finfo(x.dtype)
            x = np.fmax(x, limits.min) if extreme == "max" else np.fmin(x, limits.max)  # the limit in place of NaN
        found = np.argmax(x, axis=chosen) if extreme == "max" else np.argmin(x, axis=chosen)
        return np.asarray(found).astype(node.attrs["output_type"])

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        (x, axis), (out,) = operands, outputs
        if x.dtype == _BOOL:
            x = replace(x, dtype=np.dtype(np.uint8))
        if getattr(x.dtype, "name", "") not in NUMBERS:
            return NotImplemented
        assert axis.value is not None
        chosen = _arg_axis(node, x.shape, axis.value)
        outer, inner = int(np.prod(x.shape[:chosen])), int(np.prod(x.shape[chosen + 1 :]))
        tiles = max(1, int(np.prod(x.shape)) // _ELEMENTS_PER_TILE)
        emit.kernel(
            f"arg_extreme<{extreme},{x.dtype.name},{out.dtype.name}>",
            x,
            outer,
            x.shape[chosen],
            inner,
            out,
            tiles=tiles,
        )
        return None

    register(op, infer=_infer_arg, reference=reference, lower=lower)


_register_arg("ArgMax", "max")
_register_arg("ArgMin", "min")
