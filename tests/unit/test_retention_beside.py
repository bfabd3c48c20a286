"""What lies beside footage goes when the footage goes, and not before: pictures of alarms, photographs, originals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hub.app.beside import beside
from hub.database import Database, create_tables, open_engine
from hub.footage.store import Brought, State, Store, _place
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.files import DATABASE_FILE
from hub.ledger.verdict import Completeness
from hub.model import InterruptionState
from hub.monitor.content.pictures import picture_path
from hub.retention.beside import Beside
from hub.shelf import LocalShelf
from tests.ledger_folder import START_US, interruption, lines
from tests.retention_support import REEL_US, Place, running

BREAK = (START_US + 3 * REEL_US, START_US + 4 * REEL_US)
"""After three reels; the fourth is younger."""


class Things:
    """Finds what the running hub would find."""

    def __init__(self) -> None:
        self.place: Place | None = None
        self.engine: Engine | None = None

    def find(self, stream_id: str, until_us: int) -> Sequence[Beside]:
        assert self.place is not None
        return beside(LocalShelf(self.place.folder.data), self.place.ledger.reader, self.store, stream_id, until_us)

    @property
    def store(self) -> Store:
        assert self.place is not None
        if self.engine is None:
            self.engine = open_engine(Database(self.place.folder.data / DATABASE_FILE))
            create_tables(self.engine)
        return Store(self.place.folder.settings, self.engine)

    async def cut(self, stream: str, start_us: int, end_us: int) -> Path:
        """An interruption with the picture that its alarm was raised on."""
        assert self.place is not None
        ledger = self.place.ledger
        cut = interruption(stream, InterruptionState.CONFIRMED, start_us)
        name = picture_path(stream, cut.id, cut.detected_us)
        cut = replace(cut, evidence={"picture": name, "picture_sha256": "ab" * 32})
        ledger.append(stream, EntryType.INTERRUPTION_OPEN, interruption_body(cut))
        closed = replace(cut, state=InterruptionState.CLOSED, ended_us=end_us)
        ledger.append(stream, EntryType.INTERRUPTION_CLOSE, interruption_body(closed))
        await ledger.committed()
        return self.put(name)

    def put(self, name: str) -> Path:
        assert self.place is not None
        path = self.place.folder.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"bytes")
        return path

    def photo(self, ident: str, stream: str, at_us: int, sha256: str = "cd" * 32) -> Path:
        name = f"photos/{sha256}"
        one = Brought(
            ident, stream, "a.jpg", "", 5, "off", None, None, START_US, START_US, State.ATTACHED, "", name, sha256
        )
        self.store.add(replace(one, result={"at_us": at_us}))
        return self.put(name)

    def original(self, stream: str, from_us: int, to_us: int) -> Path:
        sha256 = "ef" * 32
        one = Brought(
            "u1", stream, "a.ts", "", 5, "off", None, None, START_US, START_US, State.RECORDED, "", "", sha256
        )
        self.store.add(replace(one, result={"fills": [{"from_us": from_us, "to_us": to_us}]}))
        return self.put(f"uploads/{sha256}")


def said(place: Place, stream: str) -> list[str]:
    """What the ``deleted`` entries name beside reels."""
    files = sorted(place.folder.data.glob(f"reels/{stream}/*.entries"))
    entries = [json.loads(line) for path in files for line in lines(path)]
    return [name for one in entries if one["type"] == EntryType.DELETED.value for name in one["body"]["beside"]]


async def test_what_belongs_to_deleted_footage_goes_with_it_and_is_named(tmp_path: Path) -> None:
    things = Things()
    async with running(tmp_path, beside=things.find, retention_classes=("patrol=366..400",)) as place:
        things.place = place
        await place.record("cam-a", 3)
        picture = await things.cut("cam-a", *BREAK)
        photo, original = things.photo("p1", "cam-a", BREAK[0] - 1), things.original("cam-a", *BREAK)
        apart = things.put("apart/" + "01" * 32)
        unknown = things.put("pictures/cam-a/2026-01-01/cam-a-999.jpg")
        place.days(399)
        await place.passes()
        assert all(one.exists() for one in (picture, photo, original)), "as long as the footage"
        place.days(3)
        await place.passes()
        assert place.there("cam-a") == []
        assert not any(one.exists() for one in (picture, photo, original))
        assert all(one.exists() for one in (apart, unknown)), "nobody has said what they are"
        data = place.folder.data
        assert said(place, "cam-a") == sorted(str(one.relative_to(data)) for one in (picture, photo, original))
    verdict = place.folder.verify()
    assert verdict.exit_code == 0, verdict.findings
    assert verdict.completeness is Completeness.TOMBSTONED


async def test_what_lies_within_footage_that_stays_stays(tmp_path: Path) -> None:
    things = Things()
    async with running(tmp_path, beside=things.find, retention_classes=("patrol=366..400",)) as place:
        things.place = place
        names = await place.record("cam-a", 2)
        within = things.photo("p1", "cam-a", START_US + 3_000_000)
        later = things.photo("p2", "cam-a", BREAK[0], "ce" * 32)
        picture = await things.cut("cam-a", *BREAK)
        await place.retention.place_hold("cam-a", START_US, START_US + 1, "objection", "", "w")
        place.days(402)
        await place.passes()
        assert place.there("cam-a") == names[:1]
        assert within.exists(), "another moment of its footage is held"
        assert picture.exists(), "it is of a time that the deleted footage does not reach"
        assert later.exists()


async def test_a_hold_of_its_own_time_keeps_it_and_the_next_deletion_takes_it(tmp_path: Path) -> None:
    things = Things()
    async with running(tmp_path, beside=things.find, retention_classes=("patrol=366..400",)) as place:
        things.place = place
        await place.record("cam-a", 3)
        picture = await things.cut("cam-a", *BREAK)
        hold = await place.retention.place_hold("cam-a", BREAK[0] + 1, BREAK[1], "objection", "", "w")
        place.days(402)
        await place.passes()
        assert place.there("cam-a") == []
        assert picture.exists()
        await place.retention.release_hold(hold.id, "settled", "w")
        await place.record("cam-a", 1, run=2, at_us=START_US + 10 * REEL_US)
        await place.passes()
        assert place.there("cam-a") == []
        assert not picture.exists()


async def test_the_same_photograph_of_two_streams_goes_when_neither_keeps_it(tmp_path: Path) -> None:
    things = Things()
    async with running(tmp_path, beside=things.find, retention_classes=("patrol=366..400",)) as place:
        things.place = place
        await place.record("cam-a", 1)
        photo = things.photo("p1", "cam-a", START_US + 1)
        things.photo("p2", "cam-b", START_US + 1)
        hold = await place.retention.place_hold("cam-b", START_US, START_US + 10, "objection", "", "w")
        place.days(402)
        await place.passes()
        assert place.there("cam-a") == []
        assert photo.exists()
        await place.retention.release_hold(hold.id, "settled", "w")
        await place.record("cam-a", 1, run=2, at_us=START_US + 10 * REEL_US)
        await place.passes()
        assert not photo.exists()


async def test_what_cannot_be_found_holds_up_no_deletion(tmp_path: Path) -> None:
    def broken(_stream: str, _until: int) -> Sequence[Beside]:
        raise RuntimeError("the database is away")

    async with running(tmp_path, beside=broken, retention_classes=("patrol=366..400",)) as place:
        await place.record("cam-a", 1)
        place.days(402)
        await place.passes()
        assert place.there("cam-a") == []
        assert said(place, "cam-a") == []


@pytest.mark.parametrize(("claimed_us", "at_us"), [(None, 7), (9, 9)])
def test_a_photograph_without_a_moment_is_as_young_as_it_may_be(
    tmp_path: Path, claimed_us: int | None, at_us: int
) -> None:
    one = Brought("p", "cam-a", "", "", 1, "", claimed_us, None, 7, 7, State.ATTACHED)
    assert _place(one) == ("cam-a", at_us, at_us + 1)
