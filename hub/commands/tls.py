"""``hub tls init``: certificates for HTTPS without an outside authority."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from hub.commands import Commands


def add(commands: Commands) -> None:
    parser = commands.add_parser("tls", help="certificates for HTTPS without an outside authority")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    text = "make a local authority and a server certificate, and explain how a PC and a phone come to trust it"
    init = actions.add_parser("init", help=text, description=text)
    init.add_argument("folder", type=Path, nargs="?", default=Path("tls"), help="where to put them (default ./tls)")
    init.add_argument("--name", action="append", default=[], metavar="HOST", help="a name or address people will open")
    init.add_argument("--port", type=int, default=8443, help="where the hub will listen, for the guide (default 8443)")
    init.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from hub.api.tls import init
    from hub.api.tls_guide import guide

    files = init(options.folder, options.name, time.time_ns() // 1000)
    print(guide(files, options.port))
    return 0
