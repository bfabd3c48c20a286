"""HTTPS on another address of this machine: what ``hub tls init`` makes is what browsers trust."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import async_playwright

from hub.api import tls
from hub.clock import SystemClock
from tests.api_support import PASSWORD, Hub, running_hub

pytestmark = pytest.mark.real

CHROMIUM = "/usr/bin/chromium"
PAGE = (
    '<!doctype html><meta charset="utf-8"><title>hub</title><script type="module" src="/assets/a-1.js"></script><p>hub'
)
SCRIPT = 'document.title = "script ran";'


def other_address() -> str:
    """An address of this machine that is not loopback, where there is one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing: it only picks the way out
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.2"


@pytest.fixture
def files(tmp_path: Path) -> tls.TlsFiles:
    return tls.init(tmp_path / "tls", [other_address(), "hub.test"], SystemClock().now().utc_us)


@pytest.fixture
async def hub(tmp_path: Path, files: tls.TlsFiles) -> AsyncIterator[Hub]:
    assets = tmp_path / "page" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text(PAGE)
    (assets / "a-1.js").write_text(SCRIPT)
    async with running_hub(tmp_path, listen=f"{other_address()}:0", tls_cert=files.cert, tls_key=files.key) as hub:
        yield hub


async def test_a_program_that_trusts_the_authority_is_served(hub: Hub, files: tls.TlsFiles) -> None:
    trusting = ssl.create_default_context(cafile=str(files.ca_cert))
    async with hub.stranger.get("/", ssl=trusting) as response:
        assert await response.text() == PAGE
    body = {"username": "admin", "password": PASSWORD}
    async with hub.person.post("/api/session", json=body, ssl=trusting) as response:
        assert response.status == 200
        assert "Secure" in response.headers["Set-Cookie"]


async def test_a_program_that_does_not_is_warned(hub: Hub) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await hub.stranger.get("/")


async def browser_arguments(tmp_path: Path, files: tls.TlsFiles) -> tuple[list[str], dict[str, str]]:
    """Chromium trusts the authority by a fresh NSS database, or pins the server's key where certutil is missing."""
    home = tmp_path / "home"
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    add = ["-A", "-t", "C,,", "-n", "hub", "-i", str(files.ca_cert)]
    try:
        for arguments in (["-N", "--empty-password"], add):
            process = await asyncio.create_subprocess_exec("certutil", "-d", f"sql:{database}", *arguments)
            assert await process.wait() == 0
    except FileNotFoundError:
        key = x509.load_pem_x509_certificate(files.cert.read_bytes()).public_key()
        digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        return [f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}"], {"HOME": str(home)}
    return [], {"HOME": str(home)}


async def test_chromium_gives_the_page_what_only_secure_origins_get(
    hub: Hub, files: tls.TlsFiles, tmp_path: Path
) -> None:
    arguments, environment = await browser_arguments(tmp_path, files)
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=CHROMIUM,
            args=["--no-sandbox", *arguments],
            env=environment,
        )
        try:
            page = await context.new_page()
            await page.goto(str(hub.base), timeout=20_000)
            await page.wait_for_function('document.title === "script ran"', timeout=10_000)
            seen = await page.evaluate("""async () => ({
                secure: isSecureContext,
                digest: (await crypto.subtle.digest("SHA-256", new Uint8Array(3))).byteLength,
                camera: typeof navigator.mediaDevices?.getUserMedia,
                worker: "serviceWorker" in navigator,
            })""")
            assert seen == {"secure": True, "digest": 32, "camera": "function", "worker": True}
            # signing in from the page: Origin, SameSite and Secure agree
            status = await page.evaluate(
                """async (password) => {
                    const post = await fetch("/api/session", {method: "POST",
                        headers: {"Content-Type": "application/json"},
                        body: JSON.stringify({username: "admin", password})});
                    const get = await fetch("/api/streams");
                    const end = await fetch("/api/session", {method: "DELETE"});
                    return [post.status, get.status, end.status];
                }""",
                PASSWORD,
            )
            assert status == [200, 200, 204]
        finally:
            await context.close()
