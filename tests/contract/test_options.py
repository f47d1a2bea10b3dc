"""What `load` takes besides the path: tags and options. And what debugging reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.harness import answered, refused

X = np.array([1.0, 2.0], np.float32)


def scaled(tf: Any, *args: Any, **kwargs: Any) -> Any:
    """What a function of the loaded model gives, which TensorFlow's model has to outlive."""
    model = tf.saved_model.load(*args, **kwargs)
    return model.child.scale(tf.constant(X))


@answered("options.with_aliases")
def test_tags_are_a_text_or_any_collection_of_texts(tf: Any, path: str) -> Any:
    given = ("serve", ["serve"], {"serve"}, ("serve",), None)
    return [scaled(tf, path, tags) for tags in given], [
        refused(lambda tags=tags: tf.saved_model.load(path, tags=tags)) for tags in ("train", ["serve", "gpu"], [])
    ]


@answered("options.with_aliases")
def test_options_are_the_third_argument(tf: Any, path: str) -> Any:
    return scaled(tf, path, None, tf.saved_model.LoadOptions())


@answered("options.with_aliases")
def test_options_have_attributes_of_these_names(tf: Any, path: str) -> Any:
    options = tf.saved_model.LoadOptions(True, "/job:localhost", False, None, True)
    return (
        options.allow_partial_checkpoint,
        options.experimental_io_device,
        options.experimental_skip_checkpoint,
        options.experimental_load_function_aliases,
    )


@answered("options.with_aliases")
def test_unknown_options_are_refused(tf: Any, path: str) -> Any:
    return (
        refused(lambda: tf.saved_model.LoadOptions(unknown=True), "unknown"),
        refused(lambda: tf.saved_model.LoadOptions(experimental_variable_policy="nonsense"), "nonsense"),
        refused(lambda: tf.saved_model.load(path, options="serve")) is not None,
    )


@answered("options.with_aliases")
def test_devices_and_policies_change_no_value(tf: Any, path: str) -> Any:
    given = (
        {"experimental_io_device": "/job:localhost"},
        {"experimental_variable_policy": "expand_distributed_variables"},
        {"experimental_variable_policy": "SAVE_VARIABLE_DEVICES"},
    )
    return [scaled(tf, path, options=tf.saved_model.LoadOptions(**one)) for one in given]


@answered("options.with_aliases")
def test_functions_are_found_by_their_aliases(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path, options=tf.saved_model.LoadOptions(experimental_load_function_aliases=True))
    aliases = model.function_aliases
    return (
        sorted(aliases),
        aliases["twice"] is model.double,
        aliases["by_v"] is model.child.scale,
        aliases["twice"](tf.constant(X)),
        aliases["by_v"](tf.constant(X)),
    )


@answered("options.with_aliases", shares=True)
def test_aliases_are_there_only_when_they_are_asked_for(tf: Any, model: Any) -> Any:
    return hasattr(model, "function_aliases")


@answered("options.with_taken_name")
def test_aliases_do_not_replace_an_attribute(tf: Any, path: str) -> Any:
    options = tf.saved_model.LoadOptions(experimental_load_function_aliases=True)
    return refused(lambda: tf.saved_model.load(path, options=options), "function_aliases"), tf.saved_model.load(
        path
    ).function_aliases.numpy()


@answered("options.with_debug_info", shares=True)
def test_debug_info_tells_where_nodes_were_made(tf: Any, model: Any) -> Any:
    found = model.graph_debug_info
    names = {name.partition("@")[0] for name in found.traces}
    return sorted(names), [name.rpartition("/")[2] for name in found.files][:1]


@answered("options.with_broken_debug_info", kinder=True)
def test_debug_info_that_does_not_parse_is_an_os_error(tf: Any, path: str) -> Any:
    return refused(lambda: tf.saved_model.load(path).graph_debug_info, "cannot parse")
