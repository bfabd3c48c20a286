"""``make bundle``: everything that a machine without a network needs to install the hub, as one tar an architecture.

    python deploy/bundle/make.py OUT [--python 3.11 …] [--arch x86_64 …] [--constraints FILE]

Needs the package registry that pip is set up for. What it makes: ``OUT/recorder-hub-VERSION-linux-ARCH/`` with the
hub's wheel (the page inside), the wheels of all it needs for each Python, pip itself (Debian's ``venv`` has none),
``install.sh``, the systemd units, ``constraints.txt``, ``LICENCES.tsv`` and ``SHA256SUMS``; and a tar of it.
The versions are settled once, for the oldest Python; an earlier bundle's ``constraints.txt`` gives the same again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from licences import licence_table  # beside this file
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHS = ("x86_64", "aarch64")
GLIBC = (34, 28, 27, 26, 24, 17, 12, 5)
"""Minor versions of glibc 2 that wheels may be built for; Debian 12 has 36, Ubuntu 22.04 has 35."""
OLD_TAGS = ("manylinux2014", "manylinux2010", "manylinux1")


Metadata = Mapping[str, Any]
"""Of a package, as pip reports it."""


class Failed(Exception):
    """One line that says what is missing."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--python", nargs="+", default=PYTHONS, metavar="3.11", help="Pythons that it installs on")
    parser.add_argument("--arch", nargs="+", default=ARCHS, choices=ARCHS)
    parser.add_argument("--constraints", type=Path, help="versions of an earlier bundle")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="recorder-hub-bundle.") as work:
            make(options, Path(work))
    except Failed as failed:
        print(f"make bundle: {failed}", file=sys.stderr)
        return 1
    return 0


def make(options: argparse.Namespace, work: Path) -> None:
    wheel = build_wheel(work)
    version = wheel.name.split("-")[1]
    constraints = options.constraints or settle(wheel, options.python, work)
    for arch in options.arch:
        folder = options.out / f"recorder-hub-{version}-linux-{arch}"
        shutil.rmtree(folder, ignore_errors=True)
        wheels = folder / "wheels"
        wheels.mkdir(parents=True)
        shutil.copy(wheel, wheels)
        shutil.copy(constraints, folder / "constraints.txt")
        pip("download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels), "pip>=25")
        for python in options.python:
            print(f"wheels for Python {python} on {arch}", flush=True)
            fetch(python, arch, constraints, wheels)
        fill(folder, version, options.python, arch)
        print(f"{pack(folder)}: {sum(1 for _ in wheels.iterdir())} wheels", flush=True)


def build_wheel(work: Path) -> Path:
    """The hub's own wheel, with the page that `make` has built."""
    if not (ROOT / "hub" / "api" / "page" / "index.html").exists():
        raise Failed("expected the built page in hub/api/page, found none: run `make page` first")
    environ = {**os.environ, "PAGE_IS_BUILT": "1"}
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(work), str(ROOT), environ=environ)
    return next(work.glob("recorder_hub-*.whl"))


def settle(wheel: Path, pythons: Sequence[str], work: Path) -> Path:
    """One version of each package, the newest that the oldest Python can have; newer Pythons can have it as well."""
    report, path = work / "report.json", work / "constraints.txt"
    wanted = [str(wheel)]
    while True:
        pip(
            "install", "--quiet", "--dry-run", "--ignore-installed", "--target", str(work / "none"),
            "--report", str(report), *foreign(pythons[0], "x86_64"), *wanted,
        )  # fmt: skip
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
        overlooked = sorted(asked_elsewhere(found, pythons))
        if not overlooked:
            break
        wanted += overlooked
    lines = sorted(f"{one['name']}=={one['version']}" for one in found if one["name"] != "recorder-hub")
    path.write_text("\n".join(lines) + "\n")
    return path


def asked_elsewhere(found: Sequence[Metadata], pythons: Sequence[str]) -> Iterator[str]:
    """What packages ask for on some machine that the bundle is for, and is not among them.

    pip answers conditions for the Python that it runs on, whatever it is told to fetch for: made with 3.11.7, a bundle
    would lack what 3.11.2 (Debian 12) needs.
    """
    here = {canonicalize_name(one["name"]) for one in found}
    machines = [
        {"python_version": python, "python_full_version": f"{python}.0", "platform_machine": arch, "extra": ""}
        for python in pythons
        for arch in ARCHS
    ]
    for text in {text for one in found for text in one.get("requires_dist", ())}:
        asked = Requirement(text)
        if canonicalize_name(asked.name) in here or asked.marker is None:
            continue
        if any(asked.marker.evaluate(machine) for machine in machines):
            yield f"{asked.name}{asked.specifier}"


def foreign(python: str, arch: str) -> list[str]:
    """pip's words for another machine: this Python, this processor, any glibc up to the newest of GLIBC."""
    tags = [f"manylinux_2_{minor}_{arch}" for minor in GLIBC] + [f"{old}_{arch}" for old in OLD_TAGS]
    words = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    return words + [word for tag in tags for word in ("--platform", tag)]


def fetch(python: str, arch: str, constraints: Path, wheels: Path) -> None:
    # each by its pin: to ask for the hub alone would leave out what only other machines need
    words = ("--no-deps", "--requirement", str(constraints), "--dest", str(wheels))
    try:
        pip("download", "--quiet", *foreign(python, arch), *words)
    except subprocess.CalledProcessError as error:
        raise Failed(f"a package has no wheel for Python {python} on {arch}; pip's own words are above") from error


def fill(folder: Path, version: str, pythons: Sequence[str], arch: str) -> None:
    for name in ("install.sh", "README.txt"):
        text = (ROOT / "deploy" / "bundle" / name).read_text(encoding="utf-8")
        for word, value in {"@VERSION@": version, "@PYTHONS@": " ".join(pythons), "@ARCH@": arch}.items():
            text = text.replace(word, value)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "install.sh").chmod(0o755)
    shutil.copytree(ROOT / "deploy" / "systemd", folder / "systemd")
    shutil.copy(ROOT / "LICENSE", folder)
    (folder / "LICENCES.tsv").write_text(licence_table(folder / "wheels", ROOT / "web"), encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = (f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    text = "".join(sums)
    (folder / "SHA256SUMS").write_text(text)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(folder: Path) -> Path:
    """The folder as a tar that is the same for the same files: no times, no owners."""
    target = folder.with_name(folder.name + ".tar")

    def plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
        item.mtime = item.uid = item.gid = 0
        item.uname = item.gname = "root"
        item.mode = 0o755 if item.isdir() or item.name.endswith(".sh") else 0o644
        return item

    with tarfile.open(target, "w") as tar:  # wheels are packed already
        tar.add(folder, folder.name, recursive=False, filter=plain)
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", recursive=False, filter=plain)
    return target


def pip(*words: str, environ: dict[str, str] | None = None) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True, env=environ)


if __name__ == "__main__":
    sys.exit(main())
