"""Whether a stream is to record at a moment, answered from memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.clock import US_PER_S
from hub.duty.history import History, Subject
from hub.duty.intervals import Interval
from hub.duty.plan import Judged, Piece, off_duty_time, pieces
from hub.model import Expected

DAY_US = 86_400 * US_PER_S
REACHES_US = (DAY_US, 4 * DAY_US, 20 * DAY_US)
"""How far the edges of an answer are looked for: nearly always a day is enough; the last is longer than any holiday."""

ExpectedAt = Callable[[str, int], Expected | None]

_WORDS = {
    Judged.HOURS: "working hours",
    Judged.BREAK: "break",
    Judged.CLOSED: "closed",
    Judged.HOLIDAY: "holiday",
    Judged.MAKEUP: "make-up working day",
    Judged.EXCEPTION: "exception",
    Judged.RETIRED: "retired",
    Judged.NO_CALENDAR: "no calendar",
}


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    from_us: int
    to_us: int
    answer: Expected | None


class DutyClock:
    """Asked for every stream once a second: an answer is kept until it ends or a calendar changes."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._kept: dict[str, _Kept] = {}

    def expected(self, stream_id: str, at_us: int) -> Expected | None:
        """What the calendar says of this moment (hub UTC, µs). None: there is none, it is due as its kind is."""
        if not self._history.in_use:
            return None
        kept = self._kept.get(stream_id)
        if kept is None or kept.version != self._history.version or not kept.from_us <= at_us < kept.to_us:
            kept = self._kept[stream_id] = self._look(stream_id, at_us)
        return kept.answer

    def _look(self, stream_id: str, at_us: int) -> _Kept:
        for reach_us in REACHES_US[:-1]:
            kept = self._look_near(stream_id, at_us, reach_us)
            answer = kept.answer
            if answer is None or (answer.from_us is not None and answer.to_us is not None):
                return kept
        return self._look_near(stream_id, at_us, REACHES_US[-1])

    def _look_near(self, stream_id: str, at_us: int, reach_us: int) -> _Kept:
        first_us, last_us = at_us - reach_us, at_us + reach_us
        found = pieces(self._history, Subject.stream(stream_id), first_us, last_us)
        place = next(index for index, piece in enumerate(found) if piece.to_us > at_us)
        here = found[place]
        if here.due is None:
            return _Kept(self._history.version, at_us, here.to_us, None)
        begin = end = place
        while begin > 0 and found[begin - 1].due is here.due:
            begin -= 1
        while end + 1 < len(found) and found[end + 1].due is here.due:
            end += 1
        from_us, to_us = found[begin].from_us, found[end].to_us
        answer = Expected(
            here.due,
            None if from_us == first_us else from_us,
            None if to_us == last_us else to_us,
            reason_of(here),
        )
        # the reason holds for this piece; the edges for the whole
        return _Kept(self._history.version, here.from_us, here.to_us if to_us < last_us else at_us + DAY_US, answer)

    def pieces(self, stream_id: str, from_us: int, to_us: int) -> list[Piece]:
        """The range in pieces that were judged alike."""
        return pieces(self._history, Subject.stream(stream_id), from_us, to_us)

    def unit_pieces(self, unit: str, from_us: int, to_us: int) -> list[Piece]:
        """The same of a unit: what a window of it would be judged by."""
        return pieces(self._history, Subject.unit(unit), from_us, to_us)

    def off_duty(self, stream_id: str, from_us: int, to_us: int) -> list[Interval]:
        """What was not due by the calendar that was in force then."""
        return off_duty_time(self.pieces(stream_id, from_us, to_us)) if self._history.in_use else []


def reason_of(piece: Piece) -> str:
    """In words, for the evidence of an interruption."""
    words = _WORDS[piece.judged]
    if piece.detail:
        words = f"{words}: {piece.detail}"
    return f"{words} (the holidays of this year are not known)" if piece.year_missing else words


def either(*answers: ExpectedAt) -> ExpectedAt:
    """Due where any says so; else what the first says that says anything. For calendars beside activities: an event
    in a room is due after closing time too."""

    def expected(stream_id: str, at_us: int) -> Expected | None:
        first: Expected | None = None
        for answer in answers:
            found = answer(stream_id, at_us)
            if found is not None and found.due:
                return found
            first = first if first is not None else found
        return first

    return expected
