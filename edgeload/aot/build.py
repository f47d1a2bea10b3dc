"""Builds an artefact: a SavedModel's objects, plans, packed weights and compiled kernels in a folder.

load the SavedModel ──► walk its objects ──► plan every function for the target ──► compile kernels ──► write files
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeload import dtypes
from edgeload.aot.choices import Choices
from edgeload.aot.functions import plan_function
from edgeload.aot.writer import Writer
from edgeload.errors import ArgumentValueError, EdgeloadError, MissingDependencyError
from edgeload.load import load_plain
from edgeload.objects import tf1
from edgeload.objects.describing import describe, describe_signature
from edgeload.objects.functions import ConcreteFunction, Function
from edgeload.objects.resources import Resource
from edgeload.objects.trackables import Signatures
from edgeload.objects.variables import Variable
from edgeload.runtime import library
from edgeload.runtime.artefact import MANIFEST
from edgeload.runtime.images import Code
from edgeload.runtime.target import Target

Progress = Callable[[str], None]


def build(model: Path, out: Path, target: Target, choices: Choices, progress: Progress) -> dict[str, Any]:
    """Write the artefact of a SavedModel to the new folder `out`; its manifest. Raises EdgeloadError."""
    if not library.can_compile():
        raise MissingDependencyError(
            "building takes Numba, which compiles kernels and is not installed. "
            "Install it with: pip install 'edgeload[aot]'"
        )
    if out.exists() and not (out / MANIFEST).is_file() and any(out.iterdir()):
        raise ArgumentValueError(f"{out} exists and is not an artefact; choose a new folder, or empty it.")
    progress(f"reading {model}")
    root = load_plain(model)
    builder = _Builder(model, target, choices, progress)
    builder.add_model(root)
    images = builder.images()
    progress("writing files")
    told = {"model": {"name": model.name, "sha256": _fingerprint(model)}, "functions": builder.functions}
    return builder.write(out, images, told, with_assets=True, with_runtime=choices.with_runtime)


class _Builder(Writer):
    """Plans the functions that were chosen, for the target."""

    def __init__(self, model: Path, target: Target, choices: Choices, progress: Progress) -> None:
        super().__init__(model, target)
        self._choices = choices
        self._progress = progress
        self.functions: list[dict[str, Any]] = []

    def add_model(self, root: Any) -> None:
        """Describe all objects that the root leads to, then plan the functions among them."""
        if isinstance(root, tf1.Graph):
            root.initialize()  # the artefact has the variables as they are afterwards
        traces = self.describe_all(root)
        names = _names(root)
        self._check_choices(names)
        for number, trace in traces:
            self._add_function(self._described[number], trace, names.get(id(trace), []))
        first = self._table_inits(root) if isinstance(root, tf1.Graph) else self._initializers(traces)
        for number, _ in traces:
            described = self._described[number]
            described["init"] = [] if described["program"] in first else first
        self.record_objects()

    # -- functions --------------------------------------------------------------------------------------------------

    def _check_choices(self, names: Mapping[int, Sequence[str]]) -> None:
        known = {name for several in names.values() for name in several}
        unknown = [name for name in self._choices.functions if name not in known]
        if unknown:
            raise ArgumentValueError(
                f"the model has no function {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(sorted(known)) or 'none'}."
            )

    def _add_function(self, described: dict[str, Any], trace: ConcreteFunction, names: Sequence[str]) -> None:
        """Plan a function, unless others were chosen. Functions without a name fill tables and the like."""
        chosen = self._choices.functions
        if chosen and names and not set(chosen) & set(names):
            described["why_not"] = f"only {', '.join(chosen)} were chosen. Build it again with --function {names[0]}."
            return
        self._progress(f"planning {names[0] if names else trace.name}")
        summary: dict[str, Any] = {
            "names": list(names),
            "function": trace.name,
            "takes": describe_signature(trace.structured_input_signature),
            "gives": describe(trace.structured_outputs),
        }
        try:
            program = getattr(trace.executor, "_program", trace.executor)  # of TF1: behind the init op
            planned = plan_function(program, trace.input_specs, self._target, self._choices)
        except EdgeloadError as error:
            described["why_not"] = summary["not built"] = str(error)
        else:
            self._note_handles([trace])
            described["program"] = self._add_planned(planned)
            summary["plans"] = [_shapes(entry.key) for entry in planned.plans]
            summary["notes"] = planned.notes
        if names or "not built" in summary:
            self.functions.append(summary)

    def _table_inits(self, root: tf1.Graph) -> list[str]:
        """The program that fills a TF1 model's tables before any function runs, if there is one."""
        program: Any = root.init_program(only_tables=True)
        return [] if program is None else [self._add_planned(plan_function(program, [], self._target, self._choices))]

    def _initializers(self, traces: Iterable[tuple[int, ConcreteFunction]]) -> list[str]:
        """The programs of resources that are initialised before any function runs, although none captures them."""
        waiting = {
            id(resource): resource
            for number, trace in traces
            if self._described[number]["program"] is not None
            for resource in getattr(getattr(trace.executor, "_initializers", None), "waiting", ())
        }
        found = [trace for resource in waiting.values() for trace in resource._initialize.concrete_functions]
        return [name for trace in found if (name := self._described[self._numbers[id(trace)]]["program"]) is not None]

    def images(self) -> dict[str, Code]:
        """The kernels, compiled for the target."""
        images = {}
        for done, name in enumerate(self._kernels):
            self._progress(f"kernels for {self._target.name}: {done + 1} of {len(self._kernels)}")
            images[name] = library.image(name, self._target)
        return images


def _names(root: Any) -> dict[int, list[str]]:
    """The names under which a user reaches functions: keys of signatures, paths of attributes; by id of the trace."""
    found: dict[int, list[str]] = {}

    def note(trace: Any, name: str) -> None:
        several = found.setdefault(id(trace), [])
        if name not in several:
            several.append(name)

    for key, signature in getattr(root, "signatures", {}).items():
        note(signature, key)
    seen = {id(root)}
    level = [("", root)]
    while level:
        following = []
        for path, item in level:
            for name, child in _attributes(item):
                full = f"{path}.{name}" if path else name
                if isinstance(child, ConcreteFunction):
                    note(child, full)
                elif isinstance(child, Function):
                    for trace in child.concrete_functions:
                        note(trace, full)
                elif id(child) not in seen and not isinstance(child, Variable | Resource | Signatures):
                    seen.add(id(child))
                    following.append((full, child))
        level = following
    return found


def _attributes(item: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(item, Mapping):
        return list(item.items())
    if isinstance(item, list):
        return [(str(index), child) for index, child in enumerate(item)]
    return list(vars(item).items()) if hasattr(item, "__dict__") else []


def _shapes(key: Any) -> str:
    """A plan's key for people."""
    parts = [f"{dtypes.name_of(item[0])}{list(item[1])}" for item in key if isinstance(item, tuple) and len(item) == 2]
    return ", ".join(parts) or "no inputs"


def _fingerprint(model: Path) -> str:
    """A digest of all files of a SavedModel, their names included."""
    digest = hashlib.sha256()
    for path in sorted(model.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(model)}\n{path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
