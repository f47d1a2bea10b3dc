"""Measures how long loading takes: edgeload.load beside tf.saved_model.load, on the same models in the same run.

    python scripts/measure_loading.py FOLDER [FOLDER ...] [--rounds N] [--tensorflow-python FILE]

In every round each contender gets a process of its own, in turn, which loads the demo model first and then each model
once. Importing is not counted. What a load does differs: TensorFlow's reads all variables into memory, edgeload's
builds the objects, and reads a value when it is first needed. So a second column counts reading all of them, with
checksums. Models that edgeload has kept are not looked for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "edgeload" / "demo" / "digits"
CONTENDERS = ("edgeload", "edgeload with values", "tensorflow")


@dataclass(frozen=True)
class Loading:
    """Seconds that loading one model took, by contender, a number a round."""

    model: str
    seconds: dict[str, list[float]]

    def median(self, contender: str) -> float:
        return statistics.median(self.seconds[contender])

    @property
    def ratio(self) -> float:
        """How many times as long TensorFlow takes."""
        return self.median("tensorflow") / self.median("edgeload")


def measure(models: Sequence[Path], rounds: int, tensorflow_python: str = sys.executable) -> list[Loading]:
    """All rounds over all models. Raises RuntimeError when a contender fails."""
    found: dict[str, dict[str, list[float]]] = {str(model): {name: [] for name in CONTENDERS} for model in models}
    for _ in range(rounds):
        for contender in CONTENDERS:
            python = tensorflow_python if contender == "tensorflow" else sys.executable
            for model, seconds in _ask(python, contender, models).items():
                found[model][contender].append(seconds)
    return [Loading(Path(model).name, seconds) for model, seconds in found.items()]


def table(loadings: Sequence[Loading]) -> str:
    """The medians, with the least and the greatest."""
    lines = ["| model | " + " | ".join(CONTENDERS) + " | ratio |", "|---" * (len(CONTENDERS) + 2) + "|"]
    for loading in loadings:
        cells = [_cell(loading.seconds[contender]) for contender in CONTENDERS]
        lines.append(f"| {loading.model} | {' | '.join(cells)} | {loading.ratio:.0f} |")
    return "\n".join(lines)


def _cell(seconds: Sequence[float]) -> str:
    least, greatest = 1e3 * min(seconds), 1e3 * max(seconds)
    return f"{1e3 * statistics.median(seconds):.1f} ms ({least:.1f} .. {greatest:.1f})"


def _ask(python: str, contender: str, models: Sequence[Path]) -> dict[str, float]:
    command = [python, __file__, "--child", contender, *map(str, models)]
    environment = {**os.environ, "EDGELOAD_MODEL_CACHE": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _load_all(contender: str, models: Sequence[str]) -> dict[str, float]:
    """Seconds by model, in this process."""
    load = _loader(contender)
    load(str(DEMO))
    found = {}
    for model in models:
        start = time.perf_counter()
        loaded = load(model)
        found[model] = time.perf_counter() - start
        del loaded
    return found


def _loader(contender: str) -> Any:
    if contender == "tensorflow":
        import tensorflow as tf

        return tf.saved_model.load
    sys.path.insert(0, str(REPOSITORY))
    import edgeload
    from edgeload.cli import _walk
    from edgeload.objects.variables import Variable

    def load_with_values(path: str) -> Any:
        root = edgeload.load(path)
        variables = [item for _, item in _walk(root) if isinstance(item, Variable) and item.has_value]
        return root, [variable.numpy() for variable in variables]

    return edgeload.load if contender == "edgeload" else load_with_values


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(_load_all(sys.argv[2], sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="FOLDER", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--tensorflow-python", default=sys.executable, metavar="FILE", help="that has tensorflow")
    options = parser.parse_args()
    print(table(measure(options.models, options.rounds, options.tensorflow_python)))


if __name__ == "__main__":
    main()
