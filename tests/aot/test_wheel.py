"""A wheel as pip installs it: it is small, and runs what was built with NumPy alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.aot.writer import RUNTIME
from edgeload.runtime import target as targets
from scripts import build_wheels
from tests.aot import device
from tests.aot.conftest import DIGITS, Built
from tests.conftest import locked


@pytest.fixture(scope="session")
def wheel(run_folder: Path) -> Path:
    """The wheel without packs, made once a run."""
    out = run_folder / "wheel"
    with locked(run_folder / "wheel.lock"):
        if not out.exists():
            try:
                build_wheels.build_wheel("any", [], out)
            except subprocess.CalledProcessError:
                command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(run_folder / "backend")]
                if subprocess.run([*command, "setuptools>=77"], check=False, capture_output=True).returncode:
                    pytest.skip("pip cannot fetch setuptools, which builds wheels")
                raise
    (made,) = out.iterdir()
    return made


def test_what_runs_an_artefact_takes_at_most_five_megabytes_with_bytecode(tmp_path: Path) -> None:
    build(DIGITS, tmp_path / "out", targets.host(), Choices(with_runtime=True), lambda line: None)
    runtime = tmp_path / "out" / RUNTIME
    source = device.program(tmp_path / "out", missing=(*device.READERS, *device.COMPILERS))
    found = device.run(f"import sys; sys.path.insert(0, {str(runtime)!r})\n{source}\nprint(edgeload.__file__)")
    expected, _ = device.call(DIGITS)
    digests, imported, file = found.splitlines()
    assert (digests, imported) == (expected, "imported: []")
    assert Path(file).is_relative_to(runtime)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(runtime)], check=True)
    assert sum(path.stat().st_size for path in runtime.rglob("*") if path.is_file()) <= 5_000_000


def test_what_runs_an_artefact_plans_other_shapes(tmp_path: Path) -> None:
    build(DIGITS, tmp_path / "out", targets.host(), Choices(with_runtime=True), lambda line: None)
    source = device.program(tmp_path / "out", batch=5, missing=(*device.READERS, *device.COMPILERS))
    found = device.run(f"import sys; sys.path.insert(0, {str(tmp_path / 'out' / RUNTIME)!r})\n{source}")
    assert found.splitlines()[0] == device.call(DIGITS, batch=5)[0]


def test_an_artefact_runs_with_numpy_and_what_the_wheel_installs(wheel: Path, built: Built, tmp_path: Path) -> None:
    build_wheels.install(wheel, tmp_path)
    source = device.program(built(DIGITS), missing=(*device.READERS, *device.COMPILERS))
    found = device.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{source}\nprint(edgeload.__file__)")
    expected, _ = device.call(DIGITS)
    digests, imported, file = found.splitlines()
    assert digests == expected
    assert imported == "imported: []"
    assert Path(file).is_relative_to(tmp_path)
    assert not list(tmp_path.rglob("*.proto")) and not (tmp_path / "tests").exists()
