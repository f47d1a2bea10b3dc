"""Softmax and LogSoftmax."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness

RNG = np.random.default_rng(8)
ATTRS = {"T": np.dtype("float32")}


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("shape", [(1,), (2,), (3, 7), (2, 3, 17), (5, 16), (3, 75), (4, 1000), (0, 3), (3, 0)])
def test_softmax_of_any_shape(op: str, shape: tuple[int, ...]) -> None:
    harness.check(op, ATTRS, RNG.normal(0, 5, shape).astype(np.float32), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_large_logits_do_not_overflow(op: str) -> None:
    x = np.array([[1e4, 1e4 + 1, -1e4], [3e38, -3e38, 0], [-3e38, -3e38, -3e38]], np.float32)
    harness.check(op, ATTRS, x, rtol=2e-6, atol=1e-6)
    assert np.isfinite(harness.run("Softmax", ATTRS, x)[0]).all()


@pytest.mark.parametrize("cols", [20, 75])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_masked_logits_and_nan(op: str, cols: int) -> None:
    x = RNG.normal(size=(6, cols)).astype(np.float32)
    x[0, 5:], x[1], x[2, 3], x[3, 17], x[4, :2] = -np.inf, -np.inf, np.inf, np.nan, (1000, np.nan)
    harness.check(op, ATTRS, x, rtol=2e-6, atol=1e-6)


def test_softmax_may_take_over_its_inputs_memory() -> None:
    from edgeload.kernels import registry

    x = RNG.normal(size=(3, 21)).astype(np.float32)
    (expected,) = harness.reference("Softmax", ATTRS, x)
    operand = registry.Operand(x.dtype, x.shape, buffer=x)
    found = registry.find("Softmax")
    assert found is not None and found.lower is not None
    found.lower(harness.FakeNode("Softmax", "s", ATTRS), [operand], [operand], harness.ImmediateEmit(1))
    np.testing.assert_allclose(x, expected, rtol=2e-6)


def test_a_scalar_has_no_softmax() -> None:
    with pytest.raises(InvalidGraphError, match="one or more dimensions"):
        harness.infer("Softmax", ATTRS, np.zeros((), np.float32))


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_float64_has_its_own_kernel(op: str) -> None:
    x = np.concatenate([RNG.normal(0, 30, (5, 17)), [[-np.inf] * 17, [1e308] * 17]])
    harness.check(op, {"T": x.dtype}, x, rtol=1e-14, atol=1e-14)
