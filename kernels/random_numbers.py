"""Kernels of the stateless random ops: numbers from a Philox stream, as `edgeload.kernels.philox` computes them.

Each group of numbers has its own blocks of the stream, so that the numbers do not depend on how the work is split.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.functions import HALVES
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.registry import Emit, Operand

PHILOX, AUTOMATIC = 1, 3
_UINT64, _INT32, _FLOAT32 = np.dtype(np.uint64), np.dtype(np.int32), np.dtype(np.float32)
_ERRORS = {
    1: "on a CPU random numbers are made by Philox (algorithm 1, or 3 for the default): create the generator with "
    "alg='philox'",
    2: "Need minval < maxval",
}
_ITEMS_PER_TILE = 1 << 11
_RESERVED_WORDS = 64  # blocks for each number of a truncated distribution, in a group of four
_FRACTION_BITS = {"uniform": 23, "uniform_float16": 10, "uniform_bfloat16": 7}
# of kernels/philox.py, as numbers that stay uint64 in products
_FIRST, _SECOND = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_FIRST_WEYL, _SECOND_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_SEED_KEY = np.uint64(0x02461E293EC8F720)
_SMALLEST, _TRUNCATED_AT = 1.0e-7, 2.0


@kernel_family("philox", errors=_ERRORS)
def philox(distribution: str, dtype: str) -> Iterator[Any]:
    """out[i] = number i of the stream at counter[0] + counter[1] 2^64 with key[0], under a distribution: "uniform" in
    [0, 1), with "uniform_float16" and "uniform_bfloat16" of as many bits as those have; "normal"; "truncated" normal;
    "integers", of all bits; integers "between" low[0] and high[0].

    Group g of numbers begins at block g, of a truncated distribution at block g * group * 64: there, more blocks follow
    until there are enough numbers.
    """
    yield f"uint64[:] key, uint64[:] counter, int32[:] algorithm, {dtype}[:] low, {dtype}[:] high, {dtype}[:] out"
    from edgeload.kernels.simd import scalar_function

    log, sin, cos, sqrt = (scalar_function(f"{name}(a0)") for name in ("log", "sin", "cos", "sqrt"))
    is_wide = np.dtype(dtype).itemsize == 8
    group = 2 if is_wide else 4
    is_truncated, is_between = distribution == "truncated", distribution == "between"
    is_uniform, is_integer = distribution.startswith("uniform"), distribution in ("integers", "between")
    blocks_per_group = np.uint64(group * _RESERVED_WORDS if is_truncated else 1)
    bits = _FRACTION_BITS.get(distribution, 23)
    mask, step = np.uint64((1 << bits) - 1), np.float32(2.0**-bits)
    wide_mask, wide_step = np.uint64((1 << 52) - 1), 2.0**-52
    single, single_mask, single_step = np.float32, np.uint64((1 << 23) - 1), np.float32(2.0**-23)
    smallest = np.float32(_SMALLEST)

    def run(key, counter, algorithm, low, high, out, worker, workers):  # type: ignore[no-untyped-def]
        if algorithm[0] != PHILOX and algorithm[0] != AUTOMATIC:
            return 1
        least, span = np.uint64(0), np.uint64(1)
        if is_between:
            if out.size > 0 and not low[0] < high[0]:
                return 2
            least = np.uint64(np.int64(low[0]))
            span = np.uint64(np.int64(high[0])) - least
        count = out.size
        groups = (count + group - 1) // group
        for item in range(groups * worker // workers, groups * (worker + 1) // workers):
            found = 0
            offset = np.uint64(item) * blocks_per_group
            while found < group:
                below = counter[0] + offset
                above = counter[1] + np.uint64(1) if below < offset else counter[1]
                offset += np.uint64(1)
                a, b, c, d = below & _LOW, below >> _SHIFT, above & _LOW, above >> _SHIFT
                first, second = key[0] & _LOW, key[0] >> _SHIFT
                for _ in range(10):
                    product, other = a * _FIRST, c * _SECOND
                    a, b = (other >> _SHIFT) ^ b ^ first, other & _LOW
                    c, d = (product >> _SHIFT) ^ d ^ second, product & _LOW
                    first, second = (first + _FIRST_WEYL) & _LOW, (second + _SECOND_WEYL) & _LOW
                for number in range(group):
                    at = item * group + found
                    if is_wide:
                        pair = a | b << _SHIFT if number == 0 else c | d << _SHIFT
                        if is_integer:
                            if at < count:
                                out[at] = least + pair % span if is_between else pair
                            found += 1
                            continue
                        if is_uniform:
                            fraction = (a << _SHIFT | b if number == 0 else c << _SHIFT | d) & wide_mask
                            if at < count:
                                out[at] = np.float64(fraction) * wide_step
                            found += 1
                            continue
                        u = max(np.float64((a << _SHIFT | b) & wide_mask) * wide_step, _SMALLEST)
                        angle = 2 * np.pi * (np.float64((c << _SHIFT | d) & wide_mask) * wide_step)
                        radius = sqrt(-2.0 * log(u))
                        normal = (sin(angle) if number == 0 else cos(angle)) * radius
                        if is_truncated and not abs(normal) < _TRUNCATED_AT:
                            continue
                        if found < group and at < count:
                            out[at] = normal
                        found += 1
                    else:
                        word = a if number == 0 else b if number == 1 else c if number == 2 else d
                        if is_integer:
                            if at < count:
                                out[at] = least + word % span if is_between else word
                            found += 1
                            continue
                        if is_uniform:
                            if at < count:
                                out[at] = single(word & mask) * step
                            found += 1
                            continue
                        of_radius, of_angle = (a, b) if number < 2 else (c, d)
                        u = max(single(of_radius & single_mask) * single_step, smallest)
                        turns = np.float64(of_angle & single_mask) * np.float64(single_step)
                        angle = np.float64(single(2 * np.pi * turns))
                        radius = sqrt(single(-2) * single(log(np.float64(u))))
                        normal = single(sin(angle) if number % 2 == 0 else cos(angle)) * radius
                        if is_truncated and not abs(normal) < _TRUNCATED_AT:
                            continue
                        if found < group and at < count:
                            out[at] = normal
                        found += 1
        return 0

    yield run


@kernel("I[:] seed, uint64[:] key, uint64[:] counter", I=("int32", "int64"))
def philox_seed(seed, key, counter, worker, workers):  # type: ignore[no-untyped-def]
    """The key [1] and counter [2] of a stateless op's seed [2]: the block at the seed, with a fixed key."""
    below, above = np.uint64(np.int64(seed[0])), np.uint64(np.int64(seed[1]))
    a, b, c, d = below & _LOW, below >> _SHIFT, above & _LOW, above >> _SHIFT
    first, second = _SEED_KEY & _LOW, _SEED_KEY >> _SHIFT
    for _ in range(10):
        product, other = a * _FIRST, c * _SECOND
        a, b = (other >> _SHIFT) ^ b ^ first, other & _LOW
        c, d = (product >> _SHIFT) ^ d ^ second, product & _LOW
        first, second = (first + _FIRST_WEYL) & _LOW, (second + _SECOND_WEYL) & _LOW
    key[0] = a | b << _SHIFT
    counter[0] = np.uint64(0)
    counter[1] = c | d << _SHIFT


def emit_seed(seed: Operand, key: Operand, counter: Operand, emit: Emit) -> None:
    """The stream of a seed [2]."""
    emit.kernel(f"philox_seed<{seed.dtype}>", seed, key, counter)


def algorithm_constant(emit: Emit) -> Operand:
    return emit.constant(("philox algorithm",), lambda: np.array(PHILOX, np.int32))


def stream_of(source: list[Operand], emit: Emit) -> list[Operand]:
    """key, counter and algorithm: given, or following from a seed."""
    if len(source) != 1:
        return source
    key, counter = emit.scratch(_UINT64, (1,)), emit.scratch(_UINT64, (2,))
    emit_seed(source[0], key, counter, emit)
    return [key, counter, algorithm_constant(emit)]


def emit_numbers(
    distribution: str, source: list[Operand], out: Operand, emit: Emit, ends: tuple[Operand, Operand] | None = None
) -> Any:
    """Fill `out` from a stream, which `source` gives. float16 and bfloat16 are float32, rounded; uniform ones are
    made with fewer bits, so that nothing is."""
    name = out.dtype.name
    if name in HALVES:
        wide = emit.scratch(_FLOAT32, out.shape)
        emit_numbers(f"uniform_{name}" if distribution == "uniform" else distribution, source, wide, emit)
        return lower_expression(f"cast_{name}(a0)", [wide], out, emit)
    zero = emit.constant(("zero", name), lambda: np.zeros((), out.dtype))
    items = max(1, math.prod(out.shape) // 4)
    tiles = max(1, items // _ITEMS_PER_TILE)
    emit.kernel(f"philox<{distribution},{name}>", *stream_of(source, emit), *(ends or (zero, zero)), out, tiles=tiles)
    return None
