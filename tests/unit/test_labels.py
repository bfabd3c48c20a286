"""Labels: what their entries come to, and whom they hide which time from; in a hub, after a restart and a loss."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.app import Hub
from hub.clock import ManualClock
from hub.errors import Conflict, InvalidRequest
from hub.labels.labels import Labels
from hub.labels.model import Label, Secrecy, labels_from
from hub.ledger.entries import Entry, EntryType
from hub.ledger.verify import verify_path
from hub.people.rights import Role
from hub.people.standing import Standing
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER
from tests.unit.test_hub_activities import STREAM, call

TIMES = st.one_of(st.none(), st.integers(0, 30))
KINDS = st.sampled_from(list(Secrecy))


class Entries:
    """A ledger that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int, Any]] = []
        self.durable = 0
        self.listener: Any = None

    def append(self, stream_id: str, type: EntryType, body: Any) -> Entry:  # noqa: A002
        at_us = 100 + len(self.kept)
        if type is EntryType.LABEL:
            self.kept.append((stream_id, at_us, dict(body)))
        return Entry(stream_id, len(self.kept), type, 1, "", at_us, 0, body, "", b"", "00")

    async def committed(self) -> None:
        self.durable = len(self.kept)

    def on_commit(self, listener: Any) -> None:
        self.listener = listener


class Everywhere:
    """A tree of one unit."""

    def covers(self, _above: str, _below: str) -> bool:
        return True


def person(name: str, *roles: Role) -> Standing:
    return Standing(name, frozenset(roles), "root", Everywhere())  # type: ignore[arg-type]


WATCHER, APPROVER = person("wei", Role.WATCHER), person("pi", Role.APPROVER)


def made(entries: Entries) -> Labels:
    return Labels(ManualClock(), entries, lambda _: "")


async def none(_ident: str) -> int | None:
    return None


@given(st.lists(st.tuples(KINDS, TIMES, TIMES, st.booleans(), st.booleans()), max_size=8), st.integers(0, 30), TIMES)
def test_a_time_is_hidden_when_a_label_in_force_touches_it(
    drawn: list[tuple[Secrecy, int | None, int | None, bool, bool]], begin: int, length: int | None
) -> None:
    """Compared with sets of moments; and the same from the entries alone."""

    async def story() -> None:
        entries = Entries()
        labels = made(entries)
        moments: set[int] = set()
        for kind, first, last, cleared, lifted in drawn:
            if first is not None and last is not None and first >= last:
                with pytest.raises(InvalidRequest):
                    await labels.set("a", kind, "r", by="pi", from_us=first, to_us=last)
                continue
            names = ["wei"] if cleared else []
            label = await labels.set("a", kind, "r", by="pi", from_us=first, to_us=last, cleared=names)
            if lifted:
                await labels.withdraw(label.id, "r", by="pi")
            elif not cleared:
                moments |= set(range(first or 0, 100 if last is None else last))
        end = begin + (length or 1)
        again = made(Entries())
        await again.start(entries.kept, none)
        for one in (labels, again):
            assert bool(one.hidden(WATCHER, "a", begin, end)) == bool(moments & set(range(begin, end)))
            assert not one.hidden(APPROVER, "a", begin, end)
            assert not one.hidden(WATCHER, "b", begin, end)
        assert again.all() == labels.all()

    asyncio.run(story())


async def test_who_sees_no_pictures_is_cleared_of_none() -> None:
    labels = made(Entries())
    await labels.set("a", Secrecy.PRIVACY, "r", by="pi", cleared=["yun"])
    assert labels.hidden(person("yun", Role.WATCHER), "a", 0, 1) == ()
    assert labels.hidden(person("yun", Role.WATCHER, Role.ENGINEER), "a", 0, 1)
    assert labels.hidden(person("pi", Role.APPROVER, Role.ENGINEER), "a", 0, 1)


async def test_it_hides_before_it_is_durable_and_shows_only_afterwards() -> None:
    entries = Entries()
    labels = made(entries)
    hidden: list[bool] = []

    async def committed() -> None:
        hidden.append(bool(labels.hidden(WATCHER, "a", 0, 1)))

    entries.committed = committed  # type: ignore[method-assign]
    label = await labels.set("a", Secrecy.STATE_SECRET, "r", by="pi")
    await labels.withdraw(label.id, "r", by="pi")
    assert hidden == [True, True]
    assert not labels.hidden(WATCHER, "a", 0, 1)
    with pytest.raises(Conflict):
        await labels.withdraw(label.id, "r", by="pi")
    with pytest.raises(InvalidRequest):
        await labels.set("a", Secrecy.PRIVACY, " ", by="pi")


async def test_the_label_of_an_activity_ends_with_it() -> None:
    entries = Entries()
    labels = made(entries)
    await labels.start([], none)
    await labels.set("a", Secrecy.PRIVACY, "r", by="pi", from_us=10, activity="x")
    assert labels.hidden(WATCHER, "a", 90, 91)
    end = {"id": "x", "action": "end", "by": "y", "at_us": 50}
    entries.listener([Entry("a", 9, EntryType.ACTIVITY, 1, "", 60, 0, end, "", b"", "00")])
    assert labels.hidden(WATCHER, "a", 49, 50)
    assert not labels.hidden(WATCHER, "a", 50, 91)
    # a hub that was killed before it heard of the end makes up for it
    again = made(Entries())

    async def ended(ident: str) -> int | None:
        return 40 if ident == "x" else None

    await again.start(entries.kept[:1], ended)
    assert again.hidden(WATCHER, "a", 39, 40)
    assert not again.hidden(WATCHER, "a", 40, 41)


WORDS = ["id", "action", "kind", "by", "reason", "from_us", "to_us", "cleared"]
VALUES = st.sampled_from(["set", "withdraw", "privacy", "l1", "", 0, -1, None, ("x",)])


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from(WORDS), VALUES)), max_size=5))
def test_entries_that_make_no_sense_are_passed_over(drawn: list[tuple[str, dict[str, Any]]]) -> None:
    found = labels_from((stream, at, body) for at, (stream, body) in enumerate(drawn))
    assert all(isinstance(one, Label) for one in found.values())


async def test_labels_outlive_the_hub_and_its_database(tmp_path: Path) -> None:
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        await call(client, "POST", "/api/streams", STREAM)
        begun = await call(client, "POST", "/api/activities", {"stream": "rec-1", "party": "赵六"})
        asked = {"kind": "privacy", "reason": "未成年人", "activity": begun["id"]}
        first = await call(client, "POST", "/api/labels", asked)
        asked = {"kind": "state_secret", "reason": "保密检查", "stream": "rec-1", "to": "2026-01-01T00:00:00Z"}
        second = await call(client, "POST", "/api/labels", asked)
        await call(client, "POST", f"/api/labels/{second['id']}/withdraw", {"reason": "解密"})
        assert (await call(client, "GET", "/api/streams/rec-1"))["status"]["label"] == "privacy"
        await call(client, "POST", f"/api/activities/{begun['id']}/end", {})
    for lost in (False, True):
        if lost:
            for file in (tmp_path / "data").glob("hub.db*"):
                file.unlink()
        async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
            listed = await call(client, "GET", "/api/labels?withdrawn=true")
            shown = {
                one["id"]: (one["kind"], one["withdrawn_by"], one["activity"], one["to"] is None) for one in listed
            }
            assert shown == {
                first["id"]: ("privacy", "", begun["id"], False),
                second["id"]: ("state_secret", "program:admin", "", False),
            }
    assert verify_path(tmp_path / "data", keys_dir=tmp_path / "keys").exit_code == 0
