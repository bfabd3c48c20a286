"""What left the hub is entered into its ledger: packages are written by other processes too, and only the running hub
appends. ``DATA/exports/pending/`` holds what was written and not entered yet; the hub takes it in every few seconds, or
at its next start.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from hub.database import Database
from hub.errors import HubError
from hub.evidence.package import PackageResult, PartResult
from hub.evidence.source import Source
from hub.ledger.entries import BadEntry, EntryType, JsonValue, canonical, check_body, is_stream_id, parse
from hub.ledger.files import replace_file

PENDING = "exports/pending"
REFUSED = "exports/refused"
POLL_S = 3.0
_SUFFIX = ".json"
_TYPES = (EntryType.EXPORT, EntryType.DERIVATIVE)
_log = structlog.get_logger(__name__)

Append = Callable[[str, EntryType, Mapping[str, JsonValue]], object]


def entries_of(result: PackageResult) -> list[tuple[EntryType, dict[str, JsonValue]]]:
    """The ``export`` entry of each part, and a ``derivative`` for each movie in it."""
    found: list[tuple[EntryType, dict[str, JsonValue]]] = []
    for part in result.parts:
        found.append((EntryType.EXPORT, _export_body(result, part)))
        for name, sha256 in part.derived.items():
            if name.endswith(".mp4"):
                body: dict[str, JsonValue] = {
                    "of": part.manifest.last_leaf,
                    "what": name,
                    "sha256": sha256,
                    "export": result.request.export_id,
                    "part": part.manifest.part,
                    "recipient": result.request.recipient,
                    "made_us": part.manifest.made_us,
                }
                found.append((EntryType.DERIVATIVE, body))
    return found


def _export_body(result: PackageResult, part: PartResult) -> dict[str, JsonValue]:
    request, manifest = result.request, part.manifest
    return {
        "id": request.export_id,
        "by": request.by,
        "approved_by": request.approved_by,
        "recipient": request.recipient,
        "reason": request.reason,
        "made_us": manifest.made_us,
        "from_us": manifest.given[0],
        "to_us": manifest.given[1],
        "first_seq": manifest.own.first_seq,
        "last_seq": manifest.own.last_seq,
        "part": manifest.part,
        "parts": len(manifest.parts),
        "sha256": part.sha256,
        "size": part.size,
        "labels": list(manifest.labels),
        "notes": {
            "matter": manifest.notes.matter,
            "place": manifest.notes.place,
            "method": manifest.notes.method,
            "officers": list(manifest.notes.officers),
        },
    }


def put(data: Path, result: PackageResult) -> Path:
    """Leave word of an export for the hub, durable when it returns. Raises OSError. Blocking."""
    value: dict[str, JsonValue] = {
        "stream": result.request.stream_id,
        "entries": [{"type": kind.value, "body": body} for kind, body in entries_of(result)],
    }
    path = data / PENDING / f"{result.request.export_id}-{secrets.token_hex(4)}{_SUFFIX}"
    replace_file(path, canonical(value))
    return path


class Intake:
    """Enters what lies in the spool. ``append`` and ``committed`` are the ledger's; all of it on the event loop."""

    def __init__(
        self, data: Path, database: Database, append: Append, committed: Callable[[], Awaitable[None]]
    ) -> None:
        self._data = data
        self._database = database
        self._append = append
        self._committed = committed

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.take_in()
            except (HubError, OSError) as error:
                _log.error("exports could not be entered into the ledger; it is tried again", error=str(error))
            await asyncio.sleep(POLL_S)

    async def take_in(self) -> int:
        """Enter all that waits; how many files it were. A file goes once its entries are durable."""
        waiting = await asyncio.to_thread(self._waiting)
        for path in waiting:
            try:
                stream, entries = await asyncio.to_thread(self._read, path)
            except (BadEntry, HubError) as error:
                _log.error("a note of an export was refused", file=str(path), error=str(error))
                await asyncio.to_thread(self._refuse, path)
                continue
            for kind, body in entries:
                self._append(stream, kind, body)
            await self._committed()
            await asyncio.to_thread(path.unlink)
        return len(waiting)

    def _waiting(self) -> list[Path]:
        return sorted((self._data / PENDING).glob(f"*{_SUFFIX}"))

    def _refuse(self, path: Path) -> None:
        folder = self._data / REFUSED
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)

    def _read(self, path: Path) -> tuple[str, list[tuple[EntryType, dict[str, Any]]]]:
        """What is to be entered, without what a kill left entered already. Raises BadEntry, HubError."""
        value = parse(path.read_bytes())
        stream, items = value.get("stream"), value.get("entries")
        if not isinstance(stream, str) or not is_stream_id(stream) or not isinstance(items, list):
            raise BadEntry("expected a stream and entries in a note of an export, found something else")
        entries: list[tuple[EntryType, dict[str, Any]]] = []
        for item in items:
            kind, body = (item.get("type"), item.get("body")) if isinstance(item, dict) else (None, None)
            if kind not in _TYPES or not isinstance(body, dict):
                raise BadEntry(f"expected export and derivative entries in a note of an export, found {kind!r}")
            check_body(stream, EntryType(kind), body)
            entries.append((EntryType(kind), body))
        with Source(self._data, self._database) as source:
            rows = source.special(stream, _TYPES)
            known = [source.read(row).body for row in rows]
            if not source.knows(stream):
                raise BadEntry(f"expected an export of a stream that is recorded here, found {stream}")
        return stream, [(kind, body) for kind, body in entries if body not in known]
