"""Nodes of float16 and bfloat16 whose op has kernels for float32 only: inputs are widened, outputs rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.functions import HALVES
from edgeload.kernels.registry import Emit, Node, Op, Operand

_FLOAT32 = np.dtype(np.float32)


class LazyEmit(Emit, Protocol):
    def later(self, key: Any, make: Callable[[], np.ndarray]) -> Any:
        """The buffer of a packed constant that is only made when a kernel takes it."""


@dataclass(frozen=True)
class _WideNode:
    """A node with float32 in place of float16 and bfloat16 among its attributes."""

    op: str
    name: str
    attrs: Mapping[str, Any]


def lower_in_float32(
    op: Op, node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: LazyEmit
) -> Any:
    """Emit the op's kernels for float32 between conversions; NotImplemented if it has none, or needs none of this.

    Every result is rounded once, as TensorFlow's kernels do that compute in float32; others round more often.
    """
    if not any(_is_half(operand.dtype) for operand in (*operands, *outputs)):
        return NotImplemented
    assert op.lower is not None
    wide_node = _WideNode(node.op, node.name, {name: _wide(value) for name, value in node.attrs.items()})
    wide_operands = [_widened(operand, emit) for operand in operands]
    wide_outputs = [emit.scratch(_FLOAT32, out.shape) if _is_half(out.dtype) else out for out in outputs]
    if op.lower(wide_node, wide_operands, wide_outputs, emit) is NotImplemented:
        return NotImplemented
    for out, wide in zip(outputs, wide_outputs, strict=True):
        if out is not wide:
            lower_expression(f"cast_{out.dtype.name}(a0)", [wide], out, emit)
    return None


def _is_half(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.name in HALVES


def _wide(value: Any) -> Any:
    if isinstance(value, list):
        return [_wide(item) for item in value]
    return _FLOAT32 if _is_half(value) else value


def _widened(operand: Operand, emit: LazyEmit) -> Operand:
    """The operand as float32: a constant is converted while planning, and stored if a kernel reads it unpacked."""
    if not _is_half(operand.dtype):
        return operand
    if operand.value is not None:
        value = np.asarray(operand.value).astype(np.float32)
        key = ("float32", operand.key)
        buffer = emit.later(key, lambda: value)
        return Operand(_FLOAT32, operand.shape, operand.index, value, buffer, key)
    wide = emit.scratch(_FLOAT32, operand.shape)
    lower_expression("cast_float32(a0)", [operand], wide, emit)
    return Operand(_FLOAT32, operand.shape, operand.index, None, wide.buffer)
