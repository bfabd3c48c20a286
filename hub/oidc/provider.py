"""The organisation's OpenID provider: where to send a browser, and who came back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
from sqlalchemy import Engine

from hub.clock import US_PER_S, Clock
from hub.errors import Refused, SettingsError, Unavailable
from hub.oidc.flows import Flow, Flows
from hub.settings import Settings

TIMEOUT_S = 8.0
MAX_ANSWER_BYTES = 256 * 1024
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Oidc:
    """One provider. What it says of itself is asked anew for each sign-in: there are few, and keys change."""

    def __init__(self, settings: Settings, clock: Clock, engine: Engine) -> None:
        """Raises SettingsError."""
        from hub.oidc.tokens import read_id_token  # only here: most hubs ask no provider

        self._read = read_id_token
        self.issuer = settings.oidc_issuer
        self.client_id = settings.oidc_client_id
        self.flows = Flows(engine, clock)
        self._clock = clock
        self._secret = _secret(settings)
        self._scopes = settings.oidc_scopes
        self._claim = settings.oidc_username_claim
        if not self.client_id:
            raise SettingsError("oidc_client_id: expected the client's id at the provider beside oidc_issuer")
        if not _is_safe(self.issuer):
            raise SettingsError("oidc_issuer: expected https://…; plain http only on this machine")

    async def address(self, redirect_uri: str, back: str) -> tuple[str, Flow]:
        """Where the browser goes to sign in. Raises Unavailable."""
        about = await self._about()
        flow = await self.flows.begin(redirect_uri, back)
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(_endpoint(about, "authorization_endpoint"), query), flow

    async def who(self, flow: Flow, code: str) -> str:
        """The username that the provider's claim names. Raises Unavailable, and Refused ``oidc_token``."""
        about = await self._about()
        given = await self._redeem(about, flow, code)
        id_token, access_token = given.get("id_token"), given.get("access_token")
        if not isinstance(id_token, str):
            raise Refused("the provider gave no ID token", code="oidc_token")
        claims = self._read(
            id_token,
            await self._get(_endpoint(about, "jwks_uri")),
            issuer=self.issuer,
            client_id=self.client_id,
            nonce=flow.nonce,
            now_s=self._clock.now().utc_us // US_PER_S,
        )
        if self._claim not in claims and isinstance(access_token, str) and "userinfo_endpoint" in about:
            more = await self._get(_endpoint(about, "userinfo_endpoint"), {"Authorization": f"Bearer {access_token}"})
            if more.get("sub") != claims["sub"]:  # Core §5.3.2
                raise Refused("the provider's userinfo is about somebody else", code="oidc_token")
            claims = more
        username = claims.get(self._claim)
        if not isinstance(username, str) or not username:
            raise Refused(f"the provider says no claim {self._claim!r}", code="oidc_no_claim")
        return username

    async def end_address(self, back_to: str) -> str | None:
        """Where a browser goes to end the sign-in at the provider too; None where it has no such place."""
        about = await self._about()
        if "end_session_endpoint" not in about:
            return None
        query = {"client_id": self.client_id, "post_logout_redirect_uri": back_to}
        return _with_query(_endpoint(about, "end_session_endpoint"), query)

    # ------------------------------------------------------------------------------------- calls

    async def _about(self) -> dict[str, Any]:
        about = await self._get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if about.get("issuer") != self.issuer:  # Discovery §4.3
            raise Unavailable("the provider calls itself otherwise than oidc_issuer", code="oidc_provider")
        return about

    async def _redeem(self, about: Mapping[str, Any], flow: Flow, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = {}
        methods = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._secret and "client_secret_basic" in methods:
            # RFC 6749 §2.3.1: both are form-encoded before they are joined
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self._secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self.client_id
            if self._secret:
                form["client_secret"] = self._secret
        return await self._call("POST", _endpoint(about, "token_endpoint"), headers, form)

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await self._call("GET", url, headers or {}, None)

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """A JSON object. No redirect is followed: it could lead anywhere, with the secret."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.request(
                    method, url, headers={"Accept": "application/json", **headers}, data=form, allow_redirects=False
                ) as response,
            ):
                raw = await response.content.read(MAX_ANSWER_BYTES + 1)
                while len(raw) <= MAX_ANSWER_BYTES and not response.content.at_eof():
                    raw += await response.content.read(MAX_ANSWER_BYTES + 1 - len(raw))
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"the provider does not answer: {type(error).__name__}", code="oidc_provider") from None
        if form is not None and status in (400, 401, 403):
            raise Refused(f"the provider does not take the code or the client (status {status})", code="oidc_token")
        try:
            answer = json.loads(raw) if status == 200 and len(raw) <= MAX_ANSWER_BYTES else None
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable(f"the provider answers with status {status} and no JSON object", code="oidc_provider")
        return answer


def _endpoint(about: Mapping[str, Any], name: str) -> str:
    url = about.get(name)
    if not isinstance(url, str) or not _is_safe(url):
        raise Unavailable(f"the provider says no usable {name}", code="oidc_provider")
    return url


def _is_safe(url: str) -> bool:
    """HTTPS, or a provider on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _secret(settings: Settings) -> str:
    if settings.oidc_client_secret is not None:
        return settings.oidc_client_secret.get_secret_value()
    path: Path | None = settings.oidc_client_secret_file
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"oidc_client_secret_file: {type(error).__name__} while reading {path}") from None


def open_oidc(settings: Settings, clock: Clock, engine: Engine) -> Oidc | None:
    """None where no provider is set. Raises SettingsError."""
    return Oidc(settings, clock, engine) if settings.oidc_issuer else None
