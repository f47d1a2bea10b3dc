"""WAV files, spectrograms, mel-frequency cepstral coefficients."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from edgeload.errors import ExecutionError, InvalidGraphError
from tests.kernels.harness import NoKernel, check, infer, reference
from tests.kernels.harness import run as run_kernels

RANDOM = np.random.default_rng(10)
ALL = {"desired_samples": -1, "desired_channels": -1}
MFCC = {
    "upper_frequency_limit": 4000.0,
    "lower_frequency_limit": 20.0,
    "filterbank_channel_count": 40,
    "dct_coefficient_count": 13,
}


def encoded(audio: np.ndarray, rate: int = 16000) -> np.ndarray:
    return reference("EncodeWav", {}, audio, np.array(rate, np.int32))[0]


def text(contents: bytes) -> np.ndarray:
    result = np.empty((), object)
    result[()] = contents
    return result


AUDIO = (RANDOM.integers(-32768, 32768, (20, 2)) / 32768).astype(np.float32)


def test_encoded_samples_decode_to_themselves() -> None:
    audio, rate = reference("DecodeWav", ALL, encoded(AUDIO, 8000))
    np.testing.assert_array_equal(audio, AUDIO)
    assert rate == 8000 and rate.dtype == np.int32


def test_samples_beyond_full_scale_are_clipped() -> None:
    (audio, _) = reference("DecodeWav", ALL, encoded(np.array([[2.0], [-2.0], [np.nan]], np.float32)))
    np.testing.assert_array_equal(audio.ravel(), np.array([32767 / 32768, -1, 0], np.float32))


def test_missing_samples_are_zero_and_missing_channels_repeat_the_last() -> None:
    audio, _ = reference("DecodeWav", {"desired_samples": 22, "desired_channels": 3}, encoded(AUDIO))
    np.testing.assert_array_equal(audio[:20], AUDIO[:, [0, 1, 1]])
    np.testing.assert_array_equal(audio[20:], 0)
    assert infer("DecodeWav", {"desired_samples": 22, "desired_channels": 3}, encoded(AUDIO))[0].shape == (22, 3)
    assert infer("DecodeWav", ALL, encoded(AUDIO))[0].shape is None


def test_other_chunks_are_skipped() -> None:
    wav = encoded(AUDIO)[()]
    at = wav.index(b"data")
    audio, _ = reference("DecodeWav", ALL, text(wav[:at] + b"LIST" + struct.pack("<I", 4) + b"abcd" + wav[at:]))
    np.testing.assert_array_equal(audio, AUDIO)


@pytest.mark.parametrize("cut", [0, 3, 11, 20, 40, 60])
def test_truncated_files_are_refused(cut: int) -> None:
    with pytest.raises(ExecutionError, match="WAV"):
        reference("DecodeWav", ALL, text(encoded(AUDIO)[()][:cut]))


def test_a_tone_is_where_its_frequency_is() -> None:
    audio = np.sin(2 * np.pi * 8 * np.arange(300) / 64).astype(np.float32)[:, None]
    attrs = {"window_size": 64, "stride": 32, "magnitude_squared": False}
    (magnitude,) = reference("AudioSpectrogram", attrs, audio)
    assert infer("AudioSpectrogram", attrs, audio)[0].shape == magnitude.shape == (1, 8, 33)
    np.testing.assert_allclose(magnitude[0, :, 8], 16, rtol=1e-4)
    np.testing.assert_allclose(magnitude[0, :, :6], 0, atol=1e-4)
    (power,) = reference("AudioSpectrogram", {**attrs, "magnitude_squared": True}, audio)
    np.testing.assert_allclose(np.sqrt(power), magnitude, rtol=1e-6)


@pytest.mark.parametrize("window, stride, squared", [(2, 1, True), (7, 3, False), (64, 17, True)])
def test_kernels_of_spectrograms_equal_the_reference(window: int, stride: int, squared: bool) -> None:
    attrs = {"window_size": window, "stride": stride, "magnitude_squared": squared}
    check("AudioSpectrogram", attrs, RANDOM.standard_normal((300, 2)).astype(np.float32))
    check("AudioSpectrogram", attrs, AUDIO[:1])


def test_kernels_of_coefficients_equal_the_reference() -> None:
    spectrogram = RANDOM.random((2, 17, 257)).astype(np.float32)
    spectrogram[0, 0], spectrogram[0, 1, 200], spectrogram[0, 2, 3] = 0, np.inf, np.nan
    check("Mfcc", MFCC, spectrogram, np.array(16000, np.int32), constants=(1,), rtol=1e-5)
    check("Mfcc", MFCC, spectrogram[:, :0], np.array(16000, np.int32), constants=(1,))


def test_coefficients_at_an_unknown_or_wrong_rate_have_no_kernel() -> None:
    spectrogram = np.zeros((1, 2, 257), np.float32)
    for rate, constants in ((16000, ()), (4000, (1,)), (0, (1,))):
        with pytest.raises(NoKernel):
            run_kernels("Mfcc", MFCC, spectrogram, np.array(rate, np.int32), constants=constants)


def test_sound_shorter_than_a_window_has_no_spectrum() -> None:
    attrs = {"window_size": 64, "stride": 32, "magnitude_squared": False}
    assert reference("AudioSpectrogram", attrs, AUDIO)[0].shape == (2, 0, 33)


def test_coefficients_of_silence_are_the_logarithm_of_the_floor() -> None:
    (mfcc,) = reference("Mfcc", MFCC, np.zeros((1, 2, 257), np.float32), np.array(16000, np.int32))
    assert mfcc.shape == (1, 2, 13)
    np.testing.assert_allclose(mfcc[..., 0], np.sqrt(2 / 40) * 40 * np.log(1e-12), rtol=1e-6)
    np.testing.assert_allclose(mfcc[..., 1:], 0, atol=1e-4)


def test_a_sample_rate_too_low_for_the_bands_is_refused() -> None:
    with pytest.raises(ExecutionError, match="upper frequency"):
        reference("Mfcc", MFCC, np.zeros((1, 2, 257), np.float32), np.array(4000, np.int32))


@pytest.mark.parametrize(
    "op, attrs, arrays",
    [
        ("AudioSpectrogram", {"window_size": 1, "stride": 1}, [AUDIO]),
        ("AudioSpectrogram", {"window_size": 4, "stride": 0}, [AUDIO]),
        ("AudioSpectrogram", {"window_size": 4, "stride": 1}, [AUDIO[0]]),
        ("Mfcc", {**MFCC, "dct_coefficient_count": 41}, [np.zeros((1, 2, 257), np.float32), np.array(8000, np.int32)]),
        ("Mfcc", {**MFCC, "lower_frequency_limit": -1.0}, [np.zeros((1, 2, 9), np.float32), np.array(1, np.int32)]),
        ("EncodeWav", {}, [AUDIO[0], np.array(8000, np.int32)]),
    ],
)
def test_what_the_definition_excludes_is_invalid(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> None:
    with pytest.raises(InvalidGraphError):
        infer(op, attrs, *arrays)
