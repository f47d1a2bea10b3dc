"""Non-maximum suppression and crops."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


def scalar(value: float, dtype: type = np.int32) -> np.ndarray:
    return np.array(value, dtype)


BOXES = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11], [1, 11, 0, 10]], np.float32)
SCORES = np.array([0.9, 0.75, 0.6, 0.95, 0.95], np.float32)
HALF, NONE = scalar(0.5, np.float32), scalar(-1, np.float32)


def test_overlapping_boxes_are_dropped_and_ties_go_to_the_first() -> None:
    assert reference("NonMaxSuppressionV3", {}, BOXES, SCORES, scalar(9), HALF, NONE)[0].tolist() == [3, 0]
    assert reference("NonMaxSuppression", {"iou_threshold": 1.0}, BOXES, SCORES, scalar(3))[0].tolist() == [3, 4, 0]


def test_padding_gives_a_fixed_shape() -> None:
    attrs = {"pad_to_max_output_size": True}
    specs = infer("NonMaxSuppressionV4", attrs, BOXES, SCORES, scalar(4), HALF, NONE)
    assert [spec.shape for spec in specs] == [(4,), ()]
    indices, count = reference("NonMaxSuppressionV4", attrs, BOXES, SCORES, scalar(4), HALF, NONE)
    assert (indices.tolist(), int(count)) == ([3, 0, 0, 0], 2)


def test_soft_suppression_lowers_scores() -> None:
    sigma = scalar(0.5, np.float32)
    indices, scores, count = reference(
        "NonMaxSuppressionV5", {}, BOXES, SCORES, scalar(9), scalar(1, np.float32), NONE, sigma
    )
    assert sorted(indices.tolist()) == [0, 1, 2, 3, 4] and int(count) == 5
    assert (np.diff(scores) <= 0).all() and scores[-1] < 0.6


@pytest.mark.parametrize("limit", [0, 7, 99])
@pytest.mark.parametrize("version, thresholds", [("", 0), ("V3", 2), ("V5", 3), ("WithOverlaps", 2)])
def test_kernels_select_as_the_reference_does(version: str, thresholds: int, limit: int) -> None:
    random = np.random.default_rng(4)
    corners = random.random((17, 2))
    boxes = np.concatenate([corners, corners + random.random((17, 2)) / 2], 1).astype(np.float32)
    if version == "WithOverlaps":
        boxes = random.random((17, 17)).astype(np.float32)
    scores = np.round(random.random(17), 1).astype(np.float32)
    numbers = [scalar(value, np.float32) for value in (0.3, 0.15, 0.4)][:thresholds]
    attrs = {"version": f"NonMaxSuppression{version}", "iou_threshold": 0.2}
    check("_SelectBoxes", attrs, boxes, scores, scalar(limit), *numbers, constants=(2,))


def test_classes_are_suppressed_alone() -> None:
    boxes = np.repeat(BOXES[None, :, None] / 11, 1, 2)
    scores = np.stack([SCORES, SCORES[::-1]], 1)[None]
    attrs = {"pad_per_class": False, "clip_boxes": True}
    arguments = (boxes, scores, scalar(2), scalar(6), HALF, NONE)
    got = reference("CombinedNonMaxSuppression", attrs, *arguments)
    assert [one.shape for one in got] == [spec.shape for spec in infer("CombinedNonMaxSuppression", attrs, *arguments)]
    assert got[3].tolist() == [4] and got[2][0, :4].tolist() == [0, 1, 0, 1]


def test_crops_beyond_the_image_are_extrapolated() -> None:
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    boxes = np.array([[0, 0, 1, 1], [-1, -1, 0, 0]], np.float32)
    attrs = {"method": b"bilinear", "extrapolation_value": 9.0}
    (got,) = reference("CropAndResize", attrs, image, boxes, ints(0, 0), ints(2, 2))
    assert got[..., 0].tolist() == [[[0, 3], [12, 15]], [[9, 9], [9, 0]]]
    with pytest.raises(ExecutionError):
        reference("CropAndResize", attrs, image, boxes, ints(0, 1), ints(2, 2))


def test_scores_of_another_count_are_invalid() -> None:
    with pytest.raises(InvalidGraphError):
        infer("NonMaxSuppressionV3", {}, BOXES, SCORES[:2], scalar(4), HALF, NONE)


RANDOM = np.random.default_rng(5)


def _random_boxes(count: int, classes: int = 1) -> np.ndarray:
    corners = RANDOM.uniform(-0.2, 1, (count, classes, 2)).astype(np.float32)
    sizes = RANDOM.uniform(-0.1, 0.5, (count, classes, 2)).astype(np.float32)
    return np.concatenate([corners, corners + sizes], -1)


@pytest.mark.parametrize("count, limit", [(1, 1), (2, 0), (60, 7), (200, 300)])
def test_padded_suppression_has_a_kernel(count: int, limit: int) -> None:
    scores = RANDOM.integers(0, 40, count).astype(np.float32) / 40  # many are equal
    scores[: count // 10] = np.nan
    attrs = {"pad_to_max_output_size": True}
    arguments = (_random_boxes(count)[:, 0], scores, scalar(limit), HALF, scalar(0.1, np.float32))
    check("NonMaxSuppressionV4", attrs, *arguments, constants=(2,))
    for sigma in (0, 0.4):
        check("NonMaxSuppressionV5", attrs, *arguments, scalar(sigma, np.float32), constants=(2,))


def test_suppression_by_a_threshold_above_one_is_refused_by_the_kernel() -> None:
    arguments = (BOXES, SCORES, scalar(4), scalar(1.5, np.float32), NONE)
    with pytest.raises(ValueError, match="iou_threshold"):
        run("NonMaxSuppressionV4", {"pad_to_max_output_size": True}, *arguments, constants=(2,))


@pytest.mark.parametrize("own_boxes", [False, True])
@pytest.mark.parametrize("per_class, total, pad", [(2, 5, False), (300, 40, True), (3, 100, True)])
def test_combined_suppression_has_a_kernel(own_boxes: bool, per_class: int, total: int, pad: bool) -> None:
    batch, count, classes = 3, 70, 4
    boxes = np.stack([_random_boxes(count, classes if own_boxes else 1) for _ in range(batch)])
    scores = RANDOM.integers(0, 60, (batch, count, classes)).astype(np.float32) / 60
    attrs = {"pad_per_class": pad, "clip_boxes": pad}
    limits = (scalar(per_class), scalar(total), HALF, scalar(0.2, np.float32))
    check("CombinedNonMaxSuppression", attrs, boxes, scores, *limits, constants=(2, 3))


def test_pieces_of_a_large_selection_have_their_own_queues() -> None:
    boxes = np.stack([_random_boxes(1500)] * 2)
    scores = RANDOM.random((2, 1500, 3)).astype(np.float32)
    limits = (scalar(20), scalar(50), HALF, scalar(0.3, np.float32))
    check("CombinedNonMaxSuppression", {}, boxes, scores, *limits, constants=(2, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("method", [b"bilinear", b"nearest"])
@pytest.mark.parametrize("size", [(1, 1), (7, 2), (1, 5)])
def test_crops_have_a_kernel(dtype: type, method: bytes, size: tuple[int, int]) -> None:
    images = (RANDOM.random((2, 5, 7, 3)) * 250).astype(dtype)
    boxes = np.concatenate([_random_boxes(40)[:, 0], [[0, 0, 1, 1], [1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5]]])
    of_box = RANDOM.integers(0, 2, len(boxes)).astype(np.int32)
    attrs = {"method": method, "extrapolation_value": 0.5}
    check("CropAndResize", attrs, images, boxes.astype(np.float32), of_box, ints(*size), constants=(3,))
    with pytest.raises(ValueError, match="box_ind"):
        run("CropAndResize", attrs, images, boxes.astype(np.float32), of_box + 1, ints(*size), constants=(3,))
    with pytest.raises(ValueError, match="box_ind"):
        run("CropAndResize", attrs, images[:0], boxes.astype(np.float32), of_box, ints(*size), constants=(3,))
    check("CropAndResize", attrs, images, boxes[:0].astype(np.float32), of_box[:0], ints(*size), constants=(3,))
