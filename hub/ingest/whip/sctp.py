"""Data channels of one publisher (RFC 8831): aiortc's SCTP on the session's DTLS transport, with bounds of our own.

Beside ``peer.py`` the only file that touches private names of aiortc. Whatever a publisher makes SCTP raise ends its
data channels and nothing else: media goes its own way, past DTLS records.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import structlog
from aiortc import RTCDataChannel, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities

from hub.ingest.whip.answer import MAX_MESSAGE_BYTES, SCTP_PORT, AcceptedData
from hub.metrics import BAD_INPUT

log = structlog.get_logger(__name__)
_BROKEN = BAD_INPUT.labels("whip_channel_broken")

MAX_CHANNELS = 8
MAX_STREAM_NUMBERS = 64
"""Channels have even or odd numbers, by the DTLS role (RFC 8832 §6), and a closed one's may not be used again soon."""
MAX_HELD_BYTES = 4 * MAX_MESSAGE_BYTES
"""Parts of messages that wait for their rest. aiortc tells the peer of such a window and does not enforce it."""
MAX_HELD_PARTS = 256
MAX_UNSENT_BYTES = 64 * 1024
"""What waits for a publisher that does not take it; more is not sent."""

Received = Callable[[str, str | bytes], None]
"""Label of the channel, and one message of at most MAX_MESSAGE_BYTES."""


class _Association(RTCSctpTransport):
    """aiortc's association, bounded, and never the end of the DTLS transport that it hears from."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        super().__init__(transport, port=SCTP_PORT)
        self._advertised_rwnd = MAX_HELD_BYTES
        self._inbound_streams_max = MAX_STREAM_NUMBERS
        self.broken = False

    async def _handle_data(self, data: bytes) -> None:
        if self.broken:
            return
        try:
            await super()._handle_data(data)
            self._check_bounds()
        except Exception as error:
            self.broken = True
            _BROKEN.inc()
            log.warning("whip_channel_broken", error=repr(error))
            with contextlib.suppress(Exception):
                await self.stop()

    def _check_bounds(self) -> None:
        parts = sum(len(stream.reassembly) for stream in self._inbound_streams.values())
        if self._advertised_rwnd < 0 or parts > MAX_HELD_PARTS or len(self._sack_misordered) > MAX_HELD_PARTS:
            raise ValueError(f"expected messages of at most {MAX_MESSAGE_BYTES} bytes, found parts without end")

    def _get_inbound_stream(self, stream_id: int) -> Any:
        if stream_id not in self._inbound_streams and len(self._inbound_streams) >= MAX_CHANNELS:
            raise ValueError(f"expected at most {MAX_CHANNELS} data channels")
        return super()._get_inbound_stream(stream_id)

    async def _send_chunk(self, chunk: Any) -> None:
        # timers call this too, when the connection may be gone already
        with contextlib.suppress(ConnectionError):
            await super()._send_chunk(chunk)


class DataChannels:
    """All data channels of a session. ``received`` runs on the event loop; what it raises ends the channels."""

    def __init__(self, transport: RTCDtlsTransport, accepted: AcceptedData, received: Received) -> None:
        self._accepted = accepted
        self._received = received
        self._channels: dict[str, RTCDataChannel] = {}
        self._association = _Association(transport)
        self._association.on("datachannel", self._opened)

    async def start(self) -> None:
        """Once DTLS is up. Never raises for what the publisher sends."""
        capabilities = RTCSctpCapabilities(maxMessageSize=self._accepted.max_message_bytes)
        await self._association.start(capabilities, self._accepted.sctp_port)

    async def stop(self) -> None:
        """Safe to call twice, and before :meth:`start`."""
        self._channels.clear()
        with contextlib.suppress(Exception):  # a half-open association must not keep the session from closing
            await self._association.stop()

    def send(self, label: str, text: str) -> bool:
        """Queue one message; False where no channel of that label is open or the publisher does not take more."""
        channel = self._channels.get(label)
        size = len(text.encode("utf-8"))
        most = self._accepted.max_message_bytes or size
        if channel is None or channel.readyState != "open" or size > most:
            return False
        if channel.bufferedAmount + size > MAX_UNSENT_BYTES:
            return False
        channel.send(text)
        return True

    def _opened(self, channel: RTCDataChannel) -> None:
        label = channel.label
        self._channels[label] = channel  # the newest of its label is answered

        def message(data: str | bytes) -> None:
            if len(data if isinstance(data, bytes) else data.encode("utf-8")) > MAX_MESSAGE_BYTES:
                raise ValueError(f"expected a message of at most {MAX_MESSAGE_BYTES} bytes, found {len(data)}")
            self._received(label, data)

        def closed() -> None:
            if self._channels.get(label) is channel:
                del self._channels[label]

        channel.on("message", message)
        channel.on("close", closed)
