"""Programs: Python steps between native ones, variables, errors, several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edgeload.errors import EdgeloadError, ExecutionError
from edgeload.graph.ir import Graph
from edgeload.objects.variables import State, Variable
from edgeload.plan.plan import HostStep, KernelStep
from edgeload.program import Program
from tests.plan.build import FLOAT, Build, program
from tests.plan.test_specialise import keep_positive, reshape_to_input

INT = np.dtype(np.int32)


def counter(variable: Variable) -> Graph:
    """before = v; v += x; between = v; v -= 1; after = v"""
    build = Build()
    x, handle = build.input(), build.variable(variable)
    before = build.op("ReadVariableOp", handle, dtype=np.dtype(np.float32))
    build.op("AssignAddVariableOp", handle, x)
    between = build.op("ReadVariableOp", handle, dtype=np.dtype(np.float32))
    build.op("AssignSubVariableOp", handle, build.const([1, 1, 1]))
    after = build.op("ReadVariableOp", handle, dtype=np.dtype(np.float32))
    return build.returns(before, between, after)


def double(variable: Variable) -> Graph:
    """v + v"""
    build = Build()
    value = build.op("ReadVariableOp", build.variable(variable), dtype=np.dtype(np.float32))
    return build.returns(build.op("AddV2", value, value))


def a_variable() -> Variable:
    return Variable("count", np.dtype(np.float32), (3,), state=State(), read=lambda: np.zeros(3, np.float32))


def test_a_host_step_between_native_steps() -> None:
    build = Build()
    x = build.input(np.float32)
    inverse = build.op("MatrixInverse", build.op("Sub", x, build.const(1, np.float32)))
    run = program(build.returns(build.op("Mul", inverse, build.const(10, np.float32))))
    for matrix in ([[3, 1], [2, 5]], [[0.5, 2], [3, 4]]):
        (found,) = run.run([np.array(matrix, np.float32)])
        np.testing.assert_allclose(found, 10 * np.linalg.inv(np.array(matrix) - 1), rtol=1e-5)
    assert [type(step) for step in run.plan.steps] == [KernelStep, HostStep, KernelStep]


def test_reads_and_assignments_keep_their_order() -> None:
    variable = a_variable()
    run = program(counter(variable))
    x = np.array([5, 6, 7], np.float32)
    for call in range(3):
        before, between, after = run.run([x])
        np.testing.assert_array_equal(before, call * (x - 1))
        np.testing.assert_array_equal(between, before + x)
        np.testing.assert_array_equal(after, between - 1)
        np.testing.assert_array_equal(variable.numpy(), after)


def test_a_call_that_assigns_a_variable_is_planned_once() -> None:
    run = program(counter(a_variable()))
    run.run([np.ones(3, np.float32)])
    plan = run.plan
    run.run([np.ones(3, np.float32)])
    assert run.plan is plan


def test_an_assignment_from_outside_is_seen_by_the_next_call() -> None:
    variable = a_variable()
    run = program(counter(variable))
    run.run([np.ones(3, np.float32)])
    variable.assign([10, 20, 30])
    np.testing.assert_array_equal(run.run([np.zeros(3, np.float32)])[0], [10, 20, 30])


def test_a_program_that_only_reads_sees_what_another_one_assigns() -> None:
    variable = a_variable()
    reader, writer = Program("reader", lambda: double(variable)), program(counter(variable))
    two = np.array([2, 2, 2], np.float32)
    np.testing.assert_array_equal(reader.run([])[0], [0, 0, 0])
    for call in (1, 2, 3):
        writer.run([two])
        np.testing.assert_array_equal(reader.run([])[0], [2 * call] * 3)


def test_an_assignment_inside_a_branch_is_seen_by_others() -> None:
    variable = a_variable()
    add, leave = Build("add"), Build("leave")
    for branch in (leave, add):
        handle, x = branch.handle(), branch.input()
        if branch is add:
            branch.op("AssignAddVariableOp", handle, x)
        branch.returns(branch.op("Neg", x))
    build = Build()
    is_added, x, handle = build.input(bool), build.input(), build.variable(variable)
    graph = build.returns(*build.control("If", is_added, handle, x, branches=[leave.graph, add.graph]))
    reader, writer = Program("reader", lambda: double(variable)), program(graph)
    one = np.ones(3, np.float32)
    np.testing.assert_array_equal(reader.run([])[0], [0, 0, 0])
    for added, total in ((True, 1), (False, 1), (True, 2)):
        np.testing.assert_array_equal(writer.run([np.array(added), one])[0], -one)
        np.testing.assert_array_equal(reader.run([])[0], [2 * total] * 3)


def test_an_assignment_behind_a_stages_end_is_seen_by_others() -> None:
    variable = a_variable()
    build = Build()
    x, handle = build.input(), build.variable(variable)
    positive = build.op("GatherNd", x, build.op("Where", build.op("Greater", x, build.const(0))))
    total = build.op("Sum", positive, build.const([0], INT), Tidx=INT, keep_dims=True)
    build.op("AssignAddVariableOp", handle, build.op("Mul", total, build.const([1, 2, 3])))
    value = build.op("ReadVariableOp", handle, dtype=np.dtype(np.float32))
    run = program(build.returns(value))
    version = variable.version
    np.testing.assert_array_equal(run.run([np.array([1, -5, 2], np.float32)])[0], [3, 6, 9])
    assert variable.version > version
    np.testing.assert_array_equal(run.run([np.array([1, 1, 1], np.float32)])[0], [6, 12, 18])
    np.testing.assert_array_equal(variable.numpy(), [6, 12, 18])


def test_a_kernels_error_names_the_node_and_the_next_call_works() -> None:
    build = Build()
    x, at = build.input(), build.input(INT)
    run = program(build.returns(build.op("GatherV2", x, at, build.const(0, INT), Taxis=INT)))
    name = run._import_graph().nodes[-1].name
    x_value = np.arange(4, dtype=np.float32)
    with pytest.raises(ExecutionError, match=rf"{name}.*range") as caught:
        run.run([x_value, np.array([1, 4], INT)])
    assert isinstance(caught.value, ValueError)
    np.testing.assert_array_equal(run.run([x_value, np.array([1, 3], INT)])[0], [1, 3])


def test_more_memory_than_the_machine_has_is_refused() -> None:
    build = Build()
    huge = build.op("BroadcastTo", build.input(), build.const([1 << 20, 1 << 24], np.int64), Tidx=np.dtype(np.int64))
    run = program(build.returns(build.op("Sum", huge, build.const([0, 1], INT), Tidx=INT, keep_dims=False)))
    with pytest.raises(ExecutionError, match="GiB"):
        run.run([np.ones((1, 1), np.float32)])


def test_a_plan_before_the_first_call_says_what_to_do() -> None:
    with pytest.raises(EdgeloadError, match="Call it once"):
        _ = program(counter(a_variable())).plan


def test_outputs_are_fresh_and_inputs_stay_as_they_were() -> None:
    build = Build()
    x = build.input()
    run = program(build.returns(build.op("Reshape", x, build.const([-1], INT)), build.op("Tanh", x)))
    value = np.ones((2, 3), np.float32)
    view, tanh = run.run([value])
    assert not np.shares_memory(view, value)
    view[:] = 7
    assert value.sum() == 6
    np.testing.assert_array_equal(run.run([value])[1], tanh)


def test_only_some_plans_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeload.program._SMALL_PLANS_NBYTES", 0)
    build = Build()
    run = program(build.returns(build.op("Sigmoid", build.input())))
    for rows in range(1, 20):
        x = np.full((rows, 2), rows, np.float32)
        np.testing.assert_allclose(run.run([x])[0], 1 / (1 + np.exp(-x)), rtol=1e-6)
    assert len(run._plans) <= 8


def test_small_plans_are_all_kept() -> None:
    """A loop that makes a sequence longer needs one plan for each length, at every call again."""
    build = Build()
    run = program(build.returns(build.op("Sigmoid", build.input())))
    lengths = [np.zeros(length, np.float32) for length in range(1, 30)]
    plans = []
    for x in lengths + lengths:
        run.run([x])
        plans.append(run.plan)
    assert plans[: len(lengths)] == plans[len(lengths) :]
    assert len({id(plan) for plan in plans}) == len(lengths)


def test_a_slice_of_a_variable_is_assigned_where_the_model_says() -> None:
    start = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    for end_shape, index in (((2, 3), 2), ((), -1)):
        variable = Variable("rows", FLOAT, (2, 4, 3), state=State(), read=lambda: start.copy())
        build = Build()
        value, place, handle = build.input(), build.input(INT), build.variable(variable)
        begin = build.op("Pack", build.const(0, INT), place, N=2, axis=0)
        end = build.op("Pack", build.const(0, INT), build.op("AddV2", place, build.const(1, INT)), N=2, axis=0)
        masks = {"begin_mask": 1, "end_mask": 1, "shrink_axis_mask": 2}
        build.op("ResourceStridedSliceAssign", handle, begin, end, build.const([1, 1], INT), value, **masks)
        run = program(build.returns(build.op("ReadVariableOp", handle, dtype=FLOAT)))
        x = np.full(end_shape, 7, np.float32)
        expected = start.copy()
        expected[:, index] = x
        np.testing.assert_array_equal(run.run([x, np.array(index, INT)])[0], expected)
        np.testing.assert_array_equal(variable.numpy(), expected)
        assert all(isinstance(step, KernelStep) for step in run.plan.steps)
        with pytest.raises(ExecutionError, match="a slice index is out of bounds"):
            run.run([x, np.array(4, INT)])


def test_an_assertion_that_is_known_to_hold_is_no_step() -> None:
    build = Build()
    x = build.input()
    rank = build.op("Equal", build.op("Rank", x), build.const(2, INT))
    build.op("Assert", rank, build.const([b"two dimensions"], object), T=[np.dtype(object)])
    run = program(build.returns(build.op("Exp", x)))
    run.run([np.ones((2, 3), np.float32)])
    assert [type(step) for step in run.plan.steps] == [KernelStep]
    with pytest.raises(ExecutionError, match="two dimensions"):
        run.run([np.ones(3, np.float32)])


def test_two_threads_get_their_own_answers() -> None:
    build = Build()
    weights = np.random.default_rng(0).normal(size=(40, 24)).astype(np.float32)
    hidden = build.op("Tanh", build.op("MatMul", build.input(), build.const(weights)))
    run = program(build.returns(build.op("MatMul", hidden, build.const(weights.T))))

    def call(seed: int) -> None:
        random = np.random.default_rng(seed)
        for turn in range(50):
            x = random.normal(size=(1 + (seed + turn) % 5, 40)).astype(np.float32)
            (found,) = run.run([x])
            np.testing.assert_allclose(found, np.tanh(x @ weights) @ weights.T, rtol=1e-4, atol=1e-4)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(call, range(2)))


def test_two_threads_run_stages_of_different_sizes() -> None:
    positive, reshaped = program(keep_positive()), program(reshape_to_input())

    def call(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(50):
            x = random.normal(size=12).astype(np.float32)
            np.testing.assert_allclose(positive.run([x])[0], np.exp(x[x > 0]), rtol=1e-6)
            rows = int(random.choice([1, 2, 3, 4, 6, 12]))
            (found,) = reshaped.run([x, np.array([rows, -1], INT)])
            np.testing.assert_allclose(found, 1 / (1 + np.exp(-x.reshape(rows, -1))), rtol=1e-6)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(call, range(2)))


def test_a_stream_of_random_numbers_goes_on_for_other_shapes_and_ends_with_its_program() -> None:
    def made() -> Program:
        build = Build()
        return program(build.returns(build.op("RandomUniform", build.input(INT), seed=7, seed2=3, dtype=FLOAT)))

    def drawn(run: Program, count: int) -> list[float]:
        return run.run([np.array([count], INT)])[0].tolist()

    first, second = made(), made()
    start = drawn(first, 3)
    assert drawn(first, 2) != start[:2]
    assert drawn(second, 3) == start
    drawn(second, 2)
    assert drawn(first, 4) == drawn(second, 4)
