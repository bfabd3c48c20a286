"""``hub bench interruptions``: is every break found, nothing invented, and how soon and how exactly?

Twenty simulated streams with scripted faults, then the same streams without any, through a network with
jitter that now and then holds everything up and loses nothing. All in simulated time: RTP packets of the
demo's simulators go through the real RTP track and the real detector, with ten ticks a second. The truth
is what the simulator says it sent. Then rhythms that these devices do not have (``hub.bench.rhythms``), and
the pictures of a hall (``hub.bench.content_corpus``) and what none of these brings (``hub.bench.further``), each kind
with its own figures.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from hub.bench.content import score as score_scene
from hub.bench.content import verdicts, watch_scene
from hub.bench.content_corpus import ORIGIN_US, clean_plans, content_scenes, faulty_plans
from hub.bench.content_corpus import Plan as ScenePlan
from hub.bench.further import played as play_further
from hub.bench.report import Report, Result
from hub.bench.rhythms import Rhythm, steady
from hub.bench.rhythms import faulty as faulty_rhythms
from hub.bench.rhythms import judge as play_rhythm
from hub.bench.simulated import BASE_DELAY_US, EPOCH_UTC_US, Heard, Network, Plan, listen
from hub.clock import US_PER_S
from hub.demo.device import track_media
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.feed import Sent
from hub.model import Codec, Interruption, InterruptionKind, InterruptionState

_FAULT_EVERY_S = 70.0
"""Further apart than anything is merged."""
_FIRST_FAULT_S = 30.0
_MERGED_US = 5 * US_PER_S
_NETWORK_US = BASE_DELAY_US + 1_000
"""The least delay of the network: no hub can tell it from a device clock that is behind."""
_REORDERED_US = US_PER_S // 2
"""Pictures captured so long before a fault may have been going to leave the device after it began."""
_MATCH_US = 3 * US_PER_S

_SPARSE = 0.05
"""0.1 to 5 % of the packets: a bad link."""
_SCENE_US = 6 * US_PER_S
_WORDS = {FaultKind.CUT: "no_signal", FaultKind.GOODBYE: "stopped"}

_RATES = (25, 25, 25, 25, 30, 15, 12, 50, 10, 5)
_SOUND: tuple[AudioSpec | None, ...] = (
    None,
    AudioSpec(Codec.AAC, rate=16_000, bitrate=24_000),
    AudioSpec(Codec.PCMA, rate=8_000),
    AudioSpec(Codec.OPUS, bitrate=24_000),
)

_EXPECTED: dict[FaultKind, frozenset[str]] = {
    FaultKind.CUT: frozenset({"no_signal"}),
    FaultKind.GOODBYE: frozenset({"stopped"}),
    FaultKind.STALL: frozenset({"stall"}),
    FaultKind.LOSS: frozenset({"loss", "stall"}),
    FaultKind.JUMP: frozenset({"jump"}),
    FaultKind.STEP: frozenset({"step"}),
}
"""A fault that is not here (late, reorder) must not be found."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=20, help="how many streams (default 20)")
    parser.add_argument("--hours", type=float, default=24.0, help="stream-hours without faults (default 24)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--seed", type=int, default=1, help="another seed: other losses, other jitter")
    parser.add_argument("--rhythm-hours", type=float, default=24.0, help="stream-hours of other rhythms (default 24)")
    parser.add_argument("--no-content", action="store_true", help="leave the pictures out: a minute less")
    parser.add_argument("--media", type=Path, default=None, help="folder to keep the encoded loops in")


def run(options: argparse.Namespace) -> Report:
    """Both parts. ``lost`` counts what was missed and what was false."""
    score = Score()
    clean_s = options.hours * 3600 / options.streams
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        faulty = [Task(index, options.seed, options.media, None) for index in range(options.streams)]
        clean = [Task(index, options.seed, options.media, clean_s) for index in range(options.streams)]
        for part in pool.map(judge, faulty):
            score.add(part)
        for part in pool.map(judge, clean):
            score.add(part)
        rhythms = [*faulty_rhythms(options.seed), *steady(options.rhythm_hours, options.seed)]
        for part in pool.map(judge_rhythm, rhythms, chunksize=1):
            score.add(part)
        for part in pool.map(judge_further, [options.seed]):
            score.add(part)
        if not options.no_content:
            for part in pool.map(judge_scene, range(len(_scenes()))):
                score.add(part)
    return Report("interruptions", score.results(), score.missed + score.false, score.notes)


# ------------------------------------------------------------------------------------ the streams


@dataclass(frozen=True, slots=True)
class Task:
    """One stream: with faults, or clean for so long. Small, because it goes to another process."""

    index: int
    seed: int
    media: Path | None
    clean_s: float | None


def plan_of(index: int, seed: int, folder: Path | None, clean_s: float | None) -> Plan:
    """Streams differ in rate, group of pictures, B-frames, sound and transport."""
    rng = random.Random(seed << 16 | index)  # noqa: S311 - which fault comes when is no secret
    fps = _RATES[index % len(_RATES)]
    video = VideoSpec(
        width=320, height=180, fps=fps, bitrate=60_000, gop=fps * (1 + index % 2), bframes=2 if index % 7 == 3 else 0
    )
    sound = _SOUND[index % len(_SOUND)]
    specs: list[VideoSpec | AudioSpec] = [video, *([sound] if sound is not None else [])]
    tracks = tuple(track_media(spec, folder=folder) for spec in specs)
    udp = index % 3 == 2
    if clean_s is not None:
        network = Network(jitter_us=40_000 if udp else 300_000, held_up_us=0 if udp else 3 * US_PER_S, udp=udp)
        return Plan(f"clean-{index}", tracks, (), network, clean_s, seed << 16 | index)
    faults = tuple(_faults(rng, udp=udp))
    network = Network(jitter_us=30_000, udp=udp)
    seconds = faults[-1].at_s + faults[-1].for_s + _FAULT_EVERY_S
    return Plan(f"faulty-{index}", tracks, faults, network, seconds, seed << 16 | index)


def _faults(rng: random.Random, *, udp: bool) -> Iterable[Fault]:
    kinds = [
        Fault(FaultKind.CUT, 0, 2.0 + 20 * rng.random()),
        Fault(FaultKind.CUT, 0, 1.0),
        Fault(FaultKind.GOODBYE, 0, 3.0 + 10 * rng.random()),
        Fault(FaultKind.STALL, 0, 1.1 + rng.random()),
        Fault(FaultKind.STALL, 0, 6.0 + 10 * rng.random()),
        Fault(FaultKind.LOSS, 0, 0.5, share=1.0),
        Fault(FaultKind.LOSS, 0, 1.5 + 10 * rng.random(), share=1.0),
        Fault(FaultKind.LOSS, 0, 4.0, share=0.15),
        Fault(FaultKind.LOSS, 0, 20.0, share=rng.choice((0.001, 0.005, 0.02, _SPARSE))),
        Fault(FaultKind.JUMP, 0, by_s=rng.choice((-3600.0, 12.0, 8520.0))),
        Fault(FaultKind.STEP, 0, by_s=rng.choice((-5.0, 3.0, 3600.0))),
        Fault(FaultKind.LATE, 0, 1.5 + 2 * rng.random()),
    ]
    if udp:  # TCP keeps the order
        kinds.append(Fault(FaultKind.REORDER, 0, 5.0, share=0.2))
    rng.shuffle(kinds)
    at_s = _FIRST_FAULT_S
    for fault in kinds:
        yield Fault(fault.kind, at_s + rng.random(), fault.for_s, share=fault.share, by_s=fault.by_s)
        at_s += fault.for_s + _FAULT_EVERY_S


def judge_rhythm(rhythm: Rhythm) -> Score:
    """A stream without packets."""
    verdict = play_rhythm(rhythm)
    score = Score(units=verdict.units, late=verdict.withdrawn, false=len(verdict.false), missed=len(verdict.missed))
    if rhythm.wrong:
        score.faulty_s = rhythm.seconds
    else:
        score.clean_s, score.false_clean = rhythm.seconds, len(verdict.false)
    for wrong in verdict.missed:
        score.count(str(wrong.kind), found=False)
    for wrong, delay_s, edge_s in verdict.found:
        score.count(str(wrong.kind), found=True)
        score.delays_of[str(wrong.kind)].append(delay_s)
        if wrong.kind in (InterruptionKind.LOW_RATE, InterruptionKind.NOT_STARTED):
            score.edges[str(wrong.kind)].append(edge_s * 1000)
    for one in verdict.false:
        score.false_of[str(one.kind)] += 1
        score.notes.append(f"{rhythm.label}: false {one.kind}, {dict(one.evidence)}")
    return score


def judge_further(seed: int) -> Score:
    """A dead microphone, a disk that refuses, a hub that is away."""
    score = Score()
    for heard in play_further(seed):
        mine = heard.mine
        wrong = [one for one in heard.closed if one is not mine]
        score.false += len(wrong)
        score.false_of.update(str(one.kind) for one in wrong)
        if heard.to_us is None:
            score.clean_s += heard.seconds
            score.false_clean += len(wrong)
            continue
        score.faulty_s += heard.seconds
        score.count(str(heard.kind), found=mine is not None)
        if mine is None:
            score.missed += 1
            score.notes.append(f"missed {heard.kind} at {heard.from_us / US_PER_S:.1f} s")
            continue
        if heard.kind is not InterruptionKind.HUB:  # a hub that is away detects nothing
            score.delays_of[str(heard.kind)].append(heard.delay_s(mine))
        for error_us in heard.edge_errors_us(mine):
            score.edges[str(heard.kind)].append(error_us / 1000)
            score.beyond += error_us > mine.edge_error_us
    return score


def _scenes() -> list[ScenePlan]:
    return [*faulty_plans(), *clean_plans()]


def judge_scene(index: int) -> Score:
    """A hall with somebody's hand before the lens, a frozen picture, a camera in the dark …"""
    (scene,) = content_scenes(plans=[_scenes()[index]])
    found = verdicts(watch_scene(scene))
    _, missed, false = score_scene(scene, found)
    score = Score(missed=missed, false=false, false_clean=0 if scene.truth else false)
    if scene.truth:
        score.faulty_s = scene.end_us / US_PER_S
    else:
        score.clean_s = scene.end_us / US_PER_S
    for kind, first_us, last_us in scene.truth:
        near = [one for one in found if one.kind is kind and abs(one.started_us - ORIGIN_US - first_us) <= _SCENE_US]
        score.count(str(kind), found=bool(near))
        for one in near[:1]:
            score.delays_of[str(kind)].append((one.detected_us - ORIGIN_US - first_us) / US_PER_S)
            ends_ms = abs((one.ended_us or 0) - ORIGIN_US - last_us) / 1000
            score.edges[str(kind)].append(max(abs(one.started_us - ORIGIN_US - first_us) / 1000, ends_ms))
    wanted = {kind for kind, _, _ in scene.truth}
    for one in found:
        if one.kind not in wanted:
            score.false_of[str(one.kind)] += 1
    if missed or false:
        score.notes.append(f"{scene.label}: found {[str(one.kind) for one in found]}, true {scene.truth}")
    return score


# -------------------------------------------------------------------------------------- the score


def _none() -> list[int]:
    return [0, 0]


@dataclass(slots=True)
class Score:
    """Delays in s, edge errors in ms, by the kind of fault."""

    faults: int = 0
    found: int = 0
    missed: int = 0
    false: int = 0
    false_clean: int = 0
    late: int = 0
    clean_s: float = 0.0
    faulty_s: float = 0.0
    units: int = 0
    delays: list[float] = field(default_factory=list)
    edges: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    kinds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(_none))
    """Faults and found ones, by the kind that was wanted."""
    delays_of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    false_of: Counter[str] = field(default_factory=Counter)
    beyond: int = 0
    """Edges further from the truth than was stated of them."""
    notes: list[str] = field(default_factory=list)

    def count(self, kind: str, *, found: bool) -> None:
        """A fault of a kind; what was missed is counted by the caller."""
        self.faults += 1
        self.found += found
        self.kinds[kind][0] += 1
        self.kinds[kind][1] += found

    def add(self, other: Score) -> None:
        for kind, (faults, found) in other.kinds.items():
            self.kinds[kind][0] += faults
            self.kinds[kind][1] += found
        for kind, delays in other.delays_of.items():
            self.delays_of[kind] += delays
        self.false_of += other.false_of
        for name in (
            "faults",
            "found",
            "missed",
            "false",
            "false_clean",
            "late",
            "beyond",
            "clean_s",
            "faulty_s",
            "units",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.delays += other.delays
        for kind, errors in other.edges.items():
            self.edges[kind] += errors
        self.notes += other.notes

    def results(self) -> list[Result]:
        out = [
            Result("faults", self.faults, ""),
            Result("found", self.found, "", "faults", self.found / self.faults if self.faults else None),
            Result("missed", self.missed, ""),
            Result("false, with faults", self.false - self.false_clean, f"in {self.faulty_s / 3600:.1f} stream-hours"),
            Result("false, clean with jitter", self.false_clean, f"in {self.clean_s / 3600:.1f} stream-hours"),
            Result("late and withdrawn", self.late, "suspicions"),
            Result("frames judged", self.units, ""),
        ]
        if self.delays:
            out.append(Result("due to suspected, p95", _percentile(self.delays, 95), "s"))
            out.append(Result("due to suspected, max", max(self.delays), "s", "1.0 s", max(self.delays)))
        for kind in sorted(self.edges):
            out.append(Result(f"edge error, {kind}, p95", _percentile(self.edges[kind], 95), "ms"))
            out.append(Result(f"edge error, {kind}, max", max(self.edges[kind]), "ms"))
        hours = (self.clean_s + self.faulty_s) / 3600
        for kind, (faults, found) in sorted(self.kinds.items()):
            out.append(Result(f"recall, {kind}", 100 * found / faults, f"% of {faults}"))
            if self.delays_of[kind]:
                out.append(Result(f"begun to detected, {kind}, max", max(self.delays_of[kind]), "s"))
        out += [
            Result(f"false alarms, {kind}", self.false_of[kind] / hours, f"per stream-hour, {hours:.1f} h")
            for kind in sorted({*self.kinds, *self.false_of})
        ]
        edges = sum(len(errors) for errors in self.edges.values())
        out.append(Result("edges beyond the stated error", self.beyond, f"of {edges}"))
        return out


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def judge(task: Task) -> Score:
    """Play one stream and hold the detector to the truth."""
    plan = plan_of(task.index, task.seed, task.media, task.clean_s)
    heard = listen(plan)
    score = Score(units=heard.units)
    groups = _by_id(heard.changes)
    score.late = sum(not _was(group, InterruptionState.CONFIRMED) for group in groups)
    confirmed = [group for group in groups if _was(group, InterruptionState.CONFIRMED)]
    if any(fault.kind is FaultKind.STEP for fault in plan.faults):
        confirmed = [group for group in confirmed if group[0].kind is not InterruptionKind.DRIFT]  # it stays wrong
    if task.clean_s is not None:
        score.clean_s = plan.seconds
        score.false = score.false_clean = len(confirmed)
        score.notes += [f"{plan.name}: false {_told(group)}" for group in confirmed]
        score.false_of.update(str(group[-1].kind) for group in confirmed)
        return score
    score.faulty_s = plan.seconds
    for fault in plan.faults:
        if fault.kind in _EXPECTED:
            judge_fault(plan, heard, fault, confirmed, score)
    score.false = len(confirmed)
    score.notes += [f"{plan.name}: false {_told(group)}" for group in confirmed]
    score.false_of.update(str(group[-1].kind) for group in confirmed)
    return score


def judge_fault(plan: Plan, heard: Heard, fault: Fault, confirmed: list[list[Interruption]], score: Score) -> None:
    """Looks for what belongs to a fault, and takes it out of ``confirmed``."""
    fault_us = heard.began_us + round(fault.at_s * US_PER_S)
    until_us = fault_us + round(fault.for_s * US_PER_S)
    timeless = fault.kind in (FaultKind.JUMP, FaultKind.STEP)
    truth = None if timeless else _missing(plan, heard, fault_us, until_us, ("video", "audio"))
    sparse = fault.kind is FaultKind.LOSS and fault.share <= _SPARSE
    hit = any(sent.missing and fault_us <= sent.due_us <= until_us + US_PER_S for sent in heard.sent)
    if (truth is None and not timeless) or (sparse and not hit):
        return  # the dice lost nothing
    wanted = _EXPECTED[fault.kind]
    word = "skip" if fault.kind is FaultKind.STALL else _WORDS.get(fault.kind, str(fault.kind))
    near_until = (truth[1] if truth else until_us) + EPOCH_UTC_US + (6 if truth is None else 0) * US_PER_S
    mine = [
        group
        for group in confirmed
        if str(group[-1].kind) in wanted
        and group[0].started_us <= near_until + _MATCH_US
        and (group[-1].ended_us or near_until) >= fault_us + EPOCH_UTC_US - _MATCH_US
    ]
    score.count(word, found=bool(mine))
    if not mine:
        score.missed += 1
        score.notes.append(f"{plan.name}: missed {fault.kind} at {fault.at_s:.1f} s for {fault.for_s:.1f} s")
        return
    first = mine[0]
    confirmed.remove(first)
    if sparse:  # a packet now and then: what stands alone is one of its own, and where one ends is merging's matter
        first_us, last_us = fault_us + EPOCH_UTC_US - _MATCH_US, until_us + EPOCH_UTC_US + _MATCH_US
        within = [group for group in confirmed if first_us <= group[0].started_us <= last_us]
        confirmed[:] = [group for group in confirmed if group not in within or str(group[-1].kind) not in wanted]
        return
    if truth is None:
        return
    last = first[-1]
    named = [str(plan.tracks[track - 1].normal.kind) for track in last.tracks]
    truth = _missing(plan, heard, fault_us, until_us, named) or truth  # Opus may pause without being missed
    # When a frame of Opus is due nobody knows (DTX): beside pictures, the pictures count.
    certain = [kind for kind in named if kind == "video"] or named
    due = _missing(plan, heard, fault_us, until_us, certain) or truth
    lead_us = next(iter(heard.starts.values())).lead_us
    score.delays.append((first[0].detected_us - EPOCH_UTC_US - due[0] - lead_us) / US_PER_S)
    if last.ended_us is not None:
        stated_us = last.edge_error_us + _NETWORK_US
        for edge_us, true_us in ((last.started_us, truth[0]), (last.ended_us, truth[1])):
            error_us = abs(edge_us - EPOCH_UTC_US - true_us)
            score.edges[str(last.kind)].append(error_us / 1000)
            if error_us > stated_us:
                score.beyond += 1
                score.notes.append(
                    f"{plan.name}: edge of {fault.kind} at {fault.at_s:.1f} s is {error_us / 1000:.1f} ms off"
                )


def _missing(plan: Plan, heard: Heard, from_us: int, until_us: int, kinds: Iterable[str]) -> tuple[int, int] | None:
    """Capture time (monotonic µs) of what could not be shown around a fault: from the end of the last
    good frame to the first complete one, over these tracks. None if nothing is missing."""
    holes = []
    for kind in kinds:
        frames = [
            (heard.starts[sent.session, kind].capture_us(sent.rtp_ticks, _leapt_us(plan, heard, sent)), sent)
            for sent in heard.sent
            if sent.kind == kind and from_us - 10 * US_PER_S <= sent.due_us <= until_us + 20 * US_PER_S
        ]
        hole = _hole(frames, from_us, video=kind == "video")
        if hole is not None:
            holes.append(hole)
    if not holes:
        return None
    return min(hole[0] for hole in holes), max(hole[1] for hole in holes)


def _leapt_us(plan: Plan, heard: Heard, sent: Sent) -> int:
    """How far the time stamps of the device had leapt by then."""
    at_s = (sent.due_us - heard.began_us) / US_PER_S
    return round(sum(f.by_s for f in plan.faults if f.kind is FaultKind.JUMP and f.at_s <= at_s) * US_PER_S)


def _hole(frames: Sequence[tuple[int, Sent]], from_us: int, *, video: bool) -> tuple[int, int] | None:
    """The first stretch without good frames that begins at or after a moment, stretches that follow at
    less than five seconds from it included."""
    if len(frames) < 2:
        return None
    step_us = min(abs(later[0] - earlier[0]) for earlier, later in pairwise(frames[:30]) if later[0] != earlier[0])
    good: list[int] = []
    whole = True
    for capture_us, sent in frames:
        whole = not sent.missing and (whole or sent.keyframe or not video)
        if whole:
            good.append(capture_us)
    good.sort()
    begin = end = 0
    for earlier, later in pairwise(good):
        if later - earlier < step_us * 1.5 or later < from_us - _REORDERED_US:
            continue
        if begin and earlier - end > _MERGED_US:
            break
        begin = begin or earlier + step_us
        end = later
    return (begin, end) if begin else None


def _by_id(changes: Iterable[Interruption]) -> list[list[Interruption]]:
    groups: dict[str, list[Interruption]] = defaultdict(list)
    for change in changes:
        groups[change.id].append(change)
    return list(groups.values())


def _was(group: Sequence[Interruption], state: InterruptionState) -> bool:
    return any(change.state is state for change in group)


def _told(group: Sequence[Interruption]) -> str:
    last = group[-1]
    at_s = (last.started_us - EPOCH_UTC_US) / US_PER_S
    return f"{last.kind} at {at_s:.1f} s, {last.state}, count {last.count}, {dict(last.evidence)}"
