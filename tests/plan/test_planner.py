"""Memory in plans: what shares it, how long it lives, what is packed once."""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Graph, Tensor
from edgeload.plan.arena import align
from edgeload.plan.store import Store
from tests.plan.build import Build, kernel_steps, places, planned

SHAPE = (4, 33)
ONE_BUFFER = align(4 * 33 * 4)  # bytes of a float32[4,33] in the arena


def test_a_view_is_its_sources_memory() -> None:
    build = Build()
    x = build.input()
    plan = planned(build.returns(build.op("Reshape", build.op("Sigmoid", x), build.const([-1], np.int32))), SHAPE)
    (step,) = kernel_steps(plan)
    assert plan.outputs[0].at == places(step)[-1][1]
    assert plan.outputs[0].shape == (132,)


def test_a_view_of_an_input_needs_no_step() -> None:
    build = Build()
    plan = planned(build.returns(build.op("Reshape", build.input(), build.const([33, 4], np.int32))), SHAPE)
    assert plan.steps == ()
    assert plan.inputs[0] is not None and plan.inputs[0].at == plan.outputs[0].at


def test_an_output_takes_over_the_memory_of_an_operand_that_dies() -> None:
    build = Build()
    plan = planned(build.returns(build.op("Tanh", build.op("Sigmoid", build.input()))), SHAPE)
    assert plan.arena_nbytes == plan.bound_nbytes == ONE_BUFFER


def test_an_operand_that_is_read_later_keeps_its_memory() -> None:
    build = Build()
    first = build.op("Sigmoid", build.input())
    plan = planned(build.returns(build.op("AddV2", first, build.op("Tanh", first))), SHAPE)
    _, tanh, add = kernel_steps(plan)
    assert places(tanh)[0] != places(tanh)[1]
    assert plan.arena_nbytes == 2 * ONE_BUFFER
    assert places(add)[2] in places(add)[:2]


def test_an_operand_whose_view_is_read_later_keeps_its_memory() -> None:
    build = Build()
    first = build.op("Sigmoid", build.input())
    view = build.op("Reshape", first, build.const([-1], np.int32))
    plan = planned(build.returns(build.op("Tanh", first), build.op("Exp", view)), SHAPE)
    tanh = kernel_steps(plan)[1]
    assert places(tanh)[0] != places(tanh)[1]


def test_an_operand_that_is_a_graph_output_keeps_its_memory() -> None:
    build = Build()
    first = build.op("Sigmoid", build.input())
    plan = planned(build.returns(first, build.op("Tanh", first)), SHAPE)
    assert plan.outputs[0].at != plan.outputs[1].at


def test_an_operand_that_the_node_reads_twice_keeps_its_memory() -> None:
    build = Build()
    first = build.op("Sigmoid", build.input())
    plan = planned(build.returns(build.op("Mul", first, first)), SHAPE)
    mul = kernel_steps(plan)[1]
    assert places(mul)[-1] not in places(mul)[:-1]


def test_an_output_larger_than_the_operand_has_its_own_memory() -> None:
    build = Build()
    row, x = build.op("Sigmoid", build.input()), build.input()
    plan = planned(build.returns(build.op("AddV2", row, build.op("Tanh", x)), x), (33,), SHAPE)
    add = kernel_steps(plan)[-1]
    assert places(add)[-1] != places(add)[0]


def test_two_tensors_that_live_at_different_times_share_memory() -> None:
    build = Build()
    tensor = build.input()
    for perm in ([1, 0], [1, 0], [1, 0]):
        tensor = build.op("Transpose", tensor, build.const(perm, np.int32))
    assert planned(build.returns(tensor), SHAPE).arena_nbytes == 2 * ONE_BUFFER


def test_scratch_lives_only_during_its_node() -> None:
    plan = planned(two_products(), (8, 40))
    steps_of = {
        node: [index for index, step in enumerate(plan.steps) if step.node == node]
        for node in {step.node for step in plan.steps}
    }
    scratches = [occupant for occupant in plan.occupants if occupant.name.endswith("/scratch")]
    assert len(scratches) >= 2
    for scratch in scratches:
        own = steps_of[scratch.name.removesuffix("/scratch")]
        assert own[0] <= scratch.first and scratch.last == own[-1]


def test_constants_are_packed_once_for_all_batch_sizes() -> None:
    graph, store = two_products(), Store()
    first = planned(graph, (64, 40), store=store)
    packed = len(store.constants)
    second = planned(graph, (128, 40), store=store)
    assert constants_of(first) == constants_of(second)
    assert len(store.constants) == packed


def test_an_unused_input_has_no_place() -> None:
    build = Build()
    build.input()
    plan = planned(build.returns(build.op("Sigmoid", build.input())), SHAPE, SHAPE)
    assert plan.inputs[0] is None and plan.inputs[1] is not None


def test_planning_twice_gives_equal_plans_and_equal_prints() -> None:
    first, second = (planned(two_products(), (8, 40)) for _ in range(2))
    assert first == second
    assert str(first) == str(second)


def test_buffers_that_are_alive_together_do_not_overlap() -> None:
    plan = planned(two_products(), (8, 40))
    for one in plan.occupants:
        for other in plan.occupants:
            if one is not other and one.first <= other.last and other.first <= one.last:
                assert one.offset + one.nbytes <= other.offset or other.offset + other.nbytes <= one.offset


def two_products() -> Graph:
    """tanh(x @ a) @ b"""
    build = Build()
    random = np.random.default_rng(0)

    def weights(rows: int, cols: int) -> Tensor:
        return build.const(random.normal(size=(rows, cols)))

    hidden = build.op("Tanh", build.op("MatMul", build.input(), weights(40, 24)))
    return build.returns(build.op("MatMul", hidden, weights(24, 16)))


def constants_of(plan: object) -> list[tuple[str, int]]:
    steps = kernel_steps(plan)  # type: ignore[arg-type]
    return [place for step in steps for place in places(step) if place[0] == "constant"]


def test_the_parts_of_a_split_are_its_sources_memory() -> None:
    build = Build()
    first, second = split(build, build.op("Sigmoid", build.input()), axis=0)
    plan = planned(build.returns(build.op("Tanh", first), build.op("Exp", second)), SHAPE)
    sigmoid, tanh, exp = kernel_steps(plan)
    at = places(sigmoid)[-1][1]
    assert [places(tanh)[0][1], places(exp)[0][1]] == [at, at + 2 * 33 * 4]
    assert places(tanh)[1] != places(tanh)[0]  # a part's memory is not taken over


def test_parts_that_are_not_contiguous_are_copied() -> None:
    build = Build()
    first, second = split(build, build.op("Sigmoid", build.input()), axis=1)
    plan = planned(build.returns(build.op("Tanh", first), build.op("Exp", second)), (4, 34))
    assert sum(step.kernel.startswith("copy") for step in kernel_steps(plan)) == 2


def test_a_tensor_whose_part_is_read_later_keeps_its_memory() -> None:
    build = Build()
    whole = build.op("Sigmoid", build.input())
    _, second = split(build, whole, axis=0)
    plan = planned(build.returns(build.op("Tanh", whole), build.op("Exp", second)), SHAPE)
    tanh = kernel_steps(plan)[1]
    assert places(tanh)[0] != places(tanh)[1]


def split(build: Build, tensor: Tensor, axis: int) -> list[Tensor]:
    """Two halves."""
    first = build.op("Split", build.const(axis, np.int32), tensor, num_split=2)
    return [first, first.node.add_output(first.dtype)]
