"""The parameters of a Python function that was traced, and how calls bind to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edgeload.errors import ArgumentTypeError
from edgeload.records import Record


class Parameters(Record):
    """inspect.FullArgSpec without `self`. `defaults` belong to the last of `args`.

    `has_input_signature`: the function was traced for one signature only, so that **kwargs takes nothing.
    """

    args: tuple[str, ...] = ()
    varargs: str | None = None
    varkw: str | None = None
    defaults: tuple[Any, ...] = ()
    kwonly: tuple[str, ...] = ()
    kwonly_defaults: Mapping[str, Any] = MappingProxyType({})
    has_input_signature: bool = False

    @property
    def arg_names(self) -> list[str]:
        return list(self.args)

    @property
    def fullargspec(self) -> Any:
        """As inspect.FullArgSpec."""
        from inspect import FullArgSpec

        kwonly_defaults = dict(self.kwonly_defaults) or None
        args, kwonly = list(self.args), list(self.kwonly)
        return FullArgSpec(args, self.varargs, self.varkw, self.defaults or None, kwonly, kwonly_defaults, {})

    @property
    def default_of(self) -> dict[str, Any]:
        """The defaults by name, of positional and keyword-only parameters."""
        first = len(self.args) - len(self.defaults)
        return {**dict(zip(self.args[first:], self.defaults, strict=False)), **self.kwonly_defaults}

    def bind(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str
    ) -> tuple[tuple[Any, ...], dict[str, Any], int]:
        """The call in canonical form: positional arguments and keyword-only ones, defaults filled in; and how many of
        the last positional arguments are defaults that the caller did not give. Raises ArgumentTypeError, which names
        `where`."""
        names = {name: name for name in (*self.args, *self.kwonly)}
        if self.varkw is None or self.has_input_signature:
            names = {**{sanitize(name): name for name in names}, **names}
        given = {names.get(name, name): value for name, value in kwargs.items()}
        defaults = self.default_of
        if len(args) > len(self.args) and self.varargs is None:
            self._refuse(
                where, f"too many positional arguments: {len(args)}, of at most {len(self.args)}", args, kwargs
            )
        twice = [name for name in self.args[: len(args)] if name in given]
        if twice:
            self._refuse(where, f"multiple values for argument {', '.join(map(repr, twice))}", args, kwargs)
        positional = list(args)
        num_defaults = 0
        for name in self.args[len(args) :]:
            if name in given:
                positional.append(given.pop(name))
                num_defaults = 0
            elif name in defaults:
                positional.append(defaults[name])
                num_defaults += 1
            else:
                self._refuse(where, f"missing a required argument: {name!r}", args, kwargs)
        keywords = {}
        for name in self.kwonly:
            if name not in given and name not in defaults:
                self._refuse(where, f"missing a required keyword-only argument: {name!r}", args, kwargs)
            keywords[name] = given.pop(name) if name in given else defaults[name]
        if given and (self.varkw is None or self.has_input_signature):
            names_given = ", ".join(map(repr, given))
            self._refuse(where, f"got an unexpected keyword argument {names_given}", args, kwargs)
        return tuple(positional), {**keywords, **given}, num_defaults

    def _refuse(self, where: str, reason: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        raise ArgumentTypeError(
            f"Binding inputs to {where} failed due to `{reason}`. Received {len(args)} positional arguments and "
            f"keywords {list(kwargs)}. Its parameters are {self}."
        )

    def __str__(self) -> str:
        defaults = self.default_of
        parts = [f"{name}={defaults[name]!r}" if name in defaults else name for name in self.args]
        parts += [f"*{self.varargs}"] if self.varargs else ["*"] if self.kwonly else []
        parts += [f"{name}={defaults[name]!r}" if name in defaults else name for name in self.kwonly]
        parts += [f"**{self.varkw}"] if self.varkw else []
        return f"({', '.join(parts)})"


def sanitize(name: str) -> str:
    """A name as TensorFlow makes it a keyword: only letters, digits and underscores, with a letter in front."""
    cleaned = re.sub(r"[^a-zA-Z0-9]", "_", name)
    return cleaned if cleaned[:1].isalpha() else "arg_" + cleaned
