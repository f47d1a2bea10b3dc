"""Cast and Bitcast."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from tests.kernels import harness

NATIVE = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
FLOATS = [0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 127.9, -128.9, 255.9, 300.0, -300.0, 65535.5, 70000.0, 3e9, -3e9, 2.0**31]
FLOATS += [-(2.0**31), 2.0**32, 1e10, 2.0**62, 2.0**63, -(2.0**63), 1.5 * 2.0**63, 2.0**64, 1e30, -1e30]
FLOATS += [np.inf, -np.inf, np.nan]


def attrs(source: str, target: str) -> dict[str, object]:
    return {"SrcT": np.dtype(source), "DstT": np.dtype(target), "Truncate": False}


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize("source", ["float32", "float64"])
def test_cast_of_floats_equals_its_reference_in_and_out_of_range(source: str, target: str) -> None:
    harness.check("Cast", attrs(source, target), np.array(FLOATS, np.float64).astype(source), rtol=0, atol=0)


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize("source", ["int8", "uint32", "int64", "bool"])
def test_cast_of_integers_wraps(source: str, target: str) -> None:
    limits = np.iinfo(source) if source != "bool" else np.iinfo("int8")
    values = np.array([0, 1, 2, limits.max, limits.min, limits.max // 3] * 3).astype(source)
    harness.check("Cast", attrs(source, target), values, rtol=0, atol=0)


def test_cast_of_floats_cuts_towards_zero_and_out_of_range_gives_the_least_integer() -> None:
    x = np.array([1.9, -1.9, 3e9, np.nan], np.float32)
    np.testing.assert_array_equal(harness.run("Cast", attrs("float32", "int32"), x)[0], [1, -1, -(2**31), -(2**31)])


def test_complex_numbers_lose_their_imaginary_part() -> None:
    x = np.array([1 + 2j, 0 + 3j], np.complex64)
    np.testing.assert_array_equal(harness.reference("Cast", attrs("complex64", "float32"), x)[0], [1, 0])
    np.testing.assert_array_equal(harness.reference("Cast", attrs("complex64", "int32"), x)[0], [1, 0])
    np.testing.assert_array_equal(harness.reference("Cast", attrs("complex64", "bool"), x)[0], [True, True])


def test_what_is_too_large_for_half_precision_is_infinite() -> None:
    x = np.array([1.5, 1e6], np.float32)
    with np.errstate(over="ignore"):
        (result,) = harness.reference("Cast", attrs("float32", "float16"), x)
    np.testing.assert_array_equal(result, np.array([1.5, np.inf], np.float16))


def test_strings_are_not_cast() -> None:
    with pytest.raises(InvalidGraphError, match="numbers and bools"):
        harness.infer("Cast", attrs("object", "float32"), np.array([b"1"], object))


@pytest.mark.parametrize(
    ("source", "shape", "target", "expected"),
    [
        ("float32", (2, 3), "int32", (2, 3)),
        ("float32", (2, 3), "uint8", (2, 3, 4)),
        ("uint8", (2, 3, 4), "float32", (2, 3)),
        ("int64", (), "int32", (2,)),
    ],
)
def test_bitcast_keeps_the_bytes(source: str, shape: tuple[int, ...], target: str, expected: tuple[int, ...]) -> None:
    x = np.arange(int(np.prod(shape))).astype(source).reshape(shape)
    (spec,) = harness.infer("Bitcast", {"T": np.dtype(source), "type": np.dtype(target)}, x)
    (result,) = harness.reference("Bitcast", {"T": np.dtype(source), "type": np.dtype(target)}, x)
    assert spec.shape == result.shape == expected and spec.dtype == result.dtype == np.dtype(target)
    assert result.tobytes() == x.tobytes()


def test_bitcast_to_wider_elements_needs_a_last_dimension_of_their_ratio() -> None:
    with pytest.raises(InvalidGraphError, match="last dimension must be 4"):
        harness.infer("Bitcast", {"type": np.dtype("float32")}, np.zeros((4, 3), np.uint8))
