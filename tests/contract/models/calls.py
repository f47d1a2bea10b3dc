"""Functions whose traces differ in how they were called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.tensor import BoundedTensorSpec

DEFAULT_WEIGHTS = np.array([2.0, 0.5], np.float32)
FLOATS = tf.TensorSpec([None], tf.float32)


def polymorphic(folder: Path) -> None:
    """One function with traces for a Python int, an int32 scalar, float vectors and matrices; each says which it is."""
    module = tf.Module()

    @tf.function
    def f(x: Any) -> Any:
        if isinstance(x, int):
            return tf.constant(f"int {x}")
        return tf.constant(f"{x.dtype.name} {x.shape}")

    for x in (
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([2, 2], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        2,
    ):
        f.get_concrete_function(x)
    module.f = f
    tf.saved_model.save(module, str(folder))


def parameters(folder: Path) -> None:
    """Functions of every kind of parameter."""
    module = tf.Module()

    @tf.function
    def defaults(x: Any, factor: int = 2, shift: Any = None) -> Any:
        return x * float(factor) + (0.0 if shift is None else shift)

    defaults.get_concrete_function(FLOATS)
    defaults.get_concrete_function(FLOATS, 3)
    defaults.get_concrete_function(FLOATS, shift=FLOATS)

    @tf.function
    def varargs(x: Any, *rest: Any) -> Any:
        return sum(rest, x)

    varargs.get_concrete_function(FLOATS)
    varargs.get_concrete_function(FLOATS, FLOATS, FLOATS)

    @tf.function
    def keyword_only(x: Any, *, scale: Any, negate: bool = False) -> Any:
        return -x * scale if negate else x * scale

    keyword_only.get_concrete_function(FLOATS, scale=FLOATS)
    keyword_only.get_concrete_function(FLOATS, scale=FLOATS, negate=True)

    @tf.function
    def varkw(x: Any, **others: Any) -> Any:
        return {"x": x, **{name: value + 1 for name, value in others.items()}}

    varkw.get_concrete_function(FLOATS)
    varkw.get_concrete_function(FLOATS, b=FLOATS, a=FLOATS)

    @tf.function
    def training(x: Any, training: Any = None) -> Any:
        return {None: x, True: x + 1.0, False: x - 1.0}[training]

    for flag in (None, True, False):
        training.get_concrete_function(FLOATS, training=flag)

    @tf.function
    def no_arguments() -> Any:
        return tf.constant([1, 2])

    no_arguments.get_concrete_function()

    @tf.function
    def text(x: Any, mode: str = "add") -> Any:
        return x + 1.0 if mode == "add" else x * 2.0

    text.get_concrete_function(FLOATS)
    text.get_concrete_function(FLOATS, "twice")

    @tf.function
    def number(x: Any, by: float = 0.5) -> Any:
        return x * by

    number.get_concrete_function(FLOATS)
    number.get_concrete_function(FLOATS, 4.0)

    @tf.function
    def late_tensor(flag: bool, x: Any) -> Any:
        return x if flag else -x

    late_tensor.get_concrete_function(True, FLOATS)
    late_tensor.get_concrete_function(False, FLOATS)

    @tf.function
    def never_called(x: Any) -> Any:
        return x

    module.defaults, module.varargs, module.keyword_only, module.varkw = defaults, varargs, keyword_only, varkw
    module.training, module.no_arguments, module.text, module.number = training, no_arguments, text, number
    module.late_tensor, module.never_called = late_tensor, never_called
    tf.saved_model.save(module, str(folder))


class Method(tf.Module):
    """A method, and methods with an input signature, whose `self` is no argument."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = tf.Variable([1.0, 2.0])

    @tf.function
    def free(self, x: Any) -> Any:
        return x + self.bias

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="renamed"), tf.TensorSpec([], tf.float32)])
    def fixed(self, x: Any, y: Any) -> Any:
        return x * y + self.bias

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def with_default(self, x: Any, flag: bool = True) -> Any:
        return x if flag else -x

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32), tf.TensorSpec([2], tf.float32)])
    def starred(self, *xs: Any) -> Any:
        return xs[0] - xs[1]

    @tf.function(input_signature=[])
    def nothing(self) -> Any:
        return self.bias + 0.0


def methods(folder: Path) -> None:
    module = Method()
    module.free.get_concrete_function(tf.TensorSpec([2], tf.float32))
    module.free.get_concrete_function(tf.TensorSpec([None, 2], tf.float32))
    tf.saved_model.save(module, str(folder))


DTYPES = (
    "float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", "bool", "complex64", "complex128", "string",
)  # fmt: skip


def dtypes(folder: Path) -> None:
    """A function for each dtype that takes a tensor of it, `free_NAME` without and `fixed_NAME` with a signature, and
    tells it back; and signatures."""
    module = tf.Module()
    signatures = {}
    for name in DTYPES:
        spec = tf.TensorSpec(None, name, name="x")
        free = tf.function(lambda x: tf.identity(x))
        free.get_concrete_function(spec)
        fixed = tf.function(lambda x: tf.identity(x), input_signature=[spec])
        setattr(module, f"free_{name}", free)
        setattr(module, f"fixed_{name}", fixed)
        signatures[name] = fixed.get_concrete_function()
    tf.saved_model.save(module, str(folder), signatures=signatures)


def shapes(folder: Path) -> None:
    """Functions that take vectors of three, matrices of any height, and anything."""
    module = tf.Module()
    for name, shape in (("three", [3]), ("rows", [None, 3]), ("anything", None), ("scalar", [])):
        function = tf.function(lambda x: x + 1.0, input_signature=[tf.TensorSpec(shape, tf.float32)])
        setattr(module, name, function)
        free = tf.function(lambda x: x + 1.0)
        free.get_concrete_function(tf.TensorSpec(shape, tf.float32))
        setattr(module, f"free_{name}", free)
    tf.saved_model.save(module, str(folder))


def values(folder: Path) -> None:
    """Arguments that are dtypes, shapes, arrays, specs with bounds; a function compiled by XLA; a captured data set."""
    module = tf.Module()

    @tf.function
    def cast(x: Any, dtype: Any = tf.int32) -> Any:
        return tf.cast(x, dtype)

    cast.get_concrete_function(FLOATS)
    cast.get_concrete_function(FLOATS, tf.float64)

    @tf.function
    def reshape(x: Any, shape: Any) -> Any:
        return tf.reshape(x, shape)

    reshape.get_concrete_function(FLOATS, (1, 2))

    @tf.function(input_signature=[BoundedTensorSpec([2], tf.float32, 0.0, 1.0, name="x")])
    def bounded(x: Any) -> Any:
        return x * 2.0

    @tf.function
    def weighted(x: Any, weights: Any = DEFAULT_WEIGHTS) -> Any:
        return x * weights

    weighted.get_concrete_function(FLOATS)

    module.compiled = tf.function(lambda x: x * 3.0, input_signature=[FLOATS], jit_compile=True)
    elements = module.elements = tf.data.Dataset.range(5)
    module.total = tf.function(
        lambda: elements.reduce(tf.constant(0, tf.int64), lambda a, b: a + b), input_signature=[]
    )

    @tf.function
    def escaping(x: Any) -> Any:
        return {"a/b": x, "0": x + 1.0}

    escaping.get_concrete_function(FLOATS)
    module.cast, module.reshape, module.bounded, module.weighted = cast, reshape, bounded, weighted
    module.escaping = escaping
    tf.saved_model.save(module, str(folder))
