"""Conditions of TensorFlow 1 of which a signature gives one side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.contract.models.tf1 import save, session, signature, v1, variable


def sides(folder: Path) -> None:
    from tensorflow.python.ops import control_flow_ops

    with session() as opened:
        x, on = v1.placeholder(tf.float32, [2], "x"), v1.placeholder(tf.bool, [], "on")
        deep = v1.placeholder_with_default(True, [], "deep")
        count = variable("count", 0.0)

        def inner() -> Any:
            return v1.cond(deep, lambda: tf.identity(x * 10.0, name="deepest"), lambda: x)

        def then() -> Any:
            with tf.control_dependencies([count.assign_add(1.0)]):
                return tf.identity(inner() + 1.0, name="one")

        y = v1.cond(on, then, lambda: tf.identity(x * 2.0, name="two"), name="condition")
        false, true = control_flow_ops.switch(x, on)
        signatures = {
            "serving_default": signature({"x": x, "on": on}, {"y": tf.identity(y, name="y")}),
            "true": signature({"x": x, "on": on}, {"true": tf.identity(true + 10.0)}),
            "both": signature({"x": x, "on": on}, {"true": tf.identity(true), "false": tf.reduce_sum(false)}),
            "count": signature({}, {"count": tf.identity(count)}),
        }
        save(opened, folder, signatures)
