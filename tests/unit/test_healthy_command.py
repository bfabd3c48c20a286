"""``hub healthy``: what an image asks of the hub inside it, at the port that its role has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hub.__main__ import main


class Hub(BaseHTTPRequestHandler):
    """It lives, and cannot record."""

    def do_GET(self) -> None:
        self.send_response({"/healthz": 200, "/readyz": 503}.get(self.path, 404))
        self.end_headers()
        self.wfile.write(b'{"asked": "%s"}' % self.path.encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_embedded_hub_is_asked_at_its_door(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_LISTEN", f"0.0.0.0:{port}")
    assert main(["healthy"]) == 0
    assert main(["healthy", "--ready"]) == 1
    assert capsys.readouterr().out == '{"asked": "/healthz"}\n{"asked": "/readyz"}\n'


@pytest.mark.parametrize("role", ["ingest", "notary"])
def test_a_node_without_a_door_is_asked_at_the_nodes_port(
    port: int, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    for name, value in {
        "ROLES": role,
        "NODE_LISTEN": f"0.0.0.0:{port}",
        "LISTEN": "127.0.0.1:1",
        "CLUSTER_SECRET": "a secret of nodes",
        "DATABASE_URL": "postgresql://db/hub",
        "REDIS_URL": "redis://cache",
    }.items():
        monkeypatch.setenv(f"HUB_{name}", value)
    assert main(["healthy"]) == 0


def test_nobody_there(port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HUB_LISTEN", "127.0.0.1:1")
    assert main(["healthy"]) == 1
    assert "/healthz" in capsys.readouterr().err


def test_a_hub_that_does_not_speak_http(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """TLS is asked for, and the other end has none."""
    monkeypatch.setenv("HUB_LISTEN", f"127.0.0.1:{port}")
    monkeypatch.setenv("HUB_TLS_CERT", "/nowhere.crt")
    monkeypatch.setenv("HUB_TLS_KEY", "/nowhere.key")
    assert main(["healthy"]) == 1
