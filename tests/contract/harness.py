"""Behaviours of tf.saved_model.load: the same few lines run under TensorFlow and under edgeload and must answer alike.

    @answered("calls.polymorphic")
    def test_a_python_value_prefers_its_own_trace(tf: Any, model: Any) -> Any:
        return model.f(2), model.f(tf.constant(2))

The model is made by the function `polymorphic` of `tests.contract.models.calls`. `tests.contract.export` runs the lines
with TensorFlow in a process of its own and stores what they return; pytest runs them with edgeload, where `tf` is
`tests.contract.stand_in`, and compares: from the SavedModel, and from what is kept of it. Assertions inside hold in
all of them. A behaviour may also ask for `path`, the model's folder, and load it itself.

Answers may be tensors, variables, specs, dtypes, shapes, refusals, Python values, and nests of these.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RTOL = 1e-6  # of floats, unless a behaviour says otherwise


@dataclass(frozen=True)
class Behaviour:
    """A function to run under both, and the model that it is about."""

    name: str
    model: str
    ask: Callable[..., Any]
    shares: bool

    def answer(self, tf: Any, folder: Path, loaded: dict[str, Any] | None = None) -> Any:
        """What `ask` returns, as plain values. `folder` has the models. Behaviours that share take a model from
        `loaded` by its name, the others load their own."""
        path = str(folder / self.model)
        wanted = inspect.signature(self.ask).parameters
        arguments: dict[str, Any] = {"tf": tf}
        if "path" in wanted:
            arguments["path"] = path
        if "model" in wanted:
            own: dict[str, Any] = {}
            models = loaded if self.shares and loaded is not None else own
            if self.model not in models:
                models[self.model] = tf.saved_model.load(path)
            arguments["model"] = models[self.model]
        return plain(self.ask(**arguments))


BEHAVIOURS: dict[str, Behaviour] = {}
"""By module and name, filled while the test modules are imported."""


def answered(
    model: str, rtol: float = RTOL, *, kinder: bool = False, shares: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test of a behaviour: edgeload must answer as TensorFlow has, floats within `rtol`. `kinder`: what
    TensorFlow refuses, edgeload may do. `shares`: it leaves the model as it is, so that TensorFlow, which takes long to
    load one, may load it once for all such behaviours."""

    def decorate(ask: Callable[..., Any]) -> Callable[..., None]:
        name = f"{ask.__module__.rsplit('.', 1)[-1]}.{ask.__name__}"
        assert name not in BEHAVIOURS, f"two behaviours are named {name}"
        behaviour = BEHAVIOURS[name] = Behaviour(name, model, ask, shares)

        def test(contract: Any, model_cache: Callable[[], None]) -> None:
            from tests.contract import stand_in

            expected = contract.answers[name]
            assert not isinstance(expected, Failure), f"under TensorFlow this fails:\n{expected.text}"
            assert_alike(behaviour.answer(stand_in, contract.folder), expected, rtol, kinder)
            model_cache()
            for _ in range(2):  # plans of the first one are kept for the second
                assert_alike(behaviour.answer(stand_in, contract.folder), expected, rtol, kinder)

        functools.update_wrapper(test, ask)
        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would look for fixtures named tf and model
        return test

    return decorate


@dataclass(frozen=True)
class Failure:
    """The answer when a behaviour's own lines fail under TensorFlow."""

    text: str


@dataclass(frozen=True)
class Refusal:
    """An exception, by the names of the built-in classes that it can be caught as."""

    kinds: tuple[str, ...]


def refused(call: Callable[[], Any], *said: str) -> Refusal:
    """The refusal with which a call ends. Its message must contain each of `said`, case aside."""
    result = result_or_refusal(call, *said)
    assert isinstance(result, Refusal), f"the call was not refused; it returned {result!r}"
    return result


def result_or_refusal(call: Callable[[], Any], *said: str) -> Any:
    """What a call returns, or its refusal."""
    try:
        return call()
    except Exception as error:
        text = str(error)
        for part in said:
            assert part.lower() in text.lower(), f"the message does not say {part!r}: {text}"
        classes = [kind for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        return Refusal(tuple(kind.__name__ for kind in classes if kind not in (Exception, BaseException, object)))


def plain(value: Any) -> Any:
    """A value without the classes of either library: arrays, Python values, and tagged tuples."""
    if value is None or isinstance(value, bool | int | float | str | bytes | Refusal) and not _is_scalar(value):
        return value
    if hasattr(value, "nested_row_splits"):
        return "ragged", plain(value.flat_values), [plain(splits) for splits in value.nested_row_splits]
    if hasattr(value, "dense_shape") and hasattr(value, "indices"):
        return "sparse", *(plain(part) for part in (value.indices, value.values, value.dense_shape))
    if isinstance(value, np.dtype) or hasattr(value, "as_numpy_dtype"):
        return "dtype", _dtype_name(value)
    if type(value).__name__ in ("TensorSpec", "SymbolicTensor"):
        return "spec", plain(value.shape), _dtype_name(value.dtype), getattr(value, "name", None)
    if hasattr(value, "as_list") and hasattr(value, "rank"):  # the shape of either library
        return None if value.rank is None else ("tuple", [plain(size) for size in value.as_list()])
    if isinstance(value, Mapping):
        return "dict", {key: plain(value[key]) for key in value}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "namedtuple", type(value).__name__, value._fields, [plain(item) for item in value]
    if isinstance(value, tuple):
        return "tuple", [plain(item) for item in value]
    if isinstance(value, list):
        return "list", [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        array = value.numpy() if hasattr(value, "numpy") else value  # a bfloat16 variable of TensorFlow needs it
        array = np.asarray(array)
        return array if array.dtype != object or array.ndim else np.array(array)
    raise TypeError(f"an answer cannot have a {type(value).__name__}: {value!r}")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, np.generic)


def _dtype_name(dtype: Any) -> str:
    name = dtype.name if hasattr(dtype, "name") else np.dtype(dtype).name
    return "string" if name == "object" else name


def assert_alike(got: Any, expected: Any, rtol: float, kinder: bool = False, where: str = "the answer") -> None:
    """Fail unless two plain values are equal: in containers, dtypes, shapes, and values."""
    if isinstance(expected, np.ndarray):
        assert isinstance(got, np.ndarray), f"{where} is {got!r}, TensorFlow's is {expected!r}"
        assert got.dtype == expected.dtype, f"{where} is {got.dtype}, TensorFlow's is {expected.dtype}"
        assert got.shape == expected.shape, f"{where} has the shape {got.shape}, TensorFlow's has {expected.shape}"
        if expected.dtype.kind in "fc":
            np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * 1e-3, err_msg=where)
        else:
            np.testing.assert_array_equal(got, expected, err_msg=where)
    elif isinstance(expected, Refusal):
        if kinder and not isinstance(got, Refusal):
            return
        assert isinstance(got, Refusal), f"{where} is {got!r}, TensorFlow refuses it: {expected}"
        missing = set(expected.kinds) - set(got.kinds)
        assert not missing, f"{where} cannot be caught as {missing}: {got}, TensorFlow's can: {expected}"
    elif isinstance(expected, tuple | list) and not isinstance(got, np.ndarray):
        assert type(got) is type(expected) and len(got) == len(expected), f"{where}: {got!r}, TensorFlow: {expected!r}"
        for index, (one, other) in enumerate(zip(got, expected, strict=True)):
            assert_alike(one, other, rtol, kinder, f"{where}[{index}]")
    elif isinstance(expected, dict):
        assert isinstance(got, dict) and sorted(got) == sorted(expected), f"{where}: {got!r}, TensorFlow: {expected!r}"
        for key in expected:
            assert_alike(got[key], expected[key], rtol, kinder, f"{where}[{key!r}]")
    else:
        assert type(got) is type(expected) and got == expected, f"{where} is {got!r}, TensorFlow's is {expected!r}"
