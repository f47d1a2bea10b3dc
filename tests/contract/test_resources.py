"""Tables as objects: the functions that create, fill and drop them, and dense tables."""

from __future__ import annotations

from typing import Any

from tests.contract.harness import answered, refused


@answered("resources.tables")
def test_initialising_and_destroying_return_one_and_change_nothing(tf: Any, model: Any) -> Any:
    keys = tf.constant(["a", "x", "?"])
    before = model.look_up(keys)
    done = [table._initialize() for table in (model.static, model.mutable, model.dense)]
    dropped = [table._destroy_resource() for table in (model.static, model.mutable, model.dense)]
    return before, done, dropped, model.look_up(keys)


@answered("resources.tables")
def test_the_functions_of_a_resource_tell_their_results(tf: Any, model: Any) -> Any:
    names = ("_initialize", "_destroy_resource")
    made = model.static._create_resource()
    assert made is not None and model.static.resource_handle is not None
    return [getattr(model.static, name).concrete_functions[0].structured_outputs for name in names]


@answered("resources.tables")
def test_a_dense_table_has_only_its_entries_from_the_checkpoint(tf: Any, model: Any) -> Any:
    return model.look_up(tf.constant(["x", "y", "z"]))


@answered("resources.tables")
def test_a_dense_table_is_changed(tf: Any, model: Any) -> Any:
    put = model.put(tf.constant(["z", "x"]))
    return put, model.remove(tf.constant(["y", "nobody"])), model.look_up(tf.constant(["x", "y", "z"]))


@answered("resources.tables")
def test_the_reserved_keys_of_a_dense_table_are_refused(tf: Any, model: Any) -> Any:
    keys = tf.constant([""]), tf.constant(["<gone>"])
    calls = [(f, key) for key in keys for f in (model.look_up, model.put, model.remove)]
    return [refused(lambda f=f, key=key: f(key), "not allowed") for f, key in calls]


@answered("resources.tf1_tables")
def test_signatures_of_tensorflow_1_share_mutable_and_dense_tables(tf: Any, model: Any) -> Any:
    keys, values = tf.constant(["a", "b"]), tf.constant([5, 6], tf.int64)
    look_up = model.signatures["serving_default"]
    before = look_up(keys)
    model.signatures["insert"](k=keys, v=values)
    return before, look_up(keys)
