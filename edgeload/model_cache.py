"""The user's cache of models: what a first call has planned of a SavedModel, for the processes that come after.

    EDGELOAD_CACHE/models/NAME-KEY/     one for each path and set of tags
        objects/                        an artefact with the model's objects; variables stay in the checkpoint
        KEY/                            an artefact with the plans of one function, for the shapes it was called with

They are written after the first call of a function, and again when the process ends if the function was planned for
more shapes since. They hold for one content of the model's files, one edgeload and one kind of CPU (`source`); for
any other they are made anew. A folder that cannot be written is no error.

EDGELOAD_MODEL_CACHE is how many megabytes all of it may take, 2048 if it is not set. Models that were not loaded for
the longest time have to go first. With 0, models are neither looked for here nor kept.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from edgeload.errors import EdgeloadError
from edgeload.runtime.artefact import Artefact, is_artefact
from edgeload.runtime.library import cache_folder
from edgeload.runtime.target import host

OBJECTS = "objects"
_VARIABLE = "EDGELOAD_MODEL_CACHE"
_MOST_MEGABYTES = 2048
_NAME_LENGTH = 100  # of a folder's name, which need not be all of the model's
_GRAPHS = ("saved_model.pb", "saved_model.pbtxt")
_PACKAGE = os.path.dirname(__file__)


class Place:
    """Where one SavedModel is kept."""

    def __init__(self, path: str, tags: str | Iterable[str] | None, max_nbytes: int) -> None:
        """Reads the model's files as they are now. Raises OSError, CorruptModelError."""
        self.model = os.path.abspath(path)
        self.tags = tags if tags is None or isinstance(tags, str) else sorted(tags)
        self.max_nbytes = max_nbytes
        key = zlib.crc32(f"{self.model}\n{self.tags}".encode())
        name = f"{os.path.basename(self.model)[:_NAME_LENGTH]}-{key:08x}"
        self.folder = os.path.abspath(os.path.join(cache_folder(), "models", name))
        self.source: dict[str, Any] = {
            "path": self.model,
            "tags": self.tags,
            "files": _fingerprint(self.model),
            "code": _code(),
            "target": host().name,
        }

    def objects(self) -> Artefact | None:
        """The model's objects, if they are kept."""
        found = self._open(OBJECTS, is_checked=True)
        if found is not None:
            with contextlib.suppress(OSError):
                os.utime(self.folder)  # when it was last of use
        return found

    def function(self, name: str) -> Artefact | None:
        """The plans of a function by its name in the model's library, if they are kept."""
        found = self._open(self._name_of(name))
        return found if found is not None and found.manifest.get("function") == name else None

    def file(self, name: str | None) -> str:
        """The folder for a function's plans, or for the objects."""
        return os.path.join(self.folder, OBJECTS if name is None else self._name_of(name))

    def still_holds(self) -> bool:
        """Whether the model's files are as they were."""
        with contextlib.suppress(OSError):
            return self.source["files"] == _fingerprint(self.model)
        return False

    def drop(self) -> None:
        """Remove what is kept of the model, which is damaged or of no use."""
        _remove(self.folder)

    def make_room(self) -> None:
        """Remove models until all of them take no more than they may; this one last."""
        models = []
        with contextlib.suppress(OSError):
            models = [entry for entry in os.scandir(os.path.dirname(self.folder)) if entry.is_dir()]
        sizes = {entry.path: sum(file.stat().st_size for file in _files(entry.path)) for entry in models}
        total = sum(sizes.values())
        for entry in sorted(models, key=lambda entry: (entry.path == self.folder, entry.stat().st_mtime)):
            if total <= self.max_nbytes:
                return
            _remove(entry.path)
            total -= sizes[entry.path]

    @staticmethod
    def _name_of(function: str) -> str:
        return f"{zlib.crc32(function.encode()):08x}"

    def _open(self, name: str, *, is_checked: bool = False) -> Artefact | None:
        path = os.path.join(self.folder, name)
        if not is_artefact(path):
            return None
        try:
            found = Artefact(path)
            if is_checked:
                found.check()
        except EdgeloadError:  # damaged, or of another edgeload: to be written again
            return None
        return found if found.manifest.get("source") == self.source else None


def find_place(path: str, tags: str | Iterable[str] | None) -> Place | None:
    """Where a SavedModel is kept; None if there is no cache, or no SavedModel at the path, or a strange one."""
    try:
        megabytes = float(os.environ.get(_VARIABLE) or _MOST_MEGABYTES)
    except ValueError:
        megabytes = _MOST_MEGABYTES
    if megabytes <= 0 or not isinstance(tags, str | list | tuple | set | frozenset | None):
        return None
    try:
        return Place(path, tags, int(megabytes * 1e6))
    except (OSError, TypeError, EdgeloadError):
        return None


def _fingerprint(model: str) -> list[list[Any]]:
    """Name, size and CRC-32 of the graph and of the checkpoint's index, which has checksums of all tensors; name and
    size of the checkpoint's other files. Assets are read whenever a model runs. Raises OSError without a graph."""
    found = []
    for name in _GRAPHS:
        file = os.path.join(model, name)
        if os.path.isfile(file):
            found.append([name, os.stat(file).st_size, _checksum(file)])
    if not found:
        raise FileNotFoundError(f"{model} is no SavedModel")
    folder = os.path.join(model, "variables")
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name) if os.path.isdir(folder) else ():
        is_index = entry.name.endswith(".index")
        found.append([entry.name, entry.stat().st_size, _checksum(entry.path) if is_index else 0])
    return found


def _checksum(path: str) -> int:
    with open(path, "rb") as file:
        return zlib.crc32(file.read())


def _code() -> list[Any]:
    """What tells one edgeload from another: how many files of source it has, the latest change, their size."""
    files = [file.stat() for file in _files(_PACKAGE, but="__pycache__") if file.name.endswith(".py")]
    latest = max(file.st_mtime_ns for file in files)
    return [len(files), latest, sum(file.st_size for file in files), np.__version__]


def _files(folder: str, but: str = "") -> Iterator[os.DirEntry[str]]:
    """All files in a folder, however deep; `but` not in folders of that name."""
    for entry in os.scandir(folder):
        if not entry.is_dir():
            yield entry
        elif entry.name != but:
            yield from _files(entry.path, but)


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
