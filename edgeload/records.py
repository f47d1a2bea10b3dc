"""Frozen records: what frozen dataclasses are, for the classes that every process defines when it opens a model.

Defining a dataclass compiles its methods, half a millisecond each; a record inherits them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        return lambda cls: cls


@dataclass_transform(frozen_default=True, eq_default=True)
class Record:
    """A class's annotations are its fields, in order, after those of its base; its attributes are their defaults.

    Records are equal if they are of one class with equal fields. Raises TypeError for missing or unknown arguments,
    AttributeError for assignments.
    """

    fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls.fields = (*cls.fields, *cls.__annotations__)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(self.fields, args, strict=False))
        wrong = [name for name in kwargs if name in given or name not in self.fields]
        missing = [name for name in self.fields if name not in given and name not in kwargs and not hasattr(self, name)]
        if wrong or missing or len(args) > len(self.fields):
            raise TypeError(f"{type(self).__name__}({', '.join(self.fields)}) cannot be made of {args} and {kwargs}")
        for name in self.fields:
            value = given[name] if name in given else kwargs.get(name, getattr(self, name, None))
            self.__dict__[name] = self.checked(name, value)

    def checked(self, name: str, value: Any) -> Any:
        """The value that a field gets for one that was given."""
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed; make another one")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"
