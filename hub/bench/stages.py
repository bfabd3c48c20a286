"""Where the time between a camera and the wall goes, picture by picture, for ``hub bench latency --stages``.

Nothing in the hub or on the page is changed for it: the bench wraps the browser's WebSocket and SourceBuffer, and notes
when each fragment came, when it was handed over, and when it was taken. A picture belongs to the fragment that its
media time lies in; when the last picture of that fragment left the camera says how long it waited for the others.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.bench.report import Result
from hub.demo.feed import Sent

STAGES_JS = """
(() => {
  const fragments = (window.fragmentsCame = []);
  const records = new WeakMap(), slots = new Map();
  const now = () => performance.timeOrigin + performance.now();
  const header = (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 4; at < Math.min(bytes.length, 400) - 20; at += 1) {
      if (view.getUint32(at) !== 0x74666474) continue;
      return view.getUint8(at + 4) === 1 ? Number(view.getBigUint64(at + 8)) : view.getUint32(at + 8);
    }
    return null;
  };
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      if (!String(given[0]).includes('/api/live')) return;
      this.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') {
          const told = JSON.parse(data);
          if (told.type === 'slots') for (const one of told.slots) {
            const track = one.tracks.find(({ kind }) => kind === 'video');
            if (track) slots.set(one.slot, { stream: one.stream, track: track.id });
          }
          return;
        }
        const bytes = new Uint8Array(data), slot = slots.get(bytes[2] * 256 + bytes[3]);
        if (!slot || bytes[0] === 0 || bytes[1] !== slot.track) return;
        const { stream } = slot;
        const record = { stream, ticks: header(bytes), came: now(), handed: null, taken: null, left: null };
        records.set(data, record);
        fragments.push(record);
      });
    }
  };
  const append = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (data) {
    const record = records.get(data.buffer);
    if (record && record.handed === null) {
      record.handed = now();
      const video = document.querySelector(`video[data-stream="${record.stream}"]`);
      const { buffered } = this;
      if (video && buffered.length > 0) record.left = 1000 * (buffered.end(buffered.length - 1) - video.currentTime);
      this.addEventListener('updateend', () => (record.taken = now()), { once: true });
    }
    return append.call(this, data);
  };
})();
"""
"""In a page from its first moment."""
TAKE_JS = "() => window.fragmentsCame ?? []"
VIDEO_HZ = 90_000
"""Of every video format of RTP (RFC 6184 §8.2.1, RFC 7798 §7.1)."""
_EDGE_S = 0.002


@dataclass(frozen=True, slots=True)
class Came:
    """A fragment of pictures in the browser: where it begins (s of media), and Unix times in ms; ``left_ms``: what
    there was still to play when it was handed over."""

    start_s: float
    came_ms: float
    handed_ms: float
    taken_ms: float
    left_ms: float | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture on the wall. ``sent_index``: its place in what its camera sent; Unix times in ms."""

    stream: str
    sent_index: int
    media_s: float
    decoding_ms: float
    painted_ms: float


def fragments(found: Iterable[Mapping[str, Any]]) -> dict[str, list[Came]]:
    """Of each stream, in the order in which they came; those alone that the browser took."""
    came: dict[str, list[Came]] = defaultdict(list)
    for one in found:
        if one["taken"] is not None and one["ticks"] is not None:
            start_s = one["ticks"] / VIDEO_HZ
            came[one["stream"]].append(Came(start_s, one["came"], one["handed"], one["taken"], one["left"]))
    return came


def stages(
    seen: Sequence[Seen], pictures: Mapping[str, Sequence[Sent]], came: Mapping[str, Sequence[Came]]
) -> list[Result]:
    """The median and the 95th percentile of every stage. ``pictures``: what each camera sent."""
    splits = [split for one in seen for split in _split(one, pictures[one.stream], came.get(one.stream, ()))]
    results = []
    for name in splits[0] if splits else ():
        values = sorted(split[name] for split in splits)
        results += [Result(f"{name}, p50", values[len(values) // 2], "ms")]
        results += [Result(f"{name}, p95", values[int(len(values) * 0.95)], "ms")]
    per_s = [(len(one) - 1) / max(one[-1].start_s - one[0].start_s, 1e-9) for one in came.values() if len(one) > 1]
    left = sorted(one.left_ms for of in came.values() for one in of if one.left_ms is not None)
    if left:
        results.append(Result("left to play when the next came, p50", left[len(left) // 2], "ms"))
        results.append(Result("left to play when the next came, p5", left[len(left) // 20], "ms"))
    if per_s:
        results.append(Result("fragments a second and tile", sum(per_s) / len(per_s), ""))
    return results


def _split(seen: Seen, pictures: Sequence[Sent], came: Sequence[Came]) -> Iterator[dict[str, float]]:
    at = bisect.bisect_right([one.start_s for one in came], seen.media_s + _EDGE_S) - 1
    if at < 0 or at + 1 >= len(came):
        return
    fragment, following = came[at], came[at + 1]
    step_s = (following.start_s - seen.media_s) * VIDEO_HZ
    first = pictures[seen.sent_index]
    last = first
    for one in pictures[seen.sent_index + 1 :]:
        if (one.rtp_ticks - first.rtp_ticks) % (1 << 32) >= step_s - _EDGE_S * VIDEO_HZ:
            break
        last = one
    yield {
        "waiting for the others of its fragment": (last.utc_us - first.utc_us) / 1000,
        "last packet to the browser": fragment.came_ms - last.utc_us / 1000,
        "in the browser until handed over": fragment.handed_ms - fragment.came_ms,
        "being taken": fragment.taken_ms - fragment.handed_ms,
        "ahead of the play head": seen.painted_ms - seen.decoding_ms - fragment.taken_ms,
        "of it decoding": seen.decoding_ms,
    }
