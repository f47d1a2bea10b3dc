"""A runtime for TensorFlow SavedModels without TensorFlow.

import edgeload

model = edgeload.load("path/to/model")
model.signatures["serving_default"](x=x)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeload.array import Array
from edgeload.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    CorruptModelError,
    EdgeloadError,
    ExecutionError,
    InitOpError,
    InvalidGraphError,
    MissingDependencyError,
    MissingVariableError,
    SavedModelNotFoundError,
    TagsError,
    UnknownNameError,
    UnliftableError,
    UnsupportedOpError,
)
from edgeload.load import load
from edgeload.objects.specs import TensorSpec
from edgeload.objects.trackables import register_type
from edgeload.options import LoadOptions
from edgeload.runtime.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from edgeload.objects.composites import IndexedSlices, RaggedTensor, SparseTensor

__version__ = "0.1.0"

__all__ = [
    "ArgumentTypeError",
    "ArgumentValueError",
    "Array",
    "CorruptModelError",
    "EdgeloadError",
    "ExecutionError",
    "IndexedSlices",
    "InitOpError",
    "InvalidGraphError",
    "LoadOptions",
    "MissingDependencyError",
    "MissingVariableError",
    "RaggedTensor",
    "SavedModelNotFoundError",
    "SparseTensor",
    "TagsError",
    "TensorSpec",
    "UnknownNameError",
    "UnliftableError",
    "UnsupportedOpError",
    "__version__",
    "get_num_threads",
    "load",
    "register_type",
    "set_num_threads",
]


def __getattr__(name: str) -> Any:
    """Classes that few programs need are imported when somebody asks for them."""
    if name in ("IndexedSlices", "RaggedTensor", "SparseTensor"):
        from edgeload.objects import composites

        return getattr(composites, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
