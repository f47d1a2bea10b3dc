"""Fourier transforms and parts of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeload.errors import InvalidGraphError
from edgeload.kernels.fourier import LARGEST_PRIME, radices
from tests.kernels.harness import NoKernel, check, infer, reference
from tests.kernels.harness import run as run_kernels

RANDOM = np.random.default_rng(9)
X = RANDOM.standard_normal((2, 5, 7, 8)).astype(np.float32)


def run(op: str, *arrays: np.ndarray) -> np.ndarray:
    """The reference's output, after a check that it has the dtype and shape of the shape rule."""
    (spec,), (result,) = infer(op, {}, *arrays), reference(op, {}, *arrays)
    assert (spec.dtype, spec.shape) == (result.dtype, result.shape)
    return result


def lengths(*sizes: int) -> np.ndarray:
    return np.array(sizes, np.int32)


@pytest.mark.parametrize("name, sizes", [("", (8,)), ("2D", (7, 8)), ("3D", (5, 7, 8))])
def test_transforms_and_their_inverses(name: str, sizes: tuple[int, ...]) -> None:
    spectrum = run(f"RFFT{name}", X, lengths(*sizes))
    assert spectrum.dtype == np.complex64 and spectrum.shape[-1] == 5
    np.testing.assert_allclose(run(f"IRFFT{name}", spectrum, lengths(*sizes)), X, atol=1e-5)
    whole = run(f"FFT{name}", X.astype(np.complex128))
    assert whole.dtype == np.complex128
    np.testing.assert_allclose(whole[..., :5], spectrum, atol=1e-3)
    np.testing.assert_allclose(run(f"IFFT{name}", whole), X, atol=1e-6)


def test_the_definition_as_a_sum() -> None:
    x = X[0, 0, 0]
    sums = np.exp(-2j * np.pi * np.outer(np.arange(4), np.arange(6)) / 6) @ x[:6]
    np.testing.assert_allclose(run("RFFT", x, lengths(6)), sums, atol=1e-5)


def complex_numbers(*shape: int) -> np.ndarray:
    return (RANDOM.standard_normal(shape) + 1j * RANDOM.standard_normal(shape)).astype(np.complex64)


@pytest.mark.parametrize("lines", [1, 3, 17])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 16, 17, 60, 98, 480, LARGEST_PRIME])
def test_kernels_for_all_radices_equal_the_reference(n: int, lines: int) -> None:
    x = complex_numbers(lines, n + 2)
    near = {"rtol": 1e-5, "atol": 2e-6 * np.sqrt(n)}
    check("FFT", {}, x[:, :n], **near)
    check("IFFT", {}, x[:, :n], **near)
    check("RFFT", {}, np.ascontiguousarray(x.real), lengths(n), constants=(1,), **near)
    check("IRFFT", {}, x, lengths(n), constants=(1,), **near)


def test_kernels_of_float64_are_exact_to_float64() -> None:
    x = RANDOM.standard_normal((3, 480))
    near = {"rtol": 1e-12, "atol": 1e-12}
    check("RFFT", {}, x, lengths(480), constants=(1,), **near)
    check("IRFFT", {}, x + 1j * x[::-1], lengths(480), constants=(1,), **near)
    check("FFT", {}, x + 1j * x[::-1], **near)


@pytest.mark.parametrize("name, sizes", [("2D", (7, 8)), ("2D", (6, 5)), ("3D", (5, 7, 8)), ("3D", (4, 6, 7))])
def test_kernels_for_several_axes_equal_the_reference(name: str, sizes: tuple[int, ...]) -> None:
    x = complex_numbers(2, 5, 7, 8)
    near = {"rtol": 1e-5, "atol": 1e-5}
    check(f"FFT{name}", {}, x, **near)
    check(f"IFFT{name}", {}, x, **near)
    check(f"RFFT{name}", {}, X, lengths(*sizes), constants=(1,), **near)
    check(f"IRFFT{name}", {}, x, lengths(*sizes), constants=(1,), **near)


def test_no_line_tells_of_another() -> None:
    x = X[0, 0, :, :8].copy()
    x[1], x[2] = np.nan, 1e30
    (spectrum,) = run_kernels("RFFT", {}, x, lengths(8), constants=(1,))
    (alone,) = run_kernels("RFFT", {}, x[3:], lengths(8), constants=(1,))
    np.testing.assert_array_equal(spectrum[3:], alone)


def test_the_ends_of_a_real_spectrum_are_real() -> None:
    for n in (7, 8):
        (spectrum,) = run_kernels("RFFT", {}, X[..., :n].copy(), lengths(n), constants=(1,))
        assert not spectrum[..., 0].imag.any() and (n == 7 or not spectrum[..., -1].imag.any())


def test_a_large_prime_factor_has_no_kernel() -> None:
    assert radices(LARGEST_PRIME) == [LARGEST_PRIME] and radices(131) is None and radices(2 * 131) is None
    with pytest.raises(NoKernel):
        run_kernels("FFT", {}, complex_numbers(2, 131))


def test_kernels_of_empty_inputs() -> None:
    check("FFT", {}, complex_numbers(0, 5))
    check("RFFT", {}, X[:0], lengths(8), constants=(1,))
    check("RFFT", {}, X, lengths(0), constants=(1,))
    check("RFFT", {}, X[..., :0], lengths(8), constants=(1,))
    check("IRFFT", {}, complex_numbers(2, 0), lengths(4), constants=(1,))


def test_empty_inputs_give_empty_spectra() -> None:
    assert run("RFFT", X[:0], lengths(8)).shape == (0, 5, 7, 5)
    assert run("RFFT", X, lengths(0)).shape == (2, 5, 7, 0)


def test_parts_put_together_are_the_whole_even_with_infinities() -> None:
    real, imaginary = np.array([1, np.inf, -0.0], np.float32), np.array([[np.inf], [2.0]], np.float32)
    whole = run("Complex", real, imaginary)
    np.testing.assert_array_equal(run("Real", whole), np.broadcast_to(real, (2, 3)))
    np.testing.assert_array_equal(run("Imag", whole), np.broadcast_to(imaginary, (2, 3)))
    np.testing.assert_array_equal(run("Imag", run("Conj", whole)), -np.broadcast_to(imaginary, (2, 3)))
    np.testing.assert_allclose(run("ComplexAbs", whole)[1], [np.sqrt(5), np.inf, 2])
    np.testing.assert_allclose(run("Angle", whole)[1], [np.arctan2(2, 1), 0, np.pi / 2], rtol=1e-6)


@pytest.mark.parametrize(
    "op, arrays",
    [
        ("RFFT", [X, lengths(9)]),
        ("RFFT", [X, lengths(-1)]),
        ("RFFT2D", [X, lengths(8)]),
        ("RFFT3D", [X[0, 0], lengths(1, 1, 1)]),
        ("IRFFT", [X.astype(np.complex64), lengths(16)]),
        ("RFFT", [X.astype(np.int32), lengths(8)]),
        ("FFT", [X]),
        ("Complex", [X, X.astype(np.float64)]),
        ("Real", [X]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, arrays: list[Any]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, {}, *arrays)
