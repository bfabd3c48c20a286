"""Chunks that are judged many at a time: the verdict is to the word what judging each by itself gives."""

from __future__ import annotations

import asyncio
import fcntl
import json
import random
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.ledger.bodies import UPLOAD, chunk_body, close_body, interruption_body, open_body
from hub.ledger.deletions import TombstonedReel, digest_of
from hub.ledger.entries import BadEntry, EntryType, JsonValue, canonical, leaf_hash, read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.verdict import Verdict
from hub.ledger.verify import walk
from hub.ledger.verify.context import Scope
from hub.ledger.verify.gaps import _is_unbroken, _within_run
from hub.ledger.verify.lines import EntryFile, Line, Stretch, parts
from hub.model import Chunk, InterruptionState, MediaKind
from tests.ledger_folder import (
    CHUNK_TICKS,
    START_US,
    Folder,
    Reel,
    interruption,
    lines,
    put_lines,
    record,
    session,
)

DAY_US = 86_400_000_000
STREAMS = ("cam-a", "cam-b", "cam-c")
BLOCKS = (1000, 5000, walk.BLOCK)
"""So that stretches are cut anywhere."""


async def made(root: Path) -> Folder:
    """Runs of one track and of two, an interruption within a reel, an upload, and a reel that is tombstoned."""
    folder = Folder(root)
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    await record(ledger, folder, clock, "cam-a", reels=2, chunks=12)
    await record(ledger, folder, clock, "cam-b", reels=2, chunks=6)
    two_tracks(ledger, folder, clock)
    upload(ledger, folder, clock)
    ledger.heartbeat()
    clock.advance(400 * DAY_US / 1e6)
    tombstone(ledger, folder)
    await ledger.close()
    return folder


def two_tracks(ledger: Ledger, folder: Folder, clock: ManualClock) -> None:
    ledger.append("cam-c", EntryType.OPEN, open_body(session(clock), 1))
    reel = Reel(folder.data, "cam-c", 1, 0, START_US, random.Random(1))
    for index in range(14):
        clock.advance(2)
        ledger.append("cam-c", EntryType.CHUNK, chunk_body(with_sound(reel.chunk(index))))
        if index == 8:
            opened = interruption("cam-c", InterruptionState.CONFIRMED, reel.at_us)
            ledger.append("cam-c", EntryType.INTERRUPTION_OPEN, interruption_body(opened))
    ledger.append("cam-c", EntryType.CLOSE, close_body("stop", run=1))


def with_sound(chunk: Chunk) -> Chunk:
    picture = chunk.tracks[0]
    sound = replace(picture, track_id=2, kind=MediaKind.AUDIO, source_sha256="ab" * 32)
    return replace(chunk, tracks=(picture, sound))


def upload(ledger: Ledger, folder: Folder, clock: ManualClock) -> None:
    """What the device recorded itself while it was away."""
    found = [read_entry(line) for path in folder.data.glob("reels/cam-b/*.entries") for line in lines(path)]
    cut = next(entry for entry in found if entry.type is EntryType.INTERRUPTION_CLOSE)
    opened = next(entry for entry in found if entry.type is EntryType.INTERRUPTION_OPEN)
    ledger.append("cam-b", EntryType.OPEN, open_body(replace(session(clock), protocol=UPLOAD), 7))
    reel = Reel(folder.data, "cam-b", 7, 8, cut.body["started_us"], random.Random(7))
    for index in range(5):
        ledger.append("cam-b", EntryType.CHUNK, chunk_body(reel.chunk(index)))
    body: dict[str, JsonValue] = {
        "fills": opened.leaf, "interruption": cut.body["id"], "from_us": cut.body["started_us"],
        "to_us": cut.body["ended_us"], "whole": True, "run": 7, "file_sha256": "ab" * 32, "size": 1,
        "claimed_from_us": 0, "offset_us": 0, "edge_error_us": 0, "method": "pictures",
    }  # fmt: skip
    ledger.append("cam-b", EntryType.BACKFILL, body)
    ledger.append("cam-b", EntryType.CLOSE, close_body("stop", run=7))


def tombstone(ledger: Ledger, folder: Folder) -> None:
    reel = folder.reels("cam-a")[0]
    bodies = [read_entry(line).body for line in lines(Path(f"{reel}.entries"))]
    digest = digest_of([body["sha256"] for body in bodies])
    named = TombstonedReel(
        folder.name(reel), reel.stat().st_size, len(bodies), digest, bodies[0]["first_us"], bodies[-1]["end_us"]
    )
    body: dict[str, JsonValue] = {
        "id": "t",
        "rule": "r",
        "class": "c",
        "kept_days": 90,
        "approved_by": "r",
        "reels": [named.body()],
    }
    ledger.append("cam-a", EntryType.TOMBSTONE, body)


# --------------------------------------------------------------------------------- with and without


def verdict(folder: Folder, block: int, **options: Any) -> Verdict:
    with mock.patch.object(walk, "BLOCK", block):
        return replace(folder.verify(threads=1, **options), seconds=0.0)


def one_by_one(folder: Folder, **options: Any) -> Verdict:
    with mock.patch.object(walk, "parts", lambda _, content, *__, **___: [range(len(content))]):
        return verdict(folder, walk.BLOCK, **options)


@contextmanager
def kept(folder: Folder) -> Iterator[None]:
    """Whatever is done to the files meanwhile is undone."""
    before = {path: path.read_bytes() for path in folder.data.rglob("*") if path.is_file()}
    try:
        yield
    finally:
        for path in [path for path in folder.data.rglob("*") if path.is_file() and path not in before]:
            path.unlink()
        for path, data in before.items():
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)


@contextmanager
def alive(folder: Folder, yes: bool) -> Iterator[None]:
    with (folder.data / "hub.lock").open("ab") as lock:
        if yes:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return asyncio.run(made(tmp_path_factory.mktemp("stretches")))


# ------------------------------------------------------------------------------------- alterations


def files(folder: Folder) -> list[Path]:
    return sorted([*folder.data.glob("reels/**/*.entries"), *folder.data.glob("_hub/*.entries")])


def of_reels(folder: Folder) -> list[Path]:
    return [path for stream in STREAMS for path in folder.entry_files(stream)]


def a_byte(folder: Folder, data: st.DataObject) -> None:
    paths = [*files(folder), *folder.data.glob("reels/*/*/*.mp4"), folder.log / "leaves"]
    path = data.draw(st.sampled_from(sorted(paths)))
    content = bytearray(path.read_bytes())
    if content:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)


def the_end(folder: Folder, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(files(folder)))
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])


def a_line(folder: Folder, data: st.DataObject) -> None:
    """Doubled, removed, put elsewhere, in this file or another; or something put in that is none."""
    source = data.draw(st.sampled_from(of_reels(folder)))
    content = lines(source)
    line = content.pop(data.draw(st.integers(0, len(content) - 1))) if content else b""
    if data.draw(st.booleans()):
        put_lines(source, content)
    line = data.draw(st.sampled_from([line, line, line, b"", b"{}", line[:-1], line.replace(b'"run":1', b'"run":-0')]))
    target = data.draw(st.sampled_from([source, source, *files(folder)]))
    content = lines(target)
    content.insert(data.draw(st.integers(0, len(content))), line)
    put_lines(target, content)


def a_reel(folder: Folder, data: st.DataObject) -> None:
    data.draw(st.sampled_from([path for stream in STREAMS for path in folder.reels(stream)])).unlink()


Change = Callable[[dict[str, Any]], object]
CHANGES: tuple[Change, ...] = (
    lambda value: value["body"].update(init_sha256="cd" * 32),
    lambda value: value["body"].update(init_size=0),
    lambda value: value["body"].update(init_size=99),
    lambda value: value["body"].update(size=0),
    lambda value: value["body"].update(size=value["body"]["size"] + 1),
    lambda value: value["body"].update(offset=value["body"]["offset"] + 9),
    lambda value: value["body"].update(sha256="ef" * 32),
    lambda value: value["body"].update(run=value["body"]["run"] + 1),
    lambda value: value["body"].update(end_us=value["body"]["end_us"] + 9_000_000),
    lambda value: value["body"].update(first_us=0),
    lambda value: value["body"].update(tracks=[]),
    lambda value: [track.update(first_ticks=track["first_ticks"] + 90_001) for track in value["body"]["tracks"]],
    lambda value: [track.update(end_ticks=0) for track in value["body"]["tracks"][-1:]],
    lambda value: [track.update(id=7) for track in value["body"]["tracks"][:1]],
    lambda value: value["body"]["tracks"].extend(value["body"]["tracks"][:1]),
    lambda value: value["body"].update(reel=value["body"]["reel"] + "-x"),
    lambda value: later(value, 90_001),
    lambda value: later(value, 90_000),
    lambda value: value["body"].update(run=9, first_us=value["body"]["first_us"] + 1_000_001),
    lambda value: value.update(epoch=9),
    lambda value: value.update(hub="other.example/log"),
    lambda value: value.update(t_hub=value["t_hub"] - 10 * DAY_US),
    lambda value: value.update(seq=value["seq"] + 1),
)


def later(value: dict[str, Any], ticks: int) -> None:
    """A gap that its source did not make."""
    for track in value["body"]["tracks"]:
        track.update(first_ticks=track["first_ticks"] + ticks, first_seq=track["first_seq"] + 1)


def a_chain(folder: Folder, data: st.DataObject) -> None:
    path, numbers = data.draw(st.sampled_from(of_reels(folder))), data.draw(st.sets(st.integers(0, 13), min_size=1))
    forge(folder, path, numbers, data.draw(st.sampled_from(CHANGES)), anew=data.draw(st.booleans()))


def forge(folder: Folder, path: Path, numbers: Set[int], change: Change, *, anew: bool = True) -> None:
    """As one who is careful would: the entries after the one that is changed name each other again."""
    stream = path.relative_to(folder.data).parts[1]
    found = [(json.loads(line), one, at) for one in files(folder) for at, line in enumerate(lines(one))]
    entries = sorted((one for one in found if one[0]["stream"] == stream), key=lambda one: one[0]["seq"])
    new = {one: lines(one) for one in files(folder)}
    prev = ""
    for value, one, at in entries:
        if one == path and at in numbers:
            change(value)
        if anew and prev:
            value["prev"] = prev
        new[one][at] = canonical(value)
        prev = leaf_hash(new[one][at]).hex()
    for one, content in new.items():
        put_lines(one, content)


ALTERATIONS = (a_byte, the_end, a_line, a_line, a_reel, a_chain, a_chain, a_chain)


def whole(folder: Folder) -> bool:
    """Whether each line can still be read, so that a forger could write it anew."""
    try:
        return all(read_entry(line) for path in files(folder) for line in lines(path))
    except BadEntry:
        return False


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_of_an_altered_folder_the_same_is_said(folder: Folder, data: st.DataObject) -> None:
    live, block = data.draw(st.booleans()), data.draw(st.sampled_from(BLOCKS))
    with kept(folder):
        for alter in data.draw(st.lists(st.sampled_from(ALTERATIONS), min_size=1, max_size=2)):
            if alter is not a_chain or whole(folder):
                alter(folder, data)
        with alive(folder, live):
            assert verdict(folder, block) == one_by_one(folder)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("numbers", [{0}, {5}, {11}, {5, 6, 7, 8, 9, 10, 11}, {*range(12)}], ids=str)
def test_of_forged_entries_the_same_is_said(folder: Folder, numbers: set[int], change: Change) -> None:
    for stream in STREAMS:
        with kept(folder):
            forge(folder, folder.entry_files(stream)[-1], numbers, change)
            expected = one_by_one(folder)
            assert verdict(folder, walk.BLOCK) == expected
            assert verdict(folder, 5000) == expected


def test_the_latest_moment_of_a_reel_may_be_any_of_its_chunks(folder: Folder) -> None:
    """Whether its tombstone was too early, and whether it lies in the time that is asked for."""
    far_us = 390 * DAY_US
    with kept(folder):
        reel = folder.reels("cam-a")[0]
        forge(folder, Path(f"{reel}.entries"), {5}, lambda value: value["body"].update(end_us=START_US + far_us))
        scope = Scope(from_us=START_US + far_us - 1)
        expected = one_by_one(folder, scope=scope)
        assert expected.counts.bytes == reel.stat().st_size
        assert verdict(folder, walk.BLOCK, scope=scope) == expected
        reel.unlink()
        expected = one_by_one(folder)
        assert any("not yet" in finding.expected for finding in expected.findings)
        assert verdict(folder, walk.BLOCK) == expected


# ------------------------------------------------------------------------------------- what is taken


def test_an_intact_folder_is_walked_in_stretches(folder: Folder) -> None:
    """Nearly all chunks are in one; otherwise all that is compared here would be the same thing twice."""
    found = verdict(folder, walk.BLOCK)
    assert found.findings == []
    assert found == one_by_one(folder)
    taken: list[Stretch] = []

    def told(*given: Any, **more: Any) -> Iterator[Stretch | range]:
        for part in parts(*given, **more):
            taken.extend([part] if isinstance(part, Stretch) else [])
            yield part

    with mock.patch.object(walk, "parts", told):
        verdict(folder, walk.BLOCK)
    assert [len(one) for one in taken] == [12, 12, 6, 6, 5, 9, 5], "the reel with an interruption in it is cut there"
    assert sum(map(len, taken)) == found.counts.chunks


def test_a_stretch_says_what_its_lines_say(folder: Folder) -> None:
    for path in of_reels(folder):
        file = EntryFile(path, folder.name(path), path.stat().st_size)
        content = lines(path)[:8]
        expected = [Line(read_entry(line), file, number, number == 8) for number, line in enumerate(content, 1)]
        (found,) = parts(b"".join(line + b"\n" for line in content), content, file, 0, ends=len(content) == 8)
        assert isinstance(found, Stretch)
        assert [*found.lines()] == expected
        assert (found.first, found.final, found.last) == (expected[0], expected[-1], expected[-1].last)
        bodies = [line.entry.body for line in expected]
        columns = (found.offsets, found.sizes, found.sha256s, found.first_us, found.end_us)
        for name, column in zip(("offset", "size", "sha256", "first_us", "end_us"), columns, strict=True):
            assert [*column] == [body[name] for body in bodies]
        assert [*map(json.loads, found.tracks)] == [body["tracks"] for body in bodies]
        assert [*found.t_hub_us] == [line.entry.t_hub_us for line in expected]
        assert found.leaves.hex() == "".join(line.entry.leaf for line in expected)
        assert found.furthest == max(body["offset"] + body["size"] for body in bodies)


# ------------------------------------------------------------------------------- gaps within a run

TICKS = st.sampled_from([0, 0, 90_000, 90_001, -90_001])
TRACK = st.fixed_dictionaries(
    {"id": st.sampled_from([1, 1, 2]), "kind": st.sampled_from(["video", "audio", "}]"]), "late": TICKS, "short": TICKS}
)


def written(chunks: list[list[dict[str, Any]]], scale: int) -> list[list[dict[str, Any]]]:
    plain = {"damaged": 0, "frames": 1, "keyframes": 1, "last_seq": 0, "lost": 0, "timescale": scale}
    return [
        [
            {**plain, "id": one["id"], "kind": one["kind"], "first_seq": 7}
            | {"first_ticks": at * CHUNK_TICKS + one["late"], "end_ticks": (at + 1) * CHUNK_TICKS - one["short"]}
            for one in chunk
        ]
        for at, chunk in enumerate(chunks)
    ]


@settings(max_examples=500)
@given(st.lists(st.lists(TRACK, max_size=3), min_size=3, max_size=4), st.sampled_from([90_000, 1, 0, -1]))
def test_chunks_that_seem_unbroken_are(drawn: list[list[dict[str, Any]]], scale: int) -> None:
    chunks = written(drawn, scale)
    broken = any(_within_run({"tracks": before}, {"tracks": body}) for before, body in pairwise(chunks))
    assert not (_is_unbroken([canonical(chunk).decode() for chunk in chunks]) and broken)


@pytest.mark.parametrize("late", [0, -5, 90_000])
def test_what_follows_within_a_second_is_unbroken(late: int) -> None:
    one = {"kind": "video", "late": late, "short": 0}
    chunks = written([[{**one, "id": 1}, {**one, "id": 2}]] * 5, 90_000)
    assert _is_unbroken([canonical(chunk).decode() for chunk in chunks])


def test_tracks_that_change_places_are_looked_at_one_by_one() -> None:
    """Place by place nothing is missing, while two seconds of the picture are."""
    one = {"kind": "video", "late": 0, "short": 0}
    before = [{**one, "id": 1, "short": 90_000}, {**one, "id": 2, "short": -90_000}]
    after = [{**one, "id": 2, "late": -90_000}, {**one, "id": 1, "late": 90_000}]
    chunks = written([before, after, after], 90_000)
    assert _within_run({"tracks": chunks[0]}, {"tracks": chunks[1]})
    assert not _is_unbroken([canonical(chunk).decode() for chunk in chunks])
