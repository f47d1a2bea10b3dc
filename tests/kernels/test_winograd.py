"""3 x 3 convolutions by Winograd's filtering: against the float64 reference, for every kind of border, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.kernels import conv, registry, winograd
from edgeload.kernels.winograd import PAIRS, pack_filter, tile_size
from tests.kernels.harness import FakeNode, ImmediateEmit, _operand, check, reference, run

_random = np.random.default_rng(11)
SIZES = tuple(PAIRS)


def floats(*shape: int) -> np.ndarray:
    return _random.standard_normal(shape).astype(np.float32)


def filters(in_c: int, out_c: int) -> np.ndarray:
    return floats(3, 3, in_c, out_c) / np.float32(np.sqrt(9 * in_c))


def attrs(padding: bytes = b"SAME", epilogue: str = "a0", **others: Any) -> dict[str, Any]:
    usual = {"strides": [1, 1, 1, 1], "dilations": [1, 1, 1, 1], "explicit_paddings": [], "data_format": b"NHWC"}
    return {**usual, "padding": padding, "epilogue": epilogue, **others}


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Tiles of this size for every convolution, in many pieces."""
    monkeypatch.setattr(conv, "tile_size", lambda *arguments: request.param)
    monkeypatch.setattr(winograd, "PRODUCTS", 1)
    monkeypatch.setattr(winograd, "ELEMENTS", 1)
    return int(request.param)


@pytest.mark.parametrize(
    ("image", "out_c", "padding"),
    [
        ((2, 7, 9, 16), 32, {"padding": b"SAME"}),
        ((1, 10, 8, 32), 33, {"padding": b"VALID"}),
        ((1, 3, 3, 16), 17, {"padding": b"VALID"}),
        ((3, 1, 17, 16), 7, {"padding": b"SAME"}),
        ((1, 2, 1, 48), 1, {"padding": b"SAME"}),
        ((2, 6, 5, 16), 20, {"padding": b"EXPLICIT", "explicit_paddings": [0, 0, 5, 1, 0, 3, 0, 0]}),
        ((3, 40, 39, 16), 16, {"padding": b"SAME"}),
    ],
)
def test_winograd_equals_the_reference(size: int, image: tuple[int, ...], out_c: int, padding: dict[str, Any]) -> None:
    inputs = (floats(*image), filters(image[3], out_c), floats(out_c))
    check("_Conv2D", attrs(**padding), *inputs, constants=(1, 2), rtol=1e-5, atol=1e-5)


def test_bias_and_filter_alone_are_enough(size: int) -> None:
    check("Conv2D", attrs(), floats(1, 9, 9, 16), filters(16, 32), constants=(1,), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("epilogue", ["relu(add(a0,a1))", "add(mul(a0,sigmoid(a0)),a1)", "clamp(a0,0.0,6.0)"])
def test_the_epilogue_follows_the_bias(size: int, epilogue: str) -> None:
    inputs = (floats(2, 6, 7, 16), filters(16, 20), floats(20), floats(2, 6, 7, 20))
    check("_Conv2D", attrs(epilogue=epilogue), *inputs, constants=(1, 2), rtol=1e-5, atol=1e-5)


def test_the_output_may_take_over_the_memory_of_the_residual(size: int) -> None:
    inputs = [floats(1, 7, 7, 16), filters(16, 20), floats(20), floats(1, 7, 7, 20)]
    node = FakeNode("_Conv2D", "test", attrs(epilogue="relu(add(a0,a1))"))
    want = reference("_Conv2D", node.attrs, *inputs)[0]
    operands = [_operand(array, i, i in (1, 2)) for i, array in enumerate(inputs)]
    emit = ImmediateEmit(1)
    conv.lower_conv2d(node, operands, [operands[3]], emit)
    assert emit.shared
    np.testing.assert_allclose(operands[3].buffer, want, rtol=1e-5, atol=1e-5)


def test_many_channels_are_as_exact_as_a_direct_sum(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = (floats(1, 16, 16, 256), filters(256, 32), floats(32))
    want = reference("_Conv2D", attrs(), *(array.astype(np.float64) for array in inputs))[0]
    filtered = run("_Conv2D", attrs(), *inputs, constants=(1, 2))[0]
    monkeypatch.setattr(conv, "tile_size", lambda *arguments: None)
    direct = run("_Conv2D", attrs(), *inputs, constants=(1, 2))[0]
    error, usual = (np.sqrt(np.mean((got - want) ** 2)) for got in (filtered, direct))
    assert error < 2.2 * usual


def test_a_nan_stays_within_the_tiles_that_see_it(size: int) -> None:
    inputs = (floats(1, 16, 16, 16), filters(16, 16), floats(16))
    want = run("_Conv2D", attrs(), *inputs, constants=(1, 2))[0]
    inputs[0][0, 9, 9, 3] = np.nan
    got = run("_Conv2D", attrs(), *inputs, constants=(1, 2))[0]
    first = 8 - 8 % size
    seen = slice(first, first + 2 * size)  # pixels 8 to 10 see it
    assert np.isnan(got[0, 8:11, 8:11]).all()
    got[0, seen, seen] = want[0, seen, seen]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("size", SIZES)
def test_a_filter_of_one_tap_moves_the_image(size: int) -> None:
    filter = np.zeros((3, 3, 2, 1), np.float32)
    filter[1, 1, 1, 0] = 1
    packed = pack_filter(filter, size, 4)
    assert packed.shape == ((size + 2) ** 2, 1, 2, 4)
    assert not packed[:, :, 0].any() and not packed[..., 1:].any() and packed[:, 0, 1, 0].any()


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize(
    ("out_shape", "in_c", "wanted"),
    [
        ((1, 56, 56, 64), 64, 4),
        ((1, 28, 28, 128), 128, 4),
        ((1, 14, 14, 256), 256, 2),
        ((1, 7, 7, 512), 512, None),  # reading 1.8 times the weights takes longer than multiplying
        ((8, 7, 7, 512), 512, None),  # as for one image: all batches share their weights
        ((1, 24, 24, 32), 128, 4),
        ((1, 56, 56, 256), 256, 2),  # tiles of 4 are not exact enough
        ((1, 3, 3, 32), 128, None),
        ((1, 112, 112, 64), 3, None),
        ((1, 64, 64, 8), 8, None),
    ],
)
def test_winograd_is_for_many_pixels_and_channels(
    lanes: int, out_shape: tuple[int, ...], in_c: int, wanted: int | None
) -> None:
    assert tile_size(out_shape, in_c, lanes, 6, 2 * lanes, 4) == wanted


@pytest.mark.parametrize(
    ("dtype", "changes"),
    [("float64", {}), ("float32", {"strides": [1, 2, 2, 1]}), ("float32", {"dilations": [1, 1, 2, 1]})],
)
def test_other_convolutions_are_direct_sums(size: int, dtype: str, changes: dict[str, Any]) -> None:
    inputs = (floats(1, 8, 8, 16).astype(dtype), filters(16, 8).astype(dtype), floats(8).astype(dtype))
    node, emit = FakeNode("_Conv2D", "test", attrs(**changes)), ImmediateEmit(1)
    operands = [_operand(array, i, i > 0) for i, array in enumerate(inputs)]
    found = registry.find("_Conv2D")
    assert found is not None
    shape = found.infer(node, *operands).shape
    conv.lower_conv2d(node, operands, [_operand(np.zeros(shape, dtype))], emit)
    assert not any("winograd" in name for name in emit.kernels)
