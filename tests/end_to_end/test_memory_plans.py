"""How much memory plans of real networks take, and that nothing in them is left to Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgeload.plan.bands import BAND_NBYTES
from edgeload.plan.plan import KernelStep
from tests.plan.stages import plan_of_signature
from tests.zoo.table import MODELS

TARGET = "x86-64-v3"
FLOAT_NBYTES = 4

# What is alive where the arena is fullest: the activations of one image that exist as a whole, (pixels, channels) each,
# and whether bands of rows lie between them.
FULLEST = {
    "mobilenet_v2": (((224 * 224, 3), (112 * 112, 16)), True),  # the image, and what the first block makes of it
    "efficientnet_b0": (((224 * 224, 3), (112 * 112, 32)), True),  # the image, and the first depthwise convolution
    "resnet50": (((112 * 112, 64), (114 * 114, 64)), False),  # the stem's output, and the same padded for pooling
}
# the two neighbours that are the largest together: an arena without bands must have room for both
LARGEST_NEIGHBOURS = {
    "mobilenet_v2": ((112 * 112, 96), (56 * 56, 96)),  # the first depthwise convolution with stride 2
    "efficientnet_b0": ((112 * 112, 96), (56 * 56, 96)),  # the same
}
PADDED_BAND_NBYTES = 73 * 225 * 3 * FLOAT_NBYTES  # of the image, for the stem


def nbytes(*activations: tuple[int, int]) -> int:
    return sum(pixels * channels for pixels, channels in activations) * FLOAT_NBYTES


@pytest.mark.parametrize("name", FULLEST)
def test_the_arena_has_room_for_what_must_be_alive_and_no_more(name: str, zoo: Callable[[str], Path]) -> None:
    plan = plan_of_signature(zoo(name), 1, TARGET)
    whole, has_bands = FULLEST[name]
    if has_bands:
        assert nbytes(*whole) < plan.arena_nbytes <= nbytes(*whole) + BAND_NBYTES + PADDED_BAND_NBYTES
    else:
        assert plan.arena_nbytes == plan.bound_nbytes == nbytes(*whole)


@pytest.mark.parametrize("name", LARGEST_NEIGHBOURS)
def test_bands_take_less_than_half_of_what_neighbours_as_a_whole_would(name: str, zoo: Callable[[str], Path]) -> None:
    plan = plan_of_signature(zoo(name), 1, TARGET)
    assert plan.arena_nbytes < nbytes(*LARGEST_NEIGHBOURS[name]) / 2


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.family == "applications"])
def test_networks_of_keras_consist_of_kernels_only(name: str, zoo: Callable[[str], Path]) -> None:
    plan = plan_of_signature(zoo(name), 1, TARGET)
    assert {type(step) for step in plan.steps} == {KernelStep}
