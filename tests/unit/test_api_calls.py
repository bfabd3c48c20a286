"""The HTTP calls: sign-in, streams, WHIP, the page, and how refusals look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub import metrics
from hub.errors import InvalidRequest, MediaError, NotFound, StorageError, Unavailable
from tests.api_support import BEARER, PASSWORD, Hub, running_hub

CAMERA = {
    "id": "window-01",
    "name": "1号窗口",
    "kind": "window",
    "source": {"type": "rtsp", "url": "rtsp://admin:s3cret@10.0.0.9/1"},
}
RECORDER = {"id": "rec-1", "name": "王警官", "kind": "recorder", "source": {"type": "whip"}}
SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path, max_body_kb=16, origins=["https://other.example"]) as hub:
        yield hub


async def json_of(response: aiohttp.ClientResponse, status: int) -> Any:
    assert response.status == status, await response.text()
    return await response.json()


async def error_of(response: aiohttp.ClientResponse, status: int) -> tuple[str, str]:
    """Code and message, of the one form that refusals have."""
    body = await json_of(response, status)
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "message"]
    return body["error"]["code"], body["error"]["message"]


# ------------------------------------------------------------------------------------- health, log


async def test_health_and_log_are_for_everybody(hub: Hub) -> None:
    async with hub.stranger.get("/healthz") as response:
        assert await json_of(response, 200) == {"status": "ok"}
    async with hub.stranger.head("/healthz") as response:
        assert response.status == 200
    async with hub.stranger.get("/api/log/checkpoint") as response:
        assert response.content_type == "text/plain"
        assert (await response.text()).startswith("hub.test\n0\n")
    async with hub.stranger.get("/api/log/vkey") as response:
        assert await response.text() == "hub.test+00000000+AAAA\n"


async def test_readiness_names_what_is_wrong(hub: Hub) -> None:
    hub.services.ready = lambda: {"ledger": "ok", "disk": "12 MiB free"}
    async with hub.stranger.get("/readyz") as response:
        assert await json_of(response, 503) == {"ready": False, "checks": {"ledger": "ok", "disk": "12 MiB free"}}
    hub.services.ready = lambda: {"ledger": "ok"}
    async with hub.stranger.get("/readyz") as response:
        assert (await json_of(response, 200))["ready"] is True


async def test_metrics_are_prometheus_text(hub: Hub) -> None:
    metrics.BAD_INPUT.labels("test").inc()
    async with hub.program.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert "hub_bad_input_total" in await response.text()


# ----------------------------------------------------------------------------------------- sign-in


async def test_a_person_signs_in_and_out(hub: Hub) -> None:
    async with hub.person.post("/api/session", json={"username": "admin", "password": PASSWORD}) as response:
        body = await json_of(response, 200)
        cookie = response.headers["Set-Cookie"]
    assert (body["username"], body["role"]) == ("admin", "admin")
    assert body["expires_at"] == "2026-01-01T12:00:00.000000Z"
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback
    async with hub.person.get("/api/session") as response:
        assert await json_of(response, 200) == body
    async with hub.person.delete("/api/session") as response:
        assert response.status == 204
    async with hub.person.get("/api/streams") as response:
        assert (await error_of(response, 401))[0] == "unauthorized"


async def test_a_copied_cookie_is_void_after_the_sign_out(hub: Hub) -> None:
    await hub.sign_in()
    cookie = next(iter(hub.person.cookie_jar)).value
    headers = {"Cookie": f"hub_session={cookie}"}
    async with hub.stranger.get("/api/streams", headers=headers) as response:
        assert response.status == 200
    async with hub.person.delete("/api/session") as response:
        assert response.status == 204
    async with hub.stranger.get("/api/streams", headers=headers) as response:
        assert response.status == 401


async def test_a_sign_in_ends_by_itself(hub: Hub) -> None:
    await hub.sign_in()
    hub.clock.advance(12 * 3600)
    async with hub.person.get("/api/streams") as response:
        assert response.status == 401


async def test_a_wrong_password_and_a_wrong_user_look_alike_and_then_wait(hub: Hub) -> None:
    seen = set()
    for user in ("admin", "nobody", "admin", "admin", "admin"):
        async with hub.person.post("/api/session", json={"username": user, "password": "x"}) as response:
            seen.add(await error_of(response, 401))
    assert len(seen) == 1
    async with hub.person.post("/api/session", json={"username": "admin", "password": PASSWORD}) as response:
        assert (await error_of(response, 429))[0] == "too_many_attempts"
        assert response.headers["Retry-After"] == "1"
    hub.clock.advance(1)
    await hub.sign_in()


async def test_many_guesses_at_once_do_not_slip_through_together(hub: Hub) -> None:
    async def guess(number: int) -> int:
        async with hub.stranger.post("/api/session", json={"username": "admin", "password": f"{number}"}) as response:
            return response.status

    statuses = await asyncio.gather(*(guess(number) for number in range(20)))
    assert statuses.count(401) == 5
    assert statuses.count(429) == 15


async def test_bearer_tokens(hub: Hub) -> None:
    async with hub.program.get("/api/session") as response:
        assert (await json_of(response, 200))["username"] == "program:admin"
    for header in ("Bearer wrong", "Bearer ", "Basic YTpi", "the-admin-token-of-the-tests", "Bearer é"):
        async with hub.stranger.get("/api/streams", headers={"Authorization": header}) as response:
            assert (await error_of(response, 401))[0] == "unauthorized"
            assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_no_admin_token_means_none_opens(tmp_path: Path) -> None:
    async with running_hub(tmp_path, admin_token=None) as hub:
        for token in ("None", "''", '""', "-"):
            async with hub.stranger.get("/api/streams", headers={"Authorization": f"Bearer {token}"}) as response:
                assert response.status == 401


# ----------------------------------------------------------------------------------------- streams


async def test_a_camera_is_one_call_and_its_password_is_not_shown(hub: Hub) -> None:
    async with hub.program.post("/api/streams", json=CAMERA) as response:
        made = await json_of(response, 201)
        assert response.headers["Location"] == "/api/streams/window-01"
    assert made == {
        "id": "window-01",
        "name": "1号窗口",
        "kind": "window",
        "source": {"type": "rtsp", "url": "rtsp://admin:***@10.0.0.9/1", "transport": "tcp"},
        "unit": "root",
            "device_number": "",
            "custodian": "",
            "capabilities": [],
            "managed_by_others": False, "preview": None,
            "retired": False,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "activity": None,
        "status": {
            "state": "waiting", "since": None, "tracks": [], "device": "", "peer": "", "bitrate_bps": 0,
            "attempts": 0, "complaint": None, "interruption": None,
            "session_at": None, "telemetry": None, "label": None, "fault": None,
        },
    }  # fmt: skip
    async with hub.program.get("/api/streams") as response:
        assert await json_of(response, 200) == [made]
    async with hub.program.get("/api/streams/window-01") as response:
        assert await json_of(response, 200) == made


async def test_what_a_device_is_made_for_is_searched(hub: Hub) -> None:
    async with hub.program.post("/api/streams", json=RECORDER | {"capabilities": ["night_vision"]}) as response:
        assert (await json_of(response, 201))["capabilities"] == ["night_vision"]
    async with hub.program.post("/api/streams", json=CAMERA):
        pass

    async def found(capability: str) -> list[str]:
        async with hub.program.get("/api/streams", params={"capability": capability}) as response:
            return [one["id"] for one in await json_of(response, 200)]

    assert await found("night_vision") == ["rec-1"]
    assert await found("positioning") == []
    async with hub.program.patch("/api/streams/rec-1", json={"capabilities": ["positioning", "explosion_proof"]}):
        pass
    assert await found("night_vision") == []
    assert await found("positioning") == ["rec-1"]
    async with hub.program.patch("/api/streams/rec-1", json={"name": "2"}) as response:
        assert (await json_of(response, 200))["capabilities"] == ["explosion_proof", "positioning"]
    async with hub.program.patch("/api/streams/rec-1", json={"capabilities": ["flying"]}) as response:
        assert response.status == 400
    async with hub.program.get("/api/streams", params={"capability": "flying"}) as response:
        assert response.status == 400


async def test_a_sub_stream_is_shown_without_its_password_and_null_takes_it_away(hub: Hub) -> None:
    body = {**CAMERA, "preview": {"url": "rtsp://admin:s3cret@10.0.0.9/sub", "transport": "udp"}}
    async with hub.program.post("/api/streams", json=body) as response:
        made = await json_of(response, 201)
    assert made["preview"] == {"url": "rtsp://admin:***@10.0.0.9/sub", "transport": "udp"}
    async with hub.program.patch("/api/streams/window-01", json={"name": "2"}) as response:
        assert (await json_of(response, 200))["preview"] == made["preview"]
    async with hub.program.patch("/api/streams/window-01", json={"preview": None}) as response:
        assert (await json_of(response, 200))["preview"] is None


async def test_a_recorders_token_is_shown_once(hub: Hub) -> None:
    async with hub.program.post("/api/streams", json=RECORDER) as response:
        token = (await json_of(response, 201))["token"]
    async with hub.program.get("/api/streams/rec-1") as response:
        shown = await response.text()
    assert token not in shown
    async with hub.program.patch("/api/streams/rec-1", json={"rotate_token": True}) as response:
        assert (await json_of(response, 200))["token"] != token
    async with hub.program.patch("/api/streams/rec-1", json={"name": "李警官"}) as response:
        assert "token" not in await json_of(response, 200)


async def test_retiring(hub: Hub) -> None:
    async with hub.program.post("/api/streams", json=CAMERA):
        pass
    async with hub.program.delete("/api/streams/window-01") as response:
        assert response.status == 204
    async with hub.program.get("/api/streams") as response:
        assert await json_of(response, 200) == []
    async with hub.program.get("/api/streams?retired=true") as response:
        assert (await json_of(response, 200))[0]["status"]["state"] == "retired"
    async with hub.program.post("/api/streams", json=CAMERA) as response:
        assert (await error_of(response, 409))[0] == "stream_exists"
    async with hub.program.patch("/api/streams/window-01", json={"name": "x"}) as response:
        assert (await error_of(response, 409))[0] == "stream_retired"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**CAMERA, "id": "../etc"}, "id"),
        ({**CAMERA, "kind": "door"}, "kind"),
        ({**CAMERA, "colour": 1}, "colour"),
        ({**CAMERA, "source": {"type": "rtsp"}}, "source.url"),
        ({**CAMERA, "source": {"type": "rtsp", "url": 5}}, "source.url"),
        ({**CAMERA, "source": {"type": "http", "url": "x"}}, "source"),
        ({**CAMERA, "source": {"type": "rtsp", "url": "http://h/"}}, "source.url"),
        ({**CAMERA, "source": {"type": "rtsp", "url": "rtsp://h/", "transport": "quic"}}, "source.transport"),
        ({"id": "a"}, "name"),
        ([], ""),
    ],
)
async def test_a_refusal_names_the_field(hub: Hub, body: object, field: str) -> None:
    async with hub.program.post("/api/streams", json=body) as response:
        code, message = await error_of(response, 400)
    assert code.startswith("bad_")
    assert field in message
    assert "s3cret" not in message


async def test_bodies_that_are_not_what_they_say(hub: Hub) -> None:
    json_type = {"Content-Type": "application/json"}
    for body in (b"{", b"", b"\xff\xfe", b'{"id": 1e999}', b"[" * 5000):
        async with hub.program.post("/api/streams", data=body, headers=json_type) as response:
            assert (await error_of(response, 400))[0] == "bad_request"
    async with hub.program.post("/api/streams", data="{}", headers={"Content-Type": "text/plain"}) as response:
        assert (await error_of(response, 415))[0] == "unsupported_media_type"
    async with hub.program.get("/api/streams?what=1") as response:
        assert "what" in (await error_of(response, 400))[1]
    async with hub.program.get("/api/streams?retired=true&retired=false") as response:
        assert "twice" in (await error_of(response, 400))[1]


async def test_unknown_streams_paths_and_methods(hub: Hub) -> None:
    for method, path in (("GET", "/api/streams/nope"), ("DELETE", "/api/streams/nope"), ("GET", "/api/nope/x")):
        async with hub.program.request(method, path) as response:
            assert (await error_of(response, 404))[0] == "not_found"
    async with hub.program.put("/api/streams") as response:
        assert (await error_of(response, 405))[0] == "method_not_allowed"
        assert response.headers["Allow"] == "GET,HEAD,POST"


async def test_what_nobody_foresaw_is_told_without_internals(hub: Hub) -> None:
    def broken(_stream: object) -> Any:
        raise RuntimeError("secret internals")

    async with hub.program.post("/api/streams", json=CAMERA):
        pass
    hub.services.status = broken
    async with hub.program.get("/api/streams") as response:
        code, message = await error_of(response, 500)
    assert code == "internal"
    assert "secret" not in message


# -------------------------------------------------------------------------------------------- WHIP


async def device(hub: Hub, stream_id: str = "rec-1") -> dict[str, str]:
    async with hub.program.post("/api/streams", json={**RECORDER, "id": stream_id}) as response:
        return {"Authorization": f"Bearer {(await response.json())['token']}"}


async def test_a_recorder_publishes_trickles_and_ends(hub: Hub) -> None:
    token = await device(hub)
    async with hub.stranger.post("/whip/rec-1", data="v=0\r\n", headers=token | SDP) as response:
        assert response.status == 201
        assert response.content_type == "application/sdp"
        assert await response.text() == "v=0\r\nanswer\r\n"
        location, etag = response.headers["Location"], response.headers["ETag"]
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Location" in response.headers["Access-Control-Expose-Headers"]
    assert location == "/whip/rec-1/session-1"
    fragment = token | {"Content-Type": "application/trickle-ice-sdpfrag"}
    for tag in ({}, {"If-Match": etag}):
        async with hub.stranger.patch(location, data="a=x\r\n", headers=fragment | tag) as response:
            assert response.status == 204
    async with hub.stranger.delete(location, headers=token) as response:
        assert response.status == 200
    assert [call[0] for call in hub.whip.asked] == ["offer", "trickle", "trickle", "end"]
    assert hub.whip.asked[0] == ("offer", "rec-1", "v=0\r\n")


async def test_whip_refusals(hub: Hub) -> None:
    token = await device(hub)
    async with hub.stranger.post("/whip/rec-1", data="v=0", headers=token) as response:
        assert (await error_of(response, 415))[0] == "unsupported_media_type"
    async with hub.stranger.post("/whip/rec-1", data="v=0", headers=SDP) as response:
        assert response.status == 401
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    async with hub.stranger.post("/whip/rec-1", data="v=0", headers=SDP | {"Authorization": "Bearer x"}) as response:
        assert response.status == 401
    async with hub.stranger.post("/whip/rec-1", data=b"\xff", headers=SDP | token) as response:
        assert (await error_of(response, 400))[0] == "bad_sdp"
    async with hub.stranger.post("/whip/nope", data="v=0", headers=SDP | BEARER) as response:
        assert response.status == 404
    assert hub.whip.asked == []


async def test_a_device_token_opens_its_own_stream_and_nothing_else(hub: Hub) -> None:
    one = await device(hub)
    await device(hub, "rec-2")
    for method, path in (
        ("POST", "/whip/rec-2"),
        ("GET", "/api/streams"),
        ("GET", "/metrics"),
        ("DELETE", "/whip/rec-2/s"),
    ):
        async with hub.stranger.request(method, path, headers=SDP | one, data="v=0") as response:
            assert response.status == 401
    assert hub.whip.asked == []


async def test_a_camera_or_a_retired_stream_takes_nothing_in(hub: Hub) -> None:
    async with hub.program.post("/api/streams", json=CAMERA):
        pass
    async with hub.program.post("/whip/window-01", data="v=0", headers=SDP) as response:
        assert (await error_of(response, 409))[0] == "not_a_recorder"
    token = await device(hub)
    async with hub.program.delete("/api/streams/rec-1"):
        pass
    async with hub.stranger.post("/whip/rec-1", data="v=0", headers=SDP | token) as response:
        assert (await error_of(response, 409))[0] == "stream_retired"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x", code="no_h264"), 400),
        (InvalidRequest("x", code="ice_restart"), 422),
        (MediaError("x"), 400),
        (NotFound("x"), 404),
        (Unavailable("x"), 503),
        (StorageError("x"), 503),
    ],
)
async def test_errors_of_the_parts_have_their_status(hub: Hub, error: Any, status: int) -> None:
    token = await device(hub)
    hub.whip.error = error
    async with hub.stranger.post("/whip/rec-1", data="v=0", headers=SDP | token) as response:
        assert (await error_of(response, status))[0] == error.code


async def test_entity_tags(hub: Hub) -> None:
    token = await device(hub) | {"Content-Type": "application/trickle-ice-sdpfrag"}
    async with hub.stranger.patch("/whip/rec-1/s1", data="", headers=token | {"If-Match": '"other"'}) as response:
        assert (await error_of(response, 412))[0] == "precondition_failed"
    async with hub.stranger.patch("/whip/rec-1/s1", data="", headers=token | {"If-Match": "*"}) as response:
        assert (await error_of(response, 422))[0] == "ice_restart"


async def test_options_say_what_may_be_posted(hub: Hub) -> None:
    for path in ("/whip/rec-1", "/whip/rec-1/s1"):
        async with hub.stranger.options(path, headers={"Origin": "https://recorder.example"}) as response:
            assert response.status == 204
            assert response.headers["Accept-Post"] == "application/sdp"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
            assert "DELETE" in response.headers["Access-Control-Allow-Methods"]


# ---------------------------------------------------------------------------------------- the page


async def test_the_page_its_assets_and_their_headers(hub: Hub, tmp_path: Path) -> None:
    async with hub.stranger.get("/") as response:
        assert response.status == 200
        assert "make page" in await response.text()
    assets = tmp_path / "page" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<!doctype html>hub")
    (tmp_path / "page" / "favicon.svg").write_text("<svg/>")
    (assets / "index-abc123.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    async with hub.stranger.get("/") as response:
        assert await response.text() == "<!doctype html>hub"
        assert response.headers["Cache-Control"] == "no-cache"
        policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    async with hub.stranger.get("/assets/index-abc123.js") as response:
        assert response.content_type in ("text/javascript", "application/javascript")
        assert "immutable" in response.headers["Cache-Control"]
    async with hub.stranger.get("/favicon.svg") as response:
        assert response.content_type == "image/svg+xml"


async def test_every_answer_has_the_headers_that_keep_browsers_honest(hub: Hub) -> None:
    for path in ("/healthz", "/api/streams", "/nope", "/whip/x"):
        async with hub.stranger.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cache-Control"] == "no-store"
            assert "Server" not in response.headers
