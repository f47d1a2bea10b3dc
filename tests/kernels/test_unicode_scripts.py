"""The script of a code point, in ICU's numbers."""

from __future__ import annotations

import numpy as np

from tests.kernels import harness

# https://unicode-org.github.io/icu-docs/apidoc/released/icu4c/uscript_8h.html
COMMON, ARABIC, CYRILLIC, HAN, HIRAGANA, LATIN, UNKNOWN = 0, 2, 8, 17, 20, 25, 103


def test_code_points_have_their_scripts() -> None:
    text = "aé Я漢ひع\U0001f600\U00020000"
    expected = [LATIN, LATIN, COMMON, CYRILLIC, HAN, HIRAGANA, ARABIC, COMMON, HAN]
    (found,) = harness.reference("UnicodeScript", {}, np.array([ord(character) for character in text], np.int32))
    assert found.dtype == np.int32
    assert found.tolist() == expected


def test_ends_of_the_code_space_and_what_is_beyond() -> None:
    points = np.array([[-1, 0, 0x10FFFF], [0x110000, -(2**31), 2**31 - 1]], np.int32)
    (found,) = harness.reference("UnicodeScript", {}, points)
    assert found.tolist() == [[-1, COMMON, UNKNOWN], [-1, -1, -1]]
