"""Measures what a new batch size costs: the first call with it, less the calls that follow.

    python scripts/measure_planning.py FOLDER [--signature KEY]

Batch sizes 2 to 9 in one process, after a call with batch 1. A first call plans, binds memory, and runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from edgeload.load import load_plain  # noqa: E402  (this repository's)

BATCHES = range(2, 10)
CALLS = 5  # after the first one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="FOLDER")
    parser.add_argument("--signature", default="serving_default", metavar="KEY")
    options = parser.parse_args()
    signature = load_plain(options.model).signatures[options.signature]  # whatever is kept of it
    specs = signature.structured_input_signature[1]

    def seconds(batch: int) -> float:
        inputs = {
            name: np.zeros((batch, *(size or 1 for size in spec.shape[1:])), spec.dtype) for name, spec in specs.items()
        }
        start = time.perf_counter()
        signature(**inputs)
        return time.perf_counter() - start

    seconds(1)
    costs = []
    for batch in BATCHES:
        first = seconds(batch)
        costs.append(first - statistics.median(seconds(batch) for _ in range(CALLS)))
        print(f"batch {batch}: {1e3 * costs[-1]:.1f} ms")
    print(f"median {1e3 * statistics.median(costs):.1f} ms ({1e3 * min(costs):.1f} .. {1e3 * max(costs):.1f})")


if __name__ == "__main__":
    main()
