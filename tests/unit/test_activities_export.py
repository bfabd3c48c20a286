"""``hub export --session``: the activity gives stream, range and notes; what it does not say is named."""

from __future__ import annotations

import asyncio
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.__main__ import main
from hub.activities.drafts import Draft
from tests.activity_support import FULL, S, bench, recorder
from tests.ledger_folder import START_US, Folder, build

AFTER_US = START_US + 3600 * S


async def prepared(root: Path, draft: Draft, *, ended: bool = True) -> str:
    """Footage of a minute of cam-a, and an activity around it."""
    await build(root)
    async with bench(root, at_us=AFTER_US) as b:
        ended_us = START_US + 60 * S if ended else None
        kept = await b.activities.begin(recorder("cam-a"), draft, by="x", at_us=START_US, ended_us=ended_us)
        return kept.activity.id


def export(root: Path, out: Path, *more: str) -> int:
    return main(["export", "--data", str(Folder(root).data), "--out", str(out), "--no-movie", *more])


def manifest(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as package:
        name = next(one for one in package.namelist() if one.endswith("manifest.json"))
        found: dict[str, Any] = json.loads(package.read(name))
        return found


@pytest.fixture(autouse=True)
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_KEYS_DIR", str(Folder(tmp_path / "hub").keys))


def test_the_activity_gives_everything(tmp_path: Path) -> None:
    ident = asyncio.run(prepared(tmp_path / "hub", FULL))
    assert export(tmp_path / "hub", tmp_path / "a.zip", "--session", ident) == 0
    text = json.dumps(manifest(tmp_path / "a.zip"), ensure_ascii=False)
    for word in (
        "路面检查，超限运输，当事人赵六，（2026）冀交执罚字第01234号",
        "某路口",
        "设备编号D-7",
        "张三（执法证号冀A0101）",
    ):
        assert word in text
    assert main(["verify", str(tmp_path / "a.zip")]) == 0


def test_what_is_given_comes_first(tmp_path: Path) -> None:
    ident = asyncio.run(prepared(tmp_path / "hub", FULL))
    assert export(tmp_path / "hub", tmp_path / "a.zip", "--session", ident, "--place", "另一处") == 0
    text = json.dumps(manifest(tmp_path / "a.zip"), ensure_ascii=False)
    assert "另一处" in text
    assert "某路口" not in text


@pytest.mark.parametrize(
    ("draft", "option"),
    [
        (replace(FULL, place=""), "--place (地点)"),
        (replace(FULL, officers=(), recorder=None), "--officer (行政执法人员)"),
        (replace(FULL, matter="", cause="", party="", case_number=""), "--matter (事项)"),
    ],
)
def test_what_the_activity_does_not_say_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], draft: Draft, option: str
) -> None:
    ident = asyncio.run(prepared(tmp_path / "hub", draft))
    assert export(tmp_path / "hub", tmp_path / "a.zip", "--session", ident) == 2
    assert option in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()


def test_another_stream_and_an_open_activity_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ident = asyncio.run(prepared(tmp_path / "hub", FULL, ended=False))
    assert export(tmp_path / "hub", tmp_path / "a.zip", "--session", ident, "--stream", "cam-b") == 2
    assert "cam-a" in capsys.readouterr().err
    assert export(tmp_path / "hub", tmp_path / "a.zip", "--session", ident) == 2
    assert "--to" in capsys.readouterr().err
    assert export(tmp_path / "hub", tmp_path / "a.zip", "--session", ident, "--to", "2026-01-01T00:01:00Z") == 0
    assert export(tmp_path / "hub", tmp_path / "a.zip") == 2
    assert "--stream, --from, --to" in capsys.readouterr().err
