"""Shapes of which some sizes are unknown, with TensorFlow's names."""

from __future__ import annotations

import math
from typing import Any

from edgeload.errors import ArgumentValueError


class TensorShape(tuple[Any, ...]):
    """Sizes, None where any will do. A tuple that also answers to what programs ask tf.TensorShape."""

    __slots__ = ()

    @property
    def rank(self) -> int:
        return len(self)

    @property
    def ndims(self) -> int:
        return len(self)

    @property
    def dims(self) -> list[int | None]:
        return list(self)

    def as_list(self) -> list[int | None]:
        return list(self)

    def is_fully_defined(self) -> bool:
        return None not in self

    def num_elements(self) -> int | None:
        """How many elements, None if a size is unknown."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_compatible_with(self, other: Any) -> bool:
        """Whether one tensor can have both shapes."""
        return other is None or (
            len(other) == len(self)
            and all(one is None or two is None or one == two for one, two in zip(self, other, strict=True))
        )

    def concatenate(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))

    def merge_with(self, other: Any) -> TensorShape:
        """The sizes that either shape knows. Raises ArgumentValueError when they contradict each other."""
        if other is None:
            return self
        if not self.is_compatible_with(other):
            raise ArgumentValueError(f"Shapes {self} and {tuple(other)} are not compatible")
        return TensorShape(two if one is None else one for one, two in zip(self, other, strict=True))

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return TensorShape(found) if isinstance(index, slice) else found

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __str__(self) -> str:
        return tuple.__repr__(self)

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"


class ArrayShape(TensorShape):
    """The shape of an array. Its `repr` is a tuple's, which `np.save` writes into files and `np.load` reads."""

    __slots__ = ()

    __repr__ = tuple.__repr__
