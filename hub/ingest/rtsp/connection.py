"""The TCP (or TLS) connection to a camera: answers and interleaved media out of one byte stream.

RFC 2326 §10.12: ``$``, a channel, a 16-bit length and that many bytes, between RTSP messages. TCP is read in turns with
all other cameras, into the buffer that they share, and slices of it are handed out: nothing is copied but a frame that
is not whole yet. TLS is read by the event loop, into a buffer of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from hub.clock import Clock, Instant
from hub.errors import SourceError
from hub.ingest.rtp import FRAME_HEADER_BYTES, frame_end
from hub.ingest.rtsp.message import Message, parse_message, write_request, write_response
from hub.ingest.sockets import SocketGroup

BUFFER_BYTES = 96 << 10
"""Holds the largest interleaved frame (64 KiB) and the largest message (80 KiB)."""
MAX_GARBAGE_BYTES = 256 << 10
"""So much that is neither media nor message, and the connection is given up."""
_DOLLAR = 0x24
_MAX_PENDING = 16
_READS_PER_TURN = 8
"""Of a camera that sends more than the buffer holds: two megabytes every 80 ms are 200 Mbit/s."""

FrameHandler: TypeAlias = Callable[[bytearray, memoryview, int, int, Instant], int]
"""``handler(buffer, view of it, position, fill, arrival)``: takes whole frames of its channel, one or more, that lie
from ``position`` on; returns where what follows them begins (``position``: the frame there is not whole)."""


def each_packet(handler: Callable[[memoryview, Instant], None]) -> FrameHandler:
    """For channels with few packets: ``handler`` gets one at a time."""

    def take(buffer: bytearray, view: memoryview, position: int, fill: int, arrival: Instant) -> int:
        end = frame_end(buffer, position, fill)
        if not end:
            return position
        handler(view[position + FRAME_HEADER_BYTES : end], arrival)
        return end

    return take


class RtspConnection(asyncio.BufferedProtocol):
    """``ended`` is done when the connection is over: with a reason, or with the error that ended it."""

    def __init__(self, clock: Clock, complain: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._complain = complain
        self._buffer = bytearray()
        """Of TLS; TCP is read into the buffer that all share."""
        self._rest = b""
        """The beginning of a frame or message that is not whole yet."""
        self._sockets: SocketGroup | None = None
        self._fd = -1
        self._handlers: list[FrameHandler | None] = [None] * 256
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._cseq = 0
        self._garbage = 0
        self._lost_step = False
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # -- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do the same and are no subclass
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        if not self._buffer:
            self._buffer = bytearray(BUFFER_BYTES)
        return memoryview(self._buffer)[self.put_back(self._buffer) :]

    def buffer_updated(self, nbytes: int) -> None:
        self.take(self._buffer, memoryview(self._buffer), len(self._rest) + nbytes, self._clock.now())

    def eof_received(self) -> None:
        self._end("the camera closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"the connection broke: {exc}" if exc else "the connection was closed")

    # -- read with all others ------------------------------------------------------------------

    def read_with(self, sockets: SocketGroup) -> None:
        """From now on the bytes are read in turns with those of other sockets. For TCP, not for TLS."""
        self.transport.pause_reading()
        self._sockets, self._fd = sockets, self.transport.get_extra_info("socket").fileno()
        sockets.add(self._fd, self._drain)

    def _drain(self) -> None:
        """One read: what came since the last turn. One that fills the buffer has left something."""
        sockets = self._sockets
        assert sockets is not None
        fill = room = len(sockets.buffer)
        reads = 0
        while fill == room and reads < _READS_PER_TURN and not self.ended.done():
            kept = self.put_back(sockets.buffer)
            try:
                size = os.readv(self._fd, (sockets.view[kept:],))
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.connection_lost(error)
                return
            if not size:
                self.eof_received()
                return
            fill = kept + size
            reads += 1
            self.take(sockets.buffer, sockets.view, fill, sockets.arrived())

    # -- media and messages --------------------------------------------------------------------

    def handle(self, channel: int, handler: FrameHandler | None) -> None:
        """Frames of ``channel`` go to ``handler`` from now on."""
        self._handlers[channel & 0xFF] = handler

    def send_frame(self, channel: int, packet: bytes) -> None:
        """One interleaved frame."""
        self._write(b"$" + bytes((channel & 0xFF,)) + len(packet).to_bytes(2, "big") + packet)

    def send_request(self, method: str, url: str, headers: Mapping[str, str]) -> asyncio.Future[Message]:
        """Sends a request; the future brings its answer. Raises SourceError when the connection is over."""
        if self.ended.done() or len(self._pending) >= _MAX_PENDING:
            raise SourceError(f"cannot send {method}: {self.why()}", code="protocol")
        self._cseq += 1
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[self._cseq] = answer
        self._write(write_request(method, url, self._cseq, headers))
        return answer

    def why(self) -> str:
        """Why the connection ended, for people."""
        if not self.ended.done():
            return "too many requests are unanswered"
        error = self.ended.exception()
        return str(error) if error is not None else self.ended.result()

    def forget(self, answer: asyncio.Future[Message]) -> None:
        """Nobody waits for this answer any more."""
        for cseq, pending in list(self._pending.items()):
            if pending is answer:
                del self._pending[cseq]

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def close(self) -> None:
        self._end("closed by the hub")
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _end(self, why: str | Exception) -> None:
        if self._sockets is not None:
            self._sockets.remove(self._fd, self._drain)
        if self.ended.done():
            return
        if isinstance(why, Exception):
            self.ended.set_exception(why)
            self.ended.exception()  # read at least once: run_once may be gone already
            if self._transport is not None:
                self._transport.abort()
        else:
            self.ended.set_result(why)
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(SourceError(self.why(), code="protocol"))
                answer.exception()
        self._pending.clear()

    def put_back(self, buffer: bytearray) -> int:
        """Puts what is kept of the last read at the front of the buffer; how much that is."""
        kept = len(self._rest)
        if kept:
            buffer[:kept] = self._rest
        return kept

    def take(self, buffer: bytearray, view: memoryview, fill: int, arrival: Instant) -> None:
        """Takes every complete frame and message out of ``buffer[:fill]``, and keeps the rest."""
        try:
            done = self._consume(buffer, view, fill, arrival)
            if done == 0 and fill >= BUFFER_BYTES:
                raise SourceError(f"an RTSP message of more than {BUFFER_BYTES} bytes", code="protocol")
            self._rest = bytes(view[done:fill])
        except Exception as error:
            # Whatever it is, it ends this attempt and is told by run_once, not by the event loop.
            self._end(error)

    def _consume(self, buffer: bytearray, view: memoryview, fill: int, arrival: Instant) -> int:
        """Hands on what is complete; returns where the rest begins."""
        handlers = self._handlers
        position = 0
        while position < fill:
            if buffer[position] == _DOLLAR and not self._lost_step:
                handler = handlers[buffer[position + 1]] if position + 1 < fill else None
                done = (handler or self._unknown_channel)(buffer, view, position, fill, arrival)
                if done == position:
                    break
                position = done
            else:
                used = self._message(buffer, position, fill)
                if used is None:
                    break
                position += used
        return position

    def _unknown_channel(self, buffer: bytearray, _view: memoryview, position: int, fill: int, _at: Instant) -> int:
        end = frame_end(buffer, position, fill)
        if not end:
            return position
        channel = buffer[position + 1]
        self._complain("channel", f"interleaved data on channel {channel}, which no track was set up on")
        return end

    def _message(self, buffer: bytearray, position: int, fill: int) -> int | None:
        """A message, or garbage, at ``position``: how many bytes are done with; None: more are needed."""
        first = buffer[position]
        if first in b"\r\n":
            return 1
        if not self._lost_step and 0x41 <= first <= 0x5A:
            if (
                fill - position >= 5
                and not buffer.startswith(b"RTSP/", position)
                and not self._request_at(buffer, position, fill)
            ):
                return self._resynchronise(buffer, position, fill)
            parsed = parse_message(buffer, position, fill)
            if parsed is None:
                return None
            message, end = parsed
            self._received(message)
            return end - position
        return self._resynchronise(buffer, position, fill)

    def _request_at(self, buffer: bytearray, position: int, fill: int) -> bool:
        """Whether a request of the server may begin here: capitals up to a blank."""
        word = bytes(buffer[position : min(fill, position + 24)]).partition(b" ")[0]
        return all(0x41 <= letter <= 0x5A or letter == 0x5F for letter in word) and len(word) < 20

    def _resynchronise(self, buffer: bytearray, position: int, fill: int) -> int | None:
        """Skips what is neither: to the next status line, or frame of a known channel that holds RTP."""
        self._lost_step = True
        found = position
        while found < fill:
            if buffer[found] == _DOLLAR:
                if fill - found < 6:
                    break
                if (
                    self._handlers[buffer[found + 1]] is not None
                    and buffer[found + 4] >> 6 == 2
                    and (buffer[found + 2] << 8 | buffer[found + 3]) >= 8
                ):
                    self._lost_step = False
                    break
            elif buffer[found] == 0x52:
                if fill - found < 5:
                    break
                if buffer.startswith(b"RTSP/", found):
                    self._lost_step = False
                    break
            found += 1
        skipped = found - position
        if skipped:
            if self._garbage == 0:
                self._complain("rtsp_garbage", "bytes that are neither RTSP nor interleaved media: skipped")
            self._garbage += skipped
            if self._garbage > MAX_GARBAGE_BYTES:
                raise SourceError(
                    f"more than {MAX_GARBAGE_BYTES} bytes that are neither RTSP nor interleaved media", code="protocol"
                )
        return None if self._lost_step and not skipped else skipped

    def _received(self, message: Message) -> None:
        if message.method:
            self._requested(message)
            return
        pending = self._pending
        cseq = message.cseq
        if cseq not in pending and cseq == -1 and pending:
            cseq = next(iter(pending))
        answer = pending.pop(cseq, None)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _requested(self, message: Message) -> None:
        """A request of the camera: few send any (RFC 2326 §10: ANNOUNCE, REDIRECT, OPTIONS …)."""
        cseq = message.first("cseq")[:20]
        if message.method in ("REDIRECT", "TEARDOWN"):
            self._write(write_response("200 OK", cseq))
            self._end(f"the camera ended the session ({message.method})")
        elif message.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"):
            self._write(write_response("200 OK", cseq))
        else:
            self._write(write_response("501 Not Implemented", cseq))
