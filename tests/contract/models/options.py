"""Models saved with what options of loading are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

FLOATS = tf.TensorSpec([None], tf.float32)


def _module() -> Any:
    module = tf.Module()
    module.child = tf.Module()
    module.v = tf.Variable(3.0)

    @tf.function
    def double(x: Any) -> Any:
        return x * 2.0

    @tf.function(input_signature=[FLOATS])
    def scale(x: Any) -> Any:
        return x * module.v

    double.get_concrete_function(FLOATS)
    double.get_concrete_function(tf.TensorSpec([], tf.float64))
    module.double = double
    module.child.scale = scale
    return module


def with_aliases(folder: Path) -> None:
    module = _module()
    options = tf.saved_model.SaveOptions(function_aliases={"twice": module.double, "by_v": module.child.scale})
    tf.saved_model.save(module, str(folder), options=options)


def with_taken_name(folder: Path) -> None:
    module = _module()
    module.function_aliases = tf.Variable(1.0)
    tf.saved_model.save(module, str(folder))


def with_debug_info(folder: Path) -> None:
    module = _module()
    options = tf.saved_model.SaveOptions(save_debug_info=True)
    tf.saved_model.save(module, str(folder), module.child.scale, options=options)


def with_broken_debug_info(folder: Path) -> None:
    with_debug_info(folder)
    (folder / "debug" / "saved_model_debug_info.pb").write_bytes(b"\xff\xff")
