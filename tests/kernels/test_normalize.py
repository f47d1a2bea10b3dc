"""FusedBatchNorm and LRN."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness

RNG = np.random.default_rng(10)


def batch_norm_inputs(shape: tuple[int, ...], channels: int) -> list[np.ndarray]:
    x, scale, offset, mean = (RNG.normal(size=size).astype(np.float32) for size in (shape, *[(channels,)] * 3))
    return [x, scale, offset, mean, RNG.uniform(0.1, 2, channels).astype(np.float32)]


def attrs(is_training: bool, data_format: bytes = b"NHWC", share: float = 1.0) -> dict[str, object]:
    return {"epsilon": 1e-3, "data_format": data_format, "is_training": is_training, "exponential_avg_factor": share}


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_norm_in_inference_scales_every_channel(op: str) -> None:
    harness.check(op, attrs(False), *batch_norm_inputs((2, 3, 5, 7), 7), rtol=2e-6, atol=2e-6)
    harness.check(op, attrs(False, b"NCHW"), *batch_norm_inputs((2, 3, 5, 7), 3), rtol=2e-6, atol=2e-6)


def test_batch_norm_in_training_uses_the_statistics_of_its_input() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    ones, mean = np.ones(3, np.float32), np.arange(3, dtype=np.float32)
    with pytest.raises(harness.NoKernel):
        harness.run("FusedBatchNormV3", attrs(True), x, ones, ones * 0, mean, ones * 2)
    y, *statistics, reserved = harness.reference(
        "FusedBatchNormV3", attrs(True, share=0.5), x, ones, ones * 0, mean, ones * 2
    )
    # as recorded from TensorFlow 2.21
    expected = [[2.25, 3.25, 4.25], [8.5] * 3, [4.5, 5.5, 6.5], [11.25] * 3]
    np.testing.assert_allclose(statistics, expected, rtol=1e-6)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-6)
    assert reserved.shape == ()


def test_parameters_of_the_wrong_size_raise_invalid_graph_error() -> None:
    inputs = batch_norm_inputs((2, 3, 5, 7), 7)
    with pytest.raises(InvalidGraphError, match="offset of shape"):
        harness.infer("FusedBatchNormV3", attrs(False), inputs[0], inputs[1], inputs[2][:3], *inputs[3:])


@pytest.mark.parametrize("radius", [0, 1, 5, 100])
@pytest.mark.parametrize("channels", [1, 3, 17])
def test_lrn_divides_by_the_squares_around(radius: int, channels: int) -> None:
    x = RNG.normal(size=(2, 3, 2, channels)).astype(np.float32)
    lrn = {"T": x.dtype, "depth_radius": radius, "bias": 1.0, "alpha": 0.5, "beta": 0.75}
    harness.check("LRN", lrn, x, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm_with_global_normalization(dtype: str, scales: bool) -> None:
    x = RNG.normal(size=(2, 3, 4, 5)).astype(dtype)
    mean, variance, beta, gamma = RNG.random((4, 5)).astype(dtype)
    norm = {"T": x.dtype, "variance_epsilon": 0.01, "scale_after_normalization": scales}
    op = "BatchNormWithGlobalNormalization"
    harness.check(op, norm, x, mean, variance, beta, gamma, rtol=2e-6, atol=2e-6)
    (found,) = harness.reference(op, norm, x, mean, variance, beta, gamma)
    expected = (x - mean) / np.sqrt(variance + 0.01) * (gamma if scales else 1) + beta
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
