"""The signer as a process of its own: killed, left behind, away; its key out of the hub's reach; a rollback."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hub.__main__ import main
from hub.bench.processes import HubProcess
from hub.clock import ManualClock
from hub.errors import LedgerError
from hub.ledger.entries import read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.notes import Checkpoint, parse_checkpoint, parse_note
from hub.ledger.signing import remote
from hub.ledger.signing.signer import Custody
from hub.ledger.signing.vault import read_memory
from hub.ledger.signing.wire import read_frame
from hub.ledger.startup import start as start_ledger
from hub.ledger.verify import verify_path
from tests.failures.test_hub_start_refused import start
from tests.ledger_folder import START_US, Folder, scan_fake

pytestmark = pytest.mark.real

OFTEN = {"HUB_CHECKPOINT_S": "0.2"}


def signer_of(hub: HubProcess) -> psutil.Process | None:
    """The child that signs."""
    found = [child for child in psutil.Process(hub.pid).children() if "hub.ledger.signing.child" in child.cmdline()]
    return found[0] if found else None


def head(data: Path) -> Checkpoint:
    (path,) = data.glob("log/*/checkpoint")
    return parse_checkpoint(parse_note(path.read_text()).text)


async def test_the_hub_is_killed_and_its_signer_ends_by_itself(tmp_path: Path) -> None:
    async with HubProcess(tmp_path / "data") as hub:
        signer = signer_of(hub)
        assert signer is not None
        await hub.kill()
        await asyncio.to_thread(signer.wait, 10)
        await hub.start()
        assert signer_of(hub) is not None
    assert verify_path(tmp_path / "data", keys_dir=hub.keys_dir).exit_code == 0


async def test_the_signer_is_killed_and_another_one_signs(tmp_path: Path) -> None:
    async with HubProcess(tmp_path / "data") as hub:
        before = signer_of(hub)
        assert before is not None
        before.kill()
        assert await hub.stop() == 0
    verdict = verify_path(tmp_path / "data", keys_dir=hub.keys_dir)
    assert verdict.exit_code == 0, verdict.findings
    assert verdict.custody == "child"
    # The end of the run is the last entry: the signer that was started again has signed it.
    assert verdict.counts.unsigned_entries == 0


async def test_a_signer_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries become durable while the signer is waited for; it is replaced, and what was not signed is."""
    monkeypatch.setattr(remote, "END_S", 0.2)
    folder = Folder(tmp_path)
    signers = remote.ChildSigners(folder.keys)
    ledger = await Ledger.open(folder.settings, ManualClock(START_US), scan_fake, signers)
    assert ledger.custody is Custody.CHILD
    assert signers.line.pid is not None
    signer = psutil.Process(signers.line.pid)
    signer.suspend()
    line = signers._connection._socket
    assert line is not None
    line.settimeout(2.0)  # of this line alone: the next signer has as long to start as any
    ledger.heartbeat()
    await ledger.committed()
    signing = asyncio.create_task(ledger._sign())
    await asyncio.sleep(0.1)
    for _ in range(5):
        ledger.heartbeat()
        await ledger.committed()
    assert not signing.done()
    assert not await signing
    assert "no checkpoint could be signed" in ledger.problem
    assert not signer.is_running()
    assert await ledger._sign()
    assert ledger.problem == ""
    assert parse_checkpoint(parse_note(ledger.checkpoint()).text).size == 7
    await ledger.close()
    assert folder.verify().exit_code == 0


async def test_an_answer_that_was_lost_after_the_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signer remembers a checkpoint that the hub never got: the hub takes it from there, and goes on."""
    folder = Folder(tmp_path)
    signers = remote.ChildSigners(folder.keys)
    ledger = await Ledger.open(folder.settings, ManualClock(START_US), scan_fake, signers)
    ledger.heartbeat()
    await ledger.committed()
    with monkeypatch.context() as patch:
        patch.setattr(remote, "read_frame", lambda read: (read_frame(read), None)[1])
        assert not await ledger._sign()
    assert read_memory(next(folder.keys.iterdir())).size == 2
    assert parse_checkpoint(parse_note(ledger.checkpoint()).text).size == 1
    assert await ledger._sign()
    assert parse_checkpoint(parse_note(ledger.checkpoint()).text).size == 2
    ledger.heartbeat()
    await ledger.committed()
    assert await ledger._sign()
    await ledger.close()
    assert folder.verify().exit_code == 0


async def test_a_signal_to_all_processes_leaves_the_last_checkpoint_signed(tmp_path: Path) -> None:
    """As a terminal's Ctrl-C and a service manager do."""
    async with HubProcess(tmp_path / "data") as hub:
        signer = signer_of(hub)
        assert signer is not None
        signer.send_signal(signal.SIGINT)
        signer.send_signal(signal.SIGTERM)
        assert await hub.stop() == 0
        await asyncio.to_thread(signer.wait, 10)
    assert verify_path(tmp_path / "data", keys_dir=hub.keys_dir).counts.unsigned_entries == 0


def holds(folder: Path, secret: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


async def test_a_secret_of_the_environment_goes_to_the_signer_alone(tmp_path: Path) -> None:
    secret = base64.b64encode(os.urandom(32)).decode()
    async with HubProcess(tmp_path / "data", {"HUB_SIGNING_KEY": secret, "HUB_LOG_LEVEL": "debug"}) as hub:
        signer = signer_of(hub)
        assert signer is not None
        for child in psutil.Process(hub.pid).children(recursive=True):
            assert secret not in child.environ().values()
            assert secret not in " ".join(child.cmdline())
    assert holds(tmp_path, secret.encode()) == []  # the hub's log among them
    assert not list(hub.keys_dir.rglob("*.pem"))
    assert verify_path(tmp_path / "data", keys_dir=hub.keys_dir).exit_code == 0


# ----------------------------------------------------------------------------------- rolled back


async def test_a_rolled_back_folder_from_end_to_end(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "yesterday"
    environ = {"HUB_KEYS_DIR": str(tmp_path / "keys")}
    async with HubProcess(data, environ):
        pass
    shutil.copytree(data, kept)
    async with HubProcess(data, environ):
        pass
    size = head(data).size
    shutil.rmtree(data)
    kept.rename(data)
    signed = read_memory(next((tmp_path / "keys").iterdir()))
    assert signed.size == size

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.entries")}
    code, out, err = await start(tmp_path, "--listen", "127.0.0.1:0")
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if line.startswith("hub: ")]
    assert f"but {size} were signed" in line
    assert "rolled back" in line
    assert "set log_origin to a new name" in line
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.entries")}

    async with HubProcess(data, environ | {"HUB_LOG_ORIGIN": "test.example/after"}):
        pass
    entries = [
        read_entry(line) for path in sorted(data.glob("_hub/*.entries")) for line in path.read_bytes().splitlines()
    ]
    genesis = [entry for entry in entries if entry.type == "genesis"][-1]
    assert genesis.body["of"] == "test.example/after"
    assert genesis.body["cites"]["signed"] == signed.note
    # What was signed and is gone stays visible.
    assert verify_path(data, keys_dir=tmp_path / "keys").exit_code == 1


# ------------------------------------------------------------------------------ a user of its own


HUB_UID, SIGNER_UID = 41_001, 41_002
STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that two other users can reach; a test's own folder is closed to them."""
    if os.geteuid() != 0:
        pytest.skip("only root can start processes under two other users")
    folder = Path(tempfile.mkdtemp(prefix="hub-signer-"))
    folder.chmod(0o755)
    for name, uid in (("hub", HUB_UID), ("signer", SIGNER_UID), ("run", SIGNER_UID)):
        (folder / name).mkdir()
        os.chown(folder / name, uid, uid)
    (folder / "run").chmod(0o755)
    yield folder
    for process in STARTED:
        process.kill()
        process.communicate()
    STARTED.clear()
    shutil.rmtree(folder)


RUNNER = """
import encodings.idna, importlib, os, sys
NEEDS = {"-c": ["socket"], "signer": ["hub.ledger.signing.listen", "hub.logging"], "serve": ["hub.app", "uvloop"],
         "verify": ["hub.ledger.verify.cli", "hub.ledger.verify.report"]}
for name in NEEDS[sys.argv[2]]:
    importlib.import_module(name)
if sys.argv[2] != "-c":
    from hub.__main__ import main
os.chdir(os.environ["HOME"]); os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
if sys.argv[2] == "-c":
    exec(sys.argv[3])
else:
    sys.exit(main(sys.argv[2:]))
"""
"""Loads everything as root and then becomes the user: the interpreter itself may lie where that user cannot look."""


def run_as(uid: int, home: Path, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(uid), *arguments],
        env=clean | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])} | environ,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    STARTED.append(process)
    return process


async def said(process: subprocess.Popen[bytes], word: str) -> str:
    """What it told until a line holds ``word``."""
    assert process.stdout is not None
    told = ""
    async with asyncio.timeout(60):
        while word not in told:
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, told
            told += line.decode()
    return told


async def ended(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    await asyncio.to_thread(process.wait, 30)
    return process.returncode


async def test_a_signer_under_its_own_user(place: Path) -> None:
    """The key cannot be read by the hub; the signer goes and comes back; the hub refuses to start without it."""
    socket, keys = place / "run" / "signer.sock", place / "signer" / "keys"
    hub_environ = {"HUB_SIGNER_SOCKET": str(socket), "HUB_KEYS_DIR": str(place / "hub" / "keys"), **OFTEN}
    serve = ("serve", "--data", str(place / "hub" / "data"), "--listen", "127.0.0.1:0")
    signer_call = ("signer", "--socket", str(socket), "--mode", "666", "--allow", str(HUB_UID))

    signer = run_as(SIGNER_UID, place / "signer", *signer_call, HUB_KEYS_DIR=str(keys))
    await said(signer, "listens")
    hub = run_as(HUB_UID, place / "hub", *serve, **hub_environ)
    await said(hub, "password")
    (pem,) = keys.glob("*/*.pem")
    assert pem.stat().st_uid == SIGNER_UID
    reader = run_as(HUB_UID, place, "-c", f"open({str(pem)!r})")
    assert "PermissionError" in await said(reader, "Permission")
    # Somebody else may not ask, whatever the file's rights say.
    probe = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(socket)!r}); print(s.recv(1))"
    stranger = run_as(41_003, place, "-c", probe)
    assert "b''" in await said(stranger, "b'")
    for process in (reader, stranger):
        await ended(process)

    # Away and back again: the hub goes on meanwhile.
    assert await ended(signer) == 0
    assert hub.poll() is None
    signer = run_as(SIGNER_UID, place / "signer", *signer_call, HUB_KEYS_DIR=str(keys))
    await said(signer, "listens")
    assert await ended(hub) == 0
    size = head(place / "hub" / "data").size
    assert size == read_memory(pem.parent).size == 2
    verdict = verify_path(place / "hub" / "data", keys_dir=keys)
    assert verdict.exit_code == 0, verdict.findings
    assert verdict.custody == "own_user"

    # The hub's user cannot look into the signer's folder, and a verification says so.
    checker = run_as(HUB_UID, place / "hub", "verify", str(place / "hub" / "data"), HUB_KEYS_DIR=str(keys))
    told = await said(checker, "another user's")
    assert told
    await ended(checker)


def test_no_start_without_the_signer_that_is_to_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signers = remote.SocketSigners(tmp_path / "none.sock", wait_s=0.1)
    with pytest.raises(LedgerError) as refused:
        start_ledger(Folder(tmp_path).settings, signers)
    assert refused.value.code == "signer_unreachable"
    assert "start `hub signer`" in str(refused.value)
    # A path that is something else is not removed to listen there.
    monkeypatch.setenv("HUB_KEYS_DIR", str(tmp_path / "keys"))
    (tmp_path / "file").write_text("kept")
    assert main(["signer", "--socket", str(tmp_path / "file")]) == 2
    assert (tmp_path / "file").read_text() == "kept"
    assert "expected a socket or nothing" in capsys.readouterr().err
