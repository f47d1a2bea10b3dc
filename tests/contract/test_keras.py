"""Models that Keras has saved, called as TensorFlow's own loading lets one call them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.harness import answered, refused

X = np.linspace(-1, 1, 18, dtype=np.float32).reshape(3, 6)


@answered("keras_models.saved_by_keras_2", rtol=1e-5, shares=True)
def test_a_keras_2_folder_is_called(tf: Any, model: Any) -> Any:
    return model(X), model(X, training=False), model(X[:1], False, None)


@answered("keras_models.saved_by_keras_2", rtol=1e-5, shares=True)
def test_a_keras_2_folder_has_a_signature(tf: Any, model: Any) -> Any:
    f = model.signatures["serving_default"]
    return sorted(model.signatures), f.structured_input_signature, f(features=tf.constant(X)), f(tf.constant(X))


@answered("keras_models.saved_by_keras_2", rtol=1e-5, shares=True)
def test_a_keras_2_folder_lists_its_variables(tf: Any, model: Any) -> Any:
    return (
        [v.name for v in model.variables],
        [v.name for v in model.trainable_variables],
        [v.numpy() for v in model.trainable_variables],
        getattr(model, "layer-1").kernel,
    )


@answered("keras_models.saved_by_keras_2", rtol=1e-5, shares=True)
def test_training_true_runs_the_other_trace(tf: Any, model: Any) -> Any:
    return np.asarray(model(X, training=True)).shape, refused(lambda: model(X[:, :5])), refused(lambda: model(None))


@answered("keras_models.saved_by_keras_2", rtol=1e-5, shares=True)
def test_layers_of_a_keras_2_folder_are_called(tf: Any, model: Any) -> Any:
    layers = [getattr(model, "layer_with_weights-0"), getattr(model, "layer-1")]
    return layers[0] is layers[1], layers[0](X), hasattr(model, "fit"), hasattr(model, "predict")


@answered("keras_models.sequential_keras_2", rtol=1e-5, shares=True)
def test_a_sequential_keras_2_folder_is_called(tf: Any, model: Any) -> Any:
    x = X[:, :3]
    return model(x), [v.shape for v in model.variables], getattr(model, "layer-0")(x)


@answered("keras_models.subclassed_keras_2", rtol=1e-5, shares=True)
def test_a_subclassed_model_takes_a_dict(tf: Any, model: Any) -> Any:
    a, b = np.ones([2, 4], np.float32), np.full([2, 3], 0.5, np.float32)
    result = model({"b": b, "a": a})
    return (
        result,
        model({"a": a, "b": b}, training=False),
        model.signatures["serving_default"](a=tf.constant(a), b=tf.constant(b)),
    )


@answered("keras_models.text_keras_2", shares=True)
def test_a_model_with_a_vocabulary_takes_texts(tf: Any, model: Any) -> Any:
    return model([["the cat"], ["a dog, ran!"]]), model(tf.constant([["the"]]))


@answered("keras_models.exported_keras_3", rtol=1e-5, shares=True)
def test_a_keras_3_export_serves(tf: Any, model: Any) -> Any:
    feed = {"a": X[:, :3], "b": X[:, 3:]}
    return (
        model.serve(feed),
        model.signatures["serving_default"](**{name: tf.constant(value) for name, value in feed.items()}),
        [v.shape for v in model.variables],
        len(model.trainable_variables),
        len(model.non_trainable_variables),
        callable(model),
    )


@answered("keras_models.archive_keras_3", rtol=1e-5, shares=True)
def test_a_keras_3_archive_has_its_endpoints(tf: Any, model: Any) -> Any:
    x = X[:, :3]
    return sorted(model.signatures), model.serve(x), model.doubled(x), model.signatures["doubled"](tf.constant(x))


@answered("keras_models.trainable_module", rtol=1e-5, shares=True)
def test_a_module_with_a_training_step_infers(tf: Any, model: Any) -> Any:
    return model([[1.0, 2.0], [-3.0, 0.0]]), model.w, model.optimizer is not None


@answered("page.keras_model", rtol=1e-5, shares=True)
def test_a_keras_model_saved_by_tensorflow_has_regularization_losses(tf: Any, model: Any) -> Any:
    return len(model.regularization_losses), hasattr(model, "layers"), hasattr(model, "non_trainable_variables")
