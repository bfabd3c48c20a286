"""A verdict for people, as text, and for programs, as JSON."""

from __future__ import annotations

from typing import Any

from hub.clock import rfc3339
from hub.ledger.signing.signer import custody_lines
from hub.ledger.verdict import Finding, Provenance, Step, Verdict
from hub.ledger.verify.time_report import time_json, time_lines
from hub.ledger.verify.words import EN, LANGUAGES, ZH, Words

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
        "time": time_json(verdict),
        "live": verdict.live,
        "key": {"vkey": verdict.key, "source": verdict.key_source, "custody": verdict.custody},
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
            "deleted_reels": counts.deleted_reels,
            "deleted_bytes": counts.deleted_bytes,
            "unreachable_reels": counts.unreachable_reels,
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


def to_text(verdict: Verdict, lang: str = "en") -> str:
    """The report: steps, axes, the first bad place, what could not be checked, and at the end what it means.
    ``lang`` is zh or en; the last line is Chinese in both."""
    words = LANGUAGES[lang]
    lines = [words.heading.format(path=verdict.path) + (words.live if verdict.live else ""), ""]
    lines += _steps(verdict, words)
    lines += ["", *_axes(verdict, words), *_findings(verdict, words)]
    if verdict.unchecked:
        lines += ["", words.unchecked, *(f"  {words.remark(text)}" for text in verdict.unchecked)]
    if verdict.notes:
        lines += ["", words.notes, *(f"  {words.remark(text)}" for text in verdict.notes)]
    lines += ["", *_summary(verdict, words)]
    return "\n".join(lines) + "\n"


def _steps(verdict: Verdict, words: Words) -> list[str]:
    bad = {finding.step for finding in (*verdict.findings, verdict.first) if finding is not None}
    undone, fault, fine = words.marks
    lines = []
    titles = words.package_steps if verdict.package else words.steps
    for step in Step:
        mark = undone if step not in verdict.done else fault if step in bad else fine
        lines.append(f"  {int(step)}. {_padded(titles[step], 78)} {mark}")
    return lines


def _padded(text: str, columns: int) -> str:
    """Chinese characters are two columns wide."""
    return text + " " * (columns - sum(2 if char > "\u2e7f" else 1 for char in text))


def _axes(verdict: Verdict, words: Words) -> list[str]:
    counts = verdict.counts
    integrity, completeness, provenance, time = words.axes
    key = words.key.format(key=verdict.key.rpartition("+")[0], source=words.key_source(verdict.key_source))
    key = key if verdict.key else ""
    span = f", {_time(verdict.from_us)} – {_time(verdict.until_us)}" if verdict.from_us is not None else ""
    breaks = words.interruptions.format(count=counts.interruptions)
    lines = [
        f"{integrity}{words.integrity[verdict.integrity]}",
        f"{completeness}{words.completeness[verdict.completeness]}{breaks}",
        f"{provenance}{words.provenance[verdict.provenance]}{key}",
        *custody_lines(verdict.custody, "zh" if words is ZH else "en"),
        f"{time}{words.time[verdict.time]}{span}",
        *time_lines(verdict, "zh" if words is ZH else "en"),
        words.looked.format(
            streams=counts.streams,
            entries=counts.entries,
            chunks=counts.chunks,
            reels=counts.reels,
            mb=counts.bytes / 1e6,
            seconds=verdict.seconds,
        ),
    ]
    if verdict.origin:
        lines.append(words.checkpoint.format(origin=verdict.origin, size=verdict.size, root=verdict.root))
    if counts.pending_bytes or counts.pending_entries:
        lines.append(words.pending.format(bytes=counts.pending_bytes, entries=counts.pending_entries))
    if counts.unsigned_entries:
        lines.append(words.unsigned.format(entries=counts.unsigned_entries))
    if counts.deleted_reels:
        lines.append(words.deleted.format(reels=counts.deleted_reels, mb=counts.deleted_bytes / 1e6))
    if counts.unreachable_reels:
        lines.append(words.unreachable.format(reels=counts.unreachable_reels))
    return lines


def _findings(verdict: Verdict, words: Words) -> list[str]:
    first = verdict.first
    if first is None:
        return []
    at, expected, found = words.rows
    lines = ["", words.first.format(step=int(first.step), harm=words.harms[first.harm])]
    lines += [f"{at}{first.place}", f"{expected}{words.quoted(first.expected)}", f"{found}{words.quoted(first.found)}"]
    others = [finding for finding in verdict.findings if finding is not first][: SHOWN - 1]
    if others:
        lines += ["", words.also]
        for one in others:
            lines.append(
                words.others.format(step=int(one.step), harm=words.harms[one.harm], finding=words.finding(one))
            )
        hidden = sum(verdict.harms.values()) - len(others) - 1
        lines += [words.more.format(count=hidden)] if hidden > 0 else []
    return lines


def _summary(verdict: Verdict, words: Words) -> list[str]:
    """What the verdict means, for somebody who reads nothing else."""
    code = verdict.exit_code
    lines = [] if words is ZH else [f"{EN.summary[code]}. {EN.meaning[code]}"]
    text = f"{ZH.summary[code]}：{ZH.integrity[verdict.integrity]}；{ZH.completeness[verdict.completeness]}"
    if verdict.provenance is Provenance.NONE:
        text += f"；{ZH.no_signature}"
    first = verdict.first
    text += f"；首个问题位于 {first.place}。" if first else "。"
    return [*lines, text] if words is EN else [text, ZH.meaning[code]]
