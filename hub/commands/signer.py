"""``hub signer``: holds the signing key under a user of its own, and signs for the hub over a Unix socket."""

from __future__ import annotations

import argparse
import os
import pwd
import resource
import signal
from pathlib import Path
from types import FrameType

from hub.commands import Commands
from hub.errors import SettingsError
from hub.settings import load_settings


def add(commands: Commands) -> None:
    text = "the signer under a user of its own, so that the hub cannot read the key"
    parser = commands.add_parser("signer", help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="hub.toml", help="settings file (docs/settings.md)")
    parser.add_argument("--socket", metavar="PATH", help="where to listen; default: the setting signer_socket")
    parser.add_argument("--mode", default="660", metavar="OCTAL", help="rights of the socket (default 660)")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="USER", help="only this user may ask, by name or number; repeat"
    )
    parser.set_defaults(command=_signer)


def _signer(options: argparse.Namespace) -> int:
    from hub.ledger.signing.listen import Listener
    from hub.ledger.signing.local import LocalSigners
    from hub.logging import configure_logging
    from hub.systemd import Supervisor

    settings = load_settings(options.config, {"signer_socket": options.socket})
    configure_logging(settings)
    if not settings.signer_socket:
        raise SettingsError("expected signer_socket or --socket, found neither: where shall the signer listen?")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the key
    secret = settings.signing_key.get_secret_value() if settings.signing_key else ""
    path = Path(settings.signer_socket)
    signers = LocalSigners(settings.keys_dir, secret)
    listener = Listener(path, signers, mode=_mode(options.mode), allowed=[_uid(user) for user in options.allow])
    signal.signal(signal.SIGTERM, _stop)
    supervisor = Supervisor.of(os.environ)
    supervisor.ready(f"listening at {path}")
    print(f"the signer listens at {path}, its keys are in {settings.keys_dir}", flush=True)
    try:
        listener.serve()
    except (KeyboardInterrupt, _Stop):
        return 0
    finally:
        supervisor.stopping()
        listener.close()
    return 0


class _Stop(Exception):
    """SIGTERM."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop


def _mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise SettingsError(f"expected the rights of the socket as 600 or 660, found {text!r}")
    return mode


def _uid(user: str) -> int:
    try:
        return int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
    except KeyError as error:
        raise SettingsError(f"expected a user of this machine, found {user!r}") from error
