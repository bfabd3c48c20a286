"""kill -9 of a node that serves: the other one serves. A recorder that came through it goes on, and comes back."""

from __future__ import annotations

import asyncio
import signal

from hub.demo.simulators import Simulators
from tests.cluster.watching import balancer, wall
from tests.cluster.whole import LONG_S, MARKS, Whole, now_us, recorder
from tests.hub_line import until

pytestmark = MARKS

NAME = "recorder"


async def test_the_other_serves_and_recorders_come_back(whole: Whole) -> None:
    nodes = [whole.node("api-1"), whole.node("api-2")]
    body = {"id": NAME, "name": NAME, "kind": "recorder", "source": {"type": "whip"}}
    made = await whole.call("POST", "/api/streams", body)
    async with Simulators(recorder(NAME)) as simulators, balancer(nodes) as url:
        await simulators.publish(NAME, f"{url}/whip/{NAME}", made["token"])
        await until(lambda: is_live(whole, "api-1"), LONG_S)
        begun_us = now_us()
        nodes[0].signal(signal.SIGKILL)
        assert (await whole.states(by="api-2"))["live"] >= 1
        async with wall(nodes[1], ["cam-1", NAME]) as shown:

            async def some() -> bool:
                return len(shown.pictures) > 9

            await until(some, LONG_S)
        await whole.recorded_since(now_us() + 2_000_000, streams=[NAME])
        assert await whole.invented(begun_us) == []

        owner = whole.owner(NAME)
        whole.node(owner).signal(signal.SIGKILL)
        await whole.recorded_since(now_us() + 1_000_000, streams=[NAME])
        assert whole.owner(NAME) != owner
        cuts = [one for one in whole.interruptions(begun_us) if one["stream"] == NAME]
        assert len(cuts) == 1
        await simulators.retire(NAME)
    for name in ("api-1", owner):
        await whole.node(name).kill()
        await whole.cluster.start(name)
    await asyncio.sleep(1)
    await whole.call("DELETE", f"/api/streams/{NAME}")
    await whole.recovered(owner)
    await whole.judged()


async def is_live(whole: Whole, by: str) -> bool:
    return bool((await whole.call("GET", f"/api/streams/{NAME}", by=by))["status"]["state"] == "live")
