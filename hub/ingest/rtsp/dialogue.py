"""Requests and answers with one camera: authentication, the session's id, errors in words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hub.errors import SourceError
from hub.ingest.rtsp.auth import Authenticator, parse_challenges
from hub.ingest.rtsp.connection import RtspConnection
from hub.ingest.rtsp.message import Message, header_parameters
from hub.ingest.rtsp.url import RtspUrl, redact_url

_MAX_AUTH_TRIES = 3
"""Without credentials, with them, and once more with a fresh nonce."""
DEFAULT_SESSION_S = 60
"""RFC 2326 §12.37."""
_LONGEST_SESSION_S = 3600
SESSION_NOT_FOUND = 454
_UNSUPPORTED_TRANSPORT = 461
_WORDS: Mapping[int, tuple[str, str]] = {
    401: ("unauthorized", "the camera wants a user and password"),
    403: ("unauthorized", "the camera forbids it to this user"),
    404: ("not_found", "the camera has no stream under this path"),
    410: ("not_found", "the stream is gone"),
    415: ("not_found", "the camera knows no such medium"),
    453: ("protocol", "the camera has not enough bandwidth left: too many viewers"),
    SESSION_NOT_FOUND: ("protocol", "the camera has forgotten the session"),
    _UNSUPPORTED_TRANSPORT: ("protocol", "the camera does not offer this transport: try the other one of tcp and udp"),
    503: ("protocol", "the camera is overloaded"),
}


class Redirected(Exception):
    """3xx: the stream is at ``location``."""

    def __init__(self, location: str) -> None:
        super().__init__(redact_url(location))
        self.location = location


class Refused(SourceError):
    """The camera answered with ``status``, an error."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message, code=code)
        self.status = status


class Dialogue:
    """One connection's requests. ``session_timeout_s`` is what the camera said at SETUP."""

    def __init__(self, connection: RtspConnection, url: RtspUrl, timeout_s: float) -> None:
        self._connection = connection
        self._url = url
        self._timeout_s = timeout_s
        self._authenticator: Authenticator | None = None
        self._public: frozenset[str] = frozenset()
        self._session = ""
        self._aggregate = url.request
        self._keepalive_method = ""
        self.session_timeout_s = DEFAULT_SESSION_S

    async def options(self) -> None:
        """Asks what the camera can. One that answers with an error is asked nothing more here."""
        try:
            answer = await self.request("OPTIONS", self._url.request)
        except Refused as refused:
            if refused.status in (401, 403):
                raise
            return
        listed = ",".join(answer.headers.get("public", []) + answer.headers.get("allow", []))
        self._public = frozenset(method.strip().upper() for method in listed.split(","))

    def aggregate(self, url: str) -> None:
        """The URL of the whole session: PLAY, keepalives, TEARDOWN."""
        self._aggregate = url

    def in_session(self, answer: Message) -> None:
        """Takes the session's id and timeout from an answer to SETUP."""
        value = answer.first("session")
        name = value.partition(";")[0].strip()
        if not name:
            return
        self._session = name
        timeout = header_parameters(value).get("timeout", "")
        if timeout.isascii() and timeout.isdigit() and len(timeout) < 7 and int(timeout) > 0:
            self.session_timeout_s = min(int(timeout), _LONGEST_SESSION_S)

    async def request(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Message:
        """Sends a request, authenticated if need be, and returns its answer of 2xx.

        Raises Refused for 4xx and 5xx, Redirected for 3xx, SourceError when the connection ends or no
        answer comes in time.
        """
        for _ in range(_MAX_AUTH_TRIES):
            answer = await self._exchange(method, url, headers or {})
            if answer.status != 401 or not self._authenticate(answer):
                break
        if 200 <= answer.status < 300:
            return answer
        location = answer.first("location")
        if 300 <= answer.status < 400 and location:
            raise Redirected(location)
        raise self._refusal(method, url, answer)

    async def keepalive(self) -> None:
        """Tells the camera that its viewer is still there (RFC 2326 §10.8 and its common practice)."""
        if not self._keepalive_method:
            self._keepalive_method = "GET_PARAMETER" if "GET_PARAMETER" in self._public else "OPTIONS"
        try:
            await self.request(self._keepalive_method, self._aggregate)
        except Refused as refused:
            if refused.status == SESSION_NOT_FOUND or self._keepalive_method == "OPTIONS":
                raise
            # It names the method and does not have it.
            self._keepalive_method = "OPTIONS"
            await self.request(self._keepalive_method, self._aggregate)

    async def play(self) -> Message:
        return await self.request("PLAY", self._aggregate, {"Range": "npt=0.000-"})

    async def teardown(self, wait_s: float) -> None:
        """Ends the session, if there is one, and waits a moment for the answer. Never raises for it."""
        if not self._session or self._connection.ended.done():
            return
        try:
            async with asyncio.timeout(wait_s):
                await self.request("TEARDOWN", self._aggregate)
        except (TimeoutError, SourceError, Redirected):
            return
        finally:
            self._session = ""

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str]) -> Message:
        full = dict(headers)
        if self._session:
            full["Session"] = self._session
        if self._authenticator is not None:
            full["Authorization"] = self._authenticator.header(method, url)
        answer = self._connection.send_request(method, url, full)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError as error:
            raise SourceError(f"no answer to {method} within {self._timeout_s:g} s", code="timeout") from error
        finally:
            self._connection.forget(answer)

    def _authenticate(self, answer: Message) -> bool:
        """Prepares the answer to a challenge; False where there is no use in trying (again)."""
        if self._url.username is None:
            return False
        challenges = parse_challenges(answer.headers.get("www-authenticate", []))
        if not challenges:
            return False
        known, new = self._authenticator, challenges[0]
        if known is not None and not new.stale and (new.scheme == "basic" or new.nonce == known.challenge.nonce):
            return False
        refused_fresh = known is not None and not new.stale and known.uses == 1
        if refused_fresh:
            # The first use of a nonce was refused: the password is wrong, more tries may lock the user out.
            return False
        self._authenticator = Authenticator(new, self._url.username, self._url.password)
        return True

    def _refusal(self, method: str, url: str, answer: Message) -> Refused:
        code, words = _WORDS.get(answer.status, ("protocol", f"the camera answered {answer.status} {answer.reason}"))
        if answer.status == 401 and self._url.username is not None:
            words = "the camera does not accept this user and password"
        return Refused(f"{method} {redact_url(url)}: {words}", code=code, status=answer.status)
