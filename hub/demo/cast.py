"""The demo's cast: two window cameras and two recorders, one of which breaks off once a minute.

``demo = Demo(); await demo.start()`` brings the simulators up; :meth:`Demo.members` tells what to register;
``await demo.publish(base_url, tokens)`` lets the recorders begin and starts the minute's script.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from hub.clock import Clock, SystemClock
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.model import Codec, StreamKind

LOOP_S = 60
"""A minute, so that the seconds on the picture are those of the clock on the wall."""
_FIRST_BREAK_S = 20.0
_PERIOD_S = 60.0
_BREAK_S = 8.0


@dataclass(frozen=True, slots=True)
class Member:
    """What to register. ``url`` is a camera's RTSP address; empty for a recorder, which publishes by WHIP."""

    id: str
    name: str
    kind: StreamKind
    url: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """One entry of the minute's script."""

    member: str
    fault: Fault


SCRIPT = (
    Break("window-01", Fault(FaultKind.CUT, 0.0, _BREAK_S)),
    Break("body-01", Fault(FaultKind.STALL, 0.0, _BREAK_S)),
    Break("window-02", Fault(FaultKind.STALL, 0.0, _BREAK_S)),
    Break("body-02", Fault(FaultKind.CUT, 0.0, _BREAK_S)),
)


class Demo:
    """``folder``: where encoded loops are kept (default: the user's cache). ``loop_s`` must fit its codecs.

    ``record``: keep what was sent, for :meth:`Simulators.sent`.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        folder: Path | None = None,
        loop_s: int = LOOP_S,
        first_break_s: float = _FIRST_BREAK_S,
        period_s: float = _PERIOD_S,
        record: bool = False,
    ) -> None:
        self._clock = clock or SystemClock()
        self._first_break_s, self._period_s = first_break_s, period_s
        self.simulators = Simulators(_config(folder, loop_s, record=record))
        self._script: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bring the simulators up. The first time this encodes for some 30 s; later it is instant.

        Raises HubError when they do not come up.
        """
        await self.simulators.start()

    def members(self) -> tuple[Member, ...]:
        """Who is to be registered, in the order of the wall."""
        first, second = self.simulators.urls
        return (
            Member("window-01", "1号窗口", StreamKind.WINDOW, first),
            Member("window-02", "2号窗口", StreamKind.WINDOW, second),
            Member("body-01", "执法记录仪01", StreamKind.RECORDER),
            Member("body-02", "执法记录仪02", StreamKind.RECORDER),
        )

    async def publish(self, base_url: str, tokens: Mapping[str, str]) -> None:
        """Let the recorders publish to ``base_url``/whip/ID with their tokens, and begin the script."""
        for member in self.members():
            if not member.url:
                url = f"{base_url.rstrip('/')}/whip/{member.id}"
                await self.simulators.publish(member.id, url, tokens.get(member.id, ""))
        self._script = asyncio.create_task(self._break_off())

    async def stop(self) -> None:
        """End the script, then the simulators, in order."""
        if self._script is not None:
            self._script.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._script
        await self.simulators.close()

    async def _break_off(self) -> None:
        await self._clock.sleep(self._first_break_s)
        for entry in cycle(SCRIPT):
            await self.simulators.play(entry.member, [entry.fault])
            await self._clock.sleep(self._period_s)


def _config(folder: Path | None, loop_s: int, *, record: bool) -> SimulatorsConfig:
    def window(number: int, audio: AudioSpec) -> DeviceConfig:
        title = f"{number}号窗口 大厅"
        video = VideoSpec(seconds=loop_s, device=number, title=title)
        return DeviceConfig(name=f"window-{number:02d}", video=video, audio=audio, aligned=True, record=record)

    def body(number: int) -> DeviceConfig:
        device = 10 + number
        video = VideoSpec(
            width=640,
            height=360,
            bitrate=800_000,
            seconds=loop_s,
            profile="baseline",
            device=device,
            title=f"执法记录仪{number:02d}",
        )
        audio = AudioSpec(Codec.OPUS, channels=2, bitrate=32_000, seconds=loop_s, device=device)
        name = f"body-{number:02d}"
        return DeviceConfig(name=name, video=video, audio=audio, aligned=True, record=record, telemetry=True)

    # 32 kHz: a minute is then a whole number of AAC frames.
    aac = AudioSpec(Codec.AAC, rate=32_000, seconds=loop_s, device=1)
    alaw = AudioSpec(Codec.PCMA, rate=8000, seconds=loop_s, device=2)
    return SimulatorsConfig(
        cameras=(window(1, aac), window(2, alaw)),
        recorders=(body(1), body(2)),
        folder=str(folder or ""),
    )
