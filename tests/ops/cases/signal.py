"""Complex numbers, Fourier transforms, audio, decoding of sequences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import array, c64, c128, f32, f64, ints, sample, scalar, strings
from tests.ops.case import Case, case

_PARTS = {"complex64": "float32", "complex128": "float64"}


def _complex() -> Iterator[Case]:
    for dtype, part in _PARTS.items():
        for op in ("Real", "Imag", "Angle", "ComplexAbs"):
            yield case(op, sample(dtype, 2, 3), Tout=part)
        yield case("Conj", sample(dtype, 2, 3))
        yield case("Complex", sample(part, 2, 3), sample(part, 2, 3), Tout=dtype)
    for op in ("Real", "Imag", "Angle", "ComplexAbs", "Conj"):
        yield case(op, c64())
        yield case(op, c64(0, 2))
        yield case(op, array("complex64", [0, -1, 1j, -1j, complex(3e38, 1), complex(np.inf, 1), complex(-1, -0.0)]))
    yield case("Complex", f32(3), f32())
    yield case("Complex", f32(2, 1), f32(3))
    yield case("Complex", f32(2), f32(3)).fails()


def _fourier() -> Iterator[Case]:
    for rank, suffix in ((1, ""), (2, "2D"), (3, "3D")):
        shape = (2, 4, 3, 6)[-rank - 1 :]
        for op in ("FFT", "IFFT"):
            yield case(f"{op}{suffix}", c64(*shape))
            yield case(f"{op}{suffix}", c128(*shape)).folded()
            yield case(f"{op}{suffix}", c64(0, *shape[1:]))
            yield case(f"{op}{suffix}", c64(*shape[2:])).fails()
        half = (*shape[:-1], shape[-1] // 2 + 1)
        for lengths in (shape[1:], tuple(size - 1 for size in shape[1:])):
            yield case(f"RFFT{suffix}", f32(*shape), ints(*lengths)).with_constants(1)
            yield case(f"IRFFT{suffix}", c64(*half), ints(*lengths)).with_constants(1)
        longer = ints(*(size + 2 for size in shape[1:]))
        yield case(f"RFFT{suffix}", f32(*shape), longer).fails()
        yield case(f"IRFFT{suffix}", c64(*half), longer).fails()
        yield case(f"RFFT{suffix}", f64(*shape), ints(*shape[1:]), Tcomplex="complex128").folded()
        yield case(f"IRFFT{suffix}", c128(*shape), ints(*shape[1:]), Treal="float64").folded()
        yield case(f"RFFT{suffix}", f32(*shape), ints(*shape[1:], 2)).fails()
        yield case(f"RFFT{suffix}", f32(*shape), ints(*(-1 for _ in shape[1:]))).fails()
    for size in (7, 16, 49, 60, 121, 480):
        yield case("FFT", c64(9, size))
        yield case("IFFT", c64(2, size))
        yield case("RFFT", f32(9, size), ints(size)).with_constants(1)
        yield case("IRFFT", c64(9, size // 2 + 1), ints(size)).with_constants(1)
    yield case("FFT", c64(2, 131))
    yield case("RFFT", f32(2, 262), ints(262)).with_constants(1)
    yield case("RFFT", f64(3, 30), ints(30), Tcomplex="complex128").with_constants(1)
    yield case("IRFFT", c128(3, 16), ints(30), Treal="float64").with_constants(1)
    yield case("FFT", c128(3, 30))
    yield case("RFFT2D", f32(2, 3, 8), ints(3, 1)).with_constants(1)
    yield case("IRFFT2D", c64(2, 3, 5), ints(1, 8)).with_constants(1)
    yield case("FFT", c64(1))
    yield case("FFT", c64(3, 17))
    yield case("RFFT", f32(5), ints(5))
    yield case("RFFT", f32(1), ints(1))
    yield case("IRFFT", c64(3), ints(5))


def _audio() -> Iterator[Case]:
    for window, stride, squared in ((8, 4, False), (16, 16, True), (7, 3, True), (64, 1, False)):
        yield case("AudioSpectrogram", f32(50, 2), window_size=window, stride=stride, magnitude_squared=squared)
    yield case("AudioSpectrogram", f32(5), window_size=4, stride=2).fails()
    yield case("AudioSpectrogram", f32(900, 1), window_size=480, stride=160, magnitude_squared=True)
    for attrs in (
        {},
        {"filterbank_channel_count": 20, "dct_coefficient_count": 8, "lower_frequency_limit": 100.0},
        {"upper_frequency_limit": 7000.0},
    ):
        yield case("Mfcc", f32(2, 3, 129, low=0, high=5), scalar(16000), **attrs).within(1e-4).with_constants(1)
    yield case("Mfcc", f32(3, 129), scalar(16000)).fails()
    for channels in (1, 2):
        yield case("EncodeWav", f32(30, channels, low=-1.2, high=1.2), scalar(16000))
    yield case("EncodeWav", f32(0, 1), scalar(8000))
    yield case("EncodeWav", f32(30), scalar(8000)).fails()
    wav = _wav(np.random.default_rng(3).integers(-32768, 32767, (20, 2)), 8000)
    for attrs in (
        {},
        {"desired_channels": 1},
        {"desired_channels": 3},
        {"desired_samples": 11},
        {"desired_samples": 30},
        {"desired_channels": 1, "desired_samples": 5},
    ):
        yield case("DecodeWav", strings(wav), **attrs)
    yield case("DecodeWav", strings(wav[:40])).fails()
    yield case("DecodeWav", strings(b"RIFX" + wav[4:])).fails()
    yield case("DecodeWav", strings([wav])).fails()


def _wav(samples: np.ndarray, rate: int) -> bytes:
    """16-bit PCM, [frames, channels]."""
    content = samples.astype("<i2").tobytes()
    channels = samples.shape[1]
    parts = [
        np.array([16], "<u4"),
        np.array([1, channels], "<u2"),
        np.array([rate, rate * 2 * channels], "<u4"),
        np.array([2 * channels, 16], "<u2"),
    ]
    header = b"WAVEfmt " + b"".join(part.tobytes() for part in parts)
    body = header + b"data" + np.array([len(content)], "<u4").tobytes() + content
    return b"RIFF" + np.array([len(body)], "<u4").tobytes() + body


def _sequences() -> Iterator[Case]:
    lengths = ints(6, 3)
    for merge in (True, False):
        for dtype in ("float32", "float64"):
            yield case("CTCGreedyDecoder", sample(dtype, 6, 2, 4), lengths, merge_repeated=merge)
        for paths, width in ((1, 1), (1, 10), (3, 20)):
            yield case(
                "CTCBeamSearchDecoder", f32(6, 2, 4), lengths, beam_width=width, top_paths=paths, merge_repeated=merge
            ).within(1e-4)
    yield case("CTCGreedyDecoder", f32(6, 2, 4), lengths, blank_index=0)
    yield case("CTCGreedyDecoder", f32(6, 2, 4), lengths, blank_index=-2)
    yield case("CTCGreedyDecoder", f32(6, 2, 4), ints(7, 3)).fails()
    yield case("CTCGreedyDecoder", f32(6, 2, 4), ints(6)).fails()
    yield case("CTCBeamSearchDecoder", f32(6, 2, 4), ints(7, 3), beam_width=3, top_paths=1).fails()
    yield case("CTCBeamSearchDecoder", f32(6, 2, 4), lengths, beam_width=1, top_paths=2).fails()


CASES = [*_complex(), *_fourier(), *_audio(), *_sequences()]
