"""What keeps a hub from starting is one line that says what to do, exit code 2, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from hub.__main__ import main
from hub.bench.processes import HubProcess


async def start(folder: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of ``hub serve``, run in ``folder``."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "serve", "--data", "data", *arguments, cwd=folder,
        env=clean | {"HUB_KEYS_DIR": str(folder / "keys")} | environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def assert_one_line(told: tuple[int, str, str], *words: str) -> None:
    code, out, err = told
    assert (code, out) == (2, ""), err
    assert err.startswith("hub: ")
    assert err.count("\n") == 1, err
    for word in words:
        assert word in err


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hub.toml").write_text("colour = 1\n")
    (tmp_path / "bad.toml").write_text("= 1\n")

    def start_here(*arguments: str, **environ: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for key, value in environ.items():
                patch.setenv(key, value)
            code = main(["serve", *arguments])
        return code, *capsys.readouterr()

    assert_one_line(start_here(HUB_LISEN="x"), "unknown setting 'lisen'", "HUB_LISEN")
    assert_one_line(start_here("--config", "hub.toml"), "colour")
    assert_one_line(start_here("--config", "bad.toml"), "bad.toml is not a TOML file")
    assert_one_line(start_here("--config", "none.toml"), "none.toml", "No such file")
    assert_one_line(start_here(HUB_REORDER_MS="soon"), "reorder_ms", "found 'soon'")
    assert left_behind(tmp_path) == ["bad.toml", "hub.toml"]


async def test_the_door(tmp_path: Path) -> None:
    """No ledger has begun, and no password was made that nobody saw."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        assert_one_line(await start(tmp_path, "--listen", taken), taken, "in use", "stop what listens there")
    assert_one_line(await start(tmp_path, "--listen", "0.0.0.0:0"), "plain HTTP", "hub tls init", "behind_proxy")
    proxied = await start(tmp_path, "--listen", "203.0.113.7:0", HUB_BEHIND_PROXY="true")
    assert_one_line(proxied, "203.0.113.7:0")
    missing = await start(tmp_path, HUB_TLS_CERT="no.pem", HUB_TLS_KEY="no.key")
    assert_one_line(missing, "no.pem", "No such file")
    assert left_behind(tmp_path) == []


async def test_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    listen = ("--listen", "127.0.0.1:0")
    assert_one_line(await start(tmp_path, *listen, "--data", "file"), "data folder file")
    assert_one_line(await start(tmp_path, *listen, "--data", "/proc/hub"), "data folder /proc/hub")
    assert_one_line(await start(tmp_path, *listen, HUB_KEYS_DIR=str(tmp_path / "file")), "signing key")


@pytest.mark.real
async def test_a_second_hub_on_the_folder(tmp_path: Path) -> None:
    async with HubProcess(tmp_path / "data") as hub:
        second = await start(tmp_path, "--listen", "127.0.0.1:0", HUB_KEYS_DIR=str(tmp_path / "data.keys"))
        assert_one_line(second, "another hub is running")
        assert await hub.call("GET", "/healthz") == {"status": "ok"}
        assert await hub.stop() == 0
