"""When silence is a fault, when a fault rings, and when it must be explained: every threshold in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from hub.clock import US_PER_S
from hub.errors import SettingsError
from hub.model import InterruptionKind
from hub.settings import THRESHOLDS, Settings

NEVER: int | None = None


class StreamState(StrEnum):
    """What a tile shows. ``waiting``: due, but nothing has come yet; ``idle``: nothing is due;
    ``off_duty``: nothing is due by the calendar, whether or not something comes."""

    LIVE = "live"
    SUSPECTED = "suspected"
    INTERRUPTED = "interrupted"
    WAITING = "waiting"
    IDLE = "idle"
    OFF_DUTY = "off_duty"


@dataclass(frozen=True, slots=True)
class KindRule:
    """The three thresholds of a kind: so much missing or spoilt time is recorded as an interruption, sounds the
    alarm, demands an explanation; None: it never does."""

    record_from_us: int = 0
    ring_from_us: int | None = 0
    explain_from_us: int | None = 2 * US_PER_S

    def rings(self, missing_us: int) -> bool:
        return self.ring_from_us is not None and missing_us >= self.ring_from_us

    def demands(self, missing_us: int) -> bool:
        return self.explain_from_us is not None and missing_us >= self.explain_from_us


_QUIET = KindRule(ring_from_us=NEVER, explain_from_us=NEVER)
_SHOWN = KindRule(record_from_us=5 * US_PER_S, ring_from_us=10 * US_PER_S, explain_from_us=10 * US_PER_S)
"""Of what a picture shows: somebody who passes the camera at arm's length is no fault."""

_DEFAULTS: Mapping[InterruptionKind, KindRule] = MappingProxyType(
    {
        InterruptionKind.NO_SIGNAL: KindRule(),
        # On 4G most pauses are over before anybody could have acted; at once they would ring five times as often
        # (docs/design/interruptions.md, "A county's month").
        InterruptionKind.STALL: KindRule(ring_from_us=15 * US_PER_S, explain_from_us=10 * US_PER_S),
        InterruptionKind.STOPPED: KindRule(),
        InterruptionKind.NOT_STARTED: KindRule(),
        InterruptionKind.LOSS: KindRule(ring_from_us=2 * US_PER_S),
        InterruptionKind.JUMP: _QUIET,
        InterruptionKind.LOW_RATE: _QUIET,
        # A source that repeats itself is never right, and a short freeze is often seen late.
        InterruptionKind.FROZEN: replace(_SHOWN, record_from_us=3 * US_PER_S),
        InterruptionKind.BLACK: _SHOWN,
        InterruptionKind.COVERED: _SHOWN,
        InterruptionKind.BLURRED: KindRule(record_from_us=60 * US_PER_S, ring_from_us=NEVER, explain_from_us=NEVER),
        # A muted microphone is no break of the pictures; it rings when nobody has seen to it for a while.
        InterruptionKind.SILENT: KindRule(
            record_from_us=5 * US_PER_S, ring_from_us=30 * US_PER_S, explain_from_us=60 * US_PER_S
        ),
        InterruptionKind.DRIFT: _QUIET,
        InterruptionKind.STEP: _QUIET,
        InterruptionKind.STORAGE: KindRule(explain_from_us=0),
        InterruptionKind.HUB: KindRule(),
    }
)


@dataclass(frozen=True, slots=True)
class DetectorRules:
    """The thresholds of one stream. Durations are monotonic µs."""

    suspect_after_us: int = 850_000
    """A frame that is due is suspected missing after this. Up to 0.1 s more until the next tick, and the
    delay of the network: within 1.0 s."""
    confirm_after_us: int = 5 * US_PER_S
    """After the last frame; also how long a source may take to deliver at all."""
    skip_us: int = 1 * US_PER_S
    """Media time that a sender of steady rate may leave out, with unbroken sequence numbers, at most."""
    opening_grace_us: int = 30 * US_PER_S
    """After its opening by the calendar, a window may take this long to deliver."""
    merge_damage_us: int = 5 * US_PER_S
    """Damage that begins sooner than this after other damage belongs to it."""
    merge_break_us: int = 30 * US_PER_S
    """A break that begins sooner than this after a resume belongs to the break before."""
    damage_window_us: int = 60 * US_PER_S
    """Damage is added up over this for the thresholds of ``loss``."""
    whole_for_us: int = 1 * US_PER_S
    """Damage has ended when pictures were whole for this long: a lossy link does not blink."""
    settle_us: int = 5 * US_PER_S
    """An interruption stays resumed at least this long, so that damage close behind joins it."""
    close_after_us: int = 15 * US_PER_S
    """Without a sender report the edge is as good as it will get after this."""
    first_keyframe_us: int = 12 * US_PER_S
    """A camera joined in the middle of a long group of pictures may take this long to its first keyframe."""
    edge_error_us: int = 500_000
    """What is promised of an edge across connections when no sender report fixed it."""
    low_rate_percent: int = 200
    """Pictures this much further apart than usual are far too few …"""
    low_rate_for_us: int = 10 * US_PER_S
    """… when they stay so for this long."""
    step_us: int = 1 * US_PER_S
    """A device clock that differs from its own media by this much was set."""
    step_across_us: int = 3 * US_PER_S
    """Across connections the network delay is in the comparison: more is asked."""
    drift_us: int = 2 * US_PER_S
    """A device clock further than this from the hub's is wrong …"""
    drift_for_us: int = 60 * US_PER_S
    """… when it stays so for this long, with the hub's own clock not set in between."""
    kinds: Mapping[InterruptionKind, KindRule] = field(default_factory=lambda: _DEFAULTS)

    @classmethod
    def from_settings(cls, settings: Settings) -> DetectorRules:
        """The defaults, with what the settings say in their place. Raises SettingsError for an unknown kind."""
        return cls(
            suspect_after_us=round(settings.suspect_after_s * US_PER_S),
            confirm_after_us=round(settings.confirm_after_s * US_PER_S),
            opening_grace_us=round(settings.opening_grace_s * US_PER_S),
            kinds=dict(_DEFAULTS) | dict(_kind_rule(text) for text in settings.interruption_thresholds),
        )

    def with_kinds(self, kinds: Mapping[InterruptionKind, KindRule]) -> DetectorRules:
        """The same, with other thresholds."""
        return replace(self, kinds=kinds)

    def quiet(self) -> DetectorRules:
        """The same, but nothing rings and nothing demands an explanation."""
        kinds = {kind: replace(rule, ring_from_us=NEVER, explain_from_us=NEVER) for kind, rule in self.kinds.items()}
        return replace(self, kinds=kinds)

    def of(self, kind: InterruptionKind) -> KindRule:
        return self.kinds.get(kind, _QUIET)


def _kind_rule(text: str) -> tuple[InterruptionKind, KindRule]:
    """``stall=0/2/2``"""
    match = THRESHOLDS.fullmatch(text)
    assert match is not None  # checked by the settings
    try:
        kind = InterruptionKind(match[1])
        record, ring, explain = (None if part == "-" else round(float(part) * US_PER_S) for part in match.groups()[1:])
    except ValueError:
        known = ", ".join(InterruptionKind)
        raise SettingsError(
            f"interruption_thresholds: expected a kind of {known} and seconds, found {text!r}"
        ) from None
    return kind, KindRule(record or 0, ring, explain)
