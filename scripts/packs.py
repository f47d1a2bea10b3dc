"""Packs: the kernels that most models take, compiled ahead of time for a tier of CPUs, for wheels.

Which kernels those are is not guessed. `collect` plans models, fused and unfused, for several batch sizes, and notes
what their plans take; the names are kept in pack_kernels.json beside this file, by the vector length that they are for.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import edgeload
from edgeload.aot.choices import Choices
from edgeload.aot.functions import samples
from edgeload.aot.shared_object import shared_object
from edgeload.errors import EdgeloadError
from edgeload.kernels import kernel
from edgeload.objects.functions import ConcreteFunction
from edgeload.plan.layout import lay_out
from edgeload.program import Program
from edgeload.runtime import library
from edgeload.runtime.images import Code, write_atomically
from edgeload.runtime.library import Library
from edgeload.runtime.target import TARGETS, Target

PACK_TARGETS = ("x86-64-v3", "x86-64-v4", "aarch64", "aarch64+dotprod")
_LIST = Path(__file__).parent / "pack_kernels.json"
_BATCHES = (1, 2, 3, 4, 8)
_ALWAYS = ("copy_bytes", "drive", "walk", "work", "lead", "loop", "branch<2>", "branch<3>", "crc32c")
_COLLECTED_FOR = ("aarch64", "x86-64-v3", "x86-64-v4")  # a tier for each vector length

Progress = Callable[[str], None]


def kernels_of(target: Target) -> list[str]:
    """The names of the kernels in a target's pack, sorted."""
    listed: dict[str, list[str]] = json.loads(_LIST.read_text())
    return sorted({*_ALWAYS, *listed["all"], *listed[str(target.lanes)]})


def build_pack(target: Target, folder: Path, progress: Progress) -> Path:
    """Compile a target's pack, with what the cache has already; the file. What the pack of a lesser tier has byte for
    byte is left to that. Raises EdgeloadError."""
    names = kernels_of(target)
    lesser = [tier for tier in library.lesser_tiers(target) if tier.name in PACK_TARGETS]
    images: dict[str, Code] = {}
    for done, name in enumerate(names, 1):
        progress(f"{target.name}: {_bar(done, len(names))} {name[:60]}")
        image = library.image(name, target)
        if all(image != library.image(name, tier) for tier in lesser):
            images[name] = image
    path = folder / os.path.basename(library.pack_file(target))
    write_atomically(path, packed(target, images))
    return path


def packed(target: Target, images: Mapping[str, Code]) -> bytes:
    """The content of a pack: wheels have them compressed, and for each of a platform's tiers, of which one is used."""
    return zlib.compress(shared_object(target, images), 9)


def collect(models: Iterable[Path], progress: Progress) -> None:
    """Write the list of kernels anew: what the functions of these SavedModels take."""
    users: dict[int, Counter[str]] = {}
    unfused: set[str] = set()
    for path in models:
        progress(f"planning {path.name}")
        for name in _COLLECTED_FOR:
            target = TARGETS[name]
            parts = _kernels_of_model(path, target, fuses=False)
            unfused |= parts
            users.setdefault(target.lanes, Counter()).update(parts | _kernels_of_model(path, target, fuses=True))
    # what one model's fusing has made is of no use to others, which can do with the parts
    found = {
        lanes: {name for name, count in counts.items() if count > 1 or name in unfused}
        for lanes, counts in users.items()
    }
    shared = set.intersection(*found.values())
    listed = {str(lanes): sorted(names - shared) for lanes, names in found.items()}
    _LIST.write_text(json.dumps({"all": sorted(shared), **listed}, indent=0) + "\n")


def unknown_kernels() -> list[str]:
    """Listed kernels that edgeload no longer has; the list has to be collected again."""
    names = {name for listed in json.loads(_LIST.read_text()).values() for name in listed}
    return sorted(name for name in names if not _exists(name))


def _exists(name: str) -> bool:
    try:
        kernel.find(name)
    except (KeyError, ValueError, TypeError, EdgeloadError):
        return False
    return True


def _kernels_of_model(path: Path, target: Target, *, fuses: bool) -> set[str]:
    signatures = edgeload.load(path).signatures.values()
    return {name for function in signatures for name in _kernels_of_function(function, target, fuses)}


def _kernels_of_function(function: ConcreteFunction, target: Target, fuses: bool) -> set[str]:
    names: set[str] = set()
    program: Any = getattr(function.executor, "_program", function.executor)
    ahead = Program(program.name, program._import_graph, program._release, Library(target))
    ahead._fuses = fuses
    for inputs in samples(function.input_specs, Choices(batches=_BATCHES)):
        try:
            plan = ahead._planned(inputs).plan
        except EdgeloadError:
            continue
        names.update(lay_out(plan).kernels)
    return names


def _bar(done: int, total: int) -> str:
    filled = 24 * done // total
    return f"[{'#' * filled}{'.' * (24 - filled)}] {done}/{total}"
