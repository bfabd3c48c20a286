"""Simulators in a process of their own, so that they do not disturb what they test.

``python -m hub.demo.simulators`` reads a :class:`SimulatorsConfig` as one line of JSON on standard input,
answers ``{"urls", "cameras"}`` and then takes one command a line. It ends when standard input closes, so it never
outlives its parent. :class:`Simulators` is the parent's side. Commands (``id`` is echoed in the answer):

* ``{"do": "play", "device", "faults": [Fault…], "seed"}`` → ``{"utc_us", "mono_us"}``: when the script began;
* ``{"do": "sent", "device", "after"}`` → ``{"units": [Sent…], "next"}``, at most 2,000 at a time;
* ``{"do": "publish", "device", "url", "token"}`` → ``{}``; ``{"do": "retire", "device"}`` → ``{}``: ends publishing;
* ``{"do": "keep", "device", "from_us", "to_us", "path"}`` → ``{"first_us", "units"}``: what the device filmed in that
  time, as an MP4 that it recorded by itself (of a device with ``aligned``, whose loops follow the clock);
* ``{"do": "state"}`` → ``{"sessions": {device: count}, "errors": {device: text}}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
import uvloop
from pydantic import BaseModel, ConfigDict, Field

from hub.clock import SystemClock
from hub.demo.card import write_card
from hub.demo.device import ClockRules, Device, track_media
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.faults import Fault, FaultScript
from hub.demo.feed import Sent
from hub.demo.gauges import Gauges
from hub.demo.media import load_loop
from hub.demo.payloads import ParameterSetPlace
from hub.demo.rtsp_server import RtspRules, RtspServer
from hub.demo.whip_publisher import WhipPublisher, whip_media
from hub.errors import HubError

_LINE_LIMIT = 4 * 1024 * 1024
_UNITS_AT_ONCE = 2000
_START_TIMEOUT_S = 300.0  # encoding an hour's worth of loops on a slow machine
_STOP_TIMEOUT_S = 10.0


class DeviceConfig(BaseModel):
    """One device, or ``count`` alike (named NAME-1 …) that share their media.

    ``faults``: prepare what freeze, black and silence need. ``record``: keep what was sent. ``telemetry``: a recorder
    says how it is, too. ``patience_s``: a recorder leaves a hub that is silent for so long; 0: after half a minute.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    video: VideoSpec | None = None
    audio: AudioSpec | None = None
    count: int = Field(1, ge=1, le=1000)
    clock: ClockRules = ClockRules()
    sets: ParameterSetPlace = "both"
    aligned: bool = False
    record: bool = False
    faults: bool = False
    link_loss: float = 0.0
    telemetry: bool = False
    patience_s: float = 0.0

    @property
    def specs(self) -> list[VideoSpec | AudioSpec]:
        return [spec for spec in (self.video, self.audio) if spec is not None]


class SimulatorsConfig(BaseModel):
    """What runs in one process. ``folder``: where encoded loops are kept, empty for the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cameras: tuple[DeviceConfig, ...] = ()
    recorders: tuple[DeviceConfig, ...] = ()
    rules: RtspRules = RtspRules()
    host: str = "127.0.0.1"
    port: int = 0
    folder: str = ""


# ------------------------------------------------------------------------------ the parent's side


class Simulators:
    """The child process, as an async context manager. ``urls`` are the cameras', in their order."""

    def __init__(self, config: SimulatorsConfig) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._ids = count(1)
        self._turn = asyncio.Lock()
        self.urls: tuple[str, ...] = ()
        self.cameras: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        """The child's process id, for measuring it."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Raises HubError when the child does not come up."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hub.demo.simulators",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,  # a Ctrl-C in the terminal is for the parent, which lets us end in order
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                ready = await self._exchange(self._config.model_dump_json())
        except BaseException:
            if self._process.returncode is None:
                self._process.kill()  # it hears nothing while it encodes
            await self.close()
            raise
        self.urls, self.cameras = tuple(ready["urls"]), tuple(ready["cameras"])

    async def close(self) -> None:
        """End the child: goodbyes are said first."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def play(self, device: str, faults: Sequence[Fault], *, seed: int = 1) -> tuple[int, int]:
        """Run a script; returns the moment it began: UTC and monotonic µs of this machine."""
        script = FaultScript(faults, seed=seed).to_json()
        began = await self._command({"do": "play", "device": device, "faults": script, "seed": seed})
        return int(began["utc_us"]), int(began["mono_us"])

    async def sent(self, device: str, after: int = 0) -> list[Sent]:
        """Everything the device has sent since unit number ``after`` (it must be recording)."""
        units: list[Sent] = []
        while True:
            part = await self._command({"do": "sent", "device": device, "after": after})
            units += (Sent(*unit) for unit in part["units"])
            if not part["units"]:
                return units
            after = int(part["next"])

    async def publish(self, device: str, url: str, token: str = "") -> None:
        """Let a recorder publish from now on."""
        await self._command({"do": "publish", "device": device, "url": url, "token": token})

    async def retire(self, device: str) -> None:
        """Let a recorder end in order and stay away."""
        await self._command({"do": "retire", "device": device})

    async def keep(self, device: str, from_us: int, to_us: int, path: Path) -> int:
        """Let a recorder write what it filmed (hub UTC) as it would on its own card; when its first picture was."""
        wanted = {"from_us": from_us, "to_us": to_us, "path": str(path)}
        return int((await self._command({"do": "keep", "device": device, **wanted}))["first_us"])

    async def state(self) -> dict[str, Any]:
        return await self._command({"do": "state"})

    async def _command(self, command: Mapping[str, object]) -> dict[str, Any]:
        number = next(self._ids)
        return await self._exchange(json.dumps({"id": number, **command}), number)

    async def _exchange(self, line: str, number: int | None = None) -> dict[str, Any]:
        """Send a line and wait for the answer with its number: a cancelled call leaves one behind."""
        process = self._process
        if process is None:
            raise HubError("the simulators are not running")
        assert process.stdin is not None
        assert process.stdout is not None
        async with self._turn:
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()
            while True:
                answer = await process.stdout.readline()
                if not answer:
                    raise HubError("the simulators ended unexpectedly; see their messages above")
                content: dict[str, Any] = json.loads(answer)
                if content.get("id") == number:
                    break
        if "error" in content:
            raise HubError(f"the simulators refused: {content['error']}")
        return content


# ------------------------------------------------------------------------------- the child's side


class _Child:
    def __init__(self, config: SimulatorsConfig) -> None:
        self._config = config
        self._clock = SystemClock()
        self._devices: dict[str, Device] = {}
        self._recorders = {name: recorder for recorder in config.recorders for name in _names(recorder)}
        began = self._clock.now()
        talkers = [name for name, recorder in self._recorders.items() if recorder.telemetry]
        self._gauges = {name: Gauges(number, began) for number, name in enumerate(talkers, 1)}
        self._publishers: dict[str, WhipPublisher] = {}
        self._server: RtspServer | None = None

    async def start(self) -> dict[str, object]:
        folder = Path(self._config.folder) if self._config.folder else None
        await asyncio.gather(*(asyncio.to_thread(_warm, item, folder) for item in self._everyone()))
        cameras = [device for item in self._config.cameras for device in _devices(item, folder, whip=False)]
        recorders = [device for item in self._config.recorders for device in _devices(item, folder, whip=True)]
        self._devices = {device.name: device for device in (*cameras, *recorders)}
        self._server = RtspServer(
            cameras, rules=self._config.rules, clock=self._clock, host=self._config.host, port=self._config.port
        )
        await self._server.start()
        urls = [self._server.url(mount) for mount in range(1, len(cameras) + 1)]
        return {"urls": urls, "cameras": [camera.name for camera in cameras]}

    async def close(self) -> None:
        await asyncio.gather(*(publisher.stop() for publisher in self._publishers.values()))
        if self._server is not None:
            await self._server.close()

    async def handle(self, command: dict[str, Any]) -> dict[str, object]:
        """Raises KeyError or ValueError for a command that makes no sense."""
        what = command["do"]
        if what == "state":
            sessions = {name: len(device.sessions) for name, device in self._devices.items()}
            return {"sessions": sessions, "errors": {n: p.last_error for n, p in self._publishers.items()}}
        device = self._devices[command["device"]]
        if what == "play":
            now = self._clock.now()
            device.play(FaultScript.from_json(command["faults"], seed=command["seed"]), now)
            return {"utc_us": now.utc_us, "mono_us": now.mono_us}
        if what == "sent":
            units = list(islice(device.sent or (), command["after"], command["after"] + _UNITS_AT_ONCE))
            return {"units": units, "next": command["after"] + len(units)}
        if what == "keep":
            specs = {item.name: item.specs for item in self._everyone()}[device.name]
            loops = [load_loop(spec, Path(self._config.folder) if self._config.folder else None) for spec in specs]
            wanted = (loops, command["from_us"], command["to_us"], Path(command["path"]))
            first_us, written = await asyncio.to_thread(write_card, *wanted)
            return {"first_us": first_us, "units": written}
        if what in ("publish", "retire"):
            if (publisher := self._publishers.pop(device.name, None)) is not None:
                await publisher.stop()
            if what == "publish":
                await self._publish(device, command["url"], command["token"])
            return {}
        raise ValueError(f"unknown command {what!r}")

    async def _publish(self, device: Device, url: str, token: str) -> None:
        config = self._recorders[device.name]
        publisher = WhipPublisher(
            device,
            url,
            token,
            clock=self._clock,
            link_loss=config.link_loss,
            gauges=self._gauges.get(device.name),
            patience_s=config.patience_s,
        )
        self._publishers[device.name] = publisher
        await publisher.start()

    def _everyone(self) -> tuple[DeviceConfig, ...]:
        return (*self._config.cameras, *self._config.recorders)


def _warm(config: DeviceConfig, folder: Path | None) -> None:
    """Encode what is not in the cache yet, beside the others (the encoders hold no lock)."""
    for spec in config.specs:
        load_loop(spec, folder)


def _devices(config: DeviceConfig, folder: Path | None, *, whip: bool) -> list[Device]:
    make = whip_media if whip else track_media
    tracks = [make(spec, faults=config.faults, sets=config.sets, folder=folder) for spec in config.specs]
    return [
        Device(name, tracks, clock=config.clock, aligned=config.aligned, record=config.record)
        for name in _names(config)
    ]


def _names(config: DeviceConfig) -> list[str]:
    return [config.name] if config.count == 1 else [f"{config.name}-{n}" for n in range(1, config.count + 1)]


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    child = _Child(SimulatorsConfig.model_validate_json(await reader.readline()))
    _say(await child.start())
    try:
        while line := await reader.readline():
            command = json.loads(line)
            number = command.get("id")
            try:
                _say({"id": number, **await child.handle(command)})
            except (KeyError, TypeError, ValueError) as error:
                _say({"id": number, "error": f"{type(error).__name__}: {error}"})
    finally:
        await child.close()


def _say(content: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def main() -> None:
    # Standard output belongs to the answers.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
