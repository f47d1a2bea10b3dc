"""Variables: named arrays that functions share, read from the checkpoint when they are first needed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.array import Array
from edgeload.errors import ArgumentValueError, CorruptModelError, MissingVariableError
from edgeload.objects.arrays import to_array
from edgeload.objects.origins import OfModel
from edgeload.shapes import TensorShape

Shape = tuple[int | None, ...] | None


class State:
    """What the variables of one model share. `version` grows with every assignment to any of them."""

    def __init__(self) -> None:
        self.version = 0


class Variable(OfModel, np.lib.mixins.NDArrayOperatorsMixin):
    """A variable with TensorFlow's names; `v + 1`, `np.asarray(v)` and NumPy's functions take its value.

    `shape` is the declared one, as in TensorFlow: None where assignments may change the size. `is_mutable` is set once
    a function that assigns the variable is built: until then its value may be packed as a constant that is valid for
    one `version`.
    """

    def __init__(
        self,
        name: str,
        dtype: np.dtype,
        shape: Shape,
        *,
        state: State,
        read: Callable[[], np.ndarray] | None = None,
        trainable: bool = True,
        key: str = "",
        synchronization: str = "AUTO",
        aggregation: str = "NONE",
    ) -> None:
        """`read` gives the initial value, at most once; without it the variable is uninitialised. `key` is its name in
        the checkpoint."""
        self.name = name
        self.dtype = dtype
        self.trainable = trainable
        self.key = key
        self.synchronization = synchronization
        self.aggregation = aggregation
        self.version = 0
        self.is_mutable = False
        self.shape = None if shape is None else TensorShape(shape)
        self.state = state
        self._read = read
        self._array: np.ndarray | None = None
        self._is_owned = False
        self._lock = threading.RLock()

    @property
    def array(self) -> np.ndarray:
        """The value itself, to be read only: mapped from the checkpoint until the first assignment, then owned."""
        if self._array is None:
            with self._lock:
                if self._array is None:
                    self._array = self._initial_value()
        return self._array

    @property
    def has_value(self) -> bool:
        return self._array is not None or self._read is not None

    def is_initialized(self, name: str | None = None) -> Array:
        """Whether it has a value, as a bool scalar; `name` is TensorFlow's, and means nothing here."""
        return np.asarray(self.has_value).view(Array)

    def own(self) -> np.ndarray:
        """The value as writable, C-contiguous memory, which stays in place as long as the variable keeps its shape."""
        with self._lock:
            if not self._is_owned:
                self._array = np.array(self.array, order="C", copy=True)
                self._is_owned = True
            assert self._array is not None
            return self._array

    def numpy(self) -> Any:
        """A copy of the value; a scalar as NumPy scalar or bytes. Without a value it is empty, as in TensorFlow."""
        return np.array(self._value_or_empty())[()]

    def read_value(self) -> Array:
        """A copy of the value; without a value it is empty, as in TensorFlow."""
        return np.array(self._value_or_empty()).view(Array)

    value = read_value
    constraint = None

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Variable:
        """Set the value; the other arguments are TensorFlow's, and mean nothing here. Raises ArgumentTypeError, or
        ArgumentValueError if the shape does not fit the declared one."""
        array = to_array(value, self.dtype, f"the value assigned to variable {self.name!r}", casts=True)
        if not fits(array.shape, self.shape):
            raise ArgumentValueError(
                f"Cannot assign value to variable {self.name!r}: Shape mismatch. The variable shape "
                f"{_shape_text(self.shape)}, and the assigned value shape {array.shape} are incompatible."
            )
        with self._lock:
            if self._is_owned and self._array is not None and self._array.shape == array.shape:
                self._array[...] = array
            else:
                self._array = np.array(array, order="C", copy=True)
                self._is_owned = True
            self.touch()
        return self

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Variable:
        """Add to the value. Raises as `assign` does."""
        with self._lock:
            return self.assign(self.array + self._delta(delta))

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Variable:
        """Subtract from the value. Raises as `assign` does."""
        with self._lock:
            return self.assign(self.array - self._delta(delta))

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Set the elements or rows at indices [..., depth] to updates. Raises as `assign` does."""
        return self._scatter(indices, updates, lambda array, at, values: array.__setitem__(at, values))

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Add updates to the elements or rows at indices [..., depth]; equal indices add up."""
        return self._scatter(indices, updates, np.add.at)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Subtract updates from the elements or rows at indices [..., depth]."""
        return self._scatter(indices, updates, np.subtract.at)

    def _scatter(self, indices: Any, updates: Any, change: Callable[[np.ndarray, Any, np.ndarray], None]) -> Variable:
        with self._lock:
            array = np.array(self.array)
            places = tuple(np.moveaxis(self._places(indices), -1, 0))
            change(array, places, to_array(updates, self.dtype, f"the update of variable {self.name!r}", casts=True))
            return self.assign(array)

    def _places(self, indices: Any) -> np.ndarray:
        """Indices [..., depth], none of which is outside of the value."""
        places = np.asarray(indices)
        if (places < 0).any() or (places >= self.array.shape[: places.shape[-1]]).any():
            raise ArgumentValueError(f"indices {places.tolist()} lie outside of {self!r}.")
        return places

    def _delta(self, delta: Any) -> np.ndarray:
        array = to_array(delta, self.dtype, f"the change of variable {self.name!r}", casts=True)
        if array.shape != self.array.shape:
            raise ArgumentValueError(
                f"variable {self.name!r} has the shape {self.array.shape}, the value to add or subtract {array.shape}; "
                "they must be equal."
            )
        return array

    def touch(self) -> None:
        """Note that the value has changed, say, in the memory that `own` gave away."""
        self.version += 1
        self.state.version += 1

    def _value_or_empty(self) -> np.ndarray:
        return self.array if self.has_value else np.empty(0, self.dtype)

    def _initial_value(self) -> np.ndarray:
        if self._read is None:
            raise MissingVariableError(
                f"variable {self.name!r} has no value: the checkpoint has none for it, and nothing was assigned to it."
            )
        array = self._read()
        if array.dtype != self.dtype or not fits(array.shape, self.shape):
            raise CorruptModelError(
                f"variable {self.name!r} is {dtypes.name_of(self.dtype)}{_shape_text(self.shape)}, its "
                f"checkpoint value {self.key!r} is {dtypes.name_of(array.dtype)}{_shape_text(array.shape)}."
            )
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._value_or_empty()
        array = array if array.flags.writeable is False else array.view()
        array.flags.writeable = False
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy or (copy is None and self._is_owned) else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        kwargs.pop("out", None)  # `v += 1` makes a new array, as in TensorFlow; only assign_add changes v
        plain = [self._operand(item) for item in inputs]
        result = getattr(ufunc, method)(*plain, **kwargs)
        return np.asarray(result).view(Array) if isinstance(result, np.ndarray | np.generic) else result

    def _operand(self, item: Any) -> Any:
        """What NumPy computes with: Python's lists have the variable's dtype, as in TensorFlow."""
        if isinstance(item, Variable):
            return np.asarray(item)
        return to_array(item, self.dtype, "the operand") if isinstance(item, list | tuple) else item

    def __getitem__(self, index: Any) -> Array:
        return np.array(self.array[index]).view(Array)

    def __len__(self) -> int:
        return len(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __hash__(self) -> int:
        return id(self)

    def _changed_state(self) -> Any:
        return np.array(self.array) if self.version else None

    def _set_changed_state(self, state: Any) -> None:
        self.assign(state)

    def __deepcopy__(self, memo: Any) -> Variable:
        """A variable of the same value that belongs to no model, unless the whole model is copied."""
        origin, key = getattr(self, "_origin", (None, None))
        if id(origin) in memo:
            return memo[id(origin)].part(key)
        made = Variable(
            self.name,
            self.dtype,
            self.shape,
            state=State(),
            read=np.array(self.array).copy if self.has_value else None,
            trainable=self.trainable,
            synchronization=self.synchronization,
            aggregation=self.aggregation,
        )
        memo[id(self)] = made
        return made

    def ref(self) -> Reference:
        """Something hashable that compares by identity, for sets and keys of dicts."""
        return Reference(self)

    def sparse_read(self, indices: Any, name: str | None = None) -> Array:
        """The elements or rows at these indices."""
        return self.gather_nd(np.asarray(indices)[..., None])

    def gather_nd(self, indices: Any, name: str | None = None) -> Array:
        """The elements or rows at indices [..., depth]."""
        return np.array(self.array[tuple(np.moveaxis(self._places(indices), -1, 0))]).view(Array)

    def get_shape(self) -> Shape:
        return self.shape

    def __repr__(self) -> str:
        shape = _shape_text(self.shape)
        return f"<edgeload.Variable {self.name!r} shape={shape} dtype={dtypes.name_of(self.dtype)}>"

    @property
    def nbytes(self) -> int | None:
        """Bytes of the value by dtype and declared shape. None if a size is unknown; 0 for strings."""
        if self.shape is None or None in self.shape:
            return None
        sizes = [size for size in self.shape if size is not None]
        return 0 if self.dtype == dtypes.STRING else math.prod(sizes) * self.dtype.itemsize


class Reference:
    """A variable by its identity: variables themselves compare by their values."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    def deref(self) -> Variable:
        return self._variable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and other._variable is self._variable

    def __hash__(self) -> int:
        return id(self._variable)


def fits(shape: tuple[int, ...], declared: Shape) -> bool:
    """Whether a concrete shape agrees with a declared one, in which None stands for anything."""
    if declared is None:
        return True
    return len(shape) == len(declared) and all(
        want is None or want == size for size, want in zip(shape, declared, strict=False)
    )


def _shape_text(shape: Shape) -> str:
    return "of any shape" if shape is None else str(shape)
