"""The command line: `python -m edgeload show MODEL`, `... check MODEL`, `... run MODEL`."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload import dtypes
from edgeload.errors import ArgumentTypeError, ArgumentValueError, EdgeloadError
from edgeload.load import load
from edgeload.objects.describing import describe, describe_signature
from edgeload.objects.functions import ConcreteFunction, Function
from edgeload.objects.specs import TensorSpec
from edgeload.objects.trackables import UserObject
from edgeload.objects.variables import Variable
from edgeload.options import LoadOptions
from edgeload.runtime.artefact import Artefact, is_artefact
from edgeload.runtime.target import missing_flags

if TYPE_CHECKING:
    from edgeload.check import FunctionReport, HostPart

_FAILED = 2  # exit codes
_NOT_RUNNABLE = 1
_SHOWN_VALUES = 8  # of an output
_SHOWN_NODES = 4  # of a row of nodes
_SEED = 0  # of --random


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors of the model or of its arguments are one line on stderr and exit code 2. `check` gives 1
    when a function cannot run."""
    options = _parser().parse_args(argv)
    try:
        return options.command(options) or 0
    except EdgeloadError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILED
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgeload", description="Look at SavedModels and run them, without TensorFlow."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="what a model has: signatures, functions, variables")
    show.set_defaults(command=_show)
    run = commands.add_parser("run", help="call a signature and show its outputs and how long it takes")
    run.add_argument("--signature", metavar="KEY", help="which signature (default: serving_default, or the only one)")
    run.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="an input from a .npy file, or NAME=VALUE for a scalar or text",
    )
    run.add_argument(
        "--random", action="store_true", help="fill the other inputs with random numbers; unknown sizes are 1"
    )
    run.add_argument("--runs", type=int, default=1, metavar="N", help="how often to call it (default: 1)")
    run.add_argument("--plan", action="store_true", help="print the plan: steps, buffers, memory")
    run.set_defaults(command=_run)
    check = commands.add_parser(
        "check", help="whether each function can run: missing ops, native, control and host steps"
    )
    check.add_argument(
        "--batch", type=int, default=1, metavar="N", help="size of unknown first dimensions (default: 1)"
    )
    check.add_argument(
        "--shape", metavar="INPUT=N,N", action="append", default=[], help="an input's shape (repeatable)"
    )
    check.add_argument("--run", action="store_true", help="call each function once, to plan what depends on data")
    check.add_argument("--json", action="store_true", help="print the reports as JSON")
    check.set_defaults(command=_check)
    for command in (show, check, run):
        command.add_argument("model", metavar="MODEL", help="the folder of a SavedModel")
        command.add_argument("--tags", metavar="TAG,TAG", help="which MetaGraph (default: the only one)")
    return parser


def _load(options: argparse.Namespace) -> Any:
    return load(options.model, _tags(options), LoadOptions(allow_partial_checkpoint=True))


def _tags(options: argparse.Namespace) -> list[str] | None:
    return options.tags.split(",") if options.tags is not None else None


# show


def _show(options: argparse.Namespace) -> None:
    if is_artefact(options.model):
        artefact = Artefact(options.model)
        _show_artefact(artefact)
        if missing_flags(artefact.target):
            print("This machine's CPU cannot run it, so there is no more to show here.")
            return
    root = _load(options)
    print(f"{options.model}: written by TensorFlow {getattr(root, 'tensorflow_version', '') or '?'}")
    for key, signature in getattr(root, "signatures", {}).items():
        print(f"\nsignature {key!r}")
        _print_specs("in ", signature.structured_input_signature[1])
        _print_specs("out", signature.structured_outputs)
    _show_functions(root)
    _show_variables(root)


def _show_artefact(artefact: Artefact) -> None:
    """What was built, for which CPU, and whether all files are as they were."""
    artefact.verify()
    manifest = artefact.manifest
    target = manifest["target"]
    print(f"built by edgeload {manifest['edgeload']} from {manifest['model']['name']}")
    print(f"for {target['name']}: {target['about']}; the CPU needs {', '.join(target['needs'])}")
    print(f"{len(manifest['kernels'])} kernels; all files have the digests of the manifest:")
    for name, described in manifest["files"].items():
        print(f"  {described['nbytes']:>12,} {name}")
    for function in manifest["functions"]:
        plans = "; ".join(function.get("plans", ())) or "no plans"
        print(f"  {', '.join(function['names']) or function['function']}: {function.get('not built', plans)}")
    print()


def _print_specs(label: str, specs: Any) -> None:
    if not isinstance(specs, Mapping):
        specs = {"": specs}
    for name in sorted(specs):
        print(f"  {label} {name}: {specs[name]}")


def _show_functions(root: Any) -> None:
    for name, function in _attributes(root):
        if isinstance(function, Function):
            print(f"\nfunction {name}")
            for trace in function.concrete_functions:
                print(
                    f"  {describe_signature(trace.structured_input_signature)} -> {describe(trace.structured_outputs)}"
                )


def _show_variables(root: Any) -> None:
    found: dict[int, tuple[str, Variable]] = {}
    for path, item in _walk(root):
        if isinstance(item, Variable):
            found.setdefault(id(item), (path, item))
    if not found:
        return
    sizes = [variable.nbytes for _, variable in found.values()]
    print(f"\n{len(found)} variables, {sum(size or 0 for size in sizes):,} bytes")
    for path, variable in found.values():
        spec = TensorSpec(variable.shape, variable.dtype)
        print(f"  {path}: {spec}{'' if variable.trainable else ', not trainable'}  {variable.name}")


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    """The children of an object by name."""
    if isinstance(item, Mapping):
        yield from ((str(key), item[key]) for key in item)
    elif isinstance(item, list):
        yield from ((str(index), child) for index, child in enumerate(item))
    elif hasattr(item, "__dict__") and not isinstance(item, Variable | ConcreteFunction | Function):
        if isinstance(item, UserObject):
            item.make_attributes()
        yield from vars(item).items()


def _walk(root: Any) -> Iterator[tuple[str, Any]]:
    """All objects that are reachable from the root, with the shortest path to each."""
    seen = {id(root)}
    level = [("", root)]
    while level:
        following = []
        for path, item in level:
            yield path, item
            for name, child in _attributes(item):
                if id(child) not in seen:
                    seen.add(id(child))
                    following.append((f"{path}.{name}" if path else name, child))
        level = following


# check


def _check(options: argparse.Namespace) -> int:
    """Print a report for each function; 1 if one of them cannot run."""
    from edgeload.check import check

    shapes = dict(_shape(text) for text in options.shape)
    reports = check(options.model, _tags(options), batch=options.batch, shapes=shapes, runs=options.run)
    runnable = sum(report.is_runnable for report in reports)
    if options.json:
        print(json.dumps([report.as_dict() for report in reports], indent=1))
    else:
        for report in reports:
            _print_report(report)
        print(f"{runnable} of {_counted(len(reports), 'function')} can run")
    return 0 if runnable == len(reports) else _NOT_RUNNABLE


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, sizes = text.rpartition("=")
    if not equals or not all(part.isdecimal() for part in sizes.split(",") if part):
        raise ArgumentValueError(f"--shape {text!r} is not INPUT=N,N.")
    return name, tuple(int(part) for part in sizes.split(",") if part)


def _print_report(report: FunctionReport) -> None:
    print(", ".join(report.names) or report.function)
    print(f"  takes {report.takes}")
    if report.inputs:
        print(f"  with {', '.join(f'{name}: {spec}' for name, spec in report.inputs.items())}")
    if report.missing:
        print(f"  cannot run: {_counted(len(report.missing), 'op')} missing")
        for op, nodes in report.missing.items():
            print(f"    {op}: {_some(nodes)}")
    elif report.problem:
        print(f"  cannot run: {report.problem}")
    else:
        native = _counted(report.native + report.native_loops, "native step")
        loops = f" ({report.native_loops} of them loops or branches)" if report.native_loops else ""
        print(
            f"  can run: {native}{loops} in {_counted(report.native_calls, 'call')}, "
            f"{_counted(report.control, 'control step')}, {_counted(report.host, 'host step')}"
            + (f"; {_counted(report.later, 'node')} to be planned while it runs" if report.later else "")
        )
    for part in report.host_parts:
        steps = (
            ""
            if part.first is None
            else f"step {part.first}"
            if part.first == part.last
            else (f"steps {part.first} to {part.last}")
        )
        where = " ".join(filter(None, (steps, part.where)))
        print(f"    Python: {where}: {_some(_by_op(part))}: {'; '.join(part.why)}")
    for note in report.notes:
        print(f"    {note}")
    print()


def _by_op(part: HostPart) -> list[str]:
    """Each op with its first node, and how many more there are."""
    found: dict[str, list[str]] = {}
    for op, node in zip(part.ops, part.nodes, strict=True):
        found.setdefault(op, []).append(node)
    return [
        f"{op} {nodes[0]!r}" + (f" and {len(nodes) - 1} more" if len(nodes) > 1 else "") for op, nodes in found.items()
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _some(items: Sequence[str]) -> str:
    rest = len(items) - _SHOWN_NODES
    return ", ".join(items[:_SHOWN_NODES]) + (f" and {rest} more" if rest > 0 else "")


# run


def _run(options: argparse.Namespace) -> None:
    if options.runs < 1:
        raise ArgumentValueError(f"--runs is {options.runs}; it must be at least 1.")
    start = time.perf_counter_ns()
    signature = _choose_signature(_load(options), options.signature)
    loaded = time.perf_counter_ns()
    inputs = _inputs(options, signature)
    outputs = signature(**inputs)
    first = time.perf_counter_ns()
    elapsed = [_timed(signature, inputs) for _ in range(options.runs - 1)]
    for name, value in (outputs if isinstance(outputs, Mapping) else {"": outputs}).items():
        print(f"{name}: {_summary(value)}")
    if options.plan:
        print(f"\n{signature.plan}")
    print(f"\nload {_milliseconds(loaded - start)}, first call {_milliseconds(first - loaded)}", end="")
    if elapsed:
        print(
            f", then {_milliseconds(statistics.median(elapsed))} a call "
            f"(median of {len(elapsed)}, least {_milliseconds(min(elapsed))})",
            end="",
        )
    print()


def _choose_signature(root: Any, key: str | None) -> ConcreteFunction:
    signatures = getattr(root, "signatures", {})
    if key is None:
        key = next(iter(signatures)) if len(signatures) == 1 else "serving_default"
    if key not in signatures:
        raise ArgumentValueError(
            f"the model has no signature {key!r}; it has {', '.join(map(repr, signatures)) or 'none'}. "
            "Choose one with --signature."
        )
    chosen: ConcreteFunction = signatures[key]
    return chosen


def _inputs(options: argparse.Namespace, signature: ConcreteFunction) -> dict[str, Any]:
    specs = signature.structured_input_signature[1]
    given = {}
    for text in options.input:
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentValueError(f"--input {text!r} is not NAME=FILE or NAME=VALUE.")
        if name not in specs:
            raise ArgumentTypeError(
                f"the signature has no input {name!r}; it has {', '.join(map(repr, specs)) or 'none'}."
            )
        given[name] = _read_input(value, specs[name])
    missing = [name for name in specs if name not in given]
    if missing and not options.random:
        expected = ", ".join(f"{name}: {specs[name]}" for name in missing)
        raise ArgumentTypeError(f"missing inputs {expected}. Give them with --input NAME=FILE.npy, or use --random.")
    random = np.random.default_rng(_SEED)
    return {**{name: _random_value(specs[name], random) for name in missing}, **given}


def _read_input(value: str, spec: TensorSpec) -> Any:
    """The array in a file; or the text itself, as a string or number."""
    if value.endswith(".npy"):
        try:
            return np.load(Path(value), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ArgumentValueError(f"cannot read {value}: {error}") from None
    if spec.dtype == dtypes.STRING:
        text = np.empty([1 if size is None else size for size in spec.shape or ()], dtypes.STRING)
        text[...] = value.encode()
        return text
    try:
        number = np.array(value).astype(spec.dtype)
    except ValueError:
        raise ArgumentValueError(f"{value!r} is neither a .npy file nor a {dtypes.name_of(spec.dtype)}.") from None
    return np.broadcast_to(number, [1 if size is None else size for size in spec.shape or ()]).copy()


def _random_value(spec: TensorSpec, random: np.random.Generator) -> np.ndarray:
    """Normal numbers, zeros and ones, or empty strings. Unknown sizes are 1, an unknown rank is 0."""
    shape = tuple(1 if size is None else size for size in spec.shape or ())
    dtype = spec.dtype
    if dtype == dtypes.STRING:
        return np.full(shape, b"", dtypes.STRING)
    if not isinstance(dtype, np.dtype):
        raise ArgumentTypeError(f"an input {spec} cannot be filled with random numbers.")
    if dtype.kind in "iub":
        return random.integers(0, 2, shape).astype(dtype)
    return random.standard_normal(shape).astype(dtype)


def _timed(signature: ConcreteFunction, inputs: Mapping[str, Any]) -> int:
    start = time.perf_counter_ns()
    signature(**inputs)
    return time.perf_counter_ns() - start


def _summary(value: Any) -> str:
    """Dtype, shape, the first values, and the range of an output."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    flat = np.asarray(value).ravel()
    shown = np.array2string(flat[:_SHOWN_VALUES], separator=", ", precision=6)[1:-1]
    text = f"{describe(value)} {shown}{', ...' if flat.size > _SHOWN_VALUES else ''}"
    if flat.size and flat.dtype.kind in "iuf":
        text += f"  (least {flat.min():.6g}, mean {flat.mean(dtype=np.float64):.6g}, greatest {flat.max():.6g})"
    return text


def _milliseconds(elapsed_ns: float) -> str:
    return f"{elapsed_ns / 1e6:.3f} ms"
