"""Random numbers: those of stateless ops by the kernels of `random_numbers`, those that depend on what earlier calls
have drawn, as host steps over `edgeload.kernels.philox`.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/RandomUniform and StatelessRandomUniformV2, StatefulUniform,
RngReadAndSkip. Stateless ops and those with a seed give TensorFlow's numbers; an op whose seeds are both 0 differs from
process to process. The stream of an op with a seed goes on from call to call, and starts anew with every load.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE
from edgeload.errors import ExecutionError
from edgeload.kernels import philox
from edgeload.kernels.philox import RESERVED, Stream
from edgeload.kernels.random_numbers import AUTOMATIC, PHILOX, algorithm_constant, emit_numbers, emit_seed
from edgeload.kernels.registry import Emit, Node, Operand, RunningNode, Spec, register, require

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_INTEGERS = ("int32", "int64", "uint32", "uint64")
Draw = Callable[[Stream, int, np.dtype], np.ndarray]


def _shape(node: Node, shape: np.ndarray) -> tuple[int, ...]:
    require(shape.ndim == 1 and shape.dtype.kind in "iu", node, f"a shape of {shape.dtype}{shape.shape}", "a vector")
    sizes = tuple(int(size) for size in shape)
    require(all(size >= 0 for size in sizes), node, f"shape {sizes}", "sizes of at least 0")
    return sizes


def _output(node: Node, shape: Operand, dtype: Any, allowed: tuple[str, ...]) -> Spec:
    require(str(dtype) in allowed, node, f"dtype {dtype}", "one of " + ", ".join(allowed))
    return Spec(dtype, _shape(node, shape.known()))


def _require_order(node: Node, low: np.ndarray, high: np.ndarray) -> tuple[int, int]:
    if not low < high:
        raise ExecutionError(f"{node.op} node {node.name!r}: Need minval < maxval, got {low} >= {high}")
    return int(low), int(high)


def _require_scalars(node: Node, *operands: Operand) -> None:
    for operand in operands:
        require(operand.shape == (), node, f"an input of shape {operand.shape}", "minval and maxval are scalars")


# ---- ops with seeds as attributes: a stream for each node

_lock = threading.Lock()  # calls of one node, or of two generators of one variable, must not take the same numbers


def _reserve(node: RunningNode, blocks: int) -> Stream:
    """The node's stream, which the next call finds `blocks` further on."""
    attrs = node.attrs
    if not attrs["seed"] and not attrs["seed2"]:
        key, counter = (int.from_bytes(os.urandom(8), "little") for _ in range(2))
        return Stream(key, counter << 64)
    with _lock:
        stream: Stream = node.memory.get("stream") or philox.stream_of_seed(attrs["seed"], attrs["seed2"])
        node.memory["stream"] = stream.skip(blocks)
    return stream


def _register_seeded(op: str, draw: Draw) -> None:
    def infer(node: Node, shape: Operand) -> Spec:
        return _output(node, shape, node.attrs["dtype"], _FLOATS)

    def reference(node: RunningNode, shape: np.ndarray) -> np.ndarray:
        sizes = _shape(node, shape)
        count = math.prod(sizes)
        return draw(_reserve(node, RESERVED * count), count, node.attrs["dtype"]).reshape(sizes)

    register(op, infer=infer, reference=reference, stateful=True)


_register_seeded("RandomUniform", philox.uniform)
_register_seeded("RandomStandardNormal", philox.normal)
_register_seeded("TruncatedNormal", philox.truncated_normal)


def _infer_uniform_int(node: Node, shape: Operand, low: Operand, high: Operand) -> Spec:
    _require_scalars(node, low, high)
    return _output(node, shape, node.attrs["Tout"], _INTEGERS[:2])


def _uniform_int(node: RunningNode, shape: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    sizes = _shape(node, shape)
    count = math.prod(sizes)
    if count == 0:
        return np.empty(sizes, low.dtype)
    ends = _require_order(node, low, high)
    return philox.integers_between(_reserve(node, RESERVED * count), count, low.dtype, *ends).reshape(sizes)


def _infer_shuffle(node: Node, x: Operand, *stream: Operand) -> Spec:
    return x.spec


def _shuffle(node: RunningNode, x: np.ndarray) -> np.ndarray:
    if x.size <= 1 or len(x) <= 1:
        return x
    return np.asarray(x[philox.shuffled(_reserve(node, -(-(len(x) - 1) // 4)), len(x))])


def _infer_multinomial(node: Node, logits: Operand, count: Operand, *seed: Operand) -> Spec:
    require(len(logits.shape) == 2, node, f"logits of shape {logits.shape}", "[batch, classes]")
    require(logits.shape[1] > 0, node, "no classes", "one or more")
    require(count.shape == (), node, f"num_samples of shape {count.shape}", "a scalar")
    require(str(node.attrs["output_dtype"]) in _INTEGERS[:2], node, f"{node.attrs['output_dtype']}", "int32 or int64")
    samples = int(count.known())
    require(samples >= 0, node, f"num_samples {samples}", "0 or more")
    return Spec(node.attrs["output_dtype"], (logits.shape[0], samples))


def _sample(node: Node, stream: Callable[[], Stream], logits: np.ndarray, count: int) -> np.ndarray:
    if logits.shape[0] * count == 0:
        return np.empty((logits.shape[0], count), node.attrs["output_dtype"])
    return philox.categorical(stream(), logits, count).astype(node.attrs["output_dtype"])


def _multinomial(node: RunningNode, logits: np.ndarray, count: np.ndarray) -> np.ndarray:
    words = len(logits) * (-(-int(count) // 4) * 4 * 2)  # as TensorFlow counts them
    return _sample(node, lambda: _reserve(node, RESERVED * words), logits, int(count))


register("RandomUniformInt", infer=_infer_uniform_int, reference=_uniform_int, stateful=True)
register("RandomShuffle", infer=_infer_shuffle, reference=_shuffle, stateful=True)
register("Multinomial", infer=_infer_multinomial, reference=_multinomial, stateful=True)


# ---- stateless ops: the stream follows from a seed [2], or from key [1], counter [2] and the algorithm


def _infer_seed(node: Node, seed: Operand) -> None:
    require(seed.shape == (2,), node, f"a seed of shape {seed.shape}", "two numbers")


def _infer_key(node: Node, key: Operand, counter: Operand, algorithm: Operand) -> None:
    require(key.shape == (1,), node, f"a key of shape {key.shape}", "one number")
    is_counter = len(counter.shape) == 1 and counter.shape[0] >= 2
    require(is_counter, node, f"a counter of shape {counter.shape}", "two or more numbers")
    require(algorithm.shape == (), node, f"an algorithm of shape {algorithm.shape}", "a scalar")


def _stream_of_key(node: Node, key: np.ndarray, counter: np.ndarray, algorithm: np.ndarray) -> Stream:
    _require_philox(node, algorithm)
    return Stream(int(key[0]), int(counter[1]) << 64 | int(counter[0]))


def _require_philox(node: Node, algorithm: np.ndarray) -> None:
    if int(algorithm) not in (PHILOX, AUTOMATIC):
        raise ExecutionError(
            f"{node.op} node {node.name!r}: found algorithm {int(algorithm)}; on a CPU TensorFlow and edgeload have "
            "Philox (1, or 3 for the default). Create the generator with alg='philox'."
        )


def _register_stateless(name: str, draw: Draw, distribution: str, allowed: tuple[str, ...]) -> None:
    """Both forms of an op without further inputs."""

    def infer(node: Node, shape: Operand, seed: Operand) -> Spec:
        _infer_seed(node, seed)
        return _output(node, shape, node.attrs["dtype"], allowed)

    def infer_v2(node: Node, shape: Operand, key: Operand, counter: Operand, algorithm: Operand) -> Spec:
        _infer_key(node, key, counter, algorithm)
        return _output(node, shape, node.attrs["dtype"], allowed)

    def fill(node: Node, stream: Stream, shape: np.ndarray) -> np.ndarray:
        sizes = _shape(node, shape)
        return draw(stream, math.prod(sizes), node.attrs["dtype"]).reshape(sizes)

    def reference(node: Node, shape: np.ndarray, seed: np.ndarray) -> np.ndarray:
        return fill(node, philox.stream_of_seeds(seed), shape)

    def reference_v2(
        node: Node, shape: np.ndarray, key: np.ndarray, counter: np.ndarray, algorithm: np.ndarray
    ) -> np.ndarray:
        return fill(node, _stream_of_key(node, key, counter, algorithm), shape)

    def lower(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
        return emit_numbers(distribution, list(operands[1:]), outputs[0], emit)

    register(name, infer=infer, reference=reference, lower=lower)
    register(f"{name}V2", infer=infer_v2, reference=reference_v2, lower=lower)


_register_stateless("StatelessRandomUniform", philox.uniform, "uniform", _FLOATS)
_register_stateless("StatelessRandomNormal", philox.normal, "normal", _FLOATS)
_register_stateless("StatelessTruncatedNormal", philox.truncated_normal, "truncated", _FLOATS)
_register_stateless("StatelessRandomUniformFullInt", philox.integers, "integers", _INTEGERS)


def _infer_stateless_int(node: Node, shape: Operand, *others: Operand) -> Spec:
    *stream, low, high = others
    if len(stream) == 1:
        _infer_seed(node, *stream)
    else:
        _infer_key(node, *stream)
    _require_scalars(node, low, high)
    return _output(node, shape, node.attrs["dtype"], _INTEGERS[:2])


def _stateless_int(node: Node, shape: np.ndarray, *others: np.ndarray) -> np.ndarray:
    *source, low, high = others
    stream = philox.stream_of_seeds(*source) if len(source) == 1 else _stream_of_key(node, *source)
    sizes = _shape(node, shape)
    count = math.prod(sizes)
    if count == 0:
        return np.empty(sizes, low.dtype)
    return philox.integers_between(stream, count, low.dtype, *_require_order(node, low, high)).reshape(sizes)


def _lower_stateless_int(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    _, *source, low, high = operands
    return emit_numbers("between", source, outputs[0], emit, (low, high))


def _infer_gamma(node: Node, shape: Operand, *others: Operand) -> Spec:
    *stream, alpha = others
    if len(stream) == 1:
        _infer_seed(node, *stream)
    else:
        _infer_key(node, *stream)
    found = _output(node, shape, alpha.dtype, _FLOATS)
    assert found.shape is not None
    fits = alpha.shape == found.shape[len(found.shape) - len(alpha.shape) :]
    require(fits, node, f"shape {found.shape} for alpha {alpha.shape}", "a shape that ends with alpha's")
    return found


def _gamma(node: Node, shape: np.ndarray, *others: np.ndarray) -> np.ndarray:
    *source, alpha = others
    stream = philox.stream_of_seeds(*source) if len(source) == 1 else _stream_of_key(node, *source)
    sizes = _shape(node, shape)
    if math.prod(sizes) == 0:
        return np.empty(sizes, alpha.dtype)
    drawn = philox.gamma(stream, alpha.reshape(-1).astype(np.float64), math.prod(sizes) // alpha.size)
    return drawn.reshape(sizes).astype(alpha.dtype)


def _infer_stateless_multinomial(node: Node, logits: Operand, count: Operand, seed: Operand) -> Spec:
    _infer_seed(node, seed)
    return _infer_multinomial(node, logits, count)


def _stateless_multinomial(node: Node, logits: np.ndarray, count: np.ndarray, seed: np.ndarray) -> np.ndarray:
    return _sample(node, lambda: philox.stream_of_seeds(seed), logits, int(count))


def _infer_stateless_shuffle(node: Node, x: Operand, key: Operand, counter: Operand, algorithm: Operand) -> Spec:
    _infer_key(node, key, counter, algorithm)
    return x.spec


def _stateless_shuffle(
    node: Node, x: np.ndarray, key: np.ndarray, counter: np.ndarray, algorithm: np.ndarray
) -> np.ndarray:
    if x.size <= 1 or len(x) <= 1:
        return x
    return np.asarray(x[philox.shuffled(_stream_of_key(node, key, counter, algorithm), len(x))])


register("StatelessRandomUniformInt", infer=_infer_stateless_int, reference=_stateless_int, lower=_lower_stateless_int)
register(
    "StatelessRandomUniformIntV2", infer=_infer_stateless_int, reference=_stateless_int, lower=_lower_stateless_int
)
register("StatelessRandomGammaV2", infer=_infer_gamma, reference=_gamma)
register("StatelessRandomGammaV3", infer=_infer_gamma, reference=_gamma)
register("StatelessMultinomial", infer=_infer_stateless_multinomial, reference=_stateless_multinomial)
register("StatelessShuffle", infer=_infer_stateless_shuffle, reference=_stateless_shuffle)


def _infer_key_counter(node: Node, seed: Operand) -> list[Spec]:
    _infer_seed(node, seed)
    unsigned = np.dtype(np.uint64)
    specs = [Spec(unsigned, (1,)), Spec(unsigned, (2,))]
    return specs if node.op == "StatelessRandomGetKeyCounter" else [*specs, Spec(np.dtype(np.int32), ())]


def _key_counter(node: Node, seed: np.ndarray) -> list[np.ndarray]:
    stream = philox.stream_of_seeds(seed)
    results = [
        np.array([stream.key], np.uint64),
        np.array([stream.counter & (2**64 - 1), stream.counter >> 64], np.uint64),
    ]
    return results if node.op == "StatelessRandomGetKeyCounter" else [*results, np.array(PHILOX, np.int32)]


def _lower_key_counter(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    emit_seed(operands[0], outputs[0], outputs[1], emit)
    for algorithm in outputs[2:]:
        emit.copy(algorithm_constant(emit), algorithm)


for _op in ("StatelessRandomGetKeyCounter", "StatelessRandomGetKeyCounterAlg"):
    register(_op, infer=_infer_key_counter, reference=_key_counter, lower=_lower_key_counter)
register(
    "StatelessRandomGetAlg",
    infer=lambda node: Spec(np.dtype(np.int32), ()),
    reference=lambda node: np.array(PHILOX, np.int32),
)


# ---- tf.random.Generator: a variable of int64 holds the counter (2 numbers) and the key

_STATE_SIZE = 3


def _infer_state(node: Node, handle: Operand, algorithm: Operand) -> None:
    variable = handle.resource
    is_state = handle.dtype == RESOURCE and getattr(variable, "dtype", None) == np.dtype(np.int64)
    require(is_state, node, "a handle of something else", "input 0 must be a generator's variable of int64")
    shape = variable.array.shape
    is_long = len(shape) == 1 and shape[0] >= _STATE_SIZE
    require(is_long, node, f"a state of shape {shape}", f"{_STATE_SIZE} or more numbers")
    require(algorithm.shape == (), node, f"an algorithm of shape {algorithm.shape}", "a scalar")


def _advance(node: Node, variable: Any, algorithm: np.ndarray, blocks: int) -> tuple[np.ndarray, Stream]:
    """The state and its stream; the variable is set `blocks` further on."""
    _require_philox(node, algorithm)
    with _lock:
        state = np.array(variable.array)
        low, high, key = (int(word) for word in state[:_STATE_SIZE].view(np.uint64))
        stream = Stream(key, high << 64 | low)
        counter = stream.skip(blocks).counter
        following = state.copy()
        following[:2] = np.array([counter & (2**64 - 1), counter >> 64], np.uint64).view(np.int64)
        variable.assign(following)
    return state, stream


def _infer_read_and_skip(node: Node, handle: Operand, algorithm: Operand, delta: Operand) -> Spec:
    _infer_state(node, handle, algorithm)
    return Spec(np.dtype(np.int64), (_STATE_SIZE,))


def _read_and_skip(node: Node, variable: Any, algorithm: np.ndarray, delta: np.ndarray) -> np.ndarray:
    state, _ = _advance(node, variable, algorithm, RESERVED * int(delta))
    return state[:_STATE_SIZE]


def _infer_skip(node: Node, handle: Operand, algorithm: Operand, delta: Operand) -> list[Spec]:
    _infer_state(node, handle, algorithm)
    return []


def _skip(node: Node, variable: Any, algorithm: np.ndarray, delta: np.ndarray) -> list[np.ndarray]:
    _advance(node, variable, algorithm, RESERVED * int(delta))
    return []


register("RngReadAndSkip", infer=_infer_read_and_skip, reference=_read_and_skip, stateful=True)
register("RngSkip", infer=_infer_skip, reference=_skip, stateful=True)


def _register_stateful(op: str, draw: Draw, allowed: tuple[str, ...]) -> None:
    def infer(node: Node, handle: Operand, algorithm: Operand, shape: Operand) -> Spec:
        _infer_state(node, handle, algorithm)
        return _output(node, shape, node.attrs["dtype"], allowed)

    def reference(node: Node, variable: Any, algorithm: np.ndarray, shape: np.ndarray) -> np.ndarray:
        sizes = _shape(node, shape)
        count = math.prod(sizes)
        _, stream = _advance(node, variable, algorithm, RESERVED * count)
        return draw(stream, count, node.attrs["dtype"]).reshape(sizes)

    register(op, infer=infer, reference=reference, stateful=True)


_register_stateful("StatefulUniform", philox.uniform, _FLOATS)
_register_stateful("StatefulStandardNormalV2", philox.normal, _FLOATS)
_register_stateful("StatefulTruncatedNormal", philox.truncated_normal, _FLOATS)
_register_stateful("StatefulUniformFullInt", philox.integers, _INTEGERS)


def _infer_stateful_int(
    node: Node, handle: Operand, algorithm: Operand, shape: Operand, low: Operand, high: Operand
) -> Spec:
    _infer_state(node, handle, algorithm)
    _require_scalars(node, low, high)
    return _output(node, shape, node.attrs["dtype"], _INTEGERS[:2])


def _stateful_int(
    node: Node, variable: Any, algorithm: np.ndarray, shape: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    sizes = _shape(node, shape)
    ends = _require_order(node, low, high)
    count = math.prod(sizes)
    _, stream = _advance(node, variable, algorithm, RESERVED * count)
    return philox.integers_between(stream, count, low.dtype, *ends).reshape(sizes)


register("StatefulUniformInt", infer=_infer_stateful_int, reference=_stateful_int, stateful=True)
