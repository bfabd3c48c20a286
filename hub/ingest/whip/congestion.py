"""When each packet came, told to the sender ten times a second: it finds its bit rate by that. Pure.

Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). Measured with
Chromium 156: by receiver reports alone it begins at 0.3 Mbit/s and knows 0.65 after ten seconds; with this, 1.3 after
two and 3.7 after six. It also sees a filling radio link by its delay, before packets are lost. The header extension
must not be answered without reporting: the sender then gives up a fifth of its bit rate every second, down to 0.03.
"""

from __future__ import annotations

import struct

REPORT_EVERY_US = 100_000
"""libwebrtc's own interval at ordinary bit rates."""
MAX_PENDING = 2048
"""Packets of one report; more than 160 Mbit/s would bring. What comes above is not reported."""
MAX_SPAN = 8191
"""Sequence numbers of one report, lost ones included (the length of one run-length chunk)."""

_TICK_US = 250
_TICKS_PER_REFERENCE = 256
_ONE_BYTE_PROFILE = 0xBEDE
_NOT_RECEIVED, _SMALL, _LARGE = 0, 1, 2
_SYMBOLS_PER_VECTOR = 7
_alone = struct.Struct("!B15xBH").unpack_from
"""(first octet of the header, id and length of the extension's first element, its 16 bits)."""
_ALONE_BYTES = 19
_EXTENDED = 0x90
"""First octet of a header with an extension and no more."""


def transport_sequence(packet: bytes, extension_id: int) -> int | None:
    """The transport-wide sequence number of an RTP packet, from its one-byte header extension (RFC 8285 §4.2)."""
    if not packet[0] & 0x10:
        return None
    position = 12 + 4 * (packet[0] & 0x0F)
    if len(packet) < position + 4 or packet[position] << 8 | packet[position + 1] != _ONE_BYTE_PROFILE:
        return None
    end = min(len(packet), position + 4 + 4 * (packet[position + 2] << 8 | packet[position + 3]))
    position += 4
    while position < end:
        first = packet[position]
        length = (first & 0x0F) + 1
        if first == 0:
            position += 1
        elif first >> 4 == 15:
            return None
        elif first >> 4 == extension_id:
            return packet[position + 1] << 8 | packet[position + 2] if length == 2 and position + 2 < end else None
        else:
            position += 1 + length
    return None


class ArrivalLog:
    """The arrivals of one session's packets, all tracks together, until the next report."""

    __slots__ = ("_count", "_due_us", "_extension_id", "_highest", "_next", "_pending", "_prefix")

    def __init__(self, extension_id: int) -> None:
        self._extension_id = extension_id
        self._prefix = extension_id << 4 | 1
        self._pending: list[tuple[int, int]] = []
        """(number, arrival) of each packet, copies included."""
        self._highest = -1
        self._next = -1
        self._count = 0
        self._due_us = 0

    def packet(self, packet: bytes, arrival_us: int) -> None:
        """Note one RTP packet. Hot path: alone in the extension, the number stands at a fixed place."""
        number: int | None
        if len(packet) >= _ALONE_BYTES:
            first, mark, number = _alone(packet)
            if first != _EXTENDED or mark != self._prefix:
                number = transport_sequence(packet, self._extension_id)
        else:
            number = transport_sequence(packet, self._extension_id)
        if number is not None and len(self._pending) < MAX_PENDING:
            self._pending.append((number, arrival_us))

    def _first_arrivals(self) -> dict[int, int]:
        """By number, extended over its wraps, of what came since the last report."""
        arrivals: dict[int, int] = {}
        highest = self._highest
        for number, arrival_us in self._pending:
            if highest < 0:
                extended = self._next = number + 0x10000
            else:
                extended = highest + ((number - highest + 0x8000) & 0xFFFF) - 0x8000
            if extended > highest:
                highest = extended
            arrivals.setdefault(extended, arrival_us)
        self._highest = highest
        self._pending = []
        return arrivals

    def report(self, sender: int, media: int, now_us: int) -> bytes:
        """The RTCP packet that is due at ``now_us``; empty when there is none."""
        if not self._pending or now_us < self._due_us:
            return b""
        self._due_us = now_us + REPORT_EVERY_US
        pending = self._first_arrivals()
        last = max(pending)
        first = min(min(pending), self._next)
        if last - first >= MAX_SPAN:
            first = max(min(pending), last - MAX_SPAN + 1)
        self._next = max(self._next, last + 1)
        times = [pending.get(number) for number in range(first, last + 1)]
        reference, symbols, deltas = _deltas(times)
        body = struct.pack("!HHI", first & 0xFFFF, len(times), (reference & 0xFFFFFF) << 8 | self._count)
        self._count = (self._count + 1) & 0xFF
        body += _chunks(symbols) + deltas
        body += bytes(-len(body) % 4)
        return struct.pack("!BBHII", 0x8F, 205, 2 + len(body) // 4, sender, media) + body


def _deltas(times: list[int | None]) -> tuple[int, bytes, bytes]:
    """Reference time (64 ms), one symbol a packet, and the receive deltas of those that came."""
    came = next(time for time in times if time is not None)
    reference = came // _TICK_US // _TICKS_PER_REFERENCE
    current = reference * _TICKS_PER_REFERENCE
    symbols, deltas = bytearray(), bytearray()
    for time in times:
        if time is None:
            symbols.append(_NOT_RECEIVED)
            continue
        ticks = time // _TICK_US
        delta = ticks - current
        current = ticks
        if 0 <= delta <= 255:
            symbols.append(_SMALL)
            deltas.append(delta)
        else:
            symbols.append(_LARGE)
            deltas += struct.pack("!h", max(-0x8000, min(0x7FFF, delta)))
    return reference, bytes(symbols), bytes(deltas)


def _chunks(symbols: bytes) -> bytes:
    """Runs of one symbol as run-length chunks, everything else as vectors of seven."""
    chunks = bytearray()
    position = 0
    while position < len(symbols):
        symbol = symbols[position]
        rest = symbols[position:]
        run = len(rest) - len(rest.lstrip(bytes((symbol,))))
        if run >= _SYMBOLS_PER_VECTOR or run == len(rest):
            chunks += struct.pack("!H", symbol << 13 | run)
            position += run
            continue
        vector = 0xC000
        for index, each in enumerate(rest[:_SYMBOLS_PER_VECTOR]):
            vector |= each << 12 - 2 * index
        chunks += struct.pack("!H", vector)
        position += _SYMBOLS_PER_VECTOR
    return bytes(chunks)
