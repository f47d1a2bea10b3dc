"""Element-wise nodes change places with the reshapes between them and a product, so that the product can take them."""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.passes.products import PRODUCTS, constant
from edgeload.passes.texts import expression_of

_VIEWS = frozenset({"Reshape", "Squeeze", "ExpandDims"})


def delay_views(graph: Graph) -> int:
    """BiasAdd(Squeeze(_Conv2D(...)), b)  ->  Squeeze(BiasAdd(_Conv2D(...), b))

    for element-wise nodes behind a product. Their other operands must be single elements, constants of one value for
    each channel, also where the view splits the channels, or of the node's own shape; these are reshaped. Every view
    behind comes out as a Reshape. Requires exact shapes.
    """
    behind_product: set[Tensor] = set()
    replacements: dict[Tensor, Tensor] = {}
    nodes: list[Node] = []
    count = 0
    for node in graph.nodes:
        node.inputs = [replacements.get(tensor, tensor) for tensor in node.inputs]
        if node.op in PRODUCTS:
            behind_product.add(node.output)
        if len(node.outputs) != 1 or expression_of(node) is None:
            nodes.append(node)
            continue
        made = _swap(node, behind_product)
        if made:
            count += 1
            replacements[node.output] = made[-1].output
            behind_product.add(made[-1].inputs[0])
        elif any(tensor in behind_product and tensor.shape == node.output.shape for tensor in node.inputs):
            behind_product.add(node.output)
        nodes += made or [node]
    graph.nodes = nodes
    graph.outputs = [replacements.get(tensor, tensor) for tensor in graph.outputs]
    return count


def _swap(node: Node, behind_product: set[Tensor]) -> list[Node]:
    """The operands, the node in front of the view, and the view; nothing where they cannot change places."""
    inner = next((_inner(tensor) for tensor in node.inputs if _inner(tensor) in behind_product), None)
    shape = node.output.shape
    if inner is None or inner.shape is None or shape is None or inner.shape == shape:
        return []
    if node.op in ("BiasAdd", "BiasAddV1") and (len(inner.shape) < 2 or inner.shape[-1] != shape[-1]):
        return []
    made: list[Node] = []
    inputs = []
    for tensor in node.inputs:
        operand = _reshaped(tensor, inner.shape, shape, made)
        if operand is None:
            return []
        inputs.append(operand)
    swapped = Node(node.op, node.name, inputs, node.attrs)
    made.append(swapped)
    _reshape(swapped.add_output(node.output.dtype, inner.shape), shape, f"{node.name}/view", made)
    return made


def _inner(tensor: Tensor) -> Tensor | None:
    """What a view looks at."""
    return tensor.node.inputs[0] if tensor.node.op in _VIEWS else None


def _reshaped(
    tensor: Tensor, inner: tuple[int | None, ...], outer: tuple[int | None, ...], made: list[Node]
) -> Tensor | None:
    """The operand for the shape `inner` in place of `outer`; None where that is impossible."""
    source = _inner(tensor)
    if tensor.shape == outer:
        return source if source is not None and source.shape == inner else _reshape(tensor, inner, "", made)
    if tensor.node.op != "Const":
        return None
    value = np.asarray(tensor.node.attrs["value"])
    own = value.shape[next((axis for axis, size in enumerate(value.shape) if size != 1), value.ndim) :]
    is_vector = bool(own) and (value.size,) == inner[-1:] and own == outer[len(outer) - len(own) :]
    if not is_vector and value.size != 1:
        return None
    flat = value.reshape(-1) if is_vector else value.reshape(())
    if flat.shape == value.shape:
        return tensor
    operand = constant(f"{tensor.name}/flat", flat, ("flat", tensor.node.attrs["key"], flat.shape))
    made.append(operand.node)
    return operand


def _reshape(tensor: Tensor, shape: tuple[int | None, ...], name: str, made: list[Node]) -> Tensor:
    sizes = np.array(shape, np.int64)
    target = constant(f"{name or tensor.name}/shape", sizes, ("shape", tuple(sizes.tolist())))
    attrs = {"T": tensor.dtype, "Tshape": sizes.dtype}
    node = Node("Reshape", name or f"{tensor.name}/reshaped", [tensor, target], attrs)
    made += [target.node, node]
    return node.add_output(tensor.dtype, shape)
