"""The phone page's node drains: Chromium encodes for a second connection while the first is recorded. Nothing is
missing, the page never says that its link is gone, and no interruption tells of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hub.bench.processes import HubProcess
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_handover import Site, interruptions, verdict
from tests.phone_support import begin, pair, phone

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

WATCH = """() => {
  window.links = [];
  const note = () => window.links.push(document.querySelector("[data-link]")?.dataset.link);
  new MutationObserver(note).observe(document, {subtree: true, childList: true, attributeFilter: ["data-link"]});
  note();
}"""


async def test_a_phone_whose_node_drains_goes_on(postgres: str, redis: Redis, tmp_path: Path) -> None:
    async with roles_of(postgres, redis.url, tmp_path) as roles:
        office = await roles.start("office", "notary", "api")
        await roles.start("a", "ingest")
        await roles.office()
        async with client(office) as http:
            it = Site(roles, cast(Any, None), http, ("phone",), tmp_path)
            body = {"id": "phone", "name": "phone", "kind": "recorder", "source": {"type": "whip"}}

            async def registered() -> Any:
                async with http.post("/api/streams", json=body) as answer:
                    return (await answer.json()).get("token")

            token = await when(registered)
            hub = cast(HubProcess, SimpleNamespace(url=office.url.rstrip("/")))
            async with phone(hub) as (page, air):
                await pair(page, hub, "phone", token)
                await begin(page, [("张三", "A001"), ("李四", "A002")])
                await page.wait_for_selector("[data-link=live]")
                await it.live()
                await page.evaluate(WATCH)
                await roles.start("b", "ingest")
                await it.seen("b")
                assert await roles.nodes["a"].drain() == 0
                await it.all_held({"a": 0, "b": 1})
                await it.live()
                await asyncio.sleep(2)
                assert air.offers == 2, "one session to each node"
                assert set(await page.evaluate("() => window.links")) == {"live"}
                await it.ends()
        assert await asyncio.to_thread(interruptions, postgres) == []
        await it.recorded("phone", "video")
        assert await asyncio.to_thread(verdict, it) == (0, "")
