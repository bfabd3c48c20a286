"""Playlists over chunks, and the silence that fills what they lack."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hub.bitstream.vpx import VpxConfig
from hub.errors import InvalidRequest, MediaError
from hub.model import Chunk, Codec, InitSegment, MediaKind, ParameterSets, TrackInfo, TrackRange
from hub.segmenter.init_segment import build_init
from hub.segmenter.playlist import Fill, Playlist, join_for, playlist
from hub.segmenter.sample_entries import describe
from hub.segmenter.scan import read_fragments, read_init
from hub.segmenter.silence import MARK, segment_bytes, silence, sound_track, with_sound
from tests.segmenter_media import (
    AAC_INFO,
    AUDIO,
    OPUS_INFO,
    SETS_320,
    SETS_640,
    START_US,
    VIDEO,
    VIDEO_INFO,
    by_arrival,
    fragments,
    pictures,
    samples,
    sounds,
)

BOTH = build_init([(VIDEO_INFO, SETS_320), (AAC_INFO, None)])
OTHER = build_init([(VIDEO_INFO, SETS_640), (AAC_INFO, None)])
MUTE = build_init([(VIDEO_INFO, SETS_320)])
VP8 = build_init([(TrackInfo(VIDEO, Codec.VP8, 90_000), ParameterSets((VpxConfig(320, 180).pack(),)))])
INITS = {init.sha256: init for init in (BOTH, OTHER, MUTE, VP8)}


class Plain:
    """Addresses that say what they are."""

    def reel(self, chunk: Chunk) -> str:
        return chunk.reel

    def init(self, chunk: Chunk, sound_from: Chunk | None) -> str:
        return f"init-{chunk.run}{'+sound' if sound_from else ''}"

    def filled(
        self, chunk: Chunk, offset: int, size: int, fill: Fill | None, until_us: int | None, sound_from: Chunk | None
    ) -> str:
        filled = "" if fill is None else f"filled-{offset}-{size}-{fill[0]}-{fill[1]}"
        return filled if until_us is None else f"{filled or chunk.reel}-until-{until_us}"


def chunk(
    number: int,
    *,
    run: int = 1,
    at_s: float | None = None,
    axis_s: float | None = None,
    length_s: float = 2.0,
    init: InitSegment = BOTH,
    sound: tuple[float, float] | None = (0.0, 0.0),
    keyframes: int = 2,
    reel: str = "",
) -> Chunk:
    """The ``number``-th of two seconds; ``sound`` is by how much its sound begins and ends after its picture."""
    axis = 1 + (2.0 * number if axis_s is None else axis_s)
    at_us = START_US + round((2.0 * number if at_s is None else at_s) * 1e6)
    video = TrackRange(
        VIDEO, MediaKind.VIDEO, 90_000, round(axis * 90_000), round((axis + length_s) * 90_000),
        50, keyframes, 0, 0, 0, 0,
    )  # fmt: skip
    tracks = [video]
    if sound is not None:
        first = round((axis + sound[0]) * 48_000 / 1024) * 1024
        end = round((axis + length_s + sound[1]) * 48_000 / 1024) * 1024
        tracks.append(TrackRange(AUDIO, MediaKind.AUDIO, 48_000, first, end, (end - first) // 1024, 0, 0, 0, 0, 0))
    return Chunk(
        stream_id="w", run=run, reel=reel or f"reel-{run}", offset=1000 + number * 100, size=100, sha256="",
        init_size=1000, init_sha256=init.sha256, first_us=at_us, end_us=at_us + round(length_s * 1e6), device_us=None,
        tracks=tuple(tracks), reason="keyframe",
    )  # fmt: skip


def make(chunks: list[Chunk], *, join_s: float = 0, complete: bool = True) -> list[str]:
    return playlist(
        chunks, lambda each: INITS[each.init_sha256].data, Plain(), join_s=join_s, complete=complete
    ).splitlines()


def test_chunks_in_a_row() -> None:
    lines = make([chunk(n) for n in range(3)])
    assert lines[:6] == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        '#EXT-X-MAP:URI="init-1"',
    ]
    assert lines[6:] == [
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000000Z",
        *("#EXTINF:2.000000,", "#EXT-X-BYTERANGE:100@1000", "reel-1"),
        *("#EXTINF:2.000000,", "#EXT-X-BYTERANGE:100@1100", "reel-1"),
        *("#EXTINF:2.000000,", "#EXT-X-BYTERANGE:100@1200", "reel-1"),
        "#EXT-X-ENDLIST",
    ]


def test_the_next_reel_of_a_run_goes_on() -> None:
    lines = make([chunk(0), chunk(1), chunk(2, reel="next")])
    assert "#EXT-X-DISCONTINUITY" not in lines
    assert sum(line.startswith("#EXT-X-MAP") for line in lines) == 1
    assert lines[-2] == "next"


def test_pictures_that_no_browser_plays_from_mp4_are_a_gap_and_end_nothing() -> None:
    lines = make([chunk(0), chunk(0, run=2, at_s=2, init=VP8, sound=None), chunk(0, run=3, at_s=4)])
    assert not any("reel-2" in line or "init-2" in line for line in lines)
    assert lines[lines.index("#EXT-X-GAP") + 1] == "#EXTINF:2.000000,"
    assert lines[-2] == "reel-3"


OLD, NEW = 1 << 20 | 1, 2 << 20 | 1
"""Runs of two takings: of two nodes."""


def test_what_two_nodes_recorded_is_shown_once() -> None:
    twice = [chunk(0, run=OLD), chunk(1, run=OLD), chunk(1, run=NEW, at_s=2.03, axis_s=0), chunk(2, run=OLD)]
    lines = make([*twice, chunk(2, run=NEW, at_s=4.03, axis_s=2), chunk(3, run=NEW, at_s=6.03, axis_s=4)])
    assert sum(line.startswith("#EXTINF") for line in lines) == 4
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert lines[-2] == f"reel-{NEW}"


@pytest.mark.parametrize("sound", [None, (0.0, 0.0)])
def test_a_chunk_ends_where_another_node_took_over(sound: tuple[float, float] | None) -> None:
    init = MUTE if sound is None else BOTH
    old = [chunk(n, run=OLD, init=init, sound=sound) for n in range(5)]
    new = [chunk(n, run=NEW, at_s=3.3 + 2 * n, init=init, sound=sound) for n in range(5)]
    chunks = sorted([*old, *new], key=lambda one: one.first_us)
    for join_s in (0.0, 10.0):
        lines = make(chunks, join_s=join_s)
        total_s = sum(float(line[8:-1]) for line in lines if line.startswith("#EXTINF:"))
        assert total_s == pytest.approx(13.3, abs=0.05)
        (cut,) = [line for line in lines if "until" in line]
        assert cut.endswith(f"-until-{4_300_000}")  # the run's axis begins with 1 s
        assert lines.count("#EXT-X-DISCONTINUITY") == 1
        assert "#EXT-X-GAP" not in lines


def test_at_the_live_edge_what_another_node_has_too_is_not_said_again() -> None:
    growing = Playlist(lambda one: INITS[one.init_sha256].data, Plain(), join_s=0, sound_from=None)
    growing.add([chunk(n, run=OLD) for n in range(3)])
    said = growing.text(complete=False).splitlines()
    growing.add([chunk(n, run=NEW, at_s=2.0 * n - 1, axis_s=2.0 * n) for n in range(2, 5)])
    lines = growing.text(complete=False).splitlines()
    assert lines[: len(said)] == said
    assert sum(line.startswith("#EXTINF") for line in lines) == 5, "of which one overlaps what was said before"


def test_an_interruption_is_a_gap_as_long_as_it_was() -> None:
    lines = make([chunk(0), chunk(1, run=2, at_s=27.0, axis_s=0)])
    gaps = [lines[at + 1] for at, line in enumerate(lines) if line == "#EXT-X-GAP"]
    assert gaps == ["#EXTINF:8.333333,"] * 3
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at + 1 : at + 3] == [
        '#EXT-X-MAP:URI="init-2"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:27.000000Z",
    ]
    assert lines[2] == "#EXT-X-TARGETDURATION:9"
    assert at > max(number for number, line in enumerate(lines) if line == "#EXT-X-GAP")


def test_a_pause_within_a_run_is_a_gap_without_discontinuity() -> None:
    lines = make([chunk(0), chunk(3)])
    assert lines.count("#EXT-X-GAP") == 1
    assert "#EXTINF:4.000000," in lines
    assert "#EXT-X-DISCONTINUITY" not in lines


def test_other_parameter_sets_are_a_discontinuity() -> None:
    lines = make([chunk(0), chunk(1, init=OTHER, reel="next")])
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    assert "#EXT-X-GAP" not in lines


def test_a_reconnect_that_lost_nothing_is_no_gap() -> None:
    lines = make([chunk(0), chunk(1, run=2, at_s=2.3, axis_s=0)])
    assert "#EXT-X-GAP" not in lines
    assert lines.count("#EXT-X-DISCONTINUITY") == 1


def test_long_ranges_are_joined() -> None:
    lines = make([chunk(n) for n in range(12)], join_s=10)
    assert [line for line in lines if line.startswith("#EXT-X-BYTERANGE")] == [
        "#EXT-X-BYTERANGE:500@1000",
        "#EXT-X-BYTERANGE:500@1500",
        "#EXT-X-BYTERANGE:200@2000",
    ]
    assert lines[2] == "#EXT-X-TARGETDURATION:10"


def test_a_joined_segment_begins_with_a_keyframe() -> None:
    lines = make([chunk(n, keyframes=0 if n in (5, 6) else 1) for n in range(9)], join_s=10)
    assert [line for line in lines if line.startswith("#EXT-X-BYTERANGE")] == [
        "#EXT-X-BYTERANGE:700@1000",
        "#EXT-X-BYTERANGE:200@1700",
    ]


def test_at_the_live_edge_what_was_said_stays() -> None:
    chunks = [chunk(n) for n in range(13)]
    before: list[str] = []
    for count in range(1, 14):
        lines = make(chunks[:count], join_s=10, complete=False)[5:]
        assert lines[: len(before)] == before
        before = lines
    assert "#EXT-X-ENDLIST" not in before
    assert sum(line.startswith("#EXTINF") for line in before) == 2


def test_asking_again_costs_only_what_is_new() -> None:
    grown = Playlist(lambda each: INITS[each.init_sha256].data, Plain(), join_s=0, sound_from=None)
    chunks = [chunk(n) for n in range(20)]
    for each in chunks:
        grown.add([each])
        grown.text(complete=False)
    assert grown.text(complete=True).splitlines() == make(chunks)


def test_a_day_in_chunks_of_two_seconds() -> None:
    lines = make([chunk(n) for n in range(43_200)], join_s=join_for(0, 86_400_000_000))
    assert sum(line.startswith("#EXTINF") for line in lines) == 8_640


def test_ranges() -> None:
    assert join_for(0, 600_000_000) == 0
    assert join_for(0, 600_000_001) == 10
    for bad in (0, -1, 86_400_000_001):
        with pytest.raises(InvalidRequest):
            join_for(0, bad)


# ------------------------------------------------------------------------------------ sound


def filled(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("filled")]


def test_sound_a_little_over_the_edge_needs_nothing() -> None:
    lines = make([chunk(0, sound=(0, 0.15)), chunk(1, sound=(0.15, -0.1)), chunk(2, sound=(-0.1, 0))])
    assert filled(lines) == []


def test_sound_that_ends_early_is_filled_to_the_picture() -> None:
    lines = make([chunk(0), chunk(1, sound=(0, -0.5)), chunk(2, sound=None)])
    assert filled(lines) == ["filled-1100-100-144384-240000", "filled-1200-100-240000-336000"]


def test_sound_that_comes_back_late_is_filled_up_to_it() -> None:
    lines = make([chunk(0, sound=None), chunk(1, sound=(1.0, 0))])
    assert filled(lines) == ["filled-1000-100-48000-144000", "filled-1100-100-144000-240000"]


def test_a_hole_inside_is_seen_by_the_count_of_frames() -> None:
    holed = chunk(0)
    sound = replace(holed.tracks[1], frames=holed.tracks[1].frames - 3)
    assert len(filled(make([replace(holed, tracks=(holed.tracks[0], sound)), chunk(1)]))) == 1


def test_a_reel_without_a_sound_track_gets_one() -> None:
    lines = make([chunk(0, run=1, init=MUTE, sound=None), chunk(1, run=2, axis_s=0)])
    assert '#EXT-X-MAP:URI="init-1+sound"' in lines
    assert '#EXT-X-MAP:URI="init-2"' in lines
    assert len(filled(lines)) == 1


def test_a_recording_without_sound_stays_without() -> None:
    lines = make([chunk(n, init=MUTE, sound=None) for n in range(3)])
    assert filled(lines) == []
    assert '#EXT-X-MAP:URI="init-1"' in lines


def test_at_the_live_edge_sound_on_its_way_is_waited_for() -> None:
    late = [chunk(0), chunk(1, sound=(0, -0.2))]
    assert filled(make(late, complete=False)) == []
    assert len(filled(make(late))) == 1


def test_with_sound_adds_a_track_under_a_free_id() -> None:
    joined = with_sound(MUTE.data, build_init([(replace(AAC_INFO, id=1), None)]).data)
    assert [(each.id, each.codec) for each in read_init(joined)] == [(1, "avc1"), (2, "mp4a")]
    assert with_sound(BOTH.data, MUTE.data) is BOTH.data
    with pytest.raises(MediaError):
        with_sound(MUTE.data, MUTE.data)


SOUND = {
    "aac-mono": replace(AAC_INFO, channels=1, config=bytes.fromhex("1188")),
    "aac-stereo": AAC_INFO,
    "aac-5.1": replace(AAC_INFO, channels=6, config=bytes.fromhex("11b0")),
    "opus": OPUS_INFO,
    "flac-mono": TrackInfo(AUDIO, Codec.PCMA, 8000, 1),
    "flac-stereo": TrackInfo(AUDIO, Codec.PCMU, 8000, 2),
}


@pytest.mark.parametrize("name", SOUND)
def test_silence_decodes_to_silence(name: str) -> None:
    info = SOUND[name]
    init = build_init([(info, None)]).data
    track = sound_track(read_init(init)[0])
    start, end = info.timescale * 2, round(info.timescale * 4.2345)
    made = silence(track, start, end)
    found = samples(made)
    assert found[0].dts == start
    assert found[-1].dts + found[-1].duration == end
    assert made.count(MARK) >= 2
    with av.open(io.BytesIO(init + made)) as container:
        frames = list(container.decode(audio=0))
    assert len(frames) >= len(found) - 1
    assert sum(frame.samples for frame in frames) >= (end - start) - 3 * track.frame_ticks
    for frame in frames:
        assert not np.abs(frame.to_ndarray()).max() > 1e-3


def test_silence_shorter_than_a_frame_is_none() -> None:
    track = sound_track(read_init(build_init([(AAC_INFO, None)]).data)[0])
    assert silence(track, 0, 1023) == b""
    assert silence(track, 1000, 0) == b""


def test_a_filled_segment_keeps_every_byte_and_has_no_hole() -> None:
    units = by_arrival(pictures(50), sounds(30), sounds(20, first=60))
    out = fragments(units, VIDEO_INFO, OPUS_INFO)
    init, stored = out[0].data, b"".join(each.data for each in out[1:])
    served = segment_bytes(stored, init, (48_000, 144_000))
    at = 0
    for each in out[1:]:
        at = served.index(each.data, at) + len(each.data)
    sound = [each for each in samples(served) if each.track_id == AUDIO]
    assert sound[0].dts == 48_000
    assert sound[-1].dts + sound[-1].duration == 144_000
    assert all(a.dts + a.duration == b.dts for a, b in pairwise(sound))
    assert segment_bytes(stored, init, None) is stored


@examples(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 99)), st.integers(0, 200_000), st.integers(0, 200_000))
def test_any_holes_are_filled(kept: set[int], start: int, end: int) -> None:
    units = by_arrival(pictures(50), [each for n, each in enumerate(sounds(100)) if n in kept])
    out = fragments(units, VIDEO_INFO, OPUS_INFO)
    init, stored = out[0].data, b"".join(each.data for each in out[1:])
    served = segment_bytes(stored, init, (start, end))
    found = samples(served)
    for track in (VIDEO, AUDIO):
        own = [each for each in found if each.track_id == track]
        assert [each.dts for each in own] == sorted(each.dts for each in own)
    sound = [each for each in found if each.track_id == AUDIO and start <= each.dts and each.dts + each.duration <= end]
    for before, after in pairwise(sound):
        assert after.dts - before.dts - before.duration < 960


@examples(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 1200))
def test_any_init_segment_raises_only_media_error(noise: bytes, at: int) -> None:
    init = BOTH.data[:at] + noise + BOTH.data[at + len(noise) :]
    for call in (
        lambda: with_sound(init, BOTH.data),
        lambda: with_sound(MUTE.data, init),
        lambda: segment_bytes(noise, init, (0, 96_000)),
        lambda: [sound_track(header) for header in read_init(init) if header.kind is MediaKind.AUDIO],
        lambda: read_fragments(noise),
    ):
        with contextlib.suppress(MediaError):
            call()


def test_every_codec_of_sound_has_its_silence() -> None:
    for info in SOUND.values():
        assert describe(info, None).size is None
