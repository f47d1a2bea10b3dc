"""Functions that take and return nests."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import tensorflow as tf

F = tf.TensorSpec([None], tf.float32)
Pair = namedtuple("Pair", ["second", "first"])  # not in alphabetical order


def outputs(folder: Path) -> None:
    module = tf.Module()
    made = {
        "nothing": lambda x: None,
        "single": lambda x: x,
        "as_list": lambda x: [x, x + 1.0],
        "as_tuple": lambda x: (x, x + 1.0),
        "one_tuple": lambda x: (x,),
        "empty": lambda x: (),
        "as_dict": lambda x: {"b": x, "a": x + 1.0},
        "as_pair": lambda x: Pair(second=x, first=-x),
        "with_none": lambda x: {"a": None, "b": (x, None)},
        "deep": lambda x: [{"p": Pair(x, [x, (x,)])}, ({"q": {"r": x}},)],
        "constants": lambda x: {"int": 3, "float": 0.5, "text": "t", "flag": True},
        "twice": lambda x: (x, x),
    }
    for name, function in made.items():
        setattr(module, name, tf.function(function, input_signature=[F]))

    @tf.function(input_signature=[F])
    def named(x: Any) -> Any:
        return {"out/1": x, "b": x + 1.0}

    @tf.function(input_signature=[F])
    def listed(x: Any) -> Any:
        return [x, x + 1.0]

    module.named, module.listed = named, listed
    tf.saved_model.save(module, str(folder), signatures={"named": named, "listed": listed, "single": module.single})


def inputs(folder: Path) -> None:
    module = tf.Module()

    @tf.function
    def nested(structure: Any) -> Any:
        return structure["b"] * structure["a"][0] - structure["a"][1]

    nested.get_concrete_function({"b": F, "a": (F, F)})
    nested.get_concrete_function({"b": F, "a": [F, F]})

    @tf.function
    def pair(p: Any) -> Any:
        return p.second - 2.0 * p.first

    pair.get_concrete_function(Pair(F, F))

    @tf.function
    def mixed(d: Any, scale: Any = None) -> Any:
        return d["x"] * (2.0 if d["double"] else 1.0)

    mixed.get_concrete_function({"x": F, "double": True})
    mixed.get_concrete_function({"x": F, "double": False})

    @tf.function
    def items(xs: Any) -> Any:
        return tf.add_n(xs)

    items.get_concrete_function([F])
    items.get_concrete_function([F, F, F])

    @tf.function(input_signature=[{"l": F, "r": F}, [F, (F, F)]])
    def fixed(d: Any, t: Any) -> Any:
        return d["l"] - d["r"] + t[0] * t[1][0] * t[1][1]

    @tf.function
    def optional(x: Any, mask: Any) -> Any:
        return x if mask["m"] is None else x * mask["m"]

    optional.get_concrete_function(F, {"m": None})
    optional.get_concrete_function(F, {"m": F})

    module.nested, module.pair, module.mixed, module.items = nested, pair, mixed, items
    module.fixed, module.optional = fixed, optional
    tf.saved_model.save(module, str(folder))
