"""The one place that speaks with Redis. Whoever asks gets an answer within a second, or learns that it is away.

Nothing of a recording waits here: leases, the bus and news are asked for by tasks of their own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from hub import metrics
from hub.clock import Clock, rfc3339
from hub.errors import Unavailable

log = structlog.get_logger(__name__)

ANSWER_S = 1.0
"""Longer than any answer of a Redis that is well; a lease must not be waited for until it is over."""
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
_GROWTH = 1.7
MOST_CONNECTIONS = 16

T = TypeVar("T")


class RedisAway(Unavailable):
    """Redis did not answer. Whoever asked goes on without, and asks again."""

    code = "redis_away"


class RedisLink:
    """Connections to one Redis, made anew as often as they break."""

    def __init__(self, url: SecretStr, clock: Clock, *, answer_s: float = ANSWER_S) -> None:
        self._clock = clock
        self._answer_s = answer_s
        self._away_since_us: int | None = None
        self._client: Redis = Redis.from_url(
            url.get_secret_value(),
            socket_connect_timeout=answer_s,
            socket_timeout=None,  # each question has a limit of its own, see ask()
            retry=Retry(NoBackoff(), 1),  # a kept connection may have died since it was used last
            max_connections=MOST_CONNECTIONS,
            protocol=2,
        )

    @property
    def away_since_us(self) -> int | None:
        """Since when nothing was answered (hub UTC, µs); None: it answers."""
        return self._away_since_us

    @property
    def problem(self) -> str:
        """In words, for readiness and people; empty: none."""
        since_us = self._away_since_us
        return "" if since_us is None else f"Redis has not answered since {rfc3339(since_us)}"

    async def ask(self, question: Callable[[Redis], Awaitable[T]], *, wait_s: float = 0.0) -> T:
        """The answer; ``wait_s``: how long Redis itself was told to wait for news. Raises RedisAway.

        What Redis refuses (a wrong type, no such group) is raised as redis.exceptions.ResponseError: it is there.
        """
        try:
            async with asyncio.timeout(self._answer_s + wait_s):
                answer = await question(self._client)
        except ResponseError as error:
            if str(error).startswith(("LOADING", "READONLY", "MASTERDOWN", "NOAUTH", "WRONGPASS", "OOM")):
                raise self._away(error) from error
            self._here()
            raise
        except (RedisError, OSError, TimeoutError) as error:
            raise self._away(error) from error
        self._here()
        return answer

    async def script(self, text: str, keys: list[str], args: list[str | int]) -> Any:
        """Run a Lua script: as a whole or not at all. Raises RedisAway, ResponseError."""
        return await self.ask(lambda redis: redis.eval(text, len(keys), *keys, *(str(one) for one in args)))

    def _here(self) -> None:
        if self._away_since_us is not None:
            log.info("Redis answers again", away_since=rfc3339(self._away_since_us))
            self._away_since_us = None
            metrics.REDIS_AWAY_SINCE.set(0)

    def _away(self, error: Exception) -> RedisAway:
        if self._away_since_us is None:
            self._away_since_us = self._clock.now().utc_us
            metrics.REDIS_AWAY_SINCE.set(self._away_since_us / 1_000_000)
            log.warning("Redis does not answer; nothing changes hands until it does", error=_said(error))
        return RedisAway(f"Redis does not answer: {_said(error)}")

    async def close(self) -> None:
        await self._client.aclose()


class Backoff:
    """How long to wait for something that is away: at once nearly, then slower, with jitter."""

    def __init__(self) -> None:
        self._next_s = FIRST_WAIT_S

    def reset(self) -> None:
        self._next_s = FIRST_WAIT_S

    def next_s(self) -> float:
        wait_s, self._next_s = self._next_s, min(self._next_s * _GROWTH, LONGEST_WAIT_S)
        return wait_s * random.uniform(0.7, 1.0)  # noqa: S311  jitter is no secret


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
