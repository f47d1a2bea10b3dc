"""The kernel of Fourier transforms, along one axis at a time.

    out[k] = sum over j of x[j] exp(-2 pi i j k / n)        (forward; backward with +2 pi i, and divided by n)

Stockham's form of the mixed-radix transform: every pass reads one pair of planes (real and imaginary parts) and writes
the other, in the order in which the next one reads. `wide` lines are transformed side by side, so that all inner loops
run over neighbours in memory. The transform of n real numbers, n even, is that of n / 2 complex ones and a last step:
C. Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, sections 1.7 and 4.3.

Twiddle factors are computed in float64. A length with a prime factor larger than LARGEST_PRIME has no kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeload.kernels.complex_planes import as_pairs, is_complex
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import TAPS, pieces
from edgeload.kernels.registry import Emit, Operand

LARGEST_PRIME = 127  # a pass of radix r costs r multiply-adds an element; beyond, a host step is faster by far
_RADICES = (4, 2, 3, 5)  # with butterflies of their own
_WIDE = 8  # lines side by side
_MOST_PIECES = 8  # each has planes of its own
_INT32 = np.dtype(np.int32)


def radices(n: int) -> list[int] | None:
    """The factors of n in the order of the passes; None where one is too large a prime."""
    found: list[int] = []
    for radix in (*_RADICES, *range(7, LARGEST_PRIME + 1, 2)):
        while n % radix == 0:
            found.append(radix)
            n //= radix
    return found if n == 1 else None


def _roots(n: int, powers: Any) -> np.ndarray:
    """exp(-2 pi i power / n) as pairs of float64, exact at the four quarters of the circle."""
    powers = np.asarray(powers, np.int64) % n
    angles = -2 * np.pi * powers / n
    pairs = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    pairs[(4 * powers) % n == 0] = np.rint(pairs[(4 * powers) % n == 0])
    return pairs.reshape(-1)


def _table(size: int, length: int, dtype: Any) -> np.ndarray:
    """For each pass, of radix r over m groups: exp(-2 pi i p k / (r m)) for p < m, 1 <= k < r; before these, if r has
    no butterfly of its own, its r roots. At the end exp(-2 pi i k / length), k <= size, where length is twice size."""
    parts, left = [], size
    for radix in radices(size) or []:
        if radix not in _RADICES:
            parts.append(_roots(radix, np.arange(radix)))
        parts.append(_roots(left, np.outer(np.arange(left // radix), np.arange(1, radix))))
        left //= radix
    if length != size:
        parts.append(_roots(length, np.arange(size + 1)))
    return np.concatenate([*parts, np.zeros(2)]).astype(dtype)


def _butterfly(radix: int) -> Any:
    """`f(planes, re, im, step, to_re, to_im, to_step, count, twiddles, at)`: for q < count, of the `radix` numbers at
    re + q, re + step + q, ... the transform, times 1 and the radix - 1 twiddles, to to_re + q, to_re + to_step + q, ...
    """
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    from edgeload.kernels.lanes import load, loop, splat, store
    from edgeload.kernels.simd import data_pointer, lanes_of, offset_by

    @intrinsic
    def butterfly(
        typing: Any, planes: Any, re: Any, im: Any, step: Any, to_re: Any, to_im: Any, to_step: Any, count: Any,
        twiddles: Any, at: Any,
    ) -> Any:  # fmt: skip
        kind = planes.dtype.name

        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            plane_array, re, im, step, to_re, to_im, to_step, count, twiddle_array, at = arguments
            base = data_pointer(context, builder, planes, plane_array)
            table = offset_by(builder, data_pointer(context, builder, twiddles, twiddle_array), kind, at)

            def places(start: Any, step: Any) -> list[Any]:
                found = [start]
                for _ in range(1, radix):
                    found.append(builder.add(found[-1], step))
                return [offset_by(builder, base, kind, place) for place in found]

            sources = list(zip(places(re, step), places(im, step), strict=True))
            targets = list(zip(places(to_re, to_step), places(to_im, to_step), strict=True))
            factors = [
                load(builder, offset_by(builder, table, kind, ir.Constant(ir.IntType(64), number)), kind, 1)
                for number in range(2 * (radix - 1))
            ]

            def numbers(index: Any, width: int) -> list[Any]:
                x = [
                    _Complex(*(load(builder, offset_by(builder, part, kind, index), kind, width) for part in pair))
                    for pair in sources
                ]
                for number, (value, pair) in enumerate(zip(_TRANSFORMS[radix](x), targets, strict=True)):
                    if number:
                        value = value * _Complex(*(splat(part, width) for part in factors[2 * number - 2 : 2 * number]))
                    store(value.re, offset_by(builder, pair[0], kind, index))
                    store(value.im, offset_by(builder, pair[1], kind, index))
                return []

            width = lanes_of(context, kind)
            whole = builder.sub(count, builder.srem(count, ir.Constant(ir.IntType(64), width)))
            loop(builder, ir.Constant(ir.IntType(64), 0), whole, width, lambda index: numbers(index, width), [])
            loop(builder, whole, count, 1, lambda index: numbers(index, 1), [])
            return context.get_dummy_value()

        return types.void(planes, *([types.int64] * 7), twiddles, types.int64), write

    return butterfly


class _Complex:
    """Real and imaginary `Lanes`."""

    def __init__(self, re: Any, im: Any) -> None:
        self.re, self.im = re, im

    def __add__(self, other: _Complex) -> _Complex:
        return _Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: _Complex) -> _Complex:
        return _Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, other: _Complex) -> _Complex:
        return _Complex(self.re.fma(other.re, -(self.im * other.im)), self.re.fma(other.im, self.im * other.re))

    def times(self, number: float) -> _Complex:
        return _Complex(self.re * number, self.im * number)

    def turned(self) -> _Complex:
        """Times -i."""
        return _Complex(self.im, -self.re)


def _of_two(x: list[_Complex]) -> list[_Complex]:
    return [x[0] + x[1], x[0] - x[1]]


def _of_three(x: list[_Complex]) -> list[_Complex]:
    total = x[1] + x[2]
    middle = x[0] - total.times(0.5)
    turned = (x[1] - x[2]).times(math.sin(math.pi / 3)).turned()
    return [x[0] + total, middle + turned, middle - turned]


def _of_four(x: list[_Complex]) -> list[_Complex]:
    even, odd = _of_two([x[0], x[2]]), _of_two([x[1], x[3]])
    turned = odd[1].turned()
    return [even[0] + odd[0], even[1] + turned, even[0] - odd[0], even[1] - turned]


def _of_five(x: list[_Complex]) -> list[_Complex]:
    (cos_1, cos_2), (sin_1, sin_2) = ([f(2 * math.pi * k / 5) for k in (1, 2)] for f in (math.cos, math.sin))
    (near, near_turn), (far, far_turn) = _of_two([x[1], x[4]]), _of_two([x[2], x[3]])
    first, second = x[0] + near.times(cos_1) + far.times(cos_2), x[0] + near.times(cos_2) + far.times(cos_1)
    turn_1 = (near_turn.times(sin_1) + far_turn.times(sin_2)).turned()
    turn_2 = (near_turn.times(sin_2) - far_turn.times(sin_1)).turned()
    return [x[0] + near + far, first + turn_1, second + turn_2, second - turn_2, first - turn_1]


_TRANSFORMS = {2: _of_two, 3: _of_three, 4: _of_four, 5: _of_five}


@kernel_family("fourier")
def fourier(form: str, dtype: str) -> Iterator[Any]:
    """Transform `lines` lines of `length` numbers; line l = (o, c) of [.., inner] lies at x[o, :, c], out likewise.

    `form` "complex": pairs of numbers to pairs; "real": numbers to the pairs of the first half of the spectrum, up to
    length // 2; "to_real": these to numbers, where the imaginary parts of the first and (length even) the last pair
    count as 0. A backward transform is a forward one with real and imaginary parts changed, before and behind. x has
    `in_length` along the axis, what is beyond is not read. `size` is how many complex numbers are transformed: length,
    or half of it in the forms of real numbers where it is even. planes [workers, 4, size, wide].
    """
    yield (
        f"{dtype}[:] x, int64 lines, int64 inner, int64 in_length, int64 length, int64 size, int64 is_backward, "
        f"{dtype} scale, int64 wide, int32[:] radices, {dtype}[:] twiddles, {dtype}[:] planes, {dtype}[:] out"
    )
    radix_2, radix_3, radix_4, radix_5 = (_butterfly(radix) for radix in (2, 3, 4, 5))
    is_complex, is_real = form == "complex", form == "real"
    half, one, zero = (np.dtype(dtype).type(number) for number in (0.5, 1, 0))

    def run(  # type: ignore[no-untyped-def]
        x, lines, inner, in_length, length, size, is_backward, scale, wide, radices, twiddles, planes, out, worker,
        workers
    ):  # fmt: skip
        plane = size * wide
        start = worker * 4 * plane
        is_halved = size != length
        roots = twiddles.size - 2 * (size + 2)
        bins = length // 2 + 1
        blocks = (lines + wide - 1) // wide
        for block in range(blocks * worker // workers, blocks * (worker + 1) // workers):
            re, im = start, start + plane
            if is_backward:
                re, im = im, re
            for v in range(wide):
                line = block * wide + v
                if line >= lines:
                    for i in range(size):
                        planes[np.uint64(re + i * wide + v)] = zero
                        planes[np.uint64(im + i * wide + v)] = zero
                elif is_complex:
                    source = (line // inner * in_length * inner + line % inner) * 2
                    for i in range(size):
                        planes[np.uint64(re + i * wide + v)] = x[np.uint64(source + 2 * i * inner)]
                        planes[np.uint64(im + i * wide + v)] = x[np.uint64(source + 2 * i * inner + 1)]
                elif is_real:
                    source = line * in_length
                    for i in range(size):
                        if is_halved:
                            planes[np.uint64(re + i * wide + v)] = x[np.uint64(source + 2 * i)]
                            planes[np.uint64(im + i * wide + v)] = x[np.uint64(source + 2 * i + 1)]
                        else:
                            planes[np.uint64(re + i * wide + v)] = x[np.uint64(source + i)]
                            planes[np.uint64(im + i * wide + v)] = zero
                else:
                    source = line * in_length * 2
                    for i in range(bins if not is_halved else size):
                        a, b = x[np.uint64(source + 2 * i)], x[np.uint64(source + 2 * i + 1)]
                        if i == 0:
                            b = zero
                        if is_halved:
                            # even and odd numbers' spectra, the second times i
                            c = x[np.uint64(source + 2 * (size - i))]
                            d = -x[np.uint64(source + 2 * (size - i) + 1)]
                            if i == 0:
                                d = zero
                            u, w = twiddles[np.uint64(roots + 2 * i)], -twiddles[np.uint64(roots + 2 * i + 1)]
                            odd_re, odd_im = (a - c) * u - (b - d) * w, (a - c) * w + (b - d) * u
                            a, b = (a + c) - odd_im, (b + d) + odd_re
                        elif i > 0:
                            planes[np.uint64(re + (size - i) * wide + v)] = a
                            planes[np.uint64(im + (size - i) * wide + v)] = -b
                        planes[np.uint64(re + i * wide + v)] = a
                        planes[np.uint64(im + i * wide + v)] = b
            source, target, groups, stride, table = start, start + 2 * plane, size, wide, 0
            for number in range(radices.size):
                radix = np.int64(radices[number])
                groups //= radix
                step = groups * stride
                own_roots = table
                if radix > 5:
                    table += 2 * radix
                for p in range(groups):
                    come, go = source + p * stride, target + p * radix * stride
                    factors = table + 2 * (radix - 1) * p
                    if radix == 4:
                        radix_4(planes, come, come + plane, step, go, go + plane, stride, stride, twiddles, factors)
                    elif radix == 2:
                        radix_2(planes, come, come + plane, step, go, go + plane, stride, stride, twiddles, factors)
                    elif radix == 3:
                        radix_3(planes, come, come + plane, step, go, go + plane, stride, stride, twiddles, factors)
                    elif radix == 5:
                        radix_5(planes, come, come + plane, step, go, go + plane, stride, stride, twiddles, factors)
                    else:
                        for k in range(radix):
                            to = go + k * stride
                            for q in range(stride):
                                planes[np.uint64(to + q)] = planes[np.uint64(come + q)]
                                planes[np.uint64(to + plane + q)] = planes[np.uint64(come + plane + q)]
                            for j in range(1, radix):
                                root = own_roots + 2 * (j * k % radix)
                                u, w = twiddles[np.uint64(root)], twiddles[np.uint64(root + 1)]
                                at = come + j * step
                                for q in range(stride):
                                    a, b = planes[np.uint64(at + q)], planes[np.uint64(at + plane + q)]
                                    planes[np.uint64(to + q)] += a * u - b * w
                                    planes[np.uint64(to + plane + q)] += a * w + b * u
                            if k > 0:
                                u = twiddles[np.uint64(factors + 2 * k - 2)]
                                w = twiddles[np.uint64(factors + 2 * k - 1)]
                                for q in range(stride):
                                    a, b = planes[np.uint64(to + q)], planes[np.uint64(to + plane + q)]
                                    planes[np.uint64(to + q)] = a * u - b * w
                                    planes[np.uint64(to + plane + q)] = a * w + b * u
                table += 2 * (radix - 1) * groups
                stride *= radix
                source, target = target, source
            re, im = source, source + plane
            if is_backward:
                re, im = im, re
            for v in range(min(wide, lines - block * wide)):
                line = block * wide + v
                if is_complex:
                    target = (line // inner * length * inner + line % inner) * 2
                    for i in range(size):
                        out[np.uint64(target + 2 * i * inner)] = planes[np.uint64(re + i * wide + v)] * scale
                        out[np.uint64(target + 2 * i * inner + 1)] = planes[np.uint64(im + i * wide + v)] * scale
                elif not is_real:
                    target = line * length
                    for i in range(size):
                        if is_halved:
                            out[np.uint64(target + 2 * i)] = planes[np.uint64(re + i * wide + v)] * scale
                            out[np.uint64(target + 2 * i + 1)] = planes[np.uint64(im + i * wide + v)] * scale
                        else:
                            out[np.uint64(target + i)] = planes[np.uint64(re + i * wide + v)] * scale
                else:
                    target = line * bins * 2
                    for i in range(bins):
                        at = i * wide + v
                        if is_halved:
                            at = (i if i < size else 0) * wide + v
                        a, b = planes[np.uint64(re + at)], planes[np.uint64(im + at)]
                        if is_halved:
                            mirror = (size - i if i > 0 else 0) * wide + v
                            c, d = planes[np.uint64(re + mirror)], planes[np.uint64(im + mirror)]
                            u, w = twiddles[np.uint64(roots + 2 * i)], twiddles[np.uint64(roots + 2 * i + 1)]
                            odd_re, odd_im = a - c, b + d
                            a, b = (a + c) + (w * odd_re + u * odd_im), (b - d) + (w * odd_im - u * odd_re)
                            a, b = half * a, half * b
                        out[np.uint64(target + 2 * i)] = a
                        out[np.uint64(target + 2 * i + 1)] = b if i > 0 and 2 * i != length else zero

    yield run


def emit_transform(emit: Emit, x: Operand, axis: int, length: int, out: Operand, *, is_backward: bool = False) -> Any:
    """Transform along one axis, the last one if x or out is of real numbers; NotImplemented for some lengths."""
    form = "complex" if is_complex(x.dtype) and is_complex(out.dtype) else "to_real" if is_complex(x.dtype) else "real"
    size = length // 2 if form != "complex" and length % 2 == 0 else length
    factors = radices(size)
    if factors is None:
        return NotImplemented
    inner = math.prod(x.shape[axis:][1:])
    lines = math.prod(x.shape[:axis]) * inner
    planes, results = (as_pairs(part) if is_complex(part.dtype) else part for part in (x, out))
    dtype = planes.dtype
    passes = emit.constant(("fourier radices", size), lambda: np.array(factors, _INT32))
    table = emit.constant(("fourier", size, length, dtype.name), partial(_table, size, length, dtype))
    wide = min(_WIDE, 1 << (lines - 1).bit_length())
    blocks = -(-lines // wide)
    tiles = pieces(min(blocks, _MOST_PIECES), lines * size * sum(factors), TAPS)
    scratch = emit.scratch(dtype, (tiles, 4, size, wide))
    scale = 1.0 / length if is_backward else 1.0
    emit.kernel(
        f"fourier<{form},{dtype.name}>", planes, lines, inner, x.shape[axis], length, size, int(is_backward), scale,
        wide, passes, table, scratch, results, tiles=tiles,
    )  # fmt: skip
    return None


def emit_transforms(emit: Emit, x: Operand, lengths: Sequence[int], out: Operand, *, is_backward: bool = False) -> Any:
    """Transform along the last axes, as many as `lengths`: real numbers first, or last when going backward."""
    rank = len(x.shape)
    axes = list(range(rank - len(lengths), rank))
    for axis in axes if is_backward else reversed(axes):
        is_last_step = axis == (axes[-1] if is_backward else axes[0])
        shape = [*x.shape]
        shape[axis] = out.shape[axis]
        dtype: Any = x.dtype if is_complex(x.dtype) else out.dtype
        result = out if is_last_step else emit.scratch(dtype, tuple(shape))
        length = lengths[axis - axes[0]]
        if emit_transform(emit, x, axis, length, result, is_backward=is_backward) is NotImplemented:
            return NotImplemented
        x = result
    return None
