"""The hub is held up between two of its steps, for a second: nothing seems to have come before it was sent.

By the smallest delay of a run its media is placed in time, so that one packet which came too early would move all that
is recorded after it, and both edges of the next interruption.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hub.clock import Instant, ManualClock
from hub.ingest.rtsp.connection import RtspConnection, each_packet
from hub.ingest.rtsp.udp import UdpPair
from hub.ingest.sockets import SocketGroup
from hub.ingest.whip.udp import UdpSocket, bind_udp

PACKET = b"\x80\x60" + bytes(20)
FRAME = b"$\0" + len(PACKET).to_bytes(2, "big") + PACKET
HELD_UP_S = 1.0


class Preempted(ManualClock):
    """The process loses its processor right after it has looked at the clock; ``meanwhile`` happens outside."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None
        self.sent = Instant(0, 0)

    def now(self) -> Instant:
        seen = super().now()
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            self.sent = self.advance(HELD_UP_S)
            meanwhile()
        return seen


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    theirs, ours = socket.socketpair()
    with theirs, ours:
        ours.setblocking(False)
        yield theirs, ours


async def until(arrivals: list[Instant], count: int) -> None:
    async with asyncio.timeout(5):
        while len(arrivals) < count:  # noqa: ASYNC110 - what is waited for is told by nobody
            await asyncio.sleep(0)


async def test_what_a_camera_sends_over_tcp() -> None:
    clock, arrivals = Preempted(), list[Instant]()
    group = SocketGroup(clock)
    with pair() as (theirs, ours):
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: RtspConnection(clock, lambda *_: None), sock=ours.dup()
        )
        connection.handle(0, each_packet(lambda _packet, arrival: arrivals.append(arrival)))
        connection.read_with(group)
        clock.meanwhile = lambda: theirs.send(FRAME)
        theirs.send(FRAME)
        await until(arrivals, 2)
        connection.close()
    assert arrivals[-1].mono_us >= clock.sent.mono_us > 0


async def test_what_a_camera_sends_while_another_ones_pictures_are_worked_on() -> None:
    clock, arrivals = ManualClock(), list[Instant]()
    group = SocketGroup(clock)
    with pair() as (theirs, ours), pair() as (other, busy):

        def work() -> None:
            os.read(busy.fileno(), 10)
            clock.advance(HELD_UP_S)
            theirs.send(b"later")

        def drain() -> None:
            assert os.read(ours.fileno(), 100).endswith(b"later")
            arrivals.append(group.arrived())

        group.add(busy.fileno(), work)
        group.add(ours.fileno(), drain)
        other.send(b"first")
        theirs.send(b"before")
        await until(arrivals, 1)
        group.remove(busy.fileno(), work)
        group.remove(ours.fileno(), drain)
    assert arrivals == [clock.now()]


async def test_what_a_camera_sends_over_udp() -> None:
    clock, arrivals = Preempted(), list[Instant]()
    ports = UdpPair(SocketGroup(clock), lambda *_: None, "127.0.0.1")
    ports.expect(["127.0.0.1"], "127.0.0.1", None)
    ports.start(lambda _packet, arrival: arrivals.append(arrival), lambda *_: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        to = ("127.0.0.1", ports.ports[0])
        clock.meanwhile = lambda: sender.sendto(PACKET, to)
        sender.sendto(PACKET, to)
        await until(arrivals, 2)
    ports.close()
    assert arrivals[-1].mono_us >= clock.sent.mono_us > 0


@pytest.mark.parametrize("stamped", [True, False])
async def test_what_a_recorder_publishes(stamped: bool) -> None:
    clock, arrivals = Preempted(), list[Instant]()

    def media(_data: bytes, arrival: Instant, _came_us: int) -> None:
        arrivals.append(arrival)

    def nothing(*_: Any) -> None:
        return None

    transport = UdpSocket(bind_udp("127.0.0.1", None), SocketGroup(clock), media, nothing, nothing, stamped=stamped)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        to = transport.get_extra_info("sockname")
        clock.meanwhile = lambda: sender.sendto(PACKET, to)
        sender.sendto(PACKET, to)
        await until(arrivals, 2)
    transport.close()
    assert arrivals[-1].mono_us >= clock.sent.mono_us > 0
