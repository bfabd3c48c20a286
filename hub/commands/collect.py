"""``hub collect --out DIR``: a data folder out of the archive."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub.commands import Commands
from hub.commands.options import add_places, settings_of
from hub.errors import InvalidRequest

if TYPE_CHECKING:
    from hub.settings import Settings
    from hub.shelf import Shelf


def add(commands: Commands) -> None:
    text = "make an ordinary data folder out of what lies in the archive and here; judge it with `hub verify`"
    parser = commands.add_parser("collect", help=text, description=text)
    add_places(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--archive", metavar="URL", help="s3://BUCKET/PREFIX or file:///FOLDER; default: as set")
    parser.add_argument("--stream", action="append", metavar="ID", help="footage of this stream alone; repeat for more")
    parser.add_argument("--from", dest="from_at", metavar="T", help="footage from then on, as 2026-11-20T08:00:00Z")
    parser.add_argument("--to", dest="to_at", metavar="T", help="footage until then")
    parser.set_defaults(command=_collect)


def _collect(options: argparse.Namespace) -> int:
    from hub.archive.collect import Wanted, collect
    from hub.archive.store import store_at
    from hub.clock import parse_rfc3339

    settings = settings_of(options)
    url = options.archive or settings.archive_url
    streams = None if options.stream is None else frozenset(options.stream)
    try:
        bounds = [None if text is None else parse_rfc3339(text) for text in (options.from_at, options.to_at)]
    except ValueError as error:
        raise InvalidRequest(f"--from, --to: {error}") from None
    say = (lambda text: print(text, file=sys.stderr)) if sys.stderr.isatty() else (lambda _text: None)
    store = store_at(url, settings) if url else None
    nodes = _nodes(settings)
    if store is None and nodes is None:
        raise InvalidRequest("expected --archive URL, or archive_url in the settings")
    shelves = tuple(one for one in (_own(settings.data, store), nodes, store) if one is not None)
    done = collect(shelves, options.out, Wanted(streams, *bounds), say)
    if store is not None and not _same_log(settings.data, store):
        print(f"hub: nothing was taken from {settings.data}: it is not of this archive's log", file=sys.stderr)
    if done.unreachable:
        print(f"hub: {done.unreachable} reels lie where nobody answers; collect again", file=sys.stderr)
    print(
        f"{done.reels} reels ({done.bytes} bytes), {done.entry_files} entry files, the log to leaf {done.leaves}; "
        f"left out: {done.left_out} reels that were not asked for, {done.absent} that are nowhere, "
        f"{done.unreachable} that cannot be reached, "
        f"{done.dropped_entries} entries behind the last checkpoint under which all is there.\n"
        f"Judge it: hub verify {options.out}"
    )
    return 1 if done.unreachable else 0


def _own(data: Path, archive: Shelf | None) -> Shelf | None:
    from hub.shelf import LocalShelf

    return LocalShelf(data) if archive is None or _same_log(data, archive) else None


def _nodes(settings: Settings) -> Shelf | None:
    """The disks of the cluster that the settings name."""
    if settings.database_url is None:
        return None
    from hub.cluster.everywhere import open_everywhere

    return open_everywhere(settings)


def _same_log(data: Path, archive: Shelf) -> bool:
    """Whether this data folder has the log that is in the archive: another hub's must not be mixed in."""
    from hub.ledger.files import log_folder

    try:
        origin = archive.read("log/origin", 0, 1000).decode().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return True  # the collection says what is wrong
    return log_folder(data, origin).is_dir()
