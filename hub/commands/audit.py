"""``hub audit``: follow a hub's log from another machine, and cosign its heads as a witness."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hub.commands import Commands

if TYPE_CHECKING:
    from hub.audit.audit import Auditor, Outcome
    from hub.audit.sources import Source

MIN_EVERY_S = 1.0
EXAMPLES = """
  hub audit http://10.1.2.3:8080                  look once: does the log go on from what was seen before?
  hub audit http://10.1.2.3:8080 --every 60       follow it; ends with 1 as soon as it contradicts itself
  hub audit --write-head /media/usb/head.txt      on the hub: its head, for a witness without a network
  hub audit /media/usb/head.txt                   on the witness: check and cosign it (head.txt.cosigned)
  hub audit http://10.1.2.3:8080 --take FILE      hand a cosigned head in
"""


def add(commands: Commands) -> None:
    text = "follow a hub's log from outside: exit 0 consistent, 1 it contradicts what was seen, 2 cannot be judged"
    parser = commands.add_parser(
        "audit", help=text, description=text, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", nargs="?", metavar="URL|FILE", help="a hub, or a file with a head of its log")
    parser.add_argument("--key", default="", metavar="VKEY", help="the log's verifier key, as received by another way")
    parser.add_argument("--state", type=Path, metavar="DIR", help="this auditor's key and memory")
    parser.add_argument("--name", default="", help="this auditor's name as a witness, when its key is made")
    parser.add_argument("--ca", type=Path, metavar="PEM", help="certificate that the hub's HTTPS is checked with")
    parser.add_argument("--every", type=float, metavar="S", help="look again after so many seconds, for ever")
    parser.add_argument("--json", action="store_true", help="one JSON object a look instead of text")
    parser.add_argument("--qr", action="store_true", help="also show the newest head as a QR code")
    parser.add_argument("--take", type=Path, metavar="FILE", help="hand this cosigned head in to the hub at URL")
    parser.add_argument("--write-head", type=Path, metavar="FILE", help="on the hub itself: write its head to FILE")
    parser.add_argument("--from", type=int, action="append", default=[], dest="olds", metavar="SIZE",
                        help="with --write-head: add a proof from the size that the witness knows")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="hub.toml", help="with --write-head: the hub's settings")
    parser.add_argument("--data", type=Path, metavar="DIR", help="with --write-head: the hub's data folder")
    parser.set_defaults(command=_audit)


def _audit(options: argparse.Namespace) -> int:
    if options.write_head:
        return _write_head(options)
    if not options.log:
        print("hub audit: expected the address of a hub or a file (`hub audit --help`)", file=sys.stderr)
        return 2
    if options.take:
        return _take(options)
    from hub.audit.audit import Auditor, state_folder
    from hub.audit.witness import Witness

    state = options.state or state_folder(os.environ.get)
    witness = Witness.open(state, options.name or f"hub-audit/{secrets.token_hex(4)}")
    auditor = Auditor(witness, lambda: time.time_ns() // 1000)
    if not options.json:
        print(f"witness    {witness.key}\nmemory     {state}")
    return _look(auditor, options)


def _look(auditor: Auditor, options: argparse.Namespace) -> int:
    code = 2
    try:
        while True:
            outcome = _look_once(auditor, options)
            code = outcome.exit_code
            _tell(outcome, options)
            if options.every is None or code == 1:
                return code
            time.sleep(max(options.every, MIN_EVERY_S))
    except KeyboardInterrupt:
        return code


def _look_once(auditor: Auditor, options: argparse.Namespace) -> Outcome:
    from hub.audit.audit import Outcome
    from hub.audit.sources import Unreachable

    try:
        return auditor.look(_source(options), options.key)
    except Unreachable as error:
        return Outcome(2, error.code, str(error))


def _source(options: argparse.Namespace) -> Source:
    from hub.audit.sources import FileSource, HubSource

    if "://" in options.log:
        return HubSource(options.log, options.ca)
    return FileSource(Path(options.log))


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    values = dataclasses.asdict(outcome)
    note = values.pop("note")
    if options.json:
        print(json.dumps(values, ensure_ascii=True), flush=True)
    else:
        print(_text(outcome), flush=True)
    if options.qr and note:
        import segno

        segno.make(note, micro=False, error="l", encoding="utf-8").terminal(compact=True)


def _text(outcome: Outcome) -> str:
    lines = []
    if outcome.size is not None:
        lines.append(f"log        {_printable(outcome.origin)}")
        before = f" (known before: {outcome.known_size})" if outcome.known_size is not None else ""
        lines.append(f"head       {outcome.size} entries{before}, root {outcome.root}")
    words = {0: "ok", 1: "CONTRADICTION", 2: "not judged"}
    lines.append(f"{words[outcome.exit_code]:<10} {_printable(outcome.message)}")
    lines += [f"           {_printable(remark)}" for remark in outcome.remarks]
    return "\n".join(lines)


def _printable(text: str) -> str:
    """What others wrote moves no cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _take(options: argparse.Namespace) -> int:
    from hub.audit.sources import HubSource

    text = options.take.read_text(encoding="utf-8")
    told, taken = HubSource(options.log, options.ca).hand_in(text)
    print(_printable(told))
    return 0 if taken else 2


def _write_head(options: argparse.Namespace) -> int:
    from hub.audit.opening import open_up
    from hub.ledger.files import CHECKPOINT_FILE, VKEY_FILE, log_folder, replace_file
    from hub.settings import load_settings

    settings = load_settings(options.config, {"data": options.data, "witness_for": ()})
    origin = (settings.data / "log" / "origin").read_text(encoding="utf-8").strip()
    folder = log_folder(settings.data, origin)
    note, vkey = ((folder / name).read_text(encoding="utf-8") for name in (CHECKPOINT_FILE, VKEY_FILE))
    with tempfile.TemporaryDirectory() as levels:  # not the hub's own: it may be another user's
        said = _key_statements(settings.data, origin)
        opened = open_up(settings, lambda: note, lambda: vkey.strip(), levels=Path(levels), statements=lambda: said)
        try:
            bundle = opened.log.bundle(options.olds)
        finally:
            opened.log.close()
    replace_file(options.write_head, bundle.text().encode())
    sizes = ", ".join(map(str, sorted(bundle.proofs))) or "none: only a new witness can use it (see --from)"
    print(f"the head of {origin} is in {options.write_head}; with proofs from the sizes {sizes}")
    return 0


def _key_statements(data: Path, origin: str) -> tuple[str, ...]:
    """What the log itself says of its keys. A lost database tells nothing: a changed key is given by hand then."""
    from hub.database import Database
    from hub.errors import LedgerError
    from hub.evidence.source import Source
    from hub.ledger.entries import HUB_STREAM, EntryType

    try:
        with Source(data, Database.in_folder(data)) as source:
            rows = source.special(HUB_STREAM, (EntryType.KEY_ROTATE, EntryType.KEY_REVOKE))
            entries = [source.read(row) for row in rows]
    except LedgerError as error:
        print(f"without what the log says of its keys: {error}", file=sys.stderr)
        return ()
    return tuple(str(entry.body["statement"]) for entry in entries if entry.origin == origin)
