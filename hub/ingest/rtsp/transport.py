"""How one track's packets travel under a session: interleaved channels, or a pair of UDP ports.

Both offer the same to the client: ``request`` for SETUP, ``accept`` for its answer, then packets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hub.clock import Instant
from hub.errors import SourceError
from hub.ingest.rtsp.connection import RtspConnection, each_packet
from hub.ingest.rtsp.message import header_parameters, number_pair
from hub.ingest.rtsp.udp import UdpPair
from hub.ingest.sockets import SocketGroup

_PUNCH_RTP = b"\x80\x7f" + bytes(10)
"""An RTP packet of nothing: only its addresses matter."""


class Receiver(Protocol):
    """What a transport delivers to: see :class:`hub.ingest.track.RtpTrack`."""

    def receive(self, packet: memoryview, arrival: Instant, /) -> None: ...

    def receive_rtcp(self, packet: memoryview, arrival: Instant, /) -> None: ...

    def receive_interleaved(
        self, buffer: bytearray, view: memoryview, position: int, fill: int, arrival: Instant, /
    ) -> int: ...


class TrackTransport(Protocol):
    request: str
    """The Transport header of SETUP (RFC 2326 §12.39)."""

    def accept(self, answer: str) -> None:
        """The Transport header of the answer. Raises SourceError (``protocol``)."""
        ...

    def start(self, receiver: Receiver) -> None: ...

    def send_rtcp(self, packet: bytes) -> None: ...

    def punch(self, report: bytes) -> None:
        """Just before PLAY."""
        ...

    def dropped(self) -> int:
        """Packets that this machine itself dropped since the last call."""
        ...

    def close(self) -> None: ...


class InterleavedTransport:
    """Two channels of the connection; the camera may choose others than those asked for."""

    def __init__(self, connection: RtspConnection, index: int) -> None:
        self._connection = connection
        self._channels = (2 * index, 2 * index + 1)
        self.request = f"RTP/AVP/TCP;unicast;interleaved={self._channels[0]}-{self._channels[1]}"

    def accept(self, answer: str) -> None:
        if not answer:
            return
        parameters = header_parameters(answer)
        if "interleaved" not in parameters:
            if "client_port" in parameters or "server_port" in parameters:
                raise SourceError("the camera answered with UDP though TCP was asked for", code="protocol")
            return
        channels = number_pair(parameters["interleaved"])
        if channels is None or max(channels) > 255:
            raise SourceError(f"interleaved channels {parameters['interleaved'][:20]!r}", code="protocol")
        self._channels = channels

    def start(self, receiver: Receiver) -> None:
        self._connection.handle(self._channels[0], receiver.receive_interleaved)
        self._connection.handle(self._channels[1], each_packet(receiver.receive_rtcp))

    def send_rtcp(self, packet: bytes) -> None:
        self._connection.send_frame(self._channels[1], packet)

    def punch(self, report: bytes) -> None:
        """TCP needs none."""

    def dropped(self) -> int:
        return 0

    def close(self) -> None:
        for channel in self._channels:
            self._connection.handle(channel, None)


class UdpTransport:
    """A pair of ports of ours, and those of the camera once it has answered."""

    def __init__(self, connection: RtspConnection, sockets: SocketGroup, complain: Callable[[str, str], None]) -> None:
        local = connection.transport.get_extra_info("sockname")[0]
        self._peer: str = connection.transport.get_extra_info("peername")[0]
        self._pair = UdpPair(sockets, complain, local)
        first, second = self._pair.ports
        self.request = f"RTP/AVP;unicast;client_port={first}-{second}"

    def accept(self, answer: str) -> None:
        parameters = header_parameters(answer)
        if "interleaved" in parameters:
            raise SourceError("the camera answered with TCP though UDP was asked for", code="protocol")
        ports = number_pair(parameters.get("server_port", ""))
        source = parameters.get("source", "")
        self._pair.expect([host for host in (self._peer, source) if host], self._peer, ports)

    def start(self, receiver: Receiver) -> None:
        self._pair.start(receiver.receive, receiver.receive_rtcp)

    def send_rtcp(self, packet: bytes) -> None:
        self._pair.send_rtcp(packet)

    def punch(self, report: bytes) -> None:
        self._pair.punch(_PUNCH_RTP, report)

    def dropped(self) -> int:
        return self._pair.dropped()

    def close(self) -> None:
        self._pair.close()
