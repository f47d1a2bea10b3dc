"""What TensorFlow rewrites before it runs a graph, where the rewriting changes results.

TensorFlow divides by constants as it multiplies by their reciprocals, which differs in the last bit. Sizes that a model
computes with floor, round or a cast (100 / (100 / 48) gives 47) depend on that bit, so the same has to happen here, and
only to constants of the graph itself: for TensorFlow a variable is none, nor a constant that the function captures, nor
a size that only the call tells.
Source: tensorflow/core/grappler/optimizers, constant_folding.cc and arithmetic_optimizer.cc.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from edgeload.graph.ir import Graph, Node, Tensor

_ADDS = frozenset({"Add", "AddV2"})
_FLOATING = frozenset({"float16", "bfloat16", "float32", "float64", "complex64", "complex128"})
_FEW = 1 << 16  # elements of a constant; TensorFlow folds none that take more than 10 MiB


def rewrite_as_tensorflow(graph: Graph) -> int:
    """x / c            ->  x * (1 / c)
    (x * c) * d      ->  x * (c * d), and so for sums
    log(softmax(x))  ->  log_softmax(x)
    log(1 + x)       ->  log1p(x)
    exp(x) - 1       ->  expm1(x)

    for constants c and d, one of them a scalar; what the second factor, summand or function is applied to must have no
    other reader. Integers are left alone.
    """
    uses = graph.uses()
    nodes: list[Node] = []
    count = 0
    for node in graph.nodes:
        if node.outputs and _name(node.outputs[0]) in _FLOATING:
            constant = _divide(node)
            count += constant is not None
            merged = _merge(node, uses)
            count += merged is not None
            nodes += [found.node for found in (constant, merged) if found is not None]
            count += _join(node, uses)
        nodes.append(node)
    graph.nodes = nodes
    return count


def _divide(node: Node) -> Tensor | None:
    """The reciprocal that the node now multiplies with, if it was a division by a constant."""
    if node.op not in ("RealDiv", "Div") or _constant(node.inputs[1]) is None:
        return None
    divisor = node.inputs[1]
    value = _constant(divisor)
    with np.errstate(all="ignore"):
        reciprocal = _append_constant(f"{node.name}/reciprocal", np.asarray(1, value.dtype) / value, [divisor])  # type: ignore[union-attr]
    node.op, node.inputs = "Mul", [node.inputs[0], reciprocal]
    return reciprocal


def _merge(node: Node, uses: Counter[Tensor]) -> Tensor | None:
    """The constant that the node now multiplies with, or adds, in place of two constants one after the other."""
    kinds = _ADDS if node.op in _ADDS else frozenset({"Mul"})
    outer = _parted(node, kinds)
    if outer is None or uses[outer[0]] != 1:
        return None
    inner = _parted(outer[0].node, kinds)
    if inner is None:
        return None
    first, second = _constant(inner[1]), _constant(outer[1])
    assert first is not None and second is not None
    if first.shape != () and second.shape != ():
        return None
    with np.errstate(all="ignore"):
        value = first + second if node.op in _ADDS else first * second
    merged = _append_constant(f"{node.name}/merged", value, [inner[1], outer[1]])
    node.inputs = [inner[0], merged]
    return merged


def _join(node: Node, uses: Counter[Tensor]) -> bool:
    """Whether two functions one after the other became one."""
    source = node.inputs[0].node if node.inputs and uses[node.inputs[0]] == 1 else None
    if source is None:
        return False
    if node.op == "Log" and source.op == "Softmax":
        node.op, node.inputs = "LogSoftmax", list(source.inputs)
        return True
    if node.op == "Log" and source.op in _ADDS:
        parted = _parted(source, _ADDS)
        if parted is not None and _is_one(parted[1]):
            node.op, node.inputs = "Log1p", [parted[0]]
            return True
    if node.op == "Sub" and source.op == "Exp" and _is_one(node.inputs[1]):
        node.op, node.inputs = "Expm1", list(source.inputs)
        return True
    return False


def _parted(node: Node, kinds: frozenset[str]) -> tuple[Tensor, Tensor] | None:
    """The other operand and the constant one of a sum or product with one constant."""
    if node.op not in kinds:
        return None
    left, right = node.inputs
    if (_constant(left) is None) == (_constant(right) is None):
        return None
    return (left, right) if _constant(left) is None else (right, left)


def _constant(tensor: Tensor) -> np.ndarray | None:
    """The value of what is a constant for TensorFlow."""
    if tensor.node.op != "Const" or tensor.node.attrs.get("is_captured", False):
        return None
    value = np.asarray(tensor.node.attrs["value"])
    return value if value.size <= _FEW else None


def _is_one(tensor: Tensor) -> bool:
    value = _constant(tensor)
    return value is not None and value.shape == () and bool(value == 1)


def _append_constant(name: str, value: np.ndarray, sources: list[Tensor]) -> Tensor:
    key = ("as_tensorflow", name, *(source.node.attrs["key"] for source in sources))
    node = Node("Const", name, attrs={"value": np.asarray(value), "key": key})
    return node.add_output(np.asarray(value).dtype, np.shape(value))


def _name(tensor: Tensor) -> str:
    return tensor.dtype.name if isinstance(tensor.dtype, np.dtype) else ""
