"""The rewrites that TensorFlow does before it runs a graph."""

from __future__ import annotations

import numpy as np

from edgeload.passes.fold_constants import fold_constants
from edgeload.passes.rewrite_as_tensorflow import rewrite_as_tensorflow
from tests.graph.interpret import interpret
from tests.passes.build import Build, apply


def test_division_by_a_constant_multiplies_by_its_reciprocal() -> None:
    b = Build()
    b.returns(b.op("RealDiv", b.const(np.float32(100)), b.op("RealDiv", b.input(), b.const(48.0))))
    b.arrays = [np.float32(100)]
    assert rewrite_as_tensorflow(b.graph) == 1
    (quotient,) = interpret(b.graph, b.arrays)
    assert quotient < 48, "an exact division gives 48, TensorFlow 47.999996"


def test_division_by_what_is_no_constant_stays() -> None:
    b = Build()
    b.returns(b.op("RealDiv", b.input(3), b.input(3)), b.op("Div", b.input(3, dtype=np.int32), b.const(3, np.int32)))
    assert rewrite_as_tensorflow(b.graph) == 0


def test_division_by_a_captured_constant_stays() -> None:
    b = Build()
    captured = b.const(3.0)
    captured.node.attrs["is_captured"] = True
    b.returns(b.op("RealDiv", b.input(3), b.op("Square", captured)))
    assert apply(b, fold_constants, rewrite_as_tensorflow) == (0, {"RealDiv": 1})


def test_constants_one_after_the_other_become_one() -> None:
    b = Build()
    x = b.input(4, 3)
    product = b.op("RealDiv", b.op("Mul", b.const(3.0), x), b.weights(3))
    b.returns(b.op("AddV2", b.const(2.0), b.op("AddV2", product, b.const(1.0))))
    assert apply(b, rewrite_as_tensorflow) == (3, {"AddV2": 1, "Mul": 1})


def test_a_shared_product_keeps_its_constant() -> None:
    b = Build()
    product = b.op("Mul", b.input(3), b.const(3.0))
    b.returns(product, b.op("Mul", product, b.const(2.0)))
    assert rewrite_as_tensorflow(b.graph) == 0


def test_constants_whose_product_would_be_larger_stay() -> None:
    b = Build()
    b.returns(b.op("Mul", b.op("Mul", b.input(4, 3), b.weights(3)), b.weights(4, 1)))
    assert rewrite_as_tensorflow(b.graph) == 0


def test_functions_one_after_the_other_become_the_exact_one() -> None:
    b = Build()
    x = b.input(2, 5)
    b.returns(
        b.op("Log", b.op("Softmax", x)),
        b.op("Log", b.op("AddV2", b.const(1.0), b.op("Square", x))),
        b.op("Sub", b.op("Exp", x), b.const(1.0)),
        b.op("Log", b.op("AddV2", b.const(2.0), b.op("Abs", x))),
        b.op("Sub", b.const(1.0), b.op("Exp", x)),
    )
    count, ops = apply(b, rewrite_as_tensorflow)
    assert count == 3
    assert ops == {
        "LogSoftmax": 1,
        "Log1p": 1,
        "Square": 1,
        "Expm1": 1,
        "Log": 1,
        "AddV2": 1,
        "Abs": 1,
        "Sub": 1,
        "Exp": 1,
    }


def test_logarithm_of_a_softmax_that_underflows_is_finite() -> None:
    b = Build()
    b.returns(b.op("Log", b.op("Softmax", b.input(1, 2))))
    b.arrays = [np.float32([[0, 500]])]
    rewrite_as_tensorflow(b.graph)
    np.testing.assert_allclose(interpret(b.graph, b.arrays)[0], [[-500, 0]])
