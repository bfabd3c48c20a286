"""Recorders' calls at an office whose streams are recorded elsewhere: who answers, and where the next call goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from hub.app.calls import Calls
from hub.app.far_whip import FarWhip, Place
from hub.errors import InvalidRequest, NotFound, Unavailable

A, B, C = Place("a", "http://a", 5), Place("b", "http://b", 1), Place("c", "http://c", 3)


class Nodes:
    """What the nodes answer, and what they were asked."""

    def __init__(self, owner: Place | None = None, free: Sequence[Place] = (A, B, C)) -> None:
        self._owner = owner
        self._free = free
        self.asked: list[tuple[str, str, Any]] = []
        self.refuse: dict[str, Exception] = {}

    async def json(self, method: str, url: str, body: Any = None) -> Any:
        self.asked.append((method, url, body))
        refusal = next((error for start, error in self.refuse.items() if url.startswith(start)), None)
        if refusal is not None:
            raise refusal
        return {"session": "s1", "sdp": "answer"}

    def owner(self, _stream_id: str) -> Place | None:
        return self._owner

    def open(self) -> Sequence[Place]:
        return self._free

    def find(self, name: str) -> Place | None:
        return next((one for one in (A, B, C) if one.name == name), None)


def door(nodes: Nodes, *, connected: bool = True) -> FarWhip:
    return FarWhip(cast(Calls, nodes), nodes, lambda _stream: connected)


async def test_an_offer_goes_to_the_owner_and_else_to_who_has_least_to_do() -> None:
    for owner, chosen in ((C, C), (None, B), (Place("gone", "http://gone"), B)):
        nodes = Nodes(owner)
        answer = await door(nodes).offer("cam", "offer", device="d")
        assert nodes.asked == [("POST", f"{chosen.url}/node/whip/cam", {"sdp": "offer", "device": "d"})]
        assert answer.session_id == f"s1~{chosen.name}"


async def test_a_node_that_cannot_is_passed_over_and_a_refusal_is_a_refusal() -> None:
    nodes = Nodes(C)
    nodes.refuse = {"http://c": Unavailable("drains", code="draining")}
    assert (await door(nodes).offer("cam", "offer")).session_id == "s1~b"
    nodes.refuse = {"http://c": InvalidRequest("nonsense", code="bad_sdp")}
    with pytest.raises(InvalidRequest) as refused:
        await door(nodes).offer("cam", "offer")
    assert refused.value.code == "bad_sdp"
    with pytest.raises(Unavailable):
        await door(Nodes(free=())).offer("cam", "offer")


async def test_the_next_call_of_a_session_finds_its_node_whichever_office_hears_it() -> None:
    nodes = Nodes()
    whip = door(nodes)
    await whip.trickle("cam", "s1~c", "candidate")
    await whip.end("cam", "x~y~a")
    assert nodes.asked == [
        ("PATCH", "http://c/node/whip/cam/s1", {"fragment": "candidate"}),
        ("DELETE", "http://a/node/whip/cam/x~y", None),
    ]
    for session in ("s1", "s1~nobody", "~a", ""):
        with pytest.raises(NotFound):
            await whip.end("cam", session)


async def test_words_go_to_the_owner_of_who_is_connected() -> None:
    nodes = Nodes(A)
    whip = door(nodes)
    answers: list[bool] = []
    whip.on_message("telemetry", lambda stream, data, answer: answers.append(answer(f"{stream} said {data!r}")))
    whip.heard("cam", "telemetry", "hello")
    whip.heard("cam", "another label", "hello")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert answers == [True]
    assert nodes.asked == [("POST", "http://a/node/say/cam", {"label": "telemetry", "text": "cam said 'hello'"})]
    assert not door(nodes, connected=False).say("cam", "telemetry", "x")
    assert not door(Nodes(None)).say("cam", "telemetry", "x")
    await whip.close()
