"""What all plans of one Program share: packed constants, variables and tables, Programs that Python drives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from edgeload.graph.ir import Graph
from edgeload.memory import aligned_zeros, is_aligned

_RELEASE_NBYTES = 2 << 20  # packed constants between two releases of their originals


class Store:
    """Constants by key, so that a second plan of the same Program packs nothing again."""

    def __init__(self, release: Callable[[], None] = lambda: None) -> None:
        """`release` lets go of the memory that the originals of constants take; it is called now and then."""
        self._release = release
        self._unreleased_nbytes = 0
        self.constants: list[np.ndarray] = []
        self.resources: list[Any] = []
        self.parts: list[Graph] = []
        self._constant_index: dict[Any, int] = {}

    def constant(self, key: Any, make: Callable[[], np.ndarray]) -> int:
        """The index of the constant `key`, made now if it is new. Numeric constants are aligned copies."""
        if key not in self._constant_index:
            self._constant_index[key] = len(self.constants)
            array = _aligned(make())
            self.constants.append(array)
            self._unreleased_nbytes += array.nbytes
            if self._unreleased_nbytes > _RELEASE_NBYTES:
                self.release()
        return self._constant_index[key]

    def __getitem__(self, index: int) -> np.ndarray:
        return self.constants[index]

    def address(self, index: int) -> int:
        """Where a constant's first element is in memory."""
        address: int = self.constants[index].__array_interface__["data"][0]
        return address

    def indexed(self) -> Iterable[tuple[Any, int]]:
        """The constants' keys with their indices."""
        return self._constant_index.items()

    def release(self) -> None:
        """Let go of the originals of what has been packed."""
        self._release()
        self._unreleased_nbytes = 0

    def resource(self, resource: Any) -> int:
        """The index of a variable or table."""
        for index, known in enumerate(self.resources):
            if known is resource:
                return index
        self.resources.append(resource)
        return len(self.resources) - 1

    def part(self, graph: Graph) -> int:
        """The index of a graph that becomes a Program of its own: a loop's condition or body, a branch."""
        for index, known in enumerate(self.parts):
            if known is graph:
                return index
        self.parts.append(graph)
        return len(self.parts) - 1


def _aligned(array: np.ndarray) -> np.ndarray:
    if array.dtype == object:
        return array
    if not is_aligned(array):
        copy = aligned_zeros(array.shape, array.dtype)
        copy[...] = array
        array = copy
    array.flags.writeable = False
    return array
