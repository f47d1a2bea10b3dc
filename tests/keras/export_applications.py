"""Exports architectures of keras.applications with random weights:

    python -m tests.keras.export_applications FOLDER [NAME ...]

writes FOLDER/NAME (a SavedModel with the endpoint `serve`) and FOLDER/NAME.npz (recorded calls), by default for those
of the usual run. Runs in a process of its own, because the tests must not import TensorFlow.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from tests.keras.applications import APPLICATIONS, BY_DEFAULT
from tests.zoo import recording
from tests.zoo.recording import Call

SEED = 20
CLASSES = 50
CALIBRATION_BATCH = 32  # small inputs end as one pixel, whose statistics over few images would make rounding grow
PIXEL_CENTRE, PIXEL_SCALE = 127.5, 60.0


def export(name: str, folder: Path) -> None:
    """Build, save and record one architecture, replacing what was there."""
    import keras
    import tensorflow as tf
    from keras.src.export.export_utils import get_input_signature

    from tests.zoo.saving import randomise, sample

    tf.get_logger().setLevel("ERROR")
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    started = time.perf_counter()
    shutil.rmtree(folder / name, ignore_errors=True)
    application = APPLICATIONS[name]
    shape = (application.side, application.side, 3)
    centre, scale = (PIXEL_CENTRE, PIXEL_SCALE) if application.takes_pixels else (0.0, 1.0)
    # without softmax, which would hide differences in a network that is sure
    model = getattr(keras.applications, name)(
        input_shape=shape, weights=None, classes=CLASSES, classifier_activation=None
    )
    random = np.random.default_rng(SEED)
    randomise(model, random, centre, scale, CALIBRATION_BATCH)
    archive = keras.export.ExportArchive()
    function = archive.add_endpoint("serve", model.__call__, get_input_signature(model)).get_concrete_function()
    archive.write_out(str(folder / name), verbose=False)
    calls = []
    for batch in (1, 3):
        arrays = {key: centre + scale * value for key, value in sample(model, random, batch).items()}
        outputs = function(*[tf.constant(array) for array in arrays.values()])
        calls.append(Call(f"batch_{batch}", "serve", arrays, {"output_0": np.asarray(outputs)}))
    recording.write(folder / f"{name}.npz", calls)
    print(f"{name:20} {model.count_params():11,} weights {time.perf_counter() - started:6.1f} s", flush=True)
    gc.collect()


def main(arguments: list[str]) -> int:
    if not arguments or set(arguments[1:]) - set(APPLICATIONS):
        print(f"{__doc__}\nNames: {', '.join(APPLICATIONS)}", file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or BY_DEFAULT:
        export(name, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
