"""The sending half of a WebRTC connection: aiortc negotiates, our own prepared packets go out.

aiortc's senders are kept from starting their packetizing and reporting; their SSRC and SRTP session are
used directly. This is the one file of the simulators that touches names aiortc does not publish
(pinned version, see pyproject.toml).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aioice import stun
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.codecs import CODECS
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpCodecParameters
from aiortc.rtp import RTCP_PSFB_FIR, RTCP_PSFB_PLI, RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket

from hub.demo.feed import INTERLEAVE_SIZE
from hub.errors import SourceError
from hub.model import Codec

_HISTORY = 512  # packets per track: about 2 s of a 2 Mbit/s picture
_MIME = {Codec.H264: "video/H264", Codec.OPUS: "audio/opus", Codec.PCMA: "audio/PCMA", Codec.PCMU: "audio/PCMU"}
_CONNECT_TIMEOUT_S = 15.0
H264_PROFILE = "42e01f"


def offered_payload_type(codec: Codec) -> int:
    """The payload type under which our offer lists a codec. Raises ValueError for one WHIP does not carry."""
    for entry in CODECS[str(codec.kind)]:
        if _is_ours(codec, entry) and entry.payloadType is not None:
            return entry.payloadType
    raise ValueError(f"expected H.264, Opus or G.711 for WHIP, found {codec}")


def _is_ours(codec: Codec, entry: RTCRtpCodecCapability | RTCRtpCodecParameters) -> bool:
    return entry.mimeType == _MIME.get(codec) and entry.parameters.get("profile-level-id", H264_PROFILE) == H264_PROFILE


class WhipPeer:
    """One connection. ``await offer()``, ``await accept(answer)``, then send; ``await close()`` at the end.

    ``keyframe_wanted(track)`` is called on PLI and FIR. ``link_loss`` (0–1) of the packets get lost on
    the way; unlike a scripted loss they can be asked for again. With ``heard`` there is a data channel for telemetry,
    and ``heard(text)`` is called with what the hub says on it. A hub that does not answer for ``patience_s`` is left,
    as browsers leave it; 0: after the half minute of RFC 7675.
    """

    def __init__(
        self,
        codecs: Sequence[Codec],
        *,
        addresses: Sequence[str] = (),
        keyframe_wanted: Callable[[int], None],
        link_loss: float = 0.0,
        heard: Callable[[str], None] | None = None,
        patience_s: float = 0.0,
    ) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._keyframe_wanted, self._link_loss = keyframe_wanted, link_loss
        self._dice = random.Random(1)  # noqa: S311 - a repeatable loss, no secret
        self._senders: list[RTCRtpSender] = []
        self._histories: list[list[bytes]] = [[b""] * _HISTORY for _ in codecs]
        self._started = [asyncio.Event() for _ in codecs]
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.retransmitted = self.keyframes_wanted = 0
        for track, codec in enumerate(codecs):
            self._add_track(track, codec)
        self._channel: RTCDataChannel | None = None
        if heard is not None:
            self._channel = self._connection.createDataChannel("telemetry")
            self._channel.on("message", heard)
        if addresses:
            self._gather_only(list(addresses))
        for ice in self._ices if patience_s else ():
            ice.query_consent = partial(_consent, ice, patience_s)
        self._connection.on("connectionstatechange", self._on_state)

    def ssrc(self, track: int) -> int:
        return int(self._senders[track]._ssrc)

    async def offer(self) -> str:
        """The SDP offer, with all candidates in it."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the answer and connect. Raises SourceError when it cannot be understood or nothing connects."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                for started in self._started:
                    await started.wait()
        except TimeoutError as error:
            raise SourceError(f"no WebRTC connection within {_CONNECT_TIMEOUT_S:.0f} s") from error
        except Exception as error:  # aiortc raises many kinds
            raise SourceError(f"the hub's answer was not accepted: {error}") from error

    def send(self, track: int, parts: list[bytes]) -> None:
        """Send packets as :mod:`hub.demo.feed` makes them."""
        history = self._histories[track]
        for index in range(0, len(parts), 2):
            packet = parts[index][INTERLEAVE_SIZE:] + parts[index + 1]
            history[(packet[2] << 8 | packet[3]) % _HISTORY] = packet
            if not self._link_loss or self._dice.random() >= self._link_loss:
                self._send_protected(packet)

    def send_rtcp(self, _track: int, packet: bytes) -> None:
        transport = self._transport
        if transport._tx_srtp is not None:
            self._send_datagram(transport._tx_srtp.protect_rtcp(packet))

    def say(self, text: str) -> bool:
        """Send telemetry; False while the channel is not open."""
        if self._channel is None or self._channel.readyState != "open":
            return False
        self._channel.send(text)
        return True

    async def close(self, *, abruptly: bool = False) -> None:
        """End it; ``abruptly``: not a single byte more is sent, as when power is lost."""
        if abruptly:
            self._transport.transport._send = _send_nothing
        self._connection.remove_all_listeners()
        await self._connection.close()

    # ------------------------------------------------------------------------ aiortc's inner names

    @property
    def _transport(self) -> Any:
        return self._senders[0].transport

    @property
    def _ices(self) -> set[Any]:
        return {sender.transport.transport.iceGatherer._connection for sender in self._senders}

    def _add_track(self, track: int, codec: Codec) -> None:
        kind = str(codec.kind)
        transceiver = self._connection.addTransceiver(kind, direction="sendonly")
        transceiver.setCodecPreferences(
            [entry for entry in RTCRtpSender.getCapabilities(kind).codecs if _is_ours(codec, entry)]
        )
        sender: Any = transceiver.sender
        self._senders.append(sender)

        async def start(parameters: Any) -> None:
            sender.transport._register_rtp_sender(sender, parameters)
            self._started[track].set()

        async def handle(packet: Any) -> None:
            self._handle_rtcp(track, packet)

        sender.send, sender._handle_rtcp_packet = start, handle

    def _gather_only(self, addresses: list[str]) -> None:
        """Offer these addresses alone: aioice leaves 127.0.0.1 out by itself."""
        for ice in self._ices:
            ice.get_component_candidates = _Gatherer(ice.get_component_candidates, addresses)

    def _handle_rtcp(self, track: int, packet: Any) -> None:
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for seq in packet.lost:
                stored = self._histories[track][seq % _HISTORY]
                if stored and stored[2] << 8 | stored[3] == seq:
                    self.retransmitted += 1
                    self._send_protected(stored)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self.keyframes_wanted += 1
            self._keyframe_wanted(track)

    def _send_protected(self, packet: bytes) -> None:
        srtp = self._transport._tx_srtp
        if srtp is not None:
            self._send_datagram(srtp.protect(packet))

    def _send_datagram(self, data: bytes) -> None:
        """Straight to the nominated pair's socket: a coroutine per packet would cost more than SRTP."""
        pair = self._transport.transport._connection._nominated.get(1)
        if pair is not None and not pair.protocol.transport.is_closing():
            pair.protocol.transport.sendto(data, pair.remote_addr)

    def _on_state(self) -> None:
        if self._connection.connectionState in ("failed", "closed") and not self.closed.done():
            self.closed.set_result(None)


async def _send_nothing(_data: bytes) -> None:
    return None


async def _consent(ice: Any, patience_s: float) -> None:
    """aioice's own question whether the other side is there (RFC 7675), asked every second."""
    silent_s = 0.0
    while silent_s < patience_s:
        await asyncio.sleep(1)
        try:
            for pair in ice._nominated.values():
                key = ice.remote_password.encode()
                request = ice.build_request(pair, nominate=False)
                await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=0)
            silent_s = 0.0
        except stun.TransactionError:
            silent_s += 1
    ice._query_consent_task = None  # it waits for that one to end
    await ice.close()


class _Gatherer:
    """Stands before aioice's own gathering and replaces the addresses that it found."""

    def __init__(self, gather: Callable[..., Awaitable[Any]], addresses: list[str]) -> None:
        self._gather, self._addresses = gather, addresses

    def __call__(self, component: int, addresses: list[str]) -> Awaitable[Any]:  # noqa: ARG002 - replaced
        return self._gather(component=component, addresses=self._addresses)
