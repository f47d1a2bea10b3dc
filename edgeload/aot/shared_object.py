"""Writes compiled kernels as one ELF shared object, for x86-64, AArch64 and RISC-V alike, without a linker.

The images that `image.link` makes refer to nothing outside themselves, so all that a shared object adds is what tells
others about them: `nm -D`, `objdump -d`, `readelf`, gdb and perf understand it, and `dlopen` takes it. edgeload maps it
and looks at its last section only, a table with checksums (see `edgeload.runtime.images`).

    headers | .text | .hash | .dynsym | .dynstr | .dynamic | .shstrtab | section headers | .edgeload

Format: System V ABI (ELF64), chapters 4 and 5.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgeload.runtime.images import FOOTER, FORMAT, MAGIC, Code
from edgeload.runtime.target import Target

_MACHINES = {"x86_64": (62, 0), "aarch64": (183, 0), "riscv64": (243, 5)}  # e_machine, e_flags (RVC, double floats)
_HEADER, _SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_SECTION, _SYMBOL, _ENTRY = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"), struct.Struct("<qQ")
_HEADERS_NBYTES = _HEADER.size + 4 * _SEGMENT.size
_CACHE_LINE_NBYTES = 64
_LARGEST_PAGE_NBYTES = 0x10000  # of these machines: segments with different rights lie that far apart
_TEXT = 1  # the number of .text among the sections


class _Section(NamedTuple):
    """A section's header: `kind` and `flags` as in ELF, `shift` from its place in the file to its address."""

    name: str
    kind: int
    flags: int
    offset: int
    nbytes: int
    link: int = 0
    detail: int = 0
    alignment: int = 8
    entry_nbytes: int = 0
    shift: int = 0


def shared_object(target: Target, kernels: Mapping[str, Code]) -> bytes:
    """The content of a file of kernels. Depends on nothing but its arguments."""
    content = bytearray(_HEADERS_NBYTES)
    names = sorted(kernels)
    alignment = max([_CACHE_LINE_NBYTES, *(kernel.alignment for kernel in kernels.values())])
    content += bytes(-len(content) % alignment)
    text_at = len(content)
    table = _append_code(content, kernels)
    strings, places = _string_table(names)
    symbols = [_SYMBOL.pack(0, 0, 0, 0, 0, 0)]
    for name in names:
        offset, nbytes, entry, *_ = table[name]
        symbols.append(_SYMBOL.pack(places[name], 0x12, 0, _TEXT, offset + entry, nbytes - entry))  # global, function
    sections = [
        _Section("", 0, 0, 0, 0, alignment=0),
        _Section(".text", 1, 6, text_at, len(content) - text_at, alignment=alignment),
        _append(content, ".hash", 5, _hash_table(names), link=3, entry_nbytes=4),
        _append(content, ".dynsym", 11, b"".join(symbols), link=4, detail=1, entry_nbytes=_SYMBOL.size),
        _append(content, ".dynstr", 3, strings),
    ]
    loaded_nbytes = len(content)
    tags = {
        4: sections[2].offset,
        5: sections[4].offset,
        6: sections[3].offset,
        10: len(strings),
        11: _SYMBOL.size,
        0: 0,
    }
    dynamic = b"".join(_ENTRY.pack(*tag) for tag in tags.items())
    sections.append(_append(content, ".dynamic", 6, dynamic, link=4, entry_nbytes=16)._replace(
        flags=3, shift=_LARGEST_PAGE_NBYTES))  # older loaders write into it  # fmt: skip
    section_names, name_places = _string_table([section.name for section in sections] + [".shstrtab", ".edgeload"])
    sections.append(_append(content, ".shstrtab", 3, section_names)._replace(flags=0))
    content += bytes(-len(content) % 8)
    headers_at = len(content)
    code_nbytes = headers_at + (len(sections) + 1) * _SECTION.size
    text = json.dumps({"target": target.name, "kernels": table}, separators=(",", ":")).encode()
    described = text + FOOTER.pack(MAGIC, FORMAT, zlib.crc32(text), code_nbytes, len(text))
    sections.append(_Section(".edgeload", 1, 0, code_nbytes, len(described), alignment=1))
    for section in sections:
        address = section.offset + section.shift if section.flags else 0
        content += _SECTION.pack(
            name_places[section.name], section.kind, section.flags, address, section.offset, section.nbytes,
            section.link, section.detail, section.alignment, section.entry_nbytes,
        )  # fmt: skip
    machine, flags = _MACHINES[target.machine]
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")  # 64 bits, little-endian
    content[:_HEADERS_NBYTES] = b"".join([
        _HEADER.pack(ident, 3, machine, 1, 0, _HEADER.size, headers_at, flags, _HEADER.size, _SEGMENT.size, 4,
                     _SECTION.size, len(sections), len(sections) - 2),
        _segment(1, 5, 0, loaded_nbytes, 0, _LARGEST_PAGE_NBYTES),  # read and executed
        _segment(1, 6, sections[5].offset, len(dynamic), sections[5].shift, _LARGEST_PAGE_NBYTES),
        _segment(2, 6, sections[5].offset, len(dynamic), sections[5].shift, 8),  # where .dynamic is
        _segment(0x6474E551, 6, 0, 0, 0, 16),  # GNU_STACK: the stack need not be executable
    ])  # fmt: skip
    return bytes(content) + described


def _append_code(content: bytearray, kernels: Mapping[str, Code]) -> dict[str, list[int]]:
    """Add the kernels' code; the table: [offset, nbytes, entry, crc32, alignment] by name."""
    table = {}
    # large alignments first: pages are not filled up between kernels that do not ask for it
    for name in sorted(kernels, key=lambda name: (-kernels[name].alignment, name)):
        code, entry, alignment = kernels[name]
        content += bytes(-len(content) % alignment)
        table[name] = [len(content), len(code), entry, zlib.crc32(code), alignment]
        content += code
    return dict(sorted(table.items()))


def _append(content: bytearray, name: str, kind: int, data: bytes, **fields: int) -> _Section:
    """Add a section that is in memory."""
    content += bytes(-len(content) % 8)
    section = _Section(name, kind, 2, len(content), len(data), **fields)
    content += data
    return section


def _segment(kind: int, rights: int, offset: int, nbytes: int, shift: int, alignment: int) -> bytes:
    return _SEGMENT.pack(kind, rights, offset, offset + shift, offset + shift, nbytes, nbytes, alignment)


def _string_table(names: Sequence[str]) -> tuple[bytes, dict[str, int]]:
    """All names, each with a zero behind it, and where they begin."""
    table, places = b"\0", {"": 0}
    for name in names:
        if name:
            places[name] = len(table)
            table += name.encode() + b"\0"
    return table, places


def _hash_table(names: Sequence[str]) -> bytes:
    """The table by which `dlsym` finds a symbol: chains of symbols whose hashes fall into one bucket."""
    count = max(len(names), 1)
    buckets, chain = [0] * count, [0] * (len(names) + 1)
    for number, name in enumerate(names, 1):
        bucket = _hash(name) % count
        chain[number], buckets[bucket] = buckets[bucket], number
    return struct.pack(f"<{2 + count + len(chain)}I", count, len(chain), *buckets, *chain)


def _hash(name: str) -> int:
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
    return value
