"""The models of the page on tf.saved_model.load."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
import tf_keras


def signature(folder: Path) -> None:
    module = tf.Module()
    module.w = tf.Variable(2.0)
    module.f = tf.function(lambda x: {"y": module.w * x}, input_signature=[tf.TensorSpec([None, 1], name="x")])
    tf.saved_model.save(module, str(folder), signatures=module.f)


def checkpoint(folder: Path) -> None:
    exported = tf.train.Checkpoint(v=tf.Variable(3.0))
    exported.f = tf.function(lambda x: exported.v * x, input_signature=[tf.TensorSpec(shape=None, dtype=tf.float32)])
    tf.saved_model.save(exported, str(folder))


def keras_model(folder: Path) -> None:
    tf_keras.utils.set_random_seed(1)
    inputs = tf_keras.Input((4,))
    outputs = tf_keras.layers.Dense(2)(tf_keras.layers.Dense(3, activation="relu")(inputs))
    model = tf_keras.Model(inputs, outputs)
    tf.saved_model.save(model, str(folder))


def tf1(folder: Path) -> None:
    """A TF1 SavedModel, whose graph is flat."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [], name="x")
        w = tf.compat.v1.get_variable("w", initializer=3.0)
        out = tf.multiply(x, w, name="out")
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(session, str(folder), {"x": x}, {"out": out})
