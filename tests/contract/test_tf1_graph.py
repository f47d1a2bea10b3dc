"""`.graph` and `.prune` of TF1 models."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

from tests.contract.harness import answered, refused

Pair = namedtuple("Pair", ["first", "second"])


@answered("tf1.linear")
def test_the_graph_lists_its_operations(tf: Any, model: Any) -> Any:
    operations = model.graph.get_operations()
    stored = len(model.graph.as_graph_def().node)
    return [(op.name, op.type) for op in operations[:stored]][:20]


@answered("tf1.linear")
def test_an_operation_tells_its_inputs_outputs_and_attributes(tf: Any, model: Any) -> Any:
    op = model.graph.get_operation_by_name("out")
    names = [tensor.name for tensor in op.inputs], [tensor.name for tensor in op.outputs]
    controls = [other.name for other in op.control_inputs]
    node = op.node_def
    assert op.graph is model.graph
    return op.name, op.type, names, controls, node.name, node.op, list(node.input), tf.TensorSpec([], op.get_attr("T"))


@answered("tf1.linear")
def test_an_operation_without_an_attribute_says_so(tf: Any, model: Any) -> Any:
    op = model.graph.get_operation_by_name("out")
    return refused(lambda: op.get_attr("strides"), "Operation 'out' has no attr named 'strides'")


@answered("tf1.linear")
def test_a_tensor_tells_its_operation_dtype_and_shape(tf: Any, model: Any) -> Any:
    tensors = [model.graph.get_tensor_by_name(name) for name in ("x:0", "y:0")]
    assert tensors[0].op is model.graph.get_operation_by_name("x") and tensors[0].graph is model.graph
    readers = [[op.name for op in tensor.consumers() if op.name == "product"] for tensor in tensors]
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors]
    return specs, [tensor.name for tensor in tensors], [tensor.value_index for tensor in tensors], readers


@answered("tf1.linear")
def test_names_are_graph_elements(tf: Any, model: Any) -> Any:
    graph = model.graph
    tensor, operation = graph.as_graph_element("out:0"), graph.as_graph_element("out")
    assert graph.as_graph_element(tensor) is tensor and graph.as_graph_element(operation) is operation
    assert tensor is operation.outputs[0]
    return tensor.name, operation.name


@answered("tf1.linear")
def test_unknown_names_are_key_errors(tf: Any, model: Any) -> Any:
    graph = model.graph
    return [
        refused(lambda: graph.get_tensor_by_name("nope:0"), "refers to a Tensor which does not exist", "'nope'"),
        refused(lambda: graph.get_tensor_by_name("x:3"), "exists but only has 1 outputs"),
        refused(lambda: graph.get_operation_by_name("nope"), "refers to an Operation not in the graph"),
    ]


@answered("tf1.linear")
def test_a_tensors_name_is_not_an_operations_name(tf: Any, model: Any) -> Any:
    graph = model.graph
    return [
        refused(lambda: graph.get_tensor_by_name("x"), 'must be of the form "<op_name>:<output_index>"'),
        refused(lambda: graph.get_operation_by_name("x:0"), "appears to refer to a Tensor, not a Operation"),
        refused(lambda: graph.get_tensor_by_name("x:y"), "not a valid one"),
        refused(lambda: graph.get_tensor_by_name(3), "strings", "int"),
        refused(lambda: graph.get_operation_by_name(3), "strings", "int"),
        refused(lambda: graph.as_graph_element(3), "Can not convert a int into a Tensor or Operation"),
    ]


@answered("tf1.linear")
def test_collections_hold_the_models_variables(tf: Any, model: Any) -> Any:
    graph = model.graph
    assert graph.get_collection("variables")[0] is model.variables[0]
    return graph.get_collection("no such collection"), [v.name for v in graph.get_collection("local_variables")]


@answered("tf1.asset")
def test_the_graph_def_is_that_of_the_file(tf: Any, model: Any) -> Any:
    nodes = {node.name: node for node in model.graph.as_graph_def().node}
    return nodes["vocabulary_path"].op, nodes["x"].attr["dtype"].type, sorted(nodes["vocabulary_path"].attr)


@answered("tf1.linear")
def test_prune_takes_names(tf: Any, model: Any) -> Any:
    f = model.prune(["x:0", "y:0"], "out:0")
    return f(tf.constant([1.0]), tf.constant(2.0)), f(x=tf.constant([1.0]), y=tf.constant(2.0))


@answered("tf1.linear")
def test_prune_takes_tensors_and_operations(tf: Any, model: Any) -> Any:
    graph = model.graph
    feeds = [graph.get_tensor_by_name("x:0"), graph.get_tensor_by_name("y:0")]
    fetches = [graph.get_tensor_by_name("out:0"), graph.get_operation_by_name("out")]
    return model.prune(feeds, fetches)(tf.constant([1.0]), tf.constant(2.0))


@answered("tf1.linear")
def test_prune_keeps_the_nest_of_its_fetches(tf: Any, model: Any) -> Any:
    f = model.prune(
        {"a": "x:0", "b": "y:0"}, {"list": ["out:0", ("out",)], "pair": Pair("x:0", {}), "sum": "shifted:0"}
    )
    return f(tf.constant([1.0]), tf.constant(2.0))


@answered("tf1.linear")
def test_prune_cuts_the_graph_at_an_interior_tensor(tf: Any, model: Any) -> Any:
    f = model.prune(["product:0", "y:0"], ["out:0", "product:0"])
    return f(tf.constant([1.0, 2.0]), tf.constant(2.0)), [spec.name for spec in f.inputs][:2]


@answered("tf1.linear")
def test_prune_runs_an_operation(tf: Any, model: Any) -> Any:
    graph = model.graph
    (step,) = (op for op in graph.get_operations() if op.type == "AssignAddVariableOp")
    done = model.prune("y:0", step)(tf.constant(4.0))
    return done, model.variables[0].numpy()


@answered("tf1.linear")
def test_prune_of_nothing_is_a_function_of_nothing(tf: Any, model: Any) -> Any:
    return model.prune([], [])(), model.prune([], {})()


@answered("tf1.linear")
def test_prune_ignores_feeds_that_are_variables(tf: Any, model: Any) -> Any:
    return model.prune(["w:0", "x:0", "y:0"], "out:0")(tf.constant([1.0]), tf.constant(2.0))


@answered("tf1.linear")
def test_prune_refuses_operations_as_feeds(tf: Any, model: Any) -> Any:
    return refused(lambda: model.prune("x", "out:0"), "All members of argument `feeds` must be tensors")


@answered("tf1.linear")
def test_prune_refuses_unknown_names_and_other_objects(tf: Any, model: Any) -> Any:
    return [
        refused(lambda: model.prune("x:0", "nope:0"), "does not exist"),
        refused(lambda: model.prune("nope:0", "out:0"), "does not exist"),
        refused(lambda: model.prune("x:0", None), "Can not convert a NoneType into a Tensor or Operation"),
    ]


@answered("tf1.linear")
def test_prune_refuses_fetches_that_need_an_unfed_placeholder(tf: Any, model: Any) -> Any:
    said = "Unable to lift tensor", "depends transitively on placeholder", "out (AddV2) <- y (Placeholder)"
    return refused(lambda: model.prune("x:0", "out:0"), *said)


@answered("tf1.linear")
def test_a_pruned_function_takes_an_input_signature_of_other_names(tf: Any, model: Any) -> Any:
    specs = {"aa": tf.TensorSpec([None]), "bb": tf.TensorSpec([])}
    f = model.prune(["x:0", "y:0"], "out:0", "renamed", input_signature=((), specs))
    x, y = tf.constant([1.0]), tf.constant(2.0)
    return f(aa=x, bb=y), f(x=x, y=y), f.structured_input_signature


@answered("tf1.linear")
def test_a_pruned_function_refuses_missing_and_unexpected_arguments(tf: Any, model: Any) -> Any:
    f = model.prune(["x:0", "y:0"], "out:0")
    x, y = tf.constant([1.0]), tf.constant(2.0)
    return refused(lambda: f(x), "missing"), refused(lambda: f(x, y, y)), refused(lambda: f(x, z=y))


@answered("tf1.linear")
def test_a_pruned_function_outlives_its_model(tf: Any, path: str) -> Any:
    holder = SimpleNamespace(model=tf.saved_model.load(path))
    f = holder.model.prune("x:0", "product:0")
    del holder.model
    return f(tf.constant([3.0]))
