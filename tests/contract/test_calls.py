"""Which trace a call runs, and how its arguments are bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgeload
from tests.contract.conftest import Contract
from tests.contract.harness import answered, refused, result_or_refusal

X = np.array([1.0, -2.0], np.float32)
Y = np.array([0.5, 4.0], np.float32)


@answered("calls.polymorphic", shares=True)
def test_a_python_value_prefers_the_trace_that_is_specialised_on_it(tf: Any, model: Any) -> Any:
    return model.f(2)


@answered("calls.polymorphic", shares=True)
def test_a_python_value_without_a_trace_of_its_own_becomes_a_tensor(tf: Any, model: Any) -> Any:
    return model.f(3)


@answered("calls.polymorphic", shares=True)
def test_a_tensor_never_matches_a_python_value(tf: Any, model: Any) -> Any:
    return model.f(tf.constant(2))


@answered("calls.polymorphic", shares=True)
def test_of_several_fitting_traces_the_first_saved_one_runs(tf: Any, model: Any) -> Any:
    return model.f(tf.ones([2, 2])), model.f(tf.ones([3, 2])), model.f(tf.ones([2]))


@answered("calls.polymorphic", shares=True)
def test_nested_lists_are_no_tensors_for_a_free_function_but_arrays_are(tf: Any, model: Any) -> Any:
    return model.f(np.ones([2, 2], np.float32)), model.f(np.int32(2))


@answered("calls.polymorphic", shares=True)
def test_a_call_that_no_trace_fits_lists_what_it_got_and_every_option(tf: Any, model: Any) -> Any:
    return refused(
        lambda: model.f(tf.ones([1, 1, 1])),
        "Could not find matching concrete function to call loaded from the SavedModel",
        "Got:",
        "Expected these arguments to match one of the following 5 option(s):",
        "Option 1:",
        "Option 5:",
    )


@answered("calls.polymorphic", shares=True)
def test_an_unknown_dtype_is_refused_as_a_call_without_trace(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f(tf.constant(["a"])), "Could not find matching concrete function")


@answered("calls.polymorphic", shares=True)
def test_none_fits_no_tensor(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f(None), "Could not find matching concrete function", "None")


@answered("calls.polymorphic", shares=True)
def test_a_missing_argument_is_a_type_error_that_names_it(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f(), "missing a required argument", "'x'")


@answered("calls.polymorphic", shares=True)
def test_too_many_positional_arguments_are_a_type_error(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f(X, X), "too many positional arguments")


@answered("calls.polymorphic", shares=True)
def test_an_unexpected_keyword_is_a_type_error_that_names_it(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f(X, y=1), "got an unexpected keyword argument", "'y'")


@answered("calls.polymorphic", shares=True)
def test_two_values_for_one_parameter_are_a_type_error(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f(X, x=X), "multiple values for argument 'x'")


@answered("calls.parameters", shares=True)
def test_defaults_are_filled_in(tf: Any, model: Any) -> Any:
    return model.defaults(X), model.defaults(X, 2), model.defaults(X, factor=2), model.defaults(X, 2, None)


@answered("calls.parameters", shares=True)
def test_positional_and_keyword_arguments_choose_the_same_trace(tf: Any, model: Any) -> Any:
    return model.defaults(X, 3), model.defaults(factor=3, x=X), model.defaults(X, shift=Y), model.defaults(X, 2, Y)


@answered("calls.parameters", shares=True)
def test_a_python_value_that_was_never_traced_is_refused(tf: Any, model: Any) -> Any:
    return refused(lambda: model.defaults(X, 4), "Could not find matching concrete function", "4")


@answered("calls.parameters", shares=True)
def test_an_int_equals_the_float_that_a_trace_was_made_with(tf: Any, model: Any) -> Any:
    return model.number(X, 4), model.defaults(X, 3.0)


@answered("calls.parameters", shares=True)
def test_a_tensor_in_place_of_a_traced_python_value_is_refused(tf: Any, model: Any) -> Any:
    return refused(lambda: model.defaults(X, tf.constant(3)), "Could not find matching concrete function")


@answered("calls.parameters", shares=True)
def test_star_arguments_choose_the_trace_with_their_number(tf: Any, model: Any) -> Any:
    return (
        model.varargs(X),
        model.varargs(X, Y, Y),
        refused(lambda: model.varargs(X, Y), "Could not find matching concrete function"),
    )


@answered("calls.parameters", shares=True)
def test_keyword_only_arguments_are_taken_by_name_only(tf: Any, model: Any) -> Any:
    return (
        model.keyword_only(X, scale=Y),
        model.keyword_only(X, scale=Y, negate=True),
        model.keyword_only(negate=False, scale=Y, x=X),
        refused(lambda: model.keyword_only(X, Y), "too many positional arguments"),
        refused(lambda: model.keyword_only(X), "missing a required", "'scale'"),
    )


@answered("calls.parameters", shares=True)
def test_double_star_arguments_choose_the_trace_with_their_names(tf: Any, model: Any) -> Any:
    return (
        model.varkw(X),
        model.varkw(X, a=X, b=Y),
        model.varkw(X, b=Y, a=X),
        refused(lambda: model.varkw(X, a=X), "Could not find matching concrete function"),
    )


@answered("calls.parameters", shares=True)
def test_training_true_false_and_none_are_three_traces(tf: Any, model: Any) -> Any:
    return (
        model.training(X),
        model.training(X, training=True),
        model.training(X, training=False),
        model.training(X, None),
        model.training(X, True),
    )


@answered("calls.parameters", shares=True)
def test_one_and_zero_equal_true_and_false(tf: Any, model: Any) -> Any:
    return model.training(X, 1), model.training(X, 0), refused(lambda: model.training(X, np.bool_(True)))


@answered("calls.parameters", shares=True)
def test_a_function_without_arguments_is_called_without(tf: Any, model: Any) -> Any:
    return model.no_arguments(), refused(lambda: model.no_arguments(1), "too many positional arguments")


@answered("calls.parameters", shares=True)
def test_strings_choose_traces(tf: Any, model: Any) -> Any:
    return model.text(X), model.text(X, "twice"), model.text(X, mode="add"), refused(lambda: model.text(X, "other"))


@answered("calls.parameters", shares=True)
def test_a_tensor_after_a_python_value_finds_its_place(tf: Any, model: Any) -> Any:
    return model.late_tensor(True, X), model.late_tensor(x=X, flag=False)


@answered("calls.parameters", shares=True)
def test_a_function_that_was_never_traced_says_so(tf: Any, model: Any) -> Any:
    return refused(lambda: model.never_called(X), "Found zero restored functions for caller function")


@answered("calls.methods", shares=True)
def test_self_is_no_argument_of_a_method(tf: Any, model: Any) -> Any:
    return model.free(X), model.free(np.ones([3, 2], np.float32)), model.free(x=X)


@answered("calls.methods", shares=True)
def test_a_method_with_input_signature_keeps_the_names_of_its_parameters(tf: Any, model: Any) -> Any:
    x = np.ones([1, 2], np.float32)
    return (
        model.fixed(x, np.float32(3)),
        model.fixed(y=np.float32(3), x=x),
        refused(lambda: model.fixed(renamed=x, y=np.float32(3))),
    )


@answered("calls.methods", shares=True)
def test_a_parameter_after_the_input_signature_keeps_its_default(tf: Any, model: Any) -> Any:
    return model.with_default(X), model.with_default(X, True), refused(lambda: model.with_default(X, False))


@answered("calls.methods", shares=True)
def test_star_arguments_with_input_signature_are_positional(tf: Any, model: Any) -> Any:
    return model.starred(X, Y), refused(lambda: model.starred(X)), refused(lambda: model.starred(X, Y, Y))


@answered("calls.methods", shares=True)
def test_a_method_without_arguments_takes_none(tf: Any, model: Any) -> Any:
    return model.nothing(), refused(lambda: model.nothing(X))


@answered("calls.shapes", shares=True)
def test_unknown_sizes_take_every_size_and_known_ones_only_theirs(tf: Any, model: Any) -> Any:
    return (
        model.rows(np.ones([0, 3], np.float32)),
        model.rows(np.ones([5, 3], np.float32)),
        model.anything(np.ones([1, 2, 1], np.float32)),
        model.anything(np.float32(1)),
        model.scalar(np.float32(1)),
    )


@answered("calls.shapes", shares=True)
def test_a_wrong_shape_for_an_input_signature_is_a_type_error(tf: Any, model: Any) -> Any:
    return (
        refused(lambda: model.three(np.ones([2], np.float32))),
        refused(lambda: model.rows(np.ones([3], np.float32))),
        refused(lambda: model.scalar(np.ones([1], np.float32))),
        refused(lambda: model.three(tf.ones([2]))),
    )


@answered("calls.shapes", shares=True)
def test_a_wrong_shape_for_a_free_function_is_a_value_error(tf: Any, model: Any) -> Any:
    return (
        refused(lambda: model.free_three(tf.ones([2]))),
        refused(lambda: model.free_rows(tf.ones([2, 4]))),
        refused(lambda: model.free_scalar(tf.ones([1]))),
    )


@answered("calls.polymorphic", shares=True)
def test_get_concrete_function_gives_the_trace_of_specs_or_values(tf: Any, model: Any) -> Any:
    by_spec = model.f.get_concrete_function(tf.TensorSpec([2], tf.float32))
    by_value = model.f.get_concrete_function(2)
    return by_spec(tf.ones([2])), by_value()


@answered("calls.polymorphic", shares=True)
def test_get_concrete_function_refuses_what_no_trace_takes(tf: Any, model: Any) -> Any:
    return refused(lambda: model.f.get_concrete_function(tf.TensorSpec([1, 1, 1], tf.float32)), "Could not find")


@answered("calls.values", shares=True)
def test_dtypes_are_arguments(tf: Any, model: Any) -> Any:
    return model.cast(X), model.cast(X, tf.int32), model.cast(X, tf.float64), refused(lambda: model.cast(X, tf.int64))


@answered("calls.values", shares=True)
def test_shapes_are_arguments(tf: Any, model: Any) -> Any:
    return model.reshape(X, (1, 2)), refused(lambda: model.reshape(X, (2,)))


@answered("calls.values", shares=True)
def test_bounds_of_a_spec_are_not_enforced(tf: Any, model: Any) -> Any:
    return model.bounded([0.5, 7.0]), refused(lambda: model.bounded([0.5]))


@answered("calls.values", shares=True)
def test_an_array_is_a_default(tf: Any, model: Any) -> Any:
    return result_or_refusal(lambda: model.weighted(X))


@answered("calls.values", shares=True)
def test_a_function_for_xla_runs_without(tf: Any, model: Any) -> Any:
    return model.compiled(X)


@answered("calls.values", shares=True)
def test_result_keys_may_be_any_text(tf: Any, model: Any) -> Any:
    return model.escaping(X)


@answered("calls.methods", shares=True)
def test_shapes_answer_as_tensorflows(tf: Any, model: Any) -> Any:
    shape = model.fixed.get_concrete_function().structured_input_signature[0][0].shape
    return (
        shape.as_list(), shape.rank, shape.ndims, shape.is_fully_defined(), shape.num_elements(), shape[1], shape[1:],
        len(shape), list(shape), shape.is_compatible_with([3, 2]), model.bias.shape.as_list(), model.bias.shape == [2],
        model.bias.shape == (2,), model.bias.shape.num_elements(), str(shape),
    )  # fmt: skip


def test_a_function_with_a_data_set_says_what_is_missing_and_the_others_run(contract: Contract) -> None:
    model = edgeload.load(contract.model("calls.values"))
    with pytest.raises(edgeload.UnsupportedOpError, match="RangeDataset"):
        model.total()
    assert model.compiled(X).tolist() == [3, -6]
