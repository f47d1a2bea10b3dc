"""Bare concrete functions, and functions whose description is asked for."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import tensorflow as tf

F = tf.TensorSpec([None], tf.float32)
Pair = namedtuple("Pair", ["second", "first"])


def functions(folder: Path) -> None:
    module = tf.Module()
    module.v = tf.Variable([2.0, 3.0], name="weight")
    module.frozen = tf.Variable([1.0, 1.0], trainable=False)

    @tf.function
    def add(x: Any, y: Any, flag: bool = True) -> Any:
        return {"sum": x + y + module.v * module.frozen, "flag": tf.constant(flag)}

    @tf.function
    def nested(d: Any, xs: Any) -> Any:
        return [d["a"] - d["b"], xs[0] * 2.0]

    @tf.function
    def one(x: Any) -> Any:
        return x + 1.0

    @tf.function
    def keyword(x: Any, *, k: Any) -> Any:
        return x - k

    @tf.function
    def nothing() -> Any:
        return tf.constant(7)

    module.add = add.get_concrete_function(
        tf.TensorSpec([None], tf.float32, name="x"), tf.TensorSpec([None], tf.float32, name="other")
    )
    module.unnamed = one.get_concrete_function(F)
    module.nested = nested.get_concrete_function({"a": F, "b": F}, [F])
    module.keyword = keyword.get_concrete_function(F, k=F)
    module.nothing = nothing.get_concrete_function()
    module.ints = one.get_concrete_function(tf.TensorSpec([2], tf.float64, name="d"))

    @tf.function
    def printed(x: Any, pair: Any, flag: bool, mode: str = "a", nothing: Any = None, *rest: Any) -> Any:
        return {"only": (pair.second * module.v, [x, None])}

    module.printed = printed.get_concrete_function(F, Pair(F, F), True, "b", None, F, 3)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.add, "one": module.unnamed})


def several(folder: Path) -> None:
    """Signatures with several inputs and outputs, and a method name each."""
    module = tf.Module()

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="b"),
            tf.TensorSpec([], tf.int32, name="a"),
        ]
    )
    def f(b: Any, a: Any) -> Any:
        return {"z": b, "y": a, "x": tf.cast(a, tf.float32) * b}

    module.f = f
    tf.saved_model.save(module, str(folder), signatures={"serving_default": f, "same": f})


def nameless(folder: Path) -> None:
    """A model without signatures, as TensorFlow Hub's are: it is called itself."""

    class Hub(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable([[1.0], [2.0]])
            self.variables_list = [self.w]

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return x @ self.w

    tf.saved_model.save(Hub(), str(folder))
