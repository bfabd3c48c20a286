"""TLS: what is refused, and what ``hub tls init`` makes."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.api import tls
from hub.api.tls_guide import guide
from hub.errors import Conflict, SettingsError
from hub.metrics import TLS_EXPIRY
from hub.settings import Settings

NOW_US = 1_795_000_000_000_000


def settings(**values: Any) -> Settings:
    return Settings.model_validate(values)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0", "localhost:0"])
def test_plain_http_is_for_this_machine(listen: str) -> None:
    assert tls.server_context(settings(listen=listen)) is None


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:80", "192.168.1.5:80", "hub.example:80"])
def test_plain_http_beyond_it_is_refused_with_three_ways_on(listen: str) -> None:
    with pytest.raises(SettingsError, match=r"tls_cert.*hub tls init.*behind_proxy"):
        tls.server_context(settings(listen=listen))
    assert tls.server_context(settings(listen=listen, behind_proxy=True)) is None


def test_the_context_is_of_today(tmp_path: Path) -> None:
    files = tls.init(tmp_path, ["hub.example"], NOW_US)
    context = tls.server_context(settings(listen="0.0.0.0:0", tls_cert=files.cert, tls_key=files.key))
    ends = x509.load_pem_x509_certificate(files.cert.read_bytes()).not_valid_after_utc.timestamp()
    assert TLS_EXPIRY.labels(files.cert)._value.get() == ends
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("broken", ["missing", "garbage", "foreign key"])
def test_files_that_do_not_fit_are_named(tmp_path: Path, broken: str) -> None:
    files = tls.init(tmp_path, ["hub.example"], NOW_US)
    cert, key = files.cert, files.key
    if broken == "missing":
        cert = tmp_path / "none.crt"
    elif broken == "garbage":
        cert.write_text("no certificate")
    else:
        key = files.ca_key
    with pytest.raises(SettingsError, match=r"tls_cert .*\.crt and tls_key"):
        tls.server_context(settings(tls_cert=cert, tls_key=key))


def test_a_server_certificate_is_what_browsers_ask_for(tmp_path: Path) -> None:
    files = tls.init(tmp_path / "tls", ["Hub.example", "192.168.1.5", "fd00::2"], NOW_US)
    server, ca = x509.load_pem_x509_certificates(files.cert.read_bytes())
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example", "localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == [
        "192.168.1.5", "fd00::2", "127.0.0.1", "::1",
    ]  # fmt: skip
    assert list(server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    now = datetime.fromtimestamp(NOW_US / 1e6, UTC)
    assert server.not_valid_before_utc < now < server.not_valid_after_utc
    assert (server.not_valid_after_utc - server.not_valid_before_utc).days <= 398
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert ip_address("192.168.1.5") in names.get_values_for_type(x509.IPAddress)


def test_without_names_it_is_for_this_machine(tmp_path: Path) -> None:
    files = tls.init(tmp_path, [], NOW_US)
    assert files.names == (*tls.own_names(), "localhost", "127.0.0.1", "::1")
    assert "127.0.0.1" not in tls.own_names()


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    files = tls.init(tmp_path / "tls", ["h"], NOW_US)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (files.key, files.ca_key)] == [0o600, 0o600]
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_a_second_run_keeps_the_authority_that_devices_trust(tmp_path: Path) -> None:
    first = tls.init(tmp_path, ["one.example"], NOW_US)
    before = (first.ca_cert.read_bytes(), first.cert.read_bytes())
    second = tls.init(tmp_path, ["two.example"], NOW_US)
    assert second.fingerprint == first.fingerprint
    assert second.ca_cert.read_bytes() == before[0]
    assert second.cert.read_bytes() != before[1]


@pytest.mark.parametrize("broken", ["no key", "garbage", "another key"])
def test_an_authority_that_cannot_be_read_is_not_replaced(tmp_path: Path, broken: str) -> None:
    files = tls.init(tmp_path / "a", ["h"], NOW_US)
    if broken == "no key":
        files.ca_key.unlink()
    elif broken == "garbage":
        files.ca_cert.write_text("nothing")
    else:
        files.ca_key.write_bytes(tls._key_pem(ec.generate_private_key(ec.SECP256R1())))
    kept = files.ca_cert.read_bytes()
    with pytest.raises(Conflict, match=r"ca\.key"):
        tls.init(tmp_path / "a", ["h"], NOW_US)
    assert files.ca_cert.read_bytes() == kept


@pytest.mark.parametrize("bad", ["", "https://hub", "a b", "-x", "hub.example:8443", "a..b", "*", "x" * 64])
def test_names_that_are_none_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(SettingsError, match="host name"):
        tls.init(tmp_path, [bad], NOW_US)
    assert list(tmp_path.iterdir()) == []


def test_the_guide_names_files_fingerprint_and_every_device(tmp_path: Path) -> None:
    files = tls.init(tmp_path, ["fd00::2"], NOW_US)
    text = guide(files)
    for expected in (
        str(files.cert),
        files.fingerprint,
        "https://[fd00::2]:8443/",
        "Windows",
        "Linux",
        "Android",
        "iPhone",
        "信任",
    ):
        assert expected in text
    assert len(files.fingerprint.split(":")) == 32
