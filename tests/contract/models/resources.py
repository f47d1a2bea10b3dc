"""Tables as objects, among them dense ones, whose empty and deleted keys nobody may use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.contract.models.tf1 import op_signature, save, session, signature, v1


class Tables(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
        self.static = tf.lookup.StaticHashTable(initializer, -1)
        self.mutable = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, [0.0, 0.0])
        self.mutable.insert(["a"], [[1.0, 2.0]])
        self.dense = tf.lookup.experimental.DenseHashTable(tf.string, tf.int64, -1, empty_key="", deleted_key="<gone>")
        self.dense.insert(tf.constant(["x", "y"]), tf.constant([1, 2], tf.int64))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def look_up(self, keys: Any) -> Any:
        return self.static.lookup(keys), self.mutable.lookup(keys), self.dense.lookup(keys), self.dense.size()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def put(self, keys: Any) -> Any:
        self.dense.insert(keys, tf.fill(tf.shape(keys), tf.constant(7, tf.int64)))
        return self.dense.size()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def remove(self, keys: Any) -> Any:
        self.dense.erase(keys)
        return self.dense.size()


def tables(folder: Path) -> None:
    tf.saved_model.save(Tables(), str(folder))


def tf1_tables(folder: Path) -> None:
    """Mutable tables that one signature fills and another reads."""
    with session() as opened:
        k, v = v1.placeholder(tf.string, [None], "k"), v1.placeholder(tf.int64, [None], "v")
        mutable = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        dense = tf.lookup.experimental.DenseHashTable(tf.string, tf.int64, -1, empty_key="", deleted_key="<gone>")
        insert = tf.group(mutable.insert(k, v), dense.insert(k, v))
        found = {"mutable": mutable.lookup(k), "dense": dense.lookup(k)}
        signatures = {"serving_default": signature({"k": k}, found), "insert": op_signature({"k": k, "v": v}, insert)}
        save(opened, folder, signatures)
