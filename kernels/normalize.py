"""FusedBatchNorm (three versions), BatchNormWithGlobalNormalization and LRN.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/FusedBatchNormV3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeload.kernels.elementwise import lower_expression
from edgeload.kernels.kernel import kernel
from edgeload.kernels.pieces import ELEMENTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_CHANNELS_LAST = (b"NHWC", b"NDHWC")
_FLOAT32 = np.dtype(np.float32)


def _channel_axis(node: Node, rank: int) -> int:
    return rank - 1 if node.attrs["data_format"] in _CHANNELS_LAST else 1


def _infer_batch_norm(node: Node, x: Operand, *parameters: Operand) -> list[Spec]:
    """x [batch, ..., channels] or [batch, channels, ...]; scale, offset, mean, variance [channels]. In training
    mean and variance may be empty."""
    require(len(x.shape) in (4, 5), node, f"x of shape {x.shape}", "four or five dimensions")
    channels = x.shape[_channel_axis(node, len(x.shape))]
    names = ("scale", "offset", "mean", "variance")
    for name, parameter in zip(names, parameters, strict=True):
        may_be_empty = node.attrs["is_training"] and name in ("mean", "variance")
        allowed = ((channels,), (0,)) if may_be_empty else ((channels,),)
        require(
            parameter.shape in allowed,
            node,
            f"{name} of shape {parameter.shape}",
            f"one number for each of {channels} channels",
        )
    statistics = Spec(parameters[0].dtype, (channels,))
    specs = [Spec(x.dtype, x.shape), *[statistics] * 4]
    return [*specs, Spec(parameters[0].dtype, ())] if node.op == "FusedBatchNormV3" else specs


def _batch_norm(
    node: Node, x: np.ndarray, scale: np.ndarray, offset: np.ndarray, *given: np.ndarray
) -> list[np.ndarray]:
    """y = (x - mean) / sqrt(variance + epsilon) * scale + offset.

    In training mean and variance are x's own. They are outputs 3 and 4, and outputs 1 and 2 are their running averages,
    with the unbiased variance. In inference, outputs 1 and 2 are the given ones; 3 and 4, which TensorFlow leaves
    undefined, too.
    """
    mean, variance = (one.astype(np.float64) for one in given)
    averages = list(given)
    axis = _channel_axis(node, x.ndim)
    shape = [x.shape[axis] if at == axis else 1 for at in range(x.ndim)]
    if node.attrs["is_training"]:
        others = tuple(at for at in range(x.ndim) if at != axis)
        count = max(1, int(np.prod([x.shape[at] for at in others])))
        mean, variance = x.mean(others, dtype=np.float64), x.var(others, dtype=np.float64)
        share = float(node.attrs.get("exponential_avg_factor", 1.0))
        unbiased = variance * count / max(1, count - 1)
        averages = [mean, unbiased]
        if share != 1.0:
            averages = [one * (1 - share) + new * share for one, new in zip(given, averages, strict=True)]
    factor = scale.astype(np.float64) / np.sqrt(variance + node.attrs["epsilon"])
    y = (x.astype(np.float64) - mean.reshape(shape)) * factor.reshape(shape) + offset.reshape(shape)
    outputs = [y.astype(x.dtype), *(one.astype(scale.dtype) for one in (*averages, mean, variance))]
    return [*outputs, np.zeros((), scale.dtype)] if node.op == "FusedBatchNormV3" else outputs


def _lower_batch_norm(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """First factor = scale / sqrt(variance + epsilon) for each channel, then (x - mean) factor + offset."""
    x, scale, offset, mean, variance = operands
    if node.attrs["is_training"] or any(operand.dtype != _FLOAT32 for operand in operands):
        return NotImplemented
    factor = emit.scratch(_FLOAT32, scale.shape)
    epsilon = float(node.attrs["epsilon"])
    lower_expression(f"mul(a0,rsqrt(add(a1,{epsilon!r})))", [scale, variance], factor, emit)
    after = len(x.shape) - 1 - _channel_axis(node, len(x.shape))
    per_channel = [replace(one, shape=(*one.shape, *(1,) * after)) for one in (mean, factor, offset)]
    lower_expression("add(mul(sub(a0,a1),a2),a3)", [x, *per_channel], outputs[0], emit)
    for source, target in zip((mean, variance, mean, variance), outputs[1:5], strict=True):
        lower_expression("a0", [source], target, emit)
    for reserved in outputs[5:]:
        lower_expression("sub(a0,a0)", [emit.constant(("zero",), lambda: np.zeros((), np.float32))], reserved, emit)
    return None


for _op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
    register(_op, infer=_infer_batch_norm, reference=_batch_norm, lower=_lower_batch_norm)


# ---- BatchNormWithGlobalNormalization: inference only, in graphs of TensorFlow's first year


def _infer_global_norm(node: Node, x: Operand, *parameters: Operand) -> Spec:
    """x [batch, height, width, channels]; mean, variance, beta, gamma [channels]."""
    require(len(x.shape) == 4, node, f"t of shape {x.shape}", "four dimensions")
    for name, parameter in zip(("m", "v", "beta", "gamma"), parameters, strict=True):
        require(parameter.spec == Spec(x.dtype, x.shape[3:]), node, f"{name} is {parameter.spec}", f"{x.shape[3:]}")
    return x.spec


def _global_norm(
    node: Node, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) + beta, the quotient times gamma with scale_after_normalization."""
    with np.errstate(all="ignore"):
        factor = 1 / np.sqrt(variance.astype(np.float64) + node.attrs["variance_epsilon"])
        factor = factor * gamma if node.attrs["scale_after_normalization"] else factor
        return ((x.astype(np.float64) - mean) * factor + beta).astype(x.dtype)


def _lower_global_norm(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    x, mean, variance, beta, gamma = operands
    if getattr(x.dtype, "name", "") not in ("float32", "float64"):
        return NotImplemented
    factor = emit.scratch(x.dtype, variance.shape)
    inverse = f"rsqrt(add(a0,{float(node.attrs['variance_epsilon'])!r}))"
    if node.attrs["scale_after_normalization"]:
        lower_expression(f"mul({inverse},a1)", [variance, gamma], factor, emit)
    else:
        lower_expression(inverse, [variance], factor, emit)
    return lower_expression("add(mul(sub(a0,a1),a2),a3)", [x, mean, factor, beta], outputs[0], emit)


register("BatchNormWithGlobalNormalization", infer=_infer_global_norm, reference=_global_norm, lower=_lower_global_norm)


# ---- LRN: each number divided by a power of the sum of squares around it, along the channels


@kernel("float32[:] x, int64 rows, int64 channels, int64 radius, float32 bias, float32 alpha, float32[:] out")
def window_norm(x, rows, channels, radius, bias, alpha, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[r, c] = bias + alpha sum(x[r, i]^2 for |i - c| <= radius), shape [rows, channels]."""
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        at = row * channels
        for channel in range(channels):
            total = bias - bias
            for other in range(max(0, channel - radius), min(channels, channel + radius + 1)):
                value = x[np.uint64(at + other)]
                total += value * value
            out[np.uint64(at + channel)] = bias + alpha * total


def _infer_lrn(node: Node, x: Operand) -> Spec:
    require(len(x.shape) == 4, node, f"x of shape {x.shape}", "four dimensions")
    require(node.attrs["depth_radius"] >= 0, node, f"depth_radius {node.attrs['depth_radius']}", "0 or more")
    return x.spec


def _lrn(node: Node, x: np.ndarray) -> Any:
    """x / (bias + alpha sum of squares)^beta, the sum over depth_radius channels on each side."""
    channels, radius = x.shape[-1], int(node.attrs["depth_radius"])
    squares = np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(np.square(x.astype(np.float64)), -1)], -1)
    index = np.arange(channels)
    total = squares[..., np.minimum(index + radius + 1, channels)] - squares[..., np.maximum(index - radius, 0)]
    with np.errstate(all="ignore"):
        return (x * (node.attrs["bias"] + node.attrs["alpha"] * total) ** -node.attrs["beta"]).astype(x.dtype)


def _lower_lrn(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    (x,), (out,) = operands, outputs
    beta = float(node.attrs["beta"])
    if x.dtype != _FLOAT32 or not np.isfinite(beta):
        return NotImplemented
    norm = emit.scratch(_FLOAT32, x.shape)
    channels, count = x.shape[-1], int(np.prod(x.shape))
    radius = min(int(node.attrs["depth_radius"]), channels)
    rows = count // max(1, channels)
    tiles = pieces(rows, count, ELEMENTS)
    emit.kernel("window_norm", x, rows, channels, radius, node.attrs["bias"], node.attrs["alpha"], norm, tiles=tiles)
    return lower_expression(f"mul(a0,pow(a1,{-beta!r}))", [x, norm], out, emit)


register("LRN", infer=_infer_lrn, reference=_lrn, lower=_lower_lrn)
