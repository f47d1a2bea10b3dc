"""Writes docs/ops.md: every op that edgeload has, and for which dtypes it has kernels.

    python scripts/write_ops_page.py             write the page
    python scripts/write_ops_page.py --summary   print the table of tiers, as the README has it

Run it after registering an op or adding a dtype to one. What has kernels is found out by asking the planner, see
scripts/probe_ops.py; op_tiers.txt says which ops models need.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from edgeload.graph import branches, importer, references, regions, tensor_arrays
from edgeload.kernels import registry
from edgeload.objects import container
from edgeload.plan.specialise import SHAPE_ONLY

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from scripts.probe_ops import Support, probe  # noqa: E402  (found through the line above)

PAGE = REPOSITORY / "docs" / "ops.md"
TIERS = Path(__file__).resolve().parent / "op_tiers.txt"
_SAVER_OPS = frozenset({"RestoreV2", "SaveV2", "ShardedFilename", "MergeV2Checkpoints"})
_LIST_MEMORY = frozenset({"EmptyTensorList", "TensorListReserve"})
_SHORT = {
    "float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int8": "i8", "int16": "i16",
    "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "bool",
    "complex64": "c64", "complex128": "c128", "string": "string", "": "all",
}  # fmt: skip

_INTRODUCTION = """\
# Ops

Written by `scripts/write_ops_page.py` from the registry; do not edit.

**native**: the dtypes for which the planner takes compiled kernels. **host**: the dtypes for which Python runs the op's
NumPy reference, between two native calls; \"all\" where the op has no dtype to choose. Dtypes are those of the op's
attribute `dtype` or `T`, or of its first input, out of those that TensorFlow's definition of the op allows. It is what
one likely node of each op gets, with variables, shapes and axes as models have them; `python -m edgeload check MODEL`
says what a model's own nodes get. Where the size of a result depends on data and the op is native (NonMaxSuppression,
CTCGreedyDecoder), a kernel fills memory for the most there can be, and Python cuts off the rest. Ops that only change a
tensor's shape are native for all dtypes: they cost nothing.

dtypes: f32 f64 f16 bf16: floats (bf16: bfloat16); i8 to i64, u8 to u64: integers; c64 c128: complex.
Tiers: {tiers}.
"""


def structural_ops() -> dict[str, str]:
    """Ops that no step of a plan stands for, and what becomes of them."""
    found = dict.fromkeys(sorted(branches.CONTROL), "a step that runs its parts: native where all of them are")
    found |= dict.fromkeys(sorted(importer._CALLS), "inlined")
    found |= dict.fromkeys(sorted(importer._ORDER_ONLY), "only its order counts")
    found |= dict.fromkeys((*sorted(importer._PLACEHOLDERS), "Const"), "inputs and constants of the graph")
    found |= dict.fromkeys(sorted({*regions.CONTROL_FLOW_V1, *regions._ON_REFERENCES}), "becomes If and While")
    found |= {op: f"becomes {new}" for op, new in references.ON_RESOURCES.items()}
    found |= dict.fromkeys(("TensorArrayV3", *tensor_arrays._REWRITES), "becomes an op on lists")
    found |= dict.fromkeys(sorted(container.VARIABLE_OPS), "the variable itself")
    found |= dict.fromkeys(sorted(container.TABLE_OPS), "the table itself")
    found |= dict.fromkeys(sorted(SHAPE_ONLY), "known while planning")
    found |= dict.fromkeys(sorted(_SAVER_OPS), "not run: loading reads the checkpoint")
    found |= dict.fromkeys(
        sorted(_LIST_MEMORY), "memory that is laid out while planning, where element shapes are known"
    )
    return found


def tiers() -> dict[str, tuple[str, list[str]]]:
    """Tier to its meaning and its ops."""
    found: dict[str, tuple[str, list[str]]] = {}
    for line in TIERS.read_text().splitlines():
        if line[:1].isalpha():
            name, _, meaning = line.partition(": ")
            found[name] = meaning, []
        elif line.startswith("  "):
            list(found.values())[-1][1].extend(line.split())
    return found


def supports() -> dict[str, Support]:
    """What each public op of the registry has."""
    structure = structural_ops()
    return {name: probe(name) for name in registry.names() if not name.startswith("_") and name not in structure}


def summary(supported: Mapping[str, Support]) -> str:
    """How many ops of each tier are native, run in Python, or are not there."""
    lines = ["| tier | ops | native | host | structure | not yet |", "|---|---|---|---|---|---|"]
    structure = structural_ops()
    for tier, (meaning, ops) in tiers().items():
        native = sum(op in supported and bool(supported[op].native or not supported[op].is_known) for op in ops)
        host = sum(op in supported for op in ops) - native
        taken = sum(op in structure for op in ops)
        lines.append(
            f"| {tier}: {meaning} | {len(ops)} | {native} | {host} | {taken} | {len(ops) - native - host - taken} |"
        )
    return "\n".join(lines)


def page() -> str:
    supported = supports()
    tier_of = {op: tier for tier, (_, ops) in tiers().items() for op in ops}
    families: dict[str, list[str]] = {}
    for name in supported:
        op = registry.find(name)
        assert op is not None
        families.setdefault((op.reference or op.infer).__module__.rpartition(".")[2], []).append(name)
    meanings = "; ".join(f"{tier}: {meaning}" for tier, (meaning, _) in tiers().items())
    lines = [_INTRODUCTION.format(tiers=meanings), summary(supported), ""]
    for family in sorted(families):
        lines += [f"## {family.replace('_', ' ')}", "", f"`kernels/{family}.py`", ""]
        lines += ["| op | tier | native | host |", "|---|---|---|---|"]
        for name in sorted(families[family]):
            support = supported[name]
            native = _dtypes(support.native) if support.is_known else "has kernels; no likely node was found to ask for"
            lines.append(f"| {name} | {tier_of.get(name, '')} | {native} | {_dtypes(support.host)} |")
        lines.append("")
    lines += ["## Structure", "", "Ops of which no step is left in a plan, or which are steps with parts.", ""]
    lines += ["| op | tier | what becomes of it |", "|---|---|---|"]
    lines += [f"| {op} | {tier_of.get(op, '')} | {text} |" for op, text in sorted(structural_ops().items())]
    missing = {
        tier: [op for op in sorted(ops) if op not in supported and op not in structural_ops()]
        for tier, (_, ops) in tiers().items()
    }
    lines += ["", "## Not there", ""]
    lines += [f"Tier {tier}: {', '.join(ops) or 'nothing'}.\n" for tier, ops in missing.items()]
    return "\n".join(lines).rstrip() + "\n"


def _dtypes(names: tuple[str, ...]) -> str:
    return " ".join(dict.fromkeys(_SHORT.get(name, name) for name in names))


def main() -> None:
    if "--summary" in sys.argv[1:]:
        print(summary(supports()))
        return
    PAGE.write_text(page())
    print(f"{PAGE}: {len(registry.names())} registered ops")


if __name__ == "__main__":
    main()
