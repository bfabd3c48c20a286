"""``hub export``: an evidence package of a stretch of one stream."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hub.commands import Commands
from hub.commands.options import add_places, settings_of
from hub.errors import HubError, InvalidRequest, Unavailable

if TYPE_CHECKING:
    from hub.evidence.package import ExportRequest, PackageResult
    from hub.settings import Settings


def add(commands: Commands) -> None:
    text = "write an evidence package (zip) from the data folder of a running or a stopped hub"
    parser = commands.add_parser("export", help=text, description=text)
    add_places(parser)
    parser.add_argument("--stream", metavar="ID", help="whose footage; that of the session if not given")
    parser.add_argument("--from", dest="from_at", metavar="T", help="begin, as 2026-11-20T08:00:00Z; or the session's")
    parser.add_argument("--to", dest="to_at", metavar="T", help="end; whole chunks are taken; or the session's")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.zip", help="where to write it")
    parser.add_argument("--session", metavar="ID", help="notes, stream and range of this session (执法活动)")
    parser.add_argument("--matter", default="", help="事项: what was recorded")
    parser.add_argument("--place", default="", help="地点: where")
    parser.add_argument("--method", default="", help="方式: how it was recorded")
    parser.add_argument(
        "--officer", action="append", default=[], help="行政执法人员, with certificate; repeat for each"
    )
    parser.add_argument("--recipient", default="", help="who gets the package")
    parser.add_argument("--approved-by", default="", help="who approved the export")
    parser.add_argument("--reason", default="", help="why it is exported")
    parser.add_argument("--split", metavar="SIZE", help="parts of at most this size, as 4.7G; each verifies alone")
    parser.add_argument("--no-movie", action="store_true", help="without the playable copy, which doubles the size")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    request = _request(options, settings)
    result = _write(request, settings, options.out)
    for warning in result.warnings:
        print(f"hub: {warning}", file=sys.stderr)
    _enter(settings.data, result)
    print(_summary(result))
    return 0


def _request(options: argparse.Namespace, settings: Settings) -> ExportRequest:
    from hub.evidence.package import ExportRequest, new_export_id
    from hub.evidence.plan import parse_size
    from hub.ledger.package.format import Notes

    said = _Said() if options.session is None else _said_by(options.session, settings)
    stream = options.stream or said.stream
    if said.stream and stream != said.stream:
        raise InvalidRequest(f"--stream: the session {options.session} is of the stream {said.stream}, found {stream}")
    from_us, to_us = _moment(options.from_at, said.from_us), _moment(options.to_at, said.to_us)
    if not stream or from_us is None or to_us is None:
        lacking = [name for name, given in (("--stream", stream), ("--from", from_us), ("--to", to_us)) if not given]
        raise InvalidRequest(
            f"expected a stream and a range, or a session that has ended; found no {', '.join(lacking)}"
        )
    notes = Notes(
        options.matter or said.matter,
        options.place or said.place,
        options.method or said.method,
        tuple(options.officer) or said.officers,
    )
    if notes.missing():
        raise InvalidRequest(f"expected all five notes of a package, found none for: {', '.join(notes.missing())}")
    return ExportRequest(
        export_id=new_export_id(),
        stream_id=stream,
        from_us=from_us,
        to_us=to_us,
        notes=notes,
        by=f"{_user()} (command line)",
        approved_by=options.approved_by,
        recipient=options.recipient,
        reason=options.reason,
        split_bytes=None if options.split is None else parse_size(options.split),
        movie=not options.no_movie,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What the session says; nothing without one."""

    stream: str = ""
    from_us: int | None = None
    to_us: int | None = None
    matter: str = ""
    place: str = ""
    method: str = ""
    officers: tuple[str, ...] = ()


def _said_by(session: str, settings: Settings) -> _Said:
    from hub.activities.notes import read_notes
    from hub.database import Database

    notes = read_notes(Database.of(settings), session)
    return _Said(notes.stream_id, notes.from_us, notes.to_us, notes.matter, notes.place, notes.method, notes.officers)


def _moment(given: str | None, said_us: int | None) -> int | None:
    from hub.clock import parse_rfc3339

    if given is None:
        return said_us
    try:
        return parse_rfc3339(given)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"--from and --to: {error}") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown user"


def _write(request: ExportRequest, settings: Settings, out: Path) -> PackageResult:
    """Waits for the next checkpoint of a running hub where the newest entries are not signed yet."""
    from hub.archive.store import open_store
    from hub.clock import SystemClock
    from hub.database import Database
    from hub.evidence.package import trust_of, write_package
    from hub.shelf import LocalShelf, Shelf, Shelves

    if not out.parent.is_dir():
        raise InvalidRequest(f"expected a folder for {out}, found none")
    store = open_store(settings)
    local = LocalShelf(settings.data)
    shelf: Shelf = local if store is None else Shelves((local, store))
    deadline = time.monotonic() + 2 * settings.checkpoint_s + 10
    while True:
        try:
            return write_package(
                request,
                settings.data,
                out,
                SystemClock(),
                database=Database.of(settings),
                keys_dir=settings.keys_dir,
                shelf=shelf,
                trust=trust_of(settings),
                progress=_progress(),
            )
        except Unavailable as error:
            if error.code != "not_signed_yet" or time.monotonic() > deadline:
                raise
            time.sleep(min(1.0, settings.checkpoint_s))


def _progress() -> Callable[[float], None] | None:
    if not sys.stderr.isatty():
        return None

    def show(fraction: float) -> None:
        print(f"\r{fraction:4.0%}", end="", file=sys.stderr, flush=True)

    return show


def _enter(data: Path, result: PackageResult) -> None:
    from hub.evidence.spool import put

    try:
        put(data, result)
    except (HubError, OSError) as error:
        print(f"hub: this export could not be left for the hub's ledger to enter: {error}", file=sys.stderr)


def _summary(result: PackageResult) -> str:
    from hub.clock import rfc3339

    lines = []
    for part in result.parts:
        first_us, end_us = part.manifest.given
        lines += [
            f"{part.path}",
            f"  range     {rfc3339(first_us)} to {rfc3339(end_us)}",
            f"  size      {part.size} bytes",
            f"  sha256    {part.sha256}",
            f"  verdict   integrity {part.verdict.integrity}, completeness {part.verdict.completeness}",
        ]
    return "\n".join(lines)
