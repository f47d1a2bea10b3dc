"""The table of targets, and that kernels compile and link for all of it."""

from __future__ import annotations

import pytest

from edgeload.aot import image
from edgeload.aot.compile import compile_kernel
from edgeload.errors import EdgeloadError, UnsupportedOpError
from edgeload.kernels import kernel
from edgeload.runtime import target as targets

# a matrix product, constants addressed by page, integers, threads
_KERNELS = ("conv2d<float32,4,2,a0>", "elementwise<exp(a0),v,3,float32,float32>", "copy_bytes", "work")


@pytest.mark.parametrize("name", list(targets.TARGETS))
def test_kernels_link_into_images_for_every_target(name: str) -> None:
    for kernel_name in _KERNELS:
        made = compile_kernel(kernel.find(kernel_name), targets.find(name))
        assert 0 <= made.entry < len(made.code)
        assert made.alignment in (64, 4096)


def test_native_is_this_machines_tier_with_all_that_its_cpu_has() -> None:
    native = targets.find("native")
    assert native.lanes == targets.host().lanes
    assert native.cpu not in ("", targets.host().cpu)
    assert not targets.missing_flags(native)


def test_another_instruction_set_is_missing_as_a_whole() -> None:
    other = "riscv64" if targets.host().machine != "riscv64" else "aarch64"
    assert targets.missing_flags(targets.find(other)) == {other}


def test_an_unknown_target_lists_those_there_are() -> None:
    with pytest.raises(UnsupportedOpError, match="no target 'pi'. Targets: x86-64-v2, .*raspberry-pi-4.*native"):
        targets.find("pi")


def test_code_that_refers_to_what_is_outside_of_it_does_not_link() -> None:
    import llvmlite.binding as llvm

    target = targets.host()
    compile_kernel(kernel.find("copy_bytes"), target)  # initialises LLVM
    module = llvm.parse_assembly("declare double @sin(double)\ndefine double @f(double %x) {\n"
                                 " %y = call double @sin(double %x)\n ret double %y\n}")  # fmt: skip
    machine = llvm.Target.from_triple(target.triple).create_target_machine(reloc="pic", codemodel="small")
    with pytest.raises(EdgeloadError, match="test: compiled code refers to 'sin', which is outside it"):
        image.link(machine.emit_object(module), "f", what="test")
