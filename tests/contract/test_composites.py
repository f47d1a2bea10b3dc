"""Arguments and results that are several tensors, and variables as arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgeload
from tests.contract.conftest import Contract
from tests.contract.harness import answered, refused

VALUES = np.array([1, 2, 3, 4], np.float32)
SPLITS = np.array([0, 2, 2, 4], np.int64)


def ragged(tf: Any) -> Any:
    return tf.RaggedTensor.from_row_splits(VALUES, SPLITS)


def sparse(tf: Any) -> Any:
    return tf.SparseTensor(indices=[[0, 1], [1, 2]], values=[5.0, 7.0], dense_shape=[2, 3])


@answered("composites.ragged", shares=True)
def test_ragged_tensors_go_in_and_come_out(tf: Any, model: Any) -> Any:
    return model.twice(ragged(tf))


@answered("composites.ragged", shares=True)
def test_ragged_results_are_taken_apart_with_tensorflows_names(tf: Any, model: Any) -> Any:
    result = model.twice(ragged(tf))
    return (
        result.flat_values,
        result.values,
        result.row_splits,
        result.nested_row_splits,
        result.ragged_rank,
        result.to_list(),
        result.shape,
        result.dtype,
        result.row_lengths(),
        result.nrows(),
        result.row_starts(),
        result.row_limits(),
        result.value_rowids(),
        result.bounding_shape(),
        result.to_tensor(),
        result.to_tensor(default_value=-1.0),
        result[2],
        result[0],
    )


@answered("composites.ragged", shares=True)
def test_a_ragged_result_gives_numpy_and_length(tf: Any, model: Any) -> Any:
    result = model.twice(tf.RaggedTensor.from_row_splits(VALUES, [0, 2, 4]))
    return result.numpy(), result.to_list()


@answered("composites.ragged", shares=True)
def test_two_ragged_dimensions(tf: Any, model: Any) -> Any:
    value = tf.RaggedTensor.from_nested_row_splits(
        np.array([1, 2, 3], np.int32), [np.array([0, 1, 3], np.int32), np.array([0, 2, 2, 3], np.int32)]
    )
    result = model.deep(value)
    return result, result.to_list(), result.ragged_rank, result.values, result.nested_row_splits, result.shape


@answered("composites.ragged", shares=True)
def test_ragged_tensors_with_uniform_inner_dimensions(tf: Any, model: Any) -> Any:
    value = tf.RaggedTensor.from_row_splits(np.arange(6, dtype=np.float32).reshape(3, 2), [0, 1, 3])
    result = model.inner(value)
    return result, result.to_list(), result.shape


@answered("composites.ragged", shares=True)
def test_ragged_tensors_are_made_of_lengths_ids_starts_and_limits(tf: Any, model: Any) -> Any:
    make = tf.RaggedTensor
    return [
        model.twice(value)
        for value in (
            make.from_row_lengths(VALUES, [2, 0, 2]),
            make.from_value_rowids(VALUES, [0, 0, 2, 2], nrows=4),
            make.from_row_starts(VALUES, [0, 2, 2]),
            make.from_row_limits(VALUES, [2, 2, 4]),
            make.from_row_lengths(VALUES, [4]),
        )
    ]


@answered("composites.ragged", shares=True)
def test_broken_row_splits_are_refused(tf: Any, model: Any) -> Any:
    return (
        refused(lambda: tf.RaggedTensor.from_row_splits(VALUES, [1, 4])),
        refused(lambda: tf.RaggedTensor.from_row_splits(VALUES, [0, 3, 2, 4])),
        refused(lambda: tf.RaggedTensor.from_row_splits(VALUES, [0, 2])),
    )


@answered("composites.ragged", shares=True)
def test_ragged_tensors_inside_nests(tf: Any, model: Any) -> Any:
    return model.nested({"r": ragged(tf), "x": tf.constant(1.0)})


@answered("composites.ragged", shares=True)
def test_a_function_makes_a_ragged_tensor(tf: Any, model: Any) -> Any:
    return model.made([1.0, 2.0, 3.0]), model.sums(ragged(tf))


@answered("composites.ragged", shares=True)
def test_a_free_function_takes_a_ragged_tensor(tf: Any, model: Any) -> Any:
    return model.free(ragged(tf)), refused(lambda: model.free(tf.ones([2])), "Could not find matching")


@answered("composites.ragged", shares=True)
def test_a_bare_function_takes_a_ragged_tensor(tf: Any, model: Any) -> Any:
    return model.bare(ragged(tf))


@answered("composites.ragged", shares=True)
def test_ragged_tensors_of_another_dtype_or_rank_are_refused(tf: Any, model: Any) -> Any:
    return (
        refused(lambda: model.twice(tf.RaggedTensor.from_row_splits(np.array(["a"]), [0, 1]))),
        refused(lambda: model.twice(tf.RaggedTensor.from_nested_row_splits(VALUES, [[0, 1], [0, 4]]))),
        refused(lambda: model.twice(None)),
    )


@answered("composites.sparse", shares=True)
def test_sparse_tensors_go_in_and_come_out(tf: Any, model: Any) -> Any:
    return model.dense(sparse(tf)), model.same(sparse(tf)), model.dense(s=sparse(tf))


@answered("composites.sparse", shares=True)
def test_sparse_results_are_taken_apart_with_tensorflows_names(tf: Any, model: Any) -> Any:
    result = model.made([[0.0, 3.0], [4.0, 0.0]])
    return result.indices, result.values, result.dense_shape, result.dtype, result.shape


@answered("composites.sparse", shares=True)
def test_sparse_tensors_of_another_rank_are_refused(tf: Any, model: Any) -> Any:
    return refused(lambda: model.dense(tf.SparseTensor([[0]], [1.0], [2]))), refused(
        lambda: model.dense(tf.ones([2, 3]))
    )


@answered("composites.sparse", shares=True)
def test_a_free_function_takes_a_sparse_tensor_among_others(tf: Any, model: Any) -> Any:
    return model.free(sparse(tf), tf.constant(1.0)), model.free(sparse(tf), 1.0)


@answered("composites.sparse", shares=True)
def test_a_bare_function_takes_a_sparse_tensor(tf: Any, model: Any) -> Any:
    return model.bare(sparse(tf)), model.bare(s=sparse(tf))


@answered("composites.sparse", shares=True)
def test_indexed_slices_come_out(tf: Any, model: Any) -> Any:
    result = model.slices(np.ones([2, 2], np.float32), np.array([1, 3], np.int32))
    return result.values, result.indices, result.dense_shape


@answered("composites.variables")
def test_variables_are_passed_as_arguments(tf: Any, model: Any) -> Any:
    return model.bare_difference(model.a, model.b), model.bare_difference(model.b, model.a)


@answered("composites.variables")
def test_a_bare_function_assigns_the_variable_it_is_given(tf: Any, model: Any) -> Any:
    return model.bare(model.b), model.b.numpy(), model.a.numpy()


@answered("composites.variables")
def test_a_variable_stands_for_a_tensor(tf: Any, model: Any) -> Any:
    return model.value(model.a)


@answered("composites.variables")
def test_a_tensor_does_not_stand_for_a_variable(tf: Any, model: Any) -> Any:
    return refused(lambda: model.bump(tf.constant([1.0, 2.0])))


@answered("composites.variables")
def test_one_variable_may_be_two_arguments(tf: Any, model: Any) -> Any:
    return model.aliased(model.a, model.a), model.aliased(model.b, model.b), len(model.aliased.inputs)


@answered("composites.extension")
def test_a_function_beside_one_with_an_unknown_type_runs(tf: Any, model: Any) -> Any:
    return model.plain(1.0)


def test_an_unknown_type_is_refused_by_name_on_call_only(contract: Contract) -> None:
    model = edgeload.load(contract.model("composites.extension"))
    with pytest.raises(edgeload.ArgumentTypeError, match="Masked"):
        model.total([1.0], 1.0)


def test_a_result_of_an_unknown_type_is_its_tensors(contract: Contract) -> None:
    tensors = edgeload.load(contract.model("composites.extension")).made([1.0, -1.0])
    assert [tensor.tolist() for tensor in tensors] == [[True, False], [1, -1]] or [
        tensor.tolist() for tensor in tensors
    ] == [[1, -1], [True, False]]


def test_slices_of_a_ragged_tensor_are_ragged() -> None:
    ragged = edgeload.RaggedTensor.from_nested_row_lengths([1, 2, 3, 4], [[2, 0, 1], [1, 2, 1]])
    assert ragged.to_list() == [[[1], [2, 3]], [], [[4]]] and len(ragged) == 3
    assert ragged[::2].to_list() == [[[1], [2, 3]], [[4]]] and ragged[0, 1].tolist() == [2, 3]
    assert ragged[1:].nested_row_splits[0].tolist() == [0, 0, 1]
    assert ragged.to_tensor().tolist() == [[[1, 0], [2, 3]], [[0, 0], [0, 0]], [[4, 0], [0, 0]]]
    assert [row.to_list() for row in ragged] == ragged.to_list()


@pytest.mark.parametrize(
    "make",
    [
        lambda: edgeload.SparseTensor([[0, 1]], [1.0, 2.0], [2, 2]),
        lambda: edgeload.SparseTensor([0], [1.0], [2]),
        lambda: edgeload.RaggedTensor.from_value_rowids([1, 2], [1, 0]),
        lambda: edgeload.RaggedTensor.from_row_splits(3.0, [0, 1]),
        lambda: edgeload.RaggedTensor([1, 2], []),
    ],
)
def test_parts_that_contradict_each_other_are_refused(make: Any) -> None:
    with pytest.raises(edgeload.ArgumentValueError):
        make()
