"""From when to when a track was at fault, by what its watch knows of the media on both sides."""

from __future__ import annotations

from hub.clock import Instant
from hub.model import AccessUnit
from hub.monitor.case import Fault
from hub.monitor.docket import Docket
from hub.monitor.rules import DetectorRules
from hub.monitor.watch import TrackWatch


def begin_fault(watch: TrackWatch, run: int, axis_error_us: int) -> Fault:
    """A fault of a track that was good before: from the end of its last good frame."""
    started_us = watch.good_end_us
    assert started_us is not None
    assert watch.heard_us is not None
    error_us = max(watch.distance_us, axis_error_us)
    return Fault(
        started_us=started_us,
        heard_mono_us=watch.heard_us,
        confirm_mono_us=watch.heard_us + watch.patience_us(),
        run=run,
        axis_us=watch.good_end_axis_us,
        device_us=watch.good_end_device_us,
        edge_error_us=error_us,
        frame_us=error_us,
    )


def advance(watch: TrackWatch, fault: Fault, unit: AccessUnit) -> None:
    """Late media has moved the start of what may be missing."""
    watch.good(unit)
    started_us = watch.good_end_us
    assert started_us is not None
    fault.started_us = started_us
    fault.axis_us = watch.good_end_axis_us
    fault.device_us = watch.good_end_device_us
    fault.heard_mono_us = unit.arrival.mono_us


def gap_us(watch: TrackWatch, fault: Fault, unit: AccessUnit, run: int) -> int:
    """Media time between the last good frame and this one."""
    if fault.run == run:
        return watch.axis_us(unit.pts_ticks) - fault.axis_us
    if fault.device_us is not None and unit.device_us is not None:
        return unit.device_us - fault.device_us
    return unit.capture_us - fault.started_us


def end_fault(watch: TrackWatch, fault: Fault, unit: AccessUnit, run: int, rules: DetectorRules) -> int:
    """The first complete frame after a break. Returns by how much the hub's calendar was set meanwhile (0: not)."""
    now = unit.arrival
    missing_us = gap_us(watch, fault, unit, run)
    stepped_us = 0
    fault.end_run = run
    fault.end_calendar_us = now.utc_us - now.mono_us
    fault.end_axis_us = watch.axis_us(unit.pts_ticks)
    fault.ended_us = unit.capture_us
    if fault.run == run:
        fault.edge_error_us = fault.frame_us
        fault.fixed = True
        if abs(unit.capture_us - fault.started_us - missing_us) > rules.edge_error_us:
            # The media's own axis knows how long it was.
            fault.ended_us = fault.started_us + missing_us
            stepped_us = unit.capture_us - fault.ended_us
    else:
        fault.edge_error_us = rules.edge_error_us
    fault.ended_us = max(fault.ended_us, fault.started_us)
    return stepped_us


def correct_edges(docket: Docket, watches: dict[int, TrackWatch], run: int, now: Instant) -> None:
    """Until a sender report comes, the smallest delay seen is the best that is known."""
    past = docket.past
    if past is None or not past.awaits_edge:
        return
    for track_id, fault in past.faults.items():
        watch = watches.get(track_id)
        if watch is not None and watch.good_capture_us is not None:
            since_us = watch.axis_us(watch.good_pts_ticks) - fault.end_axis_us
            stepped_us = now.utc_us - now.mono_us - fault.end_calendar_us
            docket.correct_edge(track_id, watch.good_capture_us - since_us - stepped_us, run)
