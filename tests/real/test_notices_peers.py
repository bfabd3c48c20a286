"""Notices as real programs take them: Alertmanager itself, a webhook's receiver, JSON over HTTP, an SMTP server."""

from __future__ import annotations

import asyncio
import email
import json
import logging
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from hub.bench.processes import free_port
from hub.clock import rfc3339
from hub.model import InterruptionState
from hub.notices.alarm import AlarmState
from hub.notices.channels import ChannelKind
from hub.notices.kept import NoticeState
from tests.notices_support import desk, fault, receiver

pytestmark = pytest.mark.real

VERSION_4 = {"version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
             "commonAnnotations", "externalURL", "alerts"}  # fmt: skip
ALERT_4 = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}


async def until(found: Callable[[], Any]) -> Any:
    for _ in range(200):
        value = found()
        if value:
            return value
        await asyncio.sleep(0.05)
    raise TimeoutError


# ------------------------------------------------------------------------------------- Alertmanager


@contextmanager
def alertmanager(folder: Path, hook: str) -> Iterator[str]:
    """A real one, which sends what it is told on to ``hook``."""
    folder.mkdir()
    config = {
        "route": {"receiver": "hook", "group_by": ["alarm"], "group_wait": "0s", "group_interval": "1s",
                  "repeat_interval": "1h"},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": hook, "send_resolved": True}]}],
    }  # fmt: skip
    (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    port = free_port()
    process = subprocess.Popen(
        ["prometheus-alertmanager", f"--config.file={folder}/config.yml", f"--storage.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


async def alerts_at(url: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/api/v2/alerts") as response:
        found: list[dict[str, Any]] = await response.json()
        return found


async def came_up(url: str) -> None:
    for _ in range(200):
        try:
            await alerts_at(url)
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(0.05)
        else:
            return
    raise TimeoutError


async def test_a_real_alertmanager_takes_alerts_and_their_end_and_sends_what_we_send(tmp_path: Path) -> None:
    async with receiver() as from_it, receiver() as from_us, desk(tmp_path, take=False) as hub:
        with alertmanager(tmp_path / "am", f"{from_it.url}/hook") as url:
            await came_up(url)
            hub.clock.utc_us = at_us = int((time.time() - 30) * 1e6)  # it judges endsAt by its own clock
            await hub.channel("am", url=url, kind=ChannelKind.ALERTMANAGER)
            await hub.channel("hook", url=f"{from_us.url}/hook", kind=ChannelKind.WEBHOOK)
            await hub.hears(fault("i-1", at_us=at_us))
            await hub.pass_s(3)
            (alert,) = await alerts_at(url)
            assert alert["labels"]["alertname"] == "recorder_hub_no_signal"
            assert (alert["labels"]["stream"], alert["labels"]["severity"]) == ("win-1", "critical")
            assert alert["annotations"]["summary"] == "办事大厅 / 1号窗口 信号中断"
            assert alert["status"]["state"] in ("active", "unprocessed")
            await until(lambda: from_it.got)

            ended_us = hub.clock.utc_us
            await hub.hears(fault("i-1", at_us=at_us, state=InterruptionState.RESUMED, ended_us=ended_us))
            await hub.pass_s(2)
            assert await alerts_at(url) == []
            await until(lambda: len(from_it.got) > 1)
        theirs = [body for _, body in from_it.got]
        ours = [body for _, body in from_us.got]
        assert [one["status"] for one in theirs] == [one["status"] for one in ours] == ["firing", "resolved"]
        for their, our in zip(theirs, ours, strict=True):
            assert set(our) == set(their) == VERSION_4
            assert set(our["alerts"][0]) == set(their["alerts"][0]) == ALERT_4
            for name in ("version", "status", "truncatedAlerts"):
                assert our[name] == their[name]
            for name in ("status", "labels", "annotations", "generatorURL"):
                assert our["alerts"][0][name] == their["alerts"][0][name], name
            assert {k: type(v) for k, v in our.items()} == {k: type(v) for k, v in their.items()}


async def test_alertmanager_is_told_again_each_minute_of_what_lasts(tmp_path: Path) -> None:
    async with receiver() as there, desk(tmp_path, take=False) as hub:
        await hub.channel("am", url=f"{there.url}/prefix", kind=ChannelKind.ALERTMANAGER)
        assert await hub.pass_s(120, 10) == []
        assert there.got == []
        await hub.hears(fault("i-1"))
        await hub.hears(fault("i-2", "win-2"))
        await hub.pass_s(200)
        assert [path for path, _ in there.got] == ["/prefix/api/v2/alerts"] * 4
        assert {one["endsAt"] > one["startsAt"] for _, body in there.got for one in body} == {True}
        assert len(there.got[-1][1]) == 2
        first = next(one for one in hub.notices.queue() if one.subject == "i-1")
        settled_at = rfc3339(hub.clock.utc_us)
        await hub.notices.settle(first.id, AlarmState.FALSE_ALARM, "zhang", "演练")
        there.status = 503
        await hub.pass_s(5)
        there.status = 200
        there.got.clear()
        await hub.pass_s(120)
        (resolved,) = [one for _, body in there.got for one in body if one["labels"]["alarm"] == first.id]
        assert resolved["endsAt"] == settled_at  # when it was settled, not when it could be told


async def test_what_a_receiver_refuses_is_kept_without_the_secret(tmp_path: Path) -> None:
    async with receiver() as there, desk(tmp_path, take=False) as hub:
        there.status, there.answer = 403, "no such token T0K3N-abc"
        await hub.channel("hook", url=f"{there.url}/hook/T0K3N-abc", kind=ChannelKind.WEBHOOK)
        await hub.hears(fault("i-1"))
        await hub.pass_s(3)
        (notice,) = await hub.notices.notices(before_us=1 << 60, limit=9)
        assert notice.state is NoticeState.QUEUED
        assert "answered 403: no such token ***" in notice.problem
        assert await hub.notices.test_channel("hook") == notice.problem


# ------------------------------------------------------------------------------------------ apprise


async def test_apprise_posts_json_and_a_refusal_is_seen_and_never_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiver() as there, desk(tmp_path, take=False) as hub:
        address = there.url.removeprefix("http://")
        await hub.channel("json", url=f"json://me:hunter22@{address}/T0K3N-abc")
        await hub.hears(fault("i-1"))
        await hub.pass_s(3)
        ((path, body),) = there.got
        assert path == "/T0K3N-abc"
        assert body["title"] == "【二级告警】1号窗口 信号中断"
        assert body["message"].startswith("地点：办事大厅 / 1号窗口\n情况：信号中断\n")
        assert [one.state for one in await hub.notices.notices(before_us=1 << 60, limit=9)] == [NoticeState.SENT]
        there.status = 500
        problem = await hub.notices.test_channel("json")
        assert problem
        kept = [problem, *(str(vars(one)) for one in caplog.records if one.name.startswith("hub"))]
        assert not [one for one in kept if "hunter22" in one or "T0K3N" in one]


async def test_a_channel_that_hangs_holds_up_nobody_but_itself(tmp_path: Path) -> None:
    async with receiver() as slow, receiver() as quick, desk(tmp_path, take=False) as hub:
        slow.hold = asyncio.Event()
        await hub.channel("slow", url=slow.url.replace("http", "json"))
        await hub.channel("quick", url=quick.url.replace("http", "json"))
        await hub.hears(fault("i-1"))
        hub.clock.pass_s(3)
        await hub.notices.tick()
        sending = [asyncio.create_task(hub.notices.outbox.drain(name)) for name in hub.notices.outbox.ready()]
        await until(lambda: slow.got and quick.got)
        await hub.hears(fault("i-2", "win-2"))  # the alarm itself waits for nothing
        assert len(hub.notices.queue()) == 2
        assert hub.notices.outbox.ready() == []
        slow.hold.set()
        await asyncio.gather(*sending)


class Mailbox:
    """What came by SMTP."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), free_port()
    controller = Controller(
        box, hostname="127.0.0.1", port=port, auth_require_tls=False,
        authenticator=lambda *_: AuthResult(success=True),
    )  # fmt: skip
    await asyncio.to_thread(controller.start)
    yield box, port
    await asyncio.to_thread(controller.stop)


async def test_a_mail_says_the_same_and_a_hostile_name_adds_no_header(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    async with desk(tmp_path, take=False) as hub:
        hub.streams["win-1"] = replace(hub.streams["win-1"], name="窗口\r\nBcc: thief@evil.example\r\n\r\n<b>x</b>")
        where = f"localhost:{port}?smtp=127.0.0.1&from=hub@hub.example&to=duty@hub.example&mode=insecure"
        url = f"mailto://me:hunter22@{where}"
        await hub.channel("mail", url=url)
        await hub.hears(fault("i-1"))
        await hub.pass_s(3)
        (envelope,) = box.mails
        assert envelope.rcpt_tos == ["duty@hub.example"]
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content)
        assert mail["Bcc"] is None
        subject = str(make_header(decode_header(mail["Subject"])))
        assert subject.startswith("【二级告警】窗口 Bcc: thief＠evil.example ＜b＞x＜/b＞ 信号中断")
        parts = [one.get_payload(decode=True) for one in mail.walk() if not one.is_multipart()]
        text = b"".join(one for one in parts if isinstance(one, bytes)).decode()
        assert "情况：信号中断" in text
        assert "<b>x</b>" not in text
