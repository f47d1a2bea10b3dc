"""Broken models and wrong calls as users meet them: the right exception, and a message that says what to do.

Each error is one of edgeload's classes and also what TensorFlow raises in its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    CorruptModelError,
    EdgeloadError,
    SavedModelNotFoundError,
    TagsError,
)

DEMO = Path(edgeload.__file__).parent / "demo" / "digits"
IMAGE = np.zeros((1, 8, 8, 1), np.float32)
DATA = "variables/variables.data-00000-of-00001"
INDEX = "variables/variables.index"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the demo's model, to be broken."""
    return Path(shutil.copytree(DEMO, tmp_path / "digits"))


@pytest.fixture(scope="module")
def classify() -> Any:
    return edgeload.load(DEMO).signatures["serving_default"]


def cut(path: Path, keep: Callable[[int], int]) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: keep(len(content))])


def load_and_call(path: Path) -> Any:
    return edgeload.load(path).signatures["serving_default"](image=IMAGE)


# -- the folder -----------------------------------------------------------------------------------------------------


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SavedModelNotFoundError, match="nowhere") as caught:
        edgeload.load(tmp_path / "nowhere")
    assert isinstance(caught.value, OSError)


def test_a_folder_without_a_model_says_which_file_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(SavedModelNotFoundError, match=r"saved_model\.pb"):
        edgeload.load(tmp_path)


def test_a_file_in_place_of_the_folder_is_told_apart(model: Path) -> None:
    with pytest.raises(SavedModelNotFoundError, match="folder"):
        edgeload.load(model / "saved_model.pb")


def test_an_empty_path_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SavedModelNotFoundError):
        edgeload.load("")


@pytest.mark.parametrize("tags", ["train", ["serve", "gpu"], []])
def test_wrong_tags_are_told_with_those_that_exist(tags: Any, model: Path) -> None:
    with pytest.raises(TagsError, match="serve") as caught:
        edgeload.load(model, tags)
    assert isinstance(caught.value, ValueError)


# -- its files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_graph_is_named(share: float, model: Path) -> None:
    cut(model / "saved_model.pb", lambda size: int(size * share))
    with pytest.raises(CorruptModelError, match=r"saved_model\.pb") as caught:
        load_and_call(model)
    assert isinstance(caught.value, OSError)


def test_an_empty_graph_is_to_be_exported_again(model: Path) -> None:
    (model / "saved_model.pb").write_bytes(b"")
    with pytest.raises(CorruptModelError, match="export it again"):
        load_and_call(model)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_index_is_named(share: float, model: Path) -> None:
    cut(model / INDEX, lambda size: int(size * share))
    with pytest.raises(CorruptModelError, match=r"variables\.index"):
        load_and_call(model)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_weights_name_a_tensor_and_the_file(share: float, model: Path) -> None:
    cut(model / DATA, lambda size: int(size * share))
    with pytest.raises(CorruptModelError, match=r"variables\.data-00000-of-00001"):
        load_and_call(model)


def test_missing_weights_are_named_when_they_are_needed(model: Path) -> None:
    (model / DATA).unlink()
    with pytest.raises(CorruptModelError, match=r"variables\.data-00000-of-00001"):
        load_and_call(model)


def test_a_missing_variables_folder_is_named(model: Path) -> None:
    shutil.rmtree(model / "variables")
    with pytest.raises(EdgeloadError, match="variables"):
        load_and_call(model)


def test_a_flipped_weight_is_found_by_the_call_that_needs_it(model: Path) -> None:
    content = bytearray((model / DATA).read_bytes())
    content[0] ^= 0x10
    (model / DATA).write_bytes(content)
    loaded = edgeload.load(model)
    with pytest.raises(CorruptModelError, match=r"variables/0/\.ATTRIBUTES/VARIABLE_VALUE.*checksum") as caught:
        loaded.signatures["serving_default"](image=IMAGE)
    assert isinstance(caught.value, OSError)


def test_flipped_bytes_of_the_graph_give_no_other_exceptions(model: Path) -> None:
    original = (model / "saved_model.pb").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(original)
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        (model / "saved_model.pb").write_bytes(content)
        try:
            load_and_call(model)
        except EdgeloadError:
            continue
        except KeyError as error:  # the signature's own name was hit
            assert "serving_default" in str(error)


# -- calls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "image"),
        ({"picture": IMAGE}, "image"),
        ({"image": IMAGE, "mask": IMAGE}, "mask"),
        ({"image": IMAGE.astype(np.complex64)}, r"float32.*astype"),
        ({"image": IMAGE.astype(bool)}, r"float32.*astype"),
        ({"image": np.full((1, 8, 8, 1), "text")}, "float32"),
        ({"image": None}, "image"),
    ],
)
def test_wrong_names_and_dtypes_raise_type_error(arguments: dict[str, Any], message: str, classify: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=message) as caught:
        classify(**arguments)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 8, 8, 3), (64,), ()])
def test_wrong_shapes_raise_value_error_with_the_right_one(shape: tuple[int, ...], classify: Any) -> None:
    with pytest.raises(ArgumentValueError, match=r"image.*8, 8, 1") as caught:
        classify(image=np.zeros(shape, np.float32))
    assert isinstance(caught.value, ValueError)


def test_a_wrong_call_between_two_right_ones_changes_nothing(classify: Any) -> None:
    before = classify(image=IMAGE)["output_0"]
    with pytest.raises(ArgumentValueError):
        classify(image=IMAGE[0])
    np.testing.assert_array_equal(classify(image=IMAGE)["output_0"], before)


def test_an_empty_batch_gives_an_empty_answer(classify: Any) -> None:
    assert classify(image=IMAGE[:0])["output_0"].shape == (0, 10)


def test_rows_that_are_not_contiguous_count_as_their_values(classify: Any) -> None:
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(
        classify(image=images[::2])["output_0"], classify(image=np.ascontiguousarray(images[::2]))["output_0"]
    )


def test_an_unknown_signature_is_told_with_those_that_exist() -> None:
    with pytest.raises(KeyError, match="serving_default"):
        edgeload.load(DEMO).signatures["predict"]


def test_an_unknown_attribute_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="classify"):
        _ = edgeload.load(DEMO).classify
