"""The verifier as one file: the same bytes each time, and it runs where there is no hub."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cryptography
import pytest

from hub.__main__ import main
from hub.commands import verifier
from hub.errors import HubError
from tests.ledger_folder import Folder, build, flip

RUN = (
    "import runpy, sys; sys.path.append(sys.argv[1]); del sys.argv[:2]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "hub-verify.pyz"
    assert main(["verifier", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{verifier.hashlib.sha256(path.read_bytes()).hexdigest()}  ")
    return path


def alone(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it with Python's own library, cryptography and cffi, and nothing else."""
    site = program.parent / "site"
    site.mkdir(exist_ok=True)
    packages = Path(cryptography.__file__).parents[1]
    for package in (packages / "cryptography", packages / "cffi", *packages.glob("_cffi_backend*")):
        if not (site / package.name).exists():
            (site / package.name).symlink_to(package)
    command = [sys.executable, "-I", "-S", "-c", RUN, str(site), str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=program.parent)


async def test_runs_where_there_is_no_hub(tmp_path: Path, program: Path) -> None:
    folder: Folder = await build(tmp_path / "made")
    done = alone(program, folder.data, "--key", (folder.log / "vkey").read_text().strip(), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["chunks"] == 12
    reel = folder.reels("cam-a")[1]
    flip(reel, 4000)
    done = alone(program, folder.data, "--lang", "zh")
    assert done.returncode == 1, done.stderr
    assert f"首个问题位于 {folder.name(reel)} bytes 3116-6132" in done.stdout
    assert alone(program, tmp_path / "nothing").returncode == 2


def test_the_same_source_gives_the_same_bytes(program: Path) -> None:
    assert program.read_bytes() == verifier.archive()
    with zipfile.ZipFile(program) as archive:
        names = archive.namelist()
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
    assert "hub/ledger/verify/run.py" in names
    assert not [name for name in names if "/api/" in name or "settings" in name]


def test_what_needs_more_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HubError, match=r"cryptography and rfc3161_client; hub\.\S+ needs \w+"):
        verifier.closure("hub.ledger.ledger")
