"""Concrete functions and signatures: how they are called, and how they describe themselves."""

from __future__ import annotations

import re
from typing import Any

from tests.contract.harness import answered, refused


def X(tf: Any) -> Any:
    return tf.constant([1.0, 2.0])


def Y(tf: Any) -> Any:
    return tf.constant([10.0, 20.0])


@answered("concrete.functions", shares=True)
def test_a_bare_function_is_called_with_its_own_parameters(tf: Any, model: Any) -> Any:
    return model.add(X(tf), Y(tf)), model.add(X(tf), Y(tf), True), model.add(x=X(tf), y=Y(tf), flag=True)


@answered("concrete.functions", shares=True)
def test_a_bare_function_is_called_with_the_names_of_its_tensors(tf: Any, model: Any) -> Any:
    return model.add(x=X(tf), other=Y(tf)), model.add(X(tf), other=Y(tf))


@answered("concrete.functions", shares=True)
def test_a_bare_function_takes_only_the_python_values_it_was_traced_with(tf: Any, model: Any) -> Any:
    return refused(lambda: model.add(X(tf), Y(tf), flag=False)), refused(lambda: model.add(X(tf), Y(tf), False))


@answered("concrete.functions", shares=True)
def test_a_bare_function_says_which_arguments_are_missing(tf: Any, model: Any) -> Any:
    return refused(lambda: model.add(X(tf)), "missing"), refused(lambda: model.add(), "missing")


@answered("concrete.functions", shares=True)
def test_a_bare_function_refuses_unexpected_keywords(tf: Any, model: Any) -> Any:
    return refused(lambda: model.add(X(tf), Y(tf), z=X(tf)), "unexpected keyword argument", "z")


@answered("concrete.functions", shares=True)
def test_a_bare_function_refuses_two_values_for_one_argument(tf: Any, model: Any) -> Any:
    return refused(lambda: model.add(X(tf), Y(tf), x=X(tf)), "x")


@answered("concrete.functions", shares=True)
def test_a_bare_function_refuses_too_many_arguments(tf: Any, model: Any) -> Any:
    return refused(lambda: model.add(X(tf), Y(tf), True, X(tf)), "positional arguments")


@answered("concrete.functions", shares=True)
def test_a_bare_function_takes_other_sizes_than_it_was_traced_with(tf: Any, model: Any) -> Any:
    return model.ints(tf.constant([1.0, 2.0, 3.0], tf.float64))


@answered("concrete.functions", shares=True)
def test_a_bare_function_refuses_a_wrong_dtype(tf: Any, model: Any) -> Any:
    return refused(lambda: model.ints(tf.constant(["a", "b"])))


@answered("concrete.functions", shares=True)
def test_a_bare_function_casts_numpy_and_python_values(tf: Any, model: Any) -> Any:
    import numpy as np

    return model.ints([1, 2]), model.ints(np.array([1.5, 2.5], np.float32)), model.unnamed([1.0]), model.unnamed(x=[2])


@answered("concrete.functions", shares=True)
def test_a_bare_function_with_nested_arguments(tf: Any, model: Any) -> Any:
    return (
        model.nested({"a": X(tf), "b": Y(tf)}, [X(tf)]),
        model.nested(d={"b": Y(tf), "a": X(tf)}, xs=[X(tf)]),
        refused(lambda: model.nested({"a": X(tf)}, [X(tf)])),
    )


@answered("concrete.functions", shares=True)
def test_nested_arguments_have_flat_names_too(tf: Any, model: Any) -> Any:
    names = sorted(spec.name.removesuffix(":0") for spec in model.nested.inputs)
    return names, model.nested(**dict(zip(names, (X(tf), Y(tf), X(tf)), strict=True)))


@answered("concrete.functions", shares=True)
def test_keyword_only_parameters_of_a_bare_function(tf: Any, model: Any) -> Any:
    return model.keyword(X(tf), k=Y(tf)), model.keyword(k=Y(tf), x=X(tf)), model.keyword(X(tf), Y(tf))


@answered("concrete.functions", shares=True)
def test_a_bare_function_without_arguments(tf: Any, model: Any) -> Any:
    return model.nothing(), refused(lambda: model.nothing(X(tf)))


@answered("concrete.functions", shares=True)
def test_structured_signatures_describe_arguments_and_results(tf: Any, model: Any) -> Any:
    return (
        model.add.structured_input_signature,
        model.add.structured_outputs,
        model.nested.structured_input_signature,
        model.nested.structured_outputs,
        model.keyword.structured_input_signature,
        model.nothing.structured_input_signature,
    )


@answered("concrete.functions", shares=True)
def test_signatures_describe_arguments_and_results(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return f.structured_input_signature, f.structured_outputs


@answered("concrete.functions", shares=True)
def test_inputs_are_the_arguments_and_the_captures(tf: Any, model: Any) -> Any:
    def described(tensors: Any) -> Any:
        return [(tensor.dtype, None if tensor.dtype == "resource" else tensor.shape) for tensor in tensors]

    f = model.add
    return len(f.inputs), described(f.inputs[:2]), described(f.outputs), [t.name for t in f.inputs[:2]]


@answered("concrete.functions", shares=True)
def test_names_of_inputs_are_those_of_tensors(tf: Any, model: Any) -> Any:
    return [tensor.name for tensor in model.signatures["serving_default"].inputs[:2]]


@answered("concrete.functions", shares=True)
def test_a_function_tells_its_variables(tf: Any, model: Any) -> Any:
    f = model.add
    return (
        [v.name for v in f.variables],
        [v.name for v in f.trainable_variables],
        f.variables[0] is model.v,
        len(f.captured_inputs),
        type(f.variables).__name__,
    )


def printed(*functions: Any) -> list[str]:
    """Their signatures as they print them; a capture is named by its address."""
    return [re.sub(r"[0-9]{6,}", "CAPTURE", function.pretty_printed_signature()) for function in functions]


@answered("concrete.functions", shares=True)
def test_a_pretty_printed_signature_says_what_tensorflow_says(tf: Any, model: Any) -> Any:
    return printed(model.unnamed, model.keyword, model.nothing, model.ints, model.printed)


@answered("concrete.functions", shares=True)
def test_the_pretty_printed_signature_of_a_signature_says_what_tensorflow_says(tf: Any, model: Any) -> Any:
    return printed(model.signatures["one"])


@answered("concrete.several", shares=True)
def test_signatures_take_keywords(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return f(a=tf.constant(2), b=tf.ones([1, 2])), model.signatures["same"](b=tf.ones([3, 2]), a=tf.constant(0))


@answered("concrete.several", shares=True)
def test_signatures_with_several_inputs_take_none_by_position(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return refused(lambda: f(tf.constant(2), tf.ones([1, 2])), "takes 0 positional arguments, got 2")


@answered("concrete.several", shares=True)
def test_signatures_say_what_is_missing_or_unexpected(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return (
        refused(lambda: f(a=tf.constant(2)), "missing required arguments: b"),
        refused(lambda: f(), "missing required arguments: a, b"),
        refused(lambda: f(a=tf.constant(2), b=tf.ones([1, 2]), c=tf.ones([])), "got unexpected keyword arguments: c"),
    )


@answered("concrete.several", shares=True)
def test_signatures_take_other_sizes_but_no_other_dtypes(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return f(a=tf.constant(2), b=tf.ones([1, 3])), refused(lambda: f(a=tf.constant(2), b=tf.constant(["a"])))


@answered("concrete.several", shares=True)
def test_signatures_are_a_read_only_mapping(tf: Any, model: Any) -> Any:
    signatures = model.signatures

    def assign() -> None:
        signatures["other"] = None

    def delete() -> None:
        del signatures["same"]

    return (
        sorted(signatures),
        len(signatures),
        "same" in signatures,
        "other" in signatures,
        sorted(signatures.keys()) == sorted(key for key, _ in signatures.items()),
        signatures.get("other"),
        refused(lambda: signatures["other"]),
        refused(assign),
        refused(delete),
    )


@answered("concrete.nameless", shares=True)
def test_a_model_without_signatures_is_called_itself(tf: Any, model: Any) -> Any:
    return list(model.signatures), callable(model), model(tf.ones([2, 2])), model(x=[[1.0, 0.5]])


@answered("concrete.nameless", shares=True)
def test_a_call_of_the_model_refuses_what_does_not_fit(tf: Any, model: Any) -> Any:
    return refused(lambda: model(tf.ones([2, 3]))), refused(lambda: model()), refused(lambda: model(tf.ones([2])))
