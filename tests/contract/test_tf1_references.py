"""Reference variables: where they are listed, and how ops on them choose their variable."""

from __future__ import annotations

import os
from typing import Any

from tests.contract.harness import answered, result_or_refusal


@answered("tf1_references.mixed")
def test_reference_variables_are_not_among_the_variables(tf: Any, model: Any) -> Any:
    assert isinstance(model.variables, list)
    return [(v.name, v.trainable, v.numpy()) for v in model.variables]


@answered("tf1_references.mixed")
def test_collections_list_reference_variables(tf: Any, model: Any) -> Any:
    return {
        name: [v.name for v in model.graph.get_collection(name)]
        for name in ("variables", "trainable_variables", "local_variables")
    }


@answered("tf1_references.mixed")
def test_a_signature_captures_the_resource_variables_of_the_model(tf: Any, model: Any) -> Any:
    f = model.signatures["step"]
    return [v.name for v in f.variables], len(f.captured_inputs), [v.name for v in f.trainable_variables]


@answered("tf1_references.mixed")
def test_reference_variables_are_shared_by_the_signatures_of_one_load(tf: Any, path: str) -> Any:
    model, other = tf.saved_model.load(path), tf.saved_model.load(path)
    x = tf.constant(1.0)
    stepped = [model.signatures["step"](x) for _ in range(2)]
    return stepped, model.signatures["serving_default"](x), other.signatures["serving_default"](x)


@answered("tf1_references.mixed")
def test_an_output_that_names_an_operation_with_results_is_none(tf: Any, model: Any) -> Any:
    x = tf.constant(2.0)
    return model.signatures["operation"](x=x), model.signatures["serving_default"](x)


@answered("tf1_references.mixed")
def test_restore_reads_reference_variables_again(tf: Any, path: str) -> Any:
    model, x = tf.saved_model.load(path), tf.constant(1.0)
    model.signatures["step"](x)
    model.restore(os.path.join(path, "variables", "variables"))
    return model.signatures["serving_default"](x)


@answered("tf1_references.mixed")
def test_the_value_of_a_reference_can_be_fed_and_fetched(tf: Any, model: Any) -> Any:
    return model.prune([], "a/read:0")(), model.prune("a/read:0", "a/read:0")(tf.constant(5.0))


@answered("tf1_references.chosen")
def test_a_condition_chooses_which_variable_is_assigned(tf: Any, model: Any) -> Any:
    x, f = tf.constant([10.0, 20.0]), model.signatures
    return [(f["merged"](x=x, on=tf.constant(on)), f["values"]()) for on in (True, False, True)]


@answered("tf1_references.chosen")
def test_an_index_chooses_which_variable_is_assigned(tf: Any, model: Any) -> Any:
    x, f = tf.constant([1.0, 1.0]), model.signatures
    return [(f["selected"](x=x, index=tf.constant(index)), f["values"]()) for index in (0, 1, 2)]


@answered("tf1_references.chosen")
def test_both_sides_of_a_condition_assign_one_variable(tf: Any, model: Any) -> Any:
    x, f = tf.constant([1.0, 1.0]), model.signatures
    return [(f["same"](x=x, on=tf.constant(on)), f["values"]()) for on in (True, False, True)]


@answered("tf1_references.loop", kinder=True)
def test_a_loop_hands_a_reference_on_though_tensorflow_2_cannot_load_it(tf: Any, path: str) -> Any:
    def run() -> Any:
        f = tf.saved_model.load(path).signatures["serving_default"]
        ones = tf.constant([1.0, 1.0])
        after = [f(n=tf.constant(n), x=ones)["after"].numpy().tolist() for n in (0, 2, 3)]
        assert after == [[1.0, 2.0], [3.0, 4.0], [6.0, 7.0]]
        return after

    return result_or_refusal(run)
