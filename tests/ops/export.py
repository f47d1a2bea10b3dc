"""Asks TensorFlow about every case: python -m tests.ops.export FOLDER [OP ...]

Writes FOLDER/OP/saved_model.pb, with a signature for each case and way (`3_fed`), and FOLDER/OP/answers.pickle, what
TensorFlow answers. Runs in a process of its own, because the tests must not import TensorFlow.
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.ops.case import CONSTANT, FED, Case
from tests.ops.recording import Answer, write
from tests.ops.table import CASES

_NEED_SHAPES = ("SpaceToBatchND", "BatchToSpaceND")  # TensorFlow does not build them without their vectors' lengths


class WrongCase(Exception):
    """The table says of a case what is not so."""


class Exporter:
    """The graph with all cases of one op. Inputs are placeholders here; those that a way has as constants become
    constants when the graph is saved, so that TensorFlow says nothing about them before the case runs."""

    def __init__(self, tf: Any, op: str) -> None:
        self.tf = tf
        self.graph = tf.Graph()
        self._allow(op)
        self.placeholders: dict[str, list[Any]] = {}
        self.outputs: dict[str, list[Any]] = {}
        self.fixed: dict[str, tuple[int, ...]] = {}
        self.constants: dict[str, np.ndarray] = {}

    def _allow(self, op: str) -> None:
        """Make the graph as old as it must be for an op that TensorFlow has withdrawn."""
        from tensorflow.python.framework import op_def_registry

        withdrawn = op_def_registry.get(op).deprecation.version
        if withdrawn:
            old = self.tf.compat.v1.GraphDef()
            old.versions.producer = withdrawn - 1
            with self.graph.as_default():
                self.tf.import_graph_def(old, name="")

    def add(self, case: Case, key: str, way: str, arrays: list[np.ndarray]) -> None:
        """Build the case in one of its ways. `key` is its signature's."""
        tf = self.tf
        with self.graph.as_default(), tf.name_scope(key.replace("_", "/")), tf.compat.v1.variable_scope(key):
            placeholders = [
                tf.compat.v1.placeholder(
                    tf.string if array.dtype == object else array.dtype,
                    array.shape if case.op in _NEED_SHAPES and array.ndim == 1 else None,
                )
                for array in arrays
            ]
            before = {node.name for node in self.graph.get_operations()}
            outputs = self._build(case, placeholders)
        made = {node.type for node in self.graph.get_operations() if node.name not in before}
        if not set(case.ops) <= made:
            raise WrongCase(f"has no {sorted(set(case.ops) - made)}, only {sorted(made)}")
        fixed = {CONSTANT: tuple(range(len(arrays))), FED: ()}.get(way, case.constants)
        self.constants.update({placeholders[position].op.name: arrays[position] for position in fixed})
        self.placeholders[key], self.outputs[key], self.fixed[key] = placeholders, outputs, fixed

    def _build(self, case: Case, placeholders: list[Any]) -> list[Any]:
        tf = self.tf
        if case.build is not None:
            made = case.build(tf, *placeholders)
        else:
            left = iter(placeholders)
            given = [[next(left) for _ in item] if isinstance(item, list) else next(left) for item in case.inputs]
            function = getattr(tf.raw_ops, case.op)
            named = dict(zip(_input_names(case.op, function), given, strict=True))
            made = function(**named, **case.attrs)
        if isinstance(made, tf.Operation):
            with tf.control_dependencies([made]):
                return [tf.constant(0)]
        return tf.nest.flatten(made)

    def ask(self, key: str, arrays: list[np.ndarray], session: Any) -> tuple[list[np.ndarray], str]:
        """TensorFlow's outputs, or its error."""
        feeds = dict(zip(self.placeholders[key], arrays, strict=True))
        try:
            return [_plain(value) for value in session.run(self.outputs[key], feeds)], ""
        except self.tf.errors.OpError as error:
            return [], f"{type(error).__name__}: {_what(error.message)}"
        except UnicodeDecodeError as error:  # the error's message has the bytes that it is about
            return [], f"an error that is no text: {error.object!r}"

    def save(self, folder: Path) -> None:
        """Write the graph as a SavedModel of TensorFlow 1."""
        from tensorflow.core.protobuf import saved_model_pb2

        tf = self.tf
        model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
        meta_graph = model.meta_graphs.add()
        with self.graph.as_default():
            meta_graph.CopyFrom(tf.compat.v1.train.export_meta_graph(clear_devices=True))
            meta_graph.meta_info_def.tags.append("serve")
            info = tf.compat.v1.saved_model.utils.build_tensor_info
            for key, outputs in self.outputs.items():
                signature = meta_graph.signature_def[key]
                for position, placeholder in enumerate(self.placeholders[key]):
                    if position not in self.fixed[key]:
                        signature.inputs[f"i{position}"].CopyFrom(info(placeholder))
                for position, output in enumerate(outputs):
                    signature.outputs[f"o{position}"].CopyFrom(info(output))
            if self.initializers:
                signature = meta_graph.signature_def["__saved_model_init_op"]
                signature.outputs["__saved_model_init_op"].name = tf.group(*self.initializers).name
                meta_graph.graph_def.CopyFrom(self.graph.as_graph_def())
        for node in meta_graph.graph_def.node:
            if node.name in self.constants:
                node.op = "Const"
                node.ClearField("attr")
                value = tf.make_tensor_proto(self.constants[node.name])
                node.attr["dtype"].type = value.dtype
                node.attr["value"].tensor.CopyFrom(value)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(model.SerializeToString())

    @property
    def initializers(self) -> list[Any]:
        """What runs before the first call: the tables' initialisers; variables have theirs beside them."""
        return self.graph.get_collection(self.tf.compat.v1.GraphKeys.TABLE_INITIALIZERS)


def _input_names(op: str, function: Any) -> list[str]:
    """What a function of tf.raw_ops calls the op's inputs: as its definition does, but for Select."""
    from tensorflow.python.framework import op_def_registry

    names = [argument.name for argument in op_def_registry.get(op).input_arg]
    parameters = list(inspect.signature(function).parameters)
    return names if set(names) <= set(parameters) else parameters[: len(names)]


def _what(message: str) -> str:
    """An error's own line, without the places in the graph."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    after = [line for mark, line in zip(lines, lines[1:], strict=False) if mark.startswith("Node: ")]
    return (after or lines or [""])[0]


def _plain(value: Any) -> np.ndarray:
    """Quantised integers as plain ones: NumPy shows TensorFlow's as records with one field. A string is an object."""
    array = np.asarray(value)
    if array.dtype.kind == "S":
        array = array.astype(object)
        array[()] = value  # without the zero bytes that NumPy strips
    return array.view(array.dtype[0]) if array.dtype.names else array


def export(tf: Any, op: str, folder: Path) -> list[str]:
    """Write one op's folder, replacing what was there. Returns what is wrong with its cases."""
    shutil.rmtree(folder, ignore_errors=True)
    exporter = Exporter(tf, op)
    wrong: list[str] = []
    built = []
    for index, case in enumerate(CASES[op]):
        arrays = case.arrays()
        try:
            for way in case.ways:
                exporter.add(case, f"{index}_{way}", way, arrays)
            built.append((index, case, arrays))
        except Exception as error:  # whatever TensorFlow has against it
            wrong.append(f"{op} {index}, {case}: {type(error).__name__}: {error}")
    answers = []
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = -1
    with tf.compat.v1.Session(graph=exporter.graph, config=config) as session:
        try:
            with exporter.graph.as_default():
                session.run([tf.compat.v1.global_variables_initializer(), *exporter.initializers])
        except tf.errors.OpError as error:  # one node without a kernel, and none of the graph can run
            return [*wrong, f"{op}: {error.message}"]
        for index, case, arrays in built:
            outputs, refusal = exporter.ask(f"{index}_{case.ways[0]}", arrays, session)
            if bool(refusal) != case.is_error:
                wrong.append(f"{op} {index}, {case}: TensorFlow {f'says {refusal}' if refusal else 'has no objection'}")
            answers.append(Answer(str(case), arrays, outputs, refusal))
    exporter.save(folder)
    write(folder, answers)
    return wrong


def main(arguments: list[str]) -> int:
    if not arguments or set(arguments[1:]) - set(CASES):
        print(__doc__, file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    wrong: list[str] = []
    started = time.perf_counter()
    for op in arguments[1:] or CASES:
        print(op, flush=True)  # the last line tells which op it was if TensorFlow dies
        found = export(tf, op, Path(arguments[0]) / op)
        print("".join(f"{line}\n" for line in found), end="", file=sys.stderr, flush=True)
        wrong += found
    print(f"{len(arguments[1:] or CASES)} ops in {time.perf_counter() - started:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
