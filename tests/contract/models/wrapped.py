"""Graphs of TensorFlow 1 in models of TensorFlow 2: wrapped, pruned, and loaded and saved again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.contract.models import tf1_control
from tests.contract.models.tf1 import _table, save, session, signature, v1, variable


def pruned(folder: Path) -> None:
    """A function of v1.wrap_function, of which a part is kept."""

    def compute(x: Any, n: Any) -> Any:
        with v1.variable_scope("scope", reuse=v1.AUTO_REUSE):
            w = v1.get_variable("w", initializer=2.0)
        y = v1.cond(n > 0, lambda: x * w, lambda: x - w)
        return v1.while_loop(lambda i, z: i < n, lambda i, z: (i + 1, z + 1.0), [0, y])[1]

    wrapped = v1.wrap_function(compute, [tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int32)])
    root = tf.Module()
    root.f = wrapped.prune(wrapped.inputs[:2], {"y": wrapped.outputs[0]})
    root.v = list(wrapped.variables)
    tf.saved_model.save(root, str(folder), signatures=root.f)


def _saved_again(folder: Path, source: Path) -> None:
    model = tf.saved_model.load(str(source))
    tf.saved_model.save(model, str(folder), signatures={key: model.signatures[key] for key in model.signatures})
    shutil.rmtree(source)


def saved_again(folder: Path) -> None:
    """A TF1 model with a condition, a TensorArray, a table and a counter, saved as TensorFlow 2 saves."""
    source = folder.with_suffix(".source")
    shutil.rmtree(source, ignore_errors=True)
    with session() as opened:
        x, on = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.bool, [], "on")
        words = v1.placeholder(tf.string, [None], "words")
        w = variable("w", 2.0)
        array = tf.TensorArray(tf.float32, 3).unstack(tf.constant([1.0, 2.0, 3.0]))
        y = v1.cond(on, lambda: x * w, lambda: x + w) + array.read(1)
        signatures = {
            "serving_default": signature({"x": x, "on": on}, {"y": tf.identity(y)}),
            "words": signature({"words": words}, {"ids": _table().lookup(words)}),
            "bump": signature({"x": x}, {"w": tf.identity(w.assign_add(tf.reduce_sum(x)))}),
        }
        save(opened, source, signatures, main_op=v1.tables_initializer())
    _saved_again(folder, source)


def control_flow(folder: Path) -> None:
    """Loops and conditions of TensorFlow 1 inside functions of TensorFlow 2."""
    source = folder.with_suffix(".source")
    shutil.rmtree(source, ignore_errors=True)
    with session() as opened:
        x, n, b = v1.placeholder(tf.float32, [2]), v1.placeholder(tf.int32, []), v1.placeholder(tf.bool, [])
        signatures = {
            name: signature({"x": x, "n": n, "b": b}, tf1_control._named(case(x, n, b))) for name, case in CASES.items()
        }
        save(opened, source, signatures)
    _saved_again(folder, source)


CASES = {
    "nested_conditions": lambda x, n, b: [
        v1.cond(b, lambda: v1.cond(n > 2, lambda: x - 1.0, lambda: x * 3.0), lambda: -x)
    ],
    "loop": lambda x, n, b: v1.while_loop(lambda i, y, z: i < n, lambda i, y, z: (i + 1, y + x, y), [0, x, x * 0.0]),
    "condition_in_loop": lambda x, n, b: v1.while_loop(
        lambda i, y: i < n, lambda i, y: (i + 1, v1.cond(b, lambda: y + x, lambda: y * 2.0)), [0, x]
    ),
    "mapped": lambda x, n, b: [tf.map_fn(lambda item: item * item, x), tf.scan(lambda a, item: a + item, x)],
}
