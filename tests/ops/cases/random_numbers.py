"""Random numbers: those of seeds are TensorFlow's own, the others are numbers of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.ops.arrays import FLOATS, array, f32, ints, longs, sample, scalar
from tests.ops.case import Case, case, chain, each

_WHY = "the numbers differ from run to run"
_INTEGERS = ("int32", "int64", "uint32", "uint64")
_SEED = ints(7, -3)
_KEY, _COUNTER = array("uint64", [0x1234567890ABCDEF]), array("uint64", [5, 2**63])


def _seeded() -> Iterator[Case]:
    for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
        yield from each(FLOATS, (), lambda dtype, op=op: case(op, ints(3, 7), dtype=dtype, seed=3, seed2=9).fed())
        yield case(op, ints(2, 5), dtype="float32").shapes(_WHY).fed()
        yield case(op, longs(0, 5), dtype="float32", seed=1).fed()
        yield case(op, np.zeros(0, np.int32), dtype="float32", seed2=5).fed()
        yield case(op, ints(-1), dtype="float32", seed2=5).fails().fed()
        yield case(op, ints(1000), dtype="float32", seed=87654321, seed2=1).fed()
    for dtype in ("int32", "int64"):
        yield case("RandomUniformInt", ints(3, 7), scalar(-5, dtype), scalar(100, dtype), seed=3, seed2=9).fed()
    yield case("RandomUniformInt", ints(9), scalar(0), scalar(2)).shapes(_WHY).fed()
    yield case("RandomUniformInt", ints(9), scalar(2), scalar(2), seed=1).fails().fed()
    yield case("RandomUniformInt", ints(9), ints(2), scalar(5), seed=1).fails().fed()
    for shape in ((7,), (5, 2), (1, 3), (0, 2), (40,)):
        yield case("RandomShuffle", f32(*shape), seed=3, seed2=9).fed()
    yield case("RandomShuffle", sample("string", 6), seed=3).fed()
    yield case("RandomShuffle", f32(6)).shapes(_WHY).fed()
    for dtype in FLOATS:
        yield case("Multinomial", sample(dtype, 2, 5), scalar(9), seed=3, seed2=9).fed()
    yield case("Multinomial", f32(2, 5), scalar(9), seed=3, output_dtype="int32").fed()
    yield case("Multinomial", f32(2, 5), scalar(0), seed=3).fed()
    yield case("Multinomial", f32(2, 5), scalar(4)).shapes(_WHY).fed()
    yield case("Multinomial", f32(2, 5), scalar(-1), seed=3).fails().fed()
    yield case("Multinomial", f32(5), scalar(4), seed=3).fails().fed()


def _stateless() -> Iterator[Case]:
    for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
        for dtype in FLOATS:
            yield case(op, ints(3, 7), _SEED, dtype=dtype)
            for algorithm in (1, 3):
                yield case(f"{op}V2", ints(3, 7), _KEY, _COUNTER, scalar(algorithm), dtype=dtype)
        yield case(op, ints(1000), longs(2**40, 5))
        yield case(op, ints(0, 3), _SEED)
        yield case(op, np.zeros(0, np.int32), _SEED)
        yield case(op, ints(3), ints(1)).fails()
        yield case(op, ints(-3), _SEED).fails()
        for algorithm in (2, 9):
            yield case(f"{op}V2", ints(3), _KEY, _COUNTER, scalar(algorithm)).fails()
        yield case(f"{op}V2", ints(3), _KEY[:0], _COUNTER, scalar(1)).fails()
    for dtype in _INTEGERS:
        yield case("StatelessRandomUniformFullInt", ints(3, 7), _SEED, dtype=dtype)
        yield case("StatelessRandomUniformFullIntV2", ints(3, 7), _KEY, _COUNTER, scalar(1), dtype=dtype)
        if dtype in _INTEGERS[:2]:
            yield case("StatelessRandomUniformInt", ints(3, 7), _SEED, scalar(-5, dtype), scalar(100, dtype))
            yield case(
                "StatelessRandomUniformIntV2",
                ints(3, 7),
                _KEY,
                _COUNTER,
                scalar(1),
                scalar(5, dtype),
                scalar(100, dtype),
            )
    yield case("StatelessRandomUniformInt", ints(3), _SEED, scalar(5), scalar(5)).fails()
    yield case("StatelessRandomUniformIntV2", ints(3), _KEY, _COUNTER, scalar(1), scalar(5), scalar(5)).fails()
    yield case("StatelessRandomUniformInt", ints(3), _SEED, ints(1), scalar(5)).fails()
    for dtype in FLOATS:
        yield case("StatelessMultinomial", sample(dtype, 2, 5), scalar(9), _SEED)
    yield case("StatelessMultinomial", f32(2, 5), scalar(9), _SEED, output_dtype="int32")
    yield case("StatelessMultinomial", f32(2, 5), scalar(-1), _SEED).fails()
    for shape in ((7,), (5, 2), (1,), (0,)):
        yield case("StatelessShuffle", f32(*shape), _KEY, _COUNTER, scalar(1))
    yield case("StatelessShuffle", sample("string", 6), _KEY, _COUNTER, scalar(1))
    alpha = array("float32", [0.3, 1, 2.5, 20])
    for dtype in ("float32", "float64", "float16"):
        yield case("StatelessRandomGammaV2", ints(3, 4), _SEED, alpha.astype(array(dtype, [0]).dtype))
        yield case(
            "StatelessRandomGammaV3", ints(3, 4), _KEY, _COUNTER, scalar(1), alpha.astype(array(dtype, [0]).dtype)
        )
    yield case("StatelessRandomGammaV2", ints(3), _SEED, f32(4)).fails()
    for seed in (_SEED, longs(2**40, -1)):
        yield case("StatelessRandomGetKeyCounter", seed)
        yield case("StatelessRandomGetKeyCounterAlg", seed)
    yield case("StatelessRandomGetKeyCounter", ints(1)).fails()
    yield case("StatelessRandomGetAlg").fed()


def _generators(op: str, **attrs: Any) -> Callable[..., Any]:
    """Numbers of a generator's state, a variable, and the state afterwards."""

    def draw(tf: Any, *inputs: Any) -> Any:
        state = tf.compat.v1.Variable(tf.constant([3, 2**40, 77], tf.int64), use_resource=True)
        names = {"RngReadAndSkip": ("alg", "delta"), "RngSkip": ("algorithm", "delta")}.get(
            op, ("algorithm", "shape", "minval", "maxval")
        )
        drawn = getattr(tf.raw_ops, op)(resource=state.handle, **dict(zip(names, inputs, strict=False)), **attrs)
        with tf.control_dependencies([drawn]):
            after = tf.raw_ops.ReadVariableOp(resource=state.handle, dtype=tf.int64)
        return after if op == "RngSkip" else (drawn, after)

    return draw


def _stateful() -> Iterator[Case]:
    philox = scalar(1, "int64")
    for op in ("StatefulUniform", "StatefulStandardNormalV2", "StatefulTruncatedNormal"):
        for dtype in FLOATS:
            yield chain((op,), _generators(op, dtype=dtype), philox, ints(3, 7)).fed()
        yield chain((op,), _generators(op), philox, ints(0)).fed()
        yield chain((op,), _generators(op), philox, ints(1000)).fed()
        yield chain((op,), _generators(op), scalar(9, "int64"), ints(3)).fails().fed()
    for dtype in _INTEGERS:
        yield chain(
            ("StatefulUniformFullInt",), _generators("StatefulUniformFullInt", dtype=dtype), philox, ints(3, 7)
        ).fed()
    for dtype in _INTEGERS[:2]:
        yield chain(
            ("StatefulUniformInt",),
            _generators("StatefulUniformInt"),
            philox,
            ints(3, 7),
            scalar(-5, dtype),
            scalar(100, dtype),
        ).fed()
    yield (
        chain(("StatefulUniformInt",), _generators("StatefulUniformInt"), philox, ints(3), scalar(5), scalar(5))
        .fails()
        .fed()
    )
    for delta in (0, 1, 1000):
        yield chain(("RngReadAndSkip",), _generators("RngReadAndSkip"), scalar(1), scalar(delta, "uint64")).fed()
        yield chain(("RngSkip",), _generators("RngSkip"), philox, scalar(delta, "int64")).fed()


CASES = [*_seeded(), *_stateless(), *_stateful()]
