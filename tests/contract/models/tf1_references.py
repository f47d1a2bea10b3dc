"""Reference variables of TensorFlow 1 beside resource variables, and references that are chosen at run time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.contract.models.tf1 import op_signature, save, session, signature, v1


def variable(name: str, value: Any, **options: Any) -> Any:
    return v1.get_variable(name, initializer=np.asarray(value, np.float32), **options)


def mixed(folder: Path) -> None:
    """References and resources, trainable and not, in one graph."""
    with session() as opened:
        x = v1.placeholder(tf.float32, [], "x")
        a = variable("a", 1.0, use_resource=False)
        b = variable("b", 2.0, use_resource=True)
        c = variable("c", 3.0, use_resource=False, trainable=False)
        d = variable("d", 4.0, use_resource=True, trainable=False)
        signatures = {
            "serving_default": signature({"x": x}, {"y": tf.identity(a * b * c * d * x)}),
            "step": signature({"x": x}, {"y": v1.assign_add(a, x) + 1.0}),
            "operation": op_signature({"x": x}, v1.assign_add(a, x).op),
        }
        save(opened, folder, signatures)


def chosen(folder: Path) -> None:
    """A condition and an index that tell which of two variables is assigned. (One is added to what is returned because
    TensorFlow would otherwise return the memory of the variable, which later assignments change.)"""
    from tensorflow.python.ops import gen_control_flow_ops as flow

    with session() as opened:
        x, on = v1.placeholder(tf.float32, [2], "x"), v1.placeholder(tf.bool, [], "on")
        index = v1.placeholder(tf.int32, [], "index")
        first = variable("first", [1, 2], use_resource=False)
        second = variable("second", [5, 6], use_resource=False)
        merged = flow.ref_merge([
            flow.ref_switch(second._ref(), on).output_false,
            flow.ref_switch(first._ref(), on).output_true,
        ]).output  # fmt: skip
        selected = tf.raw_ops.RefSelect(index=index, inputs=[first._ref(), second._ref(), first._ref()])
        same = flow.ref_switch(first._ref(), on)
        sides = [
            tf.raw_ops.Assign(ref=same.output_false, value=-x),
            tf.raw_ops.AssignAdd(ref=same.output_true, value=x),
        ]
        signatures = {
            "merged": signature({"x": x, "on": on}, {"y": tf.raw_ops.AssignAdd(ref=merged, value=x) + 1.0}),
            "selected": op_signature({"x": x, "index": index}, tf.raw_ops.AssignAdd(ref=selected, value=x).op),
            "same": signature({"x": x, "on": on}, {"y": flow.ref_merge(sides).output + 1.0}),
            "values": signature({}, {"first": first + 1.0, "second": second + 1.0}),
        }
        save(opened, folder, signatures)


def loop(folder: Path) -> None:
    """A loop that hands a reference on from turn to turn. TensorFlow 2 cannot load this; TensorFlow 1 could."""
    from tensorflow.python.ops import gen_control_flow_ops as flow

    with session() as opened:
        n, x = v1.placeholder(tf.int32, [], "n"), v1.placeholder(tf.float32, [2], "x")
        v = variable("v", [1, 2], use_resource=False)
        entered = flow.ref_enter(v._ref(), frame_name="frame")
        counted = flow.enter(tf.constant(0), frame_name="frame")
        limit, by = (flow.enter(value, frame_name="frame", is_constant=True) for value in (n, x))
        merged, count = flow.ref_merge([entered, entered]), flow.merge([counted, counted])
        going_on = flow.loop_cond(count.output < limit)
        now, turn = flow.ref_switch(merged.output, going_on), flow.switch(count.output, going_on)
        again = flow.ref_next_iteration(tf.raw_ops.AssignAdd(ref=now.output_true, value=by))
        with tf.control_dependencies([again]):
            following = flow.next_iteration(turn.output_true + 1)
        merged.output.op._update_input(1, again)
        count.output.op._update_input(1, following)
        after = flow.ref_exit(now.output_false) + 0.0
        save(opened, folder, {"serving_default": signature({"n": n, "x": x}, {"after": after})})
