"""``hub drain``: the node on this machine gives its streams to the others. Kubernetes calls it before it ends a pod."""

from __future__ import annotations

import argparse
import http.client
import json
from typing import Final

from hub.commands import Commands
from hub.commands.healthy import here
from hub.commands.options import add_places, settings_of
from hub.errors import SettingsError
from hub.settings import Settings

PATH: Final = "/node/drain"
BEYOND_S: Final = 15.0
"""The node itself gives up after drain_s and answers what stayed; this is for its answer."""


def add(commands: Commands) -> None:
    text = "hand the streams of the node on this machine to other nodes, and wait until they have them"
    parser = commands.add_parser("drain", help=text, description=text)
    add_places(parser)
    parser.set_defaults(command=_drain)


def _drain(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    if not settings.clustered or settings.cluster_secret is None:
        raise SettingsError("expected a node of a cluster, found an embedded hub: there is nobody to drain to")
    left = drain(settings)
    print(
        "no stream is left here" if not left else f"{left} streams stayed: nobody took them in {settings.drain_s:g} s"
    )
    return 0 if not left else 1


def drain(settings: Settings) -> int:
    """How many streams stayed. Raises OSError when the node cannot be asked or does not answer as one."""
    assert settings.cluster_secret is not None
    connection = here(settings.node_listen, settings.drain_s + BEYOND_S)
    try:
        secret = settings.cluster_secret.get_secret_value()
        connection.request("POST", PATH, headers={"Authorization": f"Bearer {secret}", "Content-Length": "0"})
        answer = connection.getresponse()
        body = answer.read(65_536)
    except http.client.HTTPException as error:
        raise OSError(f"the node at {settings.node_listen} did not answer as one: {error!r}") from error
    finally:
        connection.close()
    try:
        left = json.loads(body)["left"] if answer.status == 200 else None
    except (ValueError, TypeError, KeyError):
        left = None
    if type(left) is not int:
        raise OSError(f"the node at {settings.node_listen} does not drain: it answered {answer.status}")
    return left
