"""The signing keys, apart: whoever holds them and the data could write another history."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hub import __version__
from hub.backup.archive import Archive, give_to_owner, put_in_place, unpack, work_folder
from hub.clock import Clock
from hub.errors import LedgerError, StorageError
from hub.ledger.files import VKEY_FILE
from hub.ledger.notes import parse_vkey
from hub.ledger.signing.vault import Vault

STAGING = ".restoring"


def back_up_keys(keys_dir: Path, target: Path, clock: Clock) -> list[str]:
    """Write the folders of all logs' keys to ``target``, mode 0600; returns the origins. The signer may run.

    Raises StorageError, LedgerError, OSError."""
    folders = sorted(path.parent for path in keys_dir.glob(f"*/{VKEY_FILE}"))
    if not folders:
        raise StorageError(
            f"there are no keys in {keys_dir}; where `hub signer` holds them, run this as its user "
            "and with its HUB_KEYS_DIR"
        )
    with work_folder(target.absolute()) as work:
        part = work / "keys"
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file, Archive(file) as archive:
            origins = [_add(archive, folder) for folder in folders]
            archive.finish({"made_us": clock.now().utc_us, "hub": __version__, "keys": origins})
            file.flush()
            os.fsync(file.fileno())
        put_in_place(part, target.absolute())
    return origins


def _add(archive: Archive, folder: Path) -> str:
    try:
        origin = parse_vkey((folder / VKEY_FILE).read_text(encoding="utf-8")).name
    except (OSError, ValueError, LedgerError) as error:
        raise StorageError(f"cannot read {folder / VKEY_FILE}: {error}") from error
    with Vault(folder.parent, origin).locked():  # neither a signature nor a rotation in between
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name != "lock" and not path.name.startswith("."):
                archive.add_bytes(f"keys/{folder.name}/{path.name}", path.read_bytes())
    return origin


def restore_keys(path: Path, keys_dir: Path) -> list[str]:
    """Put keys back where there are none of the same log; returns the folders. Raises BadBackup, StorageError."""
    keys_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    staging = keys_dir / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        unpack(path, staging, "keys")
        names = sorted(folder.name for folder in staging.iterdir())
        if not names:
            raise StorageError(f"{path} holds no keys; keys are written by `hub backup --keys-out`")
        for name in names:
            if (keys_dir / name).exists():
                raise StorageError(
                    f"{keys_dir / name} exists; keys and the memory of what they signed stay as they are"
                )
        for item in staging.rglob("*"):
            item.chmod(0o700 if item.is_dir() else 0o600)
            give_to_owner(item, keys_dir)
        os.sync()
        for name in names:
            (staging / name).rename(keys_dir / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return names
