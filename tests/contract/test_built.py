"""Artefacts of models that do something before their first call, and of objects that a program makes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeload
from edgeload.aot.build import build
from edgeload.aot.choices import Choices
from edgeload.objects import trackables
from edgeload.runtime import target as targets
from tests.contract.conftest import Contract


def built(contract: Contract, model: str, out: Path, *functions: str) -> Any:
    build(contract.model(model), out, targets.host(), Choices(functions=functions), lambda line: None)
    return edgeload.load(out)


def test_an_init_op_that_adds_to_a_variable_adds_once(contract: Contract, tmp_path: Path) -> None:
    model = built(contract, "tf1.legacy_init_op", tmp_path / "artefact")
    values = [model.signatures["serving_default"]()["w"] for _ in range(2)]
    assert [float(value) for value in (*values, model.variables[0])] == [12.0] * 3


def test_an_init_op_fills_tables_and_leaves_variables_as_they_were_then(contract: Contract, tmp_path: Path) -> None:
    model = built(contract, "tf1.main_op", tmp_path / "artefact")
    model.variables[0].assign(1.0)
    found = model.signatures["serving_default"](np.array(["a", "?"]))
    assert found["y"].tolist() == [1, -1] and float(found["w"]) == 1.0


def test_the_init_op_of_a_model_that_was_saved_again_fills_its_tables(contract: Contract, tmp_path: Path) -> None:
    model = built(contract, "wrapped.saved_again", tmp_path / "artefact", "words")
    assert model.signatures["words"](np.array(["b", "?"]))["ids"].tolist() == [2, -1]


def test_dense_tables_keep_their_reserved_keys(contract: Contract, tmp_path: Path) -> None:
    model = built(contract, "resources.tf1_tables", tmp_path / "artefact")
    keys = np.array(["a", "b"])
    model.signatures["insert"](k=keys, v=np.array([5, 6]))
    assert model.signatures["serving_default"](keys)["dense"].tolist() == [5, 6]
    with pytest.raises(edgeload.ExecutionError, match="not allowed"):
        model.signatures["serving_default"](np.array([""]))


def test_a_program_makes_objects_of_a_registered_name_in_an_artefact(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Thing:
        def __init__(self, written: bytes) -> None:
            self.written = written

    monkeypatch.setitem(trackables.TYPES, "Contract.Thing", Thing)
    model = built(contract, "objects.registered", tmp_path / "artefact")
    assert type(model.thing) is Thing and model.thing.written == b"" and float(model.thing.v) == 3.0
    assert float(model.f()) == 4.0
    monkeypatch.delitem(trackables.TYPES, "Contract.Thing")
    plain = edgeload.load(tmp_path / "artefact")
    assert float(plain.thing.v) == 3.0 and float(plain.f()) == 4.0
