"""``hub verify``: whether a data folder or an evidence package is what the hub recorded."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.commands import Commands
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.trust import configured_trust
from hub.ledger.verify import cli
from hub.shelf import Shelf


def add(commands: Commands) -> None:
    parser = commands.add_parser("verify", help=cli.ABOUT, description=cli.ABOUT)
    cli.add_arguments(parser)
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    return cli.run(options, _configured_keys, _configured_trust, _archive)


def _archive(url: str) -> Shelf | None:
    from hub.settings import load_settings

    settings = load_settings()
    if not (url or settings.archive_url):
        return None
    from hub.archive.store import store_at  # only here: a verification without an archive needs no object store

    return store_at(url or settings.archive_url, settings)


def _configured_trust() -> Trust:
    from hub.settings import load_settings

    settings = load_settings()
    return configured_trust(settings.witnesses, settings.timestamp_authorities)


def _configured_keys() -> Path:
    from hub.settings import load_settings

    return load_settings().keys_dir
