"""What a killed hub left open of what pictures showed: closed at the next start, nobody saw how it went on."""

from __future__ import annotations

from dataclasses import replace

from hub.ledger.bodies import interruption_body
from hub.ledger.entries import JsonValue
from hub.ledger.reader import Reader
from hub.model import Interruption, InterruptionClass, InterruptionState

_PAGE = 500


def left_open(reader: Reader) -> list[tuple[str, dict[str, JsonValue]]]:
    """Stream and body of the ``interruption_close`` entries that are due. Blocks."""
    out: list[tuple[str, dict[str, JsonValue]]] = []
    after: str | None = None
    while True:
        page = reader.interruptions(state=InterruptionState.CONFIRMED, limit=_PAGE, after=after)
        out += [_closed(reader, one) for one in page if one.kind.interruption_class is InterruptionClass.CONTENT]
        if len(page) < _PAGE:
            return out
        after = page[-1].id


def _closed(reader: Reader, one: Interruption) -> tuple[str, dict[str, JsonValue]]:
    """It lasted at least as long as the recording that it was seen in."""
    spans = reader.spans(one.stream_id, one.started_us, one.started_us + 1)
    ended_us = max((span.to_us for span in spans), default=one.started_us)
    evidence = {**one.evidence, "reason": "hub stopped"}
    return one.stream_id, interruption_body(
        replace(one, state=InterruptionState.CLOSED, ended_us=max(ended_us, one.started_us), evidence=evidence)
    )
