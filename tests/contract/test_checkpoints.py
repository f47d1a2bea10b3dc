"""Checkpoints: dtypes, data files, tensors in pieces, what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.harness import answered, refused

DTYPES = (
    "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", "complex64", "complex128",
)  # fmt: skip
NARROW = ("float8_e4m3fn", "float8_e5m2", "int4", "uint4")
IDS = np.array([5, 0, 3], np.int32)


@answered("checkpoints.dtypes", shares=True)
def test_variables_of_all_dtypes_are_read(tf: Any, model: Any) -> Any:
    return [(name, getattr(model, name).dtype, getattr(model, name).numpy()) for name in DTYPES]


@answered("checkpoints.dtypes", shares=True)
def test_variables_of_eight_and_four_bits_are_read(tf: Any, model: Any) -> Any:
    variables = [getattr(model, name) for name in NARROW]
    return [(variable.dtype, variable.numpy().astype(np.float32)) for variable in variables]


@answered("checkpoints.dtypes", shares=True)
def test_variables_of_bool_text_and_without_elements_are_read(tf: Any, model: Any) -> Any:
    return model.flags.numpy(), model.texts.numpy(), model.scalar.numpy(), model.nothing.numpy()


@answered("checkpoints.sharded", shares=True)
def test_values_are_read_from_several_data_files(tf: Any, model: Any) -> Any:
    return model.rows(tf.constant(IDS)), model.table.numpy(), model.texts.numpy(), model.counts.numpy()


@answered("checkpoints.sliced", shares=True)
def test_a_tensor_that_was_saved_in_pieces_is_put_together(tf: Any, model: Any) -> Any:
    return model.rows(tf.constant(IDS)), model.table.numpy(), model.texts.numpy(), model.counts.numpy()


@answered("checkpoints.with_variant", shares=True)
def test_a_list_in_the_checkpoint_is_in_nobodys_way(tf: Any, model: Any) -> Any:
    return model.rows(tf.constant(IDS)), model.texts.numpy()


@answered("checkpoints.without_value")
def test_a_variable_without_value_is_an_assertion_error(tf: Any, path: str) -> Any:
    return refused(lambda: tf.saved_model.load(path))


@answered("checkpoints.without_value")
def test_a_partial_checkpoint_may_be_allowed(tf: Any, path: str) -> Any:
    options = tf.saved_model.LoadOptions(allow_partial_checkpoint=True)
    model = tf.saved_model.load(path, options=options)
    before = refused(lambda: model.rows(tf.constant(IDS)))
    model.table.assign(np.ones((6, 2), np.float32))
    return before, model.counts.numpy(), model.rows(tf.constant(IDS))


@answered("checkpoints.without_value")
def test_a_variable_without_value_is_empty_until_it_is_assigned(tf: Any, path: str) -> Any:
    options = tf.saved_model.LoadOptions(allow_partial_checkpoint=True)
    table = tf.saved_model.load(path, options=options).table
    before = table.is_initialized(), table.numpy(), table.read_value(), table.value()
    refused(lambda: table.assign_add(np.ones((6, 2), np.float32)))
    table.assign(np.ones((6, 2), np.float32))
    return before, table.is_initialized(), table.numpy()


@answered("checkpoints.without_data")
def test_a_missing_data_file_is_refused_by_the_first_that_needs_it(tf: Any, path: str) -> Any:
    return refused(lambda: tf.saved_model.load(path).table.numpy())


@answered("checkpoints.without_checkpoint")
def test_variables_without_a_checkpoint_are_refused(tf: Any, path: str) -> Any:
    return refused(lambda: tf.saved_model.load(path).table.numpy())


@answered("checkpoints.sharded")
def test_a_skipped_checkpoint_leaves_variables_to_be_assigned(tf: Any, path: str) -> Any:
    options = tf.saved_model.LoadOptions(experimental_skip_checkpoint=True)
    model = tf.saved_model.load(path, options=options)
    before = refused(lambda: model.rows(tf.constant(IDS)))
    model.table.assign(np.ones((6, 2), np.float32))
    model.counts.assign(np.arange(5))
    return before, model.rows(tf.constant(IDS)), model.counts.numpy()


@answered("checkpoints.tf1_sharded", shares=True)
def test_a_sharded_saver_of_tensorflow_1(tf: Any, model: Any) -> Any:
    return model.signatures["serving_default"](x=tf.constant([[1.0, 2.0]]))
