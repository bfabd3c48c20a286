"""Loops of media, encoded once and kept on disk: the second start of the demo costs no encoding."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from pathlib import Path

from hub.demo.encode import AudioSpec, CodedLoop, CodedUnit, VideoSpec, encode_audio, encode_video
from hub.model import Codec

_FORMAT = 2  # raise when pictures, sound or the file's layout change


def cache_dir() -> Path:
    """Where loops are kept: the user's cache folder. Safe to delete at any time."""
    return Path.home() / ".cache" / "recorder-hub" / "demo"


def load_loop(spec: VideoSpec | AudioSpec, folder: Path | None = None) -> CodedLoop:
    """The loop of ``spec``, from ``folder`` (default: :func:`cache_dir`) or freshly encoded.

    A cache that cannot be read or written costs time and nothing else.
    """
    path = (folder or cache_dir()) / f"{_key(spec)}.loop"
    try:
        return _decode(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        loop = encode_video(spec) if isinstance(spec, VideoSpec) else encode_audio(spec)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        unfinished.write_bytes(_encode(loop))
        unfinished.replace(path)
    return loop


def join(first: CodedLoop, second: CodedLoop) -> CodedLoop:
    """Two loops one after the other: a camera whose parameter sets change in mid-stream.

    Raises ValueError unless codec and clock are the same.
    """
    if (first.codec, first.timescale, first.step_ticks) != (second.codec, second.timescale, second.step_ticks):
        raise ValueError("expected two loops of one codec and one rate")
    shift = len(first.units) * first.step_ticks
    moved = (dataclasses.replace(unit, pts_ticks=unit.pts_ticks + shift) for unit in second.units)
    return dataclasses.replace(first, units=(*first.units, *moved))


def _key(spec: VideoSpec | AudioSpec) -> str:
    described = json.dumps([_FORMAT, type(spec).__name__, dataclasses.asdict(spec)], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:32]


def _encode(loop: CodedLoop) -> bytes:
    head = {
        "codec": loop.codec,
        "timescale": loop.timescale,
        "step_ticks": loop.step_ticks,
        "channels": loop.channels,
        "sets": [unit.hex() for unit in loop.sets],
        "config": loop.config.hex(),
        "units": [[len(unit.data), unit.pts_ticks, unit.keyframe, unit.number] for unit in loop.units],
    }
    body = b"".join(unit.data for unit in loop.units)
    content = json.dumps(head).encode() + b"\n" + body
    return hashlib.sha256(content).digest() + content


def _decode(stored: bytes) -> CodedLoop:
    """Raises ValueError, KeyError or TypeError for a file that is not whole."""
    content = stored[32:]
    if hashlib.sha256(content).digest() != stored[:32]:
        raise ValueError("the loop's file is not whole")
    line, _, body = content.partition(b"\n")
    head = json.loads(line)
    units, position = [], 0
    for size, pts_ticks, keyframe, number in head["units"]:
        units.append(CodedUnit(body[position : position + size], pts_ticks, keyframe, number))
        position += size
    return CodedLoop(
        Codec(head["codec"]),
        head["timescale"],
        head["step_ticks"],
        head["channels"],
        tuple(units),
        tuple(bytes.fromhex(unit) for unit in head["sets"]),
        bytes.fromhex(head["config"]),
    )
