"""The newest picture of a stream as a small JPEG: what a page shows of sixty windows at once.

It is the keyframe that live watchers get, decoded when somebody asks; a page of tiles that play would decode every
picture of every window. Whether it is black is said with it, at all hours: before the opening nothing else looks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO

from hub.errors import MediaError
from hub.model import Fragment, InitTrack
from hub.monitor.live import LiveFeeds

WORKERS = 2
MAX_KEPT = 500
_SIZES = ((320, 8), (320, 16), (240, 20))
_MAX_PIXELS = 16_777_216


@dataclass(frozen=True, slots=True)
class Still:
    """``at_us`` is hub UTC of the capture. ``black`` None: too small, or of a format, that cannot be judged."""

    jpeg: bytes
    at_us: int
    black: bool | None


class Stills:
    """Each keyframe is decoded once, however many ask; two at a time, beside the event loop."""

    def __init__(self, feeds: LiveFeeds) -> None:
        self._feeds = feeds
        self._turns = asyncio.Semaphore(WORKERS)
        self._making: dict[str, asyncio.Task[Still | None]] = {}
        self._kept: OrderedDict[str, tuple[Fragment, Still | None]] = OrderedDict()

    async def newest(self, stream_id: str) -> Still | None:
        """None: no picture has come since the hub began, or it cannot be decoded."""
        making = self._making.get(stream_id)
        if making is None:
            making = self._making[stream_id] = asyncio.create_task(self._newest(stream_id))
            making.add_done_callback(lambda _: self._making.pop(stream_id, None))
        return await asyncio.shield(making)  # one caller who leaves takes it from no other

    async def _newest(self, stream_id: str) -> Still | None:
        async with self._turns:
            key = self._feeds.newest_key(stream_id)
            if key is None:
                self._kept.pop(stream_id, None)
                return None
            track, fragment = key
            kept = self._kept.get(stream_id)
            if kept is None or kept[0] is not fragment:
                kept = self._kept[stream_id] = (fragment, await asyncio.to_thread(still_of, track, fragment))
            self._kept.move_to_end(stream_id)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return kept[1]


def still_of(track: InitTrack, fragment: Fragment) -> Still | None:
    """Blocks for some milliseconds, the first time while FFmpeg is loaded. None for what cannot be decoded."""
    import av

    from hub.monitor.content.decoder import FAULTS, jpeg, luma
    from hub.monitor.content.features import features
    from hub.monitor.content.judge import is_black

    try:
        with av.open(BytesIO(track.init + fragment.data), mode="r", format="mp4") as container:
            video = container.streams.video[0]
            video.codec_context.thread_count = 1
            video.codec_context.options = {"max_pixels": str(_MAX_PIXELS), "skip_loop_filter": "all"}
            frame = next(container.decode(video), None)
            made = None if frame is None else jpeg(frame, _SIZES)
    except (*FAULTS, IndexError):
        return None
    if frame is None or made is None:
        return None
    try:
        seen = features(luma(frame))
    except MediaError:
        seen = None
    return Still(made, fragment.first_us, None if seen is None else is_black(seen))
