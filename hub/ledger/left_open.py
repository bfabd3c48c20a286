"""What a killed hub left open beside the break of a recording (what pictures showed, a clock, a low rate): closed by
whoever records the stream next, nobody saw how it went on. The break itself is taken up again."""

from __future__ import annotations

from dataclasses import replace

from hub.ledger.bodies import HUB_STOPPED, interruption_body
from hub.ledger.entries import JsonValue
from hub.ledger.projection import breaks_off
from hub.ledger.reader import Reader
from hub.model import Interruption, InterruptionKind, InterruptionState

BESIDE = tuple(kind for kind in InterruptionKind if not breaks_off(kind))
"""Kinds that stand beside a break: no detector takes them up."""
_PAGE = 500


def left_open(reader: Reader) -> list[tuple[str, dict[str, JsonValue]]]:
    """Stream and body of the ``interruption_close`` entries that are due. Blocks."""
    out: list[tuple[str, dict[str, JsonValue]]] = []
    after: str | None = None
    while True:
        page = reader.interruptions(state=InterruptionState.CONFIRMED, limit=_PAGE, after=after, kinds=BESIDE)
        out += [(one.stream_id, closed_unseen(one, _seen_until_us(reader, one))) for one in page]
        if len(page) < _PAGE:
            return out
        after = page[-1].id


def _seen_until_us(reader: Reader, one: Interruption) -> int | None:
    spans = reader.spans(one.stream_id, one.started_us, one.started_us + 1)
    return max((span.to_us for span in spans), default=None)


def closed_unseen(one: Interruption, seen_until_us: int | None) -> dict[str, JsonValue]:
    """Body of its ``interruption_close``. It lasted at least as long as the recording that it was seen in, of which
    ``seen_until_us`` is the end; None: nothing is known of that."""
    ended_us = max(one.started_us, seen_until_us or 0)
    evidence = {**one.evidence, "reason": HUB_STOPPED}
    return interruption_body(replace(one, state=InterruptionState.CLOSED, ended_us=ended_us, evidence=evidence))
