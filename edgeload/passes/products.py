"""The matrix products and convolutions that take bias, epilogue and residual: edgeload's own ops for them.

    _Conv2D, _DepthwiseConv2d, _MatMul   (x, weights, bias[, residual])
    _Conv2DTranspose                     (x, weights, bias, output_shape)

Their attributes are those of the TensorFlow op and `epilogue`, an expression over a0 = the sum with bias and a1 = the
residual, and `has_residual`.
"""

from __future__ import annotations

import numpy as np

from edgeload.graph.ir import Node, Tensor

OWN_OPS = {
    "Conv2D": "_Conv2D",
    "DepthwiseConv2dNative": "_DepthwiseConv2d",
    "Conv2DBackpropInput": "_Conv2DTranspose",
    "MatMul": "_MatMul",
    "BatchMatMul": "_MatMul",
    "BatchMatMulV2": "_MatMul",
    "BatchMatMulV3": "_MatMul",
}
PRODUCTS = frozenset(OWN_OPS.values())
TAKE_RESIDUAL = PRODUCTS - {"_Conv2DTranspose"}


def own_product(node: Node) -> Node | None:
    """The own op, with zero bias, that computes what a TensorFlow op with constant weights does.

    The bias is inputs[2].node, which is not in any graph yet. None if the weights are not constant, the layout is not
    channels-last, the dtype is not float32 or float64, or the op is none of OWN_OPS. Outputs are left for the caller.
    """
    if node.op not in OWN_OPS or node.attrs.get("data_format", b"NHWC") != b"NHWC":
        return None
    x, weights = (node.inputs[2], node.inputs[1]) if node.op == "Conv2DBackpropInput" else node.inputs
    rank = 2 if OWN_OPS[node.op] == "_MatMul" else 4
    if weights.node.op != "Const" or x.node.op == "Const" or weights.dtype not in (np.float32, np.float64):
        return None
    if weights.node.attrs["value"].ndim != rank:
        return None
    attrs = {**node.attrs, "epilogue": "a0", "has_residual": False}
    if rank == 2:
        attrs["transpose_a"] = bool(attrs.pop("adj_x", attrs.get("transpose_a", False)))
        attrs["transpose_b"] = bool(attrs.pop("adj_y", attrs.get("transpose_b", False)))
    own = Node(OWN_OPS[node.op], node.name, attrs=attrs)
    assert isinstance(weights.dtype, np.dtype)
    channels = channels_of(own, weights.node.attrs["value"].shape)
    zeros = constant(f"{node.name}/bias", np.zeros(channels, weights.dtype), ("zeros", channels, weights.dtype.name))
    own.inputs = [x, weights, zeros]
    if node.op == "Conv2DBackpropInput":
        own.inputs.append(node.inputs[0])
    return own


def channels_of(product: Node, weights_shape: tuple[int, ...]) -> int:
    """The number of output channels of an own product."""
    if product.op == "_MatMul":
        return weights_shape[0] if product.attrs["transpose_b"] else weights_shape[1]
    if product.op == "_DepthwiseConv2d":
        return weights_shape[2] * weights_shape[3]
    return weights_shape[2] if product.op == "_Conv2DTranspose" else weights_shape[3]


def scale_weights(product: Node, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The weights with everything that goes to output channel c multiplied by scale[c]."""
    if product.op == "_MatMul":
        return weights * (scale[:, None] if product.attrs["transpose_b"] else scale)
    if product.op == "_DepthwiseConv2d":
        return weights * scale.reshape(weights.shape[2:])
    return weights * (scale[:, None] if product.op == "_Conv2DTranspose" else scale)


class ScaledWeights:
    """Weights times a scale for each output channel, as an array that is computed whenever it is asked for.

    Packing asks once; keeping the product would keep every weight a second time.
    """

    def __init__(self, product: Node, weights: np.ndarray, scale: np.ndarray) -> None:
        self.shape, self.dtype, self.ndim, self.size = weights.shape, weights.dtype, weights.ndim, weights.size
        self.nbytes = weights.nbytes
        self._product = product
        self.weights = weights
        self.scale = scale.astype(weights.dtype)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        with np.errstate(all="ignore"):
            return scale_weights(self._product, np.asarray(self.weights), self.scale)


def output_rank(product: Node) -> int:
    """The least rank that the output can have."""
    return 2 if product.op == "_MatMul" else 4


def constant(name: str, value: np.ndarray | ScaledWeights, key: object) -> Tensor:
    """The output of a new Const."""
    return Node("Const", name, attrs={"value": value, "key": key}).add_output(value.dtype, value.shape)
