"""Type specs: what a function's tensor arguments and results are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.dtypes import DType
from edgeload.objects.variables import Shape, Variable, fits
from edgeload.records import Record
from edgeload.shapes import TensorShape


class TensorSpec(Record):
    """Dtype and shape of a tensor. `shape`: None for any rank, or a tuple in which None stands for any size.

    `dtype` may be given as anything that np.dtype takes; str and bytes mean string.
    """

    shape: Shape
    dtype: Any = np.dtype(np.float32)
    name: str | None = None

    def checked(self, name: str, value: Any) -> Any:
        """Shapes as TensorShape, dtypes as DType."""
        if name == "shape" and value is not None:
            return TensorShape(None if size is None or size == -1 else int(size) for size in value)
        if name == "dtype" and not isinstance(value, np.dtype | dtypes.Opaque):
            return dtypes.STRING if value in ("string", str, bytes) else np.dtype(value)
        return value

    def accepts(self, dtype: DType, shape: Shape) -> bool:
        """Whether a tensor of this dtype and shape (of which some sizes may be unknown) can be one of these."""
        if dtype != self.dtype:
            return False
        if shape is None or self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            found is None or want is None or found == want for found, want in zip(shape, self.shape, strict=False)
        )

    def __str__(self) -> str:
        dims = "..." if self.shape is None else ", ".join("None" if size is None else str(size) for size in self.shape)
        return f"{dtypes.name_of(self.dtype)}[{dims}]"

    def __repr__(self) -> str:
        shape = "<unknown>" if self.shape is None else self.shape
        return f"{type(self).__name__}(shape={shape}, dtype=tf.{dtypes.name_of(self.dtype)}, name={self.name!r})"

    def is_compatible_with(self, value: Any) -> bool:
        """Whether a tensor, or what another TensorSpec describes, can be one of these."""
        if not isinstance(value, TensorSpec):
            value = np.asarray(value)
        return self.accepts(value.dtype, value.shape)


class BoundedTensorSpec(TensorSpec):
    """A TensorSpec whose values lie between `minimum` and `maximum`. The bounds are told, not enforced."""

    minimum: Any = None
    maximum: Any = None

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class CompositeSpec(Record):
    """A type spec of a value that is several tensors, or one of which edgeload knows only how many.

    `kind` is the name of the TypeSpecProto class in lower case ("sparse_tensor_spec"), `class_name` the class in
    TensorFlow or in another library. `state` is what the spec was made of. `components` are the tensors, in order.
    """

    kind: str
    class_name: str
    state: Any
    components: tuple[TensorSpec, ...]

    __hash__ = object.__hash__

    @property
    def alias(self) -> Any:
        """Of a variable: the number that all arguments have which are the same variable."""
        return self.state[3] if self.kind == "variable_spec" and len(self.state or ()) > 3 else None

    def split(self, value: Any) -> Sequence[Any] | None:
        """The tensors of a value, or None if the value is not of this type."""
        if isinstance(value, CompositeSpec):
            return (
                value.components if value.kind == self.kind and len(value.components) == len(self.components) else None
            )
        if self.kind == "variable_spec":
            return (value,) if isinstance(value, Variable) and fits_variable(self, value) else None
        if self.kind == "sparse_tensor_spec":
            return _attributes(value, "indices", "values", "dense_shape")
        if self.kind == "indexed_slices_spec":
            return _attributes(value, *("values", "indices", "dense_shape")[: len(self.components)])
        if self.kind == "ragged_tensor_spec":
            if len(self.components) == 1 and not hasattr(value, "nested_row_splits"):
                return (value,)
            parts = _attributes(value, "flat_values", "nested_row_splits")
            return None if parts is None or len(parts[1]) + 1 != len(self.components) else (parts[0], *parts[1])
        return None

    def join(self, tensors: Sequence[Any]) -> Any:
        """The value of its tensors; the tensors themselves, as a tuple, for types of other libraries."""
        if self.kind in ("sparse_tensor_spec", "indexed_slices_spec", "ragged_tensor_spec"):
            from edgeload.objects.composites import IndexedSlices, RaggedTensor, SparseTensor

            if self.kind == "sparse_tensor_spec":
                return SparseTensor(*tensors)
            if self.kind == "indexed_slices_spec":
                return IndexedSlices(*tensors)
            return RaggedTensor(tensors[0], tuple(tensors[1:])) if len(tensors) > 1 else tensors[0]
        return tensors[0] if len(tensors) == 1 else tuple(tensors)

    def __repr__(self) -> str:
        return f"{self.class_name}({', '.join(map(str, self.components))})"


def fits_variable(spec: CompositeSpec, variable: Variable) -> bool:
    """Whether a variable has the dtype and shape that a VariableSpec asks for."""
    shape, dtype = (*spec.state, None, None)[:2] if isinstance(spec.state, tuple | list) else (None, None)
    if dtype is not None and dtype != variable.dtype:
        return False
    return shape is None or variable.shape is None or None in variable.shape or fits(variable.shape, shape)  # type: ignore[arg-type]


def component_specs(kind: str, state: Any, count: int) -> tuple[TensorSpec, ...]:
    """The tensors of a composite value by the state of its spec; `count` tensors of unknown type for other specs."""
    parts = tuple(state) if isinstance(state, tuple | list) else ()
    int64 = np.dtype(np.int64)
    if kind == "sparse_tensor_spec" and len(parts) >= 2:
        rank = None if parts[0] is None else len(parts[0])
        return TensorSpec((None, rank), int64), TensorSpec((None,), parts[1]), TensorSpec((rank,), int64)
    if kind == "indexed_slices_spec" and len(parts) >= 4:
        indices = TensorSpec((None,) if parts[4:] == () or parts[4] is None else parts[4], parts[2])
        dense_shape = () if parts[3] is None else (TensorSpec((None,), parts[3]),)
        return TensorSpec(parts[0], parts[1]), indices, *dense_shape
    if kind == "ragged_tensor_spec" and len(parts) >= 4:
        shape, dtype, ragged_rank, splits_dtype = parts[:4]
        inner = None if shape is None else (None, *shape[ragged_rank + 1 :])
        return TensorSpec(inner, dtype), *([TensorSpec((None,), splits_dtype)] * ragged_rank)
    if kind == "variable_spec":
        return (TensorSpec((), dtypes.RESOURCE),)
    return tuple(TensorSpec(None, dtypes.VARIANT) for _ in range(count))


def _attributes(value: Any, *names: str) -> tuple[Any, ...] | None:
    return tuple(getattr(value, name) for name in names) if all(hasattr(value, name) for name in names) else None
