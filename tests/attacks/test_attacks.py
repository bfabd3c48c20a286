"""Each attack fails, with the right verdict and the right place, by what docs/design/evidence.md says shows it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from hub.ledger.verdict import Integrity, Provenance, Verdict
from hub.ledger.verify import footage
from tests.attacks.base import Base, make, private_key, verifier_key
from tests.attacks.make import ATTACKS, Attack, main

KEY = str(verifier_key(private_key()))
ELSEWHERE = [name for name, attack in ATTACKS.items() if attack.seen_by == "a head kept elsewhere"]


def check(verdict: Verdict, attack: Attack) -> None:
    first = verdict.first
    assert first is not None, verdict
    assert (first.step, first.harm) == (attack.step, attack.harm), first
    assert re.fullmatch(attack.place, first.place), first
    assert first.expected
    assert first.found
    assert verdict.exit_code == 1
    assert (verdict.integrity, verdict.completeness) == (attack.integrity, attack.completeness)
    assert verdict.provenance is attack.provenance


def test_the_base_is_intact(tmp_path: Path) -> None:
    base = make(tmp_path)
    for verdict in (base.verify(), base.verify(key=KEY, keys_dir=None)):
        assert verdict.exit_code == 0, verdict.findings
        assert verdict.provenance is Provenance.HUB_KEY


@pytest.mark.parametrize("name", ATTACKS)
def test_is_found(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where each chunk is read for itself, by several threads: the same is found, in the same order."""
    attack = ATTACKS[name]
    base = attack.make(tmp_path)
    whole = base.verify()
    check(whole, attack)
    monkeypatch.setattr(footage, "PART", 1)
    parts = base.verify(threads=3)
    assert (parts.findings, parts.counts) == (whole.findings, whole.counts)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in ELSEWHERE])
def test_is_found_by_whoever_has_the_key_alone(tmp_path: Path, name: str) -> None:
    attack = ATTACKS[name]
    check(attack.make(tmp_path).verify(key=KEY, keys_dir=None), attack)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_is_found_by_a_checkpoint_kept_elsewhere_and_by_nothing_else(tmp_path: Path, name: str) -> None:
    """Whoever has the key can make a folder that is good in itself: this is what a head kept elsewhere is for."""
    real = make(tmp_path / "handed out")
    sheet = ("the sheet", real.checkpoint(len(real.entries)))
    attack = ATTACKS[name]
    base: Base = attack.make(tmp_path / "attacked")
    verdict = base.verify(key=KEY, keys_dir=None)
    assert (verdict.exit_code, verdict.integrity) == (0, Integrity.OK)
    verdict = base.verify(key=KEY, keys_dir=None, checkpoints=[sheet])
    check(verdict, attack)
    assert verdict.first is not None
    assert "the sheet" in verdict.first.expected


def test_the_script_makes_the_same_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "one")]) == main([str(tmp_path / "two")]) == 0
    one, two = (_digests(tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert len(set(one.values())) > len(ATTACKS)


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
