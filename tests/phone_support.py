"""For the tests of a phone as a recorder: Chromium as the phone, and a link that can be cut under its media."""

from __future__ import annotations

import asyncio
import json
import re
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, Route, async_playwright

from hub.bench.latency import CHROMIUM
from hub.bench.processes import HubProcess
from tests import sounds

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
SCREEN = {"width": 360, "height": 740}
_CANDIDATE = re.compile(r"a=candidate:.* 127\.0\.0\.1 (\d+) typ host.*\r\n")
_ANY_CANDIDATE = re.compile(r"a=candidate:.*\r\n")


class Air:
    """Between the phone and the hub: what is in the air is lost while it is ``cut``, HTTP and media alike.

    Media goes through a UDP relay that the answer's only candidate names; the offer's candidates go, or the hub would
    find the way around it.
    """

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self.cut = False
        self.offers = 0
        self.video_codecs: list[str] = []
        self._relays: list[asyncio.DatagramTransport] = []

    async def start(self) -> None:
        await self._context.route("**/whip/**", self._whip)

    async def set_cut(self, cut: bool) -> None:
        self.cut = cut
        await self._context.set_offline(cut)

    async def _whip(self, route: Route) -> None:
        if route.request.method != "POST" or self.cut:
            await (route.abort() if self.cut else route.continue_())
            return
        offer = route.request.post_data or ""
        video = offer[offer.index("m=video") :].split("\r\nm=")[0]
        self.video_codecs = re.findall(r"a=rtpmap:\d+ (\S+)/90000", video)
        answer = await route.fetch(post_data=_ANY_CANDIDATE.sub("", offer))
        text = await answer.text()
        found = _CANDIDATE.search(text)
        if answer.status != 201 or found is None:
            await route.fulfill(response=answer)
            return
        self.offers += 1
        port = await self._relay(int(found[1]))
        line = found[0].replace(f" {found[1]} typ", f" {port} typ")
        await route.fulfill(response=answer, body=_ANY_CANDIDATE.sub("", text).replace("a=mid:", f"{line}a=mid:", 1))

    async def _relay(self, hub_port: int) -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Near(self, hub_port), ("127.0.0.1", 0))
        self._relays.append(transport)
        return int(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        for relay in self._relays:
            relay.close()


class _Near(asyncio.DatagramProtocol):
    """The side of the phone; a socket of its own to the hub."""

    def __init__(self, air: Air, hub_port: int) -> None:
        self._air, self._hub_port = air, hub_port
        self._far: asyncio.DatagramTransport | None = None
        self._phone: Any = None
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self._near = transport
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        remote = ("127.0.0.1", self._hub_port)
        self._far, _ = await loop.create_datagram_endpoint(lambda: _Far(self), ("127.0.0.1", 0), remote_addr=remote)
        self._air._relays.append(self._far)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._phone = addr
        if not self._air.cut and self._far is not None:
            self._far.sendto(data)

    def back(self, data: bytes) -> None:
        if not self._air.cut and self._phone is not None:
            self._near.sendto(data, self._phone)


class _Far(asyncio.DatagramProtocol):
    def __init__(self, near: _Near) -> None:
        self._side = near

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._side.back(data)


def speech_file(folder: Path) -> Path:
    """What the phone's microphone hears, again and again."""
    path = folder / "speech.wav"
    words = sounds.speech("隧道里没有信号，现在已经恢复。", "cmn")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sounds.RATE)
        file.writeframes(sounds.pcm(words))
    return path


@asynccontextmanager
async def phone(hub: HubProcess, *flags: str, quality: str = "360") -> AsyncIterator[tuple[Page, Air]]:
    """The page, opened and not paired. What its scripts throw fails the test."""
    thrown: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            context = await browser.new_context(
                viewport={"width": SCREEN["width"], "height": SCREEN["height"]},
                permissions=["camera", "microphone", "geolocation"],
                geolocation={"latitude": 30.65, "longitude": 104.06, "accuracy": 8},
                has_touch=True,
            )
            settings = json.dumps(json.dumps({"quality": quality}))
            await context.add_init_script(f"localStorage.setItem('recorder-hub.phone.settings', {settings})")
            air = Air(context)
            try:
                await air.start()
                page = await context.new_page()
                page.on("pageerror", lambda error: thrown.append(str(error)))
                await page.goto(f"{hub.url}/recorder")
                yield page, air
            finally:
                air.close()  # of a test that failed, too: sockets left open kept a loop from closing for ever
        finally:
            await browser.close()
    assert thrown == []


async def pair(page: Page, hub: HubProcess, stream: str, token: str) -> None:
    code = {"v": 1, "hub": hub.url, "stream": stream, "token": token, "name": f"{stream} 号记录仪"}
    await page.fill("[data-field=paste]", json.dumps(code))
    await page.click("[data-action=pair]")
    await page.wait_for_selector("[data-action=start]")


async def begin(page: Page, officers: list[tuple[str, str]]) -> None:
    await page.click("[data-action=start]")
    for number, (name, certificate) in enumerate(officers):
        await page.fill(f"[data-officer='{number}']", name)
        await page.fill(f"[data-certificate='{number}']", certificate)
    await page.click("[data-action=begin]")


async def hold(page: Page, selector: str, milliseconds: int) -> None:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.wait_for_timeout(milliseconds)
    await page.mouse.up()
