"""What a test's processes logged, told with its failure: one that comes once in twenty runs is read the first time.

Their log files lie in the tests' temporary folders, and are gone when somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

LAST, LOUD = 25, 25
"""So many last lines of each process, and before them so many that are warnings or worse."""
LINE = 600
"""Characters of each."""
_LOUD = re.compile(r'"level": "(warning|error|critical)"|Traceback|Error\b')
_FOLDERS: pytest.StashKey[list[Path]] = pytest.StashKey()
_BEGAN: pytest.StashKey[Mapping[Path, int]] = pytest.StashKey()


def told_of(config: pytest.Config, folder: Path) -> None:
    """Processes that outlive a test log there, into files that are there or still come."""
    config.stash.setdefault(_FOLDERS, []).append(folder)


def begins(item: pytest.Item) -> None:
    """What was logged so far is of tests before this one."""
    item.stash[_BEGAN] = {path: path.stat().st_size for path in _logs(item)}


def sections(item: pytest.Item) -> list[tuple[str, str]]:
    began = item.stash.get(_BEGAN, {})
    return [(f"log of {path.stem}", told(path, began.get(path, 0))) for path in _logs(item)]


def told(path: Path, offset: int) -> str:
    """From there on: the loud lines, and the last ones."""
    with path.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").splitlines()
    last, earlier = lines[-LAST:], lines[:-LAST]
    loud = [line for line in earlier if _LOUD.search(line)][-LOUD:]
    left_out = [f"… {len(earlier) - len(loud)} other lines …"] if len(earlier) > len(loud) else []
    return "\n".join(line[:LINE] for line in (*loud, *left_out, *last))


def _logs(item: pytest.Item) -> list[Path]:
    """Of the session's processes, and of the test's own."""
    own = getattr(item, "funcargs", {}).get("tmp_path")
    folders = [*item.config.stash.get(_FOLDERS, []), *([own] if own is not None else [])]
    return sorted(path for folder in folders for path in folder.glob("*.log"))
