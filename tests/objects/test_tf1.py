"""TF1 models: variables by name, initialisers, assets, signatures and `prune`, run by the references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeload.errors import ArgumentValueError, MissingVariableError, UnknownNameError
from edgeload.graph.importer import import_graph_def
from edgeload.objects import tf1
from edgeload.objects.container import Container
from edgeload.savedmodel import reader
from tests.graph.interpret import interpret
from tests.objects.saved_models import save

FLOAT = "attr { key: 'dtype' value { type: DT_FLOAT } }"
T = "attr { key: 'T' value { type: DT_FLOAT } }"
SIZE_2 = "attr { key: 'shape' value { shape { dim { size: 2 } } } }"
GRAPH = f"""graph_def {{
  node {{ name: 'x' op: 'Placeholder' {FLOAT} {SIZE_2} }}
  node {{ name: 'w' op: 'VarHandleOp' {FLOAT} {SIZE_2} }}
  node {{ name: 'read' op: 'ReadVariableOp' input: 'w' {FLOAT} }}
  node {{ name: 'y' op: 'Add' input: 'x' input: 'read' {T} }}
  node {{ name: 'zeros' op: 'Const' {FLOAT} attr {{ key: 'value' value {{ tensor {{
    dtype: DT_FLOAT tensor_shape {{ dim {{ size: 2 }} }} float_val: 4 }} }} }} }}
  node {{ name: 'w/Assign' op: 'AssignVariableOp' input: 'w' input: 'zeros' {FLOAT} }}
  node {{ name: 'path' op: 'Const' attr {{ key: 'dtype' value {{ type: DT_STRING }} }} attr {{
    key: 'value' value {{ tensor {{ dtype: DT_STRING tensor_shape {{ }} string_val: 'old' }} }} }} }}
  node {{ name: 'add_one' op: 'AssignAddVariableOp' input: 'w' input: 'x' {FLOAT} }}
}}"""
SIGNATURE = """signature_def { key: 'serving_default' value {
  inputs { key: 'input' value { name: 'x:0' dtype: DT_FLOAT } }
  outputs { key: 'output' value { name: 'y:0' dtype: DT_FLOAT } } } }"""


class Interpreted:
    """An executor that imports its graph when it first runs, and runs the references."""

    plan = None

    def __init__(self, graph_def: Any, feeds: Sequence[str], fetches: Sequence[str], container: Container) -> None:
        self.arguments = graph_def, feeds, fetches, {}, container.find

    def run(self, inputs: list[Any]) -> list[Any]:
        return interpret(import_graph_def(*self.arguments), inputs)

    def prepared(self, inputs: list[Any]) -> None:
        return None


def load(folder: Path, text: str, arrays: dict[str, np.ndarray] | None = None, **options: Any) -> Any:
    model = reader.read(save(folder, text, arrays))

    def make(name: str, feeds: Sequence[str], fetches: Sequence[str], container: Container) -> Interpreted:
        return Interpreted(model.meta_graph.graph_def, feeds, fetches, container)

    return tf1.restore(model, make, **options)


def test_a_variable_is_read_from_the_checkpoint_by_its_name(tmp_path: Path) -> None:
    root = load(tmp_path, GRAPH + SIGNATURE, {"w": np.float32([1, 2])})
    assert root.variables[0].name == "w:0" and root.variables[0].key == "w"
    assert root.signatures["serving_default"](input=[10.0, 10.0])["output"].tolist() == [11, 12]
    root.variables[0].assign([0, 0])
    assert root.signatures["serving_default"]([10.0, 10.0])["output"].tolist() == [10, 10]


def test_a_variable_that_is_not_stored_gets_its_initialisers_value(tmp_path: Path) -> None:
    root = load(tmp_path, GRAPH + SIGNATURE)
    assert root.variables[0].numpy().tolist() == [4, 4]


def test_a_variable_without_any_value_raises(tmp_path: Path) -> None:
    text = GRAPH.replace("w/Assign", "unrelated")
    with pytest.raises(MissingVariableError, match="'w:0'"):
        load(tmp_path, text)
    assert load(tmp_path, text, allow_partial_checkpoint=True)


def test_assets_become_constants(tmp_path: Path) -> None:
    asset = "asset_file_def { tensor_info { name: 'path:0' } filename: 'new' }"
    root = load(tmp_path, GRAPH + asset)
    assert root.prune([], "path:0")().numpy() == str(tmp_path / "assets" / "new").encode()


def test_prune_cuts_at_interior_tensors_and_keeps_the_nest(tmp_path: Path) -> None:
    root = load(tmp_path, GRAPH, {"w": np.float32([1, 2])})
    function = root.prune(["x:0", "read:0"], {"sum": "y:0", "both": ("x:0", "read:0")})
    result = function([1.0, 1.0], [5.0, 6.0])
    assert result["sum"].tolist() == [6, 7] and result["both"][1].tolist() == [5, 6]
    assert root.prune("x:0", "y:0")(x=[1.0, 1.0]).tolist() == [2, 3]


def test_operations_among_the_fetches_run_and_give_none(tmp_path: Path) -> None:
    root = load(tmp_path, GRAPH, {"w": np.float32([1, 2])})
    assert root.prune("x:0", "add_one")([1.0, 1.0]) is None
    assert root.variables[0].numpy().tolist() == [2, 3]


@pytest.mark.parametrize(
    ("feeds", "fetches", "error"),
    [("x", "y:0", ArgumentValueError), ("nowhere:0", "y:0", UnknownNameError), ("x:0", "nowhere:0", UnknownNameError)],
)
def test_prune_refuses_operations_as_feeds_and_unknown_names(
    feeds: str, fetches: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        load(tmp_path, GRAPH, {"w": np.float32([1, 2])}).prune(feeds, fetches)


def test_the_init_op_runs_once_before_the_first_call(tmp_path: Path) -> None:
    init = "collection_def { key: 'saved_model_main_op' value { node_list { value: 'w/Assign' } } }"
    root = load(tmp_path, GRAPH + SIGNATURE + init, {"w": np.float32([1, 2])})
    function = root.signatures["serving_default"]
    assert function([0.0, 0.0])["output"].tolist() == [4, 4]
    root.variables[0].assign([7, 7])
    assert function([0.0, 0.0])["output"].tolist() == [7, 7]


def test_of_two_names_of_one_input_the_last_counts(tmp_path: Path) -> None:
    twice = SIGNATURE.replace("outputs {", "inputs { key: 'again' value { name: 'x:0' dtype: DT_FLOAT } } outputs {")
    function = load(tmp_path, GRAPH + twice, {"w": np.float32([0, 0])}).signatures["serving_default"]
    assert function(input=[1.0, 1.0])["output"].tolist() == [1, 1]
    assert function(input=[1.0, 1.0], again=[2.0, 2.0])["output"].tolist() == [2, 2]
    assert function(again=[2.0, 2.0], input=[1.0, 1.0])["output"].tolist() == [1, 1]
