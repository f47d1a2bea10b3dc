"""Files of kernels: shared objects that the system's loader and tools take, and that edgeload maps."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from edgeload.aot.compile import compile_kernel
from edgeload.aot.shared_object import shared_object
from edgeload.errors import CorruptModelError
from edgeload.kernels import kernel
from edgeload.runtime import images
from edgeload.runtime import target as targets
from edgeload.runtime.images import Code, KernelFile
from tests.aot.conftest import DIGITS, Built

_ARM = targets.TARGETS["aarch64"]
_CODES = {"a": Code(b"\x01" * 10, 0, 64), "b": Code(b"\x02" * 10, 4, 4096), "c": Code(b"\x03" * 70, 8, 64)}


def write(folder: Path, content: bytes) -> Path:
    path = folder / "kernels.so"
    path.write_bytes(content)
    return path


def test_images_are_placed_at_multiples_of_their_alignment(tmp_path: Path) -> None:
    file = KernelFile(write(tmp_path, shared_object(_ARM, _CODES)))
    for name, code in _CODES.items():
        address = file.find(name)
        assert address is not None and (address - code.entry) % code.alignment == 0
        assert file.image(name) == code
    assert file.find("d") is None


def test_the_order_of_kernels_changes_nothing() -> None:
    assert shared_object(_ARM, _CODES) == shared_object(_ARM, dict(reversed(_CODES.items())))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_kernel_is_not_given_out_and_others_are(tmp_path: Path, compressed: bool) -> None:
    content = shared_object(_ARM, _CODES).replace(b"\x03" * 70, b"\x03" * 69 + b"\x04")
    file = KernelFile(write(tmp_path, zlib.compress(content) if compressed else content))
    assert file.find("a") is not None
    with pytest.raises(CorruptModelError, match="kernel c has another checksum"):
        file.find("c")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_file_raises_corrupt_model_error(tmp_path: Path, compressed: bool) -> None:
    content = shared_object(_ARM, _CODES)
    content = zlib.compress(content) if compressed else content
    for nbytes in (0, 20, len(content) // 2, len(content) - 1):
        with pytest.raises(CorruptModelError):
            KernelFile(write(tmp_path, content[:nbytes]))


def test_kernels_on_a_file_system_without_execution_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a file in memory, or where the system has none, into memory that becomes executable."""
    path = write(tmp_path, shared_object(_ARM, _CODES))

    class Noexec:
        def __init__(self, refused: int) -> None:
            self.refused = refused

        def __call__(self, descriptor: int, *arguments: object, **options: object) -> object:
            if descriptor >= 0 and self.refused:
                self.refused -= 1
                raise PermissionError("mounted noexec")
            return found(descriptor, *arguments, **options)

    found = images.mmap.mmap
    for refused in (1, 2):
        monkeypatch.setattr(images.mmap, "mmap", Noexec(refused))
        file = KernelFile(path)
        assert {name: file.image(name) for name in file.kernels} == _CODES


def test_the_systems_loader_takes_an_artefacts_kernels(built: Built) -> None:
    """No symbol is undefined, or `dlopen` would refuse; every kernel is found by its name."""
    path = built(DIGITS) / "kernels.so"
    library = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL | 2)  # 2: RTLD_NOW
    file = KernelFile(path)
    addresses = {name: ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in file.kernels}
    distances = {addresses[name] - (file.find(name) or 0) for name in file.kernels}
    assert len(distances) == 1
    with pytest.raises(AttributeError):
        library["nothing"]


@pytest.mark.parametrize("name", ["x86-64-v3", "aarch64", "riscv64"])
def test_readelf_has_nothing_to_object_to(tmp_path: Path, name: str) -> None:
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed: apt-get install binutils")
    target = targets.find(name)
    made = compile_kernel(kernel.find("copy_bytes"), target)
    path = write(tmp_path, shared_object(target, {"copy_bytes": Code(made.code, made.entry, made.alignment)}))
    result = subprocess.run(["readelf", "-W", "-a", str(path)], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert {"x86-64-v3": "X86-64", "aarch64": "AArch64", "riscv64": "RISC-V"}[name] in result.stdout
    (symbol,) = [line.split() for line in result.stdout.splitlines() if line.endswith(" copy_bytes")]
    assert symbol[3:5] == ["FUNC", "GLOBAL"]
    undefined = [line for line in result.stdout.splitlines() if " UND " in line and not line.endswith("UND ")]
    assert undefined == []
