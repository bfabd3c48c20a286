"""``hub bench all``: every goal of speed measured, as the table in ``docs/benchmarks.md``.

Each bench runs in a process of its own, one after the other, and compares within itself. What cannot be measured here
(no MediaMTX, no browser, one core alone) is said in its row. Lost is what any of them lost; a goal that is missed is
a figure, not a failure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hub.bench.goals import GOALS, STEPS, Figures, markdown, rows
from hub.bench.report import Report, Result

LONGEST_S = 1200
LONGEST_QUICK_S = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mediamtx", type=Path, metavar="PATH", help="MediaMTX's binary, to be compared with")
    parser.add_argument("--quick", action="store_true", help="a short look: nothing to be quoted")
    parser.add_argument("--only", default="", help=f"of {', '.join(STEPS)}: these, separated by commas")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table there, too; FILE.json beside it")


def run(options: argparse.Namespace) -> Report:
    mediamtx = None if options.mediamtx is None else str(options.mediamtx)
    only = set(filter(None, options.only.split(",")))
    reports: dict[str, Figures] = {}
    why: dict[str, str] = {}
    lost: dict[str, int] = {}
    for name, step in STEPS.items():
        if only and name not in only:
            why[name] = "not asked for"
            continue
        _say(f"{name}: hub bench {' '.join(step.command(options.quick, mediamtx))}")
        begun = time.monotonic()
        found, problem = _bench(step.command(options.quick, mediamtx), options.quick)
        if found is None:
            why[name] = problem
        else:
            reports[name] = {result["name"]: result["value"] for result in found["results"]}
            lost[name] = found["lost"]
        _say(f"{name}: {problem or 'done'}, {time.monotonic() - begun:.0f} s, lost {lost.get(name, '-')}")
    made = rows(reports, why, options.quick, mediamtx)
    table = markdown(made)
    if options.out is not None:
        options.out.write_text(table, encoding="utf-8")
        told = {"rows": [row.json() for row in made], "lost": lost, "figures": reports}
        options.out.with_name(options.out.name + ".json").write_text(json.dumps(told, ensure_ascii=False, indent=1))
    results = [Result(row.goal.what, row.figure, row.goal.unit) for row in made if row.figure is not None]
    notes = [table, *(f"{name}: lost {count}" for name, count in lost.items() if count)]
    if mediamtx is None:
        notes.append("MediaMTX is not compared with: no --mediamtx PATH.")
    notes.append(f"{sum(row.figure is not None for row in made)} of {len(GOALS)} goals measured")
    return Report("all", results, sum(lost.values()), notes)


def _bench(command: list[str], quick: bool) -> tuple[dict[str, Any] | None, str]:
    """Its report, or None and why there is none."""
    name, *arguments = command
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "hub", "bench", name, "--json", *arguments],
            capture_output=True, text=True, check=False, timeout=LONGEST_QUICK_S if quick else LONGEST_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, "took too long"
    try:
        report: dict[str, Any] = json.loads(ran.stdout.strip().rpartition("\n")[2])
    except ValueError:
        said = ran.stderr.strip().rpartition("\n")[2] or f"exit {ran.returncode}"
        return None, said.replace("|", "/")[:200]
    return report, ""


def _say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)
