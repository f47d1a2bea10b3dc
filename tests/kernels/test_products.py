"""Convolutions and matrix products: kernels against their float64 references, at odd sizes and with every attribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from edgeload.kernels.conv import Window, neighbours, tile_shape
from tests.kernels.harness import ImmediateEmit, check, infer, reference

_random = np.random.default_rng(7)


def floats(*shape: int, dtype: str = "float32") -> np.ndarray:
    return _random.standard_normal(shape).astype(dtype)


def conv_attrs(stride: int = 1, dilation: int = 1, padding: bytes = b"SAME", **others: Any) -> dict[str, Any]:
    return {
        "strides": [1, stride, stride, 1],
        "dilations": [1, dilation, dilation, 1],
        "padding": padding,
        "explicit_paddings": [],
        "data_format": b"NHWC",
        "epilogue": "a0",
        **others,
    }


@pytest.mark.parametrize(
    ("image", "kernel", "groups", "out_c", "attrs"),
    [
        ((2, 7, 9, 5), (3, 3), 1, 24, {}),
        ((1, 8, 8, 16), (1, 1), 1, 33, {"epilogue": "clamp(a0,0.0,6.0)"}),
        ((3, 9, 7, 8), (3, 5), 2, 6, {"stride": 2}),
        ((1, 11, 11, 3), (3, 3), 1, 17, {"dilation": 2, "padding": b"VALID"}),
        ((2, 6, 5, 4), (2, 3), 4, 4, {"padding": b"EXPLICIT", "explicit_paddings": [0, 0, 2, 1, 0, 3, 0, 0]}),
        ((1, 1, 1, 100), (1, 1), 1, 70, {}),
        ((1, 2, 1, 1), (5, 5), 1, 1, {}),
        ((0, 4, 4, 2), (3, 3), 1, 8, {}),
        ((3, 1, 9, 4), (1, 3), 1, 8, {"padding": b"VALID"}),
        ((2, 6, 7, 3), (2, 2), 1, 5, {"padding": b"VALID", "stride": 2}),
        ((2, 5, 16, 3), (3, 3), 1, 1, {"epilogue": "sigmoid(a0)"}),  # neighbouring pixels side by side
        ((1, 9, 24, 4), (2, 5), 1, 3, {"padding": b"VALID", "stride": 2, "epilogue": "relu(a0)"}),
    ],
)
def test_conv2d_equals_its_reference(
    image: tuple[int, ...], kernel: tuple[int, int], groups: int, out_c: int, attrs: dict[str, Any]
) -> None:
    filter = floats(*kernel, image[3] // groups, out_c) / np.float32(np.sqrt(np.prod(kernel) * image[3]))
    check("_Conv2D", conv_attrs(**attrs), floats(*image), filter, floats(out_c), constants=(1, 2), rtol=2e-5, atol=2e-5)


def test_conv2d_adds_the_residual_before_the_activation() -> None:
    inputs = (floats(1, 5, 5, 4), floats(3, 3, 4, 20), floats(20), floats(1, 5, 5, 20))
    check(
        "_Conv2D", conv_attrs(epilogue="sigmoid(add(a0,a1))"), *inputs, constants=(1, 2), rtol=2e-5, atol=2e-5
    )  # fmt: skip


def test_conv2d_of_few_channels_adds_the_residual() -> None:
    inputs = (floats(2, 3, 12, 4), floats(3, 3, 4, 3), floats(3), floats(2, 3, 12, 3))
    check("_Conv2D", conv_attrs(epilogue="relu(add(a0,a1))"), *inputs, constants=(1, 2), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("kernel_w", "stride", "out_c", "out_w", "count"),
    [(7, 1, 3, 1024, 2), (3, 1, 1, 28, 7), (3, 1, 8, 28, 1), (1, 1, 1, 64, 1), (3, 1, 3, 7, 1)],
)
def test_few_channels_take_neighbouring_pixels_into_their_vectors(
    kernel_w: int, stride: int, out_c: int, out_w: int, count: int
) -> None:
    assert neighbours(Window(1, kernel_w, 1, stride, 1, 1, 0, 0, 1, out_w), out_c, 8) == count


@pytest.mark.parametrize(("columns", "vectors"), [(0, 4), (5, 4), (32, 4), (48, 6), (96, 6), (144, 6), (1000, 8)])
def test_a_single_row_takes_the_narrowest_tile_with_the_fewest_panels(columns: int, vectors: int) -> None:
    emit = ImmediateEmit(1)
    emit.lanes = 8
    assert tile_shape(emit, 1, columns, np.dtype(np.float32)) == (1, vectors)


def test_conv2d_in_float64() -> None:
    inputs = (floats(1, 5, 6, 3, dtype="float64"), floats(3, 3, 3, 7, dtype="float64"))
    check("Conv2D", conv_attrs(), *inputs, constants=(1,), rtol=1e-13, atol=1e-13)


def test_conv2d_reference_equals_a_direct_sum() -> None:
    x, filter = floats(1, 4, 5, 2), floats(2, 3, 2, 3)
    want = np.zeros((1, 3, 3, 3))
    for oy in range(3):
        for ox in range(3):
            want[0, oy, ox] = np.einsum("hwc,hwco->o", x[0, oy : oy + 2, ox : ox + 3].astype("f8"), filter)
    got = reference("Conv2D", conv_attrs(padding=b"VALID"), x, filter)[0]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_conv2d_nan_reaches_only_the_pixels_that_see_it() -> None:
    x = np.zeros((1, 5, 5, 8), np.float32)
    x[0, 0, 0, 0] = np.nan
    check("_Conv2D", conv_attrs(), x, floats(3, 3, 8, 8), floats(8), constants=(1, 2))


@pytest.mark.parametrize(
    ("attrs", "filter_shape"),
    [
        ({"stride": 0}, (3, 3, 4, 8)),
        ({"padding": b"EXPLICIT", "explicit_paddings": [0, 0, -1, 0, 0, 0, 0, 0]}, (3, 3, 4, 8)),
        ({"padding": b"VALID"}, (9, 9, 4, 8)),
        ({}, (3, 3, 3, 8)),
        ({"padding": b"NONE"}, (3, 3, 4, 8)),
    ],
)
def test_conv2d_with_impossible_attributes_raises(attrs: dict[str, Any], filter_shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidGraphError, match="Conv2D node 'test'"):
        infer("Conv2D", conv_attrs(**attrs), floats(1, 5, 5, 4), floats(*filter_shape))


@pytest.mark.parametrize(
    ("image", "kernel", "multiplier", "attrs"),
    [
        ((2, 9, 11, 17), (3, 3), 1, {}),
        ((1, 8, 8, 8), (3, 3), 1, {"stride": 2, "epilogue": "clamp(a0,0.0,6.0)"}),
        ((1, 12, 13, 3), (3, 3), 2, {"dilation": 2, "padding": b"VALID"}),
        ((1, 3, 3, 5), (7, 7), 1, {}),
        (
            (1, 9, 9, 16),
            (3, 3),
            1,
            {"stride": 2, "padding": b"EXPLICIT", "explicit_paddings": [0, 0, 0, 1, 0, 1, 0, 0]},
        ),
        ((1, 4, 30, 8), (2, 3), 1, {"dilation": 3}),
        # narrow images, in strips: several in a batch, more rows than a strip has, enough work for several workers
        ((3, 21, 5, 64), (3, 3), 1, {"epilogue": "clamp(a0,0.0,6.0)"}),
        ((2, 19, 14, 40), (5, 5), 1, {"stride": 2}),
        ((5, 3, 7, 48), (5, 3), 1, {}),
    ],
)
def test_depthwise_equals_its_reference(
    image: tuple[int, ...], kernel: tuple[int, int], multiplier: int, attrs: dict[str, Any]
) -> None:
    inputs = (floats(*image), floats(*kernel, image[3], multiplier), floats(image[3] * multiplier))
    check("_DepthwiseConv2d", conv_attrs(**attrs), *inputs, constants=(1, 2), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("is_a_transposed", [False, True])
@pytest.mark.parametrize("is_b_transposed", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_matmul_equals_its_reference(is_a_transposed: bool, is_b_transposed: bool, rows: int) -> None:
    attrs = {"transpose_a": is_a_transposed, "transpose_b": is_b_transposed}
    a = floats(17, rows) if is_a_transposed else floats(rows, 17)
    b = floats(33, 17) if is_b_transposed else floats(17, 33)
    check("MatMul", attrs, a, b, constants=(1,), rtol=2e-5, atol=2e-5)
    check("MatMul", attrs, a, b, rtol=2e-5, atol=2e-5)


def test_batched_matmul_broadcasts_its_batches() -> None:
    check("BatchMatMulV2", {"adj_x": False, "adj_y": True}, floats(2, 1, 5, 7), floats(3, 9, 7), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("a", "b", "adjoint", "perms"),
    [
        ((2, 7, 3, 5), (2, 9, 3, 5), (False, False), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])),
        ((2, 7, 3, 5), (2, 9, 3, 5), (False, True), ([0, 2, 1, 3], [0, 2, 1, 3], [2, 1, 0, 3])),
        ((7, 3, 17), (3, 17, 33), (False, False), ([1, 0, 2], [0, 1, 2], [0, 1, 2])),
        ((3, 5, 7), (3, 5, 9), (True, False), ([0, 1, 2], [0, 1, 2], [1, 0, 2])),
        ((3, 7, 5), (3, 5, 9), (True, False), ([0, 2, 1], [0, 1, 2], [0, 1, 2])),
        ((4, 1, 6), (5, 6, 3), (False, True), ([1, 0, 2], [2, 0, 1], [0, 1, 2])),
        ((2, 0, 3, 5), (2, 9, 3, 5), (False, False), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])),
        ((2, 4, 3, 0), (2, 9, 3, 0), (False, False), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])),
    ],
)
def test_batched_matmul_of_permuted_tensors(
    dtype: str,
    a: tuple[int, ...],
    b: tuple[int, ...],
    adjoint: tuple[bool, bool],
    perms: tuple[list[int], list[int], list[int]],
) -> None:
    perm_a, perm_b, perm_out = perms
    attrs = {"adj_x": adjoint[0], "adj_y": adjoint[1], "perm_a": perm_a, "perm_b": perm_b, "perm_out": perm_out}
    check("_BatchMatMul", attrs, floats(*a, dtype=dtype), floats(*b, dtype=dtype), rtol=2e-5, atol=2e-5)


def test_an_empty_inner_dimension_gives_zeros() -> None:
    check("MatMul", {"transpose_a": False, "transpose_b": False}, floats(3, 0), floats(0, 5))


def test_matmul_of_sizes_that_do_not_fit_raises() -> None:
    with pytest.raises(InvalidGraphError, match="inner sizes 4 and 5"):
        infer("MatMul", {"transpose_a": False, "transpose_b": False}, floats(3, 4), floats(5, 2))


@pytest.mark.parametrize(
    ("image", "kernel", "out_c", "stride", "padding", "out_size", "epilogue"),
    [
        ((2, 5, 6, 7), (3, 3), 4, 2, b"SAME", (10, 12), "relu(a0)"),
        ((1, 4, 4, 3), (2, 2), 5, 2, b"VALID", (8, 8), "a0"),
        ((1, 4, 4, 8), (5, 5), 3, 3, b"VALID", (14, 14), "a0"),
        ((1, 4, 4, 8), (5, 5), 3, 3, b"VALID", (16, 15), "a0"),  # rows behind the last that is reached
        ((2, 1, 17, 16), (1, 7), 16, 2, b"SAME", (1, 34), "relu(a0)"),  # one-dimensional: phases apart
        ((1, 7, 3, 5), (3, 4), 9, 1, b"SAME", (7, 3), "tanh(a0)"),
        ((1, 3, 5, 9), (1, 2), 24, 3, b"SAME", (8, 15), "a0"),  # phases that no tap reaches
        ((2, 3, 2, 4), (2, 3), 64, 2, b"SAME", (6, 3), "relu(a0)"),
        ((1, 9, 9, 80), (3, 3), 3, 2, b"SAME", (17, 18), "relu(a0)"),  # gathered
    ],
)
def test_transposed_convolution_equals_its_reference(
    image: tuple[int, ...],
    kernel: tuple[int, int],
    out_c: int,
    stride: int,
    padding: bytes,
    out_size: Any,
    epilogue: str,
) -> None:
    sizes = np.array([image[0], *out_size, out_c], np.int32)
    attrs = conv_attrs(stride=stride, padding=padding, epilogue=epilogue)
    inputs = (floats(*image), floats(*kernel, out_c, image[3]), floats(out_c), sizes)
    check("_Conv2DTranspose", attrs, *inputs, constants=(1, 2, 3), rtol=2e-5, atol=2e-5)
