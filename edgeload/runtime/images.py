"""Files of compiled kernels: position-independent images behind each other, then a table of them.

Packs, artefacts and the user's cache all hold kernels this way. A file is mapped executable as a whole, so
processes share its pages, and no linker or loader takes part. A kernel's checksum is compared before its address
is given away for the first time, so nothing of a damaged file is ever run.

    code | table: JSON, {"target": name, "kernels": {name: [offset, nbytes, entry, crc32, alignment]}} | footer
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgeload.errors import CorruptModelError

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"EDGELOAD"
_FORMAT = 2
_FOOTER = struct.Struct("<8sIIQQ")  # magic, format, crc32 of the table, bytes of the code, bytes of the table


class Code(NamedTuple):
    """A kernel's image: `entry` is the function's offset in it, `alignment` what its first byte must be a multiple of
    (a page, for code that addresses its constants by page)."""

    code: bytes
    entry: int
    alignment: int


def pack(target: str, kernels: Mapping[str, Code]) -> bytes:
    """The content of a file of kernels. Depends on nothing but its arguments."""
    code = bytearray()
    table: dict[str, list[int]] = {}
    # large alignments first: pages are not filled up between kernels that do not ask for it
    for name in sorted(kernels, key=lambda name: (-kernels[name].alignment, name)):
        kernel = kernels[name]
        code += bytes(-len(code) % kernel.alignment)
        table[name] = [len(code), len(kernel.code), kernel.entry, zlib.crc32(kernel.code), kernel.alignment]
        code += kernel.code
    text = json.dumps({"target": target, "kernels": dict(sorted(table.items()))}, separators=(",", ":")).encode()
    return bytes(code) + text + _FOOTER.pack(_MAGIC, _FORMAT, zlib.crc32(text), len(code), len(text))


class KernelFile:
    """A mapped file of kernels."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Map the file. Raises OSError when it cannot be read, CorruptModelError when it is damaged."""
        self.path = path
        with open(path, "rb") as file:
            nbytes = os.fstat(file.fileno()).st_size
            if nbytes < _FOOTER.size:
                raise CorruptModelError(f"{path} is not a file of kernels, or is cut off: it has {nbytes} bytes.")
            self._mapped = _map_executable(file.fileno(), nbytes)
        footer = self._mapped[nbytes - _FOOTER.size :]
        magic, version, checksum, self._code_nbytes, table_nbytes = _FOOTER.unpack(footer)
        if magic != _MAGIC or version != _FORMAT or self._code_nbytes + table_nbytes + _FOOTER.size != nbytes:
            raise CorruptModelError(f"{path} is not a file of kernels of format {_FORMAT}, or is cut off.")
        text = self._mapped[self._code_nbytes : self._code_nbytes + table_nbytes]
        if zlib.crc32(text) != checksum:
            raise CorruptModelError(f"{path} is damaged: its table has another checksum.")
        table = json.loads(text)
        self.target: str = table["target"]
        self.kernels: dict[str, list[int]] = table["kernels"]
        self._base = int(np.frombuffer(self._mapped, np.uint8).ctypes.data)

    def find(self, name: str) -> int | None:
        """The address of a kernel's function, None if the file does not have it. Raises CorruptModelError."""
        if name not in self.kernels:
            return None
        offset, nbytes, entry, checksum, _ = self.kernels[name]
        if zlib.crc32(memoryview(self._mapped)[offset : offset + nbytes]) != checksum:
            raise CorruptModelError(f"{self.path} is damaged: kernel {name} has another checksum.")
        return self._base + offset + entry

    def image(self, name: str) -> Code:
        """A kernel's image. Raises CorruptModelError when the file does not have it, or not as it was."""
        if self.find(name) is None:
            raise CorruptModelError(f"{self.path} has no kernel {name}.")
        offset, nbytes, entry, _, alignment = self.kernels[name]
        return Code(self._mapped[offset : offset + nbytes], entry, alignment)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that others see all of it or nothing. Raises OSError."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.chmod(file.name, 0o644)  # a temporary file is its owner's alone; kernels are for all
            os.replace(file.name, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise


def map_code(code: bytes) -> tuple[mmap.mmap, int]:
    """Executable memory with a copy of the code, which no file holds, and its address. Raises OSError."""
    mapped = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE)
    mapped[:] = code
    address = int(np.frombuffer(mapped, np.uint8).ctypes.data)
    nbytes = -(-len(code) // mmap.PAGESIZE) * mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(nbytes), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "the system does not let this process run compiled code")
    return mapped, address


def _map_executable(descriptor: int, nbytes: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, nbytes, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
    except PermissionError:  # a file system that is mounted noexec
        return map_code(os.pread(descriptor, nbytes, 0))[0]
