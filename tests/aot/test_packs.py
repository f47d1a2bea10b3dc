"""Packs: the listed kernels exist, and a package with a pack needs no compiler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeload
from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.runtime import library
from edgeload.runtime import target as targets
from edgeload.runtime.artefact import Artefact
from edgeload.runtime.images import KernelFile
from edgeload.runtime.library import Library
from scripts import packs
from tests.aot import device
from tests.aot.conftest import DIGITS


def test_every_listed_kernel_exists() -> None:
    assert packs.unknown_kernels() == [], "collect the list again: scripts/build_packs.py --collect MODELS"


@pytest.mark.parametrize("name", packs.PACK_TARGETS)
def test_a_pack_has_products_and_what_drives_them(name: str) -> None:
    names = packs.kernels_of(targets.find(name))
    assert {"drive", "walk", "work", "lead", "loop", "branch<2>", "copy_bytes"} <= set(names)
    assert any(kernel.startswith("conv2d<float32") for kernel in names)


def test_with_a_pack_a_savedmodel_runs_without_numba(tmp_path: Path) -> None:
    target = targets.host()
    build(DIGITS, tmp_path / "out", target, Choices(), lambda line: None)
    kernels = {name: library.image(name, target) for name in Artefact(str(tmp_path / "out")).manifest["kernels"]}
    (tmp_path / f"{target.name}.kernels").write_bytes(packs.packed(target, kernels))
    prelude = "from pathlib import Path\nfrom edgeload.runtime import library\n"
    prelude += f"library._PACKS_FOLDER = Path({str(tmp_path)!r})\n"
    source = prelude + device.program(DIGITS, missing=device.COMPILERS)
    expected, _ = device.call(DIGITS)
    assert device.run(source, EDGELOAD_CACHE=str(tmp_path / "empty")).splitlines()[0] == expected


def test_what_no_pack_has_runs_in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """First a kernel that fusing made is missing, then all products too: both give the model's outputs."""
    images = np.linspace(0, 1, 3 * 64, dtype=np.float32).reshape(3, 8, 8, 1)
    expected = edgeload.load(DIGITS).signatures["serving_default"](image=images)["output_0"]
    found = library.Library._find
    monkeypatch.setattr(library, "can_compile", lambda: False)
    for hidden in ("maximum", "conv2d"):
        monkeypatch.setattr(
            library.Library, "_find", lambda self, name, hidden=hidden: hidden not in name and found(self, name)
        )
        classify = edgeload.load(DIGITS).signatures["serving_default"]
        np.testing.assert_allclose(classify(image=images)["output_0"], expected, rtol=1e-4, atol=1e-6)
    assert any("runs in Python" in note for note in classify.plan.notes)
    assert "note" in str(classify.plan)


def test_a_board_takes_the_packs_of_the_tiers_below_it() -> None:
    below = {name: [tier.name for tier in library.lesser_tiers(targets.find(name))] for name in targets.TARGETS}
    assert "aarch64" in below["raspberry-pi-4"] and "aarch64+dotprod" not in below["raspberry-pi-4"]
    assert below["raspberry-pi-5"].index("aarch64+dotprod") < below["raspberry-pi-5"].index("aarch64")
    assert below["aarch64+dotprod"].index("raspberry-pi-5") < below["aarch64+dotprod"].index("aarch64")
    assert below["x86-64-v4"] == below["x86-64-v3"] == below["x86-64-v2"] == below["riscv64"] == []


def test_kernels_that_an_artefact_lacks_come_from_the_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = targets.host()
    copy = {"copy_bytes": library.image("copy_bytes", host)}
    (tmp_path / f"{host.name}.kernels").write_bytes(packs.packed(host, copy))
    monkeypatch.setattr(library, "_PACKS_FOLDER", str(tmp_path))
    monkeypatch.setattr(library, "can_compile", lambda: False)
    monkeypatch.setenv("EDGELOAD_CACHE", str(tmp_path / "empty"))
    assert Library(targets.find("native")).lacks(["copy_bytes", "walk"]) == ["walk"]


def test_a_pack_leaves_out_what_the_pack_of_a_lesser_tier_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "kernels_of", lambda target: ["copy_bytes", "walk"])
    files = [packs.build_pack(targets.find(name), tmp_path, print) for name in ("aarch64", "aarch64+dotprod")]
    assert [sorted(KernelFile(file).kernels) for file in files] == [["copy_bytes", "walk"], ["walk"]]
