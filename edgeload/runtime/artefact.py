"""The files of a built artefact, as a device reads them: with NumPy alone.

    manifest.json    readable: what the artefact is, for which CPU; sizes and digests of the other files
    records.bin      JSON values: objects, programs; plans and graphs (compressed); read one by one when they are needed
    weights.bin      tensors, each beginning at a multiple of 64 bytes; mapped, so that processes share their pages
    kernels.so       compiled kernels, see `images`
    assets/          the files that the model brings along

Every record, tensor and kernel has its own checksum, compared when it is first used; so a load reads what it needs.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from functools import cached_property
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.errors import CorruptModelError, SavedModelNotFoundError, UnsupportedOpError
from edgeload.memory import ALIGNMENT
from edgeload.runtime.images import KernelFile
from edgeload.runtime.library import Library
from edgeload.runtime.target import Target, missing_flags

FORMAT = 5
MANIFEST, RECORDS, WEIGHTS, KERNELS = "manifest.json", "records.bin", "weights.bin", "kernels.so"
_REQUIRED = (RECORDS, WEIGHTS, KERNELS)
_KIND = "edgeload artefact"
_BLOCK_NBYTES = 512  # of a checksum: a sector, the least that storage gets wrong as a whole
_SMALL_NBYTES = 8192


def is_artefact(path: str) -> bool:
    """Whether a folder was built by `scripts/aot_build.py`."""
    return os.path.isfile(os.path.join(path, MANIFEST))


class Artefact:
    """An opened artefact. `manifest` is the manifest's content."""

    def __init__(self, path: str) -> None:
        """Read the manifest. Raises CorruptModelError for damage, UnsupportedOpError for another format."""
        self.path = path
        self.manifest = _read_manifest(os.path.join(path, MANIFEST))
        self._check_sizes()
        self._records = self._map(RECORDS)
        self._weights = self._map(WEIGHTS)
        self._tensors: dict[int, np.ndarray] = {}

    @property
    def target(self) -> Target:
        """What the kernels are compiled for."""
        described = dict(self.manifest["target"])
        return Target(**{**described, "needs": frozenset(described["needs"])})

    def library(self) -> Library:
        """The artefact's kernels. Raises UnsupportedOpError when this machine's CPU cannot run them."""
        target = self.target
        missing = missing_flags(target)
        if missing:
            raise UnsupportedOpError(
                f"{self.path} was built for {target.name}, and this machine's CPU lacks {', '.join(sorted(missing))}. "
                "Build it for this machine: scripts/aot_build.py --target list shows the targets."
            )
        return Library(target, [KernelFile(self.file(KERNELS))])

    def record(self, name: str) -> Any:
        """A record by its name. Raises CorruptModelError."""
        text = self._text(name)
        return json.loads(text if text.startswith((b"{", b"[")) else zlib.decompress(text))

    def _text(self, name: str) -> bytes:
        """The bytes of a record. Raises CorruptModelError when they have changed."""
        if name not in self.manifest["records"]:
            raise CorruptModelError(f"{self.path} has no record {name!r}; build it again.")
        offset, nbytes, checksum = self.manifest["records"][name]
        text: bytes = self._records[offset : offset + nbytes]
        if len(text) != nbytes or zlib.crc32(text) != checksum:
            raise CorruptModelError(f"{self.file(RECORDS)} is damaged: {name!r} has another checksum. Copy it again.")
        return text

    def check(self) -> None:
        """Compare the checksums of all records and tensors now. Raises CorruptModelError."""
        for name in self.manifest["records"]:
            self._text(name)
        for index in range(len(self._entries)):
            self._data(index)

    def tensor(self, index: int) -> np.ndarray:
        """A tensor by its number: mapped and read-only, strings as an object array. Raises CorruptModelError."""
        if index not in self._tensors:
            self._tensors[index] = self._read_tensor(index)
        return self._tensors[index]

    def address(self, index: int) -> int:
        """The address of a numeric tensor's first element, in mapped memory. Raises CorruptModelError."""
        _, _, offset, _, _, *rule = self._entry(index)
        if rule or index in self._tensors:
            address: int = self.tensor(index).__array_interface__["data"][0]
            return address
        self._data(index)
        return self._weights_address + offset

    @cached_property
    def _weights_address(self) -> int:
        address: int = np.frombuffer(self._weights, np.uint8).__array_interface__["data"][0]
        return address

    def _read_tensor(self, index: int) -> np.ndarray:
        name, shape, _, _, _, *rule = self._entry(index)
        data = self._data(index)
        dtype = dtypes.from_numpy_name(name)
        if dtype == dtypes.STRING:
            return _read_strings(bytes(data), shape)
        array = self._restore(rule, tuple(shape), data) if rule else np.frombuffer(data, dtype).reshape(shape)
        array.flags.writeable = False
        return array

    def _entry(self, index: int) -> Any:
        if not 0 <= index < len(self._entries):
            raise CorruptModelError(f"{self.path} refers to tensor {index}; it has {len(self._entries)}.")
        return self._entries[index]

    @cached_property
    def _entries(self) -> list[Any]:
        """The table of tensors."""
        table: list[Any] = self.record("tensors")
        return table

    def _data(self, index: int) -> memoryview:
        """The bytes of a tensor. Raises CorruptModelError when they have changed."""
        _, _, offset, nbytes, checksum, *_ = self._entry(index)
        data = memoryview(self._weights)[offset : offset + nbytes]
        if len(data) != nbytes or tensor_checksum(data) != checksum:
            raise CorruptModelError(f"{self.file(WEIGHTS)} is damaged: tensor {index} has another checksum.")
        return data

    def _restore(self, fields: list[Any], shape: tuple[int, ...], data: memoryview) -> np.ndarray:
        """An original that is stored as what it differs by from a packed tensor."""
        from edgeload.runtime.originals import Rule, predict, restore

        rule = Rule(*fields)
        scale = None if rule.scale is None else self.tensor(rule.scale)
        return restore(predict(self.tensor(rule.packed), scale, rule, shape), bytes(data))

    def _check_sizes(self) -> None:
        for name, described in {**dict.fromkeys(_REQUIRED, {"nbytes": "some"}), **self.manifest["files"]}.items():
            file = self.file(name)
            nbytes = os.stat(file).st_size if os.path.isfile(file) else None
            if nbytes != described["nbytes"]:
                raise CorruptModelError(
                    f"{file} should have {described['nbytes']} bytes and "
                    f"{'is missing' if nbytes is None else f'has {nbytes}'}. Copy or build the artefact again."
                )

    def _map(self, name: str) -> Any:
        with open(self.file(name), "rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def file(self, name: str) -> str:
        """The path of one of the files."""
        return os.path.join(self.path, name)

    def verify(self) -> None:
        """Compare the digests of all files. Raises CorruptModelError, which names the files that differ."""
        files = self.manifest["files"]
        wrong = [name for name, described in files.items() if self._digest(name) != described["sha256"]]
        if wrong:
            raise CorruptModelError(f"{self.path} is damaged: {', '.join(wrong)} changed since it was built.")

    def _digest(self, name: str) -> str:
        import hashlib

        with open(self.file(name), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()


def manifest_checksum(manifest: dict[str, Any]) -> int:
    """The CRC-32 of a manifest without its own entry `checksum`."""
    content = {key: value for key, value in manifest.items() if key != "checksum"}
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def pack_tensor(array: np.ndarray) -> bytes:
    """A tensor's bytes in weights.bin: C order; strings as JSON."""
    if array.dtype == dtypes.STRING:
        return json.dumps([item.decode("latin-1") for item in array.ravel().tolist()]).encode()
    return np.ascontiguousarray(array).tobytes()


def tensor_checksum(data: bytes | memoryview) -> int:
    """The CRC-32 of a tensor's bytes if they are few. Of many, that of the sums of their blocks' little-endian 64-bit
    words, and of what is left of a word at the end: it changes when a word or the order of blocks does, and takes a
    quarter of the time."""
    if len(data) < _SMALL_NBYTES:
        return zlib.crc32(data)
    words = np.frombuffer(data, "<u8", len(data) // 8)
    sums = np.add.reduceat(words, np.arange(0, len(words), _BLOCK_NBYTES // 8))
    return zlib.crc32(data[8 * len(words) :], zlib.crc32(sums.astype("<u8").tobytes()))


def padding(nbytes: int) -> int:
    """How many bytes are missing to the next multiple of ALIGNMENT."""
    return -nbytes % ALIGNMENT


def _read_strings(data: bytes, shape: list[int]) -> np.ndarray:
    items = json.loads(data)
    array = np.empty(len(items), dtypes.STRING)
    array[:] = [item.encode("latin-1") for item in items]
    array = array.reshape(shape)
    array.flags.writeable = False
    return array


def _read_manifest(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            manifest = json.loads(file.read())
    except OSError as error:
        raise SavedModelNotFoundError(f"{path} cannot be read: {error}") from None
    except ValueError as error:
        raise CorruptModelError(f"{path} is damaged: {error}. Copy or build the artefact again.") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise CorruptModelError(f"{path} is not the manifest of an {_KIND}.")
    if manifest.get("format") != FORMAT:
        raise UnsupportedOpError(
            f"{os.path.dirname(path)} has format {manifest.get('format')!r}, written by edgeload "
            f"{manifest.get('edgeload')}; this edgeload reads format {FORMAT}. Install the edgeload that built it, or "
            "build it again with this one."
        )
    if manifest.get("checksum") != manifest_checksum(manifest):
        raise CorruptModelError(f"{path} is damaged: its checksum does not fit. Copy or build the artefact again.")
    return manifest


def new_manifest(edgeload_version: str) -> dict[str, Any]:
    """The first entries of a manifest."""
    return {"kind": _KIND, "format": FORMAT, "edgeload": edgeload_version}
