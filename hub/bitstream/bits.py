"""Bits, most significant first, and Exp-Golomb codes (ITU-T H.264 §7.2, §9.1)."""

from __future__ import annotations

from hub.errors import MediaError

_LONGEST_GOLOMB_PREFIX = 32


class BitReader:
    """Reads ``data`` from its first bit on. Raises MediaError (``bitstream``) at the end."""

    __slots__ = ("_bits", "_position")

    def __init__(self, data: bytes) -> None:
        # A string of digits: int() and index() on it run in C, which beats shifting by hand.
        self._bits = bin(int.from_bytes(b"\1" + data, "big"))[3:]
        self._position = 0

    @classmethod
    def of_nal(cls, nal: bytes, header_bytes: int) -> BitReader:
        """The RBSP of a NAL unit: without header and emulation prevention (H.264 §7.3.1)."""
        return cls(nal[header_bytes:].replace(b"\0\0\3", b"\0\0"))

    def u(self, count: int) -> int:
        """An unsigned number of ``count`` bits."""
        if count == 0:
            return 0
        end = self._position + count
        if end > len(self._bits):
            raise MediaError("the bits end within a field", code="bitstream")
        value = int(self._bits[self._position : end], 2)
        self._position = end
        return value

    def skip(self, count: int) -> None:
        self._position += count
        if self._position > len(self._bits):
            raise MediaError("the bits end within a field", code="bitstream")

    def ue(self) -> int:
        """An unsigned Exp-Golomb code, ue(v)."""
        one = self._bits.find("1", self._position)
        zeros = one - self._position
        if one < 0 or zeros > _LONGEST_GOLOMB_PREFIX:
            raise MediaError("no Exp-Golomb code where one belongs", code="bitstream")
        self._position = one
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        """A signed Exp-Golomb code, se(v)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


class BitWriter:
    """Collects bits; the last byte is filled with zeros."""

    def __init__(self) -> None:
        self._value = 0
        self._count = 0

    def put(self, value: int, count: int) -> BitWriter:
        self._value = self._value << count | value
        self._count += count
        return self

    def to_bytes(self) -> bytes:
        spare = -self._count % 8
        return (self._value << spare).to_bytes((self._count + spare) // 8, "big")
