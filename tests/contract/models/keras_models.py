"""Models that Keras saves: with Keras 2's model.save, with tf.saved_model.save, and with Keras 3's export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tf_keras


def saved_by_keras_2(folder: Path) -> None:
    """A functional model with state that training changes, and compiled, in Keras 2's folder."""
    tf_keras.utils.set_random_seed(1)
    inputs = tf_keras.Input((6,), name="features")
    x = tf_keras.layers.Dense(5, activation="relu", name="hidden")(inputs)
    x = tf_keras.layers.BatchNormalization(name="norm")(x)
    x = tf_keras.layers.Dropout(0.5)(x)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2, activation="softmax", name="probabilities")(x))
    model.compile(tf_keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.layers[2].moving_mean.assign([0.1, -0.2, 0.3, 0.0, 0.5])
    model.save(str(folder), save_format="tf")


def sequential_keras_2(folder: Path) -> None:
    """A sequential model with layers of its own, two of them shared in a list."""
    tf_keras.utils.set_random_seed(2)
    model = tf_keras.Sequential([tf_keras.layers.Dense(4, input_shape=(3,)), tf_keras.layers.ReLU()])
    model.add(tf_keras.layers.Dense(1))
    model.save(str(folder), save_format="tf")


def subclassed_keras_2(folder: Path) -> None:
    """A subclass whose call takes a dict and `training`."""

    class Model(tf_keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = tf_keras.layers.Dense(3)
            self.drop = tf_keras.layers.Dropout(0.9)

        def call(self, inputs: Any, training: bool = False) -> Any:
            x = self.dense(inputs["a"]) + inputs["b"]
            return {"y": self.drop(x, training=training), "z": x}

    tf_keras.utils.set_random_seed(3)
    model = Model()
    model({"a": tf.ones([2, 4]), "b": tf.ones([2, 3])})
    tf.saved_model.save(model, str(folder))


def text_keras_2(folder: Path) -> None:
    """A model that takes texts, with a vocabulary."""
    layer = tf_keras.layers.TextVectorization(output_mode="int", output_sequence_length=5)
    layer.adapt(["the cat sat", "the dog ran"])
    model = tf_keras.Sequential([tf_keras.Input((1,), dtype=tf.string), layer])
    model.save(str(folder), save_format="tf")


def exported_keras_3(folder: Path) -> None:
    keras.utils.set_random_seed(4)
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    x = keras.layers.Dense(4, activation="tanh")(keras.layers.Concatenate()([a, b]))
    model = keras.Model({"a": a, "b": b}, {"y": keras.layers.Dense(2)(x), "x": x})
    model.export(str(folder), verbose=False)


def archive_keras_3(folder: Path) -> None:
    """Several endpoints, written with Keras 3's ExportArchive."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model.call, input_signature=[keras.InputSpec(shape=(None, 3), dtype="float32")])
    archive.add_endpoint("doubled", lambda x: 2.0 * model(x), input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    archive.write_out(str(folder), verbose=False)


def trainable_module(folder: Path) -> None:
    """A module with inference and a training step of Adam."""

    class Regression(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable([[1.0], [2.0]])
            self.b = tf.Variable([0.5])
            self.optimizer = tf_keras.optimizers.Adam(0.1)
            self.optimizer.build([self.w, self.b])

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return tf.nn.relu(x @ self.w + self.b)

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([None, 1], tf.float32)])
        def train_step(self, x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x) - y) ** 2)
            variables = [self.w, self.b]
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss

    tf.saved_model.save(Regression(), str(folder))
