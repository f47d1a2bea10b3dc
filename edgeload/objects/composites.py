"""Values that consist of several tensors: ragged and sparse tensors and indexed slices, with TensorFlow's names.

https://www.tensorflow.org/api_docs/python/tf/RaggedTensor, SparseTensor, IndexedSlices. They hold NumPy arrays and
compute nothing; functions of a model take them and return them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.array import Array
from edgeload.errors import ArgumentTypeError, ArgumentValueError
from edgeload.objects.arrays import is_tensor, strings


class SparseTensor:
    """values[i] stands at indices[i]; everything else is zero.

    indices: int64 [count, rank]. values: [count]. dense_shape: int64 [rank]. Raises ArgumentValueError for shapes that
    contradict each other.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.indices = _tensor(indices, np.int64)
        self.values = _tensor(values)
        self.dense_shape = _tensor(dense_shape, np.int64)
        if self.indices.size == 0 and self.indices.ndim == 1:
            self.indices = self.indices.reshape(0, len(self.dense_shape)).view(Array)
        shapes = self.indices.shape, self.values.shape, self.dense_shape.shape
        if self.indices.ndim != 2 or shapes[1:] != ((shapes[0][0],), (shapes[0][1],)):
            raise ArgumentValueError(
                f"a SparseTensor has indices [count, rank], values [count] and dense_shape [rank]; found {shapes[0]}, "
                f"{shapes[1]} and {shapes[2]}."
            )

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dense_shape.tolist())

    def get_shape(self) -> tuple[int, ...]:
        return self.shape

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices.tolist()}, values={self.values.tolist()}, "
            f"dense_shape={self.dense_shape.tolist()})"
        )


class IndexedSlices:
    """values[i] is slice indices[i] of a tensor of shape dense_shape (or None)."""

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values = _tensor(values)
        self.indices = _tensor(indices)
        self.dense_shape = None if dense_shape is None else _tensor(dense_shape)

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    def __repr__(self) -> str:
        return f"IndexedSlices(indices={self.indices.tolist()}, values={self.values.tolist()})"


class RaggedTensor:
    """Rows of different lengths: row i of the innermost ragged dimension is flat_values[splits[i]:splits[i + 1]], where
    splits is the last of nested_row_splits, whose first is the outermost. Made by the `from_...` functions."""

    def __init__(self, flat_values: Any, nested_row_splits: Sequence[Any]) -> None:
        """Row splits are int64, or int32 if all are int32 arrays. Raises ArgumentValueError for splits that do not
        begin with 0, grow, and end with the length of what they split."""
        self.flat_values = _tensor(flat_values)
        found = [np.asarray(splits) for splits in nested_row_splits]
        is_int32 = all(
            is_tensor(given) and array.dtype == np.int32 for given, array in zip(nested_row_splits, found, strict=True)
        )
        dtype = np.int32 if is_int32 and found else np.int64
        self.nested_row_splits = tuple(_tensor(splits, dtype) for splits in found)
        if not self.nested_row_splits:
            raise ArgumentValueError("a RaggedTensor has at least one ragged dimension; found no row splits.")
        lengths = [len(splits) - 1 for splits in self.nested_row_splits[1:]] + [_length(self.flat_values)]
        for splits, length in zip(self.nested_row_splits, lengths, strict=True):
            _check_splits(splits, length)

    @classmethod
    def from_nested_row_splits(cls, flat_values: Any, nested_row_splits: Sequence[Any], validate: bool = True) -> Any:
        return cls(flat_values, nested_row_splits)

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, validate: bool = True) -> RaggedTensor:
        """Row i is values[row_splits[i]:row_splits[i + 1]]. `values` may be ragged itself."""
        if isinstance(values, RaggedTensor):
            return cls(values.flat_values, (row_splits, *values.nested_row_splits))
        return cls(values, (row_splits,))

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, validate: bool = True) -> RaggedTensor:
        """The next row_lengths[i] values are row i."""
        lengths = _tensor(row_lengths, None if is_tensor(row_lengths) else np.int64)
        return cls.from_row_splits(values, np.concatenate([[0], np.cumsum(lengths)]).astype(lengths.dtype))

    @classmethod
    def from_nested_row_lengths(cls, flat_values: Any, nested_row_lengths: Sequence[Any], validate: bool = True) -> Any:
        value = flat_values
        for lengths in reversed(nested_row_lengths):
            value = cls.from_row_lengths(value, lengths)
        return value

    @classmethod
    def from_value_rowids(
        cls, values: Any, value_rowids: Any, nrows: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """values[i] belongs to row value_rowids[i], which never falls; there are `nrows` rows, or as many as named."""
        rows = _tensor(value_rowids, None if is_tensor(value_rowids) else np.int64)
        count = int(nrows) if nrows is not None else int(rows[-1]) + 1 if rows.size else 0
        if rows.size and (rows.min() < 0 or rows.max() >= count or (np.diff(rows) < 0).any()):
            raise ArgumentValueError(
                f"value_rowids must not fall, and lie between 0 and {count}; found {rows.tolist()}."
            )
        return cls.from_row_lengths(values, np.bincount(rows, minlength=count).astype(rows.dtype))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any, validate: bool = True) -> RaggedTensor:
        """Row i begins at row_starts[i] and ends where the next begins."""
        starts = _tensor(row_starts, None if is_tensor(row_starts) else np.int64)
        return cls.from_row_splits(values, np.append(starts, starts.dtype.type(_length(values))))

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any, validate: bool = True) -> RaggedTensor:
        """Row i ends before row_limits[i], where the next begins."""
        limits = _tensor(row_limits, None if is_tensor(row_limits) else np.int64)
        return cls.from_row_splits(values, np.concatenate([np.zeros(1, limits.dtype), limits]))

    @property
    def values(self) -> Any:
        """The rows one after the other: flat values, or a ragged tensor of one dimension less."""
        if len(self.nested_row_splits) == 1:
            return self.flat_values
        return RaggedTensor(self.flat_values, self.nested_row_splits[1:])

    @property
    def row_splits(self) -> Array:
        return self.nested_row_splits[0]

    @property
    def ragged_rank(self) -> int:
        return len(self.nested_row_splits)

    @property
    def dtype(self) -> np.dtype:
        return self.flat_values.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Sizes, None for ragged dimensions."""
        return len(self.row_splits) - 1, *[None] * self.ragged_rank, *self.flat_values.shape[1:]

    def nrows(self) -> Array:
        return _tensor(len(self.row_splits) - 1, self.row_splits.dtype)

    def row_lengths(self) -> Array:
        return _tensor(np.diff(self.row_splits))

    def row_starts(self) -> Array:
        return _tensor(self.row_splits[:-1])

    def row_limits(self) -> Array:
        return _tensor(self.row_splits[1:])

    def value_rowids(self) -> Array:
        """The row of each of `values`."""
        rows = np.arange(len(self.row_splits) - 1, dtype=self.row_splits.dtype)
        return _tensor(np.repeat(rows, np.diff(self.row_splits)))

    def bounding_shape(self) -> Array:
        """The shape of `to_tensor()`."""
        longest = [int(np.diff(splits).max(initial=0)) for splits in self.nested_row_splits]
        return _tensor([len(self.row_splits) - 1, *longest, *self.flat_values.shape[1:]], self.row_splits.dtype)

    def to_list(self) -> list[Any]:
        """Nested lists of Python values."""
        items = self.values.to_list() if self.ragged_rank > 1 else self.flat_values.tolist()
        splits = self.row_splits.tolist()
        return [items[start:end] for start, end in zip(splits[:-1], splits[1:], strict=True)]

    def to_tensor(self, default_value: Any = None) -> Array:
        """A tensor of the bounding shape, with `default_value` (zero, or the empty text) where rows are too short."""
        if default_value is None:
            default_value = b"" if self.dtype == dtypes.STRING else self.dtype.type(0)
        out = np.empty(self.bounding_shape().tolist(), self.dtype)
        out[...] = default_value
        columns: list[Any] = [np.arange(_length(self.flat_values))]
        for splits in reversed(self.nested_row_splits):
            rows = np.repeat(np.arange(len(splits) - 1), np.diff(splits))[columns[0]]
            columns = [rows, columns[0] - np.asarray(splits)[rows], *columns[1:]]
        out[tuple(columns)] = self.flat_values
        return out.view(Array)

    def numpy(self) -> np.ndarray:
        """An array of the bounding shape if all rows are equally long, else an object array of rows."""
        rows = [row.numpy() if isinstance(row, RaggedTensor) else np.asarray(row) for row in self]
        if len({row.shape for row in rows}) <= 1 and not any(row.dtype == object != self.dtype for row in rows):
            return np.stack(rows) if rows else np.zeros((0, 0, *self.flat_values.shape[1:]), self.dtype)
        out = np.empty(len(rows), object)
        out[:] = rows
        return out

    def __getitem__(self, index: Any) -> Any:
        """A row by its number, or a ragged tensor of the rows of a slice."""
        count = len(self.row_splits) - 1
        if isinstance(index, slice):
            return self._take(np.arange(count)[index])
        if isinstance(index, tuple):
            first = self[index[0]]
            return first[index[1:] if len(index) > 2 else index[1]] if len(index) > 1 else first
        row = range(count)[index]
        return self.values[int(self.row_splits[row]) : int(self.row_splits[row + 1])]

    def _take(self, rows: np.ndarray) -> RaggedTensor:
        """The rows with these numbers."""
        lengths = np.diff(self.row_splits)[rows]
        starts = np.asarray(self.row_splits)[rows]
        places = np.concatenate(
            [np.arange(start, start + n) for start, n in zip(starts, lengths, strict=True)] or [rows]
        )
        values = self.values._take(places) if self.ragged_rank > 1 else self.flat_values[places]
        return RaggedTensor.from_row_lengths(values, lengths)

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"<edgeload.RaggedTensor {self.to_list()!r}>"


def _tensor(value: Any, dtype: Any = None) -> Array:
    """A value as an array; Python's floats become float32 and its integers int32 where no dtype is asked for, and texts
    bytes, as in TensorFlow."""
    if type(value) is Array and dtype in (None, value.dtype):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "SUO":
        return strings(value, "the tensor").view(Array)
    if dtype is None and not is_tensor(value):
        dtype = {"f": np.float32, "i": np.int32}.get(array.dtype.kind)
    if dtype is not None and array.dtype != dtype:
        if array.size and array.dtype.kind not in "iu" and np.dtype(dtype).kind in "iu":
            raise ArgumentTypeError(f"expected integers, found {array.dtype} {array.tolist()!r:.60}.")
        array = array.astype(dtype)
    return array.view(Array)


def _length(values: Any) -> int:
    if isinstance(values, RaggedTensor):
        return len(values)
    array = np.asarray(values)
    if array.ndim == 0:
        raise ArgumentValueError("the values of a RaggedTensor have at least one dimension; found a scalar.")
    return len(array)


def _check_splits(splits: np.ndarray, length: int) -> None:
    if splits.ndim != 1 or not len(splits) or splits[0] != 0 or splits[-1] != length or (np.diff(splits) < 0).any():
        raise ArgumentValueError(
            f"row splits begin with 0, never fall, and end with the number of values, {length}; found "
            f"{splits.tolist()!r:.80}."
        )
