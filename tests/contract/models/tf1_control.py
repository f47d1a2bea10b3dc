"""Loops and conditions as TensorFlow 1 wrote them, by hand and at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.contract.models.tf1 import save, session, signature, v1, variable

Case = Callable[[Any, Any, Any], Sequence[Any]]


def model(*cases: Case) -> Callable[[Path], None]:
    """A model of one signature for each case, by its name. All of them take x: float32[2], n: int32 and b: bool."""

    def make(folder: Path) -> None:
        with session() as opened:
            x, n, b = v1.placeholder(tf.float32, [2]), v1.placeholder(tf.int32, []), v1.placeholder(tf.bool, [])
            inputs = {"x": x, "n": n, "b": b}
            signatures = {case.__name__: signature(inputs, _named(case(x, n, b))) for case in cases}
            save(opened, folder, signatures)

    return make


def _named(outputs: Sequence[Any]) -> dict[str, Any]:
    return {f"y{index}": tf.identity(output) for index, output in enumerate(outputs)}


@model
def cond(x: Any, n: Any, b: Any) -> Any:
    return v1.cond(b, lambda: (x + 1.0, n), lambda: (x * 2.0, n * 5))


@model
def nested_conds(x: Any, n: Any, b: Any) -> Any:
    inner = lambda: v1.cond(n > 2, lambda: x - 1.0, lambda: x * 3.0)  # noqa: E731
    return [v1.cond(b, inner, lambda: v1.cond(n > 1, lambda: -x, lambda: x * x))]


@model
def case(x: Any, n: Any, b: Any) -> Any:
    return [v1.case([(n > 2, lambda: x + 10.0), (n > 0, lambda: x + 20.0)], default=lambda: x, exclusive=False)]


@model
def loop(x: Any, n: Any, b: Any) -> Any:
    return v1.while_loop(lambda i, y, z: i < n, lambda i, y, z: (i + 1, y + x, y), [0, x, x * 0.0])


@model
def swapping_loop(x: Any, n: Any, b: Any) -> Any:
    return v1.while_loop(lambda i, y, z: i < n, lambda i, y, z: (i + 1, z, y), [0, x, -x])


@model
def invariant_loop(x: Any, n: Any, b: Any) -> Any:
    return v1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y), [0, x])


@model
def nested_loops(x: Any, n: Any, b: Any) -> Any:
    def outer(i: Any, y: Any) -> Any:
        _, z = v1.while_loop(lambda j, z: j < i, lambda j, z: (j + 1, z + x), [0, y])
        return i + 1, z * 0.5

    return v1.while_loop(lambda i, y: i < n, outer, [0, x])


@model
def cond_in_loop(x: Any, n: Any, b: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        return i + 1, v1.cond(tf.equal(i % 2, 0), lambda: y + x, lambda: v1.cond(b, lambda: y * 2.0, lambda: y - 1.0))

    return v1.while_loop(lambda i, y: i < n, body, [0, x])


@model
def loop_in_cond(x: Any, n: Any, b: Any) -> Any:
    loop = lambda: v1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * 2.0), [0, x])[1]  # noqa: E731
    return [v1.cond(b, loop, lambda: x)]


@model
def loop_over_a_side(x: Any, n: Any, b: Any) -> Any:
    y = v1.cond(b, lambda: x, lambda: tf.constant([5.0, 6.0]))
    return v1.while_loop(lambda i, z: tf.reduce_sum(z) < 30.0, lambda i, z: (i + 1, z + y * y + 1.0), [0, y])


@model
def same_predicate_twice(x: Any, n: Any, b: Any) -> Any:
    y = v1.cond(b, lambda: x + 1.0, lambda: x - 1.0)
    return v1.cond(b, lambda: (y * 2.0, x), lambda: (x, y * 3.0))


@model
def which_side(x: Any, n: Any, b: Any) -> Any:
    """A Merge of a taken and a dead tensor tells which was there."""
    from tensorflow.python.ops import control_flow_ops

    false, true = control_flow_ops.switch(x, b)
    return control_flow_ops.merge([false * 2.0, true + 1.0])


@model
def array(x: Any, n: Any, b: Any) -> Any:
    """A TensorArray of a size that only the call tells."""
    array = tf.TensorArray(tf.float32, size=n, element_shape=[2])
    _, array = v1.while_loop(
        lambda i, a: i < n, lambda i, a: (i + 1, a.write(i, x + tf.cast(i, tf.float32))), [0, array]
    )
    return array.stack(), array.size()


@model
def growing_array(x: Any, n: Any, b: Any) -> Any:
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[2], clear_after_read=False)
    array = array.write(0, x)
    _, array = v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a.write(i + 1, a.read(i) * 2.0)), [0, array])
    return array.stack(), array.size()


@model
def unstacked_array(x: Any, n: Any, b: Any) -> Any:
    rows = tf.reshape(tf.range(8.0), [4, 2])
    array = tf.TensorArray(tf.float32, size=4, clear_after_read=False).unstack(rows)
    return v1.while_loop(lambda i, y: i < tf.minimum(n, 4), lambda i, y: (i + 1, y + array.read(i)), [0, x])


@model
def split_and_joined_array(x: Any, n: Any, b: Any) -> Any:
    array = tf.TensorArray(tf.float32, size=3, infer_shape=False, clear_after_read=False)
    array = array.split(tf.concat([x, x, x + 1.0], 0), [1, 3, 2])
    return tf.reduce_sum(array.concat()), array.read(1), array.gather([0, 0])


@model
def array_in_cond(x: Any, n: Any, b: Any) -> Any:
    array = tf.TensorArray(tf.float32, size=1, element_shape=[2], clear_after_read=False).write(0, x)
    return [v1.cond(b, lambda: array.read(0), lambda: array.stack()[0] * 2.0)]


@model
def map_and_scan(x: Any, n: Any, b: Any) -> Any:
    rows = tf.stack([x, x + 1.0, x * 2.0])
    mapped = v1.map_fn(lambda row: row * row, rows)
    return mapped, v1.scan(lambda total, row: total + row, rows), v1.foldl(lambda total, row: total - row, rows)


@model
def assigned_in_branches(x: Any, n: Any, b: Any) -> Any:
    """Each side assigns twice, in an order that control edges demand; a third assignment follows."""
    v = variable("branches", [0.0, 0.0])

    def side(first: float) -> Any:
        with tf.control_dependencies([v.assign(x * first)]), tf.control_dependencies([v.assign_add(x)]):
            return v.read_value() * 1.0

    y = v1.cond(b, lambda: side(2.0), lambda: side(5.0))
    with tf.control_dependencies([y]):
        last = v.assign_sub([1.0, 1.0])
    with tf.control_dependencies([last]):
        return y, v.read_value() * 1.0


@model
def assigned_in_loop(x: Any, n: Any, b: Any) -> Any:
    """A loop that keeps a sum in a variable; the value of each turn depends on it."""
    v = variable("loop", [0.0, 0.0])

    def body(i: Any, y: Any) -> Any:
        with tf.control_dependencies([v.assign_add(y)]):
            return i + 1, v.read_value() * 0.5

    _, y = v1.while_loop(lambda i, y: i < n, body, [0, x], parallel_iterations=1)
    with tf.control_dependencies([y]):
        return y, v.read_value() * 1.0


@model
def assigned_on_one_side(x: Any, n: Any, b: Any) -> Any:
    """Nothing but a control edge leads to the assignment."""
    v = variable("one_side", 0.0)
    done = v1.cond(b, lambda: tf.group(v.assign_add(1.0)), lambda: tf.no_op())
    with tf.control_dependencies([done]):
        return [v.read_value() * 1.0]


@model
def effects_between(x: Any, n: Any, b: Any) -> Any:
    """Two conditions on one predicate, and an assignment that must stay between theirs."""
    v = variable("between", 1.0)

    def side(change: Any) -> Any:
        with tf.control_dependencies([change()]):
            return v.read_value() * 1.0

    first = v1.cond(b, lambda: side(lambda: v.assign_add(1.0)), lambda: side(lambda: v.assign_add(3.0)))
    with tf.control_dependencies([first]):
        middle = v.assign(v * 10.0)
    with tf.control_dependencies([middle]):
        again = tf.identity(b)
    with tf.control_dependencies([again]):
        second = v1.cond(again, lambda: side(lambda: v.assign_add(1.0)), lambda: side(lambda: v.assign_add(3.0)))
    return first, second


class _Random:
    """Makes random control flow. `_last` is what the next effect, loop or condition must come behind."""

    def __init__(self, seed: int, x: Any, n: Any, b: Any) -> None:
        self._random = random.Random(seed)
        self._n, self._b = n, b
        self._left = self._random.randint(6, 16)
        self._variable = variable(f"v{seed}", [1.0, -1.0])
        self._last: list[Any] = []
        self._values = self._block([x, x * 0.5], 0, self._random.randint(3, 5))

    def outputs(self) -> list[Any]:
        chosen = self._random.sample(self._values, min(len(self._values), 3))
        with tf.control_dependencies([*chosen, *self._last]):
            return [*chosen, self._values[-1], self._variable.read_value() * 1.0]

    def _block(self, values: Sequence[Any], depth: int, count: int) -> list[Any]:
        values = list(values)
        for _ in range(count):
            self._left -= 1
            makes = [self._sum, self._sum, self._assign, self._assign]
            if depth < 3 and self._left > 0:
                makes += [self._cond, self._cond, self._loop, self._loop]
            values += self._random.choice(makes)(values, depth)
        return values

    def _pick(self, values: Sequence[Any]) -> Any:
        return self._random.choice(values)

    def _sum(self, values: Sequence[Any], depth: int) -> list[Any]:
        return [tf.clip_by_value(self._pick(values) * 0.5 - self._pick(values), -9.0, 9.0)]

    def _assign(self, values: Sequence[Any], depth: int) -> list[Any]:
        change = self._random.choice([self._variable.assign, self._variable.assign_add, self._variable.assign_sub])
        with tf.control_dependencies(self._last):
            changed = change(tf.tanh(self._pick(values)))
        with tf.control_dependencies([changed]):
            self._last = [self._variable.read_value() * 1.0]
        return self._last

    def _predicate(self, values: Sequence[Any]) -> Any:
        kinds = [self._b, tf.logical_not(self._b), self._n > self._random.randint(0, 2)]
        return self._pick([*kinds, tf.reduce_sum(self._pick(values)) < self._random.randint(-2, 2)])

    def _cond(self, values: Sequence[Any], depth: int) -> list[Any]:
        count = self._random.randint(1, 3)
        with tf.control_dependencies(self._last):
            predicate = tf.identity(self._predicate(values))

        def side() -> list[Any]:
            self._last = []
            inner = self._block(values, depth + 1, self._random.randint(0, 3))
            with tf.control_dependencies(self._last):
                return [tf.identity(self._pick(inner)) for _ in range(count)]

        results = v1.cond(predicate, side, side)
        results = list(results) if isinstance(results, list | tuple) else [results]
        self._last = results[:1]
        return results

    def _loop(self, values: Sequence[Any], depth: int) -> list[Any]:
        count, limit = self._random.randint(1, 2), self._random.choice([self._n, 0, 1, 2])
        start = [self._pick(values) for _ in range(count)]
        with tf.control_dependencies(self._last):
            first = tf.identity(tf.constant(0))

        def body(i: Any, *state: Any) -> list[Any]:
            self._last = [i]
            inner = self._block([*values, *state], depth + 1, self._random.randint(0, 3))
            results = [tf.reshape(self._pick([*inner, *state]), [2]) for _ in range(count)]
            with tf.control_dependencies(self._last):
                return [i + 1, *results]

        results = v1.while_loop(lambda i, *state: i < limit, body, [first, *start])
        self._last = results[:1]
        return list(results[1:])


def _random(seed: int) -> Case:
    def case(x: Any, n: Any, b: Any) -> Sequence[Any]:
        return _Random(seed, x, n, b).outputs()

    case.__name__ = f"seed{seed}"
    return case


random_0_to_3, random_4_to_7, random_8_to_11, random_12_to_15 = (
    model(*map(_random, range(first, first + 4))) for first in (0, 4, 8, 12)
)
