"""Numba intrinsics that write SIMD code. Imported by kernel families while they are being compiled, never by a plan.

Arrays are passed as they are, offsets count elements from the array's start; only the data pointer of an array is used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from edgeload.kernels import expressions, functions, transcendentals
from edgeload.kernels.lanes import Lanes, across, constant, element_nbytes, load, loop, splat, store

if TYPE_CHECKING:
    from edgeload.kernels.reduce import Fold

_I64 = ir.IntType(64)
FOLD_BLOCK = 1024  # elements of a row that are summed before the total's dtype takes over
FOLD_ROWS = 64
_SOFTMAX_VECTORS = 4  # at a time: an exponential alone would wait for its own instructions


def lanes_of(context: Any, dtype: str) -> int:
    """How many elements of a dtype fill one vector register of the target."""
    return max(1, int(context.edgeload_target.lanes) * 4 // element_nbytes(dtype))


def data_pointer(context: Any, builder: ir.IRBuilder, array_type: Any, array: Any) -> Any:
    """The pointer to an array's first element."""
    return make_array(array_type)(context, builder, array).data


def offset_by(builder: ir.IRBuilder, pointer: Any, dtype: str, offset: Any) -> Any:
    """The pointer `offset` elements further on."""
    return builder.gep(pointer, [offset], source_etype=ir.IntType(8 * element_nbytes(dtype)))


@cache
def map_row(expression: str, pattern: str, loops: int, dtypes: tuple[str, ...]) -> Any:
    """`map_row(operands, strides, sizes, row, start, count, out, at)`: a stretch of one row of `elementwise`,
    out[at + n] = expression(...) for n in range(count).

    With row = (p[0], ..., p[loops - 1]) in an array of shape `sizes`, operand o begins at
    sum(strides[loops o + d] p[d]); letter o of `pattern` says how it advances along the row: "v" with n, from `start`
    on, "s" not at all. `dtypes` are the operands' and, last, the output's.
    """
    *kinds, out_dtype = dtypes

    @intrinsic
    def write_row(
        typing: Any, operands: Any, strides: Any, sizes: Any, row: Any, start: Any, count: Any, out: Any, at: Any
    ) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            operand_tuple, stride_tuple, size_tuple, row, start, count, out_array, at = arguments
            out_pointer = offset_by(builder, data_pointer(context, builder, out, out_array), out_dtype, at)
            positions: list[Any] = []
            for axis in reversed(range(1, loops)):
                size = builder.extract_value(size_tuple, axis)
                positions.insert(0, builder.urem(row, size))
                row = builder.udiv(row, size)
            positions.insert(0, row)
            pointers = []
            for index, (array_type, kind, letter) in enumerate(zip(operands, kinds, pattern, strict=True)):
                offset = start if letter == "v" else ir.Constant(_I64, 0)
                for axis, position in enumerate(positions):
                    stride = builder.extract_value(stride_tuple, loops * index + axis)
                    offset = builder.add(offset, builder.mul(stride, position))
                array = builder.extract_value(operand_tuple, index)
                pointer = data_pointer(context, builder, array_type, array)
                pointers.append(offset_by(builder, pointer, kind, offset))
            scalars = [
                load(builder, pointer, kind, 1) if letter == "s" else None
                for pointer, kind, letter in zip(pointers, kinds, pattern, strict=True)
            ]

            def step(index: Any, width: int) -> list[Any]:
                values = [
                    load(builder, offset_by(builder, pointer, kind, index), kind, width)
                    if scalar is None
                    else splat(scalar, width)
                    for pointer, kind, scalar in zip(pointers, kinds, scalars, strict=True)
                ]
                result = expressions.emit(expression, values).cast(out_dtype)
                store(result, offset_by(builder, out_pointer, out_dtype, index))
                return []

            width = lanes_of(context, max((*kinds, out_dtype), key=element_nbytes))
            whole = builder.sub(count, builder.srem(count, ir.Constant(_I64, width)))
            loop(builder, ir.Constant(_I64, 0), whole, width, lambda index: step(index, width), [])
            loop(builder, whole, count, 1, lambda index: step(index, 1), [])
            return context.get_dummy_value()

        position = types.int64
        return types.void(operands, strides, sizes, *([position] * 3), out, position), write

    return write_row


@cache
def scalar_function(expression: str) -> Any:
    """`f(x)`: an element-wise expression of one float, for kernels that are loops over scalars."""

    @intrinsic
    def apply(typing: Any, x: Any) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            return expressions.emit(expression, [Lanes(builder, arguments[0], x.name, 1)]).value

        return x(x), write

    return apply


def _crc32c_step(bits: int) -> Any:
    """`step(crc, x, offset)`: the checksum after `bits` more bits of x, which are read from any address."""

    @intrinsic
    def step(typing: Any, crc: Any, x: Any, offset: Any) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            crc, array, offset = arguments
            word = ir.IntType(bits)
            address = offset_by(builder, data_pointer(context, builder, x, array), "uint8", offset)
            value = builder.load(address, typ=word, align=1)
            state = ir.IntType(32)
            if context.edgeload_target.triple.startswith("aarch64"):
                name = "llvm.aarch64.crc32cx" if bits == 64 else "llvm.aarch64.crc32cb"
                value = value if bits == 64 else builder.zext(value, state)
            else:
                name = "llvm.x86.sse42.crc32.64.64" if bits == 64 else "llvm.x86.sse42.crc32.32.8"
                state = ir.IntType(64) if bits == 64 else state
            kind = ir.FunctionType(state, [state, value.type])
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            start = builder.trunc(crc, state) if state.width < 64 else crc
            following = builder.call(function, [start, value])
            return builder.zext(following, _I64) if state.width < 64 else following

        return types.int64(types.int64, x, types.int64), write

    return step


crc32c_word = _crc32c_step(64)
crc32c_byte = _crc32c_step(8)


@cache
def fold_rows(fold: Fold) -> Any:
    """`fold_rows(x, at, size, out, to)`: out[to] = finish(start(x[at]) o ... o start(x[at + size - 1])).

    Blocks of FOLD_BLOCK elements are folded in the input's dtype, in four vectors; the blocks in the total's dtype.
    """

    @intrinsic
    def write_row(typing: Any, x: Any, at: Any, size: Any, out: Any, to: Any) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            x_array, at, size, out_array, to = arguments
            kind, out_kind = x.dtype.name, out.dtype.name
            total_kind = fold.total_dtype(kind)
            source = offset_by(builder, data_pointer(context, builder, x, x_array), kind, at)
            width = lanes_of(context, kind)

            def term(index: Any, count: int) -> Lanes:
                return fold.start(load(builder, offset_by(builder, source, kind, index), kind, count))

            def combine(left: Any, right: Lanes) -> Any:
                return fold.combine(Lanes(builder, left, right.dtype, right.count), right).value

            def vectors(index: Any, *parts: Any) -> list[Any]:
                offsets = [builder.add(index, ir.Constant(_I64, part * width)) for part in range(len(parts))]
                return [combine(part, term(offset, width)) for part, offset in zip(parts, offsets, strict=True)]

            def block(first: Any, total: Any) -> list[Any]:
                end = builder.add(first, ir.Constant(_I64, FOLD_BLOCK))
                end = builder.select(builder.icmp_signed("<", end, size), end, size)
                identity = constant(kind, width, fold.identity(kind))
                count = builder.sub(end, first)
                fours = builder.sub(end, builder.srem(count, ir.Constant(_I64, 4 * width)))
                parts = loop(builder, first, fours, 4 * width, vectors, [identity] * 4)
                ones = builder.sub(end, builder.srem(count, ir.Constant(_I64, width)))
                (part,) = loop(builder, fours, ones, width, vectors, parts[:1])
                pair = combine(part, Lanes(builder, parts[1], kind, width))
                other = combine(parts[2], Lanes(builder, parts[3], kind, width))
                folded = across(
                    Lanes(builder, combine(pair, Lanes(builder, other, kind, width)), kind, width), fold.combine
                )
                (scalar,) = loop(
                    builder, ones, end, 1, lambda index, scalar: [combine(scalar, term(index, 1))], [folded.value]
                )
                return [combine(total, Lanes(builder, scalar, kind, 1).cast(total_kind))]

            start = constant(total_kind, 1, fold.identity(total_kind))
            (total,) = loop(builder, ir.Constant(_I64, 0), size, FOLD_BLOCK, block, [start])
            result = fold.finish(Lanes(builder, total, total_kind, 1), size).cast(out_kind)
            store(result, offset_by(builder, data_pointer(context, builder, out, out_array), out_kind, to))
            return context.get_dummy_value()

        position = types.int64
        return types.void(x, position, position, out, position), write

    return write_row


@cache
def fold_columns(fold: Fold) -> Any:
    """`fold_columns(x, at, size, inner, first, last, out, to)`: out[to + i] = finish(start(x[at + i]) o ... o
    start(x[at + (size - 1) inner + i])) for i in range(first, last).

    Every column is folded in the order of its rows, in blocks of FOLD_ROWS, however many columns are done at a time.
    """

    @intrinsic
    def write_columns(
        typing: Any, x: Any, at: Any, size: Any, inner: Any, first: Any, last: Any, out: Any, to: Any
    ) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            x_array, at, size, inner, first, last, out_array, to = arguments
            kind, out_kind = x.dtype.name, out.dtype.name
            total_kind = fold.total_dtype(kind)
            source = offset_by(builder, data_pointer(context, builder, x, x_array), kind, at)
            target = offset_by(builder, data_pointer(context, builder, out, out_array), out_kind, to)

            def columns(column: Any, vectors: int, width: int) -> list[Any]:
                def row(index: Any, *parts: Any) -> list[Any]:
                    base = builder.add(builder.mul(index, inner), column)
                    return [
                        fold.combine(Lanes(builder, part, kind, width), fold.start(load_at(base, number, width))).value
                        for number, part in enumerate(parts)
                    ]

                def load_at(base: Any, number: int, width: int) -> Lanes:
                    offset = builder.add(base, ir.Constant(_I64, number * width))
                    return load(builder, offset_by(builder, source, kind, offset), kind, width)

                def block(begin: Any, *totals: Any) -> list[Any]:
                    end = builder.add(begin, ir.Constant(_I64, FOLD_ROWS))
                    end = builder.select(builder.icmp_signed("<", end, size), end, size)
                    identity = constant(kind, width, fold.identity(kind))
                    parts = loop(builder, begin, end, 1, row, [identity] * vectors)
                    return [
                        fold.combine(
                            Lanes(builder, total, total_kind, width), Lanes(builder, part, kind, width).cast(total_kind)
                        ).value
                        for total, part in zip(totals, parts, strict=True)
                    ]

                start = constant(total_kind, width, fold.identity(total_kind))
                totals = loop(builder, ir.Constant(_I64, 0), size, FOLD_ROWS, block, [start] * vectors)
                for number, total in enumerate(totals):
                    result = fold.finish(Lanes(builder, total, total_kind, width), size).cast(out_kind)
                    offset = builder.add(column, ir.Constant(_I64, number * width))
                    store(result, offset_by(builder, target, out_kind, offset))
                return []

            width = lanes_of(context, kind)
            for vectors, count in ((4, width), (1, width), (1, 1)):
                step = ir.Constant(_I64, vectors * count)
                end = builder.sub(last, builder.srem(builder.sub(last, first), step))
                loop(
                    builder,
                    first,
                    end,
                    vectors * count,
                    lambda column, vectors=vectors, count=count: columns(column, vectors, count),
                    [],
                )
                first = end
            return context.get_dummy_value()

        position = types.int64
        return types.void(x, *([position] * 5), out, position), write

    return write_columns


@cache
def softmax_row(is_log: bool) -> Any:
    """`softmax_row(x, at, size, out)` for one row of floats at the same place of both:
    out = e^(x - m) / s or x - m - log s, with m = max(x), s = sum(e^(x - m))."""

    @intrinsic
    def write_row(typing: Any, x: Any, at: Any, size: Any, out: Any) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            x_array, at, size, out_array = arguments
            kind = x.dtype.name
            source = offset_by(builder, data_pointer(context, builder, x, x_array), kind, at)
            target = offset_by(builder, data_pointer(context, builder, out, out_array), kind, at)
            width = lanes_of(context, kind)
            wide = _SOFTMAX_VECTORS * width
            zero = ir.Constant(_I64, 0)
            several = builder.sub(size, builder.srem(size, ir.Constant(_I64, wide)))
            whole = builder.sub(size, builder.srem(size, ir.Constant(_I64, width)))

            def at_index(pointer: Any, index: Any, count: int) -> Lanes:
                return load(builder, offset_by(builder, pointer, kind, index), kind, count)

            def write_out(value: Lanes, index: Any) -> None:
                store(value, offset_by(builder, target, kind, index))

            def folded(
                term: Callable[[Any, int], Lanes], combine: Callable[[Lanes, Lanes], Lanes], start: float
            ) -> Lanes:
                def step(index: Any, so_far: Any, count: int) -> list[Any]:
                    return [combine(Lanes(builder, so_far, kind, count), term(index, count)).value]

                begin, value, before = zero, constant(kind, wide, start), wide
                for end, count in ((several, wide), (whole, width), (size, 1)):
                    value = across(Lanes(builder, value, kind, before), combine, count).value
                    (value,) = loop(builder, begin, end, count, lambda i, v, count=count: step(i, v, count), [value])
                    begin, before = end, count
                return Lanes(builder, value, kind, 1)

            def mapped(write_at: Callable[[Any, int], None]) -> None:
                for begin, end, count in ((zero, whole, width), (whole, size, 1)):

                    def step(index: Any, count: int = count) -> list[Any]:
                        write_at(index, count)
                        return []

                    loop(builder, begin, end, count, step, [])

            # NaN, which this maximum may leave out, makes the sum NaN
            largest = folded(lambda i, n: at_index(source, i, n), lambda x, y: (x > y).select(x, y), float("-inf"))
            exp = transcendentals.exp_of_negative if kind == "float32" else functions.FUNCTIONS["exp"].emit

            def exponential(index: Any, count: int) -> Lanes:
                value = exp(at_index(source, index, count) - splat(largest, count))
                if not is_log:
                    write_out(value, index)
                return value

            total = folded(exponential, functions.add, 0.0)
            if is_log:
                shift = functions.FUNCTIONS["log"].emit(total)
                mapped(lambda i, n: write_out(at_index(source, i, n) - splat(largest, n) - splat(shift, n), i))
            else:
                factor = 1.0 / total
                mapped(lambda i, n: write_out(at_index(target, i, n) * splat(factor, n), i))
            return context.get_dummy_value()

        position = types.int64
        return types.void(x, position, position, out), write

    return write_row


@cache
def normalize_row(expression: str) -> Any:
    """`normalize_row(x, at, size, vectors, out)` for one row of floats at the same place of both: out = expression
    over a0 = x, a1 = m = sum(x) / size, a2 = sum((x - m)^2) / size and a3, a4, ... = the vectors, of `size` elements.

    What the expression does to a1 and a2 alone is done once a row: LLVM moves it out of the loop.
    """

    @intrinsic
    def write_row(typing: Any, x: Any, at: Any, size: Any, vectors: Any, out: Any) -> Any:
        def write(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            x_array, at, size, vector_tuple, out_array = arguments
            kind = x.dtype.name
            source = offset_by(builder, data_pointer(context, builder, x, x_array), kind, at)
            target = offset_by(builder, data_pointer(context, builder, out, out_array), kind, at)
            width = lanes_of(context, kind)
            begin = ir.Constant(_I64, 0)
            fours = builder.sub(size, builder.srem(size, ir.Constant(_I64, 4 * width)))
            ones = builder.sub(size, builder.srem(size, ir.Constant(_I64, width)))
            count = Lanes(builder, size, "int64", 1).cast(kind)

            def at_index(pointer: Any, index: Any, lanes: int) -> Lanes:
                return load(builder, offset_by(builder, pointer, kind, index), kind, lanes)

            def mean_of(term: Callable[[Lanes], Lanes]) -> Lanes:
                def add(index: Any, *parts: Any, lanes: int = width) -> list[Any]:
                    places = [builder.add(index, ir.Constant(_I64, number * lanes)) for number in range(len(parts))]
                    return [
                        (Lanes(builder, part, kind, lanes) + term(at_index(source, place, lanes))).value
                        for part, place in zip(parts, places, strict=True)
                    ]

                four = loop(builder, begin, fours, 4 * width, add, [constant(kind, width, 0.0)] * 4)
                four[:1] = loop(builder, fours, ones, width, add, four[:1])
                first, second, third, fourth = (Lanes(builder, part, kind, width) for part in four)
                folded = across((first + second) + (third + fourth), functions.add)
                (total,) = loop(builder, ones, size, 1, lambda i, s: add(i, s, lanes=1), [folded.value])
                return Lanes(builder, total, kind, 1) / count

            mean = mean_of(lambda value: value)
            variance = mean_of(lambda value: functions.square(value - splat(mean, value.count)))
            pointers = [
                data_pointer(context, builder, kinds, builder.extract_value(vector_tuple, number))
                for number, kinds in enumerate(vectors)
            ]

            def finish(index: Any, lanes: int) -> list[Any]:
                row = [at_index(source, index, lanes), splat(mean, lanes), splat(variance, lanes)]
                value = expressions.emit(expression, row + [at_index(pointer, index, lanes) for pointer in pointers])
                store(value, offset_by(builder, target, kind, index))
                return []

            loop(builder, begin, ones, width, lambda index: finish(index, width), [])
            loop(builder, ones, size, 1, lambda index: finish(index, 1), [])
            return context.get_dummy_value()

        position = types.int64
        return types.void(x, position, position, vectors, out), write

    return write_row
