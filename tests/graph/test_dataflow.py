"""TF1's loops and conditions, written as dataflow, become While and If."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError, UnsupportedOpError
from edgeload.graph.branches import all_nodes
from edgeload.graph.importer import import_function, import_graph_def
from edgeload.graph.ir import Graph
from edgeload.graph.regions import CONTROL_FLOW_V1
from edgeload.objects.variables import State, Variable
from tests.graph.interpret import interpret
from tests.graph.test_importer import BOOL, FLOAT, INT, function, graph_def, node

NO_SHAPE = np.array(-1, np.int32)


def number(name: str, value: float | int, *inputs: str) -> Any:
    is_float = isinstance(value, float)
    return node(
        name, "Const", *inputs, value=value if is_float else np.array(value, np.int32), dtype=FLOAT if is_float else INT
    )


def enter(name: str, source: str, dtype: int, is_constant: bool = False, frame: str = "loop") -> Any:
    message = node(name, "Enter", source, T=dtype, is_constant=is_constant)
    message.attr["frame_name"].s = frame.encode()
    return message


def merge(name: str, first: str, second: str, dtype: int) -> Any:
    message = node(name, "Merge", first, second, T=dtype)
    message.attr["N"].i = 2
    return message


def variable(name: str, source: str, dtype: int, next_value: str) -> list[Any]:
    """A loop variable: its value in a turn is `name/now`, behind the loop `name/exit`."""
    return [
        enter(f"{name}/enter", source, dtype),
        merge(f"{name}/merge", f"{name}/enter", f"{name}/next", dtype),
        node(f"{name}/switch", "Switch", f"{name}/merge", "test", T=dtype),
        node(f"{name}/now", "Identity", f"{name}/switch:1", T=dtype),
        node(f"{name}/next", "NextIteration", next_value, T=dtype),
        node(f"{name}/exit", "Exit", f"{name}/switch", T=dtype),
    ]


def doubling() -> list[Any]:
    """x doubled while a count, from 0 in steps of 1, is less than `limit`."""
    return [
        node("x", "Placeholder", dtype=FLOAT), node("limit", "Placeholder", dtype=INT),
        number("zero", 0),
        enter("limit/enter", "limit", INT, True),
        *variable("count", "zero", INT, "count/add"),
        *variable("x", "x", FLOAT, "x/double"),
        node("less", "Less", "count/merge", "limit/enter", T=INT),
        node("test", "LoopCond", "less"),
        number("one", 1, "^count/now"),
        node("count/add", "AddV2", "count/now", "one", T=INT),
        node("x/double", "AddV2", "x/now", "x/now", T=FLOAT),
    ]  # fmt: skip


def condition(*more: Any) -> list[Any]:
    """x + 1 where on is true, else x * 2."""
    return [
        node("x", "Placeholder", dtype=FLOAT), node("on", "Placeholder", dtype=BOOL),
        node("pivot", "Switch", "on", "on", T=BOOL),
        node("on_true", "Identity", "pivot:1", T=BOOL), node("on_false", "Identity", "pivot", T=BOOL),
        node("pred_id", "Identity", "on", T=BOOL),
        node("true/x", "Switch", "x", "pred_id", T=FLOAT), node("false/x", "Switch", "x", "pred_id", T=FLOAT),
        number("one", 1.0, "^on_true"), number("two", 2.0, "^on_false"),
        node("true/add", "AddV2", "true/x:1", "one", T=FLOAT),
        node("false/mul", "Mul", "false/x", "two", T=FLOAT),
        merge("result", "false/mul", "true/add", FLOAT),
        *more,
    ]  # fmt: skip


def imported(nodes: list[Any], feeds: list[str], fetches: list[str], **keywords: Any) -> Graph:
    graph = import_graph_def(graph_def(*nodes), feeds, fetches, {}, **keywords)
    graph.check("imported")
    for part in all_nodes(graph):
        assert part.op not in CONTROL_FLOW_V1
    return graph


@pytest.mark.parametrize(("limit", "factor"), [(0, 1), (1, 2), (5, 32)])
def test_a_loop_becomes_a_while(limit: int, factor: int) -> None:
    graph = imported(doubling(), ["x:0", "limit:0"], ["x/exit:0", "count/exit:0"])
    assert [item.op for item in graph.nodes if item.op == "While"] == ["While"]
    x, count = interpret(graph, [np.float32(3), np.int32(limit)])
    assert (float(x), int(count)) == (3 * factor, limit)


@pytest.mark.parametrize(("on", "want"), [(True, 6.0), (False, 10.0)])
def test_a_condition_becomes_an_if(on: bool, want: float) -> None:
    graph = imported(condition(), ["x:0", "on:0"], ["result:0", "result:1"])
    assert [item.op for item in graph.nodes if item.op == "If"] == ["If"]
    result, side = interpret(graph, [np.float32(5), np.bool_(on)])
    assert (float(result), int(side)) == (want, int(on))


def test_a_condition_in_the_body_of_a_loop() -> None:
    nodes = [item for item in doubling() if item.name != "x/double"]
    nodes += [
        number("two", 2, "^count/now"),
        node("is_late", "GreaterEqual", "count/now", "two", T=INT),
        node("then", "Switch", "x/now", "is_late", T=FLOAT),
        node("then/add", "AddV2", "then:1", "then:1", T=FLOAT),
        node("else/neg", "Neg", "then", T=FLOAT),
        merge("x/double", "else/neg", "then/add", FLOAT),
    ]
    graph = imported(nodes, ["x:0", "limit:0"], ["x/exit:0"])
    (x,) = interpret(graph, [np.float32(3), np.int32(4)])
    assert float(x) == 3 * 4


def test_what_one_side_assigns_is_not_assigned_on_the_other() -> None:
    handle = node("v", "VarHandleOp", dtype=FLOAT)
    handle.attr["shape"].shape.SetInParent()
    assign = node("assign", "AssignVariableOp", "v", "true/x:1", "^on_true", dtype=FLOAT)
    nodes = [item for item in condition(handle, assign) if item.name != "true/add"]
    nodes.append(node("true/add", "AddV2", "true/x:1", "one", "^assign", T=FLOAT))
    graph = imported(nodes, ["x:0", "on:0"], ["result:0"], resource_of=lambda name, op, attrs: object())
    (choice,) = (item for item in graph.nodes if item.op == "If")
    ops = [[item.op for item in branch.nodes] for branch in choice.attrs["branches"]]
    assert "AssignVariableOp" in ops[1] and "AssignVariableOp" not in ops[0]
    assert all(item.op != "AssignVariableOp" for item in graph.nodes)


def test_a_tensor_array_becomes_a_list_without_a_handle() -> None:
    array = node("array", "TensorArrayV3", "limit", dtype=FLOAT)
    array.attr["element_shape"].shape.unknown_rank = True
    gather = node("all", "TensorArrayGatherV3", "array", "range", "flow/exit", dtype=FLOAT)
    nodes = doubling() + [
        array, gather, number("step", 1),
        node("range", "Range", "zero", "limit", "step", Tidx=INT),
        enter("array/enter", "array", 20, True),
        *variable("flow", "array:1", FLOAT, "write"),
        node("write", "TensorArrayWriteV3", "array/enter", "count/now", "x/double", "flow/now", T=FLOAT),
    ]  # fmt: skip
    graph = imported(nodes, ["x:0", "limit:0"], ["all:0"])
    assert "TensorListSetItem" in {item.op for item in all_nodes(graph)}
    (values,) = interpret(graph, [np.float32(1), np.int32(4)])
    assert values.tolist() == [2, 4, 8, 16]


@pytest.mark.parametrize(
    ("dropped", "error"),
    [("test", InvalidGraphError), ("count/enter", InvalidGraphError), ("x/next", InvalidGraphError)],
)
def test_a_loop_that_lacks_a_part_is_refused(dropped: str, error: type[Exception]) -> None:
    nodes = [item if item.name != dropped else node(dropped, "Identity", *item.input, T=INT) for item in doubling()]
    with pytest.raises((error, UnsupportedOpError)):
        imported(nodes, ["x:0", "limit:0"], ["x/exit:0"])


def test_a_value_inside_of_a_loop_cannot_be_fetched() -> None:
    with pytest.raises((InvalidGraphError, UnsupportedOpError)):
        imported(doubling(), ["x:0", "limit:0"], ["x/double:0"])


@pytest.mark.parametrize(("on", "want"), [(True, [6.0]), (False, [])])
def test_one_side_of_a_condition_is_empty_where_it_did_not_run(on: bool, want: list[float]) -> None:
    graph = imported(condition(), ["x:0", "on:0"], ["true/add:0"])
    (found,) = interpret(graph, [np.float32(5), np.bool_(on)])
    assert found.ravel().tolist() == want


@pytest.mark.parametrize(("on", "inner", "want"), [(True, True, [16.0]), (True, False, []), (False, True, [])])
def test_one_side_of_a_condition_inside_of_another(on: bool, inner: bool, want: list[float]) -> None:
    nodes = condition(
        node("inner", "Placeholder", dtype=BOOL),
        node("inner/true", "Switch", "inner", "pred_id", T=BOOL),
        node("deep", "Switch", "true/add", "inner/true:1", T=FLOAT),
        number("ten", 10.0, "^deep"),
        node("deep/add", "AddV2", "deep:1", "ten", T=FLOAT),
    )
    graph = imported(nodes, ["x:0", "on:0", "inner:0"], ["deep/add:0"])
    (found,) = interpret(graph, [np.float32(5), np.bool_(on), np.bool_(inner)])
    assert found.ravel().tolist() == want


def test_a_merge_of_values_that_are_no_two_sides_is_refused() -> None:
    nodes = [item for item in condition() if item.name != "result"] + [merge("result", "true/add", "x", FLOAT)]
    with pytest.raises(InvalidGraphError, match="sides of a condition"):
        imported(nodes, ["x:0", "on:0"], ["result:0"])


def variable_node(name: str, op: str) -> Any:
    message = node(name, op, dtype=FLOAT)
    message.attr["shape"].shape.SetInParent()
    return message


def branch_ops(graph: Graph) -> list[tuple[set[str], set[str]]]:
    """The ops in the branches (false, true) of each If, in running order."""
    choices = [item for item in graph.nodes if item.op == "If"]
    sides = [[{inner.op for inner in branch.nodes} for branch in item.attrs["branches"]] for item in choices]
    return [(false, true) for false, true in sides]


def test_an_assignment_to_a_reference_stays_on_its_side() -> None:
    nodes = condition(
        variable_node("v", "VariableV2"),
        node("v/side", "RefSwitch", "v", "pred_id", T=FLOAT),
        node("assign", "Assign", "v/side:1", "true/x:1", T=FLOAT),
        node("read", "Identity", "v/side:1", "^assign", T=FLOAT),
    )
    nodes = [item for item in nodes if item.name != "true/add"] + [
        node("true/add", "AddV2", "true/x:1", "read", T=FLOAT)
    ]
    graph = imported(nodes, ["x:0", "on:0"], ["result:0"], resource_of=lambda name, op, attrs: object())
    ((false, true),) = branch_ops(graph)
    assert {"AssignVariableOp", "ReadVariableOp"} <= true and not {"AssignVariableOp", "ReadVariableOp"} & false


def test_an_assignment_that_no_merge_ends_runs_on_its_side_only() -> None:
    nodes = condition(
        variable_node("v", "VarHandleOp"),
        node("v/side", "Switch", "v", "pred_id", T=20),
        node("assign", "AssignVariableOp", "v/side:1", "true/x:1", dtype=FLOAT),
    )
    graph = imported(nodes, ["x:0", "on:0"], ["assign"], resource_of=lambda name, op, attrs: object())
    ((false, true),) = branch_ops(graph)
    assert "AssignVariableOp" in true and "AssignVariableOp" not in false
    assert all(item.op != "AssignVariableOp" for item in graph.nodes)


def test_an_assignment_between_two_conditions_on_one_predicate_stays_between_them() -> None:
    def side(number: int, *before: str) -> list[Any]:
        name = f"c{number}"
        return [
            node(f"{name}/pred_id", "Identity", "on", *before, T=BOOL),
            node(f"{name}/v", "Switch", "v", f"{name}/pred_id", T=20),
            node(f"{name}/x", "Switch", "x", f"{name}/pred_id", T=FLOAT),
            node(f"{name}/assign", "AssignAddVariableOp", f"{name}/v:1", f"{name}/x:1", dtype=FLOAT),
            node(f"{name}/true", "Identity", f"{name}/x:1", f"^{name}/assign", T=FLOAT),
            merge(f"{name}/merge", f"{name}/x", f"{name}/true", FLOAT),
        ]

    nodes = [
        node("x", "Placeholder", dtype=FLOAT), node("on", "Placeholder", dtype=BOOL), variable_node("v", "VarHandleOp"),
        *side(1), node("middle", "AssignVariableOp", "v", "x", "^c1/merge", dtype=FLOAT), *side(2, "^middle"),
    ]  # fmt: skip
    graph = imported(nodes, ["x:0", "on:0"], ["c1/merge:0", "c2/merge:0"], resource_of=lambda name, op, attrs: object())
    effects = [item.op for item in graph.nodes if item.op in ("If", "AssignVariableOp")]
    assert effects == ["If", "AssignVariableOp", "If"]


def test_a_reference_in_a_loop_that_is_not_whole_is_refused() -> None:
    nodes = condition(
        variable_node("v", "VariableV2"),
        node("bad", "RefNextIteration", "v", T=FLOAT),
        node("end", "Identity", "bad", T=FLOAT),
    )
    with pytest.raises(UnsupportedOpError, match="NextIteration node 'bad' belongs to no loop"):
        imported(nodes, ["x:0", "on:0"], ["end:0"])


def counting_reference(next_value: str) -> list[Any]:
    """A loop of two turns through which the reference v goes."""
    frame = {"T": FLOAT}
    return [
        variable_node("v", "VariableV2"), number("by", 2.5), number("zero", 0), number("limit", 2),
        *variable("count", "zero", INT, "count/add"), enter("limit/enter", "limit", INT, True),
        enter("by/enter", "by", FLOAT, True),
        node("less", "Less", "count/merge", "limit/enter", T=INT), node("test", "LoopCond", "less"),
        number("one", 1, "^count/now"), node("count/add", "AddV2", "count/now", "one", "^v/next", T=INT),
        _as_reference(enter("v/enter", "v", FLOAT)), _as_reference(merge("v/merge", "v/enter", "v/next", FLOAT)),
        node("v/switch", "RefSwitch", "v/merge", "test", **frame),
        node("v/add", "AssignAdd", "v/switch:1", "by/enter", **frame),
        node("v/now", "RefIdentity", "v/switch:1", **frame),
        node("v/next", "RefNextIteration", next_value, **frame), node("v/exit", "RefExit", "v/switch", **frame),
        node("after", "Identity", "v/exit", **frame),
    ]  # fmt: skip


def _as_reference(message: Any) -> Any:
    message.op = f"Ref{message.op}"
    return message


def float_variable(name: str, value: float) -> Variable:
    return Variable(name, np.dtype(np.float32), (), state=State(), read=lambda: np.array(value, np.float32))


@pytest.mark.parametrize(("next_value", "want"), [("v/add", 6.0), ("v/now", 1.0)])
def test_a_reference_goes_through_a_loop(next_value: str, want: float) -> None:
    v = float_variable("v", 1.0)
    graph = imported(counting_reference(next_value), [], ["after:0"], resource_of=lambda name, op, attrs: v)
    (after,) = interpret(graph, [])
    assert (float(after), float(v)) == (want, want)


@pytest.mark.parametrize(("on", "want"), [(True, (15.0, 2.0, 15.0)), (False, (1.0, 7.0, 7.0))])
def test_a_merge_of_references_to_two_variables_is_assigned(on: bool, want: tuple[float, ...]) -> None:
    variables = {"v": float_variable("v", 1.0), "w": float_variable("w", 2.0)}
    nodes = [
        node("x", "Placeholder", dtype=FLOAT), node("on", "Placeholder", dtype=BOOL),
        variable_node("v", "VariableV2"), variable_node("w", "VariableV2"),
        node("v/side", "RefSwitch", "v", "on", T=FLOAT), node("w/side", "RefSwitch", "w", "on", T=FLOAT),
        number("ten", 14.0), node("both", "AssignAdd", "v/side:1", "ten", T=FLOAT),
        _as_reference(merge("chosen", "w/side", "both", FLOAT)),
        node("add", "AssignAdd", "chosen", "x", T=FLOAT), node("after", "Identity", "add", T=FLOAT),
    ]  # fmt: skip
    graph = imported(nodes, ["x:0", "on:0"], ["after:0"], resource_of=lambda name, op, attrs: variables[name])
    (after,) = interpret(graph, [np.float32(0.0 if on else 5.0), np.bool_(on)])
    assert (float(variables["v"]), float(variables["w"]), float(after)) == want


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_selected_reference_is_assigned(index: int) -> None:
    variables = {name: float_variable(name, 0.0) for name in "abc"}
    select = node("chosen", "RefSelect", "index", *variables, T=FLOAT)
    select.attr["N"].i = 3
    nodes = [node("x", "Placeholder", dtype=FLOAT), node("index", "Placeholder", dtype=INT)]
    nodes += [variable_node(name, "VariableV2") for name in variables]
    nodes += [select, node("add", "AssignAdd", "chosen", "x", T=FLOAT)]
    graph = imported(nodes, ["x:0", "index:0"], ["add"], resource_of=lambda name, op, attrs: variables[name])
    interpret(graph, [np.float32(4), np.int32(index)])
    assert [float(one) for one in variables.values()] == [4.0 * (number == index) for number in range(3)]


def test_dataflow_in_a_function_becomes_an_if() -> None:
    choose = function(
        "choose", {"x": FLOAT, "on": BOOL}, {"y": (FLOAT, "merge:output:0"), "side": (INT, "merge:value_index:0")},
        node("switch", "Switch", "x", "on", T=FLOAT),
        node("twice", "AddV2", "switch:output_true:0", "switch:output_true:0", T=FLOAT),
        merge("merge", "switch:output_false:0", "twice:z:0", FLOAT),
    )  # fmt: skip
    graph = import_function({"choose": choose}, "choose", [])
    graph.check("imported")
    assert [item.op for item in graph.nodes if item.op in CONTROL_FLOW_V1] == []
    for on in (False, True):
        y, side = interpret(graph, [np.float32(3), np.bool_(on)])
        assert (float(y), int(side)) == (6.0 if on else 3.0, int(on))
