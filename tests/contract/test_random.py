"""Random numbers: stateless ones equal TensorFlow's to the bit, generators continue where the model was saved."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.harness import answered

EXACT = 0.0
SEEDS = ([1, 2], [0, 0], [-5, 2**31 - 1])


def drawn(function: Any) -> Any:
    return [function(seed) for seed in SEEDS]


@answered("state.random", rtol=EXACT)
def test_stateless_uniform_numbers_are_exact(tf: Any, model: Any) -> Any:
    return drawn(model.uniform), drawn(model.doubles), drawn(model.halves)


@answered("state.random", rtol=1e-6)
def test_stateless_normal_numbers_agree(tf: Any, model: Any) -> Any:
    return drawn(model.normal), drawn(model.truncated)


@answered("state.random", rtol=EXACT)
def test_stateless_integers_are_exact(tf: Any, model: Any) -> Any:
    return drawn(model.integers), drawn(model.full_integers)


@answered("state.random", rtol=EXACT)
def test_philox_by_name_is_exact(tf: Any, model: Any) -> Any:
    return drawn(model.philox)


@answered("state.random", rtol=EXACT)
def test_seeds_are_split_and_folded_exactly(tf: Any, model: Any) -> Any:
    return drawn(model.split), drawn(model.fold_in)


@answered("state.random", rtol=EXACT)
def test_stateless_draws_and_shuffles_are_exact(tf: Any, model: Any) -> Any:
    return drawn(model.categorical), drawn(model.shuffle)


@answered("state.random")
def test_stateless_functions_repeat_themselves(tf: Any, model: Any) -> Any:
    return bool(np.all(np.asarray(model.uniform([3, 4])) == np.asarray(model.uniform([3, 4]))))


@answered("state.random", rtol=1e-6)
def test_a_generator_continues_where_it_was_saved(tf: Any, model: Any) -> Any:
    return model.generate(), model.generate(), model.generate_uniform(), model.generate_ints()


@answered("state.random", rtol=EXACT)
def test_the_state_of_a_generator_is_a_variable(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path)
    start = model.generator._state_var.numpy()
    first = model.generate_uniform()
    moved = model.generator._state_var.numpy()
    model.generator._state_var.assign(start)
    return start, moved, first, model.generate_uniform()


@answered("state.random")
def test_streams_with_a_seed_differ_from_call_to_call(tf: Any, model: Any) -> Any:
    first, second = np.asarray(model.seeded()), np.asarray(model.seeded())
    return bool((first == second).all()), first.shape, bool((first >= 0).all() and (first < 1).all())


@answered("state.random")
def test_streams_with_a_seed_repeat_after_another_load(tf: Any, path: str) -> Any:
    draws = []
    for _ in range(2):
        model = tf.saved_model.load(path)
        draws.append([np.asarray(model.seeded()), np.asarray(model.seeded()), np.asarray(model.seeded_normal())])
    return all(bool((one == other).all()) for one, other in zip(*draws, strict=True))


@answered("state.random")
def test_streams_without_seed_are_uniform_and_never_the_same(tf: Any, model: Any) -> Any:
    first, second = np.asarray(model.unseeded()), np.asarray(model.unseeded())
    return bool((first == second).any() and (first == second).all()), bool(0.4 < first.mean() < 0.6)
