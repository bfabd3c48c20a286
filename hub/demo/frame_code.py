"""The machine-readable frame number at the foot of every demo picture.

Geometry, relative to the picture so that any scaled copy can be read: the strip is the lowest 1/18 of
the height, cut into 44 equal cells from left to right::

    cell   0     1      2 … 33              34 … 41            42     43
           white black  32 bits, high first  8 bits of CRC-8   black  white

A white cell is a 1. The outer cells give the black and the white level, so brightness and contrast
may change on the way; the CRC (polynomial 0x07, start 0xFF, over the four bytes of the number, high
byte first) refuses what was smeared. Only the middle half of a cell is looked at, in both directions.

A number holds the device in its upper 12 bits and the index within the loop in its lower 20.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRIP_PARTS = 18
CELLS = 44
INDEX_BITS = 20
BLACK, WHITE = 20, 232  # inside the limited range of BT.709, so that no step clips them
_MIN_CONTRAST = 48


def frame_number(device: int, index: int) -> int:
    """The number that picture ``index`` of a device's loop carries."""
    return (device & 0xFFF) << INDEX_BITS | (index & (1 << INDEX_BITS) - 1)


def split_frame_number(number: int) -> tuple[int, int]:
    """(device, index) of a frame number."""
    return number >> INDEX_BITS, number & (1 << INDEX_BITS) - 1


def crc8(number: int) -> int:
    """CRC-8, polynomial 0x07, start 0xFF, over the number's four bytes."""
    crc = 0xFF
    for byte in number.to_bytes(4, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def write_frame_number(luma: NDArray[np.uint8], number: int) -> None:
    """Paint the strip into a picture's luma, shape (height, width)."""
    height, width = luma.shape
    word = number << 8 | crc8(number)
    bits = [1, 0, *((word >> shift) & 1 for shift in range(39, -1, -1)), 0, 1]
    cells = np.array([WHITE if bit else BLACK for bit in bits], dtype=np.uint8)
    luma[height - height // STRIP_PARTS :, :] = cells[np.arange(width) * CELLS // width]


def read_frame_number(luma: NDArray[np.uint8]) -> int | None:
    """The frame number of a picture's luma (or any grey picture), shape (height, width), any size.

    None when there is none to be read: too little contrast, or a wrong CRC.
    """
    height, width = luma.shape
    strip = height / STRIP_PARTS
    top, foot = int(height - 0.75 * strip), max(int(height - 0.25 * strip), int(height - 0.75 * strip) + 1)
    rows = luma[top:foot].astype(np.float32).mean(axis=0)
    cell = width / CELLS
    levels = []
    for index in range(CELLS):
        first = int((index + 0.25) * cell)
        levels.append(float(rows[first : max(int((index + 0.75) * cell), first + 1)].mean()))
    white, black = min(levels[0], levels[43]), max(levels[1], levels[42])
    if white - black < _MIN_CONTRAST:
        return None
    middle = (white + black) / 2
    word = 0
    for level in levels[2:42]:
        word = word << 1 | (level > middle)
    number = word >> 8
    return number if word & 0xFF == crc8(number) else None


FRAME_CODE_JS = r"""
function readFrameNumber(canvas) {
  const width = canvas.width, height = canvas.height, strip = height / 18, cell = width / 44;
  const top = Math.floor(height - 0.75 * strip);
  const rows = Math.max(Math.floor(height - 0.25 * strip) - top, 1);
  const pixels = canvas.getContext('2d', { willReadFrequently: true }).getImageData(0, top, width, rows).data;
  const levels = [];
  for (let index = 0; index < 44; index++) {
    const first = Math.floor((index + 0.25) * cell);
    const end = Math.max(Math.floor((index + 0.75) * cell), first + 1);
    let sum = 0;
    for (let y = 0; y < rows; y++)
      for (let x = first; x < end; x++) sum += pixels[4 * (y * width + x) + 1];
    levels.push(sum / (rows * (end - first)));
  }
  const white = Math.min(levels[0], levels[43]), black = Math.max(levels[1], levels[42]);
  if (white - black < 48) return null;
  const middle = (white + black) / 2, bytes = [0, 0, 0, 0, 0];
  for (let bit = 0; bit < 40; bit++)
    if (levels[2 + bit] > middle) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  let crc = 0xff;
  for (let i = 0; i < 4; i++) {
    crc ^= bytes[i];
    for (let k = 0; k < 8; k++) crc = crc & 0x80 ? ((crc << 1) ^ 7) & 0xff : crc << 1;
  }
  if (crc !== bytes[4]) return null;
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
}
"""
"""The same reading as JavaScript: ``readFrameNumber(canvas)`` gives the number or null."""
