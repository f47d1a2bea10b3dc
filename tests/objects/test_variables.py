"""Variables: lazy reading, assignment, NumPy's view of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import ArgumentTypeError, ArgumentValueError, CorruptModelError, MissingVariableError
from edgeload.objects.variables import State, Variable


def variable(value: Any, shape: Any = "value", **options: Any) -> Variable:
    array = np.asarray(value, np.float32)
    array.flags.writeable = False
    declared = array.shape if shape == "value" else shape
    return Variable("v:0", array.dtype, declared, state=options.pop("state", State()), read=lambda: array, **options)


def test_a_value_is_read_when_it_is_first_needed_and_once() -> None:
    reads = []
    v = Variable(
        "v:0", np.dtype(np.int32), (2,), state=State(), read=lambda: reads.append(1) or np.array([1, 2], np.int32)
    )
    assert v.shape == (2,) and reads == []
    assert v.numpy().tolist() == [1, 2] and v.read_value().numpy().tolist() == [1, 2]
    assert reads == [1]


def test_assign_changes_the_value_and_counts_versions() -> None:
    state = State()
    v = variable([1, 2], state=state)
    assert v.assign([3, 4]) is v
    v.assign_add([1, 1])
    v.assign_sub([0, 5])
    assert v.numpy().tolist() == [4, 0]
    assert v.version == 3 and state.version == 3


def test_owned_memory_stays_in_place_while_the_shape_stays() -> None:
    v = variable([1, 2])
    memory = v.own()
    v.assign([5, 6])
    assert v.own() is memory and memory.tolist() == [5, 6]


def test_numpy_gives_a_copy_that_later_assignments_do_not_change() -> None:
    v = variable([1, 2]).assign([3, 4])
    before, viewed = v.numpy(), np.asarray(v)
    v.assign([9, 9])
    assert before.tolist() == [3, 4] and viewed.tolist() == [3, 4]


def test_scalars_are_numpy_scalars() -> None:
    assert variable(3.0).numpy() == np.float32(3) and isinstance(variable(3.0).numpy(), np.float32)
    assert float(variable(3.0)) == 3.0


def test_a_variable_takes_part_in_arithmetic() -> None:
    v = variable([1, 2])
    assert (v + 1).tolist() == [2, 3]
    assert (2 * v).tolist() == [2, 4]
    assert np.sum(v) == 3
    v += 1
    assert isinstance(v, np.ndarray) and v.tolist() == [2, 3]


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ArgumentValueError, match=r"Shape mismatch.The variable shape \(2,\)".replace(".The", ". The")):
        variable([1, 2]).assign([1, 2, 3])


def test_a_variable_of_unknown_size_takes_every_size() -> None:
    v = variable([1, 2], shape=(None,))
    assert v.assign([1, 2, 3]).numpy().shape == (3,) and v.shape == (None,)
    with pytest.raises(ArgumentValueError):
        v.assign([[1]])


def test_a_float_for_an_integer_variable_is_refused() -> None:
    v = Variable("v:0", np.dtype(np.int32), (), state=State(), read=lambda: np.array(1, np.int32))
    with pytest.raises(ArgumentTypeError, match="int32"):
        v.assign(1.5)
    assert v.assign(np.int64(7)).numpy() == 7


def test_an_uninitialised_variable_is_empty_until_it_is_assigned() -> None:
    v = Variable("v:0", np.dtype(np.float32), (1,), state=State())
    assert not v.has_value and not v.is_initialized()
    assert v.numpy().shape == v.read_value().shape == np.asarray(v).shape == (0,)
    with pytest.raises(MissingVariableError, match="v:0"):
        v.assign_add([1.0])
    assert v.assign([1.0]).numpy().tolist() == [1.0]


def test_a_checkpoint_value_of_another_dtype_raises() -> None:
    v = Variable("v:0", np.dtype(np.float32), (1,), state=State(), read=lambda: np.zeros(1), key="k")
    with pytest.raises(CorruptModelError, match="float64"):
        v.numpy()
