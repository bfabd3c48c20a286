"""``hub verify`` on the command line, and the same as a program of its own on a machine without the hub."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from hub.errors import HubError, LedgerError
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.trust import read_trust
from hub.ledger.notes import parse_vkey
from hub.ledger.verdict import ExitCode
from hub.ledger.verify.progress import ProgressBar
from hub.ledger.verify.report import to_json, to_text
from hub.ledger.verify.run import verify_path
from hub.shelf import Shelf

ABOUT = "check a data folder or an evidence package: exit 0 intact, 1 altered or incomplete, 2 cannot be judged"
MAX_CHECKPOINT_BYTES = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="a data folder, of a running hub or a copy; or an evidence package")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key, as received by another way")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="the hub's folder of keys: also what it signed last")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint that was kept elsewhere, which the log must extend (may be given more than once)",
    )
    parser.add_argument(
        "--witness",
        action="append",
        metavar="VKEY",
        help="verifier key of a witness to believe about time (may be given more than once)",
    )
    parser.add_argument(
        "--tsa-root",
        type=Path,
        action="append",
        metavar="FILE",
        help="PEM file with the root of a timestamp authority to believe (may be given more than once)",
    )
    parser.add_argument(
        "--archive",
        metavar="URL",
        help="where reels are that the folder does not hold, s3://BUCKET/PREFIX or file:///FOLDER; needs the hub",
    )
    parser.add_argument("--lang", choices=("zh", "en"), default=_language(), help="of the report (default: by LANG)")
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 1), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(
    options: argparse.Namespace,
    keys_dir: Callable[[], Path | None] = lambda: None,
    trust: Callable[[], Trust] = Trust,
    archive: Callable[[str, Path], Shelf | None] | None = None,
) -> int:
    """Verify and print; the exit code. ``keys_dir`` is asked where no folder of keys is given, ``trust`` where
    neither a witness nor a timestamp authority is; ``archive`` opens the address that is given, or the configured
    places where none (empty) is, for what is to be verified."""
    bar = ProgressBar(sys.stderr) if sys.stderr.isatty() and not options.json else None
    try:
        if options.key is not None:
            parse_vkey(options.key)  # a slip of the pen must not come out after an hour of hashing
        checkpoints = [(str(path), _read(path)) for path in options.checkpoint]
        keys = options.keys or keys_dir()
        given = options.witness or options.tsa_root
        shelf = _archive(options.archive or "", options.path, archive)
        believed = read_trust(options.witness or (), options.tsa_root or ()) if given else trust()
    except OSError as error:
        _say(f"cannot read {error.filename}: {error.strerror}\n", sys.stderr)
        return ExitCode.UNREADABLE
    except HubError as error:
        _say(f"{error}\n", sys.stderr)
        return ExitCode.UNREADABLE
    verdict = verify_path(
        options.path,
        options.key,
        bar,
        keys_dir=keys,
        threads=options.threads,
        checkpoints=checkpoints,
        trust=believed,
        archive=shelf,
    )
    if bar is not None:
        bar.end()
    if options.json:
        _say(json.dumps(to_json(verdict), ensure_ascii=False) + "\n", sys.stdout)
    else:
        _say(to_text(verdict, options.lang), sys.stdout)
    return verdict.exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """The verifier as a program of its own."""
    parser = argparse.ArgumentParser(prog="hub-verify", description=ABOUT)
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except KeyboardInterrupt:
        return 130


def _archive(url: str, path: Path, opener: Callable[[str, Path], Shelf | None] | None) -> Shelf | None:
    if opener is not None:
        return opener(url, path)
    if url:
        raise LedgerError("--archive needs the hub, which knows object stores: run `hub verify`")
    return None


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_CHECKPOINT_BYTES).decode("utf-8", "replace")


def _language() -> str:
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh" if named.lower().startswith("zh") else "en"


def _say(text: str, out: TextIO) -> None:
    """Whatever a terminal can show: a report must not fail for want of a character."""
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()
