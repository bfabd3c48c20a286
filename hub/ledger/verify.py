"""``hub verify``: whether a data folder is what the hub recorded, told by its files alone.

The steps are numbered as in :class:`hub.ledger.verdict.Step` and in the report:

1. *Inventory*: what is there. Notes are read before leaves, leaves before entries, entries before
   reels: on a live hub everything that something speaks of is then there.
2. *Entries*: each line is canonical JSON, well formed, and lies in the file that it belongs in.
3. *Chains*: each stream's entries are numbered without a gap and name each other's leaf hashes.
4. *Log*: the leaves are exactly the entries.
5. *Checkpoints*: their roots are the log's at their sizes, and the key has signed them.
6. *Footage*: each reel's bytes, read once, hash to what the entries say, and none is undeclared.
7. *Completeness*: no time is missing without an interruption; heartbeats speak of entries that exist.
8. *Database*: where there is one, it agrees.

Needs the standard library and ``cryptography``; no media library. Whatever goes wrong in here is
"cannot be judged", never "ok".
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from hub.errors import HubError, LedgerError
from hub.ledger.chain import heads_digest
from hub.ledger.entries import HUB_STREAM, EntryType, is_stream_id
from hub.ledger.files import DATABASE_FILE, LOCK_FILE, SUFFIX, VKEY_FILE, log_slug
from hub.ledger.footage import ReelJob
from hub.ledger.gaps import Gaps
from hub.ledger.log_check import Checkpoints, LogMatch, LogSnapshot, find_logs
from hub.ledger.notes import VerifierKey, parse_vkey
from hub.ledger.signer import read_memory
from hub.ledger.verdict import Completeness, Finding, Harm, Integrity, Provenance, Step, TimeSource, Verdict
from hub.ledger.walk import LEAF_RECORD, EntryFile, Line, StreamResult, StreamWalk

REEL_SUFFIX = ".mp4"
REELS_AT_ONCE = 8
"""The last chunk of a reel may be sealed after the first of the next; and a link that flapped just before
the hub was killed leaves several reels open, of which the entries come at the next start."""
Progress = Callable[[int, int], None]
"""``progress(done, total)`` in bytes; called from several threads, one at a time."""


def verify_path(
    path: Path,
    key: str | None = None,
    progress: Progress | None = None,
    *,
    keys_dir: Path | None = None,
    threads: int = 2,
) -> Verdict:
    """Verify a data folder, live, stopped or copied.

    ``key`` is a verifier key as text. Without it the one in ``keys_dir`` (the hub's own folder of keys)
    is used, and with it the signer's memory of what it signed last; failing that the key that lies in
    the data folder, which the verdict says. Never raises: what cannot be judged is a verdict too.
    """
    verdict = Verdict(str(path))
    begun = time.monotonic()
    run = _Run(path, verdict, key, keys_dir, progress, threads)
    try:
        run.all_steps()
    except (HubError, OSError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
        _give_up(verdict, error)
    except Exception as error:  # a fault of the verifier itself must never read as "ok"
        _give_up(verdict, error)
    finally:
        run.close()
        verdict.seconds = time.monotonic() - begun
    return verdict


def _give_up(verdict: Verdict, error: Exception) -> None:
    verdict.integrity = Integrity.CANNOT_BE_JUDGED
    verdict.completeness = Completeness.CANNOT_BE_JUDGED
    verdict.provenance = Provenance.NONE
    last = max(verdict.done, default=None)
    verdict.unchecked.append(f"everything after step {last or 0}: {error.__class__.__name__}: {error}")


@dataclass
class _Run:
    """One verification."""

    data: Path
    verdict: Verdict
    key_text: str | None
    keys_dir: Path | None
    progress: Progress | None
    threads: int
    live: bool = False
    logs: dict[str, LogSnapshot] = field(default_factory=dict)
    files: dict[str, list[EntryFile]] = field(default_factory=dict)
    reel_files: dict[str, int] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)
    results: dict[str, StreamResult] = field(default_factory=dict)
    newest_reels: dict[str, str] = field(default_factory=dict)
    declared_reels: set[str] = field(default_factory=set)
    interruptions: int = 0
    _done_bytes: int = 0
    _total_bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def all_steps(self) -> None:
        self._inventory()
        self._done(Step.INVENTORY)
        self._walk_streams()
        self._done(Step.ENTRIES, Step.CHAINS, Step.FOOTAGE)
        self._undeclared_reels()
        self._check_logs()
        self._done(Step.LOG, Step.CHECKPOINTS, Step.COMPLETENESS)
        self._check_database()
        self._done(Step.DATABASE)
        self._summarise()

    def _done(self, *steps: Step) -> None:
        self.verdict.done.extend(steps)

    def close(self) -> None:
        for result in self.results.values():
            result.leaves.close()

    # -------------------------------------------------------------------------- 1. inventory

    def _inventory(self) -> None:
        if not self.data.is_dir():
            raise LedgerError(f"expected a data folder at {self.data}, found none")
        self.live = self.verdict.live = _is_live(self.data)
        self.logs = find_logs(self.data)
        self._list_entry_files()
        if not self.files:
            raise LedgerError(f"expected a hub's data folder at {self.data}, found no entry files in it")
        for stream in (stream for stream in self.files if stream != HUB_STREAM):
            for path in _files_below(self.data / "reels" / stream, REEL_SUFFIX):
                self.reel_files[path.relative_to(self.data).as_posix()] = path.stat().st_size
        entry_bytes = sum(file.size for files in self.files.values() for file in files)
        self._total_bytes = entry_bytes + sum(self.reel_files.values())
        self._advance(0)

    def _list_entry_files(self) -> None:
        folders = {HUB_STREAM: self.data / HUB_STREAM}
        if (self.data / "reels").is_dir():
            for entry in sorted(os.scandir(self.data / "reels"), key=lambda entry: entry.name):
                if is_stream_id(entry.name) and entry.is_dir():
                    folders[entry.name] = Path(entry.path)
                else:
                    self.verdict.unchecked.append(f"reels/{entry.name}: not a stream's folder")
        for stream, folder in folders.items():
            if folder.is_dir():
                self.files[stream] = [
                    EntryFile(path, path.relative_to(self.data).as_posix(), path.stat().st_size)
                    for path in _files_below(folder, SUFFIX)
                ]

    def _advance(self, count: int) -> None:
        with self._lock:
            self._done_bytes += count
            if self.progress is not None:
                self.progress(min(self._done_bytes, self._total_bytes), self._total_bytes)

    # ---------------------------------------- 2. entries, 3. chains, 6. footage, 7. completeness

    def _walk_streams(self) -> None:
        """One pass over each stream; its reels are read in other threads meanwhile. The hub's own stream
        comes last, since its heartbeats speak of all others."""
        with ThreadPoolExecutor(max(1, self.threads), "verify") as pool:
            jobs: deque[Future[ReelJob]] = deque()
            try:
                for stream in sorted(self.files, key=lambda stream: (stream == HUB_STREAM, stream)):
                    for job in self._walk_stream(stream):
                        jobs.append(pool.submit(job.run, self._advance))
                        # Bounded, so that a year of footage does not lie in memory as jobs.
                        while len(jobs) > 64 or (jobs and jobs[0].done()):
                            self._collect(jobs.popleft().result())
                while jobs:
                    self._collect(jobs.popleft().result())
            except BaseException:
                for waiting in jobs:
                    waiting.cancel()
                raise

    def _walk_stream(self, stream: str) -> Iterator[ReelJob]:
        walk = StreamWalk(stream, self.files[stream], self.live, self.verdict.add, self._in_log, self._number)
        self.results[stream] = walk.result
        gaps = Gaps(stream)
        jobs: OrderedDict[str, ReelJob] = OrderedDict()
        for line in walk.lines():
            entry = line.entry
            gaps.entry(entry, line.place)
            if entry.type in (EntryType.CHUNK, EntryType.RECOVERY) and "reel" in entry.body:
                self._reel_job(jobs, line).add(entry.body, line.place)
                if len(jobs) > REELS_AT_ONCE:
                    yield jobs.popitem(last=False)[1]
            elif entry.type is EntryType.HEARTBEAT:
                self._heartbeat(line)
        for job in jobs.values():
            job.open = self.live
            self.newest_reels[stream] = max(job.reel, self.newest_reels.get(stream, ""))
            yield job
        self._advance(sum(file.size for file in self.files[stream]))
        self.interruptions += gaps.interruptions
        self.verdict.counts.chunks += gaps.chunks
        for finding in gaps.findings():
            self.verdict.add(finding)

    def _reel_job(self, jobs: OrderedDict[str, ReelJob], line: Line) -> ReelJob:
        reel = line.entry.body["reel"]
        if reel not in jobs:
            if reel in self.declared_reels:
                expected, found = "the entries of a reel together", "the reel again after later ones"
                stream = line.entry.stream_id
                self.verdict.add(Finding(Step.CHAINS, Harm.ALTERED, stream, line.place, expected, found))
            self.declared_reels.add(reel)
            jobs[reel] = ReelJob(self.data, reel, line.entry.stream_id)
        return jobs[reel]

    def _collect(self, job: ReelJob) -> None:
        counts = self.verdict.counts
        counts.reels += 1
        counts.bytes += job.bytes
        counts.pending_bytes += job.pending_bytes
        for finding in job.findings:
            self.verdict.add(finding)

    def _number(self, origin: str) -> int:
        return self.origins.setdefault(origin, len(self.origins))

    def _in_log(self, leaf: str) -> bool:
        return any(log.contains(bytes.fromhex(leaf)) for log in self.logs.values())

    def _heartbeat(self, line: Line) -> None:
        """A heartbeat names every stream's newest entry at its time: each must be there, and be that one."""
        entry, leaves = line.entry, {}
        for stream, seq in entry.body["seqs"].items():
            if stream == HUB_STREAM:
                leaves[stream] = entry.prev
                continue
            result = self.results.get(stream)
            leaf = result.leaf(seq) if result is not None else None
            if leaf is None:
                if not self.live and (result is None or result.aligned):
                    expected, found = f"entry {seq} of {stream}, of which it speaks", "no such entry"
                    self.verdict.add(Finding(Step.COMPLETENESS, Harm.MISSING, stream, line.place, expected, found))
                return
            leaves[stream] = leaf
        digest = heads_digest(leaves)
        if digest != entry.body["digest"]:
            expected, found = f"heads with the digest {entry.body['digest']}", digest
            self.verdict.add(Finding(Step.COMPLETENESS, Harm.ALTERED, HUB_STREAM, line.place, expected, found))

    def _undeclared_reels(self) -> None:
        for reel, size in self.reel_files.items():
            if reel in self.declared_reels:
                continue
            stream = reel.split("/")[1]
            if self.live and reel > self.newest_reels.get(stream, ""):
                self.verdict.counts.pending_bytes += size
            else:
                place, found = f"{reel} bytes 0-{size}", "a reel that no entry speaks of"
                self.verdict.add(Finding(Step.FOOTAGE, Harm.UNDECLARED, stream, place, "entries", found))

    # --------------------------------------------------------------- 4. log and 5. checkpoints

    def _check_logs(self) -> None:
        match = LogMatch(self.results, self.live, self.verdict.add)
        newest: Checkpoints | None = None
        for number, origin in enumerate(list(self.origins)):
            log = self.logs.get(log_slug(origin))
            if log is None:
                log = LogSnapshot.take(self.data / "log" / log_slug(origin))
                place = f"log/{log.folder.name}"
                self.verdict.add(Finding(Step.LOG, Harm.MISSING, "", place, f"the log {origin}", "no such folder"))
            log.origin = origin
            newest = self._check_log(match, log, number)
        self.verdict.counts.pending_entries = match.pending
        if newest is not None:
            self.verdict.origin, self.verdict.size = newest.log.origin, newest.newest_size
            self.verdict.root = newest.newest_root.hex()
            self.verdict.counts.unsigned_entries = max(0, newest.log.size - newest.newest_size)

    def _check_log(self, match: LogMatch, log: LogSnapshot, number: int) -> Checkpoints:
        key, source = self._key_for(log)
        memory = read_memory(self.keys_dir / log.folder.name) if self.keys_dir is not None else None
        checkpoints = Checkpoints(log, self.verdict.add)
        sizes = checkpoints.read()
        if memory is not None and memory.note:
            sizes.add(memory.size)
        roots = match.match(log, number, sizes)
        checkpoints.check(roots, key)
        if memory is not None and memory.note:
            checkpoints.remembered(memory, roots)
        if log.odd_bytes and not self.live:
            place, found = f"log/{log.folder.name}/leaves", f"{log.odd_bytes} bytes more"
            self.verdict.add(Finding(Step.LOG, Harm.ALTERED, "", place, "whole hashes of 32 bytes", found))
        if checkpoints.unfinished:
            self.verdict.notes.append(f"the newest line of log/{log.folder.name}/checkpoints was cut off in writing")
        if not checkpoints.notes:
            self.verdict.unchecked.append(f"the log {log.origin} has no checkpoint: nothing of it is signed")
        if key is None:
            self.verdict.unchecked.append(f"signatures of the log {log.origin}: no verifier key")
        elif checkpoints.verified:
            self.verdict.provenance = Provenance.HUB_KEY
        self.verdict.counts.checkpoints += len(checkpoints.notes)
        self.verdict.key, self.verdict.key_source = str(key or ""), source
        return checkpoints

    def _key_for(self, log: LogSnapshot) -> tuple[VerifierKey | None, str]:
        """The key to trust, and where it is from."""
        if self.key_text is not None:
            key = parse_vkey(self.key_text)
            if key.name == log.origin or len(self.origins) == 1:
                return key, "given"
            return None, f"the key given is for {key.name}"
        if self.keys_dir is not None:
            path = self.keys_dir / log.folder.name / VKEY_FILE
            if path.exists():
                return parse_vkey(path.read_text(encoding="utf-8")), f"the configured verifier key ({path})"
        if log.vkey:
            self.verdict.notes.append(
                f"the verifier key of {log.origin} was taken from the data folder itself: it proves nothing against "
                "whoever could write there; give the key that was handed out with --key"
            )
            return parse_vkey(log.vkey), "the data folder itself"
        return None, "none"

    # --------------------------------------------------------------------------- 8. database

    def _check_database(self) -> None:
        path = self.data / DATABASE_FILE
        if not path.exists():
            self.verdict.unchecked.append("the database: there is none (the files alone decide)")
            return
        wal = path.with_name(f"{DATABASE_FILE}-wal")
        # Where nothing waits in a write-ahead log, SQLite need not put one of its own into the folder.
        mode = "mode=ro" if self.live or (wal.exists() and wal.stat().st_size) else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=5)) as database:
                for stream, result in self.results.items():
                    self._compare_rows(database, stream, result)
        except sqlite3.Error as error:
            self.verdict.unchecked.append(f"the database: {error} (the files alone decide)")

    def _compare_rows(self, database: sqlite3.Connection, stream: str, result: StreamResult) -> None:
        if not result.aligned:
            return  # already found to be broken
        result.leaves.seek(0)
        seq = -1
        query = "SELECT seq, leaf FROM ledger_entries WHERE stream = ? ORDER BY seq"
        for seq, leaf in database.execute(query, (stream,)):
            record = result.leaves.read(LEAF_RECORD)
            if not record:
                if not self.live:
                    place, expected = f"{DATABASE_FILE} (entry {seq} of {stream})", "the entry in the entry files too"
                    self.verdict.add(Finding(Step.DATABASE, Harm.MISSING, stream, place, expected, "no such entry"))
                return
            if record[:32] != leaf:
                place, expected = f"{DATABASE_FILE} (entry {seq} of {stream})", f"the leaf hash {record[:32].hex()}"
                self.verdict.add(Finding(Step.DATABASE, Harm.ALTERED, stream, place, expected, bytes(leaf).hex()))
                return
        if result.count > seq + 1 and not self.live:
            self.verdict.notes.append(f"the database lacks {result.count - seq - 1} entries of {stream}: an index only")

    # ---------------------------------------------------------------------------- the verdict

    def _summarise(self) -> None:
        verdict, results = self.verdict, list(self.results.values())
        verdict.counts.streams = sum(result.stream != HUB_STREAM for result in results)
        verdict.counts.entries = sum(result.count for result in results)
        verdict.counts.pending_entries += sum(result.pending_lines for result in results)
        verdict.counts.interruptions = self.interruptions
        if not verdict.counts.entries:
            raise LedgerError("not one entry could be read")
        verdict.from_us = min(result.first_us for result in results if result.first_us is not None)
        verdict.until_us = max(result.last_us for result in results if result.last_us is not None)
        verdict.time = TimeSource.HUB_CLOCK
        verdict.judge(self.interruptions)


def _is_live(data: Path) -> bool:
    """Whether a hub is running on this folder: it holds the lock."""
    try:
        handle = os.open(data / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks is no hub's
    finally:
        os.close(handle)
    return False


def _files_below(folder: Path, suffix: str) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path), suffix)
        elif entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
