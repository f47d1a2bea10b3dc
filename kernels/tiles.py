"""Register tiles: the inner loops of matrix products and convolutions, as Numba intrinsics that write SIMD code.

A tile is `rows` x `vectors` accumulators that stay in registers while the whole inner dimension passes by. They begin
with the bias, end in the epilogue (an expression over the accumulator a0 and, where it says so, the residual a1), and
are written once. Imported by kernel families while they are being compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from edgeload.kernels import expressions
from edgeload.kernels.lanes import Lanes, fma, load, loop, splat, splat_element, store
from edgeload.kernels.simd import data_pointer, lanes_of, offset_by

_I64 = ir.IntType(64)


def _number(value: int) -> Any:
    return ir.Constant(_I64, value)


def takes_elements(context: Any) -> bool:
    """Whether the target multiplies by one element of a register. Then a tile loads several values of x at once;
    elsewhere broadcasting a value from memory costs nothing beyond the load."""
    return bool(context.edgeload_target.machine == "aarch64")


@cache
def product_tile(rows: int, vectors: int, epilogue: str) -> Any:
    """`product_tile(x, offsets, at, taps_h, taps_w, row_step, column_step, depth, w, w_at, bias, bias_at, residual,
    out, out_at, stride, valid_rows, valid_columns)`

    out[out_at + m * stride + n] = epilogue(bias[bias_at + n] + sum over ky < taps_h, kx < taps_w and k < depth of
    x[offsets[at + m] + ky * row_step + kx * column_step + k] * w[w_at + ((ky * taps_w + kx) * depth + k) * columns
    + n], residual[same place as out])
    for m < valid_rows, n < valid_columns, with columns = vectors * lanes. Offsets of rows beyond valid_rows must repeat
    a valid row.
    """

    @intrinsic
    def write_tile(
        typing: Any, x: Any, offsets: Any, at: Any, taps_h: Any, taps_w: Any, row_step: Any, column_step: Any,
        depth: Any, w: Any, w_at: Any, bias: Any, bias_at: Any, residual: Any, out: Any, out_at: Any, stride: Any,
        valid_rows: Any, valid_columns: Any
    ) -> Any:  # fmt: skip
        dtype = x.dtype.name

        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            (x_array, offsets_array, at, taps_h, taps_w, row_step, column_step, depth, w_array, w_at, bias_array,
             bias_at, residual_array, out_array, out_at, stride, valid_rows, valid_columns) = arguments  # fmt: skip
            lanes = lanes_of(context, dtype)
            columns = vectors * lanes
            x_pointer = data_pointer(context, builder, x, x_array)
            offsets_pointer = data_pointer(context, builder, offsets, offsets_array)
            w_pointer = offset_by(builder, data_pointer(context, builder, w, w_array), dtype, w_at)
            bias_pointer = offset_by(builder, data_pointer(context, builder, bias, bias_array), dtype, bias_at)
            start = [
                load(builder, offset_by(builder, bias_pointer, dtype, _number(v * lanes)), dtype, lanes).value
                for v in range(vectors)
            ]
            sources = []
            for m in range(rows):
                address = offset_by(builder, offsets_pointer, "int64", builder.add(at, _number(m)))
                sources.append(offset_by(builder, x_pointer, dtype, builder.load(address, typ=_I64)))

            def tap(ky: Any, kx: Any, accumulators: Sequence[Any]) -> list[Any]:
                t = builder.add(builder.mul(ky, taps_w), kx)
                w_tap = offset_by(builder, w_pointer, dtype, builder.mul(builder.mul(t, depth), _number(columns)))
                first = builder.add(builder.mul(ky, row_step), builder.mul(kx, column_step))

                def multiply(k: Any, values: list[Lanes], sums: Sequence[Any]) -> list[Any]:
                    """sums + values * row k of w."""
                    w_row = offset_by(builder, w_tap, dtype, builder.mul(k, _number(columns)))
                    factors = [
                        load(builder, offset_by(builder, w_row, dtype, _number(v * lanes)), dtype, lanes)
                        for v in range(vectors)
                    ]
                    following = []
                    for m in range(rows):
                        for v in range(vectors):
                            total = Lanes(builder, sums[m * vectors + v], dtype, lanes)
                            following.append(fma(values[m], factors[v], total).value)
                    return following

                def values_at(k: Any, width: int) -> list[Lanes]:
                    place = builder.add(first, k)
                    return [load(builder, offset_by(builder, source, dtype, place), dtype, width) for source in sources]

                def step(k: Any, *sums: Any) -> list[Any]:
                    return multiply(k, [splat(value, lanes) for value in values_at(k, 1)], sums)

                def steps(k: Any, *sums: Any) -> list[Any]:
                    values, following = values_at(k, lanes), list(sums)
                    for i in range(lanes):
                        row = builder.add(k, _number(i))
                        following = multiply(row, [splat_element(value, i) for value in values], following)
                    return following

                if not takes_elements(context):
                    return loop(builder, _number(0), depth, 1, step, list(accumulators))
                whole = builder.sub(depth, builder.srem(depth, _number(lanes)))
                sums = loop(builder, _number(0), whole, lanes, steps, list(accumulators))
                return loop(builder, whole, depth, 1, step, sums)

            def tap_row(ky: Any, *sums: Any) -> list[Any]:
                return loop(builder, _number(0), taps_w, 1, lambda kx, *sums: tap(ky, kx, sums), list(sums))

            sums = loop(builder, _number(0), taps_h, 1, tap_row, start * rows)
            totals = [
                [Lanes(builder, sums[m * vectors + v], dtype, lanes) for v in range(vectors)] for m in range(rows)
            ]
            places = []
            last_row = builder.sub(valid_rows, _number(1))
            for m in range(rows):
                is_valid = builder.icmp_signed("<", _number(m), valid_rows)
                row = builder.select(is_valid, _number(m), last_row)
                places.append(builder.add(out_at, builder.mul(row, stride)))
            out_pointer = data_pointer(context, builder, out, out_array)
            residual_pointer = data_pointer(context, builder, residual, residual_array)
            for v in range(vectors):
                _write_column(
                    builder, [row[v] for row in totals], [builder.add(place, _number(v * lanes)) for place in places],
                    out_pointer, residual_pointer, builder.sub(valid_columns, _number(v * lanes)), epilogue
                )  # fmt: skip
            return context.get_dummy_value()

        position = types.int64
        return types.void(
            x, offsets, position, position, position, position, position, position, w, position, bias, position,
            residual, out, position, position, position, position
        ), write  # fmt: skip

    return write_tile


def _write_column(
    builder: ir.IRBuilder,
    totals: list[Lanes],
    places: list[Any],
    out_pointer: Any,
    residual_pointer: Any,
    valid: Any,
    epilogue: str,
) -> None:
    """Finish and store one vector of every row; of a vector that is cut by the last column, element by element.

    All residuals are read before anything is written: the residual may be the output's own memory, and rows beyond the
    last valid one repeat it.
    """
    dtype, lanes = totals[0].dtype, totals[0].count
    has_residual = "a1" in epilogue

    def finish(total: Lanes, place: Any) -> Lanes:
        operands = [total]
        if has_residual:
            operands.append(load(builder, offset_by(builder, residual_pointer, dtype, place), dtype, total.count))
        return expressions.emit(epilogue, operands)

    is_full = builder.icmp_signed(">=", valid, _number(lanes))
    with builder.if_else(is_full) as (whole, partial):
        with whole:
            results = [finish(total, place) for total, place in zip(totals, places, strict=True)]
            for result, place in zip(results, places, strict=True):
                store(result, offset_by(builder, out_pointer, dtype, place))
        with partial:
            with builder.goto_entry_block():
                spill = builder.alloca(totals[0].value.type, len(totals))
            for m, total in enumerate(totals):
                value = total if has_residual else finish(total, None)
                store(value, offset_by(builder, spill, dtype, _number(m * lanes)))

            def column(n: Any) -> list[Any]:
                results = []
                for m, place in enumerate(places):
                    at = builder.add(_number(m * lanes), n)
                    total = load(builder, offset_by(builder, spill, dtype, at), dtype, 1)
                    results.append(finish(total, builder.add(place, n)) if has_residual else total)
                for result, place in zip(results, places, strict=True):
                    store(result, offset_by(builder, out_pointer, dtype, builder.add(place, n)))
                return []

            loop(builder, _number(0), valid, 1, column, [])


@cache
def depthwise_tile(pixels: int, epilogue: str) -> Any:
    """`depthwise_tile(x, x_at, x_step, row_step, column_step, taps_h, taps_w, w, w_at, w_row_step, bias, residual,
    out, out_at, channels)`

    For p < pixels and c < channels:
    out[out_at + p * channels + c] = epilogue(bias[c] + sum over ky < taps_h, kx < taps_w of
    x[x_at + p * x_step + ky * row_step + kx * column_step + c] * w[w_at + ky * w_row_step + kx * channels + c],
    residual[same place as out])
    """

    @intrinsic
    def write_tile(
        typing: Any, x: Any, x_at: Any, x_step: Any, row_step: Any, column_step: Any, taps_h: Any, taps_w: Any, w: Any,
        w_at: Any, w_row_step: Any, bias: Any, residual: Any, out: Any, out_at: Any, channels: Any
    ) -> Any:  # fmt: skip
        dtype = x.dtype.name

        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            (x_array, x_at, x_step, row_step, column_step, taps_h, taps_w, w_array, w_at, w_row_step, bias_array,
             residual_array, out_array, out_at, channels) = arguments  # fmt: skip
            lanes = lanes_of(context, dtype)
            x_pointer = offset_by(builder, data_pointer(context, builder, x, x_array), dtype, x_at)
            w_pointer = offset_by(builder, data_pointer(context, builder, w, w_array), dtype, w_at)
            bias_pointer = data_pointer(context, builder, bias, bias_array)
            residual_pointer = data_pointer(context, builder, residual, residual_array)
            out_pointer = data_pointer(context, builder, out, out_array)

            def block(c: Any, width: int) -> list[Any]:
                start = load(builder, offset_by(builder, bias_pointer, dtype, c), dtype, width).value

                def tap_row(ky: Any, *sums: Any) -> list[Any]:
                    x_row = builder.add(builder.mul(ky, row_step), c)
                    w_row = builder.add(builder.mul(ky, w_row_step), c)

                    def tap(kx: Any, *sums: Any) -> list[Any]:
                        w_place = builder.add(w_row, builder.mul(kx, channels))
                        factor = load(builder, offset_by(builder, w_pointer, dtype, w_place), dtype, width)
                        x_place = builder.add(x_row, builder.mul(kx, column_step))
                        following = []
                        for p in range(pixels):
                            place = builder.add(x_place, builder.mul(x_step, _number(p)))
                            value = load(builder, offset_by(builder, x_pointer, dtype, place), dtype, width)
                            following.append(fma(value, factor, Lanes(builder, sums[p], dtype, width)).value)
                        return following

                    return loop(builder, _number(0), taps_w, 1, tap, list(sums))

                sums = loop(builder, _number(0), taps_h, 1, tap_row, [start] * pixels)
                for p, total in enumerate(sums):
                    place = builder.add(out_at, builder.add(builder.mul(channels, _number(p)), c))
                    operands = [Lanes(builder, total, dtype, width)]
                    if "a1" in epilogue:
                        operands.append(load(builder, offset_by(builder, residual_pointer, dtype, place), dtype, width))
                    store(expressions.emit(epilogue, operands), offset_by(builder, out_pointer, dtype, place))
                return []

            whole = builder.sub(channels, builder.srem(channels, _number(lanes)))
            loop(builder, _number(0), whole, lanes, lambda c: block(c, lanes), [])
            loop(builder, whole, channels, 1, lambda c: block(c, 1), [])
            return context.get_dummy_value()

        position = types.int64
        return types.void(
            x, position, position, position, position, position, position, w, position, position, bias, residual, out,
            position, position
        ), write  # fmt: skip

    return write_tile


@cache
def depthwise_window(rows: int, pixels: int, kernel_h: int, kernel_w: int, stride_w: int, epilogue: str) -> Any:
    """`depthwise_window(x, x_at, row_step, w, bias, residual, out, out_at, out_step, channels)`: `depthwise_tile` for a
    window whose size is known now, all of it inside the image, with dilation 1, and for `rows` rows of `pixels`
    neighbouring pixels, `out_step` apart in out; several rows have stride 1.

    Every loop over taps is unrolled, and a value of x that several pixels need is loaded once.
    """

    @intrinsic
    def write_tile(
        typing: Any, x: Any, x_at: Any, row_step: Any, w: Any, bias: Any, residual: Any, out: Any, out_at: Any,
        out_step: Any, channels: Any
    ) -> Any:  # fmt: skip
        dtype = x.dtype.name

        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            x_array, x_at, row_step, w_array, bias_array, residual_array, out_array, out_at, out_step, channels = (
                arguments
            )
            lanes = lanes_of(context, dtype)
            x_pointer = offset_by(builder, data_pointer(context, builder, x, x_array), dtype, x_at)
            w_pointer = data_pointer(context, builder, w, w_array)
            bias_pointer = data_pointer(context, builder, bias, bias_array)
            residual_pointer = data_pointer(context, builder, residual, residual_array)
            out_pointer = data_pointer(context, builder, out, out_array)

            def block(c: Any, width: int) -> list[Any]:
                start = load(builder, offset_by(builder, bias_pointer, dtype, c), dtype, width)
                sums = {(r, p): start for r in range(rows) for p in range(pixels)}

                def factor(ky: int, kx: int) -> Lanes:
                    place = builder.add(builder.mul(channels, _number(ky * kernel_w + kx)), c)
                    return load(builder, offset_by(builder, w_pointer, dtype, place), dtype, width)

                for y in range(rows - 1 + kernel_h):
                    row = builder.add(builder.mul(row_step, _number(y)), c)
                    readers_h = [r for r in range(rows) if 0 <= y - r < kernel_h]
                    factors = {r: [factor(y - r, kx) for kx in range(kernel_w)] for r in readers_h}
                    for column in range((pixels - 1) * stride_w + kernel_w):
                        readers_w = [p for p in range(pixels) if 0 <= column - p * stride_w < kernel_w]
                        if not readers_w:
                            continue
                        place = builder.add(row, builder.mul(channels, _number(column)))
                        value = load(builder, offset_by(builder, x_pointer, dtype, place), dtype, width)
                        for r in readers_h:
                            for p in readers_w:
                                sums[r, p] = fma(value, factors[r][column - p * stride_w], sums[r, p])
                for (r, p), total in sums.items():
                    place = builder.add(out_at, builder.add(builder.mul(channels, _number(p)), c))
                    place = builder.add(place, builder.mul(out_step, _number(r)))
                    operands = [total]
                    if "a1" in epilogue:
                        operands.append(load(builder, offset_by(builder, residual_pointer, dtype, place), dtype, width))
                    store(expressions.emit(epilogue, operands), offset_by(builder, out_pointer, dtype, place))
                return []

            whole = builder.sub(channels, builder.srem(channels, _number(lanes)))
            loop(builder, _number(0), whole, lanes, lambda c: block(c, lanes), [])
            loop(builder, whole, channels, 1, lambda c: block(c, 1), [])
            return context.get_dummy_value()

        position = types.int64
        return types.void(
            x, position, position, w, bias, residual, out, position, position, position
        ), write  # fmt: skip

    return write_tile
