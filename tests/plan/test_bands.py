"""Chains in bands of rows: which ones, how much memory they take, and that no bit of the results changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload.graph.ir import Graph, Tensor
from edgeload.kernels.registry import Spec
from edgeload.plan import bands
from edgeload.plan.plan import KernelStep, Plan
from edgeload.plan.planner import make_plan
from edgeload.plan.specialise import specialise
from edgeload.plan.store import Store
from tests.plan.build import FLOAT, TARGET, Build, kernel_steps, planned, program

WIDE_NBYTES, BAND_NBYTES = 1 << 10, 1 << 14  # small images make chains, too

_RANDOM = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "WIDE_NBYTES", WIDE_NBYTES)
    monkeypatch.setattr(bands, "BAND_NBYTES", BAND_NBYTES)


class Net(Build):
    """Layers of one network. Convolutions have a bias and clamp their sums, as passes would leave them."""

    def weights(self, *shape: int) -> Tensor:
        return self.const(_RANDOM.standard_normal(shape))

    def conv(
        self, x: Tensor, in_c: int, out_c: int, size: int = 1, residual: Tensor | None = None, **attrs: Any
    ) -> Tensor:
        weights, bias = self.weights(size, size, in_c, out_c), self.weights(out_c)
        return self._own("_Conv2D", x, weights, bias, residual, attrs)

    def depthwise(self, x: Tensor, channels: int, size: int = 3, **attrs: Any) -> Tensor:
        return self._own(
            "_DepthwiseConv2d", x, self.weights(size, size, channels, 1), self.weights(channels), None, attrs
        )

    def _own(
        self, op: str, x: Tensor, weights: Tensor, bias: Tensor, residual: Tensor | None, attrs: dict[str, Any]
    ) -> Tensor:
        epilogue = "clamp(a0,0.0,6.0)" if residual is None else "add(a0,a1)"
        inputs = [x, weights, bias] if residual is None else [x, weights, bias, residual]
        stride = attrs.pop("stride", 1)
        defaults = {"strides": [1, stride, stride, 1], "padding": b"SAME", "dilations": [1, 1, 1, 1]}
        node = self._append(op, inputs, {**defaults, "epilogue": epilogue, "data_format": b"NHWC", **attrs})
        return node.add_output(x.dtype)


def inverted_residual(stride: int = 1, size: int = 3, has_residual: bool = False, **attrs: Any) -> Graph:
    """8 -> 24 channels, a depthwise window, 24 -> 8 channels."""
    net = Net()
    x = net.input()
    wide = net.depthwise(net.conv(x, 8, 24), 24, size, stride=stride, **attrs)
    return net.returns(net.conv(wide, 24, 8, residual=x if has_residual else None))


def numbers_of_bands(plan: Plan) -> list[int]:
    """The distinct numbers of bands, in their order."""
    return list(dict.fromkeys(step.band for step in kernel_steps(plan) if step.band is not None))


def specialised(graph: Graph, *shapes: tuple[int, ...]) -> Graph:
    return specialise(graph, [Spec(FLOAT, shape) for shape in shapes], {}).graph


def results(graph: Graph, *arrays: np.ndarray) -> tuple[list[np.ndarray], Plan]:
    run = program(graph)
    found = run.run(list(arrays))
    assert run.plan is not None and all(isinstance(step, KernelStep) for step in run.plan.steps)
    return [np.array(array) for array in found], run.plan


def assert_same_bits(
    graph: Callable[[], Graph], shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, in_bands: bool = True
) -> None:
    """With bands and without, a graph gives the same, with one thread and with three."""
    image = _RANDOM.standard_normal(shape).astype(np.float32)
    made = graph()
    found, plan = results(made, image)
    assert bool(numbers_of_bands(plan)) == in_bands
    before = edgeload.get_num_threads()
    edgeload.set_num_threads(3)
    try:
        threaded, _ = results(made, image)
    finally:
        edgeload.set_num_threads(before)
    monkeypatch.setattr(bands, "WIDE_NBYTES", 1 << 40)
    expected, whole = results(made, image)
    assert numbers_of_bands(whole) == []
    for one, other, third in zip(found, expected, threaded, strict=True):
        assert one.tobytes() == other.tobytes() == third.tobytes()


def test_an_inverted_residual_block_runs_in_bands_that_fit_their_memory() -> None:
    plan = planned(inverted_residual(), (1, 16, 16, 8))
    count = len(numbers_of_bands(plan))
    assert count > 1
    assert numbers_of_bands(plan) == list(range(count))
    held = sum(occupant.nbytes for occupant in plan.occupants if occupant.name.endswith("/band"))
    assert 0 < held <= BAND_NBYTES
    ends = 2 * 16 * 16 * 8 * 4
    wide = 16 * 16 * 24 * 4
    assert plan.arena_nbytes < ends + held + 2048 < ends + wide


def test_rows_that_two_bands_share_are_copied_and_not_computed_twice() -> None:
    plan = planned(inverted_residual(), (1, 16, 16, 8))
    steps = kernel_steps(plan)
    count = len(numbers_of_bands(plan))
    rows = [
        place.shape[1]
        for step in steps
        if step.kernel.startswith("conv2d") and (place := step.arguments[-1][0]).shape[-1] == 24  # type: ignore[index]
    ]
    assert sum(rows) == 16
    assert sum(step.kernel == "copy_bytes" for step in steps) == count - 1


def test_the_plan_prints_the_first_bands_and_says_how_many_follow() -> None:
    plan = planned(inverted_residual(), (1, 16, 16, 8))
    text, last = str(plan), numbers_of_bands(plan)[-1]
    assert last > 2
    assert "band 0" in text and "band 1" in text
    assert "band 2" not in text
    assert text.count("likewise") == 1
    assert f"likewise up to band {last}, which ends with step {len(plan.steps) - 1}" in text


@pytest.mark.parametrize(
    ("height", "width", "stride", "size"),
    [
        (16, 16, 1, 3), (17, 15, 1, 3), (33, 7, 1, 3), (16, 16, 2, 3), (17, 13, 2, 3), (31, 30, 2, 5), (23, 11, 1, 5),
        (40, 5, 3, 3), (64, 3, 1, 1), (19, 37, 2, 1), (47, 17, 4, 3), (53, 9, 1, 7),
    ],
)  # fmt: skip
def test_bands_change_no_bit(height: int, width: int, stride: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "BAND_NBYTES", 24 * width * 4 * (2 * size + 2 * stride + 4))
    assert_same_bits(lambda: inverted_residual(stride, size), (1, height, width, 8), monkeypatch)


def test_a_residual_is_read_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same_bits(lambda: inverted_residual(has_residual=True), (1, 18, 14, 8), monkeypatch)


@pytest.mark.parametrize("paddings", [[0, 0, 2, 0, 1, 3, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 2, 2, 0, 0]])
def test_explicit_paddings_belong_to_the_first_and_last_bands(
    paddings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    explicit = {"padding": b"EXPLICIT", "explicit_paddings": paddings}
    assert_same_bits(lambda: inverted_residual(**explicit), (1, 16, 12, 8), monkeypatch)


@pytest.mark.parametrize("attrs", [{"padding": b"VALID"}, {"dilations": [1, 2, 2, 1]}, {"dilations": [1, 3, 1, 1]}])
def test_valid_and_dilated_windows_run_in_bands(attrs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "BAND_NBYTES", 24 * 14 * 4 * 24)
    assert_same_bits(lambda: inverted_residual(**attrs), (1, 30, 14, 8), monkeypatch)


@pytest.mark.parametrize("pooling", ["MaxPool", "AvgPool"])
def test_long_chains_with_pooling_and_element_wise_nodes_change_no_bit(
    pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def graph() -> Graph:
        net = Net()
        stem = net.conv(net.input(), 3, 16, size=3, stride=2)
        scaled = net.op("Mul", net.op("Sigmoid", stem), net.weights(16))
        window = {"ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": b"SAME", "data_format": b"NHWC"}
        pooled = net.op(pooling, net.depthwise(scaled, 16), **window)
        return net.returns(net.conv(pooled, 16, 16))

    monkeypatch.setattr(bands, "BAND_NBYTES", 1 << 18)
    (chain,) = bands.find_chains(specialised(graph(), (1, 131, 77, 3)))
    assert len(chain.nodes) == 6
    assert_same_bits(graph, (1, 131, 77, 3), monkeypatch)


def test_the_chain_reads_its_input_until_its_last_band(monkeypatch: pytest.MonkeyPatch) -> None:
    def graph() -> Graph:
        """An element-wise node between the chain's first node and its last, that would take the input's memory."""
        net = Net()
        x = net.op("Relu", net.input())
        wide = net.conv(x, 8, 24)
        other = net.op("Sigmoid", x)
        return net.returns(net.conv(net.depthwise(wide, 24), 24, 8), other)

    assert_same_bits(graph, (1, 16, 16, 8), monkeypatch)


def test_nothing_is_done_for_what_is_small() -> None:
    assert bands.find_chains(specialised(inverted_residual(), (1, 3, 3, 8))) == []


def test_a_batch_of_images_does_not_run_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same_bits(inverted_residual, (2, 16, 16, 8), monkeypatch, in_bands=False)


def test_what_somebody_else_reads_ends_the_chain() -> None:
    net = Net()
    wide = net.conv(net.input(), 8, 24)
    shared = net.depthwise(wide, 24)
    graph = net.returns(net.conv(shared, 24, 8), net.conv(shared, 24, 4))
    (chain,) = bands.find_chains(specialised(graph, (1, 16, 16, 8)))
    assert [node.op for node in chain.nodes] == ["_Conv2D", "_DepthwiseConv2d"]


def test_an_output_of_the_graph_ends_the_chain() -> None:
    net = Net()
    wide = net.conv(net.input(), 8, 24)
    deep = net.depthwise(wide, 24)
    graph = net.returns(net.conv(deep, 24, 8), wide)
    (chain,) = bands.find_chains(specialised(graph, (1, 16, 16, 8)))
    assert [node.op for node in chain.nodes] == ["_DepthwiseConv2d", "_Conv2D"]


def test_an_element_wise_node_begins_no_chain() -> None:
    net = Net()
    graph = net.returns(net.conv(net.op("Relu", net.input()), 24, 8))
    assert bands.find_chains(specialised(graph, (1, 16, 16, 24))) == []


def test_windows_of_several_rows_with_step_1_are_left_to_their_best_algorithm() -> None:
    net = Net()
    graph = net.returns(net.conv(net.conv(net.input(), 8, 24), 24, 8, size=3))
    assert bands.find_chains(specialised(graph, (1, 16, 16, 8))) == []


def test_a_window_that_shares_more_rows_than_a_band_adds_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = inverted_residual(size=9)
    monkeypatch.setattr(bands, "BAND_NBYTES", 24 * 16 * 4 * 12)
    assert bands.find_chains(specialised(graph, (1, 40, 16, 8))) == []


def test_rows_that_do_not_fit_a_band_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "BAND_NBYTES", 100)
    assert bands.find_chains(specialised(inverted_residual(), (1, 16, 16, 8))) == []


def test_windows_outside_of_the_image_are_left_alone() -> None:
    explicit = {"padding": b"EXPLICIT", "explicit_paddings": [0, 0, 9, 9, 0, 0, 0, 0]}
    assert bands.find_chains(specialised(inverted_residual(**explicit), (1, 16, 16, 8))) == []


def test_convolutions_without_constant_weights_begin_no_chain() -> None:
    net = Net()
    x, weights = net.input(), net.input()
    same = {"strides": [1, 1, 1, 1], "padding": b"SAME"}
    wide = net.op("Conv2D", x, weights, **same)
    graph = net.returns(net.op("Conv2D", wide, net.weights(1, 1, 24, 8), **same))
    assert bands.find_chains(specialised(graph, (1, 16, 16, 8), (1, 1, 8, 24))) == []


def test_without_its_kernels_a_chain_is_lowered_node_by_node() -> None:
    stage = specialised(inverted_residual(), (1, 16, 16, 8))
    plan = make_plan(stage, Store(), TARGET, lacks=lambda names: [name for name in names if "depthwise" in name])
    assert [type(step).__name__ for step in plan.steps] == ["KernelStep", "HostStep", "KernelStep"]
    assert not any(occupant.name.endswith("/band") for occupant in plan.occupants)


def test_every_row_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "BAND_NBYTES", 1 << 14)
    for height, stride in itertools.product((16, 31, 57), (1, 2, 3)):
        (chain,) = bands.find_chains(specialised(inverted_residual(stride), (1, height, 16, 8)))
        last = [rows for band in chain.bands for rows in band[-1:]]
        assert [row for rows in last for row in range(rows.first, rows.end)] == list(range(-(-height // stride)))
