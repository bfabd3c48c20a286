"""AWS Signature Version 4 for requests whose body is small and known. Pure.

AWS General Reference, "Signature Version 4 signing process"; S3 encodes a path once, and signs the body's digest too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-._~"


@dataclass(frozen=True, slots=True)
class Keys:
    """Of whoever calls, and the region that they call in."""

    access: str
    secret: str
    region: str


def encoded_path(path: str) -> str:
    """A path as it is sent and signed: each byte but letters, digits, ``-._~`` and the slashes."""
    return quote(path, safe=f"/{_UNRESERVED}")


def encoded_query(query: Mapping[str, str]) -> str:
    """A query as it is sent and signed: by name."""
    pairs = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    keys: Keys, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes, at: datetime
) -> dict[str, str]:
    """``headers`` (with ``host``, lower case) and those that sign them. ``path`` is not encoded; ``at`` is UTC."""
    digest = hashlib.sha256(body).hexdigest()
    stamp, day = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}"
    signed = {**headers, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
    request = "\n".join((method, encoded_path(path), encoded_query(query), lines, names, digest))
    scope = f"{day}/{keys.region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed
