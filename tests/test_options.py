"""LoadOptions, those of TensorFlow among them."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload.errors import ArgumentTypeError, ArgumentValueError, CorruptModelError
from edgeload.savedmodel import protos
from tests.objects.saved_models import save

MODEL = """object_graph_def {
  nodes { user_object { identifier: "_generic_user_object" } children { node_id: 1 local_name: "w" } }
  nodes { variable { dtype: DT_FLOAT shape { dim { size: 2 } } name: "w" trainable: true } }
}"""
CHECKPOINT = """nodes { children { node_id: 1 local_name: "w" } }
nodes { attributes { name: "VARIABLE_VALUE" checkpoint_key: "w" } }"""


class Policy(Enum):
    """As TensorFlow's VariablePolicy."""

    NONE = None
    EXPAND = "expand_distributed_variables"


def saved(folder: Path) -> Path:
    return save(folder, MODEL, {"w": np.array([1, 2], np.float32)}, CHECKPOINT)


def tensorflows(**changes: Any) -> Any:
    """An object with the attributes of tf.saved_model.LoadOptions."""
    attributes = {
        "allow_partial_checkpoint": False,
        "experimental_io_device": None,
        "experimental_skip_checkpoint": False,
        "experimental_variable_policy": Policy.NONE,
        "experimental_load_function_aliases": False,
    }
    return SimpleNamespace(**{**attributes, **changes})


def test_tensorflows_options_are_taken_by_their_attributes(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert edgeload.load(folder, options=tensorflows()).w.numpy().tolist() == [1, 2]
    root = edgeload.load(folder, options=tensorflows(experimental_skip_checkpoint=True))
    assert not root.w.is_initialized() and root.w.numpy().size == 0
    policy = edgeload.LoadOptions(experimental_variable_policy=Policy.EXPAND).experimental_variable_policy
    assert policy == "expand_distributed_variables"


def test_what_is_no_options_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError, match="edgeload.LoadOptions"):
        edgeload.load(saved(tmp_path), options={"allow_partial_checkpoint": True})
    with pytest.raises(TypeError, match="unknown"):
        edgeload.LoadOptions(unknown=True)  # type: ignore[call-arg]


@pytest.mark.parametrize("device", ["/job:localhost", "/job:localhost/device:CPU:0", "/CPU:0", "CPU:0", None])
def test_a_device_of_this_machine_is_accepted(device: str | None) -> None:
    assert edgeload.LoadOptions(experimental_io_device=device).experimental_io_device == device


def test_a_device_of_another_machine_is_refused() -> None:
    with pytest.raises(ArgumentValueError, match="no other machines"):
        edgeload.LoadOptions(experimental_io_device="/job:worker/device:CPU:0")


def test_debug_info_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert not edgeload.load(folder).graph_debug_info.traces  # it was saved without
    info = protos.GraphDebugInfo(files=["model.py"])
    info.traces["y@gone"].file_line_cols.add(line=7)
    (folder / "debug").mkdir()
    (folder / "debug" / "saved_model_debug_info.pb").write_bytes(info.SerializeToString())
    found = edgeload.load(folder).graph_debug_info
    assert list(found.files) == ["model.py"] and found.traces["y@"].file_line_cols[0].line == 7
    (folder / "debug" / "saved_model_debug_info.pb").write_bytes(b"\xff")
    root = edgeload.load(folder)  # nobody has asked for it
    with pytest.raises(CorruptModelError, match="Cannot parse file"):
        _ = root.graph_debug_info


def test_repr_and_attributes_of_options() -> None:
    options = edgeload.LoadOptions(True)
    assert "allow_partial_checkpoint=True" in repr(options)
    with pytest.raises(AttributeError):
        options.unknown = 1  # type: ignore[attr-defined]
