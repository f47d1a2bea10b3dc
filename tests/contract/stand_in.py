"""What the behaviours use of TensorFlow, made of edgeload and NumPy: the import that a user changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np

import edgeload

saved_model = SimpleNamespace(load=edgeload.load, LoadOptions=edgeload.LoadOptions)
TensorSpec = edgeload.TensorSpec
RaggedTensor = edgeload.RaggedTensor
SparseTensor = edgeload.SparseTensor

float16, float32, float64 = np.float16, np.float32, np.float64
bfloat16 = ml_dtypes.bfloat16
int8, int16, int32, int64 = np.int8, np.int16, np.int32, np.int64
uint8, uint16, uint32, uint64 = np.uint8, np.uint16, np.uint32, np.uint64
complex64, complex128 = np.complex64, np.complex128
bool = np.bool_
string = "string"


class EagerTensor:
    """A tensor of another library, as TensorFlow's are to edgeload: it has `__array__`, and a dtype and a shape that
    are not NumPy's."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.dtype = SimpleNamespace(name=array.dtype.name, as_numpy_dtype=array.dtype.type)
        self.shape = SimpleNamespace(rank=array.ndim, as_list=lambda: list(array.shape))

    def numpy(self) -> Any:
        return self._array[()]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self._array, dtype=dtype)

    def __len__(self) -> int:
        return len(self._array)


def constant(value: Any, dtype: Any = None) -> EagerTensor:
    """A tensor; Python's floats become float32 and its integers int32, as in TensorFlow."""
    if dtype == string or (dtype is None and np.asarray(value).dtype.kind in "OSU"):
        array = np.array(value, object)
        flat = array.reshape(-1)
        flat[:] = [item.encode() if isinstance(item, str) else item for item in flat]
        return EagerTensor(array)
    if dtype is None and not isinstance(value, np.ndarray | np.generic):
        found = np.asarray(value).dtype
        dtype = {"f": np.float32, "i": np.int32}.get(found.kind)
    return EagerTensor(np.asarray(value, dtype))


def ones(shape: Any, dtype: Any = np.float32) -> EagerTensor:
    return EagerTensor(np.ones(shape, dtype))


def zeros(shape: Any, dtype: Any = np.float32) -> EagerTensor:
    return EagerTensor(np.zeros(shape, dtype))
