"""Build the wheels into dist/: one for each platform, with packs of ready kernels, and one without for all others.

    python scripts/build_wheels.py            compiles the packs first, which takes some minutes on the first run

A wheel's platform tag only says which packs are in it: the code in packs is called, not linked, and needs no C
library.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from edgeload.runtime import library
from edgeload.runtime import target as targets
from edgeload.runtime.library import show_progress

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from scripts import packs  # noqa: E402  (this repository's)

_PLATFORMS = {
    "manylinux2014_x86_64": ("x86-64-v3", "x86-64-v4"),
    "manylinux2014_aarch64": ("aarch64", "aarch64+dotprod"),
    "any": (),
}
_SOURCES = ("edgeload", "kernels", "pyproject.toml", "README.md", "LICENSE")


def main() -> int:
    built = REPOSITORY / "build" / "packs"
    for name in packs.PACK_TARGETS:
        path = packs.build_pack(targets.find(name), built, show_progress)
        show_progress(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size:,} bytes", end="\n")
    for platform, names in _PLATFORMS.items():
        packs_of_wheel = [built / Path(library.pack_file(targets.find(name))).name for name in names]
        wheel = build_wheel(platform, packs_of_wheel, REPOSITORY / "dist")
        installed = installed_nbytes(wheel)
        print(f"{wheel.relative_to(REPOSITORY)}: {wheel.stat().st_size:,} bytes, {installed:,} installed")
    return 0


def build_wheel(platform: str, pack_files: list[Path], out: Path) -> Path:
    """Build one wheel from a copy of the sources with the packs put in, into a folder; the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in _SOURCES:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(
                    source, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "packs")
                )
            else:
                shutil.copy(source, copy / name)
        for pack_file in pack_files:
            (copy / "edgeload" / "packs").mkdir(exist_ok=True)
            shutil.copy(pack_file, copy / "edgeload" / "packs")
        tag = [] if platform == "any" else ["--config-settings", f"--build-option=--plat-name={platform}"]
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(copy / "dist"),
            *tag,
            folder,
        ]
        subprocess.run(command, check=True)
        (wheel,) = (copy / "dist").iterdir()
        out.mkdir(exist_ok=True)
        return Path(shutil.copy(wheel, out))


def install(wheel: Path, folder: Path) -> None:
    """Put a wheel's files and their bytecode into a folder, as pip does."""
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)


def installed_nbytes(wheel: Path) -> int:
    """The sizes of all files that a wheel installs, bytecode included."""
    with tempfile.TemporaryDirectory() as folder:
        install(wheel, Path(folder))
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
