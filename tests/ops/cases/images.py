"""Images and boxes: resizing, cropping, colours, projections, glimpses, drawing, suppression of overlapping boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import FLOATS, NUMBERS, array, f32, ints, sample, scalar, u8
from tests.ops.case import Case, case, each

_IMAGES = [dtype for dtype in NUMBERS if dtype not in ("uint32", "uint64")]


def _resizing() -> Iterator[Case]:
    for op in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"):
        yield from each(
            _IMAGES,
            ("float32", "uint8"),
            lambda dtype, op=op: case(op, sample(dtype, 1, 4, 5, 3, low=0, high=100), ints(7, 3)),
        )
        switches = [{}] if op == "ResizeArea" else [{}, {"half_pixel_centers": True}]
        for attrs in (*switches, {"align_corners": True}):
            for shape, size in (
                ((2, 3, 3, 1), (6, 6)),
                ((1, 5, 7, 3), (3, 4)),
                ((1, 1, 1, 2), (3, 2)),
                ((1, 4, 4, 2), (4, 4)),
                ((1, 6, 5, 4), (1, 1)),
                ((1, 3, 8, 1), (11, 5)),
            ):
                yield case(op, f32(*shape, low=-1, high=1), ints(*size), **attrs).with_constants(1)
        yield case(op, f32(1, 3, 3, 1), ints(0, 2)).fails()
        yield case(op, f32(1, 3, 3, 1), ints(2, -2)).fails()
        yield case(op, f32(3, 3, 1), ints(2, 2)).fails()
        yield case(op, f32(1, 3, 3, 1), ints(2)).fails()
        if op != "ResizeArea":
            yield case(op, f32(1, 3, 3, 1), ints(2, 2), align_corners=True, half_pixel_centers=True).fails()
    for kernel in ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"):
        for antialias in (True, False):
            for size, scale in (((3, 4), (0.5, 0.8)), ((9, 7), (1.8, 1.1))):
                yield case(
                    "ScaleAndTranslate",
                    f32(1, 5, 6, 2, low=0, high=1),
                    ints(*size),
                    array("float32", scale),
                    array("float32", [0.3, -0.7]),
                    kernel_type=kernel,
                    antialias=antialias,
                ).with_constants(1, 2, 3)
    yield from each(
        _IMAGES,
        (),
        lambda dtype: case(
            "ScaleAndTranslate",
            sample(dtype, 1, 5, 6, 2, low=0, high=9),
            ints(3, 4),
            array("float32", [0.5, 0.7]),
            array("float32", [0, 0]),
        ),
    )
    yield case(
        "ScaleAndTranslate", f32(1, 3, 3, 1), ints(0, 2), array("float32", [1, 1]), array("float32", [0, 0])
    ).fails()
    yield case(
        "ScaleAndTranslate", f32(1, 3, 3, 1), ints(2, 2), array("float32", [0, 1]), array("float32", [0, 0])
    ).fails()


_BOXES = array("float32", [[0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], [0.9, 0.8, 0.1, 0.2], [-0.5, -0.2, 1.3, 1.5]])


def _cropping() -> Iterator[Case]:
    which = ints(0, 1, 0, 1)
    wide = [dtype for dtype in _IMAGES if dtype != "bfloat16"]
    yield from each(
        wide,
        (),
        lambda dtype: case("CropAndResize", sample(dtype, 2, 5, 6, 2, low=0, high=99), _BOXES, which, ints(3, 4)),
    )
    for method in ("bilinear", "nearest"):
        for value in (0.0, -3.5):
            yield case(
                "CropAndResize", f32(2, 5, 6, 2), _BOXES, which, ints(3, 4), method=method, extrapolation_value=value
            ).with_constants(3)
        yield case("CropAndResize", f32(2, 5, 6, 2), _BOXES, which, ints(1, 1), method=method)
    yield case("CropAndResize", f32(2, 5, 6, 2), np.zeros((0, 4), np.float32), np.zeros(0, np.int32), ints(3, 4))
    yield case("CropAndResize", f32(2, 5, 6, 2), _BOXES, ints(0, 2, 0, 1), ints(3, 4)).fails()
    yield case("CropAndResize", f32(2, 5, 6, 2), _BOXES, ints(0, -1, 0, 1), ints(3, 4)).fails()
    yield case("CropAndResize", f32(2, 5, 6, 2), _BOXES, ints(0, 1), ints(3, 4)).fails()
    yield case("CropAndResize", f32(2, 5, 6, 2), _BOXES, which, ints(0, 4)).fails()
    yield case("CropAndResize", f32(5, 6, 2), _BOXES, which, ints(3, 4)).fails()
    for op in ("ExtractGlimpse", "ExtractGlimpseV2"):
        offsets = array("float32", [[0, 0], [0.4, -0.9]])
        for centered in (True, False):
            for normalized in (True, False):
                at = offsets if normalized else offsets * 3 + 2
                yield case(
                    op,
                    f32(2, 6, 7, 2),
                    ints(3, 4),
                    at,
                    centered=centered,
                    normalized=normalized,
                    uniform_noise=False,
                    noise="zero",
                ).with_constants(1)
        yield case(op, f32(2, 6, 7, 2), ints(8, 9), offsets, uniform_noise=False, noise="zero").with_constants(1)
        yield case(op, f32(6, 7, 2), ints(3, 4), offsets, uniform_noise=False, noise="zero").fails()
        yield case(op, f32(2, 6, 7, 2), ints(3, 4), offsets[:1], uniform_noise=False, noise="zero").fails()


def _colours() -> Iterator[Case]:
    pixels = array(
        "float32",
        [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.2], [0.2, 0.7, 0.7], [0.9, 0.1, 0.9]],
    )
    for op in ("RGBToHSV", "HSVToRGB"):
        yield from each(
            FLOATS,
            ("float32",),
            lambda dtype, op=op: case(op, sample(dtype, 2, 4, 3, low=0, high=1)).within(
                1e-5 if dtype in ("float32", "float64") else 2e-2
            ),
        )
        yield case(op, pixels)
        yield case(op, f32(0, 3))
        yield case(op, f32(3, low=0, high=1))
        yield case(op, f32(2, 4)).fails()
        yield case(op, f32()).fails()
    for op in ("AdjustHue", "AdjustSaturation"):
        for amount in (0.0, 0.3, -0.7, 1.0, 2.5):
            yield case(op, f32(2, 3, 3, low=0, high=1), scalar(amount, "float32"))
        yield case(op, f32(0, 2, 3), scalar(0.5, "float32"))
        yield case(op, f32(2, 3), scalar(0.5, "float32")).fails()
        yield case(op, f32(2, 2, 4), scalar(0.5, "float32")).fails()
        yield case(op, f32(2, 2, 3), f32(2)).fails()
    for amount in (0.0, 0.5, 2.0, -1.0):
        yield case("AdjustContrastv2", f32(2, 4, 5, 3), scalar(amount, "float32"))
    yield case("AdjustContrastv2", f32(4, 5, 1), scalar(2, "float32"))
    yield case("AdjustContrastv2", f32(0, 4, 5, 3), scalar(2, "float32"))
    yield case("AdjustContrastv2", f32(5, 3), scalar(2, "float32")).fails()
    yield case("AdjustContrastv2", f32(4, 5, 3), f32(2)).fails()


def _projecting() -> Iterator[Case]:
    transforms = array("float32", [[1, 0, 0, 0, 1, 0, 0, 0], [0.9, 0.2, -0.5, -0.1, 1.1, 0.7, 0.01, -0.02]])
    dtypes = (*FLOATS, "int32", "int64", "uint8")
    for op in ("ImageProjectiveTransformV2", "ImageProjectiveTransformV3"):
        extra = [scalar(0.25, "float32")] if op.endswith("3") else []
        yield from each(
            dtypes,
            ("float32",),
            lambda dtype, op=op, extra=extra: case(
                op, sample(dtype, 2, 5, 6, 2, low=0, high=99), transforms, ints(4, 7), *extra, interpolation="NEAREST"
            ).with_constants(2),
        )
        for interpolation in ("NEAREST", "BILINEAR"):
            for fill in ("CONSTANT", "REFLECT", "WRAP", "NEAREST"):
                yield case(
                    op, f32(2, 5, 6, 2), transforms, ints(8, 9), *extra, interpolation=interpolation, fill_mode=fill
                ).with_constants(2)
        yield case(op, f32(3, 5, 6, 1), transforms[1:], ints(5, 6), *extra, interpolation="BILINEAR")
        yield case(
            op, sample("uint8", 2, 5, 6, 2), transforms, ints(8, 9), *extra, interpolation="BILINEAR"
        ).with_constants(2)
        yield case(
            op, sample("float16", 2, 5, 6, 2), transforms, ints(8, 9), *extra, interpolation="BILINEAR"
        ).with_constants(2)
        yield case(op, f32(3, 5, 6, 1), transforms, ints(5, 6), *extra, interpolation="BILINEAR").fails()
        yield case(op, f32(2, 5, 6, 2), transforms, ints(0, 6), *extra, interpolation="BILINEAR").fails()
        yield case(op, f32(5, 6, 2), transforms, ints(5, 6), *extra, interpolation="BILINEAR").fails()
    boxes = array("float32", [[[0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]], [[0.5, 0.5, 0.2, 0.1], [-0.3, 0.1, 0.4, 1.6]]])
    for dtype in ("float32", "float16"):
        yield case("DrawBoundingBoxes", sample(dtype, 2, 9, 10, 3, low=0, high=1), boxes)
        yield case("DrawBoundingBoxesV2", sample(dtype, 2, 9, 10, 4, low=0, high=1), boxes, f32(3, 4, low=0, high=1))
    yield case("DrawBoundingBoxesV2", f32(2, 9, 10, 1, low=0, high=1), boxes, f32(3, 1, low=0, high=1))
    yield case("DrawBoundingBoxesV2", f32(2, 9, 10, 3, low=0, high=1), boxes, np.zeros((0, 0), np.float32)).fails()
    yield case("DrawBoundingBoxes", f32(2, 9, 10, 2), boxes).fails()
    yield case("DrawBoundingBoxes", f32(1, 9, 10, 3), boxes).fails()


def _random_boxes(count: int) -> np.ndarray:
    random = np.random.default_rng(count)
    corner = random.random((count, 2))
    return np.concatenate([corner, corner + 0.1 + random.random((count, 2)) / 2], 1).astype(np.float32)


def _suppressing() -> Iterator[Case]:
    half = scalar(0.5, "float32")
    boxes, scores = _random_boxes(20), f32(20, low=0, high=1)
    equal = np.ones(4, np.float32)
    for limit in (0, 1, 5, 30):
        yield case("NonMaxSuppression", boxes, scores, scalar(limit)).with_constants(2)
        yield case("NonMaxSuppression", boxes, scores, scalar(limit), iou_threshold=0.1).with_constants(2)
        yield case("NonMaxSuppressionV2", boxes, scores, scalar(limit), half).with_constants(2)
        yield case("NonMaxSuppressionV3", boxes, scores, scalar(limit), half, scalar(0.4, "float32")).with_constants(2)
        for pad in (True, False):
            yield case(
                "NonMaxSuppressionV4",
                boxes,
                scores,
                scalar(limit),
                half,
                scalar(0.4, "float32"),
                pad_to_max_output_size=pad,
            ).with_constants(2)
            for sigma in (0.0, 0.5):
                yield case(
                    "NonMaxSuppressionV5",
                    boxes,
                    scores,
                    scalar(limit),
                    half,
                    scalar(0.1, "float32"),
                    scalar(sigma, "float32"),
                    pad_to_max_output_size=pad,
                ).with_constants(2)
        yield case(
            "NonMaxSuppressionWithOverlaps",
            f32(20, 20, low=0, high=1),
            scores,
            scalar(limit),
            half,
            scalar(0.2, "float32"),
        ).with_constants(2)
    for op, extra in (("NonMaxSuppressionV2", []), ("NonMaxSuppressionV3", [scalar(-1, "float32")])):
        yield case(op, np.repeat(boxes[:1], 4, 0), equal, scalar(3), half, *extra).with_constants(2)
        yield case(op, boxes[:4], equal, scalar(3), half, *extra).with_constants(2)
        yield case(op, boxes[:4, [2, 3, 0, 1]], f32(4), scalar(3), half, *extra).with_constants(2)
        yield case(op, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), scalar(3), half, *extra).with_constants(2)
        yield case(op, boxes, f32(19), scalar(3), half, *extra).with_constants(2).fails()
        yield case(op, boxes[:, :3], scores, scalar(3), half, *extra).with_constants(2).fails()
        yield case(op, boxes, scores, scalar(3), scalar(1.5, "float32"), *extra).with_constants(2).fails()
        yield case(op, boxes, scores, scalar(-1), half, *extra).with_constants(2).fails()
        yield case(op, boxes, scores, scalar(3), array("float32", [0.5]), *extra).with_constants(2).fails()
        yield case(
            op,
            boxes.astype(np.float16),
            sample("float16", 20, low=0, high=1),
            scalar(5),
            scalar(0.5, "float16"),
            *(one.astype(np.float16) for one in extra),
        ).with_constants(2)
    yield case(
        "NonMaxSuppressionV3",
        array("float32", [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2]]),
        array("float32", [np.nan, 0.5, 0.7]),
        scalar(3),
        half,
        scalar(0.1, "float32"),
    ).with_constants(2)
    many = np.stack([_random_boxes(12), _random_boxes(12)[::-1]])[:, :, None]
    for classes in (1, 3):
        given = np.repeat(many, classes, 2) if classes > 1 else many
        for pad in (True, False):
            for clip in (True, False):
                yield case(
                    "CombinedNonMaxSuppression",
                    given * 1.5,
                    f32(2, 12, 3, low=0, high=1),
                    scalar(4),
                    scalar(6),
                    half,
                    scalar(0.3, "float32"),
                    pad_per_class=pad,
                    clip_boxes=clip,
                )
    yield case(
        "CombinedNonMaxSuppression",
        many,
        f32(2, 12, 3, low=0, high=1),
        scalar(50),
        scalar(40),
        half,
        scalar(0.3, "float32"),
    )
    yield case(
        "CombinedNonMaxSuppression",
        many,
        np.ones((2, 12, 2), np.float32),
        scalar(3),
        scalar(5),
        half,
        scalar(0.3, "float32"),
    )
    yield case("CombinedNonMaxSuppression", many, f32(2, 12, 3), scalar(0), scalar(6), half, half).fails()
    yield case("CombinedNonMaxSuppression", many, f32(2, 11, 3), scalar(4), scalar(6), half, half).fails()


CASES = [
    *_resizing(),
    *_cropping(),
    *_colours(),
    *_projecting(),
    *_suppressing(),
    case("ResizeBilinear", u8(1, 3, 3, 3, low=0, high=255), ints(5, 5), half_pixel_centers=True),
]
