"""G.711 and PCM made playable: each track's code words through a FLAC encoder of its own. Lossless in samples.

No browser plays them in such a file, and FLAC keeps every sample. A-law and PCM come back to the very words;
µ-law has two words for zero, so the words' own digest is kept beside the chunk.

FFmpeg and numpy take a fifth of a second and 25 MB, and many hubs have no such sound: a thread begins to load them when
the first track of it is known, before its first frame is whole.
"""

from __future__ import annotations

import sys
import threading
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from hub.errors import MediaError
from hub.model import Codec, TrackInfo
from hub.segmenter.flac_frames import renumbered
from hub.segmenter.sample_entries import FLAC_BLOCK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LAYOUTS = {1: "mono", 2: "stereo"}
_COMPRESSION = "5"  # a telephone-band stream costs 0.025 % of a core; less compression saves nothing there


def _a_law(word: int) -> int:
    """ITU-T G.711 §3.2 (Table 1a), on the 16-bit scale."""
    word ^= 0x55
    exponent, mantissa = word >> 4 & 7, word & 15
    magnitude = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << exponent - 1
    return magnitude if word & 0x80 else -magnitude


def _mu_law(word: int) -> int:
    """ITU-T G.711 §3.2 (Table 2a), on the 16-bit scale."""
    word = ~word & 0xFF
    magnitude = (((word & 15) << 3) + 0x84 << (word >> 4 & 7)) - 0x84
    return -magnitude if word & 0x80 else magnitude


_LAWS = {Codec.PCMA: _a_law, Codec.PCMU: _mu_law}


@cache
def samples_of(codec: Codec) -> NDArray[np.int16]:
    """The sample of each code word."""
    import numpy as np

    return np.array([_LAWS[codec](word) for word in range(256)], dtype=np.int16)


def _load() -> None:
    import av  # noqa: F401
    import numpy as np  # noqa: F401


def _begin_loading() -> None:
    if "av" not in sys.modules:
        threading.Thread(target=_load, name="load-flac", daemon=True).start()


class FlacEncoder:
    """Code words in, FLAC frames out. One per unbroken stretch: after a loss comes a new one."""

    def __init__(self, track: TrackInfo) -> None:
        self._channels = max(1, track.channels)
        if self._channels not in _LAYOUTS:
            raise MediaError(f"expected G.711 or PCM of one or two channels, found {self._channels}")
        self._rate_hz = track.timescale
        self._codec = track.codec
        self.step_bytes = self._channels * (1 if self._codec in _LAWS else 2)  # else words are samples
        """Of one moment: a word of each channel."""
        self._number = 0
        """Of the next frame of this stretch."""
        _begin_loading()

    @property
    def block_bytes(self) -> int:
        """Bytes of code words that make one frame."""
        return FLAC_BLOCK * self.step_bytes

    def encode(self, words: bytes) -> bytes:
        """The frame of exactly ``block_bytes`` of code words."""
        frame = renumbered(_shared(self._rate_hz, self._channels).encode(self._samples(words)), self._number)
        self._number += 1
        return frame

    def finish(self, words: bytes) -> bytes:
        """The last frame, of fewer code words (at least a moment's); the next ``encode`` starts anew."""
        encoder = _Encoder(self._rate_hz, self._channels)  # after a shorter frame it takes no other
        frame = renumbered(encoder.encode(self._samples(words), last=True), self._number)
        self.restart()
        return frame

    def restart(self) -> None:
        self._number = 0

    def _samples(self, words: bytes) -> NDArray[np.int16]:
        import numpy as np

        if self._codec in _LAWS:
            return samples_of(self._codec)[np.frombuffer(words, dtype=np.uint8)]
        return np.frombuffer(words, dtype="<i2").astype(np.int16)


class _Encoder:
    """FFmpeg's encoder. What it makes of a block depends on nothing before but the frame's number."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        import av
        from av.audio.codeccontext import AudioCodecContext

        encoder = av.CodecContext.create("flac", "w")
        assert isinstance(encoder, AudioCodecContext)
        encoder.sample_rate = rate_hz
        encoder.format = "s16"
        encoder.layout = _LAYOUTS[channels]
        encoder.time_base = Fraction(1, rate_hz)
        encoder.thread_count = 1
        encoder.options = {"compression_level": _COMPRESSION, "frame_size": str(FLAC_BLOCK)}
        encoder.open()
        self._encoder = encoder
        self._channels = channels
        self._pts = 0

    def encode(self, samples: NDArray[np.int16], *, last: bool = False) -> bytes:
        """The frame of a block, the channels' samples in turns. ``last``: it may be shorter, and ends the encoder."""
        import av

        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=_LAYOUTS[self._channels])
        frame.sample_rate = self._encoder.sample_rate
        frame.pts = self._pts
        self._pts += len(samples) // self._channels
        packets = [*self._encoder.encode(frame), *(self._encoder.encode(None) if last else ())]
        frames = [bytes(packet) for packet in packets if packet.size]  # the end is a packet of no bytes
        if len(frames) != 1:
            raise MediaError(f"expected one FLAC frame for {len(samples)} samples, found {len(frames)}")
        return frames[0]


class _Shared(threading.local):
    """Encoders of a thread, by rate and channels. One has 7 MB, zeroed when it is opened: too much for each stream."""

    def __init__(self) -> None:
        self.encoders: dict[tuple[int, int], _Encoder] = {}


_encoders = _Shared()


def _shared(rate_hz: int, channels: int) -> _Encoder:
    known = _encoders.encoders.get((rate_hz, channels))
    if known is None:
        known = _encoders.encoders[rate_hz, channels] = _Encoder(rate_hz, channels)
    return known
