"""Functions of a model: `Function` picks the trace that fits a call, `ConcreteFunction` runs one trace."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from edgeload import dtypes
from edgeload.array import Array
from edgeload.errors import ArgumentTypeError, ArgumentValueError, EdgeloadError
from edgeload.objects import structured
from edgeload.objects.describing import describe, describe_signature, describe_type
from edgeload.objects.matching import Conversion, Exact, call_key, exactly, flatten_to, note_exact, to_input
from edgeload.objects.origins import OfModel
from edgeload.objects.parameters import Parameters, sanitize
from edgeload.objects.specs import TensorSpec
from edgeload.objects.variables import Variable, fits

_MOST_REMEMBERED_CALLS = 256
_KINDLY = {"mixes_sequences": True, "any_size": True}  # as TensorFlow calls a concrete function


class Executor(Protocol):
    """What runs a function: made when the function is first called, so that a load costs nothing for it."""

    def run(self, inputs: list[Any]) -> list[Any]:
        """The flat outputs for the flat inputs (captures are already bound)."""

    def prepared(self, inputs: list[Any]) -> Callable[[Any], Any] | None:
        """What runs inputs of the same dtypes and shapes as these, which have just been run, and gives None when it
        cannot any more; None where a call depends on more than dtypes and shapes. Results are `Array`s. One input is
        passed as it is, not in a list, and one result returned so, where there is one of each."""

    @property
    def plan(self) -> Any:
        """The plan of the latest call; it prints as a table."""


class ConcreteFunction(OfModel):
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
        """`name` is that of the function in the model's library, or any other for messages."""
        self.name = name
        self.structured_input_signature = structured_input_signature
        self.structured_outputs = structured_outputs
        self._get_captured_inputs = get_captured_inputs
        self.input_specs = structured.flat_specs(structured_input_signature)
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
        self._quick: Callable[[Mapping[str, Any]], Any] | None = None

    def accept_flat_calls(
        self, keywords: Sequence[str], num_positional: int, parameters: Parameters | None = None
    ) -> None:
        """Let the function be called with its tensors one by one: by `keywords`, of which the first `num_positional`
        may be positional."""
        self._keywords = tuple(keywords)
        self._num_positional = num_positional
        self._parameters = parameters or self._parameters

    def set_parameters(self, parameters: Parameters) -> None:
        """Tell the parameters of the Python function that was traced, unless they are known."""
        self._parameters = self._parameters or parameters

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
    def inputs(self) -> list[TensorSpec]:
        """The tensors that the function takes, by name: its arguments, and then what it captures."""
        names = self._keywords if len(self._keywords) == len(self.input_specs) else [""] * len(self.input_specs)
        arguments = [
            TensorSpec(spec.shape, spec.dtype, f"{name or spec.name or f'args_{index}'}:0")
            for index, (name, spec) in enumerate(zip(names, self.input_specs, strict=True))
        ]
        return arguments + [_capture_spec(capture) for capture in self.captured_inputs]

    @property
    def output_dtypes(self) -> Any:
        """The dtypes of the results, in their structure."""
        return structured.map_leaves(self.structured_outputs, lambda spec: getattr(spec, "dtype", None))

    @property
    def output_shapes(self) -> Any:
        """The shapes of the results, in their structure."""
        return structured.map_leaves(self.structured_outputs, lambda spec: getattr(spec, "shape", None))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that the function captures."""
        return tuple(capture for capture in self.captured_inputs if isinstance(capture, Variable))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        return tuple(variable for variable in self.variables if variable.trainable)

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
        quick = self._quick  # read once: another thread's call may replace it
        if quick is not None and not args:
            result = quick(kwargs)
            if result is not None:
                return result
        if self._aliases:
            kwargs = {self._aliases.get(name, name): value for name, value in kwargs.items()}
        specs = self._keyword_specs
        if not args and specs is not None and kwargs.keys() == specs.keys():
            flat = [to_input(spec, kwargs[name], name, "kind", any_size=True) for name, spec in specs.items()]
            misfit = self._misfit(flat)
            noted = note_exact(flat, kwargs, specs) if misfit is None else None
        else:
            flat = self._bind(args, kwargs)
            misfit, noted = self._misfit(flat), None
        if misfit is None:
            result = self.run(flat)
            self._quick = None if noted is None else self._prepare(noted, flat)
            return result
        try:
            return self.run(flat)  # as TensorFlow does: a graph may well take other sizes than it was traced with
        except EdgeloadError as error:
            raise ArgumentValueError(f"{misfit} The function was tried with it nevertheless: {error}") from error

    def _misfit(self, flat: list[Any]) -> str | None:
        """Which input has another shape than the function was traced with, if any."""
        for index, (spec, value) in enumerate(zip(self.input_specs, flat, strict=True)):
            if isinstance(value, np.ndarray) and not fits(value.shape, spec.shape):
                name = self._keywords[index] if index < len(self._keywords) else spec.name or str(index)
                return f"argument {name!r} expects {spec}, found {describe(value)}."
        return None

    def run(self, flat: list[Any]) -> Any:
        """Call with flat inputs that fit `input_specs`."""
        results = (self._executor or self.executor).run(flat)
        if type(self.structured_outputs) is TensorSpec and isinstance(results[0], np.ndarray):
            return results[0].view(Array)
        wrapped = [result.view(Array) if isinstance(result, np.ndarray) else result for result in results]
        if self._output_keys is not None:
            return dict(zip(self._output_keys, wrapped, strict=True))
        return structured.pack(self.structured_outputs, iter(wrapped))

    def _prepare(self, noted: list[Exact], flat: list[Any]) -> Callable[[Mapping[str, Any]], Any] | None:
        """What makes a call just like the latest one, and gives None for any other: most calls are, and for a small
        model everything around its kernels counts."""
        run, keys = self.executor.prepared(flat), self._output_keys
        are_arrays = all(isinstance(spec.dtype, np.dtype) for spec in self.outputs)
        if run is None or keys is None or not are_arrays:
            return None

        if len(noted) == len(keys) == 1:
            [(name, dtype, shape)], [only_key], ndarray = noted, keys, np.ndarray

            def quick_for_one(given: Mapping[str, Any]) -> Any:
                """As `exactly` and `quick`, without their loops."""
                value = given.get(name)
                if type(value) is not ndarray or value.dtype is not dtype or value.shape != shape or len(given) != 1:
                    return None
                result = run(value)
                return None if result is None else {only_key: result}

            return quick_for_one

        def quick(given: Mapping[str, Any]) -> Any:
            flat = exactly(noted, given) if len(given) == len(noted) else None
            results = None if flat is None else run(flat)
            return None if results is None else dict(zip(keys, results))  # noqa: B905  (are as many)

        return quick

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """Parameters, result and captures as TensorFlow prints them, a line each. `verbose` is TensorFlow's, and means
        nothing there, either."""
        lines = [f"  {name} ({kind}): {describe_type(value)}" for name, kind, value in self._typed_parameters()]
        captured = [f"  {id(capture)}: {_capture_spec(capture)!r}" for capture in self.captured_inputs]
        result = f"  {describe_type(self.structured_outputs)}"
        return "\n".join(["Input Parameters:", *lines, "Output Type:", result, "Captures:", *(captured or ["  None"])])

    def _typed_parameters(self) -> list[tuple[str, str, Any]]:
        """Name, kind and type of each parameter."""
        args, kwargs = self.structured_input_signature
        known = self._parameters or Parameters()
        kind = "POSITIONAL_ONLY" if known.varargs else "POSITIONAL_OR_KEYWORD"
        typed = []
        for position, value in enumerate(args):
            if position < len(known.args):
                typed.append((sanitize(known.args[position]), kind, value))
            else:
                name = f"{known.varargs}_{position - len(known.args)}" if known.varargs else f"args_{position}"
                typed.append((name, "POSITIONAL_ONLY", value))
        return typed + [(sanitize(name), "KEYWORD_ONLY", kwargs[name]) for name in sorted(kwargs)]

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The flat inputs of a structured call, or else of a flat one."""
        try:
            return self._bind_structured(args, kwargs)
        except (ArgumentTypeError, ArgumentValueError) as error:
            if not self._keywords and self._parameters is None:
                raise
            structured_error = error
        try:
            return self._bind_flat(args, kwargs)
        except (ArgumentTypeError, ArgumentValueError) as flat_error:
            if self._parameters is None:
                raise
            raise ArgumentTypeError(
                f"{structured_error}\nFallback to flat signature also failed due to: {flat_error}"
            ) from None

    def _bind_structured(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        expected_args, expected_kwargs = self.structured_input_signature
        conversion: Conversion = "kind" if self._parameters is None else "any"
        names = self._parameters.args if self._parameters else ()
        rest = dict(kwargs)
        if len(args) > len(expected_args):
            raise self._refusal(f"takes {len(expected_args)} positional arguments, got {len(args)}")
        flat: list[Any] = []
        missing = []
        for position, expected in enumerate(expected_args):
            name = names[position] if position < len(names) else str(position)
            if position < len(args) and name in rest:
                raise self._refusal(f"got two values for {name!r}")
            if position < len(args):
                flat += flatten_to(expected, args[position], name, conversion, **_KINDLY)
            elif name in rest:
                flat += flatten_to(expected, rest.pop(name), name, conversion, **_KINDLY)
            elif structured.flat_specs(expected):
                missing.append(name)
        for name in sorted(expected_kwargs):
            expected = expected_kwargs[name]
            if name in rest:
                flat += flatten_to(expected, rest.pop(name), name, conversion, **_KINDLY)
            elif name in self._defaults and isinstance(expected, TensorSpec):
                flat.append(to_input(expected, self._defaults[name], name, conversion, any_size=True))
            elif structured.flat_specs(expected):
                missing.append(name)
        if missing:
            raise self._refusal(f"missing required arguments: {', '.join(missing)}")
        if rest:
            raise self._refusal(f"got unexpected keyword arguments: {', '.join(sorted(rest))}")
        return structured.without_aliases(self.structured_input_signature, flat)

    def _bind_flat(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        if len(args) > self._num_positional:
            raise self._refusal(f"takes {self._num_positional} positional arguments, got {len(args)}")
        given = {sanitize(name) if name not in self._keywords else name: value for name, value in kwargs.items()}
        for name, value in zip(self._keywords, args, strict=False):
            if name in given:
                raise self._refusal(f"got two values for {name!r}")
            given[name] = value
        given = {**self._defaults, **given}
        missing = sorted(name for name in self._keywords if name not in given)
        unexpected = sorted(name for name in given if name not in self._keywords)
        if missing:
            raise self._refusal(f"missing required arguments: {', '.join(missing)}")
        if unexpected:
            raise self._refusal(f"got unexpected keyword arguments: {', '.join(unexpected)}")
        pairs = zip(self._keywords, self.input_specs, strict=False)
        return [to_input(spec, given[name], name, "kind", any_size=True) for name, spec in pairs]

    def _refusal(self, reason: str) -> ArgumentTypeError:
        """The error of a call whose arguments do not fit, with what the function takes."""
        if self._keywords and not self.structured_input_signature[0]:
            named = [f"{name}: {spec}" for name, spec in zip(self._keywords, self.input_specs, strict=False)]
            takes = f"({', '.join(named)})"
            hint = " Pass its arguments by name." if self._num_positional < len(self._keywords) else ""
        else:
            takes, hint = describe_signature(self.structured_input_signature), ""
        title = f"{plain_name(self.name)}({', '.join(self._keywords)})"
        return ArgumentTypeError(f"{title} {reason}. It takes {takes}.{hint}")

    def __repr__(self) -> str:
        signature = describe_signature(self.structured_input_signature)
        return f"<edgeload.ConcreteFunction {self.name}{signature} -> {describe(self.structured_outputs)}>"


class Function(OfModel):
    """A Python function that was saved with its traces. A call runs the first trace that its arguments fit."""

    def __init__(
        self, name: str, concrete_functions: Sequence[ConcreteFunction], parameters: Parameters | None
    ) -> None:
        self.name = name
        self.concrete_functions = list(concrete_functions)
        self._parameters = parameters
        self._latest: ConcreteFunction | None = None
        self._exact: tuple[ConcreteFunction, list[Exact]] | None = None
        self._remembered: dict[Any, tuple[ConcreteFunction, tuple[int | str, ...]]] = {}
        for trace in self.concrete_functions:
            if parameters is not None:
                trace.set_parameters(parameters)

    @property
    def function_spec(self) -> Parameters:
        """The parameters of the Python function: `.arg_names`, `.fullargspec`, ..."""
        return self._parameters or Parameters()

    @property
    def input_signature(self) -> tuple[Any, ...] | None:
        """The specs that the function was declared with; None if it takes what its traces take."""
        if not self.function_spec.has_input_signature or not self.concrete_functions:
            return None
        return self.concrete_functions[0].structured_input_signature[0]

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The signatures of all traces, as TensorFlow prints them."""
        return "\n\n".join(trace.pretty_printed_signature(verbose) for trace in self.concrete_functions)

    def experimental_get_tracing_count(self) -> int:
        """How often a call traced the Python function, which is not there any more."""
        return 0

    @property
    def plan(self) -> Any:
        """The plan of the latest call, which prints as a table. Raises ArgumentValueError before the first call."""
        if self._latest is None:
            raise ArgumentValueError(f"function {self.name!r} has no plan yet: a plan is made at the first call.")
        return self._latest.plan

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the trace that fits. Raises ArgumentTypeError or ArgumentValueError when there is none."""
        exact = self._exact  # read once: another thread's call may replace it
        if exact is not None and not kwargs and len(args) == len(exact[1]):
            flat = exactly(exact[1], args)
            if flat is not None:
                self._latest = exact[0]
                return exact[0].run(flat)
        key = call_key(args, kwargs)
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
        """The first trace, in saved order, that the arguments fit: as they are, or else converted, or else in lists for
        tuples."""
        if not self.concrete_functions:
            raise ArgumentValueError(
                f"Found zero restored functions for caller function {self.name!r}: it was never called before the "
                "model was saved, so there is no graph of it. Call it, or its get_concrete_function, before saving."
            )
        bound_args, bound_kwargs, num_defaults = tuple(args), dict(kwargs), 0
        has_signature = self._parameters is not None and self._parameters.has_input_signature
        if self._parameters is not None:
            bound_args, bound_kwargs, num_defaults = self._parameters.bind(args, kwargs, f"function {self.name!r}")
        rounds: tuple[tuple[Conversion, bool], ...] = (("none", False), ("kind", False), ("kind", True))
        reason: Exception | None = None
        for conversion, mixes in (("any", True),) if has_signature else rounds:
            for trace in self.concrete_functions:
                expected_args, expected_kwargs = trace.structured_input_signature
                surplus = len(bound_args) - len(expected_args)
                found = bound_args[: len(expected_args)] if 0 < surplus <= num_defaults else bound_args
                try:
                    flat = flatten_to(expected_args, tuple(found), "", conversion, mixes_sequences=mixes)
                    flat += flatten_to(expected_kwargs, bound_kwargs, "", conversion, mixes_sequences=mixes)
                except (ArgumentTypeError, ArgumentValueError) as error:
                    reason = error
                    continue
                return trace, structured.without_aliases(trace.structured_input_signature, flat)
        if has_signature:
            raise ArgumentTypeError(
                f"Binding inputs to function {self.name!r} failed due to `{reason}`. Its input signature is "
                f"{describe_signature(self.concrete_functions[0].structured_input_signature)}."
            )
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
            noted = note_exact(flat, args, [given[id(value)] for value in flat]) if not kwargs else None
            self._exact = (trace, noted) if noted is not None and len(noted) == len(args) else None

    def __repr__(self) -> str:
        return f"<edgeload.Function {self.name!r} with {len(self.concrete_functions)} trace(s)>"


def plain_name(name: str) -> str:
    """A function's name without TensorFlow's decoration: __inference_f_123 is f."""
    return name.removeprefix("__inference_").rstrip("0123456789").rstrip("_") or name


def _capture_spec(capture: Any) -> TensorSpec:
    """The type of a captured input: variables and tables are resources."""
    if isinstance(capture, np.ndarray):
        return TensorSpec(capture.shape, capture.dtype)
    return TensorSpec((), dtypes.STRING if hasattr(type(capture), "asset_path") else dtypes.RESOURCE)


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
