"""Label sequences from class probabilities over time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(15)


def scores(classes: list[int], count: int) -> np.ndarray:
    """[time, 1, count] logits with the given class the best at each time."""
    return (3 * np.eye(count, dtype=np.float32)[classes])[:, None]


def test_the_best_path_loses_blanks_and_repetitions() -> None:
    x = scores([0, 0, 3, 0, 1, 1, 3, 3, 2], 4)
    for merges, expected in ((True, [0, 0, 1, 2]), (False, [0, 0, 0, 1, 1, 2])):
        attrs = {"merge_repeated": merges, "blank_index": -1}
        indices, values, shape, score = reference("CTCGreedyDecoder", attrs, x, np.array([9], np.int32))
        assert values.tolist() == expected and shape.tolist() == [1, len(expected)]
        assert indices.tolist() == [[0, at] for at in range(len(expected))]
        assert score.tolist() == [[-27.0]]


def test_shorter_sequences_and_another_blank() -> None:
    x = np.concatenate([scores([0, 1, 2], 3), scores([1, 0, 1], 3)], axis=1)
    attrs = {"merge_repeated": True, "blank_index": 0}
    indices, values, shape, _ = reference("CTCGreedyDecoder", attrs, x, np.array([2, 3], np.int32))
    assert values.tolist() == [1, 1, 1] and indices.tolist() == [[0, 0], [1, 0], [1, 1]] and shape.tolist() == [2, 2]


@pytest.mark.parametrize("merges", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_decode_as_the_reference_does(dtype: type, merges: bool) -> None:
    x = RANDOM.integers(-2, 3, (17, 3, 4)).astype(dtype)
    x[3, 0, 2], x[5, 1, 1] = np.nan, np.inf
    for blank, lengths in ((-1, [17, 3, 0]), (1, [9, 16, 7])):
        check("_GreedyLabels", {"merge_repeated": merges, "blank_index": blank}, x, np.array(lengths, np.int32))
    check("_GreedyLabels", {"merge_repeated": merges}, x[:0], np.zeros(3, np.int32))
    with pytest.raises(ValueError, match="number of times"):
        run("_GreedyLabels", {"merge_repeated": merges}, x, np.array([17, 18, 0], np.int32))


def test_a_wide_beam_finds_the_likeliest_sequence_of_all() -> None:
    x = RANDOM.standard_normal((4, 1, 3))
    probability: dict[tuple[int, ...], float] = {}
    logs = x[:, 0] - np.log(np.exp(x[:, 0]).sum(1, keepdims=True))
    for path in itertools.product(range(3), repeat=4):
        merged = tuple(label for label, _ in itertools.groupby(path) if label != 2)
        probability[merged] = probability.get(merged, 0) + math.exp(sum(logs[t, label] for t, label in enumerate(path)))
    best = sorted(probability, key=lambda labels: -probability[labels])[:2]
    attrs = {"beam_width": 100, "top_paths": 2, "merge_repeated": False}
    results = reference("CTCBeamSearchDecoder", attrs, x, np.array([4], np.int32))
    assert [tuple(values.tolist()) for values in results[2:4]] == best
    np.testing.assert_allclose(results[-1], [[math.log(probability[labels]) for labels in best]])


def test_specs_and_errors() -> None:
    x, length = scores([0, 1], 3), np.array([2], np.int32)
    attrs = {"beam_width": 2, "top_paths": 2, "merge_repeated": True}
    shapes = [spec.shape for spec in infer("CTCBeamSearchDecoder", attrs, x, length)]
    assert shapes == [None, None, None, None, (2,), (2,), (1, 2)]
    with pytest.raises(InvalidGraphError):
        infer("CTCBeamSearchDecoder", {**attrs, "top_paths": 3}, x, length)
    with pytest.raises(InvalidGraphError):
        infer("CTCGreedyDecoder", {"merge_repeated": True, "blank_index": 3}, x, length)
    with pytest.raises(ExecutionError, match="sequence_length"):
        reference("CTCGreedyDecoder", {"merge_repeated": True, "blank_index": -1}, x, length + 1)
