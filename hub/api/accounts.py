"""Who may sign in, and who is signed in: accounts and sessions in hub.db.

Passwords are kept as argon2id hashes (RFC 9106), session cookies as SHA-256: who reads the database can
sign in with neither.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Column, Engine, Integer, String, Table, delete, select

from hub.clock import US_PER_S, Clock
from hub.database import metadata
from hub.settings import Settings

ADMIN = "admin"
SESSIONS_PER_USER = 50
"""The oldest ends first: memory and table stay bounded however often a script signs in."""

accounts = Table(
    "accounts",
    metadata,
    Column("username", String, primary_key=True),
    Column("password_hash", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_us", Integer, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String, primary_key=True),
    Column("username", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_us", Integer, nullable=False),
    Column("expires_us", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. ``key`` is the hex SHA-256 of the cookie; times are hub UTC, µs."""

    key: str
    username: str
    role: str
    created_us: int
    expires_us: int


class Accounts:
    """Sign-in and sessions. Sessions are looked up in memory, and kept in the database over a restart."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._sessions: dict[str, Session] = {}
        self._dummy_hash = ""
        # each hash takes 64 MiB: many sign-ins at once must not take the recorder's memory
        self._hashing = asyncio.Semaphore(2)

    @classmethod
    async def open(
        cls, engine: Engine, settings: Settings, clock: Clock, hasher: PasswordHasher | None = None
    ) -> tuple[Accounts, str | None]:
        """The accounts, and at the very first start the admin's password, to be shown once.

        ``settings.admin_password`` sets the password instead; another one than before ends the admin's sessions.
        """
        self = cls(engine, settings, clock, hasher)
        password = await asyncio.to_thread(self._prepare)
        return self, password

    async def sign_in(self, username: str, password: str) -> tuple[Session, str] | None:
        """A new session and its cookie's value, or None. Takes as long for an unknown user."""
        async with self._hashing:
            role = await asyncio.to_thread(self._verify, username, password)
        if role is None:
            return None
        token = secrets.token_urlsafe(32)
        now_us = self._clock.now().utc_us
        expires_us = now_us + round(self._settings.session_hours * 3600 * US_PER_S)
        session = Session(_key(token), username, role, now_us, expires_us)
        await asyncio.to_thread(self._insert, session)
        self._sessions[session.key] = session
        await self._prune(username)
        return session, token

    def session(self, token: str) -> Session | None:
        """The session that this cookie stands for, while it lasts."""
        session = self._sessions.get(_key(token))
        return None if session is None or self.is_over(session) else session

    def is_over(self, session: Session) -> bool:
        """Whether it was signed out, pushed out by newer ones, or has expired."""
        return session.key not in self._sessions or session.expires_us <= self._clock.now().utc_us

    async def sign_out(self, session: Session) -> None:
        await self._end([session.key])

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
        self._dummy_hash = self._hasher.hash(secrets.token_urlsafe(16))
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
                connection.execute(delete(accounts).where(accounts.c.username == ADMIN))
                row = {"username": ADMIN, "password_hash": self._hasher.hash(wanted), "role": "admin"}
                connection.execute(accounts.insert().values(row | {"created_us": now_us}))
            rows = connection.execute(select(sessions)).mappings().all()
        self._sessions = {row["token_sha256"]: _session(dict(row)) for row in rows}
        return shown

    def _verify(self, username: str, password: str) -> str | None:
        with self._engine.connect() as connection:
            row = connection.execute(
                select(accounts.c.password_hash, accounts.c.role).where(accounts.c.username == username)
            ).one_or_none()
        if row is None:
            self._matches(self._dummy_hash, password)
            return None
        return str(row.role) if self._matches(row.password_hash, password) else None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _insert(self, session: Session) -> None:
        row = {
            "token_sha256": session.key,
            "username": session.username,
            "role": session.role,
            "created_us": session.created_us,
            "expires_us": session.expires_us,
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
    return Session(str(row["token_sha256"]), str(row["username"]), str(row["role"]), created_us, expires_us)
