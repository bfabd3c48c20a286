"""Sockets read in turns: nothing is lost, one socket's fault is its own, and many packets cost one wake-up."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from hub.clock import Instant, ManualClock, SystemClock
from hub.ingest.rtsp import udp
from hub.ingest.rtsp.connection import RtspConnection, each_packet
from hub.ingest.sockets import SocketGroup


class Looks(ManualClock):
    """Stands still but for a microsecond at each look, so that turns can be told apart."""

    def now(self) -> Instant:
        self.mono_us += 1
        return super().now()


@contextmanager
def pairs(count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(count)]
    try:
        for one, other in made:
            one.setblocking(False)
            other.setblocking(False)
        yield made
    finally:
        for pair in made:
            for end in pair:
                end.close()


async def until(reached: list[bytes], size: int) -> None:
    async with asyncio.timeout(5):
        while sum(map(len, reached)) < size:  # noqa: ASYNC110 - what is waited for is told by nobody
            await asyncio.sleep(0.001)


async def test_what_comes_within_a_turn_is_read_in_one_go() -> None:
    group = SocketGroup(Looks())
    read: list[bytes] = []
    arrivals: list[Instant] = []
    with pairs(30) as made:

        def drain(fd: int) -> None:
            read.append(os.read(fd, 100))
            arrivals.append(group.arrived())

        drains = {ours.fileno(): partial(drain, ours.fileno()) for _, ours in made}
        for fd, one in drains.items():
            group.add(fd, one)
        for number in range(4):
            for theirs, _ in made:
                theirs.send(b"%d" % number)
            await until(read, 30 * (number + 1))
        assert sorted(read) == sorted(b"%d" % number for number in range(4) for _ in range(30))
        assert len(set(arrivals)) <= 8, "a socket that becomes ready wakes nobody while the turn lasts"
        for fd, one in drains.items():
            group.remove(fd, one)


@pytest.mark.parametrize("longest_s", [0.08, 0.04])
async def test_a_turn_is_short_among_few_and_no_longer_than_a_receive_buffer_holds(longest_s: float) -> None:
    group = SocketGroup(SystemClock(), longest_turn_s=longest_s)

    def drain() -> None:
        raise AssertionError("nothing was sent")

    with pairs(50) as made:
        fds = [ours.fileno() for _, ours in made]
        turns = []
        for fd in fds:
            group.add(fd, drain)
            turns.append(group.turn_s)
        assert (turns[0], turns[3], turns[19], turns[22]) == pytest.approx((0.001, 0.004, 0.02, 0.029))
        assert turns[-1] == longest_s
        group.add(fds[7], drain, longest_s=0.02)
        assert group.turn_s == 0.02
        group.remove(fds[7], drain)
        assert group.turn_s == longest_s
        for fd in fds:
            group.remove(fd, drain)


@pytest.mark.parametrize(("wanted", "turn_s"), [(1 << 10, 0.08), (1 << 40, 0.02)])
async def test_udp_that_was_not_granted_its_buffer_is_read_more_often(
    monkeypatch: pytest.MonkeyPatch, wanted: int, turn_s: float
) -> None:
    monkeypatch.setattr(udp, "RECEIVE_BUFFER_BYTES", wanted)
    monkeypatch.setattr(udp, "_enlarge", udp._granted)
    group = SocketGroup(SystemClock())
    held = [udp.UdpPair(group, lambda *_: None, "127.0.0.1") for _ in range(25)]
    for pair in held:
        pair.start(lambda *_: None, lambda *_: None)
    assert group.turn_s == turn_s
    for pair in held:
        pair.close()


async def test_a_camera_that_fills_the_buffer_is_read_on_in_the_same_turn_and_leaves_others_theirs() -> None:
    group = SocketGroup(Looks())
    group.buffer = bytearray(2000)
    group.view = memoryview(group.buffer)
    stream = (b"$\0" + (496).to_bytes(2, "big") + bytes(496)) * 40
    with pairs(1) as made:
        theirs, ours = made[0]
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: RtspConnection(SystemClock(), lambda *_: None), sock=ours.dup()
        )
        got: list[Instant] = []
        connection.handle(0, each_packet(lambda _packet, arrival: got.append(arrival)))
        connection.read_with(group)
        theirs.send(stream)
        async with asyncio.timeout(10):
            while len(got) < 40:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        connection.close()
        assert [got.count(turn) for turn in dict.fromkeys(got)] == [32, 8]


async def test_a_drain_that_fails_or_leaves_harms_no_other() -> None:
    group = SocketGroup(SystemClock())
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))
    read: list[bytes] = []
    with pairs(3) as made:
        bad, leaving, good = (ours.fileno() for _, ours in made)

        def fails() -> None:
            os.read(bad, 100)
            raise ValueError("a mistake of ours")

        def leaves() -> None:
            group.remove(leaving, leaves)
            group.remove(leaving, leaves)

        def drain() -> None:
            read.append(os.read(good, 100))

        group.add(bad, fails)
        group.add(leaving, leaves)
        group.add(good, drain)
        for _ in range(2):
            for theirs, _ours in made:
                theirs.send(b"x")
            await asyncio.sleep(0.03)
        assert b"".join(read) == b"xx"
        assert len(told) == 2
        group.remove(leaving, drain)  # not its own: another's number by now
        group.remove(bad, fails)
        group.remove(good, drain)
        made[2][0].send(b"x")
        await asyncio.sleep(0.03)
        assert b"".join(read) == b"xx", "an empty group reads nothing"


@pytest.mark.parametrize("cut", [1, 3, 5, 700])
async def test_a_connection_reads_frames_in_any_pieces(cut: int) -> None:
    """Frames of two channels, cut anywhere: the packets are whole and in order; then the end is noticed."""
    packets = [bytes([index]) * (index * 37 % 900 + 1) for index in range(120)]
    stream = b"".join(
        b"$" + bytes([index % 2]) + len(one).to_bytes(2, "big") + one for index, one in enumerate(packets)
    )
    group = SocketGroup(SystemClock())
    loop = asyncio.get_running_loop()
    with pairs(1) as made:
        theirs, ours = made[0]
        complaints: list[str] = []
        _, connection = await loop.create_connection(
            lambda: RtspConnection(SystemClock(), lambda code, _text: complaints.append(code)), sock=ours.dup()
        )
        got: list[bytes] = []
        for channel in (0, 1):
            connection.handle(channel, each_packet(lambda packet, _arrival: got.append(bytes(packet))))
        connection.read_with(group)
        for start in range(0, len(stream), cut * 50):
            for at in range(start, min(start + cut * 50, len(stream)), cut):
                await loop.sock_sendall(theirs, stream[at : at + cut])
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while len(got) < len(packets):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert got == packets
            assert complaints == []
            theirs.shutdown(socket.SHUT_RDWR)
            assert await connection.ended == "the camera closed the connection"
        connection.close()
