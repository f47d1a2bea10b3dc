"""Lookup tables of every kind: filled, asked, changed, exported. Each case has a table of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.ops.arrays import longs, sample, scalar, strings
from tests.ops.case import Case, chain

_VOCABULARY = str(Path(__file__).parent / "vocabulary.txt").encode()
_PAIRS = (
    ("string", "int64"),
    ("int64", "string"),
    ("int64", "float32"),
    ("int32", "int32"),
    ("string", "string"),
    ("string", "bool"),
    ("int32", "float64"),
)


def _keys(dtype: str) -> np.ndarray:
    return strings([b"a", b"", b"c", b"d"]) if dtype == "string" else np.array([7, 0, -3, 9], dtype)


def _asked(dtype: str) -> np.ndarray:
    return strings([[b"c", b"x"], [b"", b"a"]]) if dtype == "string" else np.array([[-3, 1], [0, 7]], dtype)


def _fixed(create: str, fill: str, find: str, size: str, key: str, value: str) -> Callable[..., Any]:
    """Initialise a table, look keys up, ask for its size."""

    def fill_and_find(tf: Any, keys: Any, values: Any, asked: Any, default: Any) -> Any:
        table = getattr(tf.raw_ops, create)(key_dtype=key, value_dtype=value)
        filled = getattr(tf.raw_ops, fill)(table_handle=table, keys=keys, values=values)
        with tf.control_dependencies([filled]):
            found = getattr(tf.raw_ops, find)(table_handle=table, keys=asked, default_value=default)
            return found, getattr(tf.raw_ops, size)(table_handle=table)

    return fill_and_find


def _fixed_tables() -> Iterator[Case]:
    for create, suffix in (("HashTable", ""), ("HashTableV2", "V2"), ("AnonymousHashTable", "V2")):
        ops = (create, f"InitializeTable{suffix}", f"LookupTableFind{suffix}", f"LookupTableSize{suffix}")
        for fill in ("InitializeTable", "LookupTableImport"):
            ops = (create, f"{fill}{suffix}", f"LookupTableFind{suffix}", f"LookupTableSize{suffix}")
            for key, value in _PAIRS:
                yield chain(ops, _fixed(*ops, key, value), _keys(key), sample(value, 4), _asked(key), sample(value))
        build = _fixed(*ops, "int64", "int64")
        yield chain(ops, build, longs(1, 1), longs(2, 2), longs(1), scalar(0, "int64"))
        yield chain(ops, build, longs(1, 1), longs(2, 3), longs(1), scalar(0, "int64")).fails()
        yield chain(ops, build, longs(1, 2), longs(2), longs(1), scalar(0, "int64")).fails()
        yield chain(ops, build, longs(1), longs(2), longs(1), longs(1, 2)).fails()


def _from_file(create: str, fill: str, key: str, value: str, **attrs: Any) -> Callable[..., Any]:
    suffix = "V2" if fill.endswith("V2") else ""

    def read_and_find(tf: Any, name: Any, asked: Any, default: Any) -> Any:
        table = getattr(tf.raw_ops, create)(key_dtype=key, value_dtype=value)
        filled = getattr(tf.raw_ops, fill)(table_handle=table, filename=name, **attrs)
        with tf.control_dependencies([filled]):
            found = getattr(tf.raw_ops, f"LookupTableFind{suffix}")(
                table_handle=table, keys=asked, default_value=default
            )
            return found, getattr(tf.raw_ops, f"LookupTableSize{suffix}")(table_handle=table)

    read_and_find.__name__ = f"read_{key}_{value}_{'_'.join(map(str, attrs.values()))}".encode(
        "unicode_escape"
    ).decode()
    return read_and_find


_LINE, _LINE_NUMBER = -2, -1


def _file_tables() -> Iterator[Case]:
    for suffix in ("", "V2"):
        fill = f"InitializeTableFromTextFile{suffix}"
        ops = (f"HashTable{suffix}", fill)
        name, missing = strings(_VOCABULARY), scalar(-1, "int64")
        words = strings([b"cat 10", b"dog 20", b"cat", b"20", b""])
        for attrs in ({}, {"vocab_size": 3}, {"vocab_size": 2}, {"offset": 1}):
            yield chain(
                ops,
                _from_file(*ops, "string", "int64", key_index=_LINE, value_index=_LINE_NUMBER, **attrs),
                name,
                words,
                missing,
            )
        yield chain(
            ops, _from_file(*ops, "string", "int64", key_index=0, value_index=1, delimiter=" "), name, words, missing
        )
        yield chain(
            ops,
            _from_file(*ops, "int64", "string", key_index=1, value_index=0, delimiter=" "),
            name,
            longs(10, 20, 5),
            strings(b"?"),
        )
        yield chain(
            ops,
            _from_file(*ops, "int64", "string", key_index=_LINE_NUMBER, value_index=_LINE),
            name,
            longs(0, 2, 9),
            strings(b"?"),
        )
        yield chain(
            ops, _from_file(*ops, "string", "int64", key_index=0, value_index=3, delimiter=" "), name, words, missing
        ).fails()
        yield chain(
            ops, _from_file(*ops, "string", "int64", key_index=0, value_index=0, delimiter=" "), name, words, missing
        ).fails()
        yield chain(
            ops,
            _from_file(*ops, "string", "int64", key_index=_LINE, value_index=_LINE_NUMBER, vocab_size=9),
            name,
            words,
            missing,
        ).fails()
        yield chain(
            ops,
            _from_file(*ops, "string", "int64", key_index=_LINE, value_index=_LINE_NUMBER),
            strings(_VOCABULARY + b".none"),
            words,
            missing,
        ).fails()


def _growing(create: str, insert: str, suffix: str, key: str, value: str, **attrs: Any) -> Callable[..., Any]:
    """Insert into a table, then again, look keys up, ask for its size and for what it has, remove what it may."""

    def insert_and_find(tf: Any, keys: Any, values: Any, asked: Any, default: Any, *empty: Any) -> Any:
        given = dict(zip(("empty_key", "deleted_key"), empty, strict=False))
        if not empty:
            given["key_dtype"] = key
        raw = tf.raw_ops
        table = getattr(raw, create)(value_dtype=value, **given, **attrs)
        with tf.control_dependencies([getattr(raw, insert)(table_handle=table, keys=keys, values=values)]):
            again = getattr(raw, insert)(table_handle=table, keys=keys[:1], values=values[1:2])
        with tf.control_dependencies([again]):
            found = getattr(raw, f"LookupTableFind{suffix}")(table_handle=table, keys=asked, default_value=default)
            size = getattr(raw, f"LookupTableSize{suffix}")(table_handle=table)
            outputs = [found, size]
            if (
                not empty
            ):  # what a dense table exports are its buckets, the empty ones too, in the order of their hashes
                exported = getattr(raw, f"LookupTableExport{suffix}")(table_handle=table, Tkeys=key, Tvalues=value)
                order = tf.argsort(
                    tf.strings.to_hash_bucket_fast(exported.keys, 2**40) if key == "string" else exported.keys
                )
                outputs += [tf.gather(exported.keys, order), tf.gather(exported.values, order)]
        if suffix == "V2":
            with tf.control_dependencies(outputs):
                removed = raw.LookupTableRemoveV2(table_handle=table, keys=keys[1:3])
            with tf.control_dependencies([removed]):
                outputs += [
                    raw.LookupTableSizeV2(table_handle=table),
                    raw.LookupTableFindV2(table_handle=table, keys=asked, default_value=default),
                ]
        return outputs

    return insert_and_find


def _growing_tables() -> Iterator[Case]:
    for create, suffix in (("MutableHashTable", ""), ("MutableHashTableV2", "V2"), ("AnonymousMutableHashTable", "V2")):
        for insert in ("LookupTableInsert", "LookupTableImport"):
            ops = (
                create,
                f"{insert}{suffix}",
                f"LookupTableFind{suffix}",
                f"LookupTableSize{suffix}",
                f"LookupTableExport{suffix}",
            )
            ops += ("LookupTableRemoveV2",) if suffix else ()
            for key, value in (("string", "int64"), ("int64", "float32"), ("int64", "string")):
                yield chain(
                    ops,
                    _growing(create, ops[1], suffix, key, value),
                    _keys(key),
                    sample(value, 4),
                    _asked(key),
                    sample(value),
                )
    for create, suffix in (
        ("MutableHashTableOfTensors", ""),
        ("MutableHashTableOfTensorsV2", "V2"),
        ("AnonymousMutableHashTableOfTensors", "V2"),
    ):
        for key, value in (("string", "int64"), ("int64", "float32")):
            build = _growing(create, f"LookupTableInsert{suffix}", suffix, key, value, value_shape=[3])
            yield chain((create,), build, _keys(key), sample(value, 4, 3), _asked(key), sample(value, 3))
    for create in ("MutableDenseHashTableV2", "AnonymousMutableDenseHashTable"):
        markers = [scalar(-100, "int64"), scalar(-200, "int64")]
        for shape in ((), (2,)):
            build = _growing(
                create, "LookupTableInsertV2", "V2", "int64", "float32", value_shape=list(shape), initial_num_buckets=4
            )
            yield chain(
                (create,),
                build,
                longs(7, 0, -3, 9),
                sample("float32", 4, *shape),
                longs(-3, 1, 0),
                sample("float32", *shape),
                *markers,
            )


CASES = [*_fixed_tables(), *_file_tables(), *_growing_tables()]
