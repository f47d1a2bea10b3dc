"""Features of sound, as keyword spotting has them: spectrograms, mel-frequency cepstral coefficients, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.zoo.recording import Call
from tests.zoo.saving import save_module

RATE = 16000
BANDS, COEFFICIENTS = 40, 13


class Features(tf.Module):
    """By tf.signal, by the two ops of older models, and a transform and its inverse."""

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32, name="sound")])
    def coefficients(self, sound: tf.Tensor) -> dict[str, tf.Tensor]:
        magnitude = tf.abs(tf.signal.stft(sound, 480, 160, fft_length=512))
        bands = tf.signal.linear_to_mel_weight_matrix(BANDS, 257, RATE, 20.0, 4000.0)
        logarithms = tf.math.log(tf.tensordot(magnitude, bands, 1) + 1e-3)
        found = tf.signal.mfccs_from_log_mel_spectrograms(logarithms)[..., :COEFFICIENTS]
        return {"magnitude": magnitude, "coefficients": found}

    @tf.function(input_signature=[tf.TensorSpec((None, 1), tf.float32, name="sound")])
    def older(self, sound: tf.Tensor) -> dict[str, tf.Tensor]:
        power = tf.raw_ops.AudioSpectrogram(input=sound, window_size=480, stride=160, magnitude_squared=True)
        return {"power": power, "coefficients": tf.raw_ops.Mfcc(spectrogram=power, sample_rate=RATE)}

    @tf.function(input_signature=[tf.TensorSpec((None, 2000), tf.float32, name="sound")])
    def there_and_back(self, sound: tf.Tensor) -> dict[str, tf.Tensor]:
        spectrum = tf.signal.stft(sound, 300, 100, fft_length=300)
        return {"sound": tf.signal.inverse_stft(spectrum, 300, 100, fft_length=300)}


def sound_features(folder: Path) -> list[Call]:
    random = np.random.default_rng(11)
    times = np.arange(4000) / RATE
    tones = np.sin(2 * np.pi * np.outer([440, 1000, 3000], times)) + 0.1 * random.standard_normal((3, 4000))
    sound = tones.astype(np.float32)
    module = Features()
    calls = [
        Call("three", "coefficients", {"sound": sound}),
        Call("short", "coefficients", {"sound": sound[:1, :700]}),
        Call("older", "older", {"sound": sound[0, :, None]}),
        Call("there_and_back", "there_and_back", {"sound": sound[:, :2000].copy()}),
    ]
    names = ("coefficients", "older", "there_and_back")
    return save_module(module, folder, calls, {name: getattr(module, name) for name in names})
