"""What a call makes of Python's and NumPy's values: dtypes that are converted, and dtypes that are refused."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest

import edgeload
from tests.contract.conftest import Contract
from tests.contract.harness import answered, refused, result_or_refusal

GIVEN: dict[str, Any] = {
    "python bool": True,
    "python int": 3,
    "python float": 2.5,
    "python complex": 1 + 2j,
    "python str": "a",
    "python bytes": b"a",
    "list of ints": [1, 2],
    "list of floats": [1.0, 2.5],
    "list of lists": [[1, 2], [3, 4]],
    "mixed list": [1, 2.5],
    "list of bools": [True, False],
    "list of strings": ["a", b"b"],
    "empty list": [],
    "tuple of ints": (1, 2),
    "numpy bool": np.array([True]),
    "numpy int8": np.array([1], np.int8),
    "numpy int32": np.array([1], np.int32),
    "numpy int64": np.array([1], np.int64),
    "numpy uint8": np.array([1], np.uint8),
    "numpy float16": np.array([0.5], np.float16),
    "numpy float32": np.array([0.5], np.float32),
    "numpy float64": np.array([0.5], np.float64),
    "numpy complex64": np.array([0.5], np.complex64),
    "numpy float64 scalar": np.float64(1.5),
    "numpy int64 scalar": np.int64(3),
}


TEXTS: dict[str, Any] = {
    "numpy str": np.array(["a", "bc"]),
    "numpy bytes": np.array([b"a", b"bc"]),
    "numpy objects": np.array([b"a", b"bc"], object),
    "numpy str scalar": np.str_("a"),
    "nested": [["a", "b"], [b"c", "d"]],
    "non-ASCII": "z\u00fcrich",
    "zero bytes": b"a\x00b\x00",
    "empty": "",
    "tuple": ("a", "b"),
}


def outcomes(function: Any) -> dict[str, Any]:
    """What becomes of every given value."""
    return {name: result_or_refusal(lambda value=value: function(value)) for name, value in GIVEN.items()}


def tensors(tf: Any, function: Any) -> dict[str, Any]:
    given = {
        "float32": tf.constant([1.5]), "float64": tf.constant([1.5], tf.float64), "int32": tf.constant([1]),
        "int64": tf.constant([1], tf.int64), "bool": tf.constant([True]), "string": tf.constant(["a"]),
    }  # fmt: skip
    return {name: result_or_refusal(lambda value=value: function(value)) for name, value in given.items()}


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_float32_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_float32)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_free_float32_function_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.free_float32)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_float64_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_float64), outcomes(model.free_float64)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_half_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_float16), outcomes(model.free_float16)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_bfloat16_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_bfloat16), outcomes(model.free_bfloat16)


@answered("calls.dtypes", kinder=True, shares=True)
def test_an_int32_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_int32), outcomes(model.free_int32)


@answered("calls.dtypes", kinder=True, shares=True)
def test_an_int64_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_int64), outcomes(model.free_int64)


@answered("calls.dtypes", kinder=True, shares=True)
def test_small_integer_inputs_take_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_int8), outcomes(model.fixed_int16), outcomes(model.free_int8)


@answered("calls.dtypes", kinder=True, shares=True)
def test_unsigned_inputs_take_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_uint8), outcomes(model.fixed_uint16), outcomes(model.fixed_uint32)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_uint64_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_uint64), outcomes(model.free_uint64)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_bool_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_bool), outcomes(model.free_bool)


@answered("calls.dtypes", kinder=True, shares=True)
def test_complex_inputs_take_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_complex64), outcomes(model.fixed_complex128), outcomes(model.free_complex64)


@answered("calls.dtypes", kinder=True, shares=True)
def test_a_string_input_takes_what_tensorflow_takes(tf: Any, model: Any) -> Any:
    return outcomes(model.fixed_string), outcomes(model.free_string)


@answered("calls.dtypes", shares=True)
def test_texts_become_bytes_in_utf_8(tf: Any, model: Any) -> Any:
    functions = (model.fixed_string, model.free_string)
    return [{name: function(value) for name, value in TEXTS.items()} for function in functions]


@answered("calls.dtypes", shares=True)
def test_texts_are_refused_where_numbers_are_wanted(tf: Any, model: Any) -> Any:
    functions = (model.fixed_float32, model.free_float32, model.fixed_int64, model.fixed_complex64)
    return [refused(lambda f=f, text=text: f(text)) for f in functions for text in TEXTS.values()]


@answered("calls.dtypes", shares=True)
def test_large_integers_keep_their_value(tf: Any, model: Any) -> Any:
    return (
        model.fixed_int64(2**40),
        model.fixed_uint64(2**63 + 1),
        model.fixed_float32(2**40),
        model.free_int64(-(2**62)),
    )


@answered("calls.dtypes", kinder=True, shares=True)
def test_tensors_of_the_right_dtype_are_taken(tf: Any, model: Any) -> Any:
    names = ("float32", "float64", "float16", "int32", "int64", "bool", "string", "complex64")
    return {name: tensors(tf, getattr(model, f"fixed_{name}")) for name in names}


@answered("calls.dtypes", kinder=True, shares=True)
def test_tensors_of_the_right_dtype_are_taken_by_free_functions(tf: Any, model: Any) -> Any:
    names = ("float32", "float64", "float16", "int32", "int64", "bool", "string", "complex64")
    return {name: tensors(tf, getattr(model, f"free_{name}")) for name in names}


@answered("calls.dtypes", kinder=True, shares=True)
def test_signatures_take_tensors_of_the_right_dtype(tf: Any, model: Any) -> Any:
    return {name: tensors(tf, lambda x, name=name: model.signatures[name](x=x)) for name in ("float32", "int32")}


LAYOUTS: dict[str, Any] = {
    "every other": np.arange(8, dtype=np.float32)[::2],
    "backwards": np.arange(4, dtype=np.float32)[::-1],
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "by columns": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
    "big-endian": np.arange(4, dtype=">f4"),
    "scalar array": np.array(2.5, np.float32),
    "no elements": np.zeros((0, 3), np.float32),
    "masked": np.ma.masked_array(np.arange(3, dtype=np.float32)),
}


@answered("calls.dtypes", shares=True)
def test_arrays_of_every_memory_layout_are_taken(tf: Any, model: Any) -> Any:
    functions = (model.fixed_float32, model.free_float32)
    return [{name: function(value) for name, value in LAYOUTS.items()} for function in functions]


@answered("calls.dtypes", kinder=True, shares=True)
def test_buffers_and_mixed_lists_are_taken(tf: Any, model: Any) -> Any:
    given = {
        "array module": array.array("f", [1.0, 2.0]),
        "memoryview": memoryview(np.arange(3, dtype=np.float32)),
        "list of arrays": [np.float32([1, 2]), np.float32([3, 4])],
        "list of scalars": [np.float32(1), np.float32(2)],
        "list of tensors": [tf.constant([1.0]), tf.constant([2.0])],
        "list of mixed": [1, np.float32(2), 3.0],
        "range": range(3),
    }
    functions = (model.fixed_float32, model.free_float32)
    return [
        {name: result_or_refusal(lambda f=f, value=value: f(value)) for name, value in given.items()} for f in functions
    ]


@answered("calls.dtypes", shares=True)
def test_what_is_no_array_is_refused(tf: Any, model: Any) -> Any:
    wrong: list[Any] = [None, object(), [[1.0], [1.0, 2.0]], {"a": 1.0}, [None], lambda: 1.0]
    return [
        refused(lambda f=f, value=value: f(value)) for f in (model.fixed_float32, model.free_float32) for value in wrong
    ]


def test_a_result_is_taken_as_argument_again(contract: Contract) -> None:
    model = edgeload.load(contract.model("calls.dtypes"))
    once = model.free_float32([1.0, 2.0])
    assert isinstance(once, edgeload.Array) and model.fixed_float32(once).tolist() == [1, 2]
    assert model.free_float32(once[::2]).tolist() == [1] and model.free_float32(once[1]).tolist() == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("int32", 2**40), ("uint8", -1), ("int8", np.array([300])), ("int32", np.array([np.nan])), ("int64", 2**70)],
)
def test_numbers_that_do_not_fit_are_refused_where_tensorflow_wraps_them(
    name: str, value: Any, contract: Contract
) -> None:
    model = edgeload.load(contract.model("calls.dtypes"))
    with pytest.raises(edgeload.ArgumentTypeError, match=name):
        getattr(model, f"fixed_{name}")(value)


def test_arrays_of_the_wrong_precision_are_taken_by_every_function(contract: Contract) -> None:
    """TensorFlow asks for the exact dtype where there is no input signature; float64 is what NumPy makes by default."""
    model = edgeload.load(contract.model("calls.dtypes"))
    assert model.free_float32(np.array([1.5])).dtype == np.float32
    assert model.signatures["int32"](x=np.array([7]))["output_0"].dtype == np.int32
    with pytest.raises(edgeload.ArgumentValueError):
        model.free_int32(np.array([1.5]))
