"""Regular expressions in RE2's syntax, by Python's `re` and by google-re2. Expected values are TensorFlow's."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError, MissingDependencyError
from edgeload.kernels import regex
from edgeload.kernels.re2_syntax import InvalidPattern, UntranslatablePattern, translate
from tests.kernels.harness import infer, reference
from tests.kernels.test_strings import strings


@pytest.fixture(params=["re", "google-re2"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test once with each."""
    if request.param == "re":
        monkeypatch.setitem(sys.modules, "re2", None)
    else:
        pytest.importorskip("re2", reason="google-re2 is not installed (extra: re2)")
    regex.compiled.cache_clear()


@pytest.fixture
def without_google_re2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    regex.compiled.cache_clear()


def replaced(pattern: bytes, text: bytes, rewrite: bytes = b"<\\0>", replace_global: bool = True) -> bytes:
    attrs = {"pattern": pattern, "rewrite": rewrite, "replace_global": replace_global}
    return reference("StaticRegexReplace", attrs, strings(text))[0][0]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (b"b*", b"abbc", b"<>a<bb>c<>"),  # no empty match right behind a match
        (b"", "é".encode(), "<>é<>".encode()),
        (b".", b"\xffa\xe2\x82", b"\xff<a>\xe2\x82"),  # a byte that is no character matches nothing
        (b"[^a]", b"\xffab", b"\xffa<b>"),
        (b"a$", b"a\n", b"a\n"),
        (b"(?m)^.*$", b"a\nb", b"<a>\n<b>"),
        (b"(?s).+", b"a\nb", b"<a\nb>"),
        (b"\\d+|\\s", "١1 \u2003".encode(), "١<1>< >\u2003".encode()),  # classes are ASCII
        (b"\\w\\b", "é a".encode(), "é <a>".encode()),
        (b"(?i)k", "kK\u212a".encode(), "<k><K><\u212a>".encode()),
        (b"(?i)[^k]", "kK\u212ax".encode(), "kK\u212a<x>".encode()),
        (b"(?i)\\w\\W", "\u212a ".encode(), "<\u212a >".encode()),
        ("(?i)ß".encode(), "ẞß".encode(), "<ẞ><ß>".encode()),
        (b"a(?i)b|c", b"aBCc", b"<aB><C><c>"),  # flags reach over the alternatives that follow
        (b"(?i)a(?-i)b", b"AbAB", b"<Ab>AB"),
        (b"(?U)a+", b"aaa", b"<a><a><a>"),
        (b"a{2}b{,2}", b"aab{,2}", b"<aab{,2}>"),  # not a repetition
        (b"[[:punct:]]+", b"a.,_b", b"a<.,_>b"),
        (b"[[:^alpha:]]", b"a1", b"a<1>"),
        (b"[]a]|[b-]", b"]-c", b"<]><->c"),
        (b"[&&a||]", b"&|", b"<&><|>"),
        (b"\\Qa.b\\E", b"a.b axb", b"<a.b> axb"),
        (b"\\x{20ac}\\x41\\102", "€AB".encode(), "<€AB>".encode()),
        (b"(a|ab)(c|bcd)?", b"abcd", b"<abcd>"),
        (b"\\z|\\Aa", b"aa", b"<a>a<>"),
        (b"\\_", b"_", b"<_>"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_patterns_match_as_in_re2(pattern: bytes, text: bytes, expected: bytes) -> None:
    assert replaced(pattern, text) == expected


@pytest.mark.parametrize(
    ("rewrite", "all_matches", "one_match"),
    [
        (b"\\2\\1", b"baxa", b"baxa"),
        (b"\\\\", b"\\x\\", b"\\xa"),
        (b"\\3", b"abxa", b"abxa"),  # no such group: nothing is replaced
        (b"c\\q", b"cxc", b"abxa"),  # no such escape: the rewrite ends there, or nothing is replaced
    ],
)
@pytest.mark.usefixtures("engine")
def test_rewrites(rewrite: bytes, all_matches: bytes, one_match: bytes) -> None:
    assert replaced(b"(a)(b)?", b"abxa", rewrite) == all_matches
    assert replaced(b"(a)(b)?", b"abxa", rewrite, replace_global=False) == one_match


@pytest.mark.usefixtures("engine")
def test_full_matches() -> None:
    x = strings(b"abc", b"ab", b"xabc").reshape(3, 1)
    assert reference("StaticRegexFullMatch", {"pattern": b"a(b|bc)"}, x)[0].tolist() == [[True], [True], [False]]
    (got,) = reference("RegexFullMatch", {}, x, np.array(b"", object))
    assert got.dtype == bool and not got.any()


@pytest.mark.parametrize(
    "pattern",
    ["a**", "a++", "*a", "(a", "a)", "[a", "[b-a]", "a{2,1}", "a{1001}", "\\1", "(?=a)", "\\Z", "\\q",
     "(?x)a", "[[:foo:]]", "\\x4", "a\\"],
)  # fmt: skip
@pytest.mark.usefixtures("engine")
def test_patterns_that_re2_refuses_are_invalid(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        translate(pattern)
    with pytest.raises(ExecutionError, match="Invalid pattern"):
        replaced(pattern.encode(), b"a")


@pytest.mark.usefixtures("without_google_re2")
def test_the_younger_syntax_of_named_groups_is_refused_as_by_tensorflow() -> None:
    with pytest.raises(ExecutionError, match="Invalid pattern"):
        replaced(b"(?<n>a)", b"a")


@pytest.mark.parametrize("pattern", ["\\pL", "\\P{Greek}", "[\\pN]", "\\C", "\\B", "(a*)*", "(|a)+", "^*", "(" * 5000])
@pytest.mark.usefixtures("without_google_re2")
def test_patterns_that_python_matches_otherwise_ask_for_google_re2(pattern: str) -> None:
    with pytest.raises((UntranslatablePattern, RecursionError)):
        translate(pattern)
    with pytest.raises(MissingDependencyError, match=r"edgeload\[re2\]"):
        replaced(pattern.encode(), b"a")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (b"\\pL+", "aé1Я".encode(), "<aé>1<Я>".encode()),
        (b"\\P{Greek}", "αa".encode(), "α<a>".encode()),
        (b"\\B", b"ab c", b"a<>b c"),
        (b"(|a)+", b"aab", b"<>a<>a<>b<>"),
        (b"(a*)*b", b"aab", b"<aab>"),
    ],
)
def test_google_re2_matches_what_python_does_not(pattern: bytes, text: bytes, expected: bytes) -> None:
    pytest.importorskip("re2", reason="google-re2 is not installed (extra: re2)")
    regex.compiled.cache_clear()
    assert replaced(pattern, text) == expected


def test_patterns_are_scalars() -> None:
    with pytest.raises(InvalidGraphError, match="must be a scalar"):
        infer("RegexFullMatch", {}, strings(b"a"), strings(b"a"))
