"""Artefacts and packs for 64-bit Arm, run on the instruction set itself: qemu-user, Debian's Python, PyPI's NumPy.

`.ci/run` sets this up; EDGELOAD_ARM64 names another folder that `.ci/arm64-python` has made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.runtime import library
from edgeload.runtime import target as targets
from edgeload.runtime.artefact import Artefact
from scripts import packs
from tests.aot import device
from tests.aot.conftest import DIGITS, Built
from tests.aot.device import REPOSITORY

_TIMEOUT_SECONDS = 300
# qemu's names; `max` has all that qemu knows, so it stands for cores that this qemu has no name for
_CPUS = {
    "raspberry-pi-3": "cortex-a53",
    "raspberry-pi-4": "cortex-a72",
    "raspberry-pi-5": "cortex-a76",
    "jetson": "max",
}
_ANSWER_DIGITS = """
import numpy as np
import edgeload
stored = np.load({images!r})
scores = edgeload.load({model!r}).signatures["serving_default"](image=stored["images"])["output_0"]
np.save({out!r}, np.asarray(scores))
print(np.mean(scores.argmax(axis=1) == stored["labels"]))
"""

Emulate = Callable[..., str]


@pytest.fixture(scope="session")
def emulate() -> Emulate:
    """emulate(source, cpu, packages) is what a Python program prints on an Arm CPU."""
    folder = Path(os.environ.get("EDGELOAD_ARM64") or REPOSITORY / "build" / "arm64")
    if shutil.which("qemu-aarch64") is None or not (folder / "complete").exists():
        pytest.skip(f"no emulated Arm: apt-get install qemu-user, and run .ci/arm64-python {folder}")

    def run(source: str, cpu: str, packages: Sequence[str] = ("numpy",), package_root: Path = REPOSITORY) -> str:
        paths = [str(package_root), *(str(folder / name) for name in packages), str(REPOSITORY)]
        environment = {
            "PYTHONHOME": str(folder / "root" / "usr"), "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1", "EDGELOAD_CACHE": "/nonexistent", "PATH": os.environ["PATH"],
        }  # fmt: skip
        command = ["qemu-aarch64", "-cpu", cpu, "-L", str(folder / "root"), str(folder / "python"), "-c", source]
        result = subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout.strip()

    return run


@pytest.mark.parametrize("target", ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "jetson"])
def test_the_demo_is_right_on_every_board(emulate: Emulate, built: Built, tmp_path: Path, target: str) -> None:
    import numpy as np

    images = DIGITS.parent / "digits.npz"
    source = _ANSWER_DIGITS.format(images=str(images), model=str(built(DIGITS, target)), out=str(tmp_path / "out.npy"))
    assert float(emulate(source, _CPUS[target])) > 0.9
    import edgeload

    with np.load(images) as stored:
        expected = edgeload.load(DIGITS).signatures["serving_default"](image=stored["images"])["output_0"]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", ["raspberry-pi-4", "raspberry-pi-5"])
@pytest.mark.parametrize("name", ["keyword_spotting", "lstm_gru", "string_table"])
def test_zoo_models_answer_as_tensorflow_did(
    emulate: Emulate, built: Built, zoo: Callable[[str], Path], name: str, target: str
) -> None:
    folder = zoo(name)
    source = device.answering(built(folder, target), folder.with_name(f"{name}.npz"))
    assert emulate(source, _CPUS[target]).startswith("right")


def test_an_older_core_refuses_code_for_a_newer_one(emulate: Emulate, built: Built) -> None:
    source = f"""
import edgeload
try:
    edgeload.load({str(built(DIGITS, "raspberry-pi-5"))!r})
except edgeload.UnsupportedOpError as error:
    print(error)
"""
    assert "lacks asimddp, asimdhp" in emulate(source, "cortex-a72")


@pytest.mark.parametrize(("tier", "cpu"), [("aarch64", "cortex-a72"), ("aarch64+dotprod", "max")])
def test_a_wheel_with_its_pack_runs_the_savedmodel_itself(
    emulate: Emulate, tmp_path: Path, tier: str, cpu: str
) -> None:
    """The package as a wheel installs it, with a pack of the demo's kernels instead of all."""
    target = targets.find(tier)
    build(DIGITS, tmp_path / "out", target, Choices(batches=(1,)), lambda line: None)
    names = Artefact(str(tmp_path / "out")).manifest["kernels"]
    installed = tmp_path / "site"
    shutil.copytree(REPOSITORY / "edgeload", installed / "edgeload", ignore=shutil.ignore_patterns("__pycache__"))
    folder = installed / "edgeload" / "packs"
    folder.mkdir(exist_ok=True)
    kernels = {name: library.image(name, target) for name in names}
    (folder / f"{target.name}.kernels").write_bytes(packs.packed(target, kernels))
    source = f"""
import numpy as np
import edgeload
classify = edgeload.load({str(DIGITS)!r}).signatures["serving_default"]
scores = classify(image=np.zeros((1, 8, 8, 1), np.float32))["output_0"]
print(edgeload.__file__.startswith({str(installed)!r}), scores.shape, classify.plan.notes)
"""
    assert emulate(source, cpu, ("numpy", "readers"), installed) == "True (1, 10) ()"
