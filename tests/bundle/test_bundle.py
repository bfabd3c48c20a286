"""The bundle installs and runs where there is no network; for the other processor pip finds everything in it."""

from __future__ import annotations

import csv
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

BUNDLES = Path(os.environ["BUNDLES"]).resolve()
ALONE = ("unshare", "--net", "sh", "-c")
"""A network namespace of its own: no interface but a loopback that is down."""
GLIBC = [f"manylinux_2_{minor}" for minor in (34, 28, 27, 26, 24, 17, 12, 5)] + ["manylinux2014", "manylinux1"]

PYTHONS = sorted({sys.executable, *(one for one in ("/usr/bin/python3",) if Path(one).exists())})
"""The machine's own differs by its patch release, perhaps, from the one that made the bundle."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


def bundle(arch: str, folder: Path) -> Path:
    (path,) = BUNDLES.glob(f"recorder-hub-*-linux-{arch}.tar")
    with tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")
    return folder / path.stem


@needs_root
@pytest.mark.parametrize("python", PYTHONS)
def test_installs_and_serves_without_a_network(tmp_path: Path, python: str) -> None:
    inside = bundle(platform.machine(), tmp_path)
    script = f"""
        set -eu
        cd {tmp_path}
        test "$(ls /sys/class/net 2>/dev/null | grep -vx lo | wc -l)" = 0 || mount -t sysfs none /sys
        {inside}/install.sh --prefix {tmp_path}/opt --python {python}
        hub={tmp_path}/opt/current/bin/hub
        $hub --version
        ip link set lo up
        HUB_KEYS_DIR={tmp_path}/keys $hub serve --data {tmp_path}/data --listen 127.0.0.1:8080 > log 2>&1 &
        pid=$!
        {sys.executable} - <<'END'
import time, urllib.request
for attempt in range(300):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8080/").read().decode())
        break
    except OSError:
        time.sleep(0.2)
END
        kill $pid
        wait $pid
        echo "ended in order"
        $hub verify {tmp_path}/data
    """
    done = subprocess.run([*ALONE, script], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^installed \d+\.\d+", done.stdout, re.MULTILINE)
    assert '<div id="app">' in done.stdout, "the page"
    assert "ended in order" in done.stdout


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_everything_is_there_for_each_python(arch: str, tmp_path: Path) -> None:
    inside = bundle(arch, tmp_path)
    version = inside.name.split("-")[2]
    pythons = re.search(r'^pythons="(.+)"$', (inside / "install.sh").read_text(), re.MULTILINE)
    assert pythons is not None
    for python in pythons[1].split():
        words = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp", "--ignore-installed"]
        words += [word for tag in GLIBC for word in ("--platform", f"{tag}_{arch}")]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-index", "--no-cache-dir"]
        command += ["--find-links", str(inside / "wheels"), "--constraint", str(inside / "constraints.txt")]
        command += [*words, "--target", str(tmp_path / "none"), f"recorder-hub=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"Python {python} on {arch}: {done.stderr}"


def test_a_licence_is_known_of_everything_inside(tmp_path: Path) -> None:
    inside = bundle(platform.machine(), tmp_path)
    with (inside / "LICENCES.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wheels = {re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() for path in (inside / "wheels").iterdir()}
    told = {re.sub(r"[-_.]+", "-", row["name"]).lower() for row in rows if row["where"] == "wheel"}
    assert wheels == told
    assert not [row["name"] for row in rows if row["where"] == "wheel" and row["licence"] == "?"]


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    inside = bundle(platform.machine(), tmp_path)
    wheel = next((inside / "wheels").glob("recorder_hub-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1])
    done = subprocess.run(
        [inside / "install.sh", "--prefix", tmp_path / "opt"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert "copy the bundle again" in done.stderr
    assert not (tmp_path / "opt").exists()
    shutil.rmtree(inside)
