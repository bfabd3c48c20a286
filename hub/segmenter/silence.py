"""Silence for playback where a reel has no sound. Pure; served, marked as such, and never stored.

A browser stops the picture where the sound of the same buffer ends, and throws pictures away up to the next
keyframe where the sound leaps. So holes in the sound are filled on the way out.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.bitstream.audio import AAC_LC, AAC_PS, AAC_SBR, AacConfig, parse_aac_config
from hub.bitstream.bits import BitWriter
from hub.errors import MediaError
from hub.model import MediaKind
from hub.segmenter.boxes import box, fragment, ftyp, moov
from hub.segmenter.flac_frames import flac_silence
from hub.segmenter.scan import FragmentHeader, TrackHeader, boxes_of, child_of, read_fragments, read_init

MARK = box(b"free", b"hub: silence that fills a hole, nobody recorded it")
"""Stands before every fragment of silence; players pass over it (ISO/IEC 14496-12 §8.1.2)."""

_FRAGMENT_S = 1
_SOUND_ENTRY = 28
"""Bytes of an AudioSampleEntry before its boxes (§12.2.3), header left out."""
_OPUS_SILENCE = b"\xff\xfe"
"""The rest of a 20 ms CELT frame in which nothing sounds (RFC 6716 §3.1 tells its first byte)."""
_OPUS_FRAME = 960
# Elements of each channel configuration (ISO/IEC 14496-3 §1.6.3.4): single, pair, low frequency
_AAC_ELEMENTS = {1: "S", 2: "C", 3: "SC", 4: "SCS", 5: "SCC", 6: "SCCL", 7: "SCCCL"}
_AAC_ELEMENT_ID = {"S": 0, "C": 1, "L": 3}
_AAC_END = 7
_AAC_WITH_SBR = (AAC_SBR, AAC_PS)
_AAC_FRAME = 1024
_FLAC_FRAME = 576
"""No longer than any that a recorded STREAMINFO allows."""


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """A sound track and what is silent in it: a frame of ``frame_ticks``. A FLAC frame may be shorter."""

    id: int
    timescale: int
    codec: str
    channels: int
    frame: bytes
    frame_ticks: int


def sound_track(header: TrackHeader) -> SoundTrack:
    """Reads the track's sample entry. Raises MediaError for sound whose silence we cannot write."""
    try:
        entry = child_of(header.box[8:], b"mdia", b"minf", b"stbl", b"stsd")[8:]
        config = {kind: whole[8:] for kind, whole in boxes_of(entry[8 + _SOUND_ENTRY :])}
        channels = struct.unpack_from(">H", entry, 24)[0]
        match header.codec:
            case "mp4a":
                aac = parse_aac_config(_decoder_config(config[b"esds"]))
                frame, ticks = _aac_silence(aac), _AAC_FRAME * (1 + (aac.object_type in _AAC_WITH_SBR))
            case "Opus":
                channels = config[b"dOps"][1]
                frame, ticks = bytes((31 << 3 | (channels == 2) << 2,)) + _OPUS_SILENCE, _OPUS_FRAME
            case "fLaC":
                frame, ticks = flac_silence(channels, _FLAC_FRAME), _FLAC_FRAME
            case other:
                raise MediaError(f"expected sound as AAC, Opus or FLAC, found {other!r}")
    except (KeyError, IndexError, struct.error) as error:
        raise MediaError(f"expected a whole sample entry of sound, found a broken one: {error}") from error
    return SoundTrack(header.id, header.timescale, header.codec, channels, frame, ticks)


def silence(track: SoundTrack, from_ticks: int, to_ticks: int) -> bytes:
    """Marked fragments that fill exactly ``from_ticks … to_ticks`` of ``tfdt``; none for less than a frame.

    The last frame of AAC or Opus lasts a little longer than it sounds, FLAC's is cut to fit.
    """
    return b"".join(data for _, data in _silent_fragments(track, from_ticks, to_ticks))


def _silent_fragments(track: SoundTrack, from_ticks: int, to_ticks: int) -> Iterator[tuple[int, bytes]]:
    """Where each begins, and its bytes; about a second each."""
    at = from_ticks
    step = max(1, _FRAGMENT_S * track.timescale // track.frame_ticks) * track.frame_ticks
    while to_ticks - at >= track.frame_ticks:
        end = at + step if to_ticks - at >= step + track.frame_ticks else to_ticks
        count = (end - at) // track.frame_ticks
        durations = [track.frame_ticks] * count
        frames = [track.frame] * count
        spare = end - at - count * track.frame_ticks
        if spare >= 16 and track.codec == "fLaC":  # the least block of FLAC
            durations.append(spare)
            frames.append(flac_silence(track.channels, spare))
        else:
            durations[-1] += spare
        yield at, MARK + fragment(0, track.id, at, durations, None, frames, sync_first=True, sync_rest=True)
        at = end


def with_sound(init: bytes, donor: bytes) -> bytes:
    """The init segment with the donor's first sound track added under a free id; unchanged if it has sound.

    Raises MediaError when either cannot be read or the donor has no sound.
    """
    headers = read_init(init)
    if any(header.kind is MediaKind.AUDIO for header in headers):
        return init
    sound = next((header for header in read_init(donor) if header.kind is MediaKind.AUDIO), None)
    if sound is None:
        raise MediaError("expected an init segment with sound to take it from, found none")
    track_id = max((header.id for header in headers), default=0) + 1
    traks = [*(header.box for header in headers), _renumbered(sound.box, track_id)]
    return ftyp(single_track=False) + moov(traks, [*(header.id for header in headers), track_id])


def segment_bytes(data: bytes, init: bytes, fill: tuple[int, int] | None) -> bytes:
    """What is served for a stretch of whole fragments: its bytes, with silence where its sound has holes.

    ``init`` is the init segment as served; ``fill`` is from where to where sound must be (``tfdt`` ticks of its
    sound track), None: as recorded. Every byte of ``data`` is in the result, in its order. Silence stands where its
    time is: MSE takes sound that leaps after pictures of a later time for a new group, and clears those pictures.
    Raises MediaError when ``data`` is no run of whole fragments or ``init`` has no sound.
    """
    if fill is None:
        return data
    headers = read_init(init)
    sounding = next((header for header in headers if header.kind is MediaKind.AUDIO), None)
    if sounding is None:
        raise MediaError("expected an init segment with sound to fill a hole of it, found none")
    track = sound_track(sounding)
    scales = {header.id: header.timescale for header in headers}
    stored = read_fragments(data)
    silent = deque(_holes(track, stored, fill))
    out: list[bytes] = []
    for number, each in enumerate(stored):
        start_s = each.tfdt_ticks / scales.get(each.track_id, 1)
        while silent and silent[0].after < number and silent[0].start_ticks <= start_s * track.timescale:
            out.append(silent.popleft().data)
        out.append(data[each.offset : each.offset + each.size])
    out += [silence.data for silence in silent]
    return b"".join(out)


@dataclass(frozen=True, slots=True)
class _Silent:
    """A fragment of silence; it must come after the stored fragment number ``after``."""

    after: int
    start_ticks: int
    data: bytes


def _holes(track: SoundTrack, stored: Sequence[FragmentHeader], fill: tuple[int, int]) -> Iterator[_Silent]:
    """Silence for every hole of the track's fragments within ``fill``, in order."""
    cursor, end = fill
    after = -1
    for number, each in enumerate(stored):
        if each.track_id == track.id:
            for start, data in _silent_fragments(track, cursor, each.tfdt_ticks):
                yield _Silent(after, start, data)
            cursor = max(cursor, each.tfdt_ticks + each.duration_ticks)
            after = number
    for start, data in _silent_fragments(track, cursor, end):
        yield _Silent(after, start, data)


# ----------------------------------------------------------------------------- silent frames


def _decoder_config(esds: bytes) -> bytes:
    """The AudioSpecificConfig inside ``esds`` (ISO/IEC 14496-1 §7.2.6)."""
    at = 4
    while at < len(esds):
        tag, at = esds[at], at + 1
        size = 0
        while True:
            byte, at = esds[at], at + 1
            size = size << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 5:
            return esds[at : at + size]
        at += {3: 3, 4: 13}.get(tag, size)
    raise MediaError("expected a decoder configuration in esds, found none")


def _aac_silence(config: AacConfig) -> bytes:
    """A raw_data_block without a spectral line (ISO/IEC 14496-3 §4.4.2.1): long window, no bands."""
    if config.object_type not in (AAC_LC, *_AAC_WITH_SBR):
        raise MediaError(f"expected AAC of type 2, 5 or 29, found type {config.object_type}")
    writer = BitWriter()
    counts = {"S": 0, "C": 0, "L": 0}
    for element in _AAC_ELEMENTS.get(config.layout, "C"):
        writer.put(_AAC_ELEMENT_ID[element], 3).put(counts[element], 4)
        counts[element] += 1
        if element == "C":
            writer.put(1, 1).put(0b0_00_1_000000_0, 11).put(0, 2)  # common window, ics_info, no mid/side
            writer.put(0, 8 + 3).put(0, 8 + 3)  # for each: gain, no pulses, no noise shaping, no gain control
        else:
            writer.put(0, 8).put(0b0_00_1_000000_0, 11).put(0, 3)
    return writer.put(_AAC_END, 3).to_bytes()


def _renumbered(trak: bytes, track_id: int) -> bytes:
    """A ``trak`` whose ``tkhd`` (version 0, its first box) carries another id (§8.3.2)."""
    at = trak.index(b"tkhd") + 4 + 12
    return trak[:at] + struct.pack(">I", track_id) + trak[at + 4 :]
