"""Whether a graph can run: the ops it has that edgeload does not."""

from __future__ import annotations

from edgeload.errors import UnsupportedOpError
from edgeload.graph.branches import CONTROL, all_nodes
from edgeload.graph.effects import STRUCTURAL
from edgeload.graph.ir import Graph
from edgeload.kernels import registry

_NODES_SHOWN = 3
# what TensorFlow has no CPU kernel for, either
NOT_FOR_CPUS = frozenset({"CudnnRNN", "CudnnRNNV2", "CudnnRNNV3", "GenerateBoundingBoxProposals"})


def missing_ops(graph: Graph) -> dict[str, list[str]]:
    """Op types that are not registered, in the graph and the graphs inside it, with the names of their nodes."""
    missing: dict[str, list[str]] = {}
    for node in all_nodes(graph):
        if node.op not in STRUCTURAL and node.op not in CONTROL and registry.find(node.op) is None:
            missing.setdefault(node.op, []).append(node.name)
    return dict(sorted(missing.items()))


def require_supported(graph: Graph, function_name: str) -> None:
    """Raise one UnsupportedOpError that names every op which `missing_ops` finds."""
    missing = missing_ops(graph)
    if not missing:
        return
    lines = [
        f"  {op}: {_some(nodes)}" + (" (TensorFlow runs it on GPUs only)" if op in NOT_FOR_CPUS else "")
        for op, nodes in missing.items()
    ]
    raise UnsupportedOpError(
        f"function {function_name!r} needs {len(missing)} op(s) that edgeload does not have:\n"
        + "\n".join(lines)
        + "\nExport the model without them, or call a function of it that does not need them."
    )


def _some(nodes: list[str]) -> str:
    rest = len(nodes) - _NODES_SHOWN
    return ", ".join(map(repr, nodes[:_NODES_SHOWN])) + (f" and {rest} more" if rest > 0 else "")
