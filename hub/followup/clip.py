"""The sound of a recorded stretch, decoded from the bytes that the ledger declared. Blocking."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from itertools import groupby

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from hub.clock import US_PER_S
from hub.errors import InvalidRequest, MediaError, StorageError
from hub.followup.speech import RATE
from hub.model import Chunk, MediaKind
from hub.shelf import Shelf

MAX_BYTES = 128 << 20
BYTES_PER_SAMPLE = 2


def sound_of(shelf: Shelf, chunks: Sequence[Chunk], from_us: int, to_us: int) -> bytes:
    """16-bit little-endian mono at 16 kHz of ``from_us … to_us`` (hub UTC); silence is not put into gaps.

    Raises InvalidRequest ``no_sound`` where no sound was recorded, StorageError where the bytes are not those that the
    entries speak of, MediaError where they cannot be decoded.
    """
    if sum(chunk.size for chunk in chunks) > MAX_BYTES:
        raise InvalidRequest(f"the clip has more than {MAX_BYTES >> 20} MiB: mark less of it", code="clip_too_large")
    audible = [chunk for chunk in chunks if any(track.kind is MediaKind.AUDIO for track in chunk.tracks)]
    if not audible:
        raise InvalidRequest("nothing was recorded with sound in this time", code="no_sound")
    sound = bytearray()
    for _, group in groupby(audible, key=lambda chunk: chunk.reel):
        part = list(group)
        try:
            sound += _decode(_bytes_of(shelf, part), part[0], from_us, to_us)
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            raise MediaError(f"the sound of {part[0].reel} cannot be decoded: {error}") from error
    return bytes(sound)


def _bytes_of(shelf: Shelf, chunks: Sequence[Chunk]) -> bytes:
    """Init segment and chunks, each only if its digest is the one in its entry."""
    first = chunks[0]
    try:
        parts = [(shelf.read(first.reel, 0, first.init_size), first.init_sha256)]
        parts += [(shelf.read(first.reel, chunk.offset, chunk.size), chunk.sha256) for chunk in chunks]
    except OSError as error:
        raise StorageError(f"{first.reel} cannot be read: {error.strerror or error}") from error
    for part, sha256 in parts:
        if hashlib.sha256(part).hexdigest() != sha256:
            raise StorageError(f"{first.reel} does not hold the bytes that its entries speak of: run hub verify")
    return b"".join(part for part, _ in parts)


def _decode(media: bytes, first: Chunk, from_us: int, to_us: int) -> bytes:
    """What of it lies in the time asked for. The first tick of the chunk stands at its capture time."""
    start_us = min(track.first_ticks * US_PER_S // track.timescale for track in first.tracks)
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    sound = bytearray()
    with av.open(io.BytesIO(media), mode="r", format="mp4") as container:
        for frame in container.decode(audio=0):
            if frame.pts is None or frame.time_base is None:
                continue
            at_us = first.first_us + int(frame.pts * frame.time_base * US_PER_S) - start_us
            length_us = frame.samples * US_PER_S // frame.sample_rate
            if at_us + length_us <= from_us or at_us >= to_us:
                continue
            sound += b"".join(_samples(resampler, frame))
        if sound:  # a resampler that was given nothing has nothing to give up
            sound += b"".join(_samples(resampler, None))
    return bytes(sound)


def _samples(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[bytes]:
    for made in resampler.resample(frame):
        yield bytes(made.planes[0])[: made.samples * BYTES_PER_SAMPLE]
