"""What people do about an interruption: report, speak, write, sign, scan, exempt, close. Each is refused with what is
missing, or becomes an entry."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path

from hub.clock import US_PER_S
from hub.errors import Conflict, InvalidRequest, NotFound, Refused
from hub.followup import files
from hub.followup.followup import Case, Followup
from hub.followup.judge import Exemption, Form
from hub.followup.speech import Heard, listen
from hub.followup.statements import Scan, Statement
from hub.ledger.entries import JsonValue
from hub.model import Chunk, Interruption, InterruptionState, Stream, StreamKind
from hub.people.people import People, Person
from hub.people.rights import Role
from hub.shelf import LocalShelf, Shelf

MAX_CLIP_US = 120 * US_PER_S
MIN_CLIP_US = US_PER_S
MAX_CHUNKS = 500
HOLE_US = US_PER_S
MAX_TEXT = 10_000
MAX_STATEMENTS = 20
"""Of one interruption: a typing error costs one, and nobody needs more."""
MAX_SCANS = 10
MAX_AWAY_US = 90 * 86_400 * US_PER_S
REASONS = {
    "device_fault": "设备故障",
    "weather": "恶劣天气",
    "no_signal": "网络信号中断",
    "no_power": "电量不足",
    "no_storage": "存储空间不足",
    "obstructed": "受到阻挠",
    "emergency": "突发情况",
    "maintenance": "设备维护",
    "other": "其他原因",
}


class Explaining:
    """See the module. ``data`` is the hub's data folder."""

    def __init__(self, followup: Followup, people: People, data: Path, shelf: Shelf | None = None) -> None:
        self._followup = followup
        self._people = people
        self._data = data
        self._shelf = shelf or LocalShelf(data)
        self._listening = asyncio.Semaphore(1)
        """Decoding is work for a core: one clip at a time."""

    # ------------------------------------------------------------------------------------- report

    async def report(self, stream: Stream, reason: str, text: str, by: str) -> Case | None:
        """立即向上级报告 (004§5): of the fault at this moment, of one that ended just now, or (None) of one that is to
        come. Raises InvalidRequest."""
        text = _text("text", text, least=1 if reason == "other" else 0)
        if reason not in REASONS:
            raise InvalidRequest(f"reason: expected one of {', '.join(REASONS)}, found {reason[:80]!r}")
        facts: dict[str, JsonValue] = {"reason": reason, "text": text}
        async with self._followup.changing:
            fault = self._reported(stream)
            if fault is None:
                await self._followup.write_of_none(stream.id, Form.REPORT, by, **facts)
                self._followup.tell_of_stream("interruption.reported", stream, by=by, reason=reason, text=text)
                return None
            case = await self._followup.case(fault.id)
            await self._followup.write(case, Form.REPORT, by, **facts)
        return await self._told_of(case, by, reason, text)

    def _reported(self, stream: Stream) -> Interruption | None:
        current = self._followup.now_open(stream.id)
        if current is not None:
            return current
        rules, now_us = self._followup.rules_for(stream), self._followup.clock.now().utc_us
        recent = (
            fault
            for fault in self._followup.open_of(stream.id)
            if fault.ended_us is None or now_us - fault.ended_us <= rules.report_window_us
        )
        return next(recent, None)

    async def _told_of(self, case: Case, by: str, reason: str, text: str) -> Case:
        case = await self._followup.settled(case.fault.id)
        self._followup.tell("interruption.reported", case, by=by, reason=reason, text=text)
        return case

    # ------------------------------------------------------------------------------------- spoken

    async def spoken(self, ident: str, from_us: int, to_us: int, by: str) -> Case:
        """语音说明: this clip of the footage says why. Raises Conflict before the resume is certain or the clip is
        recorded, InvalidRequest where nobody speaks in it, StorageError, MediaError."""
        case = await self._followup.unsettled_case(ident)
        _check_clip(case, from_us, to_us)
        chunks = await asyncio.to_thread(self._followup.footage.chunks, case.stream.id, from_us, to_us, MAX_CHUNKS)
        if not _covered(chunks, from_us, to_us):
            raise Conflict("the clip is not recorded, or not yet: mark it again in a moment", code="not_recorded")
        async with self._listening:
            heard = await asyncio.to_thread(self._listen, chunks, from_us, to_us)
        least = case.rules.spoken_min_ms
        if heard.speech_ms < least:
            raise InvalidRequest(
                f"expected at least {least} ms of speech in the clip, found {heard.speech_ms} ms in "
                f"{heard.listened_ms} ms of sound: say the reason aloud, and mark that",
                code="no_speech",
            )
        facts: dict[str, JsonValue] = {
            "from_us": from_us, "to_us": to_us, "speech_ms": heard.speech_ms, "listened_ms": heard.listened_ms,
            "heard_by": heard.by,
            "chunks": [
                {"reel": one.reel, "offset": one.offset, "size": one.size, "sha256": one.sha256} for one in chunks
            ],
        }  # fmt: skip
        async with self._followup.changing:
            fresh = await self._followup.unsettled_case(ident)
            await self._followup.write(fresh, Form.SPOKEN, by, **facts)
        return await self._followup.settled(ident)

    def _listen(self, chunks: Sequence[Chunk], from_us: int, to_us: int) -> Heard:
        from hub.followup.clip import sound_of

        return listen(sound_of(self._shelf, chunks, from_us, to_us))

    # ------------------------------------------------------------------------------------ written

    async def draft(self, ident: str, text: str, by: Person) -> tuple[Case, Statement]:
        """书面说明: the words are fixed from here on; who wants others writes another one. Raises Conflict,
        InvalidRequest, StorageError."""
        from hub.followup import paper

        text = _text("text", text, least=5)
        async with self._followup.changing:
            case = await self._followup.unsettled_case(ident)
            if len(case.outcome.statements) >= MAX_STATEMENTS:
                raise Conflict(f"there are {MAX_STATEMENTS} statements already", code="too_many_statements")
            name = secrets.token_hex(8)
            unit = self._followup.units.tree.get(case.stream.unit or "root")
            words = paper.text_of(
                name, case.fault, case.stream, unit.name if unit else "", by.name, text, self._now_us()
            )
            path, sha256 = await asyncio.to_thread(files.keep, self._data, case.stream.id, f"{name}.txt", words)
            facts: dict[str, JsonValue] = {"action": "drafted", "statement": name, "name": by.name}
            facts |= {"file": path, "sha256": sha256, "size": len(words)}
            await self._followup.write(case, Form.WRITTEN, by.username, **facts)
        case = await self._followup.settled(ident)
        return case, statement_of(case, name)

    async def sign(self, ident: str, name: str, sha256: str, signer: Person) -> Case:
        """``signer`` has just said again who they are, and names the digest of what they saw. Raises NotFound, Refused,
        Conflict."""
        async with self._followup.changing:
            case = await self._followup.unsettled_case(ident)
            statement = statement_of(case, name)
            if sha256 != statement.sha256:
                raise Conflict("the digest is not that of this statement: read it again", code="other_statement")
            capacity = _capacity(case, statement, signer)
            facts: dict[str, JsonValue] = {"action": "signed", "statement": name, "sha256": sha256}
            facts |= {"name": signer.name, "certificate": signer.certificate, "capacity": capacity}
            await self._followup.write(case, Form.WRITTEN, signer.username, **facts)
        return await self._followup.settled(ident)

    async def words(self, case: Case, name: str) -> str:
        """The statement's text, if the file is still the one that was written."""
        statement = statement_of(case, name)
        return (await asyncio.to_thread(files.read, self._data, statement.file, statement.sha256)).decode()

    # -------------------------------------------------------------------------------------- paper

    async def page(self, case: Case, name: str) -> str:
        """HTML to print and sign by hand, with a QR code of its number and digest."""
        from hub.followup import paper

        statement, window = statement_of(case, name), case.stream.kind is StreamKind.WINDOW
        hands = 1 if window else case.rules.signatures
        return paper.page_of(statement, await self.words(case, name), hands=hands, window=window)

    async def scan(self, ident: str, name: str, data: bytes, media: str, by: str) -> tuple[Case, Scan]:
        """The signed paper, scanned back. It counts once somebody else has looked at it."""
        suffix = files.kind_of_scan(data, media)
        async with self._followup.changing:
            case = await self._followup.unsettled_case(ident)
            if len(statement_of(case, name).scans) >= MAX_SCANS:
                raise Conflict(f"there are {MAX_SCANS} scans already", code="too_many_scans")
            number = secrets.token_hex(8)
            file = f"{name}-{number}.{suffix}"
            path, sha256 = await asyncio.to_thread(files.keep, self._data, case.stream.id, file, data)
            facts: dict[str, JsonValue] = {"action": "scanned", "statement": name, "scan": number, "file": path}
            facts |= {"sha256": sha256, "size": len(data), "media": media}
            await self._followup.write(case, Form.PAPER, by, **facts)
        case = await self._followup.settled(ident)
        return case, scan_of(case, name, number)

    async def scanned(self, case: Case, name: str, number: str) -> tuple[Scan, bytes]:
        scan = scan_of(case, name, number)
        return scan, await asyncio.to_thread(files.read, self._data, scan.file, scan.sha256)

    async def check(
        self, ident: str, name: str, number: str, *, accepted: bool, certificates: Sequence[str], text: str, by: str
    ) -> Case:
        """Somebody other than who brought the scan read the paper: whose certificate numbers stand under it, and
        whether it is this statement. Raises Refused, Conflict, InvalidRequest."""
        async with self._followup.changing:
            case = await self._followup.unsettled_case(ident)
            statement, scan = statement_of(case, name), scan_of(case, name, number)
            if by in (scan.by, statement.by):
                raise Refused("who wrote the statement or brought the scan does not check it", code="own_scan")
            if scan.verdict:
                raise Conflict(f"this scan was {scan.verdict} by {scan.checked_by}", code="checked")
            signers = self._hands(case, certificates) if accepted else []
            _text("text", text, least=0 if accepted else 1)
            facts: dict[str, JsonValue] = {
                "action": "accepted" if accepted else "rejected", "statement": name, "scan": number,
                "sha256": scan.sha256, "text": text,
                "signers": [{"name": one.name, "certificate": one.certificate} for one in signers],
            }  # fmt: skip
            await self._followup.write(case, Form.PAPER, by, **facts)
        return await self._followup.settled(ident)

    def _hands(self, case: Case, certificates: Sequence[str]) -> list[Person]:
        window = case.stream.kind is StreamKind.WINDOW
        found: dict[str, Person] = {}
        for number in certificates:
            person = self._people.by_certificate(number)
            if person is None:
                raise InvalidRequest(f"nobody here has the certificate number {number[:40]!r}", code="unknown_signer")
            if person.assistant:
                raise Refused(f"{person.name} is an assistant (协助人员) and does not count", code="assistant")
            if window and Role.HALL_ADMIN not in person.roles:
                raise Refused(f"{person.name} is not the hall's administrator", code="not_hall_admin")
            found[person.username] = person
        needed = 1 if window else case.rules.signatures
        if len(found) < needed:
            raise Conflict(f"expected {needed} different signers, found {len(found)}", code="too_few_signers")
        return list(found.values())

    # ------------------------------------------------------------------------ corrections and ends

    async def correct(self, ident: str, cites: str, text: str, withdraws: bool, by: str) -> Case:
        """What was said before was wrong, and stays on record. ``withdraws``: it no longer counts. Raises NotFound."""
        text = _text("text", text, least=1)
        async with self._followup.changing:
            case = await self._followup.case(ident)
            old = next((one for one in case.told if one.leaf == cites), None)
            forms = (Form.REPORT, Form.SPOKEN, Form.WRITTEN, Form.PAPER, Form.EXEMPTION)
            if old is None or old.body.get("form") not in forms:
                raise NotFound(f"no explanation of this interruption has the leaf {cites[:64]!r}")
            if withdraws and case.outcome.settled:
                raise Conflict("it is closed: a correction may add, and withdraw nothing", code="settled")
            if withdraws and by != old.body["by"]:
                raise Refused("nobody withdraws what somebody else said", code="not_own")
            await self._followup.write(case, Form.CORRECTION, by, cites=cites, text=text, withdraws=withdraws)
        return await self._followup.settled(ident)

    async def exempt(self, ident: str, kind: str, text: str, until_us: int | None, by: str) -> Case:
        """Planned maintenance asks for nothing; elsewhere the deadline runs from the return (``until_us``)."""
        text = _text("text", text, least=1)
        if kind not in list(Exemption):
            raise InvalidRequest(f"kind: expected one of {', '.join(Exemption)}, found {kind[:80]!r}")
        if (kind == Exemption.MAINTENANCE) != (until_us is None):
            raise InvalidRequest("until: expected the time of the return, and none for maintenance")
        async with self._followup.changing:
            case = await self._followup.unsettled_case(ident)
            facts: dict[str, JsonValue] = {"kind": kind, "text": text}
            if until_us is not None:
                if not case.fault.started_us <= until_us <= case.fault.started_us + MAX_AWAY_US:
                    raise InvalidRequest("until: expected at most 90 days after the interruption")
                facts["until_us"] = until_us
            await self._followup.write(case, Form.EXEMPTION, by, **facts)
        return await self._followup.settled(ident)

    async def close(self, ident: str, by: str) -> Case:
        """闭合. Raises Conflict ``not_explained`` that says what is missing."""
        async with self._followup.changing:
            case = await self._followup.unsettled_case(ident)
            if not case.outcome.may_close:
                missing = "; ".join(case.outcome.missing)
                raise Conflict(f"it is not explained yet; missing: {missing}", code="not_explained")
            findings = list(case.outcome.findings)
            await self._followup.write(case, Form.CLOSE, by, how=case.outcome.how, findings=findings)
        return await self._followup.settled(ident)

    def _now_us(self) -> int:
        return self._followup.clock.now().utc_us


def statement_of(case: Case, name: str) -> Statement:
    """Raises NotFound."""
    found = next((one for one in case.outcome.statements if one.id == name), None)
    if found is None:
        raise NotFound(f"this interruption has no statement {name[:40]!r}")
    return found


def scan_of(case: Case, name: str, number: str) -> Scan:
    """Raises NotFound."""
    found = next((one for one in statement_of(case, name).scans if one.id == number), None)
    if found is None:
        raise NotFound(f"this statement has no scan {number[:40]!r}")
    return found


def _capacity(case: Case, statement: Statement, signer: Person) -> str:
    """As what they sign. Raises Refused, Conflict."""
    if case.stream.kind is StreamKind.WINDOW:
        if Role.HALL_ADMIN not in signer.roles:
            raise Refused("a window's interruption is explained by the hall's administrator", code="not_hall_admin")
        return "hall_admin"
    if signer.assistant:
        raise Refused("an assistant (协助人员) does not sign as an officer", code="assistant")
    if not signer.certificate:
        raise Refused("expected an officer with a certificate number (执法证号), found none", code="no_certificate")
    for one in statement.signatures:
        if one.by == signer.username:
            raise Conflict("the same person signs once", code="signed_before")
        if one.certificate == signer.certificate:
            raise Conflict("this certificate number has signed already", code="signed_before")
    if statement.signatures and signer.username == statement.by:
        raise Refused("the writer signs first, or not at all: the second signature is another's", code="own_statement")
    return "officer"


def _check_clip(case: Case, from_us: int, to_us: int) -> None:
    fault = case.fault
    if case.stream.kind is StreamKind.WINDOW:
        raise Conflict("a window's interruption is explained by a statement", code="not_spoken")
    if fault.ended_us is None or fault.state is not InterruptionState.CLOSED:
        raise Conflict("the stream has not come back for certain yet", code="not_resumed")
    if not MIN_CLIP_US <= to_us - from_us <= MAX_CLIP_US:
        raise InvalidRequest("to: expected a clip of 1 to 120 s")
    within_us = case.rules.spoken_within_s * US_PER_S
    if not fault.ended_us - fault.edge_error_us <= from_us <= fault.ended_us + within_us:
        raise InvalidRequest(
            f"from: expected a clip that begins after the resume, at most {case.rules.spoken_within_s} s later",
            code="not_after_resume",
        )


def _covered(chunks: Sequence[Chunk], from_us: int, to_us: int) -> bool:
    at_us = from_us
    for chunk in chunks:
        if chunk.first_us > at_us + HOLE_US:
            return False
        at_us = max(at_us, chunk.end_us)
    return at_us >= to_us - HOLE_US


def _text(field: str, text: str, *, least: int) -> str:
    text = text.strip()
    if not least <= len(text) <= MAX_TEXT:
        raise InvalidRequest(f"{field}: expected {least} to {MAX_TEXT} characters, found {len(text)}")
    return text
