"""``hub drain``: what Kubernetes calls before it ends a pod."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hub.__main__ import main

SECRET = "a secret of nodes"


class Node(BaseHTTPRequestHandler):
    """Answers as it is told, to who knows the secret."""

    status = 200
    answer = b'{"left": 0}'

    def do_POST(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {SECRET}" and self.path == "/node/drain"
        self.send_response(type(self).status if known else 401)
        self.end_headers()
        self.wfile.write(type(self).answer)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Node]]:
    class One(Node):
        pass

    server = HTTPServer(("127.0.0.1", 0), One)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HUB_NODE_LISTEN", f"0.0.0.0:{server.server_port}")
    monkeypatch.setenv("HUB_CLUSTER_SECRET", SECRET)
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://db/hub")
    monkeypatch.setenv("HUB_REDIS_URL", "redis://cache")
    yield One
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.usefixtures("node")
def test_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain"]) == 0
    assert "no stream is left" in capsys.readouterr().out


def test_what_stayed_is_said(node: type[Node], capsys: pytest.CaptureFixture[str]) -> None:
    node.answer = b'{"left": 3}'
    assert main(["drain"]) == 1
    assert "3 streams stayed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "answer"), [(500, b'{"left": 0}'), (200, b"no"), (200, b"[]"), (200, b"{}"), (200, b'{"left": true}')]
)
def test_another_answer_is_no_success(
    node: type[Node], capsys: pytest.CaptureFixture[str], status: int, answer: bytes
) -> None:
    node.status, node.answer = status, answer
    assert main(["drain"]) == 2
    assert f"answered {status}" in capsys.readouterr().err


@pytest.mark.usefixtures("node")
def test_the_wrong_secret_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HUB_CLUSTER_SECRET", "another secret")
    assert main(["drain"]) == 2
    err = capsys.readouterr().err
    assert "answered 401" in err
    assert "another secret" not in err


def test_an_embedded_hub_has_nobody_to_drain_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain"]) == 2
    assert "embedded" in capsys.readouterr().err
