"""The open log over HTTP: heads, proofs and tiles for people without an account, and what witnesses bring back."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.anchoring.authority import AnchorRefused
from hub.anchoring.witness import WitnessAuthority, WitnessSettings, parse_witness
from hub.api.log import MAX_QR_BYTES, qr_svg
from hub.audit.bundle import parse_bundle
from hub.audit.open_log import Accepted, OpenLog
from hub.audit.witness import Witness
from hub.errors import InvalidRequest, SettingsError
from hub.ledger.anchors.cosignature import WitnessKey, cosign, to_line
from hub.ledger.files import log_folder
from hub.ledger.merkle import verify_consistency
from hub.ledger.notes import parse_checkpoint, parse_note
from hub.ledger.proofs import parse_tlog_proof, verify_inclusion
from tests.api_support import Hub, running_hub
from tests.small_log import NOW_US, ORIGIN, SmallLog

LOG = SmallLog()
SIZE = 700
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = WitnessKey.of("w.example/1", PRIVATE)
TEXT = {"Content-Type": "text/plain"}


class Site:
    """A hub's face over a small log that the test lets grow."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        self.size = SIZE
        self.passed_on: list[Accepted] = []
        hub.services.open_log = self.opened()
        hub.services.cosigned = self._pass_on
        hub.services.witness = Witness.open(folder / "witness", "hub.example/witness")
        hub.services.witness_for = (LOG.key,)

    def opened(self) -> OpenLog:
        return OpenLog(self.folder, lambda: LOG.note(self.size) if self.size else "", lambda: str(LOG.key), [WITNESS])

    async def _pass_on(self, accepted: Accepted) -> None:
        self.passed_on.append(accepted)

    async def get(self, path: str, status: int = 200) -> bytes:
        async with self.hub.stranger.get(path) as response:
            body = await response.read()
            assert response.status == status, body
            return body

    async def json(self, path: str) -> Any:
        async with self.hub.stranger.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, path: str, body: str | bytes, status: int = 200, headers: Any = TEXT) -> str:
        async with self.hub.stranger.post(path, data=body, headers=headers) as response:
            text = await response.text()
            assert response.status == status, text
            return text


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    LOG.write(log_folder(tmp_path, ORIGIN), SIZE + 50)
    (tmp_path / "hub").mkdir()
    async with running_hub(tmp_path / "hub") as hub:
        yield Site(hub, tmp_path)


def decoded(hashes: list[str]) -> list[bytes]:
    return [base64.b64decode(one) for one in hashes]


def cosigned(size: int = SIZE, *, fork: int | None = None, private: Ed25519PrivateKey = PRIVATE) -> str:
    key = WitnessKey.of("w.example/1", private)
    return LOG.note(size, fork=fork) + to_line(
        cosign(LOG.head(size, fork=fork).text().encode(), key, private, NOW_US // 1_000_000)
    )


# -------------------------------------------------------------------------------------------- proofs


async def test_an_inclusion_proof(site: Site) -> None:
    found = await site.json(f"/api/log/proof/inclusion?index=300&size={SIZE - 1}")
    root = LOG.head(SIZE - 1).root
    assert (found["index"], found["size"], base64.b64decode(found["root"])) == (300, SIZE - 1, root)
    assert bytes.fromhex(found["leaf"]) == LOG.leaves(301)[300]
    assert verify_inclusion(LOG.leaves(301)[300], 300, SIZE - 1, root, decoded(found["hashes"]))
    assert (await site.json("/api/log/proof/inclusion?index=0"))["size"] == SIZE


async def test_a_consistency_proof(site: Site) -> None:
    found = await site.json("/api/log/proof/consistency?from=300")
    assert (found["from"], found["to"]) == (300, SIZE)
    assert verify_consistency(300, SIZE, LOG.head(300).root, LOG.head(SIZE).root, decoded(found["hashes"]))
    site.size += 10
    found = await site.json(f"/api/log/proof/consistency?from={SIZE}&to={SIZE + 10}")
    assert verify_consistency(SIZE, SIZE + 10, LOG.head(SIZE).root, LOG.head(SIZE + 10).root, decoded(found["hashes"]))


REFUSED = [
    (f"proof/inclusion?index={SIZE}", 400),
    ("proof/inclusion?index=5&size=5", 400),
    ("proof/inclusion?index=-1", 400),
    ("proof/inclusion?index=x", 400),
    ("proof/inclusion", 400),
    (f"proof/inclusion?index={2**70}", 400),
    ("proof/inclusion?index=0&size=0", 400),
    (f"proof/inclusion?index=0&size={SIZE + 1}", 404),
    ("proof/consistency?from=9&to=8", 400),
    (f"proof/consistency?from=9&to={SIZE + 1}", 404),
    (f"proof/{SIZE}.tlog-proof", 400),
    ("proof/99999999999999999999.tlog-proof", 400),
    ("proof/x.tlog-proof", 404),
    ("tile/0/002", 404),
    ("tile/0/002.p/189", 404),
    ("tile/1/000.p/3", 404),
    ("tile/0/0", 404),
    ("tile/entries/000", 404),
    ("tile/0/..%2f000", 404),
    ("head?from=701", 400),
    ("checkpoint?cosigned=maybe", 400),
    ("checkpoint?cosigned=1", 404),
    ("head.svg", 401),
    (f"entries/{'0' * 64}.tlog-proof", 401),
]


async def test_what_is_refused_in_words(site: Site) -> None:
    for path, status in REFUSED:
        async with site.hub.stranger.get(f"/api/log/{path}") as response:
            assert response.status == status, path
            assert "message" in (await response.json())["error"], path


async def test_tiles(site: Site) -> None:
    leaves = LOG.leaves(SIZE)
    assert await site.get("/api/log/tile/0/001") == b"".join(leaves[256:512])
    assert await site.get("/api/log/tile/0/002.p/188") == b"".join(leaves[512:])
    assert len(await site.get("/api/log/tile/1/000.p/2")) == 64
    async with site.hub.stranger.get("/api/log/tile/0/000") as response:
        assert response.content_type == "application/octet-stream"
        assert "immutable" in response.headers["Cache-Control"]


async def test_a_tlog_proof_of_one_entry(site: Site) -> None:
    proof = parse_tlog_proof(await site.get("/api/log/proof/699.tlog-proof"))
    head = parse_checkpoint(parse_note(proof.note).text)
    leaf = LOG.leaves(SIZE)[699]
    assert (proof.index, head) == (699, LOG.head(SIZE))
    assert verify_inclusion(leaf, 699, SIZE, head.root, proof.hashes)
    async with site.hub.program.get(f"/api/log/entries/{leaf.hex()}.tlog-proof") as response:
        assert parse_tlog_proof(await response.read()) == proof
    async with site.hub.program.get(f"/api/log/entries/{LOG.leaves(SIZE + 1)[-1].hex()}.tlog-proof") as response:
        assert response.status == 404, "it is in the file, but not signed yet"


async def test_before_the_first_checkpoint(site: Site) -> None:
    site.size = 0
    for path in ("checkpoint", "head", "proof/inclusion?index=0", "tile/0/000"):
        await site.get(f"/api/log/{path}", 404)


# ----------------------------------------------------------------------------------------- the head


async def test_the_head_as_a_file(site: Site) -> None:
    bundle = parse_bundle(await site.get("/api/log/head?from=123"))
    assert bundle.note == LOG.note(SIZE)
    assert bundle.vkey == str(LOG.key)
    assert {old: list(proof) for old, proof in bundle.proofs.items()} == {123: list(LOG.proof(123, SIZE))}
    await site.post("/api/log/cosignatures", cosigned(600))
    assert set(parse_bundle(await site.get("/api/log/head")).proofs) == {600}, "what a witness gave back is known"


async def test_the_head_as_a_qr_code(site: Site) -> None:
    site.hub.services.log.text = LOG.note(SIZE)  # type: ignore[attr-defined]
    async with site.hub.program.get("/api/log/head.svg") as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")
        assert (await response.read()) == qr_svg(LOG.note(SIZE))
    assert qr_svg(LOG.note(SIZE)).startswith(b"<svg ")
    with pytest.raises(InvalidRequest):
        qr_svg("x" * (MAX_QR_BYTES + 1))


# ------------------------------------------------------------------------------------- cosignatures


async def test_cosignatures_are_served_with_their_checkpoint(site: Site) -> None:
    await site.post("/api/log/cosignatures", cosigned())
    assert (await site.get("/api/log/checkpoint")).decode() == cosigned()
    site.size += 1
    assert (await site.get("/api/log/checkpoint")).decode() == LOG.note(SIZE + 1)
    assert (await site.get("/api/log/checkpoint?cosigned=1")).decode() == cosigned()
    site.hub.services.open_log = site.opened()  # as after a restart
    assert (await site.get("/api/log/checkpoint?cosigned=1")).decode() == cosigned()
    proof = parse_tlog_proof(await site.get("/api/log/proof/5.tlog-proof"))
    assert proof.note == cosigned()


async def test_a_cosignature_is_passed_on_once(site: Site) -> None:
    for _ in range(2):
        await site.post("/api/log/cosignatures", cosigned())
    (accepted,) = site.passed_on
    assert (accepted.witness, accepted.size, accepted.time_us) == ("w.example/1", SIZE, NOW_US)
    assert (log_folder(site.folder, ORIGIN) / "cosigned").read_text().count("w.example/1") == 1


OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


NO_COSIGNATURES: list[tuple[str | bytes, int]] = [
    (cosigned(private=OTHER), 403),
    (LOG.note(SIZE), 403),
    (cosigned().replace(LOG.note(SIZE), LOG.note(600)), 403),
    (cosigned(fork=3), 400),
    (cosigned(SIZE + 1), 404),
    (cosigned().replace(ORIGIN, "other/log"), 400),
    (cosigned().replace(LOG.note(SIZE).splitlines()[-1] + "\n", ""), 400),
    ("", 400),
    (b"\xff", 400),
    ("x" * 20_000, 400),
]


async def test_other_cosignatures_are_refused(site: Site) -> None:
    for body, status in NO_COSIGNATURES:
        await site.post("/api/log/cosignatures", body, status)
    assert not site.passed_on
    assert (await site.get("/api/log/checkpoint")).decode() == LOG.note(SIZE)


# ------------------------------------------------------------------------------- a hub as the witness


async def test_add_checkpoint_as_c2sp_says(site: Site) -> None:
    path = "/api/witness/add-checkpoint"
    line = await site.post(path, LOG.addition(0, 5).text(), headers={"Content-Type": "application/octet-stream"})
    key = (await site.get("/api/witness/vkey")).decode()
    assert line.startswith("\u2014 hub.example/witness ")
    assert key.startswith("hub.example/witness+")
    await site.post(path, LOG.addition(5, 9).text())
    async with site.hub.stranger.post(path, data=LOG.addition(5, 12).text(), headers=TEXT) as response:
        assert (response.status, response.headers["Content-Type"]) == (409, "text/x.tlog.size")
        assert await response.text() == "9\n"
    await site.post(path, LOG.addition(9, 12, fork=8).text(), 422)
    await site.post(path, LOG.addition(9, 12).text().replace("old 9\n", "old 9\n" + "A" * 43 + "=\n"), 422)
    await site.post(path, LOG.addition(9, 9, fork=8).text(), 409)
    await site.post(path, LOG.addition(9, 12).text().replace("old 9", "old 13"), 400)
    await site.post(path, SmallLog("other.example/log").addition(0, 5).text(), 404)
    await site.post(path, SmallLog(seed=9).addition(0, 5).text(), 403)
    await site.post(path, "old 9\n", 400)
    await site.post(path, b"\xff" * 100, 400)
    await site.post(path, LOG.addition(9, 12).text())


async def test_a_hub_that_is_no_witness(site: Site) -> None:
    site.hub.services.witness = None
    await site.get("/api/witness/vkey", 404)
    await site.post("/api/witness/add-checkpoint", LOG.addition(0, 5).text(), 404)


async def test_any_body_is_answered_in_words(site: Site) -> None:
    good = LOG.addition(0, 5).text().encode()

    async def both(body: bytes) -> None:
        for path in ("/api/witness/add-checkpoint", "/api/log/cosignatures"):
            async with site.hub.stranger.post(path, data=body, headers=TEXT) as response:
                assert response.status in (400, 403, 404, 409, 422), body

    bodies: list[bytes] = []

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.binary(max_size=60)
        | st.builds(
            lambda at, junk: good[:at] + junk + good[at + 1 :], st.integers(0, 100), st.binary(min_size=1, max_size=3)
        )
    )
    def gather(body: bytes) -> None:
        if body != good:
            bodies.append(body)

    gather()
    for body in bodies:
        await both(body)


# ------------------------------------------------------------------------- asking another's witness


async def proof_of(old: int, size: int) -> Sequence[bytes]:
    return LOG.proof(old, size)


def authority(site: Site, **values: Any) -> WitnessAuthority:
    assert site.hub.services.witness is not None
    key = values.pop("key", site.hub.services.witness.key)
    url = values.pop("url", str(site.hub.base / "api/witness"))
    return WitnessAuthority(WitnessSettings(key, url), values.pop("proof", proof_of), **values)


async def test_a_witness_is_asked_with_the_proof_that_it_needs(site: Site) -> None:
    told: list[str] = []

    async def cosigned(note: str) -> None:
        told.append(note)

    asked = authority(site, cosigned=cosigned)
    for size in (5, 9, 9, 30):
        received = await asked.anchor(LOG.note(size))
        assert (received.kind, received.authority, received.size) == ("witness", "hub.example/witness", size)
        assert received.root_hex == LOG.head(size).root.hex()
        assert told[-1] == LOG.note(size) + received.data.decode()
    # restarted: it does not know what the witness remembers, and is told (409)
    assert (await authority(site).anchor(LOG.note(40))).size == 40


async def test_a_rolled_back_log_gets_no_cosignature(site: Site) -> None:
    await authority(site).anchor(LOG.note(40))
    with pytest.raises(AnchorRefused, match="rolled back") as caught:
        await authority(site).anchor(LOG.note(30))
    assert caught.value.code == "rollback"
    for fork in (30, 39):
        with pytest.raises(AnchorRefused):
            await authority(site).anchor(LOG.note(40, fork=fork))
    with pytest.raises(AnchorRefused, match="422"):
        await authority(site).anchor(LOG.note(50, fork=30))


async def test_a_witness_with_another_key_is_not_believed(site: Site) -> None:
    asked = authority(site, key=WITNESS)
    with pytest.raises(AnchorRefused, match="expected its cosignature") as caught:
        await asked.anchor(LOG.note(5))
    assert caught.value.code == "bad_answer"


async def test_a_witness_that_is_not_there_or_answers_nonsense(site: Site) -> None:
    with pytest.raises(AnchorRefused, match="cannot be reached"):
        await authority(site, url="http://127.0.0.1:1").anchor(LOG.note(5))
    with pytest.raises(AnchorRefused, match="expected status 200"):
        await authority(site, url=str(site.hub.base)).anchor(LOG.note(5))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        await reader.read(65536)
        writer.write(body)
        writer.close()

    for body in (
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\n-5\n",
        b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n9\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n\xe2\x80\x94 a QUJDREVG\n",
    ):
        server = await asyncio.start_server(lambda r, w, body=body: answer(r, w, body), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AnchorRefused):
            await authority(site, url=f"http://127.0.0.1:{port}", timeout_s=2.0).anchor(LOG.note(5))
        server.close()


@pytest.mark.parametrize("line", ["", "nokey http://a", f"{WITNESS} ftp://a", f"{WITNESS} http://a b", str(LOG.key)])
def test_settings_that_name_no_witness(line: str) -> None:
    with pytest.raises(SettingsError, match="witnesses"):
        parse_witness(line)
