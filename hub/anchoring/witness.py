"""A witness, asked over HTTP for a cosignature (C2SP tlog-witness); what it gives is checked before it is believed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from hub.anchoring.authority import AnchorRefused, Kind, Received
from hub.clock import US_PER_S
from hub.errors import HubError, SettingsError
from hub.ledger.anchors.cosignature import BadCosignature, WitnessKey, check_cosignature, parse_witness_vkey, to_line
from hub.ledger.notes import BadNote, Checkpoint, Signature, parse_checkpoint, parse_note
from hub.ledger.proofs import Addition, BadProof, parse_number

TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 64 << 10
Proof = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""The consistency proof of our log from an older size to a newer one."""
Cosigned = Callable[[str], Awaitable[None]]
"""Told of each cosigned checkpoint: the note, and the new signature line after it."""


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """One line of the setting ``witnesses``: ``vkey url``. ``url`` is empty for a witness that comes by itself."""

    key: WitnessKey
    url: str


def parse_witness(line: str) -> WitnessSettings:
    """Raises SettingsError that says what was expected."""
    parts = line.split()
    if not 1 <= len(parts) <= 2:
        raise SettingsError(f"witnesses: expected 'vkey url' or 'vkey' each, found {line[:100]!r}")
    try:
        key = parse_witness_vkey(parts[0])
    except BadNote as error:
        raise SettingsError(f"witnesses: {error}") from error
    url = parts[1].rstrip("/") if len(parts) == 2 else ""
    if url and not re.match(r"https?://[^/]", url):
        raise SettingsError(f"witnesses: expected an http or https address for {key.name}, found {url[:100]!r}")
    return WitnessSettings(key, url)


class WitnessAuthority:
    """One witness with an address: C2SP's submission prefix; of a hub it is ``https://HOST/api/witness``."""

    kind: Kind = "witness"

    def __init__(
        self, settings: WitnessSettings, proof: Proof, cosigned: Cosigned | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._settings = settings
        self._proof = proof
        self._cosigned = cosigned
        self._timeout_s = timeout_s
        self._last_size = 0

    @property
    def name(self) -> str:
        return self._settings.key.name

    async def anchor(self, note: str) -> Received:
        """A cosignature of this checkpoint. Raises AnchorRefused."""
        head = parse_checkpoint(parse_note(note).text)
        status, body = await self._add(self._last_size, head, note)
        if status == 409:
            size = self._told_size(body, head)
            status, body = await self._add(size, head, note)
        if status != 200:
            raise AnchorRefused(f"{self.name}: expected status 200, found {status}{_said(body)}", code="refused")
        line, seconds = self._good_line(body, note)
        self._last_size = head.size
        if self._cosigned is not None:
            await self._cosigned(note + to_line(line))
        at_us = seconds * US_PER_S
        return Received(self.kind, self.name, head.size, head.root.hex(), at_us, to_line(line).encode())

    async def _add(self, old: int, head: Checkpoint, note: str) -> tuple[int, bytes]:
        old = min(old, head.size)
        try:
            proof = tuple(await self._proof(old, head.size)) if 0 < old < head.size else ()
        except (HubError, OSError) as error:
            raise AnchorRefused(f"{self.name}: no proof could be made for it: {error}") from error
        return await self._post(Addition(old, proof, note).text())

    async def _post(self, body: str) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        url = f"{self._settings.url}/add-checkpoint"
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response,
            ):
                return response.status, await self._read(response)
        except TimeoutError as error:
            raise AnchorRefused(f"{self.name} did not answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AnchorRefused(f"{self.name} cannot be reached: {error}") from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        gathered = bytearray()
        while block := await response.content.read(MAX_ANSWER_BYTES):
            gathered += block
            if len(gathered) > MAX_ANSWER_BYTES:
                raise AnchorRefused(f"{self.name}: expected at most {MAX_ANSWER_BYTES} bytes", code="bad_answer")
        return bytes(gathered)

    def _told_size(self, body: bytes, head: Checkpoint) -> int:
        """The size that the witness remembers. Raises AnchorRefused where no proof can help."""
        try:
            size = parse_number(body.decode("ascii").removesuffix("\n"), "the witness's size")
        except (UnicodeError, BadProof) as error:
            raise AnchorRefused(f"{self.name} refused with a conflict{_said(body)}", code="refused") from error
        if size > head.size:
            raise AnchorRefused(
                f"{self.name} has cosigned this log at {size} entries, and it has {head.size} now: the log was rolled "
                "back, or two hubs sign with one key; run `hub verify`",
                code="rollback",
            )
        if size == self._last_size == head.size:
            raise AnchorRefused(
                f"{self.name} has cosigned another root of the size {size}: the log was rewritten; run `hub verify`",
                code="rollback",
            )
        return size

    def _good_line(self, body: bytes, note: str) -> tuple[Signature, int]:
        """The witness's own line, of those that came, and its time in seconds."""
        text = parse_note(note).text
        try:
            lines = parse_note(f"{text}\n".encode() + body).signatures
        except BadNote as error:
            raise AnchorRefused(f"{self.name}: expected signature lines: {error}", code="bad_answer") from error
        problem = f"found none by {self._settings.key}"
        for line in lines:
            try:
                return line, check_cosignature(text.encode(), line, self._settings.key)
            except BadCosignature as error:
                problem = str(error)
        raise AnchorRefused(f"{self.name}: expected its cosignature: {problem}", code="bad_answer")


def _said(body: bytes) -> str:
    said = body[:300].decode(errors="replace").strip()
    return f": {said}" if said else ""


async def in_thread(call: Callable[[int, int], Sequence[bytes]], old: int, size: int) -> Sequence[bytes]:
    """A blocking prover as a :data:`Proof`."""
    return await asyncio.to_thread(call, old, size)
