"""The command line of a build; see scripts/aot_build.py."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeload.aot.choices import Choices
from edgeload.errors import ArgumentValueError, EdgeloadError
from edgeload.runtime import target as targets
from edgeload.runtime.library import show_progress

_FAILED = 2  # exit code


def main(argv: Sequence[str] | None = None) -> int:
    """Build; errors are one line on standard error and exit code 2."""
    options = _parser().parse_args(argv)
    if options.target == "list":
        print(list_targets())
        return 0
    if options.model is None or options.out is None:
        _parser().error("MODEL and OUT are needed")
    try:
        _build(options)
    except EdgeloadError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILED
    return 0


def list_targets() -> str:
    """The targets as a table."""
    rows = [("target", "CPU", "lanes", "what it is")]
    rows += [(target.name, target.cpu, str(target.lanes), target.about) for target in targets.TARGETS.values()]
    rows.append((targets.NATIVE, "", "", "the CPU of the machine that builds"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aot_build", description="Build a SavedModel ahead of time: a folder that runs with NumPy alone."
    )
    parser.add_argument("model", metavar="MODEL", type=Path, nargs="?", help="the folder of a SavedModel")
    parser.add_argument("out", metavar="OUT", type=Path, nargs="?", help="the folder to make")
    parser.add_argument("--target", metavar="NAME", help="for which CPU (default: this one's tier); list shows them")
    parser.add_argument(
        "--function", metavar="NAME", action="append", default=[], help="only this signature or function (repeatable)"
    )
    parser.add_argument(
        "--batch", metavar="N,N", default="1", help="sizes for unknown first dimensions, a plan for each (default: 1)"
    )
    parser.add_argument(
        "--shape", metavar="INPUT=N,N", action="append", default=[], help="an input's shape; several make several plans"
    )
    parser.add_argument(
        "--input", metavar="INPUT=FILE", action="append", default=[], help="a sample input, where shapes depend on data"
    )
    parser.add_argument(
        "--fixed-shapes", action="store_true", help="leave out what other shapes would be planned from on the device"
    )
    parser.add_argument(
        "--with-runtime", action="store_true", help="add OUT/python, the part of edgeload that runs it, for PYTHONPATH"
    )
    return parser


def _build(options: argparse.Namespace) -> None:
    from edgeload.aot.build import build

    start = time.monotonic()
    target = targets.find(options.target) if options.target else targets.host()
    choices = Choices(
        tuple(options.function), _sizes("--batch", options.batch), _shapes(options.shape), _samples(options.input),
        options.fixed_shapes, options.with_runtime,
    )  # fmt: skip
    manifest = build(options.model, options.out, target, choices, lambda line: show_progress(f"aot_build: {line}"))
    nbytes = sum(described["nbytes"] for described in manifest["files"].values())
    show_progress(f"aot_build: done in {time.monotonic() - start:.1f} s", end="\n")
    print(f"{options.out}: {nbytes:,} bytes for {target.name}, {len(manifest['kernels'])} kernels")
    for function in manifest["functions"]:
        print(f"  {', '.join(function['names']) or function['function']}: {_outcome(function)}")


def _outcome(function: dict[str, Any]) -> str:
    if "not built" in function:
        return f"not built: {function['not built']}"
    plans = "; ".join(function["plans"]) or "none"
    return f"plans for {plans}" + "".join(f"\n    {note}" for note in function["notes"])


def _shapes(given: Sequence[str]) -> dict[str, tuple[tuple[int, ...], ...]]:
    found: dict[str, tuple[tuple[int, ...], ...]] = {}
    for text in given:
        name, _, sizes = text.partition("=")
        found[name] = (*found.get(name, ()), _sizes("--shape", sizes))
    return found


def _sizes(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise ArgumentValueError(f"{option} {text!r} is not a list of numbers with commas.") from None


def _samples(given: Sequence[str]) -> dict[str, np.ndarray]:
    found = {}
    for text in given:
        name, _, file = text.partition("=")
        try:
            found[name] = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ArgumentValueError(f"--input {text}: {error}") from None
    return found
