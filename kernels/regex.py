r"""Regular expressions: RegexFullMatch, StaticRegexFullMatch, RegexReplace, StaticRegexReplace.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/RegexReplace

The syntax is RE2's. The package google-re2 (the extra `re2`) is used where it is installed; otherwise Python's `re`,
for the patterns that `re2_syntax` translates exactly. All run as host steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from edgeload.dtypes import STRING
from edgeload.errors import ExecutionError, MissingDependencyError
from edgeload.kernels.re2_syntax import InvalidPattern, UntranslatablePattern, translate
from edgeload.kernels.registry import Node, Operand, Spec, register, require
from edgeload.kernels.strings import require_strings, string_array, text_of

_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)


@dataclass(frozen=True)
class Regex:
    """A compiled pattern and the form of text that it runs over: bytes (google-re2) or str (re)."""

    compiled: Any
    groups: int
    to_text: Callable[[bytes], Any]
    to_bytes: Callable[[Any], bytes]

    def matches_all(self, value: bytes) -> bool:
        return self.compiled.fullmatch(self.to_text(value)) is not None

    def replaced(self, value: bytes, rewrite: bytes, is_global: bool) -> bytes:
        """With the first match, or all, replaced. An empty match right behind a match is none."""
        text = self.to_text(value)
        pieces: list[bytes] = []
        at, last_end = 0, -1
        while at <= len(text):
            match = self.compiled.search(text, at)
            if match is None:
                break
            start, end = match.span()
            pieces.append(self.to_bytes(text[at:start]))
            at = end
            if start == end == last_end:
                step = _character_length(text, at)
                pieces.append(self.to_bytes(text[at : at + step]))
                at += step
                continue
            pieces.append(self._expanded(match, text, rewrite))
            last_end = end
            if not is_global:
                break
        return b"".join(pieces) + self.to_bytes(text[at:])

    def _expanded(self, match: Any, text: Any, rewrite: bytes) -> bytes:
        """The rewrite for a match, up to the first escape that is none."""
        pieces: list[bytes] = []
        at = 0
        for part in _ESCAPE.finditer(rewrite):
            pieces.append(rewrite[at : part.start()])
            at = part.end()
            if part[1] == b"\\":
                pieces.append(b"\\")
            elif part[1].isdigit():
                start, end = match.span(int(part[1]))
                pieces.append(self.to_bytes(text[start:end]) if start >= 0 else b"")
            else:
                return b"".join(pieces)
        return b"".join([*pieces, rewrite[at:]])


def _character_length(text: Any, at: int) -> int:
    """In elements of the text: str has one a character, bytes as many as its UTF-8 has (1 for a wrong byte)."""
    if isinstance(text, str) or at >= len(text):
        return 1
    for length in range(1, 5):
        try:
            text[at : at + length].decode()
            return length
        except UnicodeDecodeError:
            continue
    return 1


@lru_cache(maxsize=256)
def compiled(pattern: bytes) -> Regex:
    """Raises InvalidPattern and UntranslatablePattern."""
    try:
        import re2
    except ImportError:
        return _with_re(pattern)
    options = re2.Options()
    options.log_errors = False
    try:
        regex = re2.compile(pattern, options)
    except re2.error as error:
        raise InvalidPattern(str(error)) from None
    return Regex(regex, regex.groups, lambda value: value, lambda text: text)


def _with_re(pattern: bytes) -> Regex:
    try:
        text = pattern.decode()
    except UnicodeDecodeError:
        raise InvalidPattern("invalid UTF-8") from None
    regex = re.compile(translate(text))
    return Regex(
        regex,
        regex.groups,
        lambda value: value.decode("utf-8", "surrogateescape"),
        lambda text: text.encode("utf-8", "surrogateescape"),
    )


def _compiled(node: Node, pattern: bytes) -> Regex:
    try:
        return compiled(pattern)
    except InvalidPattern as error:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: Invalid pattern: {text_of(pattern)}, error: {error}"
        ) from None
    except (UntranslatablePattern, RecursionError) as error:
        raise MissingDependencyError(
            f"{node.op} node {node.name!r}: Python's re cannot match the pattern {text_of(pattern, 500)!r} as RE2 does "
            f"({error}), and google-re2 is not installed. Run: pip install 'edgeload[re2]'"
        ) from None


def _is_usable(regex: Regex, rewrite: bytes, is_global: bool) -> bool:
    """RE2 replaces nothing by a rewrite that names a group which is not there, and no single match by one with other
    escapes than of digits and \\\\."""
    parts = [match[1] for match in _ESCAPE.finditer(rewrite)]
    has_groups = all(int(part) <= regex.groups for part in parts if part.isdigit())
    return has_groups and (is_global or all(part.isdigit() or part == b"\\" for part in parts))


def _infer_full_match(node: Node, x: Operand, *pattern: Operand) -> Spec:
    require_strings(node, x, *pattern)
    _require_scalars(node, *pattern)
    return Spec(np.dtype(bool), x.shape)


def _infer_replace(node: Node, x: Operand, *scalars: Operand) -> Spec:
    require_strings(node, x, *scalars)
    _require_scalars(node, *scalars)
    return Spec(STRING, x.shape)


def _require_scalars(node: Node, *operands: Operand) -> None:
    for operand in operands:
        require(operand.shape == (), node, f"a pattern or rewrite of shape {operand.shape}", "it must be a scalar")


def _full_match(node: Node, x: np.ndarray, *pattern: np.ndarray) -> np.ndarray:
    """Whether the pattern matches all of each string."""
    regex = _compiled(node, pattern[0].item() if pattern else node.attrs["pattern"])
    return np.array([regex.matches_all(value) for value in x.reshape(-1).tolist()], bool).reshape(x.shape)


def _replace(node: Node, x: np.ndarray, *scalars: np.ndarray) -> np.ndarray:
    """Matches replaced by the rewrite, in which \\0 to \\9 are the match and its groups."""
    attrs = node.attrs
    pattern, rewrite = [scalar.item() for scalar in scalars] if scalars else (attrs["pattern"], attrs["rewrite"])
    regex = _compiled(node, pattern)
    is_global = attrs["replace_global"]
    if not _is_usable(regex, rewrite, is_global):
        return x.copy()
    return string_array((regex.replaced(value, rewrite, is_global) for value in x.reshape(-1).tolist()), x.shape)


for _prefix in ("", "Static"):
    register(f"{_prefix}RegexFullMatch", infer=_infer_full_match, reference=_full_match)
    register(f"{_prefix}RegexReplace", infer=_infer_replace, reference=_replace)
