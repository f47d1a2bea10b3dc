"""Loading TF1 models: tags, variables, init ops, tables, assets, signatures, `restore`."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

from tests.contract.harness import answered, refused


@answered("tf1.linear")
def test_a_signature_is_called_by_name(tf: Any, model: Any) -> Any:
    return model.signatures["serving_default"](x=tf.constant([1.0, 2.0]), y=tf.constant(3.0))


@answered("tf1.linear")
def test_inputs_may_be_given_by_position_in_the_order_of_their_names(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return f(tf.constant([1.0]), tf.constant(2.0)), f(tf.constant([1.0]), y=tf.constant(2.0))


@answered("tf1.linear")
def test_the_only_input_may_be_given_by_position(tf: Any, model: Any) -> Any:
    return model.signatures["one"](tf.constant([4.0])), model.signatures["one"](input=tf.constant([4.0]))


@answered("tf1.linear")
def test_a_signature_without_inputs_is_called_without_arguments(tf: Any, model: Any) -> Any:
    return model.signatures["nothing"]()


@answered("tf1.linear")
def test_a_missing_or_unexpected_input_is_refused(tf: Any, model: Any) -> Any:
    f, x, y = model.signatures["serving_default"], tf.constant([1.0]), tf.constant(1.0)
    return refused(lambda: f(x=x), "missing"), refused(lambda: f(x=x, y=y, z=y), "z"), refused(lambda: f(x, y, y))


@answered("tf1.linear")
def test_the_signatures_are_a_read_only_mapping(tf: Any, model: Any) -> Any:
    def change() -> None:
        model.signatures["other"] = None

    return sorted(model.signatures), len(model.signatures), refused(change), refused(lambda: model.signatures["other"])


@answered("tf1.linear")
def test_a_signature_tells_its_inputs(tf: Any, model: Any) -> Any:
    return [model.signatures[key].structured_input_signature for key in ("serving_default", "one", "nothing")]


@answered("tf1.linear")
def test_a_sparse_input_is_three_tensors(tf: Any, model: Any) -> Any:
    f = model.signatures["dense"]
    indices = tf.constant([[0, 1], [1, 2]], tf.int64)
    dense_shape = tf.constant([2, 3], tf.int64)
    spec = f.structured_input_signature[1]
    return f(sparse_indices=indices, sparse_values=tf.constant([2.0, 3.0]), sparse_dense_shape=dense_shape), sorted(
        spec
    )


@answered("tf1.linear")
def test_a_sparse_output_is_a_sparse_tensor(tf: Any, model: Any) -> Any:
    indices, dense_shape = tf.constant([[0, 1]], tf.int64), tf.constant([1, 3], tf.int64)
    return model.signatures["back"](
        sparse_indices=indices, sparse_values=tf.constant([2.0]), sparse_dense_shape=dense_shape
    )


@answered("tf1.linear")
def test_a_signature_over_an_operation_runs_it_and_gives_none(tf: Any, model: Any) -> Any:
    done = model.signatures["step"](by=tf.constant(5.0))
    return done, model.variables[0].numpy(), model.signatures["nothing"]()


@answered("tf1.linear")
def test_variables_are_listed_global_ones_first(tf: Any, model: Any) -> Any:
    return [(v.name, v.numpy(), v.trainable) for v in model.variables]


@answered("tf1.linear")
def test_assigning_a_variable_is_seen_by_the_next_call(tf: Any, model: Any) -> Any:
    f = model.signatures["one"]
    before = f(tf.constant([1.0]))
    model.variables[0].assign(10.0)
    return before, f(tf.constant([1.0]))


@answered("tf1.linear")
def test_restore_reads_the_variables_again(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path)
    model.variables[0].assign(100.0)
    model.restore(os.path.join(path, "variables", "variables"))
    return model.variables[0].numpy(), model.signatures["one"](tf.constant([1.0]))


@answered("tf1.linear")
def test_restore_from_nowhere_is_refused(tf: Any, model: Any) -> Any:
    refused(lambda: model.restore("/nonexistent/variables"), "/nonexistent/variables")
    return model.variables[0].numpy()


@answered("tf1.no_variables")
def test_a_model_without_variables_has_no_restore(tf: Any, model: Any) -> Any:
    return hasattr(model, "restore"), len(model.variables), model.signatures["serving_default"](tf.constant(1.0))


@answered("tf1.linear")
def test_versions_are_attributes(tf: Any, model: Any) -> Any:
    return model.tensorflow_version, model.tensorflow_git_version


@answered("tf1.linear")
def test_the_tags_may_be_left_out_or_given_in_any_container(tf: Any, path: str) -> Any:
    loaded = [tf.saved_model.load(path, tags=tags) for tags in (None, "serve", ["serve"], ("serve",), {"serve"})]
    return [len(model.variables) for model in loaded]


@answered("tf1.linear")
def test_other_tags_are_refused(tf: Any, path: str) -> Any:
    load = tf.saved_model.load
    said = "could not be found in SavedModel", "serve"
    return [refused(lambda tags=tags: load(path, tags=tags), *said) for tags in ("train", ["serve", "gpu"], [])]


@answered("tf1.several")
def test_tags_select_one_of_several_meta_graphs(tf: Any, path: str) -> Any:
    serve, train = (tf.saved_model.load(path, tags=tags) for tags in ("serve", ["gpu", "train"]))
    x = tf.constant(2.0)
    return serve.signatures["serving_default"](x), train.signatures["serving_default"](x), train.variables[0].numpy()


@answered("tf1.several")
def test_several_meta_graphs_need_tags(tf: Any, path: str) -> Any:
    said = "requires a `tags=` argument if there is more than one MetaGraph", "2"
    return refused(lambda: tf.saved_model.load(path), *said), refused(lambda: tf.saved_model.load(path, tags="train"))


@answered("tf1.main_op")
def test_the_main_op_runs_after_the_variables_are_restored(tf: Any, model: Any) -> Any:
    return model.variables[0].numpy(), model.signatures["serving_default"](tf.constant(["a", "b", "?"]))


@answered("tf1.main_op")
def test_the_initializer_can_be_run_again(tf: Any, model: Any) -> Any:
    model.variables[0].assign(1.0)
    model.initializer._initialize()
    return model.variables[0].numpy()


@answered("tf1.legacy_init_op")
def test_the_legacy_init_op_runs_once(tf: Any, model: Any) -> Any:
    before = model.variables[0].numpy()
    return before, model.signatures["serving_default"](), model.signatures["serving_default"]()


@answered("tf1.main_op_collection")
def test_the_main_op_of_a_collection_runs(tf: Any, model: Any) -> Any:
    return model.variables[0].numpy(), model.signatures["serving_default"]()


@answered("tf1.main_op")
def test_the_init_op_is_no_signature(tf: Any, model: Any) -> Any:
    return sorted(model.signatures)


@answered("tf1.two_init_ops")
def test_two_init_ops_are_refused(tf: Any, path: str) -> Any:
    return refused(lambda: tf.saved_model.load(path), "Expected exactly one SavedModel init op. Found 2")


@answered("tf1.tables")
def test_tables_without_an_init_op_are_filled_as_their_collection_says(tf: Any, model: Any) -> Any:
    return model.signatures["serving_default"](tf.constant(["b", "a", "c"]))


@answered("tf1.asset")
def test_an_asset_follows_a_moved_folder(tf: Any, path: str) -> Any:
    moved = Path(path + "_moved")
    shutil.rmtree(moved, ignore_errors=True)
    shutil.copytree(path, moved)
    model = tf.saved_model.load(str(moved))
    (asset,) = model.asset_paths
    where = asset.asset_path.numpy().decode()
    assert os.path.samefile(where, moved / "assets" / os.path.basename(where))
    return model.signatures["serving_default"](tf.constant(["green", "red", "grey"]))


@answered("tf1.unfed")
def test_a_signature_that_lacks_a_placeholder_is_refused(tf: Any, path: str) -> Any:
    """TensorFlow refuses to load the model; edgeload warns, and refuses the call."""

    def load_and_call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tf.saved_model.load(path).signatures["serving_default"](x=tf.constant(1.0))

    return refused(
        load_and_call, "needs an input for each placeholder", "placeholder", "serving_default", "z (Identity)"
    )


@answered("tf1.default")
def test_a_placeholder_with_a_default_may_be_left_out(tf: Any, model: Any) -> Any:
    fed = model.prune(["x:0", "keep:0"], "y:0")
    return model.signatures["serving_default"](tf.constant([3.0])), fed(tf.constant([3.0]), tf.constant(2.0))


@answered("tf1.references")
def test_a_reference_variable_is_read(tf: Any, model: Any) -> Any:
    return model.signatures["read"](tf.constant([3.0, 4.0]))


@answered("tf1.references")
def test_a_reference_variable_is_assigned_on_one_side_of_a_condition(tf: Any, model: Any) -> Any:
    move, read, x = model.signatures["move"], model.signatures["read"], tf.constant([1.0, 1.0])
    calls = [move(x=x, training=tf.constant(flag)) for flag in (False, True, True, False)]
    return calls, read(x)


@answered("tf1.references")
def test_a_reference_variable_is_assigned_in_a_loop(tf: Any, model: Any) -> Any:
    loop, x = model.signatures["loop"], tf.constant([1.0, 2.0])
    return [loop(x=x, n=tf.constant(n)) for n in (0, 2, 1)]


@answered("tf1.references")
def test_rows_of_a_reference_variable_are_updated(tf: Any, model: Any) -> Any:
    update, read = model.signatures["scatter"], model.signatures["read"]
    return update(tf.constant([9.0, 8.0])), read(tf.constant([1.0, 1.0]))


@answered("tf1.partitioned")
def test_the_parts_of_a_partitioned_variable_are_read_from_its_slices(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path)
    rows = model.signatures["serving_default"](tf.constant([5, 0, 3]))
    for part in model.variables:
        part.assign(part.numpy() * 0.0)
    model.restore(os.path.join(path, "variables", "variables"))
    return rows, [(part.name, part.numpy()) for part in model.variables]


@answered("tf1.estimator", rtol=1e-5)
def test_an_estimators_signatures_parse_examples(tf: Any, model: Any) -> Any:
    serialized = tf.constant([bytes.fromhex(text) for text in EXAMPLES])
    keys = {"serving_default": "inputs", "predict": "examples", "regression": "inputs"}
    return {key: _sorted(model.signatures[key](**{name: serialized})) for key, name in keys.items()}


@answered("tf1.estimator")
def test_an_estimators_variables_have_their_names(tf: Any, model: Any) -> Any:
    return [(v.name, v.trainable, v.dtype) for v in model.variables]


@answered("tf1.defuns")
def test_functions_that_are_called_as_operations_run(tf: Any, model: Any) -> Any:
    return model.signatures["serving_default"](tf.constant(2.0))


@answered("tf1.text")
def test_a_graph_that_is_stored_as_text_loads(tf: Any, path: str) -> Any:
    assert os.listdir(path).count("saved_model.pbtxt") == 1
    return tf.saved_model.load(path).signatures["serving_default"](tf.constant(2.0))


def _sorted(outputs: dict[str, Any]) -> dict[str, Any]:
    return {key: outputs[key] for key in sorted(outputs)}


EXAMPLES = (
    # age=[50], colour=[b"b", b"a"], size=[1, 2]
    "0a3b0a0f0a03616765120812060a04000048420a120a06636f6c6f757212080a060a01620a01610a140a0473697a65120c120a0a08"
    "0000803f00000040",
    # size=[3, 4]
    "0a160a140a0473697a65120c120a0a080000404000008040",
)
