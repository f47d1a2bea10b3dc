"""Layers for images: resizing, cropping, corrections, and the random ones as they are when nobody trains."""

from __future__ import annotations

from tests.keras.case import (
    COLOURS,
    DATA_DEPENDENT,
    RANDOM,
    WARPING,
    Case,
    Cases,
    Values,
    layers,
    merge,
    pixels,
    unit,
    variants,
)

_IMAGE = pixels(8, 9, 3)
_BYTES = Values((8, 9, 3), "ids", "uint8", 256)
_RANDOM_OPS = {"host_ops": RANDOM | WARPING | COLOURS | DATA_DEPENDENT}
_BARE = {
    "bare": True,
    "host_ops": DATA_DEPENDENT,
}  # Keras takes the symbolic output for the input, and makes no model of it
_BOXES = {"images": pixels(8, 9, 3), "boxes": unit(4, 4), "labels": Values((4,), "ids", "float32", 6)}


def _with_boxes(kind: str, *arguments: object, **keywords: object) -> Cases:
    """The layer with bounding boxes beside the images."""

    def apply(layer: object, x: dict[str, object]) -> object:
        sample = {"images": x["images"], "bounding_boxes": {"boxes": x["boxes"], "labels": x["labels"]}}
        found = layer(sample)  # type: ignore[operator]
        return {"images": found["images"], **found["bounding_boxes"]}

    made = getattr(layers, kind)(*arguments, bounding_box_format="rel_xyxy", **keywords)
    return {f"{kind}_with_boxes": Case(kind, made, _BOXES, apply=apply, host_ops=RANDOM)}


def _two(kind: str, first: dict[str, object], second: dict[str, object]) -> Cases:
    """A random layer as a Keras model exports it, which is at work, with a seed that goes on; and switched off."""
    layer = getattr(layers, kind)
    return merge(
        variants(kind, _IMAGE, _RANDOM_OPS, exported=layer(**first)),
        variants(kind, _IMAGE, {"call": {"training": False}}, switched_off=layer(**second)),
    )


_FIXED = merge(
    variants(
        "Resizing",
        _IMAGE,
        bilinear=layers.Resizing(5, 12),
        nearest=layers.Resizing(11, 4, interpolation="nearest"),
        bicubic=layers.Resizing(12, 13, interpolation="bicubic"),
        lanczos3=layers.Resizing(5, 7, interpolation="lanczos3"),
        lanczos5=layers.Resizing(12, 13, interpolation="lanczos5"),
        area=layers.Resizing(5, 4, interpolation="area"),
        antialiased=layers.Resizing(4, 4, antialias=True),
        antialiased_bicubic=layers.Resizing(4, 5, interpolation="bicubic", antialias=True),
        cropped=layers.Resizing(6, 4, crop_to_aspect_ratio=True),
        channels_first=layers.Resizing(5, 12, data_format="channels_first"),
    ),
    variants(
        "Resizing",
        _IMAGE,
        {"host_ops": DATA_DEPENDENT},
        padded=layers.Resizing(6, 4, pad_to_aspect_ratio=True, fill_value=7.0),
    ),
    variants("Resizing", pixels(None, None, 3), unknown_size=layers.Resizing(6, 7)),
    variants("Resizing", _BYTES, bytes=layers.Resizing(5, 12)),
    variants(
        "CenterCrop",
        _IMAGE,
        inside=layers.CenterCrop(4, 5),
        odd=layers.CenterCrop(5, 8),
        resized_first=layers.CenterCrop(10, 6),
    ),
    variants("CenterCrop", pixels(None, None, 3), unknown_size=layers.CenterCrop(4, 4)),
    variants("AutoContrast", _IMAGE, pixels=layers.AutoContrast()),
    variants("AutoContrast", unit(8, 9, 3), unit=layers.AutoContrast(value_range=(0, 1))),
    variants("Equalization", _IMAGE, _BARE, pixels=layers.Equalization(), fewer_bins=layers.Equalization(bins=16)),
    variants("Equalization", unit(8, 9, 3), _BARE, unit=layers.Equalization(value_range=(0, 1))),
    variants(
        "ContrastLimitedAdaptiveHistogramEqualization",
        _IMAGE,
        pixels=layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2)),
        limit=layers.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=2.0, tile_grid_size=(4, 3)),
    ),
    variants(
        "Solarization",
        _IMAGE,
        _RANDOM_OPS,
        plain=layers.Solarization(),
        threshold=layers.Solarization(addition_factor=0.0, threshold_factor=(0.4, 0.4)),
    ),
    {
        f"MaxNumBoundingBoxes_{name}": Case(
            "MaxNumBoundingBoxes",
            layers.MaxNumBoundingBoxes(count, bounding_box_format="rel_xyxy"),
            _BOXES,
            apply=lambda layer, x: (lambda found: {"images": found["images"], **found["bounding_boxes"]})(
                layer({"images": x["images"], "bounding_boxes": {"boxes": x["boxes"], "labels": x["labels"]}})
            ),
        )
        for name, count in {"fewer": 3, "more": 6}.items()
    },
)

_RANDOM = merge(
    _two("AugMix", {}, {"num_chains": 2}),
    _two("RandAugment", {}, {"num_ops": 3}),
    _two("RandomBrightness", {"factor": 0.3}, {"factor": 0.1}),
    _two("RandomColorDegeneration", {"factor": 0.3}, {"factor": 0.1}),
    _two("RandomColorJitter", {"brightness_factor": 0.2}, {"hue_factor": 0.2, "saturation_factor": 0.3}),
    _two("RandomContrast", {"factor": 0.3}, {"factor": 0.1}),
    _two("RandomElasticTransform", {}, {"factor": 0.5}),
    _two("RandomErasing", {}, {"factor": 0.5}),
    _two("RandomFlip", {}, {"mode": "vertical"}),
    _two("RandomGaussianBlur", {}, {"kernel_size": 5}),
    _two("RandomGrayscale", {}, {"factor": 0.9}),
    _two("RandomHue", {"factor": 0.3}, {"factor": 0.1}),
    _two("RandomInvert", {}, {"factor": 0.9}),
    _two("RandomPerspective", {}, {"scale": 0.5}),
    _two("RandomPosterization", {"factor": 3}, {"factor": 5}),
    _two("RandomRotation", {"factor": 0.3}, {"factor": 0.1, "fill_mode": "nearest"}),
    _two("RandomSaturation", {"factor": 0.3}, {"factor": 0.1}),
    _two("RandomSharpness", {"factor": 0.3}, {"factor": 0.1}),
    _two("RandomShear", {"x_factor": 0.3}, {"y_factor": 0.1}),
    _two("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.1}, {"height_factor": 0.1, "width_factor": 0.2}),
    _two("RandomZoom", {"height_factor": 0.3}, {"height_factor": 0.1, "width_factor": 0.2}),
    variants("CutMix", _IMAGE, _RANDOM_OPS, plain=layers.CutMix(), factor=layers.CutMix(0.5)),
    variants("MixUp", _IMAGE, _RANDOM_OPS, plain=layers.MixUp(), alpha=layers.MixUp(0.5)),
    variants(
        "RandomCrop",
        _IMAGE,
        _RANDOM_OPS,
        inside=layers.RandomCrop(5, 4),
        resized_first=layers.RandomCrop(12, 6),
    ),
    _with_boxes("RandomFlip"),
)

CASES = merge(_FIXED, _RANDOM)
