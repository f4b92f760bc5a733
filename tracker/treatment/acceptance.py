"""
Acceptance of a session's events: whether one can be taken as the session stands, and else which field is wrong. Pure.

What cannot be is refused; what is only unusual is taken and flagged (``treatment.flags``).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from tracker.treatment import discharge, events, products
from tracker.treatment.events import Event
from tracker.treatment.limits import Limits
from tracker.treatment.session_state import CLOSED, SessionState, State

# What a patient enters of a session at home, its end too: whether it was observed is for the team to see.
BY_PATIENT = frozenset(
    {"check_in", "start", "weight", "dose", "vitals", "dissociation", "adverse_event", "adverse_event_end"}
    | {"escort", "checklist", "note", "complete", "retract"}
)
_CODES_OF_STATE = {
    "complete": "session_already_closed",
    "cancel": "session_already_closed",
    "miss": "session_not_planned",
    "check_in": "session_not_planned",
    "start": "session_not_planned",
    "plan": "session_already_closed",
    "reopen": "session_not_closed",
}


# No session gives as much at once, or in an hour: a slip of the finger or of the unit.
MOST_MG = 10_000
MOST_MG_PER_H = 5_000
# A dose is told of near the time that the session was planned for: else a slip in the date would move every baseline.
EARLIEST, LATEST = timedelta(days=2), timedelta(days=7)


class Refusal(NamedTuple):
    """Why an event is not taken: a code of ``lib.error_codes``, and the field that is wrong (empty: the event)."""

    code: str
    field: str = ""
    detail: str = ""


def refusal(
    session: SessionState, event: Event, clinic: Limits, *, occurred_at: datetime, is_patient: bool
) -> Refusal | None:
    """Return why ``event`` cannot be taken into ``session``; None if it can."""
    if is_patient and not (session.is_at_home and event.kind in BY_PATIENT):
        return Refusal("session_staff_only", "kind")
    if is_patient and (theirs := _of_staff(session, event)):
        return Refusal("session_staff_only", theirs)
    reference = _refused_reference(session, event)
    if reference is not None:
        return reference
    if event.replaces is None and not session.may(event.kind) and not _is_error_entry(event):
        return Refusal(_state_code(session, event), "kind")
    check = _CHECKS.get(type(event))
    return None if check is None else check(session, event, clinic, occurred_at)


def _of_staff(session: SessionState, event: Event) -> str:
    """The field by which an event corrects or takes back what staff have entered; empty if it does not."""
    staff = {entry.event.id for entry in session.entries if not entry.is_by_patient}
    if event.replaces in staff:
        return "replaces"
    return (
        "target"
        if isinstance(event, events.RetractEvent | events.AdverseEventEndEvent) and event.target in staff
        else ""
    )


def _state_code(session: SessionState, event: Event) -> str:
    if event.kind == "complete" and session.state not in CLOSED:
        return "session_without_dose"
    return _CODES_OF_STATE[event.kind]


def _is_error_entry(event: Event) -> bool:
    """What was entered in error is taken back whatever was said of it since."""
    return isinstance(event, events.CancelEvent) and event.cause == events.Cause.ENTERED_IN_ERROR


def _refused_reference(session: SessionState, event: Event) -> Refusal | None:
    kinds = {entry.event.id: entry.event.kind for entry in session.entries}
    if event.replaces is not None:
        if kinds.get(event.replaces) != event.kind:
            return Refusal("unknown_event", "replaces")
        if event.replaces in session.ever_replaced or event.replaces in session.retracted_by:
            return Refusal("event_already_replaced", "replaces")
    if isinstance(event, events.RetractEvent):
        if event.target not in kinds or kinds[event.target] in events.NOT_RETRACTED:
            return Refusal("unknown_event", "target")
        if event.target in session.replaced_by or event.target in session.retracted_by:
            return Refusal("event_already_replaced", "target")
    if isinstance(event, events.AdverseEventEndEvent) and kinds.get(event.target) != "adverse_event":
        return Refusal("unknown_event", "target")
    return None


def _dose(session: SessionState, event: events.DoseEvent, clinic: Limits, at: datetime) -> Refusal | None:
    if session.is_in_error:
        return Refusal("session_in_error", "kind")
    rule = products.ROUTES[session.route]
    if event.unit not in rule.units:
        return Refusal("unit_not_for_route", "unit")
    held = session.route in products.HELD_IN_THE_MOUTH
    if not held and (event.hold_minutes is not None or event.swallowed is not None):
        return Refusal(
            "unit_not_for_route", "hold_minutes" if event.hold_minutes is not None else "swallowed"
        )
    if event.given_as == events.GivenAs.INFUSION and not rule.rate_units:
        return Refusal("unit_not_for_route", "given_as")
    mg = products.dose_mg(
        _exact(event.amount),
        event.unit,
        weight_kg=_weight(session, at),
        mg_per_spray=_exact(event.mg_per_spray),
    )
    if mg is not None and mg > MOST_MG:
        return Refusal("out_of_range", "amount")
    return _far_away(session, at)


def _exact(value: float | None) -> Any:
    return None if value is None else Decimal(str(value))


def _weight(session: SessionState, at: datetime) -> Decimal | None:
    weight = session.weight_at(at)
    return None if weight is None else _exact(weight.weight_kg)


def _far_away(session: SessionState, at: datetime) -> Refusal | None:
    starts_at = session.plan.starts_at
    ends_at = starts_at + timedelta(minutes=session.plan.minutes)
    return None if starts_at - EARLIEST <= at <= ends_at + LATEST else Refusal("far_from_session", "at")


def _plan(session: SessionState, event: events.PlanEvent, clinic: Limits, at: datetime) -> Refusal | None:
    return refused_plan(event) or _refused_by_doses(session, event)


def refused_plan(event: events.PlanEvent) -> Refusal | None:
    """Return why a plan cannot be: a dose in a unit that its route has not."""
    if event.planned_unit is not None and event.planned_unit not in products.ROUTES[event.route].units:
        return Refusal("unit_not_for_route", "planned_unit")
    return None


def _refused_by_doses(session: SessionState, event: events.PlanEvent) -> Refusal | None:
    """What was given stays what it was: another route takes a reason, another product or place there is not."""
    rule = products.ROUTES[event.route]
    if session.is_dosed:
        if rule.product != session.product:
            return Refusal("unit_not_for_route", "route")
        if event.setting != session.plan.setting:
            return Refusal("session_dosed", "setting")
        if event.route != session.route and event.text is None:
            return Refusal("reason_missing", "text")
    if any(given.dose.unit not in rule.units for given in session.doses):
        return Refusal("unit_not_for_route", "route")
    return Refusal("unit_not_for_route", "route") if session.infusions and not rule.rate_units else None


def _infusion(
    session: SessionState, event: events.InfusionEvent, clinic: Limits, at: datetime
) -> Refusal | None:
    if session.is_in_error:
        return Refusal("session_in_error", "kind")
    rule = products.ROUTES[session.route]
    if not rule.rate_units:
        return Refusal("unit_not_for_route", "kind")
    if event.rate is not None and event.rate_unit is not None:
        mg_per_h = products.rate_mg_per_h(_exact(event.rate), event.rate_unit, _weight(session, at))
        if mg_per_h is not None and mg_per_h > MOST_MG_PER_H:
            return Refusal("out_of_range", "rate")
    return _far_away(session, at)


def _end(
    session: SessionState, event: events.AdverseEventEndEvent, clinic: Limits, at: datetime
) -> Refusal | None:
    began = next((entry.occurred_at for entry in session.entries if entry.event.id == event.target), at)
    return Refusal("ends_before_start", "at") if at < began else None


def _complete(
    session: SessionState, event: events.CompleteEvent, clinic: Limits, at: datetime
) -> Refusal | None:
    if not session.is_dosed:
        return Refusal("session_without_dose", "kind")
    began = [moment for moment in (session.started_at, session.last_dosed_at) if moment is not None]
    if at < max(began):
        return Refusal("ends_before_start", "at")
    if session.infusion_runs:
        return Refusal("infusion_runs", "kind")
    if event.discharge == events.Discharge.READY and not session.is_at_home:
        ready = discharge.readiness(session, clinic, at)
        if not ready.is_ready:
            return Refusal("discharge_not_ready", "discharge", ", ".join(map(str.lower, ready.missing)))
    return None


def _cancel(session: SessionState, event: events.CancelEvent, clinic: Limits, at: datetime) -> Refusal | None:
    if session.is_dosed and event.cause != events.Cause.ENTERED_IN_ERROR:
        return Refusal("session_dosed", "cause")
    return None


def contradiction(before: SessionState, after: SessionState, event: Event) -> Refusal | None:
    """Return why a session cannot be as it would be ``after`` an event: its parts contradict each other in time."""
    if after.started_at is not None and after.ended_at is not None and after.ended_at < after.started_at:
        return Refusal("ends_before_start", "at")
    # Whatever was told of: what is closed has no infusion that goes on, or its mg would grow without end.
    runs_closed = after.state == State.COMPLETED and after.infusion_runs
    if runs_closed and not (before.state == State.COMPLETED and before.infusion_runs):
        return Refusal("infusion_runs", "kind")
    faults = after.infusion_faults()
    if isinstance(event, events.InfusionEvent) and len(faults) > len(before.infusion_faults()):
        return Refusal(dict(faults).get(event.id, faults[-1][1]), "change")
    return None


_Check = Callable[[SessionState, "events.Event", Limits, datetime], Refusal | None]
_CHECKS: Mapping[type[Event], _Check] = {
    events.DoseEvent: _dose,  # type: ignore[dict-item]
    events.PlanEvent: _plan,  # type: ignore[dict-item]
    events.InfusionEvent: _infusion,  # type: ignore[dict-item]
    events.AdverseEventEndEvent: _end,  # type: ignore[dict-item]
    events.CompleteEvent: _complete,  # type: ignore[dict-item]
    events.CancelEvent: _cancel,  # type: ignore[dict-item]
}
