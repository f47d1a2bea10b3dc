"""A case: one op with inputs and attributes, or a few ops in a row, and how its outputs are compared.

    case("Sum", f32(2, 3), ints(1), keep_dims=True)
    case("ConcatV2", [f32(2, 3), f32(2, 1)], scalar(1))
    case("Reshape", f32(2, 3), ints(4, 2)).fails()
    chain(("TensorListReserve", "TensorListStack"), build, f32(2, 3))

Inputs come in the order of the op's definition, a list where it takes a list. Attributes are Python values, dtypes
their names; those that follow from the inputs are left out. The `build` of a chain is called as build(tf, *inputs) by
the exporter, in a graph of TensorFlow 1, and returns the outputs.

Each case runs in up to three ways: `fed`, all inputs are arguments of the signature, so that kernels compute;
`constant`, all inputs are constants, so that edgeload folds the op by its reference; `mixed`, the inputs that the case
names are constants, as weights and shapes are in real models.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.ops.arrays import Sample

FED, CONSTANT, MIXED = "fed", "constant", "mixed"
TOLERANCE = {
    "float32": 1e-5,
    "float64": 1e-12,
    "float16": 5e-3,
    "bfloat16": 2e-2,
    "complex64": 1e-5,
    "complex128": 1e-12,
}
EXACT = 0.0
_MOST_SHOWN, _LONGEST_SHOWN = 8, 80  # values of an input, and characters of them


@dataclass(frozen=True)
class Case:
    """`ops` are the op types that the case tests, the first of which names its test. `inputs` may have lists."""

    ops: tuple[str, ...]
    inputs: tuple[Any, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    build: Callable[..., Any] | None = None
    ways: tuple[str, ...] = (FED, CONSTANT)
    constants: tuple[int, ...] = ()
    is_error: bool = False
    tolerance: float | None = None
    ignored: tuple[int, ...] = ()
    shapes_only: bool = False
    reason: str = ""

    @property
    def op(self) -> str:
        return self.ops[0]

    def arrays(self) -> list[np.ndarray]:
        """The inputs in order, lists flattened, samples drawn."""
        flat = [item for given in self.inputs for item in (given if isinstance(given, list) else [given])]
        return [self._draw(index, item) for index, item in enumerate(flat)]

    def _draw(self, index: int, item: Any) -> np.ndarray:
        if not isinstance(item, Sample):
            return np.asarray(item)
        return np.asarray(item.draw(np.random.default_rng(zlib.crc32(f"{self.op}/{index}".encode()))))

    def fails(self) -> Case:
        """TensorFlow refuses the case, and so must edgeload."""
        return replace(self, is_error=True)

    def within(self, tolerance: float) -> Case:
        """Another relative and absolute tolerance than the dtype's. EXACT also holds zeros to their signs."""
        return replace(self, tolerance=tolerance)

    def folded(self) -> Case:
        """Run with constants only: a dtype whose kernel would cost the tests a compilation and tell nothing new."""
        return replace(self, ways=(CONSTANT,))

    def fed(self) -> Case:
        """Run with arguments only: where constants cannot be, or take as long again."""
        return replace(self, ways=(FED,))

    def with_constants(self, *positions: int) -> Case:
        """Run also with the inputs at these positions of the flat list as constants, the others as arguments."""
        return replace(self, ways=(*self.ways, MIXED), constants=positions)

    def ignoring(self, *outputs: int, reason: str) -> Case:
        """Compare the dtype and shape of these outputs only."""
        return replace(self, ignored=outputs, reason=reason)

    def shapes(self, reason: str) -> Case:
        """Compare the dtypes and shapes of all outputs only."""
        return replace(self, shapes_only=True, reason=reason)

    def __str__(self) -> str:
        def show(item: Any) -> str:
            if isinstance(item, list):
                return f"[{', '.join(map(show, item))}]"
            dims = ",".join(map(str, item.shape))
            name = "string" if item.dtype == object else str(item.dtype)
            values = str(item.tolist()) if isinstance(item, np.ndarray) and item.size <= _MOST_SHOWN else ""
            return f"{name}[{dims}]{values if len(values) <= _LONGEST_SHOWN else ''}"

        name = f"{self.build.__name__} " if self.build is not None else ""
        attrs = "".join(f", {key}={value!r}" for key, value in self.attrs.items())
        return f"{name}{'/'.join(self.ops)}({', '.join(map(show, self.inputs))}{attrs})"


def case(op: str, *inputs: Any, **attrs: Any) -> Case:
    """One op. Compared in dtype, shape and value, unless told otherwise."""
    return Case((op,), inputs, attrs)


def chain(ops: tuple[str, ...], build: Callable[..., Any], *inputs: Any) -> Case:
    """Several ops that make sense together only; `ops` are those that the case is there for."""
    return Case(ops, inputs, build=build)


def each(dtypes: Iterable[str], native: Iterable[str], make: Callable[[str], Case | list[Case]]) -> list[Case]:
    """The cases that `make` gives for each dtype. Only those of the `native` dtypes are run by kernels, too."""
    cases = []
    for dtype in dtypes:
        made = make(dtype)
        made = made if isinstance(made, list) else [made]
        cases += made if dtype in native else [case.folded() for case in made]
    return cases
