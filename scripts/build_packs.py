"""Compile the kernel packs of the wheels: python scripts/build_packs.py FOLDER

With --collect MODEL MODEL ..., write the list of kernels that packs have anew, from what these SavedModels take.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgeload.errors import EdgeloadError
from edgeload.runtime import target as targets
from edgeload.runtime.library import show_progress

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import packs  # noqa: E402  (this repository's)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the kernel packs of the wheels.")
    parser.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", default=Path("build/packs"))
    parser.add_argument("--target", action="append", metavar="NAME", help=f"default: {', '.join(packs.PACK_TARGETS)}")
    parser.add_argument("--collect", nargs="+", type=Path, metavar="MODEL", help="write the list of kernels instead")
    options = parser.parse_args()
    try:
        if options.collect:
            packs.collect(options.collect, lambda line: show_progress(f"build_packs: {line}"))
            return 0
        for name in options.target or packs.PACK_TARGETS:
            path = packs.build_pack(targets.find(name), options.folder, show_progress)
            show_progress(f"{path}: {path.stat().st_size:,} bytes", end="\n")
    except EdgeloadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
