"""Two real hubs, one the other's witness, and `hub audit` in a process of its own that follows a live hub; Go reads
checkpoint and tiles and proves from them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.app import Hub
from hub.audit.witness import Witness
from hub.ledger.anchors.cosignature import check_cosignature, parse_witness_vkey
from hub.ledger.notes import parse_checkpoint, parse_note
from hub.settings import Settings
from tests.hub_line import until

pytestmark = pytest.mark.real
GO = shutil.which("go")
GO_MOD = "module check\n\ngo 1.21\n\nrequire golang.org/x/mod v0.21.0\n"
GO_PROGRAM = """
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func get(path string) []byte {
	answer, err := http.Get(os.Args[1] + path)
	if err != nil || answer.StatusCode != 200 {
		panic(fmt.Sprint(path, err, answer))
	}
	data, _ := io.ReadAll(answer.Body)
	return data
}

type tiles struct{}

func (tiles) Height() int { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		// tlog's own paths begin with the height, those of C2SP do not
		found = append(found, get("/tile/"+strings.TrimPrefix(tile.Path(), "tile/8/")))
	}
	return found, nil
}

func main() {
	verifier, err := note.NewVerifier(strings.TrimSpace(string(get("/vkey"))))
	if err != nil {
		panic(err)
	}
	opened, err := note.Open(get("/checkpoint"), note.VerifierList(verifier))
	if err != nil {
		panic(err)
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\\n" + strings.SplitN(opened.Text, "\\n", 2)[1]))
	if err != nil {
		panic(err)
	}
	reader := tlog.TileHashReader(tree, tiles{})
	for n := int64(0); n < tree.N; n += 1 + tree.N/9 {
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		if err != nil {
			panic(err)
		}
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			panic(err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf[0]); err != nil {
			panic(err)
		}
		if n > 0 {
			old, _ := tlog.TreeHash(n, reader)
			proof, err := tlog.ProveTree(tree.N, n, reader)
			if err != nil {
				panic(err)
			}
			if err := tlog.CheckTree(proof, tree.N, tree.Hash, n, old); err != nil {
				panic(err)
			}
		}
	}
	fmt.Print(tree.N)
}
"""


def settings(folder: Path, name: str, **values: Any) -> Settings:
    given = {
        "data": folder / name / "data",
        "keys_dir": folder / name / "keys",
        "listen": "127.0.0.1:0",
        "log_origin": f"{name}.example/log",
        "checkpoint_s": 0.1,
        "commit_ms": 10,
        "witness_every_s": 5,
    }
    return Settings.model_validate(given | values)


async def text(url: str, path: str) -> str:
    """The answer, or nothing while there is none."""
    async with aiohttp.ClientSession() as session, session.get(url.rstrip("/") + path) as response:
        return await response.text() if response.status == 200 else ""


def size_of(note: str) -> int:
    return parse_checkpoint(parse_note(note).text).size


async def signed(hub: Hub, size: int) -> None:
    """Some more entries in the log, under a checkpoint."""

    async def enough() -> bool:
        note = hub.ledger.checkpoint()
        return bool(note) and size_of(note) >= size

    for _ in range(size):
        hub.ledger.heartbeat()
    await until(enough)


class Audit:
    """`hub audit` as a process of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
        command = (sys.executable, "-m", "hub", "audit", *arguments, "--state", str(self.state), "--json")
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, env=environ, stdout=pipe, stderr=pipe)

    async def look(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert out, err.decode()
        return process.returncode or 0, json.loads(out)


async def test_a_superior_hub_is_the_witness(tmp_path: Path) -> None:
    # the two know each other's keys, as their operators would exchange them
    key = Witness.open(tmp_path / "upper" / "keys" / "witness", "upper.example/log/witness").key
    async with Hub.running(settings(tmp_path, "lower")) as lower:
        vkey = lower.ledger.vkey()
    async with Hub.running(settings(tmp_path, "upper", witness_for=[vkey])) as upper:
        url = upper.url.rstrip("/")
        assert parse_witness_vkey(await text(url, "/api/witness/vkey")) == key
        asked = settings(tmp_path, "lower", witnesses=[f"{key} {url}/api/witness"])
        async with Hub.running(asked) as lower:
            await signed(lower, 20)
            note = parse_note(await until(lambda: text(lower.url, "/api/log/checkpoint?cosigned=1")))
            assert check_cosignature(note.text.encode(), note.signatures[1], key) > 0
            first = parse_checkpoint(note.text).size
            await signed(lower, 40)

            async def further() -> bool:
                return size_of(await text(lower.url, "/api/log/checkpoint?cosigned=1")) > first

            await until(further)
        head = Witness.open(tmp_path / "upper" / "keys" / "witness", "").memory("lower.example/log").head()
        assert head is not None
        assert head.checkpoint.size > first
    # what the witness gave is in the lower hub's chain, and its data still verifies
    entries = b"".join(path.read_bytes() for path in (tmp_path / "lower" / "data" / "_hub").glob("*.entries"))
    assert entries.count(b'"type":"anchor"') >= 2


async def test_an_auditor_follows_a_live_hub(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "state")
    witness = Witness.open(tmp_path / "state", "aud.example/1")
    async with Hub.running(settings(tmp_path, "hub", witnesses=[str(witness.key)])) as hub:
        await signed(hub, 3)
        process = await audit.start(hub.url, "--every", "1")
        assert process.stdout is not None
        seen: list[dict[str, Any]] = []
        for _ in range(3):
            seen.append(json.loads(await asyncio.wait_for(process.stdout.readline(), 60)))
            await signed(hub, seen[-1]["size"] + 5)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0
        assert [one["exit_code"] for one in seen] == [0, 0, 0]
        assert seen[0]["size"] < seen[1]["size"] < seen[2]["size"]
        assert seen[2]["known_size"] == seen[1]["size"]
        assert any("handed back" in remark for remark in seen[2]["remarks"])
        cosigned = await text(hub.url, "/api/log/checkpoint?cosigned=1")
        assert size_of(cosigned) == seen[2]["size"]
        url = hub.url
    code, outcome = await audit.look(url)
    assert (code, outcome["code"]) == (2, "unreachable")


async def test_a_hub_whose_data_was_rolled_back_is_convicted(tmp_path: Path) -> None:
    """With the signer's memory rolled back too, as an operator with every right could do it."""
    audit = Audit(tmp_path / "state")
    given = settings(tmp_path, "hub")
    async with Hub.running(given) as hub:
        await signed(hub, 5)
        port = hub.url.rstrip("/").rpartition(":")[2]
    shutil.copytree(tmp_path / "hub", tmp_path / "yesterday")
    given = settings(tmp_path, "hub", listen=f"127.0.0.1:{port}")
    async with Hub.running(given) as hub:
        await signed(hub, 30)
        assert (await audit.look(hub.url))[0] == 0
    shutil.rmtree(tmp_path / "hub")
    (tmp_path / "yesterday").rename(tmp_path / "hub")
    async with Hub.running(given) as hub:
        await signed(hub, 8)
        assert size_of(hub.ledger.checkpoint()) < 30
        code, outcome = await audit.look(hub.url)
        assert (code, outcome["code"]) == (1, "smaller")
        await signed(hub, 60)
        code, outcome = await audit.look(hub.url)
        assert (code, outcome["code"]) == (1, "inconsistent")
    assert len(list((tmp_path / "state").rglob("contradictions/*/found.note"))) == 2


async def test_a_usb_stick_goes_there_and_back(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "state")
    witness = Witness.open(tmp_path / "state", "aud.example/1")
    head = tmp_path / "head.txt"
    given = settings(tmp_path, "hub", witnesses=[str(witness.key)])
    (tmp_path / "hub.toml").write_text(f'witnesses = ["{witness.key}"]\n')
    async with Hub.running(given) as hub:
        for size in (5, 25):
            await signed(hub, size)
            write = ("--write-head", str(head), "--data", str(given.data), "--config", str(tmp_path / "hub.toml"))
            process = await audit.start(*write)
            assert await asyncio.wait_for(process.wait(), 60) == 0
            code, outcome = await audit.look(str(head))
            assert (code, outcome["code"]) == (0, "consistent"), outcome
            process = await audit.start(hub.url, "--take", f"{head}.cosigned")
            assert await asyncio.wait_for(process.wait(), 60) == 0
            assert size_of(await text(hub.url, "/api/log/checkpoint?cosigned=1")) == outcome["size"]
        assert outcome["known_size"] >= 5


@pytest.mark.skipif(GO is None, reason="Go is not installed; the other tests need none")
async def test_go_proves_from_our_tiles(tmp_path: Path) -> None:
    code = tmp_path / "go"
    code.mkdir()
    (code / "go.mod").write_text(GO_MOD)
    (code / "main.go").write_text(GO_PROGRAM)
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}

    def go(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(GO), *arguments]
        return subprocess.run(
            command, cwd=code, env=environment, capture_output=True, text=True, timeout=110, check=False
        )

    if (await asyncio.to_thread(go, "mod", "download")).returncode:
        pytest.skip("golang.org/x/mod cannot be had here")
    async with Hub.running(settings(tmp_path, "hub", checkpoint_s=1)) as hub:
        await signed(hub, 600)
        done = await asyncio.to_thread(go, "run", ".", f"{hub.url}api/log")
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) >= 600
