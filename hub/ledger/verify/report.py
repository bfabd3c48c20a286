"""A verdict for people, as text, and for programs, as JSON."""

from __future__ import annotations

from typing import Any

from hub.clock import rfc3339
from hub.ledger.verdict import (
    PACKAGE_TITLES,
    STEP_TITLES,
    Completeness,
    ExitCode,
    Finding,
    Integrity,
    Provenance,
    Step,
    TimeSource,
    Verdict,
)

_INTEGRITY = {
    Integrity.OK: "ok",
    Integrity.MISSING_PARTS: "ok with missing parts",
    Integrity.NOT_OK: "NOT OK",
    Integrity.CANNOT_BE_JUDGED: "cannot be judged",
}
_INTEGRITY_ZH = {
    Integrity.OK: "数据完整，未发现改动",
    Integrity.MISSING_PARTS: "现存数据未被改动，但有缺失",
    Integrity.NOT_OK: "数据已被改动",
    Integrity.CANNOT_BE_JUDGED: "无法判断",
}
_COMPLETENESS = {
    Completeness.CONTIGUOUS: "contiguous",
    Completeness.DECLARED: "declared interruptions",
    Completeness.BACKFILLED: "backfilled",
    Completeness.TOMBSTONED: "lawfully deleted in part",
    Completeness.UNDECLARED_BREAK: "UNDECLARED BREAK",
    Completeness.CANNOT_BE_JUDGED: "cannot be judged",
}
_COMPLETENESS_ZH = {
    Completeness.CONTIGUOUS: "录像连续",
    Completeness.DECLARED: "有中断，均有记录",
    Completeness.BACKFILLED: "有中断，已补传",
    Completeness.TOMBSTONED: "部分已依法删除",
    Completeness.UNDECLARED_BREAK: "存在未说明的缺口",
    Completeness.CANNOT_BE_JUDGED: "连续性无法判断",
}
_PROVENANCE = {
    Provenance.NONE: "none: no signature was verified",
    Provenance.HUB_KEY: "the hub's key",
    Provenance.CERTIFIED_KEY: "a certified key",
    Provenance.DEVICE: "signed by the device",
}
_TIME = {
    TimeSource.NONE: "none",
    TimeSource.HUB_CLOCK: "the hub's own clock",
    TimeSource.WITNESS: "a witness",
    TimeSource.AUTHORITY: "a timestamp authority",
}
SHOWN = 20
"""Findings shown as text; JSON has more."""


def to_json(verdict: Verdict) -> dict[str, Any]:
    """The whole verdict as JSON values. ``exit`` is 0 intact, 1 altered or incomplete, 2 unreadable."""
    counts = verdict.counts
    return {
        "path": verdict.path,
        "exit": int(verdict.exit_code),
        "integrity": verdict.integrity.value,
        "completeness": verdict.completeness.value,
        "provenance": verdict.provenance.value,
        "time": {"source": verdict.time.value, "from": _time(verdict.from_us), "until": _time(verdict.until_us)},
        "live": verdict.live,
        "key": {"vkey": verdict.key, "source": verdict.key_source},
        "checkpoint": {"origin": verdict.origin, "size": verdict.size, "root": verdict.root},
        "first": _finding(verdict.first) if verdict.first else None,
        "findings": [_finding(finding) for finding in verdict.findings],
        "more_findings": verdict.more_findings,
        "unchecked": list(verdict.unchecked),
        "notes": list(verdict.notes),
        "steps_done": [int(step) for step in verdict.done],
        "counts": {
            "streams": counts.streams,
            "entries": counts.entries,
            "chunks": counts.chunks,
            "reels": counts.reels,
            "bytes": counts.bytes,
            "interruptions": counts.interruptions,
            "checkpoints": counts.checkpoints,
            "pending_bytes": counts.pending_bytes,
            "pending_entries": counts.pending_entries,
            "unsigned_entries": counts.unsigned_entries,
        },
        "seconds": round(verdict.seconds, 3),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "step": int(finding.step),
        "harm": finding.harm.value,
        "stream": finding.stream,
        "place": finding.place,
        "expected": finding.expected,
        "found": finding.found,
    }


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def to_text(verdict: Verdict) -> str:
    """The report: steps, axes, the first bad place, what could not be checked; a line in Chinese at the end."""
    lines = [f"Verification of {verdict.path}{' (a hub is running on it)' if verdict.live else ''}", ""]
    lines += _steps(verdict)
    lines += ["", *_axes(verdict)]
    first = verdict.first
    if first is not None:
        lines += ["", f"First: step {int(first.step)}, {first.harm.value}", f"  at        {first.place}"]
        lines += [f"  expected  {first.expected}", f"  found     {first.found}"]
    others = [finding for finding in verdict.findings if finding is not first][: SHOWN - 1]
    if others:
        lines += ["", "Also:", *(f"  step {int(finding.step)}, {finding.harm.value}: {finding}" for finding in others)]
        hidden = len(verdict.findings) + verdict.more_findings - len(others) - 1
        lines += [f"  and {hidden} more"] if hidden else []
    if verdict.unchecked:
        lines += ["", "Not checked:", *(f"  {text}" for text in verdict.unchecked)]
    if verdict.notes:
        lines += ["", "Note:", *(f"  {text}" for text in verdict.notes)]
    lines += ["", _summary(verdict), _summary_zh(verdict)]
    return "\n".join(lines) + "\n"


def _steps(verdict: Verdict) -> list[str]:
    bad = {finding.step for finding in verdict.findings}
    lines = []
    titles = PACKAGE_TITLES if verdict.package else STEP_TITLES
    for step in Step:
        mark = "-" if step not in verdict.done else "FAULT" if step in bad else "ok"
        lines.append(f"  {int(step)}. {titles[step]:<78} {mark}")
    return lines


def _axes(verdict: Verdict) -> list[str]:
    counts = verdict.counts
    key = f" ({verdict.key.rpartition('+')[0]}, from {verdict.key_source})" if verdict.key else ""
    span = f", {_time(verdict.from_us)} to {_time(verdict.until_us)}" if verdict.from_us is not None else ""
    lines = [
        f"Integrity     {_INTEGRITY[verdict.integrity]}",
        f"Completeness  {_COMPLETENESS[verdict.completeness]} ({counts.interruptions} interruptions)",
        f"Provenance    {_PROVENANCE[verdict.provenance]}{key}",
        f"Time          {_TIME[verdict.time]}{span}",
        f"Looked at     {counts.streams} streams, {counts.entries} entries, {counts.chunks} chunks in {counts.reels} "
        f"reels, {counts.bytes / 1e6:.1f} MB in {verdict.seconds:.1f} s",
    ]
    if verdict.origin:
        lines.append(f"Checkpoint    {verdict.origin}, {verdict.size} entries, root {verdict.root}")
    if counts.pending_bytes or counts.pending_entries:
        lines.append(f"Pending       {counts.pending_bytes} bytes and {counts.pending_entries} entries being written")
    if counts.unsigned_entries:
        lines.append(f"Unsigned      {counts.unsigned_entries} entries are newer than the newest checkpoint")
    return lines


_SUMMARY = {
    ExitCode.INTACT: "INTACT",
    ExitCode.ALTERED_OR_INCOMPLETE: "ALTERED OR INCOMPLETE",
    ExitCode.UNREADABLE: "CANNOT BE JUDGED",
}
_SUMMARY_ZH = {
    ExitCode.INTACT: "校验通过",
    ExitCode.ALTERED_OR_INCOMPLETE: "校验未通过",
    ExitCode.UNREADABLE: "无法校验",
}


def _summary(verdict: Verdict) -> str:
    return f"{_SUMMARY[verdict.exit_code]}."


def _summary_zh(verdict: Verdict) -> str:
    text = f"{_SUMMARY_ZH[verdict.exit_code]}：{_INTEGRITY_ZH[verdict.integrity]}"
    text += f"；{_COMPLETENESS_ZH[verdict.completeness]}"
    if verdict.provenance is Provenance.NONE:
        text += "；未验证签名"
    first = verdict.first
    return f"{text}；首个问题位于 {first.place}。" if first else f"{text}。"
