"""What object detectors end with: NonMaxSuppression in all its versions, CombinedNonMaxSuppression.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/NonMaxSuppressionV5; the selection follows
tensorflow/core/kernels/image/non_max_suppression_op.cc, ties and float32 arithmetic included.

How many boxes are selected depends on data. The pass `pad_suppressions` parts what does not pad its outputs into
_SelectBoxes, which has a kernel, and _Front, which cuts off the padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.concat import scalar_of
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32, _INT32 = np.dtype(np.float32), np.dtype(np.int32)
_LOWEST = float(np.finfo(np.float32).min)
Similarity = Callable[[int, int], Any]


def _overlaps(boxes: np.ndarray) -> Similarity:
    """Intersection over union of two boxes, each given by two opposite corners [y, x, y, x]; 0 for empty boxes."""
    boxes = boxes.astype(np.float32)
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    areas = (high[:, 0] - low[:, 0]) * (high[:, 1] - low[:, 1])

    def overlap(i: int, j: int) -> np.float32:
        if areas[i] <= 0 or areas[j] <= 0:
            return np.float32(0)
        sides = np.maximum(np.minimum(high[i], high[j]) - np.maximum(low[i], low[j]), np.float32(0))
        shared = sides[0] * sides[1]
        return np.float32(shared / (areas[i] + areas[j] - shared))

    return overlap


class _Queue:
    """C++'s priority_queue of (score, index, ...), the highest score first. Of equal scores the lower index comes
    first, or without `by_index` the one that the steps of libstdc++'s push_heap and pop_heap happen to leave in front.
    """

    def __init__(self, by_index: bool) -> None:
        self.by_index = by_index
        self.items: list[tuple[Any, int, int]] = []

    def _is_behind(self, item: tuple[Any, int, int], other: tuple[Any, int, int]) -> bool:
        return bool(item[0] < other[0] or (self.by_index and item[0] == other[0] and item[1] > other[1]))

    def _rise(self, hole: int, item: tuple[Any, int, int]) -> None:
        while hole > 0 and self._is_behind(self.items[(hole - 1) // 2], item):
            self.items[hole] = self.items[(hole - 1) // 2]
            hole = (hole - 1) // 2
        self.items[hole] = item

    def push(self, item: tuple[Any, int, int]) -> None:
        self.items.append(item)
        self._rise(len(self.items) - 1, item)

    def pop(self) -> tuple[Any, int, int]:
        first, last = self.items[0], self.items.pop()
        size, hole = len(self.items), 0
        while 2 * hole + 1 < size:
            child = 2 * hole + 2
            if child >= size or self._is_behind(self.items[child], self.items[child - 1]):
                child -= 1
            self.items[hole] = self.items[child]
            hole = child
        if size:
            self._rise(hole, last)
        return first


def _select(
    scores: np.ndarray, similarity: Similarity, limit: int, threshold: float, score_threshold: float,
    sigma: float = 0.0, by_index: bool = True,
) -> tuple[list[int], list[np.float32]]:  # fmt: skip
    """Up to `limit` indices and their scores, best first; of equal scores the lower index first, if `by_index`.

    One whose similarity to an earlier one exceeds `threshold` is dropped; with sigma > 0 its score is multiplied by
    exp(-similarity^2 / (2 sigma)) for each earlier one instead, and it queues again.
    """
    threshold, score_threshold = np.float32(threshold), np.float32(score_threshold)
    scale = np.float32(-0.5) / np.float32(sigma) if sigma > 0 else np.float32(0)
    queue = _Queue(by_index)
    for i, score in enumerate(scores.astype(np.float32)):
        if score > score_threshold:
            queue.push((score, i, 0))
    chosen: list[int] = []
    chosen_scores: list[np.float32] = []
    while queue.items and len(chosen) < limit:
        score, i, compared = queue.pop()
        original = score
        dropped = False
        for j in range(len(chosen) - 1, compared - 1, -1):
            alike = similarity(i, chosen[j])
            if sigma <= 0 and alike > threshold:
                dropped = True
                break
            score = np.float32(score * np.exp(scale * alike * alike))
            if score <= score_threshold:
                break
        if dropped:
            continue
        if score == original:
            chosen.append(i)
            chosen_scores.append(score)
        elif score > score_threshold:
            queue.push((score, i, len(chosen)))
    return chosen, chosen_scores


_PIECES = 8  # of a selection over several classes, each with its own queue
_SMALL_SELECTION = 1 << 13  # scores; fewer are not worth more than one piece


@kernel_family("select_boxes", errors={1: "iou_threshold must be in [0, 1]"})
def select_boxes() -> Iterator[Any]:
    """`_select` for each of `classes` classes of each image: chosen [batch, classes, limit], filled up with 0,
    chosen_scores likewise, how_many [batch, classes].

    boxes [batch, count, box_classes, 4], or with `is_overlaps` how much boxes overlap [count, count], scores [batch,
    count, classes]. Each piece has its part of the scratch memory:
    a binary heap of indices, the best score first, of equal ones the lower index (`by_index`) or the one that `_Queue`
    gives; the scores and how many chosen boxes each has been compared with, which change with sigma > 0.
    """
    yield (
        "float32[:] boxes, float32[:] scores, float32[:] threshold, float32[:] score_threshold, float32[:] sigma, "
        "int64 images, int64 count, int64 classes, int64 box_classes, int64 limit, int64 by_index, int64 is_overlaps, "
        "int32[:] heap, float32[:] current, "
        "int32[:] compared, int32[:] chosen, float32[:] chosen_scores, int32[:] how_many"
    )
    from edgeload.kernels.simd import scalar_function

    exp = scalar_function("exp(a0)")

    def run(  # type: ignore[no-untyped-def]
        boxes, scores, threshold, score_threshold, sigma, images, count, classes, box_classes, limit, by_index,
        is_overlaps, heap, current, compared, chosen, chosen_scores, how_many, worker, workers
    ):  # fmt: skip
        if not (is_overlaps or (threshold[0] >= 0 and threshold[0] <= 1)):
            return 1
        least, most_alike, zero = score_threshold[0], threshold[0], np.float32(0)
        is_soft = sigma[0] > 0
        scale = np.float32(-0.5) / sigma[0] if is_soft else zero
        own = worker * count
        items = images * classes
        for item in range(items * worker // workers, items * (worker + 1) // workers):
            image, kind = item // classes, item % classes
            first_box = image * count * box_classes + (kind if box_classes > 1 else 0)
            size, found, pushed, again = 0, 0, np.int64(0), np.int64(-1)
            while True:
                # push the next score, then the ones that queue again; pop when there is nothing to push
                i = pushed
                if pushed < count:
                    pushed += 1
                    score = scores[(image * count + i) * classes + kind]
                    current[own + i] = score
                    compared[own + i] = 0
                    if not score > least:
                        continue
                elif again >= 0:
                    i, again = again, np.int64(-1)
                else:
                    i = np.int64(-1)
                hole = size
                moved = i
                if i < 0:
                    if found >= limit or size == 0:
                        break
                    i = np.int64(heap[own])
                    size -= 1
                    moved = np.int64(heap[own + size])
                    hole = 0
                    while 2 * hole + 1 < size:
                        child = 2 * hole + 2
                        if child >= size:
                            child -= 1
                        else:
                            right, left = heap[own + child], heap[own + child - 1]
                            p, q = current[own + right], current[own + left]
                            if p < q or (by_index and p == q and right > left):
                                child -= 1
                        heap[own + hole] = heap[own + child]
                        hole = child
                    popped = True
                else:
                    size += 1
                    popped = False
                while hole > 0:
                    parent = (hole - 1) // 2
                    above = heap[own + parent]
                    p, q = current[own + above], current[own + moved]
                    if not (p < q or (by_index and p == q and above > moved)):
                        break
                    heap[own + hole] = above
                    hole = parent
                heap[own + hole] = moved
                if not popped:
                    continue
                score = current[own + i]
                original = score
                is_dropped = False
                area = top = bottom = left_x = right_x = zero
                if not is_overlaps:
                    at_i = (first_box + i * box_classes) * 4
                    top, bottom = min(boxes[at_i], boxes[at_i + 2]), max(boxes[at_i], boxes[at_i + 2])
                    left_x, right_x = min(boxes[at_i + 1], boxes[at_i + 3]), max(boxes[at_i + 1], boxes[at_i + 3])
                    area = (bottom - top) * (right_x - left_x)
                for j in range(found - 1, compared[own + i] - 1, -1):
                    box = np.int64(chosen[item * limit + j])
                    alike = zero
                    if is_overlaps:
                        alike = boxes[i * count + box]
                    else:
                        at_j = (first_box + box * box_classes) * 4
                        top_j, bottom_j = min(boxes[at_j], boxes[at_j + 2]), max(boxes[at_j], boxes[at_j + 2])
                        left_j, right_j = min(boxes[at_j + 1], boxes[at_j + 3]), max(boxes[at_j + 1], boxes[at_j + 3])
                        area_j = (bottom_j - top_j) * (right_j - left_j)
                        if not (area <= zero or area_j <= zero):
                            height = max(min(bottom, bottom_j) - max(top, top_j), zero)
                            width = max(min(right_x, right_j) - max(left_x, left_j), zero)
                            shared = height * width
                            alike = shared / (area + area_j - shared)
                    if not is_soft:
                        if alike > most_alike:
                            is_dropped = True
                            break
                    else:
                        score = score * exp(scale * alike * alike)
                        if score <= least:
                            break
                if not is_dropped and score == original:
                    chosen[item * limit + found] = i
                    chosen_scores[item * limit + found] = score
                    found += 1
                elif not is_dropped and score > least:
                    current[own + i] = score
                    compared[own + i] = found
                    again = i
            for place in range(found, limit):
                chosen[item * limit + place] = 0
                chosen_scores[item * limit + place] = zero
            how_many[item] = found
        return 0

    yield run


def _emit_selection(
    emit: Emit, boxes: Operand, scores: Operand, limits: Sequence[Operand], sizes: tuple[int, ...],
    outputs: Sequence[Operand],
) -> None:  # fmt: skip
    """`limits`: thresholds for overlaps and scores, and sigma; `sizes`: images, count, classes, box_classes, limit,
    by_index, is_overlaps; `outputs`: chosen, chosen_scores, how_many."""
    images, count, classes, *_ = sizes
    pieces = _PIECES if images * classes > 1 and images * classes * count > _SMALL_SELECTION else 1
    queue = (pieces * count,)
    scratch = [emit.scratch(dtype, queue) for dtype in (_INT32, _FLOAT32, _INT32)]
    tiles = min(pieces, images * classes)
    emit.kernel("select_boxes", boxes, scores, *limits, *sizes, *scratch, *outputs, tiles=tiles)


def _number(emit: Emit, value: float) -> Operand:
    return emit.constant(("float32", value), lambda: np.array(value, np.float32))


# inputs of each version behind boxes, scores, max_output_size; what is not an input is an attribute or has a default
_INPUTS = {
    "NonMaxSuppression": (),
    "NonMaxSuppressionV2": ("iou_threshold",),
    "NonMaxSuppressionV3": ("iou_threshold", "score_threshold"),
    "NonMaxSuppressionV4": ("iou_threshold", "score_threshold"),
    "NonMaxSuppressionV5": ("iou_threshold", "score_threshold", "soft_nms_sigma"),
    "NonMaxSuppressionWithOverlaps": ("iou_threshold", "score_threshold"),
}


def _infer_suppression(node: Node, boxes: Operand, scores: Operand, limit: Operand, *rest: Operand) -> list[Spec]:
    """Selected indices; V5: and their scores; V4, V5: and how many there are."""
    columns = scores.shape[0] if node.op.endswith("Overlaps") and scores.shape else 4
    fits = len(scores.shape) == 1 and boxes.shape == (*scores.shape, columns)
    require(
        fits, node, f"boxes {boxes.shape} and scores {scores.shape}", f"they must be [count, {columns}] and [count]"
    )
    for number in rest:
        require(number.shape == (), node, f"a threshold of shape {number.shape}", "it must be a scalar")
    length = None
    if node.attrs.get("pad_to_max_output_size", False):
        length = (max(scalar_of(node, limit.known(), "max_output_size"), 0),)
    indices, how_many = Spec(_INT32, length), Spec(_INT32, ())
    if node.op == "NonMaxSuppressionV5":
        return [indices, Spec(scores.dtype, length), how_many]
    return [indices, how_many] if node.op == "NonMaxSuppressionV4" else [indices]


def _suppression(
    node: Node, boxes: np.ndarray, scores: np.ndarray, limit: np.ndarray, *rest: np.ndarray
) -> list[np.ndarray]:
    chosen, chosen_scores = _suppressed(node.op, node, boxes, scores, limit, *rest)
    count = len(chosen)
    length = int(limit) if node.attrs.get("pad_to_max_output_size", False) else count
    indices = np.zeros(length, np.int32)
    indices[:count] = chosen
    if node.op == "NonMaxSuppressionV5":
        padded = np.zeros(length, scores.dtype)
        padded[:count] = chosen_scores
        return [indices, padded, np.array(count, np.int32)]
    return [indices, np.array(count, np.int32)] if node.op == "NonMaxSuppressionV4" else [indices]


def _suppressed(
    version: str, node: Node, boxes: np.ndarray, scores: np.ndarray, limit: np.ndarray, *rest: np.ndarray
) -> tuple[list[int], list[np.float32]]:
    """Indices and scores. Raises ExecutionError for limits that TensorFlow refuses."""
    size = scalar_of(node, limit, "max_output_size")
    given = dict(zip(_INPUTS[version], (float(value) for value in rest), strict=True))
    threshold = given.get("iou_threshold", node.attrs.get("iou_threshold", 0.5))
    by_overlap = version == "NonMaxSuppressionWithOverlaps"
    if size < 0 or not (by_overlap or 0 <= threshold <= 1):
        raise ExecutionError(
            f"{node.op} node {node.name!r}: found max_output_size {size} and iou_threshold {threshold}; "
            "they must be at least 0 and in [0, 1]."
        )
    similarity: Similarity = (lambda i, j: boxes[i, j]) if by_overlap else _overlaps(boxes)
    sigma = given.get("soft_nms_sigma", 0.0)
    return _select(scores, similarity, size, threshold, given.get("score_threshold", _LOWEST), sigma)


def _lower_suppression(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """With padding, which is what makes the sizes of the outputs known."""
    scores, limit = operands[1:3]
    if scores.dtype != _FLOAT32 or int(limit.known()) < 0:
        return NotImplemented
    indices, *between, count = outputs
    chosen_scores = between[0] if between else emit.scratch(_FLOAT32, indices.shape)
    _emit_suppression(node.op, node, operands, [indices, chosen_scores, count], emit)
    return None


def _emit_suppression(
    version: str, node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit
) -> None:
    """Of one image; `outputs` are indices, scores, how many."""
    boxes, scores, _, *rest = operands
    given = dict(zip(_INPUTS[version], rest, strict=True))
    defaults = {"iou_threshold": node.attrs.get("iou_threshold", 0.5), "score_threshold": _LOWEST, "soft_nms_sigma": 0}
    limits = [given.get(name) or _number(emit, value) for name, value in defaults.items()]
    by_overlap = int(version == "NonMaxSuppressionWithOverlaps")
    sizes = (1, scores.shape[0], 1, 1, outputs[0].shape[0], 1, by_overlap)
    _emit_selection(emit, boxes, scores, limits, sizes, outputs)


# _SelectBoxes: NonMaxSuppression of the version that an attribute names, but padded to the most there can be.


def _infer_select(node: Node, boxes: Operand, scores: Operand, limit: Operand, *rest: Operand) -> list[Spec]:
    """Indices, scores and how many there are; the first two [the most there can be]."""
    length = (min(int(limit.known()), scores.shape[0]),)
    return [Spec(_INT32, length), Spec(scores.dtype, length), Spec(_INT32, ())]


def _select_padded(
    node: Node, boxes: np.ndarray, scores: np.ndarray, limit: np.ndarray, *rest: np.ndarray
) -> list[np.ndarray]:
    chosen, chosen_scores = _suppressed(node.attrs["version"], node, boxes, scores, limit, *rest)
    length = min(int(limit), len(scores))
    indices, padded = np.zeros(length, np.int32), np.zeros(length, scores.dtype)
    indices[: len(chosen)], padded[: len(chosen)] = chosen, chosen_scores
    return [indices, padded, np.array(len(chosen), np.int32)]


def _lower_select(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    if operands[1].dtype != _FLOAT32:
        return NotImplemented
    _emit_suppression(node.attrs["version"], node, operands, outputs, emit)
    return None


def _combined_size(node: Node, classes: int, per_class: int, total: int) -> int:
    return min(total, per_class * classes) if node.attrs.get("pad_per_class", False) else total


def _infer_combined(
    node: Node, boxes: Operand, scores: Operand, per_class: Operand, total: Operand, *rest: Operand
) -> list[Spec]:
    """Boxes [batch, size, 4], scores and classes [batch, size], how many are valid [batch]."""
    fits = (
        len(boxes.shape) == 4
        and len(scores.shape) == 3
        and boxes.shape[:2] == scores.shape[:2]
        and boxes.shape[2] in (1, scores.shape[2])
        and boxes.shape[3] == 4
    )
    found = f"boxes {boxes.shape} and scores {scores.shape}"
    require(fits, node, found, "they must be [batch, count, 1 or classes, 4] and [batch, count, classes]")
    limits = (
        scalar_of(node, per_class.known(), "max_output_size_per_class"),
        scalar_of(node, total.known(), "max_total_size"),
    )
    require(min(limits) > 0, node, f"max_output_size_per_class and max_total_size {limits}", "they must be positive")
    batch, size = boxes.shape[0], _combined_size(node, scores.shape[2], *limits)
    specs = [Spec(_FLOAT32, (batch, size, 4)), Spec(_FLOAT32, (batch, size)), Spec(_FLOAT32, (batch, size))]
    return [*specs, Spec(_INT32, (batch,))]


def _combined(
    node: Node, boxes: np.ndarray, scores: np.ndarray, per_class: np.ndarray, total: np.ndarray, *rest: np.ndarray
) -> list[np.ndarray]:
    """Non-maximum suppression of each class alone, then the best of all classes, of equal ones the lower class first
    (TensorFlow's unstable sort of more than 16 may order these otherwise)."""
    threshold, score_threshold = (float(value) for value in rest)
    batch, _, classes = scores.shape
    limit = scalar_of(node, per_class, "max_output_size_per_class")
    size = _combined_size(node, classes, limit, scalar_of(node, total, "max_total_size"))
    out_boxes, out_scores = np.zeros((batch, size, 4), np.float32), np.zeros((batch, size), np.float32)
    out_classes, valid = np.zeros((batch, size), np.float32), np.zeros(batch, np.int32)
    for image in range(batch):
        found = []
        for kind in range(classes):
            own = boxes[image, :, kind if boxes.shape[2] > 1 else 0]
            chosen, chosen_scores = _select(
                scores[image, :, kind], _overlaps(own), limit, threshold, score_threshold, by_index=False
            )
            found += [(score, kind, own[i]) for i, score in zip(chosen, chosen_scores, strict=True)]
        found.sort(key=lambda one: -one[0])
        valid[image] = min(len(found), size)
        for place, (score, kind, box) in enumerate(found[:size]):
            out_boxes[image, place] = np.clip(box, 0, 1) if node.attrs.get("clip_boxes", True) else box
            out_scores[image, place], out_classes[image, place] = score, kind
    return [out_boxes, out_scores, out_classes, valid]


@kernel(
    "float32[:] boxes, int32[:] chosen, float32[:] chosen_scores, int32[:] how_many, int64 count, int64 classes, "
    "int64 box_classes, int64 limit, int64 size, int64 is_clipped, int32[:] taken, float32[:] out_boxes, "
    "float32[:] out_scores, float32[:] out_classes, int32[:] valid"
)
def merge_classes(  # type: ignore[no-untyped-def]
    boxes, chosen, chosen_scores, how_many, count, classes, box_classes, limit, size, is_clipped, taken, out_boxes,
    out_scores, out_classes, valid, worker, workers
):  # fmt: skip
    """The `size` best of what `select_boxes` has chosen, best first, of equal scores the lower class first.

    taken [batch, classes] counts how many of each class are in the result.
    """
    images = valid.size
    for image in range(images * worker // workers, images * (worker + 1) // workers):
        for kind in range(classes):
            taken[image * classes + kind] = 0
        found = 0
        for place in range(size):
            best = -1
            best_score = np.float32(0)
            for kind in range(classes):
                item = image * classes + kind
                if taken[item] < how_many[item]:
                    score = chosen_scores[item * limit + taken[item]]
                    if best < 0 or score > best_score:
                        best, best_score = kind, score
            at = image * size + place
            out_scores[at] = best_score
            out_classes[at] = np.float32(max(best, 0))
            for side in range(4):
                out_boxes[at * 4 + side] = np.float32(0)
            if best < 0:
                continue
            item = image * classes + best
            box = image * count + np.int64(chosen[item * limit + taken[item]])
            first = (box * box_classes + (best if box_classes > 1 else 0)) * 4
            for side in range(4):
                edge = boxes[first + side]
                if is_clipped:
                    edge = min(max(edge, np.float32(0)), np.float32(1))
                out_boxes[at * 4 + side] = edge
            taken[item] += 1
            found += 1
        valid[image] = found


def _lower_combined(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    boxes, scores, per_class, _, *thresholds = operands
    images, count, classes = scores.shape
    if 0 in (images, count, classes) or any(threshold.shape != () for threshold in thresholds):
        return NotImplemented
    limit = min(scalar_of(node, per_class.known(), "max_output_size_per_class"), count)
    of_classes = (images, classes, limit)
    selected = [emit.scratch(_INT32, of_classes), emit.scratch(_FLOAT32, of_classes)]
    selected.append(emit.scratch(_INT32, of_classes[:2]))
    sizes = (images, count, classes, boxes.shape[2], limit, 0, 0)
    _emit_selection(emit, boxes, scores, [*thresholds, _number(emit, 0.0)], sizes, selected)
    taken = emit.scratch(_INT32, of_classes[:2])
    is_clipped = int(node.attrs.get("clip_boxes", True))
    emit.kernel(
        "merge_classes", boxes, *selected, count, classes, boxes.shape[2], limit, outputs[0].shape[1], is_clipped,
        taken, *outputs, tiles=images if math.prod(of_classes) > _SMALL_SELECTION else 1
    )  # fmt: skip
    return None


for _op in _INPUTS:
    register(_op, infer=_infer_suppression, reference=_suppression, lower=_lower_suppression)
register("_SelectBoxes", infer=_infer_select, reference=_select_padded, lower=_lower_select)
register("CombinedNonMaxSuppression", infer=_infer_combined, reference=_combined, lower=_lower_combined)
