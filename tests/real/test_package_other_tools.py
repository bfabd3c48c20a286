"""What a package proves, checked with none of our code: zipfile, hashlib, pymerkle, Go, openssl, ffmpeg."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree

from hub.anchoring.timestamp import TimestampAuthority, parse_timestamp_authority
from hub.clock import SystemClock
from hub.evidence.package import ExportRequest, write_package
from hub.ledger.anchors.check import Trust
from hub.ledger.bodies import chunk_body, close_body, open_body
from hub.ledger.entries import EntryType
from hub.ledger.ledger import Ledger
from hub.ledger.verdict import TimeSource
from hub.ledger.verify import verify_path
from hub.model import Codec, SessionInfo
from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from tests.anchor_support import FakeWitness, anchoring, checkpointed, trust_in
from tests.evidence_footage import at, decoded_without_a_word, probe
from tests.ledger_folder import Folder, lines, scan_fake
from tests.package_support import NOTES
from tests.real.timestamp_authority import TimestampAuthority as Played
from tests.real.timestamp_authority import make_authority
from tests.segmenter_media import Log, feed, fragments, video

pytestmark = pytest.mark.real
GO = shutil.which("go")
GO_PROGRAM = """
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

func main() {
	vkey, _ := os.ReadFile(os.Args[1])
	signed, _ := os.ReadFile(os.Args[2])
	verifier, err := note.NewVerifier(strings.Split(string(vkey), "\\n")[0])
	if err != nil {
		panic(err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		panic(err)
	}
	fmt.Print(opened.Text)
}
"""


class Now(SystemClock):
    @property
    def utc_us(self) -> int:
        return self.now().utc_us


@dataclass
class Exported:
    folder: Folder
    root: Path
    zip: Path
    played: Played
    trust: Trust
    entries: list[bytes]
    """Of the whole hub, in the order of its log, up to the checkpoint of the package."""

    def file(self, pattern: str) -> Path:
        (found,) = self.root.glob(pattern)
        return found


async def footage(folder: Folder, ledger: Ledger, clock: Now) -> tuple[int, int]:
    """Two runs of real pictures, recorded and entered as the hub does."""
    disk = Disk(folder.data, folder.settings)
    await disk.start()
    log = Log()
    recorder = Recorder("window-01", disk, folder.settings, sealed=log.sealed, failed=log.failed)
    for number, seconds in enumerate((0.0, 4.0), 1):
        units, tracks = at(seconds, video(Codec.H264, seconds=4))
        session = SessionInfo("rtsp", "192.0.2.7", "Camera/1", tuple(tracks), clock.now())
        run = ledger.next_run("window-01")
        ledger.append("window-01", EntryType.OPEN, open_body(session, run))
        recorder.begin(run)
        feed(recorder, fragments(units, *tracks))
        recorder.cut("discontinuity")
        await recorder.close("stop") if number == 2 else await asyncio.sleep(0)
        for chunk in [*log.chunks]:
            ledger.append("window-01", EntryType.CHUNK, chunk_body(chunk))
        done, log.chunks = [*log.chunks], []
        ledger.append("window-01", EntryType.CLOSE, close_body("stop", run=run))
    await disk.close()
    assert not log.failures
    return min(chunk.first_us for chunk in done), max(chunk.end_us for chunk in done)


async def made(root: Path) -> Exported:
    folder, clock = Folder(root / "hub"), Now()
    with make_authority(root / "authority").serving() as played:
        asked = TimestampAuthority(parse_timestamp_authority(f"tsa {played.url} {played.ca}"))
        witness = FakeWitness(clock)  # type: ignore[arg-type]
        ledger = await Ledger.open(folder.settings, clock, scan_fake)
        try:
            from_us, to_us = await footage(folder, ledger, clock)
            await checkpointed(ledger)
            await anchoring(folder.settings, clock, ledger, asked, witness).turn()  # type: ignore[arg-type]
        finally:
            await ledger.close()
        trust = Trust((witness.key,), trust_in(played.ca).roots)
    request = ExportRequest("export-1", "window-01", from_us - 10**7, to_us + 10**7, NOTES, "zhang")
    result = write_package(request, folder.data, root / "a.zip", clock, keys_dir=folder.keys, trust=trust)
    assert result.warnings == ()
    with zipfile.ZipFile(root / "a.zip") as archive:
        archive.extractall(root / "package")
    by_leaf = {
        hashlib.sha256(b"\x00" + line).digest(): line for path in folder.data.rglob("*.entries") for line in lines(path)
    }
    leaves = (folder.log / "leaves").read_bytes()
    order = [by_leaf[leaves[at_ : at_ + 32]] for at_ in range(0, len(leaves), 32)]
    return Exported(folder, root / "package", root / "a.zip", played, trust, order)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return asyncio.run(made(tmp_path_factory.mktemp("package")))


def test_our_own_verdict_has_the_authoritys_time(exported: Exported) -> None:
    verdict = verify_path(exported.zip, next(exported.folder.keys.glob("*/vkey")).read_text(), trust=exported.trust)
    assert (verdict.exit_code, verdict.findings, verdict.unchecked) == (0, [], [])
    assert verdict.time is TimeSource.AUTHORITY
    assert [one.source for one in verdict.anchored] == [TimeSource.AUTHORITY, TimeSource.WITNESS]


def test_the_report_says_how_long_nobody_outside_vouched(exported: Exported) -> None:
    page = (exported.root / "report.html").read_text()
    assert "最长相隔" in page
    assert "没有外部机构为这本台账作证" not in page


def test_every_file_is_the_listed_one(exported: Exported) -> None:
    manifest = json.loads((exported.root / "manifest.json").read_text())
    listed = {row["name"]: (row["size"], row["sha256"]) for row in manifest["files"]}
    there = {
        path.relative_to(exported.root).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in exported.root.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert there == listed


def test_footage_hashes_to_what_the_entries_say(exported: Exported) -> None:
    entries = [json.loads(line) for line in lines(exported.root / "entries/window-01.entries")]
    at_: dict[str, int] = {}
    checked = 0
    for body in (entry["body"] for entry in entries if entry["type"] == "chunk"):
        data = (exported.root / "media" / body["reel"].split("/", 2)[2]).read_bytes()
        start = at_.get(body["reel"], body["init_size"])
        assert hashlib.sha256(data[: body["init_size"]]).hexdigest() == body["init_sha256"]
        assert hashlib.sha256(data[start : start + body["size"]]).hexdigest() == body["sha256"]
        at_[body["reel"]] = start + body["size"]
        checked += 1
    assert checked >= 2
    for reel, end in at_.items():
        assert (exported.root / "media" / reel.split("/", 2)[2]).stat().st_size == end


def test_the_chain_is_unbroken(exported: Exported) -> None:
    before = None
    for line in lines(exported.root / "entries/window-01.entries"):
        assert before is None or json.loads(line)["prev"] == before
        before = hashlib.sha256(b"\x00" + line).hexdigest()


def parts(note: str) -> tuple[str, int, bytes, str]:
    text, _, signatures = note.partition("\n\n")
    origin, size, root = text.split("\n")
    return origin, int(size), base64.b64decode(root), signatures


def test_the_checkpoint_is_signed_by_an_own_check(exported: Exported) -> None:
    """C2SP signed-note in thirty lines of the test."""
    vkey = exported.file("log/*/vkeys").read_text().splitlines()[0]
    name, key_id, coded = vkey.split("+", 2)
    public = base64.b64decode(coded)
    assert public[0] == 1
    assert hashlib.sha256(f"{name}\n".encode() + public).hexdigest()[:8] == key_id
    note = exported.file("log/*/*.checkpoint").read_text()
    origin, _, _, signatures = parts(note)
    assert origin == name
    line = next(line for line in signatures.splitlines() if line.startswith(f"— {name} "))
    blob = base64.b64decode(line.split(" ")[2])
    assert blob[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(blob[4:], (note.partition("\n\n")[0] + "\n").encode())
    assert "— witness.example/w1 " in signatures


def test_pymerkle_finds_the_root_of_the_checkpoint(exported: Exported) -> None:
    _, size, root, _ = parts(exported.file("log/*/*.checkpoint").read_text())
    tree = InmemoryTree(algorithm="sha256")
    for entry in exported.entries[:size]:
        tree.append_entry(entry)
    assert tree.get_root() == root


def test_inclusion_proofs_lead_to_the_root(exported: Exported) -> None:
    """RFC 9162 §2.1.3.2, written down again."""
    entries = {}
    for path in exported.root.glob("entries/*"):
        for line in lines(path):
            value = json.loads(line)
            entries[value["stream"], value["seq"]] = line
    proofs = list(exported.root.glob("proofs/*/*.tlog-proof"))
    assert len(proofs) >= 5
    for path in proofs:
        head, _, note = path.read_text().partition("\n\n")
        magic, index_line, *coded = head.split("\n")
        assert magic == "c2sp.org/tlog-proof@v1"
        _, size, root, _ = parts(note)
        node = hashlib.sha256(b"\x00" + entries[path.parent.name, int(path.name.split(".")[0])]).digest()
        first, last = int(index_line.removeprefix("index ")), size - 1
        for other in map(base64.b64decode, coded):
            if first & 1 or first == last:
                node = hashlib.sha256(b"\x01" + other + node).digest()
                while not first & 1 and first:
                    first, last = first >> 1, last >> 1
            else:
                node = hashlib.sha256(b"\x01" + node + other).digest()
            first, last = first >> 1, last >> 1
        assert (last, node) == (0, root)


def test_openssl_accepts_the_token(exported: Exported) -> None:
    note = exported.file("log/*/*.checkpoint").read_text()
    text = (note.partition("\n\n")[0] + "\n").encode()
    token = exported.file("log/*/*.tst").read_bytes()
    assert exported.played.verifies(text, token)
    assert not exported.played.verifies(text + b"x", token)


def test_ffprobe_and_ffmpeg_play_the_movie_and_each_reel(exported: Exported) -> None:
    movie = probe(exported.root / "movie.mp4")
    assert [one["codec_name"] for one in movie["streams"] if one["codec_type"] == "video"] == ["h264"]
    assert "派生文件" in movie["format"]["tags"]["comment"]
    decoded_without_a_word(exported.root / "movie.mp4")
    for reel in exported.root.glob("media/*/*.mp4"):
        decoded_without_a_word(reel)
    assert (exported.root / "still.jpg").read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.skipif(GO is None, reason="Go is not installed; the checks above need none")
def test_go_opens_the_note(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module check\n\ngo 1.21\n\nrequire golang.org/x/mod v0.21.0\n")
    (tmp_path / "main.go").write_text(GO_PROGRAM)
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    if subprocess.run([str(GO), "mod", "download"], cwd=tmp_path, env=environment, capture_output=True).returncode:
        pytest.skip("golang.org/x/mod cannot be had here")
    files = [str(exported.file("log/*/vkeys")), str(exported.file("log/*/*.checkpoint"))]
    command = [str(GO), "run", ".", *files]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert done.stdout == exported.file("log/*/*.checkpoint").read_text().partition("\n\n")[0] + "\n"
