"""``hub verify``: whether a data folder is what the hub recorded."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hub.commands import Commands
from hub.settings import load_settings


def add(commands: Commands) -> None:
    text = "check a data folder: exit 0 intact, 1 altered or incomplete, 2 unreadable"
    parser = commands.add_parser("verify", help=text, description=text)
    parser.add_argument("path", type=Path, help="a data folder, of a running hub or a copy")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key, as received by another way")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    from hub.ledger.verify import verify_path
    from hub.ledger.verify.report import to_json, to_text

    verdict = verify_path(options.path, options.key, keys_dir=load_settings().keys_dir)
    print(json.dumps(to_json(verdict), ensure_ascii=False) if options.json else to_text(verdict))
    return verdict.exit_code
