"""What happens before the ledger takes its first entry. Blocking."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from hub.database import Database
from hub.errors import LedgerError
from hub.ledger.entries import HUB_STREAM, Entry, JsonValue, read_entry
from hub.ledger.files import CHECKPOINT_FILE, LEAVES_FILE, LOCK_FILE, RESTORED_FILE, SUFFIX, log_folder, replace_file
from hub.ledger.index import Index, LogRow
from hub.ledger.log import Log
from hub.ledger.merkle import CompactRange
from hub.ledger.recovery import QUARANTINE, Repair, repair
from hub.ledger.signing.announce import KEY_TYPES, Announcer
from hub.ledger.signing.remote import ChildSigners, SocketSigners
from hub.ledger.signing.signer import Signer, Signers
from hub.ledger.store import LeafFile
from hub.settings import Settings

ORIGIN_FILE = "log/origin"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """A data folder in step with itself, locked, and its log found to be the one that was signed."""

    lock: int
    index: Index
    signer: Signer
    signers: Signers
    log: Log
    log_id: int
    repair: Repair
    rebuilt: bool
    ended: str
    """How the last run ended: orderly, killed; empty: there was none."""
    cites: Mapping[str, JsonValue] | None
    """The head of the log before this one, if this one is new in a folder that had another."""
    announcer: Announcer

    @property
    def new_log(self) -> bool:
        """Whether the log has no entry yet: its genesis is due."""
        return self.log.tree.size == 0


def local_signers(settings: Settings) -> Signers:
    """The key in this process: for tests, and tools that end soon."""
    from hub.ledger.signing.local import LocalSigners  # only here: the hub itself holds no private key

    secret = settings.signing_key.get_secret_value() if settings.signing_key else ""
    return LocalSigners(settings.keys_dir, secret)


def remote_signers(settings: Settings) -> Signers:
    """The signer of a serving hub: ``signer_socket``, or a child."""
    if settings.signer_socket:
        return SocketSigners(Path(settings.signer_socket))
    secret = settings.signing_key.get_secret_value() if settings.signing_key else ""
    signers = ChildSigners(settings.keys_dir, secret)
    signers.begin()
    return signers


PutInStep = Callable[[Path, Index], Repair]


def start(settings: Settings, signers: Signers, put_in_step: PutInStep = repair) -> Started:
    """Lock, repair, check. Raises LedgerError, and then the folder is as it was but for repairs, and the
    signers are closed."""
    try:
        return _start(settings, signers, put_in_step)
    except OSError as error:
        raise LedgerError(f"cannot use the data folder {settings.data}: {error}") from error
    except SQLAlchemyError as error:
        raise LedgerError(f"cannot use the database {Database.of(settings)}: {error}") from error


def _start(settings: Settings, signers: Signers, put_in_step: PutInStep) -> Started:
    data = settings.data
    lock: int | None = None
    index: Index | None = None
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(data)
        index = _open_index(Database.of(settings), data)
        lost = index.embedded and not index.states and _has_entries(data)
        done = put_in_step(data, index)
        if lost:
            _log.warning("the database was lost and is rebuilt from the entry files", entries=done.reinserted)
        elif done.completed or done.reinserted or done.quarantined:
            _log.warning(
                "entry files and database were put in step",
                completed=done.completed,
                reinserted=done.reinserted,
                quarantined=[item.kept_as for item in done.quarantined],
            )
        ended = {None: "", "close": "orderly"}.get(index.last_type(HUB_STREAM), "killed")
        return _open_log(settings, signers, lock, index, done, lost, ended)
    except BaseException:
        if index is not None:
            index.close()
        if lock is not None:
            os.close(lock)
        signers.close()
        raise


def lock_folder(data: Path) -> int:
    """The lock of a running hub on its data folder; it ends with the process. Raises LedgerError."""
    handle = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise LedgerError(f"another hub is running on the data folder {data}; stop it first", code="in_use") from error
    return handle


def _open_index(database: Database, data: Path) -> Index:
    try:
        return Index(database)
    except DatabaseError as error:
        path, said = database.path, str(error)
        if path is None or not path.exists() or ("not a database" not in said and "malformed" not in said):
            raise LedgerError(f"cannot open the database {database}: {error.orig}") from error
        kept = data / QUARANTINE / f"{path.name}.{time.time_ns()}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.rename(kept)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        _log.error("the database is damaged and was moved away", kept_as=str(kept), error=str(error.orig))
        return Index(database)


def _has_entries(data: Path) -> bool:
    return any((data / HUB_STREAM).glob(f"*{SUFFIX}")) or any((data / "reels").glob(f"**/*{SUFFIX}"))


def _open_log(
    settings: Settings, signers: Signers, lock: int, index: Index, done: Repair, lost: bool, ended: str
) -> Started:
    data = settings.data
    rows = {row.origin: row for row in index.logs()}
    current = max(rows.values(), key=lambda row: row.id, default=None)
    origin = settings.log_origin or (current.origin if current else _kept_origin(data))
    known = current is not None and origin == current.origin
    if origin in rows and not known:
        raise LedgerError(f"the log {origin} of this data folder is finished; set log_origin to a name not yet used")
    _refuse_if_restored(data, origin)
    signer = _signer(signers, data, origin, known)
    row = rows.get(origin) or LogRow(0, origin, index.next_entry, CompactRange())
    log = Log.open(data, row, signer)
    try:
        if not known:
            row = index.add_log(origin, index.next_entry)
            replace_file(data / ORIGIN_FILE, f"{origin}\n".encode())
        before = max((other for other in rows.values() if other.origin != origin), key=lambda row: row.id, default=None)
        cites = _head_of(data, signers, before) if before is not None and log.tree.size == 0 else None
    except BaseException:
        log.close()
        raise
    announcer = Announcer(_key_entries(data, index) if signer.statements else ())
    return Started(lock, index, signer, signers, log, row.id, done, lost, ended, cites, announcer)


def _refuse_if_restored(data: Path, origin: str) -> None:
    """A backup knows nothing of what was signed after it; to go on from it would be a second history of one name."""
    path = log_folder(data, origin) / RESTORED_FILE
    if path.exists():
        name = path.read_text(encoding="utf-8").strip()
        raise LedgerError(
            f"the log {origin} in {data} came back from a backup and may have gone on since: it is finished here. "
            f"To go on with what is here, set log_origin to {name} or another new name: the new log's first entry "
            "will cite the old head",
            code="restored",
        )


def _signer(signers: Signers, data: Path, origin: str, known: bool) -> Signer:
    """Of a log that there is the key must be there as well."""
    try:
        return signers.open(origin, make=not known)
    except LedgerError as error:
        if error.code != "key_missing":
            raise
        raise LedgerError(
            f"the log {origin} in {data} was signed with a key that is not there: {error}; bring the key's folder "
            "back, or set log_origin to a new name to begin a log that cites this one",
            code="key_missing",
        ) from error


def _key_entries(data: Path, index: Index) -> list[Entry]:
    """What the log says of keys so far. Raises LedgerError, OSError."""
    found = []
    for name, offset, size in index.places(HUB_STREAM, [kind.value for kind in KEY_TYPES]):
        with (data / name).open("rb") as file:
            file.seek(offset)
            found.append(read_entry(file.read(size).removesuffix(b"\n")))
    return found


def _kept_origin(data: Path) -> str:
    path = data / ORIGIN_FILE
    kept = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    return kept or f"recorder-hub.local/{secrets.token_hex(8)}"


def _head_of(data: Path, signers: Signers, row: LogRow) -> dict[str, JsonValue]:
    """What is here of a log that another one goes on from, and what was signed of it."""
    leaves = LeafFile(log_folder(data, row.origin) / LEAVES_FILE)
    tree = CompactRange()
    try:
        for block in leaves.blocks(0, leaves.size):
            for leaf in block:
                tree.append(leaf)
    finally:
        leaves.close()
    head: dict[str, JsonValue] = {"origin": row.origin, "size": tree.size, "root": tree.root().hex()}
    try:
        head["signed"] = signers.open(row.origin, make=False).last.note
    except LedgerError as error:
        _log.warning("what was signed last of the log before this one is not known", origin=row.origin, why=str(error))
        checkpoint = log_folder(data, row.origin) / CHECKPOINT_FILE
        head["signed"] = checkpoint.read_text(encoding="utf-8") if checkpoint.exists() else ""
    return head
