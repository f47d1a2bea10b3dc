"""Variables, identities, constants, common nodes, branches."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE, VARIANT
from edgeload.graph.branches import bind_branch_inputs
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.passes.eliminate_common import eliminate_common
from edgeload.passes.fold_constants import fold_constants
from edgeload.passes.freeze_variables import freeze_variables
from edgeload.passes.pipeline import PROGRAM_PASSES, run
from edgeload.passes.remove_identities import remove_identities
from tests.graph.interpret import interpret
from tests.passes.build import FLOAT, Build, apply


class FakeVariable:
    def __init__(self, is_mutable: bool = False) -> None:
        self.array = np.arange(6, dtype=np.float32).reshape(3, 2)
        self.shape, self.dtype = self.array.shape, self.array.dtype
        self.is_mutable = is_mutable
        self.has_value = True
        self.key = self.name = "v"


def resource(b: Build, variable: Any) -> Tensor:
    node = Node("_Resource", f"resource_{len(b.graph.nodes)}", attrs={"resource": variable})
    b.graph.nodes.append(node)
    return node.add_output(RESOURCE, ())


def read(b: Build, handle: Tensor) -> Tensor:
    node = Node("ReadVariableOp", f"read_{len(b.graph.nodes)}", [handle], {"dtype": FLOAT})
    b.graph.nodes.append(node)
    return node.add_output(FLOAT, (3, 2))


def test_reads_of_a_variable_become_one_constant() -> None:
    b = Build()
    handle = resource(b, FakeVariable())
    b.returns(b.op("AddV2", read(b, handle), read(b, handle)))
    assert apply(b, freeze_variables) == (2, {"AddV2": 1})


def test_gather_from_a_variable_becomes_a_gather_from_a_constant() -> None:
    b = Build()
    handle = resource(b, FakeVariable())
    node = Node("ResourceGather", "gather", [handle, b.const([2, 0], np.int32)], {"batch_dims": 0, "dtype": FLOAT})
    b.graph.nodes.append(node)
    b.returns(node.add_output(FLOAT, (2, 2)))
    assert apply(b, freeze_variables) == (1, {"GatherV2": 1})


def test_mutable_and_assigned_variables_are_read_each_time() -> None:
    b = Build()
    b.returns(read(b, resource(b, FakeVariable(is_mutable=True))))
    assert freeze_variables(b.graph) == 0
    b = Build()
    handle = resource(b, FakeVariable())
    b.returns(read(b, handle))
    b.graph.nodes.append(Node("AssignVariableOp", "assign", [handle, b.const(np.zeros((3, 2)))], {"dtype": FLOAT}))
    assert freeze_variables(b.graph) == 0


def test_identities_and_factors_of_one_go_away() -> None:
    b = Build()
    x = b.op("Identity", b.op("Mul", b.const(1.0), b.op("StopGradient", b.input(2, 3))))
    b.returns(b.op("Relu", b.op("Transpose", x, b.const([0, 1], np.int32))), x)
    assert apply(b, remove_identities) == (4, {"Relu": 1})


def test_factor_of_one_that_broadcasts_and_real_transposes_stay() -> None:
    b = Build()
    x = b.op("Mul", b.input(2, 1), b.const(np.ones((1, 4))))
    b.returns(b.op("Transpose", x, b.const([1, 0], np.int32)))
    assert apply(b, remove_identities)[0] == 0


def test_constants_fold_through_several_nodes() -> None:
    b = Build()
    a = b.op("Mul", b.const([1.0, 2.0]), b.const(3.0))
    b.returns(b.op("AddV2", b.input(2), b.op("Reshape", a, b.const([2], np.int32))))
    assert apply(b, fold_constants) == (2, {"AddV2": 1})


def test_a_folded_list_of_known_elements_is_an_array() -> None:
    b = Build()
    shape, count = b.const([3, 5], np.int32), b.const(2, np.int32)
    items = b.op("TensorListReserve", shape, count, element_dtype=FLOAT, shape_type=np.dtype(np.int32))
    items.dtype = VARIANT  # as the importer knows it
    b.graph.outputs = [items]
    assert fold_constants(b.graph) == 1
    assert (b.graph.outputs[0].dtype, b.graph.outputs[0].shape) == (FLOAT, (2, 3, 5))


def test_large_fill_is_not_folded() -> None:
    b = Build()
    b.returns(b.op("Fill", b.const([1 << 12, 1 << 12], np.int32), b.const(1.0), T=FLOAT))
    assert fold_constants(b.graph) == 0


def test_node_that_contradicts_its_definition_stays_for_when_it_runs() -> None:
    b = Build()
    node = Node("AddV2", "bad", [b.const([1.0, 2.0]), b.const([1.0, 2.0, 3.0])], {"T": FLOAT})
    b.graph.nodes.append(node)
    b.returns(node.add_output(FLOAT))
    assert fold_constants(b.graph) == 0


def test_equal_nodes_become_one_and_different_attributes_do_not() -> None:
    b = Build()
    x = b.input(2, 3)
    same = b.op("AddV2", b.op("Relu", x), b.op("Relu", x))
    left = b.op("Mean", x, b.const(1, np.int32), keep_dims=True) if _has("Mean") else same
    right = b.op("Mean", x, b.const(1, np.int32), keep_dims=False) if _has("Mean") else same
    b.returns(same, left, right)
    assert apply(b, eliminate_common)[1]["Relu"] == 1


def _has(op: str) -> bool:
    from edgeload.kernels import registry

    return registry.find(op) is not None


def test_negative_zero_and_zero_are_different_constants() -> None:
    b = Build()
    x = b.input(2)
    b.returns(b.op("Mul", x, b.const(0.0)), b.op("Mul", x, b.const(-0.0)))
    assert apply(b, eliminate_common)[1] == {"Mul": 2}


def loop() -> Build:
    """while i < 3: x = x * w; i = i + 1, with w passed through."""
    b = Build()
    x, start = b.input(2), b.const(0.0)
    cond, body = Build(), Build()
    i, _, _ = cond.input(), cond.input(2), cond.input()
    cond.returns(cond.op("Less", i, cond.const(3.0)))
    i, y, w = body.input(), body.input(2), body.input()
    body.returns(body.op("AddV2", i, body.const(1.0)), body.op("Mul", y, w), body.op("Identity", w))
    factor = b.const(2.0)
    node = Node("While", "while", [start, x, factor], {"cond": cond.graph, "body": body.graph, "T": [FLOAT] * 3})
    b.graph.nodes.append(node)
    for tensor in (start, x, factor):
        node.add_output(FLOAT, tensor.shape)
    return b.returns(*node.outputs)


def test_loop_invariant_constants_move_into_the_loop() -> None:
    b = loop()
    assert apply(b, bind_branch_inputs) == (1, {"While": 1})
    (node,) = (node for node in b.graph.nodes if node.op == "While")
    assert len(node.inputs) == len(node.outputs) == len(node.attrs["body"].outputs) == 2


def test_all_program_passes_keep_a_loop() -> None:
    b = loop()
    before = interpret(b.graph, b.arrays)
    run(b.graph, PROGRAM_PASSES, check=True)
    for expected, found in zip(before, interpret(b.graph, b.arrays), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_constants_move_into_branches() -> None:
    b = Build()
    condition, x = b.input(dtype=bool), b.input(2)

    def branch(op: str) -> Graph:
        inner = Build()
        y, w = inner.input(2), inner.input()
        return inner.returns(inner.op(op, y, w)).graph

    node = Node("If", "if", [condition, x, b.const(2.0)], {"branches": [branch("AddV2"), branch("Mul")]})
    b.graph.nodes.append(node)
    b.returns(node.add_output(FLOAT, (2,)))
    assert apply(b, bind_branch_inputs) == (1, {"If": 1})
    assert len(node.inputs) == 2
