"""Built artefacts: the same outputs as the SavedModel's, on a machine that has only NumPy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeload
from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.aot.command import main
from edgeload.errors import ArgumentValueError, CorruptModelError, UnsupportedOpError
from edgeload.runtime import target as targets
from edgeload.runtime.artefact import KERNELS, MANIFEST, RECORDS, WEIGHTS, manifest_checksum
from tests.aot import device
from tests.aot.conftest import DIGITS, Built
from tests.zoo import recording


@pytest.fixture
def digits(built: Built, tmp_path: Path) -> Path:
    """A copy of the built demo model that a test may damage."""
    return Path(shutil.copytree(built(DIGITS), tmp_path / "digits"))


def images(count: int = 1) -> np.ndarray:
    return np.linspace(0, 1, count * 64, dtype=np.float32).reshape(count, 8, 8, 1)


def change_manifest(folder: Path, **entries: object) -> None:
    manifest = {**json.loads((folder / MANIFEST).read_text()), **entries}
    (folder / MANIFEST).write_text(json.dumps({**manifest, "checksum": manifest_checksum(manifest)}))


def test_numpy_alone_gives_the_bits_of_the_savedmodel(built: Built) -> None:
    expected, _ = device.call(DIGITS)
    found, imported = device.call(built(DIGITS), missing=(*device.READERS, *device.COMPILERS))
    assert found == expected
    assert imported == "imported: []"


def test_a_load_and_a_call_import_neither_protobuf_nor_planner_nor_compiler(built: Built) -> None:
    _, imported = device.call(built(DIGITS))
    assert imported == "imported: []"


def test_another_batch_size_is_planned_on_the_device(built: Built) -> None:
    expected, _ = device.call(DIGITS, batch=3)
    found, imported = device.call(built(DIGITS), batch=3, missing=(*device.READERS, *device.COMPILERS))
    assert found == expected
    assert "edgeload.plan.planner" in imported


def test_batch_sizes_given_at_build_time_need_no_planner(tmp_path: Path) -> None:
    build(DIGITS, tmp_path / "out", targets.host(), Choices(batches=(1, 4)), lambda line: None)
    for batch in (1, 4):
        assert device.call(tmp_path / "out", batch=batch)[1] == "imported: []"


@pytest.mark.parametrize("name", ["data_dependent_shapes", "lstm_gru", "string_table", "tf1_loops"])
def test_unknown_shapes_are_planned_on_a_device_that_has_only_numpy(
    built: Built, zoo: Callable[[str], Path], name: str
) -> None:
    """Later stages, recurrent layers, tables and graphs of TF1, built without samples or shapes."""
    folder = zoo(name)
    assert device.answer(built(folder), folder.with_name(f"{name}.npz")).startswith("right")


def test_a_sample_at_build_time_saves_the_planner_on_the_device(tmp_path: Path, zoo: Callable[[str], Path]) -> None:
    folder = zoo("data_dependent_shapes")
    calls = folder.with_name("data_dependent_shapes.npz")
    call = next(call for call in recording.read(calls) if call.case == "mixed")
    choices = Choices(functions=(call.where,), samples=call.named())
    build(folder, tmp_path / "out", targets.host(), choices, lambda line: None)
    assert device.answer(tmp_path / "out", calls, "mixed") == "right without planner"


def test_fixed_shapes_leave_the_program_out_and_say_so(tmp_path: Path) -> None:
    build(DIGITS, tmp_path / "out", targets.host(), Choices(fixed_shapes=True), lambda line: None)
    classify = edgeload.load(tmp_path / "out").signatures["serving_default"]
    assert classify(image=images())["output_0"].shape == (1, 10)
    with pytest.raises(UnsupportedOpError, match="built for these shapes only"):
        classify(image=images(2))


def test_variables_are_those_of_the_savedmodel_bit_for_bit(built: Built) -> None:
    signatures = [edgeload.load(path).signatures["serving_default"] for path in (DIGITS, built(DIGITS))]
    original, stored = ({variable.key: variable for variable in each.variables} for each in signatures)
    assert original.keys() == stored.keys()
    for key, variable in original.items():
        assert np.asarray(variable).tobytes() == np.asarray(stored[key]).tobytes()


def test_an_assigned_variable_counts_from_the_next_call_on(built: Built) -> None:
    outputs = []
    for path in (DIGITS, built(DIGITS)):
        classify = edgeload.load(path).signatures["serving_default"]
        before = classify(image=images())["output_0"]
        weights = max(classify.variables, key=lambda variable: np.asarray(variable).size)
        weights.assign(np.asarray(weights) * 2)
        outputs.append(classify(image=images())["output_0"])
        assert not np.array_equal(before, outputs[-1])
    np.testing.assert_array_equal(*outputs)


def test_two_builds_are_equal_byte_for_byte(tmp_path: Path, built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    again = tmp_path / "again"
    monkeypatch.setenv("EDGELOAD_CACHE", str(tmp_path / "cache"))  # where nothing is compiled yet
    build(DIGITS, again, targets.host(), Choices(), lambda line: None)
    names = sorted(path.name for path in again.iterdir())
    assert names == sorted(path.name for path in built(DIGITS).iterdir())
    for name in names:
        assert (again / name).read_bytes() == (built(DIGITS) / name).read_bytes(), name


def test_an_artefact_may_be_moved_and_read_only(digits: Path, tmp_path: Path) -> None:
    moved = digits.rename(tmp_path / "elsewhere")
    for path in [*moved.iterdir(), moved]:
        path.chmod(0o555)
    expected, _ = device.call(DIGITS)
    assert device.call(moved, missing=(*device.READERS, *device.COMPILERS))[0] == expected
    moved.chmod(0o755)


def test_what_a_tf1_artefact_has_no_graph_for_says_where_to_find_it(built: Built, zoo: Callable[[str], Path]) -> None:
    model = edgeload.load(built(zoo("tf1_regression")))
    with pytest.raises(UnsupportedOpError, match="prune the SavedModel instead"):
        model.prune("x:0", "y:0")
    with pytest.raises(AttributeError, match="has no 'graph': it has .signatures"):
        _ = model.graph


@pytest.mark.parametrize("name", [MANIFEST, RECORDS, WEIGHTS, KERNELS])
def test_a_truncated_file_raises_corrupt_model_error(digits: Path, name: str) -> None:
    content = (digits / name).read_bytes()
    (digits / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptModelError):
        edgeload.load(digits).signatures["serving_default"](image=images())


@pytest.mark.parametrize("name", [RECORDS, WEIGHTS, KERNELS])
def test_no_changed_byte_goes_unnoticed_where_it_is_used(digits: Path, name: str) -> None:
    content = bytearray((digits / name).read_bytes())
    for place in range(0, len(content), 64):  # every record, tensor and kernel
        content[place] ^= 0x55
    (digits / name).write_bytes(content)
    with pytest.raises(CorruptModelError, match="damaged|sound|format"):
        edgeload.load(digits).signatures["serving_default"](image=images())


def test_a_changed_manifest_raises_corrupt_model_error(digits: Path) -> None:
    text = (digits / MANIFEST).read_text()
    (digits / MANIFEST).write_text(text.replace('"nbytes": ', '"nbytes": 1'))
    with pytest.raises(CorruptModelError, match="checksum"):
        edgeload.load(digits)


def test_a_newer_format_says_which_edgeload_wrote_it(digits: Path) -> None:
    change_manifest(digits, format=99, edgeload="9.0")
    with pytest.raises(UnsupportedOpError, match="format 99, written by edgeload 9.0"):
        edgeload.load(digits)


def test_another_cpu_raises_before_anything_runs(digits: Path) -> None:
    target = json.loads((digits / MANIFEST).read_text())["target"]
    change_manifest(digits, target={**target, "name": "future", "needs": [*target["needs"], "avx9000"]})
    with pytest.raises(UnsupportedOpError, match="built for future, and this machine's CPU lacks avx9000"):
        edgeload.load(digits)


def test_another_instruction_set_raises_before_anything_runs(built: Built) -> None:
    other = "raspberry-pi-4" if targets.host().machine != "aarch64" else "x86-64-v2"
    with pytest.raises(UnsupportedOpError, match=f"built for {other}"):
        edgeload.load(built(DIGITS, other))


def test_an_unknown_function_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ArgumentValueError, match="no function 'nothing'; it has .*serving_default"):
        build(DIGITS, tmp_path / "out", targets.host(), Choices(functions=("nothing",)), lambda line: None)
    assert not (tmp_path / "out").exists()


def test_functions_that_were_not_chosen_say_how_to_build_them(tmp_path: Path) -> None:
    build(DIGITS, tmp_path / "out", targets.host(), Choices(functions=("serving_default",)), lambda line: None)
    model = edgeload.load(tmp_path / "out")
    assert model.signatures["serving_default"](image=images())["output_0"].shape == (1, 10)
    with pytest.raises(UnsupportedOpError, match="--function serve"):
        model.serve(images())


def test_a_folder_that_is_no_artefact_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ArgumentValueError, match="is not an artefact"):
        build(DIGITS, tmp_path, targets.host(), Choices(), lambda line: None)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_the_command_builds_and_lists_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DIGITS), str(tmp_path / "out"), "--batch", "1,2"]) == 0
    printed = capsys.readouterr()
    assert "float32[1, 8, 8, 1]; float32[2, 8, 8, 1]" in printed.out
    assert main(["--target", "list"]) == 0
    assert "raspberry-pi-zero-2w  cortex-a53" in capsys.readouterr().out
    assert main([str(DIGITS), str(tmp_path / "out"), "--target", "toaster"]) == 2
    assert "there is no target 'toaster'" in capsys.readouterr().err
