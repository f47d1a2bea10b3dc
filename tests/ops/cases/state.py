"""Variables: read, written, scattered into, sliced into. Each case has a variable of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.ops.arrays import COMPLEX, NUMBERS, Sample, dtype_of, f32, ints, longs, sample, scalar, texts
from tests.ops.case import Case, chain, each

_NUMERIC = (*NUMBERS, *COMPLEX)


def _initial(dtype: str, *shape: int) -> np.ndarray:
    return np.asarray(Sample(dtype, shape).draw(np.random.default_rng(9)))


def _variable(tf: Any, initial: np.ndarray) -> Any:
    return tf.compat.v1.Variable(tf.constant(initial), use_resource=True)


def _changed(op: str, initial: np.ndarray, names: tuple[str, ...], **attrs: Any) -> Callable[..., Any]:
    """A variable's value after the op; `names` are the op's arguments, the first of which is the variable."""

    def change(tf: Any, *inputs: Any) -> Any:
        variable = _variable(tf, initial)
        arguments = dict(zip(names, (variable.handle, *inputs), strict=True))
        with tf.control_dependencies([getattr(tf.raw_ops, op)(**arguments, **attrs)]):
            return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)

    change.__name__ = f"{initial.dtype}{list(initial.shape)} {attrs or ''}"
    return change


def _read(op: str, initial: np.ndarray, names: tuple[str, ...], **attrs: Any) -> Callable[..., Any]:
    """What the op says of a variable."""

    def read(tf: Any, *inputs: Any) -> Any:
        variable = _variable(tf, initial)
        return getattr(tf.raw_ops, op)(**dict(zip(names, (variable.handle, *inputs), strict=True)), **attrs)

    read.__name__ = f"{initial.dtype}{list(initial.shape)} {attrs or ''}"
    return read


def _assigning() -> Iterator[Case]:
    for op in ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"):
        made = (*_NUMERIC, "bool", "string") if op == "AssignVariableOp" else _NUMERIC
        yield from each(
            made,
            (),
            lambda dtype, op=op: chain(
                (op, "ReadVariableOp"), _changed(op, _initial(dtype, 2, 3), ("resource", "value")), sample(dtype, 2, 3)
            ).fed(),
        )
        yield chain((op,), _changed(op, _initial("float32", 2, 3), ("resource", "value")), f32(2, 3))
        yield chain((op,), _changed(op, _initial("float32"), ("resource", "value")), f32())
        yield chain((op,), _changed(op, _initial("float32", 0), ("resource", "value")), f32(0))
        if op != "AssignVariableOp":
            yield chain((op,), _changed(op, _initial("float32", 2, 3), ("resource", "value")), f32(3)).fails()
    for dtype in ("float32", "string", "bfloat16"):
        yield chain(("ReadVariableOp",), _read("ReadVariableOp", _initial(dtype, 2, 3), ("resource",), dtype=dtype))
    yield chain(("VarIsInitializedOp",), _read("VarIsInitializedOp", _initial("float32", 2), ("resource",)))
    for out in ("int32", "int64"):
        for shape in ((), (2, 3), (0,)):
            yield chain(
                ("VariableShape",), _read("VariableShape", _initial("float32", *shape), ("input",), out_type=out)
            )
    yield chain(("DisableCopyOnRead",), _changed("DisableCopyOnRead", _initial("float32", 2), ("resource",)))


def _gathering() -> Iterator[Case]:
    yield from each(
        (*_NUMERIC, "bool", "string"),
        (),
        lambda dtype: [
            chain(
                ("ResourceGather",),
                _read("ResourceGather", _initial(dtype, 4, 3), ("resource", "indices"), dtype=dtype),
                ints(3, 0, 3),
            ).fed(),
            chain(
                ("ResourceGatherNd",),
                _read("ResourceGatherNd", _initial(dtype, 4, 3), ("resource", "indices"), dtype=dtype),
                np.array([[1, 2], [3, 0]], np.int32),
            ).fed(),
        ],
    )
    table = _initial("float32", 4, 3)
    gather = _read("ResourceGather", table, ("resource", "indices"), dtype="float32")
    for indices in (scalar(2), longs(1, 1), np.array([[0, 3]], np.int32), np.zeros(0, np.int32)):
        yield chain(("ResourceGather",), gather, indices)
    yield chain(
        ("ResourceGather",),
        _read("ResourceGather", table, ("resource", "indices"), dtype="float32", batch_dims=1),
        np.array([[0], [2], [1], [1]], np.int32),
    )
    for indices in (ints(4), ints(-1)):
        yield chain(("ResourceGather",), gather, indices).fails()
    nd = _read("ResourceGatherNd", table, ("resource", "indices"), dtype="float32")
    for indices in (np.array([[3], [0]], np.int64), np.zeros((2, 0), np.int32)):
        yield chain(("ResourceGatherNd",), nd, indices)
    yield chain(("ResourceGatherNd",), nd, np.array([[0, 3]], np.int32)).fails()


def _scattering() -> Iterator[Case]:
    plain = ("resource", "indices", "updates")
    for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Update"):
        op = f"ResourceScatter{kind}"
        dtypes = NUMBERS if kind in ("Max", "Min") else _NUMERIC if kind != "Update" else (*_NUMERIC, "bool", "string")
        yield from each(
            dtypes,
            (),
            lambda dtype, op=op: chain(
                (op,), _changed(op, _initial(dtype, 4, 3), plain), ints(3, 0), sample(dtype, 2, 3, low=1, high=5)
            ).fed(),
        )
        change = _changed(op, _initial("float32", 4, 3), plain)
        yield chain((op,), change, ints(3, 0), f32(2, 3))
        yield chain((op,), change, np.array([[0, 3]], np.int64), f32(1, 2, 3))
        yield chain((op,), change, scalar(2), f32(3))
        yield chain((op,), change, np.zeros(0, np.int32), f32(0, 3))
        yield chain((op,), change, ints(1, 2), f32())
        if kind not in ("Div",):
            yield chain((op,), change, ints(1, 1, 1), f32(3, 3)).within(1e-4)
        yield chain((op,), change, ints(4), f32(1, 3)).fails()
        yield chain((op,), change, ints(-1), f32(1, 3)).fails()
    nd = ("ref", "indices", "updates")
    for kind in ("Add", "Sub", "Max", "Min", "Update"):
        op = f"ResourceScatterNd{kind}"
        dtypes = NUMBERS if kind in ("Max", "Min") else _NUMERIC if kind != "Update" else (*_NUMERIC, "bool", "string")
        yield from each(
            dtypes,
            (),
            lambda dtype, op=op: chain(
                (op,), _changed(op, _initial(dtype, 4, 3), nd), np.array([[3], [0]], np.int32), sample(dtype, 2, 3)
            ).fed(),
        )
        change = _changed(op, _initial("float32", 4, 3), nd)
        yield chain((op,), change, np.array([[3, 1], [0, 0]], np.int64), f32(2))
        yield chain((op,), change, np.zeros((0, 1), np.int32), f32(0, 3))
        yield chain((op,), change, np.array([[1], [1]], np.int32), f32(2, 3))
        yield chain((op,), change, np.array([[4]], np.int32), f32(1, 3)).fails()
        yield chain((op,), change, np.array([[1]], np.int32), f32(1, 2)).fails()
        ignoring = _changed(op, _initial("float32", 4), nd, bad_indices_policy="IGNORE")
        yield chain((op,), ignoring, np.array([[1], [4], [-1]], np.int32), f32(3))


def _slicing() -> Iterator[Case]:
    op, names = "ResourceStridedSliceAssign", ("ref", "begin", "end", "strides", "value")
    yield from each(
        (*_NUMERIC, "bool", "string"),
        (),
        lambda dtype: (
            chain(
                (op,),
                _changed(op, _initial(dtype, 4, 5), names),
                ints(1, 0),
                ints(3, 5),
                ints(1, 2),
                sample(dtype, 2, 3),
            )
            .fed()
            .with_constants(0, 1, 2)
        ),
    )
    start = _initial("float32", 4, 5)
    for begin, end, strides, masks, shape in (
        ((3, 4), (0, 0), (-1, -2), {}, (3, 2)),
        ((1,), (2,), (1,), {"shrink_axis_mask": 1}, (5,)),
        ((0, 1), (0, 3), (1, 1), {"begin_mask": 1, "end_mask": 1}, (4, 2)),
        ((0, 2), (0, 3), (1, 1), {"ellipsis_mask": 1, "shrink_axis_mask": 2}, (4,)),
        ((0, 0), (2, 2), (1, 1), {}, ()),
        ((0, 1), (4, 3), (1, 1), {"shrink_axis_mask": 1}, (1,)),
        ((1, 0), (2, 5), (1, 1), {}, (1, 5)),
    ):
        yield chain(
            (op,),
            _changed(op, start, names, **masks),
            *(np.array(part, np.int32) for part in (begin, end, strides)),
            f32(*shape),
        ).with_constants(0, 1, 2)
    yield chain((op,), _changed(op, start, names), ints(0, 0), ints(2, 2), ints(1, 1), f32(3, 2)).fails()
    yield chain((op,), _changed(op, start, names), ints(0, 0), ints(2, 2), ints(1, 0), f32(2, 2)).fails()


def _destroyed(tf: Any, x: Any) -> Any:
    variable = _variable(tf, np.zeros(2, np.float32))
    with tf.control_dependencies([tf.raw_ops.DestroyResourceOp(resource=variable.handle)]):
        return tf.identity(x)


CASES = [
    *_assigning(),
    *_gathering(),
    *_scattering(),
    *_slicing(),
    chain(("DestroyResourceOp",), _destroyed, texts(2)).fed(),
    *(
        chain(
            ("ReadVariableOp",),
            _read("ReadVariableOp", np.zeros(shape, dtype_of("float32")), ("resource",), dtype="float32"),
        )
        for shape in ((), (0, 3))
    ),
]
