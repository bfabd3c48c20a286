"""What a bundle must bring for machines that differ from the one that makes it (deploy/bundle/make.py)."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy" / "bundle"


@pytest.mark.parametrize(
    ("asked", "brought"),
    [
        ('async-timeout>=4.0.3; python_full_version < "3.11.3"', ["async-timeout>=4.0.3"]),  # Debian 12 has 3.11.2
        ('tomli; python_version < "3.11"', []),  # older than any that it is for
        ('only-arm; platform_machine == "aarch64"', ["only-arm"]),
        ('hiredis>=3; extra == "hiredis"', []),
        ('Brought_Already; python_full_version < "3.11.3"', []),
        ("always", []),  # pip itself sees to it
    ],
)
def test_what_packages_ask_for_elsewhere(asked: str, brought: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEPLOY))
    make = importlib.import_module("make")
    found = [{"name": "redis", "requires_dist": [asked]}, {"name": "brought-already"}]
    assert list(make.asked_elsewhere(found, ["3.11", "3.12"])) == brought
