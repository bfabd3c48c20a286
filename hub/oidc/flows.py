"""Sign-ins that have gone to the provider and have not come back yet: kept in the database, where whoever leads the
office by then finds them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from sqlalchemy import Column, Engine, Table, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import US_PER_S, Clock
from hub.database import Int64, Text, begin_writing, metadata
from hub.errors import Refused, Unavailable

KEPT_US: Final = 10 * 60 * US_PER_S
MAX_FLOWS: Final = 5000

P = ParamSpec("P")
T = TypeVar("T")

table = Table(
    "oidc_flows",
    metadata,
    Column("state_sha256", Text, primary_key=True),
    Column("binding_sha256", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("back", Text, nullable=False),
    Column("began_us", Int64, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Flow:
    """``binding`` is in a cookie of the browser that began; ``redirect_uri`` is where it comes back to; ``back`` is
    the place of the page that was asked for. ``began_us``: hub UTC."""

    state: str
    nonce: str
    verifier: str
    binding: str
    redirect_uri: str
    back: str
    began_us: int

    @property
    def challenge(self) -> str:
        """PKCE, S256 (RFC 7636 §4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Flows:
    """Each is used once, by the browser that began it, within ten minutes. Bounded: the oldest goes first. State and
    binding, which bring one back, are kept as hashes alone. Both raise Unavailable while the database is away."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def begin(self, redirect_uri: str, back: str) -> Flow:
        state, nonce, verifier, binding = (secrets.token_urlsafe(32) for _ in range(4))
        flow = Flow(state, nonce, verifier, binding, redirect_uri, back, self._clock.now().utc_us)
        await self._asked(self._keep, flow)
        return flow

    async def finish(self, state: str, binding: str) -> Flow:
        """Raises Refused ``oidc_state``: unknown, used, too old, or begun in another browser."""
        flow = await self._asked(self._take, state, binding)
        if flow is None:
            raise Refused("this sign-in was not begun here, or is over already", code="oidc_state")
        if self._clock.now().utc_us - flow.began_us > KEPT_US:
            raise Refused("this sign-in took longer than ten minutes", code="oidc_state")
        return flow

    async def _asked(self, question: Callable[P, T], *args: P.args, **how: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(question, *args, **how)
        except SQLAlchemyError as error:
            raise Unavailable(f"a sign-in cannot be kept: {type(error).__name__}", code="database_away") from error

    def _keep(self, flow: Flow) -> None:
        began_us = table.c.began_us
        with self._engine.begin() as connection:
            begin_writing(connection)
            crowded = select(began_us).order_by(began_us.desc()).offset(MAX_FLOWS - 1).limit(1)
            until_us = connection.execute(crowded).scalar_one_or_none() or 0
            connection.execute(delete(table).where(began_us <= max(until_us, flow.began_us - KEPT_US - 1)))
            values = {
                "state_sha256": _hash(flow.state),
                "binding_sha256": _hash(flow.binding),
                "nonce": flow.nonce,
                "verifier": flow.verifier,
                "redirect_uri": flow.redirect_uri,
                "back": flow.back,
                "began_us": flow.began_us,
            }
            connection.execute(insert(table).values(values))

    def _take(self, state: str, binding: str) -> Flow | None:
        """Another browser's return takes nothing."""
        its = table.c.state_sha256 == _hash(state)
        with self._engine.begin() as connection:
            begin_writing(connection)
            row = connection.execute(select(table).where(its)).one_or_none()
            if row is None or not hmac.compare_digest(row.binding_sha256, _hash(binding)):
                return None
            if connection.execute(delete(table).where(its)).rowcount != 1:  # two came at once
                return None
        return Flow(state, row.nonce, row.verifier, binding, row.redirect_uri, row.back, row.began_us)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
