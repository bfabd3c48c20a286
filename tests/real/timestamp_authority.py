"""Timestamp authorities that answer over HTTP: ``openssl ts`` behind a small server, with certificates made here.

:func:`make_authority` makes one that is as it should be, or one whose certificate lacks the critical extended key usage
timeStamping, or one whose certificate's days are over. Each lies in a folder of its own.
"""

from __future__ import annotations

import datetime
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)

# No `certs =`: with it openssl names the chain in the token's signing-certificate attribute, and the library that
# checks tokens refuses those of which it finds no certificate.
_CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@dataclass
class TimestampAuthority:
    """An authority's folder; ``url`` while it serves. ``broken`` makes it answer something else."""

    folder: Path
    url: str = ""
    asked: int = 0
    broken: bytes | None = None
    status: int = 200
    mangle_query: list[bytes] = field(default_factory=list)
    """Answer these queries, one after the other, instead of those that are asked."""

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def reply(self, query: bytes) -> bytes:
        """The DER TimeStampResp that ``openssl ts`` gives for a DER TimeStampReq."""
        asked, answer = self.folder / "query.tsq", self.folder / "answer.tsr"
        asked.write_bytes(query)
        run("ts", "-reply", "-config", self.folder / "ts.cnf", "-queryfile", asked, "-out", answer)
        return answer.read_bytes()

    def configure(self, old: str, new: str) -> None:
        """Change a line of its configuration."""
        config = self.folder / "ts.cnf"
        config.write_text(config.read_text().replace(old, new))

    def token(self, text: bytes, *, hash_name: str = "sha256") -> bytes:
        """A token over these bytes, asked for by ``openssl ts -query``: no code of ours takes part."""
        data, query, token = self.folder / "asked", self.folder / "asked.tsq", self.folder / "given.tst"
        data.write_bytes(text)
        run("ts", "-query", "-data", data, f"-{hash_name}", "-cert", "-out", query)
        (self.folder / "given.tsr").write_bytes(self.reply(query.read_bytes()))
        run("ts", "-reply", "-in", self.folder / "given.tsr", "-token_out", "-out", token)
        return token.read_bytes()

    def verifies(self, text: bytes, token: bytes) -> bool:
        """What ``openssl ts -verify`` says of a stored token over these bytes."""
        data, file = self.folder / "data", self.folder / "token.tst"
        data.write_bytes(text)
        file.write_bytes(token)
        command = ["openssl", "ts", "-verify", "-data", data, "-in", file, "-token_in", "-CAfile", self.ca]
        return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0

    @contextmanager
    def serving(self) -> Iterator[TimestampAuthority]:
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked += 1
                if authority.mangle_query:
                    query = authority.mangle_query.pop(0)
                answer = authority.broken if authority.broken is not None else authority.reply(query)
                self.send_response(authority.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                if authority.status == 302:
                    self.send_header("Location", authority.url)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def run(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=20)


def signed_by(signer: TimestampAuthority, token: bytes, at: datetime.datetime | None = None) -> bytes:
    """What this token says, signed anew with the signer's certificate, as of another time if one is given.
    ``openssl ts`` signs neither with a certificate that lacks the usage nor for another day; ``openssl cms`` signs
    anything."""
    folder = signer.folder
    (folder / "in.tst").write_bytes(token)
    run("cms", "-verify", "-noverify", "-inform", "DER", "-in", folder / "in.tst", "-binary", "-out", folder / "info")
    if at is not None:
        info = (folder / "info").read_bytes()
        (folder / "info").write_bytes(re.sub(rb"20[0-9]{12}Z", at.strftime("%Y%m%d%H%M%SZ").encode(), info, count=1))
    made = ("-signer", folder / "tsa.pem", "-inkey", folder / "tsa.key", "-md", "sha256", "-cades", "-nodetach")
    kind = ("-econtent_type", "1.2.840.113549.1.9.16.1.4", "-binary", "-outform", "DER")
    run("cms", "-sign", "-in", folder / "info", *made, *kind, "-out", folder / "out.tst")
    return (folder / "out.tst").read_bytes()


def make_authority(
    folder: Path, name: str = "Test TSA", *, usage: bool = True, critical: bool = True, expired: bool = False
) -> TimestampAuthority:
    """A CA and an authority under it. ``usage``: with the extended key usage timeStamping."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    ca_key, ca = _certificate(f"{name} CA", now - 400 * DAY, now + 400 * DAY)
    until = now - DAY if expired else now + 30 * DAY
    key, certificate = _certificate(name, now - 30 * DAY, until, (ca_key, ca), usage=usage, critical=critical)
    _write(folder / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    _write(folder / "tsa.pem", certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    _write(folder / "tsa.key", pem)
    _write(folder / "serial", b"01\n")
    _write(folder / "ts.cnf", _CONFIG.format(folder=folder).encode())
    return TimestampAuthority(folder)


def _certificate(
    name: str,
    begins: datetime.datetime,
    ends: datetime.datetime,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None = None,
    *,
    usage: bool = True,
    critical: bool = True,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[0].public_key())
        builder = builder.add_extension(authority, critical=False)
        oid = ExtendedKeyUsageOID.TIME_STAMPING if usage else ExtendedKeyUsageOID.EMAIL_PROTECTION
        builder = builder.add_extension(x509.ExtendedKeyUsage([oid]), critical=critical)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
