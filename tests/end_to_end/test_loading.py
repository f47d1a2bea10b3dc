"""Loading is never slower than TensorFlow's, and ten times as fast for large models."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import measure_loading

LARGE = ("mobilenet_v2", "resnet50", "efficientnet_b0", "densenet121")
SMALL = ("dense_mlp", "lstm_gru", "string_table", "counter_variable", "tf1_regression")
ROUNDS = 1
LEAST_RATIO_OF_LARGE = 10


def test_loading_is_never_slower_than_tensorflows(zoo: Callable[[str], Path]) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed, and this test measures its loading (extra: test)")
    loadings = measure_loading.measure([zoo(name) for name in (*LARGE, *SMALL)], ROUNDS)
    shown = measure_loading.table(loadings)
    assert all(loading.ratio > 1 for loading in loadings), shown
    assert all(loading.ratio >= LEAST_RATIO_OF_LARGE for loading in loadings if loading.model in LARGE), shown


def test_a_table_has_medians_spread_and_the_ratio() -> None:
    seconds = {"edgeload": [0.001, 0.003, 0.002], "edgeload with values": [0.004], "tensorflow": [0.02]}
    shown = measure_loading.table([measure_loading.Loading("m", seconds)])
    assert shown.splitlines()[-1] == "| m | 2.0 ms (1.0 .. 3.0) | 4.0 ms (4.0 .. 4.0) | 20.0 ms (20.0 .. 20.0) | 10 |"
