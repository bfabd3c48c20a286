"""ID tokens: whether one is meant for this sign-in. Pure (OpenID Connect Core 1.0 §3.1.3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hub.errors import Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by the provider's private key alone: neither ``none`` nor HMAC, whose key anybody with the public key
set, or every client, would hold."""
LEEWAY_S = 120
"""Between the provider's clock and ours."""
MAX_AGE_S = 3600
"""A token is made for this sign-in: an older one is not."""
MAX_TOKEN_BYTES = 16 * 1024


def read_id_token(
    token: str, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now_s: int
) -> dict[str, Any]:
    """The claims of a token that this provider made for us, for this sign-in, just now.

    Raises Refused ``oidc_token``, with the reason for the hub's log.
    """
    if not token.isascii() or len(token) > MAX_TOKEN_BYTES:
        raise _refused("is too long or no ASCII")
    try:
        claims = jwt.decode(token, _signing_keys(keys), algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused(f"cannot be read or is not signed by the provider: {type(error).__name__}") from None
    if not isinstance(claims, dict):
        raise _refused("has no claims")
    _check(claims, issuer, client_id, nonce, now_s)
    return claims


def _signing_keys(keys: Mapping[str, Any]) -> KeySet:
    """Public keys for signatures; a key of another kind or use signs nothing here."""
    listed = keys.get("keys")
    usable = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("kty") in ("RSA", "EC", "OKP") and one.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": usable})


def _check(claims: dict[str, Any], issuer: str, client_id: str, nonce: str, now_s: int) -> None:
    audience = claims.get("aud")
    meant_for = [audience] if isinstance(audience, str) else audience
    if claims.get("iss") != issuer:
        raise _refused("is of another issuer")
    if not isinstance(meant_for, list) or client_id not in meant_for:
        raise _refused("is meant for somebody else (aud)")
    if claims.get("azp", client_id) != client_id or (len(meant_for) > 1 and "azp" not in claims):
        raise _refused("was given to somebody else (azp)")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise _refused("belongs to another sign-in (nonce)")
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires + LEEWAY_S <= now_s:
        raise _refused("has expired")
    if not now_s - MAX_AGE_S - LEEWAY_S <= issued <= now_s + LEEWAY_S:
        raise _refused("was not made just now: compare the two clocks (iat)")
    if "nbf" in claims and _time(claims, "nbf") > now_s + LEEWAY_S:
        raise _refused("is not valid yet (nbf)")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise _refused("names nobody (sub)")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"has no time {name}")
    return value


def _refused(why: str) -> Refused:
    return Refused(f"the ID token {why}", code="oidc_token")
