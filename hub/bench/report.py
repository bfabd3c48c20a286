"""What a benchmark found: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. ``versus`` names what it is compared with and ``ratio`` is this over that, in the same run."""

    name: str
    value: float
    unit: str
    versus: str | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a run. ``lost`` counts what was sent and not recorded (or not found): it must be 0.

    ``notes`` are sentences for people: on what machine, what was left out.
    """

    bench: str
    results: Sequence[Result]
    lost: int = 0
    notes: Sequence[str] = field(default=())

    def json(self) -> str:
        """``{"bench", "results": [{"name", "value", "unit", "versus", "ratio"}], "lost"}``"""
        results = [asdict(result) for result in self.results]
        return json.dumps({"bench": self.bench, "results": results, "lost": self.lost}, ensure_ascii=False)

    def table(self) -> str:
        rows = [
            (result.name, f"{result.value:,.4g} {result.unit}".rstrip(), _comparison(result)) for result in self.results
        ]
        rows.append(("lost", str(self.lost), ""))
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{name:<{widths[0]}}  {value:>{widths[1]}}  {versus}".rstrip() for name, value, versus in rows]
        return "\n".join([f"hub bench {self.bench}", "", *lines, *(f"\n{note}" for note in self.notes)])


def _comparison(result: Result) -> str:
    if result.versus is None:
        return ""
    return f"{result.ratio:.2f} × {result.versus}" if result.ratio is not None else f"against {result.versus}"
