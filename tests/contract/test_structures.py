"""Nests in arguments and results: dicts, lists, tuples, named tuples, None."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from tests.contract.harness import answered, refused

A, B, C = (np.array(values, np.float32) for values in ([1, 2], [3, 5], [10, 20]))
Pair = namedtuple("Pair", ["second", "first"])
Other = namedtuple("Other", ["first", "second"])


@answered("structures.outputs", shares=True)
def test_a_function_without_result_returns_none(tf: Any, model: Any) -> Any:
    return model.nothing(A)


@answered("structures.outputs", shares=True)
def test_results_keep_lists_and_tuples_apart(tf: Any, model: Any) -> Any:
    return model.single(A), model.as_list(A), model.as_tuple(A), model.one_tuple(A), model.empty(A)


@answered("structures.outputs", shares=True)
def test_results_keep_the_keys_of_dicts(tf: Any, model: Any) -> Any:
    return model.as_dict(A)


@answered("structures.outputs", shares=True)
def test_a_named_tuple_keeps_its_name_and_the_order_of_its_fields(tf: Any, model: Any) -> Any:
    result = model.as_pair(A)
    return result, result.first, result[0], type(result).__name__, result._fields


@answered("structures.outputs", shares=True)
def test_none_stays_where_it_was_in_a_result(tf: Any, model: Any) -> Any:
    return model.with_none(A)


@answered("structures.outputs", shares=True)
def test_deep_nests_come_back_as_they_were(tf: Any, model: Any) -> Any:
    return model.deep(A)


@answered("structures.outputs", shares=True)
def test_python_values_in_a_result_come_back_as_tensors(tf: Any, model: Any) -> Any:
    return model.constants(A)


@answered("structures.outputs", shares=True)
def test_one_tensor_may_be_returned_twice(tf: Any, model: Any) -> Any:
    return model.twice(A)


@answered("structures.outputs", shares=True)
def test_signatures_always_return_dicts(tf: Any, model: Any) -> Any:
    return model.signatures["single"](tf.constant(A))


@answered("structures.outputs", shares=True)
def test_a_list_becomes_numbered_outputs_of_a_signature(tf: Any, model: Any) -> Any:
    return model.signatures["listed"](tf.constant(A))


@answered("structures.outputs", shares=True)
def test_output_names_of_a_signature_are_kept(tf: Any, model: Any) -> Any:
    return model.signatures["named"](tf.constant(A))


@answered("structures.inputs", shares=True)
def test_nested_arguments_find_their_tensors(tf: Any, model: Any) -> Any:
    return model.nested({"a": (A, B), "b": C}), model.nested({"b": C, "a": [A, B]})


@answered("structures.inputs", shares=True)
def test_an_extra_or_missing_key_is_refused(tf: Any, model: Any) -> Any:
    return (
        refused(lambda: model.nested({"a": (A, B), "b": C, "c": A}), "Could not find matching concrete function"),
        refused(lambda: model.nested({"a": (A, B)}), "Could not find matching concrete function"),
    )


@answered("structures.inputs", shares=True)
def test_a_list_of_another_length_is_refused(tf: Any, model: Any) -> Any:
    return model.items([A]), model.items([A, B, C]), refused(lambda: model.items([A, B]))


@answered("structures.inputs", shares=True)
def test_named_tuples_are_matched_by_their_fields(tf: Any, model: Any) -> Any:
    return model.pair(Pair(second=A, first=B)), refused(lambda: model.pair(Other(first=A, second=B)))


@answered("structures.inputs", shares=True)
def test_a_plain_tuple_is_no_named_tuple(tf: Any, model: Any) -> Any:
    return refused(lambda: model.pair((A, B)))


@answered("structures.inputs", shares=True)
def test_python_values_inside_a_nest_choose_the_trace(tf: Any, model: Any) -> Any:
    return (
        model.mixed({"x": A, "double": True}),
        model.mixed({"double": False, "x": A}),
        refused(lambda: model.mixed({"x": A, "double": 2})),
    )


@answered("structures.inputs", shares=True)
def test_none_inside_a_nest_chooses_the_trace(tf: Any, model: Any) -> Any:
    return model.optional(A, {"m": None}), model.optional(A, {"m": B})


@answered("structures.inputs", shares=True)
def test_nests_with_input_signature_take_tensors_and_lists(tf: Any, model: Any) -> Any:
    return (
        model.fixed({"l": A, "r": B}, [C, (A, B)]),
        model.fixed({"r": [3.0, 5.0], "l": [1.0, 2.0]}, [C, (A, [3, 5])]),
        refused(lambda: model.fixed({"l": A, "r": B}, [C, A])),
        refused(lambda: model.fixed({"l": A}, [C, (A, B)])),
    )


@answered("structures.inputs", shares=True)
def test_nests_of_another_kind_are_refused_with_an_input_signature(tf: Any, model: Any) -> Any:
    return refused(lambda: model.fixed(A, [C, (A, B)])), refused(lambda: model.fixed({"l": A, "r": B}, None))
