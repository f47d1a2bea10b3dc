"""Functions of a model: `Function` picks the trace that fits a call, `ConcreteFunction` runs one trace."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from edgeload import dtypes
from edgeload.errors import ArgumentTypeError, ArgumentValueError
from edgeload.objects import structured
from edgeload.objects.arrays import Array, strings, to_array
from edgeload.objects.parameters import Parameters, sanitize
from edgeload.objects.specs import CompositeSpec, TensorSpec
from edgeload.objects.variables import Variable, fits

_MOST_REMEMBERED_CALLS = 256


class Executor(Protocol):
    """What runs a function: made when the function is first called, so that a load costs nothing for it."""

    def run(self, inputs: list[Any]) -> list[Any]:
        """The flat outputs for the flat inputs (captures are already bound)."""

    @property
    def plan(self) -> Any:
        """The plan of the latest call; it prints as a table."""


class ConcreteFunction:
    """One trace. `structured_input_signature` is (args, kwargs) as it was traced; a leaf that is no spec is a Python
    value which the trace is specialised on. Outputs have the structure of `structured_outputs`, tensors as `Array`.
    """

    def __init__(
        self,
        name: str,
        structured_input_signature: tuple[tuple[Any, ...], dict[str, Any]],
        structured_outputs: Any,
        make_executor: Callable[[ConcreteFunction], Executor],
        get_captured_inputs: Callable[[], Sequence[Any]] = tuple,
    ) -> None:
        self.name = name
        self.structured_input_signature = structured_input_signature
        self.structured_outputs = structured_outputs
        self._get_captured_inputs = get_captured_inputs
        self.inputs = structured.flat_specs(structured_input_signature)
        self.outputs = structured.flat_specs(structured_outputs)
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self._lock = threading.Lock()
        self._parameters: Parameters | None = None
        self._keywords: tuple[str, ...] = ()
        self._num_positional = 0
        self._defaults: dict[str, Any] = {}
        self._aliases: dict[str, str] = {}
        self._keyword_specs = _keyword_specs(structured_input_signature)
        self._output_keys = _output_keys(structured_outputs)
        self._latest: list[_Exact] | None = None

    def accept_flat_calls(
        self, keywords: Sequence[str], num_positional: int, parameters: Parameters | None = None
    ) -> None:
        """Let the function be called with its tensors one by one: by `keywords`, of which the first `num_positional`
        may be positional."""
        self._keywords = tuple(keywords)
        self._num_positional = num_positional
        self._parameters = parameters or self._parameters

    def set_defaults(self, defaults: Mapping[str, Any]) -> None:
        """Values of keywords that a call may leave out."""
        self._defaults = dict(defaults)

    def set_aliases(self, aliases: Mapping[str, str]) -> None:
        """Other names of keywords. Of several names of one keyword in a call, the last counts."""
        self._aliases = dict(aliases)

    @functools.cached_property
    def captured_inputs(self) -> list[Any]:
        """The objects that the function captures: variables, resources, assets, constants."""
        return list(self._get_captured_inputs())

    @property
    def variables(self) -> list[Variable]:
        """The variables that the function captures."""
        return [capture for capture in self.captured_inputs if isinstance(capture, Variable)]

    @property
    def trainable_variables(self) -> list[Variable]:
        return [variable for variable in self.variables if variable.trainable]

    @property
    def plan(self) -> Any:
        """The plan of the latest call, which prints as a table. Raises ArgumentValueError before the first call."""
        if self._executor is None:
            raise ArgumentValueError(f"function {self.name!r} has no plan yet: a plan is made at the first call.")
        return self._executor.plan

    @property
    def executor(self) -> Executor:
        """What runs the function; made on first use."""
        if self._executor is None:
            with self._lock:
                if self._executor is None:
                    self._executor = self._make_executor(self)
        return self._executor

    def capture_values(self) -> list[Any]:
        """The captured inputs for programs: variables and tables themselves, constants and assets as arrays."""
        return [capture.capture() if hasattr(capture, "capture") else capture for capture in self.captured_inputs]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function. Raises ArgumentTypeError or ArgumentValueError when the arguments do not fit it."""
        if self._latest is not None and not args and len(kwargs) == len(self._latest):
            flat = _exactly(self._latest, kwargs)
            if flat is not None:
                return self.run(flat)
        if self._aliases:
            kwargs = {self._aliases.get(name, name): value for name, value in kwargs.items()}
        specs = self._keyword_specs
        if not args and specs is not None and kwargs.keys() == specs.keys():
            flat = [_tensor(spec, kwargs[name], name, True) for name, spec in specs.items()]
            self._latest = _note_exact(flat, kwargs, specs)
            return self.run(flat)
        return self.run(self._bind(args, kwargs))

    def run(self, flat: list[Any]) -> Any:
        """Call with flat inputs that fit `inputs`."""
        results = (self._executor or self.executor).run(flat)
        if type(self.structured_outputs) is TensorSpec and isinstance(results[0], np.ndarray):
            return results[0].view(Array)
        wrapped = [result.view(Array) if isinstance(result, np.ndarray) else result for result in results]
        if self._output_keys is not None:
            return dict(zip(self._output_keys, wrapped, strict=True))
        return structured.pack(self.structured_outputs, iter(wrapped))

    def pretty_printed_signature(self) -> str:
        """Name, inputs and outputs on one line."""
        return (
            f"{self.name}{describe_signature(self.structured_input_signature)} -> {describe(self.structured_outputs)}"
        )

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The flat inputs of a structured call, or else of a flat one."""
        try:
            return self._bind_structured(args, kwargs)
        except (ArgumentTypeError, ArgumentValueError):
            if not self._keywords:
                raise
        return self._bind_flat(args, kwargs)

    def _bind_structured(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        expected_args, expected_kwargs = self.structured_input_signature
        where = f"function {self.name!r}"
        names = self._parameters.args if self._parameters else ()
        rest = dict(kwargs)
        if len(args) > len(expected_args):
            raise ArgumentTypeError(
                f"{where} takes {len(expected_args)} positional arguments, found {len(args)}. {self._takes()}"
            )
        flat: list[Any] = []
        for position, expected in enumerate(expected_args):
            name = names[position] if position < len(names) else str(position)
            if position < len(args) and name in rest:
                raise ArgumentTypeError(f"{where} got two values for {name!r}. {self._takes()}")
            if position < len(args):
                flat += flatten_to(expected, args[position], name, True)
            elif name in rest:
                flat += flatten_to(expected, rest.pop(name), name, True)
            elif structured.flat_specs(expected):
                raise ArgumentTypeError(f"{where} is missing required arguments: {name}. {self._takes()}")
        for name in sorted(expected_kwargs):
            expected = expected_kwargs[name]
            if name in rest:
                flat += flatten_to(expected, rest.pop(name), name, True)
            elif name in self._defaults and isinstance(expected, TensorSpec):
                flat.append(_tensor(expected, self._defaults[name], name, True))
            elif structured.flat_specs(expected):
                raise ArgumentTypeError(f"{where} is missing required arguments: {name}. {self._takes()}")
        if rest:
            raise ArgumentTypeError(
                f"{where} got unexpected keyword arguments {', '.join(map(repr, rest))}. {self._takes()}"
            )
        return flat

    def _bind_flat(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        where = f"function {self.name!r}"
        if len(args) > self._num_positional:
            hint = "Pass its arguments by name. " if self._keywords else ""
            raise ArgumentTypeError(
                f"{where} takes {self._num_positional} positional arguments, found {len(args)}. {hint}{self._takes()}"
            )
        given = {sanitize(name) if name not in self._keywords else name: value for name, value in kwargs.items()}
        for name, value in zip(self._keywords, args, strict=False):
            if name in given:
                raise ArgumentTypeError(f"{where} got two values for {name!r}. {self._takes()}")
            given[name] = value
        given = {**self._defaults, **given}
        missing = [name for name in self._keywords if name not in given]
        unexpected = [name for name in given if name not in self._keywords]
        if unexpected:
            raise ArgumentTypeError(
                f"{where} got unexpected keyword arguments {', '.join(map(repr, unexpected))}. {self._takes()}"
            )
        if missing:
            raise ArgumentTypeError(f"{where} is missing required arguments: {', '.join(missing)}. {self._takes()}")
        return [_tensor(spec, given[name], name, True) for name, spec in zip(self._keywords, self.inputs, strict=False)]

    def _takes(self) -> str:
        if self._keywords and not self.structured_input_signature[0]:
            named = [f"{name}: {spec}" for name, spec in zip(self._keywords, self.inputs, strict=False)]
            return f"It takes {', '.join(named) or 'no arguments'}."
        return f"It takes {describe_signature(self.structured_input_signature)}."

    def __repr__(self) -> str:
        return f"<edgeload.ConcreteFunction {self.pretty_printed_signature()}>"


class Function:
    """A Python function that was saved with its traces. A call runs the first trace that its arguments fit."""

    def __init__(
        self, name: str, concrete_functions: Sequence[ConcreteFunction], parameters: Parameters | None
    ) -> None:
        self.name = name
        self.concrete_functions = list(concrete_functions)
        self._parameters = parameters
        self._latest: ConcreteFunction | None = None
        self._exact: tuple[ConcreteFunction, list[_Exact]] | None = None
        self._remembered: dict[Any, tuple[ConcreteFunction, tuple[int | str, ...]]] = {}

    @property
    def plan(self) -> Any:
        """The plan of the latest call, which prints as a table. Raises ArgumentValueError before the first call."""
        if self._latest is None:
            raise ArgumentValueError(f"function {self.name!r} has no plan yet: a plan is made at the first call.")
        return self._latest.plan

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the trace that fits. Raises ArgumentTypeError or ArgumentValueError when there is none."""
        if self._exact is not None and not kwargs and len(args) == len(self._exact[1]):
            flat = _exactly(self._exact[1], args)
            if flat is not None:
                self._latest = self._exact[0]
                return self._latest.run(flat)
        key = _call_key(args, kwargs)
        remembered = None if key is None else self._remembered.get(key)
        if remembered is not None:
            trace, places = remembered
            self._latest = trace
            return trace.run([args[place] if type(place) is int else kwargs[place] for place in places])  # type: ignore[index]
        trace, flat = self._choose(args, kwargs)
        self._latest = trace
        if key is not None:
            self._remember(key, trace, flat, args, kwargs)
        return trace.run(flat)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The trace that such a call runs; TensorSpecs may stand for tensors. Without arguments, the only trace."""
        if not args and not kwargs and len(self.concrete_functions) == 1:
            return self.concrete_functions[0]
        return self._choose(args, kwargs)[0]

    def _choose(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[ConcreteFunction, list[Any]]:
        """The first trace, in saved order, that the arguments fit; as they are, or else converted."""
        if not self.concrete_functions:
            raise ArgumentValueError(
                f"Found zero restored functions for caller function {self.name!r}: it was never called before the "
                "model was saved, so there is no graph of it. Call it, or its get_concrete_function, before saving."
            )
        bound_args, bound_kwargs, num_defaults = tuple(args), dict(kwargs), 0
        if self._parameters is not None:
            bound_args, bound_kwargs, num_defaults = self._parameters.bind(args, kwargs, f"function {self.name!r}")
        for convert in (False, True):
            for trace in self.concrete_functions:
                expected_args, expected_kwargs = trace.structured_input_signature
                surplus = len(bound_args) - len(expected_args)
                found = bound_args[: len(expected_args)] if 0 < surplus <= num_defaults else bound_args
                try:
                    return trace, flatten_to((expected_args, expected_kwargs), (found, bound_kwargs), "", convert)
                except (ArgumentTypeError, ArgumentValueError):
                    continue
        raise ArgumentValueError(self._no_match(bound_args, bound_kwargs))

    def _no_match(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        options = "\n".join(
            f"Option {number}: {describe_signature(trace.structured_input_signature)}"
            for number, trace in enumerate(self.concrete_functions, 1)
        )
        return (
            f"Could not find matching concrete function to call loaded from the SavedModel "
            f"(function {self.name!r}). Got:\n"
            f"  {describe_signature((args, dict(kwargs)))}\n"
            "Expected these arguments to match one of the following "
            f"{len(self.concrete_functions)} option(s):\n{options}"
        )

    def _remember(
        self, key: Any, trace: ConcreteFunction, flat: list[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Note the trace for calls alike, when all its inputs are arguments of the call as they are."""
        arrays: list[tuple[Any, int | str]] = [*((value, place) for place, value in enumerate(args))]
        arrays += [(value, name) for name, value in kwargs.items()]
        given = {id(value): place for value, place in arrays if isinstance(value, np.ndarray)}
        if all(id(value) in given for value in flat) and len(given) == len(flat):
            if len(self._remembered) >= _MOST_REMEMBERED_CALLS:
                self._remembered.clear()
            self._remembered[key] = trace, tuple(given[id(value)] for value in flat)
            noted = _note_exact(flat, args, [given[id(value)] for value in flat]) if not kwargs else None
            self._exact = (trace, noted) if noted is not None and len(noted) == len(args) else None

    def __repr__(self) -> str:
        return f"<edgeload.Function {self.name!r} with {len(self.concrete_functions)} trace(s)>"


def flatten_to(expected: Any, found: Any, name: str, convert: bool) -> list[Any]:
    """The tensors of `found`, which must have the structure `expected`, in TensorFlow's flat order.

    With `convert`, Python values and arrays of other dtypes become arrays where TensorFlow converts them; without, a
    tensor must be an array (or a TensorSpec in place of one) of the very dtype. Raises ArgumentTypeError for wrong
    dtypes, ArgumentValueError for wrong structures and shapes; both name the argument.
    """
    if isinstance(expected, TensorSpec):
        return [_tensor(expected, found, name, convert)]
    if isinstance(expected, CompositeSpec):
        parts = expected.split(found)
        if parts is None:
            raise ArgumentTypeError(f"argument {name!r} expects {expected!r}, found {describe(found)}.")
        if expected.kind == "variable_spec":
            return [found]
        return [_tensor(spec, part, name, convert) for spec, part in zip(expected.components, parts, strict=True)]
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping) or found.keys() != expected.keys():
            raise ArgumentValueError(f"argument {name!r} expects {describe(expected)}, found {describe(found)}.")
        return [
            flat
            for key in sorted(expected)
            for flat in flatten_to(expected[key], found[key], _path(name, key), convert)
        ]
    if isinstance(expected, tuple | list):
        if not isinstance(found, tuple | list) or len(found) != len(expected):
            raise ArgumentValueError(f"argument {name!r} expects {describe(expected)}, found {describe(found)}.")
        pairs = enumerate(zip(expected, found, strict=False))
        return [
            flat for index, (want, have) in pairs for flat in flatten_to(want, have, _path(name, str(index)), convert)
        ]
    if not structured.same_value(found, expected):
        raise ArgumentValueError(f"argument {name!r} expects {describe(expected)}, found {describe(found)}.")
    return []


def _tensor(spec: TensorSpec, value: Any, name: str, convert: bool) -> Any:
    """The value as an array that fits the spec."""
    if (
        type(value) is np.ndarray
        and value.dtype == spec.dtype
        and spec.dtype != dtypes.STRING
        and value.flags.c_contiguous
    ):
        array = value
    elif isinstance(value, TensorSpec):
        if not spec.accepts(value.dtype, value.shape):
            raise ArgumentValueError(f"argument {name!r} expects {spec}, found {value}.")
        return value
    elif isinstance(spec.dtype, dtypes.Opaque):
        if convert or isinstance(value, np.ndarray | int | float | str | bytes | list | tuple | type(None)):
            raise ArgumentTypeError(f"argument {name!r} expects {spec}, found {describe(value)}.")
        return value
    elif convert:
        array = to_array(value, spec.dtype, f"argument {name!r}")
    else:
        array = _as_tensor(spec, value, name)
    if not fits(array.shape, spec.shape):
        raise ArgumentValueError(
            f"argument {name!r} expects {spec}, found {dtypes.name_of(array.dtype)}{list(array.shape)}."
        )
    return array


def _as_tensor(spec: TensorSpec, value: Any, name: str) -> np.ndarray:
    """An array or variable whose dtype is the spec's already."""
    if isinstance(value, np.ndarray | np.generic | Variable):
        array = np.asarray(value)
        if spec.dtype == dtypes.STRING and array.dtype.kind in "OSUT":
            return strings(array, f"argument {name!r}")
        if array.dtype == spec.dtype:
            return np.require(array, requirements="C")
    raise ArgumentTypeError(f"argument {name!r} expects a tensor {spec}, found {describe(value)}.")


_Exact = tuple[Any, np.dtype, tuple[int, ...]]
"""Of an array that a call passed as it was: its position or name, its dtype, its shape."""


def _exactly(noted: list[_Exact], given: Any) -> list[np.ndarray] | None:
    """The flat inputs, if these arguments are arrays just like the noted ones. Most calls are, and this is quick."""
    flat = []
    for place, dtype, shape in noted:
        value = given.get(place) if type(place) is str else given[place]
        if (
            type(value) is not np.ndarray
            or value.dtype is not dtype
            or value.shape != shape
            or not value.flags.c_contiguous
        ):
            return None
        flat.append(value)
    return flat


def _note_exact(flat: list[Any], given: Any, places: Iterable[Any]) -> list[_Exact] | None:
    """What `_exactly` compares; None when an argument was converted, or has strings, which are checked every time."""
    noted = []
    for value, place in zip(flat, places, strict=True):
        if type(value) is not np.ndarray or value is not given[place] or value.dtype == dtypes.STRING:
            return None
        noted.append((place, value.dtype, value.shape))
    return noted


def _path(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _keyword_specs(signature: tuple[tuple[Any, ...], dict[str, Any]]) -> dict[str, TensorSpec] | None:
    """The specs by name, in flat order, of a signature that takes single tensors by keyword only."""
    args, kwargs = signature
    if args or not all(isinstance(spec, TensorSpec) for spec in kwargs.values()):
        return None
    return {name: kwargs[name] for name in sorted(kwargs)}


def _output_keys(outputs: Any) -> list[str] | None:
    """The keys of outputs that are a dict of single tensors, in flat order."""
    if isinstance(outputs, dict) and all(isinstance(spec, TensorSpec) for spec in outputs.values()):
        return sorted(outputs)
    return None


def _call_key(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What decides which trace fits, for calls with plain arrays and Python scalars only; None for others."""
    parts: list[Any] = []
    for value in (*args, *kwargs.values()):
        kind = type(value)
        if kind is np.ndarray:
            if value.dtype.hasobject or not value.flags.c_contiguous:
                return None
            parts.append((value.dtype, value.shape))
        elif value is None or kind in (bool, int, float, str):
            parts.append((kind, value))
        else:
            return None
    return len(args), tuple(kwargs), tuple(parts)


def describe_signature(signature: tuple[Sequence[Any], Mapping[str, Any]]) -> str:
    """Arguments for messages: (float32[None, 4], training=False)."""
    args, kwargs = signature
    named = [f"{name}={describe(kwargs[name])}" for name in sorted(kwargs)]
    return f"({', '.join([describe(arg) for arg in args] + named)})"


def describe(value: Any) -> str:
    """A spec, or an argument of a call, for messages: arrays by dtype and shape, others by value."""
    if isinstance(value, TensorSpec):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        return f"{dtypes.name_of(value.dtype)}{list(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        return opening + ", ".join(_some(describe(item) for item in value)) + closing
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _some(texts: Iterator[str], limit: int = 12) -> list[str]:
    """The first texts, and an ellipsis if there are more."""
    shown: list[str] = []
    for text in texts:
        if len(shown) == limit:
            return [*shown, "..."]
        shown.append(text)
    return shown
