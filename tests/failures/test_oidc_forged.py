"""ID tokens and returns from the provider that were not made for this sign-in: none begins a session."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import select

from hub.clock import ManualClock
from hub.database import Database, create_tables, metadata, open_engine
from hub.errors import Refused, Unavailable
from hub.oidc import flows as flows_module
from hub.oidc.flows import KEPT_US, Flows
from hub.oidc.provider import Oidc
from hub.oidc.tokens import LEEWAY_S, MAX_AGE_S, read_id_token
from tests.api_support import running_hub

ISSUER, CLIENT, NONCE, NOW_S = "https://id.example", "hub", "the nonce", 1_800_000_000
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
KEYS = {"keys": [KEY.as_dict(private=False)]}
GOOD = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "nonce": NONCE, "iat": NOW_S, "exp": NOW_S + 300}


def signed(claims: dict[str, Any], key: RSAKey = KEY) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)


def read(token: str) -> dict[str, Any]:
    return read_id_token(token, KEYS, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, now_s=NOW_S)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"iat": NOW_S + LEEWAY_S},
        {"exp": NOW_S - LEEWAY_S + 1},
    ],
)
def test_a_token_for_this_sign_in_is_read(changed: dict[str, Any]) -> None:
    assert read(signed(GOOD | changed))["sub"] == "1"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://id.example.evil"},
        {"iss": ISSUER + "/"},
        {"aud": "other"},
        {"aud": []},
        {"aud": {CLIENT: 1}},
        {"aud": [CLIENT, "other"]},
        {"azp": "other"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": NOW_S - LEEWAY_S},
        {"exp": None},
        {"exp": True},
        {"iat": NOW_S + LEEWAY_S + 1},
        {"iat": NOW_S - MAX_AGE_S - LEEWAY_S - 1},
        {"nbf": NOW_S + LEEWAY_S + 1},
        {"sub": ""},
        {"sub": 1},
    ],
)
def test_a_token_for_anything_else_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        read(signed({name: value for name, value in (GOOD | changed).items() if value is not None}))
    assert caught.value.code == "oidc_token"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_hmac(secret: bytes) -> str:
    text = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(GOOD)}"
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_a_token_that_the_provider_did_not_sign_is_refused() -> None:
    public = KEY.as_pem(private=False)
    head, body, signature = signed(GOOD).split(".")
    forged = [
        f"{_part({'alg': 'none'})}.{_part(GOOD)}.",
        f"{_part({'alg': 'None', 'kid': 'one'})}.{_part(GOOD)}.{signature}",
        f"{head}.{_part(GOOD | {'sub': '2'})}.{signature}",
        f"{head}.{body}.",
        signed(GOOD, OTHER),
        # the provider's public key as if it were a shared secret
        _with_hmac(public),
        # a key that the token brings along itself
        jwt.encode({"alg": "RS256", "jwk": OTHER.as_dict(private=False)}, GOOD, OTHER),
        "",
        "a.b.c",
        "ÿ" * 100,
        "a" * 20_000,
    ]
    for token in forged:
        with pytest.raises(Refused) as caught:
            read(token)
        assert caught.value.code == "oidc_token"


async def test_a_return_is_taken_once_from_the_browser_that_began_within_ten_minutes(tmp_path: Path) -> None:
    clock = ManualClock()
    database = Database.in_folder(tmp_path)
    engines = [open_engine(database) for _ in range(2)]
    create_tables(engines[0])
    begun, flows = (Flows(engine, clock) for engine in engines)  # another process has begun them
    flow, late = await begun.begin("https://hub/cb", "/"), await begun.begin("https://hub/cb", "/")
    for state, binding in ((flow.state, "x"), (flow.state, ""), ("x", flow.binding), (flow.state, late.binding)):
        with pytest.raises(Refused):
            await flows.finish(state, binding)
    assert await flows.finish(flow.state, flow.binding) == flow
    for again in (begun, flows):
        with pytest.raises(Refused):
            await again.finish(flow.state, flow.binding)
    clock.advance(KEPT_US / 1e6 + 1)
    with pytest.raises(Refused):
        await flows.finish(late.state, late.binding)
    for engine in engines:
        engine.dispose()


async def test_sign_ins_that_never_come_back_are_few_and_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows_module, "MAX_FLOWS", 3)
    clock = ManualClock()
    database = Database.in_folder(tmp_path)
    engine = open_engine(database)
    create_tables(engine)
    flows = Flows(engine, clock)
    made = []
    for _ in range(5):
        made.append(await flows.begin("https://hub/cb", "/"))
        clock.advance(1)
    for one in made[:2]:
        with pytest.raises(Refused):
            await flows.finish(one.state, one.binding)
    assert await flows.finish(made[2].state, made[2].binding) == made[2]
    clock.advance(KEPT_US / 1e6)
    last = await flows.begin("https://hub/cb", "/")
    with engine.connect() as connection:
        kept = connection.execute(select(flows_module.table)).all()
    assert [row.began_us for row in kept] == [last.began_us]
    assert last.state not in str(kept)
    assert last.binding not in str(kept)
    metadata.drop_all(engine)
    with pytest.raises(Unavailable):
        await flows.begin("https://hub/cb", "/")
    engine.dispose()


async def test_the_hub_takes_no_return_that_it_did_not_begin_and_goes_on_without_its_provider(tmp_path: Path) -> None:
    async with running_hub(tmp_path, oidc_issuer="http://127.0.0.1:9", oidc_client_id="hub") as hub:
        hub.services.oidc = Oidc(hub.services.settings, hub.services.clock, hub.services.accounts._engine)
        for path, code in (
            ("/api/session/oidc/callback?code=x&state=y", "oidc_state"),
            ("/api/session/oidc", "oidc_provider"),
            ("/api/session/oidc/end", "oidc_provider"),
        ):
            async with hub.stranger.get(path, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (302, f"/#/sign-in?oidc={code}")
                assert "hub_session" not in response.cookies
        foreign = {"Sec-Fetch-Site": "cross-site"}
        async with hub.stranger.get("/api/session/oidc", headers=foreign, allow_redirects=False) as response:
            assert response.status == 403
        await hub.sign_in()  # passwords still work
