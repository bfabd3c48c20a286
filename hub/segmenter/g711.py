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
from hub.segmenter.sample_entries import FLAC_BLOCK

if TYPE_CHECKING:
    import av
    import numpy as np
    from av.audio.codeccontext import AudioCodecContext
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
        self._layout = _LAYOUTS[self._channels]
        self._codec = track.codec
        self.step_bytes = self._channels * (1 if self._codec in _LAWS else 2)  # else words are samples
        """Of one moment: a word of each channel."""
        self._encoder: AudioCodecContext | None = None
        self._pts = 0
        _begin_loading()

    @property
    def block_bytes(self) -> int:
        """Bytes of code words that make one frame."""
        return FLAC_BLOCK * self.step_bytes

    def encode(self, words: bytes) -> bytes:
        """The frame of exactly ``block_bytes`` of code words."""
        packets = [bytes(packet) for packet in self._ready().encode(self._frame(words))]
        if len(packets) != 1:
            raise MediaError(f"expected one FLAC frame for {len(words)} bytes of code words, found {len(packets)}")
        return packets[0]

    def finish(self, words: bytes) -> bytes:
        """The last frame, of fewer code words (at least a moment's); the next ``encode`` starts anew."""
        encoder = self._ready()
        packets = [bytes(packet) for packet in (*encoder.encode(self._frame(words)), *encoder.encode(None))]
        self.restart()
        frames = [packet for packet in packets if packet]  # the flush ends with a packet of no bytes
        if len(frames) != 1:
            raise MediaError(
                f"expected one FLAC frame for the last {len(words)} bytes of code words, found {len(frames)}"
            )
        return frames[0]

    def restart(self) -> None:
        self._encoder = None

    def _frame(self, words: bytes) -> av.AudioFrame:
        import av
        import numpy as np

        if self._codec in _LAWS:
            samples = samples_of(self._codec)[np.frombuffer(words, dtype=np.uint8)].reshape(1, -1)
        else:
            samples = np.frombuffer(words, dtype="<i2").astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=self._layout)
        frame.sample_rate = self._rate_hz
        frame.pts = self._pts
        self._pts += samples.shape[1] // self._channels
        return frame

    def _ready(self) -> AudioCodecContext:
        if self._encoder is None:
            import av
            from av.audio.codeccontext import AudioCodecContext

            encoder = av.CodecContext.create("flac", "w")
            assert isinstance(encoder, AudioCodecContext)
            encoder.sample_rate = self._rate_hz
            encoder.format = "s16"
            encoder.layout = self._layout
            encoder.time_base = Fraction(1, self._rate_hz)
            encoder.thread_count = 1
            encoder.options = {"compression_level": _COMPRESSION, "frame_size": str(FLAC_BLOCK)}
            encoder.open()
            self._encoder = encoder
            self._pts = 0
        return self._encoder
