"""Opening the folder of a SavedModel: which file, which MetaGraph, which checkpoint and assets."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgeload.errors import CorruptModelError, MissingDependencyError, SavedModelNotFoundError, TagsError

try:
    from google.protobuf.message import DecodeError
except ImportError:
    raise MissingDependencyError(
        "reading SavedModels takes protobuf, which is not installed: pip install protobuf. "
        "(What scripts/aot_build.py has built of a SavedModel takes NumPy alone.)"
    ) from None

from edgeload.savedmodel import protos
from edgeload.savedmodel.bundle import Bundle

_BINARY = "saved_model.pb"
_TEXT = "saved_model.pbtxt"
_CHUNKED = "saved_model.cpb"
_DEBUG_INFO = Path("debug") / "saved_model_debug_info.pb"
_ASSETS_COLLECTION = "saved_model_assets"  # where TF1 lists the assets: AssetFileDef messages as Any values


@dataclass
class SavedModel:
    """One MetaGraph of a SavedModel. Nothing but the graph's file is read until it is asked for."""

    path: Path
    meta_graph: Any  # protos.MetaGraphDef
    tags: tuple[str, ...]
    is_tf2: bool
    crc32c: Callable[[Any], int] | None = None  # a faster checksum for the bundle than its own

    @functools.cached_property
    def bundle(self) -> Bundle | None:
        """The checkpoint in variables/, or None for a model without variables. Raises CorruptModelError."""
        prefix = self.path / "variables" / "variables"
        return Bundle(prefix, self.crc32c) if Path(f"{prefix}.index").is_file() else None

    @property
    def has_debug_info(self) -> bool:
        return (self.path / _DEBUG_INFO).is_file()

    @functools.cached_property
    def debug_info(self) -> Any:
        """Where in the exporter's source each node was made: a GraphDebugInfo message, whose `traces` are named
        NODE@FUNCTION, or NODE@ for functions that the model does not have; empty if the model was saved without.
        Raises CorruptModelError."""
        if not self.has_debug_info:
            return protos.GraphDebugInfo()
        file = self.path / _DEBUG_INFO
        try:
            stored = protos.GraphDebugInfo.FromString(file.read_bytes())
        except (OSError, DecodeError) as error:
            raise CorruptModelError(f"Cannot parse file {file}: {error}. Export the model again.") from None
        adjusted = protos.GraphDebugInfo()
        adjusted.CopyFrom(stored)
        adjusted.traces.clear()
        for key, trace in stored.traces.items():
            node, _, function = key.partition("@")
            known = self.is_tf2 and function in self.meta_graph.object_graph_def.concrete_functions
            adjusted.traces[f"{node}@{function if known or not self.is_tf2 else ''}"].CopyFrom(trace)
        return adjusted

    @functools.cached_property
    def asset_file_defs(self) -> list[Any]:
        """The AssetFileDef messages: tensor and filename of each asset."""
        if self.meta_graph.asset_file_def or _ASSETS_COLLECTION not in self.meta_graph.collection_def:
            return list(self.meta_graph.asset_file_def)
        values = self.meta_graph.collection_def[_ASSETS_COLLECTION].any_list.value
        try:
            return [protos.AssetFileDef.FromString(value.value) for value in values]
        except DecodeError as error:
            raise CorruptModelError(f"the list of assets in {self.path} does not parse: {error}") from None

    def asset_path(self, index: int) -> Path:
        """The absolute path of asset `index`. The file need not exist.

        Raises CorruptModelError if there is no such asset, or if its name leads out of the model's assets folder.
        """
        if not 0 <= index < len(self.asset_file_defs):
            raise CorruptModelError(f"{self.path} has {len(self.asset_file_defs)} assets, asset {index} is asked for")
        name = PurePosixPath(self.asset_file_defs[index].filename)
        if name.is_absolute() or ".." in name.parts or not name.parts:
            raise CorruptModelError(f"asset {index} of {self.path} is named {str(name)!r}, which is outside of assets/")
        return (self.path / "assets").absolute() / name


def read(
    path: str | os.PathLike[str],
    tags: str | Iterable[str] | None = None,
    *,
    crc32c: Callable[[Any], int] | None = None,
) -> SavedModel:
    """Reads saved_model.pb, or else saved_model.pbtxt, and chooses the MetaGraph whose tags equal `tags` as sets.

    `tags` may be None when there is only one MetaGraph. Raises SavedModelNotFoundError, CorruptModelError, TagsError.
    """
    folder = Path(os.fsdecode(path))
    saved_model = _parse(folder)
    if not saved_model.meta_graphs:
        raise CorruptModelError(f"the SavedModel at {folder} has no MetaGraph; export it again")
    is_tf2 = len(saved_model.meta_graphs) == 1 and saved_model.meta_graphs[0].HasField("object_graph_def")
    meta_graph = _choose(saved_model.meta_graphs, tags, folder, is_tf2)
    return SavedModel(folder, meta_graph, tuple(meta_graph.meta_info_def.tags), is_tf2, crc32c)


def _parse(folder: Path) -> Any:
    binary, text = folder / _BINARY, folder / _TEXT
    if folder.is_file():
        raise SavedModelNotFoundError(
            f"SavedModel file does not exist at: {folder}{os.path.sep}{{{_TEXT}|{_BINARY}}}. "
            f"{folder} is a file; pass the folder that contains {_BINARY}."
        )
    if binary.is_file():
        return _parse_binary(binary)
    if text.is_file():
        return _parse_text(text)
    if (folder / _CHUNKED).is_file():
        raise CorruptModelError(
            f"{folder / _CHUNKED} is a SavedModel in chunks (an experimental format for graphs above 2 GB), which "
            f"edgeload does not read. Load it with TensorFlow and save it again without "
            f"SaveOptions(experimental_image_format=True); that writes {_BINARY}."
        )
    raise SavedModelNotFoundError(f"SavedModel file does not exist at: {folder}{os.path.sep}{{{_TEXT}|{_BINARY}}}")


def _parse_binary(file: Path) -> Any:
    try:
        return protos.SavedModel.FromString(file.read_bytes())
    except DecodeError as error:
        raise CorruptModelError(
            f"Cannot parse file {file}: {error}. It is truncated or not a SavedModel; export or copy it again."
        ) from None


def _parse_text(file: Path) -> Any:
    from google.protobuf import text_format

    message = protos.SavedModel()
    try:
        text_format.Parse(file.read_bytes(), message, allow_unknown_field=True, descriptor_pool=protos.POOL)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptModelError(
            f"Cannot parse file {file}: {error}. It is truncated or not a SavedModel; export or copy it again."
        ) from None
    return message


def _choose(meta_graphs: Any, tags: str | Iterable[str] | None, folder: Path, is_tf2: bool) -> Any:
    available = [sorted(meta_graph.meta_info_def.tags) for meta_graph in meta_graphs]
    if tags is None:
        if len(meta_graphs) == 1:
            return meta_graphs[0]
        raise TagsError(
            "Importing a SavedModel requires a `tags=` argument if there is more than one MetaGraph. Got `tags=None`, "
            f"but there are {len(meta_graphs)} MetaGraphs in the SavedModel with tag sets: {available}. "
            "Pass a `tags=` argument to load this SavedModel."
        )
    wanted = {tags} if isinstance(tags, str) else set(tags)
    for meta_graph in meta_graphs:
        if set(meta_graph.meta_info_def.tags) == wanted:
            return meta_graph
    if is_tf2:
        raise TagsError(
            f"Got an incompatible argument to `tags`: {sorted(wanted)}. The SavedModel at {folder} has one MetaGraph "
            f"with tags {available[0]}. You may omit the argument, pass 'None', or pass matching tags."
        )
    raise TagsError(
        f"MetaGraphDef associated with tags {sorted(wanted)} could not be found in SavedModel, with available tags "
        f"'{available}'. Pass exactly one of these sets of tags."
    )
