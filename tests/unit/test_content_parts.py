"""The parts of the content checks, each by itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.bench.content_corpus import ContentScene, Plan, encode_scene
from hub.clock import US_PER_S, Instant
from hub.database import Database, create_tables, open_engine
from hub.errors import MediaError
from hub.model import AccessUnit, Codec, InterruptionKind, InterruptionState, ParameterSets, Span, TrackInfo
from hub.monitor.content.cases import SETTLE_US, CaseBook, Matter, Sight
from hub.monitor.content.checks import Budget
from hub.monitor.content.decoder import Decoder, loudest, luma
from hub.monitor.content.features import Likeness, features, likeness
from hub.monitor.content.judge import Judge
from hub.monitor.content.normal import Normal, normal_from
from hub.monitor.content.pictures import alarm_picture, picture_path, write_picture
from hub.monitor.content.sound import Silence, is_zero_g711, says_nothing
from hub.monitor.content.store import Learnt, NormalStore
from hub.monitor.rules import DetectorRules
from hub.monitor.timeline import timeline

K = InterruptionKind
S = InterruptionState
T0 = 1_760_000_000 * US_PER_S


class Line:
    """A case book, fed with one letter a sight, every 2 s: ``.`` good, B black, C covered, F frozen, u blurred."""

    KINDS: ClassVar = {".": None, "B": K.BLACK, "C": K.COVERED, "F": K.FROZEN, "u": K.BLURRED}

    def __init__(self, matter: Matter = Matter.PICTURE) -> None:
        self.book = CaseBook("cam", DetectorRules())
        self.matter = matter
        self.at_us = T0
        self.told: list[tuple[InterruptionState, int]] = []
        self.all = []

    def feed(self, letters: str, step_s: float = 2.0) -> Line:
        for letter in letters:
            self.at_us += round(step_s * US_PER_S)
            now = Instant(self.at_us, self.at_us - T0)
            changes = self.book.see(self.matter, Sight(self.at_us, now, 1, self.KINDS[letter]))
            self.all += changes + self.book.tick(now)
        return self

    def states(self) -> list[InterruptionState]:
        return [one.state for one in self.all]


def test_a_passing_hand_is_no_fault() -> None:
    assert Line().feed("....C....").all == []


def test_seen_bad_from_one_good_sight_to_five_seconds_later_is_recorded() -> None:
    line = Line().feed("...BBB....." + "...")
    assert line.states() == [S.CONFIRMED, S.RESUMED, S.CLOSED]
    closed = line.all[-1]
    assert closed.started_us == T0 + 8 * US_PER_S
    assert closed.ended_us == T0 + 14 * US_PER_S
    assert closed.edge_error_us == 2 * US_PER_S
    assert closed.recorded
    assert closed.kind.interruption_class.value == "content"


def test_it_rings_after_ten_seconds() -> None:
    line = Line().feed("..BBBBBBB")
    assert [(one.state, one.rings) for one in line.all] == [(S.CONFIRMED, False), (S.CONFIRMED, True)]
    assert line.all[-1].needs_explanation


def test_flapping_is_one_interruption_with_a_count() -> None:
    line = Line().feed("..BBBB..BBB..BBBB........")
    closed = [one for one in line.all if one.state is S.CLOSED]
    assert len(closed) == 1
    assert closed[0].count == 3
    assert len({one.id for one in line.all}) == 1
    assert len(str(closed[0].evidence["breaks"]).split()) == 3


def test_a_hundred_flaps_keep_a_short_list() -> None:
    line = Line().feed("..BBB" + "..BB" * 100 + "........")
    closed = line.all[-1]
    assert closed.count == 101
    assert len(str(closed.evidence["breaks"]).split()) == 17
    assert int(closed.evidence["earlier_us"]) > 0


def test_good_for_longer_than_the_settling_is_another_interruption() -> None:
    gap = "." * (SETTLE_US // (2 * US_PER_S) + 1)
    line = Line().feed("..BBBB" + gap + "BBBB" + gap)
    assert len({one.id for one in line.all}) == 2


def test_a_hand_that_closes_is_one_fault_and_a_freeze_after_it_another() -> None:
    assert {one.kind for one in Line().feed("..CCCBBB......").all} == {K.COVERED}
    line = Line().feed("..CCCFFF......")
    assert [one.kind for one in line.all if one.state is S.CLOSED] == [K.COVERED, K.FROZEN]


def test_blurred_for_half_a_minute_is_nothing_and_never_rings() -> None:
    assert Line(Matter.SHARPNESS).feed("...." + "u" * 15 + "....").all == []
    line = Line(Matter.SHARPNESS).feed("...." + "u" * 300)
    assert [one.state for one in line.all] == [S.CONFIRMED]
    assert not line.book.current[0].rings


def test_ends_when_the_stream_breaks_off() -> None:
    line = Line().feed("..BBBB")
    (closed,) = line.book.end("unreachable")
    assert closed.state is S.CLOSED
    assert closed.ended_us == line.at_us
    assert closed.evidence["reason"] == "unreachable"
    assert line.book.current == ()
    assert Line().feed("..B").book.end("unreachable") == []


def test_what_shows_nothing_was_recorded_all_the_same() -> None:
    (shown, *_) = Line().feed("..BBBBB").all
    line = timeline([Span(T0, T0 + 60 * US_PER_S)], [shown], T0, T0 + 60 * US_PER_S, now_us=T0 + 99 * US_PER_S)
    assert line.completeness == 1.0


# ---------------------------------------------------------------------------------------- pictures


@lru_cache
def scene() -> ContentScene:
    return encode_scene(Plan("short", seconds=4), 320, 180)


def picture(unit: AccessUnit | None = None) -> np.ndarray:
    return luma(Decoder().picture(unit or scene().keyframes[0], Codec.H264))


def test_features_of_any_picture_are_finite() -> None:
    rng = np.random.default_rng(1)
    for made in (
        np.zeros((90, 160), np.uint8),
        np.full((1081, 1923), 255, np.uint8),
        rng.integers(0, 256, (777, 333)).astype(np.uint8),
    ):
        seen = features(made)
        assert seen is not None
        assert np.isfinite(seen.levels).all() and np.isfinite(seen.texture).all()  # noqa: PT018
        assert Judge().judge(seen, 0).kind in (None, K.BLACK)
    assert features(np.zeros((89, 160), np.uint8)) is None


def test_a_picture_is_itself_and_not_the_same_with_one_grey_level_of_noise() -> None:
    plain = picture().copy()
    noisy = plain + np.random.default_rng(1).integers(0, 2, plain.shape).astype(np.uint8)
    first, same, other = features(plain), features(plain.copy()), features(noisy)
    assert first and same and other  # noqa: PT018
    assert likeness(first.print, same.print) is Likeness.SAME
    assert likeness(first.print, other.print) < Likeness.SAME


def test_a_third_of_a_still_scene_the_same_to_the_bit_is_no_freeze() -> None:
    plain = picture().copy()
    third = plain.copy()
    third[: plain.shape[0] * 2 // 3] ^= 1
    first, other = features(plain), features(third)
    assert first and other  # noqa: PT018
    assert likeness(first.print, other.print) is Likeness.HINT


def test_one_lamp_in_the_dark_is_no_cover() -> None:
    lit = picture().copy()
    judge = Judge()
    for n in range(20):
        noise = np.random.default_rng(n).integers(0, 3, lit.shape).astype(np.uint8)
        usual = features(lit // 2 + noise)
        assert usual is not None
        assert judge.judge(usual, n).kind is None
    dark = np.full_like(lit, 18)
    hand = features(dark + np.linspace(0, 12, lit.shape[1]).astype(np.uint8))
    glow = np.hanning(40)[:, None] * np.hanning(80)[None, :] * 140  # soft, as a lamp in a dark hall
    dark[60:100, 160:240] += glow.astype(np.uint8)
    lamp = features(dark)
    assert hand and lamp  # noqa: PT018
    assert judge.judge(hand, 100).kind in (K.COVERED, K.BLACK)
    assert judge.judge(lamp, 101).kind is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_pictures_are_refused_or_decoded_and_cost_nothing_else(data: st.DataObject) -> None:
    unit = scene().keyframes[1]
    spoilt = bytearray(unit.data)
    for _ in range(data.draw(st.integers(1, 20))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
    sets = unit.parameter_sets
    if data.draw(st.booleans()):
        sets = ParameterSets((data.draw(st.binary(max_size=40)),), (data.draw(st.binary(max_size=20)),))
    decoder = Decoder()
    codec = data.draw(st.sampled_from([Codec.H264, Codec.H265]))
    try:
        made = luma(decoder.picture(replace(unit, data=cut, parameter_sets=sets), codec))
    except MediaError:
        pass
    else:
        seen = features(made)
        assert seen is None or Judge().judge(seen, 0) is not None
    assert features(luma(decoder.picture(unit, Codec.H264))) is not None, "the worker goes on"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([Codec.AAC, Codec.OPUS]), st.binary(max_size=8))
def test_strange_sound_is_refused_or_measured(data: bytes, codec: Codec, config: bytes) -> None:
    unit = replace(scene().keyframes[0], data=data)
    with suppress(MediaError):
        assert loudest(unit, TrackInfo(1, codec, 48_000, 1, config)) >= 0


# -------------------------------------------------------------------------------------------- sound


def test_digital_zero_is_silence_and_a_quiet_hall_is_not() -> None:
    assert is_zero_g711(b"\xd5" * 160)
    assert is_zero_g711(b"\xff" * 160)
    assert not is_zero_g711(b"\xd5\x55" * 80), "a converter that wavers by one step lives"
    assert not is_zero_g711(b"")
    assert says_nothing(Codec.OPUS, b"\xf8")
    assert not says_nothing(Codec.OPUS, b"\xf8\xff\xfe")


def test_silence_is_judged_from_coded_sound_of_every_codec() -> None:
    from hub.demo.encode import AudioSpec, encode_audio

    for codec, rate in ((Codec.AAC, 32_000), (Codec.OPUS, 48_000)):
        for content in ("tone", "silence"):
            made = encode_audio(AudioSpec(codec, rate=rate, seconds=4, content=content))  # type: ignore[arg-type]
            unit = replace(scene().keyframes[0], data=made.units[20].data)
            level = loudest(unit, TrackInfo(1, codec, rate, 1, made.config))
            assert (level <= 2 / 32768) == (content == "silence"), (codec, content, level)


def test_a_noise_gate_is_a_habit_and_one_pause_is_none() -> None:
    def run(silence: Silence, at_s: float, length_s: float) -> bool:
        found = [silence.heard(True, round((at_s + n) * US_PER_S)) for n in range(round(length_s) + 1)]
        silence.heard(False, round((at_s + length_s) * US_PER_S) + 1)
        return found[-1]

    silence = Silence()
    assert run(silence, 0, 20)
    assert run(silence, 100, 20), "a single fault before teaches nothing"
    assert run(silence, 200, 20)
    assert not run(silence, 300, 20), "the device does it again and again"
    assert run(silence, 400, 50)
    assert not run(Silence(silence.text()), 500, 20), "kept over a restart"


# ----------------------------------------------------------------------------------------- memory


def seen(mean: float):
    made = features(np.clip(picture().astype(float) / 130 * mean, 0, 255).astype(np.uint8))
    assert made is not None
    return made


def test_light_and_dark_are_learnt_apart() -> None:
    normal = Normal()
    for _ in range(20):
        normal.learn(seen(120))
        normal.learn(seen(30))
    assert len(normal.lights) == 2
    light, same = normal.nearest(35)
    assert light is not None
    assert same
    assert light.mean < 60
    again = normal_from(normal.text())
    assert [round(one.mean) for one in again.lights] == [round(one.mean) for one in normal.lights]
    assert np.allclose(again.lights[0].steps, normal.lights[0].steps, rtol=0.01)


@settings(max_examples=50)
@given(st.one_of(st.text(max_size=50), st.recursive(st.none() | st.floats() | st.text(max_size=5),
       lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["version", "lights", "mean"]), each))
       .map(repr)))  # fmt: skip
def test_any_other_text_is_an_empty_memory(text: str) -> None:
    assert normal_from(text).lights == []


def test_the_store_keeps_what_was_learnt(tmp_path: Path) -> None:
    engine = open_engine(Database(tmp_path / "hub.db"))
    create_tables(engine)
    store = NormalStore(engine)
    store.write({"a": Learnt("{}", "5", 1), "b": Learnt("x", "", 2)})
    store.write({"a": Learnt("{}", "6", 3)})
    store.forget("b")
    assert store.read() == {"a": Learnt("{}", "6", 3)}
    engine.dispose()


def test_a_picture_is_written_whole_and_names_no_other_file(tmp_path: Path) -> None:
    made = alarm_picture("cam-1", "cam-1-1760000000000000-black", T0, b"\xff\xd8jpeg")
    write_picture(tmp_path, made)
    assert (tmp_path / made.path).read_bytes() == made.data
    assert [each.suffix for each in (tmp_path / made.path).parent.iterdir()] == [".jpg"]
    for ident in ("../../x", "cam-1/..-1", "other-1760000000000000", "cam-1-17-black/../../x"):
        with pytest.raises(ValueError):
            picture_path("cam-1", ident, T0)


def test_the_budget_lets_through_its_share_of_a_core() -> None:
    budget = Budget(0.1)
    now_us, looked = 0, 0
    while now_us < 100 * US_PER_S:
        wait_us = budget.wait_us(now_us)
        if wait_us:
            now_us += wait_us
            continue
        budget.spend(20_000, now_us)
        looked += 1
    assert looked * 0.02 == pytest.approx(100 * 0.1, rel=0.05)
