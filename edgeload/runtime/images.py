"""Files of compiled kernels: shared objects of position-independent images, and a table of them.

Packs, artefacts and the user's cache all hold kernels this way (`edgeload.aot.shared_object` writes it). A file is
mapped executable as a whole, so processes share its pages, and no linker or loader takes part. A kernel's checksum is
compared before its address is given away for the first time, so nothing of a damaged file is ever run.

    ELF | table: JSON, {"target": name, "kernels": {name: [offset, nbytes, entry, crc32, alignment]}} | footer

A pack in a wheel is such a file, compressed: it is unpacked into memory when the first kernel is looked for in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgeload.errors import CorruptModelError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"EDGELOAD"
FORMAT = 2
FOOTER = struct.Struct("<8sIIQQ")  # magic, format, crc32 of the table, bytes before the table, bytes of the table
_COMPRESSED = b"\x78"  # the first byte of a zlib stream (RFC 1950)


class Code(NamedTuple):
    """A kernel's image: `entry` is the function's offset in it, `alignment` what its first byte must be a multiple of
    (a page, for code that addresses its constants by page)."""

    code: bytes
    entry: int
    alignment: int


class KernelFile:
    """A mapped file of kernels."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Map the file. Raises OSError when it cannot be read, CorruptModelError when it is damaged."""
        self.path = path
        with open(path, "rb") as file:
            self._mapped = _map_file(file.fileno(), path)
        nbytes = len(self._mapped)
        footer = self._mapped[nbytes - FOOTER.size :]
        magic, version, checksum, self._code_nbytes, table_nbytes = FOOTER.unpack(footer)
        if magic != MAGIC or version != FORMAT or self._code_nbytes + table_nbytes + FOOTER.size != nbytes:
            raise CorruptModelError(f"{path} is not a file of kernels of format {FORMAT}, or is cut off.")
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
    mapped = _map_copy(code)
    return mapped, int(np.frombuffer(mapped, np.uint8).ctypes.data)


def _map_file(descriptor: int, path: str | os.PathLike[str]) -> mmap.mmap:
    """The file in executable memory. Raises OSError, CorruptModelError."""
    nbytes = os.fstat(descriptor).st_size
    if nbytes < FOOTER.size:
        raise CorruptModelError(f"{path} is not a file of kernels, or is cut off: it has {nbytes} bytes.")
    if os.pread(descriptor, 1, 0) == _COMPRESSED:
        try:
            content = zlib.decompress(os.pread(descriptor, nbytes, 0))
        except zlib.error as error:
            raise CorruptModelError(f"{path} is damaged: {error}.") from None
        return _map_copy(content)
    try:
        return mmap.mmap(descriptor, nbytes, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
    except PermissionError:  # a file system that is mounted noexec
        return _map_copy(os.pread(descriptor, nbytes, 0))


def _map_copy(content: bytes) -> mmap.mmap:
    """Executable memory that has never been writable, where the system has files in memory; else that was before."""
    with contextlib.suppress(OSError, AttributeError):
        descriptor = os.memfd_create("edgeload kernels")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            return mmap.mmap(descriptor, len(content), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
        finally:
            os.close(descriptor)
    mapped = mmap.mmap(-1, len(content), prot=mmap.PROT_READ | mmap.PROT_WRITE)
    mapped[:] = content
    address = int(np.frombuffer(mapped, np.uint8).ctypes.data)
    nbytes = -(-len(content) // mmap.PAGESIZE) * mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(nbytes), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "the system does not let this process run compiled code")
    return mapped
