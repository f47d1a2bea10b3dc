"""The passes in order. Each takes a Graph, changes it in place, and returns how many rewrites it made."""

from __future__ import annotations

from collections.abc import Callable

from edgeload.graph.branches import bind_branch_inputs
from edgeload.graph.effects import prune
from edgeload.graph.ir import Graph
from edgeload.passes.delay_views import delay_views
from edgeload.passes.dilate_convolutions import dilate_convolutions
from edgeload.passes.eliminate_common import eliminate_common
from edgeload.passes.expand_batch_norm import expand_batch_norm
from edgeload.passes.fold_batch_norm import fold_batch_norm
from edgeload.passes.fold_constants import fold_constants
from edgeload.passes.fold_pad import fold_pad
from edgeload.passes.freeze_variables import freeze_variables
from edgeload.passes.fuse_elementwise import fuse_elementwise
from edgeload.passes.fuse_epilogue import fuse_epilogue
from edgeload.passes.fuse_layer_norm import fuse_layer_norm
from edgeload.passes.fuse_residual import fuse_residual
from edgeload.passes.fuse_transposes import fuse_transposes
from edgeload.passes.hoist_projections import hoist_projections
from edgeload.passes.pad_labels import pad_labels
from edgeload.passes.pad_suppressions import pad_suppressions
from edgeload.passes.remove_identities import remove_identities
from edgeload.passes.rewrite_as_tensorflow import rewrite_as_tensorflow
from edgeload.passes.rewrite_einsum import rewrite_einsum

Pass = Callable[[Graph], int]

# Once per function, on its graph and those inside it: what TensorFlow does while variables are no constants yet.
IMPORT_PASSES: tuple[Pass, ...] = (
    remove_identities,
    fold_constants,  # divisors are often casts of integers
    bind_branch_inputs,  # shows which variables branches and loops assign, and their constants
    rewrite_as_tensorflow,
)

# Once per function, before shapes are known. The planner runs them on the graphs inside of control-flow nodes as well.
PROGRAM_PASSES: tuple[Pass, ...] = (
    remove_identities,  # first: all others look at neighbours
    freeze_variables,  # weights are constants from here on
    bind_branch_inputs,  # branches and loops get the constants that freezing made
    fold_constants,  # Keras 3 computes batch normalisation from variables: only their results are left
    remove_identities,  # factors of 1 that folding found, permutations
    eliminate_common,  # before anything asks whether a tensor has one reader only
    expand_batch_norm,  # the older form of batch normalisation becomes the newer one
    fold_batch_norm,  # makes the own products that the passes below work on
    fold_pad,
    fuse_epilogue,  # behind fold_batch_norm: activations follow the normalisation
)

# For concrete shapes: every Tensor.shape is exact. Attributes are shared with the Program's graph, and never changed.
PLAN_PASSES: tuple[Pass, ...] = (
    pad_labels,
    pad_suppressions,  # takes limits that may have become constants only now
    rewrite_einsum,
    fold_constants,  # what of the einsum's rearranging concerns weights
    remove_identities,  # permutations are known only now
    dilate_convolutions,  # paddings are often computed from the image's size
    eliminate_common,  # evaluating shape arithmetic leaves equal constants
    fold_batch_norm,  # products whose weights are constant only now
    fuse_layer_norm,  # before views part the rows from what is done to them
    delay_views,  # dense layers over more than two dimensions, 1-D convolutions
    fold_batch_norm,  # what views had been in the way of
    fuse_transposes,  # products of two computed tensors are left
    hoist_projections,  # before products in loops take residuals
    fuse_epilogue,  # before the residual: activations in front of the sum
    fuse_residual,
    fuse_epilogue,  # activations behind the residual sum
    fuse_elementwise,  # last: products take what they can
)


_FUSING: frozenset[Pass] = frozenset({fuse_epilogue, fuse_layer_norm, fuse_residual, fuse_transposes, fuse_elementwise})


def without_fusing(passes: tuple[Pass, ...]) -> tuple[Pass, ...]:
    """The passes that leave every operation a kernel of its own."""
    return tuple(rewrite for rewrite in passes if rewrite not in _FUSING)


def run(graph: Graph, passes: tuple[Pass, ...], *, check: bool = False) -> None:
    """Run passes in order, dropping what each one leaves unused. `check` verifies the graph after each."""
    prune(graph)
    for rewrite in passes:
        if rewrite(graph):
            prune(graph)
        if check:
            graph.check(f"after pass {rewrite.__name__}")
