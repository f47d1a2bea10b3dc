"""docs/ops.md says what the planner does."""

from __future__ import annotations

from collections import Counter

from edgeload.kernels import registry
from scripts import write_ops_page
from scripts.probe_ops import probe


def test_the_page_of_ops_is_up_to_date() -> None:
    assert write_ops_page.PAGE.read_text() == write_ops_page.page(), "run python scripts/write_ops_page.py"


def test_a_probe_tells_kernels_from_references() -> None:
    relu = probe("Relu")
    assert "float32" in relu.native and not relu.host
    assert probe("StringLower").host == ("",)
    assert probe("Reshape").native == ("",)


def test_the_tiers_list_each_op_once() -> None:
    listed = [op for _, ops in write_ops_page.tiers().values() for op in ops]
    assert [op for op, count in Counter(listed).items() if count > 1] == []
    assert len(listed) == 653


def test_no_op_of_the_registry_is_left_out() -> None:
    text = write_ops_page.PAGE.read_text()
    assert [name for name in registry.names() if not name.startswith("_") and f"| {name} |" not in text] == []
