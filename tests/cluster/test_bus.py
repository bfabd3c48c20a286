"""The bus over a real Redis: once each where it must be, the newest for all, and what waits while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from hub.clock import SystemClock
from hub.cluster import bus
from hub.cluster.bus import CHANGES, GROUP, NEWS, STANDING, Changes, Listening, Saying
from hub.cluster.messages import Message
from hub.cluster.redis_link import RedisAway, RedisLink
from hub.errors import Unavailable
from tests.cluster.servers import Redis

CLOCK = SystemClock()


@pytest.fixture
async def link(redis: Redis) -> AsyncIterator[RedisLink]:
    link = RedisLink(SecretStr(redis.url), CLOCK, answer_s=5.0)  # an answer that is not heard is asked for again
    yield link
    await link.close()


@asynccontextmanager
async def running(*works: Callable[[], object]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(work()) for work in works]  # type: ignore[arg-type]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110  it is another process that changes
            await asyncio.sleep(0.01)


async def length(link: RedisLink, topic: str = CHANGES) -> int:
    return await link.ask(lambda redis: redis.xlen(topic))


class Office:
    """Handles changes, and remembers in which order."""

    def __init__(self, link: RedisLink, name: str) -> None:
        self.heard: list[Message] = []
        self.wrong: list[Exception] = []
        self.changes = Changes(link, CLOCK, name, self.handle)

    async def handle(self, message: Message) -> None:
        self.heard.append(message)
        if self.wrong:
            raise self.wrong.pop(0)

    @property
    def numbers(self) -> list[int]:
        return [message.body["n"] for message in self.heard]


async def test_changes_are_handled_once_in_order_and_are_gone_then(link: RedisLink) -> None:
    saying, first, second = Saying(link, CLOCK, "a"), Office(link, "n1"), Office(link, "n2")
    for n in range(450):
        saying.change("interruption", {"n": n})
    async with running(saying.run, first.changes.run, second.changes.run):
        await until(lambda: len(first.heard) + len(second.heard) >= 450)
        await asyncio.sleep(0.1)
        assert sorted(first.numbers + second.numbers) == list(range(450)), "what was said before the group was made too"
        assert first.numbers == sorted(first.numbers)
        assert await length(link) == 0
    assert saying.waiting == 0


async def test_what_a_dead_office_left_is_handled_by_the_next(link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "CLAIM_IDLE_MS", 100)
    saying, dead, alive = Saying(link, CLOCK, "a"), Office(link, "n1"), Office(link, "n2")
    saying.change("interruption", {"n": 1})
    stuck = asyncio.Event()

    async def hang(message: Message) -> None:
        stuck.set()
        await asyncio.Event().wait()

    dead.changes = Changes(link, CLOCK, "n1", hang)
    async with running(saying.run, dead.changes.run):
        await asyncio.wait_for(stuck.wait(), 20)
    async with running(alive.changes.run):
        await until(lambda: alive.numbers == [1])
    assert await length(link) == 0


async def test_the_same_office_begins_again_with_what_it_had_taken(link: RedisLink) -> None:
    saying, office = Saying(link, CLOCK, "a"), Office(link, "n1")
    for n in range(3):
        saying.change("interruption", {"n": n})
    await link.ask(lambda redis: redis.xgroup_create(CHANGES, GROUP, id="0", mkstream=True))
    await saying.send()
    await link.ask(lambda redis: redis.xreadgroup(GROUP, "n1", {CHANGES: ">"}))
    saying.change("interruption", {"n": 3})
    async with running(saying.run, office.changes.run):
        await until(lambda: len(office.heard) == 4)
    assert office.numbers == [0, 1, 2, 3]


async def test_a_handler_that_cannot_now_is_asked_again_in_order_and_one_that_fails_is_not(link: RedisLink) -> None:
    saying, office = Saying(link, CLOCK, "a"), Office(link, "n1")
    office.wrong = [Unavailable("PostgreSQL is away"), Unavailable("still"), ValueError("a fault of our own")]
    for n in range(3):
        saying.change("interruption", {"n": n})
    async with running(saying.run, office.changes.run):
        await until(lambda: office.numbers and office.numbers[-1] == 2)
        await until(lambda: saying.waiting == 0)
    assert office.numbers == [0, 0, 0, 1, 2]
    assert await length(link) == 0


async def test_a_message_that_cannot_be_read_is_skipped(link: RedisLink) -> None:
    saying, office = Saying(link, CLOCK, "a"), Office(link, "n1")
    for fields in ({"m": b"{}"}, {"other": b"x"}, {"m": b"\xff\x00"}):
        await link.ask(lambda redis, fields=fields: redis.xadd(CHANGES, fields))
    saying.change("interruption", {"n": 1})
    async with running(saying.run, office.changes.run):
        await until(lambda: office.numbers == [1])
    assert await length(link) == 0


async def test_only_who_leads_handles(link: RedisLink) -> None:
    saying, office, leads = Saying(link, CLOCK, "a"), Office(link, "n1"), asyncio.Event()
    saying.change("interruption", {"n": 1})
    async with running(saying.run, lambda: office.changes.run(leads.is_set)):
        await until(lambda: saying.waiting == 0)
        await asyncio.sleep(0.3)
        assert not office.heard
        leads.set()
        await until(lambda: office.numbers == [1])


async def test_all_who_listen_hear_standing_and_news_from_now_on(link: RedisLink) -> None:
    saying = Saying(link, CLOCK, "a")
    heard: dict[str, list[Message]] = {"x": [], "y": []}
    saying.news("leader", {"n": 0})
    await saying.send()
    listeners = [Listening(link, CLOCK, NEWS, one.append) for one in heard.values()]
    for one in listeners:
        await one.read()
    async with running(saying.run, *(one.run for one in listeners)):
        saying.news("orders", {"n": 1})
        await until(lambda: all([one.body["n"] for one in said] == [1] for said in heard.values()))


async def test_only_the_newest_standing_of_each_stream_waits_and_changes_are_bounded_and_told(redis: Redis) -> None:
    link = RedisLink(SecretStr(redis.url), CLOCK, answer_s=0.3)
    redis.stop()
    saying = Saying(link, CLOCK, "a", most_changes=10)
    for n in range(25):
        saying.standing("cam-1", {"n": n})
        saying.standing("cam-2", {"n": n})
        saying.change("interruption", {"n": n})
    assert saying.waiting == 12
    assert "15 changes" in saying.problem
    with pytest.raises(RedisAway):
        await saying.send()
    assert saying.waiting == 12, "what was not sent waits on"
    assert link.away_since_us is not None
    assert "has not answered since" in link.problem
    redis.start()
    office, heard = Office(link, "n1"), list[Message]()
    listening = Listening(link, CLOCK, STANDING, heard.append)
    await listening.read()
    async with running(saying.run, office.changes.run, listening.run):
        await until(lambda: len(office.heard) == 10 and len(heard) == 2)
    assert office.numbers == list(range(15, 25)), "the newest"
    assert [message.body["n"] for message in heard] == [24, 24]
    assert link.problem == ""
    await link.close()


async def test_a_redis_that_comes_back_empty_gets_streams_and_group_again(link: RedisLink, redis: Redis) -> None:
    saying, office, heard = Saying(link, CLOCK, "a"), Office(link, "n1"), list[Message]()
    listening = Listening(link, CLOCK, NEWS, heard.append)
    async with running(saying.run, office.changes.run, listening.run):
        saying.change("interruption", {"n": 1})
        await until(lambda: office.numbers == [1])
        redis.stop()
        saying.change("interruption", {"n": 2})
        await asyncio.sleep(0.3)
        redis.start()
        await until(lambda: office.numbers == [1, 2])
        await until(lambda: _say_again(saying) or heard)


def _say_again(saying: Saying) -> None:
    saying.news("orders")


async def test_a_listener_is_not_deaf_after_the_clock_of_redis_went_back(link: RedisLink) -> None:
    heard: list[Message] = []
    future = "9999999999999-0"
    await link.ask(lambda redis: redis.xadd(NEWS, {"m": b"x"}, id=future))
    listening = Listening(link, CLOCK, NEWS, heard.append)
    await listening.read()
    await link.ask(lambda redis: redis.delete(NEWS))
    saying = Saying(link, CLOCK, "a")
    saying.news("orders")
    await saying.send()
    while not heard:
        await listening.read()
    assert heard[0].kind == "orders"


async def test_with_a_full_redis_changes_wait_with_their_nodes(
    link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "MOST_UNHANDLED", 5)
    saying = Saying(link, CLOCK, "a")
    for n in range(5):
        saying.change("interruption", {"n": n})
    assert await saying.send()
    saying.change("interruption", {"n": 5})
    saying.standing("cam", {"n": 5})
    assert await saying.send()
    assert saying.waiting == 1, "standing goes on"
    assert not await saying.send()
    assert saying.problem
    office = Office(link, "n1")
    async with running(saying.run, office.changes.run):
        await until(lambda: len(office.heard) == 6)
    assert office.numbers == list(range(6))
