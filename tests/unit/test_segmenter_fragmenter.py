"""Access units become fragments: nothing lost, nothing twice, times true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import Instant
from hub.errors import MediaError
from hub.model import AccessUnit, Codec, Fragment, InitSegment, ParameterSets, TrackInfo
from hub.segmenter.fragmenter import HOLD_US, Fragmenter
from tests.segmenter_media import (
    AAC_INFO,
    AUDIO,
    OPUS_INFO,
    SETS_320,
    SETS_640,
    SETS_H265,
    START_US,
    VIDEO,
    VIDEO_INFO,
    by_arrival,
    pictures,
    samples,
    sounds,
)

Out = list[InitSegment | Fragment]


def push_all(fragmenter: Fragmenter, units: Iterable[AccessUnit]) -> Out:
    return [each for unit in units for each in fragmenter.push(unit)]


def media(out: Out, track: int | None = None) -> list[Fragment]:
    return [each for each in out if isinstance(each, Fragment) and track in (None, each.track_id)]


def shapes(out: Out) -> str:
    """``I`` init, ``K`` video from a keyframe, ``v`` other video, ``a`` sound."""
    return "".join(
        "I" if isinstance(each, InitSegment) else "a" if each.track_id == AUDIO else "K" if each.keyframe else "v"
        for each in out
    )


def shift(units: list[AccessUnit], ticks: int) -> list[AccessUnit]:
    """Later by ``ticks`` of 90 kHz."""
    us = ticks * 100 // 9
    return [
        replace(
            each,
            dts_ticks=each.dts_ticks + ticks,
            pts_ticks=each.pts_ticks + ticks,
            capture_us=each.capture_us + us,
            arrival=Instant(each.arrival.utc_us + us, each.arrival.mono_us + us),
        )
        for each in units
    ]


def test_five_pictures_make_a_fragment_and_a_keyframe_begins_one() -> None:
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    out = push_all(fragmenter, pictures(54, gop=27))
    assert shapes(out) == "IKvvvvvKvvvv"
    assert [each.frames for each in media(out)] == [5, 5, 5, 5, 5, 2, 5, 5, 5, 5, 5]
    assert [each.keyframes for each in media(out)] == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert shapes(list(fragmenter.flush())) == "v"
    assert fragmenter.flush() == []


def test_pictures_go_out_sooner_while_that_is_asked_for_and_nothing_else_changes() -> None:
    units = by_arrival(pictures(60, gop=30), sounds(120))
    fragmenter = Fragmenter([VIDEO_INFO, OPUS_INFO], fragment_ms=200)
    out: Out = []
    for number, unit in enumerate(units):
        if number in (60, 120):
            fragmenter.aim(120 if number == 60 else 200)
        out += fragmenter.push(unit)
    out += fragmenter.flush()
    assert [each.frames for each in media(out, VIDEO)] == [5, 5, 5, 5, 3, 3, 3, 1, 3, 3, 3, 5, 5, 5, 5, 1]
    assert max(each.frames for each in media(out, AUDIO)) == min(each.frames for each in media(out, AUDIO)[:-1]) == 10
    found = samples(b"".join(each.data for each in out))
    for info in (VIDEO_INFO, OPUS_INFO):
        sent = [each for each in units if each.track_id == info.id]
        got = [each for each in found if each.track_id == info.id]
        assert [each.data for each in got] == [each.data for each in sent]
        assert [each.dts - info.timescale for each in got] == [each.dts_ticks for each in sent]


def test_what_is_read_back_is_what_was_pushed() -> None:
    units = by_arrival(pictures(60), sounds(120))
    fragmenter = Fragmenter([VIDEO_INFO, OPUS_INFO], fragment_ms=200)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    found = samples(b"".join(each.data for each in out))
    for info in (VIDEO_INFO, OPUS_INFO):
        sent = [each for each in units if each.track_id == info.id]
        got = [each for each in found if each.track_id == info.id]
        assert [each.data for each in got] == [each.data for each in sent]
        assert [each.dts - info.timescale for each in got] == [each.dts_ticks for each in sent]
        assert [each.sync for each in got] == [each.keyframe for each in sent]
    assert all(each.duration == 3600 for each in found if each.track_id == VIDEO)


def test_fields_of_a_fragment() -> None:
    units = pictures(5)
    units[2] = replace(units[2], lost=3, damaged=True)
    units[3] = replace(units[3], damaged=True)
    _, fragment = push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)
    assert isinstance(fragment, Fragment)
    assert (fragment.tfdt_ticks, fragment.duration_ticks, fragment.timescale) == (90_000, 18_000, 90_000)
    assert (fragment.first_us, fragment.end_us) == (START_US, START_US + 200_000)
    assert (fragment.first_seq, fragment.last_seq, fragment.lost, fragment.damaged) == (0, 9, 3, 2)


def test_reordered_pictures_have_their_composition_offsets() -> None:
    order = [0, 3, 1, 2, 6, 4, 5]  # shown as number, decoded as listed
    units = [
        replace(each, pts_ticks=shown * 3600, dts_ticks=(place - 1) * 3600, capture_us=START_US + shown * 40_000)
        for place, (each, shown) in enumerate(zip(pictures(7, gop=100), order, strict=True))
    ]
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=280)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    found = samples(out[1].data)
    assert [(each.pts - 90_000) // 3600 for each in found] == order
    assert [(each.dts - 90_000) // 3600 for each in found] == [-1, 0, 1, 2, 3, 4, 5]
    assert (media(out)[0].first_us, media(out)[0].end_us) == (START_US, START_US + 280_000)


def test_negative_composition_offsets() -> None:
    units = [replace(each, pts_ticks=each.pts_ticks - 100) for each in pictures(5)]
    found = samples(push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)[1].data)
    assert [each.pts - each.dts for each in found] == [-100] * 5


def test_sound_before_the_first_keyframe_waits_for_it() -> None:
    fragmenter = Fragmenter([VIDEO_INFO, OPUS_INFO], fragment_ms=200)
    assert push_all(fragmenter, sounds(100)) == []
    out = push_all(fragmenter, shift(pictures(5), 180_000))
    assert shapes(out) == "IaaaaaaaaaaK"
    assert fragmenter.discarded == 0


def test_pictures_before_the_first_keyframe_are_kept_before_it() -> None:
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    units = pictures(22, first=8)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    assert shapes(out) == "IvvvvK"
    found = samples(b"".join(each.data for each in out))
    assert [each.data for each in found] == [each.data for each in units]
    assert [each.sync for each in found] == [each.keyframe for each in units]


def test_sound_alone_begins_after_five_seconds_without_a_keyframe() -> None:
    fragmenter = Fragmenter([VIDEO_INFO, OPUS_INFO], fragment_ms=200)
    out = push_all(fragmenter, sounds(260))
    init = out[0]
    assert isinstance(init, InitSegment)
    assert [each.id for each in init.tracks] == [AUDIO]
    assert sum(each.frames for each in media(out)) == 260
    late = push_all(fragmenter, shift(pictures(5), 90_000 * 6))
    assert shapes(late) == "IK"
    assert isinstance(late[0], InitSegment)
    assert [each.id for each in late[0].tracks] == [VIDEO, AUDIO]


def test_a_tick_ends_the_wait_for_a_keyframe() -> None:
    fragmenter = Fragmenter([VIDEO_INFO, OPUS_INFO], fragment_ms=200)
    units = sounds(10)
    push_all(fragmenter, units)
    first = units[0].arrival
    assert fragmenter.tick(Instant(first.utc_us, first.mono_us + HOLD_US - 1)) == ()
    assert shapes(list(fragmenter.tick(Instant(first.utc_us, first.mono_us + HOLD_US)))) == "Ia"


def test_pictures_without_a_keyframe_go_under_the_sets_of_the_session() -> None:
    info = replace(VIDEO_INFO, parameter_sets=SETS_320)
    fragmenter = Fragmenter([info], fragment_ms=200)
    units = pictures(150, first=1, gop=10_000)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    assert set(shapes(out)[1:]) == {"v"}
    assert [each.data for each in samples(b"".join(each.data for each in out))] == [each.data for each in units]


def test_pictures_that_nothing_describes_are_counted_and_bounded() -> None:
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    assert push_all(fragmenter, pictures(500, first=1, gop=10_000)) == []
    assert fragmenter.discarded == 500 - 126  # 5 s of 25 pictures and one
    fragmenter.flush()
    assert fragmenter.discarded == 500


def test_changed_parameter_sets_open_a_reel_at_their_keyframe_and_lose_nothing() -> None:
    fragmenter = Fragmenter([VIDEO_INFO, OPUS_INFO], fragment_ms=200)
    units = by_arrival(pictures(25), pictures(30, first=25, sets=SETS_640), sounds(100))
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    second = shapes(out).index("I", 1)
    assert shapes(out)[second : second + 2] in ("IK", "Ia")
    found = samples(b"".join(each.data for each in out))
    assert [each.data for each in found if each.track_id == VIDEO] == [
        each.data for each in units if each.track_id == VIDEO
    ]
    before = samples(b"".join(each.data for each in out[:second]))
    assert len([each for each in before if each.track_id == VIDEO]) == 25
    inits = [each for each in out if isinstance(each, InitSegment)]
    assert len(inits) == 2
    assert inits[0].tracks[0].mime != inits[1].tracks[0].mime


def test_equal_parameter_sets_open_nothing() -> None:
    copy = ParameterSets(tuple(bytes(each) for each in SETS_320.sps), SETS_320.pps)
    out = push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), [*pictures(25), *pictures(25, first=25, sets=copy)])
    assert shapes(out).count("I") == 1


def test_broken_parameter_sets_cost_no_picture() -> None:
    broken = ParameterSets((b"\x67\x42",), SETS_320.pps)
    units = [*pictures(25), *pictures(25, first=25, sets=broken)]
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    assert shapes(out) == "IKvvvvKvvvv"


def test_a_realigned_unit_opens_a_reel() -> None:
    units = pictures(50)
    units[25] = replace(units[25], realigned=True)
    out = push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)
    assert shapes(out) == "IKvvvvIKvvvv"


def test_an_axis_corrected_backwards_is_followed() -> None:
    units = pictures(50)
    corrected = [replace(units[25], realigned=True), *units[26:]]
    units[25:] = [replace(each, dts_ticks=each.dts_ticks - 9000, pts_ticks=each.pts_ticks - 9000) for each in corrected]
    out = push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)
    assert [each.tfdt_ticks for each in media(out)][5] == 90_000 + 25 * 3600 - 9000


def test_decoding_goes_on_over_a_hole_and_presentation_tells_the_truth() -> None:
    units = [*pictures(20), *shift(pictures(5, first=20), 18_000)]
    out = push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)
    found = samples(b"".join(each.data for each in out))
    decoded = [each.dts for each in found]
    assert all(after - before <= 7200 for before, after in pairwise(decoded[:21]))
    assert [each.pts - 90_000 for each in found] == [each.pts_ticks for each in units]
    assert found[20].duration == 18_000 + 3600


def test_a_keyframe_after_a_hole_has_its_true_decode_time() -> None:
    units = [*pictures(25), *shift(pictures(5, first=25), 18_000)]
    out = push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)
    assert media(out)[-1].tfdt_ticks == 90_000 + 25 * 3600 + 18_000


def test_one_late_picture_does_not_make_the_next_long() -> None:
    units = pictures(8, gop=100)
    late = shift(units[6:], 90_000)
    units = [*units[:6], replace(late[0], duration_ticks=93_600), late[1]]
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    out = push_all(fragmenter, units)
    out += fragmenter.flush()
    assert media(out)[-1].end_us == units[-1].capture_us + 40_000


def test_decode_times_never_run_backwards() -> None:
    units = pictures(10, gop=100)
    units[4] = replace(units[4], dts_ticks=units[3].dts_ticks)
    units[5] = replace(units[5], dts_ticks=units[3].dts_ticks - 500)
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    found = samples(b"".join(each.data for each in out))
    assert all(each.duration > 0 for each in found)
    assert [each.pts - 90_000 for each in found] == [each.pts_ticks for each in units]


def test_a_loss_in_sound_begins_a_fragment() -> None:
    units = [*sounds(4), *sounds(8, first=6)]
    fragmenter = Fragmenter([OPUS_INFO], fragment_ms=200)
    out = [*push_all(fragmenter, units), *fragmenter.flush()]
    assert [each.tfdt_ticks for each in media(out)] == [48_000, 48_000 + 6 * 960]


def test_slow_cameras_are_not_waited_for() -> None:
    units = [
        replace(each, dts_ticks=90_000 * n, pts_ticks=90_000 * n, duration_ticks=90_000)
        for n, each in enumerate(pictures(3))
    ]
    assert shapes(push_all(Fragmenter([VIDEO_INFO], fragment_ms=200), units)) == "IKvv"


def test_a_track_that_falls_silent_gives_up_what_it_holds() -> None:
    fragmenter = Fragmenter([VIDEO_INFO], fragment_ms=200)
    units = pictures(2)
    push_all(fragmenter, units)
    first = units[0].arrival
    assert fragmenter.tick(Instant(first.utc_us, first.mono_us + 299_000)) == []
    assert shapes(list(fragmenter.tick(Instant(first.utc_us, first.mono_us + 300_000)))) == "K"


def test_single_track_inits_for_watchers() -> None:
    init = push_all(Fragmenter([VIDEO_INFO, AAC_INFO], fragment_ms=200), pictures(1))[0]
    assert isinstance(init, InitSegment)
    assert [each.mime for each in init.tracks] == [
        'video/mp4; codecs="avc1.42c00d"',
        'audio/mp4; codecs="mp4a.40.2"',
    ]
    for track in init.tracks:
        moov = boxes_of(track.init)
        assert moov.count("trak") == 1


def boxes_of(init: bytes) -> list[str]:
    from tests.segmenter_media import boxes

    return [kind for kind, _ in boxes(dict(boxes(init))["moov"])]


def test_h265_waits_for_all_three_kinds_of_sets() -> None:
    info = TrackInfo(VIDEO, Codec.H265, 90_000)
    incomplete = ParameterSets(SETS_H265.sps, SETS_H265.pps)
    fragmenter = Fragmenter([info], fragment_ms=200)
    assert push_all(fragmenter, pictures(25, sets=incomplete)) == []
    out = push_all(fragmenter, pictures(5, first=25, sets=SETS_H265))
    assert shapes(out) == "IKvvvvK"
    assert isinstance(out[0], InitSegment)
    assert out[0].tracks[0].mime == 'video/mp4; codecs="hvc1.1.6.L60.90"'


@pytest.mark.parametrize(
    "bad", [TrackInfo(AUDIO, Codec.PCMA, 8000, 3), replace(AAC_INFO, config=b"\xff")], ids=["channels", "config"]
)
def test_a_track_that_no_reel_can_hold_costs_the_others_nothing(bad: TrackInfo) -> None:
    with pytest.raises(MediaError):
        Fragmenter([bad], fragment_ms=200)
    fragmenter = Fragmenter([VIDEO_INFO, bad], fragment_ms=200)
    out = push_all(fragmenter, by_arrival(pictures(25), sounds(50)))
    assert shapes(out) == "IKvvvv"
    assert fragmenter.discarded == 50


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.integers(-2000, 400_000),
            st.integers(-9000, 20_000),
            st.integers(0, 90_000),
            st.sampled_from([SETS_320, SETS_640, None]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_every_picture_once_in_order_at_its_time(
    steps: list[tuple[bool, int, int, int, ParameterSets | None, bool]],
) -> None:
    fragmenter = Fragmenter([replace(VIDEO_INFO, parameter_sets=SETS_320)], fragment_ms=200)
    units, dts = [], 0
    for number, (key, step, offset, duration, sets, tick) in enumerate(steps):
        dts += step
        units.append(
            replace(
                pictures(1, first=number)[0],
                keyframe=key,
                dts_ticks=dts,
                pts_ticks=dts + offset,
                duration_ticks=duration,
                parameter_sets=sets if key else None,
                realigned=tick and key,
            )
        )
    out: Out = []
    for each in units:
        out += fragmenter.push(each)
        if each.realigned:
            out += fragmenter.tick(Instant(0, each.arrival.mono_us + 1_000_000))
    out += fragmenter.flush()
    found = samples(b"".join(each.data for each in out))
    assert [each.data for each in found] == [each.data for each in units]
    assert [each.sync for each in found] == [each.keyframe for each in units]
    assert all(each.duration > 0 for each in found)
    for got, sent in zip(found, units, strict=True):
        if sent.dts_ticks + 90_000 >= 0:
            assert got.pts == sent.pts_ticks + 90_000
