"""Einsum: https://www.tensorflow.org/api_docs/python/tf/raw_ops/Einsum.

While planning, the pass `rewrite_einsum` turns products of two tensors into Transpose, Reshape and BatchMatMulV2; what
is left (traces, diagonals, sums over a label of one tensor only) runs its reference.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np

from edgeload.kernels.registry import Node, Operand, Spec, register, require


@dataclass(frozen=True)
class Equation:
    """Labels of each operand and of the output, ellipses replaced by labels of their own."""

    operands: tuple[str, ...]
    output: str


def parse_equation(node: Node, ranks: list[int]) -> Equation:
    """The node's equation for operands of these ranks."""
    text = node.attrs["equation"].decode().replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    require(bool(arrow) and len(terms) == len(ranks), node, f"equation {text!r}", f"{len(ranks)} operands and `->`")
    free = [letter for letter in string.ascii_letters if letter not in text]
    hidden = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)]
    widest = max([0, *(count for term, count in zip(terms, hidden, strict=True) if "..." in term)])
    dots = "".join(free[:widest])
    expanded = []
    for term, count in zip(terms, hidden, strict=True):
        require(count >= 0 and ("..." in term or count == 0), node, f"ranks {ranks}", f"those of the equation {text!r}")
        expanded.append(term.replace("...", dots[widest - count :]))
    return Equation(tuple(expanded), output.replace("...", dots))


def _infer(node: Node, *operands: Operand) -> Spec:
    equation = parse_equation(node, [len(operand.shape) for operand in operands])
    sizes: dict[str, int] = {}
    for labels, operand in zip(equation.operands, operands, strict=True):
        for label, size in zip(labels, operand.shape, strict=True):
            known = sizes.setdefault(label, size)
            require(size == known or 1 in (size, known), node, f"sizes {known} and {size} for {label!r}", "equal sizes")
            sizes[label] = max(size, known)
    require(set(equation.output) <= set(sizes), node, f"output {equation.output!r}", "labels that an operand has")
    return Spec(operands[0].dtype, tuple(sizes[label] for label in equation.output))


def _reference(node: Node, *arrays: np.ndarray) -> np.ndarray:
    equation = parse_equation(node, [array.ndim for array in arrays])
    dtype = arrays[0].dtype
    wide = dtype if dtype.kind in "iu" else np.complex128 if dtype.kind == "c" else np.float64
    text = ",".join(equation.operands) + "->" + equation.output
    return np.asarray(np.einsum(text, *(array.astype(wide) for array in arrays))).astype(dtype)


register("Einsum", infer=_infer, reference=_reference)
