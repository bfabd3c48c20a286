"""TLS: the context HTTPS is served with, and a local authority for sites that have no other (``hub tls init``).

Browsers give camera, microphone, WebCrypto, service worker and storage only to secure origins, so a hub that
is opened from another machine needs HTTPS.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.clock import US_PER_S
from hub.errors import Conflict, SettingsError
from hub.metrics import TLS_EXPIRY
from hub.settings import Settings

CA_DAYS = 3650
SERVER_DAYS = 397
"""Apple's limit for certificates of public authorities; private ones may last 825 days, others follow."""
_BACKDATED = timedelta(days=1)  # phones whose clock is behind

_DNS_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)

THREE_WAYS = (
    "Browsers would withhold camera, cryptography and storage, and passwords would travel in clear. Three ways on: "
    "set tls_cert and tls_key (HUB_TLS_CERT, HUB_TLS_KEY); or run `hub tls init --name HOST`, which makes both; "
    "or set behind_proxy = true (HUB_BEHIND_PROXY) if a proxy in front terminates TLS"
)


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """The context to listen with; None for plain HTTP, which is refused beyond loopback without a proxy.

    Raises SettingsError.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        if not is_loopback(settings.host) and not settings.behind_proxy:
            raise SettingsError(f"plain HTTP on {settings.listen} is refused. {THREE_WAYS}")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
        served = x509.load_pem_x509_certificate(settings.tls_cert.read_bytes())
    except (OSError, ValueError) as error:  # ssl.SSLError is one
        raise SettingsError(
            f"tls_cert {settings.tls_cert} and tls_key {settings.tls_key}: expected a PEM chain and its "
            f"unencrypted key, found: {error}"
        ) from error
    TLS_EXPIRY.labels(settings.tls_cert).set(served.not_valid_after_utc.timestamp())
    return context


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. A name that is not ``localhost`` may be anything."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# ------------------------------------------------------------------------------- hub tls init


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What ``init`` made. ``fingerprint`` is the CA's SHA-256, hex pairs, to be compared on the other device."""

    ca_cert: Path
    ca_key: Path
    cert: Path
    key: Path
    fingerprint: str
    names: tuple[str, ...]


def init(folder: Path, names: Sequence[str], now_us: int) -> TlsFiles:
    """A local authority (once) and a server certificate for ``names`` (each time) in ``folder``.

    ``names`` are DNS names and IP addresses that browsers will open, without any those of this machine; localhost
    is always added. An authority that is there already is kept, so that devices which trust it need nothing new.
    Raises SettingsError for a name that is none, Conflict for an authority that cannot be read. Keys get mode 0600.
    """
    wanted = _checked([*(names or own_names()), "localhost", "127.0.0.1", "::1"])
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now_us // US_PER_S)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_cert_path, ca_key_path = folder / "ca.crt", folder / "ca.key"
    if ca_cert_path.exists() or ca_key_path.exists():
        ca_cert, ca_key = _read_ca(ca_cert_path, ca_key_path)
    else:
        ca_cert, ca_key = _make_ca(now)
        _write(ca_key_path, _key_pem(ca_key), 0o600)
        _write(ca_cert_path, _cert_pem(ca_cert), 0o644)
    key = ec.generate_private_key(ec.SECP256R1())
    cert = _make_server(wanted, key, ca_cert, ca_key, now)
    _write(folder / "hub.key", _key_pem(key), 0o600)
    _write(folder / "hub.crt", _cert_pem(cert) + _cert_pem(ca_cert), 0o644)
    fingerprint = ca_cert.fingerprint(hashes.SHA256()).hex(":").upper()
    return TlsFiles(ca_cert_path, ca_key_path, folder / "hub.crt", folder / "hub.key", fingerprint, tuple(wanted))


def own_names() -> list[str]:
    """The addresses of this machine, and its name if it can be one."""
    from hub.ingest.whip.peer import host_addresses  # only here: it brings all of WebRTC

    name = socket.gethostname()
    addresses = [str(one) for one in map(ipaddress.ip_address, host_addresses(())) if not one.is_loopback]
    return [*addresses, *([name] if _DNS_NAME.fullmatch(name) else [])]


def _checked(names: Sequence[str]) -> dict[str, x509.GeneralName]:
    checked: dict[str, x509.GeneralName] = {}
    for name in names:
        try:
            checked[name] = x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
        except ValueError:
            if _DNS_NAME.fullmatch(name) is None or len(name) > 253:
                raise SettingsError(
                    f"expected a host name or an IP address as browsers will open it, found {name!r}"
                ) from None
            checked[name] = x509.DNSName(name.lower())
    return checked


def _make_ca(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # the serial in the name tells two hubs' authorities apart in a phone's list
    subject = _name(f"Recorder hub local CA {serial % 0x1_0000_0000:08x}")
    cert = (
        _builder(subject, subject, key, now, CA_DAYS)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return cert, key


def _make_server(
    names: dict[str, x509.GeneralName],
    key: ec.EllipticCurvePrivateKey,
    ca_cert: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    return (
        _builder(_name(next(iter(names))[:64]), ca_cert.subject, key, now, SERVER_DAYS)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(list(names.values())), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now - _BACKDATED + timedelta(days=days))
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _read_ca(cert_path: Path, key_path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise Conflict(
            f"{cert_path} and {key_path} should be the local authority made before, but cannot be read: {error}. "
            "Put them back, or name another folder"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != cert.public_key():
        raise Conflict(f"{key_path} is not the key of {cert_path}; put the right one back, or name another folder")
    return cert, key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _cert_pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    draft.replace(path)
