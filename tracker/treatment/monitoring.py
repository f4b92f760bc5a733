"""
Monitoring of a treatment session: the pressure before a dose, and which observations are due when. Pure.

Nothing here suggests a dose or says that a patient is well: it compares what was entered with the clinic's limits
(``treatment.limits``, which names the sources), and says what is missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.treatment import events, limits
from tracker.treatment.limits import Limits
from tracker.treatment.session_state import SessionState, State

# A reading this long before its time is the one that was due.
EARLY = timedelta(minutes=5)
# What is not entered by then is overdue.
LATE = timedelta(minutes=5)
# A blood pressure is the one before a dose if it was taken so shortly before it (general practice).
BEFORE_DOSE_WITHIN = timedelta(hours=2)
# An infusion that nobody has stopped for longer is no longer looked after minute by minute.
LONGEST_OVERRUN = timedelta(hours=12)
# A clock that differs by less makes no difference to a time of observation.
CLOCK_TOLERANCE = timedelta(minutes=2)


class Pressure(StrEnum):
    """The blood pressure before a dose, as far as it is known."""

    MISSING = "MISSING"
    WITHIN_LIMITS = "WITHIN_LIMITS"
    RECHECK_DUE = "RECHECK_DUE"
    DECISION_DUE = "DECISION_DUE"
    PROCEED = "PROCEED"
    WITHHELD = "WITHHELD"


class Point(StrEnum):
    """What is due at a time."""

    BEFORE_DOSE = "BEFORE_DOSE"
    PRESSURE_RECHECK = "PRESSURE_RECHECK"
    DURING_INFUSION = "DURING_INFUSION"
    AFTER_DOSE = "AFTER_DOSE"
    BEFORE_DISCHARGE = "BEFORE_DISCHARGE"
    CLOSE = "CLOSE"


class DueStatus(StrEnum):
    DONE = "DONE"
    MISSED = "MISSED"
    OVERDUE = "OVERDUE"
    DUE = "DUE"
    PLANNED = "PLANNED"


@dataclass(frozen=True, slots=True)
class Due:
    """Vital signs that are due, or the closing of a session at home. ``minutes`` after the dose, if after one."""

    point: Point
    due_at: datetime
    status: DueStatus
    minutes: int | None = None


def readings(
    session: SessionState, since: datetime | None, until: datetime | None
) -> list[tuple[datetime, events.VitalSignsEvent]]:
    return [
        (entry.occurred_at, signs)
        for entry, signs in session.each(events.VitalSignsEvent)
        if (since is None or entry.occurred_at >= since) and (until is None or entry.occurred_at <= until)
    ]


def is_raised(signs: events.VitalSignsEvent, clinic: Limits) -> bool:
    """Return whether a blood pressure is above the limit before a dose: above it, not at it."""
    assert signs.systolic is not None
    assert signs.diastolic is not None
    return signs.systolic > clinic.pre_dose_systolic or signs.diastolic > clinic.pre_dose_diastolic


def pressure_before_dose(session: SessionState, clinic: Limits, at: datetime) -> Pressure:
    """
    Return what is known of the blood pressure before a dose at ``at``.

    A raised one is measured again; what is still raised takes a decision, made after that reading.
    """
    pressures = [
        (taken_at, signs)
        for taken_at, signs in readings(session, at - BEFORE_DOSE_WITHIN, at)
        if signs.systolic is not None
    ]
    if not pressures:
        return Pressure.MISSING
    taken_at, last = pressures[-1]
    if not is_raised(last, clinic):
        return Pressure.WITHIN_LIMITS
    decisions = [
        decision.decision
        for entry, decision in session.each(events.PressureDecisionEvent)
        if taken_at <= entry.occurred_at <= at
    ]
    if decisions and decisions[-1] != events.PressureDecision.RECHECK:
        proceeds = decisions[-1] == events.PressureDecision.PROCEED
        return Pressure.PROCEED if proceeds else Pressure.WITHHELD
    raised = [when for when, signs in pressures if is_raised(signs, clinic)]
    return Pressure.DECISION_DUE if len(raised) > 1 else Pressure.RECHECK_DUE


def observations_due(session: SessionState, clinic: Limits, at: datetime) -> list[Due]:
    """Return the sets of vital signs of the session in the order of their times, and where each stands at ``at``."""
    if session.state in (State.CANCELLED, State.MISSED) or session.is_in_error:
        return []
    first = session.first_dosed_at
    if first is None:
        return [*_before_dose(session, clinic, at)]
    # Of two readings that are due at one time one is enough.
    points = {due_at: (point, minutes) for due_at, point, minutes in _times(session, clinic, at)}
    end = session.ended_at
    times = sorted(time for time in points if end is None or time <= end)
    taken = [time for time, _ in readings(session, first, None)]
    due = []
    for number, time in enumerate(times):
        until = times[number + 1] - EARLY if number + 1 < len(times) else None
        done = any(time - EARLY <= moment and (until is None or moment < until) for moment in taken)
        point, minutes = points[time]
        due.append(Due(point, time, _status(time, until, done, at, end), minutes))
    had_one = bool(readings(session, first - BEFORE_DOSE_WITHIN, first))
    before = Due(Point.BEFORE_DOSE, first, DueStatus.DONE if had_one else DueStatus.MISSED)
    return [before, *due, *_closing(session, clinic, at)]


def _status(
    time: datetime, until: datetime | None, done: bool, at: datetime, end: datetime | None
) -> DueStatus:
    if done:
        return DueStatus.DONE
    if end is not None or (until is not None and at >= until):
        return DueStatus.MISSED
    if at > time + LATE:
        return DueStatus.OVERDUE
    return DueStatus.DUE if at >= time - EARLY else DueStatus.PLANNED


def _before_dose(session: SessionState, clinic: Limits, at: datetime) -> Iterator[Due]:
    pressure = pressure_before_dose(session, clinic, at)
    time = session.checked_in_at or session.plan.starts_at
    if pressure == Pressure.MISSING:
        yield Due(Point.BEFORE_DOSE, time, _status(time, None, False, at, None))
        return
    yield Due(Point.BEFORE_DOSE, time, DueStatus.DONE)
    if pressure == Pressure.RECHECK_DUE:
        recheck = readings(session, None, at)[-1][0] + timedelta(minutes=clinic.recheck_minutes)
        yield Due(Point.PRESSURE_RECHECK, recheck, _status(recheck, None, False, at, None))


def _times(
    session: SessionState, clinic: Limits, at: datetime
) -> Iterator[tuple[datetime, Point, int | None]]:
    for period in session.infusions:
        # One that runs is looked at for as long as it was planned, and on.
        planned = period.started_at + timedelta(minutes=session.plan.minutes)
        end = min(period.stopped_at or max(at, planned), planned + LONGEST_OVERRUN)
        time = period.started_at + timedelta(minutes=limits.DURING_INFUSION)
        while time < end:
            yield time, Point.DURING_INFUSION, None
            time += timedelta(minutes=limits.DURING_INFUSION)
        if period.stopped_at:
            yield period.stopped_at, Point.DURING_INFUSION, None
    if session.infusion_runs:
        return
    series = limits.SERIES_AT_HOME if session.is_at_home else limits.SERIES[session.route]
    starts = _series_starts(session)
    for number, start in enumerate(starts):
        # A second dose begins the series anew.
        until = starts[number + 1] if number + 1 < len(starts) else None
        for minutes in series:
            time = start + timedelta(minutes=minutes)
            if until is None or time < until:
                yield time, Point.AFTER_DOSE, minutes
    if not session.is_at_home and (earliest := earliest_discharge(session, clinic)):
        yield earliest, Point.BEFORE_DISCHARGE, None


def _series_starts(session: SessionState) -> list[datetime]:
    """When the effect begins to be followed: after each dose, and after the end of each infusion."""
    ends = [period.stopped_at for period in session.infusions if period.stopped_at]
    during = [(period.started_at, period.stopped_at) for period in session.infusions if period.stopped_at]
    doses = [dose.at for dose in session.doses if not any(a <= dose.at <= b for a, b in during)]
    return sorted({*ends, *doses})


def _closing(session: SessionState, clinic: Limits, at: datetime) -> Iterator[Due]:
    time = close_due_at(session, clinic)
    if session.is_at_home and time is not None:
        yield Due(Point.CLOSE, time, _status(time, None, session.state == State.COMPLETED, at, None))


def close_due_at(session: SessionState, clinic: Limits) -> datetime | None:
    """Return by when a session at home is to be closed; None before its first dose."""
    last = session.last_dosed_at
    return None if last is None else last + timedelta(hours=clinic.close_hours)


def earliest_discharge(session: SessionState, clinic: Limits) -> datetime | None:
    """Return from when on the time of observation is over; None without a dose, and while an infusion runs."""
    last = session.last_dosed_at
    if last is None or session.infusion_runs:
        return None
    return last + timedelta(minutes=clinic.observation(session.route))


def capacity_ends_at(session: SessionState, clinic: Limits) -> datetime | None:
    """
    Return until when no questionnaire counts; None without a dose.

    An infusion that runs is taken to run as long as was planned.
    """
    last = session.last_dosed_at
    if last is None:
        return None
    if session.infusion_runs:
        last += timedelta(minutes=session.plan.minutes)
    return last + timedelta(hours=clinic.capacity_hours)


def is_crisis(signs: events.VitalSignsEvent, clinic: Limits) -> bool:
    """Return whether a blood pressure is at or above the clinic's limit of a hypertensive crisis."""
    return (signs.systolic or 0) >= clinic.crisis_systolic or (
        signs.diastolic or 0
    ) >= clinic.crisis_diastolic
