"""Ops that move values and leave them as they are: joining, splitting, padding, permuting, repeating, slicing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import COMPLEX, NUMBERS, array, bools, f32, i32, ints, longs, sample, scalar, texts
from tests.ops.case import Case, case, each

_ALL = (*NUMBERS, *COMPLEX, "bool", "string")
_NUMERIC = (*NUMBERS, *COMPLEX, "bool")
_MADE = ("float32", "uint8", "complex128")  # 4, 1 and 16 bytes wide
_NONE = np.zeros(0, np.int32)


def _joining() -> Iterator[Case]:
    yield from each(
        _ALL,
        _MADE,
        lambda dtype: [
            case("ConcatV2", [sample(dtype, 2, 3), sample(dtype, 2, 1)], scalar(1)),
            case("Pack", [sample(dtype, 2, 3), sample(dtype, 2, 3)], axis=1),
            case("Unpack", sample(dtype, 2, 3), num=3, axis=1),
            case("Split", scalar(1), sample(dtype, 2, 6), num_split=3),
            case("SplitV", sample(dtype, 2, 6), ints(1, 5), scalar(1), num_split=2),
        ],
    )
    for axis in (0, 1, 2, -1, -3):
        yield case("ConcatV2", [f32(2, 3, 4)] * 3, scalar(axis)).with_constants(3)
        yield case("Concat", scalar(axis), [f32(2, 3, 4)] * 2)
        yield case("Unpack", f32(2, 3, 4), num=(2, 3, 4)[axis], axis=axis)
        yield case("Split", scalar(axis), f32(2, 4, 6), num_split=2).with_constants(0)
    for axis in (0, 1, 2, -1, -3):
        yield case("Pack", [f32(2, 3)] * 3, axis=axis)
    yield case("ConcatV2", [f32(0, 3), f32(2, 3), f32(1, 3)], scalar(0))
    yield case("ConcatV2", [f32(2, 0), f32(2, 0)], scalar(1))
    yield case("ConcatV2", [f32(1)] * 17, scalar(0, "int64"))
    yield case("ConcatV2", [f32(2, 3), f32(3, 3)], scalar(1)).fails()
    yield case("ConcatV2", [f32(2, 3), f32(2)], scalar(0)).fails()
    yield case("ConcatV2", [f32(2, 3), f32(2, 3)], scalar(2)).fails()
    yield case("ConcatV2", [f32(2, 3), f32(2, 3)], scalar(-3)).fails()
    yield case("ConcatV2", [f32(), f32()], scalar(0)).fails()
    yield case("Concat", scalar(0), [f32(2, 3), f32(2, 4)]).fails()
    yield case("Pack", [f32(), f32(), f32()])
    yield case("Pack", [f32(0)] * 2)
    yield case("Pack", [f32(2), f32(3)]).fails()
    yield case("Pack", [f32(2), f32(2)], axis=2).fails()
    yield case("Unpack", f32(3, 2), num=2).fails()
    yield case("Unpack", f32(), num=1).fails()
    yield case("Unpack", f32(2, 0), num=2)
    yield case("Split", scalar(0), f32(3), num_split=1)
    yield case("Split", scalar(0), f32(3), num_split=2).fails()
    yield case("Split", scalar(1), f32(4), num_split=2).fails()
    for sizes in (ints(2, 4), ints(-1, 2), ints(0, 6), longs(3, 3), ints(6, 0)):
        yield case("SplitV", f32(6, 2), sizes, scalar(0), num_split=2).with_constants(1, 2)
    yield case("SplitV", f32(2, 6), ints(1, 2, 3), scalar(-1), num_split=3)
    for sizes in (ints(2, 3), ints(-1, -1), ints(7, -1), ints(2, 5), ints(-2, 8)):
        yield case("SplitV", f32(6, 2), sizes, scalar(0), num_split=2).fails()
    yield case("SplitV", f32(6, 2), ints(3, 3), scalar(2), num_split=2).fails()


def _padding() -> Iterator[Case]:
    def pads(*pairs: tuple[int, int]) -> np.ndarray:
        return np.array(pairs, np.int32).reshape(-1, 2)

    yield from each(
        _NUMERIC,
        ("float32",),
        lambda dtype: [
            case("Pad", sample(dtype, 2, 3), pads((1, 0), (2, 1))),
            case("PadV2", sample(dtype, 2, 3), pads((1, 0), (2, 1)), sample(dtype)),
            case("MirrorPad", sample(dtype, 2, 3), pads((1, 0), (2, 1)), mode="REFLECT"),
        ],
    )
    for pairs in (pads((0, 0), (0, 0), (0, 0)), pads((1, 1), (0, 2), (3, 0)), pads((0, 0), (0, 0), (2, 2))):
        yield case("Pad", f32(2, 3, 4), pairs).with_constants(1)
        yield case("PadV2", f32(2, 3, 4), pairs, scalar(-1.5, "float32")).with_constants(1, 2)
    yield case("Pad", f32(2), pads((1, 2)).astype(np.int64))
    yield case("Pad", f32(), np.zeros((0, 2), np.int32))
    yield case("Pad", f32(0, 2), pads((1, 1), (0, 0)))
    yield case("Pad", f32(1, 2, 3, 1, 2), pads((0, 1), (1, 0), (0, 0), (1, 1), (2, 0)))
    yield case("Pad", texts(2), pads((1, 1)))
    yield case("Pad", f32(2), pads((-1, 0))).fails()
    yield case("Pad", f32(2, 2), pads((1, 0))).fails()
    yield case("Pad", f32(2), ints(1, 1)).fails()
    for mode in ("REFLECT", "SYMMETRIC"):
        most = 2 if mode == "REFLECT" else 3
        yield case("MirrorPad", f32(3, 4), pads((most, most), (1, 2)), mode=mode).with_constants(1)
        yield case("MirrorPad", f32(3), pads((most, 0)).astype(np.int64), mode=mode)
        yield case("MirrorPad", f32(2, 3, 2), pads((0, 0), (1, 1), (0, 1)), mode=mode)
        yield case("MirrorPad", f32(3), pads((most + 1, 0)), mode=mode).fails()
        yield case("MirrorPad", f32(3), pads((0, most + 1)), mode=mode).fails()
        yield case("MirrorPad", f32(3), pads((-1, 0)), mode=mode).fails()
    yield case("MirrorPad", f32(1), pads((1, 1)), mode="SYMMETRIC")


def _permuting() -> Iterator[Case]:
    yield from each(_ALL, _MADE, lambda dtype: [case("Transpose", sample(dtype, 2, 3, 4), ints(2, 0, 1))])
    yield from each(
        (*COMPLEX, "float32", "bool"),
        ("float32", "complex64"),
        lambda dtype: [case("ConjugateTranspose", sample(dtype, 2, 3), ints(1, 0))],
    )
    for shape, perm in (
        ((2, 3), (1, 0)),
        ((2, 3), (0, 1)),
        ((1, 4, 1), (2, 1, 0)),
        ((2, 3, 4, 5), (0, 3, 1, 2)),
        ((17, 33), (1, 0)),
        ((2, 3, 4, 5), (0, 2, 1, 3)),
        ((2, 1, 3, 1, 2), (4, 2, 0, 1, 3)),
        ((0, 3), (1, 0)),
        ((5,), (0,)),
        ((), ()),
    ):
        yield case("Transpose", f32(*shape), np.array(perm, np.int32)).with_constants(1)
    yield case("Transpose", f32(2, 3, 4), ints(-1, 0, 1))
    yield case("Transpose", f32(2, 3), longs(1, 0))
    for perm in (ints(0, 0), ints(0, 2), ints(0), ints(0, 1, 2), ints(-3, 0)):
        yield case("Transpose", f32(2, 3), perm).fails()
    yield from each(
        _NUMERIC,
        _MADE,
        lambda dtype: [
            case("ReverseV2", sample(dtype, 2, 3), ints(1)).with_constants(1),
            case("Reverse", sample(dtype, 2, 3), array("bool", [True, False])).with_constants(1),
            case("ReverseSequence", sample(dtype, 3, 4), ints(2, 0, 4), seq_dim=1),
            case("Roll", sample(dtype, 3, 4), ints(1), ints(0)).with_constants(1, 2),
        ],
    )
    for axes in (ints(0), ints(-1, 0), ints(0, 1, 2), _NONE, longs(1)):
        yield case("ReverseV2", f32(2, 3, 4), axes).with_constants(1)
    yield case("ReverseV2", texts(3), ints(0))
    yield case("ReverseV2", f32(0, 2), ints(0))
    yield case("ReverseV2", f32(), _NONE)
    yield case("ReverseV2", f32(2, 3), ints(2)).fails()
    yield case("ReverseV2", f32(2, 3), ints(0, -2)).fails()
    yield case("Reverse", f32(2, 3, 4), array("bool", [True, False, True])).with_constants(1)
    yield case("Reverse", f32(2, 3), array("bool", [True])).fails()
    yield case("ReverseSequence", f32(4, 3, 2), longs(1, 4, 2), seq_dim=0, batch_dim=1)
    yield case("ReverseSequence", f32(2, 3, 4), ints(2, 3), seq_dim=2, batch_dim=0)
    yield case("ReverseSequence", f32(2, 3), ints(2, 4), seq_dim=1).fails()
    yield case("ReverseSequence", f32(2, 3), ints(2, -1), seq_dim=1).fails()
    yield case("ReverseSequence", f32(2, 3), ints(2), seq_dim=1).fails()
    yield case("ReverseSequence", f32(2, 3), ints(2, 2), seq_dim=0).fails()
    for shift, axis in (
        (ints(2), ints(1)),
        (ints(-1), ints(-1)),
        (ints(7), ints(0)),
        (ints(1, -2), ints(0, 1)),
        (ints(1, 1), ints(0, 0)),
        (scalar(1), scalar(1)),
        (longs(-5), ints(2)),
    ):
        yield case("Roll", f32(2, 3, 4), shift, axis).with_constants(1, 2)
    yield case("Roll", f32(0, 3), ints(1), ints(0))
    yield case("Roll", f32(2, 3), ints(1), ints(2)).fails()
    yield case("Roll", f32(2, 3), ints(1, 2), ints(0)).fails()
    yield case("Roll", f32(), ints(1), ints(0)).fails()


def _repeating() -> Iterator[Case]:
    yield from each(_ALL, ("float32",), lambda dtype: case("BroadcastTo", sample(dtype, 2, 1), ints(2, 3)))
    tiled = [dtype for dtype in _ALL if dtype not in ("uint16", "uint32", "uint64")]  # which TensorFlow does not take
    yield from each(tiled, ("float32",), lambda dtype: case("Tile", sample(dtype, 2, 3), ints(2, 1)))
    for shape, counts in (
        ((2, 3), (1, 3)),
        ((2, 3), (2, 2)),
        ((2, 1, 3), (1, 4, 1)),
        ((3,), (0,)),
        ((0, 2), (2, 2)),
        ((), ()),
        ((1, 1, 2, 3), (2, 3, 1, 2)),
    ):
        yield case("Tile", f32(*shape), np.array(counts, np.int32)).with_constants(1)
    yield case("Tile", f32(2), longs(3))
    yield case("Tile", f32(2), ints(-1)).fails()
    yield case("Tile", f32(2, 2), ints(2)).fails()
    for source, shape in (
        ((3,), (2, 3)),
        ((2, 1, 3), (2, 4, 3)),
        ((), (2, 2)),
        ((1,), (0,)),
        ((2, 3), (2, 3)),
        ((1, 1), (3, 1, 2)),
        ((1, 3, 1), (2, 3, 4)),
    ):
        yield case("BroadcastTo", f32(*source), np.array(shape, np.int32)).with_constants(1)
    yield case("BroadcastTo", f32(3), longs(2, 3))
    yield case("BroadcastTo", f32(2), ints(3)).fails()
    yield case("BroadcastTo", f32(2, 1), ints(2)).fails()
    yield case("BroadcastTo", f32(1), ints(-1)).fails()


def _slicing() -> Iterator[Case]:
    yield from each(
        _ALL,
        _MADE,
        lambda dtype: [
            case("Slice", sample(dtype, 3, 4), ints(1, 0), ints(2, 3)),
            case("StridedSlice", sample(dtype, 3, 4), ints(0, 3), ints(3, 0), ints(2, -1)),
        ],
    )
    for begin, size in (((0, 0), (3, 4)), ((1, 2), (-1, -1)), ((3, 0), (0, 4)), ((2, 1), (1, 2)), ((0, 4), (2, -1))):
        yield case("Slice", f32(3, 4), np.array(begin, np.int32), np.array(size, np.int32)).with_constants(1, 2)
    yield case("Slice", f32(), _NONE, _NONE)
    yield case("Slice", f32(4), longs(1), longs(2))
    for begin, size in (
        ((0, 0), (4, 1)),
        ((-1, 0), (1, 1)),
        ((0, 5), (1, 0)),
        ((0, 0), (-2, 1)),
        ((0,), (1,)),
        ((4, 0), (-1, 1)),
    ):
        yield case("Slice", f32(3, 4), np.array(begin, np.int32), np.array(size, np.int32)).fails()
    for begin, end, strides, masks in _STRIDED:
        made = case(
            "StridedSlice", f32(3, 4, 5), *(np.array(part, np.int32) for part in (begin, end, strides)), **masks
        )
        yield made.with_constants(1, 2, 3)
    for begin, end, strides, masks in _WRONG_STRIDED:
        yield case(
            "StridedSlice", f32(3, 4, 5), *(np.array(part, np.int32) for part in (begin, end, strides)), **masks
        ).fails()
    yield case("StridedSlice", f32(), _NONE, _NONE, _NONE)
    yield case("StridedSlice", i32(4), longs(1), longs(3), longs(1))
    yield case("StridedSlice", f32(0, 3), ints(0), ints(1), ints(1))
    yield case("StridedSlice", f32(0), ints(0), ints(1), ints(1), shrink_axis_mask=1).fails()
    yield case("StridedSlice", bools(2, 3), ints(-1), ints(0), ints(1), shrink_axis_mask=1)


_STRIDED: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, int]], ...] = (
    ((0, 0, 0), (3, 4, 5), (1, 1, 1), {}),
    ((1,), (3,), (1,), {}),
    ((0, 1), (2, 4), (1, 2), {}),
    ((-2, -3, -4), (-1, 4, 5), (1, 1, 2), {}),
    ((2, 3, 4), (-4, 0, 1), (-1, -2, -1), {}),
    ((5, 5, 5), (9, 9, 9), (1, 1, 1), {}),
    ((-9, 0, 0), (9, 9, 9), (1, 1, 1), {}),
    ((9, 9, 9), (-9, -9, -9), (-1, -1, -1), {}),
    ((2, 0), (1, 4), (1, 1), {}),
    ((1, 1), (2, 2), (1, 1), {"begin_mask": 1}),
    ((1, 1), (2, 2), (1, 1), {"end_mask": 2}),
    ((1, 1), (2, 2), (-1, -1), {"begin_mask": 3, "end_mask": 3}),
    ((1, 0), (2, 0), (1, 1), {"shrink_axis_mask": 1, "end_mask": 2}),
    ((-1, 2), (0, 3), (1, 1), {"shrink_axis_mask": 3}),
    ((1, 2, 3), (2, 3, 4), (1, 1, 1), {"shrink_axis_mask": 7}),
    ((0, 1), (0, 3), (1, 1), {"ellipsis_mask": 1}),
    ((1, 0, 1), (2, 0, 3), (1, 1, 1), {"ellipsis_mask": 2}),
    ((1, 0, 1), (2, 0, 3), (1, 1, 1), {"ellipsis_mask": 2, "shrink_axis_mask": 5}),
    ((0, 0), (0, 2), (1, 1), {"new_axis_mask": 1}),
    ((0, 0, 0), (2, 0, 2), (1, 1, 1), {"new_axis_mask": 2}),
    (
        (0, 0, 0, 0),
        (0, 0, 0, 2),
        (1, 1, 1, 1),
        {"new_axis_mask": 4, "ellipsis_mask": 2, "begin_mask": 1, "end_mask": 1},
    ),
    ((1, 7), (2, 8), (1, 1), {"new_axis_mask": 2, "shrink_axis_mask": 3}),
    ((0, 0), (0, 0), (1, 1), {"ellipsis_mask": 1, "new_axis_mask": 2}),
)
_WRONG_STRIDED: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, int]], ...] = (
    ((0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((0,), (1,), (0,), {}),
    ((3,), (4,), (1,), {"shrink_axis_mask": 1}),
    ((-4,), (4,), (1,), {"shrink_axis_mask": 1}),
    ((0,), (1,), (-1,), {"shrink_axis_mask": 1}),
    ((0, 0), (0, 0), (1, 1), {"ellipsis_mask": 3}),
    ((0, 0), (1,), (1, 1), {}),
)

CASES = [*_joining(), *_padding(), *_permuting(), *_repeating(), *_slicing()]
