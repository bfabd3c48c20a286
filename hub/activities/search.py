"""The list of activities, searched by the six fields of 003§17: 大队名称、设备编号、执法人员、使用时间、当事人、案由.

The newest first. The index gives rows in that order one after the other, so a page costs as much as it is long, not
as much as there is: what is common ends soon, what is rare is short. Blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, text

from hub.activities import index
from hub.activities.deadlines import StorageState
from hub.activities.findings import Finding
from hub.activities.model import Activity, Mode
from hub.activities.store import Kept, finding_words, kept_of, numbers_of, row_range, units_known
from hub.activities.tables import activities
from hub.activities.words import MAX_NUMBERS, NONE, Field, Kind, any_of, expression, plain, wanted_words
from hub.errors import InvalidRequest

_TEXTS: dict[Field, Callable[[Activity], tuple[str, ...]]] = {
    Field.PARTY: lambda one: (one.party,),
    Field.CAUSE: lambda one: (one.cause,),
    Field.CASE: lambda one: (one.case_number, *one.documents),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; None: not asked. ``units`` says of a unit's id whether it is wanted and may be seen (None:
    all are). Times: the activity began in ``from_us … to_us``. ``q``: words, each in any of the fields."""

    units: Callable[[str], bool] | None = None
    shown: Callable[[Activity], bool] | None = None
    """Whether the one who asks may know of it; None: of all."""
    stream: str | None = None
    device: str | None = None
    officer: str | None = None
    party: str | None = None
    cause: str | None = None
    case: str | None = None
    q: str | None = None
    finding: Finding | None = None
    any_finding: bool = False
    mode: Mode | None = None
    storage: StorageState | None = None
    from_us: int | None = None
    to_us: int | None = None
    limit: int = 50
    after: str | None = None


Check = Callable[[Activity], bool]
_STORED_AS: dict[StorageState | None, str] = {
    None: "",
    "recording": "AND a.settled = 0 AND a.ended_us IS NULL",
    "stored": "AND a.storage = 'stored'",
    "due": "AND a.settled = 0 AND a.storage = 'due'",
    "exempt": "AND a.settled = 0 AND a.storage = 'exempt'",
    "overdue": "AND a.settled = 0 AND a.storage = 'overdue'",
}
"""What is not settled has an index of its own: few of a million are."""


def search(engine: Engine, query: Query) -> list[Kept]:
    """A page, the newest first. Raises InvalidRequest for words that cannot be searched for."""
    first, last = row_range(query.from_us, query.to_us)
    with engine.connect() as connection:
        if query.after is not None:
            row = connection.execute(
                select(activities.c.row).where(activities.c.id == query.after)
            ).scalar_one_or_none()
            if row is None:
                return []
            last = min(last, row - 1)
        parts, checks = _asked(connection, query)
        checks += _times(query)
        if parts:
            asked = " AND ".join(parts)
            with closing(index.matching(connection, asked, first, last, _STORED_AS[query.storage])) as rows:
                return _page(rows, checks, query.limit)
        listed = select(activities).where(activities.c.row.between(first, last)).execution_options(stream_results=True)
        if query.storage is not None:
            listed = listed.where(text(_STORED_AS[query.storage].removeprefix("AND ").replace("a.", "")))
        with closing(connection.execute(listed.order_by(activities.c.row.desc()))) as rows:
            return _page(rows, checks, query.limit)


def _page(rows: Iterable[Row[Any]], checks: Sequence[Check], limit: int) -> list[Kept]:
    kept = (kept_of(row) for row in rows)
    return list(islice((one for one in kept if all(check(one.activity) for check in checks)), limit))


def _asked(connection: Connection, query: Query) -> tuple[list[str], list[Check]]:
    """What the index is asked, and what is compared with the text of what it finds."""
    parts: list[str] = []
    checks: list[Check] = []
    if query.units is not None:
        _units(connection, query.units, parts, checks)
    if query.stream is not None:
        known = numbers_of(connection, Kind.STREAM, plain(query.stream))
        parts.append(_numbered([(Kind.STREAM, number) for number in known]))
        checks.append(lambda one: one.stream_id == query.stream)
    for wanted, kinds, fields in (
        (query.device, (Kind.DEVICE, Kind.STREAM), ()),
        (query.officer, (Kind.OFFICER,), ()),
        (query.party, (), (Field.PARTY,)),
        (query.cause, (), (Field.CAUSE,)),
        (query.case, (), (Field.CASE,)),
        (query.q, tuple(Kind), tuple(Field)),
    ):
        if wanted is not None:
            for word in wanted_words(wanted):
                _word(connection, word, kinds, fields, parts, checks)
    if query.shown is not None:
        checks.append(query.shown)
    if query.finding is not None or query.any_finding:
        parts.append(any_of(finding_words(query.finding)))
    return parts, checks


def _units(connection: Connection, wanted: Callable[[str], bool], parts: list[str], checks: list[Check]) -> None:
    known = list(units_known(connection))
    numbers = [(Kind.UNIT, number) for number, unit in known if wanted(unit)]
    if len(numbers) == len(known):
        return
    if len(numbers) <= MAX_NUMBERS:
        parts.append(_numbered(numbers))
    checks.append(lambda one: wanted(one.unit))


def _word(
    connection: Connection,
    word: str,
    kinds: Sequence[Kind],
    fields: Sequence[Field],
    parts: list[str],
    checks: list[Check],
) -> None:
    numbers = [(kind, number) for kind in kinds for number in numbers_of(connection, kind, word)]
    if len(numbers) > MAX_NUMBERS:
        raise InvalidRequest(
            f"expected a word that names fewer officers and devices, found {len(numbers)} for {word!r}",
            code="bad_query",
        )
    named = [f'"{kind}{number}"' for kind, number in numbers]
    parts.append(any_of([*named, *(expression(field, word) for field in fields)]))
    checks.append(lambda one: _holds(one, word, kinds, fields))


def _numbered(numbers: Sequence[tuple[Kind, int]]) -> str:
    return any_of([f'"{kind}{number}"' for kind, number in numbers] or [f'"{NONE}"'])


def _holds(activity: Activity, word: str, kinds: Sequence[Kind], fields: Sequence[Field]) -> bool:
    """Whether the text itself holds the word."""
    for field in fields:
        if any(word in plain(text) for text in _TEXTS[field](activity)):
            return True
    texts: list[str] = []
    if Kind.OFFICER in kinds:
        texts += [text for one in activity.officers for text in (one.name, one.certificate)]
    if Kind.DEVICE in kinds:
        texts.append(activity.device)
    if Kind.STREAM in kinds:
        texts.append(activity.stream_id)
    if Kind.UNIT in kinds:
        texts.append(activity.unit_name)
    return any(word in plain(text) for text in texts)


def _times(query: Query) -> list[Check]:
    """Rows are to the second, times are not; of modes there are two, and each is common."""
    checks: list[Check] = []
    from_us, to_us, mode = query.from_us, query.to_us, query.mode
    if mode is not None:
        checks.append(lambda one: one.mode is mode)
    if from_us is not None:
        checks.append(lambda one: one.began_us >= from_us)
    if to_us is not None:
        checks.append(lambda one: one.began_us < to_us)
    return checks
