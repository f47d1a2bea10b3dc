"""Transposes round batched matrix products."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.graph.ir import Tensor
from edgeload.passes.fuse_transposes import fuse_transposes
from tests.passes.build import Build, apply


def transposed(b: Build, x: Tensor, *perm: int) -> Tensor:
    return b.op("Transpose", x, b.const(perm, np.int32), Tperm=np.dtype(np.int32))


def reshaped(b: Build, x: Tensor, *shape: int) -> Tensor:
    return b.op("Reshape", x, b.const(shape, np.int32), Tshape=np.dtype(np.int32))


def test_attention_needs_no_copies() -> None:
    b = Build()
    query, key, value = (transposed(b, b.input(2, 6, 3, 5), 0, 2, 1, 3) for _ in range(3))
    scores = b.op("BatchMatMulV2", query, key, adj_x=False, adj_y=True)
    context = b.op("BatchMatMulV2", b.op("Softmax", scores), value, adj_x=False, adj_y=False)
    b.returns(reshaped(b, transposed(b, context, 0, 2, 1, 3), 12, 15))
    assert apply(b, fuse_transposes) == (2, {"_BatchMatMul": 2, "Softmax": 1, "Reshape": 1})


def test_a_right_side_may_be_turned_and_reshapes_that_change_nothing_may_stand_between() -> None:
    b = Build()
    left = reshaped(b, transposed(b, b.input(6, 3, 5), 1, 0, 2), 3, 6, 5)
    right = reshaped(b, transposed(b, b.input(4, 3, 5), 1, 2, -3), 3, 5, 4)
    product = reshaped(b, b.op("BatchMatMul", left, right, adj_x=False, adj_y=False), 3, 6, 4)
    b.returns(transposed(b, product, 1, 0, 2))
    assert apply(b, fuse_transposes) == (1, {"_BatchMatMul": 1})


def test_a_left_side_that_is_turned_by_its_product_stays_as_it_is() -> None:
    b = Build()
    right = transposed(b, b.input(5, 3, 4), 1, 0, 2)
    b.returns(b.op("BatchMatMulV2", b.input(3, 5, 6), right, adj_x=True, adj_y=False))
    assert apply(b, fuse_transposes) == (1, {"_BatchMatMul": 1})


def test_a_transpose_that_something_else_reads_stays_for_it() -> None:
    b = Build()
    left = transposed(b, b.input(6, 3, 5), 1, 0, 2)
    product = b.op("BatchMatMulV2", left, b.input(3, 5, 4), adj_x=False, adj_y=False)
    b.returns(b.op("Neg", left), product)
    assert apply(b, fuse_transposes) == (1, {"_BatchMatMul": 1, "Transpose": 1, "Neg": 1})


def test_a_product_that_something_else_reads_keeps_its_order() -> None:
    b = Build()
    product = b.op("BatchMatMulV2", b.input(3, 6, 5), b.input(3, 5, 4), adj_x=False, adj_y=False)
    b.returns(product, transposed(b, product, 1, 0, 2))
    assert apply(b, fuse_transposes) == (0, {"BatchMatMulV2": 1, "Transpose": 1})


@pytest.mark.parametrize("is_result", [False, True])
def test_what_lies_apart_is_copied(is_result: bool) -> None:
    b = Build()
    left = b.input(3, 5, 6)
    left = b.op("Neg", left) if is_result else transposed(b, left, 0, 2, 1)
    product = b.op("BatchMatMulV2", left, b.input(3, 5, 4), adj_x=is_result, adj_y=False)
    b.returns(transposed(b, product, 0, 2, 1) if is_result else product)
    count, ops = apply(b, fuse_transposes)
    assert (count, ops["Transpose"]) == (0, 1)


def test_a_constant_right_side_and_integers_stay() -> None:
    b = Build()
    left, turned = (transposed(b, b.input(6, 3, 5, dtype=dtype), 1, 0, 2) for dtype in (np.float32, np.int32))
    product = b.op("BatchMatMulV2", left, b.weights(3, 5, 4), adj_x=False, adj_y=False)
    whole = b.op("BatchMatMulV2", turned, b.input(3, 5, 4, dtype=np.int32), adj_x=False, adj_y=False)
    b.returns(product, whole)
    assert apply(b, fuse_transposes)[0] == 0
