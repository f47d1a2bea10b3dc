"""The message classes of a SavedModel: `protos.SavedModel`, `protos.GraphDef`, `protos.BundleEntryProto`, ...

They come from proto/edgeload.desc (scripts/compile_protos.py) through a descriptor pool of our own, so that TensorFlow,
whose messages have the same names, can live in the same process.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

_DESCRIPTOR_SET = Path(__file__).parent / "proto" / "edgeload.desc"  # compressed
_PACKAGE = "tensorflow"


def _private_pool() -> DescriptorPool:
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(zlib.decompress(_DESCRIPTOR_SET.read_bytes()))
    for file in files.file:  # imported files come first
        pool.Add(file)
    return pool


POOL = _private_pool()


def __getattr__(name: str) -> Any:
    """The class of a top-level message. Raises AttributeError for a name that no .proto file has."""
    try:
        descriptor = POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no message {name!r}") from None
    message_class = message_factory.GetMessageClass(descriptor)
    globals()[name] = message_class
    return message_class
