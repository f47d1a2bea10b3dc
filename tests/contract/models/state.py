"""Variables that Python or functions assign, and random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

F = tf.TensorSpec([2], tf.float32)


def variables(folder: Path) -> None:
    module = tf.Module()
    module.v = tf.Variable([1.0, 2.0])
    module.i = tf.Variable(5)
    module.half = tf.Variable([0.5], dtype=tf.float16)
    module.text = tf.Variable(["a", "b"])
    module.flag = tf.Variable(True)
    module.growing = tf.Variable([1.0, 2.0], shape=[None])
    module.table = tf.Variable(tf.reshape(tf.range(6.0), [3, 2]))

    @tf.function(input_signature=[F])
    def scale(x: Any) -> Any:
        return x * module.v

    @tf.function(input_signature=[F])
    def add(x: Any) -> Any:
        return module.v.assign_add(x)

    @tf.function(input_signature=[F])
    def store(x: Any) -> None:
        module.v.assign(x)

    @tf.function(input_signature=[F])
    def store_and_tell_nothing(x: Any) -> Any:
        module.v.assign(x)
        return {}

    @tf.function(input_signature=[])
    def total() -> Any:
        return tf.reduce_sum(module.growing), tf.shape(module.growing)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def push(x: Any) -> Any:
        module.growing.assign(tf.concat([module.growing, [x]], 0))
        return tf.size(module.growing)

    @tf.function(input_signature=[])
    def read_text() -> Any:
        return module.text + "!"

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), F])
    def scatter(index: Any, row: Any) -> Any:
        module.table.scatter_nd_update([[index]], [row])
        return module.table.read_value()

    @tf.function(input_signature=[tf.TensorSpec([], tf.bool)])
    def maybe(condition: Any) -> Any:
        if condition:
            module.i.assign_add(1)
        else:
            module.i.assign_sub(10)
        return module.i.read_value()

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def loop(times: Any) -> Any:
        for _ in tf.range(times):
            module.i.assign_add(2)
        return module.i.read_value()

    @tf.function(input_signature=[])
    def order() -> Any:
        before = module.i.read_value()
        module.i.assign(before * 2)
        middle = module.i.read_value()
        module.i.assign_add(1)
        return before, middle, module.i.read_value()

    module.scale, module.add, module.store, module.total, module.push = scale, add, store, total, push
    module.read_text, module.scatter, module.maybe, module.loop, module.order = read_text, scatter, maybe, loop, order
    tf.saved_model.save(module, str(folder), signatures={"scale": scale, "add": add, "store": store_and_tell_nothing})


def folded(folder: Path) -> None:
    """Weights that are packed: of a matrix product, a convolution, and a batch normalisation behind it."""
    module = tf.Module()
    module.w = tf.Variable(tf.reshape(tf.range(12.0), [3, 4]) / 10.0)
    module.b = tf.Variable(tf.ones([4]))
    module.kernel = tf.Variable(tf.reshape(tf.range(18.0), [3, 3, 1, 2]) / 18.0)
    module.gamma, module.beta = tf.Variable([1.0, 2.0]), tf.Variable([0.5, -0.5])
    module.mean, module.variance = tf.Variable([0.1, 0.2]), tf.Variable([1.5, 0.5])
    module.unused = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def dense(x: Any) -> Any:
        return tf.nn.relu(x @ module.w + module.b)

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 1], tf.float32)])
    def conv(x: Any) -> Any:
        y = tf.nn.conv2d(x, module.kernel, 1, "SAME")
        y, *_ = tf.compat.v1.nn.fused_batch_norm(
            y, module.gamma, module.beta, module.mean, module.variance, is_training=False
        )
        return tf.nn.relu(y)

    module.dense, module.conv = dense, conv
    tf.saved_model.save(module, str(folder), signatures=dense)


def random(folder: Path) -> None:
    module = tf.Module()
    seed = tf.TensorSpec([2], tf.int32)
    stateless = {
        "uniform": lambda s: tf.random.stateless_uniform([7], s),
        "normal": lambda s: tf.random.stateless_normal([7], s),
        "truncated": lambda s: tf.random.stateless_truncated_normal([7], s),
        "integers": lambda s: tf.random.stateless_uniform([7], s, 0, 100, tf.int32),
        "full_integers": lambda s: tf.random.stateless_uniform([7], s, None, None, tf.int64),
        "doubles": lambda s: tf.random.stateless_uniform([5], s, dtype=tf.float64),
        "halves": lambda s: tf.random.stateless_uniform([5], s, dtype=tf.float16),
        "philox": lambda s: tf.random.stateless_uniform([7], s, alg="philox"),
        "split": lambda s: tf.random.split(s, 3),
        "fold_in": lambda s: tf.random.fold_in(s, 5),
        "categorical": lambda s: tf.random.stateless_categorical([[0.1, 0.9, 0.3]], 6, s),
        "shuffle": lambda s: tf.random.experimental.stateless_shuffle(tf.range(8), s),
    }
    for name, function in stateless.items():
        setattr(module, name, tf.function(function, input_signature=[seed]))
    module.generator = tf.random.Generator.from_seed(42)
    module.generate = tf.function(lambda: module.generator.normal([4]), input_signature=[])
    module.generate_uniform = tf.function(lambda: module.generator.uniform([4]), input_signature=[])
    module.generate_ints = tf.function(
        lambda: module.generator.uniform([4], maxval=10, dtype=tf.int32), input_signature=[]
    )
    module.seeded = tf.function(lambda: tf.random.uniform([5], seed=3), input_signature=[])
    module.seeded_normal = tf.function(lambda: tf.random.normal([5], seed=11), input_signature=[])
    module.unseeded = tf.function(lambda: tf.random.uniform([1000]), input_signature=[])
    tf.saved_model.save(module, str(folder))
