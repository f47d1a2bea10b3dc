"""`load`, on one screen: read the files, build the objects, let functions become programs when they are called."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeload.objects.container import Container
    from edgeload.objects.functions import ConcreteFunction, Executor
    from edgeload.savedmodel.reader import SavedModel


def load(export_dir: str | os.PathLike[str], tags: str | Iterable[str] | None = None, options: Any = None) -> Any:
    """Load a SavedModel, as tf.saved_model.load does, or what scripts/aot_build.py has built of one.

    export_dir: the folder with saved_model.pb (or saved_model.pbtxt), or, built ahead of time, with manifest.json.
    tags: the tags of the MetaGraph, which may be left out when there is only one. options: an `edgeload.LoadOptions`,
    or TensorFlow's; of a built artefact they change nothing, it has all values and no aliases.

    Returns the object that was saved: its functions, variables and other attributes, and `.signatures`, functions by
    key. Functions take anything that NumPy makes an array of, and return arrays (`edgeload.Array`). The variables'
    values are read, functions are compiled, and tables are filled when they are first needed.

    Raises SavedModelNotFoundError, CorruptModelError, TagsError, MissingVariableError; ArgumentTypeError and
    ArgumentValueError for options.
    """
    from edgeload.options import LoadOptions
    from edgeload.runtime.artefact import is_artefact

    path = os.fsdecode(export_dir)
    options = LoadOptions.of(options)
    if is_artefact(path):
        from edgeload.built import open_model

        return open_model(path)
    from edgeload.savedmodel import reader

    checksum = _Checksum()
    model = reader.read(path, tags, crc32c=checksum)
    if options.experimental_skip_checkpoint:
        model.bundle = None
    is_partial = options.allow_partial_checkpoint or options.experimental_skip_checkpoint
    reload = functools.partial(load, os.path.abspath(path), tags, options)
    root = restore(model, checksum, allow_partial_checkpoint=is_partial, reload=reload)
    if options.experimental_load_function_aliases:
        _add_aliases(root, model)
    return root


def restore(
    model: SavedModel,
    checksum: _Checksum | None = None,
    *,
    allow_partial_checkpoint: bool = False,
    reload: Callable[[], Any] | None = None,
) -> Any:
    """The objects of a SavedModel whose graph has been read. `reload` is how pickled objects get the model again."""
    from edgeload.objects import restore, tf1
    from edgeload.objects.origins import Origin

    programs = _Programs(model, checksum or _Checksum())
    origin = None if reload is None else Origin(reload)
    if model.is_tf2:
        root = restore.restore(
            model, programs.of_function, allow_partial_checkpoint=allow_partial_checkpoint, origin=origin
        )
    else:
        root = tf1.restore(model, programs.of_graph, allow_partial_checkpoint=allow_partial_checkpoint)
        if origin is not None:
            origin.note_graph(root)
    _note_versions(root, model)
    _add_debug_info(root, model)
    return root


class _Checksum:
    """CRC-32C of buffers: in NumPy while a model is being loaded, by the compiled kernel once a function is called."""

    def __init__(self) -> None:
        self.is_compiled = False

    def __call__(self, buffer: Any) -> int:
        from edgeload.savedmodel.crc32c import crc32c

        if self.is_compiled:
            from edgeload.runtime.checksum import fast_crc32c

            return (fast_crc32c() or crc32c)(buffer)
        return crc32c(buffer)


class _Programs:
    """Makes the programs of a model's functions. The machinery is imported when the first function is called."""

    def __init__(self, model: SavedModel, checksum: _Checksum) -> None:
        self._model = model
        self._checksum = checksum
        self._graph_def = model.meta_graph.graph_def
        self._container: Container | None = None

    @functools.cached_property
    def _library(self) -> Mapping[str, Any]:
        return {function.signature.name: function for function in self._graph_def.library.function}

    def of_function(self, function: ConcreteFunction) -> Executor:
        """The program of a function in the model's library."""
        from edgeload.dtypes import RESOURCE
        from edgeload.graph.importer import import_function
        from edgeload.program import Program

        self._checksum.is_compiled = True
        makes_resource = any(spec.dtype == RESOURCE for spec in function.outputs)  # a new one at each call
        resource_of = self._nothing if makes_resource else self._table_of
        return Program(
            function.name,
            lambda: import_function(self._library, function.name, function.capture_values(), resource_of),
            self._release,
        )

    def _table_of(self, name: str, op: str, attrs: Mapping[str, Any]) -> Any:
        """The table of a node inside a function, which all functions share by name: models of TF1 that were saved again
        have such."""
        from edgeload.objects.container import TABLE_OPS, Container

        if op not in TABLE_OPS:
            return None
        self._container = self._container or Container()
        return self._container.find(name, op, attrs)

    @staticmethod
    def _nothing(name: str, op: str, attrs: Mapping[str, Any]) -> None:
        return None

    def of_graph(self, name: str, feeds: Sequence[str], fetches: Sequence[str], container: Container) -> Executor:
        """The program of the part of a TF1 graph between feeds and fetches."""
        from edgeload.graph.importer import import_graph_def
        from edgeload.program import Program

        self._checksum.is_compiled = True
        return Program(
            name,
            lambda: import_graph_def(self._graph_def, feeds, fetches, self._library, container.find),
            self._release,
        )

    def _release(self) -> None:
        if self._model.bundle is not None:
            self._model.bundle.release()


def _note_versions(root: Any, model: SavedModel) -> None:
    """Set `tensorflow_version` and `tensorflow_git_version` on the root, where it has no such attributes of its own."""
    meta_info = model.meta_graph.meta_info_def
    if hasattr(root, "__dict__"):
        vars(root).setdefault("tensorflow_version", meta_info.tensorflow_version)
        vars(root).setdefault("tensorflow_git_version", meta_info.tensorflow_git_version)


def _add_debug_info(root: Any, model: SavedModel) -> None:
    """Set `graph_debug_info` on the root, read when it is asked for where that is possible."""
    from edgeload.objects.trackables import UserObject, add_child_when_asked_for

    if isinstance(root, UserObject):
        add_child_when_asked_for(root, "graph_debug_info", lambda: model.debug_info)
    elif model.has_debug_info and hasattr(root, "__dict__") and not hasattr(type(root), "graph_debug_info"):
        vars(root).setdefault("graph_debug_info", model.debug_info)


def _add_aliases(root: Any, model: SavedModel) -> None:
    """Set `function_aliases` on the root: for each alias that the model was saved with, the function all of whose
    traces have it, or else the list of those traces. Raises ArgumentValueError when the name is taken."""
    from edgeload.errors import ArgumentValueError
    from edgeload.objects.functions import Function
    from edgeload.objects.walk import functions

    if hasattr(root, "function_aliases"):
        raise ArgumentValueError(
            "Could not load with experimental_load_function_aliases option because the top-level object already has "
            "an attribute with name 'function_aliases'"
        )
    named = model.meta_graph.meta_info_def.function_aliases
    aliases: dict[str, Any] = {alias: {} for alias in named.values()}
    whole = {}
    for _, function in functions(root):
        for trace in function.concrete_functions if isinstance(function, Function) else [function]:
            if trace.name in named:
                aliases[named[trace.name]][trace.name] = trace
        if isinstance(function, Function):
            whole[frozenset(trace.name for trace in function.concrete_functions)] = function
    if hasattr(root, "__dict__"):
        vars(root)["function_aliases"] = {
            alias: whole.get(frozenset(traces), list(traces.values())) for alias, traces in aliases.items()
        }
