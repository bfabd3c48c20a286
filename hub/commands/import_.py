"""``hub import``: the files of a dock (采集站) to the running hub, each to the stream of its device."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hub.commands import Commands
from hub.commands.options import add_places, settings_of
from hub.errors import SettingsError


def add(commands: Commands) -> None:
    text = "bring a dock's (采集站) files to the running hub; matched by device number and time"
    parser = commands.add_parser("import", help=text, description=text)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="all files below it are looked at")
    parser.add_argument("--map", type=Path, metavar="FILE", help="lines 'PATTERN STREAM': files that match go there")
    parser.add_argument("--hub", metavar="URL", help="where the hub serves; else by the setting listen")
    parser.add_argument("--ca", type=Path, metavar="PEM", help="the hub's certificate authority, for https")
    add_places(parser)
    parser.set_defaults(command=_import)


def _import(options: argparse.Namespace) -> int:
    """0: every file was taken or was there before; 1: some were not matched, or are kept apart; 2: no hub."""
    import asyncio

    from hub.footage.dock import Dock, read_map, scan

    settings = settings_of(options)
    token = settings.admin_token.get_secret_value() if settings.admin_token else os.environ.get("HUB_TOKEN", "")
    if not token:
        raise SettingsError("expected a token to speak to the hub with: set HUB_ADMIN_TOKEN")
    if not options.folder.is_dir():
        raise SettingsError(f"expected a folder at {options.folder}, found none")
    url = options.hub or f"{'https' if settings.tls_cert else 'http'}://{settings.listen}"
    rules = read_map(options.map) if options.map else ()
    dock = Dock(url, token, rules, options.ca, print)
    result = asyncio.run(dock.bring(options.folder, scan(options.folder)))
    counts = f"{result.taken} taken, {result.known} known before, {result.apart} kept apart"
    print(f"{counts}, {len(result.unmatched)} unmatched")
    for path in result.unmatched:
        print(f"unmatched: {path}", file=sys.stderr)
    for failure in result.failed:
        print(f"not brought: {failure}", file=sys.stderr)
    return 1 if result.unmatched or result.failed or result.apart else 0
