"""Ragged tensors: values and row splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.ops.arrays import COMPLEX, NUMBERS, f32, ints, longs, sample, scalar, strings, texts
from tests.ops.case import Case, case, chain, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")
_SPLITS = np.array([0, 2, 2, 5], np.int64)


def _round_trip(rank: int, *, batched: bool, out_rank: int, dtype: str = "float32") -> Callable[..., Any]:
    def to_variant_and_back(tf: Any, values: Any, *splits: Any) -> Any:
        variant = tf.raw_ops.RaggedTensorToVariant(
            rt_nested_splits=list(splits), rt_dense_values=values, batched_input=batched
        )
        back = tf.raw_ops.RaggedTensorFromVariant(
            encoded_ragged=variant, input_ragged_rank=rank, output_ragged_rank=out_rank, Tvalues=dtype, Tsplits="int64"
        )
        return [*back.output_nested_splits, back.output_dense_values]

    to_variant_and_back.__name__ = f"to_variant_and_back_{rank}_{batched}_{out_rank}"
    return to_variant_and_back


def _cases() -> Iterator[Case]:
    yield from each(
        _ALL,
        (),
        lambda dtype: [
            case("RaggedGather", [_SPLITS], sample(dtype, 5), longs(2, 0, 1, 2), OUTPUT_RAGGED_RANK=1),
            case("RaggedTensorToSparse", [_SPLITS], sample(dtype, 5)),
            case(
                "RaggedTensorToTensor",
                longs(-1, -1),
                sample(dtype, 5),
                sample(dtype),
                [_SPLITS],
                row_partition_types=["ROW_SPLITS"],
            ),
        ],
    )
    yield case("RaggedGather", [longs(0, 1, 3), longs(0, 2, 2, 5)], f32(5, 2), longs(1, 0), OUTPUT_RAGGED_RANK=2)
    yield case("RaggedGather", [_SPLITS], f32(5), np.array([[2, 0], [1, 1]], np.int32), OUTPUT_RAGGED_RANK=2)
    yield case("RaggedGather", [_SPLITS.astype(np.int32)], f32(5), ints(1, 2), OUTPUT_RAGGED_RANK=1)
    yield case("RaggedGather", [_SPLITS], f32(5), longs(), OUTPUT_RAGGED_RANK=1)
    yield case("RaggedGather", [_SPLITS], f32(5), longs(3), OUTPUT_RAGGED_RANK=1).fails()
    yield case("RaggedGather", [_SPLITS], f32(5), longs(-1), OUTPUT_RAGGED_RANK=1).fails()
    yield case("RaggedGather", [longs(0, 4, 2, 5)], f32(5), longs(0, 1), OUTPUT_RAGGED_RANK=1).fails()
    for dtype in ("int32", "int64", "float32", "float64"):
        limits = [np.array(values, dtype) for values in ([0, 5, 8], [3, 5, 2], [1, 1, -2])]
        yield case("RaggedRange", *limits)
        yield case("RaggedRange", *limits, Tsplits="int32")
    yield case("RaggedRange", scalar(0), ints(2, 0, 3), scalar(1))
    yield case(
        "RaggedRange", np.array([0, 1.5], np.float32), np.array([1, 1], np.float32), np.array([0.3, -0.2], np.float32)
    )
    yield case("RaggedRange", ints(0), ints(2), ints(0)).fails()
    yield case("RaggedRange", ints(0, 1), ints(2), ints(1)).fails()
    yield case("RaggedTensorToSparse", [longs(0, 1, 3), longs(0, 2, 2, 5)], f32(5, 2))
    yield case("RaggedTensorToSparse", [longs(0)], f32(0))
    yield case("RaggedTensorToSparse", [longs(0, 2, 1)], f32(2)).fails()
    yield case("RaggedTensorToSparse", [longs(1, 2)], f32(2)).fails()
    yield case("RaggedTensorToSparse", [longs(0, 1)], f32(2)).fails()
    zero = scalar(0, "float32")
    for shape in (longs(3, 3), longs(2, 1), longs(5, -1), longs(-1, 2), scalar(-1, "int64")):
        yield case("RaggedTensorToTensor", shape, f32(5), zero, [_SPLITS], row_partition_types=["ROW_SPLITS"])
    yield case(
        "RaggedTensorToTensor",
        longs(-1, -1, -1),
        f32(5),
        zero,
        [longs(0, 1, 3), longs(0, 2, 2, 5)],
        row_partition_types=["ROW_SPLITS", "ROW_SPLITS"],
    )
    yield case(
        "RaggedTensorToTensor",
        longs(-1, -1),
        f32(5),
        zero,
        [scalar(4, "int64"), longs(0, 0, 1, 3, 3)],
        row_partition_types=["FIRST_DIM_SIZE", "VALUE_ROWIDS"],
    )
    yield case(
        "RaggedTensorToTensor", longs(-1, -1, 2), f32(5, 2), f32(2), [_SPLITS], row_partition_types=["ROW_SPLITS"]
    )
    yield case(
        "RaggedTensorToTensor",
        longs(-1, -1),
        strings([b"a", b"b", b"c", b"d", b"e"]),
        strings(b"?"),
        [_SPLITS],
        row_partition_types=["ROW_SPLITS"],
    )
    yield case(
        "RaggedTensorToTensor", longs(3, 3, 3), f32(5), zero, [_SPLITS], row_partition_types=["ROW_SPLITS"]
    ).fails()
    both = ("RaggedTensorToVariant", "RaggedTensorFromVariant")
    yield chain(both, _round_trip(1, batched=False, out_rank=1), f32(5), _SPLITS)
    yield chain(both, _round_trip(2, batched=False, out_rank=2), f32(5, 2), longs(0, 1, 3), longs(0, 2, 2, 5))
    yield chain(both, _round_trip(0, batched=True, out_rank=1), f32(5), _SPLITS)
    yield chain(both, _round_trip(1, batched=True, out_rank=2), f32(5), longs(0, 1, 3), longs(0, 2, 2, 5))
    yield chain(both, _round_trip(1, batched=False, out_rank=1, dtype="string"), texts(5), _SPLITS)
    yield chain(both, _round_trip(1, batched=False, out_rank=1, dtype="int32"), f32(5), _SPLITS).fails()
    for order, arguments in (
        ("RR", ([longs(7, 1, 2), strings([b"a", b"b", b"c", b"d"])], [longs(0, 1, 3), longs(0, 2, 4)], [], [], [], [])),
        ("RD", ([longs(7, 1, 2)], [longs(0, 1, 3)], [], [], [], [strings([[b"x"], [b"y"]])])),
        ("DD", ([], [], [], [], [], [np.array([[1, 2], [3, 4]], np.int64), strings([[b"x"], [b"y"]])])),
    ):
        for hashed in (True, False):
            yield case(
                "RaggedCross",
                *arguments,
                input_order=order,
                hashed_output=hashed,
                num_buckets=50 if hashed else 0,
                hash_key=956888297470,
                out_values_type="int64" if hashed else "string",
                out_row_splits_type="int64",
            )


CASES = list(_cases())
