"""The beginning of a chunk, for what is shown and copied. Pure; what is recorded stays as it is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hub.clock import US_PER_S
from hub.errors import MediaError
from hub.segmenter.boxes import SYNC_SAMPLE, fragment
from hub.segmenter.scan import (
    COMPOSED,
    DURATION,
    SIZE,
    FragmentHeader,
    child_of,
    first_trun_entry,
    read_fragments,
    read_init,
)

_SIGN, _RANGE = 1 << 31, 1 << 32


def trimmed(data: bytes, init: bytes, until_us: int) -> bytes:
    """Whole fragments without the units of which more than half lies at or after ``until_us`` of the run's axis
    (``tfdt``), and without all that are decoded after those. A fragment in which that is so is made anew, the others
    are the bytes that they were; of tracks that are not in ``init`` nothing is left out.

    Raises MediaError when ``data`` is no run of whole fragments.
    """
    timescales = {header.id: header.timescale for header in read_init(init)}
    out: list[bytes] = []
    for each in read_fragments(data):
        scale = timescales.get(each.track_id)
        whole = data[each.offset : each.offset + each.size]
        if scale is None or (each.tfdt_ticks + each.duration_ticks) * US_PER_S <= until_us * scale:
            out.append(whole)
        elif each.tfdt_ticks * US_PER_S < until_us * scale:
            out.append(_beginning(whole, each, until_us * scale))
    return b"".join(out)


@dataclass(frozen=True, slots=True)
class _Samples:
    durations: Sequence[int]
    sizes: Sequence[int]
    offsets: Sequence[int] | None
    first_flags: int
    rest_flags: int
    sequence: int


def _beginning(whole: bytes, header: FragmentHeader, until: int) -> bytes:
    """``until`` in µs times ticks a second."""
    samples = _samples(whole)
    at, count = header.tfdt_ticks, 0
    for duration in samples.durations:
        if (2 * at + duration) * US_PER_S > 2 * until:
            break
        at, count = at + duration, count + 1
    if not count:
        return b""
    place = whole.index(b"mdat", int.from_bytes(whole[:4], "big")) + 4
    units = []
    for size in samples.sizes[:count]:
        units.append(whole[place : place + size])
        place += size
    return fragment(
        samples.sequence,
        header.track_id,
        header.tfdt_ticks,
        samples.durations[:count],
        None if samples.offsets is None else samples.offsets[:count],
        units,
        sync_first=samples.first_flags == SYNC_SAMPLE,
        sync_rest=samples.rest_flags == SYNC_SAMPLE,
    )


def _samples(whole: bytes) -> _Samples:
    """Of a fragment that :func:`read_fragments` has read."""
    moof = child_of(whole, b"moof")
    trun, tfhd = child_of(moof, b"traf", b"trun"), child_of(moof, b"traf", b"tfhd")
    flags, count = struct.unpack_from(">II", trun)
    wanted = [flag for flag in (DURATION, SIZE, COMPOSED) if flags & flag]
    at = first_trun_entry(flags)
    if not flags & SIZE or len(trun) != at + 4 * len(wanted) * count or len(tfhd) < 12:
        raise MediaError("expected a fragment as the hub writes them, found another")
    words = struct.unpack_from(f">{len(wanted) * count}I", trun, at)
    columns = dict(zip(wanted, (words[n :: len(wanted)] for n in range(len(wanted))), strict=True))
    offsets: Sequence[int] | None = columns.get(COMPOSED)
    if offsets is not None and trun[0]:
        offsets = [one - _RANGE if one & _SIGN else one for one in offsets]
    first = struct.unpack_from(">I", trun, at - 4)[0]
    sequence = struct.unpack_from(">I", child_of(moof, b"mfhd"), 4)[0]
    rest = struct.unpack_from(">I", tfhd, 8)[0]
    return _Samples(columns[DURATION], columns[SIZE], offsets, first, rest, sequence)
