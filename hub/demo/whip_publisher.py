"""A simulated recorder: publishes by WHIP (RFC 9725), comes back by itself, says goodbye in order.

A hub that tells it to move (``{"type":"move"}`` on its data channel) is offered a second session beside the first,
which goes on until the hub ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog

from hub.clock import Clock, SystemClock
from hub.demo.device import Device, MediaSession, fresh_start, track_media
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.feed import TrackMedia
from hub.demo.gauges import EVERY_S, Gauges
from hub.demo.pacer import Pacer
from hub.demo.payloads import ParameterSetPlace
from hub.demo.whip_peer import WhipPeer, offered_payload_type
from hub.errors import SourceError
from hub.model import MediaKind

_log = structlog.get_logger(__name__)
_HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10)
_RETRY_S = 1.0
_AWAY_POLL_S = 0.1
_FRESH_KEYFRAME_US = 400_000  # a PLI this soon after a keyframe was asked for before it arrived


_MTU = 1200  # with SRTP, UDP and IPv6 around it, it still fits any path that RFC 8200 §5 allows


def whip_media(
    spec: VideoSpec | AudioSpec, *, faults: bool = False, sets: ParameterSetPlace = "both", folder: Path | None = None
) -> TrackMedia:
    """A track as a WHIP publisher sends it. Raises ValueError for a codec WebRTC does not carry."""
    number = offered_payload_type(spec.codec)
    return track_media(spec, faults=faults, number=number, mtu=_MTU, sets=sets, folder=folder)


@dataclass(slots=True)
class _Link:
    """What is sent on one connection, and when a keyframe was, last."""

    session: MediaSession
    keyframe_us: int


class WhipPublisher:
    """Publishes ``device`` to ``url`` from :meth:`start` to :meth:`stop`.

    ``token`` is the bearer token. ``link_loss``, ``patience_s``: see :class:`hub.demo.whip_peer.WhipPeer`. The device's
    tracks are made by :func:`whip_media`; ValueError for others. With ``gauges`` it sends telemetry beside them.
    """

    def __init__(
        self,
        device: Device,
        url: str,
        token: str = "",
        *,
        clock: Clock | None = None,
        pacer: Pacer | None = None,
        tls: ssl.SSLContext | None = None,
        link_loss: float = 0.0,
        gauges: Gauges | None = None,
        patience_s: float = 0.0,
    ) -> None:
        for track in device.tracks:
            if track.normal.payload_type != offered_payload_type(track.normal.loop.codec):
                raise ValueError(f"the tracks of {device.name} were not made by whip_media()")
        self.device, self._url, self._token, self._tls, self._link_loss = device, url, token, tls, link_loss
        self._gauges = gauges
        self._patience_s = patience_s
        self._clock = clock or SystemClock()
        self._own_pacer = pacer is None
        self._pacer = pacer or Pacer(self._clock)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._moving = asyncio.Event()
        self._links: dict[WhipPeer, _Link] = {}
        self.connected = asyncio.Event()
        self.last_error = ""

    @property
    def peer(self) -> WhipPeer | None:
        """The newest connection."""
        return next(reversed(self._links), None)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """RTCP BYE and DELETE, if it is publishing."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        if self._own_pacer:
            self._pacer.close()

    async def _run(self) -> None:
        """Publish again and again."""
        async with aiohttp.ClientSession(timeout=_HTTP_TIMEOUT) as http:
            while not self._stopping.is_set():
                if self.device.effects(self._clock.now()).away:
                    await self._pause(_AWAY_POLL_S)
                elif not await self._publish_on(http):
                    await self._pause(_RETRY_S)

    async def _publish_on(self, http: aiohttp.ClientSession) -> bool:
        """One session, and those that follow it, until none is left. False: the last of them failed."""
        self._moving.clear()
        sessions, well = {asyncio.create_task(self._try(http))}, True
        while sessions:
            moving = asyncio.create_task(self._moving.wait())
            done, _ = await asyncio.wait({*sessions, moving}, return_when=asyncio.FIRST_COMPLETED)
            moving.cancel()
            for session in done & sessions:
                well = session.result()
            sessions -= done
            if self._moving.is_set():
                self._moving.clear()
                if len(sessions) == 1 and not self._stopping.is_set():
                    sessions.add(asyncio.create_task(self._try(http)))
        return well

    async def _try(self, http: aiohttp.ClientSession) -> bool:
        try:
            await self._publish(http)
        except (SourceError, aiohttp.ClientError, TimeoutError, OSError) as error:
            if str(error) != self.last_error:
                _log.warning("publishing failed", device=self.device.name, error=str(error))
            self.last_error = str(error) or type(error).__name__
            return False
        self.last_error = ""
        return True

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _publish(self, http: aiohttp.ClientSession) -> None:
        """One session, from the offer to its end, however it ends."""
        codecs = [track.normal.loop.codec for track in self.device.tracks]
        peer = WhipPeer(
            codecs,
            addresses=self._addresses(),
            keyframe_wanted=lambda track: self._on_keyframe_wanted(peer, track),
            link_loss=self._link_loss,
            heard=None if self._gauges is None else self._on_heard,
            patience_s=self._patience_s,
        )
        why = "cut"
        location = ""
        try:
            location, answer = await self._post(http, await peer.offer())
            await peer.accept(answer)
            why = await self._play(peer)
        finally:
            self._links.pop(peer, None)
            if not self._links:
                self.connected.clear()
            await peer.close(abruptly=why == "cut")
        if why != "cut":
            await self._delete(http, location)

    async def _post(self, http: aiohttp.ClientSession, offer: str) -> tuple[str, str]:
        """Returns the Location and the SDP answer (RFC 9725 §4.2)."""
        headers = self._headers() | {"Content-Type": "application/sdp"}
        async with http.post(self._url, data=offer, headers=headers, ssl=self._tls or True) as response:
            text = await response.text()
            if response.status != 201:
                raise SourceError(f"expected 201 from {self._url}, found {response.status}: {text[:200]}")
            return urljoin(str(response.url), response.headers.get("Location", "")), text

    async def _delete(self, http: aiohttp.ClientSession, location: str) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with http.delete(location, headers=self._headers(), ssl=self._tls or True):
                pass

    async def _play(self, peer: WhipPeer) -> str:
        """Send until the script, the hub or :meth:`stop` ends it; returns cut, goodbye or lost."""
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        starts = {n: replace(fresh_start(), ssrc=peer.ssrc(n)) for n in range(len(self.device.tracks))}
        # aiortc and browsers begin in the lower half: an early wrap confuses SRTP (RFC 3711 §3.3.1).
        starts = {n: replace(start, first_seq=start.first_seq & 0x7FFF) for n, start in starts.items()}
        session = MediaSession(self.device, starts, self._clock.now(), peer.send, peer.send_rtcp)
        self._links[peer] = _Link(session, self._clock.now().mono_us)
        self._pacer.add(session, ended.set_result)
        self.connected.set()
        stopping = asyncio.create_task(self._stopping.wait())
        telling = asyncio.create_task(self._tell(peer))
        try:
            waiting: set[asyncio.Future[Any]] = {ended, peer.closed, stopping}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            telling.cancel()
            if not ended.done():
                self._pacer.remove(session)
            session.close()
        why = ended.result() if ended.done() else "lost" if peer.closed.done() else "goodbye"
        if why == "goodbye":
            session.say_goodbye("recording ended")
        return why

    async def _tell(self, peer: WhipPeer) -> None:
        """Until cancelled: how the device is, every EVERY_S."""
        while self._gauges is not None:
            peer.say(json.dumps(self._gauges.message(self._clock.now())))
            await self._clock.sleep(EVERY_S)

    def _on_heard(self, text: str) -> None:
        """A cue is followed at once: its officer speaks (the sound is in the loop)."""
        said = json.loads(text)
        if said.get("type") == "move":
            self._moving.set()
        if said.get("type") == "cue" and self.peer is not None:
            event = {"type": "cue_ack", "id": f"ack-{said['id']}", "cue": said["id"]}
            self.peer.say(json.dumps({"events": [event]}))

    def _on_keyframe_wanted(self, peer: WhipPeer, track: int) -> None:
        now_us, link = self._clock.now().mono_us, self._links.get(peer)
        if link is None or now_us - link.keyframe_us < _FRESH_KEYFRAME_US or self.device.aligned:
            return  # an aligned loop shows a common clock and has a keyframe each second anyway
        if self.device.tracks[track].normal.kind is MediaKind.VIDEO:
            link.keyframe_us = now_us
            link.session.feeds[track].jump_to_keyframe()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _addresses(self) -> tuple[str, ...]:
        """On loopback the hub is reached by loopback alone."""
        host = urlsplit(self._url).hostname or ""
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(host).is_loopback:
                return (host,)
        return ("127.0.0.1",) if host == "localhost" else ()
