"""Other people's tools accept what the ledger writes: Go's ``sumdb/note`` and ``sumdb/tlog`` the checkpoint,
pymerkle the root, the Go tree hash every consistency that the signer relied on."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pymerkle import InmemoryTree

from hub.ledger.notes import parse_checkpoint, parse_note
from tests.ledger_folder import Folder, build, lines
from tests.unit.test_ledger_notes import accepts

pytestmark = pytest.mark.real
GO = shutil.which("go")
GO_MOD = "module check\n\ngo 1.21\n\nrequire golang.org/x/mod v0.21.0\n"
GO_PROGRAM = """
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	vkey, _ := os.ReadFile(os.Args[1])
	signed, _ := os.ReadFile(os.Args[2])
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		panic(err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		panic(err)
	}
	var records []string
	data, _ := os.ReadFile(os.Args[3])
	if err := json.Unmarshal(data, &records); err != nil {
		panic(err)
	}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = hashes[index]
		}
		return found, nil
	})
	for n, record := range records {
		more, err := tlog.StoredHashes(int64(n), []byte(record), reader)
		if err != nil {
			panic(err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(int64(len(records)), reader)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s%s\\n", opened.Text, root)
}
"""


def in_log_order(folder: Folder) -> list[bytes]:
    """Every entry's bytes, as its leaf lies in the log."""
    by_leaf = {
        hashlib.sha256(b"\x00" + line).digest(): line for path in folder.data.rglob("*.entries") for line in lines(path)
    }
    leaves = (folder.log / "leaves").read_bytes()
    return [by_leaf[leaves[at : at + 32]] for at in range(0, len(leaves), 32)]


async def test_pymerkle_finds_the_same_root_and_an_own_check_accepts_the_note(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    origin, size, root = accepts((folder.log / "checkpoint").read_bytes(), (folder.log / "vkey").read_text().strip())
    tree = InmemoryTree(algorithm="sha256")
    entries = in_log_order(folder)
    for entry in entries:
        tree.append_entry(entry)
    assert (origin, size, root) == ("test.example/log", len(entries), tree.get_root())


@pytest.mark.skipif(GO is None, reason="Go is not installed; the checks above need none")
def test_go_accepts_checkpoint_and_root(tmp_path: Path) -> None:
    folder = asyncio.run(build(tmp_path / "hub"))
    code = tmp_path / "go"
    code.mkdir()
    (code / "go.mod").write_text(GO_MOD)
    (code / "main.go").write_text(GO_PROGRAM)
    (code / "records.json").write_text(json.dumps([entry.decode() for entry in in_log_order(folder)]))
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    got = subprocess.run([str(GO), "mod", "download"], cwd=code, env=environment, capture_output=True, check=False)
    if got.returncode:
        pytest.skip("golang.org/x/mod cannot be had here")
    done = subprocess.run(
        [str(GO), "run", ".", str(folder.log / "vkey"), str(folder.log / "checkpoint"), "records.json"],
        cwd=code,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    checkpoint = parse_checkpoint(parse_note((folder.log / "checkpoint").read_text()).text)
    assert done.stdout == checkpoint.text() + base64.b64encode(checkpoint.root).decode() + "\n"
