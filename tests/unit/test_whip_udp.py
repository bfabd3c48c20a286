"""The UDP sockets under WHIP: where they bind, and how datagrams are told apart."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from hub.clock import Instant, ManualClock, SystemClock
from hub.ingest.sockets import SocketGroup
from hub.ingest.whip.udp import PortsExhausted, UdpSocket, bind_udp


def test_a_port_of_the_range_is_taken_until_none_is_free() -> None:
    with bind_udp("127.0.0.1", None) as any_port:
        taken = any_port.getsockname()[1]
        with pytest.raises(PortsExhausted, match=f"no free UDP port in {taken}-{taken}"):
            bind_udp("127.0.0.1", (taken, taken))
    with bind_udp("127.0.0.1", (taken, taken)) as again:
        assert again.getsockname() == ("127.0.0.1", taken)


def test_an_address_that_stands_for_us_outside_is_served_from_the_wildcard() -> None:
    with bind_udp("203.0.113.77", None) as sock:
        assert sock.getsockname()[0] == "0.0.0.0"


async def test_media_and_the_rest_go_their_ways_in_order() -> None:
    media: list[tuple[bytes, Instant, int]] = []
    other: list[tuple[bytes, tuple[str, int]]] = []
    lost: list[Exception | None] = []
    clock = ManualClock()
    transport = UdpSocket(
        bind_udp("127.0.0.1", None),
        SocketGroup(clock),
        lambda data, at, came_us: media.append((data, at, came_us)),
        lambda data, address: other.append((data, address)),
        lost.append,
        stamped=True,
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        for first in (0, 127, 128, 191, 192):
            sender.sendto(bytes((first, first)), transport.get_extra_info("sockname"))
        sender.sendto(b"", transport.get_extra_info("sockname"))
        async with asyncio.timeout(5):
            while len(media) + len(other) < 5:  # noqa: ASYNC110 (a socket has no event)
                await asyncio.sleep(0)
        transport.sendto(b"back", sender.getsockname())
        assert sender.recv(10) == b"back"
        address = sender.getsockname()
    assert [(data, at) for data, at, _ in media] == [(b"\x80\x80", clock.now()), (b"\xbf\xbf", clock.now())]
    assert {came_us for _, _, came_us in media} == {clock.now().mono_us}, "a stamp of another calendar says nothing"
    assert other == [(bytes((first, first)), address) for first in (0, 127, 192)]
    transport.close()
    transport.close()
    assert transport.is_closing()
    transport.sendto(b"late", address)
    await asyncio.sleep(0)
    assert lost == [None]


@pytest.mark.parametrize("stamped", [True, False])
async def test_what_is_read_in_one_turn_came_when_the_kernel_had_it_if_that_is_asked(stamped: bool) -> None:
    media: list[tuple[Instant, int]] = []
    clock = SystemClock()
    transport = UdpSocket(
        bind_udp("127.0.0.1", None),
        SocketGroup(clock),
        lambda _data, at, came_us: media.append((at, came_us)),
        lambda _data, _address: None,
        lambda _error: None,
        stamped=stamped,
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        # The kernel takes a moment to begin with stamps where nobody on the machine wanted any.
        sender.sendto(b"\x80\x80", transport.get_extra_info("sockname"))
        time.sleep(0.05)  # noqa: ASYNC251
        before_us = clock.now().mono_us
        for _ in range(2):
            sender.sendto(b"\x80\x80", transport.get_extra_info("sockname"))
            time.sleep(0.05)  # noqa: ASYNC251  the hub is busy
        async with asyncio.timeout(5):
            while len(media) < 3:  # noqa: ASYNC110 (a socket has no event)
                await asyncio.sleep(0)
    transport.close()
    _, (turn, first_us), (same, second_us) = media
    assert turn is same
    if not stamped:
        assert first_us == second_us == turn.mono_us
        return
    assert before_us - 1000 <= first_us <= second_us - 50_000 <= turn.mono_us - 99_000
