"""How an interruption was closed, as the entries of a package tell it: for the report's table. Pure.

The hub judges by the same entries (``hub/followup``); a report only repeats what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from hub.evidence.facts import Closing
from hub.ledger.entries import Entry, EntryType

CHINA = timezone(timedelta(hours=8))
_OF_CLOSE = {
    "backfilled": Closing.BACKFILLED,
    "spoken": Closing.SPOKEN,
    "written": Closing.WRITTEN,
    "paper": Closing.WRITTEN,
    "exempt": Closing.NOT_NEEDED,
}
FINDINGS = {
    "no_spoken_explanation": "恢复后未作语音说明",
    "not_resumed": "未恢复记录",
    "late": "超期说明",
}


@dataclass
class Explained:
    """What was said and brought of one interruption, entry by entry in their order."""

    _entries: list[Entry] = field(default_factory=list)

    def entry(self, entry: Entry) -> None:
        self._entries.append(entry)

    @property
    def standing(self) -> list[Entry]:
        """Without what a correction withdrew."""
        cites = {
            entry.body.get("cites")
            for entry in self._entries
            if entry.body.get("form") == "correction" and entry.body.get("withdraws") is True
        }
        return [entry for entry in self._entries if entry.leaf not in cites]

    def told(self) -> tuple[Closing | None, int | None, str, tuple[str, ...]]:
        """How it was closed (None: nothing says so), when, in which words, and by whom it was signed."""
        closing: Closing | None = None
        closed_us: int | None = None
        words: list[str] = []
        signers: dict[str, None] = {}
        for entry in self.standing:
            body, form = entry.body, entry.body.get("form")
            if entry.type is EntryType.INTERRUPTION_OPEN:
                closing, closed_us = None, None  # it broke off once more: what was said before is not of that
            elif entry.type is EntryType.BACKFILL and body.get("whole") is True:
                closing = closing or Closing.BACKFILLED
            elif form == "spoken":
                closing = closing or Closing.SPOKEN
                words.append(_clip(body))
            elif form == "report":
                words.append(f"当事人报告：{body.get('text') or body.get('reason', '')}")
            elif form in ("written", "paper"):
                signers |= dict.fromkeys(_signers(body))
                if body.get("action") == "drafted":
                    words.append(f"书面说明 {str(body.get('sha256', ''))[:16]}…")
            elif form == "exemption":
                words.append(f"豁免：{body.get('text', '')}")
            elif form == "close":
                closing, closed_us = _OF_CLOSE.get(str(body.get("how")), closing), entry.t_hub_us
                found = body.get("findings")
                words += [FINDINGS.get(str(one), str(one)) for one in found] if isinstance(found, list) else []
        return closing, closed_us, "；".join(words), tuple(signers)


def _clip(body: Mapping[str, object]) -> str:
    start, end, speech = body.get("from_us"), body.get("to_us"), body.get("speech_ms")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(speech, int)):
        return "语音说明"
    at = datetime.fromtimestamp(start // 1_000_000, CHINA).strftime("%Y-%m-%d %H:%M:%S")
    return f"语音说明 {at} 起 {(end - start) / 1e6:.0f} 秒（语音 {speech / 1000:.1f} 秒）"


def _signers(body: Mapping[str, object]) -> list[str]:
    if body.get("action") == "signed":
        return [_hand(body)]
    hands = body.get("signers")
    if body.get("action") == "accepted" and isinstance(hands, list):
        return [_hand(one) for one in hands if isinstance(one, dict)]
    return []


def _hand(body: Mapping[str, object]) -> str:
    number = str(body.get("certificate", ""))
    return str(body.get("name", "")) + (f"（执法证号 {number}）" if number else "")
