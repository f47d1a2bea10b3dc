"""scripts/bench.py: how it compares, reports and profiles; one run with edgeload alone; each peer where it is
installed."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.benchmark import command, report, rounds
from scripts.benchmark.agreement import difference
from scripts.benchmark.conversion import CONVERTED
from scripts.benchmark.models import REPOSITORY, STANDARD, ZOO, Subject, find, random_inputs
from scripts.benchmark.rounds import CONTENDERS, Conditions, Measurement

DIGITS = str(REPOSITORY / "edgeload" / "demo" / "digits")
QUICK = ["--rounds", "1", "--seconds", "0.01"]
FIGURES = {
    "start to first result", "import", "load", "first call", "call", "undisturbed call", "calls", "peak memory",
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 100.0], [2.0, 100.0], 0.01),
        ([math.nan, 4.0], [math.nan, 3.0], 0.25),
        ([math.inf, 4.0], [math.inf, 4.0], 0.0),
        ([math.nan, 4.0], [0.0, 4.0], math.inf),
        ([math.inf, 4.0], [-math.inf, 4.0], math.inf),
        ([1.0], [1.0, 1.0], math.inf),
        ([], [], 0.0),
        ([b"a"], [b"a"], 0.0),
        ([b"a"], [b"b"], math.inf),
    ],
)
def test_a_difference_is_relative_to_the_largest_magnitude(first: list, second: list, expected: float) -> None:
    assert difference({"y": np.array(first)}, {"y": np.array(second)}) == expected


def test_outputs_with_other_names_differ_infinitely() -> None:
    assert difference({"y": np.zeros(1)}, {"z": np.zeros(1)}) == math.inf


def test_a_cell_has_the_median_and_the_spread() -> None:
    assert report.cell([0.0025, 0.002, 0.0031]) == "2.50 ms (2.00 .. 3.10)"
    assert report.cell([2.9e-6]) == "2.90 us (2.90 .. 2.90)"
    assert report.cell([79.5e6, 80e6, 70e6], report.BYTE_UNITS) == "79.5 MB (70.0 .. 80.0)"
    assert report.cell([0.0]) == "0 us (0 .. 0)"


def test_a_geometric_mean_weighs_twice_as_fast_and_half_as_fast_alike() -> None:
    assert report.geometric_mean([2.0, 0.5]) == pytest.approx(1.0)
    assert report.geometric_mean([]) is None


def test_all_standard_models_are_in_the_zoo() -> None:
    assert set(STANDARD.values()) <= set(ZOO)


def conditions(tmp_path: Path, contenders: tuple[str, ...] = ("edgeload", "litert", "openvino")) -> Conditions:
    return Conditions(contenders, (1, 2), 3, 0.1, False, dict.fromkeys(CONTENDERS, "python"), tmp_path)


def result(call: float, **others: Any) -> dict[str, Any]:
    return {
        "start to first result": 0.4, "import": 0.1, "load": 0.1, "first call": 0.1, "call": call,
        "undisturbed call": call, "calls": 9, "peak memory": 8e7, "outputs": ["y"], "version": "1", "python": "3",
        "numpy": "2", **others,
    }  # fmt: skip


def made_up(title: str, own: float, litert: float, openvino: float | None) -> Measurement:
    results = {"edgeload": [result(own, arena=2**21)] * 3, "litert": [result(litert)] * 3}
    failures = {}
    if openvino is None:
        failures["openvino"] = ("does not convert", "long ago\nno such operation")
    else:
        results["openvino"] = [result(openvino), result(openvino / 2), result(openvino * 3)]
    differences = {name: 1e-7 for name in results if name != "edgeload"}
    return Measurement(title, {"x": "float32[1]"}, {1: results, 2: results}, failures, "edgeload", differences)


def test_a_report_names_the_best_peer_of_each_model(tmp_path: Path) -> None:
    measurements = [made_up("a", 0.001, 0.004, 0.002), made_up("b", 0.002, 0.001, None)]
    made = report.make_report(measurements, conditions(tmp_path), "bench.py", "today")
    summary = made["summary"]["1"]
    assert summary["best"] == {
        "a": {"peer": "openvino", "ratio": 2.0, "undisturbed ratio": 1.0},
        "b": {"peer": "litert", "ratio": 0.5, "undisturbed ratio": 0.5},
    }
    assert summary["geometric mean"] == pytest.approx(1.0)
    assert summary["geometric means"] == {"litert": pytest.approx(2**0.5), "openvino": 2.0}
    assert json.loads(json.dumps(made)) == made


def test_a_table_gives_the_reason_where_a_peer_has_no_figure(tmp_path: Path) -> None:
    measurements = [made_up("a", 0.001, 0.004, 0.002), made_up("b", 0.002, 0.001, None)]
    text = report.render(report.make_report(measurements, conditions(tmp_path), "bench.py", "today"))
    line = next(line for line in text.splitlines() if line.startswith("a ") and "MiB" in line)
    assert "2.00 ms (1.00 .. 6.00)" in line and "openvino" in line and "2.00 MiB" in line
    assert text.count("does not convert [1]") == 2  # one and two threads
    assert "[1] b, openvino: no such operation" in text.splitlines()


def test_another_contender_begins_in_each_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[int, str]] = []

    def run_child(subject: Any, contender: str, path: Any, threads: int, *others: Any) -> dict[str, Any]:
        order.append((threads, contender))
        return result(0.001)

    monkeypatch.setattr(rounds, "run_child", run_child)
    monkeypatch.setattr(rounds, "_compare", lambda *arguments: None)
    subject = Subject("digits", Path(DIGITS), "serving_default", {})
    measured = rounds.measure(subject, conditions(tmp_path, ("edgeload", "tensorflow")), tmp_path / "run")
    forth, back = ["edgeload", "tensorflow"], ["tensorflow", "edgeload"]
    assert [contender for threads, contender in order if threads == 1] == [*forth, *back, *forth, *back]
    assert [len(results) for results in measured.results[2].values()] == [3, 3]  # the first round does not count


def test_the_demo_is_measured_although_a_peer_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    nothing = tmp_path / "python"
    arguments = [DIGITS, "--contenders", "tensorflow,edgeload", "--python", f"tensorflow={nothing}"]

    assert command.main([*arguments, *QUICK, "--json", str(path), "--cache", str(tmp_path / "cache")]) == 1

    made = json.loads(path.read_text())
    assert made["format"] == report.FORMAT
    model = made["models"]["digits"]
    ((name, (measured,)),) = model["results"]["1"].items()
    assert name == "edgeload"
    assert all(measured[figure] > 0 for figure in FIGURES)
    assert measured["arena"] > 0
    assert measured["start to first result"] > measured["import"] + measured["load"] + measured["first call"]
    assert made["machine"]["cpus"] >= 1 and made["machine"]["features"]
    assert model["failures"]["tensorflow"][0] == "does not run"
    assert "does not run [1]" in capsys.readouterr().out


def test_what_was_built_ahead_of_time_agrees_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    arguments = [DIGITS, "--contenders", "edgeload,built", *QUICK, "--json", str(path), "--cache", str(tmp_path)]
    assert command.main(arguments) == 0
    assert json.loads(path.read_text())["models"]["digits"]["differences"] == {"built": 0.0}


@pytest.mark.parametrize("peer", ["litert", "onnxruntime", "openvino", "tensorflow"])
def test_a_peer_agrees_with_edgeload(peer: str, tmp_path: Path) -> None:
    needed = {"litert": ["ai_edge_litert"], "onnxruntime": ["onnxruntime", "tf2onnx"]}.get(peer, [peer])
    needed += ["tensorflow"] if peer in CONVERTED else []
    if missing := [module for module in needed if importlib.util.find_spec(module) is None]:
        pytest.skip(f"{', '.join(missing)} not installed (extra: bench)")
    path = tmp_path / "report.json"
    arguments = [DIGITS, "--contenders", f"edgeload,{peer}", *QUICK, "--json", str(path), "--cache", str(tmp_path)]
    assert command.main(arguments) == 0
    (largest,) = json.loads(path.read_text())["models"]["digits"]["differences"].values()
    assert largest < 1e-5


def test_the_picture_has_a_panel_for_each_thread_count(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from scripts.benchmark.picture import draw

    made = report.make_report([made_up("a", 0.001, 0.02, None)], conditions(tmp_path), "bench.py", "today")
    draw(made, tmp_path / "bars.svg")
    text = (tmp_path / "bars.svg").read_text()
    assert "1 thread" in text and "2 threads" in text and "20x" in text


def test_a_profile_counts_the_operations_of_products(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from scripts.benchmark import profiling

    inputs = random_inputs(Path(DIGITS), "serving_default")
    (profiled,) = profiling.profile(DIGITS, "serving_default", inputs)
    products = [row for row in profiled.rows if row.flops]
    assert products and all(row.undisturbed > 0 for row in products)
    assert 0 < profiled.steps_seconds < 10 * profiled.call
    assert profiled.peak > 1
    text = profiling.render(profiled)
    assert all(row.step.kernel in text for row in products)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("conv2d", {"pixels": 16, "out_c": 6, "kernel_h": 3, "kernel_w": 3, "depth": 5}, 16 * 6 * 9 * 5),
        ("depthwise", {"batch": 2, "out_h": 4, "out_w": 4, "w": 9 * 8}, 2 * 16 * 9 * 8),
        ("matmul", {"x_index": 3, "rows": 5, "inner": 7, "cols": 2}, 3 * 5 * 7 * 2),
        ("winograd_products", {"count": 4, "positions": 36, "depth": 5, "panels": 2, "columns": 16}, 4 * 36 * 5 * 32),
    ],
)
def test_multiply_adds_follow_from_a_kernels_parameters(name: str, parameters: dict[str, int], expected: int) -> None:
    from scripts.benchmark import profiling

    assert profiling.MULTIPLY_ADDS[name](parameters) == expected


@pytest.mark.parametrize(
    "name",
    [
        "conv2d<float32,6,2,a0>",
        "conv2d_direct<float32>",
        "depthwise<float32,4,3,3,1,1,a0>",
        "matmul<float32,6,2>",
        "winograd_products<float32,6,2>",
    ],
)
def test_product_kernels_have_the_parameters_that_are_counted(name: str) -> None:
    from edgeload.kernels import kernel, registry
    from scripts.benchmark import profiling

    registry.names()  # imports the kernels
    ones = {parameter.name: 1 for parameter in kernel.parameters_of(name)}
    assert profiling.MULTIPLY_ADDS[name.partition("<")[0]](ones) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [DIGITS, "--contenders", "edgeload,torch"],
        [DIGITS, "--threads", "0"],
        [DIGITS, "--threads", "one"],
        [DIGITS, "--rounds", "0"],
        [DIGITS, "--python", "torch=python"],
        ["no_such_model"],
        [DIGITS, DIGITS],
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)


def test_calls_recorded_beside_a_model_are_its_inputs(tmp_path: Path) -> None:
    from tests.zoo import recording

    (tmp_path / "digits").symlink_to(DIGITS, target_is_directory=True)
    inputs = {"pixels": np.full((2, 3), 7.0)}
    recording.write(tmp_path / "digits.npz", [recording.Call("a", "serving_default", inputs)])
    found = find(str(tmp_path / "digits"), "serving_default", tmp_path, "python")
    np.testing.assert_array_equal(found.inputs["pixels"], inputs["pixels"])
