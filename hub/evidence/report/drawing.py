"""The time line as SVG, for page and paper alike. Never by colour alone: each paint has a pattern and a letter."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from hub.evidence.facts import Closing, InterruptionFact, ReportFacts
from hub.evidence.report.words import PAINTS, Clock, Paint
from hub.model import InterruptionKind

WIDTH = 600
_LEFT, _RIGHT = 6, 594
_BAR_TOP, _BAR_HEIGHT = 40, 34
_SLIVER = 2.2
"""Units that even the shortest interruption is wide: it must be seen."""
_ROOM_FOR_LETTER = 13
_UNSPOKEN_US = 500_000
"""Edges are true within this (docs/design/interruptions.md): a shorter hole between two of them is none."""
_FLAG_ROOM = 15
_FLAG_LEVELS = (32, 20, 8)
_MAX_FLAGS = 200
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_LABELS = 7
_FONT = "'Noto Sans SC','Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif"
_DAY_S = 86_400

_PATTERNS = {
    "backfilled": '<path d="M0 6L6 0M-1 1L1 -1M5 7L7 5" stroke="#fff" stroke-width="1.1"/>',
    "interrupted": '<path d="M0 0L6 6M0 6L6 0" stroke="#fff" stroke-width="0.9"/>',
    "explained": '<circle cx="3" cy="3" r="1.15" fill="#fff"/>',
    "suspected": '<path d="M0 0L6 6M-1 5L1 7M5 -1L7 1" stroke="#fff" stroke-width="1.1"/>',
    "off_duty": '<path d="M0 3H6" stroke="#fff" stroke-width="1.4"/>',
    "deleted": '<path d="M3 0V6" stroke="#fff" stroke-width="1.4"/>',
}


def paint_of(fact: InterruptionFact) -> str:
    """The name of the paint of an interruption."""
    if fact.closing is Closing.BACKFILLED:
        return "backfilled"
    if fact.closing in (Closing.SPOKEN, Closing.WRITTEN):
        return "explained"
    return "suspected" if fact.state == "suspected" else "interrupted"


def loses_media(fact: InterruptionFact) -> bool:
    """An unknown kind counts as lost: rather shown too often than left out."""
    try:
        return InterruptionKind(fact.kind).loses_media
    except ValueError:
        return True


class _Line:
    """Where a time lies on the line, and what is drawn so far."""

    def __init__(self, from_us: int, to_us: int) -> None:
        self.from_us = from_us
        self.span_us = max(to_us - from_us, 1)
        self.parts: list[str] = []
        self.used: set[str] = set()
        self._last: tuple[str, int, int] | None = None

    def x(self, us: int) -> float:
        share = (us - self.from_us) / self.span_us
        return _LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT)

    def block(self, name: str, from_us: int, to_us: int, *, sliver: bool = False) -> None:
        """One coloured stretch; a sliver is widened until it can be seen."""
        left, right = self.x(from_us), self.x(to_us)
        if sliver and right - left < _SLIVER:
            left = min(left, _RIGHT - _SLIVER)
            right = left + _SLIVER
        elif right <= left:
            return
        self.used.add(name)
        drawn = (name, round(left), round(right))
        if drawn == self._last:
            return
        self._last = drawn
        paint = PAINTS[name]
        where = f'x="{left:.2f}" y="{_BAR_TOP}" width="{right - left:.2f}" height="{_BAR_HEIGHT}"'
        self.parts.append(f'<rect {where} fill="{paint.colour}"/>')
        if name in _PATTERNS:
            self.parts.append(f'<rect {where} fill="url(#p-{name})"/>')
        if right - left >= _ROOM_FOR_LETTER:
            self.letter((left + right) / 2, paint)

    def hole(self, from_us: int, to_us: int) -> None:
        """A stretch that nothing speaks of: the white ground shows, with its letter where there is room."""
        self.used.add("nothing")
        if self.x(to_us) - self.x(from_us) >= _ROOM_FOR_LETTER:
            self.letter((self.x(from_us) + self.x(to_us)) / 2, PAINTS["nothing"])

    def letter(self, middle: float, paint: Paint) -> None:
        centre = _BAR_TOP + _BAR_HEIGHT / 2
        self.parts.append(
            f'<circle cx="{middle:.2f}" cy="{centre}" r="7.4" fill="#fff"/>'
            f'<text x="{middle:.2f}" y="{centre + 3.6}" text-anchor="middle" font-size="10"'
            f' fill="{_dark(paint)}">{paint.letter}</text>'
        )


def timeline(facts: ReportFacts) -> str:
    """The range that the package covers, as one ``<svg>`` of 600 units' width with its legend.

    Numbers on flags are those of the table of interruptions (1 is the first of ``facts.interruptions``).
    """
    line = _Line(facts.given_from_us, facts.given_to_us)
    line.parts.append(
        f'<rect x="{_LEFT}" y="{_BAR_TOP}" width="{_RIGHT - _LEFT}" height="{_BAR_HEIGHT}" fill="#fff"'
        ' stroke="#b6bcc6" stroke-width="0.8" stroke-dasharray="3 2"/>'
    )
    for start, end in _holes(facts):
        line.hole(start, end)
    for stretch in facts.stretches:
        line.block(stretch.kind, stretch.from_us, stretch.to_us)
    shown = [each for each in facts.interruptions if each.closing is not Closing.WITHDRAWN and loses_media(each)]
    for fact in shown:
        end_us = facts.given_to_us if fact.to_us is None else fact.to_us
        line.block(paint_of(fact), fact.from_us, end_us, sliver=True)
    _flags(line, facts)
    _marks(line, facts)
    _ticks(line, facts, Clock(facts.utc_offset_minutes))
    bottom = _legend(line, [name for name in PAINTS if name in line.used])
    patterns = "".join(
        f'<pattern id="p-{name}" width="6" height="6" patternUnits="userSpaceOnUse">{drawing}</pattern>'
        for name, drawing in _PATTERNS.items()
        if name in line.used
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" height="{bottom}"'
        f' role="img" aria-label="时间轴" font-family="{_FONT}"><defs>{patterns}</defs>{"".join(line.parts)}</svg>'
    )


def _holes(facts: ReportFacts) -> list[tuple[int, int]]:
    """What neither a stretch nor an interruption speaks of, but for the edges' own error."""
    parts = [(each.from_us, each.to_us) for each in facts.stretches]
    parts += [
        (each.from_us, facts.given_to_us if each.to_us is None else each.to_us)
        for each in facts.interruptions
        if each.closing is not Closing.WITHDRAWN and loses_media(each)
    ]
    found, at = [], facts.given_from_us
    for start, end in [*sorted(parts), (facts.given_to_us, facts.given_to_us)]:
        if start - at > _UNSPOKEN_US:
            found.append((at, start))
        at = max(at, end)
    return found


def covered_us(parts: Iterable[tuple[int, int]], from_us: int, to_us: int) -> int:
    """How much of a range the parts cover, overlaps counted once."""
    total, at = 0, from_us
    for start, end in sorted(parts):
        low, high = max(start, at), min(end, to_us)
        if high > low:
            total += high - low
            at = high
    return total


def _flags(line: _Line, facts: ReportFacts) -> None:
    """The interruptions' numbers above the bar, on three levels; where there is no room, the table has them."""
    ends = dict.fromkeys(_FLAG_LEVELS, -1e9)
    placed = 0
    for number, fact in enumerate(facts.interruptions, 1):
        if placed >= _MAX_FLAGS or fact.closing is Closing.WITHDRAWN:
            continue
        end_us = facts.given_to_us if fact.to_us is None else fact.to_us
        middle = (line.x(fact.from_us) + line.x(end_us)) / 2
        for level, end in ends.items():
            if middle - end >= _FLAG_ROOM:
                ends[level] = middle
                colour = _dark(PAINTS[paint_of(fact)])
                text_at = min(max(middle, _LEFT + 6), _RIGHT - 6)
                line.parts.append(
                    f'<path d="M{middle:.2f} {level + 2}V{_BAR_TOP}" stroke="{colour}" stroke-width="0.7"/>'
                    f'<text x="{text_at:.2f}" y="{level}" text-anchor="middle" font-size="9.5"'
                    f' fill="{colour}">{number}</text>'
                )
                placed += 1
                break


def _marks(line: _Line, facts: ReportFacts) -> None:
    for mark in facts.marks[:_MAX_FLAGS]:
        x, low, colour = line.x(mark.at_us), _BAR_TOP + _BAR_HEIGHT, PAINTS["mark"].colour
        line.used.add("mark")
        line.parts.append(
            f'<path d="M{x - 4:.2f} {_BAR_TOP - 1}H{x + 4:.2f}L{x:.2f} {_BAR_TOP + 6}Z" fill="{colour}"/>'
            f'<path d="M{x:.2f} {_BAR_TOP}V{low}" stroke="{colour}" stroke-width="0.9"/>'
        )


def _ticks(line: _Line, facts: ReportFacts, clock: Clock) -> None:
    """Round times of the report's zone; the day where it begins."""
    seconds = line.span_us / 1_000_000
    step = next((each for each in _STEPS_S if seconds / each <= _LABELS), None)
    step = step or _DAY_S * (int(seconds / _DAY_S / _LABELS) + 1)
    offset = clock.offset_minutes * 60
    first = -(-(facts.given_from_us // 1_000_000 + offset) // step) * step
    low = _BAR_TOP + _BAR_HEIGHT
    shown_day = ""
    for local in range(first, int(first + seconds + 1), step):
        us = (local - offset) * 1_000_000
        if not facts.given_from_us <= us <= facts.given_to_us:
            continue
        text = clock.full(us)
        day, time = text[5:10], text[11:19] if step < 60 else text[11:16]
        label = day if step >= _DAY_S else time
        x = line.x(us)
        at = min(max(x, _LEFT + 18), _RIGHT - 18)
        line.parts.append(
            f'<path d="M{x:.2f} {low}v4" stroke="#6b7280" stroke-width="0.8"/>'
            f'<text x="{at:.2f}" y="{low + 14}" text-anchor="middle" font-size="9.5" fill="#4b5563">'
            f"{escape(label)}</text>"
        )
        if day != shown_day and step < _DAY_S:
            shown_day = day
            line.parts.append(
                f'<text x="{at:.2f}" y="{low + 25}" text-anchor="middle" font-size="8.5" fill="#6b7280">{day}</text>'
            )


def _legend(line: _Line, names: list[str]) -> int:
    """The paints that were used, in rows; returns where it ends."""
    x, y = float(_LEFT), _BAR_TOP + _BAR_HEIGHT + 38
    for name in names:
        paint = PAINTS[name]
        room = 26 + 10.5 * len(paint.word) + 12
        if x + room > _RIGHT and x > _LEFT:
            x, y = float(_LEFT), y + 18
        line.parts.append(_swatch(name, paint, x, y))
        x += room
    return y + 16


def _swatch(name: str, paint: Paint, x: float, y: float) -> str:
    word = f'<text x="{x + 26:.2f}" y="{y + 9.5}" font-size="10" fill="#374151">{paint.word}</text>'
    if name == "mark":
        colour = paint.colour
        return f'<path d="M{x + 7:.2f} {y + 2}h9l-4.5 8Z" fill="{colour}"/>' + word
    where = f'x="{x:.2f}" y="{y}" width="22" height="12"'
    edge = ' stroke="#b6bcc6" stroke-width="0.8" stroke-dasharray="3 2"' if name == "nothing" else ""
    made = f'<rect {where} fill="{paint.colour}"{edge}/>'
    if name in _PATTERNS:
        made += f'<rect {where} fill="url(#p-{name})"/>'
    letter = (
        f'<circle cx="{x + 11:.2f}" cy="{y + 6}" r="5.4" fill="#fff"/>'
        f'<text x="{x + 11:.2f}" y="{y + 8.9}" text-anchor="middle" font-size="8" fill="{_dark(paint)}">'
        f"{paint.letter}</text>"
    )
    return made + letter + word


def _dark(paint: Paint) -> str:
    """The colour of letters on white: dark enough to be read (contrast 4.5 and more)."""
    return {"#d8b400": "#6b5900", "#d9822b": "#8f4d0c", "#9aa0a6": "#50565d", "#ffffff": "#50565d"}.get(
        paint.colour, paint.colour
    )
