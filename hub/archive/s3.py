"""What S3 can do and ``obstore`` cannot ask for: checksums of what is stored, retention dates, versions, unfinished
uploads. Small calls, a connection each. Blocking, from any thread."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit
from xml.etree import ElementTree

from hub.archive.signature import Keys, encoded_path, encoded_query, signed_headers

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 8 << 20
_MICROSECOND = 1_000_000


class Refused(OSError):
    """The store does not do this, and would not if it were asked again now: a lock, or a right that is missing."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store says of an object. ``checksum`` is its x-amz-checksum-sha256 (of parts: ``…-N``), or empty;
    ``lock_until_us``: it cannot be deleted before, hub UTC; 0: no date."""

    size: int
    version: str
    checksum: str
    lock_until_us: int


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class S3Calls:
    """One bucket. ``endpoint``: http(s)://HOST[:PORT]; the bucket stands in the path."""

    def __init__(self, endpoint: str, bucket: str, keys: Keys) -> None:
        self._url = urlsplit(endpoint)
        self._bucket = bucket
        self._keys = keys

    def stored(self, name: str) -> Stored | None:
        """HEAD, with the checksum. None: there is none of this name."""
        answer = self._call("HEAD", name, headers={"x-amz-checksum-mode": "ENABLED"}, known=(404,))
        if answer.status == 404:
            return None
        headers = answer.headers
        until = headers.get("x-amz-object-lock-retain-until-date", "")
        return Stored(
            int(headers.get("content-length", "0")),
            headers.get("x-amz-version-id", ""),
            headers.get("x-amz-checksum-sha256", ""),
            _moment_us(until) if until else 0,
        )

    def locks(self) -> bool:
        """Whether the bucket takes retention dates."""
        answer = self._call("GET", "", {"object-lock": ""}, known=(400, 404, 501))
        return answer.status == 200 and b"<ObjectLockEnabled>Enabled<" in answer.body

    def lock(self, name: str, version: str, mode: str, until_us: int) -> None:
        """Forbid the deletion of this version before then. Raises Refused where a later date is in force."""
        until = datetime.fromtimestamp(-(-until_us // _MICROSECOND), UTC)
        body = (
            '<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Mode>{mode.upper()}</Mode><RetainUntilDate>{until:%Y-%m-%dT%H:%M:%SZ}</RetainUntilDate></Retention>"
        ).encode()
        digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        query = {"retention": ""} | ({"versionId": version} if version else {})
        self._call("PUT", name, query, headers={"content-md5": digest}, body=body)

    def remove(self, name: str, version: str) -> None:
        """Delete this version for good; with versions a plain DELETE would only hide it. Raises Refused."""
        self._call("DELETE", name, {"versionId": version} if version else {}, known=(404,))

    def versions(self, name: str) -> list[str]:
        """All versions of one name, markers of deletion too."""
        answer = self._call("GET", "", {"versions": "", "prefix": name})
        found = [one for one in _tree(answer.body) if _tag(one) in ("Version", "DeleteMarker")]
        return [_text(one, "VersionId") for one in found if _text(one, "Key") == name]

    def unfinished(self, name: str) -> Iterator[str]:
        """Ids of uploads to this name that nobody ended."""
        answer = self._call("GET", "", {"uploads": "", "prefix": name})
        for one in _tree(answer.body):
            if _tag(one) == "Upload" and _text(one, "Key") == name:
                yield _text(one, "UploadId")

    def abort(self, name: str, upload: str) -> None:
        self._call("DELETE", name, {"uploadId": upload}, known=(404,))

    def _call(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        known: tuple[int, ...] = (),
    ) -> _Answer:
        """Raises Refused for a 4xx that is not ``known``, OSError for everything that may pass."""
        path = f"/{self._bucket}/{name}" if name else f"/{self._bucket}"
        query = query or {}
        asked = {"host": self._url.netloc, **(headers or {})}
        sent = signed_headers(self._keys, method, path, query, asked, body, datetime.now(UTC))
        target = encoded_path(path) + (f"?{encoded_query(query)}" if query else "")
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body or None, sent)
            response = connection.getresponse()
            answer = _Answer(
                response.status,
                {key.lower(): value for key, value in response.getheaders()},
                response.read(MAX_ANSWER_BYTES),
            )
        except HTTPException as error:
            raise OSError(f"the object store answers what is no HTTP: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 300 and answer.status not in known:
            why = _why(answer.body) or f"status {answer.status}"
            message = f"the object store refuses {method} {name or self._bucket}: {why}"
            raise (Refused if answer.status in (400, 401, 403, 404, 405, 409, 501) else OSError)(message)
        return answer


def composite(parts: list[bytes]) -> str:
    """The checksum that S3 keeps of an object of several parts, from their SHA-256; of one body: its own."""
    if len(parts) == 1:
        return b64encode(parts[0]).decode()
    return f"{b64encode(hashlib.sha256(b''.join(parts)).digest()).decode()}-{len(parts)}"


def _tree(body: bytes) -> list[ElementTree.Element]:
    """Raises OSError. Of a store that is configured, and bounded in size."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise OSError("the object store answers XML with a document type")
    try:
        return list(ElementTree.fromstring(body))  # noqa: S314  no document type, so no entities of its own
    except ElementTree.ParseError as error:
        raise OSError(f"the object store answers what is no XML: {error}") from error


def _tag(one: ElementTree.Element) -> str:
    return one.tag.rpartition("}")[2]


def _text(one: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in one if _tag(child) == name), "")


def _why(body: bytes) -> str:
    found = re.search(rb"<Code>([A-Za-z0-9.]{1,60})</Code>(?:\s*<Message>([^<]{1,200})</Message>)?", body)
    return "" if found is None else b": ".join(part for part in found.groups() if part).decode("utf-8", "replace")


def _moment_us(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).timestamp() * _MICROSECOND)
    except ValueError:
        raise OSError(f"the object store answers a date that is none: {text[:40]!r}") from None
