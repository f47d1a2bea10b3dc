"""What programs ask of results, specs, functions and variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

TWO = tf.constant(2.0)


def results(folder: Path) -> None:
    root = tf.Module()
    root.v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="v")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def scores(x: Any) -> Any:
        return {"scores": x * 2.0, "names": tf.strings.as_string(tf.cast(x, tf.int32)), "count": tf.size(x)}

    @tf.function
    def add(x: Any, mode: str = "add", n: Any = 2) -> Any:
        return x + n if mode == "add" else x * n

    @tf.function(reduce_retracing=True)
    def relaxed(x: Any) -> Any:
        return x + 1.0

    @tf.function
    def with_default(x: Any, y: Any = TWO) -> Any:
        return x * y

    add(tf.constant(1.0))
    add(tf.constant(1.0), "multiply")
    for n in (1, 2, 3):
        relaxed(tf.ones([n]))
    with_default(tf.constant(1.0))
    with_default(tf.constant(1.0), tf.constant(3.0))
    root.scores, root.add, root.relaxed, root.with_default = scores, add, relaxed, with_default
    tf.saved_model.save(root, str(folder), signatures={"serving_default": scores})
