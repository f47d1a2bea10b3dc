"""Builds the contract's models and asks TensorFlow: python -m tests.contract.export FOLDER [PART-OF-A-NAME ...]

Writes FOLDER/MODEL (a SavedModel) for each model, and FOLDER/answers.pickle: behaviour's name -> TensorFlow's answer.
With parts of names, only behaviours whose names have one of them are asked anew. Runs in a process of its own, because
the tests must not import TensorFlow.
"""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
import sys
import time
import traceback
from pathlib import Path

from tests.contract.harness import BEHAVIOURS, Behaviour, Failure


def build(model: str, folder: Path) -> Failure | None:
    """Make one model, replacing what was there; what went wrong, if anything."""
    module, name = model.split(".")
    shutil.rmtree(folder / model, ignore_errors=True)
    try:
        getattr(importlib.import_module(f"tests.contract.models.{module}"), name)(folder / model)
    except Exception:
        return Failure(traceback.format_exc())
    return None


def ask(behaviour: Behaviour, folder: Path, loaded: dict[str, object]) -> object:
    import tensorflow as tf

    try:
        return behaviour.answer(tf, folder, loaded)
    except Exception:
        return Failure(traceback.format_exc())


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.contract.{file.stem}")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    store = folder / "answers.pickle"
    answers = pickle.loads(store.read_bytes()) if len(arguments) > 1 and store.exists() else {}
    chosen = {
        name: behaviour
        for name, behaviour in BEHAVIOURS.items()
        if not arguments[1:] or any(part in name for part in arguments[1:])
    }
    seconds: dict[str, float] = {}
    for model in sorted({behaviour.model for behaviour in chosen.values()}):
        started = time.perf_counter()
        failure = build(model, folder)
        loaded: dict[str, object] = {}
        of_model = [behaviour for behaviour in chosen.values() if behaviour.model == model]
        answers.update({behaviour.name: failure or ask(behaviour, folder, loaded) for behaviour in of_model})
        seconds[model] = time.perf_counter() - started
        print(f"{model:40} {seconds[model]:6.1f} s {len(of_model):4} behaviours", flush=True)
    store.write_bytes(pickle.dumps(answers))
    failed = [name for name, answer in answers.items() if isinstance(answer, Failure)]
    print(f"{len(answers)} answers in {sum(seconds.values()):.0f} s; failed: {', '.join(failed) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
