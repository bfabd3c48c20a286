"""The signer as a child of the hub: ``python -m hub.ledger.signing.child``, a socket as standard input.

It ends when the other end of the socket does, however the hub came to its end, and for no other reason: signals
that are meant for the hub (Ctrl-C, a service manager's SIGTERM to all) must not take the last signature from it.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from hub.errors import HubError
from hub.ledger.signing.local import LocalSigners
from hub.ledger.signing.service import serve_connection
from hub.ledger.signing.wire import Config, read_frame, read_request


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the key
    with socket.socket(fileno=os.dup(0)) as connection, suppress(HubError, OSError):
        first = read_frame(connection.recv)
        config = read_request(first) if first is not None else None
        if isinstance(config, Config):
            serve_connection(connection, LocalSigners(Path(config.keys_dir), config.secret))
    return 0


if __name__ == "__main__":
    sys.exit(main())
