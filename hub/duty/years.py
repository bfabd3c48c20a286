"""The holidays and make-up working days (调休) of a year, as one notice of the State Council states them.

Nothing is computed: a year whose notice nobody has entered is not known. JSON::

    {"year": 2026,
     "notice": {"title": "国务院办公厅关于…的通知", "number": "国办发明电〔2025〕7号", "issued": "2025-11-04"},
     "source": "where its text was read",
     "holidays": {"2026-01-01": "元旦"},
     "workdays": ["2026-01-04"]}

or CSV with the columns what, value, name: rows ``year``, ``title``, ``number``, ``issued``, ``source``, and one
``holiday`` or ``workday`` a day.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hub.errors import InvalidRequest

MAX_FILE_BYTES = 64 * 1024
_SATURDAY = 5

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Notice(BaseModel):
    """The notice that a year rests on: its title, its number (文号) and its date."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text
    number: Text
    issued: date


class Year(BaseModel):
    """A year's days that are not what their weekday says. They may reach into December before and January after."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    year: int = Field(ge=2000, le=2200)
    notice: Notice
    source: str = Field("", max_length=500)
    holidays: dict[date, Annotated[str, StringConstraints(min_length=1, max_length=40)]] = Field(
        min_length=1, max_length=60
    )
    workdays: tuple[date, ...] = Field((), max_length=30)

    @model_validator(mode="after")
    def _consistent(self) -> Year:
        for day in (*self.holidays, *self.workdays):
            near = day.year == self.year or (day.year, day.month) in ((self.year - 1, 12), (self.year + 1, 1))
            if not near:
                raise ValueError(f"expected days of {self.year}, found {day}")
        both = sorted(set(self.holidays) & set(self.workdays))
        if both:
            raise ValueError(f"expected a day to be a holiday or a make-up day, {both[0]} is both")
        for day in self.workdays:
            if day.weekday() < _SATURDAY:
                raise ValueError(f"expected make-up days on a Saturday or Sunday, {day} is a working day anyway")
        if len(set(self.workdays)) != len(self.workdays):
            raise ValueError("expected each make-up day once")
        if self.notice.issued.year not in (self.year - 1, self.year):
            raise ValueError(f"expected a notice of {self.year - 1} or {self.year}, found {self.notice.issued}")
        return self

    def body(self) -> dict[str, Any]:
        """As an entry of the ledger carries it."""
        return self.model_dump(mode="json")


def parse_year(data: bytes) -> Year:
    """A year's file, JSON or CSV. Raises InvalidRequest, and nothing else."""
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(f"expected a year's file of at most {MAX_FILE_BYTES} bytes", code="bad_year")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("expected a year's file in UTF-8", code="bad_year") from None
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else _from_csv(text)
        return Year.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise InvalidRequest(f"year: {_explain(error)}", code="bad_year") from None
    except (ValueError, RecursionError, csv.Error) as error:
        raise InvalidRequest(f"expected a year's file as JSON or CSV: {str(error)[:200]}", code="bad_year") from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        place = ".".join(str(part)[:40] for part in problem["loc"])
        lines.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}".removeprefix(": "))
    return "; ".join(lines)


def _from_csv(text: str) -> Mapping[str, Any]:
    value: dict[str, Any] = {"notice": {}, "holidays": {}, "workdays": []}
    for number, row in enumerate(csv.reader(StringIO(text), strict=True), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells[0] == "what"):
            continue
        what, found = cells[0], cells[1] if len(cells) > 1 else ""
        if what == "year":
            value["year"] = int(found)
        elif what in ("title", "number", "issued"):
            value["notice"][what] = found
        elif what == "source":
            value["source"] = found
        elif what == "holiday":
            if found in value["holidays"]:
                raise ValueError(f"row {number}: {found[:20]!r} is there twice")
            value["holidays"][found] = cells[2] if len(cells) > 2 else ""
        elif what == "workday":
            value["workdays"].append(found)
        else:
            raise ValueError(f"row {number}: expected year, title, number, issued, source, holiday or workday")
    return value


@cache
def shipped_years() -> tuple[Year, ...]:
    """The years that come with the hub, oldest first."""
    found = [one for one in files("hub.duty").joinpath("years_of_china").iterdir() if one.name.endswith(".json")]
    return tuple(sorted((parse_year(one.read_bytes()) for one in found), key=lambda year: year.year))
