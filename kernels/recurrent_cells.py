"""Recurrent cells of one op: LSTMBlockCell, BlockLSTM, BlockLSTMV2, GRUBlockCell.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/LSTMBlockCell, ../BlockLSTMV2, ../GRUBlockCell

The inputs of all times are multiplied first, as one matrix product; then each row of the batch walks its times alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.matmul import lower_matmul
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32 = np.dtype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, 1) / (1 + e), x.dtype)


@dataclass(frozen=True)
class _Product:
    """The node of a plain matrix product."""

    op: str
    name: str
    attrs: dict[str, Any]


def _emit_products(node: Node, x: Operand, w: Operand, emit: Emit) -> Operand:
    """x [..., inputs] times the first rows of w [inputs + cells, columns]: [all of x's rows, columns]."""
    inputs = x.shape[-1]
    rows = int(np.prod(x.shape[:-1]))
    products = emit.scratch(x.dtype, (rows, w.shape[1]))
    own = replace(w, shape=(inputs, w.shape[1]))
    if w.value is not None:
        own = replace(own, value=np.asarray(w.value)[:inputs], key=("first rows", inputs, w.key))
    matrices = [replace(x, shape=(rows, inputs), value=None, key=None), own]
    if inputs:
        done = lower_matmul(_Product("MatMul", node.name, {}), matrices, [products], emit)
        assert done is not NotImplemented
    return products


# ---- LSTM

_NAMES_OF_GATES = {"BlockLSTMV2": "ifco"}  # the columns of w; the older ops have "icfo"


def _require_lstm(node: Node, inputs: int, batch: int, operands: list[Operand]) -> int:
    """The number of cells. operands: cell and hidden state [batch, cells], w [inputs + cells, 4 cells], three peepholes
    [cells], bias [4 cells]."""
    cell, hidden, w, *peepholes, bias = operands
    require(len(cell.shape) == 2, node, f"a cell state of shape {cell.shape}", "[batch, cells]")
    cells = cell.shape[1]
    wanted = [(batch, cells)] * 2 + [(inputs + cells, 4 * cells)] + [(cells,)] * 3 + [(4 * cells,)]
    for operand, shape in zip((cell, hidden, w, *peepholes, bias), wanted, strict=True):
        # peepholes that are not used may have any shape
        is_unused = any(operand is peephole for peephole in peepholes) and not node.attrs["use_peephole"]
        require(is_unused or operand.shape == shape, node, f"an input of shape {operand.shape}", f"{shape} is needed")
        require(operand.dtype == cell.dtype, node, f"dtypes {cell.dtype} and {operand.dtype}", "equal dtypes")
    return cells


def _infer_cell(node: Node, x: Operand, *operands: Operand) -> list[Spec]:
    require(len(x.shape) == 2, node, f"x of shape {x.shape}", "[batch, inputs]")
    batch, inputs = x.shape
    return [Spec(x.dtype, (batch, _require_lstm(node, inputs, batch, list(operands))))] * 7


def _lstm_step(
    node: Node, x: np.ndarray, cell: np.ndarray, hidden: np.ndarray, w: np.ndarray, peepholes: list[np.ndarray],
    bias: np.ndarray,
) -> list[np.ndarray]:  # fmt: skip
    """i, cs, f, o, ci, co, h of one step; peepholes look at the cell state, the output's at the new one."""
    attrs = node.attrs
    gates = dict(
        zip(_NAMES_OF_GATES.get(node.op, "icfo"), np.split(np.hstack([x, hidden]) @ w + bias, 4, 1), strict=True)
    )
    forget = gates["f"] + x.dtype.type(attrs.get("forget_bias", 0.0))
    has_peepholes = attrs["use_peephole"]
    if has_peepholes:
        gates["i"], forget = gates["i"] + cell * peepholes[0], forget + cell * peepholes[1]
    i, f, ci = _sigmoid(gates["i"]), _sigmoid(forget), np.tanh(gates["c"])
    cs = i * ci + f * cell
    if attrs["cell_clip"] > 0:
        cs = np.clip(cs, -attrs["cell_clip"], attrs["cell_clip"]).astype(x.dtype)
    o = _sigmoid(gates["o"] + cs * peepholes[2] if has_peepholes else gates["o"])
    co = np.tanh(cs)
    return [i, cs, f, o, ci, co, o * co]


def _cell(
    node: Node, x: np.ndarray, cell: np.ndarray, hidden: np.ndarray, w: np.ndarray, *others: np.ndarray
) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return _lstm_step(node, x, cell, hidden, w, list(others[:3]), others[3])


def _infer_block(node: Node, steps: Operand, x: Operand, *operands: Operand) -> list[Spec]:
    require(steps.shape == (), node, f"seq_len_max of shape {steps.shape}", "a scalar")
    require(len(x.shape) == 3, node, f"x of shape {x.shape}", "[time, batch, inputs]")
    time, batch, inputs = x.shape
    return [Spec(x.dtype, (time, batch, _require_lstm(node, inputs, batch, list(operands))))] * 7


def _block(
    node: Node, steps: np.ndarray, x: np.ndarray, cell: np.ndarray, hidden: np.ndarray, w: np.ndarray,
    *others: np.ndarray,
) -> list[np.ndarray]:  # fmt: skip
    """The cell over the first `steps` times; zeros for later ones."""
    count = int(steps)
    if count > len(x):
        raise ExecutionError(f"{node.op} node {node.name!r}: seq_len_max {count} is beyond the {len(x)} times of x.")
    outputs = [np.zeros((len(x), *cell.shape), x.dtype) for _ in range(7)]
    with np.errstate(all="ignore"):
        for time in range(count):
            results = _lstm_step(node, x[time], cell, hidden, w, list(others[:3]), others[3])
            for output, result in zip(outputs, results, strict=True):
                output[time] = result
            cell, hidden = results[1], results[6]
    return outputs


@kernel_family("block_lstm", errors={1: "seq_len_max is beyond the times of x"})
def block_lstm() -> Iterator[Any]:
    """`_lstm_step` for `steps[0]` of `times` times, zeros behind them; outputs [times, batch, cells].

    products [times, batch, 4 cells] are x's share of the gates (not made where x has no columns: `inputs` 0), those of
    c and f are columns `at_c` and `at_f` of 4. gates [batch, 4 cells] is scratch memory.
    """
    outputs = ", ".join(f"float32[:] {name}" for name in ("i", "cs", "f", "o", "ci", "co", "h"))
    yield (
        "float32[:] products, int64[:] steps, float32[:] first_cell, float32[:] first_hidden, float32[:] w, "
        "float32[:] peep_i, float32[:] peep_f, float32[:] peep_o, float32[:] bias, int64 times, int64 batch, "
        "int64 cells, int64 inputs, int64 at_c, int64 at_f, int64 has_peepholes, float32 forget_bias, float32 clip, "
        f"float32[:] gates, {outputs}"
    )
    from edgeload.kernels.simd import scalar_function

    sigmoid, tanh = scalar_function("sigmoid(a0)"), scalar_function("tanh(a0)")

    def run(  # type: ignore[no-untyped-def]
        products, steps, first_cell, first_hidden, w, peep_i, peep_f, peep_o, bias, times, batch, cells, inputs, at_c,
        at_f, has_peepholes, forget_bias, clip, gates, i, cs, f, o, ci, co, h, worker, workers
    ):  # fmt: skip
        if steps[0] > times:
            return 1
        columns = 4 * cells
        zero = np.float32(0)
        for row in range(batch * worker // workers, batch * (worker + 1) // workers):
            own = row * columns
            for time in range(times):
                at = (time * batch + row) * cells
                if time >= steps[0]:
                    for n in range(cells):
                        place = np.uint64(at + n)
                        i[place] = cs[place] = f[place] = o[place] = ci[place] = co[place] = h[place] = zero
                    continue
                before = at - batch * cells if time > 0 else row * cells
                last_hidden = h if time > 0 else first_hidden
                last_cell = cs if time > 0 else first_cell
                for n in range(columns):
                    share = products[np.uint64((time * batch + row) * columns + n)] if inputs > 0 else zero
                    gates[np.uint64(own + n)] = share + bias[np.uint64(n)]
                for k in range(cells):
                    factor = last_hidden[np.uint64(before + k)]
                    for n in range(columns):
                        gates[np.uint64(own + n)] += factor * w[np.uint64((inputs + k) * columns + n)]
                for n in range(cells):
                    cell = last_cell[np.uint64(before + n)]
                    to_i, to_f = gates[np.uint64(own + n)], gates[np.uint64(own + at_f * cells + n)] + forget_bias
                    to_c, to_o = gates[np.uint64(own + at_c * cells + n)], gates[np.uint64(own + 3 * cells + n)]
                    if has_peepholes:
                        to_i, to_f = to_i + cell * peep_i[n], to_f + cell * peep_f[n]
                    place = np.uint64(at + n)
                    i[place], f[place], ci[place] = sigmoid(to_i), sigmoid(to_f), tanh(to_c)
                    new = i[place] * ci[place] + f[place] * cell
                    if clip > zero:
                        new = min(max(new, -clip), clip)
                    if has_peepholes:
                        to_o = to_o + new * peep_o[n]
                    cs[place], o[place], co[place] = new, sigmoid(to_o), tanh(new)
                    h[place] = o[place] * co[place]
        return 0

    yield run


def _lower_lstm(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    steps, x, cell, hidden, w, *peepholes, bias = operands
    if x.dtype != _FLOAT32:
        return NotImplemented
    if 0 in outputs[0].shape:
        return NotImplemented
    batch, cells = cell.shape
    times, inputs = outputs[0].shape[0] if len(x.shape) == 3 else 1, x.shape[-1]
    products = _emit_products(node, x, w, emit)
    attrs = node.attrs
    names = _NAMES_OF_GATES.get(node.op, "icfo")
    numbers = [times, batch, cells, inputs, names.index("c"), names.index("f"), int(attrs["use_peephole"])]
    clip = max(0.0, float(attrs["cell_clip"]))
    gates = emit.scratch(_FLOAT32, (batch, 4 * cells))
    emit.kernel(
        "block_lstm", products, steps, cell, hidden, w, *peepholes, bias, *numbers,
        float(attrs.get("forget_bias", 0.0)), clip, gates, *outputs, tiles=batch
    )  # fmt: skip
    return None


def _lower_cell(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """A block of one time."""
    one = emit.constant(("one time",), lambda: np.array(1, np.int64))
    return _lower_lstm(node, [one, *operands], outputs, emit)


register("LSTMBlockCell", infer=_infer_cell, reference=_cell, lower=_lower_cell)
register("BlockLSTM", infer=_infer_block, reference=_block, lower=_lower_lstm)
register("BlockLSTMV2", infer=_infer_block, reference=_block, lower=_lower_lstm)


# ---- GRU


def _infer_gru(
    node: Node, x: Operand, hidden: Operand, w_gates: Operand, w: Operand, gate_bias: Operand, bias: Operand
) -> list[Spec]:
    require(len(x.shape) == 2 and len(hidden.shape) == 2, node, f"x {x.shape}, h {hidden.shape}", "matrices")
    (batch, inputs), cells = x.shape, hidden.shape[1]
    wanted = [(batch, cells), (inputs + cells, 2 * cells), (inputs + cells, cells), (2 * cells,), (cells,)]
    for operand, shape in zip((hidden, w_gates, w, gate_bias, bias), wanted, strict=True):
        require(operand.shape == shape, node, f"an input of shape {operand.shape}", f"{shape} is needed")
        require(operand.dtype == x.dtype, node, f"dtypes {x.dtype} and {operand.dtype}", "equal dtypes")
    return [Spec(x.dtype, (batch, cells))] * 4


def _gru(
    node: Node, x: np.ndarray, hidden: np.ndarray, w_gates: np.ndarray, w: np.ndarray, gate_bias: np.ndarray,
    bias: np.ndarray,
) -> list[np.ndarray]:  # fmt: skip
    """r, u, c and h = u h + (1 - u) c; the reset gate acts on the hidden state before the product."""
    with np.errstate(all="ignore"):
        r, u = np.split(_sigmoid(np.hstack([x, hidden]) @ w_gates + gate_bias), 2, 1)
        c = np.tanh(np.hstack([x, hidden * r]) @ w + bias)
        return [np.ascontiguousarray(r), np.ascontiguousarray(u), c, u * hidden + (1 - u) * c]


@kernel_family("gru_cell")
def gru_cell() -> Iterator[Any]:
    """`_gru` with x's shares of the gates, [batch, 2 cells], and of the candidate, [batch, cells]. The rows of w_gates
    and w that belong to the hidden state begin behind `inputs`. gates [batch, 3 cells] is scratch memory."""
    yield (
        "float32[:] gate_shares, float32[:] shares, float32[:] hidden, float32[:] w_gates, float32[:] w, "
        "float32[:] gate_bias, float32[:] bias, int64 batch, int64 cells, int64 inputs, float32[:] gates, "
        "float32[:] r, float32[:] u, float32[:] c, float32[:] h"
    )
    from edgeload.kernels.simd import scalar_function

    sigmoid, tanh = scalar_function("sigmoid(a0)"), scalar_function("tanh(a0)")

    def run(  # type: ignore[no-untyped-def]
        gate_shares, shares, hidden, w_gates, w, gate_bias, bias, batch, cells, inputs, gates, r, u, c, h, worker,
        workers
    ):  # fmt: skip
        zero = np.float32(0)
        for row in range(batch * worker // workers, batch * (worker + 1) // workers):
            own, at, columns = row * 3 * cells, row * cells, 2 * cells
            for n in range(columns):
                gates[np.uint64(own + n)] = gate_bias[n] + (gate_shares[row * columns + n] if inputs > 0 else zero)
            for n in range(cells):
                gates[np.uint64(own + columns + n)] = bias[n] + (shares[at + n] if inputs > 0 else zero)
            for k in range(cells):
                factor = hidden[at + k]
                for n in range(columns):
                    gates[np.uint64(own + n)] += factor * w_gates[np.uint64((inputs + k) * columns + n)]
            for n in range(cells):
                r[at + n], u[at + n] = sigmoid(gates[own + n]), sigmoid(gates[own + cells + n])
            for k in range(cells):
                factor = hidden[at + k] * r[at + k]
                for n in range(cells):
                    gates[np.uint64(own + columns + n)] += factor * w[np.uint64((inputs + k) * cells + n)]
            for n in range(cells):
                candidate = tanh(gates[own + columns + n])
                c[at + n] = candidate
                h[at + n] = u[at + n] * hidden[at + n] + (np.float32(1) - u[at + n]) * candidate

    yield run


def _lower_gru(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, hidden, w_gates, w, gate_bias, bias = operands
    if x.dtype != _FLOAT32 or 0 in hidden.shape:
        return NotImplemented
    batch, cells = hidden.shape
    gate_shares, shares = _emit_products(node, x, w_gates, emit), _emit_products(node, x, w, emit)
    gates = emit.scratch(_FLOAT32, (batch, 3 * cells))
    emit.kernel(
        "gru_cell", gate_shares, shares, hidden, w_gates, w, gate_bias, bias, batch, cells, x.shape[1], gates, *outputs,
        tiles=batch
    )  # fmt: skip
    return None


register("GRUBlockCell", infer=_infer_gru, reference=_gru, lower=_lower_gru)
