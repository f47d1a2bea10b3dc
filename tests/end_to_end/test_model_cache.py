"""What a first call has planned serves the processes that come after; and never a model that it was not made for."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload import model_cache as cache
from edgeload.kept import KeptFunction, keep_all
from edgeload.savedmodel import reader

DIGITS = Path(edgeload.__file__).parent / "demo" / "digits"

PROGRAM = """
import sys
import numpy as np
import edgeload

path, batch, out = sys.argv[1:]
image = np.random.default_rng(int(batch)).random((int(batch), 8, 8, 1), np.float32)
classify = edgeload.load(path).signatures["serving_default"]
np.save(out, classify(image=image)["output_0"])
print(*sorted(name for name in ("google.protobuf", "edgeload.plan.planner", "numba") if name in sys.modules))
"""


@pytest.fixture
def kept(tmp_path: Path, model_cache: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of kept models, which is empty; kernels stay where they are."""
    model_cache()
    folder = tmp_path / "cache"
    folder.mkdir()
    for entry in Path(os.environ["EDGELOAD_CACHE"]).iterdir():
        if entry.name != "models":
            (folder / entry.name).symlink_to(entry)
    monkeypatch.setenv("EDGELOAD_CACHE", str(folder))
    return folder / "models"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the digits model."""
    return Path(shutil.copytree(DIGITS, tmp_path / "digits"))


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 8, 8, 1), np.float32)


def run(model: Path, batch: int, out: Path) -> tuple[np.ndarray, list[str]]:
    """The output for a batch in a process of its own, and what that process imported."""
    command = [sys.executable, "-c", PROGRAM, str(model), str(batch), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return np.load(out), done.stdout.split()


def classify(model: Path, count: int = 1) -> np.ndarray:
    return np.asarray(edgeload.load(model).signatures["serving_default"](image=images(count))["output_0"])


def is_kept(function: Any) -> bool:
    """Whether the last call took a kept plan."""
    executor = function.executor
    assert isinstance(executor, KeptFunction)
    return executor._last is executor._built is not None


def test_a_later_process_reads_no_graph_and_plans_nothing(kept: Path, model: Path, tmp_path: Path) -> None:
    first, imported = run(model, 3, tmp_path / "first.npy")
    assert "edgeload.plan.planner" in imported and kept.is_dir()
    second, imported = run(model, 3, tmp_path / "second.npy")
    assert imported == [] and second.tobytes() == first.tobytes()


def test_plans_for_more_shapes_are_added(kept: Path, model: Path, tmp_path: Path) -> None:
    run(model, 1, tmp_path / "out.npy")
    five, imported = run(model, 5, tmp_path / "five.npy")
    assert "edgeload.plan.planner" in imported
    for batch in (1, 5):
        again, imported = run(model, batch, tmp_path / "again.npy")
        assert imported == []
    assert again.tobytes() == five.tobytes()


def test_what_was_planned_after_the_first_call_is_kept_at_the_end(kept: Path, model: Path) -> None:
    first = edgeload.load(model).signatures["serving_default"]
    first(image=images(1))
    first(image=images(2))
    keep_all()
    for count in (1, 2):
        second = edgeload.load(model).signatures["serving_default"]
        assert second(image=images(count))["output_0"].tolist() == first(image=images(count))["output_0"].tolist()
        assert is_kept(second)


def test_processes_that_start_together_disturb_nobody(kept: Path, model: Path, tmp_path: Path) -> None:
    def start(number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, str(model), str(1 + number % 2), str(tmp_path / f"{number}.npy")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    for _ in range(2):  # with nothing kept, and with something
        processes = [start(number) for number in range(6)]
        assert [process.communicate()[1] for process in processes] == [b""] * 6
        outputs = [np.load(tmp_path / f"{number}.npy").tobytes() for number in range(6)]
        assert outputs == outputs[:2] * 3


def test_another_model_at_the_path_is_another_model(kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = classify(model)
    stored = reader.protos.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    changed = 0
    for function in stored.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "Relu":
                node.op, changed = "Elu", changed + 1
    assert changed
    (model / "saved_model.pb").write_bytes(stored.SerializeToString())
    second = classify(model)
    assert not np.allclose(second, first)
    monkeypatch.setenv("EDGELOAD_MODEL_CACHE", "0")
    assert classify(model).tolist() == second.tolist()


def test_a_model_that_changes_after_loading_is_not_mixed_with_its_plans(kept: Path, model: Path) -> None:
    classify(model)
    loaded = edgeload.load(model)
    with (model / "saved_model.pb").open("ab") as file:
        file.write(b"\x12\x00")
    assert loaded.signatures["serving_default"](image=images(1))["output_0"].shape[0] == 1
    with pytest.raises(edgeload.CorruptModelError, match="changed since it was loaded"):
        loaded.signatures["serving_default"](image=images(2))


@pytest.mark.parametrize("name", ["manifest.json", "records.bin", "weights.bin", "kernels.so"])
def test_damaged_files_are_made_again(kept: Path, model: Path, name: str) -> None:
    expected = classify(model)
    for path in kept.glob(f"*/*/{name}"):
        content = bytearray(path.read_bytes())
        if len(content) > 64:
            content[len(content) // 3 : len(content) // 3 + 8] = b"\xff" * 8
            path.write_bytes(content)
    for _ in range(2):
        assert classify(model).tolist() == expected.tolist()


def test_values_that_python_has_assigned_are_not_kept(kept: Path, model: Path) -> None:
    expected = classify(model)
    shutil.rmtree(kept)
    changed = edgeload.load(model)
    for variable in changed.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    changed.signatures["serving_default"](image=images(1))
    keep_all()
    assert classify(model).tolist() == expected.tolist()


def test_variables_of_a_kept_model_can_be_read_and_assigned(kept: Path, model: Path) -> None:
    plain = edgeload.load(model)
    values = [np.array(variable.numpy()) for variable in plain.variables]
    plain.signatures["serving_default"](image=images(1))
    loaded = edgeload.load(model)
    function = loaded.signatures["serving_default"]
    expected = function(image=images(1))["output_0"]
    assert is_kept(function)
    assert all(np.array_equal(a.numpy(), b) for a, b in zip(loaded.variables, values, strict=True))
    loaded.variables[-1].assign(values[-1] + 1)
    assert not np.array_equal(function(image=images(1))["output_0"], expected)
    loaded.variables[-1].assign(values[-1])
    assert np.array_equal(function(image=images(1))["output_0"], expected)


def test_pickles_go_between_processes_that_keep_and_that_do_not(
    kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = classify(model)
    function = edgeload.load(model).signatures["serving_default"]
    pickled = pickle.dumps(function)
    monkeypatch.setenv("EDGELOAD_MODEL_CACHE", "0")
    plain = pickle.loads(pickled)
    assert not isinstance(plain.executor, KeptFunction)
    assert plain(image=images(1))["output_0"].tolist() == expected.tolist()
    pickled = pickle.dumps(plain)
    monkeypatch.setenv("EDGELOAD_MODEL_CACHE", "10")
    again = pickle.loads(pickled)
    assert again(image=images(1))["output_0"].tolist() == expected.tolist() and is_kept(again)


def test_nothing_is_kept_when_it_is_turned_off(kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGELOAD_MODEL_CACHE", "0")
    classify(model)
    assert not kept.exists()


def test_a_cache_that_cannot_be_written_is_no_error(kept: Path, model: Path) -> None:
    kept.write_text("in the way")
    first = classify(model)
    assert classify(model).tolist() == first.tolist()


def test_models_that_were_not_used_for_longest_make_room(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [Path(shutil.copytree(DIGITS, tmp_path / name)) for name in ("a", "b", "c")]
    for age, path in enumerate(paths[:2]):
        classify(path)
        place = cache.find_place(str(path), None)
        assert place is not None
        os.utime(place.folder, (1000 - age, 1000 - age))  # b is older than a
    nbytes = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
    monkeypatch.setenv("EDGELOAD_MODEL_CACHE", str(1.2 * nbytes / 1e6))
    classify(paths[2])
    assert sorted(entry.name.rsplit("-", 1)[0] for entry in kept.iterdir()) == ["a", "c"]


def test_a_model_that_is_larger_than_all_may_be_is_not_kept(
    kept: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELOAD_MODEL_CACHE", "0.001")
    classify(model)
    assert not [file for file in kept.rglob("*") if file.is_file()]


def test_tags_choose_among_what_is_kept(kept: Path, model: Path) -> None:
    expected = classify(model)
    chosen = edgeload.load(model, tags=["serve"]).signatures["serving_default"](image=images(1))
    assert chosen["output_0"].tolist() == expected.tolist()
    with pytest.raises(edgeload.TagsError):
        edgeload.load(model, tags=["other"])
