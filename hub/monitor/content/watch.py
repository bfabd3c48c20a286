"""One stream under watch: what is looked at, and what becomes of the verdicts. On the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hub.clock import US_PER_S, Instant
from hub.model import (
    AccessUnit,
    Codec,
    Interruption,
    InterruptionClass,
    InterruptionKind,
    InterruptionState,
    MediaKind,
    SessionInfo,
    TrackInfo,
)
from hub.monitor.content.cases import CaseBook, Evidence, Matter, Sight
from hub.monitor.content.judge import Judge, Verdict
from hub.monitor.content.normal import normal_from
from hub.monitor.content.pictures import AlarmPicture, alarm_picture
from hub.monitor.content.sound import Silence, is_zero_g711, says_nothing
from hub.monitor.content.store import Learnt
from hub.monitor.rules import DetectorRules

_EARLY = 0.1
"""A keyframe that comes this share of the interval too early is taken: cameras are not exact."""
_UNSEEN_US = 15 * US_PER_S
"""Without a keyframe for so long nothing is known of the picture any more."""
Tell = Callable[[Sequence[Interruption]], None]


@dataclass(frozen=True, slots=True)
class Job:
    """A keyframe or a sound frame to be looked at; ``session`` tells connections apart. ``picture_of``: no verdict is
    asked for, but the picture for the alarm of this interruption."""

    unit: AccessUnit
    track: TrackInfo
    session: int
    picture_of: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a worker found: of a picture its verdict, of sound whether it is ``zero``. ``jpeg``: the first picture of
    something wrong, or the one that was asked for."""

    job: Job
    verdict: Verdict | None = None
    zero: bool = False
    jpeg: bytes | None = None


class Checks(Protocol):
    """Of :class:`hub.monitor.content.checks.ContentChecks`, what a watch needs."""

    interval_us: int

    def offer(self, watch: ContentWatch, job: Job) -> None: ...
    def withdraw(self, watch: ContentWatch) -> None: ...
    def store(self, picture: AlarmPicture) -> None: ...
    def now(self) -> Instant: ...


class ContentWatch:
    """Made by ``ContentChecks.watch``. ``waiting`` are the jobs that no worker has taken, newest wins, one of each
    track: a picture and a sound at most, and one alarm's picture."""

    def __init__(
        self, stream_id: str, rules: DetectorRules, checks: Checks, tell: Tell, learnt: Learnt | None = None
    ) -> None:
        self.stream_id = stream_id
        self.waiting: dict[str, Job] = {}
        self.judge = Judge(normal_from(learnt.normal) if learnt else None)
        self.silence = Silence(learnt.gates_us if learnt else "")
        self.last_kind: tuple[int, InterruptionKind | None] = (0, None)
        """For the worker alone: session and kind of its last verdict."""
        self.judged_session = 0
        self.learnt_anew = False
        self._book = CaseBook(stream_id, rules)
        self._checks = checks
        self._tell = tell
        self._session = 0
        self._tracks: dict[int, TrackInfo] = {}
        self._due_us: dict[int, int] = {}
        self._seen_mono_us: int | None = None
        self._last_good: Job | None = None
        self._jpegs: dict[Matter, bytes] = {}
        self._pictures: dict[str, Evidence] = {}
        self._off_duty = False

    # ------------------------------------------------------------------- what the pipeline tells

    def opened(self, session: SessionInfo) -> None:
        """Another connection. Of several video tracks the first is looked at, as the wall shows it; of sound too."""
        self._session += 1
        self._tracks.clear()
        for track in session.tracks:
            if all(track.kind is not known.kind for known in self._tracks.values()):
                self._tracks[track.id] = track
        self._last_good = None
        if not self._off_duty:
            self._resume()

    def _resume(self) -> None:
        self._due_us = dict.fromkeys(self._tracks, 0)
        self.silence.began()

    def keyframe(self, unit: AccessUnit) -> None:
        """A unit that can be decoded by itself: called for each keyframe, and for each frame of sound. Hot."""
        due_us = self._due_us.get(unit.track_id)
        if due_us is not None and unit.arrival.mono_us >= due_us and not unit.damaged:
            self._take(unit, self._tracks[unit.track_id])

    def tick(self, now: Instant, *, off_duty: bool = False) -> None:
        """About once a second, or more often. Off duty nothing is looked at."""
        if off_duty != self._off_duty:
            self._off_duty = off_duty
            if off_duty:
                self._pause()
            else:
                self._resume()
        changes = self._book.tick(now)
        if self._seen_mono_us is not None and now.mono_us - self._seen_mono_us > self._unseen_us:
            self._seen_mono_us = None
            changes += self._book.end("no keyframe", (Matter.PICTURE, Matter.SHARPNESS))
        self._out(changes)

    def ended(self, reason: str) -> None:
        """The connection is gone, and with it whatever it showed."""
        self._pause(reason)
        self._tracks.clear()

    def _pause(self, reason: str = "off duty") -> None:
        self._session += 1
        self._due_us = {}
        self._seen_mono_us = None
        self._checks.withdraw(self)
        self._jpegs.clear()
        self._out(self._book.end(reason))

    def use(self, rules: DetectorRules) -> None:
        self._book.rules = rules

    def maintain(self, ident: str) -> None:
        """The planned maintenance that runs, by id; empty: none does. What is seen wrong meanwhile carries it."""
        self._book.maintenance = ident

    @property
    def current(self) -> tuple[Interruption, ...]:
        return self._book.current

    def confirmed(self, interruption: Interruption) -> None:
        """Was written down. Where it is a break of the stream, keep what was seen last as its picture."""
        if interruption.kind.interruption_class is InterruptionClass.TRANSPORT and self._last_good is not None:
            job = replace(self._last_good, picture_of=interruption.id)
            self._checks.offer(self, job)

    def evidence_of(self, interruption_id: str) -> Evidence:
        """Of the picture of a break, once it is stored: for the entries that follow."""
        return self._pictures.get(interruption_id, {})

    # ---------------------------------------------------------------------- what workers found

    def found(self, found: Found) -> None:
        """On the event loop again."""
        job = found.job
        if job.picture_of:
            self._keep_picture(job, found.jpeg)
            return
        if job.session != self._session:
            return
        if job.track.kind is MediaKind.AUDIO:
            self._heard(job.unit, found.zero)
            return
        verdict = found.verdict
        if verdict is None:
            return
        if found.jpeg is not None:
            self._jpegs[Matter.SHARPNESS if verdict.kind is None else Matter.PICTURE] = found.jpeg
        if not verdict.unsure:
            blurred = InterruptionKind.BLURRED if verdict.blurred else None
            self._see(Matter.PICTURE, self._sight(job.unit, verdict.kind, verdict.figures, verdict.since_us))
            self._see(Matter.SHARPNESS, self._sight(job.unit, blurred, verdict.figures))
        if verdict.kind is None:
            self._last_good = job
        if verdict.closer or self._book.suspicious(Matter.PICTURE):
            self._due_us[job.unit.track_id] = 0

    def learnt(self, now: Instant) -> Learnt:
        self.learnt_anew = False
        return Learnt(self.judge.normal.text(), self.silence.text(), now.utc_us)

    # --------------------------------------------------------------------------- within

    @property
    def _unseen_us(self) -> int:
        return max(_UNSEEN_US, 3 * self._checks.interval_us)

    def _take(self, unit: AccessUnit, track: TrackInfo) -> None:
        interval_us = self._checks.interval_us
        self._due_us[unit.track_id] = unit.arrival.mono_us + round(interval_us * (1 - _EARLY))
        if track.kind is MediaKind.VIDEO:
            self._seen_mono_us = unit.arrival.mono_us
        elif says_nothing(track.codec, unit.data):
            return
        elif track.codec in (Codec.PCMA, Codec.PCMU):
            self._heard(unit, is_zero_g711(unit.data))
            return
        self._checks.offer(self, Job(unit, track, self._session))

    def _heard(self, unit: AccessUnit, zero: bool) -> None:
        silent = self.silence.heard(zero, unit.capture_us)
        kind = InterruptionKind.SILENT if silent else None
        self._see(Matter.SOUND, self._sight(unit, kind, {}))

    def _sight(
        self, unit: AccessUnit, kind: InterruptionKind | None, figures: Evidence, since_us: int | None = None
    ) -> Sight:
        return Sight(unit.capture_us, unit.arrival, unit.track_id, kind, figures, since_us)

    def _see(self, matter: Matter, sight: Sight) -> None:
        changes = self._book.see(matter, sight)
        for change in changes:
            if change.state is InterruptionState.CONFIRMED and change.count == 1 and matter in self._jpegs:
                changes = self._with_picture(matter, changes, change)
                break
        self._out(changes)

    def _with_picture(self, matter: Matter, changes: Sequence[Interruption], about: Interruption) -> list[Interruption]:
        picture = alarm_picture(self.stream_id, about.id, about.detected_us, self._jpegs.pop(matter))
        evidence: Evidence = {"picture": picture.path, "picture_sha256": picture.sha256}
        self._book.note(matter, evidence)
        self._checks.store(picture)
        return [
            replace(each, evidence={**each.evidence, **evidence}) if each.id == about.id else each for each in changes
        ]

    def _keep_picture(self, job: Job, jpeg: bytes | None) -> None:
        if jpeg is None:
            return
        picture = alarm_picture(self.stream_id, job.picture_of, job.unit.capture_us, jpeg)
        self._checks.store(picture)
        if len(self._pictures) >= 4:
            del self._pictures[next(iter(self._pictures))]
        self._pictures[job.picture_of] = {
            "picture": picture.path,
            "picture_sha256": picture.sha256,
            "picture_us": job.unit.capture_us,
        }

    def _out(self, changes: Sequence[Interruption]) -> None:
        if changes:
            self._tell(changes)
