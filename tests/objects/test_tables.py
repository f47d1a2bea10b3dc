"""Lookup tables and variables as ops: their references, shape rules and kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeload import dtypes
from edgeload.errors import ExecutionError, InvalidGraphError
from edgeload.kernels import registry
from edgeload.kernels.registry import Operand, Spec
from edgeload.kernels.tables import Table
from edgeload.objects.variables import State, Variable
from tests.kernels.harness import FakeNode, ImmediateEmit

INT64, STRING = np.dtype(np.int64), dtypes.STRING


def strings(*items: bytes) -> np.ndarray:
    return np.array(items, STRING)


def run(op: str, *inputs: Any, **attrs: Any) -> Any:
    found = registry.find(op)
    assert found is not None and found.reference is not None
    return found.reference(FakeNode(op, "test", attrs), *inputs)


def static_table() -> Table:
    table = run("HashTableV2", key_dtype=STRING, value_dtype=INT64)
    run("LookupTableImportV2", table, strings(b"a", b"b"), np.array([10, 20]))
    return table


def test_missing_keys_give_the_default() -> None:
    found = run("LookupTableFindV2", static_table(), np.array([[b"b", b"x"]], STRING), np.array(-1))
    assert found.tolist() == [[20, -1]] and found.dtype == INT64
    assert run("LookupTableSizeV2", static_table()) == 2


def test_integer_keys_and_string_values() -> None:
    table = run("HashTableV2", key_dtype=INT64, value_dtype=STRING)
    run("InitializeTableV2", table, np.array([1, 2]), strings(b"one", b"two"))
    assert run("LookupTableFindV2", table, np.array([2, 3]), np.array(b"?", STRING)).tolist() == [b"two", b"?"]


def test_a_static_table_is_filled_once() -> None:
    table = static_table()
    run("LookupTableImportV2", table, strings(b"b", b"a"), np.array([20, 10]))
    with pytest.raises(ExecutionError, match="already initialized"):
        run("LookupTableImportV2", table, strings(b"a"), np.array([1]))
    with pytest.raises(ExecutionError, match="read-only"):
        run("LookupTableInsertV2", table, strings(b"a"), np.array([1]))


def test_duplicate_keys_must_agree() -> None:
    table = Table("t", STRING, INT64, is_static=True)
    table.initialize(strings(b"a", b"a"), np.array([1, 1]))
    with pytest.raises(ExecutionError, match="different value for same key"):
        Table("t", STRING, INT64, is_static=True).initialize(strings(b"a", b"a"), np.array([1, 2]))


def test_an_unfilled_table_raises() -> None:
    with pytest.raises(ExecutionError, match="not initialized"):
        run("LookupTableFindV2", Table("t", STRING, INT64, is_static=True), strings(b"a"), np.array(0))


def test_mutable_tables_insert_replace_remove_and_export() -> None:
    table = run("MutableHashTableV2", key_dtype=INT64, value_dtype=np.dtype(np.float32))
    run("LookupTableInsertV2", table, np.array([1, 2, 1]), np.float32([1, 2, 3]))
    run("LookupTableRemoveV2", table, np.array([2, 9]))
    keys, values = run("LookupTableExportV2", table)
    assert keys.tolist() == [1] and values.tolist() == [3]
    run("LookupTableImportV2", table, np.array([7]), np.float32([70]))
    assert run("LookupTableFindV2", table, np.array([1, 7]), np.float32(0).reshape(())).tolist() == [0, 70]


def test_many_replacements_do_not_pile_up() -> None:
    table = Table("t", INT64, INT64)
    for value in range(1000):
        table.insert(np.array([0, 1]), np.array([value, value]))
    assert len(table) == 2 and len(table._values) < 200
    assert table.find(np.array([1]), np.array(0)).tolist() == [999]


def test_values_may_be_vectors() -> None:
    table = run("MutableHashTableOfTensorsV2", key_dtype=INT64, value_dtype=INT64, value_shape=(2,))
    run("LookupTableInsertV2", table, np.array([5]), np.array([[1, 2]]))
    assert run("LookupTableFindV2", table, np.array([[5], [6]]), np.array([0, 0])).tolist() == [[[1, 2]], [[0, 0]]]


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        ((-2, -1), {}, {b"a x": 0, b"b y": 1}),
        ((-2, -1), {"offset": 5, "vocab_size": 1}, {b"a x": 5}),
        ((1, -1), {}, {b"x": 0, b"y": 1}),
    ],
)
def test_a_vocabulary_file_fills_a_table(columns: Any, options: Any, expected: Any, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"a x\r\nb y\n")
    table = Table("t", STRING, INT64, is_static=True)
    attrs = {
        "key_index": columns[0],
        "value_index": columns[1],
        "delimiter": b" ",
        "vocab_size": -1,
        "offset": 0,
        **options,
    }
    run("InitializeTableFromTextFileV2", table, np.array(str(tmp_path / "words").encode(), STRING), **attrs)
    keys, values = table.export()
    assert dict(zip(keys.tolist(), values.tolist(), strict=True)) == expected


@pytest.mark.parametrize(("columns", "vocab_size"), [((5, -1), -1), ((-2, 0), -1), ((-2, -1), 9)])
def test_a_vocabulary_file_that_does_not_fit_raises(columns: Any, vocab_size: int, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"a\nb\n")
    attrs = {
        "key_index": columns[0],
        "value_index": columns[1],
        "delimiter": b"\t",
        "vocab_size": vocab_size,
        "offset": 0,
    }
    with pytest.raises(ExecutionError):
        run(
            "InitializeTableFromTextFileV2",
            Table("t", STRING, INT64),
            np.array(str(tmp_path / "words").encode(), STRING),
            **attrs,
        )
    with pytest.raises(ExecutionError, match="cannot read"):
        run("InitializeTableFromTextFileV2", Table("t", STRING, INT64), np.array(b"/nowhere", STRING), **attrs)


def variable(value: Any) -> Variable:
    array = np.asarray(value)
    return Variable("v:0", array.dtype, array.shape, state=State()).assign(array)


def handle(resource: Any) -> Operand:
    return Operand(dtypes.RESOURCE, (), resource=resource)


class VariableEmit(ImmediateEmit):
    """Runs kernels on the variable's own memory."""

    def variable(self, operand: Operand) -> Operand:
        memory = operand.resource.own()
        return Operand(memory.dtype, memory.shape, buffer=memory)


@pytest.mark.parametrize(
    ("op", "expected"), [("AssignVariableOp", 3), ("AssignAddVariableOp", 13), ("AssignSubVariableOp", 7)]
)
@pytest.mark.parametrize("workers", [1, 3])
def test_assignments_by_kernel_equal_the_reference(op: str, expected: int, workers: int) -> None:
    by_kernel, by_reference = variable(np.full(17, 10, np.float32)), variable(np.full(17, 10, np.float32))
    value = np.full(17, 3, np.float32)
    found = registry.find(op)
    assert found is not None and found.lower is not None and found.stateful
    operands = [handle(by_kernel), Operand(value.dtype, value.shape, 1, None, value)]
    assert list(found.infer(FakeNode(op, "test", {}), *operands)) == []
    assert found.lower(FakeNode(op, "test", {}), operands, [], VariableEmit(workers)) is not NotImplemented
    run(op, by_reference, value)
    assert by_kernel.numpy().tolist() == by_reference.numpy().tolist() == [expected] * 17


def test_a_read_is_a_copy() -> None:
    v = variable(np.float32([1, 2]))
    read = run("ReadVariableOp", v, dtype=v.dtype)
    v.assign([3, 4])
    assert read.tolist() == [1, 2]


def test_gathers_follow_batch_dims_and_refuse_indices_outside() -> None:
    v = variable(np.arange(12).reshape(2, 3, 2))
    assert run("ResourceGather", v, np.array([[1]]), batch_dims=0).tolist() == [[v.array[1].tolist()]]
    assert run("ResourceGather", v, np.array([[2], [0]]), batch_dims=1).tolist() == [[[4, 5]], [[6, 7]]]
    assert run("ResourceGatherNd", v, np.array([[1, 2]])).tolist() == [[10, 11]]
    with pytest.raises(ExecutionError, match=r"indices\[1\] = 2 is not in \[0, 2\)"):
        run("ResourceGather", v, np.array([0, 2]), batch_dims=0)
    specs = registry.find("ResourceGather").infer(
        FakeNode("ResourceGather", "t", {"batch_dims": 1}), handle(v), Operand(INT64, (2, 4))
    )  # type: ignore[union-attr]
    assert specs == Spec(v.dtype, (2, 4, 2))


def test_scatters_add_up_repeated_indices() -> None:
    v = variable(np.zeros((3, 2), np.float32))
    run("ResourceScatterAdd", v, np.array([1, 1]), np.ones((2, 2), np.float32))
    run("ResourceScatterNdUpdate", v, np.array([[2, 0]]), np.float32([5]))
    assert v.numpy().tolist() == [[0, 0], [2, 2], [5, 0]]


def test_a_table_in_place_of_a_variable_is_refused() -> None:
    with pytest.raises(InvalidGraphError, match="must be a variable"):
        registry.find("ReadVariableOp").infer(FakeNode("ReadVariableOp", "t", {}), handle(static_table()))  # type: ignore[union-attr]


def test_a_mutable_variable_of_unknown_size_has_no_shape_while_planning() -> None:
    v = Variable("v:0", np.dtype(np.float32), (None,), state=State()).assign([1, 2])
    infer = registry.find("ReadVariableOp").infer  # type: ignore[union-attr]
    node = FakeNode("ReadVariableOp", "t", {})
    assert infer(node, handle(v)) == Spec(v.dtype, (2,))
    v.is_mutable = True
    assert infer(node, handle(v)) == Spec(v.dtype, None)


def test_assigning_to_a_slice_broadcasts_the_value_and_keeps_the_rest() -> None:
    v = variable(np.zeros((3, 4), np.float32))
    whole = {f"{name}_mask": 0 for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}

    def put(begin: list[int], end: list[int], strides: list[int], value: Any, **masks: int) -> None:
        places = (np.array(numbers) for numbers in (begin, end, strides))
        run("ResourceStridedSliceAssign", v, *places, np.asarray(value, np.float32), **{**whole, **masks})

    put([0, 0], [3, 4], [2, 3], [[1, 2], [3, 4]])
    put([1, 0], [0, 0], [1, 1], 7, shrink_axis_mask=1, begin_mask=2, end_mask=2)
    put([2, 3], [0, 1], [-1, -1], [[8], [9]])
    assert v.numpy().tolist() == [[1, 0, 0, 2], [7, 7, 9, 9], [3, 0, 8, 8]]
    with pytest.raises(ExecutionError, match="must broadcast"):
        put([0, 0], [2, 2], [1, 1], [1, 2, 3])
