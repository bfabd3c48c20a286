"""What a verification tells of deletions that were not lawful, and of what only looks like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.ledger.entries import EntryType
from hub.ledger.verdict import Completeness, Harm, Integrity, Verdict
from tests.ledger_folder import START_US
from tests.retention_support import Place, running

CLASSES = ("patrol=366..366",)


async def forge(place: Place, **changes: Any) -> dict[str, Any]:
    """A tombstone that no rule asked for, over all reels of cam-a, by whoever holds the hub."""
    rows = place.retained.reels("cam-a", "reels/cam-a/~", "", 100)
    body = {
        "id": "forged", "reels": [one.body() for one in place.retained.described(rows)], "rule": "term",
        "class": "patrol", "kept_days": 366, "approved_by": "rule:term", **changes,
    }  # fmt: skip
    entry = place.ledger.append("cam-a", EntryType.TOMBSTONE, body)
    await place.ledger.committed()
    return {"tombstone": entry.leaf, **body}


async def say_deleted(place: Place, stone: dict[str, Any], signed_size: int | None = None) -> None:
    names = [one["reel"] for one in stone["reels"]]
    if signed_size is None:
        await place.sign()
        signed_size = place.retained.signed_size(place.retained.standing()[0].entry_id) or 0
    for name in names:
        (place.folder.data / name).unlink(missing_ok=True)
    body = {"id": "forged", "tombstone": stone["tombstone"], "reels": names, "absent": [], "kept": []}
    place.ledger.append("cam-a", EntryType.DELETED, {**body, "signed_size": signed_size})
    await place.ledger.committed()


def assert_only(verdict: Verdict, harm: Harm, words: str) -> None:
    assert set(verdict.harms) == {harm}, verdict.findings
    assert verdict.exit_code == 1
    assert words in str(verdict.first), verdict.first


async def test_a_file_that_went_without_a_tombstone_is_missing(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("cam-a", 2)
        (place.folder.data / names[0]).unlink()
    verdict = place.folder.verify()
    assert_only(verdict, Harm.MISSING, names[0])
    assert verdict.integrity is Integrity.MISSING_PARTS


async def test_deleted_before_its_year(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.record("cam-a", 2)
        place.days(300)
        await say_deleted(place, await forge(place))
    assert_only(place.folder.verify(), Harm.UNLAWFUL, "not yet 366 days old")


async def test_a_rule_that_claims_a_shorter_year(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.record("cam-a", 1)
        place.days(40)
        await say_deleted(place, await forge(place, kept_days=30))
    assert_only(place.folder.verify(), Harm.UNLAWFUL, "not yet 366 days old")


async def test_deleted_under_a_hold(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.record("cam-a", 1)
        hold = await place.retention.place_hold("cam-a", START_US, START_US + 1, "assault", "", "ma")
        place.days(400)
        await say_deleted(place, await forge(place))
    assert_only(place.folder.verify(), Harm.UNLAWFUL, hold.id)


async def test_a_held_reel_that_went_while_the_hub_was_stopped(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("cam-a", 1)
        place.days(400)
        await forge(place)
        await place.retention.place_hold("cam-a", START_US, START_US + 1, "assault", "", "ma")
    (place.folder.data / names[0]).unlink()
    assert_only(place.folder.verify(), Harm.UNLAWFUL, "under the hold")


async def test_deleted_while_the_case_is_open(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.record("cam-a", 1)
        await place.retention.classify("cam-a", START_US, START_US + 1, "evidence", "7号", "ma")
        place.days(9000)
        await say_deleted(place, await forge(place))
    assert_only(place.folder.verify(), Harm.UNLAWFUL, "7号")


async def test_deleted_before_the_tombstone_was_signed(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.record("cam-a", 1)
        place.days(400)
        stone = await forge(place)
        await say_deleted(place, stone, signed_size=1)
    assert_only(place.folder.verify(), Harm.UNLAWFUL, "a checkpoint over the tombstone")


async def test_a_tombstone_for_other_bytes_covers_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("cam-a", 1)
        place.days(400)
        rows = place.retained.reels("cam-a", "reels/cam-a/~", "", 100)
        (reel,) = (one.body() for one in place.retained.described(rows))
        await forge(place, reels=[{**reel, "sha256": "0" * 64}])
    (place.folder.data / names[0]).unlink()
    verdict = place.folder.verify()
    assert verdict.harms == {Harm.ALTERED: 1, Harm.MISSING: 1}


async def test_said_to_be_deleted_and_still_there(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=CLASSES) as place:
        names = await place.record("cam-a", 1)
        kept = (place.folder.data / names[0]).read_bytes()
        place.days(400)
        await place.passes()
        (place.folder.data / names[0]).write_bytes(kept)
    assert_only(place.folder.verify(), Harm.UNDECLARED, names[0])


async def test_a_database_made_anew_knows_what_is_deleted_and_held(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=CLASSES) as place:
        await place.record("cam-a", 2)
        hold = await place.retention.place_hold(
            "cam-a", START_US + 7_000_000, START_US + 8_000_000, "refusal", "", "ma"
        )
        place.days(400)
        await place.passes()
        left = place.there("cam-a")
    for path in place.folder.data.glob("hub.db*"):
        path.unlink()
    async with running(tmp_path, clock=place.clock, retention_classes=CLASSES) as place:
        assert [one.reel for one in place.ledger.reader.chunks("cam-a", START_US, START_US + 10**9, 9)] == left * 3
        assert place.retention.hold(hold.id) == hold
        assert place.retained.standing() == []
        await place.passes()
        assert place.there("cam-a") == left
    verdict = place.folder.verify()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.TOMBSTONED), verdict.findings
