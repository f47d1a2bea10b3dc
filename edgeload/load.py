"""`load`, on one screen: read the files, build the objects, let functions become programs when they are called."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from edgeload.model_cache import Place
    from edgeload.objects.container import Container
    from edgeload.objects.functions import ConcreteFunction, Executor
    from edgeload.program import Program
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
    reload = functools.partial(load, os.path.abspath(path), tags, options)
    checksum = _Checksum()
    read = functools.partial(_read, path, tags, checksum)
    place = None
    if options.are_default:
        from edgeload.model_cache import find_place

        place = find_place(path, tags)
    if place is not None:
        from edgeload.kept import open_kept

        root = open_kept(place, reload, _Source(functools.partial(_read_unchanged, place, read), checksum))
        if root is not None:
            return root
    model = read()
    if options.experimental_skip_checkpoint:
        model.bundle = None
    is_partial = options.allow_partial_checkpoint or options.experimental_skip_checkpoint
    root = restore(model, checksum, allow_partial_checkpoint=is_partial, reload=reload, place=place)
    if options.experimental_load_function_aliases:
        _add_aliases(root, model)
    return root


def load_plain(path: str | os.PathLike[str], tags: str | Iterable[str] | None = None) -> Any:
    """The root of a SavedModel, which is read in any case, without objects of types that the program has registered:
    what is written about a model is true for every program."""
    checksum = _Checksum()
    model = _read(os.fsdecode(path), tags, checksum)
    return restore(model, checksum, is_plain=True, reload=functools.partial(load_plain, path, tags))


def restore(
    model: SavedModel,
    checksum: _Checksum | None = None,
    *,
    allow_partial_checkpoint: bool = False,
    is_plain: bool = False,
    reload: Callable[[], Any] | None = None,
    place: Place | None = None,
) -> Any:
    """The objects of a SavedModel whose graph has been read, `is_plain`: without objects of registered types. `reload`
    is how pickled objects get the model again. `place` is where plans of functions are kept."""
    from edgeload.objects import restore, tf1
    from edgeload.objects.origins import Origin

    source = _Source(lambda: model, checksum or _Checksum())
    origin = None if reload is None else Origin(reload)
    if model.is_tf2:
        root = restore.restore(
            model,
            source.program if place is None else functools.partial(_kept_function, place, source),
            allow_partial_checkpoint=allow_partial_checkpoint,
            is_plain=is_plain,
            origin=origin,
        )
    else:
        root = tf1.restore(model, source.program_of_graph, allow_partial_checkpoint=allow_partial_checkpoint)
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


class _Source:
    """What a model's objects take of its SavedModel after loading: programs of functions, values of variables. The
    machinery of programs is imported when the first function is called."""

    def __init__(self, read: Callable[[], SavedModel], checksum: _Checksum) -> None:
        """`read` gives the SavedModel, and is called at first use; `checksum` is what it was told to use."""
        self._read = read
        self._checksum = checksum
        self._container: Container | None = None

    @functools.cached_property
    def _model(self) -> SavedModel:
        return self._read()

    @functools.cached_property
    def _library(self) -> Mapping[str, Any]:
        return {function.signature.name: function for function in self._model.meta_graph.graph_def.library.function}

    @property
    def debug_info(self) -> Any:
        return self._model.debug_info

    def value(self, key: str) -> np.ndarray:
        """A variable's value in the checkpoint."""
        bundle = self._model.bundle
        assert bundle is not None
        return bundle.read(key)

    def program(self, function: ConcreteFunction) -> Program:
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

    def program_of_graph(
        self, name: str, feeds: Sequence[str], fetches: Sequence[str], container: Container
    ) -> Program:
        """The program of the part of a TF1 graph between feeds and fetches."""
        from edgeload.graph.importer import import_graph_def
        from edgeload.program import Program

        self._checksum.is_compiled = True
        return Program(
            name,
            lambda: import_graph_def(self._model.meta_graph.graph_def, feeds, fetches, self._library, container.find),
            self._release,
        )

    def _release(self) -> None:
        if self._model.bundle is not None:
            self._model.bundle.release()


def _read(path: str, tags: str | Iterable[str] | None, checksum: _Checksum) -> SavedModel:
    from edgeload.savedmodel import reader

    return reader.read(path, tags, crc32c=checksum)


def _read_unchanged(place: Place, read: Callable[[], SavedModel]) -> SavedModel:
    """The SavedModel of which only what is kept has been read so far. Raises CorruptModelError if it has changed."""
    from edgeload.errors import CorruptModelError

    if not place.still_holds():
        raise CorruptModelError(f"{place.model} has changed since it was loaded. Load it again.")
    return read()


def _kept_function(place: Place, source: _Source, function: ConcreteFunction) -> Executor:
    from edgeload.kept import KeptFunction

    return KeptFunction(place, function, functools.partial(source.program, function))


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
