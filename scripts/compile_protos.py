"""Compiles edgeload/savedmodel/proto/*.proto to edgeload.desc, the descriptor set in the package, compressed.

    pip install grpcio-tools && python scripts/compile_protos.py

Run it after changing a .proto file. Users of edgeload never need protoc.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO_FOLDER = Path(__file__).resolve().parent.parent / "edgeload" / "savedmodel" / "proto"
DESCRIPTOR_SET = PROTO_FOLDER / "edgeload.desc"


def main() -> int:
    sources = sorted(path.name for path in PROTO_FOLDER.glob("*.proto"))
    well_known_types = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"--proto_path={PROTO_FOLDER}",
        f"--proto_path={well_known_types}",
        "--include_imports",
        f"--descriptor_set_out={DESCRIPTOR_SET}",
        *sources,
    ]
    if code := protoc.main(arguments):
        return int(code)
    DESCRIPTOR_SET.write_bytes(zlib.compress(DESCRIPTOR_SET.read_bytes(), 9))
    return 0


if __name__ == "__main__":
    sys.exit(main())
