"""The docs rule: what a user may set or run is written down where a user looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert Settings.model_fields[name].description, f"{name} has no description"
    assert f"`{PREFIX}{name.upper()}`" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "design").glob("*.md")), ids=lambda path: path.name)
def test_every_design_page_has_a_status(path: Path) -> None:
    assert re.search(r"^Status: ", path.read_text(encoding="utf-8"), re.MULTILINE), f"{path.name} has no 'Status:' line"


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readmes_name_the_commands(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    for command in ("make run", "make test", "make check", "hub serve", "hub verify"):
        assert command in text, f"{readme} does not name `{command}`"


def test_no_long_files() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "hub").rglob("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 520
    }
    assert not long, f"over 520 lines, give each a second room: {long}"
