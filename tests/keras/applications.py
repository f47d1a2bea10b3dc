"""The architectures of keras.applications, at the smallest input that each permits. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Application:
    """The side of its square input, whether it takes pixels of 0 to 255, and in which run it is tested.

    Outputs agree within `tolerance` times themselves plus `tolerance` times the largest of them.
    """

    side: int = 32
    takes_pixels: bool = False
    by_default: bool = False
    tolerance: float = 1e-4  # rounding of float32 sums in another order grows through a hundred layers and more


# For images of 32 x 32, TensorFlow's answers of ResNet101 are 2.4e-4 from those of the same network in float64,
# edgeload's 2.6e-4; ResNet152 has half as many layers again.
RESIDUAL_TOLERANCE = 2e-3


def _all(names: str, default: str = "", **fields: Any) -> dict[str, Application]:
    return {name: Application(by_default=name == default, **fields) for name in names.split()}


# The zoo has MobileNetV2, MobileNetV3Small, EfficientNetB0, ResNet50, DenseNet121 and Xception, too, at larger sizes.
APPLICATIONS = {
    **_all(
        "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge",
        takes_pixels=True,
        default="ConvNeXtTiny",
    ),
    **_all("DenseNet121 DenseNet169 DenseNet201"),
    **_all(
        "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 "
        "EfficientNetB7",
        takes_pixels=True,
    ),
    **_all(
        "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S",
        takes_pixels=True,
        default="EfficientNetV2B0",
    ),
    # with one pixel at the end, TensorFlow's own answers are nothing like those of the same network in float64
    **_all("EfficientNetV2M EfficientNetV2L", side=64, takes_pixels=True),
    **_all("InceptionV3", side=75, default="InceptionV3"),
    **_all("InceptionResNetV2", side=75),
    **_all("MobileNet MobileNetV2", default="MobileNet"),
    **_all("MobileNetV3Small MobileNetV3Large", takes_pixels=True, default="MobileNetV3Large"),
    **_all("NASNetMobile NASNetLarge"),
    **_all("ResNet50 ResNet101 ResNet152", side=64, tolerance=RESIDUAL_TOLERANCE),
    **_all("ResNet50V2 ResNet101V2", default="ResNet50V2"),
    **_all("ResNet152V2", side=64),
    **_all("VGG16 VGG19", default="VGG16"),
    **_all("Xception", side=71),
}
BY_DEFAULT = tuple(name for name, application in APPLICATIONS.items() if application.by_default)
