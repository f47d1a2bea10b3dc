"""The variables and tables of a TF1 graph, which its nodes make and share by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeload.kernels.tables import Table, make_table
from edgeload.objects.variables import State, Variable

VARIABLE_OPS = frozenset({"VarHandleOp", "VariableV2", "Variable"})
TABLE_OPS = frozenset(
    {
        "HashTable",
        "HashTableV2",
        "MutableHashTable",
        "MutableHashTableV2",
        "MutableHashTableOfTensors",
        "MutableHashTableOfTensorsV2",
        "MutableDenseHashTable",
        "MutableDenseHashTableV2",
    }
)
FILLING_OPS = ("InitializeTable", "LookupTableImport", "LookupTableInsert")
"""How the names of ops that fill tables begin."""


class Container:
    """Resources by op kind, container and name, for the life of one loaded model."""

    def __init__(self) -> None:
        self.state = State()
        self._resources: dict[tuple[str, bytes, str], Any] = {}
        self._lock = threading.Lock()

    def add(self, name: str, op: str, attrs: Mapping[str, Any], resource: Any) -> None:
        """Let nodes of this name be the resource."""
        self._resources[_key(op, name, attrs)] = resource

    def find(self, name: str, op: str, attrs: Mapping[str, Any]) -> Variable | Table | None:
        """The variable or table that a node makes, which is the same each time and for all nodes of one shared_name.
        None for nodes that make neither."""
        if op not in VARIABLE_OPS and op not in TABLE_OPS:
            return None
        key = _key(op, name, attrs)
        with self._lock:
            if key not in self._resources:
                self._resources[key] = self._make(op, name, attrs)
            found: Variable | Table = self._resources[key]
            return found

    def _make(self, op: str, name: str, attrs: Mapping[str, Any]) -> Variable | Table:
        if op in TABLE_OPS:
            return make_table(op, name, attrs)
        return Variable(f"{name}:0", np.dtype(attrs["dtype"]), attrs.get("shape"), state=self.state)


def _key(op: str, name: str, attrs: Mapping[str, Any]) -> tuple[str, bytes, str]:
    shared_name = attrs.get("shared_name") or b""
    kind = "variable" if op in VARIABLE_OPS else "table"
    return kind, attrs.get("container") or b"", shared_name.decode("utf-8", "replace") or name
