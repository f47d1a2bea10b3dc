"""Products of list elements in loops, as they come out of the passes and of a plan."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.dtypes import VARIANT
from edgeload.graph.ir import Graph, Tensor
from edgeload.passes import hoist_projections as module
from edgeload.plan.plan import KernelStep, LoopStep, walk
from edgeload.program import Program
from tests.plan.build import FLOAT, Build, program

INT = np.dtype(np.int32)
STEPS, ROWS, COLS, UNITS = 5, 2, 3, 7
_random = np.random.default_rng(3)
X = _random.standard_normal((STEPS, ROWS, COLS)).astype(np.float32)
W = _random.standard_normal((COLS, UNITS)).astype(np.float32)
U = _random.standard_normal((UNITS, UNITS)).astype(np.float32) / 4
BIAS = _random.standard_normal(UNITS).astype(np.float32)


def list_input(build: Build) -> Tensor:
    tensor = build.input()
    tensor.dtype = VARIANT
    return tensor


def recurrent_net(writes_items: bool = False) -> Graph:
    """h = tanh(x[i] W + bias + h U) for all i; with `writes_items` the body writes into the list it reads."""
    cond = Build("cond")
    step = cond.input(INT)
    cond.input()
    list_input(cond)
    cond.returns(cond.op("Less", step, cond.const(STEPS, INT)))
    body = Build("body")
    step, state, items = body.input(INT), body.input(), list_input(body)
    item = body.op("TensorListGetItem", items, step, body.const(-1, INT), element_dtype=FLOAT)
    own = body.op("BiasAdd", body.op("MatMul", item, body.const(W)), body.const(BIAS))
    after = body.op("Tanh", body.op("AddV2", own, body.op("MatMul", state, body.const(U))))
    left = body.op("TensorListSetItem", items, step, item, element_dtype=FLOAT) if writes_items else items
    body.returns(body.op("AddV2", step, body.const(1, INT)), after, left)
    build = Build()
    items = build.op("TensorListFromTensor", build.input(), build.const(-1, INT), element_dtype=FLOAT, shape_type=INT)
    outputs = build.control(
        "StatelessWhile", build.const(0, INT), build.const(np.zeros((ROWS, UNITS))), items,
        cond=cond.graph, body=body.graph,
    )  # fmt: skip
    return build.returns(outputs[1])


def expected() -> np.ndarray:
    state = np.zeros((ROWS, UNITS))
    for x in X:
        state = np.tanh(x @ W + BIAS + state @ U)
    return state


def products(run: Program) -> tuple[int, int]:
    """In front of the loop, and in its body."""
    (loop,) = (step for step in run.plan.steps if isinstance(step, LoopStep))
    counts = [
        sum(step.kernel.startswith("conv2d") for step in steps if isinstance(step, KernelStep))
        for steps in (run.plan.steps, walk(loop.body))
    ]
    return counts[0], counts[1]


def test_the_inputs_of_all_steps_are_multiplied_in_front_of_the_loop() -> None:
    run = program(recurrent_net())
    for _ in range(2):
        np.testing.assert_allclose(run.run([X])[0], expected(), rtol=1e-5, atol=1e-6)
    assert products(run) == (1, 1)


def test_a_list_that_the_loop_writes_is_multiplied_in_the_loop() -> None:
    run = program(recurrent_net(writes_items=True))
    np.testing.assert_allclose(run.run([X])[0], expected(), rtol=1e-5, atol=1e-6)
    assert products(run) == (0, 2)


def test_products_that_would_take_much_memory_stay_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_NBYTES", STEPS * ROWS * UNITS * 4 - 1)
    run = program(recurrent_net())
    np.testing.assert_allclose(run.run([X])[0], expected(), rtol=1e-5, atol=1e-6)
    assert products(run) == (0, 2)


def test_every_number_of_steps_has_a_loop_of_its_own() -> None:
    run = program(recurrent_net())
    run.run([X])
    longer = np.concatenate([X, X])
    np.testing.assert_allclose(run.run([longer])[0], expected(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run.run([X])[0], expected(), rtol=1e-5, atol=1e-6)
