"""Lookup tables of every kind, and the files that they are filled from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

STRINGS = tf.TensorSpec(None, tf.string)
INTS = tf.TensorSpec(None, tf.int64)

PAIRS: dict[str, tuple[Any, Any, Any, Any, Any]] = {  # keys, their dtype, values, their dtype, default
    "string_int64": (["a", "b", ""], tf.string, [1, 2, 3], tf.int64, -1),
    "string_int32": (["a", "b"], tf.string, [1, 2], tf.int32, -1),
    "string_float": (["a", "b"], tf.string, [0.5, 1.5], tf.float32, -1.0),
    "string_double": (["a", "b"], tf.string, [0.5, 1.5], tf.float64, -1.0),
    "string_string": (["a", "b"], tf.string, ["x", "y"], tf.string, "?"),
    "string_bool": (["a", "b"], tf.string, [True, False], tf.bool, False),
    "int64_string": ([7, -3], tf.int64, ["x", "y"], tf.string, "?"),
    "int64_int64": ([7, -3], tf.int64, [1, 2], tf.int64, 0),
    "int64_int32": ([7, -3], tf.int64, [1, 2], tf.int32, 0),
    "int64_float": ([7, -3], tf.int64, [0.5, 1.5], tf.float32, 0.0),
    "int32_string": ([7, -3], tf.int32, ["x", "y"], tf.string, "?"),
    "int32_int32": ([7, -3], tf.int32, [1, 2], tf.int32, 0),
    "int32_float": ([7, -3], tf.int32, [0.5, 1.5], tf.float32, 0.0),
}


def lookup(table: Any, spec: tf.TensorSpec) -> Any:
    """A function that finds values in a table, and tells its size."""
    return tf.function(lambda x: (table.lookup(x), table.size()), input_signature=[spec])


def static(folder: Path) -> None:
    """A static table of each pair of dtypes."""
    module = tf.Module()
    for name, (keys, key_dtype, values, value_dtype, default) in PAIRS.items():
        entries = tf.lookup.KeyValueTensorInitializer(keys, values, key_dtype, value_dtype)
        table = tf.lookup.StaticHashTable(entries, default)
        setattr(module, f"{name}_table", table)
        setattr(module, name, lookup(table, tf.TensorSpec(None, key_dtype)))
    tf.saved_model.save(module, str(folder))


def files(folder: Path) -> None:
    """Tables that files fill: lines, columns, line numbers; a vocabulary with buckets; a file that two tables share."""
    source = folder.parent / "source_of_files"
    source.mkdir(exist_ok=True)
    (source / "words.txt").write_text("apple\nbanana\nz\u00fcrich\nend")
    (source / "pairs.tsv").write_text("one\t1\t0.5\ntwo\t2\t1.5\nthree\t3\t2.5\n")
    (source / "dos.txt").write_bytes(b"first\r\nsecond\r\n")
    words, pairs, dos = (str(source / name) for name in ("words.txt", "pairs.tsv", "dos.txt"))
    index, text = tf.lookup.TextFileIndex, tf.lookup.TextFileInitializer
    module = tf.Module()
    module.tables = {
        "ids": tf.lookup.StaticHashTable(
            text(words, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER), default_value=-1
        ),
        "words": tf.lookup.StaticHashTable(
            text(words, tf.int64, index.LINE_NUMBER, tf.string, index.WHOLE_LINE), default_value="?"
        ),
        "column": tf.lookup.StaticHashTable(text(pairs, tf.string, 0, tf.int64, 1), default_value=-1),
        "floats": tf.lookup.StaticHashTable(text(pairs, tf.string, 0, tf.float32, 2), default_value=-1.0),
        "back": tf.lookup.StaticHashTable(text(pairs, tf.int64, 1, tf.string, 0), default_value="?"),
        "first_two": tf.lookup.StaticHashTable(text(pairs, tf.string, 0, tf.int64, 1, vocab_size=2), default_value=-1),
        "shifted": tf.lookup.StaticHashTable(
            text(words, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER, value_index_offset=10), -1
        ),
        "dos": tf.lookup.StaticHashTable(
            text(dos, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER), default_value=-1
        ),
        "buckets": tf.lookup.StaticVocabularyTable(
            text(words, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER), num_oov_buckets=7
        ),
    }
    for name, table in module.tables.items():
        setattr(module, name, lookup(table, tf.TensorSpec(None, table.key_dtype)))
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.ids})


def vocabularies(folder: Path) -> None:
    """Vocabulary tables with buckets for the words that they do not know."""
    module = tf.Module()
    strings = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64))
    numbers = tf.lookup.KeyValueTensorInitializer(tf.constant([10, 20], tf.int64), tf.constant([0, 1], tf.int64))
    module.one = tf.lookup.StaticVocabularyTable(strings, 1)
    module.many = tf.lookup.StaticVocabularyTable(strings, 1000)
    module.numbers = tf.lookup.StaticVocabularyTable(numbers, 5, lookup_key_dtype=tf.int64)
    for name, spec in (("one", STRINGS), ("many", STRINGS), ("numbers", INTS)):
        setattr(module, f"find_{name}", lookup(getattr(module, name), spec))
    module.bare = tf.function(
        lambda x: (tf.strings.to_hash_bucket_fast(x, 997), tf.strings.to_hash_bucket_strong(x, 997, [3, 5])),
        input_signature=[STRINGS],
    )
    tf.saved_model.save(module, str(folder))


def mutable(folder: Path) -> None:
    """Mutable tables whose entries lie in the checkpoint, and that functions change."""
    module = tf.Module()
    module.hash = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
    module.hash.insert(["x", "y"], [10, 20])
    module.vectors = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, default_value=[0.0, 0.0])
    module.vectors.insert([1, 2], [[0.5, 1.5], [2.5, 3.5]])
    module.dense = tf.lookup.experimental.DenseHashTable(tf.int64, tf.float32, 0.0, empty_key=-1, deleted_key=-2)
    module.dense.insert([5, 6], [0.5, 0.25])
    module.untouched = tf.lookup.experimental.MutableHashTable(tf.int64, tf.string, default_value="none")
    module.find = tf.function(module.hash.lookup, input_signature=[STRINGS])
    module.find_vectors = tf.function(module.vectors.lookup, input_signature=[tf.TensorSpec([None], tf.int64)])
    module.find_dense = tf.function(module.dense.lookup, input_signature=[INTS])
    module.find_untouched = tf.function(module.untouched.lookup, input_signature=[INTS])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64)])
    def insert(keys: Any, values: Any) -> Any:
        module.hash.insert(keys, values)
        return module.hash.size()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def remove(keys: Any) -> Any:
        module.hash.remove(keys)
        return module.hash.size()

    @tf.function(input_signature=[])
    def export() -> Any:
        keys, values = module.hash.export()
        order = tf.argsort(values)
        return tf.gather(keys, order), tf.gather(values, order)

    module.insert, module.remove, module.export = insert, remove, export
    tf.saved_model.save(module, str(folder))
