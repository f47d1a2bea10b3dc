"""Dilated convolutions that TensorFlow writes as plain ones over a batch of subsampled images become dilated again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from edgeload.graph.ir import Graph, Node, Tensor, constant_value
from edgeload.kernels import registry
from edgeload.passes.products import constant

_OPERANDS = {"Conv2D": 2, "_Conv2D": 3, "DepthwiseConv2dNative": 2, "_DepthwiseConv2d": 3}


def dilate_convolutions(graph: Graph) -> int:
    """BatchToSpaceND(Conv2D(SpaceToBatchND(x, d, p), w), d, c)  ->  Conv2D(x, w), dilations d, paddings p - c

    for constant d, p and c over height and width, stride 1; also DepthwiseConv2dNative, and the own ops for both, whose
    bias and epilogue do not care where an element lies. Image i of the batch has every d-th row and column, from
    i // d and i % d on, so that neighbours there are d apart in x. With SAME, each of these images has zeros around it,
    which are d times as many around x. Does not fire when more is cropped than was padded, or when anything else reads
    what the convolution gives. Requires exact shapes: the sizes have been found to fit.

    BatchToSpaceND(Squeeze(Conv2D(ExpandDims(SpaceToBatchND(x, d, p)), w)), d, c) over one dimension likewise becomes
    Reshape(Conv2D(Reshape(x), w)).
    """
    uses = graph.uses()
    nodes: list[Node] = []
    count = 0
    for node in graph.nodes:
        convolution = _convolution_behind(node, uses)
        space = _subsampled(convolution) if convolution is not None else None
        around = _paddings(node, convolution, space) if convolution is not None and space is not None else None
        if convolution is not None and space is not None and around is not None:
            nodes += _dilate(node, convolution, space, around)
            count += 1
        nodes.append(node)
    graph.nodes = nodes
    return count


def _convolution_behind(node: Node, uses: Counter[Tensor]) -> Node | None:
    """The convolution, with stride 1 and not dilated, whose result a BatchToSpaceND alone reads."""
    if node.op != "BatchToSpaceND":
        return None
    found = node.inputs[0].node
    if _drops_height(found) and uses[found.output] == 1:
        found = found.inputs[0].node
    if len(found.inputs) != _OPERANDS.get(found.op) or uses[found.output] != 1:
        return None
    return found if _is_plain(found.attrs) else None


def _is_plain(attrs: Mapping[str, object]) -> bool:
    steps = (attrs["strides"], attrs.get("dilations") or [1] * 4)
    is_nhwc = attrs.get("data_format", b"NHWC") == b"NHWC"
    return is_nhwc and attrs["padding"] in (b"VALID", b"SAME") and all(list(step) == [1] * 4 for step in steps)  # type: ignore[call-overload]


def _subsampled(convolution: Node) -> Node | None:
    """The SpaceToBatchND that a convolution reads."""
    found = convolution.inputs[0].node
    found = found.inputs[0].node if _adds_height(found) else found
    return found if found.op == "SpaceToBatchND" else None


def _adds_height(node: Node) -> bool:
    """Whether [batch, width, channels] become [batch, 1, width, channels]."""
    if not _is_view(node):
        return False
    source = node.inputs[0].shape
    return source is not None and len(source) == 3 and node.output.shape == (source[0], 1, *source[1:])


def _drops_height(node: Node) -> bool:
    if not _is_view(node):
        return False
    result = node.output.shape
    return result is not None and len(result) == 3 and node.inputs[0].shape == (result[0], 1, *result[1:])


def _is_view(node: Node) -> bool:
    op = registry.find(node.op)
    return op is not None and op.view and len(node.outputs) == 1


def _paddings(node: Node, convolution: Node, space: Node) -> np.ndarray | None:
    """(before, after) along each axis, with which the dilated convolution gives what the three nodes give."""
    blocks, paddings = (constant_value(tensor) for tensor in space.inputs[1:])
    other_blocks, crops = (constant_value(tensor) for tensor in node.inputs[1:])
    rank = len(space.inputs[0].shape or ())
    if any(value is None for value in (blocks, paddings, other_blocks, crops)) or np.shape(blocks) != (rank - 2,):
        return None
    if not np.array_equal(blocks, other_blocks) or rank != len(node.output.shape or ()):
        return None
    around = np.asarray(paddings, np.int64) - np.asarray(crops, np.int64)
    kernel = np.array(convolution.inputs[1].shape[:2])  # type: ignore[index]
    if rank == 3 and kernel[0] != 1:
        return None
    if convolution.attrs["padding"] == b"SAME":
        before = (kernel[4 - rank :] - 1) // 2
        after = kernel[4 - rank :] - 1 - before
        around = around + np.stack([before, after], 1) * np.reshape(blocks, (rank - 2, 1))
    return around if rank in (3, 4) and around.min() >= 0 else None


def _dilate(node: Node, convolution: Node, space: Node, around: np.ndarray) -> list[Node]:
    """Make `node` the dilated convolution, or a view of it; the new nodes in front of it."""
    x, blocks = space.inputs[0], [int(block) for block in np.asarray(space.inputs[1].node.attrs["value"])]
    paddings = around.reshape(-1).tolist()
    is_flat = len(blocks) == 1
    attrs = {
        **convolution.attrs,
        "padding": b"EXPLICIT",
        "explicit_paddings": [0] * (4 if is_flat else 2) + [*paddings, 0, 0],
        "dilations": [1] * (2 if is_flat else 1) + [*blocks, 1],
    }
    if not is_flat:
        node.op, node.inputs, node.attrs = convolution.op, [x, *convolution.inputs[1:]], attrs
        return []
    assert x.shape is not None and node.output.shape is not None
    (batch, *sizes), (_, *out_sizes) = x.shape, node.output.shape
    high = _reshape(f"{convolution.name}/dilated/input", x, (batch, 1, *sizes))  # type: ignore[arg-type]
    dilated = Node(convolution.op, f"{convolution.name}/dilated", [high[1].output, *convolution.inputs[1:]], attrs)
    dilated.add_output(convolution.output.dtype, (batch, 1, *out_sizes))
    shape, flat = _reshape(node.name, dilated.output, node.output.shape)  # type: ignore[arg-type]
    node.op, node.inputs, node.attrs = flat.op, flat.inputs, flat.attrs
    return [*high, dilated, shape]


def _reshape(name: str, x: Tensor, shape: tuple[int, ...]) -> tuple[Node, Node]:
    """A constant and the Reshape that takes it."""
    sizes = constant(f"{name}/shape", np.array(shape, np.int32), ("shape", shape))
    node = Node("Reshape", name, [x, sizes], {"T": x.dtype, "Tshape": np.dtype(np.int32)})
    node.add_output(x.dtype, shape)
    return sizes.node, node
