"""Serialized Examples: sparse, dense and ragged features, missing ones, defaults, malformed bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.ops.arrays import strings
from tests.ops.case import Case, case


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*octets, number])


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _feature(values: list[Any]) -> bytes:
    """A Feature of bytes, floats or integers; of nothing that has a kind, if it is empty."""
    if not values:
        return b""
    if isinstance(values[0], bytes):
        return _message(1, b"".join(_message(1, value) for value in values))
    if isinstance(values[0], float):
        return _message(2, _message(1, struct.pack(f"<{len(values)}f", *values)))
    return _message(3, _message(1, b"".join(map(_varint, values))))


def _features(values: dict[str, list[Any]]) -> bytes:
    entries = (_message(1, key.encode()) + _message(2, _feature(value)) for key, value in values.items())
    return b"".join(_message(1, entry) for entry in entries)


def _example(**values: list[Any]) -> bytes:
    return _message(1, _features(values))


def _sequence(context: dict[str, list[Any]], lists: dict[str, list[list[Any]]]) -> bytes:
    steps = {key: b"".join(_message(1, _feature(step)) for step in value) for key, value in lists.items()}
    entries = b"".join(_message(1, _message(1, key.encode()) + _message(2, value)) for key, value in steps.items())
    return _message(1, _features(context)) + _message(2, entries)


_ONE = _example(a=[1.5, 2.5], b=[1, -2, 3], c=[b"x", b"yz"])
_TWO = _example(a=[-1.0, 0.0], b=[7], c=[])
_THREE = _example(a=[4.0, 5.0])
_BATCH = strings([_ONE, _TWO, _THREE])
_NO_NAMES = strings([])
_NO_FLOATS, _FLOATS = np.zeros(0, np.float32), np.array([9, 8], np.float32)


def _keys(*names: bytes) -> np.ndarray:
    return strings(list(names))


def _parsing() -> Iterator[Case]:
    sparse = {"num_sparse": 2, "sparse_types": ["int64", "string"]}
    nothing: dict[str, list[Any]] = {"ragged_value_types": [], "ragged_split_types": []}
    for batch in (_BATCH, _BATCH[:1], _BATCH[:0]):
        yield case(
            "ParseExampleV2",
            batch,
            _NO_NAMES,
            _keys(b"b", b"c"),
            _keys(b"a"),
            _keys(),
            [_NO_FLOATS],
            **sparse,
            **nothing,
            dense_shapes=[[2]],
        )
        yield case(
            "ParseExampleV2",
            batch,
            _NO_NAMES,
            _keys(b"b", b"c"),
            _keys(b"nowhere"),
            _keys(),
            [_FLOATS],
            **sparse,
            **nothing,
            dense_shapes=[[2]],
        )
        yield case(
            "ParseExampleV2",
            batch,
            _NO_NAMES,
            _keys(),
            _keys(),
            _keys(b"b", b"a", b"c"),
            [],
            num_sparse=0,
            sparse_types=[],
            dense_shapes=[],
            ragged_value_types=["int64", "float32", "string"],
            ragged_split_types=["int64", "int32", "int64"],
        )
        yield case(
            "ParseExampleV2",
            batch,
            _NO_NAMES,
            _keys(),
            _keys(b"b"),
            _keys(),
            [np.zeros(1, np.int64)],
            num_sparse=0,
            sparse_types=[],
            **nothing,
            dense_shapes=[[None]],
        )
        yield case(
            "ParseExample",
            batch,
            _NO_NAMES,
            [strings(b"b"), strings(b"c")],
            [strings(b"a")],
            [_NO_FLOATS],
            sparse_types=["int64", "string"],
            dense_shapes=[[2]],
        )
    yield case(
        "ParseExampleV2",
        strings(_ONE),
        _NO_NAMES,
        _keys(b"b", b"c"),
        _keys(b"a"),
        _keys(),
        [_NO_FLOATS],
        **sparse,
        **nothing,
        dense_shapes=[[2]],
    )
    for name, default, shape in ((b"a", _NO_FLOATS, [3]), (b"nowhere", _NO_FLOATS, [2]), (b"b", _NO_FLOATS, [1])):
        yield case(
            "ParseExampleV2",
            _BATCH,
            _NO_NAMES,
            _keys(),
            _keys(name),
            _keys(),
            [default],
            num_sparse=0,
            sparse_types=[],
            **nothing,
            dense_shapes=[shape],
        ).fails()
        yield case(
            "ParseSingleExample",
            strings(_ONE),
            [default],
            num_sparse=0,
            sparse_keys=[],
            dense_keys=[name],
            sparse_types=[],
            dense_shapes=[shape],
        ).fails()
    yield case(
        "ParseExampleV2",
        strings([b"\xff\xff"]),
        _NO_NAMES,
        _keys(b"b", b"c"),
        _keys(b"a"),
        _keys(),
        [_FLOATS],
        **sparse,
        **nothing,
        dense_shapes=[[2]],
    ).fails()
    yield case(
        "ParseSingleExample",
        strings(_ONE),
        [_NO_FLOATS],
        num_sparse=2,
        sparse_keys=["b", "c"],
        dense_keys=["a"],
        sparse_types=["int64", "string"],
        dense_shapes=[[2]],
    )
    yield case(
        "ParseSingleExample",
        strings(_THREE),
        [_NO_FLOATS],
        num_sparse=2,
        sparse_keys=["b", "c"],
        dense_keys=["a"],
        sparse_types=["int64", "string"],
        dense_shapes=[[2]],
    )


def _sequences() -> Iterator[Case]:
    first = _sequence(
        {"a": [1.0, 2.0], "b": [1, 2]}, {"s": [[1], [2, 3]], "d": [[1.0], [2.0], [3.0]], "t": [[b"p", b"q"], []]}
    )
    second = _sequence({"a": [3.0, 4.0]}, {"s": [[]], "d": [[7.0]], "t": [[b"r"]]})
    batch = strings([first, second])
    sparse_and_dense = {
        "Ncontext_sparse": 1,
        "context_sparse_types": ["int64"],
        "context_dense_shapes": [[2]],
        "Nfeature_list_sparse": 1,
        "Nfeature_list_dense": 1,
        "feature_list_dense_types": ["float32"],
        "feature_list_sparse_types": ["int64"],
        "feature_list_dense_shapes": [[1]],
    }
    keys = [_keys(b"b"), _keys(b"a"), _keys(), _keys(b"s"), _keys(b"d"), _keys()]
    yield case("ParseSequenceExampleV2", batch, _NO_NAMES, *keys, np.array([False]), [_NO_FLOATS], **sparse_and_dense)
    yield case(
        "ParseSequenceExampleV2", batch[:1], _NO_NAMES, *keys, np.array([False]), [_NO_FLOATS], **sparse_and_dense
    )
    absent = [_keys(b"b"), _keys(b"a"), _keys(), _keys(b"s"), _keys(b"nowhere"), _keys()]
    yield case("ParseSequenceExampleV2", batch, _NO_NAMES, *absent, np.array([True]), [_NO_FLOATS], **sparse_and_dense)
    yield case(
        "ParseSequenceExampleV2", batch, _NO_NAMES, *absent, np.array([False]), [_NO_FLOATS], **sparse_and_dense
    ).fails()
    ragged = [_keys(), _keys(), _keys(b"b"), _keys(), _keys(), _keys(b"t")]
    types = {
        "context_ragged_value_types": ["int64"],
        "context_ragged_split_types": ["int64"],
        "feature_list_ragged_value_types": ["string"],
        "feature_list_ragged_split_types": ["int32"],
    }
    yield case("ParseSequenceExampleV2", batch, _NO_NAMES, *ragged, np.zeros(0, bool), [], **types)


CASES = [*_parsing(), *_sequences()]
