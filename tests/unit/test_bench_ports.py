"""Ports for servers that are started a moment later, beside others that look for ports of their own."""

from __future__ import annotations

import socket

from hub.bench.processes import free_port


def listening(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


def test_a_port_is_given_once_and_a_server_has_it_again_and_again() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    for _ in range(2):
        with listening(ports[0]), socket.create_connection(("127.0.0.1", ports[0]), 5):
            pass


def test_whoever_else_looks_for_a_port_finds_another() -> None:
    ports = {free_port() for _ in range(200)}
    sockets = [socket.socket() for _ in range(500)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = {one.getsockname()[1] for one in sockets}
    for one in sockets:
        one.close()
    assert not found & ports
