"""CTCGreedyDecoder, and CTCBeamSearchDecoder as a host step.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/CTCBeamSearchDecoder

A. Graves et al., Connectionist Temporal Classification, 2006. Results are sparse: indices, values and shape.
How many labels there are depends on data. The pass `pad_labels` parts CTCGreedyDecoder into _GreedyLabels, which has a
kernel, and _Front, which cuts off the padding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload.errors import ExecutionError
from edgeload.kernels.kernel import kernel
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOATS = ("float32", "float64")
_INT64 = np.dtype(np.int64)


def _infer_inputs(node: Node, x: Operand, lengths: Operand) -> None:
    require(len(x.shape) == 3, node, f"inputs of shape {x.shape}", "[time, batch, classes]")
    require(x.shape[2] > 0, node, "no classes", "one or more")
    require(lengths.shape == x.shape[1:2], node, f"sequence_length of shape {lengths.shape}", f"{x.shape[1:2]}")


def _require_lengths(node: Node, x: np.ndarray, lengths: np.ndarray) -> None:
    if np.any((lengths < 0) | (lengths > len(x))):
        raise ExecutionError(f"{node.op} node {node.name!r}: sequence_length(b) <= {len(x)} is needed for all b.")


def _sparse(sequences: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indices [n, 2], values [n] and shape [2] of label sequences, one for each batch entry."""
    indices = [(b, at) for b, labels in enumerate(sequences) for at in range(len(labels))]
    values = [label for labels in sequences for label in labels]
    longest = max((len(labels) for labels in sequences), default=0)
    return (
        np.array(indices, np.int64).reshape(-1, 2),
        np.array(values, np.int64),
        np.array([len(sequences), longest], np.int64),
    )


# ---- the best class at each time


def _blank(node: Node, classes: int) -> int:
    blank = int(node.attrs.get("blank_index", -1))
    require(-classes <= blank < classes, node, f"blank_index {blank}", f"one of {classes} classes")
    return blank % classes


def _infer_greedy(node: Node, x: Operand, lengths: Operand) -> list[Spec]:
    _infer_inputs(node, x, lengths)
    _blank(node, x.shape[2])
    return [Spec(_INT64, None), Spec(_INT64, None), Spec(_INT64, (2,)), Spec(x.dtype, (x.shape[1], 1))]


def _greedy(node: Node, x: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Without blanks and, if merge_repeated, without immediate repetitions; the negative sum of the best logits."""
    _require_lengths(node, x, lengths)
    blank, merges = _blank(node, x.shape[2]), bool(node.attrs["merge_repeated"])
    sequences, score = [], np.zeros((x.shape[1], 1), x.dtype)
    for b, length in enumerate(lengths.tolist()):
        classes = np.argmax(x[:length, b], axis=1)
        keeps = classes != blank
        if merges:
            keeps &= np.concatenate([[True], classes[1:] != classes[:-1]])[: len(classes)]
        sequences.append(classes[keeps].tolist())
        score[b, 0] = -np.max(x[:length, b], axis=1, initial=-np.inf).sum(dtype=x.dtype)
    return [*_sparse(sequences), score]


def _infer_labels(node: Node, x: Operand, lengths: Operand) -> list[Spec]:
    """Like CTCGreedyDecoder's with as many labels as there can be, then how many there are."""
    _, _, *others = _infer_greedy(node, x, lengths)
    most = x.shape[0] * x.shape[1]
    return [Spec(_INT64, (most, 2)), Spec(_INT64, (most,)), *others, Spec(_INT64, ())]


def _labels(node: Node, x: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    indices, values, shape, score = _greedy(node, x, lengths)
    most, count = x.shape[0] * x.shape[1], len(values)
    padded, padded_values = np.zeros((most, 2), np.int64), np.zeros(most, np.int64)
    padded[:count], padded_values[:count] = indices, values
    return [padded, padded_values, shape, score, np.array(count, np.int64)]


@kernel(
    "T[:] x, int32[:] lengths, int64 time, int64 classes, int64 blank, int64 merges, int64[:] indices, "
    "int64[:] values, int64[:] shape, T[:] score, int64[:] count",
    errors={1: "sequence_length must be at least 0, and at most the number of times"},
    T=_FLOATS,
)
def greedy_labels(  # type: ignore[no-untyped-def]
    x, lengths, time, classes, blank, merges, indices, values, shape, score, count, worker, workers
):
    """The best classes of x[t, b, :], t < lengths[b], without blanks and (`merges`) without immediate repetitions:
    indices [n, (b, place)] and values [n], filled up with 0, shape [2], score [b] = -sum of the best, count [1]."""
    batch, found, longest = lengths.size, 0, 0
    for b in range(batch):
        if lengths[b] < 0 or lengths[b] > time:
            return 1
        score[b] = 0
        before, place = np.int64(-1), 0
        for t in range(lengths[b]):
            at = (t * batch + b) * classes
            best, largest = np.int64(0), x[np.uint64(at)]
            for c in range(1, classes):
                number = x[np.uint64(at + c)]
                # NaN is the largest, as in NumPy
                if number > largest or (number != number and largest == largest):
                    best, largest = c, number
            score[b] += largest
            if best != blank and not (merges and best == before):
                indices[2 * found], indices[2 * found + 1], values[found] = b, place, best
                found += 1
                place += 1
            before = best
        score[b] = -score[b]
        longest = max(longest, place)
    for n in range(found, values.size):
        indices[2 * n], indices[2 * n + 1], values[n] = 0, 0, 0
    shape[0], shape[1], count[0] = batch, longest, found
    return 0


def _lower_labels(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, lengths = operands
    if x.dtype.name not in _FLOATS:
        return NotImplemented
    time, _, classes = x.shape
    blank, merges = _blank(node, classes), int(node.attrs["merge_repeated"])
    emit.kernel(f"greedy_labels<{x.dtype.name}>", x, lengths, time, classes, blank, merges, *outputs)
    return None


register("CTCGreedyDecoder", infer=_infer_greedy, reference=_greedy, lower=_lower_labels)
register("_GreedyLabels", infer=_infer_labels, reference=_labels, lower=_lower_labels)


# ---- beam search over label sequences


class _Beam:
    """A label sequence (its last label and what is before) with logarithms of probabilities: of all its paths, of
    those that end in a blank, and of those that end in the label; `old_` at the time before."""

    __slots__ = ("before", "label", "children", "total", "blank", "labelled", "old_total", "old_blank")

    def __init__(self, before: _Beam | None, label: int) -> None:
        self.before, self.label = before, label
        self.children: dict[int, _Beam] = {}
        self.old_total = self.old_blank = -math.inf
        self.drop()

    def drop(self) -> None:
        self.total = self.blank = self.labelled = -math.inf

    def labels(self, merges: bool) -> list[int]:
        found: list[int] = []
        beam, following = self, -1
        while beam.before is not None:
            if not merges or beam.label != following:
                found.append(beam.label)
            following, beam = beam.label, beam.before
        return found[::-1]


def _log_sum(a: float, b: float) -> float:
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _step(beams: list[_Beam], scores: list[float], width: int) -> list[_Beam]:
    """The beams after one more time; `scores` are logarithms of the classes' probabilities, the blank's the last."""
    beams = sorted(beams, key=lambda beam: -beam.total)
    blank = len(scores) - 1
    for beam in beams:
        beam.old_total, beam.old_blank = beam.total, beam.blank
    for beam in beams:
        if beam.before is not None:
            if beam.before.total != -math.inf:
                is_repeated = beam.label == beam.before.label
                previous = beam.before.old_blank if is_repeated else beam.before.old_total
                beam.labelled = _log_sum(beam.labelled, previous)
            beam.labelled += scores[beam.label]
        beam.blank = beam.old_total + scores[blank]
        beam.total = _log_sum(beam.blank, beam.labelled)
    kept = list(beams)

    def is_candidate(total: float) -> bool:
        return total > -math.inf and (len(kept) < width or total > min(beam.total for beam in kept))

    for beam in beams:
        if not is_candidate(beam.old_total):
            continue
        for label in range(blank):
            child = beam.children.get(label) or _Beam(beam, label)
            if child.total != -math.inf:
                continue
            total = scores[label] + (beam.old_blank if label == beam.label else beam.old_total)
            if is_candidate(total):
                beam.children[label] = child
                child.blank, child.labelled, child.total = -math.inf, total, total
                if len(kept) == width:
                    worst = min(kept, key=lambda one: one.total)
                    worst.drop()
                    kept.remove(worst)
                kept.append(child)
            else:
                child.drop()
                child.old_total = child.old_blank = -math.inf
    return kept


def _infer_beam_search(node: Node, x: Operand, lengths: Operand) -> list[Spec]:
    _infer_inputs(node, x, lengths)
    width, paths = node.attrs["beam_width"], node.attrs["top_paths"]
    require(1 <= paths <= width, node, f"top_paths {paths}, beam_width {width}", "1 or more, not more than the width")
    sparse = [Spec(_INT64, None)] * (2 * paths) + [Spec(_INT64, (2,))] * paths
    return [*sparse, Spec(x.dtype, (x.shape[1], paths))]


def _beam_search(node: Node, x: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """The top_paths likeliest label sequences and their log probabilities."""
    _require_lengths(node, x, lengths)
    width, paths = int(node.attrs["beam_width"]), int(node.attrs["top_paths"])
    merges = bool(node.attrs["merge_repeated"])
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        shifted = wide - wide.max(axis=2, keepdims=True, initial=-np.inf)
        scores = shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))
    sequences: list[list[list[int]]] = [[] for _ in range(paths)]
    probabilities = np.empty((x.shape[1], paths), x.dtype)
    for b, length in enumerate(lengths.tolist()):
        root = _Beam(None, -1)
        root.total = root.blank = 0.0
        beams = [root]
        for time in range(length):
            beams = _step(beams, scores[time, b].tolist(), width)
        best = sorted(beams, key=lambda beam: -beam.total)[:paths]
        if len(best) < paths:
            raise ExecutionError(
                f"{node.op} node {node.name!r}: Less leaves in the beam search than top_paths {paths}."
            )
        for path, beam in enumerate(best):
            sequences[path].append(beam.labels(merges))
            probabilities[b, path] = beam.total
    parts = [_sparse(of_path) for of_path in sequences]
    return [*(part[0] for part in parts), *(part[1] for part in parts), *(part[2] for part in parts), probabilities]


register("CTCBeamSearchDecoder", infer=_infer_beam_search, reference=_beam_search)
