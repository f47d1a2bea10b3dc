"""One side of a condition: its value where it ran, otherwise the empty tensor that TensorFlow returns."""

from __future__ import annotations

from typing import Any

from tests.contract.harness import answered


def _for_both(tf: Any, function: Any) -> Any:
    return [function(x=tf.constant([1.0, 2.0]), on=tf.constant(on)) for on in (True, False)]


@answered("tf1_sides.sides")
def test_a_signature_gives_the_side_that_ran_or_an_empty_tensor(tf: Any, model: Any) -> Any:
    return _for_both(tf, model.signatures["true"])


@answered("tf1_sides.sides")
def test_a_signature_gives_both_sides_of_which_one_is_empty(tf: Any, model: Any) -> Any:
    return _for_both(tf, model.signatures["both"])


@answered("tf1_sides.sides")
def test_prune_fetches_either_side(tf: Any, model: Any) -> Any:
    feeds = ["x:0", "on:0"]
    fetches = ("condition/one:0", "condition/two:0", ["y:0", "condition/one:0"], ["condition/one:0", "condition/two:0"])
    return [_for_both(tf, model.prune(feeds, fetch)) for fetch in fetches]


@answered("tf1_sides.sides")
def test_prune_fetches_a_side_inside_of_a_side(tf: Any, model: Any) -> Any:
    (name,) = (op.name for op in model.graph.get_operations() if op.name.endswith("/deepest"))
    deepest = model.prune(["x:0", "on:0", "deep:0"], f"{name}:0")
    x = tf.constant([1.0, 2.0])
    return [deepest(x, tf.constant(on), tf.constant(deep)) for on in (True, False) for deep in (True, False)]


@answered("tf1_sides.sides")
def test_an_operation_on_a_side_that_did_not_run_gives_none(tf: Any, model: Any) -> Any:
    return _for_both(tf, model.prune(["x:0", "on:0"], ["condition/one", "y:0"]))


@answered("tf1_sides.sides")
def test_effects_of_a_fetched_side_happen_only_where_it_runs(tf: Any, model: Any) -> Any:
    one = model.prune(["x:0", "on:0"], "condition/one:0")
    return _for_both(tf, one), model.signatures["count"](), _for_both(tf, one), model.signatures["count"]()


@answered("tf1_sides.sides")
def test_a_merge_tells_the_side_that_ran(tf: Any, model: Any) -> Any:
    return _for_both(tf, model.prune(["x:0", "on:0"], "condition/Merge:1"))
