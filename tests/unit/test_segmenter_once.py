"""What two nodes recorded is shown once: which of both, and where it is cut."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache
from itertools import pairwise

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hub.errors import MediaError
from hub.model import OFFICE_RUNS, Chunk, InitSegment, MediaKind, TrackRange
from hub.segmenter.once import TWO_CLOCKS_US, Shown, begins_us, shown_once
from hub.segmenter.trim import trimmed
from tests.segmenter_media import (
    AAC_INFO,
    START_US,
    VIDEO,
    VIDEO_INFO,
    by_arrival,
    fragments,
    pictures,
    samples,
    sounds,
)

OLD, NEW, NEWEST = 1 << 20 | 1, 2 << 20 | 1, 3 << 20 | 1
BROUGHT = 9 << 20 | OFFICE_RUNS | 1
LEAST_US = 100_000


def chunk(
    run: int, at_s: float, length_s: float = 2.0, *, keyframes: int = 1, kind: MediaKind = MediaKind.VIDEO
) -> Chunk:
    """Its run's axis is hub time, counted from START."""
    first, end = round(at_s * 90_000), round((at_s + length_s) * 90_000)
    track = TrackRange(VIDEO, kind, 90_000, first, end, round(length_s * 25), keyframes, 0, 0, 0, 0)
    at_us = START_US + round(at_s * 1e6)
    return Chunk(
        stream_id="w", run=run, reel=f"reel-{run}", offset=round(at_s * 1000), size=100, sha256="", init_size=1000,
        init_sha256="", first_us=at_us, end_us=at_us + round(length_s * 1e6), device_us=None, tracks=(track,),
        reason="keyframe",
    )  # fmt: skip


def shown(*chunks: Chunk) -> list[tuple[int, float, float]]:
    """Run, from, to of what is shown, in seconds."""
    found = shown_once(sorted(chunks, key=lambda one: one.first_us))
    return [(one.chunk.run, seconds(one.chunk.first_us), seconds(one.chunk.end_us)) for one in found]


def seconds(at_us: int) -> float:
    return (at_us - START_US) / 1e6


def row(run: int, *at_s: float) -> list[Chunk]:
    return [chunk(run, one) for one in at_s]


def test_what_a_node_recorded_that_slept_ends_where_the_new_owner_begins() -> None:
    found = shown(*row(OLD, 0, 2, 4, 6), *row(NEW, 5.5, 7.5, 9.5))
    assert found == [(OLD, 0, 2), (OLD, 2, 4), (OLD, 4, 5.5), (NEW, 5.5, 7.5), (NEW, 7.5, 9.5), (NEW, 9.5, 11.5)]
    (cut,) = [one for one in shown_once([*row(OLD, 0, 2, 4), *row(NEW, 5.5)]) if one.until_us is not None]
    assert cut.until_us == 5_500_000
    assert cut.chunk.tracks[0].end_ticks == round(5.5 * 90_000)
    assert (cut.chunk.offset, cut.chunk.size) == (4000, 100)


def test_where_the_new_owner_breaks_off_the_old_one_is_shown_from_its_keyframe_on() -> None:
    found = shown(*row(OLD, 0, 2, 4, 6, 8), *row(NEW, 1, 3), *row(NEW + 1, 9))
    assert found == [(OLD, 0, 1), (NEW, 1, 3), (NEW, 3, 4), (OLD, 4, 6), (OLD, 6, 8), (OLD, 8, 9), (NEW + 1, 9, 11)]


def test_a_chunk_without_a_keyframe_is_shown_behind_its_own() -> None:
    old = [chunk(OLD, 0, 4), chunk(OLD, 4, 4, keyframes=0), chunk(OLD, 8)]
    assert shown(*old, *row(NEW, 1, 3)) == [(OLD, 0, 4), (OLD, 4, 8), (OLD, 8, 10)]
    assert shown(*old, *row(NEW, 5, 7)) == [(OLD, 0, 4), (OLD, 4, 5), (NEW, 5, 7), (NEW, 7, 8), (OLD, 8, 10)]


def test_what_was_brought_later_fills_what_no_node_has() -> None:
    found = shown(*row(OLD, 0, 2), *row(BROUGHT, 3, 5, 7), *row(NEW, 8, 10))
    assert found == [
        (OLD, 0, 2),
        (OLD, 2, 3),
        (BROUGHT, 3, 5),
        (BROUGHT, 5, 7),
        (BROUGHT, 7, 8),
        (NEW, 8, 10),
        (NEW, 10, 12),
    ]
    assert shown(*row(OLD, 0, 2, 4), *row(BROUGHT, 2, 3)) == [(OLD, 0, 2), (OLD, 2, 4), (OLD, 4, 6)]


def test_pictures_are_shown_before_sound() -> None:
    sound = chunk(NEW, 2, 2, kind=MediaKind.AUDIO)
    assert shown(*row(OLD, 0, 2), sound, *row(NEW, 4)) == [(OLD, 0, 2), (OLD, 2, 4), (NEW, 4, 6)]


def test_a_calendar_that_was_set_back_hides_nothing() -> None:
    assert len(shown(*row(OLD, 0, 2, 4), *row(OLD + 1, 1, 3, 5))) == 6
    assert len(shown(*row(7, 0, 2, 4), *row(9, 1, 3, 5))) == 6, "of a hub that is alone"


def test_two_clocks_are_no_overlap() -> None:
    assert shown(*row(OLD, 0, 2), *row(NEW, 3.9)) == [(OLD, 0, 2), (OLD, 2, 4), (NEW, 3.9, 5.9)]


@examples(max_examples=300)
@given(seed=st.integers(0, 1 << 32))
def test_each_moment_that_anybody_has_is_shown_and_none_twice(seed: int) -> None:
    rng = random.Random(seed)
    chunks: list[Chunk] = []
    for run in (OLD, NEW, NEWEST, BROUGHT):
        at = rng.uniform(0, 6)
        for _ in range(rng.randrange(6)):
            length = rng.choice((0.5, 1.0, 2.0, 5.0))
            chunks.append(chunk(run, at, length))
            at += length + rng.choice((0, 0, 0, rng.uniform(0, 4)))
    ordered = sorted(chunks, key=lambda one: one.first_us)
    found = shown_once(ordered)
    assert len({(one.chunk.run, one.chunk.offset) for one in found}) == len(found)
    for before, after in pairwise(found):
        assert before.chunk.first_us < after.chunk.first_us
        assert before.chunk.end_us <= after.chunk.first_us + TWO_CLOCKS_US
    missing = [0, 0]
    for one in ordered:
        for at_us in range(one.first_us, one.end_us, 50_000):
            missing[not any(each.chunk.first_us <= at_us < each.chunk.end_us for each in found)] += 1
    assert missing[1] * 50_000 <= (TWO_CLOCKS_US + LEAST_US) * len(ordered), (seed, found)
    assert all(is_beginning(one, chunks) for one in found)


def is_beginning(one: Shown, chunks: list[Chunk]) -> bool:
    whole = next(each for each in chunks if (each.run, each.offset) == (one.chunk.run, one.chunk.offset))
    if one.until_us is None:
        return one.chunk == whole
    return one.chunk.end_us < whole.end_us and begins_us(one.chunk) == begins_us(whole)


# --------------------------------------------------------------------------------------- its bytes


@cache
def footage() -> tuple[bytes, bytes]:
    """An init segment, and six seconds of pictures and sound."""
    units = by_arrival(pictures(150), sounds(282, info=AAC_INFO, frame=1024))
    made = fragments(units, VIDEO_INFO, AAC_INFO)
    init = next(one for one in made if isinstance(one, InitSegment))
    return init.data, b"".join(one.data for one in made if not isinstance(one, InitSegment))


@examples(max_examples=60)
@given(until_us=st.integers(900_000, 8_000_000))
def test_units_of_the_beginning_are_those_that_were_recorded(until_us: int) -> None:
    init, data = footage()
    scales = {VIDEO: 90_000, AAC_INFO.id: 48_000}
    wanted = [
        one for one in samples(data) if (2 * one.dts + one.duration) * 1_000_000 <= 2 * until_us * scales[one.track_id]
    ]
    assert samples(trimmed(data, init, until_us)) == wanted


def test_the_whole_of_it_is_the_bytes_that_were_recorded() -> None:
    init, data = footage()
    assert trimmed(data, init, 1 << 60) == data
    assert trimmed(data, init, 0) == b""


@examples(max_examples=200)
@given(noise=st.binary(min_size=1, max_size=8), at=st.integers(0, 10_000), until_us=st.integers(0, 1 << 62))
def test_any_bytes_raise_only_media_error(noise: bytes, at: int, until_us: int) -> None:
    init, data = footage()
    broken = bytearray(data[:20_000])
    broken[at : at + len(noise)] = noise
    with suppress(MediaError):
        trimmed(bytes(broken), init, until_us)
