"""``hub healthy``: does the hub on this machine answer? For images, which hold no other program that could ask."""

from __future__ import annotations

import argparse
import http.client
import ssl
import sys

from hub.commands import Commands
from hub.commands.options import add_places, settings_of
from hub.settings import Settings

PATIENCE_S = 4.0


def add(commands: Commands) -> None:
    text = "ask the hub on this machine whether it lives; exit code 0 if it does"
    parser = commands.add_parser("healthy", help=text, description=text)
    add_places(parser)
    parser.add_argument("--ready", action="store_true", help="ask whether it can record, too (/readyz)")
    parser.set_defaults(command=_healthy)


def _healthy(options: argparse.Namespace) -> int:
    path = "/readyz" if options.ready else "/healthz"
    connection = _door(settings_of(options))
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(65_536).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"{path}: {error!r}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(text)
    return 0 if answer.status == 200 else 1


def _door(settings: Settings) -> http.client.HTTPConnection:
    """Where this process answers: its door, or, where it has none, the port of nodes."""
    if not settings.plays("api"):
        return here(settings.node_listen, PATIENCE_S)
    if settings.tls_cert is None:
        return here(settings.listen, PATIENCE_S)
    plain = here(settings.listen, PATIENCE_S)
    context = ssl._create_unverified_context()  # noqa: S323  this machine's own certificate, by an address
    return http.client.HTTPSConnection(plain.host, plain.port, timeout=PATIENCE_S, context=context)


def here(listen: str, timeout_s: float) -> http.client.HTTPConnection:
    """A connection to what listens on HOST:PORT of this machine, perhaps on all of its addresses."""
    host, _, port = listen.rpartition(":")
    bare = host.strip("[]")
    called = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bare, bare)  # noqa: S104  an address to call
    return http.client.HTTPConnection(called, int(port), timeout=timeout_s)
