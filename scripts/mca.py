"""Print what llvm-mca says of the NEON tiles: python scripts/mca.py"""

from __future__ import annotations

import sys
from pathlib import Path

from edgeload.errors import EdgeloadError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import tile_analysis  # noqa: E402  (this repository's)

if __name__ == "__main__":
    try:
        print(tile_analysis.table())
    except EdgeloadError as error:
        sys.exit(f"error: {error}")
