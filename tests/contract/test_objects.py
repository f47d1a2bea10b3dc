"""The tree of objects: what becomes of every kind of node, and which object is which."""

from __future__ import annotations

import os
from typing import Any

import pytest

import edgeload
from edgeload.objects import restore, trackables
from tests.contract.conftest import Contract
from tests.contract.harness import answered, refused


@answered("objects.shared")
def test_one_object_under_several_names_is_one_object(tf: Any, model: Any) -> Any:
    return (
        model.one is model.two,
        model.other.dep is model.one,
        model.one.root is model,
        model.other.itself is model.other,
        model.v_again is model.one.v,
        model.other.g is model.f,
    )


@answered("objects.shared")
def test_assigning_under_one_name_shows_under_all(tf: Any, model: Any) -> Any:
    model.v_again.assign(7.0)
    return model.one.v.numpy(), model.other.dep.v.numpy(), model.f(), model.other.g()


@answered("objects.shared")
def test_missing_attributes_raise_attribute_error(tf: Any, model: Any) -> Any:
    return refused(lambda: model.no_such_thing), hasattr(model, "one"), hasattr(model, "three")


@answered("objects.shared")
def test_attributes_may_be_set_and_replaced(tf: Any, model: Any) -> Any:
    model.mine = 5
    model.one.more = "text"
    model.two = None
    return model.mine, model.one.more, model.two is None


@answered("objects.shared")
def test_objects_that_were_not_callable_are_not(tf: Any, model: Any) -> Any:
    return callable(model), callable(model.one), refused(lambda: model()), refused(lambda: model.one(1))


@answered("objects.shared")
def test_two_loads_share_nothing(tf: Any, path: str) -> Any:
    first, second = tf.saved_model.load(path), tf.saved_model.load(path)
    first.one.v.assign(9.0)
    return second.one.v.numpy(), second.f(), first.f(), first.one is second.one


@answered("objects.containers")
def test_lists_behave_as_lists(tf: Any, model: Any) -> Any:
    items = model.items
    return (
        isinstance(items, list),
        len(items),
        [v.numpy() for v in items],
        items[0].numpy(),
        items[-1].numpy(),
        [v.numpy() for v in items[1:]],
        items[1] in list(items),
        refused(lambda: items[3]),
    )


@answered("objects.containers")
def test_dicts_behave_as_dicts(tf: Any, model: Any) -> Any:
    by_name = model.by_name
    return (
        isinstance(by_name, dict),
        sorted(by_name),
        len(by_name),
        by_name["a"].numpy(),
        "b" in by_name,
        "c" in by_name,
        by_name.get("c") is None,
        sorted((key, float(value.numpy())) for key, value in by_name.items()),
        refused(lambda: by_name["c"]),
    )


@answered("objects.containers")
def test_tuples_are_indexed_and_iterated(tf: Any, model: Any) -> Any:
    return (
        isinstance(model.pair, list),
        len(model.pair),
        model.pair[1].numpy(),
        [v.numpy() for v in model.pair],
        model.pair[-1].numpy(),
    )


@answered("objects.containers")
def test_named_tuples_keep_their_order(tf: Any, model: Any) -> Any:
    return len(model.named), [v.numpy() for v in model.named]


@answered("objects.containers")
def test_containers_nest(tf: Any, model: Any) -> Any:
    nested = model.nested
    return nested[0]["x"][0].numpy(), nested[1][0].numpy(), nested[1][1]["y"].numpy(), len(nested)


@answered("objects.containers")
def test_ordered_dicts_are_dicts(tf: Any, model: Any) -> Any:
    return sorted(model.ordered), model.ordered["z"].numpy()


@answered("objects.containers")
def test_values_that_are_no_objects_are_missing(tf: Any, model: Any) -> Any:
    return (
        len(model.mixed),
        model.mixed[0].numpy(),
        sorted(model.mixed_dict),
        hasattr(model, "number"),
        hasattr(model, "text"),
        hasattr(model, "flag"),
        list(model.numbers),
    )


@answered("objects.containers")
def test_empty_containers_stay_empty(tf: Any, model: Any) -> Any:
    return list(model.empty_list), dict(model.empty_dict), hasattr(model, "empty_tuple")


@answered("objects.containers")
def test_lists_and_dicts_take_new_items(tf: Any, model: Any) -> Any:
    model.items.append(model.pair[0])
    model.by_name["c"] = model.items[0]
    return len(model.items), sorted(model.by_name), model.by_name["c"] is model.items[0]


@answered("objects.containers")
def test_containers_hold_functions_and_modules(tf: Any, model: Any) -> Any:
    return [f(tf.constant(3.0)) for f in model.functions], model.modules[1].v.numpy(), hasattr(model.modules[0], "v")


@answered("objects.callables", shares=True)
def test_only_objects_with_a_call_are_callable(tf: Any, model: Any) -> Any:
    return callable(model.adder), callable(model.plain), callable(model), model.adder(tf.constant(1.0))


@answered("objects.callables", shares=True)
def test_calls_chain_through_objects(tf: Any, model: Any) -> Any:
    return model.chain(tf.constant(1.0)), model.chain.__call__(tf.constant(1.0)), model.adder.__call__(1.0)


@answered("objects.kinds", shares=True)
def test_constants_are_captured_with_their_values(tf: Any, model: Any) -> Any:
    return model.constants([1.0, 1.0, 1.0]), model.more()


@answered("objects.kinds", shares=True)
def test_an_asset_tells_its_path(tf: Any, model: Any) -> Any:
    path = model.asset.asset_path.numpy()
    return os.path.basename(path), os.path.isabs(path), os.path.isfile(path), model.path().numpy() == path


@answered("objects.kinds", shares=True)
def test_a_function_reads_its_asset(tf: Any, model: Any) -> Any:
    return model.read()


@answered("objects.kinds", shares=True)
def test_variables_keep_what_they_were_declared_with(tf: Any, model: Any) -> Any:
    names = ("trained", "frozen", "nameless", "half", "bfloat", "flag", "complex", "growing", "anything", "empty")
    return {
        name: (getattr(model, name).dtype, getattr(model, name).shape, getattr(model, name).trainable) for name in names
    }


@answered("objects.kinds", shares=True)
def test_variables_keep_their_names(tf: Any, model: Any) -> Any:
    return model.trained.name, model.frozen.name, model.nameless.name


@answered("objects.kinds", shares=True)
def test_variables_of_every_dtype_have_their_values(tf: Any, model: Any) -> Any:
    names = ("trained", "frozen", "half", "text", "flag", "complex", "growing", "anything", "empty")
    return {name: getattr(model, name).numpy() for name in names}


@answered("objects.kinds", shares=True)
def test_synchronization_and_aggregation_are_kept(tf: Any, model: Any) -> Any:
    return [
        str(getattr(v, what)).rsplit(".", 1)[-1]
        for v in (model.synced, model.trained)
        for what in ("synchronization", "aggregation")
    ]


@answered("objects.kinds", shares=True)
def test_the_version_of_tensorflow_is_told(tf: Any, model: Any) -> Any:
    return model.tensorflow_version, model.tensorflow_git_version


@answered("objects.optimizer")
def test_a_training_step_does_not_disturb_inference(tf: Any, model: Any) -> Any:
    return model.infer([1.0, 1.0]), model.step, model.slots.momentum


@answered("objects.optimizer")
def test_a_training_step_of_simple_gradients_runs(tf: Any, model: Any) -> Any:
    losses = [model.train([1.0, 2.0], 1.0) for _ in range(3)]
    return losses, model.w, model.slots.momentum, model.step, model.infer([1.0, 1.0])


@answered("objects.gradients")
def test_a_function_with_its_own_gradient_is_called(tf: Any, model: Any) -> Any:
    return model.f(2.0)


@answered("objects.registered")
def test_objects_under_registered_names_keep_their_attributes(tf: Any, model: Any) -> Any:
    return model.thing.v, model.f()


@answered("objects.names", shares=True)
def test_attributes_may_have_any_name(tf: Any, model: Any) -> Any:
    return (
        model.assign, model.keys, model._private,
        getattr(model.holder, "layer-0"), getattr(model.holder, "a.b/c"), model.f(),
    )  # fmt: skip


def test_a_program_makes_objects_of_a_registered_name_itself(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Thing:
        def __init__(self, written: bytes) -> None:
            self.written = written

    monkeypatch.setattr(trackables, "TYPES", {})
    edgeload.register_type("Contract.Thing", Thing)
    monkeypatch.setattr(restore, "TYPES", trackables.TYPES)
    model = edgeload.load(contract.model("objects.registered"))
    assert type(model.thing) is Thing and model.thing.written == b"" and float(model.thing.v) == 3.0
    assert float(model.f()) == 4.0
