"""SavedModels of TensorFlow 1: one flat graph, signatures that name its tensors, variables known by name.

    assets          become constants of the graph
    variables       get their keys from the graph's own restore nodes, or else their initialisers
    init op         runs before the first call, if it writes anything; at once if it changes restored variables
    signatures      cut functions out of the graph; `prune` cuts others

Source: tensorflow/python/saved_model/load_v1_in_v2.py.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.dtypes import DType
from edgeload.errors import (
    ArgumentValueError,
    CorruptModelError,
    InitOpError,
    InvalidGraphError,
    MissingVariableError,
    SavedModelNotFoundError,
    UnliftableError,
)
from edgeload.objects import decoding, structured
from edgeload.objects.container import FILLING_OPS, VARIABLE_OPS, Container
from edgeload.objects.functions import ConcreteFunction, Executor
from edgeload.objects.graph_elements import GraphElements, GraphTensor, output_shape
from edgeload.objects.origins import OfModel
from edgeload.objects.resources import Asset
from edgeload.objects.specs import CompositeSpec, TensorSpec, component_specs
from edgeload.objects.tf1_nodes import ASSIGN_OPS, Nodes, op_name
from edgeload.objects.trackables import ListWrapper, Signatures
from edgeload.objects.variables import Shape, Variable
from edgeload.savedmodel import attrs, protos, tensors
from edgeload.savedmodel.bundle import Bundle
from edgeload.savedmodel.reader import SavedModel

MakeExecutor = Callable[[str, Sequence[str], Sequence[str], Container], Executor]
"""(name, feeds, fetches, container): `feeds` are tensor names, `fetches` tensor names or names of ops to be run."""

_INIT_SIGNATURE = "__saved_model_init_op"
_TRAIN_SIGNATURE = "__saved_model_train_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_STRING = 7  # DT_STRING
_MOST_NAMED = 5  # names that an error lists
_LONGEST_PORT = 9  # digits


class Graph(OfModel):
    """A TF1 model: `.signatures`, `.variables`, `.graph`, `.asset_paths`, `.prune`, `.initializer`; and `.restore`, if
    it was saved with a saver. `.variables` are those of TensorFlow's collections in their order, then the others. They
    are resource variables: reference variables are only in `.graph.get_collection("variables")`, as in TensorFlow, and
    in `.all_variables`."""

    def __init__(self, model: SavedModel, make_executor: MakeExecutor) -> None:
        self._model = model
        self._meta_graph = model.meta_graph
        self._nodes = Nodes(self._meta_graph)
        self._container = Container()
        self._make_executor = make_executor
        self._is_initialized = False
        self._lock = threading.RLock()
        self._replaced: dict[str, Any] = {}  # NodeDefs as they were in the file
        self.asset_paths = self._feed_assets()
        self._stored = self._nodes.stored_tensors()
        self.all_variables = self._make_variables()
        handles = {f"{node.name}:0" for node in self._meta_graph.graph_def.node if node.op == "VarHandleOp"}
        self.variables = ListWrapper(variable for variable in self.all_variables if variable.name in handles)
        self.initializer = Initializer(self)
        if self._meta_graph.saver_def.restore_op_name:
            self.restore = self._restore
        if self._init_changes_restored():
            self.initialize()
        self.signatures = Signatures(
            {
                key: self._signature(key, self._meta_graph.signature_def[key])
                for key in sorted(self._meta_graph.signature_def)
                if key not in (_INIT_SIGNATURE, _TRAIN_SIGNATURE)
            }
        )

    @cached_property
    def graph_debug_info(self) -> Any:
        """Where the exporter made each node: a GraphDebugInfo message, empty if the model has none."""
        return self._model.debug_info

    @cached_property
    def graph(self) -> GraphElements:
        """The graph's operations, tensors and collections."""
        return GraphElements(self._meta_graph, self._replaced, lambda: self.all_variables)

    def prune(self, feeds: Any, fetches: Any, name: str | None = None, input_signature: Any = None) -> ConcreteFunction:
        """A function of the part of the graph between `feeds` and `fetches`.

        feeds: tensors of `.graph` or their names ("x:0"), or a nest of them; the function takes them in this order, or
        by their op's name. fetches: a nest of tensors, of operations, which are run and whose result is None, of names
        of both, and of TensorInfos. input_signature: the TensorSpecs of the feeds, as a nest or as (args, kwargs),
        where those of the graph are not wanted; the function may then be called with these kwargs, too.

        Raises UnknownNameError for unknown names, ArgumentValueError for operations among the feeds, ArgumentTypeError
        for what is no element of a graph, UnliftableError if the fetches need a placeholder that is not fed.
        """
        feed_names = []
        for feed in map(self.graph.as_graph_element, structured.leaves(feeds)):
            if not isinstance(feed, GraphTensor):
                raise ArgumentValueError(
                    f"All members of argument `feeds` must be tensors. Got the operation {feed.name!r}. "
                    f"Did you mean '{feed.name}:0'?"
                )
            if feed.op.type != "VarHandleOp":  # variables are not fed
                feed_names.append(feed.name)
        fetch_names: list[str] = []
        outputs = structured.map_leaves(fetches, lambda fetch: self._fetch(fetch, fetch_names))
        signature: Any = (tuple(self._spec(feed) for feed in feed_names), {})
        if input_signature is not None:
            is_call = isinstance(input_signature, tuple) and len(input_signature) == 2
            if is_call and isinstance(input_signature[1], Mapping):
                signature = (tuple(input_signature[0] or ()), dict(input_signature[1]))
            else:
                signature = (tuple(structured.leaves(input_signature)), {})
        name = name or "pruned"
        missing = self._nodes.unfed_placeholder(fetch_names, feed_names)
        if missing is not None:
            raise UnliftableError(missing)
        function = self._function(name, signature, outputs, feed_names, fetch_names)
        function.accept_flat_calls([feed.split(":")[0] for feed in feed_names], len(feed_names))
        return function

    def _fetch(self, fetch: Any, names: list[str]) -> Any:
        """The spec of a fetch, whose tensors' or operation's names are added to `names`."""
        if hasattr(fetch, "WhichOneof"):
            parts = list(_components("", fetch).values())
            names += [self.graph.as_graph_element(part).name for part in parts]
            return self._output_spec(fetch, parts)
        element = self.graph.as_graph_element(fetch)
        names.append(element.name)
        return self._spec(element.name, key=element.name) if isinstance(element, GraphTensor) else None

    def _restore(self, save_path: str | os.PathLike[str]) -> list[Any]:
        """Read the variables that the model's saver restores from another checkpoint, which has the files
        `save_path`.index and `save_path`.data-...

        Returns the path as a string scalar, and None, as TensorFlow's does. Raises SavedModelNotFoundError,
        CorruptModelError, or MissingVariableError before anything is changed.
        """
        path = os.fsdecode(save_path)
        if not os.path.isfile(f"{path}.index"):
            raise SavedModelNotFoundError(
                f"Failed to find any matching files for {path}: there is no {path}.index. Pass the path of a "
                "checkpoint without its suffix, such as 'folder/variables'."
            )
        bundle = Bundle(Path(path), self._model.crc32c)
        stored = [(variable, *self._stored[variable.name.split(":")[0]]) for variable in self._saved_variables()]
        missing = [key for _, key, _ in stored if key not in bundle]
        if missing:
            raise MissingVariableError(f"the checkpoint {path} has no value for {', '.join(missing[:_MOST_NAMED])}.")
        values = [bundle.read_slice(key, piece) if piece.strip() else bundle.read(key) for _, key, piece in stored]
        for (variable, _, _), value in zip(stored, values, strict=True):
            variable.assign(value)
        return [Asset(path).asset_path, None]

    def _saved_variables(self) -> list[Variable]:
        return [variable for variable in self.all_variables if variable.name.split(":")[0] in self._stored]

    def init_program(self, *, only_tables: bool = False) -> Executor | None:
        """What runs the model's init op; None if that changes nothing. `only_tables`: what of it fills tables, for
        whoever has the variables as they are afterwards."""
        init_ops = self._init_ops()
        if only_tables:
            init_ops = [node.name for node in self._nodes.reachable(init_ops) if node.op.startswith(FILLING_OPS)]
        if not any(self._nodes.writes(node) for node in self._nodes.reachable(init_ops)):
            return None
        return self._make_executor("init", [], init_ops, self._container)

    def initialize(self) -> None:
        """Run the model's init op, once. Called by the first call of a function."""
        if self._is_initialized:
            return
        with self._lock:
            if self._is_initialized:
                return
            self._is_initialized = True  # while it runs as well: what runs may be a signature's own initialiser
            program = self.init_program()
            if program is not None:
                mutable = [variable for variable in self.all_variables if variable.is_mutable]
                try:
                    program.run([])
                except BaseException:
                    self._is_initialized = False
                    raise
                for variable in self.all_variables:
                    variable.is_mutable = any(variable is item for item in mutable)

    # -- assets -----------------------------------------------------------------------------------------------------

    def _feed_assets(self) -> list[Asset]:
        """Turn the tensors of assets into constants with the files' paths."""
        assets: dict[str, Asset] = {}
        for index, definition in enumerate(self._model.asset_file_defs):
            asset = Asset(self._model.asset_path(index))
            node = self._nodes.by_name.get(definition.tensor_info.name.split(":")[0])
            if node is None:
                raise CorruptModelError(
                    f"asset {index} of {self._model.path} feeds {definition.tensor_info.name!r}, which does not exist"
                )
            assets[node.name] = asset
            if node.name in self._replaced:
                node.attr["value"].tensor.string_val[0] = bytes(asset.asset_path[()])
                continue
            self._replaced[node.name] = type(node).FromString(node.SerializeToString())
            node.op = "Const"
            node.ClearField("input")
            node.ClearField("attr")
            node.attr["dtype"].type = _STRING
            node.attr["value"].tensor.dtype = _STRING
            node.attr["value"].tensor.string_val.append(bytes(asset.asset_path[()]))
        return list(assets.values())

    # -- variables --------------------------------------------------------------------------------------------------

    def _make_variables(self) -> list[Variable]:
        definitions = self._nodes.definitions
        made: dict[str, Variable] = {}
        for node in self._meta_graph.graph_def.node:
            if node.op not in VARIABLE_OPS:
                continue
            node_attrs = attrs.to_dict(node.attr)
            dtype, shape = node_attrs.get("dtype"), node_attrs.get("shape")
            if not isinstance(dtype, np.dtype):
                raise InvalidGraphError(
                    f"{node.op} node {node.name!r} has the dtype {dtype}; variables hold numbers and strings"
                )
            definition = definitions.get(node.name)
            key, read = self._initial_value(node.name, definition)
            variable = Variable(
                f"{node.name}:0",
                dtype,
                shape,
                state=self._container.state,
                read=read,
                trainable=definition is not None and definition.trainable,
                key=key,
            )
            self._container.add(node.name, node.op, node_attrs, variable)
            made[node.name] = variable
        ranks = {name: rank for rank, name in enumerate(definitions)}
        return [made[name] for name in sorted(made, key=lambda name: ranks.get(name, len(ranks)))]

    def _initial_value(self, name: str, definition: Any) -> tuple[str, Callable[[], np.ndarray] | None]:
        """The variable's key in the checkpoint, and what reads it; or what runs its initialiser."""
        bundle = self._model.bundle
        if bundle is not None:
            key, piece = self._stored.get(name, (name, ""))
            if key in bundle:
                return key, partial(bundle.read_slice, key, piece) if piece.strip() else partial(bundle.read, key)
        initializer = self._nodes.by_name.get(
            definition.initializer_name if definition is not None else f"{name}/Assign"
        )
        if initializer is not None and initializer.op in ASSIGN_OPS and len(initializer.input) > 1:
            return "", partial(self._run_initializer, _tensor_name(initializer.input[1]))
        return "", None

    def _run_initializer(self, tensor: str) -> np.ndarray:
        (value,) = self._make_executor(f"initial value {tensor}", [], [tensor], self._container).run([])
        return np.asarray(value)

    # -- initialisation ---------------------------------------------------------------------------------------------

    def _init_ops(self) -> list[str]:
        """The names of the ops that initialise tables and the like. Raises InitOpError."""
        signature = self._meta_graph.signature_def
        if _INIT_SIGNATURE in signature and _INIT_SIGNATURE in signature[_INIT_SIGNATURE].outputs:
            return [op_name(signature[_INIT_SIGNATURE].outputs[_INIT_SIGNATURE].name)]
        for collection in _INIT_COLLECTIONS:
            names = self._nodes.named_ops(collection)
            if names is None:
                continue
            if len(names) != 1:
                raise InitOpError(
                    f"Expected exactly one SavedModel init op. Found {len(names)} in the collection {collection!r}: "
                    f"{names[:_MOST_NAMED]}. Group them into one op and export the model again."
                )
            return names
        return self._nodes.named_ops("table_initializer") or []

    def _init_changes_restored(self) -> bool:
        """Whether the init op gives variables other values than their checkpoint or initialisers, which must be seen
        before any call."""
        initializers = {definition.initializer_name for definition in self._nodes.definitions.values()}
        known = {variable.name.split(":")[0] for variable in self.all_variables if variable.key}
        for node in self._nodes.reachable(self._init_ops()):
            if not node.input or not (node.op.startswith("Assign") or "Scatter" in node.op):
                continue
            target, _ = self._nodes.origin(node.input[0])
            if target is None or target.name in known or node.name not in {*initializers, f"{target.name}/Assign"}:
                return True
        return False

    # -- functions --------------------------------------------------------------------------------------------------

    def _signature(self, key: str, signature: Any) -> ConcreteFunction:
        feeds: dict[str, str] = {}
        aliases: dict[str, str] = {}  # a tensor may be an input under several names
        for name in sorted(signature.inputs):
            for part, tensor in _components(name, signature.inputs[name]).items():
                known = next((other for other, fed in feeds.items() if fed == _tensor_name(tensor)), None)
                if known is None:
                    feeds[part] = _tensor_name(tensor)
                else:
                    aliases[part] = known
        names: list[str] = []
        outputs = {}
        for name in sorted(signature.outputs):
            parts = _components(name, signature.outputs[name])
            names += parts.values()
            outputs[name] = self._output_spec(signature.outputs[name], list(parts.values()))
        specs = {name: self._spec(feed, signature, name) for name, feed in feeds.items()}
        keywords = sorted(feeds)
        cut = [feeds[name] for name in keywords]
        missing = self._nodes.unfed_placeholder(names, cut)
        if missing is not None:
            missing = (
                "A SavedModel signature needs an input for each placeholder the signature's outputs use. An output for "
                f"signature {key!r} depends on a placeholder which is not an input (i.e. the placeholder is not fed a "
                f"value). {missing}"
            )
            warnings.warn(f"{missing} The signature cannot be called.", stacklevel=2)
        function = self._function(key, ((), specs), outputs, cut, names, missing)
        function.set_aliases(aliases)
        function.accept_flat_calls(keywords, len(keywords) if keywords == list(feeds) else 1)
        function.set_defaults({name: tensors.to_array(value) for name, value in signature.defaults.items()})
        return function

    def _function(
        self,
        name: str,
        signature: tuple[tuple[Any, ...], dict[str, Any]],
        outputs: Any,
        feeds: list[str],
        fetches: list[str],
        why_not: str | None = None,
    ) -> ConcreteFunction:
        """`why_not` tells why it cannot be called."""

        def make_executor(function: ConcreteFunction) -> Executor:
            if why_not is not None:
                raise UnliftableError(why_not)
            return _Cut(self, name, feeds, fetches)

        return ConcreteFunction(name, signature, outputs, make_executor, self.variables.copy)

    def _output_spec(self, info: Any, names: Sequence[str]) -> Any:
        """None for an op, a spec for a tensor, a composite spec for a sparse one."""
        encoding = info.WhichOneof("encoding")
        if encoding == "coo_sparse":
            shape, dtype = tensors.shape_of(info.tensor_shape), attrs.to_dtype(info.dtype)
            state = (shape, dtype)
            return CompositeSpec(
                "sparse_tensor_spec", "SparseTensorSpec", state, component_specs("sparse_tensor_spec", state, 3)
            )
        if encoding == "composite_tensor":
            spec = _type_spec(info.composite_tensor.type_spec)
            if len(spec.components) != len(names):
                raise CorruptModelError(
                    f"a composite output has {len(names)} tensors, its type {spec!r} has {len(spec.components)}"
                )
            return spec
        if ":" not in names[0]:
            return None
        shape = tensors.shape_of(info.tensor_shape) if info.HasField("tensor_shape") else None
        return TensorSpec(shape, self._spec(names[0]).dtype)

    def _spec(self, tensor: str, signature: Any = None, key: str = "") -> TensorSpec:
        """Dtype and shape of a tensor by its node. The shape that a signature tells is often wrong and is not used."""
        name, _, port = tensor.partition(":")
        node = self._nodes.by_name.get(name)
        index = int(port) if port.isdecimal() and len(port) <= _LONGEST_PORT else 0
        dtype: DType | None = None
        shape: Shape = None
        if node is not None:
            made = self._nodes.output_dtypes(node)
            dtype = made[index] if index < len(made) else None
            shape = output_shape(node, index, self._meta_graph.graph_def.versions.producer)
        if dtype is None and signature is not None and key in signature.inputs:
            dtype = attrs.to_dtype(signature.inputs[key].dtype)
        return TensorSpec(shape, dtypes.VARIANT if dtype is None else dtype, key or name)

    def __repr__(self) -> str:
        return f"<edgeload TF1 graph with {len(self.variables)} variables and signatures {list(self.signatures)}>"


class Initializer:
    """What a model's init op does."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def _initialize(self) -> None:
        """Run it once more."""
        with self._graph._lock:
            self._graph._is_initialized = False
            self._graph.initialize()


class _Cut:
    """Runs the part of the graph between feeds and fetches, after the model's init op. Ops among the fetches run and
    give no output."""

    def __init__(self, graph: Graph, name: str, feeds: Sequence[str], fetches: Sequence[str]) -> None:
        self._graph = graph
        self._program = graph._make_executor(name, feeds, fetches, graph._container)

    def run(self, inputs: list[Any]) -> list[Any]:
        self._graph.initialize()
        return self._program.run(inputs)

    def prepared(self, inputs: list[Any]) -> Any:
        return self._program.prepared(inputs)

    @property
    def plan(self) -> Any:
        return self._program.plan


def restore(model: SavedModel, make_executor: MakeExecutor, *, allow_partial_checkpoint: bool = False) -> Graph:
    """The TF1 model. Raises MissingVariableError when variables have neither a value in the checkpoint nor an
    initialiser, unless `allow_partial_checkpoint`."""
    graph = Graph(model, make_executor)
    missing = [variable.name for variable in graph.all_variables if not variable.has_value]
    if missing and not allow_partial_checkpoint:
        raise MissingVariableError(
            f"{len(missing)} variable(s) of {model.path} have no value in the checkpoint: "
            f"{', '.join(map(repr, missing[:_MOST_NAMED]))}{', ...' if len(missing) > _MOST_NAMED else ''}. "
            "Export the model again, or load it with options=edgeload.LoadOptions(allow_partial_checkpoint=True) "
            "and assign them."
        )
    return graph


def _components(name: str, info: Any) -> dict[str, str]:
    """The tensors of a TensorInfo, under the names that a call gives them."""
    encoding = info.WhichOneof("encoding")
    if encoding == "coo_sparse":
        sparse = info.coo_sparse
        return {
            f"{name}_indices": sparse.indices_tensor_name,
            f"{name}_values": sparse.values_tensor_name,
            f"{name}_dense_shape": sparse.dense_shape_tensor_name,
        }
    if encoding == "composite_tensor":
        return {f"{name}_component_{index}": part.name for index, part in enumerate(info.composite_tensor.components)}
    return {name: info.name}


def _type_spec(message: Any) -> CompositeSpec:
    value = protos.StructuredValue()
    value.type_spec_value.CopyFrom(message)
    decoded = decoding.decode(value)
    assert isinstance(decoded, CompositeSpec)
    return decoded


def _tensor_name(name: str) -> str:
    return name if ":" in name else f"{name}:0"
