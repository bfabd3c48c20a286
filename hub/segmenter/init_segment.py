"""The init segment of a reel, and of each of its tracks alone. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hub.model import InitSegment, InitTrack, ParameterSets, TrackInfo
from hub.segmenter.boxes import ftyp, moov, trak
from hub.segmenter.sample_entries import SampleEntry, describe


def build_init(tracks: Sequence[tuple[TrackInfo, ParameterSets | None]]) -> InitSegment:
    """``ftyp moov`` (ISO/IEC 14496-12 §8.2.1) with a ``trak`` for each track, in the order given.

    Raises MediaError when a track cannot be described: parameter sets missing or broken.
    """
    return assemble([(info, describe(info, sets)) for info, sets in tracks])


def assemble(tracks: Sequence[tuple[TrackInfo, SampleEntry]]) -> InitSegment:
    """The same from sample entries that are made already."""
    boxes = [trak(info.id, info.timescale, entry.data, entry.size) for info, entry in tracks]
    ids = [info.id for info, _ in tracks]
    data = ftyp(single_track=False) + moov(boxes, ids)
    described = tuple(
        InitTrack(info.id, info.kind, entry.mime, info.timescale, ftyp(single_track=True) + moov([one], [info.id]))
        for (info, entry), one in zip(tracks, boxes, strict=True)
    )
    return InitSegment(data, hashlib.sha256(data).hexdigest(), described)
