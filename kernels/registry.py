"""What the system knows about an op: shape rule, NumPy reference, lowering. One `register` call an op, no central list.

    infer(node, *operands)            -> Spec or list of Specs of the outputs, for concrete input shapes
    reference(node, *arrays)          -> output array or list of them; plain NumPy
    lower(node, operands, outputs, emit)  -> emits kernel calls; NotImplemented when no kernel fits these dtypes

`infer` checks every attribute and shape (InvalidGraphError), so that neither `reference` nor a kernel needs to.
An op without `lower`, or whose `lower` returns NotImplemented, runs its reference as a host step.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from edgeload import dtypes
from edgeload.dtypes import DType
from edgeload.errors import InvalidGraphError


@dataclass(frozen=True)
class Spec:
    """Dtype and shape of a tensor. `shape` is None where it depends on data and only running the op can tell."""

    dtype: DType
    shape: tuple[int, ...] | None

    def __str__(self) -> str:
        dims = "?" if self.shape is None else ",".join(map(str, self.shape))
        return f"{dtypes.name_of(self.dtype)}[{dims}]"


class NeedsValue(Exception):
    """An op's output shape depends on the value of input `index`, which is not known while planning."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True, eq=False)
class Operand:
    """An input (or output) of a node while planning: its concrete spec, its value where that is known, its buffer.

    `dtype` is a np.dtype, or an Opaque for handles; most ops only ever see the first.
    `key` is the identity of a constant within its Program: equal keys mean equal values, in every plan of the Program.
    `resource` is the variable or table itself where the dtype is RESOURCE.
    """

    dtype: Any
    shape: tuple[int, ...]
    index: int = 0
    value: np.ndarray | None = None
    buffer: Any = None
    key: Any = None
    resource: Any = None

    @property
    def spec(self) -> Spec:
        return Spec(self.dtype, self.shape)

    def known(self) -> np.ndarray:
        """The value, when it must be known to give the output a shape. Raises NeedsValue, which ends the stage."""
        if self.value is None:
            raise NeedsValue(self.index)
        return self.value


class Node(Protocol):
    """What a registered function sees of a graph's node."""

    @property
    def op(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...


class RunningNode(Node, Protocol):
    """What the reference of a stateful op sees of its node."""

    @property
    def memory(self) -> dict[str, Any]:
        """What the node keeps from call to call. The program owns it."""


class Emit(Protocol):
    """What `lower` may ask of the planner."""

    lanes: int
    """float32 elements in a vector of the target."""

    def kernel(self, name: str, *args: Any, tiles: int = 1) -> None:
        """Append one kernel call. `args` follow the kernel's signature: an Operand or buffer for an array (its
        pointer, then its sizes, go into the argument block), an int or a float for a scalar. The work splits into
        `tiles` independent pieces; piece t is called as (worker=t, workers=tiles)."""

    def constant(self, key: Any, make: Callable[[], np.ndarray]) -> Operand:
        """A packed constant, made once per Program and key (say, ("conv2d", filter.key, tile))."""

    def scratch(self, dtype: DType, shape: tuple[int, ...]) -> Operand:
        """Arena memory that lives during this node only."""

    def variable(self, operand: Operand) -> Operand:
        """The memory of the variable that a RESOURCE operand is, with the variable's dtype and shape."""

    def copy(self, source: Operand, output: Operand) -> None:
        """Append a copy of all bytes. There is none where output takes over the source's memory (see may_share)."""

    def may_share(self, output: Operand, operand: Operand) -> None:
        """Output may take over the operand's memory if nobody needs the operand afterwards. The kernel must read
        each element before it writes the same element, and no later element of the operand."""

    def may_be_part(self, output: Operand, operand: Operand, start: int) -> bool:
        """Whether the whole output need not be written because it is the operand's memory from element `start` on."""


Infer = Callable[..., "Spec | Sequence[Spec]"]
Reference = Callable[..., Any]
Lower = Callable[[Node, Sequence[Operand], Sequence[Operand], Emit], Any]


@dataclass(frozen=True)
class Op:
    """One registered op type.

    `view`: output 0 is input 0's memory under another shape. `stateful`: must run, in order, even if unused.
    `expression`: the element-wise function of `edgeload.kernels.functions` that the op is, for fusing.
    """

    name: str
    infer: Infer
    reference: Reference | None = None
    lower: Lower | None = None
    view: bool = False
    stateful: bool = False
    expression: Callable[[Node], str] | None = None


_OPS: dict[str, Op] = {}
# modules that register nothing; what they say goes into the code of many kernels
SHARED_MODULES = (
    "atomics", "calls", "expressions", "functions", "gamma_functions", "kernel", "lanes", "quantizers",
    "rare_functions", "registry", "simd", "tiles", "transcendentals", "transcendentals_64",
)  # fmt: skip


def register(
    name: str,
    *,
    infer: Infer,
    reference: Reference | None = None,
    lower: Lower | None = None,
    view: bool = False,
    stateful: bool = False,
    expression: Callable[[Node], str] | None = None,
) -> None:
    """Record an op under its TensorFlow name (edgeload's own fused ops begin with an underscore).

    Raises ValueError when the name is taken.
    """
    if name in _OPS:
        raise ValueError(f"op {name!r} is registered twice")
    _OPS[name] = Op(name, infer, reference, lower, view, stateful, expression)


def find(name: str) -> Op | None:
    """The registered op, or None when edgeload does not have it."""
    _import_families()
    return _OPS.get(name)


def names() -> list[str]:
    """All registered op types, sorted."""
    _import_families()
    return sorted(_OPS)


@lru_cache(maxsize=1)
def _import_families() -> None:
    """Import every file of the package once, so that their registrations have run."""
    import edgeload.kernels

    for module in pkgutil.iter_modules(edgeload.kernels.__path__):
        if module.name not in SHARED_MODULES:
            importlib.import_module(f"edgeload.kernels.{module.name}")


def require(condition: bool, node: Node, found: str, supported: str) -> None:
    """Raise InvalidGraphError for a node whose attributes or shapes contradict its op's definition."""
    if not condition:
        raise InvalidGraphError(f"{node.op} node {node.name!r}: found {found}; {supported}.")


def broadcast_shapes(node: Node, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """NumPy's broadcasting rule. Raises InvalidGraphError, not ValueError, for shapes that do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        found = " and ".join(map(str, shapes))
        raise InvalidGraphError(
            f"{node.op} node {node.name!r}: found shapes {found}; dimensions must be equal, or 1, counted from the end."
        ) from None
