"""Single bits, most significant first, and the Exp-Golomb numbers of H.264 and H.265."""

from __future__ import annotations

from hub.errors import MediaError


def unescape(nal: bytes) -> bytes:
    """A NAL unit without its emulation prevention bytes (ISO/IEC 14496-10 §7.4.1.1)."""
    if b"\x00\x00\x03" not in nal:
        return nal
    out = bytearray()
    zeros = 0
    for byte in nal:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)


class BitReader:
    """Reads forward. Raises MediaError where the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def bits(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise MediaError("expected a whole parameter set, found one that ends early")
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        return self.bits(1) == 1

    def unsigned(self) -> int:
        """ue(v), ISO/IEC 14496-10 §9.1."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise MediaError("expected an Exp-Golomb number of at most 32 bits, found a longer one")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """se(v), ISO/IEC 14496-10 §9.1.1."""
        code = self.unsigned()
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
