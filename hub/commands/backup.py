"""``hub backup`` and ``hub restore``: what cannot be made again, to another disk and back."""

from __future__ import annotations

import argparse
import json
import os
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hub.commands import Commands
from hub.commands.options import add_places, settings_of
from hub.errors import SettingsError
from hub.settings import Settings

_NICE = 10
"""Recording comes first."""


def add(commands: Commands) -> None:
    text = "copy a hub, running or not: database, entries, log; with --with-reels the footage; keys apart"
    parser = commands.add_parser("backup", help=text, description=text)
    add_places(parser)
    parser.add_argument("--out", type=Path, metavar="FILE|DIR", help="the backup; in a folder it is named by its time")
    parser.add_argument("--with-reels", action="store_true", help="footage as well, and originals that were brought")
    parser.add_argument("--keys-out", type=Path, metavar="FILE", help="the signing keys; keep them elsewhere")
    parser.set_defaults(command=_backup)

    text = "make a data folder of a backup; the next start begins a new log that cites the old one"
    parser = commands.add_parser("restore", help=text, description=text)
    add_places(parser)
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="what `hub backup --out` wrote")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="what `hub backup --keys-out` wrote; to HUB_KEYS_DIR")
    parser.add_argument(
        "--moved",
        action="store_true",
        help="the hub was stopped before the backup and is never started again where it was: its log goes on here",
    )
    parser.set_defaults(command=_restore)


def _backup(options: argparse.Namespace) -> int:
    from hub.backup.keys import back_up_keys
    from hub.backup.taking import back_up, name_of
    from hub.clock import SystemClock

    settings, clock = settings_of(options), SystemClock()
    if options.out is None and options.keys_out is None:
        raise SettingsError("expected --out, --keys-out or both, found neither: where shall the backup go?")
    os.nice(_NICE)
    if options.keys_out is not None:
        origins = back_up_keys(settings.keys_dir, options.keys_out, clock)
        print(f"{options.keys_out}: the keys of {', '.join(origins)}. Who has them and the data can write another")
        print("history: keep them where the data's backup is not.")
    if options.out is None:
        return 0
    _refuse_a_cluster(settings)
    out = options.out / name_of(clock.now().utc_us) if options.out.is_dir() else options.out
    begun = time.monotonic()
    taken = back_up(settings.data, out, clock, reels=options.with_reels, settings=_files(options, settings))
    head = taken.manifest["head"] or {"origin": "no log", "size": 0, "root": ""}
    print(f"{out}: {taken.files} files, {taken.bytes / 1e6:.1f} MB in {time.monotonic() - begun:.1f} s")
    print(f"head: {head['origin']}, {head['size']} entries, root {head['root']}")
    print(f"sha256 of its manifest: {taken.digest}")
    if options.with_reels and taken.gone:
        print(not_here(taken.gone, settings.archive_url))
    if not options.with_reels:
        print("without footage (--with-reels); what is in it holds cameras' passwords: keep it from others")
    return 0


def not_here(files: int, archive_url: str) -> str:
    """Of files that the database knows and this disk has not. What is in the archive is not fetched: it lies in a
    second place already, and may be a hundred times what the disk holds."""
    if archive_url:
        return f"{files} files had left this disk and are not in it: they lie in the archive, {archive_url}"
    return f"{files} files were not on this disk and are not in it; `hub verify` says which reels are missing"


def _refuse_a_cluster(settings: Settings) -> None:
    if settings.database_url is not None:
        raise SettingsError(
            "the database of a cluster is PostgreSQL's to back up (pg_dump, or its base backups), footage lies in the "
            "object store: docs/design/operations.md says how; --keys-out works here"
        )


def _files(options: argparse.Namespace, settings: Settings) -> dict[str, bytes]:
    """The settings file without its secrets, and the certificates that settings name. No private key."""
    files: dict[str, bytes] = {}
    if options.config is not None:
        files["hub.toml"] = without_secrets(tomllib.loads(options.config.read_text(encoding="utf-8"))).encode()
    named = [settings.tls_cert] if settings.tls_cert else []
    named += [Path(text.split()[-1]) for text in settings.timestamp_authorities]
    for number, path in enumerate(named):
        if path.is_file():
            files[f"{number}-{path.name}"] = path.read_bytes()
    return files


def without_secrets(values: Mapping[str, Any]) -> str:
    """The settings as TOML again; of secrets it says that they were there."""
    lines = []
    for name, value in values.items():
        field = Settings.model_fields.get(name)
        if field is None or field.annotation == SecretStr | None:
            lines.append(f"# {name} was set; secrets are not in a backup")
        else:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _restore(options: argparse.Namespace) -> int:
    from hub.backup.keys import restore_keys
    from hub.backup.restoring import restore
    from hub.clock import SystemClock

    settings = settings_of(options)
    if options.source is None and options.keys is None:
        raise SettingsError("expected --from, --keys or both, found neither: what shall be restored?")
    restored = None
    if options.source is not None:
        _refuse_a_cluster(settings)
        restored = restore(options.source, settings.data, SystemClock(), moved=options.moved)
    if options.keys is not None:
        names = restore_keys(options.keys, settings.keys_dir)
        print(f"keys of {len(names)} log{'s' if len(names) > 1 else ''} are in {settings.keys_dir} again")
    if restored is None:
        return 0
    manifest = restored.manifest
    print(
        f"{settings.data} is as it was with {(manifest['head'] or {'size': 0})['size']} entries; every digest is right"
    )
    if not manifest.get("reels"):
        print("it has no footage: `hub verify` names each reel as missing (exit 1) until the reels lie there again")
    if restored.origin:
        print("its log ends here. Start once with a name for the next one, which will cite its head:")
        print(f"  HUB_LOG_ORIGIN={restored.origin} hub serve --data {settings.data}")
    return 0
