"""Pads, epilogues, residuals, views and element-wise groups."""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Graph, Tensor
from edgeload.passes.delay_views import delay_views
from edgeload.passes.fold_batch_norm import fold_batch_norm
from edgeload.passes.fold_pad import fold_pad
from edgeload.passes.fuse_elementwise import fuse_elementwise
from edgeload.passes.fuse_epilogue import fuse_epilogue
from edgeload.passes.fuse_residual import fuse_residual
from tests.passes.build import CONV, Build, apply


def conv(b: Build, x: Tensor, channels: int = 4) -> Tensor:
    return b.op("Conv2D", x, b.weights(3, 3, 3, channels), **CONV)


def epilogues(graph: Graph) -> list[str]:
    return [node.attrs["epilogue"] for node in graph.nodes if "epilogue" in node.attrs]


def test_zero_padding_moves_into_the_convolution() -> None:
    b = Build()
    padded = b.op("Pad", b.input(1, 5, 5, 3), b.const([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32))
    b.returns(b.op("Conv2D", padded, b.weights(3, 3, 3, 4), strides=[1, 2, 2, 1], padding=b"VALID"))
    assert apply(b, fold_batch_norm, fold_pad) == (1, {"_Conv2D": 1})
    assert b.graph.outputs[0].node.attrs["explicit_paddings"] == [0, 0, 1, 2, 0, 3, 0, 0]


def test_padding_of_channels_or_with_ones_or_before_same_stays() -> None:
    for paddings, value, padding in (
        ([[0, 0], [1, 1], [1, 1], [1, 0]], 0.0, b"VALID"),
        ([[0, 0], [1, 1], [1, 1], [0, 0]], 1.0, b"VALID"),
        ([[0, 0], [1, 1], [1, 1], [0, 0]], 0.0, b"SAME"),
    ):
        b = Build()
        padded = b.op("PadV2", b.input(1, 5, 5, 3), b.const(paddings, np.int32), b.const(value))
        weights = b.weights(3, 3, padded.shape[3], 4)  # type: ignore[index]
        b.returns(b.op("Conv2D", padded, weights, strides=[1, 1, 1, 1], padding=padding))
        assert apply(b, fold_batch_norm, fold_pad)[0] == 0


def test_swish_becomes_an_epilogue() -> None:
    b = Build()
    y = conv(b, b.input(1, 5, 5, 3))
    b.returns(b.op("Mul", y, b.op("Sigmoid", y)))
    assert apply(b, fold_batch_norm, fuse_epilogue) == (1, {"_Conv2D": 1})
    assert epilogues(b.graph) == ["mul(a0,sigmoid(a0))"]


def test_hard_swish_becomes_an_epilogue_with_literals() -> None:
    b = Build()
    y = conv(b, b.input(1, 5, 5, 3))
    gate = b.op("Mul", b.op("Relu6", b.op("AddV2", b.op("Relu", y), b.const(3.0))), b.const(1 / 6))
    b.returns(b.op("Mul", b.op("Relu", y), gate))
    apply(b, fold_batch_norm, fuse_epilogue)
    assert epilogues(b.graph) == ["mul(relu(a0),mul(clamp(add(relu(a0),3.0),0.0,6.0),0.16666667))"]


def test_epilogue_ends_before_a_tensor_that_is_read_elsewhere() -> None:
    b = Build()
    y = b.op("Relu", conv(b, b.input(1, 5, 5, 3)))
    b.returns(y, b.op("Sigmoid", y))
    assert apply(b, fold_batch_norm, fuse_epilogue) == (1, {"_Conv2D": 1, "Sigmoid": 1})


def test_convolution_that_is_an_output_has_no_epilogue() -> None:
    b = Build()
    y = conv(b, b.input(1, 5, 5, 3))
    b.returns(y, b.op("Relu", y))
    assert apply(b, fold_batch_norm, fuse_epilogue) == (0, {"_Conv2D": 1, "Relu": 1})


def test_operand_that_is_no_single_element_stays_outside_of_the_epilogue() -> None:
    b = Build()
    y = conv(b, b.input(1, 5, 5, 3))
    b.returns(b.op("Maximum", y, b.weights(4)))
    assert apply(b, fold_batch_norm, fuse_epilogue)[1] == {"_Conv2D": 1, "Maximum": 1}


def test_residual_and_activation_behind_it_fuse() -> None:
    b = Build()
    x = b.input(1, 5, 5, 3)
    y = conv(b, x, 3)
    b.returns(b.op("Relu", b.op("AddV2", b.op("Abs", x), y)))
    assert apply(b, fold_batch_norm, fuse_residual, fuse_epilogue) == (1, {"_Conv2D": 1, "Abs": 1})
    assert epilogues(b.graph) == ["relu(add(a0,a1))"]


def test_the_later_of_two_convolutions_takes_the_residual() -> None:
    b = Build()
    x = b.input(1, 5, 5, 3)
    first, second = conv(b, x), conv(b, x)
    b.returns(b.op("AddV2", second, first))
    assert apply(b, fold_batch_norm, fuse_residual) == (1, {"_Conv2D": 2})
    assert epilogues(b.graph) == ["a0", "add(a0,a1)"]


def test_sums_in_a_row_fuse_one_residual_each() -> None:
    b = Build()
    x = b.input(1, 5, 5, 3)
    total = b.op("AddV2", conv(b, x), conv(b, x))
    b.returns(b.op("AddV2", total, conv(b, x)))
    assert apply(b, fold_batch_norm, fuse_residual) == (2, {"_Conv2D": 3})


def test_residual_that_broadcasts_or_is_the_product_itself_stays() -> None:
    for make in (lambda b, y: b.input(1, 1, 1, 4), lambda b, y: y, lambda b, y: b.input(2, 5, 5, 4)):
        b = Build()
        y = conv(b, b.input(1, 5, 5, 3))
        b.returns(b.op("AddV2", y, make(b, y)))
        assert apply(b, fold_batch_norm, fuse_residual)[0] == 0


def test_product_with_another_reader_takes_no_residual() -> None:
    b = Build()
    x = b.input(1, 5, 5, 3)
    y = conv(b, x, 3)
    b.returns(b.op("AddV2", y, x), b.op("Relu", y))
    assert apply(b, fold_batch_norm, fuse_residual)[0] == 0


def test_bias_and_activation_move_through_a_squeeze() -> None:
    b = Build()
    y = b.op("Conv2D", b.input(2, 1, 9, 3), b.weights(1, 3, 3, 4), **CONV)
    biased = b.op("AddV2", b.op("Squeeze", y, squeeze_dims=[1]), b.weights(1, 1, 4))
    b.returns(b.op("Mul", biased, b.op("Sigmoid", biased)))
    count, ops = apply(b, fold_batch_norm, delay_views, fold_batch_norm, fuse_epilogue)
    assert ops == {"_Conv2D": 1, "Reshape": 1}


def test_bias_behind_a_reshape_that_splits_channels_stays() -> None:
    b = Build()
    y = b.op("MatMul", b.input(3, 5), b.weights(5, 8))
    b.returns(b.op("BiasAdd", b.op("Reshape", y, b.const([3, 4, 2], np.int32)), b.weights(2)))
    assert apply(b, fold_batch_norm, delay_views)[0] == 0


def test_the_bias_of_attention_heads_moves_into_the_product() -> None:
    b = Build()
    y = b.op("Reshape", b.op("MatMul", b.input(6, 5), b.weights(5, 8)), b.const([2, 3, 4, 2], np.int32))
    b.returns(b.op("AddV2", y, b.weights(1, 4, 2)))
    assert apply(b, fold_batch_norm, delay_views, fold_batch_norm)[1] == {"_MatMul": 1, "Reshape": 1}


def test_a_constant_that_differs_within_the_channels_of_a_product_stays() -> None:
    b = Build()
    y = b.op("Reshape", b.op("MatMul", b.input(6, 5), b.weights(5, 8)), b.const([6, 2, 4], np.int32))
    b.returns(b.op("AddV2", y, b.weights(2, 1)))
    assert apply(b, fold_batch_norm, delay_views)[0] == 0


def test_residual_of_a_reshaped_product_is_reshaped_too() -> None:
    b = Build()
    y = b.op("Reshape", b.op("MatMul", b.input(6, 5), b.weights(5, 4)), b.const([2, 3, 4], np.int32))
    b.returns(b.op("AddV2", y, b.input(2, 3, 4)))
    assert apply(b, fold_batch_norm, delay_views, fuse_residual)[1] == {"_MatMul": 1, "Reshape": 2}


def test_elementwise_nodes_of_one_shape_become_one() -> None:
    b = Build()
    x = b.input(2, 3, 4)
    b.returns(b.op("Relu", b.op("AddV2", b.op("Mul", x, b.weights(4)), b.const(0.5))))
    assert apply(b, fuse_elementwise) == (1, {"_Elementwise": 1})
    assert b.graph.outputs[0].node.attrs["expression"] == "relu(add(mul(a0,a1),0.5))"


def test_smaller_inner_result_is_not_computed_again_for_every_element() -> None:
    b = Build()
    small = b.op("Exp", b.op("Neg", b.input(4)))
    b.returns(b.op("Relu", b.op("Mul", b.input(2, 3, 4), small)))
    assert apply(b, fuse_elementwise) == (2, {"_Elementwise": 2})


def test_result_that_is_read_elsewhere_stays() -> None:
    b = Build()
    y = b.op("Exp", b.input(2, 3))
    b.returns(b.op("Relu", y), y)
    assert apply(b, fuse_elementwise) == (0, {"Exp": 1, "Relu": 1})


def test_comparison_and_choice_fuse_and_keep_their_dtypes() -> None:
    b = Build()
    x = b.input(2, 3)
    if_less = b.op("Less", x, b.const(0.0))
    b.returns(b.op("SelectV2", if_less, b.op("Neg", x), b.const(2.0), T=np.dtype(np.float32)))
    assert apply(b, fuse_elementwise) == (1, {"_Elementwise": 1})
    assert b.graph.outputs[0].dtype == np.float32


def test_long_chains_split_into_kernels_of_limited_length() -> None:
    b = Build()
    x = b.input(2, 3)
    for _ in range(60):
        x = b.op("Tanh", x)
    count, ops = apply(b.returns(x), fuse_elementwise)
    assert 2 < count < 6 and set(ops) == {"_Elementwise"}


def test_doubling_does_not_grow_without_bound() -> None:
    b = Build()
    x = b.op("Tanh", b.input(2, 3))
    for _ in range(40):
        x = b.op("Sub", b.op("AddV2", x, x), x)
    b.returns(x)
    apply(b, fuse_elementwise)
    fused = [node.attrs["expression"] for node in b.graph.nodes if node.op == "_Elementwise"]
    assert fused and max(map(len, fused)) < 1000
