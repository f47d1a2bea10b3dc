"""The house rules of imports: one direction, nothing heavy where it is not needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.tiny

_PACKAGE = Path(__file__).parent.parent / "edgeload"
_BASE = {"errors", "dtypes", "memory", "records", "shapes", "array"}
# what each part of edgeload may import of the others; `load` and `program` tie the parts together
_MAY_IMPORT = {
    "errors": set(),
    "records": set(),
    "shapes": {"errors"},
    "array": {"shapes"},
    "dtypes": {"errors"},
    "memory": set(),
    "kernels": _BASE,
    "savedmodel": _BASE,
    "objects": _BASE | {"savedmodel", "kernels"},
    "graph": _BASE | {"savedmodel", "kernels", "runtime"},  # runtime: how artefacts encode values
    "passes": _BASE | {"graph", "kernels"},
    "plan": _BASE | {"graph", "kernels", "passes", "runtime"},
    "runtime": _BASE | {"kernels", "plan", "aot"},  # aot: to compile, inside the functions that do
    "aot": _BASE
    | {
        "savedmodel",
        "kernels",
        "objects",
        "graph",
        "passes",
        "plan",
        "runtime",
        "built",
        "program",
        "load",
        "model_cache",
    },
}
_COMPILERS = {"numba", "llvmlite"}
# the only modules that may import a compiler when they are imported themselves
_COMPILING = {"aot/compile.py", "aot/native.py"} | {
    f"kernels/{name}.py" for name in ("atomics", "calls", "lanes", "simd", "tiles")
}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "edgeload":
                yield from (f"edgeload.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def _files() -> list[Path]:
    return [path for part in _MAY_IMPORT for path in [*_PACKAGE.glob(f"{part}.py"), *_PACKAGE.glob(f"{part}/**/*.py")]]


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    part = path.relative_to(_PACKAGE).parts[0].removesuffix(".py")
    for name in _imports(ast.parse(path.read_text())):
        if name.startswith("edgeload."):
            other = name.split(".")[1]
            assert other == part or other in _MAY_IMPORT[part], f"{path.name} imports {name}: {part} may not"
        assert name.split(".")[0] != "tensorflow"


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_compilers_are_imported_only_to_compile(path: Path) -> None:
    top_level = ast.Module([node for node in ast.parse(path.read_text()).body if not _is_type_checking(node)], [])
    direct = [node for node in top_level.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.split(".")[0] for node in direct for name in _imports(node)}
    if str(path.relative_to(_PACKAGE)) not in _COMPILING:
        assert not names & _COMPILERS


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_the_device_half_imports_neither_protobuf_nor_planner_nor_compiler() -> None:
    program = (
        "import sys, edgeload.runtime.bound\n"
        "banned = ('google.protobuf', 'edgeload.plan.planner', 'edgeload.graph', 'edgeload.passes',"
        " 'numba', 'llvmlite')\n"
        "print([name for name in sys.modules if name.startswith(banned)])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
