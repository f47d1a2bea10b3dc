"""Calls: which trace fits, how arguments become flat inputs, what errors say."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeload.array import Array
from edgeload.errors import ArgumentTypeError, ArgumentValueError, ExecutionError
from edgeload.objects.composites import RaggedTensor, SparseTensor
from edgeload.objects.functions import ConcreteFunction, Function
from edgeload.objects.parameters import Parameters
from edgeload.objects.specs import CompositeSpec, TensorSpec, component_specs

FLOAT = TensorSpec((None,), np.float32)
INT = TensorSpec((), np.int32)


class Recorder:
    """An executor that notes its inputs and returns what it was told to, or the inputs."""

    def __init__(self, outputs: list[Any] | None = None) -> None:
        self.outputs = outputs
        self.calls: list[list[Any]] = []

    def run(self, inputs: list[Any]) -> list[Any]:
        self.calls.append(inputs)
        return inputs if self.outputs is None else self.outputs

    def prepared(self, inputs: list[Any]) -> Any:
        return self.run

    @property
    def plan(self) -> str:
        return "plan"


class Refuser(Recorder):
    """An executor of a graph that does not take these inputs."""

    def run(self, inputs: list[Any]) -> list[Any]:
        raise ExecutionError("sizes do not fit")


def concrete(
    args: Any = (), kwargs: Any = None, outputs: Any = FLOAT, recorder: Recorder | None = None
) -> ConcreteFunction:
    return ConcreteFunction("f", (tuple(args), kwargs or {}), outputs, lambda function: recorder or Recorder())


def signature(recorder: Recorder, **specs: TensorSpec) -> ConcreteFunction:
    function = concrete((), specs, {"y": FLOAT}, recorder)
    function.accept_flat_calls(sorted(specs), 1 if len(specs) == 1 else 0)
    return function


def test_a_signature_takes_keywords_in_any_order_and_flattens_them_sorted() -> None:
    recorder = Recorder([np.zeros(1, np.float32)])
    result = signature(recorder, b=INT, a=FLOAT)(b=3, a=[1.0])
    assert [value.tolist() for value in recorder.calls[0]] == [[1.0], 3]
    assert isinstance(result["y"], Array) and result["y"].numpy().tolist() == [0.0]


def test_results_are_saved_as_any_array_is(tmp_path: Path) -> None:
    result = signature(Recorder([np.float32([[1, 2]])]), a=FLOAT)(a=[1.0])["y"]
    np.save(tmp_path / "y.npy", result)
    np.savez(tmp_path / "y.npz", y=result, element=result[0, 1], row=result[0])
    assert np.load(tmp_path / "y.npy").tolist() == [[1.0, 2.0]]
    with np.load(tmp_path / "y.npz") as stored:
        assert [stored[name].tolist() for name in ("y", "element", "row")] == [[[1.0, 2.0]], 2.0, [1.0, 2.0]]


def test_a_signature_with_one_input_takes_it_by_position() -> None:
    recorder = Recorder([np.zeros(1, np.float32)])
    signature(recorder, a=FLOAT)(np.float32([1, 2]))
    assert recorder.calls[0][0].tolist() == [1, 2]


def test_a_signature_with_two_inputs_takes_none_by_position() -> None:
    with pytest.raises(ArgumentTypeError, match="takes 0 positional arguments.*by name"):
        signature(Recorder(), a=FLOAT, b=FLOAT)([1.0], [2.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "missing required arguments: a"), ({"a": [1.0], "c": 1}, "unexpected keyword arguments: c")],
)
def test_wrong_keywords_are_named_with_what_exists(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message) as caught:
        signature(Recorder(), a=FLOAT)(**given)
    assert "a: float32[None]" in str(caught.value)


def test_an_input_with_a_default_may_be_left_out() -> None:
    recorder = Recorder([np.zeros(1, np.float32)])
    function = signature(recorder, a=FLOAT, b=INT)
    function.set_defaults({"b": np.int32(7)})
    function(a=[1.0])
    assert recorder.calls[0][1] == 7


def test_a_wrong_dtype_says_what_to_do() -> None:
    with pytest.raises(
        ArgumentTypeError, match=r"argument 'i' expects int32, found an array of float64\[\].*astype\('int32'\)"
    ):
        signature(Recorder(), i=INT)(i=np.float64(2))


def test_a_wrong_shape_names_argument_expected_and_found() -> None:
    with pytest.raises(ArgumentValueError, match=r"argument 'a' expects float32\[None\], found float32\[1, 2\]"):
        signature(Refuser(), a=FLOAT)(a=[[1.0, 2.0]])


def test_another_rank_is_tried_nevertheless_as_tensorflow_tries_it() -> None:
    recorder = Recorder([np.zeros(1, np.float32)])
    signature(recorder, a=FLOAT)(a=[[1.0, 2.0]])
    assert recorder.calls[0][0].shape == (1, 2)


def test_integers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="outside"):
        signature(Recorder(), i=INT)(i=1 << 40)


@pytest.mark.parametrize("given", ["a", b"a", ["a"], np.array(["a"]), np.array([b"a"]), np.array([b"a"], object)])
def test_strings_become_object_arrays_of_bytes(given: Any) -> None:
    recorder = Recorder([np.zeros(1, np.float32)])
    signature(recorder, s=TensorSpec(None, "string"))(s=given)
    (found,) = recorder.calls[0]
    assert found.dtype == object and found.ravel().tolist() == [b"a"]


def traces(*signatures: Any) -> list[ConcreteFunction]:
    return [concrete(args, kwargs) for args, kwargs in signatures]


def test_the_trace_with_equal_python_values_is_chosen() -> None:
    options = traces(((FLOAT, True), {}), ((FLOAT, False), {}))
    function = Function("f", options, Parameters(("x", "training"), defaults=(False,)))
    x = np.zeros(2, np.float32)
    assert function.get_concrete_function(x) is options[1]
    assert function.get_concrete_function(x, training=True) is options[0]
    assert function.get_concrete_function(TensorSpec((3,), np.float32), True) is options[0]


def test_a_trace_specialised_on_a_python_value_comes_before_conversion() -> None:
    options = traces(((INT,), {}), ((2,), {}))
    function = Function("f", options, Parameters(("x",)))
    assert function.get_concrete_function(2) is options[1]
    assert function.get_concrete_function(3) is options[0]


def test_an_exact_dtype_comes_before_conversion() -> None:
    options = traces(((FLOAT,), {}), ((TensorSpec((None,), np.float64),), {}))
    function = Function("f", options, Parameters(("x",)))
    assert function.get_concrete_function(np.zeros(1)) is options[1]
    assert function.get_concrete_function([1.0]) is options[0]


def test_no_fitting_trace_lists_what_was_got_and_all_options() -> None:
    function = Function("f", traces(((FLOAT, True), {}), ((FLOAT, False), {})), Parameters(("x", "training")))
    with pytest.raises(ArgumentValueError) as caught:
        function(np.zeros((2, 2), np.float32), training=False)
    for part in ("float32[2, 2]", "2 option(s)", "Option 1: (float32[None], True)", "Option 2: (float32[None], False)"):
        assert part in str(caught.value)


def test_a_function_without_traces_says_so() -> None:
    with pytest.raises(ArgumentValueError, match="zero restored functions"):
        Function("f", [], None)(1)


def test_the_same_call_again_finds_its_trace_with_new_values() -> None:
    recorder = Recorder()
    function = Function(
        "f", [concrete((FLOAT, None), {}, FLOAT, recorder)], Parameters(("x", "mask"), defaults=(None,))
    )
    for value in (1.0, 2.0, 3.0):
        assert function(np.float32([value])).tolist() == [value]
    assert function(np.float32([1, 2])).tolist() == [1, 2]
    with pytest.raises(ArgumentValueError):
        function(np.float32([1.0]), 5)


def test_a_quick_second_call_checks_what_the_first_one_checked() -> None:
    options = traces(((FLOAT,), {}), ((TensorSpec((None, 2), np.float32),), {}))
    function = Function("f", options, Parameters(("x",)))
    for x in (np.zeros(3, np.float32), np.zeros((3, 2), np.float32), np.zeros(3, np.float32)):
        function(x), function(x)
        assert function._latest is options[x.ndim - 1]
    with pytest.raises(ArgumentTypeError, match="missing"):
        function()
    with pytest.raises(ArgumentValueError):
        function(np.zeros(3, np.int32)[None, None])


def test_a_quick_second_signature_call_checks_what_the_first_one_checked() -> None:
    function = signature(Recorder([np.zeros(1, np.float32)]), a=FLOAT)
    function(a=np.zeros(3, np.float32))
    function(a=np.zeros(3, np.float32))
    for wrong in (None, np.zeros(3, bool)):
        with pytest.raises((ArgumentTypeError, ArgumentValueError)):
            function(a=wrong)
    with pytest.raises(ArgumentTypeError, match="missing required arguments: a"):
        function(b=np.zeros(3, np.float32))


def test_traces_of_old_exports_may_lack_arguments_that_have_defaults() -> None:
    function = Function("f", traces(((FLOAT,), {})), Parameters(("x", "training"), defaults=(False,)))
    assert function.get_concrete_function([1.0])
    with pytest.raises(ArgumentValueError):
        function.get_concrete_function([1.0], False)


def test_nested_arguments_are_flattened_in_tensorflows_order() -> None:
    point = namedtuple("point", ["y", "x"])
    expected = ({"b": INT, "a": (INT, None)}, point(INT, INT), [INT, True])
    recorder = Recorder([np.zeros(1, np.float32)])
    function = Function("f", [concrete(expected, {}, FLOAT, recorder)], Parameters(("d", "p", "l")))
    function({"a": (1, None), "b": 2}, point(3, 4), [5, True])
    assert [int(value) for value in recorder.calls[0]] == [1, 2, 3, 4, 5]


def test_an_extra_key_does_not_fit() -> None:
    function = Function("f", traces((({"a": INT},), {})), Parameters(("d",)))
    with pytest.raises(ArgumentValueError):
        function({"a": 1, "b": 2})


def test_outputs_have_the_saved_structure() -> None:
    pair = namedtuple("pair", ["second", "first"])
    outputs = {"b": [FLOAT, None], "a": pair(INT, FLOAT)}
    flat = [np.int32(1).reshape(()), np.float32([2]), np.float32([3])]
    result = concrete((), {}, outputs, Recorder(flat))()
    assert result["a"].second == 1 and result["a"].first.tolist() == [2] and result["b"][0].tolist() == [3]
    assert result["b"][1] is None


def test_sparse_and_ragged_values_are_split_and_joined() -> None:
    sparse = CompositeSpec(
        "sparse_tensor_spec",
        "SparseTensorSpec",
        None,
        component_specs("sparse_tensor_spec", ((None, 3), np.dtype(np.float32)), 3),
    )
    state = ((None, None), np.dtype(np.float32), 1, np.dtype(np.int64))
    ragged = CompositeSpec(
        "ragged_tensor_spec", "RaggedTensorSpec", state, component_specs("ragged_tensor_spec", state, 2)
    )
    recorder = Recorder()
    function = Function("f", [concrete((sparse, ragged), {}, (sparse, ragged), recorder)], Parameters(("s", "r")))
    found_sparse, found_ragged = function(
        SparseTensor([[0, 1]], np.float32([5]), [2, 3]), RaggedTensor(np.float32([1, 2, 3]), ([0, 1, 3],))
    )
    assert [value.shape for value in recorder.calls[0]] == [(1, 2), (1,), (2,), (3,), (3,)]
    assert found_sparse.dense_shape.tolist() == [2, 3]
    assert found_ragged.nested_row_splits[0].tolist() == [0, 1, 3]


def test_a_concrete_function_takes_parameters_by_name_and_skips_python_values() -> None:
    recorder = Recorder()
    function = concrete((FLOAT, True), {}, FLOAT, recorder)
    function.accept_flat_calls(["x"], 1, Parameters(("x", "training")))
    assert function(x=[1.0]).tolist() == [1.0]
    assert function([1.0], training=True).tolist() == [1.0]
    with pytest.raises(ArgumentTypeError):
        function([1.0], training=False)


def test_a_plan_exists_after_the_first_call() -> None:
    function = Function("f", [concrete((FLOAT,), {}, FLOAT, Recorder())], Parameters(("x",)))
    with pytest.raises(ArgumentValueError, match="first call"):
        _ = function.plan
    function([1.0])
    assert function.plan == "plan"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing a required argument: 'x'"),
        ((1, 2, 3), {}, "too many positional arguments: 3, of at most 2"),
        ((1,), {"x": 1, "k": 0}, "multiple values for argument 'x'"),
        ((1,), {}, "keyword-only argument: 'k'"),
        ((1,), {"k": 0, "z": 0}, "unexpected keyword argument 'z'"),
    ],
)
def test_binding_errors_name_the_parameter(args: Any, kwargs: Any, message: str) -> None:
    parameters = Parameters(("x", "y"), defaults=(0,), kwonly=("k",))
    with pytest.raises(ArgumentTypeError, match=message):
        parameters.bind(args, kwargs, "f")


def test_binding_fills_in_defaults_and_collects_the_rest() -> None:
    parameters = Parameters(("x", "y"), varkw="rest", defaults=(5,), kwonly=("k",), kwonly_defaults={"k": 1})
    assert parameters.bind((1,), {"z": 2}, "f") == ((1, 5), {"k": 1, "z": 2}, 1)


def test_names_that_are_no_identifiers_are_accepted_as_tensorflow_writes_them() -> None:
    recorder = Recorder([np.zeros(1, np.float32)])
    signature(recorder, arg_0_observation=FLOAT)(**{"0/observation": [1.0]})
    assert recorder.calls[0][0].tolist() == [1.0]
