"""The shared workers: newest wins, nothing waits, nothing is lost that was learnt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from hub.bench.content_corpus import ORIGIN_US, encode_scene, faulty_plans, later
from hub.clock import US_PER_S, Instant, SystemClock
from hub.database import Database, create_tables, open_engine
from hub.model import (
    AccessUnit,
    Codec,
    Interruption,
    InterruptionKind,
    InterruptionState,
    MediaKind,
    SessionInfo,
    TrackInfo,
)
from hub.monitor.content.checks import ContentChecks
from hub.monitor.content.store import NormalStore
from hub.monitor.content.watch import ContentWatch
from hub.monitor.rules import DetectorRules

SCENE = encode_scene(replace(next(plan for plan in faulty_plans() if plan.label == "black"), seconds=66), 320, 180)
SOUND = TrackInfo(2, Codec.PCMA, 8000, 1)


def session() -> SessionInfo:
    return SessionInfo("rtsp", "", "", (SCENE.track, SOUND), Instant(ORIGIN_US, 0))


async def play(watch: ContentWatch, checks: ContentChecks, units: tuple[AccessUnit, ...]) -> None:
    """Each unit after the one before was looked at."""
    for unit in units:
        before = checks.load().pictures
        watch.keyframe(unit)
        for _ in range(500):
            if checks.load().pictures > before or not watch.waiting:
                break
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.005)
        watch.tick(unit.arrival)


async def test_an_alarm_is_told_on_the_loop_its_picture_is_stored_and_the_normal_is_kept(tmp_path: Path) -> None:
    engine = open_engine(Database(tmp_path / "hub.db"))
    create_tables(engine)
    told: list[Interruption] = []
    checks = ContentChecks(SystemClock(), tmp_path, NormalStore(engine), budget=4.0, interval_s=2.0)
    await checks.start()
    watch = checks.watch("cam", DetectorRules(), told.extend)
    watch.opened(session())
    await play(watch, checks, SCENE.keyframes[::2])
    assert [one.kind for one in watch.current] == [InterruptionKind.BLACK]
    watch.ended("unreachable")
    assert [one.state for one in told] == [InterruptionState.CONFIRMED, InterruptionState.CLOSED]
    await checks.close()
    assert (tmp_path / str(told[0].evidence["picture"])).read_bytes()[:2] == b"\xff\xd8"

    again = ContentChecks(SystemClock(), tmp_path, NormalStore(engine))
    await again.start()
    known = again.watch("cam", DetectorRules(), told.extend)
    assert any(light.known for light in known.judge.normal.lights)
    await again.forget("cam")
    await again.close()
    assert NormalStore(engine).read() == {}
    engine.dispose()


async def test_the_newest_picture_waits_and_recording_never_does(tmp_path: Path) -> None:
    """No worker runs: what is offered costs nothing, and one picture of each stream is kept."""
    checks = ContentChecks(SystemClock(), tmp_path)
    watch = checks.watch("cam", DetectorRules(), lambda _: None)
    watch.opened(session())
    for unit in SCENE.keyframes[:20]:
        watch.keyframe(unit)
    (job,) = watch.waiting.values()
    assert job.unit is SCENE.keyframes[18]
    load = checks.load()
    assert load.skipped == 9
    watch.ended("gone")
    assert not watch.waiting


async def test_damaged_keyframes_and_unknown_tracks_are_not_looked_at(tmp_path: Path) -> None:
    checks = ContentChecks(SystemClock(), tmp_path)
    watch = checks.watch("cam", DetectorRules(), lambda _: None)
    watch.keyframe(SCENE.keyframes[0])
    watch.opened(session())
    watch.keyframe(replace(SCENE.keyframes[0], damaged=True))
    watch.keyframe(replace(SCENE.keyframes[0], track_id=9))
    assert not watch.waiting
    watch.tick(SCENE.keyframes[0].arrival, off_duty=True)
    watch.keyframe(SCENE.keyframes[1])
    assert not watch.waiting, "off duty nothing is looked at"
    watch.tick(SCENE.keyframes[0].arrival, off_duty=False)
    watch.keyframe(SCENE.keyframes[2])
    assert list(watch.waiting) == [MediaKind.VIDEO.value]


async def test_what_cannot_be_decoded_is_counted_and_the_worker_goes_on(tmp_path: Path) -> None:
    checks = ContentChecks(SystemClock(), tmp_path, budget=4.0, workers=1)
    await checks.start()
    watch = checks.watch("cam", DetectorRules(), lambda _: None)
    watch.opened(session())
    spoilt = [replace(unit, data=unit.data[:3] + b"\xff" * 40) for unit in SCENE.keyframes[:8:2]]
    await play(watch, checks, (*spoilt, *SCENE.keyframes[8:16:2]))
    await checks.close()
    load = checks.load()
    assert load.undecodable == 4
    assert load.pictures == 8


async def test_a_dead_microphone_is_told_and_a_break_of_the_stream_gets_the_last_picture(tmp_path: Path) -> None:
    told: list[Interruption] = []
    checks = ContentChecks(SystemClock(), tmp_path, budget=4.0)
    await checks.start()
    watch = checks.watch("cam", DetectorRules(), told.extend)
    watch.opened(session())
    await play(watch, checks, SCENE.keyframes[:4])
    for n in range(20):
        unit = replace(later(SCENE.keyframes[0], n * 2 * US_PER_S), track_id=2, data=b"\xd5" * 160)
        watch.keyframe(unit)
    assert (told[0].kind, told[0].state) == (InterruptionKind.SILENT, InterruptionState.CONFIRMED)
    assert told[-1].rings

    cut = Interruption("cam-1760000000000000", "cam", InterruptionKind.NO_SIGNAL, InterruptionState.CONFIRMED, 0, 0)
    watch.confirmed(cut)
    for _ in range(500):
        if watch.evidence_of(cut.id):
            break
        await asyncio.sleep(0.005)
    picture = watch.evidence_of(cut.id)
    await checks.close()
    assert (tmp_path / str(picture["picture"])).stat().st_size > 500
