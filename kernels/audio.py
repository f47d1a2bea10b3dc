"""Sound: AudioSpectrogram and Mfcc; DecodeWav and EncodeWav as host steps.

https://www.tensorflow.org/api_docs/python/tf/raw_ops/AudioSpectrogram, ../Mfcc, ../DecodeWav; the order of sums follows
tensorflow/core/kernels/mfcc_mel_filterbank.cc.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeload.dtypes import STRING
from edgeload.errors import ExecutionError
from edgeload.kernels.complex_planes import as_pairs
from edgeload.kernels.fourier import emit_transforms
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.movement import tiles_of
from edgeload.kernels.pieces import TAPS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require

_FLOAT32, _FLOAT64, _INT32 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int32)

# ---- DecodeWav, EncodeWav: RIFF files of 16-bit PCM

_PCM = 1
_FULL_SCALE = float(1 << 15)
_FORMAT_NBYTES = 16


def _infer_decode(node: Node, contents: Operand) -> list[Spec]:
    require(contents.shape == () and contents.dtype == STRING, node, f"contents {contents.spec}", "one string")
    samples, channels = node.attrs["desired_samples"], node.attrs["desired_channels"]
    require(min(samples, channels) >= -1, node, f"{samples} samples, {channels} channels", "-1 or more")
    known = samples >= 0 and channels >= 0
    return [Spec(_FLOAT32, (samples, channels) if known else None), Spec(_INT32, ())]


def _wav_samples(node: Node, contents: bytes) -> tuple[np.ndarray, int]:
    """[samples, channels] of int16, and the sample rate. Raises ExecutionError."""

    def refuse(found: str) -> ExecutionError:
        return ExecutionError(f"{node.op} node {node.name!r}: found {found}; WAV files of 16-bit PCM are supported.")

    if contents[:4] != b"RIFF" or contents[8:12] != b"WAVE":
        raise refuse("no RIFF WAVE header")
    at, channels, rate = 12, 0, 0
    while at + 8 <= len(contents):
        name, nbytes = struct.unpack_from("<4sI", contents, at)
        at += 8
        if name == b"data" and channels:
            frames = nbytes // (2 * channels)
            if at + 2 * frames * channels > len(contents):
                raise refuse(f"{len(contents) - at} bytes of data where {nbytes} are announced")
            return np.frombuffer(contents, "<i2", frames * channels, at).reshape(frames, channels), rate
        if name == b"fmt ":
            if nbytes < _FORMAT_NBYTES or at + _FORMAT_NBYTES > len(contents):
                raise refuse(f"a format of {nbytes} bytes")
            kind, channels, rate, _, frame_nbytes, bits = struct.unpack_from("<HHIIHH", contents, at)
            if kind != _PCM or bits != 16 or channels == 0 or frame_nbytes != 2 * channels:
                raise refuse(f"format {kind} with {bits} bits, {channels} channels, {frame_nbytes} bytes a frame")
        at += nbytes
    raise refuse("no data")


def _decode(node: Node, contents: np.ndarray) -> list[np.ndarray]:
    """Samples between -1 and 1; missing ones are 0, missing channels repeat the last."""
    samples, rate = _wav_samples(node, contents.reshape(-1)[0])
    wanted, channels = node.attrs["desired_samples"], node.attrs["desired_channels"]
    wanted = len(samples) if wanted == -1 else wanted
    channels = samples.shape[1] if channels == -1 else channels
    audio = np.zeros((wanted, channels), np.float32)
    used = samples[:wanted, np.minimum(np.arange(channels), samples.shape[1] - 1)]
    audio[: len(used)] = used / np.float32(_FULL_SCALE)
    return [audio, np.array(rate, np.int32)]


def _infer_encode(node: Node, audio: Operand, rate: Operand) -> Spec:
    require(len(audio.shape) == 2, node, f"audio of shape {audio.shape}", "[samples, channels]")
    require(rate.shape == (), node, f"a sample rate of shape {rate.shape}", "a scalar")
    return Spec(STRING, ())


def _encode(node: Node, audio: np.ndarray, rate: np.ndarray) -> np.ndarray:
    channels, hertz = audio.shape[1], int(rate)
    if hertz <= 0 or not 0 < channels < 1 << 15:
        raise ExecutionError(f"{node.op} node {node.name!r}: {channels} channels at {hertz} Hz cannot be encoded.")
    scaled = audio.astype(np.float64) * _FULL_SCALE
    whole = np.trunc(scaled + np.copysign(0.5, scaled))  # halves away from 0
    data = np.clip(np.nan_to_num(whole), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
    described = struct.pack("<HHIIHH", _PCM, channels, hertz, hertz * 2 * channels, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(described)) + described + b"data" + struct.pack("<I", len(data)) + data
    result = np.empty((), object)
    result[()] = b"RIFF" + struct.pack("<I", len(body)) + body
    return result


register("DecodeWav", infer=_infer_decode, reference=_decode)
register("EncodeWav", infer=_infer_encode, reference=_encode)


# ---- AudioSpectrogram: power of the frequencies in overlapping windows


def _infer_spectrogram(node: Node, audio: Operand) -> Spec:
    """[samples, channels] -> [channels, windows, 1 + fft size / 2]."""
    require(len(audio.shape) == 2, node, f"an input of shape {audio.shape}", "[samples, channels]")
    window, stride = node.attrs["window_size"], node.attrs["stride"]
    require(window >= 2 and stride >= 1, node, f"window {window}, stride {stride}", "2 or more, 1 or more")
    samples, channels = audio.shape
    windows = 0 if samples < window else 1 + (samples - window) // stride
    return Spec(_FLOAT32, (channels, windows, 1 + _fft_size(window) // 2))


def _fft_size(window: int) -> int:
    """The next power of two."""
    return 1 << (window - 1).bit_length()


def _hann(size: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def _spectrogram(node: Node, audio: np.ndarray) -> np.ndarray:
    """|FFT(window * samples)|^2 with a periodic Hann window, in float64; its root unless magnitude_squared."""
    size, stride = node.attrs["window_size"], node.attrs["stride"]
    if len(audio) < size:
        return np.empty((audio.shape[1], 0, 1 + _fft_size(size) // 2), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio.T.astype(np.float64), size, axis=1)[:, ::stride]
    spectrum = np.fft.rfft(frames * _hann(size), _fft_size(size))
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power if node.attrs["magnitude_squared"] else np.sqrt(power)


@kernel("float32[:] audio, int64 channels, float64[:] window, int64 stride, int64 size, int64 frames, float64[:] out")
def windowed_frames(audio, channels, window, stride, size, frames, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[c, f, i] = audio[f * stride + i, c] * window[i], 0 from the window's length up to `size`."""
    rows = channels * frames
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        channel, first = row // frames, row % frames * stride
        for i in range(window.size):
            sample = np.float64(audio[np.uint64((first + i) * channels + channel)])
            out[np.uint64(row * size + i)] = sample * window[np.uint64(i)]
        for i in range(window.size, size):
            out[np.uint64(row * size + i)] = 0.0


@kernel_family("power")
def power(form: str) -> Iterator[Any]:
    """out[n] = |x[n]|^2 rounded to float32, or ("root") the root of that; x [n] pairs of float64."""
    yield "float64[:] x, float32[:] out"
    from edgeload.kernels.simd import scalar_function

    sqrt = scalar_function("sqrt(a0)")
    is_root = form == "root"

    def run(x, out, worker, workers):  # type: ignore[no-untyped-def]
        for n in range(out.size * worker // workers, out.size * (worker + 1) // workers):
            real, imaginary = x[np.uint64(2 * n)], x[np.uint64(2 * n + 1)]
            square = np.float32(real * real + imaginary * imaginary)
            out[np.uint64(n)] = sqrt(square) if is_root else square

    yield run


def _lower_spectrogram(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """In float64: frames, which are transformed, and the squares of that."""
    (audio,), (out,) = operands, outputs
    if 0 in out.shape:
        return None
    window, size = node.attrs["window_size"], _fft_size(node.attrs["window_size"])
    channels, windows, _ = out.shape
    hann = emit.constant(("hann", window), partial(_hann, window))
    frames = emit.scratch(_FLOAT64, (channels, windows, size))
    spectrum = emit.scratch(np.dtype(np.complex128), out.shape)
    tiles = min(channels * windows, tiles_of(math.prod(frames.shape), _FLOAT64))
    emit.kernel("windowed_frames", audio, channels, hann, node.attrs["stride"], size, windows, frames, tiles=tiles)
    if emit_transforms(emit, frames, [size], spectrum) is NotImplemented:
        return NotImplemented
    form = "square" if node.attrs["magnitude_squared"] else "root"
    emit.kernel(f"power<{form}>", as_pairs(spectrum), out, tiles=tiles_of(math.prod(out.shape), _FLOAT64))
    return None


register("AudioSpectrogram", infer=_infer_spectrogram, reference=_spectrogram, lower=_lower_spectrogram)


# ---- Mfcc: cosine transform of the logarithms of energies in bands of the mel scale

_LEAST_ENERGY = 1e-12


def _infer_mfcc(node: Node, spectrogram: Operand, rate: Operand) -> Spec:
    require(len(spectrogram.shape) == 3, node, f"an input of shape {spectrogram.shape}", "[channels, windows, bins]")
    require(rate.shape == (), node, f"a sample rate of shape {rate.shape}", "a scalar")
    attrs = node.attrs
    low, high = attrs["lower_frequency_limit"], attrs["upper_frequency_limit"]
    require(0 <= low < high, node, f"frequencies from {low} to {high}", "0 or more, rising")
    bands, count = attrs["filterbank_channel_count"], attrs["dct_coefficient_count"]
    require(1 <= count <= bands, node, f"{count} coefficients of {bands} bands", "1 or more, at most one for each band")
    require(spectrogram.shape[2] >= 2, node, f"{spectrogram.shape[2]} bins", "2 or more")
    return Spec(_FLOAT32, (*spectrogram.shape[:2], count))


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(hertz / 700.0)


def _filterbank(node: Node, bins: int, rate: int) -> tuple[int, np.ndarray, np.ndarray]:
    """The first bin that counts and, of each from there on, the band on whose rising side it lies (int32) and its
    weight in the band before (float64), of whose triangle that is the falling side; what is missing to 1 is its weight
    in the band itself. Triangles end at the neighbours' centres, which are equally far apart in mel."""
    low, high = node.attrs["lower_frequency_limit"], node.attrs["upper_frequency_limit"]
    bands = node.attrs["filterbank_channel_count"]
    spacing = (_mel(high) - _mel(low)) / (bands + 1)
    centres = _mel(low) + spacing * np.arange(bands + 2)  # the first one is the lower end
    hertz_per_bin = 0.5 * rate / (bins - 1)
    first, last = int(1.5 + low / hertz_per_bin), int(high / hertz_per_bin)
    if last >= bins:
        raise ExecutionError(
            f"{node.op} node {node.name!r}: {bins} bins at {rate} Hz end below the upper frequency limit {high}."
        )
    mel = _mel(np.arange(first, last + 1) * hertz_per_bin)
    band = np.searchsorted(centres[1 : bands + 1], mel, side="left").astype(np.int32)
    return first, band, (centres[band + 1] - mel) / (centres[band + 1] - centres[band])


def _cosines(bands: int, count: int) -> np.ndarray:
    """[bands, count]"""
    angles = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(count))
    return np.asarray(np.sqrt(2.0 / bands) * np.cos(angles))


def _checked_rate(node: Node, rate: np.ndarray) -> int:
    if int(rate) <= 0:
        raise ExecutionError(f"{node.op} node {node.name!r}: found sample rate {int(rate)}; it must be positive.")
    return int(rate)


def _mfcc(node: Node, spectrogram: np.ndarray, rate: np.ndarray) -> np.ndarray:
    first, band, falling = _filterbank(node, spectrogram.shape[2], _checked_rate(node, rate))
    bands = node.attrs["filterbank_channel_count"]
    energies = np.zeros((*spectrogram.shape[:2], bands + 2))  # with one before and one behind, which do not count
    with np.errstate(all="ignore"):
        for at, (own, weight) in enumerate(zip(band, falling, strict=True), first):
            root = np.sqrt(spectrogram[:, :, at].astype(np.float64))
            energies[:, :, own] += root * weight
            energies[:, :, own + 1] += root - root * weight
        counted = energies[:, :, 1:-1]
        logarithms = np.log(np.where(counted < _LEAST_ENERGY, _LEAST_ENERGY, counted))
        return (logarithms @ _cosines(bands, node.attrs["dct_coefficient_count"])).astype(np.float32)


@kernel_family("mfcc")
def mfcc() -> Iterator[Any]:
    """out[row, :] = log(energies of the bands) times cosines [bands, count], in float64. The energies are sums of
    sqrt(spectrogram[row, first + n]), shared by band[n] and the band before, which gets falling[n] of it.

    energies [workers, bands + 2] has one before and one behind the bands, which do not count."""
    yield (
        "float32[:] spectrogram, int64 bins, int64 first, int32[:] band, float64[:] falling, float64[:] cosines, "
        "int64 bands, int64 count, float64[:] energies, float32[:] out"
    )
    from edgeload.kernels.simd import scalar_function

    sqrt, log = scalar_function("sqrt(a0)"), scalar_function("log(a0)")
    least = _LEAST_ENERGY

    def run(  # type: ignore[no-untyped-def]
        spectrogram, bins, first, band, falling, cosines, bands, count, energies, out, worker, workers
    ):
        rows = spectrogram.size // bins
        own = worker * (bands + 2)
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            for place in range(bands + 2):
                energies[np.uint64(own + place)] = 0.0
            for n in range(band.size):
                root = sqrt(np.float64(spectrogram[np.uint64(row * bins + first + n)]))
                share = root * falling[np.uint64(n)]
                place = own + np.int64(band[np.uint64(n)])
                energies[np.uint64(place)] += share
                energies[np.uint64(place + 1)] += root - share
            for place in range(1, bands + 1):
                energy = energies[np.uint64(own + place)]
                energies[np.uint64(own + place)] = log(least if energy < least else energy)
            for k in range(count):
                total = 0.0
                for n in range(bands):
                    total += energies[np.uint64(own + 1 + n)] * cosines[np.uint64(n * count + k)]
                out[np.uint64(row * count + k)] = np.float32(total)

    yield run


def _lower_mfcc(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    """At a known sample rate, which says where the bands are. One that is wrong is refused while running."""
    (spectrogram, rate), (out,) = operands, outputs
    if rate.value is None:
        return NotImplemented
    bins, hertz = spectrogram.shape[2], int(rate.value)
    bands, count = node.attrs["filterbank_channel_count"], node.attrs["dct_coefficient_count"]
    limits = node.attrs["lower_frequency_limit"], node.attrs["upper_frequency_limit"]
    try:
        first, band, falling = _filterbank(node, bins, _checked_rate(node, rate.value))
    except ExecutionError:
        return NotImplemented
    if 0 in out.shape:
        return None
    key = ("mfcc", bins, hertz, bands, *limits)
    tables = [emit.constant((*key, "band"), lambda: band), emit.constant((*key, "falling"), lambda: falling)]
    tables.append(emit.constant(("mfcc cosines", bands, count), partial(_cosines, bands, count)))
    rows = math.prod(out.shape[:2])
    tiles = pieces(rows, rows * (bins + bands * count), TAPS)
    energies = emit.scratch(_FLOAT64, (tiles, bands + 2))
    emit.kernel("mfcc", spectrogram, bins, first, *tables, bands, count, energies, out, tiles=tiles)
    return None


register("Mfcc", infer=_infer_mfcc, reference=_mfcc, lower=_lower_mfcc)
