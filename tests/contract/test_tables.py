"""Lookup tables and assets: what they hold after loading, and what functions find in them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tests.contract.harness import answered, refused

WORDS = ["apple", "banana", "", "z\u00fcrich", "end", "missing", "Apple"]
UNKNOWN = [
    "a",
    "b",
    "c",
    "",
    "z\u00fcrich",
    "a much longer word than all the others, of more than 64 bytes in all",
    "0",
]


@answered("tables.static", shares=True)
def test_tables_from_strings_to_numbers(tf: Any, model: Any) -> Any:
    keys = [["a", "b"], ["c", ""]]
    return [getattr(model, f"string_{name}")(keys) for name in ("int64", "int32", "float", "double", "bool")]


@answered("tables.static", shares=True)
def test_tables_from_strings_to_strings(tf: Any, model: Any) -> Any:
    return model.string_string(["b", "a", "z"]), model.string_string("a")


@answered("tables.static", shares=True)
def test_tables_from_int64(tf: Any, model: Any) -> Any:
    keys = np.array([7, 0, -3, 7], np.int64)
    return [getattr(model, f"int64_{name}")(keys) for name in ("string", "int64", "int32", "float")]


@answered("tables.static", shares=True)
def test_tables_from_int32(tf: Any, model: Any) -> Any:
    keys = np.array([[7], [0], [-3]], np.int32)
    return [getattr(model, f"int32_{name}")(keys) for name in ("string", "int32", "float")]


@answered("tables.static", shares=True)
def test_empty_lookups_find_nothing(tf: Any, model: Any) -> Any:
    return model.string_int64(np.zeros([0, 2], "S1")), model.int64_string(np.zeros([0], np.int64))


@answered("tables.files", shares=True)
def test_lines_of_a_file_become_their_numbers(tf: Any, model: Any) -> Any:
    return model.ids(WORDS), model.words(np.arange(-1, 6)), model.shifted(WORDS)


@answered("tables.files", shares=True)
def test_columns_of_a_file_become_keys_and_values(tf: Any, model: Any) -> Any:
    words = ["one", "two", "three", "four"]
    return model.column(words), model.floats(words), model.back(np.arange(4)), model.first_two(words)


@answered("tables.files", shares=True)
def test_lines_that_end_as_dos_ends_them(tf: Any, model: Any) -> Any:
    return model.dos(["first", "second", "first\r"])


@answered("tables.files", shares=True)
def test_words_of_no_line_fall_into_buckets(tf: Any, model: Any) -> Any:
    return model.buckets(WORDS + UNKNOWN)


@answered("tables.files", shares=True)
def test_signatures_use_tables(tf: Any, model: Any) -> Any:
    return model.signatures["serving_default"](tf.constant(WORDS))


@answered("tables.files", shares=True)
def test_tables_follow_a_folder_that_moves(tf: Any, path: str) -> Any:
    moved = f"{path}-moved-{os.getpid()}"
    shutil.copytree(path, moved)
    try:
        model = tf.saved_model.load(moved)
        found = model.ids(WORDS), model.back(np.arange(4))
    finally:
        shutil.rmtree(moved)
    return found


@answered("tables.files", shares=True)
def test_a_relative_path_is_loaded(tf: Any, path: str) -> Any:
    model = tf.saved_model.load(os.path.relpath(path))
    return model.ids(WORDS)


@answered("tables.files", shares=True)
def test_files_of_assets_are_beside_the_model(tf: Any, path: str) -> Any:
    return sorted(file.name for file in (Path(path) / "assets").iterdir())


@answered("tables.vocabularies", shares=True)
def test_one_bucket_takes_all_unknown_words(tf: Any, model: Any) -> Any:
    return model.find_one(UNKNOWN)


@answered("tables.vocabularies", shares=True)
def test_buckets_are_those_of_tensorflows_fingerprint(tf: Any, model: Any) -> Any:
    return model.find_many(UNKNOWN), model.bare(UNKNOWN)


@answered("tables.vocabularies", shares=True)
def test_numbers_fall_into_buckets_by_their_digits(tf: Any, model: Any) -> Any:
    return model.find_numbers(np.array([10, 20, 30, -1, 0, 2**62], np.int64))


@answered("tables.mutable")
def test_mutable_tables_have_their_entries_from_the_checkpoint(tf: Any, model: Any) -> Any:
    return (
        model.find(["x", "y", "z"]),
        model.find_vectors(np.array([2, 3, 1], np.int64)),
        model.find_dense(np.array([5, 6, 7, 5], np.int64)),
        model.find_untouched(np.array([1], np.int64)),
    )


@answered("tables.mutable")
def test_functions_change_mutable_tables(tf: Any, model: Any) -> Any:
    return (
        model.insert(["z", "x"], np.array([30, 11], np.int64)),
        model.find(["x", "y", "z"]),
        model.remove(["y", "unknown"]),
        model.find(["x", "y", "z"]),
        model.export(),
    )


@answered("tables.mutable")
def test_two_loads_share_no_table(tf: Any, path: str) -> Any:
    first, second = tf.saved_model.load(path), tf.saved_model.load(path)
    first.insert(["z"], np.array([30], np.int64))
    return first.find(["z"]), second.find(["z"])


@answered("tables.static", shares=True)
def test_keys_of_another_dtype_are_refused(tf: Any, model: Any) -> Any:
    return refused(lambda: model.string_int64([1, 2])), refused(lambda: model.int64_string(["a"]))
