"""Functions over ragged and sparse tensors, indexed slices, and variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf


def ragged(folder: Path) -> None:
    module = tf.Module()
    rows = tf.RaggedTensorSpec([None, None], tf.float32)
    deep = tf.RaggedTensorSpec([None, None, None], tf.int32, ragged_rank=2, row_splits_dtype=tf.int32)
    inner = tf.RaggedTensorSpec([None, None, 2], tf.float32, ragged_rank=1)

    module.twice = tf.function(lambda r: r * 2.0, input_signature=[rows])
    module.sums = tf.function(lambda r: tf.reduce_sum(r, axis=1), input_signature=[rows])
    module.deep = tf.function(lambda r: r + 1, input_signature=[deep])
    module.inner = tf.function(lambda r: r, input_signature=[inner])
    module.made = tf.function(
        lambda x: tf.RaggedTensor.from_row_lengths(x, [1, 0, 2]), input_signature=[tf.TensorSpec([3], tf.float32)]
    )
    module.nested = tf.function(
        lambda d: {"r": d["r"], "x": d["x"] + 1.0}, input_signature=[{"r": rows, "x": tf.TensorSpec([], tf.float32)}]
    )
    free = tf.function(lambda r: r.row_splits)
    free.get_concrete_function(rows)
    module.free = free
    module.bare = tf.function(lambda r: r.flat_values).get_concrete_function(rows)
    tf.saved_model.save(module, str(folder))


def sparse(folder: Path) -> None:
    module = tf.Module()
    spec = tf.SparseTensorSpec([None, 3], tf.float32)
    module.dense = tf.function(lambda s: tf.sparse.to_dense(s), input_signature=[spec])
    module.same = tf.function(lambda s: s, input_signature=[spec])
    module.made = tf.function(
        lambda x: tf.sparse.from_dense(x), input_signature=[tf.TensorSpec([None, None], tf.float32)]
    )
    module.slices = tf.function(
        lambda v, i: tf.IndexedSlices(v, i, tf.constant([4, 2])),
        input_signature=[tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([None], tf.int32)],
    )
    free = tf.function(lambda s, x: tf.sparse.reduce_sum(s) + x)
    free.get_concrete_function(spec, tf.TensorSpec([], tf.float32))
    module.free = free
    module.bare = module.dense.get_concrete_function()
    tf.saved_model.save(module, str(folder))


def variables(folder: Path) -> None:
    """Functions whose arguments are variables."""
    module = tf.Module()
    module.a, module.b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @tf.function
    def difference(v: Any, w: Any) -> Any:
        return v - 2.0 * w

    @tf.function
    def bump(v: Any) -> Any:
        v.assign_add([1.0, 1.0])
        return v.read_value()

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def value(x: Any) -> Any:
        return x + 1.0

    difference.get_concrete_function(module.a, module.b)
    bump.get_concrete_function(module.a)
    module.aliased = difference.get_concrete_function(module.a, module.a)
    module.difference, module.bump, module.value = difference, bump, value
    module.bare_difference = difference.get_concrete_function(module.a, module.b)
    module.bare = bump.get_concrete_function(module.a)
    tf.saved_model.save(module, str(folder))


class Masked(tf.experimental.ExtensionType):
    """A type of a program's own, which nobody else knows."""

    __name__ = "contract.Masked"

    values: tf.Tensor
    mask: tf.Tensor


def extension(folder: Path) -> None:
    """Functions that take and return a type of the program's own, beside one that does not."""
    module = tf.Module()
    spec = Masked.Spec(values=tf.TensorSpec([None], tf.float32), mask=tf.TensorSpec([None], tf.bool))
    module.total = tf.function(
        lambda m, x: tf.reduce_sum(tf.where(m.mask, m.values, 0.0)) + x,
        input_signature=[spec, tf.TensorSpec([], tf.float32)],
    )
    module.plain = tf.function(lambda x: x + 1.0, input_signature=[tf.TensorSpec([], tf.float32)])
    module.made = tf.function(lambda x: Masked(x, x > 0.0), input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(folder))
