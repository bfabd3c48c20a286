"""``hub bench content``: what the checks of pictures find in the corpus, and what one costs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence

from hub.bench.content_corpus import (
    ORIGIN_US,
    ContentScene,
    Plan,
    clean_plans,
    content_scenes,
    encode_scene,
    faulty_plans,
)
from hub.bench.report import Report, Result
from hub.clock import US_PER_S, Instant
from hub.errors import MediaError
from hub.model import Interruption, InterruptionState, SessionInfo
from hub.monitor.content.checks import look
from hub.monitor.content.decoder import Decoder
from hub.monitor.content.pictures import AlarmPicture
from hub.monitor.content.watch import ContentWatch, Job
from hub.monitor.rules import DetectorRules

GOAL_PERCENT_OF_A_CORE = 0.25
_ALLOWED_EARLY_US = 6 * US_PER_S
"""Around the truth an interruption may begin and end so much off: a keyframe every few seconds is what is seen."""


class InlineChecks:
    """Looks at once, in the same thread: time is that of the pictures."""

    def __init__(self, interval_us: int = 2 * US_PER_S) -> None:
        self.interval_us = interval_us
        self.pictures: list[AlarmPicture] = []
        self.undecodable = self.looked = 0
        self.cpu_s = 0.0
        self._decoder = Decoder()
        self._now = Instant(0, 0)

    def offer(self, watch: ContentWatch, job: Job) -> None:
        self._now = job.unit.arrival
        self.looked += 1
        before_s = time.thread_time()
        try:
            found = look(self._decoder, watch, job)
        except MediaError:
            self.undecodable += 1
            return
        finally:
            self.cpu_s += time.thread_time() - before_s
        watch.found(found)

    def withdraw(self, watch: ContentWatch) -> None:
        """Nothing ever waits here."""

    def store(self, picture: AlarmPicture) -> None:
        self.pictures.append(picture)

    def now(self) -> Instant:
        return self._now


def watch_scene(scene: ContentScene, checks: InlineChecks | None = None) -> list[Interruption]:
    """Every change of an interruption while this scene is watched, in order; ended with its last picture."""
    changes: list[Interruption] = []
    watch = ContentWatch("scene", DetectorRules(), checks or InlineChecks(), changes.extend)
    watch.opened(SessionInfo("rtsp", "", "", (scene.track,), Instant(ORIGIN_US, US_PER_S)))
    for unit in scene.keyframes:
        watch.keyframe(unit)
        watch.tick(unit.arrival)
    watch.ended("scene over")
    return changes


def verdicts(changes: Iterable[Interruption]) -> list[Interruption]:
    """Each interruption as it was closed."""
    return [one for one in changes if one.state is InterruptionState.CLOSED]


def score(scene: ContentScene, found: Sequence[Interruption]) -> tuple[int, int, int]:
    """Faults found, faults missed, false alarms."""
    hits, misses, used = 0, 0, set[str]()
    for kind, first_us, last_us in scene.truth:
        near = [
            one
            for one in found
            if one.kind is kind
            and abs(one.started_us - ORIGIN_US - first_us) <= _ALLOWED_EARLY_US
            and abs((one.ended_us or 0) - ORIGIN_US - last_us) <= _ALLOWED_EARLY_US
        ]
        hits, misses = hits + bool(near), misses + (not near)
        used |= {one.id for one in near}
    return hits, misses, len([one for one in found if one.id not in used])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shifts", type=int, default=4, help="how often the faults are tried, each time later by a bit"
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many halls")
    parser.add_argument("--pictures", type=int, default=200, help="720p keyframes that the cost is measured on")


def run(options: argparse.Namespace) -> Report:
    hits = misses = false = 0
    clean_s = 0.0
    lines: list[str] = []
    rounds = [(seed, 0.37 * n) for seed in range(1, options.seeds + 1) for n in range(options.shifts)]
    for number, (seed, shift_s) in enumerate(rounds):
        plans = faulty_plans() + (clean_plans() if number % options.shifts == 0 else [])
        for scene in content_scenes(plans=plans, seed=seed, shift_s=shift_s):
            found = verdicts(watch_scene(scene))
            hit, miss, wrong = score(scene, found)
            hits, misses, false = hits + hit, misses + miss, false + wrong
            clean_s += scene.end_us / US_PER_S
            if miss or wrong:
                told = [(str(one.kind), (one.started_us - ORIGIN_US) / US_PER_S) for one in found]
                lines.append(f"{scene.label} (hall {seed}, +{shift_s:.2f} s): found {told}, true {scene.truth}")
    cost_ms = _cost_ms(options.pictures)
    results = [
        Result("faults", hits + misses, ""),
        Result("recall", 100 * hits / max(hits + misses, 1), "%"),
        Result("false alarms", false, f"in {clean_s / 3600:.2f} stream-hours"),
        Result("cost of a 720p keyframe", cost_ms, "ms of CPU"),
        Result("cost of a stream, one every 2 s", cost_ms / 20, "% of a core", "the goal", cost_ms / 20 / 0.25),
    ]
    return Report("content", results, misses + false, lines)


def _cost_ms(pictures: int) -> float:
    """Decoding and judging one 720p keyframe of a 2 Mbit/s stream, CPU of the worker."""
    scene = encode_scene(Plan("cost", kbit=500, fps=10, seconds=12), 1280, 720)
    checks = InlineChecks(interval_us=0)
    done = 0
    while done < pictures:
        watch_scene(scene, checks)
        done += len(scene.keyframes)
    return 1000 * checks.cpu_s / max(checks.looked, 1)
