"""Who is told when, how often and in which words; retries, storms, bounds. Time is simulated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Conflict, InvalidRequest, NotFound
from hub.model import InterruptionKind, InterruptionState
from hub.notices.alarm import Alarm, AlarmState, _alarm, _row
from hub.notices.channels import MAX_CHANNELS, Channel, ChannelKind, SendError, check_url, shown_url, without_secrets
from hub.notices.kept import Notice, NoticeState
from hub.notices.outbox import BACKOFF_S, MAX_WAITING
from hub.notices.rules import DEFAULT, NoticeRule, read_rules, rules_for, within
from hub.notices.texts import KINDS, LISTED, plain
from hub.people.changes import HUB
from hub.people.tree import ROOT
from tests.notices_support import NOON_US, Desk, desk, fault

ZONE = ZoneInfo("Asia/Shanghai")


async def test_a_notice_says_level_place_kind_and_local_time_in_chinese(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("county-group", "county")
        await hub.hears(fault("i-1"))
        (notice,) = await hub.pass_s(3)
        assert notice.title == "【二级告警】1号窗口 信号中断"
        assert notice.body.splitlines() == [
            "地点：办事大厅 / 1号窗口",
            "情况：信号中断",
            "开始：2026-01-01 12:00:00（北京时间）",
            f"查看：https://hub.example/?alarm={hub.notices.queue()[0].id}",
        ]
        await hub.hears(fault("i-1", state=InterruptionState.RESUMED, ended_us=NOON_US + 90_000_000))
        (notice,) = await hub.pass_s(1)
        assert notice.title == "【二级告警】1号窗口 信号中断（已恢复）"
        assert "恢复：2026-01-01 12:01:30，仍需处理" in notice.body


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_a_hostile_name_is_one_harmless_line(name: str) -> None:
    for text in (name, f"@all {name}", f"[x](http://evil.example){name}", f"\u202e{name}\r\nBcc: x@y.z", f"<b>{name}"):
        made = plain(text)
        assert len(made) <= 40
        assert made == "".join(made.splitlines())
        assert not set(made) & set("@<>[]`*#&|\\\u202e\u2066\u0000")
        assert "://" not in made


async def test_hostile_names_of_streams_and_units(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        hub.streams["win-1"] = replace(
            hub.streams["win-1"], name="<script>@所有人\n[点我](https://evil.example/a)" + "长" * 99
        )
        await hub.channel("group", "county")
        await hub.hears(fault("i-1"))
        (notice,) = await hub.pass_s(3)
        assert len(notice.body.splitlines()) == 4
        assert "https://evil" not in notice.body
        assert not set("<@[") & set(notice.title + notice.body)


def test_every_kind_of_interruption_has_words() -> None:
    assert set(InterruptionKind) <= set(KINDS)


# --------------------------------------------------------------------------------- rules and time


async def test_it_is_repeated_until_somebody_acknowledges(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("group", "hall")
        await hub.rules("hall", {"levels": [2], "repeat_every_min": 5})
        await hub.hears(fault("i-1"))
        assert [one.reason for one in await hub.pass_s(3)] == ["raised"]
        assert await hub.pass_s(295) == []
        told = await hub.pass_s(901, 10)
        assert [one.reason for one in told] == ["repeat"] * 3
        assert "分钟无人确认" in told[-1].body
        await hub.notices.acknowledge(hub.notices.queue()[0].id, "zhang")
        assert await hub.pass_s(3600, 30) == []


async def test_quiet_hours_keep_what_is_not_grave_until_the_morning(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("group", "hall")
        await hub.rules("hall", {"levels": [1, 2, 3], "quiet_hours": "22:00-07:00", "loud_level": 1})
        hub.clock.pass_s(11 * 3600)  # 23:00
        await hub.hears(fault("i-1"))
        assert await hub.pass_s(7 * 3600, 60) == []
        await hub.says("telemetry.sos", stream="win-2", id="s")
        assert [one.level for one in await hub.pass_s(1)] == [1]
        told = await hub.pass_s(3600, 60)  # past 07:00
        assert [one.level for one in told] == [2]
        assert datetime.fromtimestamp(told[0].at_us / 1e6, ZONE).strftime("%H:%M") == "07:00"


async def test_a_line_holds_for_its_levels_kinds_hours_and_channels(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("day", "hall")
        await hub.channel("black", ROOT)
        await hub.channel("none", "county")
        await hub.rules(
            "county",
            {"levels": [1, 2], "hours": "08:00-18:00", "channels": ["day"]},
            {"kinds": ["black"], "channels": ["black", "missing"]},
        )  # the hall inherits it
        await hub.hears(fault("i-1"))
        await hub.hears(fault("i-2", "win-2", kind=InterruptionKind.BLACK))
        await hub.hears(fault("i-3", "win-3", kind=InterruptionKind.LOSS))
        told = await hub.pass_s(3)
        assert sorted((one.channel, one.title[-4:]) for one in told) == [
            ("black", "号窗口 黑屏"[-4:]), ("day", "信号中断"), ("day", "号窗口 黑屏"[-4:])
        ]  # fmt: skip
        hub.clock.pass_s(8 * 3600)
        await hub.hears(fault("i-4", "win-4"))
        assert await hub.pass_s(3) == []


async def test_a_channel_of_another_unit_hears_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.units.add("other", "别处", ROOT, hub.units.get("hall").kind, by=HUB)
        await hub.channel("others", "other")
        await hub.rules("hall", {"channels": ["others"]})
        await hub.hears(fault("i-1"))
        assert await hub.pass_s(3) == []


async def test_escalation_tells_the_unit_above_and_then_the_one_above_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        for unit in ("hall", "county", ROOT):
            await hub.channel(f"of-{unit}", unit)
            await hub.rules(unit, {"levels": [2], "channels": [f"of-{unit}"], "escalate_after_min": 10})
        await hub.hears(fault("i-1"))
        told = [*await hub.pass_s(3), *await hub.pass_s(3600, 10)]
        assert [(one.channel, one.reason) for one in told] == [
            ("of-hall", "raised"), ("of-county", "escalated"), ("of-root", "escalated")
        ]  # fmt: skip
        assert "无人确认" in told[1].title
        minutes = [(one.at_us - NOON_US) // 60_000_000 for one in told]
        assert minutes == [0, 10, 20]


async def test_rules_that_nobody_understands_silence_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("group", ROOT)
        await hub.units.patch("hall", by=HUB, rules={"notices": [{"levels": ["high"]}]})
        assert rules_for(hub.units.tree, "hall") == DEFAULT
        await hub.hears(fault("i-1"))
        assert len(await hub.pass_s(3)) == 1


@pytest.mark.parametrize(
    "bad",
    [{}, "x", [{"level": 1}], [{"levels": [5]}], [{"hours": "8-18"}], [{"quiet_hours": "07:00-07:00"}], [{}] * 51],
)
def test_bad_rules_are_refused(bad: object) -> None:
    with pytest.raises(InvalidRequest, match=r"rules\.notices") as caught:
        read_rules(bad)
    assert caught.value.code == "bad_rules"


_FIELDS = st.sampled_from(["levels", "hours", "kinds"])
_SIMPLE = st.none() | st.integers() | st.text(max_size=9)


@given(st.recursive(_SIMPLE, lambda one: st.lists(one) | st.dictionaries(_FIELDS, one)))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_the_rules(value: object) -> None:
    try:
        found = read_rules(value)
    except InvalidRequest:
        return
    assert all(isinstance(one, NoticeRule) for one in found)


def test_hours_over_midnight() -> None:
    times = {"21:59": False, "22:00": True, "00:00": True, "06:59": True, "07:00": False}
    for text, inside in times.items():
        at = datetime(2026, 1, 1, int(text[:2]), int(text[3:]), tzinfo=ZONE)
        assert within("22:00-07:00", at) is inside
        assert within("07:00-22:00", at) is not inside


# ------------------------------------------------------------------------------ storms and failures


async def test_a_storm_is_joined_into_one_digest_and_a_call_for_help_is_not(tmp_path: Path) -> None:
    async with desk(tmp_path, notices_per_min=5) as hub:
        await hub.channel("group", "hall")
        for number in range(1, 41):
            await hub.hears(fault(f"i-{number}", f"win-{number}"))
        told = await hub.pass_s(10)
        assert len(told) == 5
        await hub.says("telemetry.sos", stream="win-3", id="s")
        assert [one.level for one in await hub.pass_s(1)] == [1]
        (digest,) = await hub.pass_s(60)
        assert digest.title == "【告警汇总】35 条"
        assert digest.body.count("· ") == LISTED
        assert "另有 30 条" in digest.body
        await hub.pass_s(1)
        kept = await hub.notices.notices(before_us=1 << 60, limit=100)
        assert [sum(one.state is state for one in kept) for state in (NoticeState.JOINED, NoticeState.SENT)] == [35, 7]


class Failing:
    """A channel that takes nothing until it is told to."""

    def __init__(self, hub: Desk) -> None:
        self.hub, self.broken, self.tries = hub, True, 0
        hub.notices.outbox._deliver = self.deliver

    async def deliver(self, channel: Channel, notice: Notice) -> None:
        if channel.name == "bad":
            self.tries += 1
            if self.broken:
                raise SendError("answered 500")
        self.hub.sent.append(notice)


async def test_what_is_not_taken_is_tried_again_ever_more_rarely_and_its_failure_is_seen(tmp_path: Path) -> None:
    async with desk(tmp_path, alarm_clear_level=2) as hub:
        failing = Failing(hub)
        await hub.channel("bad", "hall")
        await hub.channel("good", ROOT)
        await hub.rules("hall", {"levels": [2], "channels": ["bad"]})
        await hub.hears(fault("i-1"))
        await hub.pass_s(3)
        assert hub.notices.outbox.health("bad")[0] == "answered 500"
        at_s = []
        for second in range(3, sum(BACKOFF_S) + 20):
            before = failing.tries
            await hub.pass_s(1)
            at_s += [second] if failing.tries > before else []
        assert failing.tries == len(BACKOFF_S) + 1
        assert [b - a for a, b in pairwise(at_s)] == list(BACKOFF_S[1:])
        (kept,) = await hub.notices.notices(before_us=1 << 60, limit=9, state="failed")
        assert (kept.attempts, kept.problem) == (5, "answered 500")
        broken = [one for one in hub.notices.queue() if one.kind == "channel"]
        assert "bad" in broken[0].text
        failing.broken = False
        await hub.hears(fault("i-2", "win-2"))
        await hub.pass_s(4)
        assert not [one for one in hub.notices.queue() if one.kind == "channel"]  # it works again


async def test_a_failing_text_does_not_hold_up_the_next_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("group", "hall")

        async def deliver(_: Channel, notice: Notice) -> None:
            if "1号" in notice.title:
                raise SendError("what is this")
            hub.sent.append(notice)

        hub.notices.outbox._deliver = deliver
        await hub.hears(fault("i-1", "win-1"))
        await hub.hears(fault("i-2", "win-2"))
        assert ["2号" in one.title for one in await hub.pass_s(3)] == [True]


async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    async with desk(tmp_path, notices_per_min=600) as hub:
        Failing(hub)
        await hub.channel("bad", "hall")
        for number in range(MAX_WAITING + 50):
            await hub.hears(fault(f"i-{number}", f"win-{number % 40 + 1}"))
        hub.clock.pass_s(3)
        await hub.notices.tick()
        lane = hub.notices.outbox._lane("bad")
        assert (len(lane.waiting), lane.joined_count, len(lane.joined)) == (MAX_WAITING, 50, LISTED)


async def test_what_was_not_sent_when_the_hub_ended_is_sent_afterwards(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        Failing(hub)
        await hub.channel("bad", "hall")
        await hub.hears(fault("i-1"))
        await hub.pass_s(3)
        assert hub.sent == []
        await hub.again()
        assert [one.reason for one in await hub.pass_s(1)] == ["raised"]
        assert await hub.pass_s(3) == []


async def test_notices_and_settled_alarms_are_kept_for_their_days(tmp_path: Path) -> None:
    async with desk(tmp_path, notices_days=2) as hub:
        await hub.channel("group", "hall")
        await hub.hears(fault("i-1"))
        await hub.hears(fault("open", "win-2"))
        await hub.pass_s(3)
        first = next(one for one in hub.notices.queue() if one.subject == "i-1")
        await hub.notices.settle(first.id, AlarmState.HANDLED, "zhang", "好")
        await hub.rules("hall")
        await hub.pass_s(3 * 86_400, 3600)
        assert await hub.notices.settled(1 << 60, 9) == []
        assert await hub.notices.notices(before_us=1 << 60, limit=9) == []
        await hub.again(notices_days=2)
        assert [one.subject for one in hub.notices.queue()] == ["open"]  # nobody settled it


# ----------------------------------------------------------------------------- channels and secrets

SECRETS = [
    (ChannelKind.APPRISE, "dingtalk://sEcReTtOkEn@13812345678/", ["sEcReT", "13812345678"]),
    (ChannelKind.APPRISE, "wecombot://abcdef12345678901234567890", ["abcdef"]),
    (ChannelKind.APPRISE, "mailtos://me:hunter22@mail.example?to=a@b.example", ["hunter22", "b.example"]),
    (ChannelKind.WEBHOOK, "https://u:hunter22@hook.example:8443/T0K3N/x?key=v4lue", ["hunter22", "T0K3N", "v4lue"]),
    (ChannelKind.ALERTMANAGER, "http://u:hunter22@am.example:9093", ["hunter22"]),
]


@pytest.mark.parametrize(("kind", "url", "secrets"), SECRETS)
async def test_a_url_is_shown_without_what_opens_it(
    tmp_path: Path, kind: ChannelKind, url: str, secrets: list[str]
) -> None:
    async with desk(tmp_path) as hub:
        made = await hub.channel("one", url=url, kind=kind)
        for text in (made.shown, shown_url(kind, url), repr(made), without_secrets(url, f"cannot POST to {url}")):
            assert not [one for one in secrets if one in text], text
        await hub.again()
        assert hub.notices.channels.get("one").url == url


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (ChannelKind.APPRISE, "syslog://"), (ChannelKind.APPRISE, "nonsense://x"), (ChannelKind.APPRISE, ""),
        (ChannelKind.APPRISE, "http://["), (ChannelKind.APPRISE, "file:///etc/passwd"),
        (ChannelKind.WEBHOOK, "ftp://x/"), (ChannelKind.WEBHOOK, "https:///x"), (ChannelKind.ALERTMANAGER, "json://x"),
        (ChannelKind.WEBHOOK, "http://x\n/"), (ChannelKind.WEBHOOK, "http://h:99999/"),
    ],
)  # fmt: skip
def test_bad_urls_are_refused_and_not_repeated(kind: ChannelKind, url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(kind, url)
    assert len(url) < 8 or url not in str(refused.value)


@given(st.sampled_from(list(ChannelKind)), st.text(max_size=60) | st.from_regex(r"[a-z]{2,8}://[!-~]{0,30}"))
@settings(max_examples=150, deadline=None)
def test_whatever_is_given_for_a_url(kind: ChannelKind, url: str) -> None:
    try:
        check_url(kind, url)
    except InvalidRequest:
        return
    assert shown_url(kind, url)


async def test_channels_have_names_once_and_are_bounded(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("one")
        with pytest.raises(Conflict):
            await hub.channel("one")
        with pytest.raises(InvalidRequest):
            await hub.channel("-One")
        for number in range(MAX_CHANNELS - 1):
            await hub.channel(f"c-{number}")
        with pytest.raises(Conflict):
            await hub.channel("more")
        await hub.notices.channels.remove("one")
        with pytest.raises(NotFound):
            await hub.notices.channels.remove("one")


def test_what_a_database_of_a_later_hub_says_more_is_left_alone() -> None:
    alarm = Alarm("a", "x:1", "loss", 3, "", "", NOON_US, NOON_US, NOON_US).with_sent("c", NOON_US)
    row = _row(alarm)
    row["body"] = json.dumps({**json.loads(row["body"]), "later": 1})
    assert _alarm(row) == alarm  # type: ignore[arg-type]
