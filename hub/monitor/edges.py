"""From when to when a track was at fault, by what its watch knows of the media on both sides."""

from __future__ import annotations

from hub.clock import Instant
from hub.model import AccessUnit, InterruptionState, SenderReport
from hub.monitor.case import Fault
from hub.monitor.docket import Docket
from hub.monitor.rules import DetectorRules
from hub.monitor.watch import TrackWatch

_NO_RUN = 0
_PLAUSIBLE_US = 5_000_000
"""What differs by more comes from a clock that was set, or from a hub that was held up for so long: it is not believed
without a second witness, and the error that is stated covers it."""


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
        fault.end_device_us = unit.device_us
        fault.lag_us = None
        if not _by_device_clock(fault, fault.ended_us, rules) and unit.device_us is not None:
            fault.heard(now.mono_us - unit.device_us)
    fault.ended_us = max(fault.ended_us, fault.started_us)
    return stepped_us


def hear_report(docket: Docket, watch: TrackWatch, report: SenderReport, run: int) -> None:
    """A sender report says when, by the device's clock, the resumed media was captured."""
    for case in (docket.open, docket.past):
        if case is None or case.state is InterruptionState.CLOSED:
            continue
        for track_id, fault in case.faults.items():
            if fault.ended_us is None or fault.fixed or fault.end_run != run:
                continue
            fault.heard(report.arrival.mono_us - report.device_us)
            if track_id == report.track_id and fault.end_device_us is None:
                fault.end_device_us = report.device_us - watch.axis_us(report.media_ticks) + fault.end_axis_us
            _by_device_clock(fault, fault.ended_us, docket.rules)


def correct_edges(docket: Docket, watches: dict[int, TrackWatch], run: int, now: Instant) -> None:
    """Until a sender report comes, the smallest delay seen is the best that is known."""
    past = docket.past
    if past is None or not past.awaits_edge:
        return
    for track_id, fault in past.faults.items():
        watch = watches.get(track_id)
        if watch is None or watch.good_capture_us is None or fault.ended_us is None:
            continue
        if fault.fixed or fault.end_run != run:
            continue
        for each in watches.values():
            if each.good_device_us is not None and each.heard_us is not None:
                fault.heard(each.heard_us - each.good_device_us)
        media_us = _by_media(watch, fault, watch.good_capture_us, now)
        if _by_device_clock(fault, media_us, docket.rules):
            continue
        off_us = media_us - fault.ended_us
        if abs(off_us) <= _PLAUSIBLE_US:
            fault.ended_us = max(media_us, fault.started_us)
        else:
            fault.edge_error_us = max(fault.edge_error_us, abs(off_us))


def settle_edges(docket: Docket) -> None:
    """Tracks lie elsewhere on the axis from now on: where an end lay there can be compared no more. What is known of it
    stays, and who knows it by the device's clock goes by that."""
    for case in (docket.open, docket.past):
        for fault in () if case is None else case.faults.values():
            if fault.end_device_us is None:
                fault.end_run = _NO_RUN


def _by_media(watch: TrackWatch, fault: Fault, good_capture_us: int, now: Instant) -> int:
    """When the resumed media was captured, by the smallest delay since."""
    since_us = watch.axis_us(watch.good_pts_ticks) - fault.end_axis_us
    stepped_us = now.utc_us - now.mono_us - fault.end_calendar_us
    return good_capture_us + watch.misplaced_us - since_us - stepped_us


def _by_device_clock(fault: Fault, media_us: int, rules: DetectorRules) -> bool:
    """Where the connection before had reports too, the break is as long as the device's clock says, exact to a frame.
    Otherwise that clock is held against the hub's by what came with the smallest delay: one report may be as late as
    any picture. False: it is not known, or was set."""
    if fault.end_device_us is None:
        return False
    if fault.device_us is not None:
        ended_us, error_us = fault.started_us + fault.end_device_us - fault.device_us, fault.frame_us
    elif fault.lag_us is not None:
        ended_us, error_us = fault.end_device_us + fault.lag_us + fault.end_calendar_us, rules.edge_error_us
    else:
        return False
    if abs(ended_us - media_us) > _PLAUSIBLE_US:
        return False
    fault.ended_us = max(ended_us, fault.started_us)
    fault.edge_error_us = error_us
    fault.fixed = fault.device_us is not None
    return True
