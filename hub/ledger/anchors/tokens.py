"""Time-stamp tokens: RFC 3161, checked by ``rfc3161-client`` where it is installed.

What an authority stamps is SHA-256 over the checkpoint's *text*: origin, size, root, any extension lines, the last
newline included; neither the blank line nor the signature lines. These are the bytes that the log's key signs too.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar, cast

from cryptography import x509

from hub.clock import US_PER_S
from hub.errors import LedgerError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MAX_TOKEN_BYTES = 64 << 10
"""A token with its certificates has 1 to 8 KiB."""
SHA256_OID = "2.16.840.1.101.3.4.2.1"
_US = datetime.timedelta(microseconds=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_Result = TypeVar("_Result")
_CERTIFICATE_FAULT = "certificate verify error"


class BadToken(LedgerError):
    """A token that does not hold. ``code``: ``bad_token``; ``other_data``; ``untrusted_authority``; ``key_usage``;
    ``certificate_expired``; ``no_library`` and ``no_trust`` where it could not be checked."""

    code = "bad_token"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says: made at ``at_us``, and surely between the other two, µs UTC: less and plus its stated
    accuracy; where it states none, within the stated second."""

    at_us: int
    from_us: int
    until_us: int
    serial: int
    nonce: int | None


def read_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file of trusted authorities. Raises BadToken."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise BadToken("expected trusted certificates in PEM form, found something else") from error


def as_response(token: bytes) -> bytes:
    """The DER TimeStampResp ``{ { granted }, token }``: the form that the library reads."""
    return _sequence(b"\x30\x03\x02\x01\x00" + token)


def _sequence(content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return b"\x30" + bytes([length]) + content
    coded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return b"\x30" + bytes([0x80 | len(coded)]) + coded + content


def check_token(token: bytes, text: bytes, roots: Iterable[x509.Certificate], nonce: int | None = None) -> Stamp:
    """The time that the token proves for ``text``. ``roots``: trusted certificates; those that are not self-issued
    only help to build the chain. The certificates must be valid at the stated time, not today.

    Raises BadToken, and nothing else.
    """
    library, roots = _library(), tuple(roots)
    response = decode(as_response(token))
    imprint = _guarded(lambda: response.tst_info.message_imprint)
    digest = hashlib.sha256(text).digest()
    if imprint.hash_algorithm.dotted_string != SHA256_OID or imprint.message != digest:
        raise BadToken(
            f"expected a token over {digest.hex()}, SHA-256 of the checkpoint's text, found one over "
            f"{imprint.message.hex()[:64]}: it was made for other data",
            code="other_data",
        )
    ends = [one for one in roots if one.issuer == one.subject]
    links = [one for one in roots if one.issuer != one.subject]
    builder = library.VerifierBuilder(roots=ends, intermediates=links, nonce=nonce)
    if not ends:
        raise BadToken("the token was not checked: no trusted authority was given", code="no_trust")
    try:
        _guarded(lambda: builder.build().verify_message(response, text))
    except library.VerificationError as error:
        raise _explained(str(error)) from error
    return _guarded(lambda: _stamp(response))


def decode(response: bytes) -> TimeStampResponse:
    """A DER TimeStampResp. Raises BadToken."""
    if len(response) > MAX_TOKEN_BYTES:
        raise BadToken(f"expected a token of at most {MAX_TOKEN_BYTES} bytes, found {len(response)}")
    library = _library()
    return _guarded(lambda: cast("TimeStampResponse", library.decode_timestamp_response(response)))


def _library() -> ModuleType:
    """Loaded with the first token that is looked at."""
    try:
        import rfc3161_client
    except ImportError as error:  # `hub verify` alone does without it, and says what it could not check
        raise BadToken("the token could not be checked: rfc3161-client is not installed", code="no_library") from error
    return rfc3161_client


def _guarded(call: Callable[[], _Result]) -> _Result:
    """The library's own complaints pass; anything else that bytes from outside set off in it is a bad token.

    Its parser is Rust: a panic there arrives as a BaseException of the binding.
    """
    try:
        return call()
    except BaseException as error:
        if isinstance(error, BadToken | _library().VerificationError):
            raise
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BadToken("expected an RFC 3161 time-stamp token in DER form, found something else") from error


def _explained(found: str) -> BadToken:
    """The library's complaint in our words."""
    if "EKU" in found or "certificate purpose" in found:
        what = "an authority's certificate with the critical extended key usage timeStamping, found one without"
        code = "key_usage"
    elif "expired" in found or "not yet valid" in found:
        what, code = (
            "a certificate valid at the stated time, found one whose days were not those",
            "certificate_expired",
        )
    elif _CERTIFICATE_FAULT in found:
        what, code = "a token of an authority that is trusted here, found one of another", "untrusted_authority"
    elif "Nonce" in found:
        what, code = "an answer to what was asked, found one with another nonce: it may be an old one", "bad_token"
    else:
        what, code = f"a token whose signature verifies, found one that does not ({found[:200]})", "bad_token"
    return BadToken(f"expected {what}", code=code)


def _stamp(response: TimeStampResponse) -> Stamp:
    info = response.tst_info
    at_us = (info.gen_time - _EPOCH) // _US
    accuracy = info.accuracy
    if accuracy is None:
        # Most authorities cut the second off: without a stated accuracy the time may be any in that second.
        return Stamp(at_us, at_us, at_us + US_PER_S, info.serial_number, info.nonce)
    error_us = (accuracy.seconds or 0) * US_PER_S + (accuracy.millis or 0) * 1_000 + (accuracy.micros or 0)
    return Stamp(at_us, at_us - error_us, at_us + error_us, info.serial_number, info.nonce)
