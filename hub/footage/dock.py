"""A dock's folder, brought to a running hub by tus: which stream a file belongs to, and when it was recorded.

A file belongs to the stream whose device number stands in its path as a whole word (no letter or digit touches it; the
folder's own name counts, too), unless a line of the map says otherwise; of several the longest number counts. A
stream's id counts as its number too. Its time is the first ``YYYYMMDDHHMMSS`` (with or without ``-``, ``_``, ``T``,
``:`` between) of its name, by the device's clock in this machine's zone; where the name has none, the hub finds it by
the file itself.
"""

from __future__ import annotations

import asyncio
import base64
import fnmatch
import hashlib
import io
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from hub.clock import rfc3339
from hub.errors import HubError, InvalidRequest, Unavailable

SUFFIXES = frozenset(
    [
        ".mp4",
        ".mov",
        ".m4v",
        ".ts",
        ".mts",
        ".m2ts",
        ".mkv",
        ".webm",
        ".m4a",
        ".aac",
        ".ogg",
        ".opus",
        ".wav",
        ".jpg",
        ".jpeg",
        ".png",
        ".heic",
    ]
)
PIECE = 8 << 20
TRIES = 5
_TIME = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)[-_T. ]?([0-2]\d)[-_:.]?([0-5]\d)[-_:.]?([0-5]\d)(?!\d)"
)
_TUS = {"Tus-Resumable": "1.0.0"}


@dataclass
class DockResult:
    taken: int = 0
    known: int = 0
    apart: int = 0
    unmatched: list[Path] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def scan(folder: Path) -> list[Path]:
    """The media files below a folder, in order; hidden ones and links are passed over."""
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.is_symlink()]
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def read_map(path: Path) -> tuple[tuple[str, str], ...]:
    """Lines ``PATTERN STREAM`` (shell patterns over the path below the folder); ``#`` begins a remark."""
    rules = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if words and len(words) != 2:
            raise InvalidRequest(f"{path} line {number}: expected PATTERN STREAM, found {len(words)} words")
        if words:
            rules.append((words[0], words[1]))
    return tuple(rules)


def stream_for(name: str, numbers: Mapping[str, str], rules: Sequence[tuple[str, str]]) -> str | None:
    """The stream that a path belongs to; ``numbers`` are device numbers (and ids) with their streams."""
    for pattern, stream in rules:
        if fnmatch.fnmatchcase(name, pattern):
            return stream
    fitting = [number for number in numbers if number and _stands_in(number, name)]
    longest = max(map(len, fitting), default=0)
    streams = {numbers[number] for number in fitting if len(number) == longest}
    return streams.pop() if len(streams) == 1 else None


def _stands_in(number: str, name: str) -> bool:
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(number)}(?![0-9A-Za-z])", name, re.IGNORECASE) is not None


def time_in(name: str) -> int | None:
    """µs since 1970 of the time in a file's name, in this machine's zone; None without one."""
    match = _TIME.search(name)
    if match is None:
        return None
    try:
        return round(datetime(*(int(part) for part in match.groups())).astimezone(UTC).timestamp()) * 1_000_000  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None


class Dock:
    """``say`` gets one line a file. Raises Unavailable when the hub cannot be reached."""

    def __init__(
        self, url: str, token: str, rules: Sequence[tuple[str, str]], authority: Path | None, say: Callable[[str], None]
    ) -> None:
        self._url, self._rules, self._say = url.rstrip("/"), rules, say
        self._headers = {"Authorization": f"Bearer {token}"}
        self._tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(authority)) if authority else True
        self._begun: dict[tuple[str, str, int], str] = {}

    async def bring(self, folder: Path, paths: Sequence[Path]) -> DockResult:
        result = DockResult()
        connector = aiohttp.TCPConnector(ssl=self._tls)
        try:
            async with aiohttp.ClientSession(headers=self._headers, connector=connector) as http:
                numbers = await self._streams(http)
                await self._look(http)
                for path in paths:
                    await self._bring(http, folder, path, numbers, result)
        except aiohttp.ClientError as error:
            raise Unavailable(
                f"expected a running hub at {self._url}, found: {error}; "
                "start it (hub serve), or say where it is (--hub URL): it takes the files itself"
            ) from error
        return result

    async def _streams(self, http: aiohttp.ClientSession) -> dict[str, str]:
        listed = await self._json(http, "/api/streams?retired=true")
        return {one["id"]: one["id"] for one in listed} | {
            one["device_number"]: one["id"] for one in listed if one["device_number"]
        }

    async def _look(self, http: aiohttp.ClientSession) -> None:
        """What was begun: never more than a few hundred."""
        for one in await self._json(http, "/api/footage?state=receiving&limit=1000"):
            if not one["sha256"]:
                self._begun[(one["stream"], one["name"], one["size"])] = one["id"]

    async def _is_known(self, http: aiohttp.ClientSession, stream: str, digest: str) -> bool:
        """Whether the stream has it, of however many."""
        query = urlencode({"stream": stream, "sha256": digest})
        return any(one["state"] != "failed" for one in await self._json(http, f"/api/footage?{query}"))

    def _stream_of(self, folder: Path, path: Path, numbers: Mapping[str, str]) -> tuple[str, str | None]:
        """The file's name below the folder, and where it belongs."""
        name = path.relative_to(folder).as_posix()
        return name, stream_for(name, numbers, self._rules) or stream_for(
            f"{folder.absolute().name}/{name}", numbers, ()
        )

    async def _bring(
        self, http: aiohttp.ClientSession, folder: Path, path: Path, numbers: Mapping[str, str], result: DockResult
    ) -> None:
        name, stream = self._stream_of(folder, path, numbers)
        if stream is None:
            result.unmatched.append(path)
            return
        digest = await asyncio.to_thread(_digest, path)
        if await self._is_known(http, stream, digest):
            result.known += 1
            return
        try:
            ident = await self._upload(http, path, name, stream)
            done = await self._settled(http, ident)
        except (HubError, OSError, TimeoutError) as error:
            result.failed.append(f"{path}: {error}")
            return
        self._say(f"{name} -> {stream}: {done['state']}{' ' + done['message'] if done['message'] else ''}")
        if done["state"] == "apart":
            result.apart += 1
        elif done["state"] == "failed":
            result.failed.append(f"{path}: {done['message']}")
        else:
            result.taken += 1

    async def _upload(self, http: aiohttp.ClientSession, path: Path, name: str, stream: str) -> str:
        size = path.stat().st_size  # noqa: ASYNC240  a look at a local name
        ident = self._begun.get((stream, name[-200:], size)) or await self._create(http, name, stream, size)
        tries = 0
        while (offset := await self._offset(http, ident)) < size:
            data = await asyncio.to_thread(_piece, path, offset)
            headers = _TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            try:
                body = io.BytesIO(data)
                async with http.patch(f"{self._url}/api/uploads/{ident}", data=body, headers=headers) as answer:
                    if answer.status >= 500 or answer.status == 409:
                        raise Unavailable(await answer.text())
                    await _check(answer)
                tries = 0
            except (aiohttp.ClientError, TimeoutError, Unavailable):
                tries += 1
                if tries >= TRIES:
                    raise Unavailable(f"the connection broke {TRIES} times; call again to go on") from None
                await asyncio.sleep(tries)
        return ident

    async def _create(self, http: aiohttp.ClientSession, name: str, stream: str, size: int) -> str:
        told = {"stream": stream, "filename": name}
        at_us = time_in(name.rpartition("/")[2]) or time_in(name)
        if at_us is not None:
            told["from"] = rfc3339(at_us)
        packed = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
        headers = _TUS | {"Upload-Length": str(size), "Upload-Metadata": packed}
        async with http.post(f"{self._url}/api/uploads", headers=headers) as answer:
            await _check(answer)
            return answer.headers["Location"].rpartition("/")[2]

    async def _offset(self, http: aiohttp.ClientSession, ident: str) -> int:
        async with http.head(f"{self._url}/api/uploads/{ident}", headers=_TUS) as answer:
            await _check(answer)
            return int(answer.headers["Upload-Offset"])

    async def _settled(self, http: aiohttp.ClientSession, ident: str) -> dict[str, Any]:
        """Until the hub has looked at it; one that waits for its interruption's end is done here."""
        while True:
            one: dict[str, Any] = await self._json(http, f"/api/footage/{ident}")
            if one["state"] not in ("receiving", "received"):
                return one
            await asyncio.sleep(0.5)

    async def _json(self, http: aiohttp.ClientSession, path: str) -> Any:
        async with http.get(self._url + path) as answer:
            await _check(answer)
            return await answer.json()


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status >= 400:
        text = (await answer.text())[:300]
        raise InvalidRequest(f"the hub refused: {answer.status} {text}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)
