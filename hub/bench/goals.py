"""The goals of speed: which figure of which bench each is, and what it has to come to.

Pure: from the reports of single benches to the rows of the table in ``docs/benchmarks.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, float]
"""Of one bench: its results' values by their names."""


@dataclass(frozen=True, slots=True)
class Goal:
    """``of`` finds the figure in the report of ``step``; KeyError: it is not there. ``at_least``: else at most."""

    what: str
    step: str
    of: Callable[[Figures], float]
    limit: float
    unit: str
    at_least: bool = False

    def met(self, figure: float) -> bool:
        return figure >= self.limit if self.at_least else figure <= self.limit

    @property
    def said(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Step:
    """One bench to run. ``arguments`` are those of ``hub bench NAME``; ``quick``: those of a short look."""

    bench: str
    arguments: str
    quick: str
    mediamtx: bool = False

    def command(self, quick: bool, mediamtx: str | None) -> list[str]:
        chosen = (self.quick if quick else self.arguments).split()
        return [self.bench, *chosen, *(["--mediamtx", mediamtx] if self.mediamtx and mediamtx else [])]


@dataclass(frozen=True, slots=True)
class Row:
    """``figure`` None: it could not be measured, and ``why`` says why."""

    goal: Goal
    command: str
    figure: float | None
    why: str = ""

    def json(self) -> dict[str, Any]:
        met = None if self.figure is None else self.goal.met(self.figure)
        return {
            "what": self.goal.what, "figure": self.figure, "unit": self.goal.unit, "goal": self.goal.said,
            "met": met, "command": self.command, "why": self.why,
        }  # fmt: skip

    def markdown(self) -> str:
        if self.figure is None:
            figure, met = "not measured", self.why
        else:
            figure, met = f"**{self.figure:.3g} {self.goal.unit}**", "yes" if self.goal.met(self.figure) else "no"
        return f"| {self.goal.what} | {figure} | {self.goal.said} | {met} | `{self.command}` |"


def _named(name: str) -> Callable[[Figures], float]:
    return lambda found: found[name]


def _begins(begin: str, end: str = "") -> Callable[[Figures], float]:
    """The only figure whose name begins and ends so."""

    def of(found: Figures) -> float:
        (name,) = [name for name in found if name.startswith(begin) and name.endswith(end)] or [begin]
        return found[name]

    return of


def _watcher(found: Figures) -> float:
    return found["CPU of a further watcher of a stream"] / found["CPU of recording a stream"]


def _hashing(found: Figures) -> float:
    """The least of all numbers of threads."""
    ratios = [found[f"verify, {name.removeprefix('SHA-256, ')}"] / found[name] for name in found if name[:4] == "SHA-"]
    return min(ratios) if ratios else found["verify"]


STEPS: Mapping[str, Step] = {
    "rtsp": Step("ingest", "--streams 100 --seconds 6", "--streams 16 --seconds 3", mediamtx=True),
    "aac": Step("ingest", "--streams 30 --seconds 6 --vs ffmpeg --audio aac",
                "--streams 16 --seconds 3 --vs ffmpeg --audio aac", mediamtx=True),
    "pcma": Step("ingest", "--streams 30 --seconds 6 --vs ffmpeg --audio pcma",
                 "--streams 16 --seconds 2 --vs ffmpeg --audio pcma"),
    "whip": Step("whip", "--streams 40 --seconds 6 --encoded 1", "--streams 8 --decoded 1 --encoded 1 --seconds 3"),
    "whip-mediamtx": Step("whip", "--streams 20 --seconds 6 --decoded 0", "--streams 8 --decoded 0 --seconds 3",
                          mediamtx=True),
    "capacity": Step("capacity", "--kind rtsp --steps 250,300,350", "--kind rtsp --steps 100 --seconds 5"),
    "capacity-whip": Step("capacity", "--kind whip --steps 40,60,80", "--kind whip --steps 20 --seconds 5"),
    "fanout": Step("fanout", "", "--streams 8 --watchers 4 --seconds 2"),
    "latency": Step("latency", "--seconds 25", "--seconds 8"),
    "history": Step("history", "--entries 1e7", "--entries 1e5 --short 1e4 --reels 200 --starts 2 --calls 15"),
    "growth": Step("growth", "--entries 1e4,1e7", "--streams 4,8,16 --seconds 2 --entries 1e3,1e5"),
    "verify": Step("verify", "--size 4", "--size 0.3 --entries 5000"),
}  # fmt: skip

GOALS: Sequence[Goal] = (
    Goal("RTSP: CPU per stream, against MediaMTX", "rtsp", _named("  hub over MediaMTX"), 0.8, "×"),
    Goal("RTSP with AAC: CPU per stream, against MediaMTX", "aac", _named("  hub over MediaMTX"), 0.8, "×"),
    Goal("RTSP with AAC: CPU per stream, against ffmpeg copy", "aac", _named("  hub over ffmpeg"), 1.0, "×"),
    Goal("RTSP with G.711: CPU per stream, against ffmpeg copy", "pcma", _named("  hub over ffmpeg"), 1.0, "×"),
    Goal("WHIP: CPU per stream, against aiortc that decodes", "whip", _named("  hub over aiortc (decode)"), 0.12, "×"),
    Goal("WHIP: CPU per stream, against aiortc's MediaRecorder", "whip", _named("  hub over aiortc (record)"),
         0.012, "×"),
    Goal("WHIP: CPU per stream, against MediaMTX", "whip-mediamtx", _named("  hub over MediaMTX"), 1.5, "×"),
    Goal("memory per stream beyond the first 100 MB", "rtsp", _named("memory per stream beyond 100 MB"), 1.0, "MB"),
    Goal("RTSP streams on one core", "capacity", _begins("RTSP streams on one core"), 350, "", at_least=True),
    Goal("WHIP streams on one core", "capacity-whip", _begins("WHIP streams on one core"), 80, "", at_least=True),
    Goal("CPU of a further watcher, against the recording", "fanout", _watcher, 0.15, "×"),
    Goal("picture to wall, p95, four tiles of 720p", "latency", _named("picture to paint, p95"), 400, "ms"),
    Goal("time line of a month of one stream", "history", _begins("time line of a month", "p50"), 30, "ms"),
    Goal("time lines of a day of 500 streams", "history", _begins("time lines of a day", "p50"), 100, "ms"),
    Goal("first frame of playback anywhere in a year", "history", _begins("first frame", "p50"), 150, "ms"),
    Goal("start to ready, open reels and a long history", "history", _begins("start to ready", "p50"), 5, "s"),
    Goal("the same, against a short history", "history", _begins("start over a long history"), 1.3, "×"),
    Goal("CPU of a further stream, many over few", "growth", _named("CPU of a further stream, many over few"), 1.3,
         "×"),
    Goal("memory of a further stream, many over few", "growth", _named("memory of a further stream, many over few"),
         1.3, "×"),
    # of 1,000 times as many entries: a logarithm comes to 1.75 ×, and the tiles of a short log are all in memory
    Goal("ledger calls, long over short history", "growth", _named("slowest ledger call, long over short"), 5, "×"),
    Goal("hub verify, against plain SHA-256", "verify", _hashing, 0.9, "×", at_least=True),
)  # fmt: skip


def rows(reports: Mapping[str, Figures], why: Mapping[str, str], quick: bool, mediamtx: str | None = None) -> list[Row]:
    """A row for each goal. ``reports`` by step; ``why`` says of steps without one why."""
    found = []
    for goal in GOALS:
        command = " ".join(["hub bench", *STEPS[goal.step].command(quick, "PATH" if mediamtx else None)])
        if goal.step not in reports:
            found.append(Row(goal, command, None, why.get(goal.step, "the bench did not run")))
            continue
        try:
            found.append(Row(goal, command, goal.of(reports[goal.step])))
        except KeyError:
            absent = "MediaMTX is absent: no --mediamtx PATH" if "MediaMTX" in goal.what else "the bench does not say"
            found.append(Row(goal, command, None, absent))
    return found


def markdown(found: Sequence[Row]) -> str:
    heads = ("what", "figure", "goal", "met", "command")
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    return "\n".join([*lines, *(row.markdown() for row in found)]) + "\n"
