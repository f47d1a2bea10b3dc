"""Chains of row-wise nodes, computed some rows at a time, so that what is wide between them never exists as a whole.

    x [112,112,16]  ->  1x1 convolution  ->  [112,112,96]  ->  depthwise, stride 2  ->  [56,56,96]  ->  1x1 convolution

needs 5.7 MiB between its ends when one node runs after the other, and half a megabyte when 4 rows of the result are
finished before the next 4 are begun: the nodes' own kernels run once for each band of rows, over bands of memory. Rows
that a window needs again in the next band are copied to the front of their band, never computed twice. So every
element is computed as without bands, to the last bit, and the number of multiplications stays as it is.

A band is small enough to stay in a second-level cache. Its steps are cut into finer tiles than others, so that threads
share the work within each band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgeload.graph.effects import has_effects
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels import registry
from edgeload.kernels.conv import FLOATS, Window, window_of
from edgeload.kernels.registry import Operand

if TYPE_CHECKING:
    from edgeload.plan.planner import Buffer, _Planner

WIDE_NBYTES = 1 << 20  # what is smaller may exist as a whole: it hardly leaves a second-level cache
BAND_NBYTES = 1 << 19  # of all bands of a chain together: the second-level cache of a core, or the half of a shared one

_CONVOLUTIONS = frozenset({"Conv2D", "_Conv2D", "DepthwiseConv2dNative", "_DepthwiseConv2d"})
_POOLINGS = frozenset({"MaxPool", "AvgPool"})


class Rows(NamedTuple):
    """Rows `first` to `end`, without `end`, of an image."""

    first: int
    end: int


@dataclass(frozen=True)
class Chain:
    """Nodes that each are the only reader of the one before, at these positions of the graph; and, for each band, the
    rows of every node's output that the band's last rows need."""

    positions: tuple[int, ...]
    nodes: tuple[Node, ...]
    bands: tuple[tuple[Rows, ...], ...]


def find_chains(graph: Graph) -> list[Chain]:
    """The chains that should run in bands: as long as possible, over one image, with more than WIDE_NBYTES between any
    two nodes, and at most BAND_NBYTES in a band. Requires exact shapes."""
    position_of = {node: position for position, node in enumerate(graph.nodes)}
    readers: dict[Tensor, list[Node]] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    outputs = set(graph.outputs)
    chains: list[Chain] = []
    seen: set[Node] = set()
    for node in graph.nodes:
        if node in seen or not _is_row_wise(node) or node.op not in _CONVOLUTIONS | _POOLINGS:
            continue  # an element-wise node at the front may write over its input, which takes no memory at all
        nodes = [node]
        while _nbytes(nodes[-1].output) > WIDE_NBYTES and nodes[-1].output not in outputs:
            following = readers.get(nodes[-1].output, [])
            if len(following) != 1 or not _is_row_wise(following[0]) or following[0].inputs[0] is not nodes[-1].output:
                break
            nodes.append(following[0])
        seen.update(nodes)
        positions = tuple(position_of[node] for node in nodes)
        if len(nodes) == 1 or any(has_effects(other) for other in graph.nodes[positions[0] : positions[-1]]):
            continue
        bands = _bands_of(nodes)
        if len(bands) > 1:
            chains.append(Chain(positions, tuple(nodes), bands))
    return chains


def _nbytes(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape)) * tensor.dtype.itemsize  # type: ignore[arg-type, union-attr]


def _is_row_wise(node: Node) -> bool:
    """Whether rows of the output need some rows of input 0, the same rows of inputs of the output's shape, and all of
    the others. Convolutions with several rows of taps and step 1 are left alone: which algorithm is the best for them,
    and with it the order of their sums, may depend on the image's size."""
    if len(node.outputs) != 1 or not node.inputs or node.attrs.get("data_format", b"NHWC") != b"NHWC":
        return False
    x, out = node.inputs[0], node.output
    if not _is_float_image(x) or not _is_float_image(out):
        return False
    if node.op in _POOLINGS:
        return bool(node.attrs["ksize"][3] == 1)
    if node.op in _CONVOLUTIONS:
        window = _window(node)
        has_fixed_weights = all(tensor.node.op == "Const" for tensor in node.inputs[1:3])
        return has_fixed_weights and ("Depthwise" in node.op or window.kernel_h == 1 or window.stride_h > 1)
    op = registry.find(node.op)
    if op is None or op.expression is None or op.lower is None or x.shape != out.shape:
        return False
    return all(tensor.shape == out.shape or _has_no_rows(tensor) for tensor in node.inputs)


def _is_float_image(tensor: Tensor) -> bool:
    """Whether the tensor is one image of floats that have kernels."""
    if not isinstance(tensor.dtype, np.dtype) or tensor.dtype.name not in FLOATS or tensor.shape is None:
        return False
    return len(tensor.shape) == 4 and tensor.shape[0] == 1 and 0 not in tensor.shape


def _has_no_rows(tensor: Tensor) -> bool:
    """Whether the tensor is broadcast along the rows of an image."""
    shape = tensor.shape or ()
    return len(shape) < 3 or shape[-3] == 1


def _image(tensor: Tensor) -> tuple[int, int, int]:
    """Height, width and channels."""
    _, height, width, channels = tensor.shape  # type: ignore[misc]
    return height, width, channels  # type: ignore[return-value]


def _window(node: Node) -> Window:
    """How the node's window moves over its image; of element-wise nodes, one element."""
    in_h, in_w, _ = _image(node.inputs[0])
    if node.op in _POOLINGS:
        _, kernel_h, kernel_w, _ = node.attrs["ksize"]
    elif node.op in _CONVOLUTIONS:
        kernel_h, kernel_w, *_ = node.inputs[1].shape  # type: ignore[misc]
    else:
        return Window(1, 1, 1, 1, 1, 1, 0, 0, in_h, in_w)
    return window_of(node, in_h, in_w, kernel_h, kernel_w)  # type: ignore[arg-type]


def _bands_of(nodes: Sequence[Node]) -> tuple[tuple[Rows, ...], ...]:
    """The rows of each node's output in each band: few bands of equal height that take BAND_NBYTES at most.

    There are none if one row takes more than that, if a window lies outside its image, or if bands share more rows with
    their neighbours than they have of their own, so that copying would cost more than it is worth.
    """
    out_h, _, _ = _image(nodes[-1].output)
    least = _band_nbytes(nodes, 1)
    height = 1 + (BAND_NBYTES - least) // (_band_nbytes(nodes, 2) - least)
    if height < 1:
        return ()
    height = -(-out_h // -(-out_h // height))
    bands = tuple(_band(nodes, Rows(top, min(top + height, out_h))) for top in range(0, out_h, height))
    is_sound = all(rows.first < rows.end for band in bands for rows in band)
    return bands if is_sound and all(map(_moves_on, bands[1:], bands[2:])) else ()


def _band_nbytes(nodes: Sequence[Node], height: int) -> int:
    """The bytes that the rows for `height` rows of the last output take at most; they themselves are not counted."""
    nbytes, rows = 0, height
    for node, before in zip(reversed(nodes[1:]), reversed(nodes[:-1]), strict=True):
        window = _window(node)
        rows = (rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
        nbytes += rows * (_nbytes(before.output) // _image(before.output)[0])
    return nbytes


def _band(nodes: Sequence[Node], last: Rows) -> tuple[Rows, ...]:
    """The rows of each node's output that these of the last one need."""
    band = [last]
    for node in reversed(nodes[1:]):
        band.insert(0, _rows_read(node, band[0])[0])
    return tuple(band)


def _rows_read(node: Node, rows: Rows) -> tuple[Rows, tuple[int, int]]:
    """The rows of its image that the node reads for rows of its output; and how many are missing above and below."""
    window, (in_h, _, _) = _window(node), _image(node.inputs[0])
    first = rows.first * window.stride_h - window.pad_top
    end = (rows.end - 1) * window.stride_h - window.pad_top + (window.kernel_h - 1) * window.dilation_h + 1
    return Rows(max(first, 0), min(end, in_h)), (max(-first, 0), max(end - in_h, 0))


def _moves_on(band: Sequence[Rows], following: Sequence[Rows]) -> bool:
    """Whether a band leaves as many rows behind as it shares with the following one."""
    return all(b.first - a.first >= a.end - b.first for a, b in zip(band, following, strict=True))


@dataclass(frozen=True)
class _BandNode:
    """A node for some rows of its output: a window has the padding that these rows need."""

    op: str
    name: str
    attrs: Mapping[str, Any]


def lower_chain(chain: Chain, planner: _Planner) -> bool:
    """Emit the kernels of all bands, one band after the other. False, and nothing is left of it, if one of the nodes
    has no kernel, or reads memory that is not in the arena."""
    drafts, buffers = len(planner.drafts), len(planner.arena_buffers)
    last = chain.nodes[-1].output
    out = planner.new_buffer(last.name, last.dtype, last.shape)  # type: ignore[arg-type]
    if _Lowering(chain, planner, out).run():
        planner.define(last, out)
        return True
    del planner.drafts[drafts:], planner.arena_buffers[buffers:]
    return False


class _Lowering:
    """`held` are the rows that the band of each node's output holds at the moment."""

    def __init__(self, chain: Chain, planner: _Planner, out: Buffer) -> None:
        self.nodes = chain.nodes
        self.bands = chain.bands
        self.planner = planner
        self.memories = [self._new_band(index, node) for index, node in enumerate(chain.nodes[:-1])] + [out]
        self.held = [Rows(0, 0)] * len(chain.nodes)

    def _new_band(self, index: int, node: Node) -> Buffer:
        tensor = node.output
        height = max(band[index].end - band[index].first for band in self.bands)
        return self.planner.new_buffer(f"{tensor.name}/band", tensor.dtype, (1, height, *tensor.shape[2:]))  # type: ignore[arg-type, index]

    def run(self) -> bool:
        for number, band in enumerate(self.bands):
            start = len(self.planner.drafts)
            for index, rows in enumerate(band):
                is_last = index == len(self.nodes) - 1
                new = rows if is_last else self._keep(index, rows)
                if new.first < new.end and not self._lower(index, new):
                    return False
            for draft in self.planner.drafts[start:]:
                draft.finish = _numbered(draft.finish, number)
        return True

    def _keep(self, index: int, rows: Rows) -> Rows:
        """Move those of the rows that are there to the front of the band; the others, which are to be computed."""
        held, memory = self.held[index], self.memories[index]
        kept = max(held.end - rows.first, 0)
        by = rows.first - held.first
        for first in range(0, kept, by) if by > 0 else ():  # pieces that do not overlap where they go
            end = min(first + by, kept)
            self.planner.copy_step(self.nodes[index].name, memory.rows(first + by, end + by), memory.rows(first, end))
        self.held[index] = rows
        return Rows(rows.first + kept, rows.end)

    def _lower(self, index: int, rows: Rows) -> bool:
        """Emit the node's kernels for these rows of its output."""
        node, top = self.nodes[index], self.held[index].first
        tensor = node.output
        result = self._operand(tensor, self.memories[index].rows(rows.first - top, rows.end - top))
        read, missing = _rows_read(node, rows)
        operands = []
        for position, source in enumerate(node.inputs):
            if position == 0 and index > 0:
                before = self.held[index - 1].first
                rows_of = self.memories[index - 1].rows(read.first - before, read.end - before)
                operands.append(self._operand(source, rows_of))
            elif position == 0 or source.shape == tensor.shape:
                memory = self.planner.buffer(source)
                if memory.root.space != "arena":
                    return False
                operands.append(self._operand(source, memory.rows(*(read if position == 0 else rows)), position))
            else:
                operands.append(self.planner.operand(source, position))
        op, emit = registry.find(node.op), self.planner.emit(node)
        assert op is not None and op.lower is not None
        in_band = _BandNode(node.op, node.name, _with_padding(node, missing))
        if op.lower(in_band, operands, [result], emit) is NotImplemented:
            return False
        return not self.planner.lacks([*emit.kernels, "copy_bytes"])

    @staticmethod
    def _operand(tensor: Tensor, memory: Buffer, index: int = 0) -> Operand:
        return Operand(tensor.dtype, memory.shape, index, buffer=memory)  # type: ignore[arg-type]


def _with_padding(node: Node, missing: tuple[int, int]) -> Mapping[str, Any]:
    """The node's attributes, with the rows that are missing above and below, and its own columns, as padding."""
    if node.op not in _CONVOLUTIONS | _POOLINGS:
        return node.attrs
    window, (_, in_w, _) = _window(node), _image(node.inputs[0])
    width = (window.out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    right = max(width - window.pad_left - in_w, 0)
    return {
        **node.attrs,
        "padding": b"EXPLICIT",
        "explicit_paddings": [0, 0, *missing, window.pad_left, right, 0, 0],
    }


def _numbered(finish: Any, band: int) -> Any:
    return lambda: replace(finish(), band=band)
