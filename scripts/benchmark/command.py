"""The command line of the benchmark; see scripts/bench.py."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark import report as reports
from scripts.benchmark.models import REPOSITORY, STANDARD, ZOO, ModelError, Subject, find
from scripts.benchmark.rounds import CONTENDERS, Conditions, measure

CACHE = REPOSITORY / "build" / "bench"


def main(arguments: Sequence[str] | None = None, description: str | None = None) -> int:
    """Measure, or profile, and print; 1 if a contender failed, after the others were measured."""
    options = parse(arguments, description)
    try:
        subjects = [
            find(name, options.signature, options.cache, options.pythons["tensorflow"]) for name in options.models
        ]
    except ModelError as error:
        sys.exit(f"error: {error}")
    titles = [subject.title for subject in subjects]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        sys.exit(f"error: two models are called {', '.join(twice)}; the table has one row for a name")
    if options.profile is not None:
        return _profile(subjects, options.profile)
    conditions = Conditions(
        options.contenders, options.threads, options.rounds, options.seconds, options.avx2, options.pythons,
        options.cache,
    )  # fmt: skip
    measurements = []
    with tempfile.TemporaryDirectory() as folder:
        for number, subject in enumerate(subjects):
            measurements.append(measure(subject, conditions, Path(folder) / str(number)))
    report = reports.make_report(
        measurements,
        conditions,
        shlex.join(["bench.py", *(sys.argv[1:] if arguments is None else arguments)]),
        datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    )
    print(reports.render(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.picture:
        from scripts.benchmark.picture import draw

        draw(report, options.picture)
    return 1 if any(measurement.failures for measurement in measurements) else 0


def _profile(subjects: Sequence[Subject], folder: Path) -> int:
    """A file for each model, its summary printed."""
    from scripts.benchmark.profiling import profile, render, render_summary

    folder.mkdir(parents=True, exist_ok=True)
    for subject in subjects:
        profiles = profile(str(subject.folder), subject.signature, subject.inputs)
        text = "\n\n".join(map(render, profiles))
        path = folder / f"profile_{subject.slug}.txt"
        path.write_text(f"{subject.title}\n{text}\n")
        print(f"{subject.title}: {path}", *map(render_summary, profiles), "", sep="\n")
    return 0


def parse(arguments: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """The options; `models`, `contenders` and `threads` as lists, `pythons` by contender."""
    parser = argparse.ArgumentParser(
        prog="bench.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL",
        help="the folder of a SavedModel, a name of tests/zoo/table.py, a title of the table, or all",
    )  # fmt: skip
    parser.add_argument(
        "--contenders", default=",".join(CONTENDERS), help="which, in this order (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--threads", default="1", metavar="N,N", help="thread counts (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="how long a process goes on calling (default: %(default)s)"
    )
    parser.add_argument("--signature", default="serving_default", metavar="KEY", help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds' figures, in seconds and bytes")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the bars: .svg or .png (needs matplotlib)")
    parser.add_argument("--avx2", action="store_true", help="leave AVX-512 alone where a contender can be told to")
    parser.add_argument(
        "--profile", type=Path, metavar="FOLDER", help="measure edgeload's steps instead; a file for each model"
    )
    parser.add_argument(
        "--python", action="append", default=[], metavar="[CONTENDER=]PATH",
        help="the Python that has the contender, or all of them (default: this one)",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, default=CACHE, metavar="FOLDER",
        help="where exported and converted models are kept (default: build/bench)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    options.models = [name for given in options.models for name in (STANDARD if given == "all" else [given])]
    options.contenders = options.contenders.split(",")
    if strange := set(options.contenders) - set(CONTENDERS):
        parser.error(f"--contenders: {', '.join(sorted(strange))} is none of {', '.join(CONTENDERS)}")
    cpus = len(os.sched_getaffinity(0))
    try:
        options.threads = [int(count) for count in options.threads.split(",")]
    except ValueError:
        parser.error(f"--threads is {options.threads!r}; it takes numbers, as in 1,2")
    if not all(1 <= count <= cpus for count in options.threads):
        parser.error(f"--threads is {options.threads}; this process may use {cpus} CPUs")
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; it must be at least 1")
    if unknown := [name for name in options.models if not Path(name).is_dir() and name not in {*ZOO, *STANDARD}]:
        parser.error(f"{', '.join(unknown)}: neither a folder nor one of {', '.join([*STANDARD, *ZOO])}")
    options.pythons = dict.fromkeys(CONTENDERS, sys.executable)
    for given in options.python:
        contender, _, path = given.rpartition("=")
        if contender and contender not in CONTENDERS:
            parser.error(f"--python: {contender!r} is none of {', '.join(CONTENDERS)}")
        options.pythons.update(dict.fromkeys([contender] if contender else CONTENDERS, path))
    options.cache = options.cache.resolve()
    return options
