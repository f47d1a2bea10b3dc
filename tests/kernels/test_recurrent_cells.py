"""LSTM and GRU cells of one op."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run

RANDOM = np.random.default_rng(14)
BATCH, INPUTS, CELLS, TIME = 2, 3, 5, 4
ATTRS = {"forget_bias": 1.0, "cell_clip": 3.0, "use_peephole": True}


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


X = floats(TIME, BATCH, INPUTS)
STATE = [floats(BATCH, CELLS), floats(BATCH, CELLS)]
WEIGHTS = [floats(INPUTS + CELLS, 4 * CELLS), *(floats(CELLS) for _ in range(3)), floats(4 * CELLS)]


def sigmoid(x: np.ndarray) -> Any:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def test_a_cell_is_the_lstm_equations() -> None:
    (cell, hidden), (w, wci, wcf, wco, bias) = STATE, WEIGHTS
    gates = np.concatenate([X[0], hidden], 1) @ w + bias
    i, c, f, o = np.split(gates, 4, 1)
    i, f = sigmoid(i + cell * wci), sigmoid(f + 1 + cell * wcf)
    cs = np.clip(i * np.tanh(c) + f * cell, -3, 3)
    o = sigmoid(o + cs * wco)
    results = reference("LSTMBlockCell", ATTRS, X[0], *STATE, *WEIGHTS)
    for got, want in zip(results, [i, cs, f, o, np.tanh(c), np.tanh(cs), o * np.tanh(cs)], strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps", [0, 3, 4])
def test_a_block_is_cells_one_after_another_then_zeros(steps: int) -> None:
    outputs = reference("BlockLSTM", ATTRS, np.array(steps), X, *STATE, *WEIGHTS)
    state = STATE
    for time in range(steps):
        results = reference("LSTMBlockCell", ATTRS, X[time], *state, *WEIGHTS)
        for output, result in zip(outputs, results, strict=True):
            np.testing.assert_array_equal(output[time], result)
        state = [results[1], results[6]]
    assert not any(output[steps:].any() for output in outputs)


def test_the_second_version_orders_the_gates_anew() -> None:
    attrs = {"cell_clip": 0.0, "use_peephole": False}
    w, *peepholes, bias = WEIGHTS
    i, c, f, o = np.split(w, 4, 1)
    bias_i, bias_c, bias_f, bias_o = np.split(bias, 4)
    moved = np.concatenate([i, f, c, o], 1), np.concatenate([bias_i, bias_f, bias_c, bias_o])
    first = reference("BlockLSTM", {**attrs, "forget_bias": 0.0}, np.array(4), X, *STATE, *WEIGHTS)
    second = reference("BlockLSTMV2", attrs, np.array(4), X, *STATE, moved[0], *peepholes, moved[1])
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_gru_cell_mixes_the_state_with_the_candidate() -> None:
    hidden, w_gates, w = floats(BATCH, CELLS), floats(INPUTS + CELLS, 2 * CELLS), floats(INPUTS + CELLS, CELLS)
    biases = floats(2 * CELLS), floats(CELLS)
    r, u, c, h = reference("GRUBlockCell", {}, X[0], hidden, w_gates, w, *biases)
    np.testing.assert_allclose(np.hstack([r, u]), sigmoid(np.hstack([X[0], hidden]) @ w_gates + biases[0]), rtol=1e-4)
    np.testing.assert_allclose(c, np.tanh(np.hstack([X[0], r * hidden]) @ w + biases[1]), rtol=1e-4)
    np.testing.assert_allclose(h, u * hidden + (1 - u) * c, rtol=1e-6)


def test_shapes_are_checked() -> None:
    assert infer("BlockLSTM", ATTRS, np.array(4), X, *STATE, *WEIGHTS)[0].shape == (TIME, BATCH, CELLS)
    w, *others = WEIGHTS
    with pytest.raises(InvalidGraphError):
        infer("LSTMBlockCell", ATTRS, X[0], *STATE, w[1:], *others)
    with pytest.raises(InvalidGraphError):
        infer("LSTMBlockCell", ATTRS, X[0], *STATE, w, others[0][:1], *others[1:])
    with pytest.raises(InvalidGraphError):
        infer("BlockLSTM", ATTRS, np.array(4), X[0], *STATE, *WEIGHTS)
    with pytest.raises(ExecutionError, match="seq_len_max 5"):
        reference("BlockLSTM", ATTRS, np.array(5), X, *STATE, *WEIGHTS)


@pytest.mark.parametrize("op", ["LSTMBlockCell", "BlockLSTM", "BlockLSTMV2"])
@pytest.mark.parametrize("has_peepholes", [False, True])
@pytest.mark.parametrize("constants", [(), (4,)])
def test_lstms_have_kernels(op: str, has_peepholes: bool, constants: tuple[int, ...]) -> None:
    attrs = {"forget_bias": 1.0, "cell_clip": 0.5 if has_peepholes else -1.0, "use_peephole": has_peepholes}
    if op == "LSTMBlockCell":
        check(op, attrs, X[0], *STATE, *WEIGHTS, constants=tuple(at - 1 for at in constants), rtol=1e-5)
        check(op, attrs, X[0, :, :0], *STATE, WEIGHTS[0][INPUTS:], *WEIGHTS[1:], rtol=1e-5)
        return
    for steps in (0, 3, TIME):
        check(op, attrs, np.array(steps), X, *STATE, *WEIGHTS, constants=constants, rtol=1e-5)
    with pytest.raises(ValueError, match="seq_len_max"):
        run(op, attrs, np.array(TIME + 1), X, *STATE, *WEIGHTS)


@pytest.mark.parametrize("batch, inputs", [(1, 1), (3, 7), (3, 0)])
def test_gru_cells_have_kernels(batch: int, inputs: int) -> None:
    weights = floats(inputs + CELLS, 2 * CELLS), floats(inputs + CELLS, CELLS), floats(2 * CELLS), floats(CELLS)
    check("GRUBlockCell", {}, floats(batch, inputs), floats(batch, CELLS), *weights, rtol=1e-5)
    check("GRUBlockCell", {}, floats(batch, inputs), floats(batch, CELLS), *weights, constants=(2, 3), rtol=1e-5)
