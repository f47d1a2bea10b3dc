"""What programs do with results, specs, functions and variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.harness import answered, refused, result_or_refusal


@answered("results.results", shares=True)
def test_elements_of_a_result_are_tensors_again(tf: Any, model: Any) -> Any:
    found = model.scores(tf.constant([1.0, 2.5]))
    scores, names = found["scores"], found["names"]
    assert [str(name.numpy(), "utf-8") for name in names] == ["1", "2"]
    return (
        scores[0],
        scores[1].numpy(),
        [float(one.numpy()) for one in scores],
        names[0].numpy(),
        scores[-1:],
        scores[0] + 1.0,
    )


@answered("results.results", shares=True)
def test_scalars_become_python_numbers(tf: Any, model: Any) -> Any:
    count = model.scores(tf.constant([1.0, 2.5]))["count"]
    return int(count), float(count), [10, 20, 30][count], f"{count:d}", bool(count == 2), count.numpy().item()


@answered("results.results", shares=True)
def test_results_tell_their_shapes(tf: Any, model: Any) -> Any:
    y = model.scores(tf.constant([1.0, 2.5]))["scores"]
    return y.shape, y.shape.as_list(), y.shape.rank, y.shape[0], y.get_shape().as_list(), y.ndim, len(y), y.dtype.name


@answered("results.results", shares=True)
def test_shapes_are_joined_merged_and_printed(tf: Any, model: Any) -> Any:
    shape = tf.TensorSpec([None, 2]).shape
    return (
        shape.concatenate([3]), shape.merge_with([4, None]), str(shape), repr(shape), shape.dims is None, shape[1:],
        refused(lambda: shape.merge_with([4, 3]), "not compatible"), shape == [None, 2],
        shape.is_compatible_with([5, 2]),
    )  # fmt: skip


@answered("results.results", shares=True)
def test_a_function_tells_its_parameters(tf: Any, model: Any) -> Any:
    spec = model.add.function_spec
    return list(spec.arg_names), list(spec.fullargspec.args), model.add.input_signature, model.scores.input_signature


@answered("results.results", shares=True)
def test_a_function_was_traced_before_it_was_saved(tf: Any, model: Any) -> Any:
    assert "Input Parameters" in model.add.pretty_printed_concrete_signatures()
    return model.add.experimental_get_tracing_count(), len(model.add.concrete_functions)


@answered("results.results", shares=True)
def test_a_concrete_function_tells_dtypes_and_shapes_of_its_results(tf: Any, model: Any) -> Any:
    function = model.scores.get_concrete_function()
    return function.output_dtypes, function.output_shapes


@answered("results.results", shares=True)
def test_a_relaxed_trace_takes_every_length(tf: Any, model: Any) -> Any:
    return [model.relaxed(tf.ones([n])) for n in (1, 2, 3, 7)], refused(lambda: model.relaxed(tf.ones([2, 2])))


@answered("results.results", shares=True)
def test_a_tensor_is_a_default(tf: Any, model: Any) -> Any:
    x, y = tf.constant(4.0), tf.constant(5.0)
    calls = lambda: model.with_default(x), lambda: model.with_default(x, y), lambda: model.with_default(x, y=y)
    return [result_or_refusal(call) for call in calls]


@answered("results.results", shares=True)
def test_a_signature_tries_tensors_of_another_rank(tf: Any, model: Any) -> Any:
    return model.signatures["serving_default"](x=tf.ones([2, 2]))


@answered("results.results")
def test_rows_of_a_variable_are_gathered_from_python(tf: Any, model: Any) -> Any:
    v = model.v
    return v.sparse_read(tf.constant([2, 0])), v.gather_nd(tf.constant([[1, 1], [0, 0]])), v.is_initialized()


@answered("results.results")
def test_variables_are_kept_in_sets_by_reference(tf: Any, model: Any) -> Any:
    v = model.v
    assert v.ref().deref() is v
    return len({v.ref(), v.ref()}), v.ref() == v.ref(), v.constraint is None


@answered("results.results")
def test_the_folder_may_be_named_as_the_page_names_it(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(export_dir=path, tags=None)
    return model.scores(tf.constant([1.0]))["count"], hasattr(model, "graph_debug_info"), np.asarray(model.v)
