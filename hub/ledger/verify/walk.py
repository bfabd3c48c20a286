"""Steps 2 and 3 of a verification: a stream's entries, read once, in the order of their chain."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from hub.ledger.entries import MAX_ENTRY_BYTES, ZERO_LEAF, BadEntry, Entry, EntryType, read_entry
from hub.ledger.files import SUFFIX, entry_file
from hub.ledger.verdict import Finding, Harm, Step
from hub.ledger.verify.leaves import Leaves
from hub.ledger.verify.lines import EntryFile, Line, Stretch, parts

BLOCK = 1 << 18
"""Bytes of an entry file that are read at a time: about what one of an ordinary reel holds."""
Report = Callable[[Finding], None]
_CHUNK = EntryType.CHUNK


@dataclass
class StreamResult:
    """What later steps need of a stream."""

    stream: str
    leaves: Leaves = field(default_factory=Leaves)
    count: int = 0
    bad_lines: int = 0
    pending_lines: int = 0
    first_us: int | None = None
    last_us: int | None = None
    aligned: bool = True
    """Entry n is the nth: none is missing and none is doubled."""

    def leaf(self, seq: int) -> str | None:
        """The leaf hash of an entry by its number, as hex."""
        if not self.aligned or not 0 <= seq < self.count:
            return None
        return self.leaves[seq].hex()


class StreamWalk:
    """Walks the chain of one stream. ``in_log`` tells whether a leaf hash is in the log: where two
    entries contradict each other, it says which of them was altered."""

    def __init__(
        self,
        stream: str,
        files: list[EntryFile],
        live: bool,
        report: Report,
        in_log: Callable[[str], bool],
        origin_number: Callable[[str], int],
    ) -> None:
        self._stream = stream
        self._files = files
        self._live = live
        self._report = report
        self._in_log = in_log
        self._origin_number = origin_number
        self._previous: Line | None = None
        self._origin = ""
        self.result = StreamResult(stream)

    def lines(self) -> Iterator[Line | Stretch]:
        """Every readable entry, by its number; breaks of the chain are reported as they are passed."""
        for found in self._merged():
            first = found.first
            self._link(first)
            self._keep(first.entry, found)
            self._previous = found.final
            yield found

    # ------------------------------------------------------------------ step 2: single entries

    def _read(self, file: EntryFile) -> Iterator[Line | Stretch]:
        left, number, begun = file.size, 0, b""
        with file.path.open("rb") as handle:
            while left > 0 and (read := handle.read(min(left, BLOCK))):
                left -= len(read)
                data = begun + read
                lines = data.split(b"\n")
                begun = lines.pop()
                ends = left == 0 and not begun
                whole = data[: len(data) - len(begun)]
                for part in parts(whole, lines, file, number, ends=ends):
                    if isinstance(part, Stretch):
                        yield part
                    else:
                        yield from self._one_by_one(lines, part, file, number, ends=ends)
                number += len(lines)
                if len(begun) > MAX_ENTRY_BYTES:
                    break
        if begun:
            self._torn(file, number + 1, whole=left == 0)

    def _one_by_one(
        self, lines: list[bytes], which: range, file: EntryFile, before: int, *, ends: bool
    ) -> Iterator[Line]:
        for at in which:
            number = before + at + 1
            entry = self._parse(lines[at], file, number)
            if entry is not None:
                yield Line(entry, file, number, ends and at + 1 == len(lines))

    def _torn(self, file: EntryFile, number: int, *, whole: bool) -> None:
        """What a file ends with that is no line; ``whole``: nothing comes behind it."""
        if self._live and whole:
            self.result.pending_lines += 1
            return
        self._bad(file, number, "a whole line", "one that is cut off")

    def _parse(self, data: bytes, file: EntryFile, number: int) -> Entry | None:
        try:
            entry = read_entry(data)
        except BadEntry as error:
            self._bad(file, number, "a canonical entry", str(error))
            return None
        if entry.type is _CHUNK and entry.stream_id == self._stream and file.name == entry.body["reel"] + SUFFIX:
            return entry
        belongs = entry_file(entry.stream_id, entry.type, entry.body, entry.t_hub_us)
        if entry.stream_id != self._stream or belongs != file.name:
            self._bad(file, number, f"an entry of {self._stream} that belongs here", f"one that belongs in {belongs}")
            return None
        return entry

    def _bad(self, file: EntryFile, number: int, expected: str, found: str) -> None:
        self.result.bad_lines += 1
        place = f"{file.name} line {number}"
        self._report(Finding(Step.ENTRIES, Harm.ALTERED, self._stream, place, expected, found))

    # ----------------------------------------------------------------------- step 3: the chain

    def _merged(self) -> Iterator[Line | Stretch]:
        """The files' lines, merged by entry number; few files are open at any time."""
        waiting = sorted(self._starts(), key=lambda start: start[0], reverse=True)
        heap: list[tuple[int, int, Line | Stretch, Iterator[Line | Stretch]]] = []
        tie = 0
        while waiting or heap:
            while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
                _, file = waiting.pop()
                lines = self._read(file)
                first = next(lines, None)
                if first is not None:
                    heapq.heappush(heap, (first.first.entry.seq, tie, first, lines))
                    tie += 1
            if not heap:
                continue
            _, _, found, lines = heapq.heappop(heap)
            # What comes next in any other file: nearly always that is far.
            until = min(heap[0][0] if heap else math.inf, waiting[-1][0] if waiting else math.inf)
            following: Line | Stretch | None = found
            while following is not None and (following is found or following.first.entry.seq < until):
                if isinstance(following, Stretch) and following.final.entry.seq >= until:
                    lines = chain(following.lines(), lines)  # another file's entry comes between
                    found = following = next(lines)
                yield following
                following = next(lines, None)
            if following is not None:
                heapq.heappush(heap, (following.first.entry.seq, tie, following, lines))
                tie += 1

    def _starts(self) -> Iterator[tuple[int, EntryFile]]:
        for file in self._files:
            yield self._first_seq(file), file

    def _first_seq(self, file: EntryFile) -> int:
        left = file.size
        with file.path.open("rb") as handle:
            while left > 0 and (data := handle.readline(min(left, MAX_ENTRY_BYTES + 1))):
                left -= len(data)
                try:
                    return read_entry(data[:-1]).seq
                except BadEntry:
                    continue  # reported when the file is read in its turn
        return 0

    def _link(self, line: Line) -> None:
        entry, before = line.entry, self._previous
        expected_seq = 0 if before is None else before.entry.seq + 1
        if entry.seq != expected_seq:
            self._wrong_number(line, expected_seq)
        elif entry.prev != (ZERO_LEAF if before is None else before.entry.leaf):
            self._wrong_link(line, before)
        elif before is None and entry.type is not EntryType.GENESIS:
            self._broken(line, "a genesis", f"a {entry.type}")
        elif before is not None and entry.epoch < before.entry.epoch:
            self._broken(line, f"an epoch from {before.entry.epoch} on", f"epoch {entry.epoch}")

    def _wrong_number(self, line: Line, expected: int) -> None:
        self.result.aligned = False
        if line.entry.seq < expected:
            self._broken(line, f"entry {expected} next", f"entry {line.entry.seq} again or out of its order")
            return
        last = line.entry.seq - 1
        missing = f"entry {expected}" if expected == last else f"entries {expected} to {last}"
        self._report(Finding(Step.CHAINS, Harm.MISSING, self._stream, f"before {line}", missing, "none of that number"))

    def _wrong_link(self, line: Line, before: Line | None) -> None:
        if before is not None and not self._in_log(before.entry.leaf) and self._in_log(line.entry.leaf):
            self._broken(before, f"the entry with leaf hash {line.entry.prev}", before.entry.leaf)
            return
        expected = ZERO_LEAF if before is None else before.entry.leaf
        self._broken(line, f"prev {expected}", line.entry.prev)

    def _broken(self, line: Line, expected: str, found: str) -> None:
        self._report(Finding(Step.CHAINS, Harm.ALTERED, self._stream, str(line), expected, found))

    def _keep(self, entry: Entry, found: Line | Stretch) -> None:
        """``entry`` is the first of them."""
        result = self.result
        if entry.origin != self._origin or not result.count:
            self._origin = entry.origin
            result.leaves.of_log(self._origin_number(entry.origin))
        if isinstance(found, Stretch):
            result.leaves.extend(found.leaves)
            result.count += len(found)
            first_us, last_us = min(found.t_hub_us), max(found.t_hub_us)
        else:
            result.leaves.append(entry.leaf)
            result.count += 1
            first_us = last_us = entry.t_hub_us
        if result.first_us is None or first_us < result.first_us:
            result.first_us = first_us
        if result.last_us is None or last_us > result.last_us:
            result.last_us = last_us
