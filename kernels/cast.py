"""Cast and Bitcast: numbers as another dtype, bytes as another dtype.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/Cast
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.kernels.complex_planes import is_complex, lower_cast
from edgeload.kernels.elementwise import fusible, lower_expression
from edgeload.kernels.functions import FUNCTIONS, convert
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FRACTION_BITS = {"float64": 52, "float32": 23, "float16": 10, "bfloat16": 7}


def _infer_cast(node: Node, x: Operand) -> Spec:
    target = node.attrs["DstT"]
    for dtype in (x.dtype, target):
        require(isinstance(dtype, np.dtype) and dtype.kind != "O", node, f"dtype {dtype}", "numbers and bools")
    return Spec(target, x.shape)


def _cast(node: Node, x: np.ndarray) -> np.ndarray:
    """Towards zero for floats to integers, modulo 2^bits between integers, `!= 0` for bool; see `Lanes.cast`."""
    with np.errstate(all="ignore"):
        return convert(_truncated(x, node.attrs["DstT"]) if node.attrs.get("Truncate") else x, node.attrs["DstT"])


def _truncated(x: np.ndarray, target: np.dtype) -> np.ndarray:
    """Floats without the bits that a narrower float has no room for, so that nothing is left to be rounded."""
    lost = _FRACTION_BITS.get(x.dtype.name, 0) - _FRACTION_BITS.get(target.name, 64)
    if lost <= 0:
        return x
    bits = x.view(f"uint{8 * x.itemsize}")
    return (bits >> lost << lost).view(x.dtype)


def _cast_expression(node: Node) -> str:
    if node.attrs.get("Truncate"):
        return ""
    name = f"cast_{node.attrs['DstT'].name}"
    return f"{name}(a0)" if name in FUNCTIONS else ""


def _lower_cast(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,), (out,) = operands, outputs
    if is_complex(x.dtype) or is_complex(out.dtype):
        return lower_cast(x, out, emit)
    expression = _cast_expression(node)
    return lower_expression(expression, operands, out, emit) if expression else NotImplemented


def _fusible_cast(node: Node) -> str:
    expression = _cast_expression(node)
    return fusible(expression, node.attrs["SrcT"]) if expression else ""


def _infer_bitcast(node: Node, x: Operand) -> Spec:
    """[..., n] of small elements become [...] of large ones that are n times as wide, and the other way round."""
    target = node.attrs["type"]
    for dtype in (x.dtype, target):
        require(isinstance(dtype, np.dtype) and dtype.kind not in "Ob", node, f"dtype {dtype}", "numbers")
    assert isinstance(x.dtype, np.dtype)
    source_nbytes, target_nbytes = x.dtype.itemsize, target.itemsize
    if source_nbytes == target_nbytes:
        return Spec(target, x.shape)
    if source_nbytes > target_nbytes:
        return Spec(target, (*x.shape, source_nbytes // target_nbytes))
    ratio = target_nbytes // source_nbytes
    require(
        bool(x.shape) and x.shape[-1] == ratio,
        node,
        f"{x.dtype} of shape {x.shape} as {target}",
        f"the last dimension must be {ratio}",
    )
    return Spec(target, x.shape[:-1])


def _bitcast(node: Node, x: np.ndarray) -> np.ndarray:
    target = node.attrs["type"]
    shape = _infer_bitcast(node, Operand(x.dtype, x.shape)).shape
    return np.frombuffer(np.ascontiguousarray(x).tobytes(), target).reshape(shape)


register("Cast", infer=_infer_cast, reference=_cast, lower=_lower_cast, expression=_fusible_cast)
register("Bitcast", infer=_infer_bitcast, reference=_bitcast, view=True)
