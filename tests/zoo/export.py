"""Exports the zoo: python -m tests.zoo.export FOLDER [NAME ...]

Writes FOLDER/NAME (a SavedModel) and FOLDER/NAME.npz (recorded calls) for each name, or for all MODELS of
`tests.zoo.table`.
Runs in a process of its own, because the tests must not import TensorFlow.
"""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import sys
import time
from pathlib import Path

from tests.zoo import recording
from tests.zoo.table import BENCHMARKS, MODELS

SEED = 20
NAMED = MODELS | BENCHMARKS


def export(name: str, folder: Path) -> None:
    """Build, save and record one model, replacing what was there."""
    import keras
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    started = time.perf_counter()
    shutil.rmtree(folder / name, ignore_errors=True)
    builder = getattr(importlib.import_module(f"tests.zoo.{NAMED[name].family}"), name)
    calls = builder(folder / name)
    recording.write(folder / f"{name}.npz", calls)
    nbytes = sum(file.stat().st_size for file in folder.glob(f"{name}/**/*") if file.is_file())
    print(f"{name:28} {time.perf_counter() - started:6.1f} s {nbytes / 1e6:8.2f} MB {len(calls):3} calls", flush=True)
    gc.collect()


def main(arguments: list[str]) -> int:
    if not arguments or set(arguments[1:]) - set(NAMED):
        print(f"{__doc__}\nNames: {', '.join(NAMED)}", file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or MODELS:
        export(name, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
