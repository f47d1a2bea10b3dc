"""What is said where a package is missing: which one, and how to install it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aot import device
from tests.aot.conftest import DIGITS

_READ = f"edgeload.load({str(DIGITS)!r})"
_CALL = f"{_READ}.signatures['serving_default'](image=np.zeros((1, 8, 8, 1), np.float32))"


def message(statement: str, missing: tuple[str, ...], **environment: str) -> str:
    """What MissingDependencyError says, in a process without some packages."""
    return device.run(
        f"""
import sys
for name in {missing!r}:
    sys.modules[name] = None
import numpy as np
import edgeload
try:
    {statement}
except edgeload.MissingDependencyError as error:
    print(error)
""",
        **environment,
    )


def test_reading_a_savedmodel_without_protobuf_says_to_install_it() -> None:
    said = message(_READ, device.READERS)
    assert "takes protobuf, which is not installed: pip install protobuf" in said


def test_reading_and_running_takes_ml_dtypes_for_its_dtypes_only(tmp_path: Path) -> None:
    assert message(_CALL, ("ml_dtypes",)) == ""
    said = message("from edgeload.dtypes import from_enum; from_enum(14)", ("ml_dtypes",))
    assert said == "numbers of dtype bfloat16 are ml_dtypes' to define, which is not installed: pip install ml_dtypes"


def test_a_kernel_that_has_to_be_compiled_without_numba_says_to_install_it(tmp_path: Path) -> None:
    statement = "from edgeload.runtime import library; library.addresses(['copy_bytes'])"
    said = message(statement, device.COMPILERS, EDGELOAD_CACHE=str(tmp_path))
    assert "Numba, which compiles kernels, is not installed. Install it with: pip install 'edgeload[jit]'" in said


@pytest.mark.parametrize("target", ["native", "raspberry-pi-4"])
def test_building_without_a_compiler_says_to_install_it(tmp_path: Path, target: str) -> None:
    said = device.run(
        f"""
import sys
for name in {device.COMPILERS!r}:
    sys.modules[name] = None
from edgeload.aot.command import main
sys.stderr = sys.stdout
print(main([{str(DIGITS)!r}, {str(tmp_path / "out")!r}, "--target", {target!r}]))
""",
        EDGELOAD_CACHE=str(tmp_path),
    )
    assert "pip install 'edgeload[aot]'" in said
    assert said.endswith("\n2")
    assert not (tmp_path / "out").exists()


def test_a_model_that_decodes_images_without_pillow_says_to_install_it() -> None:
    said = message("from edgeload.kernels import image_codecs; image_codecs._pillow()", ("PIL",))
    assert "pip install 'edgeload[image]'" in said
