"""A stroke font of our own: digits, A–Z and the few Chinese characters that a device name needs.

A glyph is a list of polylines on a small grid, drawn as round strokes by distance, so one table serves
every size and no font file is needed on the machine that runs the demo.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]

# Each polyline is written as pairs of digits x, y. Latin: x 0–4, y 0–6.
_LATIN: dict[str, str] = {
    "0": "103041453616050110",
    "1": "112026 1636",
    "2": "01103041420646",
    "3": "01103041423323 334445361605",
    "4": "36300444",
    "5": "400003334445361605",
    "6": "4130100105163645443303",
    "7": "004016",
    "8": "13334241301001021304051636454433",
    "9": "0516364541301001021343",
    "A": "062046 1434",
    "B": "00063645443303 0030414233",
    "C": "4130100105163645",
    "D": "00062644422000",
    "E": "40000646 0333",
    "F": "400006 0333",
    "G": "41301001051636454323",
    "H": "0006 4046 0343",
    "I": "2026 1030 1636",
    "J": "4045361605",
    "K": "0006 400346",
    "L": "000646",
    "M": "0600234046",
    "N": "06004640",
    "O": "103041453616050110",
    "P": "06003041423303",
    "Q": "103041453616050110 3446",
    "R": "06003041423303 2346",
    "S": "413010010213334445361605",
    "T": "0040 2026",
    "U": "000516364540",
    "V": "002640",
    "W": "0016233640",
    "X": "0046 4006",
    "Y": "002340 2326",
    "Z": "00400646",
    ":": "2222 2525",
    ".": "2626",
    "-": "1333",
    "/": "0640",
    " ": "",
}
# Han characters: x and y 0–9.
_HAN: dict[str, str] = {
    "口": "1181881811",
    "号": "2070732320 0595 3527877959",
    "窗": "4051 13118183 3223 6273 5344 2474792924 456538 3668",
    "执": "202918 0242 0645 4383889997 606449 5577",
    "法": "0112 0415 0926 4282 6064 3494 554888 7699",
    "记": "1021 03232837 41818444489896",
    "录": "207074 2272 0494 545948 2536 1847 8566 5688",
    "仪": "2004 1319 5061 827539 426699",
    "大": "0393 505319 5399",
    "厅": "91111509 3484 646958",
}
_STROKE = 0.068  # half the stroke's width, as a part of the height


def _polylines(code: str) -> list[list[tuple[int, int]]]:
    return [[(int(run[i]), int(run[i + 1])) for i in range(0, len(run), 2)] for run in code.split()]


@lru_cache(maxsize=512)
def glyph(character: str, height: int) -> Mask:
    """Coverage 0…1 of one character, ``height`` rows high, its side bearing included.

    An unknown character is an empty box, so that a missing glyph is seen and not guessed.
    """
    han = character in _HAN
    code = _HAN.get(character) or _LATIN.get(character.upper(), "00400646" if character.strip() else "")
    span_x, span_y = (9, 9) if han else (4, 6)
    pen = height * _STROKE * (0.66 if han else 1.0)
    width = round(height * (1.06 if han else 0.74))
    margin = pen + height * 0.06
    scale_x = (width - 2 * margin) / span_x
    scale_y = (height - 2 * margin) / span_y
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    nearest = np.full((height, width), 1e9, dtype=np.float32)
    for line in _polylines(code):
        points = [(margin + x * scale_x, margin + y * scale_y) for x, y in line]
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            dx, dy = bx - ax, by - ay
            length = dx * dx + dy * dy
            along = 0.0 if length == 0 else np.clip(((columns - ax) * dx + (rows - ay) * dy) / length, 0.0, 1.0)
            np.minimum(nearest, np.hypot(columns - (ax + along * dx), rows - (ay + along * dy)), out=nearest)
    coverage: Mask = np.clip(pen + 0.5 - nearest, 0.0, 1.0).astype(np.float32)
    return coverage


@lru_cache(maxsize=64)
def text(characters: str, height: int) -> Mask:
    """Coverage 0…1 of a line of text, shape (height, width)."""
    if not characters:
        return np.zeros((height, 1), dtype=np.float32)
    return np.concatenate([glyph(character, height) for character in characters], axis=1)
