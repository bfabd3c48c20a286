"""A scripted camera: answers RTSP as it is told, sends what it is told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from hub.clock import SystemClock
from hub.ingest.rtsp.client import RtspClient
from hub.model import RtspSource, Transport
from tests.unit.ingest_rtp import Sink, idr, packet, slice_nal

SDP = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=camera\r\nt=0 0\r\na=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"
)


@dataclass
class Asked:
    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Camera:
    """``answers[method]`` returns status line rest, further header lines and body; ``media`` runs after
    PLAY. A method without an answer gets the usual one."""

    sdp: str = SDP
    answers: dict[str, Callable[[Asked], str | None]] = field(default_factory=dict)
    media: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        media: asyncio.Task[None] | None = None
        try:
            while True:
                request = await self._request(reader)
                self.asked.append(request)
                special = self.answers.get(request.method)
                answer = special(request) if special is not None else self._usual(request)
                if answer is None:
                    continue
                writer.write(answer.replace("CSEQ", request.headers["cseq"]).encode())
                if request.method == "PLAY" and self.media is not None:
                    media = asyncio.ensure_future(self.media(writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            if media is not None:
                media.cancel()
                await asyncio.gather(media, return_exceptions=True)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> Asked:
        first = await reader.readexactly(1)
        while first == b"$":
            head = await reader.readexactly(3)
            await reader.readexactly(head[1] << 8 | head[2])
            first = await reader.readexactly(1)
        lines = (first + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, url, _ = lines[0].split()
        pairs = (line.partition(":") for line in lines[1:] if line)
        return Asked(method, url, {name.strip().lower(): value.strip() for name, _, value in pairs})

    def _usual(self, request: Asked) -> str:
        extra, body = "", ""
        if request.method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n"
        elif request.method == "DESCRIBE":
            body = self.sdp
            extra = f"Server: scripted\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif request.method == "SETUP":
            extra = f"Session: 12345;timeout=60\r\nTransport: {request.headers['transport']}\r\n"
        return f"RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\n{extra}\r\n{body}"


@contextlib.asynccontextmanager
async def running(camera: Camera) -> AsyncIterator[Camera]:
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.add(asyncio.ensure_future(camera.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    camera.port = server.sockets[0].getsockname()[1]
    try:
        yield camera
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await server.wait_closed()


def client(
    camera: Camera, sink: Sink, *, path: str = "/live", login: str = "", udp: bool = False, silence_s: float = 0.5
) -> RtspClient:
    """Impatient, for tests."""
    return RtspClient(
        RtspSource(f"rtsp://{login}127.0.0.1:{camera.port}{path}", Transport.UDP if udp else Transport.TCP),
        sink,
        SystemClock(),
        timeout_s=1.0,
        silence_s=silence_s,
    )


def frame(data: bytes, channel: int = 0) -> bytes:
    return b"$" + bytes((channel,)) + len(data).to_bytes(2, "big") + data


def pictures(count: int, first: int = 0) -> list[bytes]:
    """Interleaved pictures of one packet each; the first is a keyframe."""
    return [
        frame(packet(idr() if index == 0 else slice_nal(), index, index * 3600, marker=True))
        for index in range(first, first + count)
    ]


def reply(status: str, *headers: str, body: str = "") -> Callable[[Asked], str | None]:
    """An answer with this status, always."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return lambda asked: f"RTSP/1.0 {status}\r\nCSeq: CSEQ\r\n{lines}\r\n{body}"
