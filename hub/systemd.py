"""What systemd is told of a process (sd_notify(3)): that it is ready, that it still turns, that it stops.

One datagram each to the socket that ``NOTIFY_SOCKET`` names; without that variable nothing is sent. A message that
cannot be delivered is nobody's loss: recording never depends on who supervises it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

_US_PER_S = 1_000_000


class Supervisor:
    """Who started this process, as far as it wants to hear of it."""

    def __init__(self, address: str = "", watchdog_us: int = 0) -> None:
        """``address``: a path, or a name of the abstract space with ``@`` before it. ``watchdog_us``: a process
        that was silent for so long is ended; 0: nobody waits."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_us / 3 / _US_PER_S if self._address else 0.0
        """How often to say that one still turns, in seconds: thrice in the time allowed. 0: never."""

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Supervisor:
        """As the environment says; its variables are taken out, since they are meant for this process alone."""
        address, usec = environ.pop("NOTIFY_SOCKET", ""), environ.pop("WATCHDOG_USEC", "")
        pid = environ.pop("WATCHDOG_PID", "")
        watched = usec.isascii() and usec.isdigit() and pid in ("", str(os.getpid()))
        return cls(address, int(usec) if watched else 0)

    def ready(self, status: str) -> None:
        """Started: ``systemctl start`` returns now. ``status`` is one line that ``systemctl status`` shows."""
        self._send(f"READY=1\nSTATUS={status}")

    def turning(self) -> None:
        """Still alive; to be said each :attr:`watchdog_s`."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.setblocking(False)
            notify.sendto(text.encode(), self._address)
