"""From facts to texts: everything that the page and the paper show, worded once. No markup in here."""

from __future__ import annotations

import re
import shlex
from typing import Any

from hub.evidence.facts import AnchorFact, Axis, Check, Closing, InterruptionFact, ReportFacts, StretchKind
from hub.evidence.report import words
from hub.evidence.report.drawing import covered_us, loses_media, paint_of
from hub.evidence.report.words import Clock, plain
from hub.ledger.verdict import TimeSource

MAX_ROWS = 300
"""Interruptions and files that are listed; more are counted. The package's entries have them all."""
_MAX_SENTENCES = 50
_MAX_ON_LABEL = 60

View = dict[str, Any]


def view(facts: ReportFacts) -> View:
    """Strings, lists and booleans alone: what a template may show as it is (after escaping)."""
    clock = Clock(facts.utc_offset_minutes)
    return {
        "export_id": plain(facts.export_id, limit=80),
        "created": clock.second(facts.created_us),
        "zone": clock.zone,
        "part": "" if facts.part.of <= 1 else f"第 {facts.part.number} 卷，共 {facts.part.of} 卷",
        "stream": plain(facts.stream_name or facts.stream_id, limit=40),
        "notes": _notes(facts, clock),
        "label": [_row(each["name"], _short(each["value"])) for each in _notes(facts, clock)],
        "about": _about(facts, clock),
        "still": _still(facts, clock),
        "figures": _figures(facts),
        "axes": _axes(facts, clock),
        "lead": _lead(facts),
        "findings": _sentences(facts.verdict.findings),
        "unchecked": _sentences(facts.verdict.unchecked),
        "interruptions": [_interruption(n, each, clock) for n, each in enumerate(facts.interruptions[:MAX_ROWS], 1)],
        "more_interruptions": max(len(facts.interruptions) - MAX_ROWS, 0),
        "deletions": [
            {"range": clock.range(each.from_us, each.to_us), "length": words.length(each.to_us - each.from_us),
             "note": plain(each.note) or "—"}
            for each in facts.stretches[:5000] if each.kind is StretchKind.DELETED
        ][:MAX_ROWS],
        "marks": [{"at": clock.full(each.at_us), "text": plain(each.text) or "—"} for each in facts.marks[:MAX_ROWS]],
        "checkpoint": _checkpoint(facts, clock),
        "anchors": [_anchor(each, clock) for each in facts.anchors[:MAX_ROWS]],
        "unanchored": _unanchored(facts),
        "key": plain(facts.verifier_key, limit=300),
        "fingerprint": words.groups(facts.key_fingerprint),
        "digest": words.groups(facts.digest),
        "digest_plain": plain(facts.digest, limit=200),
        "digest_of": plain(facts.digest_of, limit=120),
        "files": [
            {"name": plain(each.name, limit=160), "size": words.size(each.size_bytes),
             "sha256": plain(each.sha256, limit=80), "what": plain(each.what)}
            for each in facts.files[:MAX_ROWS]
        ],
        "more_files": max(len(facts.files) - MAX_ROWS, 0),
        "movie": plain(facts.movie.name, limit=160) if facts.movie else "",
        "checks": [_check(each) for each in (facts.checks or _general_checks(facts))],
        "version": plain(facts.hub_version, limit=60),
    }  # fmt: skip


def _row(name: str, value: str, *, blank: str = "—") -> dict[str, str]:
    return {"name": name, "value": plain(value) or blank}


def _notes(facts: ReportFacts, clock: Clock) -> list[dict[str, str]]:
    notes = facts.notes
    officers = "、".join(plain(each, limit=120) for each in notes.officers[:50])
    return [
        _row("事项", notes.matter, blank="（未填）"),
        _row("时间", notes.time or clock.range(facts.given_from_us, facts.given_to_us)),
        _row("地点", notes.place, blank="（未填）"),
        _row("方式", notes.manner, blank="（未填）"),
        {"name": "行政执法人员", "value": officers or "（未填）"},
    ]


def _short(text: str) -> str:
    """For the label, which has one size."""
    return text if len(text) <= _MAX_ON_LABEL else f"{text[:_MAX_ON_LABEL]}……"


def _about(facts: ReportFacts, clock: Clock) -> list[dict[str, str]]:
    name = f"{facts.stream_name}（{facts.stream_id}）" if facts.stream_name else facts.stream_id
    rows = [
        _row("单位", facts.unit),
        _row("视频源", name),
        _row("设备", facts.device),
        _row("申请范围", clock.range(facts.asked_from_us, facts.asked_to_us)),
        _row("实际范围", f"{clock.range(facts.given_from_us, facts.given_to_us)}（按完整分段截取）"),
        _row("导出事由", facts.reason),
        _row("申请人", facts.requester),
        _row("批准人", facts.approver),
        _row("领取人", facts.recipient),
        _row("导出时间", clock.second(facts.created_us)),
    ]
    return [row for row in rows if row["name"] != "设备" or row["value"] != "—"]


def _still(facts: ReportFacts, clock: Clock) -> dict[str, Any]:
    still = facts.still
    if still.jpeg is None:
        return {"there": False, "reason": plain(still.reason) or "原因不明"}
    size = f"，{still.width}×{still.height}" if still.width and still.height else ""
    return {"there": True, "caption": f"{clock.full(still.at_us)} 的画面{size}。截图供辨认之用，以录像为准。"}


def _figures(facts: ReportFacts) -> list[dict[str, str]]:
    """Length, recorded, backfilled, interrupted. Recorded time is never rounded up to the whole."""
    start, end = facts.given_from_us, facts.given_to_us
    span = end - start

    def of(*kinds: StretchKind) -> int:
        return covered_us(((each.from_us, each.to_us) for each in facts.stretches if each.kind in kinds), start, end)

    lost = [each for each in facts.interruptions if each.closing is not Closing.WITHDRAWN and loses_media(each)]
    lost_us = covered_us(((each.from_us, end if each.to_us is None else each.to_us) for each in lost), start, end)
    whole = sum(each.closing is not Closing.WITHDRAWN for each in facts.interruptions) - len(lost)
    also = f"；另有 {whole} 次无录像缺失" if whole else ""
    there = of(StretchKind.RECORDED, StretchKind.BACKFILLED)
    due = span - of(StretchKind.OFF_DUTY)
    rows = [
        {"name": "范围时长", "value": words.length(span)},
        {"name": "有录像", "value": f"{words.length(there)}（{words.share(there, due)}）"},
        {"name": "其中补传", "value": words.length(of(StretchKind.BACKFILLED))},
        {"name": "中断", "value": f"{len(lost)} 次，合计 {words.length(lost_us)}{also}" if lost else f"无{also}"},
        {"name": "分段与台账", "value": f"{facts.chunks} 段录像，{facts.entries} 条台账"},
        {"name": "录像数据", "value": words.size(facts.media_bytes)},
    ]
    return [row for row in rows if row["name"] != "其中补传" or of(StretchKind.BACKFILLED)]


def _axes(facts: ReportFacts, clock: Clock) -> list[dict[str, str]]:
    values = _values(facts)
    made = []
    for axis, (title, _) in words.AXES.items():
        said = words.sentence(axis, values[axis])
        row = {"title": title, "word": said.word, "tone": said.tone, "proves": said.proves, "limits": said.limits}
        attested = values[Axis.TIME] in (TimeSource.WITNESS, TimeSource.AUTHORITY)
        if axis is Axis.TIME and attested and facts.verdict.time_until_us is not None:
            row["proves"] += f"由此得出：包内全部内容最迟在 {clock.second(facts.verdict.time_until_us)} 已经存在。"
        made.append(row)
    return made


def _values(facts: ReportFacts) -> dict[Axis, str]:
    found = facts.verdict
    return {
        Axis.INTEGRITY: found.integrity,
        Axis.COMPLETENESS: found.completeness,
        Axis.PROVENANCE: found.provenance,
        Axis.TIME: found.time,
    }


def _lead(facts: ReportFacts) -> str:
    said = "；".join(
        f"{words.AXES[axis][0]}：{words.sentence(axis, value).word}" for axis, value in _values(facts).items()
    )
    return f"导出时的判定——{said}。四项各自独立，任何一项都不能代替其他三项。"


def _sentences(texts: tuple[str, ...]) -> list[str]:
    shown = [plain(each) for each in texts[:_MAX_SENTENCES]]
    if len(texts) > _MAX_SENTENCES:
        shown.append(f"另有 {len(texts) - _MAX_SENTENCES} 项，见验证程序的输出。")
    return shown


def _interruption(number: int, fact: InterruptionFact, clock: Clock) -> dict[str, Any]:
    how = [words.CLOSINGS[fact.closing]]
    if fact.closed_us is not None:
        how.append(clock.second(fact.closed_us))
    if fact.closing in (Closing.OPEN, Closing.NOT_NEEDED) and fact.to_us is None:
        how.append(words.STATES.get(fact.state, plain(fact.state, limit=40)))
    detail = plain(fact.explanation)
    if fact.signers:
        detail += ("　" if detail else "") + "签名：" + "、".join(plain(each, limit=80) for each in fact.signers[:10])
    what = "、".join(plain(each, limit=40) for each in fact.tracks[:10])
    if what and all(each.isdecimal() for each in fact.tracks):
        what = f"轨道 {what}"
    return {
        "number": str(number),
        "kind": words.kind(fact.kind) + (f"（{fact.count} 次合并）" if fact.count > 1 else ""),
        "tracks": what,
        "range": clock.range(fact.from_us, fact.to_us),
        "error": f"±{fact.edge_error_us / 1000:.0f} 毫秒" if fact.edge_error_us else "精确到帧",
        "length": "未结束" if fact.to_us is None else words.length(fact.to_us - fact.from_us),
        "closing": "，".join(how),
        "detail": detail,
        "open": fact.closing is Closing.OPEN,
        "paint": paint_of(fact),
        "letter": words.PAINTS[paint_of(fact)].letter,
        "seq": "" if fact.seq is None else f"台账第 {fact.seq} 条",
    }


def _checkpoint(facts: ReportFacts, clock: Clock) -> list[dict[str, str]]:
    head = facts.checkpoint
    return [
        _row("台账名称", head.origin),
        _row("台账条数", str(head.size)),
        _row("根校验值", head.root),
        _row("签名时间", clock.second(head.signed_us) if head.signed_us is not None else ""),
    ]


def _anchor(fact: AnchorFact, clock: Clock) -> dict[str, str]:
    names = {"witness": "见证方联署", "timestamp": "时间戳（RFC 3161）"}
    return {
        "authority": plain(fact.authority, limit=160) or "—",
        "kind": names.get(fact.kind, plain(fact.kind, limit=40)),
        "time": clock.second(fact.time_us),
        "size": "—" if fact.size is None else f"前 {fact.size} 条",
    }


def _unanchored(facts: ReportFacts) -> str:
    if facts.unanchored_us is None and facts.anchors:
        return "上表所列机构在所列时间看到过这本台账的前若干条；其后的登记只有中枢自己的签名。"
    if facts.unanchored_us is None:
        return "没有外部机构为这本台账作证，时间以中枢时钟为准。"
    if facts.unanchored_us <= 0:
        return "范围内的全部登记都有外部机构作证。"
    return f"登记之后到外部机构作证之前，最长相隔 {words.length(facts.unanchored_us)}；这段时间内只有中枢自己的签名。"


def _check(check: Check) -> dict[str, Any]:
    return {
        "title": plain(check.title),
        "commands": [plain(each, limit=400) for each in check.commands[:20]],
        "expect": plain(check.expect),
    }


def _general_checks(facts: ReportFacts) -> tuple[Check, ...]:
    """Where the writer of the package gave none with its files' names."""
    digest_of = shlex.quote(facts.digest_of)
    names = {each.name for each in facts.files}
    stamped = sorted(found[0] for found in map(_TOKEN.fullmatch, names) if found and _checkpoint_of(found) in names)
    sums = (f"sha256sum -c --quiet {facts.digest_of}",) if facts.digest_of == "SHA256SUMS" else ()
    return (
        Check(
            "核对本包的校验值（Linux 用 sha256sum，Windows 用 certutil，均为系统自带）",
            (f"sha256sum {digest_of}", f"certutil -hashfile {digest_of} SHA256", *sums),
            "所得数值与本报告“校验值”一栏相同" + ("；末一行不打印任何内容，即各文件均与清单相符。" if sums else "。"),
        ),
        Check(
            "用验证程序核验全部内容（程序和密钥指纹须另行取得，不要使用同一张光盘上的）",
            (f"hub verify 证据包.zip --key {shlex.quote(facts.verifier_key)}",),
            "逐项打印判定。退出码 0：未发现问题；1：有改动、缺件或缺口；2：无法判定。",
        ),
        *(_token_check(each) for each in stamped[-1:]),
    )


_TOKEN = re.compile(r"(log/[A-Za-z0-9._-]+/\d+)-\d+\.tst")
"""A time-stamp token of a package, beside its checkpoint."""


def _checkpoint_of(token: re.Match[str]) -> str:
    return f"{token[1]}.checkpoint"


def _token_check(name: str) -> Check:
    """The token is over the checkpoint's text: what stands before the first blank line."""
    found = _TOKEN.fullmatch(name)
    assert found is not None
    return Check(
        "用 openssl 核验时间戳（机构根证书 ca.pem 须从时间戳机构取得）",
        (
            f"sed '/^$/,$d' {_checkpoint_of(found)} > /tmp/checkpoint.txt",
            f"openssl ts -verify -data /tmp/checkpoint.txt -in {name} -token_in -CAfile ca.pem",
            f"openssl ts -reply -in {name} -token_in -text",
        ),
        "第二条打印 Verification: OK；第三条打印签发时间（Time stamp）。",
    )
