"""People: names, certificate numbers, units, roles. Passwords and sign-ins are next door, in ``accounts``."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Boolean, Column, Engine, RowMapping, Table, false, select, true

from hub.clock import Clock
from hub.database import Int64, Text, metadata, partial_index
from hub.errors import Conflict, InvalidRequest, NotFound, Refused
from hub.people.changes import Actor, Change, ChangeListener
from hub.people.rights import Role, refusal
from hub.people.tree import ROOT
from hub.people.units import Units

ADMIN = "admin"
MAX_NAME = 100
MAX_CERTIFICATE = 40
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")

# The first hub kept accounts with one role each; what came later has defaults, so that its rows stay good.
accounts = Table(
    "accounts",
    metadata,
    Column("username", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, key="roles", nullable=False),  # several are separated by blanks
    Column("created_us", Int64, nullable=False),
    Column("full_name", Text, nullable=False, server_default=""),
    Column("certificate", Text, nullable=False, server_default=""),
    Column("assistant", Boolean, nullable=False, server_default=false()),
    Column("unit", Text, nullable=False, server_default=ROOT),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("one_time", Boolean, nullable=False, server_default=false()),
)
partial_index("accounts_certificate", accounts.c.certificate, unique=True, where="certificate <> ''")


@dataclass(frozen=True, slots=True)
class Person:
    """One person, for ever: a username is never given again. ``certificate`` is the 执法证号 as it is compared
    (:func:`check_certificate`), empty for none. ``assistant``: 协助人员, who does not count as an officer.
    ``must_change_password``: the password was given by somebody else, and opens nothing but its own change."""

    username: str
    name: str
    created_us: int
    certificate: str = ""
    assistant: bool = False
    unit: str = ROOT
    roles: frozenset[Role] = frozenset()
    active: bool = True
    must_change_password: bool = False


class People:
    """Reading is from memory and never blocks; a change is durable before it returns, and told to the listeners."""

    def __init__(self, engine: Engine, clock: Clock, units: Units) -> None:
        self.units = units
        self._engine = engine
        self._clock = clock
        self._people: dict[str, Person] = {}
        self._writing = asyncio.Lock()
        self._listeners: list[ChangeListener] = []

    @classmethod
    async def open(cls, engine: Engine, clock: Clock, units: Units) -> People:
        """Everybody, active or not. The tables must exist (``create_tables``)."""
        self = cls(engine, clock, units)
        await self.reload()
        return self

    async def reload(self) -> None:
        self._people = {one.username: one for one in await asyncio.to_thread(self._read_all)}

    def on_change(self, listener: ChangeListener) -> None:
        self._listeners.append(listener)

    def tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    # ------------------------------------------------------------------------------------ reading

    def list(self) -> tuple[Person, ...]:
        return tuple(self._people.values())

    def find(self, username: str) -> Person | None:
        return self._people.get(username)

    def by_username(self, username: str) -> Person:
        """The person, active or not. Raises NotFound."""
        person = self._people.get(username)
        if person is None:
            raise NotFound(f"nobody is known as {username[:63]!r}", code="unknown_person")
        return person

    def by_certificate(self, certificate: str) -> Person | None:
        """Whose certificate it is; None for nobody's, an empty or an impossible one."""
        try:
            wanted = check_certificate(certificate)
        except InvalidRequest:
            return None
        return next((one for one in self._people.values() if wanted and one.certificate == wanted), None)

    def in_unit(self, unit_id: str) -> tuple[Person, ...]:
        return tuple(one for one in self._people.values() if one.unit == unit_id)

    # ----------------------------------------------------------------------------------- changing

    async def add(
        self,
        username: str,
        name: str,
        password_hash: str,
        *,
        by: Actor,
        unit: str,
        certificate: str = "",
        assistant: bool = False,
        roles: Iterable[Role] = (),
    ) -> Person:
        """A new person whose password must be changed at the first sign-in. Raises InvalidRequest, Refused for
        roles that may not be given, and Conflict when username or certificate are taken."""
        if _USERNAME.fullmatch(username) is None:
            raise InvalidRequest(
                "username: expected 1 to 63 of a-z, 0-9 and . _ @ -, beginning with a letter or digit", code="bad_name"
            )
        person = Person(
            username,
            check_person_name(name),
            self._clock.now().utc_us,
            check_certificate(certificate),
            assistant,
            self.units.open_unit(unit).id,
            frozenset(roles),
            must_change_password=True,
        )
        async with self._writing:
            if username in self._people:
                raise Conflict(f"the username {username!r} is taken, or was once; choose another", code="person_exists")
            self._check(person, frozenset(), by)
            await asyncio.to_thread(self._insert, person, password_hash)
            self._people[username] = person
        self.tell(Change("person.added", username, by.name, fields_of(person)))
        return person

    async def patch(
        self,
        username: str,
        *,
        by: Actor,
        name: str | None = None,
        certificate: str | None = None,
        assistant: bool | None = None,
        unit: str | None = None,
        roles: Iterable[Role] | None = None,
        active: bool | None = None,
    ) -> tuple[Person, Person]:
        """Change what is given; returns the person before and after. Raises as :meth:`add` does, and NotFound.

        Nobody changes their own roles, unit or activity; of an admin only an admin changes anything; one active
        admin of the root always remains.
        """
        async with self._writing:
            before = after = self.by_username(username)
            if name is not None:
                after = replace(after, name=check_person_name(name))
            if certificate is not None:
                after = replace(after, certificate=check_certificate(certificate))
            if assistant is not None:
                after = replace(after, assistant=assistant)
            if unit is not None and unit != before.unit:
                after = replace(after, unit=self.units.open_unit(unit).id)
            if roles is not None:
                after = replace(after, roles=frozenset(roles))
            if active is not None:
                after = replace(after, active=active)
            if after == before:
                return before, after
            if by.name == username and (before.unit, before.active) != (after.unit, after.active):
                raise Refused("nobody changes their own unit or deactivates themselves", code="own_account")
            self.check_may_change(before, by)
            self._check(after, before.roles, by)
            await asyncio.to_thread(self._update, after)
            self._people[username] = after
        old, new = fields_of(before), fields_of(after)
        changed = {key: value for key, value in new.items() if old[key] != value}
        self.tell(Change("person.changed", username, by.name, changed))
        return before, after

    def check_may_change(self, person: Person, by: Actor) -> None:
        """Raises Refused: who could change an admin, or give them a password, would be one."""
        if Role.ADMIN in person.roles and Role.ADMIN not in by.roles:
            raise Refused(f"{person.username!r} is an admin; only an admin changes that account", code="admin_account")

    async def password_given(self, username: str, password_hash: str, *, one_time: bool) -> Person:
        """Keep the new hash. ``one_time``: it was given by somebody else."""
        async with self._writing:
            person = replace(self.by_username(username), must_change_password=one_time)
            await asyncio.to_thread(self._set_password, person, password_hash)
            self._people[username] = person
            return person

    def _check(self, person: Person, before: Collection[Role], by: Actor) -> None:
        refused = refusal(person.roles, before, granter=by.roles, own=by.name == person.username)
        if refused:
            raise Refused(f"roles: {refused}", code="role_refused")
        holder = self.by_certificate(person.certificate)
        if holder is not None and holder.username != person.username:
            raise Conflict(
                f"certificate: it is that of {holder.username!r}; two people never share one", code="certificate_taken"
            )
        known = self._people.get(person.username)
        if known is not None and _governs(known) and not _governs(person):
            others = [one for one in self._people.values() if one.username != person.username and _governs(one)]
            if not others:
                raise Conflict("this is the last admin of the root unit; name another first", code="last_admin")

    # -------------------------------------------------------------------------------- in a thread

    def _insert(self, person: Person, password_hash: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(accounts.insert().values(_row(person) | {"password_hash": password_hash}))

    def _update(self, person: Person) -> None:
        with self._engine.begin() as connection:
            connection.execute(accounts.update().where(accounts.c.username == person.username).values(_row(person)))

    def _set_password(self, person: Person, password_hash: str) -> None:
        values = {"password_hash": password_hash, "one_time": person.must_change_password}
        with self._engine.begin() as connection:
            connection.execute(accounts.update().where(accounts.c.username == person.username).values(values))

    def _read_all(self) -> tuple[Person, ...]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(accounts).order_by(accounts.c.created_us, accounts.c.username))
            return tuple(_person(row) for row in rows.mappings())


def check_person_name(name: str) -> str:
    """The name without outer blanks, or InvalidRequest."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"name: expected 1 to {MAX_NAME} printable characters, found {len(name)}", code="bad_name")
    return name


def check_certificate(certificate: str) -> str:
    """A 执法证号 as it is compared: NFKC, upper case, no blanks, so that one number is not taken for two.

    Empty for none. Raises InvalidRequest.
    """
    plain = "".join(unicodedata.normalize("NFKC", certificate).upper().split())
    if len(plain) > MAX_CERTIFICATE or not plain.isprintable():
        raise InvalidRequest(
            f"certificate: expected at most {MAX_CERTIFICATE} printable characters", code="bad_certificate"
        )
    return plain


def fields_of(person: Person) -> dict[str, Any]:
    """What others may know of a person, as plain JSON."""
    return {
        "name": person.name,
        "certificate": person.certificate,
        "assistant": person.assistant,
        "unit": person.unit,
        "roles": sorted(role.value for role in person.roles),
        "active": person.active,
    }


def _governs(person: Person) -> bool:
    return person.active and person.unit == ROOT and Role.ADMIN in person.roles


def _row(person: Person) -> dict[str, object]:
    return {
        "username": person.username,
        "full_name": person.name,
        "created_us": person.created_us,
        "certificate": person.certificate,
        "assistant": person.assistant,
        "unit": person.unit,
        "roles": " ".join(sorted(role.value for role in person.roles)),
        "active": person.active,
        "one_time": person.must_change_password,
    }


def _person(row: RowMapping) -> Person:
    known = {role.value for role in Role}
    return Person(
        row["username"],
        row["full_name"] or row["username"],
        row["created_us"],
        row["certificate"],
        row["assistant"],
        row["unit"],
        # a role of a later hub gives no rights here
        frozenset(Role(word) for word in row["roles"].split() if word in known),
        row["active"],
        row["one_time"],
    )
