"""The pure parts of backfill: what comes from outside is read or refused, and what is placed lies where it belongs."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Conflict, MediaError
from hub.footage import wire
from hub.footage.cutting import Cut, Maker, TrackIndex, cut
from hub.footage.dock import read_map, stream_for, time_in
from hub.footage.kinds import photo_type, taken_us
from hub.footage.nearby import Live
from hub.footage.placing import Placement, Seen, clock_offset, match, missing_in, place
from hub.footage.reading import FileIndex
from hub.footage.wire import HAS_DTS, KEY, FileHeader, FileTrack, Mark
from hub.model import Chunk, Codec, MediaKind, TrackRange

S = 1_000_000


@given(st.binary(max_size=400))
def test_any_bytes_of_the_demultiplexer_are_a_header_marks_an_end_or_a_media_error(data: bytes) -> None:
    for read in (wire.read_header, wire.read_end, lambda given: wire.read_marks(given, 2)):
        with contextlib.suppress(MediaError):
            read(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_nal_units_or_a_media_error(data: bytes) -> None:
    try:
        nals = wire.nals_of(data)
    except MediaError:
        return
    assert b"".join(struct.pack(">I", len(nal)) + nal for nal in nals) == data


@given(st.binary(max_size=600))
def test_any_bytes_after_a_photographs_magic_have_a_time_or_none(data: bytes) -> None:
    assert taken_us(b"\xff\xd8\xff\xe1\0\0Exif\0\0" + data) is None or isinstance(
        taken_us(b"Exif\0\0" + data), int | None
    )
    assert taken_us(b"\x89PNG\r\n\x1a\n\0\0\0\0eXIf" + data) is None or True
    assert photo_type(data) in ("", "jpeg", "png", "heif")


@settings(max_examples=50)
@given(st.integers(-(10**12), 10**12), st.integers(0, 200), st.integers(20, 120), st.integers(-9000, 9000))
def test_equal_pictures_say_where_a_file_belongs(offset_us: int, skip: int, length: int, jitter_us: int) -> None:
    live = [Seen(hash((7, n)), n * 40_000) for n in range(400)]
    file = [
        Seen(hash((7, n)), n * 40_000 - offset_us + (jitter_us if n % 2 else 0)) for n in range(skip, skip + length)
    ]
    found = match(file, [live], None)
    assert found is not None
    assert abs(found.offset_us - offset_us) <= 10_000


def test_a_scene_that_repeats_is_placed_nearest_to_what_is_said() -> None:
    live = [Seen(n % 100, n * 40_000) for n in range(400)]
    file = [Seen(n % 100, n * 40_000) for n in range(100)]
    for turn in range(4):
        found = match(file, [live], turn * 4 * S + 300_000)
        assert found is not None
        assert found.offset_us == turn * 4 * S


def test_a_few_equal_pictures_are_no_proof() -> None:
    live = [Seen(n, n * 40_000) for n in range(100)]
    strange = [Seen(1000 + n, n * 40_000) for n in range(100)]
    assert match([*live[:5], *strange], [live], 0) is None
    assert match([*live[:12], *strange[12:]], [live], 0) is None, "most of what lies beside live pictures differs"


@settings(max_examples=50)
@given(st.integers(-250_000, 250_000), st.integers(10, 60), st.integers(10, 60))
def test_two_connections_may_know_the_time_differently(apart_us: int, before: int, after: int) -> None:
    """A break of 20 s lies between them; the file, from the device's card, has all of it."""
    file = [Seen(n, n * 40_000) for n in range(620)]
    first = [Seen(n, 7 * S + n * 40_000) for n in range(60 - before, 60)]
    second = [Seen(n, 7 * S + apart_us + n * 40_000) for n in range(560, 560 + after)]
    found = match(file, [first, second], None)
    assert found is not None
    assert found.matches == before + after
    assert abs(found.offset_us - (7 * S + apart_us / 2)) <= 1
    assert abs(found.offset_us - 7 * S) <= found.edge_error_us
    assert abs(found.offset_us - (7 * S + apart_us)) <= found.edge_error_us


def test_connections_that_are_far_apart_are_of_different_times() -> None:
    """The same scene, recorded live twice: each row says another time, and the claim decides."""
    file = [Seen(n, n * 40_000) for n in range(100)]
    rows = [[Seen(n, turn * 60 * S + n * 40_000) for n in range(100)] for turn in range(3)]
    for turn in range(3):
        found = match(file, rows, turn * 60 * S + 2 * S)
        assert found is not None
        assert (found.offset_us, found.matches) == (turn * 60 * S, 100)


def test_a_file_that_one_connection_contradicts_is_not_believed() -> None:
    file = [Seen(n, n * 40_000) for n in range(100)]
    other = [Seen(1000 + n, n * 40_000) for n in range(50, 100)]
    assert match(file, [file[:50]], 0) is not None
    assert match(file, [file[:50], other], 0) is None


def test_the_pictures_count_more_than_a_claim_and_a_claim_more_than_the_container() -> None:
    facts = {"first_us": 0, "container_us": 50 * S, "clock_offset_us": -3 * S, "clock_known": True}
    found = Placement(100 * S, 20_000, "pictures", 50)
    assert place(found, claimed_us=103 * S + 900_000, **facts) is found
    with pytest.raises(Conflict) as refused:
        place(found, claimed_us=200 * S, **facts)
    assert refused.value.code == "contradicted"
    assert place(None, claimed_us=103 * S, **facts) == Placement(100 * S, 500_000, "claimed")
    told = place(None, claimed_us=103 * S, clock_error_us=83_000, **facts)
    assert told == Placement(100 * S, 83_000, "claimed"), "who keeps their clock in step says how well"
    unknown = place(None, claimed_us=103 * S, clock_error_us=1, **{**facts, "clock_known": False})
    assert unknown.edge_error_us == 1_000_000, "an error of a clock that nobody compared is none"
    assert place(None, claimed_us=None, **facts) == Placement(47 * S, 2_000_000, "container")
    with pytest.raises(Conflict) as nothing:
        place(None, claimed_us=None, **{**facts, "container_us": None})
    assert nothing.value.code == "no_time"
    assert clock_offset([(10, 3), (20, None), (30, 22)]) == (8, True)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted).map(tuple), max_size=8))
def test_holes_are_what_nothing_covers(covered: list[tuple[int, int]]) -> None:
    holes = missing_in(10, 90, covered, 1)
    bare = {at for at in range(10, 90) if not any(low <= at < high for low, high in covered)}
    assert {at for low, high in holes for at in range(low, high)} == bare
    assert holes == sorted(holes)


def index_of(count: int, gop: int) -> TrackIndex:
    track = FileTrack(1, Codec.H264, 90_000)
    marks = [Mark(1, HAS_DTS | (KEY if n % gop == 0 else 0), n * 3600, n * 3600, 3600, 9, n) for n in range(count)]
    return TrackIndex(track, marks, [mark.dts for mark in marks], [mark.pts * 100 // 9 for mark in marks])


@given(st.integers(0, 99), st.integers(1, 99), st.sampled_from([1, 5, 25, 50]))
def test_a_cut_begins_with_a_keyframe_and_its_times_rise_and_lie_in_the_hole(begin: int, length: int, gop: int) -> None:
    index = index_of(100, gop)
    from_us, to_us = begin * 40_000, (begin + length) * 40_000
    found = cut(index, from_us, to_us)
    assert found is not None
    assert found.first == begin - begin % gop
    assert found.lead == begin % gop
    assert found.last == min(99, begin + length - 1)
    maker = Maker(index, found, from_us, 0, None)
    nal = b"\0\0\0\x05\x65abcd"
    made = [maker.unit(index.marks[n], nal, None) for n in range(found.first, found.last + 1)]  # type: ignore[arg-type]
    units = [unit for unit in made if unit is not None]
    assert len(units) == len(made)
    assert [unit.dts_ticks for unit in units] == sorted({unit.dts_ticks for unit in units})
    assert all(unit.pts_ticks >= unit.dts_ticks for unit in units)
    assert all(from_us - 10_000 < unit.capture_us < to_us for unit in units)
    assert units[found.lead].capture_us == from_us


def test_without_a_keyframe_nothing_is_cut() -> None:
    index = index_of(50, 1000)
    late = TrackIndex(index.track, [mark._replace(flags=HAS_DTS) for mark in index.marks], index.dts, index.pts_us)
    assert cut(late, 0, 2 * S) is None
    assert cut(index, 10 * S, 20 * S) is None
    assert Cut(0, 1) == Cut(0, 1, 0)


def test_a_docks_files_by_their_names(tmp_path: Path) -> None:
    numbers = {"DSJ-1": "one", "DSJ-12": "twelve", "rec-3": "three"}
    assert stream_for("DSJ-12/20260101_080000.mp4", numbers, ()) == "twelve"
    assert stream_for("x/DSJ-1_20260101.mp4", numbers, ()) == "one"
    assert stream_for("DSJ-123/a.mp4", numbers, ()) is None
    assert stream_for("REC-3.mp4", numbers, ()) == "three"
    assert stream_for("DSJ-12/a.mp4", numbers, (("DSJ-12/*", "other"),)) == "other"
    (tmp_path / "map").write_text("# pattern stream\nspare/* one\n", encoding="utf-8")
    assert read_map(tmp_path / "map") == (("spare/*", "one"),)
    assert time_in("DSJ-1_2026-01-01_08-00-00.mp4") == time_in("20260101080000.mp4") is not None
    assert time_in("a_20261399999999.mp4") is None


def test_live_pictures_lie_where_those_say_that_were_taken_with_the_smallest_delay() -> None:
    """A busy hub took the first two seconds of the connection late."""
    scale, begun_us = 90_000, 1_767_225_600 * S
    chunks = []
    for second, late_us in enumerate((300_000, 80_000, 0, 0)):
        first = second * scale
        track = TrackRange(1, MediaKind.VIDEO, scale, first, first + scale, 25, 1, 0, 0, 0, 0)
        at_us = begun_us + second * S + late_us
        chunks.append(Chunk("cam", 1, "r", second, 1, "", 1, "", at_us, at_us + S, None, (track,), "keyframe"))
    header = FileHeader("mp4", (FileTrack(1, Codec.H264, scale),), (), None, False)
    marks = [Mark(1, KEY, at * 3600, at * 3600, 3600, 1, at) for at in range(100)]
    seen = Live(tuple(chunks)).seen(FileIndex(header, marks))
    assert [one.at_us for one in seen] == [begun_us + at * 40_000 for at in range(100)]
