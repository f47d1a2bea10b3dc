"""Philox 4x32-10, the counter-based generator of TensorFlow's random ops, and the distributions made from its bits.

J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011. A stream is a key of 64 bits and a counter of 128;
block i of a stream is 4 words of 32 bits, a function of key and counter + i. The distributions take the words in
TensorFlow's order (xla/tsl/lib/random/random_distributions.h), so that equal seeds give equal numbers; logarithm, sine
and cosine are computed in float64 and rounded, which may differ from TensorFlow's in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_MASK_64, _MASK_128 = 2**64 - 1, 2**128 - 1
_WORDS = 4  # in one block
_FEW_BLOCKS = 8  # from here on arrays are as fast
_SEED_KEY = 0x02461E293EC8F720  # the key with which a seed is scrambled
RESERVED = 256  # blocks that TensorFlow's ops skip for each number they return


@dataclass(frozen=True)
class Stream:
    """A place in a stream: blocks are counted from `counter` on."""

    key: int
    counter: int

    def skip(self, blocks: int) -> Stream:
        return Stream(self.key, (self.counter + blocks) & _MASK_128)

    def words(self, count: int) -> np.ndarray:
        """The next `count` words, uint32."""
        blocks = -(-count // _WORDS)
        if blocks <= _FEW_BLOCKS:
            few = [word for i in range(blocks) for word in _block(self.key, self.counter + i & _MASK_128)]
            return np.array(few[:count], np.uint32)
        low = np.arange(blocks, dtype=np.uint64) + np.uint64(self.counter & _MASK_64)
        high = np.full(blocks, self.counter >> 64, np.uint64) + (low < np.uint64(self.counter & _MASK_64))
        return _blocks(self.key, low, high).reshape(-1)[:count]

    def words_at(self, starts: np.ndarray, blocks: int) -> np.ndarray:
        """[starts, 4 blocks] words: `blocks` blocks from each of the offsets (uint64, in blocks) on."""
        offsets = starts[:, None] + np.arange(blocks, dtype=np.uint64)
        low = offsets + np.uint64(self.counter & _MASK_64)
        high = np.full(low.shape, self.counter >> 64, np.uint64) + (low < offsets)
        return _blocks(self.key, low.reshape(-1), high.reshape(-1)).reshape(len(starts), -1)


def _block(key: int, counter: int) -> tuple[int, int, int, int]:
    """The words of one counter, as Python's integers: for few blocks ten times as fast as with arrays."""
    a, b = counter & 0xFFFFFFFF, counter >> 32 & 0xFFFFFFFF
    c, d = counter >> 64 & 0xFFFFFFFF, counter >> 96
    first, second = key & 0xFFFFFFFF, key >> 32
    for _ in range(_ROUNDS):
        product, other = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b = other >> 32 ^ b ^ first, other & 0xFFFFFFFF
        c, d = product >> 32 ^ d ^ second, product & 0xFFFFFFFF
        first, second = first + _WEYL[0] & 0xFFFFFFFF, second + _WEYL[1] & 0xFFFFFFFF
    return a, b, c, d


def _blocks(key: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """[n, 4] words of the counters high * 2^64 + low."""
    a, b, c, d = low & _LOW, low >> _SHIFT, high & _LOW, high >> _SHIFT
    first, second = key & 0xFFFFFFFF, key >> 32
    for _ in range(_ROUNDS):
        product, other = a * np.uint64(_MULTIPLIERS[0]), c * np.uint64(_MULTIPLIERS[1])
        a, b = (other >> _SHIFT) ^ b ^ np.uint64(first), other & _LOW
        c, d = (product >> _SHIFT) ^ d ^ np.uint64(second), product & _LOW
        first, second = (first + _WEYL[0]) & 0xFFFFFFFF, (second + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([a, b, c, d], axis=-1).astype(np.uint32)


def stream_of_seed(seed: int, seed2: int) -> Stream:
    """The stream of an op with attributes seed and seed2."""
    return Stream(seed & _MASK_64, (seed2 & _MASK_64) << 64)


def stream_of_seeds(seed: np.ndarray) -> Stream:
    """The stream of a stateless op: both seeds are scrambled first."""
    low, high = (int(one) & _MASK_64 for one in seed.reshape(-1))
    words = [int(word) for word in Stream(_SEED_KEY, high << 64 | low).words(_WORDS)]
    return Stream(words[1] << 32 | words[0], (words[3] << 32 | words[2]) << 64)


# ---- numbers from words


def _doubles(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """[0, 1) with 52 random bits."""
    mantissa = (high.astype(np.uint64) & np.uint64(0xFFFFF)) << _SHIFT | low
    return (mantissa | np.uint64(1023 << 52)).view(np.float64) - 1.0


def _floats(words: np.ndarray) -> np.ndarray:
    """[0, 1) with 23 random bits."""
    return (words & np.uint32(0x7FFFFF) | np.uint32(127 << 23)).view(np.float32) - np.float32(1)


def _pairs(words: np.ndarray) -> np.ndarray:
    """uint64 of two words each, the first one low."""
    return words[0::2] | words[1::2].astype(np.uint64) << _SHIFT


def uniform(stream: Stream, count: int, dtype: np.dtype) -> np.ndarray:
    """`count` floats in [0, 1)."""
    if dtype == np.float64:
        words = stream.words(2 * count)
        return _doubles(words[0::2], words[1::2])
    words = stream.words(count)
    if dtype == np.float32:
        return _floats(words)
    bits, exponent = (10, 15) if dtype == np.float16 else (7, 127)
    short = (words & np.uint32((1 << bits) - 1) | np.uint32(exponent << bits)).astype(np.uint16)
    return np.asarray(short.view(dtype) - dtype.type(1), dtype)


def integers(stream: Stream, count: int, dtype: np.dtype) -> np.ndarray:
    """`count` integers of 32 or 64 bits, all of which are as likely."""
    words = stream.words(count) if dtype.itemsize == 4 else _pairs(stream.words(2 * count))
    return words.view(dtype)


def integers_between(stream: Stream, count: int, dtype: np.dtype, low: int, high: int) -> np.ndarray:
    """`count` integers in [low, high): low + bits mod (high - low)."""
    unsigned = np.dtype(f"uint{8 * dtype.itemsize}")
    offsets = integers(stream, count, unsigned) % unsigned.type(high - low)
    return (offsets + np.array(low, dtype).view(unsigned)).view(dtype)


def _uniform_doubles(words: np.ndarray) -> np.ndarray:
    """[n, 4] words -> [n, 2] numbers in [0, 1)."""
    return np.stack([_doubles(words[:, 0], words[:, 1]), _doubles(words[:, 2], words[:, 3])], -1)


_SMALLEST = 1.0e-7  # of the uniform numbers whose logarithm is taken


def _normal_floats(words: np.ndarray) -> np.ndarray:
    """[n, 2] words -> [n, 2] normal numbers (G. Box and M. Muller, 1958), each step rounded to float32."""
    with np.errstate(all="ignore"):
        u = np.maximum(_floats(words[:, 0]), np.float32(_SMALLEST))
        angle = (2 * np.pi * _floats(words[:, 1]).astype(np.float64)).astype(np.float32).astype(np.float64)
        radius = np.sqrt(np.float32(-2) * np.log(u.astype(np.float64)).astype(np.float32))
        return np.stack([np.sin(angle).astype(np.float32) * radius, np.cos(angle).astype(np.float32) * radius], -1)


def _normal_doubles(words: np.ndarray) -> np.ndarray:
    """[n, 4] words -> [n, 2] normal numbers in float64."""
    u = np.maximum(_doubles(words[:, 0], words[:, 1]), _SMALLEST)
    angle = 2 * np.pi * _doubles(words[:, 2], words[:, 3])
    radius = np.sqrt(-2.0 * np.log(u))
    return np.stack([np.sin(angle) * radius, np.cos(angle) * radius], -1)


def normal(stream: Stream, count: int, dtype: np.dtype) -> np.ndarray:
    """`count` normal numbers."""
    pairs = -(-count // 2)
    if dtype == np.float64:
        return _normal_doubles(stream.words(4 * pairs).reshape(pairs, 4)).reshape(-1)[:count]
    return _normal_floats(stream.words(2 * pairs).reshape(pairs, 2)).reshape(-1)[:count].astype(dtype)


_TRUNCATED_AT = 2.0


def truncated_normal(stream: Stream, count: int, dtype: np.dtype) -> np.ndarray:
    """`count` normal numbers between -2 and 2.

    Every group of 4 (float64: 2) has its own part of the stream and takes from it until it has enough numbers.
    """
    is_double = dtype == np.float64
    group = 2 if is_double else 4
    make: Callable[[np.ndarray], np.ndarray] = _normal_doubles if is_double else _normal_floats
    groups = -(-count // group)
    starts = np.arange(groups, dtype=np.uint64) * np.uint64(group * RESERVED // _WORDS)
    found = np.empty((groups, group), np.float64 if is_double else np.float32)
    waiting, blocks = np.arange(groups), 4
    while waiting.size:
        words = stream.words_at(starts[waiting], blocks)
        numbers = make(words.reshape(-1, 4 if is_double else 2)).reshape(len(waiting), -1)
        is_inside = np.abs(numbers) < _TRUNCATED_AT
        is_done = is_inside.sum(1) >= group
        order = np.argsort(~is_inside, axis=1, kind="stable")[:, :group]
        found[waiting[is_done]] = np.take_along_axis(numbers, order, 1)[is_done]
        waiting, blocks = waiting[~is_done], 2 * blocks
    return found.reshape(-1)[:count].astype(dtype)


def gamma(stream: Stream, alphas: np.ndarray, count: int) -> np.ndarray:
    """[count, alphas] float64: numbers of the gamma distributions with shapes `alphas` and scale 1.

    All numbers for the first alpha come first; each has its own part of the stream.
    """
    drawn = [
        _one_gamma(stream.skip(RESERVED * (index * count + sample)), float(alpha))
        for index, alpha in enumerate(alphas)
        for sample in range(count)
    ]
    return np.array(drawn, np.float64).reshape(len(alphas), count).T


def _one_gamma(stream: Stream, alpha: float) -> float:
    """G. Marsaglia and W. Tsang, A simple method for generating gamma variables, 2000.

    Alpha below 1 draws for alpha + 1 and scales; alpha 1 is the exponential distribution. Of the two numbers in a
    block the last comes first.
    """
    buffers: dict[Callable[[np.ndarray], np.ndarray], list[float]] = {_normal_doubles: [], _uniform_doubles: []}

    def draw(distribution: Callable[[np.ndarray], np.ndarray]) -> float:
        nonlocal stream
        buffer = buffers[distribution]
        if not buffer:
            buffer.extend(distribution(stream.words(_WORDS).reshape(1, _WORDS))[0].tolist())
            stream = stream.skip(1)
        return buffer.pop()

    if alpha == 1.0:
        return -math.log1p(-draw(_uniform_doubles))
    d = alpha + (2.0 / 3 if alpha < 1 else -1.0 / 3)
    c = 1.0 / 3 / math.sqrt(d) if d > 0 else math.nan
    while not math.isnan(c):
        x = draw(_normal_doubles)
        v = 1 + c * x
        if v <= 0:
            continue
        v = v * v * v
        u = draw(_uniform_doubles)
        is_squeezed = u < 1 - 0.0331 * (x * x) * (x * x)
        if is_squeezed or u == 0 or math.log(u) < 0.5 * x * x + d * (1 - v + math.log(v)):
            return d * v * (_power(draw(_uniform_doubles), alpha) if alpha < 1 else 1.0)
    return math.nan


def _power(base: float, alpha: float) -> float:
    """base^(1 / alpha), for alpha 0, too."""
    with np.errstate(all="ignore"):
        return float(np.float64(base) ** (np.float64(1) / alpha))


def shuffled(stream: Stream, size: int) -> np.ndarray:
    """The permutation of range(size) that exchanges element i with a later one, for i from 0 to size - 2."""
    places = np.arange(size)
    offsets = stream.words(max(size - 1, 0)).astype(np.int64) % np.arange(size, 1, -1)
    for at, offset in enumerate(offsets.tolist()):
        places[at], places[at + offset] = places[at + offset], places[at]
    return places


def categorical(stream: Stream, logits: np.ndarray, count: int) -> np.ndarray:
    """[batch, count] classes drawn with probabilities proportional to e^logits [batch, classes]; infinite logits and
    NaN count for nothing."""
    batch = logits.shape[0]
    wide = logits.astype(np.float64)
    is_finite = np.isfinite(wide)
    with np.errstate(all="ignore"):
        largest = np.max(wide, axis=1, initial=float(np.finfo(np.float32).min), where=is_finite, keepdims=True)
        weights = np.where(is_finite, np.exp(wide - largest), 0.0)
    cumulative = np.cumsum(weights, axis=1)
    words = stream.words(2 * batch * count)
    wanted = _doubles(words[0::2], words[1::2]).reshape(batch, count) * cumulative[:, -1:]
    return np.stack([np.searchsorted(row, want, side="right") for row, want in zip(cumulative, wanted, strict=True)])
