"""Convolutions with 3 x 3 windows and stride 1 by Winograd's minimal filtering: fewer multiplications than taps.

A tile of size x size output pixels takes (size + 2)^2 products for each pair of channels instead of 9 size^2: 2.25
times fewer for tiles of 2, 4 times fewer for tiles of 4 (S. Winograd, Arithmetic Complexity of Computations, 1980;
A. Lavin and S. Gray, https://arxiv.org/abs/1509.09308). With patches d of the image and a filter g, in each dimension

    y = A [(G g) . (B d)]

where g and y are polynomials that are evaluated at size + 1 points and at infinity, and d is the transposed problem. So
a layer is three steps: all patches are transformed, one matrix product [tiles, in_c] x [in_c, out_c] is computed for
each of the (size + 2)^2 positions, and the products are transformed back, with bias and epilogue.

Points are 0, infinity and pairs +-p. For tiles of 4 the usual pairs 1 and 2 lose most of a decimal digit; 11/16 and
3/2, whose products are exact in float32, lose a bit at most. Root mean square and largest error, in 1e-7 of the
results' standard deviation, on layers of ResNet50 (its activations, the batch normalisation's scale in the weights) and
on normal random numbers:

    channels            64          128          256        512     64, random  128, random  256, random  512, random
    direct sum      3.3   37    4.3   53    6.2   84    8.4 107     4.2   34     6.1   44     8.6   62      12   94
    tiles of 2      1.6   20    2.4   23    3.0   29    4.1  32     2.6   11     3.4   16     4.8   25     6.9   33
    tiles of 4      3.2   51    5.4   68    5.8   53    8.6  69     7.3   55      10   61      14  106      20  125
      with 1, 2     6.7  169     12  319     11  194     14 187      17  233      23  298      32  417      43  580

Unlike in a direct sum, a NaN or an infinity in the image reaches all pixels of the tiles whose patches it lies in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.pieces import ELEMENTS, PRODUCTS, pieces
from edgeload.kernels.registry import Emit, Operand
from edgeload.memory import aligned_zeros

if TYPE_CHECKING:
    from edgeload.kernels.conv import Window
    from edgeload.kernels.lanes import Lanes

PAIRS = {2: (1.0,), 4: (0.6875, 1.5)}  # p of the points +-p, by the size of a tile
_WINDOW = 3
_MOST_CHANNELS = {2: 1 << 30, 4: 128}  # with more, tiles of 4 are further than 1e-5 from the exact sum now and then
_APART = 16  # elements between positions beyond what they need, so that positions lie in different cache sets
_BLOCK_NBYTES = 1 << 19  # of transformed patches and products together: about a second-level cache
# Costs in multiply-adds, the same for all targets so that they choose alike
_MACS_PER_BYTE = 12  # reading weights from main memory; two AVX2 cores with 8 GB/s between them
_TRANSFORM_MACS = 12  # for an element of a transformed patch or product
_TILE_INNER = 8  # a register tile's beginning and end, as values of the inner dimension
_STEPS_MACS = 200_000  # two more steps
_LEAST_GAIN = 0.9


def _squares(pairs: Sequence[float]) -> list[float]:
    """The coefficients, lowest first, of the product of z - p^2."""
    coefficients = [1.0]
    for p in pairs:
        shifted, scaled = [0.0, *coefficients], [-p * p * c for c in coefficients] + [0.0]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def _dot(coefficients: Sequence[float], values: Sequence[Lanes]) -> Lanes:
    """Sum of coefficient * value; the last coefficient is 1."""
    total = values[-1]
    for coefficient, value in zip(coefficients[:-1], values[:-1], strict=True):
        total = value.fma(coefficient, total)
    return total


def _transform_in(pairs: Sequence[float], d: Sequence[Lanes]) -> list[Lanes]:
    """B d: the row of a point is the product of x - q over all other points q, as coefficients of d."""
    even, odd = d[0::2], d[1::2]
    rows = [_dot(_squares(pairs), even)]
    for p in pairs:
        others = _squares([q for q in pairs if q != p])
        whole, half = _dot(others, even[1:]), _dot(others, odd[:-1])
        rows += [half.fma(p, whole), half.fma(-p, whole)]
    return [*rows, _dot(_squares(pairs), odd)]


def _transform_back(pairs: Sequence[float], m: Sequence[Lanes]) -> list[Lanes]:
    """A m: y[k] is the sum of x^k m over the points x, and m at infinity for the last k."""
    sums = [m[2 * i + 1] + m[2 * i + 2] for i in range(len(pairs))]
    differences = [m[2 * i + 1] - m[2 * i + 2] for i in range(len(pairs))]
    y = []
    for k in range(2 * len(pairs)):
        terms = differences if k % 2 else sums
        if k == 0:
            total = m[0] + terms[0]
        elif k == 2 * len(pairs) - 1:
            total = terms[0].fma(pairs[0] ** k, m[-1])
        else:
            total = terms[0] * pairs[0] ** k
        for p, term in zip(pairs[1:], terms[1:], strict=True):
            total = total + term if k == 0 else term.fma(p**k, total)
        y.append(total)
    return y


def _transform_filter(pairs: Sequence[float], g: np.ndarray) -> list[np.ndarray]:
    """G g: the value at each point, divided by the product of the point's differences from all others."""
    rows = [g[0] / math.prod(-p * p for p in pairs)]
    for p in pairs:
        scale = 1 / (2 * p * p * math.prod(p * p - q * q for q in pairs if q != p))  # the same for p and -p
        even, odd = g[0] * scale + g[2] * (p * p * scale), g[1] * (p * scale)
        rows += [even + odd, even - odd]
    return [*rows, g[2]]


def pack_filter(filter: np.ndarray, size: int, columns: int) -> np.ndarray:
    """[3, 3, in_c, out_c] -> [positions, panels, in_c, columns], with zeros behind the last column.

    Computed in float64 and rounded once, without a matrix product, for which NumPy would start threads.
    """
    _, _, in_c, out_c = filter.shape
    patch, panels = size + _WINDOW - 1, -(-out_c // columns)
    packed = aligned_zeros((patch, patch, panels, in_c, columns), filter.dtype)
    for panel in range(panels):
        piece = filter[:, :, :, panel * columns : (panel + 1) * columns].astype(np.float64)
        for i, row in enumerate(_transform_filter(PAIRS[size], piece)):
            for j, value in enumerate(_transform_filter(PAIRS[size], row)):
                packed[i, j, panel, :, : value.shape[1]] = value
    return packed.reshape(patch * patch, panels, in_c, columns)


@kernel_family("winograd_in")
def winograd_in(dtype: str, size: str) -> Iterator[Any]:
    """v[position * step + t * in_c + c] = (B d B')[position] for tiles first + t, t < count, with patches d of x.

    x [batch, in_h, in_w, in_c] is flat and 0 around it; `zeros` has in_c elements; in_c is a multiple of the vector
    length.
    """
    t = dtype
    sizes = "in_h in_w in_c pad_top pad_left tiles_h tiles_w first count step"
    yield f"{t}[:] x, {t}[:] zeros, " + ", ".join(f"int64 {name}" for name in sizes.split()) + f", {t}[:] v"
    side = int(size)
    transform = _patch_transform(side)

    def run(  # type: ignore[no-untyped-def]
        x, zeros, in_h, in_w, in_c, pad_top, pad_left, tiles_h, tiles_w, first, count, step, v, worker, workers
    ):  # fmt: skip
        for t in range(count * worker // workers, count * (worker + 1) // workers):
            line, tx = (first + t) // tiles_w, (first + t) % tiles_w
            top, left = line % tiles_h * side - pad_top, tx * side - pad_left
            transform(x, line // tiles_h * in_h * in_w * in_c, top, left, in_h, in_w, in_c, zeros, v, t * in_c, step)

    yield run


@kernel_family("winograd_products")
def winograd_products(dtype: str, rows: str, vectors: str) -> Iterator[Any]:
    """m[p * m_step + t * wide + n] = sum over k of v[p * v_step + t * depth + k] * w[p, n // columns, k, n % columns]
    for positions p, t < count and n < wide, with wide = panels * columns."""
    t = dtype
    sizes = "count depth positions panels columns v_step m_step"
    numbers = ", ".join(f"int64 {name}" for name in sizes.split())
    yield f"{t}[:] v, {t}[:] w, {t}[:] zeros, {numbers}, int64[:] offsets, {t}[:] m"
    from edgeload.kernels.tiles import product_tile

    tile_rows = int(rows)
    tile = product_tile(tile_rows, int(vectors), "a0")
    less_rows = max(1, tile_rows - 1)  # the rows are dealt out evenly, as in conv2d
    less = product_tile(less_rows, int(vectors), "a0")

    def run(  # type: ignore[no-untyped-def]
        v, w, zeros, count, depth, positions, panels, columns, v_step, m_step, offsets, m, worker, workers
    ):  # fmt: skip
        strips = (count + tile_rows - 1) // tile_rows
        short = count // strips
        longer = count - short * strips
        work, wide, at = positions * panels, panels * columns, worker * tile_rows
        for item in range(work * worker // workers, work * (worker + 1) // workers):
            position, panel = item // panels, item % panels
            w_at, m_at = item * depth * columns, position * m_step + panel * columns
            for strip in range(strips):
                first = strip * short + min(strip, longer)
                valid_rows = short + 1 if strip < longer else short
                for i in range(tile_rows):
                    offsets[at + i] = position * v_step + (first + min(i, valid_rows - 1)) * depth
                if valid_rows > less_rows:
                    tile(
                        v, offsets, at, 1, 1, 0, 0, depth, w, w_at, zeros, 0, zeros, m, m_at + first * wide, wide,
                        valid_rows, columns,
                    )  # fmt: skip
                else:
                    less(
                        v, offsets, at, 1, 1, 0, 0, depth, w, w_at, zeros, 0, zeros, m, m_at + first * wide, wide,
                        valid_rows, columns,
                    )  # fmt: skip

    yield run


@kernel_family("winograd_out")
def winograd_out(dtype: str, size: str, epilogue: str) -> Iterator[Any]:
    """out[pixels of tile first + t, n] = epilogue(bias[n] + A m A', residual), with m[position * step + t * wide + n],
    for t < count. What tiles have beyond the image is not written."""
    t = dtype
    sizes = "out_h out_w out_c tiles_h tiles_w first count step wide"
    numbers = ", ".join(f"int64 {name}" for name in sizes.split())
    yield f"{t}[:] m, {t}[:] bias, {t}[:] residual, {numbers}, {t}[:] out"
    side = int(size)
    transform = _tile_transform(side, epilogue)

    def run(  # type: ignore[no-untyped-def]
        m, bias, residual, out_h, out_w, out_c, tiles_h, tiles_w, first, count, step, wide, out, worker, workers
    ):  # fmt: skip
        for t in range(count * worker // workers, count * (worker + 1) // workers):
            line, tx = (first + t) // tiles_w, (first + t) % tiles_w
            image, oy, ox = line // tiles_h, line % tiles_h * side, tx * side
            transform(
                m, t * wide, step, bias, residual, out, ((image * out_h + oy) * out_w + ox) * out_c, out_w, out_c,
                min(side, out_h - oy), min(side, out_w - ox),
            )  # fmt: skip

    yield run


@cache
def _patch_transform(size: int) -> Any:
    """`transform(x, image_at, top, left, in_h, in_w, in_c, zeros, v, v_at, step)`: one patch for `winograd_in`."""
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    from edgeload.kernels.lanes import load, loop, store
    from edgeload.kernels.simd import data_pointer, lanes_of, offset_by

    i64 = ir.IntType(64)
    patch, pairs = size + _WINDOW - 1, PAIRS[size]

    @intrinsic
    def transform(
        typing: Any, x: Any, image_at: Any, top: Any, left: Any, in_h: Any, in_w: Any, in_c: Any, zeros: Any, v: Any,
        v_at: Any, step: Any
    ) -> Any:  # fmt: skip
        dtype = x.dtype.name

        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            x_array, image_at, top, left, in_h, in_w, in_c, zeros_array, v_array, v_at, step = arguments
            lanes = lanes_of(context, dtype)
            x_pointer = offset_by(builder, data_pointer(context, builder, x, x_array), dtype, image_at)
            zeros_pointer = data_pointer(context, builder, zeros, zeros_array)
            v_pointer = offset_by(builder, data_pointer(context, builder, v, v_array), dtype, v_at)
            sources, targets = [], []
            for i in range(patch):
                y = builder.add(top, ir.Constant(i64, i))
                is_row = builder.icmp_unsigned("<", y, in_h)  # false for negative ones, too
                for j in range(patch):
                    u = builder.add(left, ir.Constant(i64, j))
                    is_inside = builder.and_(is_row, builder.icmp_unsigned("<", u, in_w))
                    pixel = builder.mul(builder.add(builder.mul(y, in_w), u), in_c)
                    sources.append(
                        builder.select(is_inside, offset_by(builder, x_pointer, dtype, pixel), zeros_pointer)
                    )
                    place = builder.mul(step, ir.Constant(i64, i * patch + j))
                    targets.append(offset_by(builder, v_pointer, dtype, place))

            def channels(c: Any) -> list[Any]:
                half = []
                for j in range(patch):
                    column = [offset_by(builder, sources[i * patch + j], dtype, c) for i in range(patch)]
                    values = [load(builder, pointer, dtype, lanes) for pointer in column]
                    half.append(_transform_in(pairs, values))
                for i in range(patch):
                    row = _transform_in(pairs, [half[j][i] for j in range(patch)])
                    for j, value in enumerate(row):
                        store(value, offset_by(builder, targets[i * patch + j], dtype, c))
                return []

            loop(builder, ir.Constant(i64, 0), in_c, lanes, channels, [])
            return context.get_dummy_value()

        number = types.int64
        return types.void(x, *([number] * 6), zeros, v, number, number), write

    return transform


@cache
def _tile_transform(size: int, epilogue: str) -> Any:
    """`transform(m, m_at, step, bias, residual, out, out_at, out_w, out_c, valid_h, valid_w)`: one tile for
    `winograd_out`, of which valid_h x valid_w pixels are written."""
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    from edgeload.kernels import expressions
    from edgeload.kernels.lanes import llvm_type, load, loop, store
    from edgeload.kernels.simd import data_pointer, lanes_of, offset_by

    i64 = ir.IntType(64)
    patch, pairs = size + _WINDOW - 1, PAIRS[size]

    @intrinsic
    def transform(
        typing: Any, m: Any, m_at: Any, step: Any, bias: Any, residual: Any, out: Any, out_at: Any, out_w: Any,
        out_c: Any, valid_h: Any, valid_w: Any
    ) -> Any:  # fmt: skip
        dtype = m.dtype.name

        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            (m_array, m_at, step, bias_array, residual_array, out_array, out_at, out_w, out_c, valid_h,
             valid_w) = arguments  # fmt: skip
            lanes = lanes_of(context, dtype)
            zero = ir.Constant(i64, 0)
            m_pointer = offset_by(builder, data_pointer(context, builder, m, m_array), dtype, m_at)
            bias_pointer = data_pointer(context, builder, bias, bias_array)
            residual_pointer = data_pointer(context, builder, residual, residual_array)
            out_pointer = data_pointer(context, builder, out, out_array)
            sources = [
                offset_by(builder, m_pointer, dtype, builder.mul(step, ir.Constant(i64, position)))
                for position in range(patch * patch)
            ]
            with builder.goto_entry_block():
                pixels = builder.alloca(llvm_type(dtype, lanes), size * size)

            def finish(total: Any, place: Any) -> None:
                operands = [total]
                if "a1" in epilogue:
                    pointer = offset_by(builder, residual_pointer, dtype, place)
                    operands.append(load(builder, pointer, dtype, total.count))
                store(expressions.emit(epilogue, operands), offset_by(builder, out_pointer, dtype, place))

            def channels(c: Any) -> list[Any]:
                half = []
                for j in range(patch):
                    column = [offset_by(builder, sources[i * patch + j], dtype, c) for i in range(patch)]
                    values = [load(builder, pointer, dtype, lanes) for pointer in column]
                    half.append(_transform_back(pairs, values))
                start = load(builder, offset_by(builder, bias_pointer, dtype, c), dtype, lanes)
                for i in range(size):
                    for j, value in enumerate(_transform_back(pairs, [column[i] for column in half])):
                        spot = ir.Constant(i64, (i * size + j) * lanes)
                        store(value + start, offset_by(builder, pixels, dtype, spot))
                valid_c = builder.sub(out_c, c)
                is_whole = builder.icmp_signed(">=", valid_c, ir.Constant(i64, lanes))

                def pixel(i: Any, j: Any) -> list[Any]:
                    spot = builder.mul(builder.add(builder.mul(i, ir.Constant(i64, size)), j), ir.Constant(i64, lanes))
                    pointer = offset_by(builder, pixels, dtype, spot)
                    place = builder.add(builder.mul(builder.add(builder.mul(i, out_w), j), out_c), c)
                    place = builder.add(place, out_at)
                    with builder.if_else(is_whole) as (whole, partial):
                        with whole:
                            finish(load(builder, pointer, dtype, lanes), place)
                        with partial:

                            def channel(n: Any) -> list[Any]:
                                finish(
                                    load(builder, offset_by(builder, pointer, dtype, n), dtype, 1),
                                    builder.add(place, n),
                                )
                                return []

                            loop(builder, zero, valid_c, 1, channel, [])
                    return []

                loop(
                    builder, zero, valid_h, 1, lambda i: loop(builder, zero, valid_w, 1, lambda j: pixel(i, j), []), []
                )
                return []

            loop(builder, zero, out_c, lanes, channels, [])
            return context.get_dummy_value()

        number = types.int64
        return types.void(m, number, number, bias, residual, out, *([number] * 5)), write

    return transform


def tile_size(out_shape: Sequence[int], in_c: int, lanes: int, rows: int, columns: int, itemsize: int) -> int | None:
    """The size of tiles that is worth it for out_shape [batch, out_h, out_w, out_c]; None: a direct sum is better.

    `rows` and `columns` are those of the register tile. The costs are estimates, in multiply-adds, for one image, so
    that batches of every size share packed weights.
    """
    _, out_h, out_w, out_c = out_shape
    if in_c % lanes:
        return None
    wide = out_c + -out_c % columns
    direct = _products_cost(1, out_h * out_w, _WINDOW * _WINDOW * in_c, wide, rows, itemsize)
    costs: dict[int | None, float] = {None: _LEAST_GAIN * direct}
    for size in PAIRS:
        if in_c > _MOST_CHANNELS[size]:
            continue
        positions, tiles = (size + _WINDOW - 1) ** 2, -(-out_h // size) * -(-out_w // size)
        transforms = _TRANSFORM_MACS * positions * tiles * (in_c + wide)
        costs[size] = _products_cost(positions, tiles, in_c, wide, rows, itemsize) + transforms + _STEPS_MACS
    return min(costs, key=lambda size: costs[size])


def _products_cost(positions: int, count: int, inner: int, wide: int, rows: int, itemsize: int) -> float:
    """Of `positions` products [count, inner] x [inner, wide]: multiplying, or reading weights if that takes longer."""
    macs = positions * (count + -count % rows // 2) * (inner + _TILE_INNER) * wide
    return max(macs, _MACS_PER_BYTE * positions * inner * wide * itemsize)


def lower_winograd(
    x: Operand,
    filter: Operand,
    packed_bias: Operand,
    residual: Operand | None,
    out: Operand,
    epilogue: str,
    window: Window,
    size: int,
    tile: tuple[int, int],
    emit: Emit,
) -> None:
    """Emit the three steps for tiles of `size`, once for each block of tiles. `tile` is the register tile's rows and
    vectors, `packed_bias` has zeros up to its last column."""
    name, itemsize = x.dtype.name, x.dtype.itemsize
    batch, in_h, in_w, in_c = x.shape
    out_c, (rows, vectors) = out.shape[3], tile
    tiles_h, tiles_w = -(-window.out_h // size), -(-window.out_w // size)
    positions, tiles, columns = (size + _WINDOW - 1) ** 2, batch * tiles_h * tiles_w, vectors * emit.lanes
    wide = out_c + -out_c % columns
    w = emit.constant(
        ("winograd", filter.key, size, columns), lambda: pack_filter(np.asarray(filter.value), size, columns)
    )
    zeros = emit.constant(("zeros", max(in_c, columns), name), lambda: np.zeros(max(in_c, columns), x.dtype))
    # every block reads all weights, so that a block should not be much smaller than they are
    block_nbytes = max(_BLOCK_NBYTES, positions * in_c * wide * itemsize)
    blocks = min(tiles, -(-tiles * positions * (in_c + wide) * itemsize // block_nbytes))
    longest = -(-tiles // blocks)
    v_step, m_step = longest * in_c + _APART, longest * wide + _APART
    v = emit.scratch(x.dtype, (positions * v_step,))
    m = emit.scratch(x.dtype, (positions * m_step,))
    work = positions * wide // columns
    product_pieces = pieces(work, positions * longest * in_c * wide, PRODUCTS)
    offsets = emit.scratch(np.dtype(np.int64), (product_pieces * rows,))
    if residual is not None:
        emit.may_share(out, residual)

    def transform_pieces(count: int, channels: int) -> int:
        return pieces(count, positions * count * channels, ELEMENTS)

    for block in range(blocks):
        first = tiles * block // blocks
        count = tiles * (block + 1) // blocks - first
        emit.kernel(
            f"winograd_in<{name},{size}>",
            x, zeros, in_h, in_w, in_c, window.pad_top, window.pad_left, tiles_h, tiles_w, first, count, v_step, v,
            tiles=transform_pieces(count, in_c),
        )  # fmt: skip
        emit.kernel(
            f"winograd_products<{name},{rows},{vectors}>",
            v, w, zeros, count, in_c, positions, wide // columns, columns, v_step, m_step, offsets, m,
            tiles=product_pieces,
        )  # fmt: skip
        emit.kernel(
            f"winograd_out<{name},{size},{epilogue}>",
            m, packed_bias, packed_bias if residual is None else residual, window.out_h, window.out_w, out_c, tiles_h,
            tiles_w, first, count, m_step, wide, out, tiles=transform_pieces(count, wide),
        )  # fmt: skip
