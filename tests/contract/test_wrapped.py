"""Models of TensorFlow 2 whose functions hold graphs of TensorFlow 1."""

from __future__ import annotations

from typing import Any

from tests.contract.harness import answered


@answered("wrapped.pruned")
def test_a_pruned_function_is_called_by_position(tf: Any, model: Any) -> Any:
    return [model.f(tf.constant(3.0), tf.constant(n)) for n in (0, 2)]


@answered("wrapped.pruned")
def test_a_pruned_function_has_a_signature(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    called = [f(**dict(zip(sorted(f.structured_input_signature[1]), args, strict=True))) for args in _arguments(tf, f)]
    return called, f.structured_input_signature, f.structured_outputs


def _arguments(tf: Any, function: Any) -> list[list[Any]]:
    """For n 0 and 2, the arguments in the order of their names."""
    specs = function.structured_input_signature[1]
    is_float = [specs[name].dtype == tf.float32 for name in sorted(specs)]
    return [[tf.constant(3.0) if one else tf.constant(n) for one in is_float] for n in (0, 2)]


@answered("wrapped.pruned")
def test_the_variables_of_a_pruned_function_are_assigned(tf: Any, model: Any) -> Any:
    model.v[0].assign(10.0)
    return model.f(tf.constant(3.0), tf.constant(1))


@answered("wrapped.saved_again")
def test_a_model_that_was_saved_again_keeps_its_conditions(tf: Any, model: Any) -> Any:
    f, x = model.signatures["serving_default"], tf.constant([1.0, 2.0])
    return [f(x=x, on=tf.constant(on)) for on in (True, False)]


@answered("wrapped.saved_again")
def test_a_model_that_was_saved_again_fills_its_tables(tf: Any, model: Any) -> Any:
    f = model.signatures["words"]
    return f(tf.constant(["a", "b", "?"])), f(tf.constant(["b"]))


@answered("wrapped.saved_again")
def test_a_model_that_was_saved_again_shares_its_variables(tf: Any, model: Any) -> Any:
    f, x = model.signatures["serving_default"], tf.constant([1.0, 2.0])
    return model.signatures["bump"](x), f(x=x, on=tf.constant(True)), [v.name for v in model.variables]


@answered("wrapped.saved_again")
def test_a_model_that_was_saved_again_is_no_graph_any_more(tf: Any, model: Any) -> Any:
    return hasattr(model, "prune"), hasattr(model, "graph"), sorted(model.signatures)


def _calls(tf: Any, model: Any, key: str) -> Any:
    x = tf.constant([1.0, -2.0])
    calls = [{"x": x, "n": tf.constant(n), "b": tf.constant(b)} for n, b in ((0, True), (3, True), (3, False))]
    f = model.signatures[key]
    wanted = f.structured_input_signature[1]
    return [f(**{name: value for name, value in call.items() if name in wanted}) for call in calls]


@answered("wrapped.control_flow")
def test_nested_conditions_of_tensorflow_1_inside_a_function(tf: Any, model: Any) -> Any:
    return _calls(tf, model, "nested_conditions")


@answered("wrapped.control_flow")
def test_a_loop_of_tensorflow_1_inside_a_function(tf: Any, model: Any) -> Any:
    return _calls(tf, model, "loop")


@answered("wrapped.control_flow")
def test_a_condition_in_a_loop_of_tensorflow_1_inside_a_function(tf: Any, model: Any) -> Any:
    return _calls(tf, model, "condition_in_loop")


@answered("wrapped.control_flow")
def test_tensor_arrays_of_tensorflow_1_inside_a_function(tf: Any, model: Any) -> Any:
    return _calls(tf, model, "mapped")
