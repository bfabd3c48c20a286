"""``hub keys``: list, rotate and revoke signing keys, in the key folder itself. The running signer follows at its
next signature, and the hub writes what it says into the log."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hub.commands import Commands
from hub.errors import LedgerError, SettingsError
from hub.settings import Settings, load_settings

if TYPE_CHECKING:
    from hub.ledger.signing.local import LocalSigner
    from hub.ledger.signing.vault import KeyRecord

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add(commands: Commands) -> None:
    parser = commands.add_parser("keys", help="the life of the signing keys: list, rotate, revoke")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    texts = {
        "list": "every key of the log: its id, how it stands, and the sizes of the log that it signs",
        "rotate": "make the next key; for a while the log is signed with both, then with the new one alone",
        "revoke": "a key counts no longer; if no other signs, a new one is made, to be handed out by another way",
    }
    for name, run in (("list", _list), ("rotate", _rotate), ("revoke", _revoke)):
        action = actions.add_parser(name, help=texts[name], description=texts[name])
        action.add_argument("--config", type=Path, metavar="hub.toml", help="settings file (docs/settings.md)")
        action.add_argument("--origin", metavar="NAME", help="which log, if the key folder knows several")
        action.set_defaults(command=run)
        if name == "rotate":
            action.add_argument("--overlap", default="7d", metavar="7d", help="how long both keys sign (default 7d)")
        if name == "revoke":
            action.add_argument("key", metavar="KEY", help="the key's id, as `hub keys list` shows it")
            action.add_argument("--reason", required=True, help="one line; it is written into the log for good")
            action.add_argument(
                "--from-size",
                type=int,
                metavar="N",
                help="its signatures from this size on count no longer; default: the next",
            )


def _list(options: argparse.Namespace) -> int:
    settings = load_settings(options.config)
    for origin in [options.origin] if options.origin else list(_origins(settings)):
        signer = _open(settings, origin)
        print(f"{origin}: {signer.last.size} entries signed, keys in {settings.keys_dir}")
        for record in signer.records:
            print(f"  {record.key.key_id.hex()}  {_told(record)}\n            {record.key}")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    settings = load_settings(options.config)
    signer = _open(settings, options.origin or _only(settings))
    overlap_us = _duration_us(options.overlap)
    old, new = signer.key, signer.rotate(overlap_us)
    print(f"the next key of {new.name}:\n  {new}\nFrom the next checkpoint on the log is signed with both,")
    print(f"after {options.overlap} with the new one alone. Hand it out to whoever holds {old.key_id.hex()};")
    print("who holds the old one alone can follow the log's own entries to the new one.")
    print("A hub that is a witness of this one cannot: its operator adds the new key to witness_for in that time.")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    settings = load_settings(options.config)
    signer = _open(settings, options.origin or _only(settings))
    made = signer.revoke(options.key, options.reason, options.from_size)
    print(f"{options.key} is revoked; the log says so with its next checkpoint.")
    if made is not None:
        print(f"A new key takes over:\n  {made}")
        print("A revoked key cannot vouch for it: hand it out by another way, as you did with the first.")
    return 0


def _open(settings: Settings, origin: str) -> LocalSigner:
    from hub.ledger.signing.local import LocalSigner

    secret = settings.signing_key.get_secret_value() if settings.signing_key else ""
    return LocalSigner.open(settings.keys_dir, origin, make=False, secret=secret)


def _origins(settings: Settings) -> Iterator[str]:
    from hub.ledger.files import VKEY_FILE
    from hub.ledger.notes import parse_vkey

    for path in sorted(settings.keys_dir.glob(f"*/{VKEY_FILE}")):
        yield parse_vkey(path.read_text(encoding="utf-8")).name


def _only(settings: Settings) -> str:
    origins = [settings.log_origin] if settings.log_origin else list(_origins(settings))
    if len(origins) != 1:
        found = ", ".join(origins) or "none"
        raise LedgerError(f"expected --origin or the keys of one log in {settings.keys_dir}, found {found}")
    return origins[0]


def _told(record: KeyRecord) -> str:
    begin = "not used yet" if record.from_size is None else f"from size {record.from_size}"
    end = "" if record.end_size is None else f" to below {record.end_size}"
    until = f", until {_day(record.until_us)} beside its successor" if record.until_us and not end else ""
    place = "" if record.file else ", from the environment"
    return f"{record.state.value}, {begin}{end}{until}{place}{': ' + record.reason if record.reason else ''}"


def _day(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(" ", "minutes")


def _duration_us(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise SettingsError(f"expected a time as 7d, 12h or 30m, found {text!r}")
    return int(match[1]) * _UNITS_S[match[2]] * 1_000_000
