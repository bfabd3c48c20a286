"""The chain of each stream: every entry names the leaf hash of the stream's previous one. Pure."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.clock import Instant
from hub.ledger.entries import (
    MAX_ENTRY_BYTES,
    VERSION,
    ZERO_LEAF,
    BadEntry,
    Entry,
    EntryType,
    JsonValue,
    canonical,
    check_body,
    leaf_hash,
)

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream's chain stands: its newest entry's number and leaf hash; seq -1 before the first."""

    seq: int = -1
    leaf: str = ZERO_LEAF


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the log's origin, this machine, the how-manieth writer, this boot of the machine."""

    origin: str
    node: str
    epoch: int
    boot: str


def make_entry(
    writer: Writer,
    head: Head,
    stream_id: str,
    kind: EntryType,
    body: Mapping[str, JsonValue],
    now: Instant,
    clock: Mapping[str, JsonValue],
    salt: str | None = None,
) -> Entry:
    """The entry that follows ``head``. Raises BadEntry for a body that its type does not allow. ``salt``: hex, where
    the same entry may have to be made again."""
    check_body(stream_id, kind, body)
    seq = head.seq + 1
    fields: dict[str, Any] = {
        "v": VERSION,
        "type": kind.value,
        "hub": writer.origin,
        "node": writer.node,
        "stream": stream_id,
        "epoch": writer.epoch,
        "seq": seq,
        "prev": head.leaf,
        "t_hub": now.utc_us,
        "t_mono": now.mono_us,
        "boot": writer.boot,
        "clock": clock,
        "salt": salt or os.urandom(SALT_BYTES).hex(),
        "body": body,
    }
    data = canonical(fields)
    if len(data) > MAX_ENTRY_BYTES:
        raise BadEntry(f"expected an entry of at most {MAX_ENTRY_BYTES} bytes, found {len(data)}")
    return Entry(
        stream_id,
        seq,
        kind,
        writer.epoch,
        head.leaf,
        now.utc_us,
        now.mono_us,
        body,
        writer.origin,
        data,
        leaf_hash(data).hex(),
    )


def heads_digest(leaves: Mapping[str, str]) -> str:
    """What a heartbeat says of all chains: SHA-256 (hex) over the canonical JSON of
    ``{stream: leaf hash of its newest entry, in hex}``."""
    return hashlib.sha256(canonical(dict(leaves))).hexdigest()
