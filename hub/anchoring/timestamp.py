"""A timestamp authority, asked over HTTP as RFC 3161 §3.4 says, its answer checked before it is believed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from cryptography import x509

from hub.anchoring.authority import AnchorRefused, Kind, Received
from hub.errors import LedgerError, SettingsError
from hub.ledger.anchors.tokens import MAX_TOKEN_BYTES, BadToken, check_token, decode, read_roots
from hub.ledger.notes import parse_checkpoint, parse_note

TIMEOUT_S = 20.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
_GRANTED = 0


@dataclass(frozen=True, slots=True)
class TimestampSettings:
    """One line of the setting ``timestamp_authorities``: ``name url ca.pem``."""

    name: str
    url: str
    roots: tuple[x509.Certificate, ...]


def parse_timestamp_authority(line: str) -> TimestampSettings:
    """Raises SettingsError that says what was expected. Reads the file of trusted certificates."""
    parts = line.split(maxsplit=2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise SettingsError(f"timestamp_authorities: expected 'name url ca.pem' each, found {line[:100]!r}")
    name, url, path = parts
    if not re.match(r"https?://[^/]", url):
        raise SettingsError(f"timestamp_authorities: expected an http or https address for {name}, found {url[:100]!r}")
    try:
        roots = read_roots(Path(path).read_bytes())
    except (OSError, LedgerError) as error:
        raise SettingsError(
            f"timestamp_authorities: cannot read the trusted certificates of {name} from {path}: {error}"
        ) from error
    if not any(one.issuer == one.subject for one in roots):
        raise SettingsError(f"timestamp_authorities: expected a root certificate of {name} in {path}, found none")
    return TimestampSettings(name, url, roots)


class TimestampAuthority:
    """See the module. What is stamped is SHA-256 over the checkpoint's text, without its signature lines."""

    kind: Kind = "timestamp"

    def __init__(self, settings: TimestampSettings, *, timeout_s: float = TIMEOUT_S) -> None:
        self._settings = settings
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        return self._settings.name

    async def anchor(self, note: str) -> Received:
        """A token for this checkpoint. Raises AnchorRefused."""
        import rfc3161_client

        text = parse_note(note).text
        checkpoint = parse_checkpoint(text)
        request = rfc3161_client.TimestampRequestBuilder(
            text.encode(), rfc3161_client.HashAlgorithm.SHA256, nonce=True, cert_req=True
        ).build()
        answer = await self._ask(request.as_bytes())
        try:
            # Signatures cost CPU, and a hostile answer as much as it likes to.
            token, at_us = await asyncio.to_thread(self._check, answer, text.encode(), request.nonce)
        except BadToken as error:
            raise AnchorRefused(f"{self.name}: {error}", code="bad_answer") from error
        return Received(self.kind, self.name, checkpoint.size, checkpoint.root.hex(), at_us, token)

    async def _ask(self, query: bytes) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._settings.url, data=query, headers=headers, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise AnchorRefused(f"{self.name}: expected status 200, found {response.status}", code="refused")
                return await _bounded(response.content, self.name)
        except TimeoutError as error:
            raise AnchorRefused(f"{self.name} did not answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AnchorRefused(f"{self.name} cannot be reached: {error}") from error

    def _check(self, answer: bytes, text: bytes, nonce: int | None) -> tuple[bytes, int]:
        response = decode(answer)
        if response.status != _GRANTED:
            said = " ".join(response.status_string)[:200] or "nothing more"
            raise AnchorRefused(
                f"{self.name} refused: expected status granted, found {response.status}, and it said {said}",
                code="refused",
            )
        token = response.time_stamp_token()
        stamp = check_token(token, text, self._settings.roots, nonce)
        return token, stamp.at_us


async def _bounded(content: aiohttp.StreamReader, name: str) -> bytes:
    """The whole answer, unless it is longer than any token."""
    gathered = bytearray()
    while block := await content.read(MAX_TOKEN_BYTES):
        gathered += block
        if len(gathered) > MAX_TOKEN_BYTES:
            raise AnchorRefused(f"{name}: expected at most {MAX_TOKEN_BYTES} bytes, found more", code="bad_answer")
    return bytes(gathered)
