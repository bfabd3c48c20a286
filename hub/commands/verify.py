"""``hub verify``: whether a data folder or an evidence package is what the hub recorded."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.commands import Commands
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.trust import configured_trust
from hub.ledger.verify import cli
from hub.shelf import Shelf, Shelves


def add(commands: Commands) -> None:
    parser = commands.add_parser("verify", help=cli.ABOUT, description=cli.ABOUT)
    cli.add_arguments(parser)
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    return cli.run(options, _configured_keys, _configured_trust, _elsewhere)


def _elsewhere(url: str, path: Path) -> Shelf | None:
    """Where reels are that ``path`` does not hold: on the disks of the cluster whose log it is, and in the archive."""
    from hub.settings import load_settings

    settings = load_settings()
    places: list[Shelf] = []
    if settings.database_url is not None:
        from hub.cluster.everywhere import of_this_cluster, open_everywhere

        nodes = open_everywhere(settings) if of_this_cluster(settings, path) else None
        places += [nodes] if nodes is not None else []
    if url or settings.archive_url:
        from hub.archive.store import store_at  # only here: a verification without an archive needs no object store

        places.append(store_at(url or settings.archive_url, settings))
    return Shelves(places) if places else None


def _configured_trust() -> Trust:
    from hub.settings import load_settings

    settings = load_settings()
    return configured_trust(settings.witnesses, settings.timestamp_authorities)


def _configured_keys() -> Path:
    from hub.settings import load_settings

    return load_settings().keys_dir
