"""One signature, many threads, each with shapes of its own: every call gets the answer to its own arguments."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import edgeload

DIGITS = Path(edgeload.__file__).parent / "demo" / "digits"
THREADS = 6
CALLS = 300


@pytest.fixture(autouse=True)
def frequent_switches() -> Iterator[None]:
    """Let threads take turns after a few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_with_other_batch_sizes_do_not_get_each_others_plans() -> None:
    signature = edgeload.load(DIGITS).signatures["serving_default"]
    images = [np.random.default_rng(size).random((size, 8, 8, 1), np.float32) for size in range(1, THREADS + 1)]
    expected = [signature(image=image)["output_0"] for image in images]

    def call_often(index: int) -> None:
        for turn in range(CALLS):  # the same shape a few times, so that quick calls are prepared, then another one
            chosen = (index + turn // 3) % THREADS
            np.testing.assert_array_equal(signature(image=images[chosen])["output_0"], expected[chosen])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(call_often, range(THREADS)))


def test_after_an_assignment_no_thread_sees_the_old_value() -> None:
    model = edgeload.load(DIGITS)
    signature = model.signatures["serving_default"]
    image = np.ones((1, 8, 8, 1), np.float32)
    bias = next(variable for variable in model.variables if variable.shape == (10,))

    def answers(_: int) -> bool:
        return all(np.isfinite(signature(image=image)["output_0"]).all() for _ in range(20))

    for turn in range(8):
        with ThreadPoolExecutor(THREADS) as pool:
            calls = [pool.submit(answers, index) for index in range(THREADS)]
            favoured = np.full(10, -60, np.float32)
            favoured[turn] = 60
            bias.assign(favoured)
            assert all(call.result() for call in calls)
        assert np.argmax(signature(image=image)["output_0"]) == turn
