"""How long a model's objects live, and where they go: outliving the root, threads, copies, pickles, processes."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.runtime import target as targets
from tests.contract.conftest import Contract
from tests.contract.harness import answered

X = np.array([[1.0, -1.0, 2.0]], np.float32)
THREADS = 8
ROUNDS = 25


@answered("state.folded")
def test_a_function_is_kept_beside_its_root(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path)
    dense, signature = model.dense, model.signatures["serving_default"]
    return dense(X), signature(tf.constant(X))


@answered("state.folded")
def test_eight_threads_call_one_function(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path)
    xs = [X * turn for turn in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        return [np.asarray(result) for result in pool.map(model.dense, xs)]


@answered("state.variables")
def test_threads_that_add_lose_nothing(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(path)
    ones = np.ones(2, np.float32)

    def add() -> None:
        for _ in range(ROUNDS):
            model.add(ones)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return model.v.numpy()


def test_a_signature_outlives_the_root(contract: Contract) -> None:
    signature = edgeload.load(contract.model("state.folded")).signatures["serving_default"]
    function = edgeload.load(contract.model("state.folded")).dense
    gc.collect()
    np.testing.assert_array_equal(signature(x=X)["output_0"], function(X))


def test_an_unused_model_is_freed(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    model.dense(X)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_eight_threads_make_the_first_call_at_once(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    barrier = threading.Barrier(THREADS)
    found: list[Any] = [None] * THREADS

    def call(index: int) -> None:
        barrier.wait()
        for rows in range(1, 4):
            found[index] = model.dense(np.tile(X * index, (rows, 1)))

    threads = [threading.Thread(target=call, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = edgeload.load(contract.model("state.folded"))
    for index, result in enumerate(found):
        np.testing.assert_array_equal(result, alone.dense(np.tile(X * index, (3, 1))))


def test_eight_threads_look_up_words_while_the_table_is_made(contract: Contract) -> None:
    model = edgeload.load(contract.model("tables.static"))
    with ThreadPoolExecutor(THREADS) as pool:
        for ids, size in pool.map(model.string_int64, [["a", "b"]] * THREADS):
            assert ids.tolist() == [1, 2] and size == 3


def parts(model: Any) -> dict[str, Callable[[Any], Any]]:
    """Objects of the model `state.folded` that one may want to send elsewhere, and what they then have to answer."""
    return {
        "root": (model, lambda other: other.dense(X)),
        "function": (model.dense, lambda other: other(X)),
        "signatures": (model.signatures, lambda other: other["serving_default"](x=X)["output_0"]),
        "signature": (model.signatures["serving_default"], lambda other: other(x=X)["output_0"]),
        "trace": (model.dense.get_concrete_function(), lambda other: other(X)),
    }  # type: ignore[dict-item]


@pytest.mark.parametrize("what", ["root", "function", "signatures", "signature", "trace"])
def test_pickles_hold_the_path_and_not_the_weights(what: str, contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    item, ask = parts(model)[what]  # type: ignore[misc]
    pickled = pickle.dumps(item)
    assert len(pickled) < 1000
    np.testing.assert_array_equal(ask(pickle.loads(pickled)), model.dense(X))


def test_pickled_objects_of_one_model_belong_together_again(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    other, dense, w = pickle.loads(pickle.dumps((model, model.dense, model.w)))
    assert other.dense is dense and other.w is w and other is not model
    w.assign(np.zeros((3, 4)))
    assert not np.asarray(dense(X - 1)).any() or dense(X).tolist() == [[1, 1, 1, 1]]
    assert model.w.numpy().any(), "the original keeps its own"


def test_pickles_carry_what_was_assigned(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.variables"))
    model.v.assign([5.0, 6.0])
    model.growing.assign([1.0] * 5)
    model.add([1.0, 1.0])
    other = pickle.loads(pickle.dumps(model))
    assert other.v.numpy().tolist() == [6, 7] and other.growing.numpy().shape == (5,)
    assert other.scale([1.0, 1.0]).tolist() == [6, 7]


def test_pickles_carry_the_entries_of_mutable_tables(contract: Contract) -> None:
    model = edgeload.load(contract.model("tables.mutable"))
    model.insert(["new"], [7])
    other = pickle.loads(pickle.dumps(model.find))
    assert other(["new", "x", "none"]).tolist() == [7, 10, -1]


def test_variables_lists_and_results_are_pickled(contract: Contract) -> None:
    model = edgeload.load(contract.model("objects.containers"))
    items, by_name, v = pickle.loads(pickle.dumps((model.items, model.by_name, model.items[1])))
    assert items[1] is v and float(by_name["a"]) == 5.0
    result = pickle.loads(pickle.dumps(edgeload.load(contract.model("state.folded")).dense(X)))
    assert isinstance(result, edgeload.Array)


def test_a_copy_shares_its_variables_and_a_deep_copy_does_not(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    model.mine = "attribute"
    shallow, deep = copy.copy(model), copy.deepcopy(model)
    model.w.assign(np.zeros((3, 4)))
    assert shallow is not model and shallow.w is model.w and shallow.mine == "attribute"
    np.testing.assert_array_equal(shallow.dense(X), model.dense(X))
    assert deep.w.numpy().any() and not np.array_equal(deep.dense(X), model.dense(X))
    assert deep.w is not model.w


def test_a_copy_of_a_callable_model_is_callable(contract: Contract) -> None:
    model = edgeload.load(contract.model("concrete.nameless"))
    for made in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(made(np.ones((2, 2), np.float32)), [[3], [3]])


def test_a_deep_copy_of_a_function_has_its_own_state(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.variables"))
    add = copy.deepcopy(model.add)
    assert add([1.0, 1.0]).tolist() == [2, 3] and model.v.numpy().tolist() == [1, 2]
    assert copy.copy(model.add) is model.add


def test_a_deep_copy_of_a_variable_stands_alone(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.variables"))
    v = copy.deepcopy(model.v)
    v.assign([9.0, 9.0])
    assert model.v.numpy().tolist() == [1, 2] and v.numpy().tolist() == [9, 9] and v.name == model.v.name


def test_a_built_artefact_is_pickled_by_its_path_too(contract: Contract, tmp_path: Path) -> None:
    out = tmp_path / "artefact"
    build(contract.model("state.folded"), out, targets.host(), Choices(functions=("dense",)), lambda line: None)
    model = edgeload.load(out)
    model.b.assign([1.0, 2.0, 3.0, 4.0])
    other, dense = pickle.loads(pickle.dumps((model, model.dense)))
    assert other.dense is dense and other is not model
    np.testing.assert_array_equal(dense(X), model.dense(X))


def test_what_prune_has_made_says_how_to_send_it(contract: Contract) -> None:
    pruned = edgeload.load(contract.model("page.tf1")).prune("x:0", "out:0")
    with pytest.raises(edgeload.ArgumentTypeError, match="make it again"):
        pickle.dumps(pruned)


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_other_processes_call_what_they_are_sent(method: str, contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    model.b.assign([1.0, 2.0, 3.0, 4.0])
    here = [np.asarray(model.dense(X * turn)) for turn in range(3)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        there = pool.map(model.dense, [X * turn for turn in range(3)])
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_calls_what_it_inherits(contract: Contract) -> None:
    model = edgeload.load(contract.model("state.folded"))
    here = np.asarray(model.dense(X))
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=lambda: queue.put(np.asarray(model.dense(X))))
    process.start()
    there = queue.get()
    process.join()
    np.testing.assert_array_equal(here, there)
