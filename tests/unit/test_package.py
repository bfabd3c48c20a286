"""Evidence packages: what is in them, and that they verify by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.ledger.verify import verify_path
from tests.ledger_folder import CHUNK_US, START_US, Folder, build
from tests.package_support import END_US, Unpacked, export


@pytest.fixture
async def folder(tmp_path: Path) -> Folder:
    return await build(tmp_path / "hub")


async def test_a_package_verifies(folder: Folder, tmp_path: Path) -> None:
    result = export(folder, tmp_path / "a.zip")
    key = next(folder.data.glob("log/*/vkey")).read_text().strip()
    verdict = verify_path(tmp_path / "a.zip", key)
    print(verdict)
    print(result.warnings)
    from hub.ledger.verify.report import to_text
    print(to_text(verdict))
    assert verdict.exit_code == 0
    assert verdict.provenance == "hub_key"
    print(list(Unpacked.of(tmp_path / "a.zip").files))
