"""People, their certificate numbers and roles; passwords, and the second person who signs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.errors import Conflict, InvalidRequest, NotFound, Refused
from hub.people.accounts import Accounts, Session
from hub.people.changes import Actor, Change
from hub.people.people import Person, check_certificate
from hub.people.rights import Right, Role
from hub.people.tree import ROOT, UnitKind
from hub.settings import Settings
from tests.database_support import hurry

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADMIN = Actor("admin", frozenset({Role.ADMIN}))
MANAGER = Actor("zhao", frozenset({Role.ACCOUNT_ADMIN}))
OWN = "a password of my own"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(Database(tmp_path / "hub.db"))
    hurry(engine)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def accounts(engine: Engine) -> Accounts:
    accounts, _ = await Accounts.open(engine, Settings(), ManualClock(), CHEAP)
    await accounts.people.units.add("north", "北部大队", ROOT, UnitKind.BRIGADE, by=ADMIN)
    return accounts


async def signed_in(accounts: Accounts, username: str, password: str) -> Session:
    made = await accounts.sign_in(username, password)
    assert made is not None
    return made[0]


async def officer(accounts: Accounts, username: str, certificate: str = "") -> Person:
    """A person with a password of their own, OWN."""
    person, password = await accounts.new_person(
        username, username, by=ADMIN, certificate=certificate, roles=frozenset({Role.OFFICER})
    )
    await accounts.change_password(await signed_in(accounts, username, password), password, OWN)
    return person


# ------------------------------------------------------------------------------------------ people


async def test_a_person_survives_a_restart(accounts: Accounts, engine: Engine) -> None:
    person, password = await accounts.new_person(
        "wang",
        " 王警官 ",
        by=ADMIN,
        unit="north",
        certificate="冀 13-001",
        assistant=True,
        roles=frozenset({Role.OFFICER, Role.WATCHER}),
    )
    assert (person.name, person.certificate, person.must_change_password) == ("王警官", "冀13-001", True)
    again, _ = await Accounts.open(engine, Settings(), ManualClock(), CHEAP)
    assert again.people.by_username("wang") == person
    assert again.people.by_certificate("冀１３-001") == person
    assert again.people.by_certificate("") is None
    assert await again.sign_in("wang", password) is not None


@pytest.mark.parametrize("same", ["a13001", " A13001 ", "Ａ１３００１", "A1 3001"])
async def test_one_certificate_number_is_one_person_however_it_is_written(accounts: Accounts, same: str) -> None:
    await accounts.new_person("wang", "王", by=ADMIN, certificate="A13001")
    with pytest.raises(Conflict, match="'wang'"):
        await accounts.new_person("li", "李", by=ADMIN, certificate=same)
    await accounts.new_person("li", "李", by=ADMIN, certificate="A13002")
    with pytest.raises(Conflict):
        await accounts.change_person("li", by=ADMIN, certificate=same)
    await accounts.new_person("one", "无", by=ADMIN)
    await accounts.new_person("two", "无", by=ADMIN)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.text(max_size=50))
def test_any_certificate_is_refused_or_comes_to_rest(text: str) -> None:
    try:
        kept = check_certificate(text)
    except InvalidRequest:
        return
    assert not any(letter.isspace() for letter in kept)
    assert kept.isprintable()


@pytest.mark.parametrize("bad", ["", "Wang", "王", "a b", ".a", "a" * 64, "program:admin", "_hub"])
async def test_usernames_that_are_none(accounts: Accounts, bad: str) -> None:
    with pytest.raises(InvalidRequest):
        await accounts.new_person(bad, "x", by=ADMIN)


async def test_a_username_is_given_once(accounts: Accounts) -> None:
    await accounts.new_person("wang", "王", by=ADMIN)
    await accounts.change_person("wang", by=ADMIN, active=False)
    with pytest.raises(Conflict):
        await accounts.new_person("wang", "another", by=ADMIN)
    with pytest.raises(InvalidRequest):
        await accounts.new_person("li", "李", by=ADMIN, unit="gone")
    with pytest.raises(NotFound):
        await accounts.change_person("nobody", by=ADMIN, name="x")


# ------------------------------------------------------------------------------------------- roles


async def test_nobody_raises_themselves(accounts: Accounts) -> None:
    await accounts.new_person("zhao", "赵", by=ADMIN, unit="north", roles=MANAGER.roles)  # type: ignore[arg-type]
    await accounts.new_person("li", "李", by=MANAGER, roles=frozenset({Role.WATCHER}))
    for changes in ({"roles": {Role.ACCOUNT_ADMIN, Role.WATCHER}}, {"unit": ROOT}, {"active": False}):
        with pytest.raises(Refused):
            await accounts.change_person("zhao", by=MANAGER, **changes)
    for changes in ({"roles": {Role.ADMIN}}, {"roles": {Role.DEVICE}}):
        with pytest.raises(Refused):
            await accounts.change_person("li", by=MANAGER, **changes)
    with pytest.raises(Refused):
        await accounts.new_person("puppet", "x", by=MANAGER, roles=frozenset({Role.ADMIN}))
    after = await accounts.change_person("zhao", by=MANAGER, name="赵某")
    assert after.name == "赵某"


async def test_an_admin_is_changed_by_an_admin_alone(accounts: Accounts) -> None:
    for changes in ({"name": "x"}, {"active": False}, {"roles": set()}):
        with pytest.raises(Refused):
            await accounts.change_person("admin", by=MANAGER, **changes)
    with pytest.raises(Refused):
        await accounts.reset_password("admin", by=MANAGER)


async def test_an_admin_of_the_root_always_remains(accounts: Accounts) -> None:
    second = Actor("second", frozenset({Role.ADMIN}))
    with pytest.raises(Conflict, match="last admin"):
        await accounts.change_person("admin", by=second, active=False)
    await accounts.new_person("second", "x", by=ADMIN, unit="north", roles=frozenset({Role.ADMIN}))
    with pytest.raises(Conflict, match="last admin"):
        await accounts.change_person("admin", by=second, roles=set())
    await accounts.change_person("second", by=ADMIN, unit=ROOT)
    for_good = await accounts.change_person("admin", by=second, active=False)
    assert not for_good.active


async def test_rights_follow_the_tree(accounts: Accounts) -> None:
    units = accounts.people.units
    await units.add("hall-1", "1号大厅", "north", UnitKind.HALL, by=ADMIN)
    await units.add("south", "南", ROOT, UnitKind.BRIGADE, by=ADMIN)
    roles = frozenset({Role.WATCHER, Role.AUDITOR})
    _, password = await accounts.new_person("wu", "吴", by=ADMIN, unit="north", roles=roles)
    assert not accounts.standing("wu").has(Right.LIVE_VIEW)  # the password first
    await accounts.change_password(await signed_in(accounts, "wu", password), password, OWN)
    standing = accounts.standing("wu")
    assert standing.may(Right.LIVE_VIEW, "hall-1")
    assert standing.may(Right.LIVE_VIEW, "north")
    for elsewhere in ("south", ROOT, "", "gone"):
        assert not standing.may(Right.LIVE_VIEW, elsewhere)
    assert not standing.has(Right.PLAYBACK_VIEW)
    assert not standing.has(Right.SYSTEM_VIEW)  # of the hub: for people of the root
    await units.patch("hall-1", by=ADMIN, parent="south")
    assert not standing.may(Right.LIVE_VIEW, "hall-1")
    await accounts.change_person("wu", by=ADMIN, unit=ROOT)
    assert accounts.standing("wu").may(Right.SYSTEM_VIEW)
    assert accounts.standing("nobody").roles == frozenset()


# --------------------------------------------------------------------------------------- passwords


async def test_a_given_password_is_changed_and_ends_the_other_sessions(accounts: Accounts) -> None:
    _, password = await accounts.new_person("wang", "王", by=ADMIN)
    one, two = await signed_in(accounts, "wang", password), await signed_in(accounts, "wang", password)
    with pytest.raises(Refused):
        await accounts.change_password(one, "wrong", OWN)
    for bad in ("short", password, "x" * 1001):
        with pytest.raises(InvalidRequest):
            await accounts.change_password(one, password, bad)
    assert accounts.people.by_username("wang").must_change_password
    await accounts.change_password(one, password, OWN)
    assert not accounts.people.by_username("wang").must_change_password
    assert not accounts.is_over(one)
    assert accounts.is_over(two)
    assert await accounts.sign_in("wang", password) is None
    assert await accounts.sign_in("wang", OWN) is not None


async def test_a_reset_password_signs_out_and_must_be_changed(accounts: Accounts) -> None:
    await officer(accounts, "wang")
    session = await signed_in(accounts, "wang", OWN)
    password = await accounts.reset_password("wang", by=MANAGER)
    assert accounts.is_over(session)
    assert await accounts.sign_in("wang", OWN) is None
    assert await accounts.sign_in("wang", password) is not None
    assert accounts.people.by_username("wang").must_change_password
    with pytest.raises(Refused):
        await accounts.reset_password("wang", by=Actor("wang", MANAGER.roles))


async def test_who_is_deactivated_is_out_at_once(accounts: Accounts) -> None:
    await officer(accounts, "wang")
    session = await signed_in(accounts, "wang", OWN)
    await accounts.change_person("wang", by=MANAGER, active=False)
    assert accounts.is_over(session)
    assert await accounts.sign_in("wang", OWN) is None


async def test_a_sign_in_that_crosses_a_deactivation_does_not_last(accounts: Accounts) -> None:
    await officer(accounts, "wang")
    session = await signed_in(accounts, "wang", OWN)
    await accounts.people.patch("wang", by=MANAGER, active=False)
    assert session.key in accounts._sessions
    assert accounts.is_over(session)


async def test_other_roles_or_another_unit_need_a_new_sign_in(accounts: Accounts) -> None:
    await officer(accounts, "wang")
    for changes in ({"unit": "north"}, {"roles": {Role.WATCHER}}):
        session = await signed_in(accounts, "wang", OWN)
        await accounts.change_person("wang", by=MANAGER, name="王")
        assert not accounts.is_over(session)
        await accounts.change_person("wang", by=MANAGER, **changes)
        assert accounts.is_over(session)


async def test_the_setting_decides_the_admins_password(engine: Engine) -> None:
    settings = Settings(admin_password=SecretStr("said outside"))
    accounts, _ = await Accounts.open(engine, settings, ManualClock(), CHEAP)
    session = await signed_in(accounts, "admin", "said outside")
    with pytest.raises(Conflict, match="admin_password"):
        await accounts.change_password(session, "said outside", OWN)
    second = Actor("second", frozenset({Role.ADMIN}))
    with pytest.raises(Conflict, match="admin_password"):
        await accounts.reset_password("admin", by=second)


# ----------------------------------------------------------------------------------------- signing


async def refused(accounts: Accounts, username: str, password: str) -> str:
    with pytest.raises(Refused) as error:
        await accounts.confirm(username, password)
    return error.value.code


async def test_two_people_sign_with_their_own_passwords(accounts: Accounts) -> None:
    one, two = await officer(accounts, "wang", "13-001"), await officer(accounts, "li", "13-002")
    signers = [await accounts.confirm(username, OWN) for username in ("wang", "li")]
    assert [one.certificate for one in signers] == [one.certificate, two.certificate]
    assert len(accounts._sessions) == 2  # of the first password's change: to sign begins none


async def test_who_may_not_sign(accounts: Accounts) -> None:
    await officer(accounts, "wang")
    assert await refused(accounts, "wang", "wrong") == "bad_credentials"
    assert await refused(accounts, "nobody", OWN) == "bad_credentials"
    _, password = await accounts.new_person("li", "李", by=ADMIN)
    assert await refused(accounts, "li", password) == "must_change_password"
    password = await accounts.reset_password("wang", by=MANAGER)
    assert await refused(accounts, "wang", password) == "must_change_password"
    await officer(accounts, "wu")
    await accounts.change_person("wu", by=MANAGER, active=False)
    assert await refused(accounts, "wu", OWN) == "bad_credentials"


# ----------------------------------------------------------------------------------------- changes


async def test_listeners_hear_every_change_and_no_secret(accounts: Accounts) -> None:
    heard: list[Change] = []
    accounts.people.on_change(heard.append)
    await officer(accounts, "wang", "13-001")
    await accounts.change_person("wang", by=MANAGER, roles={Role.WATCHER}, unit="north")
    await accounts.change_person("wang", by=MANAGER, unit="north")
    password = await accounts.reset_password("wang", by=MANAGER)
    assert [(one.what, one.by) for one in heard] == [
        ("person.added", "admin"),
        ("person.password_changed", "wang"),
        ("person.changed", "zhao"),
        ("person.password_reset", "zhao"),
    ]
    assert heard[0].fields["certificate"] == "13-001"
    assert heard[2].fields == {"roles": ["watcher"], "unit": "north"}
    for secret in (password, OWN, "argon2"):
        assert secret not in str(heard)


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(max_size=20) | st.just("\ud800"))
def test_any_password_can_be_compared(text: str) -> None:
    """Half of a surrogate pair can come by JSON."""
    accounts = Accounts.__new__(Accounts)
    accounts._hasher = CHEAP
    assert accounts._matches(CHEAP.hash(text.encode("utf-8", "surrogatepass")), text)
    assert not accounts._matches("no hash", text)
