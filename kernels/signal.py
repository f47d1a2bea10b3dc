"""Fourier transforms and the parts of complex numbers.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/RFFT2D, ../IRFFT, ../FFT3D, ../Complex, ../Angle

Lengths with a large prime factor are host steps, see `edgeload.kernels.fourier`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeload.kernels import complex_planes
from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.fourier import emit_transforms
from edgeload.kernels.pad import zero_of
from edgeload.kernels.registry import Emit, Lower, Node, Operand, Spec, broadcast_shapes, register, require
from edgeload.kernels.tile import emit_broadcast

_COMPLEX: dict[str, Any] = {"float32": np.dtype(np.complex64), "float64": np.dtype(np.complex128)}
_REAL: dict[str, Any] = {"complex64": np.dtype(np.float32), "complex128": np.dtype(np.float64)}
_NAMES = {1: "", 2: "2D", 3: "3D"}


def _require_rank(node: Node, x: Operand, rank: int) -> None:
    require(len(x.shape) >= rank, node, f"an input of shape {x.shape}", f"{rank} or more dimensions")


def _axes(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def _lower_transform(rank: int, is_backward: bool) -> Lower:
    """Of an empty input the spectrum is 0, of however many numbers."""

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        x, *lengths = operands
        (out,) = outputs
        if 0 in out.shape:
            return None
        if 0 in x.shape:
            return emit_broadcast(emit, zero_of(emit, out.dtype), out)
        sizes = [int(length) for length in (lengths[0].known() if lengths else x.shape[-rank:])]
        return emit_transforms(emit, x, sizes, out, is_backward=is_backward)

    return lower


# ---- FFT, IFFT: complex to complex of one shape


def _register_complex(rank: int) -> None:
    def infer(node: Node, x: Operand) -> Spec:
        _require_rank(node, x, rank)
        require(str(x.dtype) in _REAL, node, f"dtype {x.dtype}", "complex64 or complex128")
        return x.spec

    def forward(node: Node, x: np.ndarray) -> np.ndarray:
        return np.fft.fftn(x, axes=_axes(rank)).astype(x.dtype) if x.size else x

    def inverse(node: Node, x: np.ndarray) -> np.ndarray:
        return np.fft.ifftn(x, axes=_axes(rank)).astype(x.dtype) if x.size else x

    register(f"FFT{_NAMES[rank]}", infer=infer, reference=forward, lower=_lower_transform(rank, False))
    register(f"IFFT{_NAMES[rank]}", infer=infer, reference=inverse, lower=_lower_transform(rank, True))


# ---- RFFT, IRFFT: real to the half of the spectrum that is not the mirror of the other, and back


def _lengths(node: Node, shape: tuple[int, ...], lengths: np.ndarray, rank: int, is_forward: bool) -> tuple[int, ...]:
    """fft_length; the input's last dimensions must have as much, and what is beyond is not used."""
    require(lengths.shape == (rank,), node, f"fft_length of shape {lengths.shape}", f"{rank} numbers")
    sizes = tuple(int(length) for length in lengths)
    require(min(sizes) >= 0, node, f"fft_length {sizes}", "numbers of at least 0")
    for at, size in enumerate(sizes):
        needed = size if is_forward or at < rank - 1 else size // 2 + 1
        given = shape[len(shape) - rank + at]
        require(given == 0 or given >= needed, node, f"dimension of {given} for length {size}", f"at least {needed}")
    return sizes


def _register_real(rank: int) -> None:
    def infer_forward(node: Node, x: Operand, lengths: Operand) -> Spec:
        _require_rank(node, x, rank)
        require(str(x.dtype) in _COMPLEX, node, f"dtype {x.dtype}", "float32 or float64")
        sizes = _lengths(node, x.shape, lengths.known(), rank, True)
        last = sizes[-1] // 2 + 1 if sizes[-1] else 0
        return Spec(_COMPLEX[str(x.dtype)], (*x.shape[: len(x.shape) - rank], *sizes[:-1], last))

    def infer_inverse(node: Node, x: Operand, lengths: Operand) -> Spec:
        _require_rank(node, x, rank)
        require(str(x.dtype) in _REAL, node, f"dtype {x.dtype}", "complex64 or complex128")
        sizes = _lengths(node, x.shape, lengths.known(), rank, False)
        return Spec(_REAL[str(x.dtype)], (*x.shape[: len(x.shape) - rank], *sizes))

    def forward(node: Node, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        spec: Any = infer_forward(node, Operand(x.dtype, x.shape), Operand(lengths.dtype, lengths.shape, 1, lengths))
        if x.size == 0 or 0 in (spec.shape or ()):
            return np.zeros(spec.shape or (), spec.dtype)
        return np.fft.rfftn(x, [int(length) for length in lengths], _axes(rank)).astype(spec.dtype)

    def inverse(node: Node, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        spec: Any = infer_inverse(node, Operand(x.dtype, x.shape), Operand(lengths.dtype, lengths.shape, 1, lengths))
        if x.size == 0 or 0 in (spec.shape or ()):
            return np.zeros(spec.shape or (), spec.dtype)
        return np.fft.irfftn(x, [int(length) for length in lengths], _axes(rank)).astype(spec.dtype)

    register(f"RFFT{_NAMES[rank]}", infer=infer_forward, reference=forward, lower=_lower_transform(rank, False))
    register(f"IRFFT{_NAMES[rank]}", infer=infer_inverse, reference=inverse, lower=_lower_transform(rank, True))


for _rank in _NAMES:
    _register_complex(_rank)
    _register_real(_rank)


# ---- parts of complex numbers


def _infer_complex(node: Node, real: Operand, imaginary: Operand) -> Spec:
    is_pair = str(real.dtype) in _COMPLEX and real.dtype == imaginary.dtype
    require(is_pair, node, f"dtypes {real.dtype} and {imaginary.dtype}", "two of float32 or of float64")
    return Spec(_COMPLEX[str(real.dtype)], broadcast_shapes(node, real.shape, imaginary.shape))


def _complex(node: Node, real: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    result = np.empty(np.broadcast_shapes(real.shape, imaginary.shape), _COMPLEX[str(real.dtype)])
    result.real, result.imag = real, imaginary  # 1j * infinity would be NaN
    return result


def _infer_part(node: Node, x: Operand) -> Spec:
    require(str(x.dtype) in _REAL, node, f"dtype {x.dtype}", "complex64 or complex128")
    return Spec(_REAL[str(x.dtype)], x.shape)


def _register_part(op: str, compute: Callable[[np.ndarray], Any], lower: Lower | None = None) -> None:
    def reference(node: Node, x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.array(compute(x))

    register(op, infer=_infer_part, reference=reference, lower=lower)


def _lower_angle(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    real, imaginary = complex_planes.split(operands[0], emit)
    return lower_expression("atan2(a0,a1)", [imaginary, real], outputs[0], emit)


def _lower_abs(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return complex_planes.lower_abs(operands[0], outputs[0], emit)


def _lower_imag(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return complex_planes.part_of(operands[0], 1, outputs[0], emit)


def _lower_real(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return complex_planes.part_of(operands[0], 0, outputs[0], emit)


def _lower_complex(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (out,) = outputs
    real, imaginary = (emit.scratch(operand.dtype, out.shape) for operand in operands)
    for operand, whole in zip(operands, (real, imaginary), strict=True):
        lower_expression("a0", [operand], whole, emit)
    return complex_planes.join(real, imaginary, out, emit)


def _lower_conj(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    return complex_planes.lower_conj(operands[0], outputs[0], emit)


_register_part("Angle", np.angle, _lower_angle)
_register_part("ComplexAbs", np.abs, _lower_abs)
_register_part("Imag", np.imag, _lower_imag)
_register_part("Real", np.real, _lower_real)

register("Complex", infer=_infer_complex, reference=_complex, lower=_lower_complex)
register("Conj", infer=lambda node, x: x.spec, reference=lambda node, x: np.conj(x), lower=_lower_conj)
