"""Activities in the database: what entries make of the rows, and the list that is searched. Blocking, any thread."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, func, or_, select

from hub.activities import index
from hub.activities.deadlines import StorageState
from hub.activities.findings import Finding
from hub.activities.model import Activity, Said, activity_from, replay
from hub.activities.tables import ROWS_A_SECOND, VERSION, activities, cursor, entries, names
from hub.activities.words import Field, Kind, plain, tokens
from hub.clock import US_PER_S
from hub.database import holds_text, upsert

BATCH = 500
_NUMBERS = {finding: f"f{number}" for number, finding in enumerate(Finding)}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """An activity with what was last found of it. ``row`` orders by the begin. ``told_until_us``: what was due to be
    told until then was told."""

    row: int
    activity: Activity
    findings: tuple[Finding, ...] = ()
    storage: StorageState = "recording"
    due_us: int | None = None
    told_until_us: int = 0
    settled: bool = False


class Store:
    """Several threads may read; one at a time writes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def prepare(self) -> None:
        """The index is there, and everything is of this version."""
        with self.engine.begin() as connection:
            index.create(connection)
            found = connection.execute(select(cursor.c.version)).scalars().all()
        if list(found) != [VERSION]:  # everything is read from the entries again
            with self.engine.begin() as connection:
                for table in (activities, entries, names, cursor):
                    connection.execute(table.delete())
                index.forget_all(connection)
                connection.execute(cursor.insert().values(version=VERSION, entry_id=0))

    @property
    def read_until(self) -> int:
        """The last entry of the ledger, by its number, that is known to be in these tables."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(cursor.c.entry_id)).scalar_one())

    def set_read_until(self, entry_id: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(cursor.update().values(entry_id=entry_id))

    # ------------------------------------------------------------------------------------ writing

    def apply(self, said: Sequence[Said]) -> list[Kept]:
        """Take up entries; those that are here already change nothing. Returns the activities that they are of."""
        touched: dict[str, None] = {}
        with self.engine.begin() as connection:
            for one in said:
                ident = str(one.body.get("id", ""))
                row = {"stream": one.stream_id, "seq": one.seq, "activity": ident, "at_us": one.at_us}
                row["body"] = json.dumps(dict(one.body), ensure_ascii=False, separators=(",", ":"))
                if connection.execute(upsert(entries).values(row).on_conflict_do_nothing()).rowcount:
                    touched[ident] = None
            found = [self._replay(connection, ident) for ident in touched]
        return [kept for kept in found if kept is not None]

    def _replay(self, connection: Connection, ident: str) -> Kept | None:
        before = _find(connection, ident)
        if before is not None:
            # an id belongs to the stream that began it
            rows = [one for one in _said(connection, ident) if one.stream_id == before.activity.stream_id]
        else:
            rows = _said(connection, ident)
        activity = replay(rows)
        if activity is None:
            _log.warning("entries of an activity have no begin", activity=ident)
            return None
        if before is None:
            kept = Kept(_free_row(connection, activity.began_us), activity)
        else:
            kept = Kept(
                before.row, activity, before.findings, before.storage, before.due_us, before.told_until_us, False
            )
        self._write(connection, kept)
        return kept

    def update(self, found: Iterable[Kept]) -> None:
        """What was found of activities at this moment. One that has changed meanwhile is left as it is."""
        with self.engine.begin() as connection:
            for kept in found:
                now = _find(connection, kept.activity.id)
                if now is not None and now.activity == kept.activity:
                    self._write(connection, kept)

    def load(self, found: Sequence[Kept], known: dict[tuple[Kind, str, str], int]) -> None:
        """Many new activities at once, at rows that are free: for those who make up a database. ``known`` is kept
        from call to call."""
        with self.engine.begin() as connection:

            def number(kind: Kind, key: str, text: str) -> int:
                if (kind, key, text) not in known:
                    known[kind, key, text] = _number(connection, kind, key, text)
                return known[kind, key, text]

            words = [" ".join(words_of(kept, number)) for kept in found]
            if found:
                connection.execute(activities.insert(), [_row(*pair) for pair in zip(found, words, strict=True)])
                pairs = [(kept.row, each) for kept, each in zip(found, words, strict=True)]
                index.add(connection, pairs)

    def reopen(self, stream_id: str, from_us: int, to_us: int) -> None:
        """Activities that touch this time are looked at again."""
        row = activities.c
        with self.engine.begin() as connection:
            connection.execute(
                activities.update()
                .where(row.stream == stream_id, row.began_us < to_us, row.ended_us > from_us, row.settled == 1)
                .values(settled=0)
            )

    def _write(self, connection: Connection, kept: Kept) -> None:
        words = " ".join(words_of(kept, lambda kind, key, text: _number(connection, kind, key, text)))
        old = connection.execute(select(activities.c.words).where(activities.c.row == kept.row)).scalar_one_or_none()
        row = _row(kept, words)
        connection.execute(upsert(activities).values(row).on_conflict_do_update(index_elements=["row"], set_=row))
        if old == words:
            return
        if old is not None:
            index.remove(connection, kept.row, old)
        index.add(connection, [(kept.row, words)])

    # ------------------------------------------------------------------------------------ reading

    def find(self, ident: str) -> Kept | None:
        with self.engine.connect() as connection:
            return _find(connection, ident)

    def history(self, ident: str) -> list[Said]:
        """The entries of an activity, oldest first."""
        with self.engine.connect() as connection:
            return _said(connection, ident)

    def open(self) -> list[Kept]:
        """Activities that have not ended."""
        query = select(activities).where(activities.c.settled == 0, activities.c.ended_us.is_(None))
        with self.engine.connect() as connection:
            return [kept_of(row) for row in connection.execute(query)]

    def unsettled(self, after_row: int = -1, limit: int = BATCH) -> list[Kept]:
        """What must be looked at again, in the order of the begin."""
        query = select(activities).where(activities.c.settled == 0, activities.c.row > after_row)
        with self.engine.connect() as connection:
            return [kept_of(row) for row in connection.execute(query.order_by(activities.c.row).limit(limit))]

    def to_be_stored(self) -> list[Kept]:
        """Ended, and not all of it is here."""
        row = activities.c
        query = select(activities).where(row.settled == 0, row.storage.in_(("due", "exempt", "overdue")))
        with self.engine.connect() as connection:
            found = connection.execute(query.order_by(row.due_us.is_(None), row.due_us, row.row))
            return [kept_of(one) for one in found]

    def during(self, stream_id: str, from_us: int, to_us: int) -> list[Activity]:
        """The stream's activities that touch this time, oldest first. One has never lasted more than a month."""
        row = activities.c
        query = select(activities).where(
            row.stream == stream_id, row.began_us < to_us, row.began_us >= from_us - 31 * 86_400 * US_PER_S
        )
        with self.engine.connect() as connection:
            found = [kept_of(one).activity for one in connection.execute(query.order_by(row.began_us))]
        return [one for one in found if one.ended_us is None or one.ended_us > from_us]


def _row(kept: Kept, words: str) -> dict[str, Any]:
    activity = kept.activity
    return {
        "row": kept.row, "id": activity.id, "stream": activity.stream_id, "began_us": activity.began_us,
        "ended_us": activity.ended_us, "words": words, "findings": " ".join(kept.findings),
        "state": json.dumps(activity.json(), ensure_ascii=False, separators=(",", ":")),
        "storage": kept.storage, "due_us": kept.due_us, "told_until_us": kept.told_until_us,
        "settled": int(kept.settled),
    }  # fmt: skip


def words_of(kept: Kept, number: Any) -> list[str]:
    """Every token of an activity. ``number(kind, key, text)`` gives that of a unit, a stream, a device, an officer."""
    activity = kept.activity
    found = {
        f"{Kind.UNIT}{number(Kind.UNIT, activity.unit, activity.unit_name)}": None,
        f"{Kind.STREAM}{number(Kind.STREAM, activity.stream_id, activity.stream_id)}": None,
    }
    if activity.device:
        found[f"{Kind.DEVICE}{number(Kind.DEVICE, '', activity.device)}"] = None
    for officer in activity.officers:
        found[f"{Kind.OFFICER}{number(Kind.OFFICER, officer.certificate, officer.name)}"] = None
    for field, text in (
        (Field.PARTY, activity.party),
        (Field.CAUSE, activity.cause),
        (Field.CASE, activity.case_number),
        *((Field.CASE, number) for number in activity.documents),
    ):
        found |= dict.fromkeys(tokens(field, text))
    found |= {_NUMBERS[finding]: None for finding in kept.findings}
    return list(found)


def finding_words(finding: Finding | None) -> list[str]:
    """What the index calls a finding; None: all of them."""
    return [f'"{_NUMBERS[one]}"' for one in ([finding] if finding else Finding)]


def row_range(from_us: int | None, to_us: int | None) -> tuple[int, int]:
    """Rows of activities that began in that time, to the second."""
    first = 0 if from_us is None else max(0, from_us // US_PER_S) * ROWS_A_SECOND
    last = 2**62 if to_us is None else -(-max(0, to_us) // US_PER_S) * ROWS_A_SECOND - 1
    return first, last


def kept_of(row: Row[Any]) -> Kept:
    known = {finding.value for finding in Finding}
    return Kept(
        row.row,
        activity_from(json.loads(row.state)),
        tuple(Finding(word) for word in row.findings.split() if word in known),
        row.storage,
        row.due_us,
        row.told_until_us,
        bool(row.settled),
    )


def numbers_of(connection: Connection, kind: Kind, wanted: str) -> list[int]:
    """Of what of this kind holds that plain text, in its name or its key."""
    row = names.c
    holds = holds_text(row.plain, wanted)
    query = select(row.number).where(
        row.kind == kind.value, holds if kind is Kind.UNIT else or_(holds, holds_text(row.key, wanted))
    )
    return list(connection.execute(query).scalars())


def units_known(connection: Connection) -> Iterator[tuple[int, str]]:
    """Number and id of every unit that ever had an activity."""
    query = select(names.c.number, names.c.key).where(names.c.kind == Kind.UNIT.value)
    for row in connection.execute(query):
        yield row.number, row.key


def _find(connection: Connection, ident: str) -> Kept | None:
    row = connection.execute(select(activities).where(activities.c.id == ident)).one_or_none()
    return None if row is None else kept_of(row)


def _said(connection: Connection, ident: str) -> list[Said]:
    query = select(entries).where(entries.c.activity == ident).order_by(entries.c.stream, entries.c.seq)
    return [Said(row.stream, row.seq, row.at_us, json.loads(row.body)) for row in connection.execute(query)]


def _free_row(connection: Connection, began_us: int) -> int:
    """The next row of that second; of the seconds after it once there are a thousand."""
    first = max(0, began_us // US_PER_S) * ROWS_A_SECOND
    while True:
        query = select(func.max(activities.c.row)).where(activities.c.row.between(first, first + ROWS_A_SECOND - 1))
        last = connection.execute(query).scalar_one()
        if last is None:
            return first
        if last + 1 < first + ROWS_A_SECOND:
            return int(last) + 1
        first += ROWS_A_SECOND


def _number(connection: Connection, kind: Kind, key: str, text: str) -> int:
    """The number of this one, given once. A unit's key is its id, as it is; other keys are compared plain."""
    row = {"kind": kind.value, "key": key if kind is Kind.UNIT else plain(key), "plain": plain(text)}
    query = select(names.c.number).where(*(names.c[name] == value for name, value in row.items()))
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        found = connection.execute(names.insert().values(row)).inserted_primary_key[0]  # type: ignore[index]
    return int(found)
