"""Measures edgeload side by side with LiteRT, ONNX Runtime, OpenVINO and TensorFlow.

    python scripts/bench.py all --threads 1,2 --json bench.json --picture docs/bench.svg
    python scripts/bench.py mobilenet_v2 FOLDER --contenders edgeload,litert
    python scripts/bench.py resnet50 --profile FOLDER          where the time of edgeload's plan goes, step by step

Needs `pip install .[bench]`; contenders may live in other environments (--python). Models are SavedModels, or names
of the tests' zoo, which TensorFlow exports at first use; LiteRT, ONNX Runtime and OpenVINO get them converted
(scripts/benchmark/conversion.py). All get the same float32 inputs and as many threads, and give fresh arrays.

In every round each contender gets one process, one after the other, and another one begins each time. It imports the
contender, loads the model, calls it, and goes on calling it for a while. Printed are

    a call                  the median call, from NumPy arrays to fresh NumPy arrays; ratio: best peer by edgeload;
                            undisturbed: that ratio of the fastest tenths, where other work spreads the medians
    start to first result   from before the process is spawned to the line it prints after the first call
    peak resident memory    VmHWM of /proc/self/status at the end of the process
    arena                   edgeload's memory for all intermediate values
    difference              of the outputs, to TensorFlow's

`built` is edgeload with what scripts/aot_build.py makes of the model. Linux only.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.benchmark.command import main  # noqa: E402  (this repository's)

if __name__ == "__main__":
    sys.exit(main(description=__doc__))
