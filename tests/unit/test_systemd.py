"""What systemd is told, read from a real datagram socket; and the units, judged by systemd's own programs."""

from __future__ import annotations

import asyncio
import configparser
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.app.process import keep_telling
from hub.clock import ManualClock
from hub.systemd import Supervisor

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = ("recorder-hub.service", "recorder-hub-signer.service")


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def said(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().split("\n")


def test_ready_and_stopping_are_said_as_systemd_reads_them(heard: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": heard.getsockname(), "PATH": "/bin"}
    supervisor = Supervisor.of(environ)
    assert environ == {"PATH": "/bin"}, "a child would speak in the hub's name"
    supervisor.ready("serving at http://127.0.0.1:8080/")
    assert said(heard) == ["READY=1", "STATUS=serving at http://127.0.0.1:8080/"]
    supervisor.stopping()
    assert said(heard)[0] == "STOPPING=1"


def test_an_abstract_socket() -> None:
    name = f"recorder-hub-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        Supervisor(f"@{name}").ready("up")
        assert said(listening)[0] == "READY=1"


@pytest.mark.parametrize(
    ("extra", "watchdog_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "60000000"}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_who_is_watched(extra: dict[str, str], watchdog_s: float) -> None:
    assert Supervisor.of({"NOTIFY_SOCKET": "/run/notify", **extra}).watchdog_s == watchdog_s


def test_nobody_listens() -> None:
    for supervisor in (Supervisor(), Supervisor("/nowhere/at/all", 1), Supervisor.of({})):
        supervisor.ready("up")
        supervisor.turning()
        supervisor.stopping()


async def test_the_event_loop_says_that_it_turns(heard: socket.socket) -> None:
    slept: list[float] = []

    class Steps(ManualClock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_telling(Supervisor(heard.getsockname(), 60_000_000), Steps())
    assert [said(heard) for _ in range(3)] == [["WATCHDOG=1"]] * 3
    assert slept == [20.0, 20.0, 20.0]


async def test_unwatched_it_ends_at_once() -> None:
    await keep_telling(Supervisor(), ManualClock())


# ------------------------------------------------------------------------------------------ units

systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs Debian's package systemd")


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As on a machine where the hub is installed: systemd looks whether the programs are there."""
    for name in NAMES:
        text = (UNITS / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("/opt/recorder-hub/current/bin/hub", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", *words, *(str(folder / name) for name in NAMES)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@systemd
def test_the_units_are_valid(tmp_path: Path) -> None:
    done = analyze(tmp_path, "verify", "--man=no", "--recursive-errors=no")
    assert (done.returncode, done.stderr) == (0, "")


@systemd
def test_the_units_are_locked_down(tmp_path: Path) -> None:
    """systemd's own measure: 0 is no exposure, 10 all; above 2.1 is refused here."""
    done = analyze(tmp_path, "security", "--offline=true", "--threshold=21", "--no-pager")
    found = re.findall(r"Overall exposure level for (\S+): ([0-9.]+)", done.stdout)
    assert done.returncode == 0, found
    assert len(found) == len(NAMES)


def unit(name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name, encoding="utf-8")
    return dict(parser["Service"])


def test_the_hub_may_read_how_good_the_clock_is() -> None:
    text = (UNITS / "recorder-hub.service").read_text(encoding="utf-8")
    assert re.search(r"^SystemCallFilter=adjtimex clock_adjtime ", text, re.MULTILINE)
    assert not re.search(r"^(ProtectClock|ProcSubset)=", text, re.MULTILINE), "entries would call the clock unknown"


def test_recorders_can_shake_hands() -> None:
    """pyOpenSSL's callback needs memory that is written and executed; without it no WHIP recorder comes."""
    hub, signer = (unit(name) for name in NAMES)
    assert "MemoryDenyWriteExecute" not in hub
    assert signer["MemoryDenyWriteExecute"] == "yes"


def test_the_hub_cannot_read_the_key() -> None:
    hub, signer = (unit(name) for name in NAMES)
    assert hub["User"] != signer["User"]
    assert (signer["StateDirectoryMode"], signer["UMask"]) == ("0700", "0077")
    settings = (UNITS / "hub.toml").read_text(encoding="utf-8")
    socket_path = re.search(r'signer_socket = "(.+)"', settings)
    assert socket_path is not None
    assert f"--socket {socket_path[1]} --mode 660 --allow {hub['User']}" in signer["ExecStart"]
    assert signer["Group"] == hub["Group"], "the socket's group"
