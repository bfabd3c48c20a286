"""One family of errors. A message says what was expected, what was found, and what to do about it."""

from __future__ import annotations


class HubError(Exception):
    """Anything the hub refuses or cannot do.

    ``code`` is a stable word for programs (it is the ``error.code`` of the HTTP answer and the label
    of the metric); the message is for people.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class SettingsError(HubError):
    """A setting is unknown, missing or out of its range."""

    code = "bad_setting"


class InvalidRequest(HubError):
    """What a caller sent cannot be understood or is not allowed."""

    code = "bad_request"


class Refused(HubError):
    """Who asks is known, and may not do this."""

    code = "refused"


class NotFound(HubError):
    """The thing asked for does not exist."""

    code = "not_found"


class Conflict(HubError):
    """The thing exists already, or is in a state that forbids the call."""

    code = "conflict"


class SourceError(HubError):
    """A camera or recorder could not be reached, refused us, or sent what cannot be understood.

    It ends one attempt, never the stream: the pipeline records the reason and tries again.
    """

    code = "source_error"


class MediaError(SourceError):
    """Bytes of a media stream break their format: RTP, RTCP, SDP, a NAL unit, an AAC header."""

    code = "bad_media"


class StorageError(HubError):
    """The disk did not take what was given to it."""

    code = "storage"


class LedgerError(HubError):
    """The ledger is not what it should be. Nothing is written over it."""

    code = "ledger"


class Unavailable(HubError):
    """The hub cannot do this now, through no fault of the caller; a later attempt may succeed (HTTP 503)."""

    code = "unavailable"
