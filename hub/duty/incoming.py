"""Years that a command left for the running hub, which alone appends to the ledger: ``DATA/incoming/years/``."""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from hub.duty.years import MAX_FILE_BYTES, Year, parse_year
from hub.errors import HubError
from hub.ledger.files import replace_file

FOLDER = "incoming/years"
MAX_FILES = 20
_log = structlog.get_logger(__name__)


def leave(data: Path, year: Year, by: str) -> Path:
    """Leave a checked year for the hub on this data folder, durable when it returns. Raises OSError. Blocking."""
    path = data / FOLDER / f"{year.year}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps({"by": by, "file": year.body()}, ensure_ascii=False).encode())
    return path


class Incoming:
    """Blocking, for a thread."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    def read(self) -> list[tuple[Year, str]]:
        """What lies there, with who left it. What cannot be read is put aside and said."""
        found: list[tuple[Year, str]] = []
        for path in sorted(self._folder.glob("*.json"))[:MAX_FILES]:
            try:
                found.append(_read(path))
            except (HubError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                _log.error("a year that was left cannot be read", path=str(path), error=str(error)[:200])
                path.replace(path.with_suffix(".refused"))
        return found

    def done(self, year: Year) -> None:
        (self._folder / f"{year.year}.json").unlink(missing_ok=True)


def _read(path: Path) -> tuple[Year, str]:
    if path.stat().st_size > 2 * MAX_FILE_BYTES:
        raise ValueError("too large")
    value = json.loads(path.read_bytes())
    year = parse_year(json.dumps(value["file"]).encode())
    if path.name != f"{year.year}.json":
        raise ValueError(f"expected {year.year}.json")
    return year, str(value["by"])[:100]
