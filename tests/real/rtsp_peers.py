"""Starts GStreamer's RTSP server, makes clips with ffmpeg, and reads them back for comparison."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVER = Path(__file__).parent / "peers" / "gst_rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
_START_S = 20


def needs_ffmpeg() -> str:
    path = shutil.which("ffmpeg")
    if path is None:
        pytest.fail("ffmpeg is not installed: apt-get install ffmpeg")
    return path


@contextlib.asynccontextmanager
async def gst_server(launch: str, **options: str) -> AsyncIterator[int]:
    """The port of a running server; fails the test with what the server said if it does not start."""
    process = await asyncio.create_subprocess_exec(
        SYSTEM_PYTHON,
        str(SERVER),
        json.dumps({"launch": launch, **options}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_START_S):
            line = await process.stdout.readline()
        if not line.startswith(b"PORT "):
            assert process.stderr is not None
            said = (await process.stderr.read()).decode(errors="replace")
            pytest.fail(
                "GStreamer's RTSP server did not start (apt-get install gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0"
                f" gstreamer1.0-plugins-{{base,good,bad,ugly}} gstreamer1.0-libav python3-gi): {said[-500:]}"
            )
        yield int(line.split()[1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def encode(path: Path, *arguments: str) -> Path:
    """A clip made by ffmpeg."""
    command = [needs_ffmpeg(), "-v", "error", "-y", *arguments, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode:
        pytest.fail(f"ffmpeg could not make {path.name}: {result.stderr[-500:]}")
    return path


@dataclass(frozen=True)
class Coded:
    """One packet of a file; times in seconds."""

    data: bytes
    pts_s: float
    dts_s: float
    keyframe: bool


def read_back(path: Path, kind: str) -> list[Coded]:
    """The coded pictures or frames of a file, in decode order, as they lie in it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
        return [
            Coded(
                bytes(packet),
                float(packet.pts * packet.time_base),
                float(packet.dts * packet.time_base),
                packet.is_keyframe,
            )
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None and packet.dts is not None
        ]


def nal_units(data: bytes) -> list[bytes]:
    """Of a picture whose NAL units lie behind 4-byte lengths."""
    found = []
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        found.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    assert position == len(data)
    return found


def self_signed() -> str:
    """Certificate and key of a camera that vouches for itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (certificate.public_bytes(serialization.Encoding.PEM) + private).decode()
