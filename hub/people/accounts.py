"""Passwords and sign-ins: who may sign in, and who is signed in.

Passwords are kept as argon2id hashes (RFC 9106), session cookies as SHA-256: who reads the database can
sign in with neither.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Column, Engine, Table, delete, select

from hub.clock import US_PER_S, Clock
from hub.database import Int64, Text, metadata
from hub.errors import Conflict, InvalidRequest, Refused
from hub.people.changes import Actor, Change
from hub.people.people import ADMIN, People, Person, accounts
from hub.people.rights import Role, main_role
from hub.people.standing import Standing
from hub.people.tree import ROOT
from hub.people.units import Units
from hub.settings import Settings

SESSIONS_PER_USER = 50
"""The oldest ends first: memory and table stay bounded however often a script signs in."""
PASSWORD, OIDC = "password", "oidc"
MIN_PASSWORD = 10
MAX_PASSWORD = 1000

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("role", Text, nullable=False),  # as it was at the sign-in; rights are asked of the person
    Column("created_us", Int64, nullable=False),
    Column("expires_us", Int64, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("method", Text, nullable=False, server_default="password"),
)


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """What no password matches, looked at for as long as any other hash: made of chance, since a real one takes a tenth
    of a second and 64 MB at each start."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. ``key`` is the hex SHA-256 of the cookie; times are hub UTC, µs. ``address`` is where it was made
    from, empty where an older hub did not keep it; ``method`` is ``password`` or ``oidc``."""

    key: str
    username: str
    created_us: int
    expires_us: int
    address: str = ""
    method: str = PASSWORD


class Accounts:
    """Sign-in and sessions. Sessions are looked up in memory, and kept in the database over a restart."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, people: People, hasher: PasswordHasher | None = None
    ) -> None:
        self.people = people
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._sessions: dict[str, Session] = {}
        self._nobodys = _hash_of_nothing(self._hasher)
        # each hash takes 64 MiB: many sign-ins at once must not take the recorder's memory
        self._hashing = asyncio.Semaphore(2)

    @classmethod
    async def open(
        cls,
        engine: Engine,
        settings: Settings,
        clock: Clock,
        hasher: PasswordHasher | None = None,
        *,
        people: People | None = None,
    ) -> tuple[Accounts, str | None]:
        """The accounts, and at the very first start the admin's password, to be shown once.

        ``settings.admin_password`` sets the password instead; another one than before ends the admin's sessions.
        """
        if people is None:
            people = await People.open(engine, clock, await Units.open(engine, clock))
        self = cls(engine, settings, clock, people, hasher)
        password = await asyncio.to_thread(self._prepare)
        await people.reload()
        return self, password

    # ------------------------------------------------------------------------------------ sign-in

    async def sign_in(self, username: str, password: str, *, address: str = "") -> tuple[Session, str] | None:
        """A new session and its cookie's value, or None. Takes as long for an unknown user."""
        if not await self._knows(username, password):
            return None
        return await self.begin(username, address=address, method=PASSWORD)

    async def begin(self, username: str, *, address: str, method: str) -> tuple[Session, str] | None:
        """A new session of somebody whom ``method`` has shown to be that person; None for nobody active."""
        person = self.people.find(username)
        if person is None or not person.active:
            return None
        token = secrets.token_urlsafe(32)
        now_us = self._clock.now().utc_us
        expires_us = now_us + round(self._settings.session_hours * 3600 * US_PER_S)
        session = Session(_key(token), username, now_us, expires_us, address, method)
        await asyncio.to_thread(self._insert, session, main_role(person.roles))
        self._sessions[session.key] = session
        await self._prune(username)
        return session, token

    async def confirm(self, username: str, password: str) -> Person:
        """The person who says once more who they are, to sign or to approve: no session is begun.

        Raises Refused: ``bad_credentials``; ``must_change_password`` while somebody else knows the password.
        Whoever calls this from outside slows guessing down as the sign-in does (``hub.api.sessions.confirmed``).
        """
        known = await self._knows(username, password)
        person = self.people.find(username)
        if not known or person is None or not person.active:
            raise Refused("user or password is wrong", code="bad_credentials")
        if person.must_change_password:
            raise Refused(
                f"{username!r} still has a password that somebody else has seen; change it first",
                code="must_change_password",
            )
        return person

    def session(self, token: str) -> Session | None:
        """The session that this cookie stands for, while it lasts."""
        session = self._sessions.get(_key(token))
        return None if session is None or self.is_over(session) else session

    def is_over(self, session: Session) -> bool:
        """Whether it was signed out, pushed out by newer ones, has expired, or is that of somebody inactive."""
        person = self.people.find(session.username)
        gone = person is None or not person.active or session.key not in self._sessions
        return gone or session.expires_us <= self._clock.now().utc_us

    async def sign_out(self, session: Session) -> None:
        await self._end([session.key])

    def sessions_of(self, username: str) -> list[Session]:
        """The person's sign-ins that last, the newest first."""
        own = [one for one in self._sessions.values() if one.username == username and not self.is_over(one)]
        return sorted(own, key=lambda one: one.created_us, reverse=True)

    async def end_sessions(self, username: str, *, but: Session | None = None) -> None:
        """Sign a person out everywhere."""
        own = [one.key for one in self._sessions.values() if one.username == username and one != but]
        if own:
            await self._end(own)

    def standing(self, username: str) -> Standing:
        """What the person may do at this moment; nothing for somebody unknown or inactive."""
        return Standing.of(self.people.find(username), self.people.units)

    # ---------------------------------------------------------------------------------- passwords

    async def new_person(
        self,
        username: str,
        name: str,
        *,
        by: Actor,
        unit: str = ROOT,
        certificate: str = "",
        assistant: bool = False,
        roles: frozenset[Role] = frozenset(),
    ) -> tuple[Person, str]:
        """A new person and the password to be shown once. Raises what :meth:`People.add` raises."""
        password, hashed = await self._one_time()
        person = await self.people.add(
            username, name, hashed, by=by, unit=unit, certificate=certificate, assistant=assistant, roles=roles
        )
        return person, password

    async def change_person(self, username: str, *, by: Actor, **changes: object) -> Person:
        """:meth:`People.patch`. Another unit, other roles or the end of activity end the person's sign-ins."""
        before, after = await self.people.patch(username, by=by, **changes)  # type: ignore[arg-type]
        if (before.unit, before.roles, before.active) != (after.unit, after.roles, after.active):
            await self.end_sessions(username)
        return after

    async def reset_password(self, username: str, *, by: Actor) -> str:
        """A password to be shown once and changed at the next sign-in; the person is signed out everywhere.

        Raises NotFound, Refused for an admin's by anybody else, and for one's own.
        """
        person = self.people.by_username(username)
        self.people.check_may_change(person, by)
        if by.name == username:
            raise Refused("change your own password instead, with the old one", code="own_account")
        self._check_not_set(username)
        password, hashed = await self._one_time()
        await self.people.password_given(username, hashed, one_time=True)
        await self.end_sessions(username)
        self.people.tell(Change("person.password_reset", username, by.name))
        return password

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """One's own. The other sessions end. Raises Refused for a wrong old password, InvalidRequest."""
        username = session.username
        if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
            raise InvalidRequest(f"new: expected at least {MIN_PASSWORD} characters", code="bad_password")
        if new == old or new.casefold() == username:
            raise InvalidRequest("new: expected neither the old password nor the username", code="bad_password")
        self._check_not_set(username)
        # who came by another way with a one-time password never had to see it: the provider has just shown who it is
        elsewhere = session.method == OIDC and self.people.by_username(username).must_change_password
        if not elsewhere and not await self._knows(username, old):
            raise Refused("the old password is wrong", code="bad_credentials")
        await self.people.password_given(username, await self._hash(new), one_time=False)
        await self.end_sessions(username, but=session)
        self.people.tell(Change("person.password_changed", username, username))

    def _check_not_set(self, username: str) -> None:
        if username == ADMIN and self._settings.admin_password is not None:
            raise Conflict("the setting admin_password says what this password is; change it there", code="set_outside")

    async def _one_time(self) -> tuple[str, str]:
        password = secrets.token_urlsafe(12)
        return password, await self._hash(password)

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password.encode("utf-8", "surrogatepass"))

    async def _knows(self, username: str, password: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(self._verify, username, password)

    async def _prune(self, username: str) -> None:
        now_us = self._clock.now().utc_us
        expired = [key for key, session in self._sessions.items() if session.expires_us <= now_us]
        own = sorted(
            (session for session in self._sessions.values() if session.username == username),
            key=lambda session: session.created_us,
        )
        surplus = [session.key for session in own[: max(0, len(own) - SESSIONS_PER_USER)]]
        if expired or surplus:
            await self._end([*expired, *surplus])

    async def _end(self, keys: list[str]) -> None:
        for key in keys:
            self._sessions.pop(key, None)
        await asyncio.to_thread(self._delete, keys)

    # ------------------------------------------------------------------------- in a thread

    def _prepare(self) -> str | None:
        now_us = self._clock.now().utc_us
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_us <= now_us))
            stored = connection.execute(
                select(accounts.c.password_hash).where(accounts.c.username == ADMIN)
            ).scalar_one_or_none()
            given = self._settings.admin_password
            shown: str | None = None
            if given is not None and (stored is None or not self._matches(stored, given.get_secret_value())):
                wanted: str | None = given.get_secret_value()
            elif given is None and stored is None:
                wanted = shown = secrets.token_urlsafe(12)
            else:
                wanted = None
            if wanted is not None:
                connection.execute(delete(sessions).where(sessions.c.username == ADMIN))
                row = {"password_hash": self._hasher.hash(wanted), "one_time": False}
                if stored is None:
                    row |= {"username": ADMIN, "roles": Role.ADMIN.value, "created_us": now_us}
                    connection.execute(accounts.insert().values(row))
                else:
                    connection.execute(accounts.update().where(accounts.c.username == ADMIN).values(row))
            rows = connection.execute(select(sessions)).mappings().all()
        self._sessions = {row["token_sha256"]: _session(dict(row)) for row in rows}
        return shown

    def _verify(self, username: str, password: str) -> bool:
        with self._engine.connect() as connection:
            stored = connection.execute(
                select(accounts.c.password_hash).where(accounts.c.username == username)
            ).scalar_one_or_none()
        if stored is None:
            self._matches(self._nobodys, password)
            return False
        return self._matches(stored, password)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False

    def _insert(self, session: Session, role: str) -> None:
        row = {
            "token_sha256": session.key,
            "username": session.username,
            "role": role,
            "created_us": session.created_us,
            "expires_us": session.expires_us,
            "address": session.address,
            "method": session.method,
        }
        with self._engine.begin() as connection:
            connection.execute(sessions.insert().values(row))

    def _delete(self, keys: list[str]) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_sha256.in_(keys)))


def _key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _session(row: dict[str, object]) -> Session:
    created_us, expires_us = row["created_us"], row["expires_us"]
    assert isinstance(created_us, int)
    assert isinstance(expires_us, int)
    return Session(
        str(row["token_sha256"]), str(row["username"]), created_us, expires_us, str(row["address"]), str(row["method"])
    )
