"""The logic of install.sh, with a bundle of one small wheel. The real one: ``make test-bundle``."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "bundle" / "install.sh"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def pip_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pip that runs here, as a zip that Python imports from, like a wheel."""
    path = tmp_path_factory.mktemp("pip") / "pip-99-py3-none-any.whl"
    package = Path(pip.__file__).parent
    with zipfile.ZipFile(path, "w") as wheel:
        for file in package.rglob("*"):
            if file.suffix != ".pyc" and file.is_file():
                wheel.write(file, f"pip/{file.relative_to(package)}")
    return path


def make(folder: Path, pip_wheel: Path, version: str, **replaced: str) -> Path:
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    (wheels / pip_wheel.name).write_bytes(pip_wheel.read_bytes())
    info = f"recorder_hub-{version}.dist-info"
    with zipfile.ZipFile(wheels / f"recorder_hub-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small_hub.py", f"def main():\n    print('{version}')\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: recorder-hub\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nhub = small_hub:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    text = SCRIPT.read_text(encoding="utf-8")
    words = {"@VERSION@": version, "@PYTHONS@": PYTHON, "@ARCH@": platform.machine(), **replaced}
    for word, value in words.items():
        text = text.replace(word, value)
    (folder / "install.sh").write_text(text, encoding="utf-8")
    for name in ("constraints.txt", "LICENCES.tsv"):
        (folder / name).write_text("")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}" for path in files]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return folder


def install(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(folder / "install.sh"), "--python", sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def version_of(prefix: Path) -> str:
    return subprocess.run([prefix / "current/bin/hub"], capture_output=True, text=True, check=True).stdout.strip()


def test_installs_upgrades_and_keeps_the_one_before(tmp_path: Path, pip_wheel: Path) -> None:
    prefix = tmp_path / "opt"
    first = make(tmp_path / "one", pip_wheel, "1.0")
    done = install(first, "--prefix", prefix)
    assert (done.returncode, done.stderr) == (0, "")
    assert version_of(prefix) == "1.0"
    again = install(first, "--prefix", prefix)  # nothing more to do
    assert again.returncode == 0
    assert len(list((prefix / "releases").iterdir())) == 1

    assert install(make(tmp_path / "two", pip_wheel, "1.1"), "--prefix", prefix).returncode == 0
    assert version_of(prefix) == "1.1"
    assert install(first, "--prefix", prefix).returncode == 0, "the way back"
    assert version_of(prefix) == "1.0"
    assert len(list((prefix / "releases").iterdir())) == 2


def test_one_that_was_cut_off_is_made_again(tmp_path: Path, pip_wheel: Path) -> None:
    prefix, folder = tmp_path / "opt", make(tmp_path / "one", pip_wheel, "1.0")
    assert install(folder, "--prefix", prefix).returncode == 0
    (release,) = (prefix / "releases").iterdir()
    (release / "complete").unlink()
    (release / "bin" / "hub").write_text("half")
    assert install(folder, "--prefix", prefix).returncode == 0
    assert version_of(prefix) == "1.0"


@pytest.mark.parametrize(
    ("replaced", "words", "expected"),
    [
        ({"@ARCH@": "vax"}, (), "this bundle is for vax"),
        ({"@PYTHONS@": "2.7"}, (), "is none of Python 2.7"),
        ({}, ("--prefx",), "unknown option --prefx"),
        ({}, ("--prefix",), "--prefix needs a folder"),
    ],
)
def test_refused(
    replaced: dict[str, str], words: tuple[str, ...], expected: str, tmp_path: Path, pip_wheel: Path
) -> None:
    folder, prefix = make(tmp_path / "one", pip_wheel, "1.0", **replaced), tmp_path / "opt"
    done = install(folder, "--prefix", prefix, *words)
    assert done.returncode == 2
    assert expected in done.stderr
    assert not prefix.exists()


def test_a_damaged_file_is_found_before_anything_is_done(tmp_path: Path, pip_wheel: Path) -> None:
    folder = make(tmp_path / "one", pip_wheel, "1.0")
    (folder / "constraints.txt").write_text("recorder-hub==0.1\n")
    done = install(folder, "--prefix", tmp_path / "opt")
    assert done.returncode == 2
    assert "constraints.txt" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_what_pip_cannot_install_changes_nothing(tmp_path: Path, pip_wheel: Path) -> None:
    prefix = tmp_path / "opt"
    assert install(make(tmp_path / "one", pip_wheel, "1.0"), "--prefix", prefix).returncode == 0
    broken = make(tmp_path / "two", pip_wheel, "1.1", **{"recorder-hub==$version": "recorder-hub==9"})
    assert install(broken, "--prefix", prefix).returncode == 2
    assert version_of(prefix) == "1.0"


def test_shell_is_plain(tmp_path: Path) -> None:
    """dash reads it; so does any /bin/sh."""
    assert subprocess.run(["sh", "-n", SCRIPT], check=False).returncode == 0
