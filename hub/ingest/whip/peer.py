"""ICE, DTLS and SRTP of one publisher. With ``sctp.py`` the only file that touches private names of aiortc and aioice.

aiortc brings the handshakes (its ORTC-like classes RTCIceGatherer, RTCIceTransport, RTCDtlsTransport); its peer
connection, receivers, jitter buffer and decoder threads are not used at all. A datagram is taken at our own socket,
un-protected, and handed on: no queue, task or object per packet stands in between.

Written against the versions below; ``tests/unit/test_whip_aiortc_seams.py`` names every private name used here and
fails when one is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pylibsrtp
import structlog
from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, get_host_addresses
from aioice.stun import RETRY_RTO, Message
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from OpenSSL import SSL

from hub.clock import US_PER_S, Clock, Instant
from hub.errors import Unavailable
from hub.ingest.sockets import SocketGroup
from hub.ingest.whip.answer import AcceptedData, LocalTransport, RemoteTransport
from hub.ingest.whip.candidates import RemoteCandidate
from hub.ingest.whip.sctp import DataChannels, Received
from hub.ingest.whip.sdp import MAX_CANDIDATES
from hub.ingest.whip.udp import LONGEST_TURN_S, Media, UdpSocket, bind_udp
from hub.metrics import BAD_INPUT

log = structlog.get_logger(__name__)
_REFUSED = BAD_INPUT.labels("srtp_refused")

AIORTC_VERSION = "1.16.0"
AIOICE_VERSION = "0.13.0"

MAX_QUEUED_DATAGRAMS = 64
"""DTLS records that wait for the handshake task. A flight has about six."""
MAX_EARLY_PACKETS = 256
"""Media that overtook the end of the DTLS handshake: the first keyframe may be among it."""
DEFAULT_ROUND_TRIP_US = 100_000
"""Until a connectivity check was answered."""


def host_addresses(configured: Sequence[str]) -> list[str]:
    """The addresses to offer: the configured ones, else all of this machine, loopback only where there is no other."""
    if configured:
        return list(configured)
    return get_host_addresses(use_ipv4=True, use_ipv6=True) or ["127.0.0.1"]


class _Stun(StunProtocol):
    """aioice's protocol for one socket, with the round trip of its checks measured."""

    def __init__(self, connection: _Connection, clock: Clock) -> None:
        super().__init__(connection)
        self._clock = clock
        self._measured = connection.measured

    async def request(
        self,
        request: Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[Message, tuple[str, int]]:
        sent_us = self._clock.now().mono_us
        answer = await super().request(request, addr, integrity_key, retransmissions)
        self._measured(self._clock.now().mono_us - sent_us)
        return answer


class _Connection(Connection):
    """aioice's ICE agent on our sockets: our addresses, our ports, and no unbounded queue."""

    def __init__(
        self,
        remote: RemoteTransport,
        clock: Clock,
        media: Media,
        addresses: Sequence[str],
        ports: tuple[int, int] | None,
        sockets: SocketGroup,
        stamped: bool,
    ) -> None:
        # A lite peer answers checks and makes none (RFC 8445 §2.5): then the hub leads.
        super().__init__(ice_controlling=remote.ice_lite)
        self.round_trip_us = DEFAULT_ROUND_TRIP_US
        self._clock = clock
        self._media = media
        self._addresses = addresses
        self._ports = ports
        self._sockets = sockets
        self._stamped = stamped

    def measured(self, round_trip_us: int) -> None:
        """A check was answered. A request may have been repeated after RETRY_RTO: then it tells nothing."""
        if round_trip_us < RETRY_RTO * US_PER_S:
            self.round_trip_us = round_trip_us

    async def gather_candidates(self) -> None:
        """One host candidate for each address. Raises Unavailable when not one socket could be had."""
        self._local_candidates_start = True
        problem: OSError | None = None
        for rank, address in enumerate(self._addresses):
            try:
                self._open(address, rank)
            except OSError as error:
                problem = error
        if not self._local_candidates:
            raise Unavailable(f"no UDP socket for WHIP: {problem or 'no address'}", code="no_udp_port")
        self._local_candidates_end = True

    def _open(self, address: str, rank: int) -> None:
        sock = bind_udp(address, self._ports)
        protocol = _Stun(self, self._clock)
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", address)[:32],
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host", 65535 - rank),
            host=address,
            port=sock.getsockname()[1],
            type="host",
        )
        received, lost = protocol.datagram_received, protocol.connection_lost
        protocol.connection_made(UdpSocket(sock, self._sockets, self._media, received, lost, stamped=self._stamped))
        self._protocols.append(protocol)
        self._local_candidates.append(protocol.local_candidate)

    def data_received(self, data: bytes, component: int) -> None:
        if self._queue.qsize() < MAX_QUEUED_DATAGRAMS:
            super().data_received(data, component)


class Peer:
    """One publisher's connection. Callbacks run on the event loop.

    ``media``/``control`` get each RTP packet / compound RTCP packet in the clear, with its arrival.
    ``ended(reason, goodbye)`` is called at most once, and not after :meth:`close`: ``goodbye`` when the publisher
    closed DTLS (close_notify, RFC 8446 §6.1) on purpose. ``message(label, text or bytes)`` gets what comes on data
    channels, where ``data`` was accepted. ``sockets``: what its own are read together with; alone unless given.
    ``stamped``: ``media`` is told when the kernel had each packet.
    """

    def __init__(
        self,
        remote: RemoteTransport,
        clock: Clock,
        *,
        addresses: Sequence[str],
        ports: tuple[int, int] | None,
        media: Media,
        control: Callable[[bytes, Instant], None],
        ended: Callable[[str, bool], None],
        data: AcceptedData | None = None,
        message: Received = lambda _label, _data: None,
        sockets: SocketGroup | None = None,
        stamped: bool = False,
    ) -> None:
        self._remote = remote
        self._media = media
        self._control = control
        self._ended = ended
        self._early: deque[tuple[bytes, Instant, int]] = deque(maxlen=MAX_EARLY_PACKETS)
        self._receive: pylibsrtp.Session | None = None
        self._send: pylibsrtp.Session | None = None
        group = sockets or SocketGroup(clock, longest_turn_s=LONGEST_TURN_S)
        self._connection = _Connection(remote, clock, self._datagram, addresses, ports, group, stamped)
        gatherer = RTCIceGatherer(iceServers=[])
        gatherer._connection = self._connection
        self._gatherer = gatherer
        self._ice = RTCIceTransport(gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()])
        self._dtls._set_role("server" if remote.dtls_server else "client")
        self._dtls.on("statechange", self._dtls_changed)
        self._channels = None if data is None else DataChannels(self._dtls, data, message)
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._known_candidates = len(remote.candidates)

    @property
    def round_trip_us(self) -> int:
        """Of the last answered connectivity or consent check."""
        return self._connection.round_trip_us

    @property
    def address(self) -> str:
        """``ip:port`` of the publisher; empty before it is connected."""
        pair = self._connection._nominated.get(1)
        return "" if pair is None else f"{pair.remote_addr[0]}:{pair.remote_addr[1]}"

    async def gather(self) -> LocalTransport:
        """Open the sockets and say where. Raises Unavailable."""
        await self._gatherer.gather()
        parameters = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        return LocalTransport(
            parameters.usernameFragment or "",
            parameters.password or "",
            tuple((found.algorithm, found.value) for found in prints if found.algorithm == "sha-256"),
            tuple((c.ip, c.port, c.priority, c.foundation) for c in self._gatherer.getLocalCandidates()),
        )

    def start(self) -> None:
        """Begin the connectivity checks, then the DTLS handshake."""
        self._task = asyncio.create_task(self._connect())

    async def add_candidates(self, candidates: Sequence[RemoteCandidate]) -> None:
        """Trickled candidates; more than MAX_CANDIDATES in all are not looked at.

        aioice is never told that there are no more: it would then give up on its own, while the publisher's next
        check may still reveal where it is. How long an offer may take is the endpoint's rule.
        """
        for found in candidates:
            if self._closed or self._known_candidates >= MAX_CANDIDATES:
                return
            self._known_candidates += 1
            await self._connection.add_remote_candidate(_to_aioice(found))

    async def _connect(self) -> None:
        try:
            await self._handshake()
        except Exception as error:
            # Whatever a peer makes the libraries raise ends this session, and this session alone.
            log.warning("whip_handshake_failed", error=repr(error))
            self._report(f"the connection failed: {error!r}", goodbye=False)

    async def _handshake(self) -> None:
        for found in self._remote.candidates:
            await self._connection.add_remote_candidate(_to_aioice(found))
        await self._ice.start(
            RTCIceParameters(
                usernameFragment=self._remote.ufrag, password=self._remote.password, iceLite=self._remote.ice_lite
            )
        )
        if self._ice.state != "completed":
            self._report("no connection by ICE", goodbye=False)
            return
        prints = [RTCDtlsFingerprint(algorithm=name, value=value) for name, value in self._remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        if self._dtls.state != "connected":
            self._report("the DTLS handshake failed", goodbye=False)
            return
        self._receive, self._send = self._dtls._rx_srtp, self._dtls._tx_srtp
        while self._early and not self._closed:
            self._datagram(*self._early.popleft())
        if self._channels is not None:
            with contextlib.suppress(ConnectionError):
                await self._channels.start()

    def _dtls_changed(self) -> None:
        if self._dtls.state == "closed":
            ssl = self._dtls._ssl
            said = ssl is not None and bool(ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN)
            self._report("the device closed the connection" if said else "the connection was lost", goodbye=said)

    def _report(self, reason: str, *, goodbye: bool) -> None:
        if not self._closed:
            self._closed = True
            self._ended(reason, goodbye)

    def _datagram(self, data: bytes, arrival: Instant, came_us: int) -> None:
        """An SRTP or SRTCP packet. Hot path."""
        receive = self._receive
        if receive is None:
            self._early.append((data, arrival, came_us))
            return
        # RFC 5761 §4: RTCP packet types fall into 192-223 of the second byte, where no RTP payload type may.
        control = len(data) > 1 and 192 <= data[1] <= 223
        try:
            packet = receive.unprotect_rtcp(data) if control else receive.unprotect(data)
        except (pylibsrtp.Error, ValueError):
            # Not from our publisher, a replay, or longer than pylibsrtp takes (1500 bytes).
            _REFUSED.inc()
            return
        if control:
            self._control(packet, arrival)
        else:
            self._media(packet, arrival, came_us)

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one compound packet; dropped when there is no connection."""
        pair = self._connection._nominated.get(1)
        if pair is None or self._send is None or self._closed:
            return
        with contextlib.suppress(pylibsrtp.Error):
            pair.protocol.transport.sendto(self._send.protect_rtcp(packet), pair.remote_addr)

    def send_data(self, label: str, text: str) -> bool:
        """Queue a message on the data channel of that label; False where there is none, or it takes no more."""
        return self._channels is not None and not self._closed and self._channels.send(label, text)

    async def close(self) -> None:
        """Say close_notify where possible, and free the sockets. Safe to call twice."""
        self._closed = True
        if self._channels is not None:
            await self._channels.stop()
        await self._dtls.stop()
        await self._ice.stop()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _to_aioice(candidate: RemoteCandidate) -> Any:
    return Candidate(
        foundation=candidate.foundation,
        component=1,
        transport="udp",
        priority=candidate.priority,
        host=candidate.host,
        port=candidate.port,
        type=candidate.type,
    )
