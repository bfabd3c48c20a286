"""What is brought later, from the file to the verdict, over a real ledger and real reels."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from hub.demo.encode import VideoSpec
from hub.errors import Unavailable
from hub.footage import footage
from hub.footage.reading import index_files
from hub.footage.store import State, _row
from hub.footage.tables import files
from hub.ledger.entries import EntryType
from hub.ledger.verdict import Completeness
from tests.footage_support import BREAK, DEVICE_AHEAD_US, SPEC, T0, S, card, close_cut, room


def remux(source: Path, target: Path, container: str, options: dict[str, str] | None = None) -> None:
    """The same coded pictures in another container."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=container, options=options or {}) as made:
        streams = {one.index: made.add_stream_from_template(one) for one in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)


async def test_a_file_is_placed_by_its_pictures_and_fills_the_break(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 3 * S, BREAK[1] + 3 * S)
        # the device's clock is 3 s ahead, which its sender reports told, and the claim half a second off
        done = await hub.bring(tmp_path / "card.mp4", claimed_us=first_us + DEVICE_AHEAD_US + 500_000)
        assert (done.state, done.result["method"]) == (State.RECORDED, "pictures"), done
        (fill,) = done.result["fills"]
        assert abs(fill["from_us"] - BREAK[0]) < 100_000
        assert abs(fill["to_us"] - BREAK[1]) <= 100_000
        assert fill["whole"]
        spans = hub.ledger.reader.backfilled("rec", T0, BREAK[1] + S)
        assert sum(span.to_us - span.from_us for span in spans) == pytest.approx(10 * S, abs=200_000)
        assert all(
            span.from_us < BREAK[0] or span.from_us >= BREAK[1] - 1000
            for span in hub.ledger.reader.spans("rec", T0, BREAK[1] + S)
        )
        assert not hub.footage.store.part(done.id).exists()
        chunks = [one for one in hub.ledger.reader.chunks("rec", BREAK[0], BREAK[1], 100) if one.run == fill["run"]]
        reel = hub.data / chunks[0].reel
        (brought,) = await index_files([[(str(reel), 0, reel.stat().st_size)]])
        (kept,) = await index_files([[(str(tmp_path / "card.mp4"), 0, (tmp_path / "card.mp4").stat().st_size)]])
        digests = [mark.digest for mark in brought.marks]
        whole = [mark.digest for mark in kept.marks]
        start = whole.index(digests[0])
        assert whole[start : start + len(digests)] == digests, "every picture as the device kept it, in its order"
        assert [name for name, _ in hub.told if name == "footage.filled"]
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


async def test_what_was_received_waits_for_a_database_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage, "RETRY_S", 0)
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 3 * S, BREAK[1] + 3 * S)
        store, refused = hub.footage.store, Counter[str]()

        def away(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
            def asked(*given: Any, **named: Any) -> Any:
                refused[name] += 1
                if refused[name] < 3:
                    raise OperationalError("SELECT", {}, Exception("connection refused"))
                return method(*given, **named)

            return asked

        data = (tmp_path / "card.mp4").read_bytes()
        one = await hub.footage.create("rec", len(data), by="device:rec", name="card.mp4", claimed_us=first_us)
        part = store.part(one.id)
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        await hub.footage.received(one.id)
        for name in ("list", "same"):
            monkeypatch.setattr(store, name, away(name, getattr(store, name)))
        work = asyncio.create_task(hub.footage.run())
        async with asyncio.timeout(30):
            while store.get(one.id).state is State.RECEIVED:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.02)
        assert store.get(one.id).state is State.RECORDED
        work.cancel()
        await asyncio.wait([work])


async def test_two_pieces_add_up_and_a_piece_alone_is_no_whole(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        middle = BREAK[0] + 5 * S
        first_us = card(tmp_path / "a.mp4", BREAK[0] - 3 * S, middle)
        one = await hub.bring(tmp_path / "a.mp4", claimed_us=first_us, clock_us=0)
        assert one.state is State.RECORDED
        assert not one.result["fills"][0]["whole"]
        second_us = card(tmp_path / "b.mp4", middle, BREAK[1] + 3 * S)
        two = await hub.bring(tmp_path / "b.mp4", claimed_us=second_us, clock_us=0)
        assert two.result["fills"][0]["whole"]
        again = await hub.bring(tmp_path / "a.mp4", claimed_us=first_us, clock_us=0)
        assert (again.state, again.code) == (State.DUPLICATE, "known")
    assert hub.verify().completeness is Completeness.BACKFILLED


async def test_half_of_a_break_is_no_backfilled_break(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "a.mp4", BREAK[0] - 3 * S, BREAK[0] + 5 * S)
        await hub.bring(tmp_path / "a.mp4", claimed_us=first_us, clock_us=0)
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.DECLARED)


async def test_a_claim_that_the_pictures_contradict_is_kept_apart_and_can_be_assigned(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 3 * S, BREAK[1] + 3 * S)
        lie = await hub.bring(tmp_path / "card.mp4", claimed_us=first_us + 3600 * S)
        assert (lie.state, lie.code) == (State.APART, "contradicted"), lie
        assert (hub.data / "apart" / lie.sha256).exists()
        assert (hub.data / "apart" / f"{lie.sha256}.json").exists()
        assert hub.ledger.reader.backfilled("rec", T0, BREAK[1]) == []
        await hub.footage.assign(lie.id, "rec", None, "someone")
        done = await hub.look(lie.id)
        assert (done.state, done.result["fills"][0]["whole"]) == (State.RECORDED, True)
        assert not (hub.data / "apart" / lie.sha256).exists()
    assert hub.verify().completeness is Completeness.BACKFILLED


async def test_what_fits_nowhere_is_kept_apart(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "before.mp4", T0 + S, T0 + 5 * S)
        full = await hub.bring(tmp_path / "before.mp4", claimed_us=first_us, clock_us=0)
        assert (full.state, full.code) == (State.APART, "no_interruption")
        strange = card(tmp_path / "other.mp4", T0 - 20 * S, T0 - 12 * S)
        other = await hub.bring(tmp_path / "other.mp4", claimed_us=strange, clock_us=0)
        assert (other.state, other.code) == (State.APART, "no_interruption")
        silent = await hub.bring(tmp_path / "other.mp4")
        assert silent.state is State.DUPLICATE
    assert hub.verify().completeness is Completeness.DECLARED


@pytest.mark.parametrize(("container", "name"), [("matroska", "a.mkv"), ("mpegts", "a.ts"), ("mov", "a.mov")])
async def test_other_containers(tmp_path: Path, container: str, name: str) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 2 * S, BREAK[1] + 2 * S)
        remux(tmp_path / "card.mp4", tmp_path / name, container)
        done = await hub.bring(tmp_path / name, claimed_us=first_us, clock_us=0)
        assert (done.state, done.result["method"]) == (State.RECORDED, "pictures"), done
        assert done.result["fills"][0]["whole"]
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


async def test_pictures_out_of_order(tmp_path: Path) -> None:
    spec = VideoSpec(width=160, height=90, fps=10, gop=10, bitrate=80_000, seconds=60, bframes=2)
    async with room(tmp_path, spec=spec) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 2 * S, BREAK[1] + 2 * S, spec)
        done = await hub.bring(tmp_path / "card.mp4", claimed_us=first_us, clock_us=0)
        assert (done.state, done.result["fills"][0]["whole"]) == (State.RECORDED, True), done
    assert hub.verify().completeness is Completeness.BACKFILLED


async def test_of_a_file_that_was_cut_off_what_can_be_read_is_used(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 2 * S, BREAK[1] + 2 * S)
        remux(tmp_path / "card.mp4", tmp_path / "a.mkv", "matroska")
        data = (tmp_path / "a.mkv").read_bytes()
        (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
        done = await hub.bring(tmp_path / "cut.mkv", claimed_us=first_us, clock_us=0)
        assert done.state is State.RECORDED
        assert not done.result["fills"][0]["whole"]
        assert done.result["fills"][0]["to_us"] - BREAK[0] > 3 * S
    assert hub.verify().exit_code == 0


async def test_broken_and_foreign_files_are_answered_and_kept(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        (tmp_path / "noise.mp4").write_bytes(os.urandom(200_000))
        noise = await hub.bring(tmp_path / "noise.mp4")
        assert (noise.state, noise.code) == (State.APART, "unreadable")
        card(tmp_path / "card.mp4", BREAK[0], BREAK[1])
        (tmp_path / "no-moov.mp4").write_bytes((tmp_path / "card.mp4").read_bytes()[:20_000])
        headless = await hub.bring(tmp_path / "no-moov.mp4")
        assert (headless.state, headless.code) == (State.APART, "unreadable")
        (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:10,\nfile://{tmp_path}/card.mp4\n#EXT-X-ENDLIST\n")
        pointing = await hub.bring(tmp_path / "list.m3u8")
        assert (pointing.state, pointing.code) == (State.APART, "unreadable"), "no file may name another"
        nothing = tmp_path / "empty.mp4"
        nothing.write_bytes(b"")
        assert (await hub.bring(nothing)).state is State.APART
    assert hub.verify().completeness is Completeness.DECLARED


async def test_a_photograph_is_kept_with_its_time_in_the_ledger(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        tiff = b"II*\0\x08\0\0\0\x01\0\x32\x01\x02\0\x14\0\0\0\x1a\0\0\0\0\0\0\0" + b"2026:01:01 00:00:09\0"
        body = b"Exif\0\0" + tiff
        (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + b"\xff\xd9")
        done = await hub.bring(tmp_path / "a.jpg")
        assert done.state is State.ATTACHED
        assert (hub.data / "photos" / done.sha256).read_bytes() == (tmp_path / "a.jpg").read_bytes()
    lines = b"".join(path.read_bytes() for path in (hub.data / "reels" / "rec").glob("*.entries"))
    assert b'"type":"attachment"' in lines
    assert str(T0 + 9 * S).encode() in lines
    assert hub.verify().exit_code == 0


async def test_a_file_that_comes_before_the_break_is_over_waits_for_its_end(tmp_path: Path) -> None:
    async with room(tmp_path, closed=False) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 3 * S, BREAK[1] + 3 * S)
        early = await hub.bring(tmp_path / "card.mp4", claimed_us=first_us, clock_us=0)
        assert (early.state, early.code) == (State.WAITING, "still_open")
        close_cut(hub.ledger)
        await hub.ledger.committed()
        while hub.footage.store.get(early.id).state is State.WAITING:
            await hub.clock.sleep(0)
            await hub.ledger.committed()
        done = await hub.look(early.id)
        assert (done.state, done.result["fills"][0]["whole"]) == (State.RECORDED, True)
    assert hub.verify().completeness is Completeness.BACKFILLED


async def test_a_backfill_that_cites_no_interruption_is_found(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        body = {
            "fills": "ab" * 32, "interruption": "cut-1", "from_us": BREAK[0], "to_us": BREAK[1], "whole": True,
            "run": 99, "file_sha256": "cd" * 32, "size": 1, "claimed_from_us": 0, "offset_us": 0, "edge_error_us": 0,
            "method": "claimed",
        }  # fmt: skip
        hub.ledger.append("rec", EntryType.BACKFILL, body)
    verdict = hub.verify()
    assert verdict.exit_code == 1
    assert "opened the interruption" in verdict.findings[0].expected


async def test_a_backfill_without_its_footage_is_found(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        body = {
            "fills": hub.ledger.reader.opened("cut-1"), "interruption": "cut-1", "from_us": BREAK[0],
            "to_us": BREAK[1], "whole": True, "run": 99, "file_sha256": "cd" * 32, "size": 1, "claimed_from_us": 0,
            "offset_us": 0, "edge_error_us": 0, "method": "claimed",
        }  # fmt: skip
        hub.ledger.append("rec", EntryType.BACKFILL, body)
    verdict = hub.verify()
    assert (verdict.exit_code, verdict.completeness) == (1, Completeness.DECLARED)


async def test_a_file_is_known_by_its_digest_however_many_there_are(tmp_path: Path) -> None:
    async with room(tmp_path, fresh=False) as hub:
        old = await hub.footage.create("rec", 1, by="a dock", name="old")
        rows = [replace(old, id=f"{n:032x}", sha256=f"{n:064x}", created_us=T0 + n) for n in range(1, 1500)]
        with hub.engine.begin() as connection:
            connection.execute(insert(files), [_row(replace(one, state=State.RECORDED)) for one in rows])
        assert len(hub.footage.store.list()) == 1000
        (first,) = hub.footage.store.list(stream="rec", sha256=f"{1:064x}")
        assert first.id == f"{1:032x}"
        assert hub.footage.store.list(stream="other", sha256=f"{1:064x}") == []


async def test_a_file_for_which_there_is_no_room_is_refused_before_and_while_it_comes(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        free = shutil.disk_usage(hub.data).free
        limits = hub.settings.model_copy(update={"upload_max_gb": 1e6, "min_free_mb": 1 << 10, "min_free_percent": 0})
        hub.footage.store._settings = hub.footage._settings = limits
        with pytest.raises(Unavailable) as refused:
            await hub.footage.create("rec", free // 2, by="device:rec")
        assert refused.value.code == "no_space"
        assert hub.footage.store.list() == []
        one = await hub.footage.create("rec", 100 << 20, by="device:rec")
        hub.footage.store._settings = limits.model_copy(update={"min_free_mb": (free >> 20) + (1 << 10)})
        with pytest.raises(Unavailable) as full:
            await hub.footage.receiver.write(one, 0, _Endless())
        assert full.value.code == "no_space"
        assert 0 < hub.footage.store.received(one.id) <= 17 << 20, "what came stays, to go on with when there is room"


class _Endless:
    async def read(self, n: int = -1) -> bytes:
        return bytes(n)


def test_the_scene_does_not_repeat_within_the_tests() -> None:
    assert SPEC.seconds * S > BREAK[1] + 6 * S - T0
