"""The archive on a real S3 server: checksums, locks, versions, outages, unfinished uploads, altered objects."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.archive.s3 import Refused
from hub.archive.store import PART_BYTES, Store, Unequal, store_at
from hub.clock import US_PER_S
from hub.ledger.bodies import chunk_body, open_body
from hub.ledger.entries import EntryType
from hub.ledger.keeping import DAY_US
from hub.ledger.verdict import Harm, Integrity
from hub.settings import Settings
from tests.archive_support import Place, running
from tests.cluster.object_store import ObjectStore
from tests.ledger_folder import START_US, Reel, session

REEL = "reels/hall-a/2026-01-01/080000.000Z-1.mp4"


def blocks(size: int, seed: int = 1) -> list[bytes]:
    data = random.Random(seed).randbytes(size)
    return [data[at : at + (1 << 20)] for at in range(0, size, 1 << 20)]


def store_of(objects: ObjectStore, bucket: str) -> Store:
    found = objects.settings(bucket)
    return store_at(found["archive_url"], Settings(**found))


@asynccontextmanager
async def archiving(root: Path, objects: ObjectStore, bucket: str, **values: Any) -> AsyncIterator[Place]:
    async with running(root, **{**objects.settings(bucket), **values}) as place:
        yield place


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_what_is_put_is_read_and_checked_by_its_checksum(objects: ObjectStore, size: int) -> None:
    bucket = objects.bucket()
    store, data = store_of(objects, bucket), blocks(size)
    put = store.put(REEL, data, size)
    stored = store.check(REEL, put)
    assert stored.checksum == put.checksum
    assert put.sha256 == hashlib.sha256(b"".join(data)).hexdigest()
    assert store.size(REEL) == size
    assert store.read(REEL, max(0, size - 3), 10) == b"".join(data)[-3:]
    assert store.read(REEL, size + 1, 10) == b""
    assert list(store.names("reels/hall-a")) == [(REEL, size)]
    assert list(store.names("reels/hall")) == []
    assert store.holds(REEL, lambda: data, size) is not None
    assert size == 0 or store.holds(REEL, lambda: blocks(size, 2), size) is None
    store.put(REEL, blocks(size + 1, 3), size + 1)
    with pytest.raises(Unequal):
        store.check(REEL, put)
    store.remove(REEL)
    assert store.size(REEL) is None
    store.remove(REEL)


def test_an_upload_that_nobody_ended_is_ended(objects: ObjectStore) -> None:
    bucket = objects.bucket()
    store = store_of(objects, bucket)
    found = objects.calls(bucket)._call("POST", f"county/{REEL}", {"uploads": ""})
    assert b"UploadId" in found.body
    assert store.abort("reels/hall-a/2026-01-01/080000.000Z-2.mp4") == 0
    assert store.abort(REEL) == 1
    assert store.abort(REEL) == 0


def test_an_upload_that_breaks_off_leaves_no_object(objects: ObjectStore) -> None:
    bucket = objects.bucket()
    store = store_of(objects, bucket)

    def broken() -> Iterator[bytes]:
        yield from blocks(2 * PART_BYTES)
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        store.put(REEL, broken(), 3 * PART_BYTES)
    assert store.size(REEL) is None


def test_wrong_keys_are_refused_and_no_bucket_is_an_error(objects: ObjectStore) -> None:
    found = objects.settings(objects.bucket())
    other = store_at(found["archive_url"], Settings(**{**found, "archive_secret_key": "another one"}))
    with pytest.raises(Refused, match="status 403"):
        other.check(REEL, store_of(objects, found["archive_url"].split("/")[2]).put(REEL, [b"x"], 1))
    nowhere = store_of(objects, "no-such-bucket")
    with pytest.raises(OSError, match=r"NoSuchBucket|Not Found|404"):
        nowhere.put(REEL, [b"x"], 1)


async def test_reels_are_locked_until_the_end_of_their_class_and_no_longer(
    objects: ObjectStore, tmp_path: Path
) -> None:
    bucket = objects.bucket(locked=True)
    async with archiving(tmp_path, objects, bucket, retention_streams=("hall-b=evidence",)) as place:
        first, *_ = await place.record("hall-a")
        other, *_ = await place.record("hall-b")
        await place.archive.one_pass()
        end_us = START_US + 6 * US_PER_S
        assert place.store.lock_until_us(first) == end_us + 366 * DAY_US
        assert place.store.lock_until_us(other) == end_us + 3653 * DAY_US
        # entries are never deleted by the hub
        assert place.store.lock_until_us(f"{first}.entries") >= START_US + 3653 * DAY_US
        row = place.book.get(first)
        assert row is not None
        assert row.lock_until_us == end_us + 366 * DAY_US
        with pytest.raises(Refused):
            place.store.remove(first)
        assert place.store.size(first) is not None


async def test_a_deletion_that_a_lock_forbids_is_told_and_asked_again_when_it_ends(
    objects: ObjectStore, tmp_path: Path
) -> None:
    bucket = objects.bucket(locked=True)
    values = {"retention_classes": ("short=30..30",), "retention_streams": ("hall-a=short",), "archive_lock": "off"}
    async with archiving(tmp_path, objects, bucket, archive_keep_h=0.0, **values) as place:
        first, second = await place.record("hall-a", reels=2)
        await place.archive.one_pass()
        assert place.local() == []
        # somebody locks one of them for longer than its class. The store judges by its own clock.
        until = datetime.now(UTC) + timedelta(seconds=6)
        until_us = -(-round(until.timestamp() * US_PER_S) // US_PER_S) * US_PER_S
        stored = objects.calls(bucket).stored(f"county/{first}")
        assert stored is not None
        place.store.lock(first, stored.version, "governance", until_us)
        asked: list[str] = []
        remove = place.store.remove

        def counted(path: str) -> None:
            asked.append(path)
            remove(path)

        place.store.remove = counted  # type: ignore[method-assign]
        place.days(31)
        await place.deleted()
        await place.deleted()
        assert asked == [second]  # of the other the date says no: the store is not asked
        assert place.archived() == [first]
        (problem,) = place.retention.status.problems
        assert first in problem
        assert "is asked again" in problem
        verdict = place.verify()
        assert verdict.integrity is Integrity.OK, verdict.findings
        assert verdict.counts.deleted_reels == 1
        place.clock.advance((until_us - place.clock.now().utc_us) / US_PER_S + 60)  # ours is ahead of the store's
        await place.deleted()
        await place.deleted()
        assert asked == [second, first]  # refused by the store itself, and not asked in each pass
        await asyncio.sleep(max(0.0, until_us / US_PER_S - datetime.now(UTC).timestamp()) + 0.1)
        await place.deleted()
        assert place.archived() == [first]
        place.days(1.1)
        await place.deleted()
        assert place.archived() == []
        assert place.retention.status.problems == ()
        assert place.verify().counts.deleted_reels == 2


async def test_a_day_without_the_store_and_a_store_killed_in_an_upload(objects: ObjectStore, tmp_path: Path) -> None:
    bucket = objects.bucket()
    async with archiving(tmp_path, objects, bucket, archive_keep_h=0.0) as place:
        names = await place.record("hall-a")
        await place.archive.one_pass()
        assert place.local() == []
        # killed while an upload of several parts is on its way
        big = large_reel(place, "hall-b", 5 * PART_BYTES)
        await place.ledger.committed()
        spooled = [big]
        reads = place.archive._blocks

        def dies_in_between(*args: Any, **named: Any) -> Iterator[bytes]:
            for number, block in enumerate(reads(*args, **named)):
                if number == 40:
                    objects.stop()
                yield block

        place.archive._blocks = dies_in_between  # type: ignore[method-assign]
        await away(place)
        place.archive._blocks = reads  # type: ignore[method-assign]
        for hour in range(24):
            spooled += await place.record("hall-a", run=hour + 2, at_us=place.clock.now().utc_us)
            await away(place)
            place.days(1 / 24)
        assert place.local() == sorted(spooled)
        assert place.archive.problem != "ok"
        objects.start()
        await place.archive.one_pass()
        assert place.archive.problem == "ok"
        assert place.archived() == sorted([*names, *spooled])
        assert place.local() == []
        assert [kind for kind, _ in place.told] == ["archive.away", "archive.back"]
        await place.sign()
        verdict = place.verify()
        assert verdict.integrity is Integrity.OK, verdict.findings
        assert list(objects.calls(bucket).unfinished(f"county/{big}")) == []


async def away(place: Place) -> None:
    """A pass as the loop makes it."""
    try:
        await place.archive.one_pass()
    except OSError as error:
        place.archive._away(error)


def large_reel(place: Place, stream: str, size: int) -> str:
    place.ledger.append(stream, EntryType.OPEN, open_body(session(place.clock), 1))
    reel = Reel(place.folder.data, stream, 1, 0, START_US, random.Random(9))
    place.ledger.append(stream, EntryType.CHUNK, chunk_body(reel.chunk(0, size)))
    return reel.name


@pytest.mark.parametrize("harm", ["bit", "gone", "short"])
async def test_what_became_of_an_object_is_found_and_named(objects: ObjectStore, tmp_path: Path, harm: str) -> None:
    bucket = objects.bucket()
    async with archiving(tmp_path, objects, bucket, archive_keep_h=0.0) as place:
        names = await place.record("hall-a", reels=3)
        await place.archive.one_pass()
        await place.sign()
        assert place.verify().integrity is Integrity.OK
        file = objects.file(bucket, names[1])
        data = bytearray(file.read_bytes())
        if harm == "bit":
            data[1000] ^= 4
            file.write_bytes(data)
        elif harm == "short":
            os.truncate(file, len(data) - 1)
        else:
            file.unlink()
        verdict = place.verify()
        assert verdict.integrity is not Integrity.OK
        assert {one.place.split(" ")[0] for one in verdict.findings} == {names[1]}
        assert (Harm.MISSING in verdict.harms) == (harm == "gone")


async def test_a_store_that_does_not_answer_is_no_missing_footage(objects: ObjectStore, tmp_path: Path) -> None:
    bucket = objects.bucket()
    async with archiving(tmp_path, objects, bucket, archive_keep_h=0.0) as place:
        await place.record("hall-a")
        await place.archive.one_pass()
        await place.sign()
        objects.stop()
        verdict = await asyncio.to_thread(place.verify)
        assert verdict.integrity is Integrity.CANNOT_BE_JUDGED
        assert not verdict.findings
        objects.start()
        assert (await asyncio.to_thread(place.verify)).integrity is Integrity.OK


def test_a_call_is_not_a_check(objects: ObjectStore) -> None:
    """The server looks at what it is sent: a wrong checksum is refused by it, so that a right one means something."""
    calls: Callable[..., Any] = objects.calls(objects.bucket())._call
    with pytest.raises(Refused):
        calls("PUT", "x", headers={"x-amz-checksum-sha256": "A" * 43 + "="}, body=b"other bytes")
