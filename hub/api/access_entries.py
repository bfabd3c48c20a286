"""Who did or looked at what, and why: entries of type ``access``. The one place that writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from hub.errors import HubError
from hub.ledger.entries import HUB_STREAM, JsonValue
from hub.people.changes import Change

log = structlog.get_logger(__name__)

WriteAccess = Callable[[str, Mapping[str, JsonValue]], object]
"""Stream id (``_hub``: hub-wide) and the body."""


def access_body(by: str, what: str, reason: str = "", **facts: JsonValue) -> dict[str, JsonValue]:
    """``by`` is a username or ``program:admin``; ``what`` two words, as ``playback.view``; ``facts`` what it was about:
    times in µs, ids, never a secret."""
    return {"by": by, "what": what, "reason": reason} | facts


def write_access(
    write: WriteAccess, by: str, what: str, reason: str = "", *, stream: str = HUB_STREAM, **facts: JsonValue
) -> None:
    """Raises LedgerError while the ledger takes nothing: a look that cannot be noted is not granted."""
    write(stream, access_body(by, what, reason, **facts))


def keep_change(write: WriteAccess) -> Callable[[Change], None]:
    """A listener for units and people that keeps what was changed. The change is durable by then: what the ledger
    refuses is said in the log of the process."""

    def keep(change: Change) -> None:
        try:
            write_access(write, change.by, change.what, subject=change.subject, changed=dict(change.fields))
        except HubError as error:
            log.error("a change could not be kept in the ledger", what=change.what, by=change.by, error=str(error))

    return keep
