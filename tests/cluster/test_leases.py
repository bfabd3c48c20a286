"""Who lives and who leads, by a real Redis: that stops, freezes, comes back empty, and by processes that sleep."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import SecretStr

from hub.clock import ManualClock, SystemClock
from hub.cluster.leases import LeaderLease, Member, Members
from hub.cluster.redis_link import RedisLink
from tests.cluster.servers import Redis

LEASE_S = 1.0
PATIENCE_S = 20.0


@asynccontextmanager
async def node(
    redis: Redis, name: str, *, wants: bool = True, orderly: bool = False
) -> AsyncIterator[tuple[Members, LeaderLease]]:
    """A node that renews its leases until it is left: it is gone then as if it had been killed, unless ``orderly``."""
    link = RedisLink(SecretStr(redis.url), SystemClock(), answer_s=0.3)
    members = Members(link, SystemClock(), Member(name, f"http://{name}", frozenset({"ingest"})), lease_s=LEASE_S)
    leader = LeaderLease(link, SystemClock(), members, lease_s=LEASE_S, wants=lambda: wants)
    tasks = [asyncio.create_task(one.run()) for one in (members, leader)]
    try:
        yield members, leader
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if orderly:
            await members.leave()
        await link.close()


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():  # noqa: ASYNC110  it is another process that changes
            await asyncio.sleep(0.02)


def names(members: Members) -> list[str] | None:
    living = members.living()
    return None if living is None else sorted(living)


async def test_nodes_see_each_other_come_and_go(redis: Redis) -> None:
    async with node(redis, "a") as (a, _):
        assert names(a) is None, "a node that has just begun concludes nothing from who is missing"
        async with node(redis, "b") as (b, _):
            await until(lambda: names(a) == names(b) == ["a", "b"])
            b.say(draining=True)
            await until(lambda: a.seen()["b"].draining)
        await until(lambda: names(a) == ["a"])


async def test_an_orderly_end_is_seen_at_once(redis: Redis) -> None:
    async with node(redis, "a") as (a, _):
        async with node(redis, "b", orderly=True) as (b, _):
            await until(lambda: names(a) == ["a", "b"])
        await a.look()
        assert "b" not in a.seen()
        assert not b.held()


async def test_nobody_is_gone_while_redis_is_away_or_has_just_come_back_empty(redis: Redis) -> None:
    wrong: list[object] = []
    async with node(redis, "a") as (a, lead_a), node(redis, "b") as (b, lead_b):
        await until(lambda: names(a) == names(b) == ["a", "b"] and (lead_a.held() or lead_b.held()))
        was, term = (lead_a, lead_a.term) if lead_a.held() else (lead_b, lead_b.term)

        async def watch() -> None:
            while True:
                wrong.extend(one for one in (names(a), names(b)) if one not in (None, ["a", "b"]))
                wrong.extend(one for one in (lead_a, lead_b) if one is not was and one.held())
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        for stop, start in ((redis.stop, redis.start), (redis.pause, redis.resume)):
            stop()
            await asyncio.sleep(2.5 * LEASE_S)
            assert a.living() is None
            assert b.living() is None
            assert not was.held(), "a leader who cannot renew does not hold on to it"
            start()
            await until(lambda: names(a) == names(b) == ["a", "b"])
            await until(was.held)  # who led before leads again: nobody else did meanwhile
        watching.cancel()
    assert not wrong
    assert was.term >= term + 2, "and knows that it had not"


async def test_another_redis_with_the_data_of_before_is_not_believed(redis: Redis) -> None:
    """A process that was restarted with its data, or a replica that was promoted: leases in it may be over by now."""
    async with node(redis, "a") as (a, _):
        await until(lambda: names(a) == ["a"])
        link = RedisLink(SecretStr(redis.url), SystemClock())
        await link.ask(lambda client: client.set("hub:born", "0123456789abcdef 1000"))
        await a.look()
        assert a.living() is None
        await link.close()
        await until(lambda: names(a) == ["a"])


async def test_the_next_leads_when_the_leader_is_gone(redis: Redis) -> None:
    async with node(redis, "b") as (_, lead_b), node(redis, "a", wants=False) as (a, lead_a):
        await until(lead_b.held)
        assert not lead_a.held()
        await until(lambda: (leader := lead_a.leader()) is not None and leader.node == "b")
        async with node(redis, "c") as (_, lead_c):
            await until(lambda: names(a) == ["a", "b", "c"])
            assert not lead_c.held()
            await lead_b.release()
            await until(lambda: lead_b.held() or lead_c.held())
            assert not (lead_b.held() and lead_c.held())


async def test_two_processes_of_one_name_are_told_apart(redis: Redis) -> None:
    async with node(redis, "a") as (first, _):
        await until(first.held)
        async with node(redis, "a") as (second, _):
            await until(lambda: second.problem)
            assert "HUB_NODE" in second.problem
            assert not second.held()
            assert first.held()
        assert not first.problem


async def test_a_clock_that_ran_on_ends_a_lease_without_asking_anybody(redis: Redis) -> None:
    clock = ManualClock()
    link = RedisLink(SecretStr(redis.url), clock)
    members = Members(link, clock, Member("a", "http://a", frozenset()), lease_s=LEASE_S)
    leader = LeaderLease(link, clock, members, lease_s=LEASE_S, wants=lambda: True)
    while not leader.held():
        await members.look()
        await leader.look()
        clock.advance(LEASE_S / 4)
        await asyncio.sleep(0.1)
    clock.advance(LEASE_S)
    assert not members.held()
    assert not leader.held()
    assert members.living() is None
    await members.look()
    assert members.held()
    assert members.living() is None, "it slept: what it sees now says nothing of who was there meanwhile"
    await link.close()


SLEEPER = """
import asyncio, sys
from pydantic import SecretStr
from hub.clock import SystemClock
from hub.cluster.leases import LeaderLease, Member, Members
from hub.cluster.redis_link import RedisLink

async def main():
    clock = SystemClock()
    link = RedisLink(SecretStr(sys.argv[1]), clock)
    members = Members(link, clock, Member("sleeper", "http://s", frozenset()), lease_s=1.0)
    leader = LeaderLease(link, clock, members, lease_s=1.0, wants=lambda: True)
    tasks = [asyncio.create_task(members.run()), asyncio.create_task(leader.run())]
    while not leader.held():
        await asyncio.sleep(0.02)
    last = clock.now().mono_us  # before it is told: from then on it may be stopped at any moment
    print("leads", file=sys.stderr)
    while True:  # the very first look after it was woken, before anything could be asked
        now = clock.now().mono_us
        if now - last > 1_000_000:
            print("held" if leader.held() or members.held() else "not held", file=sys.stderr)
            return
        last = now

asyncio.run(main())
"""


async def test_a_process_that_was_stopped_past_its_lease_knows_it_at_once(redis: Redis) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLEEPER, redis.url, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await process.stderr.readline() == b"leads\n"
            async with node(redis, "b") as (members, leader):
                os.kill(process.pid, signal.SIGSTOP)
                await until(leader.held)
                await until(lambda: "sleeper" not in members.seen())  # it had been renewed a moment later
                os.kill(process.pid, signal.SIGCONT)
                assert await process.stderr.readline() == b"not held\n"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
