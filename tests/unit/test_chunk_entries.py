"""GET /api/streams/{id}/chunks over a real ledger: entries as their files hold them, and the proof of each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from hub.ledger.declared import Declared
from hub.ledger.entries import leaf_hash, read_entry
from hub.model import StreamKind
from tests.api_support import FakeReader, running_hub
from tests.footage_support import BREAK, END, T0, S, room


async def _declared(root: Path, limit: int = 100) -> tuple[list[Declared], Path]:
    async with room(root) as one:
        data = one.data
        return one.ledger.reader.declared("rec", T0, END, limit), data


async def test_each_chunk_comes_with_the_entry_that_its_bytes_and_its_leaf_follow_from(tmp_path: Path) -> None:
    found, data = await _declared(tmp_path)
    assert len(found) > 3
    for one in found:
        assert leaf_hash(one.line).hex() == one.leaf
        entry = read_entry(one.line)
        assert (entry.seq, entry.body["sha256"], entry.body["offset"]) == (one.seq, one.chunk.sha256, one.chunk.offset)
        with (data / one.chunk.reel).open("rb") as reel:
            reel.seek(one.chunk.offset)
            assert hashlib.sha256(reel.read(one.chunk.size)).hexdigest() == entry.body["sha256"]
    leaves = b"".join(path.read_bytes() for path in data.glob("log/*/leaves"))
    assert all(leaves[32 * (one.index or 0) :][:32].hex() == one.leaf for one in found)


async def test_a_line_that_was_altered_or_is_gone_is_told_as_it_is(tmp_path: Path) -> None:
    async with room(tmp_path) as one:
        first = one.ledger.reader.declared("rec", T0, END, 1)[0]
        path = one.data / f"{first.chunk.reel}.entries"
        path.write_bytes(path.read_bytes().replace(first.chunk.sha256.encode(), b"0" * 64, 1))
        altered = one.ledger.reader.declared("rec", T0, END, 1)[0]
        assert leaf_hash(altered.line).hex() != altered.leaf == first.leaf
        path.unlink()
        gone = one.ledger.reader.declared("rec", T0, END, 1)[0]
        # an entry whose file was not flushed yet is kept in the database, byte for byte
        assert gone.line in (b"", first.line)


async def test_over_http_by_pages(tmp_path: Path) -> None:
    found, _ = await _declared(tmp_path / "ledger")
    (tmp_path / "hub").mkdir()
    async with running_hub(tmp_path / "hub") as hub:
        await hub.services.registry.add("rec", "rec", StreamKind.RECORDER, "whip")
        reader = hub.services.reader
        assert isinstance(reader, FakeReader)
        reader.sealed = [one.chunk for one in found]
        period = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z"
        async with hub.program.get(f"/api/streams/rec/chunks?{period}") as answer:
            told = await answer.json()
        assert (answer.status, told["next"], len(told["chunks"])) == (200, None, len(found))
        assert told["chunks"][0]["reel"].count("/") == 1
        assert json.loads(told["chunks"][0]["entry"]) == {}
        async with hub.program.get(f"/api/streams/rec/chunks?{period}&limit=2") as answer:
            assert (await answer.json())["next"] is not None
        for begin, end in (("01", "09"), ("02", "01")):
            bad = f"from=2026-01-{begin}T00:00:00Z&to=2026-01-{end}T00:00:00Z"
            async with hub.program.get(f"/api/streams/rec/chunks?{bad}") as answer:
                assert answer.status == 400


@pytest.mark.parametrize("at_us", [BREAK[0] + S])
async def test_nothing_is_declared_within_a_break(tmp_path: Path, at_us: int) -> None:
    async with room(tmp_path) as one:
        assert one.ledger.reader.declared("rec", at_us, at_us + S, 10) == []
