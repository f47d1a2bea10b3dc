"""Values inside a kernel while LLVM IR is being written: one scalar, or one SIMD vector of any length.

Functions over `Lanes` read like arithmetic and are written once; emitting them with vectors gives the fast loop, with
scalars the tail, and every element sees the same sequence of IEEE operations, so that results do not depend on
where in a vector an element lies, nor on the number of threads.

    def swish(x):
        return x * sigmoid(x)

Numbers of float16 and bfloat16 are only stored: in a register they are the bits, which `cast` widens to float32 and
rounds back, by arithmetic that every target has.

Only compiling imports this module's llvmlite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Union

from llvmlite import ir

from edgeload.kernels.functions import HALVES

_INTEGER_BITS = {"bool": 1, "int8": 8, "int16": 16, "int32": 32, "int64": 64}
_INTEGER_BITS |= {f"u{name}": bits for name, bits in _INTEGER_BITS.items() if name != "bool"}
Operand = Union["Lanes", int, float, bool]


def llvm_type(dtype: str, count: int) -> ir.Type:
    """The type of `count` elements in a register (1: a scalar). A bool is one bit here and one byte in memory."""
    if dtype == "float32":
        element: ir.Type = ir.FloatType()
    elif dtype == "float64":
        element = ir.DoubleType()
    elif dtype in HALVES:
        element = ir.IntType(16)
    else:
        element = ir.IntType(_INTEGER_BITS[dtype])
    return element if count == 1 else ir.VectorType(element, count)


def constant(dtype: str, count: int, number: float) -> ir.Constant:
    """The same number in each of `count` elements."""
    element = ir.Constant(llvm_type(dtype, 1), number)
    return element if count == 1 else ir.Constant(llvm_type(dtype, count), [element] * count)


@dataclass(frozen=True, eq=False)
class Lanes:
    """`count` elements of a dtype in one register, and the builder that appends instructions on them."""

    builder: ir.IRBuilder
    value: Any
    dtype: str
    count: int

    @property
    def is_float(self) -> bool:
        return self.dtype in ("float32", "float64")

    @property
    def is_signed(self) -> bool:
        return self.dtype.startswith("int")

    def like(self, number: float) -> Lanes:
        """The constant `number` in this value's dtype and length."""
        number = float(number) if self.is_float else int(number)
        return self._with(constant(self.dtype, self.count, number))

    def _with(self, value: Any, dtype: str | None = None) -> Lanes:
        return Lanes(self.builder, value, dtype or self.dtype, self.count)

    def _lift(self, other: Operand) -> Lanes:
        return other if isinstance(other, Lanes) else self.like(other)

    def _arithmetic(self, other: Operand, of_floats: str, of_integers: str) -> Lanes:
        instruction = getattr(self.builder, of_floats if self.is_float else of_integers)
        return self._with(instruction(self.value, self._lift(other).value))

    def __add__(self, other: Operand) -> Lanes:
        return self._arithmetic(other, "fadd", "add")

    def __sub__(self, other: Operand) -> Lanes:
        return self._arithmetic(other, "fsub", "sub")

    def __mul__(self, other: Operand) -> Lanes:
        return self._arithmetic(other, "fmul", "mul")

    def __truediv__(self, other: Operand) -> Lanes:
        return self._with(self.builder.fdiv(self.value, self._lift(other).value))

    def __radd__(self, other: Operand) -> Lanes:
        return self._lift(other) + self

    def __rsub__(self, other: Operand) -> Lanes:
        return self._lift(other) - self

    def __rmul__(self, other: Operand) -> Lanes:
        return self._lift(other) * self

    def __rtruediv__(self, other: Operand) -> Lanes:
        return self._lift(other) / self

    def __neg__(self) -> Lanes:
        return self._with(self.builder.fneg(self.value) if self.is_float else self.builder.neg(self.value))

    def __and__(self, other: Operand) -> Lanes:
        return self._with(self.builder.and_(self.value, self._lift(other).value))

    def __or__(self, other: Operand) -> Lanes:
        return self._with(self.builder.or_(self.value, self._lift(other).value))

    def __xor__(self, other: Operand) -> Lanes:
        return self._with(self.builder.xor(self.value, self._lift(other).value))

    def __lshift__(self, other: Operand) -> Lanes:
        return self._with(self.builder.shl(self.value, self._lift(other).value))

    def __rshift__(self, other: Operand) -> Lanes:
        shift = self.builder.ashr if self.is_signed else self.builder.lshr
        return self._with(shift(self.value, self._lift(other).value))

    def __invert__(self) -> Lanes:
        return self._with(self.builder.not_(self.value))

    def _compare(self, operator: str, other: Operand) -> Lanes:
        # `!=` is true for NaN and all others are false, as in C and IEEE 754
        if self.is_float:
            compare = self.builder.fcmp_unordered if operator == "!=" else self.builder.fcmp_ordered
        else:
            compare = self.builder.icmp_signed if self.is_signed else self.builder.icmp_unsigned
        return self._with(compare(operator, self.value, self._lift(other).value), "bool")

    def __lt__(self, other: Operand) -> Lanes:
        return self._compare("<", other)

    def __le__(self, other: Operand) -> Lanes:
        return self._compare("<=", other)

    def __gt__(self, other: Operand) -> Lanes:
        return self._compare(">", other)

    def __ge__(self, other: Operand) -> Lanes:
        return self._compare(">=", other)

    def equals(self, other: Operand) -> Lanes:
        return self._compare("==", other)

    def differs(self, other: Operand) -> Lanes:
        return self._compare("!=", other)

    def call(self, name: str, *others: Operand) -> Lanes:
        """An LLVM intrinsic that maps vectors of this type to the same type: "llvm.fma", "llvm.floor", ..."""
        kind = llvm_type(self.dtype, self.count)
        suffix = ("f" if self.is_float else "i") + str(
            {"float32": 32, "float64": 64}.get(self.dtype) or _INTEGER_BITS[self.dtype]
        )
        full_name = f"{name}.{suffix}" if self.count == 1 else f"{name}.v{self.count}{suffix}"
        operands = [self.value, *(self._lift(other).value for other in others)]
        module = self.builder.module
        function = module.globals.get(full_name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), full_name)
        return self._with(self.builder.call(function, operands))

    def bits(self, dtype: str) -> Lanes:
        """The same bits under another dtype of the same width."""
        return self._with(self.builder.bitcast(self.value, llvm_type(dtype, self.count)), dtype)

    def cast(self, dtype: str) -> Lanes:
        """Conversion as TensorFlow's Cast on an x86 CPU: floats are cut towards zero, integers wrap, bool is `!= 0`.

        A float that does not fit, or NaN, becomes the least int32 (for up to 32 signed or 16 unsigned bits) or the
        least int64, of which the low bits are kept; a uint64 of 2^63 and more is reached through int64 minus 2^63.
        float16 and bfloat16 are reached through float32.
        """
        if dtype == self.dtype:
            return self
        if self.dtype in HALVES:
            return (_from_float16(self) if self.dtype == "float16" else _from_bfloat16(self)).cast(dtype)
        if dtype in HALVES:
            single = self.cast("float32")
            return _to_float16(single) if dtype == "float16" else _to_bfloat16(single)
        target = llvm_type(dtype, self.count)
        to_float, builder = dtype.startswith("float"), self.builder
        if dtype == "bool":
            return self.differs(0)
        if self.is_float and to_float:
            convert = builder.fpext if dtype == "float64" else builder.fptrunc
        elif self.is_float:
            return self._cut_to(dtype)
        elif to_float:
            convert = builder.sitofp if self.is_signed else builder.uitofp
        elif _INTEGER_BITS[dtype] < _INTEGER_BITS[self.dtype]:
            convert = builder.trunc
        elif _INTEGER_BITS[dtype] == _INTEGER_BITS[self.dtype]:
            return self._with(self.value, dtype)
        else:
            convert = builder.sext if self.is_signed else builder.zext
        return self._with(convert(self.value, target), dtype)

    def _cut_to(self, dtype: str) -> Lanes:
        """A float cut towards zero to an integer."""
        if dtype == "uint64":
            beyond = self >= 2.0**63
            low = beyond.select(self - 2.0**63, self)._cut_to("int64")
            return beyond.select(low ^ low.like(-(2**63)), low).cast("uint64")
        bits = 64 if dtype in ("uint32", "int64") else 32
        wide, least = f"int{bits}", -(2 ** (bits - 1))
        fits = (self >= float(least)) & (self < -float(least))
        # converting a number that does not fit is undefined in LLVM
        safe = fits.select(self, 0.0)
        cut = self._with(self.builder.fptosi(safe.value, llvm_type(wide, self.count)), wide)
        return fits.select(cut, least).cast(dtype)

    def select(self, yes: Operand, no: Operand) -> Lanes:
        """`yes` where this condition holds, else `no`. At least one of them is a Lanes."""
        model = yes if isinstance(yes, Lanes) else no
        assert isinstance(model, Lanes)
        yes, no = model._lift(yes), model._lift(no)
        return yes._with(self.builder.select(self.value, yes.value, no.value))

    def fma(self, factor: Operand, term: Operand) -> Lanes:
        """`self * factor + term`, with one rounding on targets that have an instruction for it (else with two)."""
        return self.call("llvm.fmuladd", factor, term)

    def rint(self) -> Lanes:
        """The nearest integer, halves to even."""
        return self.call("llvm.rint")

    def any(self) -> Any:
        """One bit: whether this condition holds anywhere."""
        if self.count == 1:
            return self.value
        mask = self.builder.bitcast(self.value, ir.IntType(self.count))
        return self.builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))


def _from_float16(x: Lanes) -> Lanes:
    """The float32 of a float16: exponent and fraction in place, times 2^112 for the other bias, which makes denormals
    right as well."""
    bits = x._with(x.value, "uint16").cast("uint32")
    magnitude = bits & 0x7FFF
    finite = (magnitude << 13).bits("float32") * 2.0**112
    value = (magnitude >= 0x7C00).select((magnitude << 13) | 0x7F800000, finite.bits("uint32"))
    return (value | ((bits & 0x8000) << 16)).bits("float32")


def _to_float16(x: Lanes) -> Lanes:
    """The nearest float16 of a float32, halves to even; NaN keeps its sign only."""
    bits = x.bits("uint32")
    sign, magnitude = (bits >> 16) & 0x8000, bits & 0x7FFFFFFF
    # adding 1/2 leaves the units of a denormal result in the low bits, rounded
    denormal = (magnitude.bits("float32") + 0.5).bits("uint32") - 0x3F000000
    is_odd = (magnitude >> 13) & 1
    normal = (magnitude - (112 << 23) + 0xFFF + is_odd) >> 13
    value = (magnitude < (113 << 23)).select(denormal, normal)
    value = (magnitude >= (143 << 23)).select((magnitude > 0x7F800000).select(magnitude.like(0x7E00), 0x7C00), value)
    half = (value | sign).cast("uint16")
    return half._with(half.value, "float16")


def _from_bfloat16(x: Lanes) -> Lanes:
    """The float32 of a bfloat16, which is its upper half."""
    return (x._with(x.value, "uint16").cast("uint32") << 16).bits("float32")


def _to_bfloat16(x: Lanes) -> Lanes:
    """The nearest bfloat16 of a float32, halves to even; NaN keeps its sign only."""
    bits = x.bits("uint32")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    half = x.differs(x).select(((bits >> 16) & 0x8000) | 0x7FC0, rounded).cast("uint16")
    return half._with(half.value, "bfloat16")


def fma(x: Lanes, y: Operand, z: Operand) -> Lanes:
    """`x * y + z`, with one rounding on targets that have an instruction for it."""
    return x.fma(y, z)


def choose(condition: Any, yes: Callable[[], tuple[Lanes, ...]], no: tuple[Lanes, ...]) -> tuple[Lanes, ...]:
    """`yes()` if the bit `condition` is set, else `no`, with a branch: for what is costly and rarely needed."""
    builder = no[0].builder
    before = builder.block
    costly = builder.append_basic_block("choose.yes")
    after = builder.append_basic_block("choose.end")
    builder.cbranch(condition, costly, after)
    builder.position_at_end(costly)
    results = yes()
    costly = builder.block
    builder.branch(after)
    builder.position_at_end(after)
    merged = []
    for result, otherwise in zip(results, no, strict=True):
        phi = builder.phi(otherwise.value.type)
        phi.add_incoming(otherwise.value, before)
        phi.add_incoming(result.value, costly)
        merged.append(Lanes(builder, phi, otherwise.dtype, otherwise.count))
    return tuple(merged)


def load(builder: ir.IRBuilder, pointer: Any, dtype: str, count: int) -> Lanes:
    """`count` elements from memory, with no alignment beyond the element's own."""
    if dtype == "bool":
        stored = builder.load(pointer, typ=llvm_type("uint8", count), align=1)
        return Lanes(builder, stored, "uint8", count).differs(0)
    kind = llvm_type(dtype, count)
    return Lanes(builder, builder.load(pointer, typ=kind, align=element_nbytes(dtype)), dtype, count)


def store(lanes: Lanes, pointer: Any) -> None:
    """Elements to memory."""
    builder, value = lanes.builder, lanes.value
    if lanes.dtype == "bool":
        value = builder.zext(value, llvm_type("uint8", lanes.count))
    # llvmlite still compares pointee types; this cast between pointers is nothing in LLVM
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=element_nbytes(lanes.dtype))


def splat(scalar: Lanes, count: int) -> Lanes:
    """One element repeated `count` times."""
    if count == 1:
        return scalar
    builder, kind = scalar.builder, llvm_type(scalar.dtype, count)
    undefined = ir.Constant(kind, ir.Undefined)
    single = builder.insert_element(undefined, scalar.value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return Lanes(builder, builder.shuffle_vector(single, undefined, zeros), scalar.dtype, count)


def lookup(index: Lanes, table: Sequence[int]) -> Lanes:
    """table[index] as uint64, element by element; every index must be within the table."""
    builder, module = index.builder, index.builder.module
    words = ir.ArrayType(ir.IntType(64), len(table))
    stored = ir.GlobalVariable(module, words, module.get_unique_name("table"))
    stored.linkage, stored.global_constant, stored.initializer = "internal", True, ir.Constant(words, list(table))
    start = builder.bitcast(stored, ir.PointerType())

    def element(place: Any) -> Any:
        address = builder.gep(start, [builder.sext(place, ir.IntType(64))], source_etype=ir.IntType(64))
        return builder.load(address, typ=ir.IntType(64))

    if index.count == 1:
        return index._with(element(index.value), "uint64")
    found = ir.Constant(llvm_type("uint64", index.count), ir.Undefined)
    for lane in range(index.count):
        position = ir.Constant(ir.IntType(32), lane)
        found = builder.insert_element(found, element(builder.extract_element(index.value, position)), position)
    return index._with(found, "uint64")


def splat_element(vector: Lanes, index: int) -> Lanes:
    """One element of a vector in all of its lanes."""
    indices = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [index] * vector.count)
    undefined = ir.Constant(vector.value.type, ir.Undefined)
    spread = vector.builder.shuffle_vector(vector.value, undefined, indices)
    return Lanes(vector.builder, spread, vector.dtype, vector.count)


def across(vector: Lanes, combine: Callable[[Lanes, Lanes], Lanes], count: int = 1) -> Lanes:
    """All elements of a vector combined into `count` of them, half with half; one is a scalar."""
    builder = vector.builder
    while vector.count > count:
        half = vector.count // 2
        undefined = ir.Constant(vector.value.type, ir.Undefined)
        parts = []
        for start in (0, half):
            indices = ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(start, start + half)))
            parts.append(builder.shuffle_vector(vector.value, undefined, indices))
        if half == 1:
            parts = [builder.extract_element(part, ir.Constant(ir.IntType(32), 0)) for part in parts]
        low, high = (Lanes(builder, part, vector.dtype, half) for part in parts)
        vector = combine(low, high)
    return vector


def element_nbytes(dtype: str) -> int:
    """Bytes of one element in memory."""
    return {"float32": 4, "float64": 8, "bool": 1, "float16": 2, "bfloat16": 2}.get(dtype) or _INTEGER_BITS[dtype] // 8


def loop(
    builder: ir.IRBuilder, start: Any, stop: Any, step: int, body: Callable[..., list[Any]], carried: list[Any]
) -> list[Any]:
    """`for i in range(start, stop, step)`, with loop-carried values: `body(i, *carried)` returns their next values."""
    i64 = ir.IntType(64)
    before = builder.block
    head = builder.append_basic_block("loop.head")
    inside = builder.append_basic_block("loop.body")
    after = builder.append_basic_block("loop.end")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(i64)
    index.add_incoming(start, before)
    phis = []
    for value in carried:
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        phis.append(phi)
    builder.cbranch(builder.icmp_signed("<", index, stop), inside, after)
    builder.position_at_end(inside)
    following = body(index, *phis)
    latch = builder.block
    index.add_incoming(builder.add(index, ir.Constant(i64, step), flags=("nsw",)), latch)
    for phi, value in zip(phis, following, strict=True):
        phi.add_incoming(value, latch)
    builder.branch(head)
    builder.position_at_end(after)
    return phis
