"""Object graphs: kinds of nodes, edges, checkpoint keys, and what broken ones raise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload.errors import CorruptModelError, MissingVariableError
from edgeload.objects.variables import Variable
from tests.objects.saved_models import save

VARIABLE = 'nodes { variable { dtype: DT_FLOAT shape { dim { size: 2 } } name: "v" trainable: true } }'
USER_OBJECT = 'user_object { identifier: "_generic_user_object" }'


def load(folder: Path, nodes: str, **options: Any) -> Any:
    arrays, checkpoint = options.pop("arrays", None), options.pop("checkpoint", "")
    rest = options.pop("rest", "")
    return edgeload.load(save(folder, f"object_graph_def {{ {nodes} }} {rest}", arrays, checkpoint), **options)


def children(**targets: int) -> str:
    return " ".join(f'children {{ node_id: {node} local_name: "{name}" }}' for name, node in targets.items())


def test_one_node_is_one_object_under_all_its_names(tmp_path: Path) -> None:
    nodes = f"nodes {{ {USER_OBJECT} {children(a=1, b=1)} }} nodes {{ {USER_OBJECT} {children(parent=0)} }}"
    root = load(tmp_path, nodes)
    assert root.a is root.b and root.a.parent is root


def test_unknown_identifiers_become_plain_objects(tmp_path: Path) -> None:
    nodes = f'nodes {{ user_object {{ identifier: "no_such_class" }} {children(x=1)} }} nodes {{ {USER_OBJECT} }}'
    assert load(tmp_path, nodes).x is not None


def test_lists_dicts_and_tuples_keep_their_items(tmp_path: Path) -> None:
    wrappers = " ".join(
        f'nodes {{ user_object {{ identifier: "trackable_{kind}_wrapper" }} {edges} }}'
        for kind, edges in [
            ("list", 'children { node_id: 4 local_name: "1" }'),
            ("dict", children(key=4)),
            ("tuple", children(field=4)),
        ]
    )
    root = load(
        tmp_path,
        f"nodes {{ {USER_OBJECT} {children(items=1, by_name=2, pair=3)} }} {wrappers} nodes {{ {USER_OBJECT} }}",
    )
    assert root.items[0] is None and root.items[1] is root.by_name["key"]
    assert list(root.pair) == []


def test_callable_children_chain_and_other_objects_stay_uncallable(tmp_path: Path) -> None:
    function = "nodes { function { } }"
    nodes = f"""nodes {{ {USER_OBJECT} {children(__call__=1, other=3)} }}
        nodes {{ {USER_OBJECT} {children(__call__=2)} }} {function} nodes {{ {USER_OBJECT} }}"""
    root = load(tmp_path, nodes)
    assert callable(root) and not callable(root.other)
    with pytest.raises(edgeload.ArgumentValueError, match="zero restored functions"):
        root(1)


def test_a_variables_key_is_found_by_walking_both_graphs(tmp_path: Path) -> None:
    checkpoint = """
        nodes { children { node_id: 2 local_name: "layer" } }
        nodes { }
        nodes { children { node_id: 3 local_name: "w" } }
        nodes { attributes { name: "VARIABLE_VALUE" full_name: "v" checkpoint_key: "some/key" } }"""
    nodes = f"nodes {{ {USER_OBJECT} {children(layer=1)} }} nodes {{ {USER_OBJECT} {children(w=2)} }} {VARIABLE}"
    root = load(tmp_path, nodes, arrays={"some/key": np.float32([1, 2])}, checkpoint=checkpoint)
    assert root.layer.w.key == "some/key" and root.layer.w.numpy().tolist() == [1, 2]
    assert root.layer.w.name == "v:0" and root.layer.w.trainable


def test_slot_variables_belong_to_equal_slots_of_equal_variables(tmp_path: Path) -> None:
    slots = "slot_variables {{ original_variable_node_id: {0} slot_name: 'm' slot_variable_node_id: {1} }}"
    checkpoint = f"""
        nodes {{ children {{ node_id: 1 local_name: "optimizer" }} children {{ node_id: 2 local_name: "w" }} }}
        nodes {{ {slots.format(2, 3)} }}
        nodes {{ attributes {{ name: "VARIABLE_VALUE" checkpoint_key: "w" }} }}
        nodes {{ attributes {{ name: "VARIABLE_VALUE" checkpoint_key: "m" }} }}"""
    nodes = f"""nodes {{ {USER_OBJECT} {children(w=1, optimizer=2, m=3)} }} {VARIABLE}
        nodes {{ user_object {{ identifier: "optimizer" }} {slots.format(1, 3)} }} {VARIABLE}"""
    root = load(tmp_path, nodes, arrays={"w": np.float32([1, 2]), "m": np.float32([3, 4])}, checkpoint=checkpoint)
    assert root.w.numpy().tolist() == [1, 2] and root.m.numpy().tolist() == [3, 4]


def test_a_variable_without_value_raises_unless_partial_checkpoints_are_allowed(tmp_path: Path) -> None:
    nodes = f"nodes {{ {USER_OBJECT} {children(w=1)} }} {VARIABLE}"
    with pytest.raises(MissingVariableError, match="not bound to checkpointed values: 'v:0'"):
        load(tmp_path, nodes, arrays={"other": np.zeros(1)})
    root = load(tmp_path, nodes, options=edgeload.LoadOptions(allow_partial_checkpoint=True))
    assert root.w.assign([5, 6]).numpy().tolist() == [5, 6]


def test_constants_are_decoded_once_and_assets_are_paths(tmp_path: Path) -> None:
    rest = """graph_def { node { name: "c" op: "Const" attr { key: "value" value { tensor {
        dtype: DT_INT32 tensor_shape { dim { size: 3 } } int_val: 7 } } } } }
        asset_file_def { filename: "words.txt" }"""
    nodes = f"""nodes {{ {USER_OBJECT} {children(c=1, words=2)} }}
        nodes {{ constant {{ operation: 'c' }} }} nodes {{ asset {{ }} }}"""
    root = load(tmp_path, nodes, rest=rest)
    assert root.c.tolist() == [7, 7, 7]
    assert root.words.asset_path.numpy() == str(tmp_path / "assets" / "words.txt").encode()


def test_the_root_may_be_a_variable(tmp_path: Path) -> None:
    root = load(tmp_path, VARIABLE, options=edgeload.LoadOptions(allow_partial_checkpoint=True))
    assert isinstance(root, Variable)


def test_signatures_are_read_only_and_name_what_exists(tmp_path: Path) -> None:
    signature = """nodes { bare_concrete_function {
        concrete_function_name: 'f' argument_keywords: 'x' allowed_positional_arguments: 1 } }"""
    spec = "tensor_spec_value { dtype: DT_FLOAT shape { dim { size: -1 } } }"
    function = f"""concrete_functions {{ key: 'f' value {{
        canonicalized_input_signature {{ tuple_value {{ values {{ tuple_value {{ }} }}
            values {{ dict_value {{ fields {{ key: 'x' value {{ {spec} }} }} }} }} }} }}
        output_signature {{ dict_value {{ fields {{ key: 'y' value {{ {spec} }} }} }} }} }} }}"""
    nodes = f"""nodes {{ {USER_OBJECT} {children(signatures=1)} }}
        nodes {{ user_object {{ identifier: "signature_map" }} {children(serving_default=2)} }}
        {signature} {function}"""
    signatures = load(tmp_path, nodes).signatures
    assert (
        repr(signatures["serving_default"]) == "<edgeload.ConcreteFunction f(x=float32[None]) -> {'y': float32[None]}>"
    )
    with pytest.raises(KeyError, match="serving_default"):
        signatures["other"]
    with pytest.raises(TypeError):
        signatures["other"] = 1


@pytest.mark.parametrize(
    "nodes",
    [
        "",
        f"nodes {{ {USER_OBJECT} {children(x=7)} }}",
        f"nodes {{ {USER_OBJECT} {children(x=-1)} }}",
        "nodes { constant { operation: 'missing' } }",
        "nodes { function { concrete_functions: 'missing' } }",
        "nodes { bare_concrete_function { concrete_function_name: 'missing' } }",
        "nodes { variable { dtype: DT_INVALID } }",
        "nodes { asset { asset_file_def_index: 3 } }",
        f"""nodes {{ {USER_OBJECT} }}
        concrete_functions {{ key: 'f' value {{ canonicalized_input_signature {{ none_value {{ }} }} }} }}""",
        f"nodes {{ {USER_OBJECT} }} concrete_functions {{ key: 'f' value {{ canonicalized_input_signature {{ }} }} }}",
    ],
)
def test_a_graph_that_contradicts_itself_raises_corrupt_model_error(nodes: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptModelError):
        load(tmp_path, nodes)


def test_dunder_children_do_not_change_what_an_object_is(tmp_path: Path) -> None:
    root = load(tmp_path, f"nodes {{ {USER_OBJECT} {children(__class__=1, __dict__=1)} }} nodes {{ {USER_OBJECT} }}")
    assert type(root).__name__ == "UserObject"
