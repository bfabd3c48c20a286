"""What is inside a bundle, and under which licence: by the wheels' own metadata and the page's lock file."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

GPL = ("libx264", "libx265")
"""They make the FFmpeg beside them GPL-2.0-or-later as a whole: who hands a bundle on offers its source as well."""
HEAD = "where\tname\tversion\tlicence\tfiles that say it, or libraries inside\n"


def licence_table(wheels: Path, web: Path) -> str:
    """Tab-separated, a line for each package once; of a wheel also the shared libraries that it brings."""
    rows = {row for path in wheels.glob("*.whl") for row in _of_wheel(path)} | set(_of_page(web))
    return HEAD + "".join("\t".join(row) + "\n" for row in sorted(rows))


def _of_wheel(path: Path) -> Iterator[tuple[str, str, str, str, str]]:
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        meta = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        said = HeaderParser().parsestr(wheel.read(meta).decode("utf-8"))
    folder = meta.split("/")[0]
    texts = sorted(
        name.removeprefix(f"{folder}/")
        for name in names
        if name.startswith(folder) and re.search(r"/(licen[sc]e|copying|notice)", name, re.IGNORECASE)
    )
    name, version = str(said["Name"]), str(said["Version"])
    yield "wheel", name, version, _licence(said), " ".join(texts)
    libraries = {re.sub(r"-[0-9a-f]{8,}|\.so.*", "", name.split("/")[-1]) for name in names if ".libs/lib" in name}
    if libraries:
        said_of = "GPL-2.0-or-later" if libraries.intersection(GPL) else "see the package's licence texts"
        yield "inside", name, version, said_of, " ".join(sorted(libraries))


def _licence(said: Message) -> str:
    """The newest field first: an expression, then one line of text, then classifiers."""
    expression = said.get("License-Expression") or ""
    free = (said.get("License") or "").strip()
    classified = [value.split(" :: ")[-1] for value in said.get_all("Classifier", []) if value.startswith("License ::")]
    return expression or (free if 0 < len(free) < 80 and "\n" not in free else "") or "; ".join(classified) or "?"


def _of_page(web: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """What the built page may hold of others: npm packages that are not for development alone."""
    lock = json.loads((web / "package-lock.json").read_text(encoding="utf-8"))
    for place, package in lock["packages"].items():
        if place and not package.get("dev"):
            name = place.rpartition("node_modules/")[2]
            yield "page", name, str(package.get("version", "?")), str(package.get("license", "?")), ""
