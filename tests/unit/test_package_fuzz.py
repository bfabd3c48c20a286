"""Packages and manifests with random damage: never "ok" where the content is another one, never an exception."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.ledger.entries import canonical
from hub.ledger.package.format import MANIFEST, BadPackage, Manifest, manifest_bytes, read_manifest
from hub.ledger.verify import verify_path
from tests.ledger_folder import build
from tests.package_support import Unpacked, export

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("package")
    folder = asyncio.run(build(root / "hub", streams=("cam-a",), reels=2, chunks=1))
    export(folder, root / "good.zip")
    return root / "good.zip"


@pytest.fixture(scope="module")
def content(good: Path) -> dict[str, bytes]:
    return Unpacked.of(good).files


@QUICK
@given(data=st.data())
def test_bytes_of_the_zip_changed(good: Path, content: dict[str, bytes], data: st.DataObject) -> None:
    raw = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        # the directory and small files are as likely as the report, which is most of the zip
        place = data.draw(st.one_of(st.integers(0, len(raw) - 1), st.integers(max(0, len(raw) - 4000), len(raw) - 1)))
        kind = data.draw(st.sampled_from(["set", "delete", "insert"]))
        if kind == "set":
            raw[place] = data.draw(st.integers(0, 255))
        elif kind == "delete":
            del raw[place : place + data.draw(st.integers(1, 40))]
        else:
            raw[place:place] = data.draw(st.binary(min_size=1, max_size=40))
    path = good.with_name("bad.zip")
    path.write_bytes(raw)
    if verify_path(path).exit_code == 0:
        assert Unpacked.of(path).files == content, "found ok, and yet the content is another one"


@QUICK
@given(data=st.data())
def test_bytes_of_a_file_changed(good: Path, content: dict[str, bytes], data: st.DataObject) -> None:
    """Packed again in good form, with the manifest in step: the entries and their proofs decide."""
    bound = [name for name in content if name.split("/")[0] in ("entries", "media", "proofs", "log")]
    name = data.draw(st.sampled_from(bound))
    body = bytearray(content[name])
    if body:
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] ^= data.draw(st.integers(1, 255))
    else:
        body = bytearray(b"\n")
    package = Unpacked(dict(content))
    package.files[name] = bytes(body)
    package.relist()
    # a key list that was changed still names the log: the right key comes by another way
    key = content[next(one for one in content if one.endswith("/vkeys"))].decode().splitlines()[0]
    verdict = verify_path(package.write(good.with_name("bad.zip")), key)
    assert verdict.exit_code != 0 or name.endswith("/vkeys"), name


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*at, key))
    return found


@QUICK
@given(pick=st.integers(0, 10**6), remove=st.booleans(), new=JSON_VALUES)
def test_a_field_of_the_manifest_changed(
    good: Path, content: dict[str, bytes], pick: int, remove: bool, new: object
) -> None:
    value = json.loads(content[MANIFEST])
    where = (all_places := places(value))[pick % len(all_places)]
    holder = value
    for key in where[:-1]:
        holder = holder[key]
    if remove:
        del holder[where[-1]]
    else:
        holder[where[-1]] = new
    try:
        changed = canonical(value)
    except Exception:
        changed = json.dumps(value).encode()
    package = Unpacked({**content, MANIFEST: changed})
    verdict = verify_path(package.write(good.with_name("bad.zip")))
    # what nothing binds may be any text: who made it, for whom, what for
    free = where[0] in ("export", "derived") or where[:2] in (("stream", "name"), ("range", "asked"))
    free |= where[0] in ("notes", "absent", "unproven") or where[0] == "parts" or value == json.loads(content[MANIFEST])
    free |= where[:1] == ("logs",) and where[-1] in ("authority", "anchors")
    assert verdict.exit_code != 0 or free, where


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), JSON_VALUES.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_as_a_manifest(data: bytes) -> None:
    with pytest.raises(BadPackage):
        read_manifest(data)


def test_a_manifest_reads_back(content: dict[str, bytes]) -> None:
    manifest = read_manifest(content[MANIFEST])
    assert isinstance(manifest, Manifest)
    assert manifest_bytes(manifest) == content[MANIFEST]


def test_the_files_of_a_package_are_listed_in_its_manifest(good: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(good) as archive:
        assert {row.name for row in read_manifest(content[MANIFEST]).files} | {MANIFEST} == set(archive.namelist())
