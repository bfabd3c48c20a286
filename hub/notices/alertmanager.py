"""What Prometheus' Alertmanager takes, and what it sends: both can be had of the hub. Pure, but for :func:`post`.

*alertmanager*: alerts as Alertmanager's own API takes them (``POST /api/v2/alerts``, ``postableAlerts`` of its
openapi.yaml), so that a site's Alertmanager groups, silences and routes them. It forgets an alert that is not sent
again; so all that last are sent every minute, with an ``endsAt`` some minutes ahead, as Prometheus does.
*webhook*: the message that Alertmanager sends to a ``webhook_config`` (version "4"), for programs that take that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from hub.clock import US_PER_S, rfc3339
from hub.notices.alarm import Alarm
from hub.notices.channels import SEND_S, SendError, without_secrets
from hub.notices.texts import Place, Words, kind_words, link, plain

RESEND_US: Final = 60 * US_PER_S
LASTS_US: Final = 4 * RESEND_US
"""As Prometheus: four times as long as until it is sent again."""
MAX_ALERTS = 200
"""In one call."""
_NEVER = "0001-01-01T00:00:00Z"
_SEVERITY = {1: "critical", 2: "critical", 3: "warning", 4: "info"}


def labels_of(alarm: Alarm) -> dict[str, str]:
    """What identifies an alert: nothing in here changes while it lasts. Empty values are left out, as there."""
    found = {
        "alertname": f"recorder_hub_{alarm.kind}",
        "severity": _SEVERITY[alarm.level],
        "level": str(alarm.level),
        "kind": alarm.kind,
        "unit": alarm.unit,
        "stream": alarm.stream,
        "alarm": alarm.id,
        "source": "recorder-hub",
    }
    return {name: value for name, value in found.items() if value}


def annotations_of(alarm: Alarm, place: Place) -> dict[str, str]:
    found = {
        "summary": f"{place.words} {kind_words(alarm.kind)}".strip(),
        "description": plain(alarm.text, 200),
    }
    return {name: value for name, value in found.items() if value}


def is_firing(alarm: Alarm) -> bool:
    return alarm.over_us is None and not alarm.state.settled and not alarm.joined


def ended_us(alarm: Alarm, now_us: int) -> int:
    """When an alarm that fires no more ended; never before it began."""
    ends = [one for one in (alarm.over_us, alarm.settled_us) if one is not None]
    return max(min(ends, default=now_us), alarm.since_us)


def postable(alarm: Alarm, place: Place, public_url: str, now_us: int) -> dict[str, Any]:
    """One ``postableAlert``."""
    ends_us = now_us + LASTS_US if is_firing(alarm) else ended_us(alarm, now_us)
    alert: dict[str, Any] = {
        "labels": labels_of(alarm),
        "annotations": annotations_of(alarm, place),
        "startsAt": rfc3339(alarm.since_us),
        "endsAt": rfc3339(ends_us),
    }
    address = link(public_url, alarm)
    return alert | ({"generatorURL": address} if address else {})


def api_url(url: str) -> str:
    """The channel's URL, with the API's path where it has none of its own."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path.endswith("/api/v2/alerts"):
        path += "/api/v2/alerts"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def message(
    given: Sequence[tuple[Alarm, Place]], receiver: str, words: Words, public_url: str, now_us: int
) -> dict[str, Any]:
    """A webhook message, version "4"."""
    alerts = [_alert(alarm, place, public_url, now_us) for alarm, place in given]
    return {
        "version": "4",
        "groupKey": "{}:{" + ",".join(f"alarm={json.dumps(alarm.id)}" for alarm, _ in given[:1]) + "}",
        "truncatedAlerts": 0,
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "receiver": receiver,
        "groupLabels": {"alarm": given[0][0].id} if len(given) == 1 else {},
        "commonLabels": _common([one["labels"] for one in alerts]),
        "commonAnnotations": _common([one["annotations"] for one in alerts]) | {"title": words.title},
        "externalURL": public_url,
        "alerts": alerts,
    }


def _alert(alarm: Alarm, place: Place, public_url: str, now_us: int) -> dict[str, Any]:
    firing = is_firing(alarm)
    labels = labels_of(alarm)
    digest = hashlib.sha256("\x00".join(f"{name}={labels[name]}" for name in sorted(labels)).encode()).hexdigest()
    return {
        "status": "firing" if firing else "resolved",
        "labels": labels,
        "annotations": annotations_of(alarm, place),
        "startsAt": rfc3339(alarm.since_us),
        "endsAt": _NEVER if firing else rfc3339(ended_us(alarm, now_us)),
        "generatorURL": link(public_url, alarm),
        "fingerprint": digest[:16],
    }


def _common(all_of: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if not all_of:
        return {}
    first, *others = all_of
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


async def post(client: aiohttp.ClientSession, url: str, payload: Any) -> None:
    """Raises SendError unless the answer is 2xx. A redirect is no answer: the URL's secret would go elsewhere."""
    try:
        timeout = aiohttp.ClientTimeout(total=SEND_S)
        async with client.post(url, json=payload, timeout=timeout, allow_redirects=False) as response:
            if not 200 <= response.status < 300:
                said = (await response.content.read(300)).decode("utf-8", "replace")
                raise SendError(without_secrets(url, f"answered {response.status}: {said}"))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise SendError(without_secrets(url, f"{type(error).__name__}: {error}")) from None
