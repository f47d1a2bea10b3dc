"""FunctionDefs and GraphDefs as Graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError, UnsupportedOpError
from edgeload.graph import importer
from edgeload.graph.importer import import_function, import_graph_def
from edgeload.graph.ir import Graph
from edgeload.graph.support import missing_ops, require_supported
from edgeload.savedmodel import protos
from tests.graph.interpret import interpret

FLOAT, INT, BOOL, RESOURCE = 1, 3, 10, 20


def set_attr(attr: Any, value: Any) -> None:
    if isinstance(value, bool):
        attr.b = value
    elif isinstance(value, tuple):  # a list of dtypes
        attr.list.SetInParent()
        attr.list.type.extend(value)
    elif isinstance(value, int):
        attr.type = value
    elif isinstance(value, str):
        attr.func.name = value
    elif isinstance(value, float | np.ndarray):
        array = np.asarray(value, np.float32) if isinstance(value, float) else value
        attr.tensor.dtype = {"float32": FLOAT, "int32": INT}[array.dtype.name]
        attr.tensor.tensor_shape.SetInParent()
        for size in array.shape:
            attr.tensor.tensor_shape.dim.add().size = size
        attr.tensor.tensor_content = array.tobytes()


def node(name: str, op: str, *inputs: str, **attrs: Any) -> Any:
    message = protos.NodeDef(name=name, op=op, input=inputs)
    for key, value in attrs.items():
        set_attr(message.attr[key], value)
    return message


def function(
    name: str, inputs: dict[str, int], outputs: dict[str, tuple[int, str]], *nodes: Any, controls: tuple[str, ...] = ()
) -> Any:
    message = protos.FunctionDef()
    message.signature.name = name
    for arg, dtype in inputs.items():
        message.signature.input_arg.add(name=arg, type=dtype)
    for arg, (dtype, edge) in outputs.items():
        message.signature.output_arg.add(name=arg, type=dtype)
        message.ret[arg] = edge
    message.node_def.extend(nodes)
    for control in controls:
        message.control_ret[control] = control
    return message


def library(*functions: Any) -> dict[str, Any]:
    return {message.signature.name: message for message in functions}


def imported(*functions: Any, captures: tuple[Any, ...] = ()) -> Graph:
    graph = import_function(library(*functions), functions[-1].signature.name, captures)
    graph.check("imported")
    return graph


ADD_ONE = function(
    "add_one", {"x": FLOAT}, {"y": (FLOAT, "sum:z:0")},
    node("sum", "AddV2", "x", "one:output:0", T=FLOAT),
    node("one", "Const", value=1.0, dtype=FLOAT),
)  # fmt: skip


def call(name: str, target: str, edge: str) -> Any:
    return node(name, "StatefulPartitionedCall", edge, f=target, Tin=(FLOAT,), Tout=(FLOAT,))


def test_nodes_come_in_an_order_in_which_they_can_run() -> None:
    graph = imported(ADD_ONE)
    assert [item.op for item in graph.nodes] == ["_Input", "Const", "AddV2"]
    assert interpret(graph, [np.float32(2.0)]) == [3.0]


def test_calls_are_inlined_under_the_name_of_the_call() -> None:
    twice = function(
        "twice",
        {"x": FLOAT},
        {"y": (FLOAT, "b:output:0")},
        call("b", "add_one", "a:output:0"),
        call("a", "add_one", "x"),
    )
    graph = imported(ADD_ONE, twice)
    assert {item.name for item in graph.nodes} == {"x", "a/one", "a/sum", "b/one", "b/sum"}
    assert interpret(graph, [np.float32(2.0)]) == [4.0]


def test_op_that_is_named_like_a_function_is_a_call() -> None:
    outer = function("outer", {"x": FLOAT}, {"y": (FLOAT, "a:y:0")}, node("a", "add_one", "x"))
    assert interpret(imported(ADD_ONE, outer), [np.float32(2.0)]) == [3.0]


def test_arrays_are_bound_as_constants_and_objects_as_resources() -> None:
    reader = function(
        "f", {"x": FLOAT, "c": FLOAT, "v": RESOURCE}, {"y": (FLOAT, "sum:z:0")},
        node("read", "ReadVariableOp", "v", dtype=FLOAT),
        node("more", "AddV2", "read:value:0", "c", T=FLOAT),
        node("sum", "AddV2", "x", "more:z:0", T=FLOAT),
    )  # fmt: skip
    variable = object()
    graph = imported(reader, captures=(np.array(1.0, np.float32), variable))
    assert len(graph.inputs) == 1
    (resource,) = (item for item in graph.nodes if item.op == "_Resource")
    assert resource.attrs["resource"] is variable


def test_what_nothing_needs_is_not_even_decoded() -> None:
    broken = node("unused", "AddV2", "nowhere", "x")
    graph = imported(function("f", {"x": FLOAT}, {"y": (FLOAT, "x")}, broken))
    assert [item.op for item in graph.nodes] == ["_Input"]


def test_assignments_stay_in_the_order_of_control_edges() -> None:
    counter = function(
        "count", {"v": RESOURCE}, {"y": (FLOAT, "read:value:0")},
        node("read", "ReadVariableOp", "v", "^add", dtype=FLOAT),
        node("add", "AssignAddVariableOp", "v", "one:output:0", dtype=FLOAT),
        node("set", "AssignVariableOp", "v", "one:output:0", "^read", dtype=FLOAT),
        node("one", "Const", value=1.0, dtype=FLOAT),
        controls=("set",),
    )  # fmt: skip
    ops = [item.op for item in imported(counter, captures=(object(),)).nodes]
    assert ops[2:] == ["AssignAddVariableOp", "ReadVariableOp", "AssignVariableOp"]


def conditional() -> tuple[Any, ...]:
    def branch(name: str, op: str) -> Any:
        read = node("read", "ReadVariableOp", "v", dtype=FLOAT)
        inputs, outputs = {"a": FLOAT, "v": RESOURCE}, {"r": (FLOAT, "z:z:0")}
        return function(name, inputs, outputs, read, node("z", op, "a", "read:value:0", T=FLOAT))

    types: dict[str, Any] = {"Tcond": BOOL, "Tin": (FLOAT, RESOURCE), "Tout": (FLOAT,)}
    choice = node("if", "If", "p", "x", "v", then_branch="yes", else_branch="no", **types)
    outer = function("f", {"p": BOOL, "x": FLOAT, "v": RESOURCE}, {"y": (FLOAT, "if:output:0")}, choice)
    return branch("yes", "Mul"), branch("no", "Sub"), outer


def test_branches_are_else_then_and_hold_the_resources_they_use() -> None:
    variable = object()
    graph = imported(*conditional(), captures=(variable,))
    (choice,) = (item for item in graph.nodes if item.op == "If")
    assert [branch.nodes[-1].op for branch in choice.attrs["branches"]] == ["Sub", "Mul"]
    assert len(choice.inputs) == 2
    for branch in choice.attrs["branches"]:
        branch.check("branch")
        assert [item.attrs["resource"] for item in branch.nodes if item.op == "_Resource"] == [variable]


def test_loop_passes_resources_into_its_body() -> None:
    state = {"i": FLOAT, "v": RESOURCE}
    cond = function(
        "c", state, {"r": (BOOL, "less:z:0")},
        node("less", "Less", "i", "ten:output:0", T=FLOAT), node("ten", "Const", value=10.0, dtype=FLOAT),
    )  # fmt: skip
    body = function(
        "b", state, {"i_out": (FLOAT, "sum:z:0"), "v_out": (RESOURCE, "v")},
        node("read", "ReadVariableOp", "v", dtype=FLOAT), node("sum", "AddV2", "i", "read:value:0", T=FLOAT),
    )  # fmt: skip
    loop = node("while", "While", "x", "v", cond="c", body="b", T=(FLOAT, RESOURCE))
    graph = imported(
        cond,
        body,
        function("f", {"x": FLOAT, "v": RESOURCE}, {"y": (FLOAT, "while:output:0")}, loop),
        captures=(object(),),
    )
    (node_,) = (item for item in graph.nodes if item.op == "While")
    assert len(node_.inputs) == len(node_.outputs) == len(node_.attrs["body"].inputs) == 1


@pytest.mark.parametrize(
    ("nodes", "edge", "message"),
    [
        ([], "gone:z:0", "no node 'gone'"),
        ([node("a", "Neg", "x", T=FLOAT)], "a:y:1", "no such output"),
        ([node("a", "Neg", "x", T=FLOAT)], "a:z:0", "no such output"),
        ([node("a", "Neg", "b:y:0", T=FLOAT), node("b", "Neg", "a:y:0", T=FLOAT)], "a:y:0", "depends on itself"),
        ([node("a", "Neg", "a:y:0", T=FLOAT)], "a:y:0", "depends on itself"),
        ([node("a", "Neg", "x", T=FLOAT), node("a", "Neg", "x", T=FLOAT)], "a:y:0", "two nodes named 'a'"),
        ([node("a", "Neg", "x")], "a:y:0", "no attribute 'T'"),
        ([node("a", "Neg", "x", T=INT)], "a:y:0", "declared are int32"),
        ([node("a", "Neg", "x", "x", T=FLOAT)], "a:y:0", "has 2 inputs"),
        ([node("a", "Neg", "x", T=True)], "a:y:0", "attribute 'T' is True"),
        ([call("a", "nobody", "x")], "a:output:0", "does not have"),
        ([call("a", "f", "x")], "a:output:0", "calls itself"),
        ([node("a", "PartitionedCall", "x", Tin=(FLOAT,), Tout=(FLOAT,), f=INT)], "a:output:0", "function is expected"),
    ],
)  # fmt: skip
def test_malformed_functions_raise(nodes: list[Any], edge: str, message: str) -> None:
    with pytest.raises(InvalidGraphError, match=message):
        imported(function("f", {"x": FLOAT}, {"y": (FLOAT, edge)}, *nodes))


def test_calls_that_multiply_end_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "_MOST_NODES", 1000)

    def level(number: int) -> Any:
        calls = [call(f"c{k}", f"f{number - 1}", "x" if k == 0 else f"c{k - 1}:output:0") for k in range(8)]
        return function(f"f{number}", {"x": FLOAT}, {"y": (FLOAT, "c7:output:0")}, *calls)

    bottom = function("f0", {"x": FLOAT}, {"y": (FLOAT, "a:y:0")}, node("a", "Neg", "x", T=FLOAT))
    with pytest.raises(InvalidGraphError, match="more than"):
        imported(bottom, *map(level, range(1, 12)))


def test_calls_that_are_too_deep_end_in_an_error() -> None:
    levels = [
        function(f"f{k}", {"x": FLOAT}, {"y": (FLOAT, "c:output:0")}, call("c", f"f{k - 1}", "x"))
        for k in range(1, 200)
    ]
    with pytest.raises(InvalidGraphError, match="deep"):
        imported(ADD_ONE, *levels)


def test_long_chains_need_no_recursion() -> None:
    nodes = [node(f"n{k}", "Neg", f"n{k - 1}:y:0" if k else "x", T=FLOAT) for k in range(5000)]
    assert len(imported(function("f", {"x": FLOAT}, {"y": (FLOAT, "n4999:y:0")}, *reversed(nodes))).nodes) == 5001


def test_all_missing_ops_are_named_at_once() -> None:
    nodes = [node("a", "FancyOp", "x"), node("b", "OtherOp", "a:out:0"), node("c", "FancyOp", "b:more:1")]
    graph = imported(function("f", {"x": FLOAT}, {"y": (FLOAT, "c:out:0")}, *nodes))
    assert missing_ops(graph) == {"FancyOp": ["a", "c"], "OtherOp": ["b"]}
    with pytest.raises(UnsupportedOpError, match=r"(?s)2 op\(s\).*FancyOp: 'a', 'c'.*OtherOp: 'b'"):
        require_supported(graph, "f")


def graph_def(*nodes: Any) -> Any:
    message = protos.GraphDef()
    message.node.extend(nodes)
    return message


def test_graph_is_cut_at_fed_tensors() -> None:
    nodes = [
        node("in", "Placeholder", dtype=FLOAT),
        node("a", "Neg", "in", T=FLOAT),
        node("b", "Exp", "a:0", T=FLOAT),
    ]
    graph = import_graph_def(graph_def(*nodes), ["a:0"], ["b:0"], {})
    assert [item.op for item in graph.nodes] == ["_Input", "Exp"]


def test_placeholder_that_is_not_fed_is_a_missing_op() -> None:
    graph = import_graph_def(graph_def(node("in", "Placeholder", dtype=FLOAT)), [], ["in:0"], {})
    assert "Placeholder" in missing_ops(graph)


def test_reference_variables_are_read_where_their_value_is_wanted() -> None:
    nodes = [
        node("v", "VariableV2", dtype=FLOAT),
        node("one", "Const", value=1.0, dtype=FLOAT),
        node("add", "AssignAdd", "v", "one", T=FLOAT),
        node("twice", "AddV2", "add", "one", T=FLOAT),
    ]
    nodes[0].attr["shape"].shape.SetInParent()
    variable = object()
    graph = import_graph_def(graph_def(*nodes), [], ["twice:0", "v:0"], {}, lambda name, op, attrs: variable)
    ops = [item.op for item in graph.nodes]
    assert ops == ["_Resource", "Const", "AssignAddVariableOp", "ReadVariableOp", "AddV2", "ReadVariableOp"]


def test_operation_is_fetched_without_output() -> None:
    nodes = [
        node("v", "VarHandleOp", dtype=FLOAT),
        node("one", "Const", value=1.0, dtype=FLOAT),
        node("init", "AssignVariableOp", "v", "one", dtype=FLOAT),
        node("group", "NoOp", "^init"),
    ]
    nodes[0].attr["shape"].shape.SetInParent()
    graph = import_graph_def(graph_def(*nodes), [], ["group"], {}, lambda name, op, attrs: object())
    assert graph.outputs == [] and graph.nodes[-1].op == "AssignVariableOp"
