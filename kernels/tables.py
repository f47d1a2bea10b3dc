"""Lookup tables: keys to values, in host steps.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/HashTableV2, LookupTableFindV2, LookupTableImportV2,
LookupTableExportV2, LookupTableInsertV2, LookupTableRemoveV2, LookupTableSizeV2, InitializeTableV2,
InitializeTableFromTextFileV2, MutableHashTableV2, MutableHashTableOfTensorsV2, MutableDenseHashTableV2, their anonymous
forms and their forms without V2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE, STRING, DType, name_of
from edgeload.errors import ExecutionError
from edgeload.kernels.registry import Node, Operand, Spec, register, require

_WHOLE_LINE = -2  # key_index and value_index of InitializeTableFromTextFile; others are columns
_LINE_NUMBER = -1


class Table:
    """A table with scalar keys and values of `value_shape`. A static one is filled once, by initialising."""

    def __init__(
        self,
        name: str,
        key_dtype: np.dtype,
        value_dtype: np.dtype,
        value_shape: tuple[int, ...] = (),
        is_static: bool = False,
        reserved: tuple[Any, ...] = (),
    ) -> None:
        """`reserved`: keys that a dense table cannot have, its empty key and its deleted key."""
        self.name = name
        self.key_dtype = key_dtype
        self.value_dtype = value_dtype
        self.value_shape = value_shape
        self.is_static = is_static
        self.is_initialized = not is_static
        self.reserved = tuple(reserved)
        self._places: dict[Any, int] = {}
        self._values = np.empty((0, *value_shape), value_dtype)

    def __len__(self) -> int:
        return len(self._places)

    def find(self, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
        """The values of keys [...] as [..., *value_shape], `default` where there is none. Raises ExecutionError."""
        if not self.is_initialized:
            raise ExecutionError(f"table {self.name!r} is not initialized: the model's initialisation never filled it.")
        if default.shape not in ((), self.value_shape):
            raise ExecutionError(
                f"table {self.name!r}: a default value of shape {default.shape} for values of shape {self.value_shape}."
            )
        get, flat = self._places.get, keys.ravel().tolist()
        self._refuse_reserved(flat)
        places = np.fromiter((get(key, -1) for key in flat), np.int64, keys.size)
        found = np.empty((keys.size, *self.value_shape), self.value_dtype)
        found[...] = default
        known = places >= 0
        found[known] = self._values[places[known]]
        return found.reshape(keys.shape + self.value_shape)

    def initialize(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Fill a static table; a key may come twice if it has the same value. Filling it again is allowed with equal
        entries. Raises ExecutionError."""
        filled = Table(self.name, self.key_dtype, self.value_dtype, self.value_shape)
        filled._check(keys, values)
        flat = keys.ravel().tolist()
        filled._values = np.array(values.reshape(len(flat), *self.value_shape))
        for place, key in enumerate(flat):
            first = filled._places.setdefault(key, place)
            if first != place and not np.array_equal(filled._values[first], filled._values[place]):
                raise ExecutionError(
                    f"table {self.name!r}: HashTable has different value for same key. Key {key!r} has "
                    f"{filled._values[first]!r} and trying to add value {filled._values[place]!r}"
                )
        if self.is_static and self.is_initialized and not self._equals(filled):
            raise ExecutionError(f"table {self.name!r} was already initialized with different data.")
        self._places, self._values = filled._places, filled._values
        self.is_initialized = True

    def replace(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Make these the only entries."""
        if self.is_static:
            self.initialize(keys, values)
            return
        self._check(keys, values)
        self._places, self._values = {}, np.empty((0, *self.value_shape), self.value_dtype)
        if self.reserved:  # what a dense table exports has the places that are empty
            used = np.fromiter((key not in self.reserved for key in keys.ravel().tolist()), np.bool_, keys.size)
            keys, values = keys[used], values[used]
        self.insert(keys, values)

    def insert(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Add entries, or replace those with these keys; the last of equal keys counts. Raises ExecutionError."""
        self._check(keys, values)
        flat = keys.ravel().tolist()
        self._refuse_reserved(flat)
        start = len(self._values)
        self._values = np.concatenate([self._values, values.reshape(len(flat), *self.value_shape)])
        self._places.update(zip(flat, range(start, start + len(flat)), strict=False))
        if len(self._values) > 2 * len(self._places) + 64:  # so many rows are unused that moving the others pays
            self._compact()

    def remove(self, keys: np.ndarray) -> None:
        """Drop entries; keys that are not there do not matter."""
        flat = keys.ravel().tolist()
        self._refuse_reserved(flat)
        for key in flat:
            self._places.pop(key, None)

    def export(self) -> tuple[np.ndarray, np.ndarray]:
        """All keys [n] and values [n, *value_shape], in the order of insertion."""
        self._compact()
        keys = np.empty(len(self._places), self.key_dtype)
        keys[:] = list(self._places)
        return keys, self._values.copy()

    def _refuse_reserved(self, keys: list[Any]) -> None:
        for name, reserved in zip(("empty_key", "deleted_key"), self.reserved, strict=False):
            if reserved in keys:
                raise ExecutionError(f"table {self.name!r}: using the {name} {reserved!r} as a key is not allowed.")

    def _compact(self) -> None:
        rows = np.fromiter(self._places.values(), np.int64, len(self._places))
        self._values = self._values[rows]
        self._places = {key: row for row, key in enumerate(self._places)}

    def _equals(self, other: Table) -> bool:
        if self._places.keys() != other._places.keys():
            return False
        return all(
            np.array_equal(self._values[row], other._values[other._places[key]]) for key, row in self._places.items()
        )

    def _check(self, keys: np.ndarray, values: np.ndarray) -> None:
        if keys.dtype != self.key_dtype or values.dtype != self.value_dtype:
            raise ExecutionError(
                f"table {self.name!r} maps {name_of(self.key_dtype)} to {name_of(self.value_dtype)}, "
                f"not {name_of(keys.dtype)} to {name_of(values.dtype)}."
            )
        if values.shape != keys.shape + self.value_shape:
            raise ExecutionError(
                f"table {self.name!r}: keys of shape {keys.shape} do not fit values of shape {values.shape}."
            )


def make_table(op: str, name: str, attrs: Any) -> Table:
    """A new, empty table as an op's attributes describe it."""
    is_static = op in ("HashTable", "HashTableV2", "AnonymousHashTable")
    shape = attrs.get("value_shape") or ()
    if None in shape:
        raise ExecutionError(
            f"{op} node {name!r} has values of the unknown shape {shape}; only known shapes are supported."
        )
    dtypes = attrs["key_dtype"], attrs["value_dtype"]
    return Table(name, *dtypes, () if is_static else tuple(shape), is_static, attrs.get("reserved", ()))


# Creation.


def _infer_table(node: Node, *operands: Operand) -> Spec:
    for attribute in ("key_dtype", "value_dtype"):
        dtype = node.attrs[attribute]
        require(isinstance(dtype, np.dtype), node, f"{attribute} {dtype}", "tables hold numbers and strings")
    return Spec(RESOURCE, ())


def _create(node: Node, *values: Any) -> Table:
    return make_table(node.op, node.name, {**node.attrs, "reserved": tuple(value.item() for value in values)})


for _op in (
    "HashTable",
    "HashTableV2",
    "AnonymousHashTable",
    "MutableHashTable",
    "MutableHashTableV2",
    "AnonymousMutableHashTable",
    "MutableHashTableOfTensors",
    "MutableHashTableOfTensorsV2",
    "AnonymousMutableHashTableOfTensors",
    "MutableDenseHashTable",
    "MutableDenseHashTableV2",
    "AnonymousMutableDenseHashTable",
):
    register(_op, infer=_infer_table, reference=_create, stateful=True)


# Reading.


def _infer_find(node: Node, table: Operand, keys: Operand, default: Operand) -> Spec:
    tail = default.shape
    if isinstance(table.resource, Table):
        _check_dtypes(node, table.resource, keys.dtype, default.dtype)
        tail = table.resource.value_shape
        require(
            default.shape in ((), tail),
            node,
            f"a default value of shape {default.shape}",
            f"the table's values have {tail}",
        )
    return Spec(default.dtype, keys.shape + tail)


def _find(node: Node, table: Table, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
    return _table(node, table).find(keys, default)


def _infer_size(node: Node, table: Operand) -> Spec:
    return Spec(np.dtype(np.int64), ())


def _size(node: Node, table: Table) -> np.ndarray:
    return np.array(len(_table(node, table)), np.int64)


def _infer_export(node: Node, table: Operand) -> list[Spec]:
    return [Spec(node.attrs["Tkeys"], None), Spec(node.attrs["Tvalues"], None)]


def _export(node: Node, table: Table) -> tuple[np.ndarray, np.ndarray]:
    return _table(node, table).export()


# Writing.


def _infer_nothing(node: Node, *operands: Operand) -> list[Spec]:
    return []


def _initialize(node: Node, table: Table, keys: np.ndarray, values: np.ndarray) -> list[Any]:
    _table(node, table).initialize(keys, values)
    return []


def _import(node: Node, table: Table, keys: np.ndarray, values: np.ndarray) -> list[Any]:
    _table(node, table).replace(keys, values)
    return []


def _insert(node: Node, table: Table, keys: np.ndarray, values: np.ndarray) -> list[Any]:
    if _table(node, table).is_static:
        raise ExecutionError(f"{node.op} node {node.name!r}: table {table.name!r} is read-only once it is initialized.")
    table.insert(keys, values)
    return []


def _remove(node: Node, table: Table, keys: np.ndarray) -> list[Any]:
    _table(node, table).remove(keys)
    return []


def _initialize_from_file(node: Node, table: Table, filename: np.ndarray) -> list[Any]:
    entries = list(_entries_of_file(node, _table(node, table), os.fsdecode(filename.item())))
    keys = np.empty(len(entries), table.key_dtype)
    values = np.empty(len(entries), table.value_dtype)
    keys[:] = [key for key, _ in entries]
    values[:] = [value for _, value in entries]
    table.initialize(keys, values)
    return []


def _entries_of_file(node: Node, table: Table, path: str) -> Iterator[tuple[Any, Any]]:
    """Key and value of each line. `offset` is added to line numbers. Source: core/kernels/lookup_util.cc."""
    columns = node.attrs["key_index"], node.attrs["value_index"]
    delimiter, wanted, offset = node.attrs["delimiter"], node.attrs["vocab_size"], node.attrs.get("offset", 0)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ExecutionError(
            f"{node.op} node {node.name!r} cannot read the vocabulary of table {table.name!r}: {error}"
        ) from None
    lines = content.replace(b"\r", b"").split(b"\n")
    lines = lines[:-1] if lines[-1] == b"" else lines
    if wanted >= 0 and len(lines) < wanted:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: invalid vocab_size in {path}: expected {wanted} but got {len(lines)}"
        )
    for number, line in enumerate(lines if wanted < 0 else lines[:wanted]):
        fields = line.split(delimiter) if max(columns) >= 0 else []
        if len(fields) <= max(columns):
            raise ExecutionError(
                f"{node.op} node {node.name!r}: invalid number of columns in {path} line {number} ({line!r}): "
                f"expected at least {max(columns) + 1} got {len(fields)}"
            )
        key, value = (
            number + offset if column == _LINE_NUMBER else line if column == _WHOLE_LINE else fields[column]
            for column in columns
        )
        yield _parsed(node, key, table.key_dtype, number), _parsed(node, value, table.value_dtype, number)


def _parsed(node: Node, field: bytes | int, dtype: np.dtype, number: int) -> Any:
    """A field as a value of the dtype."""
    if dtype == STRING:
        return field if isinstance(field, bytes) else str(field).encode()
    try:
        return dtype.type(float(field) if dtype.kind == "f" else int(field))
    except (ValueError, OverflowError):
        raise ExecutionError(
            f"{node.op} node {node.name!r}: field {field!r} in line {number} is not a valid {dtype}"
        ) from None


def _table(node: Node, table: Any) -> Table:
    if not isinstance(table, Table):
        raise ExecutionError(f"{node.op} node {node.name!r}: input 0 is a {type(table).__name__}, it must be a table.")
    return table


def _check_dtypes(node: Node, table: Table, keys: DType, values: DType) -> None:
    require(
        keys == table.key_dtype and values == table.value_dtype,
        node,
        f"keys of {name_of(keys)} and values of {name_of(values)}",
        f"table {table.name!r} maps {name_of(table.key_dtype)} to {name_of(table.value_dtype)}",
    )


def _register_both(name: str, infer: Callable[..., Any], reference: Callable[..., Any], stateful: bool) -> None:
    """An op on a table, and its older form whose table is a reference to a string."""
    register(name, infer=infer, reference=reference, stateful=stateful)
    register(f"{name}V2", infer=infer, reference=reference, stateful=stateful)


_register_both("LookupTableFind", _infer_find, _find, stateful=False)
_register_both("LookupTableSize", _infer_size, _size, stateful=False)
_register_both("LookupTableExport", _infer_export, _export, stateful=False)
_register_both("LookupTableImport", _infer_nothing, _import, stateful=True)
_register_both("LookupTableInsert", _infer_nothing, _insert, stateful=True)
_register_both("InitializeTable", _infer_nothing, _initialize, stateful=True)
_register_both("InitializeTableFromTextFile", _infer_nothing, _initialize_from_file, stateful=True)
register("LookupTableRemoveV2", infer=_infer_nothing, reference=_remove, stateful=True)
