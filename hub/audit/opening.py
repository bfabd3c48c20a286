"""What a hub's settings make of its log's open side: the open log, and the hub as a witness of other hubs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from hub.audit.open_log import OpenLog
from hub.audit.witness import Witness
from hub.errors import HubError, SettingsError
from hub.ledger.anchors.cosignature import WitnessKey, parse_witness_vkey
from hub.ledger.notes import BadNote, VerifierKey, parse_vkey
from hub.settings import Settings

GROW_S = 60.0
WITNESS_FOLDER = "witness"
"""Below ``keys_dir``: a data folder that is rolled back must not take the witness's memory back with it."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """``witness`` is None in a hub that witnesses for nobody."""

    log: OpenLog
    witness: Witness | None
    witness_for: tuple[VerifierKey, ...]

    async def follow(self) -> None:
        """Until cancelled: bring the hashes up to the newest checkpoint, so that no caller waits for many of them."""
        while True:
            try:
                await asyncio.to_thread(self.log.refresh)
            except (HubError, OSError) as error:
                _log.debug("the open log could not be brought up to the checkpoint", error=str(error))
            await asyncio.sleep(GROW_S)


def open_up(
    settings: Settings,
    head: Callable[[], str],
    vkey: Callable[[], str],
    *,
    levels: Path | None = None,
    statements: Callable[[], Sequence[str]] = tuple,
) -> Opened:
    """Raises SettingsError for keys that are none, LedgerError for a witness's key that cannot be used. Blocking."""
    witnesses = [_witness_key(line) for line in settings.witnesses]
    trusted = tuple(_log_key(line) for line in settings.witness_for)
    witness = None
    if trusted:
        witness = Witness.open(settings.keys_dir / WITNESS_FOLDER, f"{vkey().partition('+')[0]}/witness")
        _log.info("a witness for other hubs", vkey=str(witness.key), logs=[key.name for key in trusted])
    return Opened(OpenLog(settings.data, head, vkey, witnesses, levels=levels, statements=statements), witness, trusted)


def _witness_key(line: str) -> WitnessKey:
    try:
        return parse_witness_vkey(line.split()[0] if line.split() else "")
    except BadNote as error:
        raise SettingsError(f"witnesses: {error}") from error


def _log_key(line: str) -> VerifierKey:
    try:
        return parse_vkey(line)
    except BadNote as error:
        raise SettingsError(f"witness_for: {error}") from error
