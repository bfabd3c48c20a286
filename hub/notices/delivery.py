"""How a notice leaves the hub: by apprise in a thread, or as Alertmanager speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import aiohttp

from hub.clock import Clock
from hub.notices import alertmanager
from hub.notices.alarm import Alarm
from hub.notices.channels import MAX_CHANNELS, SEND_S, Channel, ChannelKind, SendError, send_apprise
from hub.notices.kept import Notice
from hub.notices.texts import Place, Words

TRIAL: Final = "test"
MAX_RESOLVING = 1000


class Delivery:
    """``find`` an alarm by id, settled ones too; ``alerts_of`` what lasts in a channel's units."""

    def __init__(
        self,
        clock: Clock,
        public_url: str,
        find: Callable[[str], Awaitable[Alarm | None]],
        alerts_of: Callable[[Channel], list[Alarm]],
        place: Callable[[Alarm], Place],
    ) -> None:
        self._clock = clock
        self._public_url = public_url
        self._find = find
        self._lasting = alerts_of
        self._place = place
        self._threads = ThreadPoolExecutor(MAX_CHANNELS, "notices")  # a channel that hangs holds its own thread alone
        self._hanging: set[str] = set()
        self._client: aiohttp.ClientSession | None = None
        self._to_resolve: dict[str, dict[str, Alarm]] = {}

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def resolve(self, channel: str, alarm: Alarm) -> None:
        """This Alertmanager is to hear that it is over."""
        waiting = self._to_resolve.setdefault(channel, {})
        if alarm.id in waiting or len(waiting) < MAX_RESOLVING:
            waiting[alarm.id] = alarm

    def alerts_of(self, channel: Channel) -> list[Alarm]:
        """What the channel's Alertmanager is to hear now: what lasts, and what ended since it last heard."""
        found = {one.id: one for one in self._lasting(channel)}
        return [*found.values(), *(one for ident, one in self._waiting(channel).items() if ident not in found)]

    def _waiting(self, channel: Channel) -> dict[str, Alarm]:
        return self._to_resolve.get(channel.name, {})

    async def deliver(self, channel: Channel, notice: Notice) -> None:
        if channel.kind is ChannelKind.APPRISE:
            await self._by_apprise(channel, Words(notice.title, notice.body), notice.level)
            return
        if self._client is None:
            self._client = aiohttp.ClientSession(headers={"User-Agent": "recorder-hub"})
        now_us = self._clock.now().utc_us
        if notice.reason == TRIAL:
            some = [Alarm("test", "test", "test", 4, channel.unit, "", now_us, now_us, now_us, over_us=now_us)]
        elif channel.kind is ChannelKind.ALERTMANAGER:
            await self._sync_now(channel)
            return
        else:
            alarm = await self._find(notice.alarm)
            some = [alarm] if alarm is not None else self._lasting(channel)[: alertmanager.MAX_ALERTS]
        if not some:
            return
        if channel.kind is ChannelKind.ALERTMANAGER:
            await self._post_alerts(channel, some)
        else:
            given = [(one, self._place(one)) for one in some]
            words = Words(notice.title, notice.body)
            payload = alertmanager.message(given, channel.name, words, self._public_url, now_us)
            await alertmanager.post(self._client, channel.url, payload)

    async def _sync_now(self, channel: Channel) -> None:
        told = dict(self._waiting(channel))
        alarms = self.alerts_of(channel)
        for at in range(0, len(alarms), alertmanager.MAX_ALERTS):
            await self._post_alerts(channel, alarms[at : at + alertmanager.MAX_ALERTS])
        waiting = self._waiting(channel)
        for ident, alarm in told.items():
            if waiting.get(ident) is alarm:  # else it ended anew while this was on its way
                del waiting[ident]

    async def _post_alerts(self, channel: Channel, alarms: Sequence[Alarm]) -> None:
        now_us, link = self._clock.now().utc_us, self._public_url
        payload = [alertmanager.postable(one, self._place(one), link, now_us) for one in alarms]
        assert self._client is not None
        await alertmanager.post(self._client, alertmanager.api_url(channel.url), payload)

    async def _by_apprise(self, channel: Channel, words: Words, level: int) -> None:
        """In a thread of its own, which cannot be ended: while it hangs, the channel takes nothing more."""
        if channel.name in self._hanging:
            raise SendError("an earlier attempt still hangs")
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._threads, send_apprise, channel.url, words, level)
        self._hanging.add(channel.name)
        sending.add_done_callback(lambda _: self._hanging.discard(channel.name))
        try:
            await asyncio.wait_for(asyncio.shield(sending), SEND_S * 1.2)
        except TimeoutError:
            sending.add_done_callback(lambda one: one.cancelled() or one.exception())  # nobody waits for it any more
            raise SendError(f"no answer within {SEND_S:.0f} s") from None
