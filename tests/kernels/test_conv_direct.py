"""Convolutions with filters that the model computes, and of integers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels import harness

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(
    ("steps", "dilations", "padding", "groups"),
    [
        ((1, 1), (1, 1), b"SAME", 1),
        ((2, 3), (1, 1), b"SAME", 1),
        ((1, 1), (2, 3), b"VALID", 1),
        ((2, 1), (1, 1), b"SAME", 3),
    ],
)
def test_filter_that_is_not_known_while_planning(
    steps: tuple[int, int], dilations: tuple[int, int], padding: bytes, groups: int
) -> None:
    attrs = {"strides": [1, *steps, 1], "dilations": [1, *dilations, 1], "padding": padding}
    x = RNG.normal(size=(2, 7, 9, 6)).astype(np.float32)
    filter = RNG.normal(size=(3, 2, 6 // groups, 9)).astype(np.float32)
    harness.check("Conv2D", attrs, x, filter, rtol=1e-5, atol=1e-5)


def test_explicit_padding_and_float64() -> None:
    attrs = {"strides": [1, 1, 1, 1], "padding": b"EXPLICIT", "explicit_paddings": [0, 0, 2, 0, 1, 3, 0, 0]}
    x, filter = RNG.normal(size=(1, 4, 5, 2)), RNG.normal(size=(3, 3, 2, 17))
    harness.check("Conv2D", attrs, x, filter, rtol=1e-13, atol=1e-13)


def test_integers_wrap() -> None:
    attrs = {"strides": [1, 2, 2, 1], "padding": b"SAME"}
    x = RNG.integers(-(2**31), 2**31, (2, 5, 5, 3)).astype(np.int32)
    filter = RNG.integers(-(2**31), 2**31, (3, 3, 3, 4)).astype(np.int32)
    harness.check("Conv2D", attrs, x, filter, constants=(1,), rtol=0, atol=0)


def test_no_pixels_are_no_work() -> None:
    attrs = {"strides": [1, 1, 1, 1], "padding": b"SAME"}
    harness.check("Conv2D", attrs, np.zeros((0, 4, 4, 2), np.float32), np.zeros((3, 3, 2, 4), np.float32))
