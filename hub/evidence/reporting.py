"""Fills in the facts of a package's report from what was put into the package."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub import __version__
from hub.evidence.explained import Explained
from hub.evidence.facts import (
    AnchorFact,
    CheckpointFacts,
    Closing,
    FileFact,
    InterruptionFact,
    PartFacts,
    ReportFacts,
    Still,
    Stretch,
    StretchKind,
    VerdictFacts,
)
from hub.evidence.facts import Notes as NoteFacts
from hub.evidence.heads import LogHeads
from hub.evidence.plan import Part
from hub.ledger.bodies import INTERRUPTION_TYPES, interruption_from_body
from hub.ledger.entries import Entry, EntryType
from hub.ledger.notes import parse_vkey
from hub.ledger.package.format import MOVIE, SUMS, FileRow, Manifest
from hub.ledger.verdict import Verdict
from hub.ledger.verify import chinese
from hub.model import Interruption, InterruptionState

JOIN_US = 1_000_000
"""Chunks closer than this are one stretch of the time line."""


@dataclass
class Story:
    """What the package's entries tell, gathered as they are written."""

    interruptions: dict[str, tuple[Interruption, int]] = field(default_factory=dict)
    explained: dict[str, Explained] = field(default_factory=dict)
    """By the id of the interruption."""
    device: str = ""
    entries: int = 0
    still: Still = field(default_factory=lambda: Still(None, reason="本时段没有可用的画面"))

    def entry(self, entry: Entry) -> None:
        self.entries += 1
        if entry.type in INTERRUPTION_TYPES:
            found = interruption_from_body(entry.stream_id, entry.type, entry.body)
            known = self.interruptions.get(found.id)
            if known is None or known[1] < entry.seq:
                self.interruptions[found.id] = found, entry.seq
            if entry.type is EntryType.INTERRUPTION_OPEN:
                self.explained.setdefault(found.id, Explained()).entry(entry)
        elif entry.type in (EntryType.EXPLANATION, EntryType.BACKFILL):
            self.explained.setdefault(str(entry.body["interruption"]), Explained()).entry(entry)
        elif entry.type is EntryType.OPEN:
            self.device = str(entry.body["device"]) or self.device


def make_report(
    manifest: Manifest,
    rows: Sequence[FileRow],
    part: Part,
    story: Story,
    logs: Sequence[LogHeads],
    verdict: Verdict,
    digest: str,
    unanchored_us: int | None,
) -> tuple[bytes, bytes]:
    """HTML and PDF. ``digest`` is that of SHA256SUMS; ``unanchored_us``: the longest that anything of the range waited
    for an outsider's word. Raises HubError."""
    from hub.evidence.report import report

    return report(facts_of(manifest, rows, part, story, logs, verdict, digest, unanchored_us))


def facts_of(
    manifest: Manifest,
    rows: Sequence[FileRow],
    part: Part,
    story: Story,
    logs: Sequence[LogHeads],
    verdict: Verdict,
    digest: str,
    unanchored_us: int | None,
) -> ReportFacts:
    newest = logs[-1]
    head = newest.heads[0].checkpoint
    key = newest.keys[0] if newest.keys else verdict.key
    notes = manifest.notes
    files = tuple(FileFact(row.name, row.size, row.sha256) for row in rows)
    return ReportFacts(
        export_id=manifest.export_id,
        created_us=manifest.made_us,
        stream_id=manifest.stream,
        stream_name=manifest.stream_name,
        unit="",
        notes=NoteFacts(notes.matter, "", notes.place, notes.method, notes.officers),
        asked_from_us=manifest.asked[0],
        asked_to_us=manifest.asked[1],
        given_from_us=manifest.given[0],
        given_to_us=manifest.given[1],
        verdict=_verdict(verdict),
        checkpoint=CheckpointFacts(head.origin, head.size, base64.b64encode(head.root).decode()),
        verifier_key=key,
        key_fingerprint=hashlib.sha256(parse_vkey(key).public).hexdigest() if key else "",
        digest=digest,
        digest_of=SUMS,
        device=story.device,
        reason=manifest.reason,
        requester=manifest.by,
        approver=manifest.approved_by,
        recipient=manifest.recipient,
        stretches=tuple(_stretches(part)),
        interruptions=facts_of_interruptions(story),
        anchors=tuple(_anchors(logs)),
        unanchored_us=unanchored_us,
        part=PartFacts(manifest.part, len(manifest.parts)),
        still=story.still,
        movie=next((file for file in files if file.name == MOVIE), None),
        files=tuple(file for file in files if not file.name.startswith("proofs/")),
        chunks=len(part.footage),
        entries=story.entries,
        media_bytes=part.media_bytes,
        hub_version=__version__,
    )


def _verdict(verdict: Verdict) -> VerdictFacts:
    return VerdictFacts(
        verdict.integrity.value,
        verdict.completeness.value,
        verdict.provenance.value,
        verdict.time.value,
        tuple(chinese.finding(finding) for finding in verdict.findings),
        tuple(chinese.remark(text) for text in (*verdict.unchecked, *verdict.notes)),
        # What outsiders attest, never the hub's own clock.
        verdict.anchored[0].by_us if verdict.anchored else None,
    )


def _stretches(part: Part) -> list[Stretch]:
    gone = {row.seq: row.why for row in part.absent}
    found: list[Stretch] = []
    for row in sorted(part.footage, key=lambda row: row.first_us):
        why = gone.get(row.seq)
        if why == "missing":
            continue
        kind = StretchKind.DELETED if why else StretchKind.RECORDED
        last = found[-1] if found else None
        if last is not None and last.kind is kind and row.first_us - last.to_us < JOIN_US:
            found[-1] = Stretch(kind, last.from_us, max(last.to_us, row.end_us))
        else:
            found.append(Stretch(kind, row.first_us, row.end_us))
    return found


def facts_of_interruptions(story: Story) -> tuple[InterruptionFact, ...]:
    """Each with how it was closed, as far as the entries of the package say."""
    said = story.explained
    return tuple(_interruption(*known, said.get(ident, Explained())) for ident, known in story.interruptions.items())


def _interruption(one: Interruption, seq: int, explained: Explained) -> InterruptionFact:
    closing = Closing.OPEN if one.needs_explanation or one.ended_us is None else Closing.NOT_NEEDED
    how, closed_us, words, signers = explained.told()
    closing = how or closing
    if one.state is InterruptionState.WITHDRAWN:
        closing = Closing.WITHDRAWN
    return InterruptionFact(
        one.id,
        one.kind.value,
        one.state.value,
        one.started_us,
        one.ended_us,
        one.edge_error_us,
        one.count,
        tuple(str(track) for track in one.tracks),
        closing,
        closed_us,
        words,
        signers,
        seq,
    )


def _anchors(logs: Sequence[LogHeads]) -> list[AnchorFact]:
    found = []
    for log in logs:
        for head in log.heads:
            anchors = (*head.cosignatures, *(token.anchor for token in head.tokens))
            found += [AnchorFact(one.authority, one.kind, one.time_us, one.size) for one in anchors]
    return found
