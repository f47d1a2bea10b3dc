"""Random numbers: TensorFlow's own for given seeds (recorded from TensorFlow 2.21), streams, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.dtypes import RESOURCE
from edgeload.errors import ExecutionError, InvalidGraphError
from edgeload.kernels import philox, registry
from edgeload.kernels.philox import Stream
from edgeload.kernels.registry import Operand
from tests.kernels.harness import FakeNode, infer, reference

FLOAT32, FLOAT64, INT64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
SEEDS = {"seed": 7, "seed2": 3}
SHAPE = np.array([3], np.int32)
SEED = np.array([3, -5], np.int32)


def calls(op: str, attrs: dict[str, Any], *arrays: np.ndarray) -> list[list[Any]]:
    """Two calls of one node."""
    found, node = registry.find(op), FakeNode(op, "test", attrs)
    assert found is not None and found.reference is not None
    return [found.reference(node, *arrays).tolist() for _ in range(2)]


def test_the_block_of_zeros_is_the_published_one() -> None:
    assert [hex(word) for word in Stream(0, 0).words(4)] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


def test_the_counter_carries_into_its_upper_half() -> None:
    stream = Stream(9, 2**64 - 1)
    np.testing.assert_array_equal(stream.words(12)[4:], Stream(9, 2**64).words(8))
    np.testing.assert_array_equal(stream.words_at(np.array([1], np.uint64), 2)[0], Stream(9, 2**64).words(8))
    assert Stream(9, 2**128 - 1).skip(1).counter == 0


def test_a_few_words_are_the_first_of_many() -> None:
    for stream in (Stream(5, 2**64 - 2), Stream(2**64 - 1, 2**128 - 3), Stream(2**40 + 1, 2**100 + 7)):
        many = stream.words(400)
        for count in (1, 4, 7, 32):
            np.testing.assert_array_equal(stream.words(count), many[:count])


def test_an_op_with_seeds_goes_on_where_its_last_call_ended() -> None:
    expected = [
        [0.4010878801345825, 0.37683892250061035, 0.3092927932739258],
        [0.5707436800003052, 0.5799131393432617, 0.1443091630935669],
    ]
    assert calls("RandomUniform", {**SEEDS, "dtype": FLOAT32}, SHAPE) == expected
    expected = [
        [0.2841397934847126, -1.7472690787243486, -0.8324516698354941],
        [0.880512681794445, 0.6026589871808031, -0.5525169680505495],
    ]
    np.testing.assert_allclose(calls("TruncatedNormal", {**SEEDS, "dtype": FLOAT64}, SHAPE), expected, rtol=1e-14)


def test_two_nodes_with_equal_seeds_have_streams_of_their_own() -> None:
    first, second = (calls("RandomUniform", {**SEEDS, "dtype": FLOAT32}, SHAPE) for _ in range(2))
    assert first == second


def test_without_seeds_calls_differ() -> None:
    first, second = calls("RandomStandardNormal", {"seed": 0, "seed2": 0, "dtype": FLOAT32}, SHAPE)
    assert first != second


def test_shuffles_and_samples_are_the_recorded_ones() -> None:
    expected = [[3, 0, 5, 1, 6, 2, 4, 7, 8], [8, 1, 5, 0, 6, 4, 7, 2, 3]]
    assert calls("RandomShuffle", {**SEEDS, "T": INT64}, np.arange(9)) == expected
    logits = np.array([[0, 1, 2], [0, 0, 0]], np.float32)
    expected = [[[1, 2, 2, 0, 2], [2, 1, 2, 2, 2]], [[1, 1, 2, 2, 1], [2, 2, 2, 1, 0]]]
    assert calls("Multinomial", {**SEEDS, "output_dtype": INT64}, logits, np.array(5, np.int32)) == expected


def test_stateless_numbers_are_the_recorded_ones() -> None:
    (normal,) = reference("StatelessRandomNormal", {"dtype": FLOAT32}, np.array([4], np.int32), SEED)
    expected = [-1.3270372152328491, -0.22033731639385223, 1.430159091949463, 1.7100902795791626]
    np.testing.assert_allclose(normal, np.array(expected, np.float32), rtol=2e-7)
    ends = np.array(-10, np.int32), np.array(10, np.int32)
    (whole,) = reference(
        "StatelessRandomUniformInt", {"dtype": np.dtype(np.int32)}, np.array([6], np.int32), SEED, *ends
    )
    assert whole.tolist() == [0, 0, 2, -10, -3, -8]


def test_key_and_counter_lead_to_the_numbers_of_the_seed() -> None:
    key, counter = reference("StatelessRandomGetKeyCounter", {}, SEED)
    assert key.tolist() == [9346930042776287455] and counter.tolist() == [0, 9453892864160445078]
    algorithm = reference("StatelessRandomGetAlg", {})[0]
    for op in ("StatelessRandomUniform", "StatelessTruncatedNormal"):
        (of_key,) = reference(f"{op}V2", {"dtype": FLOAT32}, SHAPE, key, counter, algorithm)
        np.testing.assert_array_equal(of_key, reference(op, {"dtype": FLOAT32}, SHAPE, SEED)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_truncated_numbers_are_inside_and_spread(dtype: type) -> None:
    numbers = philox.truncated_normal(Stream(1, 2), 20_001, np.dtype(dtype))
    assert numbers.size == 20_001 and np.abs(numbers).max() < 2
    assert abs(numbers.mean()) < 0.02 and abs(numbers.std() - 0.88) < 0.02


def test_other_algorithms_are_refused_by_name() -> None:
    key, counter = reference("StatelessRandomGetKeyCounter", {}, SEED)
    with pytest.raises(ExecutionError, match="algorithm 2"):
        reference("StatelessRandomUniformV2", {"dtype": FLOAT32}, SHAPE, key, counter, np.array(2, np.int32))


def test_an_empty_interval_is_refused() -> None:
    one = np.array(1, np.int64)
    with pytest.raises(ExecutionError, match="minval < maxval"):
        reference("RandomUniformInt", {**SEEDS, "Tout": INT64}, SHAPE, one, one)


@pytest.mark.parametrize(
    "op, attrs, arrays",
    [
        ("RandomUniform", {**SEEDS, "dtype": FLOAT32}, [np.array([-1])]),
        ("RandomUniform", {**SEEDS, "dtype": FLOAT32}, [np.array(3)]),
        ("RandomUniform", {**SEEDS, "dtype": INT64}, [SHAPE]),
        ("StatelessRandomUniform", {"dtype": FLOAT32}, [SHAPE, np.arange(3)]),
        ("Multinomial", {**SEEDS, "output_dtype": INT64}, [np.zeros(3, np.float32), np.array(1, np.int32)]),
        ("Multinomial", {**SEEDS, "output_dtype": INT64}, [np.zeros((1, 3), np.float32), np.array(-1, np.int32)]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, *arrays)


class State:
    """A generator's variable, as far as the ops see it."""

    dtype = INT64

    def __init__(self, state: list[int]) -> None:
        self.array = np.array(state)

    def assign(self, value: np.ndarray) -> None:
        self.array = value


def test_a_generator_skips_what_its_ops_may_use() -> None:
    state, algorithm = State([5, 0, 0]), np.array(1, np.int32)
    (before,) = reference("RngReadAndSkip", {}, state, algorithm, np.array(3, np.uint64))  # type: ignore[arg-type]
    assert before.tolist() == [5, 0, 0] and state.array.tolist() == [773, 0, 0]
    counter = before[:2].astype(np.uint64)
    (numbers,) = reference(
        "StatelessRandomUniformV2", {"dtype": FLOAT32}, SHAPE, before[2:].astype(np.uint64), counter, algorithm
    )
    assert numbers.tolist() == [0.5670160055160522, 0.20770859718322754, 0.18223881721496582]


def test_a_generator_needs_a_variable_of_three_integers() -> None:
    op = registry.find("RngReadAndSkip")
    assert op is not None
    scalars = Operand(np.dtype(np.int32), ()), Operand(np.dtype(np.uint64), ())
    for resource in (State([1, 2]), object()):
        with pytest.raises(InvalidGraphError):
            op.infer(FakeNode(op.name, "n", {}), Operand(RESOURCE, (), resource=resource), *scalars)


def test_gamma_numbers_of_every_kind_of_shape_are_those_of_tensorflow() -> None:
    alphas = np.array([0.2, 0.5, 1.0, 1.5, 7.0])
    shape = np.array([2, 5], np.int32)
    expected = [  # the first two of 40 rows
        [0.009428051765778735, 0.07033796428124132, 0.060262270053736154, 1.4952494002498709, 11.816058551431631],
        [0.024334355310889996, 0.42478575354246545, 0.5395243876673944, 1.8892650227787056, 8.448365390715445],
    ]
    stream = philox.stream_of_seeds(SEED)
    np.testing.assert_allclose(philox.gamma(stream, alphas, 40)[:2], expected, rtol=1e-14)
    (drawn,) = reference("StatelessRandomGammaV2", {"dtype": FLOAT64}, shape, SEED, alphas)
    np.testing.assert_array_equal(drawn, philox.gamma(stream, alphas, 2))
    key, counter = np.array([stream.key], np.uint64), np.array([0, stream.counter >> 64], np.uint64)
    (other,) = reference("StatelessRandomGammaV3", {"dtype": FLOAT64}, shape, key, counter, np.int32(1), alphas)
    np.testing.assert_array_equal(other, drawn)


def test_gamma_shapes_of_zero_and_below_end() -> None:
    drawn = philox.gamma(Stream(1, 2), np.array([0.0, -0.5, -3.0, np.nan]), 3)
    assert (drawn[:, 0] == 0).all() and np.isnan(drawn[:, 2:]).all()


def test_a_gamma_output_must_end_with_the_shape_of_alpha() -> None:
    with pytest.raises(InvalidGraphError, match="ends with alpha's"):
        infer("StatelessRandomGammaV2", {"dtype": FLOAT64}, np.array([5, 2], np.int32), SEED, np.ones(5))
