"""A checkpoint without its weights, for those who only want to know what a model would do."""

from __future__ import annotations

import math

import numpy as np

from edgeload import dtypes
from edgeload.savedmodel.bundle import Bundle

_READ_NBYTES = 1 << 10  # smaller tensors may decide shapes, and are read


class Outline(Bundle):
    """A bundle whose larger numeric tensors are zeros, of the right dtype and shape and without memory. Their data is
    not read, and need not be there."""

    def read(self, key: str) -> np.ndarray:
        """The value of a small tensor or of one of strings, zeros for others. Raises as `Bundle.read` does."""
        dtype, shape = self.spec(key)
        if (
            not isinstance(dtype, np.dtype)
            or dtype == dtypes.STRING
            or math.prod(shape) * dtype.itemsize <= _READ_NBYTES
        ):
            return super().read(key)
        return np.broadcast_to(np.zeros((), dtype), shape)
