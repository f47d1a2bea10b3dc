"""Networks that are measured at the size at which they are used; the tests have smaller ones of the same kind."""

from __future__ import annotations

from pathlib import Path

from keras import applications

from tests.zoo.applications import PIXELS
from tests.zoo.recording import Call
from tests.zoo.saving import save_keras


def mobilenet_v3_small_224(folder: Path) -> list[Call]:
    return save_keras(applications.MobileNetV3Small((224, 224, 3), weights=None), folder, **PIXELS)


def densenet121_224(folder: Path) -> list[Call]:
    return save_keras(applications.DenseNet121(input_shape=(224, 224, 3), weights=None), folder)
