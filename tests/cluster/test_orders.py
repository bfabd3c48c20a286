"""Orders in a real PostgreSQL: what one writes all read, in the order of its making; it holds while that is away."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import SystemClock
from hub.cluster.orders import Order, Orders, write_orders
from hub.database import Database, open_engine
from hub.database.migrating import migrate
from hub.model import RtspSource, Stream, StreamKind
from hub.monitor.rules import DetectorRules
from tests.cluster.servers import postgres_server


def order(ident: str, name: str = "") -> Order:
    source = RtspSource("rtsp://admin:secret@10.0.0.1/1")
    return Order(Stream(ident, name or ident, StreamKind.WINDOW, source, 1))


async def test_no_version_is_ever_missed_however_many_write(postgres: str) -> None:
    engine = open_engine(Database.at(postgres))
    node = Orders(engine, SystemClock(), DetectorRules())

    def write(office: int) -> None:
        for number in range(10):
            write_orders(engine, {f"cam-{office}-{number % 3}": order(f"cam-{office}-{number % 3}", str(number))})

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(4) as pool:
        writing = [loop.run_in_executor(pool, write, office) for office in range(4)]
        while not all(one.done() for one in writing):
            await node.read()
        await asyncio.gather(*writing)
    await node.read()
    fresh = Orders(engine, SystemClock(), DetectorRules())
    await fresh.read()
    assert len(node.streams()) == 12
    assert {one: node.stream(one) for one in node.streams()} == {one: fresh.stream(one) for one in fresh.streams()}
    assert all(node.streams().values()), "cameras may be moved"
    engine.dispose()


async def test_a_node_goes_on_with_what_it_knows_and_hears_of_news_at_once() -> None:
    with postgres_server() as server:
        url = server.fresh()
        migrate(Database.at(url))
        engine = open_engine(Database.at(url))
        write_orders(engine, {"cam": order("cam")})
        node = Orders(engine, SystemClock(), DetectorRules())
        running = asyncio.create_task(node.run())
        try:
            async with asyncio.timeout(60):
                while node.stream("cam") is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(server.stop)
                while node.away_since_us is None:
                    node.nudge()
                    await asyncio.sleep(0.05)
                assert node.stream("cam") == order("cam").stream
                with pytest.raises(SQLAlchemyError):
                    await asyncio.to_thread(write_orders, engine, {"cam": order("cam", "x")})
                await asyncio.to_thread(server.start)
                await asyncio.to_thread(write_orders, engine, {"cam": order("cam", "anew")})
                while node.stream("cam") != order("cam", "anew").stream:
                    node.nudge()
                    await asyncio.sleep(0.05)
                assert node.away_since_us is None
        finally:
            running.cancel()
            engine.dispose()
