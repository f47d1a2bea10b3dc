"""Models whose checkpoints are written in all the ways that TensorFlow knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.contract.models import tf1

DTYPES = (
    "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "int4", "uint4",
)  # fmt: skip


def dtypes(folder: Path) -> None:
    """A variable of each dtype."""
    module = tf.Module()
    for name in DTYPES:
        numbers = np.array([[1, 2, 3], [4, 5, 6]])
        values = numbers.astype(tf.as_dtype(name).as_numpy_dtype)
        setattr(module, name, tf.Variable(values * (1 + 2j) if name.startswith("complex") else values))
    module.flags = tf.Variable([True, False, True])
    module.texts = tf.Variable([["", "a"], ["ß" * 200, b"\xff\0"]])
    module.scalar = tf.Variable(2.5)
    module.nothing = tf.Variable(tf.zeros([0, 3]))
    tf.saved_model.save(module, str(folder))


def _module() -> Any:
    module = tf.Module()
    module.table = tf.Variable(tf.reshape(tf.range(12.0), [6, 2]))
    module.texts = tf.Variable(["one", "two", "three"])
    module.counts = tf.Variable(tf.range(5, dtype=tf.int64))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def rows(ids: Any) -> Any:
        return tf.gather(module.table, ids) + tf.cast(tf.reduce_sum(module.counts), tf.float32)

    module.rows = rows
    return module


def _stored(folder: Path) -> dict[str, Any]:
    """The tensors of a model's checkpoint, whose files are deleted."""
    prefix = str(folder / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    found = {key: tf.constant(reader.get_tensor(key)) for key in sorted(reader.get_variable_to_shape_map())}
    for file in (folder / "variables").iterdir():
        file.unlink()
    return found


def _save(prefix: str, entries: list[tuple[str, str, Any]]) -> None:
    names, pieces, tensors = zip(*entries, strict=True)
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=list(names), shape_and_slices=list(pieces), tensors=list(tensors))


def sharded(folder: Path) -> None:
    """Four data files, a tensor in each."""
    tf.saved_model.save(_module(), str(folder))
    tensors = _stored(folder)
    parts = []
    for number, (key, tensor) in enumerate(tensors.items()):
        parts.append(str(folder / "variables" / "temp" / f"part-{number}"))
        os.makedirs(os.path.dirname(parts[-1]), exist_ok=True)
        _save(parts[-1], [(key, "", tensor)])
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=parts, destination_prefix=str(folder / "variables" / "variables"), delete_old_dirs=True
    )


def sliced(folder: Path) -> None:
    """The table in pieces of rows, and of columns, in two data files."""
    tf.saved_model.save(_module(), str(folder))
    tensors = _stored(folder)
    (key,) = (key for key in tensors if key.startswith("table"))
    table = tensors.pop(key)
    parts = [str(folder / "variables" / "temp" / f"part-{number}") for number in range(2)]
    os.makedirs(os.path.dirname(parts[0]), exist_ok=True)
    first = [(key, "6 2 0,4:0,1", table[:4, :1]), (key, "6 2 0,4:1,1", table[:4, 1:])]
    _save(parts[0], [*first, *((other, "", tensor) for other, tensor in tensors.items())])
    _save(parts[1], [(key, "6 2 4,2:-", table[4:])])
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=parts, destination_prefix=str(folder / "variables" / "variables"), delete_old_dirs=True
    )


def with_variant(folder: Path) -> None:
    """A list of tensors lies in the checkpoint, too."""
    tf.saved_model.save(_module(), str(folder))
    tensors = _stored(folder)
    a_list = tf.raw_ops.TensorListFromTensor(tensor=tf.ones([2, 3]), element_shape=[3])
    entries = [(key, "", tensor) for key, tensor in tensors.items()]
    _save(str(folder / "variables" / "variables"), [("a_list", "", a_list), *entries])


def without_value(folder: Path) -> None:
    """The object graph in the checkpoint does not know the table."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    tf.saved_model.save(_module(), str(folder))
    tensors = _stored(folder)
    key = "_CHECKPOINTABLE_OBJECT_GRAPH"
    graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(tensors[key].numpy())
    kept = [child for child in graph.nodes[0].children if child.local_name != "table"]
    del graph.nodes[0].children[:]
    graph.nodes[0].children.extend(kept)
    entries = [(other, "", tensor) for other, tensor in tensors.items() if not other.startswith(("table", key))]
    _save(str(folder / "variables" / "variables"), [(key, "", tf.constant(graph.SerializeToString())), *entries])


def without_data(folder: Path) -> None:
    """The data file is gone."""
    tf.saved_model.save(_module(), str(folder))
    (folder / "variables" / "variables.data-00000-of-00001").unlink()


def without_checkpoint(folder: Path) -> None:
    """There is no folder of variables."""
    tf.saved_model.save(_module(), str(folder))
    _stored(folder)
    (folder / "variables").rmdir()


def tf1_sharded(folder: Path) -> None:
    """A model of TensorFlow 1 whose saver writes a data file for each device."""
    with tf1.session() as opened:
        x = tf1.v1.placeholder(tf.float32, [None, 2], "x")
        weights = tf1.variable("weights", [[1.0, 2.0], [3.0, 4.0]])
        with tf.device("/device:CPU:0"):
            bias = tf1.variable("bias", [0.5, -0.5])
        halves = tf1.v1.get_variable("halves", initializer=np.array([0.25, 4], np.float16), use_resource=False)
        out = tf.matmul(x, weights) + bias + tf.cast(halves, tf.float32)
        saver = tf1.v1.train.Saver(sharded=True)
        tf1.save(opened, folder, {"serving_default": tf1.signature({"x": x}, {"out": out})}, saver=saver)
