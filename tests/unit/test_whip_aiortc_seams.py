"""The private names of aiortc, aioice and pylibsrtp that peer.py and sctp.py of hub/ingest/whip lean on.

When one of these fails after an upgrade: read the new source of the named class, put ``peer.py`` right, and only then
raise the versions there and in pyproject.toml.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import aioice
import pylibsrtp
import pytest
from aioice.ice import Connection, StunProtocol, get_host_addresses
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport, RTCSctpTransport

from hub.ingest.whip import peer as seam

WHIP = Path(seam.__file__).parent


def parameters(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


def test_the_versions_are_those_peer_was_written_against() -> None:
    assert version("aiortc") == seam.AIORTC_VERSION, "aiortc changed: check every name in this file, then peer.py"
    assert version("aioice") == seam.AIOICE_VERSION, "aioice changed: check every name in this file, then peer.py"
    pins = Path(__file__).parents[2].joinpath("pyproject.toml").read_text("utf-8")
    assert f'"aiortc=={seam.AIORTC_VERSION}"' in pins
    assert f'"aioice=={seam.AIOICE_VERSION}"' in pins


def test_only_peer_and_sctp_import_them() -> None:
    for path in Path(WHIP).parents[1].rglob("*.py"):
        if path.name in ("peer.py", "sctp.py") or "demo" in path.parts or "bench" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"aiortc", "aioice", "pylibsrtp"}, path


@pytest.fixture
async def transports() -> AsyncIterator[tuple[Connection, RTCIceGatherer, RTCIceTransport, RTCDtlsTransport]]:
    gatherer = RTCIceGatherer(iceServers=[])
    ice = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()])
    yield gatherer._connection, gatherer, ice, dtls
    await dtls.stop()
    await ice.stop()


async def test_names_of_the_ice_agent(
    transports: tuple[Connection, RTCIceGatherer, RTCIceTransport, RTCDtlsTransport],
) -> None:
    connection = transports[0]
    assert isinstance(connection._local_candidates, list), "filled by gather_candidates"
    assert isinstance(connection._protocols, list), "filled by gather_candidates"
    assert connection._local_candidates_start is False
    assert connection._local_candidates_end is False, "set when gathered: connect() asks for it"
    assert connection._nominated == {}, "component → pair in use"
    assert isinstance(connection._queue, asyncio.Queue), "bounded by data_received"
    assert parameters(connection.data_received) == ["data", "component"]
    assert parameters(connection.gather_candidates) == []
    assert parameters(aioice.ice.CandidatePair.__init__)[1:] == ["protocol", "remote_candidate"]
    assert isinstance(aioice.ice.CandidatePair.remote_addr, property)
    assert parameters(get_host_addresses) == ["use_ipv4", "use_ipv6"]
    assert set(parameters(aioice.Candidate.__init__)) >= {"foundation", "component", "transport", "priority", "host"}


def test_names_of_the_stun_protocol() -> None:
    assert parameters(StunProtocol.__init__) == ["self", "receiver"]
    assert parameters(StunProtocol.request)[1:] == ["request", "addr", "integrity_key", "retransmissions"]
    assert inspect.iscoroutinefunction(StunProtocol.request), "wrapped to measure the round trip"
    assert parameters(StunProtocol.datagram_received) == ["self", "data", "addr"]
    assert {"transport", "local_candidate"} <= set(StunProtocol.__annotations__)
    assert "self.request(" in inspect.getsource(Connection.query_consent).replace("pair.protocol", "self")


async def test_names_of_the_dtls_transport(
    transports: tuple[Connection, RTCIceGatherer, RTCIceTransport, RTCDtlsTransport],
) -> None:
    connection, gatherer, ice, dtls = transports
    assert ice._connection is gatherer._connection is connection, "replaced by ours before the transport is made"
    assert dtls._rx_srtp is None
    assert dtls._tx_srtp is None
    assert dtls._ssl is None
    dtls._set_role("server")
    assert dtls._role == "server"
    assert (ice.state, dtls.state) == ("new", "new")
    fingerprints = dtls.getLocalParameters().fingerprints
    assert "sha-256" in {found.algorithm for found in fingerprints}


async def test_names_of_the_sctp_association(
    transports: tuple[Connection, RTCIceGatherer, RTCIceTransport, RTCDtlsTransport],
) -> None:
    dtls = transports[3]
    sctp = RTCSctpTransport(dtls, port=5000)
    assert sctp._advertised_rwnd == 1024 * 1024, "ours is smaller, and enforced"
    assert sctp._inbound_streams_max == 65535
    assert sctp._inbound_streams == {}
    assert sctp._sack_misordered == set()
    for method in (sctp._handle_data, sctp._send_chunk, sctp.start, sctp.stop):
        assert inspect.iscoroutinefunction(method)
    assert parameters(sctp._handle_data) == ["data"]
    assert parameters(sctp._send_chunk) == ["chunk"]
    assert parameters(sctp._get_inbound_stream) == ["stream_id"]
    assert sctp._get_inbound_stream(1).reassembly == []
    assert "_data_receiver._handle_data(data)" in inspect.getsource(RTCDtlsTransport._recv_next)
    assert "self._get_inbound_stream(chunk.stream_id)" in inspect.getsource(RTCSctpTransport._receive_data_chunk)
    assert "_advertised_rwnd -= len(chunk.user_data)" in inspect.getsource(RTCSctpTransport._receive_data_chunk)


def test_names_of_the_srtp_session() -> None:
    assert parameters(pylibsrtp.Session.unprotect) == ["self", "packet"]
    assert parameters(pylibsrtp.Session.unprotect_rtcp) == ["self", "packet"]
    assert parameters(pylibsrtp.Session.protect_rtcp) == ["self", "packet"]
    policy = pylibsrtp.Policy(key=bytes(30), ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND)
    with pytest.raises(pylibsrtp.Error):
        pylibsrtp.Session(policy).unprotect(b"\x80" + bytes(40))
    with pytest.raises(ValueError, match="too long"):
        pylibsrtp.Session(policy).unprotect(bytes(1501))
