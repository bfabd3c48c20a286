"""Where an auditor gets a log's head from: a hub over HTTP, or a file from a USB stick. Blocking, standard library."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from hub.audit.bundle import Bundle, is_bundle, parse_bundle
from hub.errors import HubError
from hub.ledger.files import replace_file
from hub.ledger.proofs import MAX_HASHES, BadProof

TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 1 << 20
_TEXT = "text/plain; charset=utf-8"


class Unreachable(HubError):
    """The log's head, its key or a proof cannot be had, or cannot be read: nothing can be said of the log."""

    code = "unreachable"


class Source(Protocol):
    """One place that hands out heads of one log. Every call raises Unreachable where it cannot answer."""

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool:
        """Whether it hands out the newest head there is, so that a smaller one than before contradicts it."""
        ...

    def note(self) -> str: ...

    def vkey(self) -> str:
        """Empty where the source tells none."""
        ...

    def statements(self) -> str:
        """What the log's keys have signed about each other; empty where the source tells nothing."""
        ...

    def consistency(self, old: int, size: int) -> Sequence[bytes] | None:
        """RFC 6962 proof; None where this source can never give one."""
        ...

    def give(self, cosigned: str) -> str:
        """Hand the cosigned checkpoint back; what to tell the person about it."""
        ...


class HubSource:
    """A hub's log over HTTP."""

    live = True

    def __init__(self, url: str, ca: Path | None = None) -> None:
        self.name = url.rstrip("/")
        if urlsplit(url).scheme not in ("http", "https"):
            raise Unreachable(f"expected http:// or https:// and a host, found {url[:200]!r}")
        try:
            tls = ssl.create_default_context(cafile=str(ca) if ca else None)
        except OSError as error:
            raise Unreachable(f"cannot use the certificates in {ca}: {error}") from error
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=tls))

    def note(self) -> str:
        return self._ask("/api/log/checkpoint")

    def vkey(self) -> str:
        return self._ask("/api/log/vkey").strip()

    def statements(self) -> str:
        return self._ask("/api/log/keys")

    def consistency(self, old: int, size: int) -> Sequence[bytes]:
        text = self._ask(f"/api/log/proof/consistency?from={old}&to={size}")
        try:
            hashes = [base64.b64decode(one, validate=True) for one in json.loads(text)["hashes"][: MAX_HASHES + 1]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unreachable(f"{self.name} answered a proof in a form that cannot be read") from error
        return hashes

    def give(self, cosigned: str) -> str:
        return self.hand_in(cosigned)[0]

    def hand_in(self, cosigned: str) -> tuple[str, bool]:
        """What to tell about it, and whether it was taken."""
        try:
            self._ask("/api/log/cosignatures", cosigned)
        except Unreachable as error:
            return f"the cosignature was not taken: {error}", False
        return "the cosignature was handed back", True

    def _ask(self, path: str, body: str | None = None) -> str:
        """``urllib`` follows redirects of a GET; where an answer came from does not matter, signatures do."""
        request = urllib.request.Request(  # noqa: S310  the scheme was looked at
            self.name + path, None if body is None else body.encode(), {"Content-Type": _TEXT} if body else {}
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise Unreachable(f"{self.name}{path} answered {error.code}: {_reason(error)}") from error
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self.name} cannot be reached: {getattr(error, 'reason', error)}") from error
        except Exception as error:  # http.client has a family of its own
            raise Unreachable(f"{self.name} answered what is no HTTP: {error!r}"[:300]) from error
        if len(data) > MAX_ANSWER_BYTES:
            raise Unreachable(f"{self.name}{path} answered more than {MAX_ANSWER_BYTES} bytes")
        try:
            return data.decode()
        except UnicodeError as error:
            raise Unreachable(f"{self.name}{path} answered what is no UTF-8") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """What the hub's own form of refusal says, if it is one."""
    try:
        return str(json.loads(error.read(4096))["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        return str(error.reason)[:100]


class FileSource:
    """A head bundle, or a bare note as a scanned QR code gives it."""

    live = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Unreachable(f"cannot read {path}: {error.strerror}") from error
        self._bundle: Bundle | None = None
        try:
            if is_bundle(data):
                self._bundle = parse_bundle(data)
                self._note = self._bundle.note
            else:
                text = data.decode()
                # an editor on the way may have changed the line ends; a scanner leaves out the last one
                self._note = text.replace("\r\n", "\n").rstrip("\n") + "\n"
        except (BadProof, UnicodeError) as error:
            raise Unreachable(f"{path} holds no head of a log: {error}") from error

    def note(self) -> str:
        return self._note

    def vkey(self) -> str:
        return self._bundle.vkey if self._bundle else ""

    def statements(self) -> str:
        return "".join(f"{one}\n" for one in self._bundle.statements) if self._bundle else ""

    def consistency(self, old: int, size: int) -> Sequence[bytes] | None:
        del size  # a bundle's proofs all end at its own checkpoint
        return self._bundle.proofs.get(old) if self._bundle else None

    def give(self, cosigned: str) -> str:
        path = self._path.with_name(f"{self._path.name}.cosigned")
        try:
            replace_file(path, cosigned.encode())
        except OSError as error:
            return f"the cosigned head could not be written to {path}: {error.strerror}"
        return f"the cosigned head is in {path}; `hub audit URL --take {path}` hands it in"
