"""Sounds of the street, and speech: 16 kHz, mono, -1 to 1. Coloured noise, harmonics and espeak-ng; no recordings."""

from __future__ import annotations

import io
import subprocess
import wave

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float64]


def at_level(sound: Sound, level: float) -> Sound:
    """With this root mean square."""
    loud: Sound = sound / np.sqrt(np.mean(sound**2)) * level
    return loud


def colour(seconds: float, exponent: float, seed: int, level: float = 0.1) -> Sound:
    """Noise whose power falls with the frequency: 0 white, 1 pink, 2 brown."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    hertz[0] = hertz[1]
    return at_level(np.fft.irfft(spectrum / hertz ** (exponent / 2), count), level)


def wind(seconds: float, seed: int = 1, level: float = 0.1) -> Sound:
    """Brown noise in gusts."""
    noise = colour(seconds, 2, seed)
    gusts = np.random.default_rng(seed).uniform(0.2, 1.5, int(seconds * 2) + 2)
    return at_level(noise * np.interp(np.linspace(0, 1, len(noise)), np.linspace(0, 1, len(gusts)), gusts), level)


def engine(seconds: float, seed: int = 2, level: float = 0.1, hertz: float = 42) -> Sound:
    """Forty harmonics of a motor that speeds up and slows down."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    speed = hertz * (1 + 0.15 * np.sin(2 * np.pi * 0.3 * time) + 0.02 * np.sin(2 * np.pi * 5 * time))
    phase = 2 * np.pi * np.cumsum(speed) / RATE
    sound = 0.3 * colour(seconds, 1, seed, 1)
    for number in range(1, 40):
        sound = sound + np.sin(number * phase + random.uniform(0, 6)) / number
    return at_level(sound, level)


def traffic(seconds: float, seed: int = 3, level: float = 0.1) -> Sound:
    """Pink noise, four motors that pass, a horn every three seconds."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = colour(seconds, 1, seed, 1)
    for number in range(4):
        near = np.exp(-(((time - (number + 0.5) * seconds / 4) / 0.7) ** 2))
        sound = sound + near * engine(seconds, seed + number, 2, 30 + 20 * number)
    horn = ((time % 3) < 0.4) * (np.sin(2 * np.pi * 420 * time) + np.sin(2 * np.pi * 520 * time))
    return at_level(sound + horn, level)


def siren(seconds: float, level: float = 0.1) -> Sound:
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(900 + 400 * np.sin(2 * np.pi * 0.4 * time)) / RATE
    return at_level(np.sin(phase) + 0.3 * np.sin(2 * phase), level)


def speech(text: str, voice: str, level: float = 0.1) -> Sound:
    """As espeak-ng says it."""
    said = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(said)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(1 << 24), "<i2").astype(np.float64)
    count = int(len(samples) * RATE / rate)
    return at_level(np.interp(np.arange(count) * rate / RATE, np.arange(len(samples)), samples), level)


def pcm(sound: Sound) -> bytes:
    """16-bit little-endian."""
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
