"""Arithmetic of sparse tensors."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import check, infer, reference, run
from tests.kernels.test_sparse import INDICES, NO_INDICES, NO_VALUES, SHAPE, VALUES

DENSE = np.zeros((2, 3), np.float32)
DENSE[tuple(INDICES.T)] = VALUES


def test_small_sums_are_left_out_where_both_have_a_value() -> None:
    other = np.array([[0, 0], [0, 1]]), np.array([0.5, -0.75], np.float32), SHAPE
    indices, values, shape = reference("SparseAdd", {}, INDICES, VALUES, SHAPE, *other, np.array(0.5, np.float32))
    assert indices.tolist() == [[0, 0], [1, 0], [1, 2]]
    assert values.tolist() == [0.5, 2, 3] and shape.tolist() == [2, 3]
    with pytest.raises(ExecutionError, match="do not match"):
        reference("SparseAdd", {}, INDICES, VALUES, SHAPE, *other[:2], np.array([2, 4]), np.array(0, np.float32))


def test_sums_of_nothing_are_empty() -> None:
    nothing = NO_INDICES, NO_VALUES, SHAPE
    indices, values, _ = reference("SparseAdd", {}, *nothing, *nothing, np.array(0, np.float32))
    assert indices.shape == (0, 2) and values.shape == (0,)


def test_a_dense_tensor_is_added() -> None:
    (got,) = reference("SparseTensorDenseAdd", {}, INDICES, VALUES, SHAPE, np.ones((2, 3), np.float32))
    assert got.tolist() == (DENSE + 1).tolist()


@pytest.mark.parametrize("adjoint_a", [False, True])
@pytest.mark.parametrize("adjoint_b", [False, True])
def test_products_equal_those_of_dense_matrices(adjoint_a: bool, adjoint_b: bool) -> None:
    a = DENSE.T if adjoint_a else DENSE
    b = np.arange(a.shape[1] * 4, dtype=np.float32).reshape(a.shape[1], 4)
    attrs = {"adjoint_a": adjoint_a, "adjoint_b": adjoint_b}
    arrays = INDICES, VALUES, SHAPE, b.T.copy() if adjoint_b else b
    (got,) = reference("SparseTensorDenseMatMul", attrs, *arrays)
    np.testing.assert_allclose(got, a @ b)
    assert infer("SparseTensorDenseMatMul", attrs, *arrays)[0].shape == got.shape


def test_products_over_different_sizes_are_invalid() -> None:
    attrs = {"adjoint_a": False, "adjoint_b": False}
    with pytest.raises(InvalidGraphError, match="inner sizes"):
        infer("SparseTensorDenseMatMul", attrs, INDICES, VALUES, SHAPE, np.ones((2, 2), np.float32))
    with pytest.raises(ExecutionError, match="out of bounds"):
        reference("SparseTensorDenseMatMul", attrs, INDICES + 5, VALUES, SHAPE, np.ones((3, 2), np.float32))


@pytest.mark.parametrize("axes", [[0], [1], [-1], [0, 1]])
def test_reductions_are_dense(axes: list[int]) -> None:
    for keep_dims in (False, True):
        attrs = {"keep_dims": keep_dims}
        arrays = INDICES, VALUES, SHAPE, np.array(axes, np.int32)
        (got,) = reference("SparseReduceSum", attrs, *arrays)
        np.testing.assert_allclose(got, DENSE.sum(tuple(axes), keepdims=keep_dims))
        assert infer("SparseReduceSum", attrs, *arrays)[0].shape == got.shape


def test_maxima_are_of_the_values_that_are_there() -> None:
    (got,) = reference("SparseReduceMax", {"keep_dims": False}, INDICES, -VALUES, SHAPE, np.array([0], np.int32))
    assert got.tolist() == [-2, -1, -3]
    (got,) = reference("SparseReduceMax", {"keep_dims": False}, NO_INDICES, NO_VALUES, SHAPE, np.array([0], np.int32))
    assert got.tolist() == [0, 0, 0]


def test_softmax_is_over_the_values_of_a_row() -> None:
    (got,) = reference("SparseSoftmax", {}, INDICES, VALUES, SHAPE)
    np.testing.assert_allclose(got, [1, 1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-6)


def test_dense_operands_are_broadcast() -> None:
    row = np.array([1, 2, 4], np.float32)
    assert reference("SparseDenseCwiseMul", {}, INDICES, VALUES, SHAPE, row)[0].tolist() == [2, 2, 12]
    assert reference("SparseDenseCwiseDiv", {}, INDICES, VALUES, SHAPE, row)[0].tolist() == [0.5, 2, 0.75]
    assert reference("SparseDenseCwiseAdd", {}, INDICES, VALUES, SHAPE, row)[0].tolist() == [3, 3, 7]
    with pytest.raises(ExecutionError, match="does not broadcast"):
        reference("SparseDenseCwiseMul", {}, INDICES, VALUES, SHAPE, np.ones(2, np.float32))
    with pytest.raises(ExecutionError, match="division by zero"):
        zeros = np.zeros(3, np.int64)
        reference("SparseDenseCwiseDiv", {}, INDICES, VALUES.astype(np.int64), SHAPE, zeros)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize("adjoint_a, adjoint_b", [(False, False), (True, False), (False, True)])
def test_sparse_products_have_a_kernel(dtype: type, adjoint_a: bool, adjoint_b: bool) -> None:
    random = np.random.default_rng(7)
    indices = np.stack([random.integers(0, 6, 9), random.integers(0, 5, 9)], 1)
    inner = 6 if adjoint_a else 5
    b = (random.standard_normal((7, inner) if adjoint_b else (inner, 7)) * 9).astype(dtype)
    attrs = {"adjoint_a": adjoint_a, "adjoint_b": adjoint_b}
    values, shape = (random.standard_normal(9) * 9).astype(dtype), np.array([6, 5])
    check("SparseTensorDenseMatMul", attrs, indices, values, shape, b, constants=(2,), rtol=1e-5, atol=1e-4)
    check("SparseTensorDenseMatMul", attrs, indices[:0], values[:0], shape, b, constants=(2,))
    with pytest.raises(ValueError, match="out of bounds"):
        run("SparseTensorDenseMatMul", attrs, indices + 2, values, shape, b, constants=(2,))
