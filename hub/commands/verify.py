"""``hub verify``: whether a data folder or an evidence package is what the hub recorded."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.commands import Commands
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.trust import configured_trust
from hub.ledger.verify import cli


def add(commands: Commands) -> None:
    parser = commands.add_parser("verify", help=cli.ABOUT, description=cli.ABOUT)
    cli.add_arguments(parser)
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    return cli.run(options, _configured_keys, _configured_trust)


def _configured_trust() -> Trust:
    from hub.settings import load_settings

    settings = load_settings()
    return configured_trust(settings.witnesses, settings.timestamp_authorities)


def _configured_keys() -> Path:
    from hub.settings import load_settings

    return load_settings().keys_dir
