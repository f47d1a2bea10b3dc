"""The snippets of the page on tf.saved_model.load, with only the import changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.contract.harness import answered, refused


@answered("page.signature")
def test_signatures_are_available_as_functions(tf: Any, path: str) -> Any:
    imported = tf.saved_model.load(path)
    f = imported.signatures["serving_default"]
    return f(x=tf.constant([[1.0]]))


@answered("page.checkpoint")
def test_objects_and_functions_are_assigned_to_attributes(tf: Any, path: str) -> Any:
    imported = tf.saved_model.load(path)
    assert 3.0 == imported.v.numpy()  # noqa: SIM300  (as on the page)
    assert 6.0 == imported.f(x=tf.constant(2.0)).numpy()  # noqa: SIM300
    return imported.f(x=tf.constant(2.0))


@answered("page.keras_model")
def test_a_loaded_keras_model_has_variables_and_is_called(tf: Any, path: str) -> Any:
    imported = tf.saved_model.load(path)
    inputs = tf.ones([2, 4])
    outputs = imported(inputs)
    assert not hasattr(imported, "fit") and not hasattr(imported, "predict")
    names = [len(imported.variables), len(imported.trainable_variables)]
    return outputs, names, [v.numpy() for v in imported.variables]


@answered("page.checkpoint")
def test_the_path_may_be_a_pathlike(tf: Any, path: str) -> Any:
    assert isinstance(Path(path), os.PathLike)
    imported = tf.saved_model.load(Path(path))
    return imported.f(np.float32(2))


@answered("page.tf1")
def test_a_tf1_model_is_pruned(tf: Any, path: str) -> Any:
    path_to_v1_saved_model = path
    imported = tf.saved_model.load(path_to_v1_saved_model)
    pruned = imported.prune("x:0", "out:0")
    return pruned(tf.ones([])), [v.numpy() for v in imported.variables]


@answered("page.tf1")
def test_a_tf1_model_has_its_signatures_and_its_graph(tf: Any, path: str) -> Any:
    imported = tf.saved_model.load(path)
    operation = imported.graph.get_operation_by_name("out")
    return imported.signatures["serving_default"](x=tf.ones([])), operation.type


@answered("page.signature")
def test_tags_that_match_no_metagraph_are_a_value_error(tf: Any, path: str) -> Any:
    return (
        refused(lambda: tf.saved_model.load(path, tags="train"), "incompatible argument to `tags`", "serve"),
        tf.saved_model.load(path, tags="serve").signatures["serving_default"](tf.constant([[1.0]])),
        tf.saved_model.load(path, tags=["serve"]).w,
        tf.saved_model.load(path, tags={"serve"}).w,
    )


@answered("page.signature")
def test_a_path_without_a_model_is_an_os_error(tf: Any, path: str) -> Any:
    return refused(lambda: tf.saved_model.load(f"{path}/nothing"), "SavedModel file does not exist at")
