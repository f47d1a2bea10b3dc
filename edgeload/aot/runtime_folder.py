"""The part of edgeload that runs artefacts, as a folder: for devices that have Python and NumPy, and no pip."""

from __future__ import annotations

import shutil
from pathlib import Path

import edgeload

_COMPILING = {
    "": {"aot", "demo", "packs"},  # what compiles, what shows it, and kernels, of which artefacts have their own
    "kernels": {"atomics.py", "calls.py", "lanes.py", "simd.py", "tiles.py"},  # imported only by what compiles
}


def copy_runtime(folder: Path) -> None:
    """Copy the package edgeload into a new folder, which a device puts on its PYTHONPATH."""
    package = Path(edgeload.__file__).parent

    def unneeded(path: str, names: list[str]) -> set[str]:
        here = Path(path).relative_to(package)
        left_out = _COMPILING.get("" if here == Path() else str(here), set())
        return {name for name in names if name in left_out or name == "__pycache__" or name.endswith(".proto")}

    shutil.copytree(package, folder / "edgeload", ignore=unneeded, copy_function=shutil.copyfile)
