"""Models written as TensorFlow 1 wrote them: a graph, a session, a SavedModelBuilder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
SERVING = v1.saved_model.tag_constants.SERVING


@contextmanager
def session() -> Iterator[Any]:
    """A graph and a session, with the control flow of TensorFlow 1."""
    was_v2 = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default(), v1.Session() as opened:
            yield opened
    finally:
        if was_v2:
            v1.enable_control_flow_v2()


def signature(inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    infos = [
        {name: v1.saved_model.build_tensor_info(item) for name, item in part.items()} for part in (inputs, outputs)
    ]
    return v1.saved_model.build_signature_def(*infos, "tensorflow/serving/predict")


def op_signature(inputs: dict[str, Any], operation: Any) -> Any:
    """A signature whose output is an operation."""
    made = signature(inputs, {})
    made.outputs["done"].name = operation.name
    made.outputs["done"].dtype = tf.float32.as_datatype_enum  # the builder asks for one
    return made


def save(opened: Any, folder: Path, signatures: dict[str, Any], **options: Any) -> None:
    opened.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
    builder = v1.saved_model.Builder(str(folder))
    builder.add_meta_graph_and_variables(opened, [SERVING], signatures, **options)
    builder.save()


def variable(name: str, value: Any, **options: Any) -> Any:
    return v1.get_variable(name, initializer=np.asarray(value, np.float32), use_resource=True, **options)


def linear(folder: Path) -> None:
    """out = x * w + y, in several parts, with a global and a local variable, and signatures over operations."""
    with session() as opened:
        x = v1.placeholder(tf.float32, [None], "x")
        y = v1.placeholder(tf.float32, [], "y")
        w = variable("w", 2.0)
        local = variable("steps", 3.0, collections=[v1.GraphKeys.LOCAL_VARIABLES], trainable=False)
        product = tf.multiply(x, w, name="product")
        with tf.control_dependencies([product]):
            out = tf.add(product, y, name="out")
        shifted = tf.identity(out + local, name="shifted")
        sparse = v1.sparse_placeholder(tf.float32, [None, 3], "sparse")
        dense = tf.sparse.to_dense(sparse, name="dense")
        step = w.assign_add(y).op
        signatures = {
            "serving_default": signature({"x": x, "y": y}, {"out": out}),
            "one": signature({"input": x}, {"product": product}),
            "shifted": signature({"x": x, "y": y}, {"shifted": shifted, "again": out}),
            "nothing": signature({}, {"w": tf.identity(w, name="now")}),
            "dense": signature({"sparse": sparse}, {"dense": dense}),
            "back": signature({"sparse": sparse}, {"sparse": tf.sparse.map_values(tf.negative, sparse)}),
            "step": op_signature({"by": y}, step),
        }
        save(opened, folder, signatures)


def several(folder: Path) -> None:
    """Two MetaGraphs over the same variables."""
    builder = v1.saved_model.Builder(str(folder))
    for tags, factor in ((["serve"], 10.0), (["train", "gpu"], 100.0)):
        with session() as opened:
            x = v1.placeholder(tf.float32, [], "x")
            w = variable("w", 3.0)
            signatures = {"serving_default": signature({"x": x}, {"y": tf.identity(x * w * factor)})}
            opened.run(v1.global_variables_initializer())
            if tags == ["serve"]:
                builder.add_meta_graph_and_variables(opened, tags, signatures)
            else:
                builder.add_meta_graph(tags, signatures)
    builder.save()


def no_variables(folder: Path) -> None:
    with session() as opened:
        x = v1.placeholder(tf.float32, [], "x")
        v1.saved_model.simple_save(opened, str(folder), {"x": x}, {"y": tf.identity(x + 1.0, name="y")})


def main_op(folder: Path) -> None:
    """An init op that changes a restored variable and fills a table."""
    with session() as opened:
        x = v1.placeholder(tf.string, [None], "x")
        w = variable("w", 2.0)
        table = _table()
        found = table.lookup(x)
        init = tf.group(v1.tables_initializer(), w.assign(7.0), name="init")
        save(opened, folder, {"serving_default": signature({"x": x}, {"y": found, "w": tf.identity(w)})}, main_op=init)


def legacy_init_op(folder: Path) -> None:
    """The init op in the collection in which TensorFlow up to 1.4 kept it."""
    with session() as opened:
        w = variable("w", 2.0)
        init = w.assign_add(10.0).op
        v1.add_to_collection("legacy_init_op", init)
        save(opened, folder, {"serving_default": signature({}, {"w": tf.identity(w)})})


def main_op_collection(folder: Path) -> None:
    """The init op in a collection; the builder of TensorFlow 2 puts it into a signature."""
    with session() as opened:
        w = variable("w", 2.0)
        v1.add_to_collection("saved_model_main_op", w.assign(5.0).op)
        save(opened, folder, {"serving_default": signature({}, {"w": tf.identity(w)})})


def two_init_ops(folder: Path) -> None:
    with session() as opened:
        w = variable("w", 2.0)
        v1.add_to_collection("saved_model_main_op", w.assign(5.0).op)
        v1.add_to_collection("saved_model_main_op", w.assign(6.0).op)
        save(opened, folder, {"serving_default": signature({}, {"w": tf.identity(w)})})


def _table() -> Any:
    initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
    return tf.lookup.StaticHashTable(initializer, -1)


def tables(folder: Path) -> None:
    """Tables that only the collection of table initialisers fills: no init op."""
    with session() as opened:
        x = v1.placeholder(tf.string, [None], "x")
        save(opened, folder, {"serving_default": signature({"x": x}, {"y": _table().lookup(x)})})


def asset(folder: Path) -> None:
    """A vocabulary file."""
    vocabulary = folder.with_suffix(".vocabulary.txt")
    vocabulary.write_text("red\ngreen\nblue\n")
    with session() as opened:
        x = v1.placeholder(tf.string, [None], "x")
        path = tf.constant(str(vocabulary), name="vocabulary_path")
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        initializer = tf.lookup.TextFileInitializer(
            path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        found = tf.lookup.StaticHashTable(initializer, -1).lookup(x)
        signatures = {"serving_default": signature({"x": x}, {"y": found})}
        assets = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        save(opened, folder, signatures, assets_collection=assets, main_op=v1.tables_initializer())


def unfed(folder: Path) -> None:
    """A signature that needs a placeholder which is not among its inputs."""
    with session() as opened:
        x, y = v1.placeholder(tf.float32, [], "x"), v1.placeholder(tf.float32, [], "y")
        save(opened, folder, {"serving_default": signature({"x": x}, {"z": tf.identity(x + y, name="z")})})


def default(folder: Path) -> None:
    """A placeholder with a default, which the signature leaves out."""
    with session() as opened:
        x = v1.placeholder(tf.float32, [None], "x")
        keep = v1.placeholder_with_default(0.5, [], "keep")
        save(opened, folder, {"serving_default": signature({"x": x}, {"y": tf.identity(x * keep, name="y")})})


def references(folder: Path) -> None:
    """Reference variables: read, assigned on one side of a condition, assigned in a loop, counted."""
    with session() as opened:
        x = v1.placeholder(tf.float32, [2], "x")
        training = v1.placeholder_with_default(False, [], "training")
        n = v1.placeholder(tf.int32, [], "n")
        w = v1.get_variable("w", initializer=np.float32([1, 2]), use_resource=False)
        total = v1.get_variable("total", initializer=np.float32(0), use_resource=False)

        def update() -> Any:
            with tf.control_dependencies([v1.assign(w, w * 0.5 + x)]):
                return w.read_value() + 0.0

        moved = v1.cond(training, update, lambda: w + 100.0)

        def body(i: Any, y: Any) -> Any:
            with tf.control_dependencies([v1.assign_add(total, tf.reduce_sum(y))]):
                return i + 1, y + 1.0

        _, last = v1.while_loop(lambda i, y: i < n, body, [0, x])
        with tf.control_dependencies([last]):
            summed = total.read_value() + 0.0
        signatures = {
            "read": signature({"x": x}, {"y": tf.identity(x * w)}),
            "move": signature({"x": x, "training": training}, {"y": moved}),
            "loop": signature({"x": x, "n": n}, {"last": last, "sum": summed}),
            "scatter": signature({"x": x}, {"w": v1.scatter_update(w, [1], x[:1]) + 0.0}),
        }
        save(opened, folder, signatures)


def partitioned(folder: Path) -> None:
    """One variable in three parts, each a slice of one tensor of the checkpoint."""
    with session() as opened:
        v1.get_variable(
            "table",
            [6, 2],
            initializer=v1.random_uniform_initializer(seed=3),
            partitioner=v1.fixed_size_partitioner(3),
            use_resource=True,
        )
        parts = v1.global_variables()
        ids = v1.placeholder(tf.int32, [None], "ids")
        rows = v1.nn.embedding_lookup([part.read_value() for part in parts], ids, partition_strategy="div")
        save(opened, folder, {"serving_default": signature({"ids": ids}, {"rows": rows})})


def estimator(folder: Path) -> None:
    """What an Estimator's export_saved_model wrote: ParseExample, feature columns, three signatures, a counter."""
    with session() as opened:
        v1.train.create_global_step()
        examples = v1.placeholder(tf.string, [None], "input_example_tensor")
        features = v1.parse_example(
            examples,
            {
                "age": v1.FixedLenFeature([1], tf.float32, default_value=[30.0]),
                "size": v1.FixedLenFeature([2], tf.float32),
                "colour": v1.VarLenFeature(tf.string),
            },
        )
        table = _table()
        ids = tf.SparseTensor(
            features["colour"].indices, tf.maximum(table.lookup(features["colour"].values), 0),
            features["colour"].dense_shape,
        )  # fmt: skip
        embedding = variable("dnn/input_layer/colour_embedding/weights", np.arange(6).reshape(3, 2))
        embedded = v1.nn.safe_embedding_lookup_sparse(embedding, ids, combiner="mean")
        layer = tf.concat([features["age"] / 50.0, features["size"], embedded], 1)
        kernel = variable("dnn/logits/kernel", np.linspace(-1, 1, 15).reshape(5, 3))
        bias = variable("dnn/logits/bias", [0.1, -0.1, 0.0])
        logits = tf.matmul(layer, kernel) + bias
        probabilities = tf.nn.softmax(logits, name="probabilities")
        class_ids = tf.expand_dims(tf.argmax(logits, -1), -1)
        labels = tf.tile(tf.constant([["red", "green", "blue"]]), [tf.shape(logits)[0], 1])
        classes = tf.strings.as_string(class_ids)
        classify = v1.saved_model.classification_signature_def(examples, labels, probabilities)
        predicted = {"logits": logits, "probabilities": probabilities, "class_ids": class_ids, "classes": classes}
        signatures = {
            "serving_default": classify,
            "classification": classify,
            "predict": signature({"examples": examples}, predicted),
            "regression": v1.saved_model.regression_signature_def(examples, logits[:, :1]),
        }
        save(opened, folder, signatures, main_op=tf.group(v1.local_variables_initializer(), v1.tables_initializer()))


def defuns(folder: Path) -> None:
    """Functions called as operations, one inside another."""
    from tensorflow.python.framework import function

    with session() as opened:

        @function.Defun(tf.float32)
        def inner(x: Any) -> Any:
            return x * 3.0

        @function.Defun(tf.float32)
        def outer(x: Any) -> Any:
            return inner(x) + 1.0

        x = v1.placeholder(tf.float32, [], "x")
        save(opened, folder, {"serving_default": signature({"x": x}, {"y": tf.identity(outer(x), name="y")})})


def text(folder: Path) -> None:
    """The graph as text, in saved_model.pbtxt."""
    with session() as opened:
        x = v1.placeholder(tf.float32, [], "x")
        w = variable("w", 4.0)
        opened.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signatures = {"serving_default": signature({"x": x}, {"y": tf.identity(x * w)})}
        builder.add_meta_graph_and_variables(opened, [SERVING], signatures)
        builder.save(as_text=True)
