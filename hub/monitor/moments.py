"""Interruptions beside the breaks of a stream: they lose no media by themselves, so the stream stays live."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.clock import Instant
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.rules import DetectorRules


@dataclass(slots=True)
class Beside:
    """One of them in the making. ``rings`` and ``needs`` are only ever crossed upwards."""

    stream_id: str
    kind: InterruptionKind
    started_us: int
    detected: Instant
    tracks: set[int]
    evidence: dict[str, int | str] = field(default_factory=dict)
    edge_error_us: int = 0
    count: int = 1
    rings: bool = False
    needs: bool = False
    recorded: bool = False

    @property
    def crossed(self) -> tuple[bool, bool, bool]:
        """The thresholds."""
        return self.recorded, self.rings, self.needs

    @property
    def id(self) -> str:
        return f"{self.stream_id}-{self.detected.utc_us}-{self.kind}"

    def told(
        self, state: InterruptionState, ended_us: int | None, lasted_us: int, rules: DetectorRules
    ) -> Interruption:
        """As it is now, having lasted so long (monotonic)."""
        rule = rules.of(self.kind)
        self.recorded = self.recorded or lasted_us >= rule.record_from_us
        self.rings = self.rings or rule.rings(lasted_us)
        self.needs = self.needs or rule.demands(lasted_us)
        return Interruption(
            id=self.id,
            stream_id=self.stream_id,
            kind=self.kind,
            state=state,
            started_us=self.started_us,
            detected_us=self.detected.utc_us,
            ended_us=None if ended_us is None else max(ended_us, self.started_us),
            edge_error_us=self.edge_error_us,
            tracks=tuple(sorted(self.tracks)),
            count=self.count,
            rings=self.rings,
            needs_explanation=self.needs,
            evidence=dict(self.evidence),
            recorded=self.recorded,
        )
