"""The kernel library: from a kernel's name to the address of its code.

A kernel is looked for in this order: mapped already; the artefact's own file; the pack of ready kernels that the
wheel brings along for this CPU; the user's cache folder (`EDGELOAD_CACHE`, else `$XDG_CACHE_HOME/edgeload`, else
`~/.cache/edgeload`); compiled now, which needs Numba (`pip install edgeload[jit]`), and stored in the cache.
Only compiling imports Numba or LLVM. Without a writable cache folder everything works, and compiles again next time.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from edgeload.errors import CorruptModelError, MissingDependencyError
from edgeload.runtime.images import Code, KernelFile, map_code, write_atomically
from edgeload.runtime.target import TARGETS, Target, host

if TYPE_CHECKING:
    from pathlib import Path

_QUIET_SECONDS = 1.0  # compiling longer than this prints progress on standard error
_PACKS_FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "packs")

_compiled: list[str] = []
_mappings: list[object] = []  # mapped code stays for the life of the process: plans hold its addresses


class Library:
    """The kernels of one target. `files` are an artefact's own."""

    def __init__(self, target: Target, files: Sequence[KernelFile] = ()) -> None:
        self.target = target
        self._files = list(files)
        self._addresses: dict[str, int] = {}
        self._lock = threading.Lock()
        self._has_packs = False
        _mappings.append(self._files)

    def addresses(self, names: Iterable[str]) -> dict[str, int]:
        """The code addresses of kernels, mapped from a file or compiled now.

        Raises MissingDependencyError when a kernel has to be compiled and Numba is not installed.
        """
        wanted = list(dict.fromkeys(names))
        with self._lock:
            missing = [name for name in wanted if not self._find(name)]
            if missing:
                self._compile(missing)
            return {name: self._addresses[name] for name in wanted}

    def lacks(self, names: Iterable[str]) -> list[str]:
        """The kernels that are nowhere and cannot be compiled here."""
        if can_compile():
            return []
        with self._lock:
            return [name for name in dict.fromkeys(names) if not self._find(name)]

    def image(self, name: str) -> Code:
        """A kernel's code, from where this process has it. Raises MissingDependencyError."""
        with self._lock:
            if self._find(name):
                for file in self._files:
                    if name in file.kernels:
                        return file.image(name)
        return image(name, self.target)

    def _find(self, name: str) -> bool:
        """Map a kernel that some file has."""
        if name in self._addresses or self._find_in(self._files, name):
            return True
        if not self._has_packs:
            self._has_packs = True
            packs = _open_packs(self.target)
            self._files += packs
            if self._find_in(packs, name):
                return True
        return self._find_in_cache(name)

    def _find_in(self, files: Iterable[KernelFile], name: str) -> bool:
        for file in files:
            address = file.find(name)
            if address is not None:
                self._addresses[name] = address
                return True
        return False

    def _find_in_cache(self, name: str) -> bool:
        try:
            file = KernelFile(_cache_file(name, self.target))
            address = file.find(name)
        except (OSError, ValueError):
            return False
        if address is None:
            return False
        _mappings.append(file)
        self._addresses[name] = address
        return True

    def _compile(self, names: list[str]) -> None:
        """Compile, map and store kernels, with a progress line when it takes more than a moment."""
        start = time.monotonic()
        is_shown = False
        for done, name in enumerate(names):
            if time.monotonic() - start > _QUIET_SECONDS or is_shown:
                is_shown = True
                show_progress(
                    f"edgeload: compiling kernels for {self.target.name}, {done + 1} of {len(names)} "
                    f"(kept in {cache_folder()})"
                )
            code = compile_image(name, self.target)
            _store(name, self.target, code)
            if not self._find_in_cache(name):
                mapping, address = map_code(code.code)
                _mappings.append(mapping)
                self._addresses[name] = address + code.entry
            _compiled.append(name)
        if is_shown:
            show_progress(f"edgeload: compiled {len(names)} kernels in {time.monotonic() - start:.1f} s", end="\n")


@lru_cache(maxsize=1)
def default() -> Library:
    """The kernels for this machine's CPU."""
    return Library(host())


def addresses(names: Iterable[str]) -> dict[str, int]:
    """The code addresses of kernels for this machine's CPU; see Library.addresses."""
    return default().addresses(names)


def compiled_kernels() -> list[str]:
    """The names of the kernels that this process had to compile, in order."""
    return list(_compiled)


def pack_file(target: Target) -> str:
    """Where a wheel has the kernels that it brings along for a target."""
    return os.path.join(_PACKS_FOLDER, f"{target.name}.kernels")


def lesser_tiers(target: Target) -> list[Target]:
    """The other targets whose code runs wherever the target's does, and is planned for as the target's is: they can
    stand in for it, the more demanding ones first."""
    found = [
        tier
        for tier in TARGETS.values()
        if (tier.machine, tier.lanes, tier.registers) == (target.machine, target.lanes, target.registers)
        and tier.needs <= target.needs
        and tier.name != target.name
    ]
    return sorted(found, key=lambda tier: len(tier.needs), reverse=True)


def _open_packs(target: Target) -> list[KernelFile]:
    """The packs that the wheel has for a target: its own, then those of lesser tiers."""
    packs = []
    for tier in (target, *lesser_tiers(target)):
        with contextlib.suppress(OSError):
            packs.append(KernelFile(pack_file(tier)))
    return packs


def can_compile() -> bool:
    """Whether Numba is installed, and edgeload's compiler (runtime folders have none)."""
    import importlib.util

    try:
        return all(importlib.util.find_spec(name) is not None for name in ("numba", "edgeload.aot"))
    except ValueError:  # an entry without spec in sys.modules: its import is blocked
        return False


def cache_folder() -> str:
    """Where compiled kernels and plans of models are kept."""
    if folder := os.environ.get("EDGELOAD_CACHE"):
        return folder
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "edgeload")


def image(name: str, target: Target) -> Code:
    """A kernel's code for any target, from the cache or compiled now and stored there."""
    with contextlib.suppress(OSError, CorruptModelError):
        return KernelFile(_cache_file(name, target)).image(name)
    code = compile_image(name, target)
    _compiled.append(name)
    _store(name, target, code)
    return code


def compile_image(name: str, target: Target) -> Code:
    """The position-independent code of a kernel. Imports Numba and LLVM. Raises MissingDependencyError."""
    if not can_compile():
        raise MissingDependencyError(
            f"kernel {name} is not compiled yet for {target.name}, and Numba, which compiles kernels, is not "
            "installed. Install it with: pip install 'edgeload[jit]'"
        )
    kernels = importlib.import_module("edgeload.kernels.kernel")
    compiler = importlib.import_module("edgeload.aot.compile")
    made = compiler.compile_kernel(kernels.find(name), target)
    return Code(made.code, made.entry, made.alignment)


def show_progress(line: str, end: str = "") -> None:
    """One line on standard error, over the last one where that is a terminal."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(clear + line, end=end if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def _store(name: str, target: Target, code: Code) -> None:
    """Write a cache file; a folder that cannot be written is no error."""
    shared_object = importlib.import_module("edgeload.aot.shared_object").shared_object
    with contextlib.suppress(OSError):
        write_atomically(_cache_file(name, target), shared_object(target, {name: code}))


def _cache_file(name: str, target: Target) -> Path:
    from pathlib import Path

    key = f"{name}\n{_source_key(_module_file(name))}\n{target.cpu} {target.features} {target.lanes} {target.registers}"
    digest = _sha256(key.encode())
    return Path(cache_folder(), f"{target.name}-{_toolchain()}", f"{name.split('<')[0]}-{digest[:32]}.so")


def _module_file(name: str) -> str:
    kernels = importlib.import_module("edgeload.kernels.kernel")
    return sys.modules[kernels.module_of(name)].__file__ or ""


@cache
def _source_key(module_file: str) -> str:
    """A digest of all source that goes into the code of a kernel: its own file, what kernels share, the compiler."""
    from pathlib import Path

    package = Path(__file__).parent.parent
    shared = importlib.import_module("edgeload.kernels.registry").SHARED_MODULES
    files = [Path(module_file), *(package / "kernels" / f"{name}.py" for name in shared)]
    files += [package / "aot" / "compile.py", package / "aot" / "image.py"]
    return _sha256(b"".join(file.read_bytes() for file in files))


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=1)
def _toolchain() -> str:
    """Versions of what compiles, for the cache's folder name; "none" where it is not installed."""
    versions = [_version_of(package) for package in ("numba", "llvmlite")]
    return "-".join(versions) if all(versions) else "none"


def _version_of(package: str) -> str:
    """`numba-0.68.1` by the name of the folder that the installer left beside the package; "" if it is not installed.
    (importlib.metadata gives the same, at twenty times the cost.)"""
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec(package) if can_compile() else None
    if spec is None or spec.origin is None:
        return ""
    folder = Path(spec.origin).parent
    records = sorted(path.name for path in folder.parent.glob(f"{package}-*.dist-info"))
    return records[-1].removesuffix(".dist-info") if records else f"{package}-{folder.stat().st_mtime_ns}"
