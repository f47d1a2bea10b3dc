"""The nodes of a TF1 graph, and what they tell: paths between them, what restores and initialises variables."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from google.protobuf.message import DecodeError

from edgeload.dtypes import DType
from edgeload.errors import CorruptModelError
from edgeload.objects.container import TABLE_OPS, VARIABLE_OPS
from edgeload.objects.graph_elements import output_dtypes
from edgeload.savedmodel import opdefs, protos, tensors

ASSIGN_OPS = ("Assign", "AssignVariableOp")
_PASSING_OPS = ("Identity", "IdentityN", "Cast")
_VARIABLE_COLLECTIONS = ("variables", "local_variables", "trainable_variables")
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2")
_READING_OPS = VARIABLE_OPS | TABLE_OPS | {"ReadVariableOp", "ResourceGather", "VarIsInitializedOp", "LookupTableFind"}


class Nodes:
    """The NodeDefs of a MetaGraph, `by_name`."""

    def __init__(self, meta_graph: Any) -> None:
        self.meta_graph = meta_graph
        self.by_name = {node.name: node for node in meta_graph.graph_def.node}

    @cached_property
    def library(self) -> dict[str, Any]:
        """The FunctionDefs by name: operations may be calls of them."""
        return {function.signature.name: function for function in self.meta_graph.graph_def.library.function}

    @cached_property
    def definitions(self) -> dict[str, Any]:
        """The VariableDefs of the collections, by node name. In old files the collection tells which are trainable."""
        found: dict[str, Any] = {}
        for collection in _VARIABLE_COLLECTIONS:
            for serialized in (
                self.meta_graph.collection_def[collection].bytes_list.value
                if (collection in self.meta_graph.collection_def)
                else ()
            ):
                try:
                    definition = protos.VariableDef.FromString(serialized)
                except DecodeError as error:
                    raise CorruptModelError(
                        f"a variable in collection {collection!r} does not parse: {error}"
                    ) from None
                definition.trainable = definition.trainable or collection == "trainable_variables"
                found[definition.variable_name.split(":")[0]] = definition
        return found

    def named_ops(self, collection: str) -> list[str] | None:
        """The operations in a collection, None if there is no such collection."""
        if collection not in self.meta_graph.collection_def:
            return None
        return [op_name(name) for name in self.meta_graph.collection_def[collection].node_list.value]

    def reachable(self, names: Iterable[str], stop: Iterable[str] = ()) -> list[Any]:
        """The nodes that these nodes need, with themselves; inputs of `stop` nodes are not followed."""
        seen, stack, found = set(stop), [op_name(name) for name in names], []
        while stack:
            name = stack.pop()
            node = self.by_name.get(name)
            if name in seen or node is None:
                continue
            seen.add(name)
            found.append(node)
            stack.extend(op_name(source) for source in node.input)
        return found

    def unfed_placeholder(self, fetches: list[str], feeds: list[str]) -> str | None:
        """Which placeholder the fetches need although it is not fed, and on which path; None if there is none."""
        stop = {op_name(feed) for feed in feeds}
        readers: dict[str, str | None] = {op_name(fetch): None for fetch in reversed(fetches)}
        stack = list(readers)
        while stack:
            name = stack.pop()
            node = self.by_name.get(name)
            if name in stop or node is None:
                continue
            if node.op in _PLACEHOLDERS:
                path: list[str] = []
                at: str | None = name
                while at is not None:
                    path.insert(0, f"{at} ({self.by_name[at].op})")
                    at = readers[at]
                return (
                    f"Unable to lift tensor {path[0]} because it depends transitively on placeholder {name!r} via at "
                    f"least one path, e.g.: {' <- '.join(path)}. Feed '{name}:0', too."
                )
            for source in map(op_name, node.input):
                if source not in readers:
                    readers[source] = name
                    stack.append(source)
        return None

    def origin(self, name: str) -> tuple[Any, int]:
        """The node, and its output, that a tensor comes from through nodes which pass it on."""
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            source, _, port = name.partition(":")
            node = self.by_name.get(source)
            if node is None or node.op not in _PASSING_OPS or not node.input:
                return node, int(port) if port.isdecimal() else 0
            name = node.input[0]
        return None, 0

    def strings(self, name: str) -> list[str]:
        """The elements of a constant tensor of strings, none for other tensors."""
        node, _ = self.origin(name)
        if node is None or node.op != "Const" or not node.attr["value"].HasField("tensor"):
            return []
        return [
            item.decode("utf-8", "replace")
            for item in tensors.to_array(node.attr["value"].tensor).ravel()
            if isinstance(item, bytes)
        ]

    def stored_tensors(self) -> dict[str, tuple[str, str]]:
        """Variable node to (key, shape_and_slice), by the Assign nodes behind the saver's restore op."""
        restore_op = self.meta_graph.saver_def.restore_op_name.split(":")[0]
        stored: dict[str, tuple[str, str]] = {}
        for node in self.reachable([restore_op] if restore_op else []):
            if node.op not in ASSIGN_OPS or len(node.input) < 2:
                continue
            source, port = self.origin(node.input[1])
            target, _ = self.origin(node.input[0])
            if source is None or target is None or source.op != "RestoreV2" or len(source.input) < 3:
                continue
            names, pieces = self.strings(source.input[1]), self.strings(source.input[2])
            if port < len(names):
                stored[target.name] = names[port], pieces[port] if port < len(pieces) else ""
        return stored

    def output_dtypes(self, node: Any) -> list[DType | None]:
        """The dtypes of a node's outputs; none of them if its op is unknown."""
        definition = opdefs.get(node.op)
        if definition is None and node.op in self.library:
            definition = opdefs.from_message(self.library[node.op].signature)
        return [] if definition is None else output_dtypes(node, definition)

    def writes(self, node: Any) -> bool:
        """Whether running a node may change a variable or fill a table."""
        op_def = opdefs.get(node.op)
        if op_def is None or node.op in _READING_OPS:
            return op_def is None
        return node.op in opdefs.stateful_ops() or any(arg.is_ref for arg in op_def.inputs)


def op_name(name: str) -> str:
    """The operation's name in that of a tensor or control input."""
    return name.lstrip("^").split(":")[0]
