"""Convolutions, pooling, normalisation over channels: strides, dilations, paddings, layouts, dtypes, odd sizes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import FLOATS, HALVES, NUMBERS, f32, f64, i32, ints, sample, scalar
from tests.ops.case import Case, case, each

_ROUGH = 1e-4  # sums of many products in another order


def _explicit(*pads: int) -> dict[str, object]:
    return {"padding": "EXPLICIT", "explicit_paddings": [0, 0, *pads, 0, 0]}


def _conv_2d() -> Iterator[Case]:
    base = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    yield from each(
        (*FLOATS, "int32"),
        ("float32",),
        lambda dtype: case("Conv2D", sample(dtype, 1, 5, 5, 3), sample(dtype, 3, 3, 3, 4), **base),
    )
    for shape, filters, attrs in (
        ((2, 7, 9, 3), (3, 3, 3, 5), {"strides": [1, 2, 2, 1], "padding": "SAME"}),
        ((1, 8, 6, 4), (2, 3, 4, 17), {"strides": [1, 1, 2, 1], "padding": "VALID"}),
        ((1, 7, 7, 2), (1, 1, 2, 33), {"strides": [1, 1, 1, 1], "padding": "SAME"}),
        ((1, 7, 7, 2), (1, 1, 2, 3), {"strides": [1, 3, 3, 1], "padding": "VALID"}),
        ((1, 9, 9, 2), (3, 3, 2, 3), {**base, "dilations": [1, 2, 2, 1]}),
        ((1, 9, 9, 2), (3, 2, 2, 3), {"strides": [1, 1, 1, 1], "padding": "VALID", "dilations": [1, 3, 1, 1]}),
        ((1, 5, 5, 2), (3, 3, 2, 3), {"strides": [1, 1, 1, 1], **_explicit(1, 2, 0, 3)}),
        ((1, 6, 6, 4), (3, 3, 2, 6), base),  # groups
        ((1, 6, 6, 4), (3, 3, 1, 8), base),
        ((1, 1, 1, 1), (1, 1, 1, 1), base),
        ((1, 2, 2, 3), (5, 5, 3, 2), base),  # a filter larger than the image
        ((1, 13, 3, 1), (7, 3, 1, 2), {"strides": [1, 2, 1, 1], "padding": "SAME"}),
        ((1, 4, 40, 3), (4, 1, 3, 2), {"strides": [1, 1, 1, 1], "padding": "VALID"}),
    ):
        made = case("Conv2D", f32(*shape), f32(*filters), **attrs).within(_ROUGH)
        yield made.with_constants(1)
    yield case("Conv2D", f32(0, 5, 5, 3), f32(3, 3, 3, 4), **base)
    yield case("Conv2D", f32(1, 5, 5, 3), f32(3, 3, 3, 0), **base)
    yield case("Conv2D", f32(1, 2, 2, 3), f32(4, 4, 3, 2), strides=[1, 1, 1, 1], padding="VALID").fails()
    yield case("Conv2D", f32(1, 5, 5, 3), f32(3, 3, 4, 2), **base).fails()
    yield case("Conv2D", f32(1, 5, 5, 4), f32(3, 3, 2, 3), **base).fails()
    yield case("Conv2D", f32(5, 5, 3), f32(3, 3, 3, 2), **base).fails()
    yield case("Conv2D", f32(1, 5, 5, 3), f32(3, 3, 3), **base).fails()


def _depthwise() -> Iterator[Case]:
    base = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    op = "DepthwiseConv2dNative"
    yield from each(
        FLOATS, ("float32",), lambda dtype: case(op, sample(dtype, 1, 5, 5, 3), sample(dtype, 3, 3, 3, 2), **base)
    )
    for shape, filters, attrs in (
        ((2, 7, 9, 17), (3, 3, 17, 1), {"strides": [1, 2, 2, 1], "padding": "SAME"}),
        ((1, 8, 6, 4), (2, 3, 4, 3), {"strides": [1, 1, 1, 1], "padding": "VALID"}),
        ((1, 9, 9, 8), (5, 5, 8, 1), base),
        ((1, 5, 5, 2), (3, 3, 2, 2), {"strides": [1, 1, 1, 1], **_explicit(1, 2, 0, 3)}),
        ((1, 1, 1, 1), (1, 1, 1, 1), base),
    ):
        yield case(op, f32(*shape), f32(*filters), **attrs).with_constants(1)
    yield case(op, f32(0, 5, 5, 3), f32(3, 3, 3, 2), **base)
    yield case(op, f32(1, 5, 5, 3), f32(3, 3, 2, 2), **base).fails()
    yield case(op, f32(1, 2, 2, 3), f32(4, 4, 3, 2), strides=[1, 1, 1, 1], padding="VALID").fails()
    yield case(op, f32(5, 5, 3), f32(3, 3, 3, 2), **base).fails()


def _transposed() -> Iterator[Case]:
    base = {"strides": [1, 2, 2, 1], "padding": "SAME"}
    yield from each(
        (*FLOATS, "int32"),
        ("float32",),
        lambda dtype: case(
            "Conv2DBackpropInput", ints(1, 6, 6, 3), sample(dtype, 3, 3, 3, 4), sample(dtype, 1, 3, 3, 4), **base
        ),
    )
    for sizes, filters, shape, attrs in (
        ((2, 5, 7, 2), (3, 3, 2, 4), (2, 3, 4, 4), base),
        ((1, 7, 7, 2), (3, 3, 2, 4), (1, 3, 3, 4), {"strides": [1, 2, 2, 1], "padding": "VALID"}),
        ((1, 5, 5, 2), (3, 3, 2, 17), (1, 5, 5, 17), {"strides": [1, 1, 1, 1], "padding": "SAME"}),
        ((1, 9, 6, 1), (2, 4, 1, 3), (1, 3, 2, 3), {"strides": [1, 3, 3, 1], "padding": "SAME"}),
        ((1, 4, 4, 2), (1, 1, 2, 3), (1, 2, 2, 3), base),
        ((1, 5, 5, 2), (3, 3, 2, 3), (1, 3, 3, 3), {"strides": [1, 2, 2, 1], **_explicit(1, 1, 1, 1)}),
    ):
        made = case("Conv2DBackpropInput", ints(*sizes), f32(*filters), f32(*shape), **attrs).within(_ROUGH)
        yield made.with_constants(0, 1)
    yield case("Conv2DBackpropInput", ints(6, 6), f32(3, 3, 3, 4), f32(1, 3, 3, 4), **base)
    yield case("Conv2DBackpropInput", ints(0, 6, 6, 3), f32(3, 3, 3, 4), f32(0, 3, 3, 4), **base)
    yield case("Conv2DBackpropInput", ints(1, 9, 9, 3), f32(3, 3, 3, 4), f32(1, 3, 3, 4), **base).fails()
    yield case("Conv2DBackpropInput", ints(1, 6, 6, 3), f32(3, 3, 3, 4), f32(1, 3, 3, 5), **base).fails()
    yield case("Conv2DBackpropInput", ints(2, 6, 6, 3), f32(3, 3, 3, 4), f32(1, 3, 3, 4), **base).fails()
    op = "DepthwiseConv2dNativeBackpropInput"
    yield from each(
        FLOATS,
        ("float32",),
        lambda dtype: case(op, ints(1, 6, 6, 3), sample(dtype, 3, 3, 3, 2), sample(dtype, 1, 3, 3, 6), **base),
    )
    yield case(op, ints(2, 5, 7, 2), f32(3, 2, 2, 1), f32(2, 5, 7, 2), strides=[1, 1, 1, 1], padding="SAME")
    yield case(
        op, ints(1, 7, 7, 2), f32(3, 3, 2, 2), f32(1, 3, 3, 4), strides=[1, 2, 2, 1], padding="VALID"
    ).with_constants(0, 1)
    yield case(op, ints(1, 6, 6, 3), f32(3, 3, 3, 2), f32(1, 4, 3, 6), **base).fails()


def _conv_3d() -> Iterator[Case]:
    base = {"strides": [1, 1, 1, 1, 1], "padding": "SAME"}
    yield from each(
        ("float32", "float64"),
        ("float32",),
        lambda dtype: case("Conv3D", sample(dtype, 1, 3, 4, 5, 2), sample(dtype, 2, 3, 3, 2, 3), **base),
    )
    for dtype in HALVES:  # which TensorFlow adds up in halves
        yield (
            case("Conv3D", sample(dtype, 1, 3, 4, 5, 2), sample(dtype, 2, 3, 3, 2, 3), **base)
            .within(0.15 if dtype == "bfloat16" else 0.02)
            .folded()
        )
    for attrs in ({"strides": [1, 2, 1, 2, 1], "padding": "SAME"}, {"strides": [1, 1, 1, 1, 1], "padding": "VALID"}):
        yield case("Conv3D", f32(2, 4, 5, 3, 2), f32(2, 2, 3, 2, 5), **attrs).within(_ROUGH).with_constants(1)
    yield case("Conv3D", f32(0, 3, 3, 3, 2), f32(2, 2, 2, 2, 5), **base)
    yield case("Conv3D", f32(1, 3, 3, 3, 2), f32(2, 2, 2, 3, 5), **base).fails()
    yield case("Conv3D", f32(1, 1, 3, 3, 2), f32(3, 2, 2, 2, 5), strides=[1, 1, 1, 1, 1], padding="VALID").fails()
    op = "Conv3DBackpropInputV2"
    yield from each(
        FLOATS,
        ("float32",),
        lambda dtype: case(
            op,
            ints(1, 4, 4, 4, 2),
            sample(dtype, 2, 2, 2, 2, 3),
            sample(dtype, 1, 2, 2, 2, 3),
            strides=[1, 2, 2, 2, 1],
            padding="SAME",
        ),
    )
    yield case(
        op, ints(2, 5, 3, 4, 1), f32(3, 1, 2, 1, 2), f32(2, 3, 3, 3, 2), strides=[1, 1, 1, 1, 1], padding="VALID"
    ).with_constants(0, 1)
    yield case(
        op, ints(1, 5, 5, 5, 2), f32(2, 2, 2, 2, 3), f32(1, 2, 2, 2, 3), strides=[1, 2, 2, 2, 1], padding="SAME"
    ).fails()


def _pooling() -> Iterator[Case]:
    base = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
    yield from each(FLOATS, ("float32",), lambda dtype: case("AvgPool", sample(dtype, 1, 4, 5, 3), **base))
    narrow = [dtype for dtype in NUMBERS if dtype not in ("uint32", "uint64")]
    yield from each(
        narrow,
        ("float32",),
        lambda dtype: [
            case("MaxPool", sample(dtype, 1, 4, 5, 3), **base),
            case("MaxPoolV2", sample(dtype, 1, 4, 5, 3), ints(1, 2, 2, 1), ints(1, 2, 2, 1), padding="VALID"),
        ],
    )
    yield from each(NUMBERS, ("float32",), lambda dtype: case("MaxPoolWithArgmax", sample(dtype, 1, 4, 5, 3), **base))
    for shape, ksize, strides, padding in (
        ((2, 7, 9, 3), [1, 3, 3, 1], [1, 2, 2, 1], "SAME"),
        ((1, 8, 6, 17), [1, 2, 3, 1], [1, 1, 2, 1], "VALID"),
        ((1, 5, 5, 1), [1, 5, 5, 1], [1, 1, 1, 1], "SAME"),
        ((1, 4, 4, 2), [1, 1, 1, 1], [1, 3, 3, 1], "SAME"),
        ((1, 2, 2, 2), [1, 5, 5, 1], [1, 1, 1, 1], "SAME"),
    ):
        for op in ("AvgPool", "MaxPool", "MaxPoolWithArgmax"):
            yield case(op, f32(*shape), ksize=ksize, strides=strides, padding=padding)
        yield case("MaxPoolV2", f32(*shape), ints(*ksize), ints(*strides), padding=padding).with_constants(1, 2)
    for op in ("AvgPool", "MaxPool", "MaxPoolWithArgmax"):
        if op != "MaxPoolWithArgmax":  # TensorFlow refuses empty batches
            yield case(op, f32(0, 4, 4, 2), **base)
        yield case(op, f32(4, 4, 2), **base).fails()
    yield case(
        "MaxPool",
        f32(1, 5, 5, 2),
        ksize=[1, 3, 3, 1],
        strides=[1, 2, 2, 1],
        padding="EXPLICIT",
        explicit_paddings=[0, 0, 1, 0, 1, 1, 0, 0],
    )
    yield case("MaxPool", f32(1, 2, 2, 6), ksize=[1, 1, 1, 3], strides=[1, 1, 1, 3], padding="VALID")
    yield case("MaxPool", np.array([[[[np.nan], [1]], [[2], [-np.inf]]]], np.float32), **base)
    yield case("MaxPool", np.full((1, 2, 2, 1), -np.inf, np.float32), **base)
    yield case("AvgPool", np.array([[[[np.inf], [1]], [[2], [3]]]], np.float32), **base)
    yield case("MaxPoolWithArgmax", f32(2, 4, 4, 2), **base, include_batch_in_index=True)
    yield case("MaxPoolWithArgmax", f32(2, 4, 4, 2), **base, Targmax="int32")
    yield case("MaxPoolWithArgmax", np.ones((1, 4, 4, 1), np.float32), **base)
    for op in ("AvgPool3D", "MaxPool3D"):
        yield from each(
            ("float32", "bfloat16"),
            ("float32",),
            lambda dtype, op=op: case(
                op, sample(dtype, 1, 4, 5, 3, 2), ksize=[1, 2, 2, 2, 1], strides=[1, 2, 1, 2, 1], padding="SAME"
            ),
        )
        yield case(op, f32(2, 3, 4, 5, 1), ksize=[1, 2, 3, 1, 1], strides=[1, 1, 1, 2, 1], padding="VALID")
        yield case(op, f32(1, 1, 2, 2, 1), ksize=[1, 3, 2, 2, 1], strides=[1, 1, 1, 1, 1], padding="VALID").fails()
    yield from each(
        NUMBERS,
        (),
        lambda dtype: case(
            "Dilation2D",
            sample(dtype, 1, 5, 5, 2, low=0, high=9),
            sample(dtype, 2, 3, 2, low=0, high=9),
            strides=[1, 1, 2, 1],
            rates=[1, 1, 1, 1],
            padding="SAME",
        ),
    )
    yield case("Dilation2D", f32(2, 7, 6, 3), f32(3, 2, 3), strides=[1, 1, 1, 1], rates=[1, 2, 1, 1], padding="VALID")
    yield case(
        "Dilation2D", f32(1, 2, 2, 1), f32(4, 4, 1), strides=[1, 1, 1, 1], rates=[1, 1, 1, 1], padding="VALID"
    ).fails()
    yield case(
        "Dilation2D", f32(1, 4, 4, 2), f32(3, 3, 1), strides=[1, 1, 1, 1], rates=[1, 1, 1, 1], padding="SAME"
    ).fails()


def _normalising() -> Iterator[Case]:
    def positive(*shape: int) -> object:
        return f32(*shape, low=0.5, high=2)

    channels = [f32(3), f32(3), f32(3), positive(3)]
    for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
        reserved = tuple(range(3, 5 if op != "FusedBatchNormV3" else 6))
        why = "what is reserved for gradients has no documented content"
        for epsilon in (1e-4, 1e-3):
            made = case(op, f32(2, 4, 5, 3), *channels, is_training=False, epsilon=epsilon).ignoring(
                *reserved, reason=why
            )
            yield made.with_constants(1, 2, 3, 4)
        yield case(op, f32(2, 4, 5, 3), f32(3), f32(3), f32(0), f32(0), is_training=True).ignoring(
            *reserved, reason=why
        )
        yield case(op, f32(2, 3, 4, 5), *channels, is_training=False, data_format="NCHW").ignoring(
            *reserved, reason=why
        )
        yield case(op, f32(0, 4, 5, 3), *channels, is_training=False).ignoring(1, 2, *reserved, reason="NaN")
        yield case(op, f32(2, 4, 5, 3), f32(2), f32(3), f32(3), positive(3), is_training=False).fails()
        yield case(op, f32(4, 5, 3), *channels, is_training=False).fails()
        if op != "FusedBatchNorm":
            for dtype in ("float16", "bfloat16"):
                yield (
                    case(op, sample(dtype, 2, 4, 5, 3), *channels, is_training=False)
                    .ignoring(*reserved, reason=why)
                    .folded()
                )
    yield case(
        "FusedBatchNormV3",
        f32(2, 4, 5, 3),
        f32(3),
        f32(3),
        f32(3),
        positive(3),
        is_training=True,
        exponential_avg_factor=0.25,
    ).ignoring(3, 4, 5, reason="as above")
    for after in (True, False):
        yield case(
            "BatchNormWithGlobalNormalization",
            f32(2, 4, 5, 3),
            f32(3),
            positive(3),
            f32(3),
            f32(3),
            variance_epsilon=1e-3,
            scale_after_normalization=after,
        )
    for attrs in (
        {},
        {"depth_radius": 2, "bias": 2.0, "alpha": 0.5, "beta": 0.75},
        {"depth_radius": 0},
        {"depth_radius": 1, "beta": 1.0},
    ):
        yield case("LRN", f32(2, 3, 2, 7), **attrs)
    yield case("LRN", sample("float16", 2, 3, 2, 7)).folded()
    yield case("LRN", f32(0, 3, 2, 7))
    yield case("LRN", f32(3, 2, 7)).fails()


def _spaces() -> Iterator[Case]:
    blocks = (*NUMBERS,)
    yield from each(
        blocks,
        ("float32", "uint8"),
        lambda dtype: [
            case("SpaceToBatchND", sample(dtype, 1, 4, 5, 2), ints(2, 1), np.array([[0, 0], [1, 0]], np.int32)),
            case("BatchToSpaceND", sample(dtype, 4, 2, 2, 1), ints(2, 2), np.array([[0, 1], [1, 0]], np.int32)),
            case("SpaceToBatch", sample(dtype, 1, 4, 4, 1), np.array([[0, 0], [2, 0]], np.int32), block_size=2),
            case("BatchToSpace", sample(dtype, 4, 2, 2, 1), np.array([[0, 1], [0, 0]], np.int32), block_size=2),
        ],
    )
    yield from each(
        (*blocks, "bool", "complex64", "string"),
        ("float32", "uint8"),
        lambda dtype: [
            case("SpaceToDepth", sample(dtype, 1, 4, 6, 2), block_size=2),
            case("DepthToSpace", sample(dtype, 1, 2, 3, 8), block_size=2),
        ],
    )
    yield case("SpaceToBatchND", f32(2, 6), ints(3), np.array([[0, 0]], np.int32)).with_constants(1, 2)
    yield case("SpaceToBatchND", f32(2, 6, 4, 3), ints(3, 2), np.array([[1, 2], [0, 0]], np.int64))
    yield case("SpaceToBatchND", f32(2, 3, 2, 4, 1), ints(1, 2, 2), np.array([[0, 0], [0, 0], [1, 1]], np.int32))
    yield case("SpaceToBatchND", f32(0, 4, 1), ints(2), np.array([[0, 0]], np.int32))
    yield case("SpaceToBatchND", f32(1, 5, 1), ints(2), np.array([[0, 0]], np.int32)).fails()
    yield case("SpaceToBatchND", f32(1, 4, 1), ints(0), np.array([[0, 0]], np.int32)).fails()
    yield case("SpaceToBatchND", f32(1, 4, 1), ints(2), np.array([[-1, 1]], np.int32)).fails()
    yield case("BatchToSpaceND", f32(6, 3), ints(3), np.array([[1, 2]], np.int32)).with_constants(1, 2)
    yield case("BatchToSpaceND", f32(6, 2, 3, 1), ints(2, 3), np.array([[0, 0], [0, 0]], np.int64))
    yield case("BatchToSpaceND", f32(5, 3), ints(3), np.array([[0, 0]], np.int32)).fails()
    yield case("BatchToSpaceND", f32(4, 1), ints(2), np.array([[2, 1]], np.int32)).fails()
    yield case("SpaceToDepth", f32(2, 6, 3, 1), block_size=3)
    yield case("SpaceToDepth", f32(1, 5, 4, 1), block_size=2).fails()
    yield case("SpaceToDepth", f32(0, 4, 4, 1), block_size=2)
    yield case("DepthToSpace", f32(2, 2, 1, 9), block_size=3)
    yield case("DepthToSpace", f32(1, 2, 2, 6), block_size=2).fails()
    yield from each(
        NUMBERS,
        ("float32",),
        lambda dtype: case(
            "ExtractImagePatches",
            sample(dtype, 1, 5, 6, 2),
            ksizes=[1, 2, 3, 1],
            strides=[1, 2, 1, 1],
            rates=[1, 1, 1, 1],
            padding="SAME",
        ),
    )
    for padding in ("SAME", "VALID"):
        yield case(
            "ExtractImagePatches",
            f32(2, 7, 7, 1),
            ksizes=[1, 3, 2, 1],
            strides=[1, 1, 2, 1],
            rates=[1, 2, 1, 1],
            padding=padding,
        )


CASES = [
    *_conv_2d(),
    *_depthwise(),
    *_transposed(),
    *_conv_3d(),
    *_pooling(),
    *_normalising(),
    *_spaces(),
    case("Conv2D", f64(1, 5, 5, 3), f64(3, 3, 3, 4), strides=[1, 1, 1, 1], padding="VALID"),
    case("MaxPool", i32(1, 4, 4, 2), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="SAME"),
    case("MaxPoolV2", f32(1, 4, 4, 2), ints(1, 2, 2), ints(1, 1, 1, 1), padding="SAME").fails(),
    case("MaxPoolV2", f32(1, 4, 4, 2), scalar(2), ints(1, 1, 1, 1), padding="SAME").fails(),
]
