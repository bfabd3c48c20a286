"""The single breaks of an interruption with a count, as they are kept in its evidence.

``"1767225600000000-1767225603000000 1767225610000000-"``: hub UTC in µs, oldest first, the last one open
while it lasts. Only the newest 17 are listed; earlier ones are in ``earlier_us``, their sum.
"""

from __future__ import annotations

from collections.abc import Sequence

Break = tuple[int, int | None]


def format_breaks(breaks: Sequence[Break]) -> str:
    return " ".join(f"{begin}-{'' if end is None else end}" for begin, end in breaks)


def parse_breaks(text: int | str) -> list[Break]:
    """The breaks of an evidence value; an empty list for anything that is none."""
    out: list[Break] = []
    for part in str(text).split():
        begin, dash, end = part.partition("-")
        if not dash or not begin.isdecimal() or not (end == "" or end.isdecimal()):
            return []
        out.append((int(begin), int(end) if end else None))
    return out
