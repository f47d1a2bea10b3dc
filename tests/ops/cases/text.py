"""Strings: bytes and UTF-8, splitting, joining, patterns, numbers, hashes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import (
    COMPLEX,
    FLOATS,
    INTEGERS,
    array,
    extremes,
    f32,
    ints,
    longs,
    sample,
    scalar,
    strings,
    texts,
)
from tests.ops.case import Case, case

_UTF8 = strings(
    [b"", b"abc", "Z\u00fcrich \u20ac".encode(), "\U0001f600 ok".encode(), "\u01c5\u00df\u0130".encode(), b"MiXed 12"]
)
_BAD = strings([b"a\xffb", b"\xc3", b"\xed\xa0\x80", b"ok", b"\xf0\x9f\x98", b"\x00"])
_LINES = strings([b"  a b  c ", b"", b"x,y,,z", b"one", b"\tq\n\x0br ", b",,"])


def _changing() -> Iterator[Case]:
    for op in ("StringLower", "StringUpper"):
        for encoding in ("", "utf-8"):
            yield case(op, _UTF8, encoding=encoding)
        yield case(op, _BAD)
        yield case(op, texts(0, 2))
    yield case("StringStrip", _LINES)
    yield case("StringStrip", strings(b"\r\n a \x00 "))
    for unit in ("BYTE", "UTF8_CHAR"):
        yield case("StringLength", _UTF8, unit=unit)
        yield case("StringLength", _BAD, unit=unit)
        words = strings([b"abcdef", "\u00fcml\u00e4ut".encode(), "\u20ac\U0001f600xyz".encode()])
        for pos, length in ((1, 2), (-2, 2), (0, 99), (-3, 1), (3, 0)):
            yield case("Substr", words, scalar(pos), scalar(length), unit=unit)
        yield case("Substr", words, ints(0, 1, 2), ints(1, 2, 3), unit=unit)
        yield case("Substr", words, longs(0, 1, 2).reshape(3), longs(1, 2, 3), unit=unit)
        yield case("Substr", strings([b"abc"]), scalar(4), scalar(1), unit=unit).fails()
        yield case("Substr", strings([b"abc"]), scalar(-4), scalar(1), unit=unit).fails()
    yield case("Substr", strings([b"abc", b"defg"]), ints(1, 2), scalar(1)).fails()
    yield case("Substr", strings(b"hello"), ints(0, 1), ints(1, 2))
    yield case("Substr", strings([[b"ab", b"cd"]]), ints(0, 1), ints(1, 1))


def _joining() -> Iterator[Case]:
    yield case("StringJoin", [texts(2, 3), texts(2, 3)], separator="-")
    yield case("StringJoin", [texts(3), strings(b"x"), texts(3)])
    yield case("StringJoin", [texts(0), texts(0)])
    yield case("StringJoin", [texts(2), texts(3)]).fails()
    for axes in (ints(0), ints(1), ints(-1), ints(0, 1), ints(1, 0), scalar(0)):
        for keep in (True, False):
            yield case("ReduceJoin", texts(2, 3), axes, keep_dims=keep, separator=",")
    yield case("ReduceJoin", texts(2, 3, 2), ints(2, 0))
    yield case("ReduceJoin", texts(2, 0), ints(1), separator=",")
    yield case("ReduceJoin", texts(2, 3), np.zeros(0, np.int32))
    yield case("ReduceJoin", texts(2, 3), ints(2)).fails()
    yield case("ReduceJoin", texts(2, 3), ints(0, 0)).fails()
    yield case("UnsortedSegmentJoin", texts(5), ints(2, 0, 2, 1, 0), scalar(4), separator=":")
    yield case("UnsortedSegmentJoin", texts(2, 3), np.array([[0, 1, 0], [2, 2, 0]], np.int64), scalar(3, "int64"))
    yield case("UnsortedSegmentJoin", texts(3, 2), ints(1, 0, 1), scalar(2))
    yield case("UnsortedSegmentJoin", texts(2), ints(0, 2), scalar(2)).fails()
    yield case(
        "StringFormat",
        [f32(2, 2), sample("int32", 5), strings([b"a", b"b"])],
        template="x: {} y: {} z: {}",
        placeholder="{}",
    )
    yield case("StringFormat", [sample("int32", 10)], template="%s!", placeholder="%s", summarize=2)
    yield case(
        "StringFormat", [scalar(1.5, "float32"), scalar(True, "bool")], template="{}{}", placeholder="{}", summarize=-1
    )
    for left, right in (("", ""), ("<", ">")):
        for widths in ([1], [2], [2, 3]):
            for pad in (0, 1, -1):
                for preserve in (True, False):
                    yield case(
                        "StringNGrams",
                        strings([b"a", b"b", b"c", b"d", b"e"]),
                        longs(0, 3, 3, 4, 5),
                        separator=" ",
                        ngram_widths=widths,
                        left_pad=left,
                        right_pad=right,
                        pad_width=pad,
                        preserve_short_sequences=preserve,
                    )
    attrs = {
        "separator": "",
        "ngram_widths": [2],
        "left_pad": "",
        "right_pad": "",
        "pad_width": 0,
        "preserve_short_sequences": False,
    }
    yield case("StringNGrams", strings([b"a", b"b"]), ints(0, 2), **attrs)
    yield case("StringNGrams", strings([b"a", b"b"]), longs(0, 3), **attrs).fails()
    yield case("StringNGrams", strings([b"a", b"b"]), longs(1, 2), **attrs).fails()


def _splitting() -> Iterator[Case]:
    for sep in (b"", b" ", b",", b", "):
        for most in (-1, 1):
            yield case("StringSplitV2", _LINES, strings(sep), maxsplit=most)
        for skip in (True, False):
            yield case("StringSplit", _LINES, strings(sep), skip_empty=skip)
    yield case("StringSplitV2", texts(0), strings(b","))
    yield case("StringSplit", strings([b"a-b,c", b""]), strings(b",-"))
    yield case("StringSplitV2", texts(2, 2), strings(b",")).fails()
    yield case("StringSplitV2", texts(2), strings([b",", b";"])).fails()


def _matching() -> Iterator[Case]:
    words = strings([b"abc", b"a.c", b"", b"aXbXc", b"12 34", "\u00fcber".encode()])
    for pattern in (b"a.c", b"a\\.c", b"[a-z]+", b"", b".*", b"\\d+ \\d+", b"(?i)ABC", b"(a|aX)bXc", b"a\\b.*"):
        yield case("RegexFullMatch", words, strings(pattern))
        yield case("StaticRegexFullMatch", words, pattern=pattern)
    for pattern, rewrite in (
        (b"X", b"--"),
        (b"(\\w)(\\w)", b"\\2\\1"),
        (b"", b"."),
        (b"[0-9]+", b"<\\0>"),
        (b"^a", b""),
        (b"c$", b"!"),
        (b"a*", b"z"),
    ):
        for everywhere in (True, False):
            yield case("RegexReplace", words, strings(pattern), strings(rewrite), replace_global=everywhere)
            yield case("StaticRegexReplace", words, pattern=pattern, rewrite=rewrite, replace_global=everywhere)
    yield case("RegexFullMatch", words, strings(b"a(")).fails()
    yield case("RegexReplace", words, strings(b"["), strings(b"")).fails()
    yield case("RegexFullMatch", words, strings([b"a", b"b"])).fails()


def _numbers() -> Iterator[Case]:
    for dtype in ("float32", "float64"):
        yield case(
            "StringToNumber",
            strings(
                [
                    b"1",
                    b"-2.5",
                    b" 3 ",
                    b"1e3",
                    b"inf",
                    b"-inf",
                    b"nan",
                    b"1e-45",
                    b"0x10",
                    b"3.4e38",
                    b"+7",
                    b".5",
                    b"5.",
                ]
            ),
            out_type=dtype,
        )
    for dtype in ("int32", "int64", "uint32", "uint64"):
        yield case("StringToNumber", strings([b"1", b" 3 ", b"0", b"2147483647"]), out_type=dtype)
    yield case("StringToNumber", strings([b"-5", b"-2147483648"]), out_type="int32")
    for text, dtype in (
        (b"abc", "float32"),
        (b"", "float32"),
        (b"1.5", "int32"),
        (b"2147483648", "int32"),
        (b"-1", "uint32"),
        (b"1 2", "int32"),
        (b"--1", "float64"),
    ):
        yield case("StringToNumber", strings([text]), out_type=dtype).fails()
    for dtype in INTEGERS:
        yield case("AsString", extremes(dtype))
    reals = array("float32", [0, -0.0, 1, -1.5, 3.14159274, 1e10, 1e-10, 1e38, np.inf, -np.inf, np.nan, 100, 0.1])
    for attrs in (
        {},
        {"precision": 2},
        {"scientific": True},
        {"shortest": True},
        {"scientific": True, "precision": 3},
        {"width": 12},
        {"width": 12, "fill": "0"},
        {"width": 12, "fill": "-"},
        {"precision": 0},
        {"width": 3, "fill": " ", "precision": 1},
    ):
        yield case("AsString", reals, **attrs)
        yield case("AsString", reals.astype(np.float64), **attrs)
    for dtype in FLOATS:
        yield case("AsString", sample(dtype, 4))
    for dtype in COMPLEX:
        yield case("AsString", sample(dtype, 3), precision=2)
    for attrs in ({"width": 6}, {"width": 6, "fill": "0"}, {"width": 6, "fill": "-"}):
        yield case("AsString", ints(5, -5, 1234567), **attrs)
    yield case("AsString", array("bool", [True, False]))
    yield case("AsString", texts(2))


def _hashing() -> Iterator[Case]:
    words = strings([b"", b"a", b"hello", bytes(range(40)), b"x" * 70, b"y" * 200, "\u20ac".encode()])
    for buckets in (1, 7, 1000, 2**40):
        yield case("StringToHashBucket", words, num_buckets=buckets)
        yield case("StringToHashBucketFast", words, num_buckets=buckets)
        yield case("StringToHashBucketStrong", words, num_buckets=buckets, key=[137, 2**40 + 1])
    for op in ("StringToHashBucket", "StringToHashBucketFast"):
        yield case(op, texts(0, 3), num_buckets=3)
        yield case(op, strings(b"word"), num_buckets=3)


def _bytes() -> Iterator[Case]:
    raw = strings([b"hello, world", b"\x00\xff\xfb\x01 padding"])
    for pad in (True, False):
        yield case("EncodeBase64", strings([b"", b"a", b"ab", b"abc", b"\xfb\xff\xfe"]), pad=pad)
    yield case("DecodeBase64", strings([b"", b"YQ", b"YWI", b"YWJj", b"YQ==", b"-__-"]))
    for text in (b"Y", b"YW+/", b"YQ=", b"*"):
        yield case("DecodeBase64", strings([text])).fails()
    eight = strings([b"\x01\x02\x03\x04\x05\x06\x07\x08", b"\xff\xfe\xfd\xfc\x00\x00\x80\x3f"])
    for dtype in (
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "complex64",
    ):
        for little in (True, False):
            yield case("DecodeRaw", eight, out_type=dtype, little_endian=little)
            if dtype not in ("float16", "bfloat16", "complex64"):
                yield case("DecodePaddedRaw", raw, scalar(16), out_type=dtype, little_endian=little)
                yield case("DecodePaddedRaw", raw, scalar(8), out_type=dtype, little_endian=little)
    yield case("DecodeRaw", strings([b"\x01\x00", b"\x00"]), out_type="bool").fails()
    yield case("DecodeRaw", strings([b"\x01\x00"]), out_type="bool")
    yield case("DecodeRaw", strings([b"abc"]), out_type="int16").fails()
    yield case("DecodeRaw", texts(0), out_type="int16")
    yield case("DecodeRaw", strings([b"", b""]), out_type="int16")
    yield case("DecodePaddedRaw", raw, scalar(7), out_type="int32").fails()
    yield case("DecodePaddedRaw", raw, scalar(0), out_type="uint8").fails()


def _unicode() -> Iterator[Case]:
    utf16 = strings(["ab\u20ac\U0001f600".encode("utf-16-be"), b"\xd8\x00", b"a"])
    for encoding, words in (
        ("UTF-8", _UTF8),
        ("UTF-8", _BAD),
        ("UTF-16-BE", utf16),
        ("UTF-32-BE", strings(["a\U0001f600".encode("utf-32-be")])),
        ("ISO-8859-1", strings([b"\xe9t\xe9"])),
        ("US-ASCII", strings([b"ok"])),
    ):
        for op in ("UnicodeDecode", "UnicodeDecodeWithOffsets"):
            for errors in ("replace", "ignore"):
                yield case(op, words, input_encoding=encoding, errors=errors)
        for output in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
            yield case("UnicodeTranscode", words, input_encoding=encoding, output_encoding=output)
    for op in ("UnicodeDecode", "UnicodeDecodeWithOffsets"):
        yield case(op, _BAD, input_encoding="UTF-8", replacement_char=63, replace_control_characters=True)
        yield case(op, _BAD, input_encoding="UTF-8", errors="strict").fails()
        yield case(op, texts(0), input_encoding="UTF-8")
        yield case(op, strings([b"a"]), input_encoding="UTF-7-BIT").fails()
    yield case(
        "UnicodeTranscode",
        _BAD,
        input_encoding="UTF-8",
        output_encoding="UTF-8",
        errors="ignore",
        replace_control_characters=True,
    )
    yield case("UnicodeTranscode", _BAD, input_encoding="UTF-8", output_encoding="UTF-8", errors="strict").fails()
    points = ints(0x61, 0x20AC, 0x1F600, 0xD800, 0x110000, 0, 0x7F)
    for output in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
        for errors in ("replace", "ignore"):
            yield case("UnicodeEncode", points, longs(0, 2, 2, 7), output_encoding=output, errors=errors)
    yield case("UnicodeEncode", points, longs(0, 7), output_encoding="UTF-8", errors="strict").fails()
    yield case("UnicodeEncode", points[:2], ints(0, 1, 2), output_encoding="UTF-8")
    yield case("UnicodeEncode", points[:2], longs(0, 3), output_encoding="UTF-8").fails()
    yield case(
        "UnicodeScript",
        ints(0x61, 0x3B1, 0x410, 0x5D0, 0x627, 0x4E00, 0x3042, 0x20, 0x1F600, 0x0300, -1, 0x110000, 0xE000),
    )
    yield case("UnicodeScript", np.arange(0, 0x3000, 7, dtype=np.int32))


CASES = [*_changing(), *_joining(), *_splitting(), *_matching(), *_numbers(), *_hashing(), *_bytes(), *_unicode()]
