"""Runs one op three ways for tests: its shape rule, its reference, and its kernels through a minimal planner."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeload.kernels import kernel, registry
from edgeload.kernels.registry import Operand, Spec
from edgeload.runtime import library
from edgeload.runtime.target import host

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)


@dataclass
class FakeNode:
    op: str
    name: str
    attrs: Mapping[str, Any]
    memory: dict[str, Any] = field(default_factory=dict)


class NoKernel(Exception):
    """The op's lowering returned NotImplemented: it would run as a host step."""


class ImmediateEmit:
    """An Emit that runs each kernel at once, split into `workers` pieces, or into `tiles` if those are fewer."""

    def __init__(self, workers: int) -> None:
        self.lanes = host().lanes
        self.workers = workers
        self.kernels: list[str] = []
        self.shared: list[tuple[Operand, Operand]] = []

    def kernel(self, name: str, *args: Any, tiles: int = 1) -> None:
        parameters = kernel.find(name).parameters
        assert len(parameters) == len(args), f"{name} takes {len(parameters)} arguments, got {len(args)}"
        slots: list[bytes] = []
        for parameter, argument in zip(parameters, args, strict=True):
            if parameter.ndim is None:
                slots.append(np.array(argument, parameter.dtype).tobytes().ljust(8, b"\0"))
                continue
            array = argument.buffer
            if array.dtype.kind == "c" and array.itemsize == 2 * np.dtype(parameter.dtype).itemsize:
                array = array.reshape(-1).view(parameter.dtype)  # complex numbers as pairs of real ones
            assert array.itemsize == np.dtype(parameter.dtype).itemsize, (
                f"{name}: {parameter.name} is {array.dtype}, not {parameter.dtype}"
            )
            shape = array.shape if parameter.ndim == array.ndim else (array.size,)
            assert len(shape) == parameter.ndim, f"{name}: {parameter.name} has {array.ndim} dimensions"
            slots += [np.int64(array.ctypes.data).tobytes(), *(np.int64(size).tobytes() for size in shape)]
        block = np.frombuffer(b"".join(slots), np.int64).copy()
        entry = _ENTRY(library.addresses([name])[name])
        self.kernels.append(name)
        workers = min(self.workers, tiles)
        for worker in range(workers):
            code = entry(block.ctypes.data, worker, workers)
            if code:
                raise ValueError(kernel.find(name).errors[code])

    def constant(self, key: Any, make: Callable[[], np.ndarray]) -> Operand:
        return _operand(make())

    def scratch(self, dtype: Any, shape: tuple[int, ...]) -> Operand:
        return _operand(np.full(shape, 77, dtype))

    def variable(self, operand: Operand) -> Operand:
        return _operand(operand.resource.value)

    def copy(self, source: Operand, output: Operand) -> None:
        output.buffer.reshape(-1)[...] = source.buffer.reshape(-1)

    def may_share(self, output: Operand, operand: Operand) -> None:
        self.shared.append((output, operand))

    def may_be_part(self, output: Operand, operand: Operand, start: int) -> bool:
        return False


def _operand(array: np.ndarray, index: int = 0, is_constant: bool = False) -> Operand:
    array = np.ascontiguousarray(array) if array.ndim else array
    value = array if is_constant else None
    return Operand(array.dtype, array.shape, index, value, array, key=("test", index) if is_constant else None)


def infer(op: str, attrs: Mapping[str, Any], *arrays: np.ndarray) -> list[Spec]:
    """The op's output specs; all input values are known."""
    found = registry.find(op)
    assert found is not None, f"op {op} is not registered"
    specs = found.infer(FakeNode(op, "test", attrs), *(_operand(array, i, True) for i, array in enumerate(arrays)))
    return [specs] if isinstance(specs, Spec) else list(specs)


def reference(op: str, attrs: Mapping[str, Any], *arrays: np.ndarray) -> list[np.ndarray]:
    """The op's outputs by its reference."""
    found = registry.find(op)
    assert found is not None and found.reference is not None
    results = found.reference(FakeNode(op, "test", attrs), *arrays)
    return list(results) if isinstance(results, list | tuple) else [results]


def run(
    op: str, attrs: Mapping[str, Any], *arrays: np.ndarray, constants: tuple[int, ...] = (), workers: int = 1
) -> list[np.ndarray]:
    """The op's outputs by its kernels. Inputs named in `constants` are known while planning. Raises NoKernel."""
    found = registry.find(op)
    assert found is not None and found.lower is not None, f"op {op} has no lowering"
    specs = infer(op, attrs, *arrays)
    operands = [_operand(array, i, i in constants) for i, array in enumerate(arrays)]
    outputs = [_operand(np.full(spec.shape, 77).astype(spec.dtype)) for spec in specs]
    emit = ImmediateEmit(workers)
    if found.lower(FakeNode(op, "test", attrs), operands, outputs, emit) is NotImplemented:
        raise NoKernel(op)
    return [output.buffer for output in outputs]


def check(
    op: str,
    attrs: Mapping[str, Any],
    *arrays: np.ndarray,
    constants: tuple[int, ...] = (),
    rtol: float = 1e-6,
    atol: float = 1e-6,
) -> None:
    """Kernels, with 1 and with 3 workers, equal the reference in value, dtype and shape; the two are bit-identical."""
    with np.errstate(all="ignore"):
        expected = reference(op, attrs, *arrays)
    specs = infer(op, attrs, *arrays)
    single = run(op, attrs, *arrays, constants=constants)
    split = run(op, attrs, *arrays, constants=constants, workers=3)
    for want, spec, got, got_split in zip(expected, specs, single, split, strict=True):
        assert spec.dtype == want.dtype, f"{op}: shape rule says {spec.dtype}, reference gives {want.dtype}"
        assert spec.shape == want.shape, f"{op}: shape rule says {spec.shape}, reference gives {want.shape}"
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, err_msg=f"{op} {attrs}")
        np.testing.assert_array_equal(got, got_split, err_msg=f"{op}: one worker and three differ")
