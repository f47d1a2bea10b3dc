"""Slice and StridedSlice."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from edgeload.kernels import registry
from edgeload.kernels.registry import NeedsValue, Operand, Spec
from tests.kernels.harness import FakeNode, ImmediateEmit, NoKernel, check, infer, reference, run

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    "begin, end, strides, masks",
    [
        ((1, 0, 3), (3, 6, 10), (1, 2, 3), {}),
        ((-1, -1, -1), (-9, 0, 3), (-1, -2, -3), {}),
        ((0, 0, 0), (0, 0, 0), (1, 1, -1), {"begin_mask": 7, "end_mask": 7}),
        ((0, 1), (0, 2), (1, 1), {"ellipsis_mask": 1, "shrink_axis_mask": 2}),
        ((0, 0, 2, 0), (1, 0, 0, 0), (1, 1, 1, 1), {"new_axis_mask": 2, "shrink_axis_mask": 4, "end_mask": 8}),
        ((3,), (1,), (1,), {}),
        ((), (), (), {}),
    ],
)
def test_strided_slices_are_copied(
    begin: tuple[int, ...], end: tuple[int, ...], strides: tuple[int, ...], masks: dict[str, int]
) -> None:
    check("StridedSlice", masks, floats(4, 6, 18), ints(*begin), ints(*end), ints(*strides), constants=(1, 2, 3))


def test_a_slice_equals_the_indexing_of_numpy() -> None:
    x = floats(4, 6, 18)
    got = reference(
        "StridedSlice", {"end_mask": 1, "shrink_axis_mask": 4}, x, ints(-2, 5, 3), ints(0, 1, 4), ints(1, -2, 1)
    )
    np.testing.assert_array_equal(got[0], x[-2:, 5:1:-2, 3])


def test_size_minus_one_takes_the_rest() -> None:
    check("Slice", {}, floats(4, 6, 18), ints(1, 0, 3), ints(2, -1, 7), constants=(1, 2))


@pytest.mark.parametrize(
    "shape, begin, size",
    [
        ((7,), (3,), (2,)),
        ((4, 6), (1, 0), (3, 6)),
        ((2, 3, 5, 7), (1, 1, 0, 6), (1, 2, 5, 1)),
        ((3, 2), (3, 0), (0, 2)),
    ],
)
def test_slices_begin_where_the_model_says(
    shape: tuple[int, ...], begin: tuple[int, ...], size: tuple[int, ...]
) -> None:
    check("Slice", {}, floats(*shape), ints(*begin), ints(*size), constants=(2,))


def test_a_computed_begin_out_of_range_raises() -> None:
    op = registry.find("Slice")
    assert op is not None and op.lower is not None
    x, size, out = floats(4, 2), ints(2, 2), floats(2, 2)
    for begin in (ints(-1, 0), ints(3, 0), ints(0, 1)):
        operands = [Operand(array.dtype, array.shape, i, None, array) for i, array in enumerate((x, begin))]
        operands.append(Operand(size.dtype, size.shape, 2, size, size))
        with pytest.raises(ValueError, match="leaves the dimensions"):
            op.lower(
                FakeNode("Slice", "test", {}), operands, [Operand(out.dtype, out.shape, 0, None, out)], ImmediateEmit(1)
            )


def test_a_single_index_out_of_range_raises() -> None:
    with pytest.raises(ExecutionError, match="slice index 30 of dimension 0 out of bounds"):
        infer("StridedSlice", {"shrink_axis_mask": 1}, floats(3), ints(30), ints(31), ints(1))
    with pytest.raises(ExecutionError, match="leave the dimension"):
        infer("Slice", {}, floats(3), ints(2), ints(2))


@pytest.mark.parametrize(
    "begin, strides, masks",
    [
        ((0, 0), (1, 1), {}),
        ((0,), (0,), {}),
        ((0,), (-1,), {"shrink_axis_mask": 1}),
        ((0, 0), (1, 1), {"ellipsis_mask": 3}),
    ],
)
def test_malformed_slices_are_invalid(begin: tuple[int, ...], strides: tuple[int, ...], masks: dict[str, int]) -> None:
    with pytest.raises(InvalidGraphError):
        infer("StridedSlice", masks, floats(3), ints(*begin), ints(*begin), ints(*strides))


@pytest.mark.parametrize("axis, index", [(0, 2), (1, -1), (2, 0)])
def test_an_index_that_the_model_computes_needs_no_new_stage(axis: int, index: int) -> None:
    begin = [0] * axis + [index]
    whole = (1 << axis) - 1
    masks = {"begin_mask": whole, "end_mask": whole, "shrink_axis_mask": 1 << axis}
    end = [0] * axis + [index + 1]
    check("StridedSlice", masks, floats(4, 6, 18), ints(*begin), ints(*end), ints(*[1] * (axis + 1)), constants=(3,))


def test_a_computed_index_gives_a_shape_and_is_checked_when_run() -> None:
    op = registry.find("StridedSlice")
    assert op is not None and op.lower is not None
    node = FakeNode("StridedSlice", "test", {"shrink_axis_mask": 1})
    x, begin, one = floats(3, 5), ints(3), ints(1)
    operands = [Operand(array.dtype, array.shape, i, None, array) for i, array in enumerate((x, begin, begin))]
    operands.append(Operand(one.dtype, one.shape, 3, one, one))
    spec = op.infer(node, *operands)
    assert isinstance(spec, Spec) and spec.shape == (5,)
    out = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="out of bounds"):
        op.lower(node, operands, [Operand(out.dtype, out.shape, 0, None, out)], ImmediateEmit(1))


def test_a_computed_range_must_be_known_to_give_a_shape() -> None:
    op = registry.find("StridedSlice")
    assert op is not None
    known = Operand(np.dtype(np.int32), (1,), 3, ints(1))
    unknown = Operand(np.dtype(np.int32), (1,), 1)
    with pytest.raises(NeedsValue):
        op.infer(FakeNode("StridedSlice", "test", {}), Operand(np.dtype(np.float32), (3,)), unknown, unknown, known)


@pytest.mark.parametrize(
    "begin, masks",
    [
        ((2, -1), {"shrink_axis_mask": 3}),
        ((1, 0, 3, -2), {"begin_mask": 2, "end_mask": 2, "shrink_axis_mask": 13}),
        ((3, 0, 1), {"ellipsis_mask": 2, "shrink_axis_mask": 5}),
        ((0, 2, 0, 4), {"new_axis_mask": 5, "shrink_axis_mask": 10}),
        ((0, 0, 0, 0, 0), {"shrink_axis_mask": 31}),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_several_computed_indices_need_no_new_stage(
    begin: tuple[int, ...], masks: dict[str, int], dtype: type[np.floating]
) -> None:
    x = floats(4, 6, 5, 5).astype(dtype) if len(begin) < 5 else floats(2, 2, 2, 2, 2).astype(dtype)
    begins, ends, ones = ints(*begin), ints(*begin) + 1, ints(*[1] * len(begin))
    if len(begin) == 5:
        with pytest.raises(NoKernel):
            run("StridedSlice", masks, x, begins, ends, ones, constants=(3,))
        return
    check("StridedSlice", masks, x, begins, ends, ones, constants=(3,))


def test_each_of_several_computed_indices_is_checked() -> None:
    masks = {"shrink_axis_mask": 3}
    for begin in ([3, 0], [0, 5], [-4, 0], [0, -6]):
        with pytest.raises(ValueError, match="out of bounds"):
            run_unchecked(masks, floats(3, 5, 2), ints(*begin))


def run_unchecked(masks: dict[str, int], x: np.ndarray, begin: np.ndarray) -> None:
    """A slice whose begin is not known while planning."""
    op = registry.find("StridedSlice")
    assert op is not None and op.lower is not None
    ones = np.ones_like(begin)
    operands = [Operand(array.dtype, array.shape, i, None, array) for i, array in enumerate((x, begin, begin))]
    operands.append(Operand(ones.dtype, ones.shape, 3, ones, ones))
    node = FakeNode("StridedSlice", "test", masks)
    spec = op.infer(node, *operands)
    assert isinstance(spec, Spec) and spec.shape is not None
    out = np.zeros(spec.shape, x.dtype)
    op.lower(node, operands, [Operand(out.dtype, out.shape, 0, None, out)], ImmediateEmit(1))
