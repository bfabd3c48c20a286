"""The docs rule: what a user may set or run is written down where a user looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.cluster_settings import ClusterSettings
from hub.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[2]


def settings_table() -> str:
    """The table of docs/settings.md, as hub/settings.py describes it. When this test fails, paste what it shows."""
    rows = ["| environment | in `hub.toml` | default | what it does |", "| --- | --- | --- | --- |"]
    for name in sorted(Settings.model_fields, key=lambda name: name in ClusterSettings.model_fields):
        field = Settings.model_fields[name]
        assert field.description, f"{name} has no description"
        rows.append(f"| `{PREFIX}{name.upper()}` | `{name}` | {shown_default(name)} | {field.description} |")
    return "\n".join(rows)


def shown_default(name: str) -> str:
    if name == "keys_dir":
        return "`~/.local/state/recorder-hub/keys`"  # of whoever runs it
    default = Settings.model_fields[name].default
    if default is None:
        return "not set"
    if isinstance(default, tuple) and default:
        return f"`{','.join(default)}`"
    return (
        f"`{str(default).lower() if isinstance(default, bool) else default}`"
        if str(default) not in ("", "()")
        else "empty"
    )


def test_every_setting_is_documented_as_it_is() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    written = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    assert written == settings_table()


def test_the_example_is_valid(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "hub.toml").write_text(example, encoding="utf-8")
    assert load_settings(tmp_path / "hub.toml", environ={}).log_format == "json"


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
