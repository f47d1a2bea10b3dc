"""Objects that hold one another."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.saved_model import registration
from tensorflow.python.trackable.autotrackable import AutoTrackable

Pair = namedtuple("Pair", ["second", "first"])


class Holder(tf.Module):
    """A module, for its attributes."""


def shared(folder: Path) -> None:
    """One object under several names, a cycle, and an object that contains itself."""
    root, dep, other = Holder(), Holder(), Holder()
    dep.v = tf.Variable(5.0, name="shared")
    root.one, root.two, other.dep = dep, dep, dep
    root.other = other
    dep.root = root
    other.itself = other
    root.v_again = dep.v
    root.f = tf.function(lambda: dep.v * 2.0, input_signature=[])
    other.g = root.f
    tf.saved_model.save(root, str(folder))


def containers(folder: Path) -> None:
    """Lists, dicts, tuples and named tuples of variables, functions, modules and numbers."""
    root = Holder()
    root.items = [tf.Variable(1.0), tf.Variable(2.0), tf.Variable(3.0)]
    root.by_name = {"b": tf.Variable(4.0), "a": tf.Variable(5.0)}
    root.pair = (tf.Variable(6.0), tf.Variable(7.0))
    root.named = Pair(second=tf.Variable(8.0), first=tf.Variable(9.0))
    root.nested = [{"x": [tf.Variable(10.0)]}, (tf.Variable(11.0), {"y": tf.Variable(12.0)})]
    root.ordered = OrderedDict([("z", tf.Variable(13.0)), ("y", tf.Variable(14.0))])
    root.mixed = [tf.Variable(15.0), 3, "text", None]
    root.mixed_dict = {"v": tf.Variable(16.0), "n": 17}
    root.empty_list, root.empty_dict, root.empty_tuple = [], {}, ()
    root.numbers = [1, 2, 3]
    root.functions = [
        tf.function(lambda x: x + 1.0, input_signature=[tf.TensorSpec([], tf.float32)]),
        tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([], tf.float32)]),
    ]
    root.modules = [Holder(), Holder()]
    root.modules[1].v = tf.Variable(18.0)
    root.number, root.text, root.flag = 5, "five", True
    tf.saved_model.save(root, str(folder))


def callables(folder: Path) -> None:
    """Objects that are called, one through another, beside objects that are not."""

    class Adder(tf.Module):
        def __init__(self, amount: float) -> None:
            super().__init__()
            self.amount = tf.Variable(amount)

        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def __call__(self, x: Any) -> Any:
            return x + self.amount

    root = Holder()
    root.adder, root.plain = Adder(1.0), Holder()
    chain = tf.train.Checkpoint()
    inner = tf.train.Checkpoint()
    inner.__call__ = Adder(2.0)
    chain.__call__ = inner
    root.chain = chain
    tf.saved_model.save(root, str(folder))


def kinds(folder: Path) -> None:
    """Constants, assets, checkpoints, trackables, variables of all attributes."""
    vocabulary = folder.parent / "source_of_kinds.txt"
    vocabulary.write_text("first\nsecond\n")
    root = Holder()
    captured = tf.constant([1.0, 2.0, 3.0])
    large = tf.constant(list(range(1000)), tf.float32)
    text = tf.constant(["a", "b"])
    root.constants = tf.function(
        lambda x: (x + captured, tf.reduce_sum(large), text), input_signature=[tf.TensorSpec([3], tf.float32)]
    )
    root.more = tf.function(lambda: captured * 2.0, input_signature=[])
    root.asset = tf.saved_model.Asset(str(vocabulary))
    root.read = tf.function(lambda: tf.io.read_file(root.asset.asset_path), input_signature=[])
    root.path = tf.function(lambda: root.asset.asset_path, input_signature=[])
    root.trained = tf.Variable([1.0], name="trained")
    root.frozen = tf.Variable([2], trainable=False, name="frozen")
    root.nameless = tf.Variable(3.0)
    root.half = tf.Variable([0.5, 1.5], dtype=tf.float16)
    root.bfloat = tf.Variable([0.5, 1.5], dtype=tf.bfloat16)
    root.text = tf.Variable(["a", "bc"])
    root.flag = tf.Variable(True)
    root.complex = tf.Variable([1 + 2j], dtype=tf.complex64)
    root.growing = tf.Variable([1.0, 2.0], shape=[None])
    root.anything = tf.Variable([[1.0]], shape=tf.TensorShape(None))
    root.synced = tf.Variable(
        1.0, synchronization=tf.VariableSynchronization.ON_READ, aggregation=tf.VariableAggregation.SUM, trainable=False
    )
    root.empty = tf.Variable(tf.zeros([0, 3]))
    tf.saved_model.save(root, str(folder))


def optimizer(folder: Path) -> None:
    """A training step with slot variables, as TensorFlow's own checkpoints write them."""
    root = tf.train.Checkpoint()
    root.w = tf.Variable([1.0, 2.0], name="w")
    root.step = tf.Variable(0, dtype=tf.int64, name="step")
    root.slots = tf.train.Checkpoint(momentum=tf.Variable([0.5, 0.25], name="momentum"))

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def infer(x: Any) -> Any:
        return tf.reduce_sum(x * root.w)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32), tf.TensorSpec([], tf.float32)])
    def train(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = (infer(x) - y) ** 2
        gradient = tape.gradient(loss, root.w)
        root.slots.momentum.assign(0.9 * root.slots.momentum + gradient)
        root.w.assign_sub(0.1 * root.slots.momentum)
        root.step.assign_add(1)
        return loss

    root.infer, root.train = infer, train
    tf.saved_model.save(root, str(folder))


def gradients(folder: Path) -> None:
    """A function with a gradient of its own, whose graph captures tensors of the function."""
    root = Holder()

    @tf.custom_gradient
    def clipped(x: Any) -> Any:
        y = tf.exp(x)
        return y, lambda upstream: upstream * tf.clip_by_value(y, 0.0, 1.0)

    root.v = tf.Variable(0.5)
    root.f = tf.function(lambda x: clipped(x * root.v), input_signature=[tf.TensorSpec([], tf.float32)])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(root, str(folder), options=options)


@registration.register_serializable(package="Contract")
class Thing(AutoTrackable):
    """An object under a registered name, which only the process that saves it knows."""

    def _serialize_to_proto(self, **unused: Any) -> Any:
        return None

    @classmethod
    def _deserialize_from_proto(cls, **unused: Any) -> Any:
        return cls()


def registered(folder: Path) -> None:
    root = Holder()
    root.thing = Thing()
    root.thing.v = tf.Variable(3.0)
    root.f = tf.function(lambda: root.thing.v + 1.0, input_signature=[])
    tf.saved_model.save(root, str(folder))


def names(folder: Path) -> None:
    """Attributes whose names other things use, too."""
    root = Holder()
    root.assign = tf.Variable(1.0)
    root.keys = tf.Variable(2.0)
    root._private = tf.Variable(3.0)
    holder = tf.train.Checkpoint()
    setattr(holder, "layer-0", tf.Variable(4.0))
    setattr(holder, "a.b/c", tf.Variable(5.0))
    root.holder = holder
    root.f = tf.function(lambda: root.assign + root.keys, input_signature=[])
    tf.saved_model.save(root, str(folder))
