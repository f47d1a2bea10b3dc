"""Writes artefacts: objects, programs with their plans, tensors and kernels into a folder.

See `edgeload.runtime.artefact` for the files and `edgeload.built` for what reads them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

import edgeload
from edgeload import dtypes
from edgeload.aot.functions import PlannedFunction, PlannedStage
from edgeload.aot.runtime_folder import copy_runtime
from edgeload.aot.shared_object import shared_object
from edgeload.built import TABLE_FIELDS, VALUE_TYPES
from edgeload.graph.encoding import encode_graph
from edgeload.graph.ir import Graph
from edgeload.kernels.tables import Table
from edgeload.objects import tf1
from edgeload.objects.functions import ConcreteFunction, Function
from edgeload.objects.resources import Asset, CapturedTensor, Resource
from edgeload.objects.trackables import DictWrapper, ListWrapper, Signatures, UserObject
from edgeload.objects.variables import Variable
from edgeload.passes.products import ScaledWeights
from edgeload.plan.layout import lay_out
from edgeload.runtime.artefact import (
    KERNELS,
    MANIFEST,
    RECORDS,
    WEIGHTS,
    manifest_checksum,
    new_manifest,
    pack_tensor,
    padding,
    tensor_checksum,
)
from edgeload.runtime.encoding import Encoding
from edgeload.runtime.images import Code
from edgeload.runtime.originals import Rule, difference, predict
from edgeload.runtime.target import Target

SHARED_TYPES = (
    Variable, Table, Resource, Asset, CapturedTensor, Function, ConcreteFunction, UserObject, ListWrapper, DictWrapper,
    Signatures, tf1.Graph,
)  # fmt: skip
"""Objects that are referred to by number, so that whoever shares them still shares them."""

RUNTIME = "python"  # the folder of the part of edgeload that runs the artefact
_BLOCK_NBYTES = 1 << 20  # of files that are read one block after the other
_SMALL_NBYTES = 4096  # smaller tensors are stored as they are


class Writer:
    """Collects records, tensors and kernel names of one model, then writes them."""

    def __init__(self, model: Path, target: Target) -> None:
        self._model = model
        self._target = target
        self._tensors: list[np.ndarray] = []
        self._packed: set[int] = set()  # numbers of tensors that plans have
        self._rules: dict[int, Rule] = {}
        self._tensor_numbers: dict[Any, int] = {}
        self._records: dict[str, Any] = {}
        self._described: list[Any] = []
        self._numbers: dict[int, int] = {}  # id of an object to its number
        self._kept: list[Any] = []
        self._queue: list[Any] = []
        self._handles: dict[int, Resource] = {}
        self._kernels: dict[str, None] = {}
        self._planned: dict[int, str] = {}
        self._encoding = Encoding(
            VALUE_TYPES,
            (
                ("object", SHARED_TYPES, self._refer, lambda value: None),
                ("graph", Graph, lambda graph: encode_graph(graph, self._encoding), lambda value: None),
            ),
            put_array=self._put_array,
        )

    def describe_all(self, root: Any) -> list[tuple[int, ConcreteFunction]]:
        """Describe all objects that the root leads to; the functions among them, with their numbers."""
        self._refer(root)
        traces: list[tuple[int, ConcreteFunction]] = []
        while self._queue:
            item = self._queue.pop(0)
            number = self._numbers[id(item)]
            self._described[number] = self._describe(item)
            if isinstance(item, ConcreteFunction):
                traces.append((number, item))
        return traces

    def record_objects(self) -> None:
        """Make the records of objects, with those that only graphs know. Variables have one of their own: a model may
        have many, and a call needs none."""
        while self._queue:
            item = self._queue.pop(0)
            self._described[self._numbers[id(item)]] = self._describe(item)
        variables = {
            number: described for number, described in enumerate(self._described) if described["kind"] == "variable"
        }
        self._records["variables"] = variables
        self._records["objects"] = [
            None if number in variables else described for number, described in enumerate(self._described)
        ]

    def add_records(self, records: Mapping[str, Any]) -> None:
        """More records, of JSON values."""
        self._records.update(records)

    # -- tensors ----------------------------------------------------------------------------------------------------

    def _put_array(self, array: np.ndarray) -> Any:
        """The number of a tensor, the same for equal ones; of an asset's path, which file it is."""
        array = np.asarray(array)
        if array.dtype == dtypes.STRING and array.ndim == 0:
            file = self._asset_file(array.item())
            if file is not None:
                return {"asset": file}
        key = array.dtype.name, array.shape, hashlib.sha256(pack_tensor(array)).digest()
        if key not in self._tensor_numbers:
            self._tensor_numbers[key] = len(self._tensors)
            self._tensors.append(array)
        return self._tensor_numbers[key]

    def _put_constants(self, planned: PlannedFunction, encode: Callable[[Any], Any]) -> list[Any]:
        """The constants of a program's plans, and how the originals of packed ones follow from them."""
        encoded = [encode(np.asarray(constant)) for constant in planned.store.constants]
        self._packed.update(value[1] for value in encoded if type(value[1]) is int)
        for key, index in planned.store.indexed():
            is_filter = isinstance(key, tuple) and key[:1] == ("filter",)
            value = planned.originals.get(key[1] if is_filter else key)
            packed = encoded[index][1]
            if value is None or np.asarray(planned.store.constants[index]).nbytes < _SMALL_NBYTES:
                continue
            original, scale = (value.weights, value.scale) if isinstance(value, ScaledWeights) else (value, None)
            shape, groups, columns = key[2:5] if is_filter else (None, 1, 1)
            number = self._put_array(np.asarray(original))
            if number != packed:
                scale_number = None if scale is None else self._put_array(scale)
                self._rules.setdefault(number, Rule(packed, shape, groups, columns, scale_number))
        return encoded

    def _write_tensors(self, file: IO[bytes]) -> list[list[Any]]:
        """Write all tensors, first what plans map, then what is rarely read; the table of them."""
        table: list[list[Any]] = [[] for _ in self._tensors]
        packed = self._packed | {rule.scale for rule in self._rules.values() if rule.scale is not None}
        for number in sorted(range(len(self._tensors)), key=lambda number: (number not in packed, number)):
            array = self._tensors[number]
            data, rule = pack_tensor(array), None
            if number in self._rules and number not in packed:
                rule = self._rules[number]
                scale = None if rule.scale is None else self._tensors[rule.scale]
                shorter = difference(array, predict(self._tensors[rule.packed], scale, rule, array.shape))
                data, rule = (data, None) if shorter is None else (shorter, rule)
            file.write(bytes(padding(file.tell())))
            table[number] = [array.dtype.name, list(array.shape), file.tell(), len(data), tensor_checksum(data)]
            table[number] += [] if rule is None else list(rule)
            file.write(data)
        return table

    def _asset_file(self, path: bytes) -> str | None:
        folder = (self._model / "assets").resolve()
        try:
            return str(Path(os.fsdecode(path)).resolve().relative_to(folder)) if path.startswith(b"/") else None
        except (ValueError, OSError):
            return None

    # -- objects ----------------------------------------------------------------------------------------------------

    def _refer(self, item: Any) -> int:
        """The number of an object; it is described later."""
        if id(item) not in self._numbers:
            self._numbers[id(item)] = len(self._described)
            self._described.append(None)
            self._kept.append(item)
            self._queue.append(item)
        return self._numbers[id(item)]

    def _describe(self, item: Any) -> dict[str, Any]:
        encode = self._encoding.encode
        if isinstance(item, Variable):
            return {
                "kind": "variable",
                "name": item.name,
                "dtype": encode(item.dtype),
                "shape": encode(item.shape),
                "trainable": item.trainable,
                "key": item.key,
                "synchronization": item.synchronization,
                "aggregation": item.aggregation,
                "value": self._variable_value(item),
            }
        if isinstance(item, ConcreteFunction):
            return self._describe_trace(item)
        if isinstance(item, Function):
            traces = [self._refer(trace) for trace in item.concrete_functions]
            return {
                "kind": "function", "name": item.name, "traces": traces, "parameters": encode(item._parameters),
                "children": self._children(item),
            }  # fmt: skip
        if isinstance(item, Table):
            fields = {name: encode(getattr(item, name)) for name in TABLE_FIELDS}
            return {"kind": "table", **fields}
        if isinstance(item, Resource):
            recorder = _Recorder()
            if item._restore is not None:
                item._restore(recorder)
            entries = [encode(entry) for entry in recorder.entries]
            return {"kind": "resource", "entries": entries, "children": self._children(item)}
        if isinstance(item, Asset):
            return {"kind": "asset", "file": self._asset_file(os.fsencode(item.path)) or os.path.basename(item.path)}
        if isinstance(item, CapturedTensor):
            return {"kind": "captured_tensor", "name": item.name, "function": item.function}
        if isinstance(item, Signatures):
            return {"kind": "signatures", "children": {key: encode(item[key]) for key in item}}
        if isinstance(item, ListWrapper):
            return {"kind": "list", "children": {str(index): encode(child) for index, child in enumerate(item)}}
        if isinstance(item, DictWrapper):
            return {"kind": "dict", "children": {key: encode(child) for key, child in item.items()}}
        if isinstance(item, tf1.Graph):
            names = ("asset_paths", "signatures", "variables", "tensorflow_version", "tensorflow_git_version")
            children = {name: encode(getattr(item, name)) for name in names if hasattr(item, name)}
            return {"kind": "tf1", "children": children}
        return {
            "kind": "user",
            "identifier": item.identifier,
            "registered_name": item.registered_name,
            "proto": item.proto.hex(),
            "children": self._children(item),
        }

    def _variable_value(self, variable: Variable) -> Any:
        return self._encoding.encode(np.array(variable.array) if variable.has_value else None)

    def _children(self, item: Any) -> dict[str, Any]:
        """The attributes that loading has set: those of the model's own."""
        own = _own_attributes(item) if isinstance(item, Function | Resource) else {"graph_debug_info"}
        return {name: self._encoding.encode(child) for name, child in vars(item).items() if name not in own}

    def _describe_trace(self, trace: ConcreteFunction) -> dict[str, Any]:
        encode = self._encoding.encode
        return {
            "kind": "trace",
            "name": trace.name,
            "signature": self._encode_structure(trace.structured_input_signature),
            "outputs": self._encode_structure(trace.structured_outputs),
            "captures": encode(list(trace.captured_inputs)),
            "keywords": list(trace._keywords),
            "positional": trace._num_positional,
            "parameters": encode(trace._parameters),
            "defaults": encode(trace._defaults),
            "aliases": dict(trace._aliases),
            "program": None,
            "why_not": "",
            "init": [],
        }

    def _encode_structure(self, value: Any) -> Any:
        """As `encode`, with namedtuples, which are classes that only the model knows."""
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return ["namedtuple", [type(value).__name__, list(value._fields), list(map(self._encode_structure, value))]]
        if type(value) in (list, tuple):
            return [type(value).__name__, *map(self._encode_structure, value)]
        if type(value) is dict and all(type(key) is str for key in value):
            return {key: self._encode_structure(item) for key, item in value.items()}
        return self._encoding.encode(value)

    # -- programs ---------------------------------------------------------------------------------------------------

    def _note_handles(self, traces: Iterable[ConcreteFunction]) -> None:
        for trace in traces:
            for capture in trace.captured_inputs:
                if isinstance(capture, Resource) and capture._handle is not None:
                    self._handles[id(capture._handle)] = capture

    def _add_planned(self, planned: PlannedFunction) -> str:
        """Write a planned function's record and those of its parts; the record's name."""
        if id(planned) in self._planned:
            return self._planned[id(planned)]
        name = self._planned[id(planned)] = f"program {len(self._planned)}"
        self._kept.append(planned)
        graph = None
        if planned.graph is not None:
            graph = f"graph {name.split()[1]}"
            self._records[graph] = encode_graph(planned.graph, self._with_handles())
        encode = self._with_handles().encode
        for kernel in planned.kernels():
            self._kernels.setdefault(kernel)
        self._records[name] = {
            "name": planned.name,
            "graph": graph,
            "is_optimised": planned.is_optimised,
            "constants": self._put_constants(planned, encode),
            "resources": [encode(resource) for resource in planned.store.resources],
            "folded": encode(list(planned.folded)),
            "assigned": encode(list(planned.assigned)),
            "value_inputs": sorted(planned.value_inputs),
            "parts": [self._add_planned(part) for part in planned.parts],
            "plans": [self._add_plan(f"{name} plan {number}", entry) for number, entry in enumerate(planned.plans)],
        }
        self._records[name]["resources"] = ["list", *self._records[name]["resources"]]
        return name

    def _add_plan(self, record: str, entry: PlannedStage) -> dict[str, Any]:
        """Write a plan's record, which a call reads only for steps that Python runs. The rest is for its program's."""
        encode = self._with_handles().encode
        self._records[record] = encode(entry.plan)
        return {
            "key": encode(entry.key),
            "layout": encode(lay_out(entry.plan)),
            "plan": record,
            "rest": None if entry.rest is None else self._add_planned(entry.rest),
        }

    def _with_handles(self) -> Encoding:
        """The encoding, for values among which are tables that the model's resources have made."""
        encoding: _HandleEncoding
        others = (
            ("handle", _Handle, lambda handle: self._refer(handle.resource), lambda value: None),
            ("object", SHARED_TYPES, self._refer, lambda value: None),
            ("graph", Graph, lambda graph: encode_graph(graph, encoding), lambda value: None),
        )
        encoding = _HandleEncoding(VALUE_TYPES, others, put_array=self._put_array)
        encoding.handles = self._handles
        return encoding

    # -- kernels and files ------------------------------------------------------------------------------------------

    def write(
        self,
        out: Path,
        images: Mapping[str, Code],
        told: Mapping[str, Any],
        *,
        with_assets: bool = False,
        with_runtime: bool = False,
    ) -> dict[str, Any]:
        """Write all files into a new folder beside `out`, then put it in place of `out`; the manifest, which also has
        what is `told`. `images` are the kernels."""
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
        try:
            os.chmod(folder, 0o755)
            with (folder / WEIGHTS).open("wb") as file:
                self._records["tensors"] = self._write_tensors(file)
            places, lines = self._record_lines()
            (folder / RECORDS).write_bytes(lines)
            (folder / KERNELS).write_bytes(shared_object(self._target, images))
            if with_assets and (self._model / "assets").is_dir() and any((self._model / "assets").iterdir()):
                shutil.copytree(self._model / "assets", folder / "assets", copy_function=shutil.copyfile)
            manifest = self._manifest(folder, places, told)
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
            if with_runtime:
                copy_runtime(folder / RUNTIME)
            _replace(out, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return manifest

    def _record_lines(self) -> tuple[dict[str, list[int]], bytearray]:
        """Where each record is, with its checksum; and all of them, one after the other."""
        lines = bytearray()
        places = {}
        for name, record in self._records.items():
            line = json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode()
            line = zlib.compress(line, 9) if name.startswith("graph ") or " plan " in name else line
            places[name] = [len(lines), len(line), zlib.crc32(line)]
            lines += line + b"\n"
        return places, lines

    def _manifest(self, folder: Path, places: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
        target = self._target._asdict()
        target["needs"] = sorted(self._target.needs)
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        manifest = {
            **new_manifest(edgeload.__version__),
            **told,
            "target": target,
            "kernels": list(self._kernels),
            "files": {
                name: {"nbytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in files
            },
            "records": dict(places),
        }
        return {**manifest, "checksum": manifest_checksum(manifest)}


@dataclass(frozen=True)
class _Handle:
    """Stands for the table of a resource while values are encoded."""

    resource: Resource


class _HandleEncoding(Encoding):
    handles: Mapping[int, Resource]

    def encode(self, value: Any) -> Any:
        if isinstance(value, Table) and id(value) in self.handles:
            return super().encode(_Handle(self.handles[id(value)]))
        return super().encode(value)


class _Recorder:
    """Takes what a checkpoint has for a table."""

    def __init__(self) -> None:
        self.entries: list[tuple[np.ndarray, np.ndarray]] = []

    def replace(self, keys: np.ndarray, values: np.ndarray) -> None:
        self.entries.append((keys, values))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_NBYTES):
            digest.update(block)
    return digest.hexdigest()


def _own_attributes(item: Any) -> set[str]:
    """The attributes that a Function or Resource has by itself."""
    blank = Function("", [], None) if isinstance(item, Function) else Resource()
    return set(vars(blank))


def _replace(out: Path, folder: Path) -> None:
    """Put a folder in place of another, which is only dropped once the new one is complete."""
    if out.exists():
        old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-old-"))
        os.rename(out, old / "artefact")
        os.rename(folder, out)
        shutil.rmtree(old)
    else:
        os.rename(folder, out)
