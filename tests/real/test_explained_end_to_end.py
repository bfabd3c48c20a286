"""Nobody brings the footage, with real processes: closing is refused until two different officers have signed; what
nobody explains goes up the organisation, level by level; and a reason that is said aloud is heard in the sound."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import av
import numpy as np
import pytest
from yarl import URL

from hub.app import Hub
from hub.bench.processes import HubProcess
from hub.clock import Instant, SystemClock, parse_rfc3339, rfc3339
from hub.demo.device import Device
from hub.demo.encode import CodedLoop, CodedUnit
from hub.demo.faults import Fault, FaultKind, FaultScript
from hub.demo.feed import TrackMedia
from hub.demo.gauges import Gauges
from hub.demo.payloads import prepare
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.demo.whip_peer import offered_payload_type
from hub.demo.whip_publisher import WhipPublisher, whip_media
from hub.model import Codec
from hub.settings import Settings
from tests import sounds
from tests.hub_line import SMALL, SOUND, until, until_live

pytestmark = pytest.mark.real

CUT_S = 5.0
HOUR_S = 3600.0
TEXT = "隧道内网络中断，设备无法上传，执法过程正常。"
NUMBERS = {"zhang": "A001", "li": "A002", "wang": "A003", "zhao": "F001"}


class MovedClock:
    """The machine's clocks, and what a test lets pass on top of them: who sleeps wakes when their time has come."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead_us = 0
        self._moved = asyncio.Event()

    def now(self) -> Instant:
        now = self._system.now()
        return Instant(now.utc_us + self._ahead_us, now.mono_us + self._ahead_us)

    def passed_us(self, since: Instant) -> int:
        return self._system.passed_us(since) + self._ahead_us

    async def sleep(self, seconds: float) -> None:
        until_us = self.now().mono_us + round(seconds * 1e6)
        while (left_us := until_us - self.now().mono_us) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left_us / 1e6)

    def pass_hours(self, hours: float) -> None:
        self._ahead_us += round(hours * HOUR_S * 1e6)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


class Person:
    """Somebody at their own browser: a session of their own, and a password that only they know."""

    def __init__(self, url: str, name: str) -> None:
        self.name, self.password = name, f"correct horse battery {name}"
        self._url = URL(url)
        self._http = aiohttp.ClientSession(
            self._url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": str(self._url.origin())}
        )

    async def close(self) -> None:
        await self._http.close()

    async def sign_in(self, first_password: str = "") -> Person:
        given = first_password or self.password
        assert (await self.call("POST", "/api/session", {"username": self.name, "password": given}))[0] == 200
        if first_password:
            change = {"old": first_password, "new": self.password}
            assert (await self.call("POST", "/api/session/password", change))[0] == 204
        return self

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._http.request(method, path, json=body) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else None

    async def refused(self, method: str, path: str, body: Any, status: int, code: str) -> str:
        found, answer = await self.call(method, path, body)
        assert (found, answer["error"]["code"]) == (status, code), answer
        return str(answer["error"]["message"])


async def organisation(hub: HubProcess) -> dict[str, str]:
    """root > county > team: three officers, one who assists, one who watches. Their one-time passwords."""
    await hub.call("POST", "/api/units", {"id": "county", "name": "县局", "parent": "root", "kind": "bureau"})
    await hub.call("POST", "/api/units", {"id": "team", "name": "一大队", "parent": "county", "kind": "brigade"})
    first = {}
    for name, number in NUMBERS.items():
        draft = {"username": name, "name": name.title(), "unit": "team", "certificate": number}
        made = await hub.call("POST", "/api/people", draft | {"assistant": name == "zhao", "roles": ["officer"]})
        first[name] = made["password"]
    watcher = {"username": "sun", "name": "Sun", "unit": "team", "roles": ["watcher"]}
    first["sun"] = (await hub.call("POST", "/api/people", watcher))["password"]
    return first


@asynccontextmanager
async def listening(http: aiohttp.ClientSession, url: str) -> AsyncIterator[list[dict[str, Any]]]:
    """What ``WS /api/events`` says while the block runs."""
    heard: list[dict[str, Any]] = []
    async with http.ws_connect(f"{url.rstrip('/')}/api/events") as socket:

        async def listen() -> None:
            async for message in socket:
                heard.append(json.loads(message.data))  # noqa: PERF401  as it comes

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()


async def verified(hub: HubProcess) -> int:
    """The exit code of ``hub verify``."""
    environ = {**{key: value for key, value in os.environ.items() if not key.startswith("HUB_")}}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "verify", str(hub.data), env=environ | {"HUB_KEYS_DIR": str(hub.keys_dir)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    print(out.decode())
    assert process.returncode is not None
    return process.returncode


# ------------------------------------------------------------------------ the statement, and none


async def test_two_officers_explain_one_break_and_nobody_the_other(tmp_path: Path) -> None:
    data = tmp_path / "data"
    recorders = tuple(DeviceConfig(name=name, video=SMALL, audio=SOUND) for name in ("told", "untold"))
    async with Simulators(SimulatorsConfig(cameras=recorders)) as simulators, HubProcess(data) as hub:
        first = await organisation(hub)
        for one, url in zip(recorders, simulators.urls, strict=True):
            source = {"type": "rtsp", "url": url, "transport": "tcp"}
            draft = {"id": one.name, "name": one.name, "kind": "recorder", "unit": "team", "source": source}
            await hub.call("POST", "/api/streams", draft)
        await until_live(hub, 2)
        begin = {"stream": "untold", "officers": [{"name": "Zhang", "certificate": "A001"}], "party": "赵六"}
        activity = (await hub.call("POST", "/api/activities", begin))["id"]
        await asyncio.sleep(2)
        for one in recorders:
            await simulators.play(one.name, [Fault(FaultKind.CUT, 0.0, CUT_S)])
        told, untold = await until(lambda: _await_words(hub), 40)
        await asyncio.sleep(1)
        await hub.call("POST", f"/api/activities/{activity}/end", {})
        async with AsyncExitStack() as stack:
            people = {name: Person(hub.url, name) for name in first}
            for name, person in people.items():
                stack.push_async_callback(person.close)
                await person.sign_in(first[name])
            await _explain(hub, people, told["id"])
        for one in recorders:
            await hub.call("DELETE", f"/api/streams/{one.name}")
        assert await hub.stop() == 0
    await _escalates(hub, untold["id"], activity)
    assert await verified(hub) == 0


async def _await_words(hub: HubProcess) -> Sequence[dict[str, Any]] | None:
    """Both interruptions, once they are over by their entries."""
    listed = await hub.call("GET", "/api/interruptions")
    found = [await hub.call("GET", f"/api/interruptions/{one['id']}") for one in listed if one["followup"] is not None]
    became = [(one["state"], one["followup"]["state"]) for one in found]
    return sorted(found, key=lambda one: str(one["stream"])) if became == [("closed", "awaiting")] * 2 else None


async def _explain(hub: HubProcess, people: dict[str, Person], ident: str) -> None:
    zhang, li, wang, zhao, sun = (people[name] for name in ("zhang", "li", "wang", "zhao", "sun"))
    one = f"/api/interruptions/{ident}"
    assert "0 have signed" in await sun.refused("POST", f"{one}/close", None, 409, "not_explained")

    async with listening(hub.http, hub.url) as heard:
        status, drafted = await zhang.call("POST", f"{one}/statements", {"text": TEXT})
        assert (status, TEXT in drafted["text"], ident in drafted["text"]) == (201, True, True)
        sign = f"{one}/statements/{drafted['id']}/signatures"

        def signature(person: Person) -> dict[str, str]:
            return {"password": person.password, "sha256": drafted["sha256"]}

        assert (await zhang.call("POST", sign, signature(zhang)))[0] == 201
        assert "1 have signed" in await sun.refused("POST", f"{one}/close", None, 409, "not_explained")

        await zhang.refused("POST", sign, signature(zhang), 409, "signed_before")
        await zhang.refused("POST", sign, signature(li), 403, "bad_credentials")
        await zhang.refused("POST", sign, signature(li) | {"username": "li"}, 400, "bad_request")
        await zhao.refused("POST", sign, signature(zhao), 403, "assistant")
        async with hub.http.post(hub.url + sign, json=signature(li)) as answer:
            assert answer.status == 403, "a program signs nothing"
        await li.refused("POST", sign, signature(li) | {"sha256": "0" * 64}, 409, "other_statement")
        # the number on a certificate goes over to another person: still one certificate, one signature
        await hub.call("PATCH", "/api/people/zhang", {"certificate": "A009"})
        await hub.call("PATCH", "/api/people/wang", {"certificate": "A001"})
        await wang.refused("POST", sign, signature(wang), 409, "signed_before")
        assert "1 have signed" in await sun.refused("POST", f"{one}/close", None, 409, "not_explained")

        status, shown = await li.call("GET", f"{one}/statements/{drafted['id']}")
        assert (status, shown["sha256"]) == (200, drafted["sha256"])
        status, case = await li.call("POST", sign, signature(li))
        assert (status, case["followup"]["state"]) == (201, "explained"), case
        assert [(by["by"], by["certificate"]) for by in case["statements"][0]["signatures"]] == [
            ("zhang", "A001"), ("li", "A002"),
        ]  # fmt: skip
        status, case = await sun.call("POST", f"{one}/close")
        assert (status, case["followup"]["state"], case["followup"]["closed_by"]) == (200, "closed", "sun")
        assert case["followup"]["findings"] == ["no_spoken_explanation"]
        await sun.refused("POST", f"{one}/close", None, 409, "settled")
        await until(lambda: _has(heard, "interruption.closed_for_good"))
    assert "interruption.explained" in [event["type"] for event in heard]

    status, history = await sun.call("GET", f"{one}/history")
    broke_off = [entry for entry in history if entry["what"] == "interruption_open"]
    assert broke_off[-1]["facts"]["needs_explanation"], "it was to be explained before it was over"
    assert [(entry["what"], entry["by"]) for entry in history[len(broke_off) :]] == [
        ("interruption_close", "hub"), ("explanation.written.drafted", "zhang"),
        ("explanation.written.signed", "zhang"), ("explanation.written.signed", "li"), ("explanation.close", "sun"),
    ]  # fmt: skip
    assert [entry["at"] for entry in history] == sorted(entry["at"] for entry in history)


async def _has(heard: Sequence[dict[str, Any]], what: str, count: int = 1) -> bool:
    return sum(event["type"] == what for event in heard) >= count


async def _escalates(process: HubProcess, ident: str, activity: str) -> None:
    """The hub's next start, on a clock that is moved by hours."""
    clock = MovedClock()
    given = {"listen": "127.0.0.1:0", "data": process.data, "keys_dir": process.keys_dir}
    settings = Settings.model_validate(given | {"admin_token": process.token})
    bearer = {"Authorization": f"Bearer {process.token}"}
    async with Hub.running(settings, clock) as hub, aiohttp.ClientSession(URL(hub.url), headers=bearer) as http:

        async def get(path: str) -> Any:
            async with http.get(path) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.json()

        async def alarm(cause: str) -> Any:
            return next((one for one in await get("/api/alarms") if one["cause"] == cause), None)

        async def gravest() -> Any:
            rings = await alarm(f"interruption_overdue:{ident}")
            return rings if rings["level"] == 1 and rings["escalated"] else None

        async with listening(http, hub.url) as heard:
            clock.pass_hours(20.5)
            await until(lambda: _has(heard, "interruption.reminder"))
            assert await alarm(f"interruption_overdue:{ident}") is None
            for count, hours in enumerate((4, 24, 24), 1):
                clock.pass_hours(hours)
                await until(lambda: _has(heard, "interruption.overdue", count))  # noqa: B023
                await until(lambda: alarm(f"interruption_overdue:{ident}"))
            await until(lambda: _has(heard, "activity.overdue", 3))
        case = await get(f"/api/interruptions/{ident}")
        assert case["followup"]["state"] == "overdue"
        late = [event["data"] for event in heard if event["type"] == "interruption.overdue"]
        assert [(one["level"], one["unit"]) for one in late] == [(0, "team"), (1, "county"), (2, "root")]
        assert {one["id"] for one in late} == {ident}, "what was closed is nobody's business any more"
        entries = [one for one in await get(f"/api/interruptions/{ident}/history") if "explanation." in one["what"]]
        assert [(one["what"].partition(".")[2], one["by"], one["facts"]["unit"]) for one in entries] == [
            ("reminder", "hub", "team"), ("overdue", "hub", "team"), ("overdue", "hub", "county"),
            ("overdue", "hub", "root"),
        ]  # fmt: skip
        rings = await until(gravest)
        assert (rings["kind"], rings["unit"], rings["over_at"]) == ("interruption_overdue", "team", None)
        assert (await until(lambda: alarm(f"activity_overdue:{activity}")))["over_at"] is None
        await _explained_late(hub, ident)

        async def over() -> bool:
            found = [
                await alarm(f"{what}_overdue:{one}") for what, one in (("interruption", ident), ("activity", activity))
            ]
            return all(one["over_at"] is not None for one in found)

        clock.pass_hours(0.01)
        await until(over)
        assert (await get(f"/api/activities/{activity}"))["storage"] == "stored"


async def _explained_late(hub: Hub, ident: str) -> None:
    one = f"/api/interruptions/{ident}"
    async with AsyncExitStack() as stack:
        people = [Person(hub.url, name) for name in ("zhang", "li", "wang", "sun")]
        for person in people:
            stack.push_async_callback(person.close)
            await person.sign_in()
        zhang, li, wang, sun = people
        _, drafted = await li.call("POST", f"{one}/statements", {"text": TEXT})
        sign = f"{one}/statements/{drafted['id']}/signatures"

        def signature(person: Person) -> dict[str, str]:
            return {"password": person.password, "sha256": drafted["sha256"]}

        assert (await zhang.call("POST", sign, signature(zhang)))[0] == 201
        await li.refused("POST", sign, signature(li), 403, "own_statement")
        assert (await wang.call("POST", sign, signature(wang)))[0] == 201
        status, case = await sun.call("POST", f"{one}/close")
        assert (status, case["followup"]["findings"]) == (200, ["no_spoken_explanation", "late"])


# ----------------------------------------------------------------------------------- said aloud


class Recorder(WhipPublisher):
    """A recorder whose officer hears what the hub asks for, and speaks by the loop of its sound."""

    def __init__(self, name: str, sound: sounds.Sound, hub: HubProcess, token: str) -> None:
        picture = whip_media(replace(SMALL, profile="baseline"))
        device = Device(name, [picture, TrackMedia(prepare(_loop(sound), number=offered_payload_type(Codec.OPUS)), {})])
        gauges = Gauges(1, SystemClock().now())
        super().__init__(device, f"{hub.url}/whip/{name}", token, gauges=gauges)
        self.heard: list[dict[str, Any]] = []
        self._hub = hub
        self._bearer = {"Authorization": f"Bearer {token}"}

    def _on_heard(self, text: str) -> None:
        self.heard.append(json.loads(text))

    def cut(self) -> None:
        self.device.play(FaultScript([Fault(FaultKind.CUT, 0.0, CUT_S)], seed=1), SystemClock().now())

    async def cue(self) -> dict[str, Any] | None:
        return next((one for one in self.heard if one["type"] == "cue"), None)

    async def call(self, what: str, body: dict[str, Any]) -> tuple[int, Any]:
        """With the device's own token."""
        url = f"{self._hub.url}/api/streams/{self.device.name}/{what}"
        async with aiohttp.ClientSession(headers=self._bearer) as http, http.post(url, json=body) as answer:
            return answer.status, await answer.json()

    async def mark(self, ident: str, from_us: int, to_us: int) -> tuple[int, Any] | None:
        """The clip, once it is recorded for certain."""
        clip = {"interruption": ident, "from": rfc3339(from_us), "to": rfc3339(to_us)}
        status, answer = await self.call("spoken", clip)
        waits = status == 409 and answer["error"]["code"] in ("not_recorded", "not_resumed")
        return None if waits else (status, answer)


def _loop(sound: sounds.Sound) -> CodedLoop:
    """As a recorder sends it: Opus, two channels, 20 ms a frame."""
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format, codec.time_base = 48_000, "stereo", "s16", Fraction(1, 48_000)
    frames = len(sound) * 50 // sounds.RATE
    at = np.arange(frames * 960) * sounds.RATE / 48_000
    wave = (np.clip(np.interp(at, np.arange(len(sound)), sound), -1, 1) * 32767).astype(np.int16)
    packets: list[av.Packet] = []
    for index in range(frames):
        part = np.repeat(wave[index * 960 : (index + 1) * 960], 2)[None, :]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, codec.time_base
        packets += codec.encode(frame)
    units = tuple(CodedUnit(bytes(packet), n * 960, True, n) for n, packet in enumerate(packets[:frames]))
    return CodedLoop(Codec.OPUS, 48_000, 960, 2, units)


async def test_a_reason_said_aloud_is_heard_and_noise_is_not(tmp_path: Path) -> None:
    sentence = sounds.speech("网络信号中断，现在恢复记录。", "cmn")[: 4 * sounds.RATE]
    said = sounds.wind(6, 2, 0.03)
    said[: len(sentence)] += sentence
    async with HubProcess(tmp_path / "data") as hub, AsyncExitStack() as stack:
        recorders = []
        for name, sound in (("speaks", said), ("noise", sounds.traffic(6, 3))):
            draft = {"id": name, "name": name, "kind": "recorder", "source": {"type": "whip"}}
            token = (await hub.call("POST", "/api/streams", draft))["token"]
            recorder = Recorder(name, sound, hub, token)
            await recorder.start()
            stack.push_async_callback(recorder.stop)
            recorders.append(recorder)
        speaks, noise = recorders
        await until_live(hub, 2)
        await asyncio.sleep(2)
        # one tap, before anything has happened
        assert await speaks.call("report", {"reason": "no_signal"}) == (201, {"interruption": None})
        for recorder in recorders:
            recorder.cut()
        cues = [await until(recorder.cue, 30) for recorder in recorders]
        assert [cue["cue"] for cue in cues] == ["explain", "explain"]
        idents = [cue["interruption"] for cue in cues]
        faults = [await until(lambda: _closed(hub, ident), 30) for ident in idents]  # noqa: B023
        assert [fault["stream"] for fault in faults] == ["speaks", "noise"]

        resumed_us = parse_rfc3339(faults[0]["ended_at"])
        clip = resumed_us + 500_000, resumed_us + 7_000_000
        early = await speaks.mark(idents[0], clip[0] - 4_000_000, clip[1])
        assert early is not None
        assert (early[0], early[1]["error"]["code"]) == (400, "not_after_resume")
        status, case = await until(lambda: speaks.mark(idents[0], *clip), 30)
        assert (status, case["followup"]["state"], case["followup"]["how"]) == (201, "explained", "spoken"), case
        assert case["followup"]["findings"] == []
        assert case["followup"]["reported_at"] is not None, "the report found its interruption"

        resumed_us = parse_rfc3339(faults[1]["ended_at"])
        status, answer = await until(lambda: noise.mark(idents[1], resumed_us + 500_000, resumed_us + 7_000_000), 30)
        assert (status, answer["error"]["code"]) == (400, "no_speech")
        with pytest.raises(RuntimeError, match="not_explained"):
            await hub.call("POST", f"/api/interruptions/{idents[1]}/close")

        done = await hub.call("POST", f"/api/interruptions/{idents[0]}/close")
        assert done["followup"]["state"] == "closed"
        history = await hub.call("GET", f"/api/interruptions/{idents[0]}/history")
        reports = [one for one in history if one["what"] == "explanation.report"]
        assert [(one["by"], bool(one["facts"]["cites"])) for one in reports] == [("device:speaks", True)]
        (clip_heard,) = [one for one in history if one["what"] == "explanation.spoken"]
        assert (clip_heard["by"], clip_heard["facts"]["speech_ms"] >= 1500) == ("device:speaks", True)
        (waits,) = await hub.call("GET", f"/api/interruptions?followup={quote('awaiting')}")
        assert (waits["id"], waits["followup"]["reported_at"]) == (idents[1], None)
        for recorder in recorders:
            await recorder.stop()
        assert await hub.stop() == 0
        assert await verified(hub) == 0


async def _closed(hub: HubProcess, ident: str) -> dict[str, Any] | None:
    found: dict[str, Any] = await hub.call("GET", f"/api/interruptions/{ident}")
    return found if found["state"] == "closed" else None
