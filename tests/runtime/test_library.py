"""The kernel library as processes see it: what is compiled, what is cached, what survives damage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_KERNEL = "copy_bytes"
_PROGRAM = f"""
import ctypes, sys
import numpy as np
from edgeload.runtime import library
address = library.addresses([{_KERNEL!r}])[{_KERNEL!r}]
x, out = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
block = np.array([x.ctypes.data, 20, out.ctypes.data, 20], np.int64)
ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)(address)(block.ctypes.data, 0, 1)
assert out.tolist() == [0, 1, 2, 3, 4], out
print(len(library.compiled_kernels()), "numba" in sys.modules, "llvmlite" in sys.modules)
"""


def start(cache: Path, **environment: str) -> subprocess.Popen[str]:
    settings = {**os.environ, "EDGELOAD_CACHE": str(cache), **environment}
    return subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True, env=settings)


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.strip()


def test_a_second_process_compiles_nothing_and_imports_no_compiler(tmp_path: Path) -> None:
    assert finish(start(tmp_path)) == "1 True True"
    assert finish(start(tmp_path)) == "0 False False"


def test_a_damaged_cache_file_is_rebuilt(tmp_path: Path) -> None:
    finish(start(tmp_path))
    (file,) = tmp_path.rglob("*.so")
    sound = file.read_bytes()
    for damaged in (sound[:-9], b"", sound[:400] + b"\xcc" + sound[401:]):
        file.write_bytes(damaged)
        assert finish(start(tmp_path)).startswith("1 ")
        assert file.read_bytes() == sound
    assert finish(start(tmp_path)).startswith("0 ")


def test_two_processes_at_once_both_work(tmp_path: Path) -> None:
    processes = [start(tmp_path), start(tmp_path)]
    assert all(int(finish(process).split()[0]) <= 1 for process in processes)
    assert [file.suffix for file in tmp_path.rglob("*") if file.is_file()] == [".so"]


def test_without_a_writable_folder_kernels_are_compiled_each_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert finish(start(blocked)).startswith("1 ")
    assert finish(start(blocked)).startswith("1 ")
