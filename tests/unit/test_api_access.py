"""Every route is described, and every route but the exceptions wants credentials and our own page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.api.openapi import openapi
from hub.api.routes import Access
from hub.api.schema import InterruptionsQuery, RangeQuery, SignIn, StreamChange, StreamIn, explain, parse_time
from hub.api.server import ROUTES
from hub.clock import rfc3339
from tests.api_support import BEARER, Hub, path_of, running_hub

PUBLIC = {
    ("GET", "/"),
    ("GET", "/assets/{file}"),
    ("GET", "/recorder"),
    ("GET", "/{file}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/session"),
    ("GET", "/api/session/ways"),
    ("GET", "/api/session/oidc"),
    ("GET", "/api/session/oidc/callback"),
    ("GET", "/api/session/oidc/end"),
    ("OPTIONS", "/api/uploads"),
    ("GET", "/api/log/checkpoint"),
    ("GET", "/api/log/vkey"),
    ("GET", "/api/log/head"),
    ("GET", "/api/log/keys"),
    ("GET", "/api/log/proof/consistency"),
    ("GET", "/api/log/proof/inclusion"),
    ("GET", r"/api/log/proof/{index:\d+}.tlog-proof"),
    ("GET", "/api/log/tile/{tile:.+}"),
    ("POST", "/api/log/cosignatures"),
    ("GET", "/api/witness/vkey"),
    ("POST", "/api/witness/add-checkpoint"),
    ("OPTIONS", "/whip/{id}"),
    ("OPTIONS", "/whip/{id}/{session}"),
}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path, origins=["https://other.example"]) as hub:
        yield hub


async def test_only_the_exceptions_are_public(hub: Hub) -> None:
    assert {(route.method, route.path) for route in ROUTES if route.access is Access.PUBLIC} == PUBLIC
    for route in ROUTES:
        if route.access is Access.PUBLIC:
            continue
        for headers in ({}, {"Authorization": "Bearer x"}, {"Cookie": "hub_session=x"}):
            async with hub.stranger.request(route.method, path_of(route), headers=headers) as response:
                assert response.status == 401, (route.method, route.path)
                assert (await response.json())["error"]["code"] == "unauthorized"


async def test_the_document_describes_every_route(hub: Hub) -> None:
    async with hub.program.get("/api/openapi.json") as response:
        document = await response.json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    registered = {
        (route.method, route.resource.canonical)
        for route in hub.app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }
    assert described == registered
    assert len(described) == len(ROUTES)


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(references(item) for item in value))
    return set()


def test_the_document_refers_to_nothing_that_it_lacks() -> None:
    document = openapi(ROUTES)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    create = document["paths"]["/api/streams"]["post"]
    assert create["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/StreamSaved")
    assert create["security"] == [{"session": []}, {"token": []}]
    assert (create["x-right"], create["x-scope"]) == ("streams.manage", "own")
    assert document["paths"]["/healthz"]["get"]["security"] == []
    listing = document["paths"]["/api/streams"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listing == {"type": "array", "items": {"$ref": "#/components/schemas/StreamOut"}}


# ------------------------------------------------------------------------------- whose page it is

OWN, FOREIGN = "own", "https://evil.example"


async def change_by_cookie(hub: Hub, headers: dict[str, str]) -> int:
    cookie = next(iter(hub.person.cookie_jar)).value
    headers = {"Cookie": f"hub_session={cookie}"} | headers
    if headers.get("Origin") == OWN:
        headers["Origin"] = str(hub.base.origin())
    async with hub.stranger.delete("/api/streams/nope", headers=headers) as response:
        return response.status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": OWN}, 404),
        ({"Origin": "https://other.example"}, 404),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": FOREIGN}, 403),
        ({"Origin": FOREIGN, "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
    ],
)
async def test_a_change_by_cookie_comes_from_our_own_page(hub: Hub, headers: dict[str, str], status: int) -> None:
    await hub.sign_in()
    assert await change_by_cookie(hub, headers) == status


async def test_reading_by_cookie_and_changing_by_token_need_no_origin(hub: Hub) -> None:
    await hub.sign_in()
    cookie = next(iter(hub.person.cookie_jar)).value
    async with hub.stranger.get("/api/streams", headers={"Cookie": f"hub_session={cookie}"}) as response:
        assert response.status == 200
    async with hub.stranger.delete("/api/streams/nope", headers=BEARER | {"Origin": FOREIGN}) as response:
        assert response.status == 404


async def test_a_foreign_page_does_not_sign_its_visitor_in(hub: Hub) -> None:
    body = {"username": "admin", "password": "x"}
    async with hub.stranger.post("/api/session", json=body, headers={"Origin": FOREIGN}) as response:
        assert response.status == 403
    async with hub.stranger.post("/api/session", json=body) as response:
        assert response.status == 401


async def test_only_origins_of_the_settings_read_answers_from_elsewhere(hub: Hub) -> None:
    asked = {"Access-Control-Request-Method": "PATCH"}
    async with hub.stranger.options("/api/streams", headers={"Origin": "https://other.example"} | asked) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://other.example"
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    async with hub.stranger.options("/api/streams", headers={"Origin": FOREIGN} | asked) as response:
        assert response.status == 405
        assert "Access-Control-Allow-Origin" not in response.headers
    async with hub.program.get("/api/streams", headers={"Origin": FOREIGN}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_behind_a_proxy_the_scheme_is_the_proxys(tmp_path: Path) -> None:
    async with running_hub(tmp_path, behind_proxy=True) as hub:
        https = "https" + str(hub.base.origin()).removeprefix("http")
        body = {"username": "admin", "password": "correct horse battery"}
        async with hub.stranger.post("/api/session", json=body, headers={"Origin": https}) as response:
            assert response.status == 200
            assert "Secure" in response.headers["Set-Cookie"]


async def test_behind_a_proxy_the_address_is_what_it_appended(tmp_path: Path) -> None:
    async with running_hub(tmp_path, behind_proxy=True) as hub:

        async def guess(user: str, forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            async with hub.stranger.post(
                "/api/session", json={"username": user, "password": "x"}, headers=headers
            ) as r:
                return r.status

        for number in range(5):
            assert await guess(f"u{number}", f"1.1.1.{number}, 10.0.0.7") == 401
        assert await guess("other", "9.9.9.9, 10.0.0.7") == 429
        assert await guess("other", "10.0.0.8") == 401


# ---------------------------------------------------------------------------- what outsiders send


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+ -]\d\d:\d\d)", fullmatch=True)
)
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse_time(text), int)
    except ValueError:
        return


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_times_come_back_as_they_went_out(utc_us: int) -> None:
    assert parse_time(rfc3339(utc_us)) == utc_us


def test_zones() -> None:
    eight = parse_time("2026-11-20T08:00:00+08:00")
    assert eight == parse_time("2026-11-20T08:00:00 08:00") == parse_time("2026-11-20t00:00:00.000000z")


FIELDS = st.sampled_from(["id", "name", "kind", "source", "type", "url", "password"])
JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | JSON_BODIES)
@pytest.mark.parametrize("model", [StreamIn, StreamChange, SignIn])
def test_any_body_is_the_model_or_a_validation_error(model: Any, body: bytes) -> None:
    try:
        model.model_validate_json(body)
    except ValidationError as error:
        explain(error)


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["from", "to", "limit", "after", "state", "stream", "x"]), st.text(max_size=30)))
@pytest.mark.parametrize("model", [RangeQuery, InterruptionsQuery])
def test_any_query_is_the_model_or_a_validation_error(model: Any, query: dict[str, str]) -> None:
    try:
        model.model_validate(query)
    except ValidationError as error:
        explain(error)
