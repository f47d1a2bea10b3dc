"""`python -m edgeload check`: what is missing where, which steps a model has, and that weights are not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.check import FunctionReport, check
from edgeload.cli import main
from edgeload.dtypes import STRING
from edgeload.errors import ArgumentValueError, UnsupportedOpError
from edgeload.load import load
from edgeload.runtime import target as targets
from edgeload.savedmodel.bundle import Bundle
from tests.conftest import REPOSITORY
from tests.objects.saved_models import save

DIGITS = REPOSITORY / "edgeload" / "demo" / "digits"
FLOAT = "attr { key: 'T' value { type: DT_FLOAT } }"


def _signature(inputs: str, outputs: str = "") -> str:
    tensors = "".join(
        f"{kind} {{ name: '{name}' type: {dtype} }} "
        for kind, args in (("input_arg", inputs), ("output_arg", outputs))
        for name, dtype in (arg.split(":") for arg in args.split())
    )
    return tensors


def _function(name: str, inputs: str, outputs: str, nodes: str, returns: str) -> str:
    ret = "".join(f"ret {{ key: '{pair.split('=')[0]}' value: '{pair.split('=')[1]}' }} " for pair in returns.split())
    return f"function {{ signature {{ name: '{name}' {_signature(inputs, outputs)} }} {nodes} {ret} }}"


def _call(attr: str, function: str) -> str:
    return f"attr {{ key: '{attr}' value {{ func {{ name: '{function}' }} }} }}"


TYPES = "attr { key: '%s' value { list { type: DT_FLOAT } } }"
INNER = _function(
    "inner", "x:DT_FLOAT", "y:DT_FLOAT", f"node_def {{ name: 'lost' op: 'FirstLostOp' input: 'x' {FLOAT} }}", "y=lost:0"
)
COND = _function(
    "cond", "x:DT_FLOAT", "go:DT_BOOL",
    "node_def { name: 'asks' op: 'SecondLostOp' input: 'x' }", "go=asks:0",
)  # fmt: skip
BODY = _function(
    "body", "x:DT_FLOAT", "y:DT_FLOAT",
    f"node_def {{ name: 'turn' op: 'ThirdLostOp' input: 'x' {FLOAT} }}", "y=turn:0",
)  # fmt: skip
OUTER = _function(
    "outer", "x:DT_FLOAT", "y:DT_FLOAT",
    f"""node_def {{ name: 'call' op: 'PartitionedCall' input: 'x' {TYPES % 'Tin'} {TYPES % 'Tout'}
      {_call('f', 'inner')} }}
    node_def {{ name: 'loop' op: 'StatelessWhile' input: 'call:output:0' {TYPES % 'T'} {_call('cond', 'cond')}
      {_call('body', 'body')} }}""",
    "y=loop:output:0",
)  # fmt: skip
FINE = _function(
    "fine", "x:DT_FLOAT", "y:DT_FLOAT", f"node_def {{ name: 'y' op: 'Relu' input: 'x' {FLOAT} }}", "y=y:activations:0"
)


def _described(name: str) -> str:
    spec = "tensor_spec_value { name: 'x' shape { unknown_rank: true } dtype: DT_FLOAT }"
    return f"""concrete_functions {{ key: '{name}' value {{
      canonicalized_input_signature {{ tuple_value {{
        values {{ tuple_value {{ values {{ {spec} }} }} }} values {{ dict_value {{}} }} }} }}
      output_signature {{ tensor_spec_value {{ shape {{ unknown_rank: true }} dtype: DT_FLOAT }} }} }} }}"""


MODEL = f"""graph_def {{ library {{ {INNER} {COND} {BODY} {OUTER} {FINE} }} }}
object_graph_def {{
  nodes {{ user_object {{ identifier: "_generic_user_object" }} children {{ node_id: 1 local_name: "outer" }}
    children {{ node_id: 2 local_name: "fine" }} }}
  nodes {{ function {{ concrete_functions: "outer" }} }}
  nodes {{ function {{ concrete_functions: "fine" }} }}
  {_described("outer")} {_described("fine")}
}}"""


def _reports(reports: list[FunctionReport]) -> dict[str, FunctionReport]:
    return {name: report for report in reports for name in report.names}


def test_missing_ops_are_named_with_their_nodes_and_functions(tmp_path: Path) -> None:
    reports = _reports(check(str(save(tmp_path, MODEL))))
    assert reports["outer"].missing == {
        "FirstLostOp": ["'call/lost' in function 'inner'"],
        "SecondLostOp": ["'loop/cond/asks' in function 'cond'"],
        "ThirdLostOp": ["'loop/body/turn' in function 'body'"],
    }
    assert not reports["outer"].is_runnable
    assert reports["fine"].is_runnable and reports["fine"].native == 1 and reports["fine"].native_calls == 1


def test_a_call_names_all_missing_ops_of_called_functions_and_loops_at_once(tmp_path: Path) -> None:
    root = load(save(tmp_path, MODEL))
    with pytest.raises(UnsupportedOpError) as raised:
        root.outer(np.zeros(2, np.float32))
    assert all(op in str(raised.value) for op in ("3 op(s)", "FirstLostOp", "SecondLostOp", "ThirdLostOp"))


def test_the_exit_code_tells_whether_everything_can_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(save(tmp_path / "lost", MODEL))
    assert main(["check", folder]) == 1
    shown = capsys.readouterr().out
    assert "cannot run: 3 ops missing" in shown and "1 of 2 functions can run" in shown
    assert main(["check", folder, "--json"]) == 1
    described = json.loads(capsys.readouterr().out)
    assert [function["runnable"] for function in described] == [False, True]
    fine = MODEL.replace('children { node_id: 1 local_name: "outer" }', "")
    assert main(["check", str(save(tmp_path / "fine", fine))]) == 0
    assert main(["check", str(tmp_path / "nothing")]) == 2


def test_shapes_are_taken_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(save(tmp_path, MODEL))
    assert _reports(check(folder, shapes={"x": (3, 5)}))["fine"].inputs == {"x": "float32[3,5]"}
    with pytest.raises(ArgumentValueError, match="no function has an input 'y'"):
        check(folder, shapes={"y": (1,)})
    assert main(["check", folder, "--shape", "x=a"]) == 2
    assert "is not INPUT=N,N" in capsys.readouterr().err


def test_weights_are_not_read(zoo: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    read_whole = Bundle._read_whole

    def note(self: Bundle, entry_key: bytes, entry: Any, key: str) -> np.ndarray:
        value = read_whole(self, entry_key, entry, key)
        sizes.append(0 if value.dtype == STRING else value.nbytes)
        return value

    monkeypatch.setattr(Bundle, "_read_whole", note)
    reports = check(str(zoo("mobilenet_v2")))
    assert all(report.is_runnable and report.native and not report.host for report in reports)
    assert max(sizes) <= 1024


def test_a_loop_of_kernels_is_native(zoo: Callable[[str], Path]) -> None:
    report = _reports(check(str(zoo("lstm_gru")), batch=3))["serve"]
    assert report.native_loops == 2 and report.native_calls == 1
    assert report.control == report.host == report.later == 0
    assert report.inputs["x"] == "float32[3,1,16]"


def test_what_python_runs_is_named_with_the_reason(zoo: Callable[[str], Path]) -> None:
    lookup = _reports(check(str(zoo("string_table"))))["lookup"]
    assert lookup.host == 2 and "LookupTableFindV2" in lookup.host_parts[0].ops
    assert lookup.host_parts[0].why == ["strings are Python's to process"]
    masked = _reports(check(str(zoo("data_dependent_shapes"))))["positive_rows"]
    assert masked.later > 0 and any("Where" in note for note in masked.notes)


def test_a_call_tells_what_follows_from_data(zoo: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(zoo("data_dependent_shapes"))
    before, after = _reports(check(folder))["positive_rows"], _reports(check(folder, runs=True))["positive_rows"]
    assert before.later > 0 and after.later == 0 and after.native > before.native
    assert main(["check", folder, "--run"]) == 0
    assert "to be planned while it runs" not in capsys.readouterr().out


def test_a_tf1_graph_is_checked_by_signature(zoo: Callable[[str], Path]) -> None:
    report = _reports(check(str(zoo("tf1_loops"))))["signature 'serving_default'"]
    assert report.is_runnable and report.native_loops > 0


def test_a_built_artefact_shows_the_plans_that_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = tmp_path / "built"
    build(DIGITS, built, targets.host(), Choices(batches=(1, 2)), lambda line: None)
    (of_model, *_), (of_artefact, *_) = check(str(DIGITS)), check(str(built))
    assert of_artefact.names == of_model.names and of_artefact.native == of_model.native > 0
    assert of_artefact.notes == ["counted: the first of 2 plan(s) that were built"]
    assert main(["check", str(built), "--shape", "x=1"]) == 2
    assert "was planned when it was built" in capsys.readouterr().err


def test_what_was_not_built_cannot_run(tmp_path: Path) -> None:
    chosen = _reports(check(str(DIGITS)))
    name = next(name for name in chosen if not name.startswith("signature"))
    build(DIGITS, tmp_path / "built", targets.host(), Choices(functions=(name,)), lambda line: None)
    reports = check(str(tmp_path / "built"))
    assert {report.is_runnable for report in reports} == {True, False}
    assert any("was not built" in report.problem for report in reports)
