"""``hub duty``: the holidays of a year, from the State Council's notice."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path

from hub.commands import Commands
from hub.commands.options import add_places, settings_of


def add(commands: Commands) -> None:
    text = "enter the holidays and make-up working days of a year"
    parser = commands.add_parser("duty", help=text, description=text)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    text = "check a year's file and leave it for the hub, which takes it in within half a minute or at its next start"
    one = actions.add_parser("import", help=text, description=text)
    add_places(one)
    one.add_argument("file", type=Path, metavar="FILE", help="JSON or CSV (docs/design/duty.md)")
    one.add_argument("--check", action="store_true", help="check it only")
    one.set_defaults(command=_import)


def _import(options: argparse.Namespace) -> int:
    from hub.duty.incoming import leave
    from hub.duty.years import MAX_FILE_BYTES, parse_year

    with options.file.open("rb") as file:
        year = parse_year(file.read(MAX_FILE_BYTES + 1))
    print(f"{year.year}: {len(year.holidays)} days off, {len(year.workdays)} make-up working days")
    print(f"{year.notice.title}, {year.notice.number}, {year.notice.issued}")
    if not options.check:
        path = leave(settings_of(options).data, year, f"{_user()} (command line)")
        print(f"left for the hub: {path}")
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown user"
