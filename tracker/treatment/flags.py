"""Flags of a treatment session: what was kept although it is unusual, and is shown beside. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from tracker.treatment import events, monitoring
from tracker.treatment.limits import Limits
from tracker.treatment.products import KetamineUnit, Product
from tracker.treatment.session_state import SessionState


class Flag(StrEnum):
    """What is unusual in a session: kept, and shown beside."""

    DOSE_WITHOUT_PRESSURE = "DOSE_WITHOUT_PRESSURE"
    DOSE_WITHOUT_DECISION = "DOSE_WITHOUT_DECISION"
    DOSE_ABOVE_PLAN = "DOSE_ABOVE_PLAN"
    DOSE_AND_RATE_DIFFER = "DOSE_AND_RATE_DIFFER"
    DOSE_NOT_WHOLE_DEVICES = "DOSE_NOT_WHOLE_DEVICES"
    WEIGHT_MISSING = "WEIGHT_MISSING"
    WEIGHT_OUTDATED = "WEIGHT_OUTDATED"
    WEIGHT_UNUSUAL = "WEIGHT_UNUSUAL"
    PRESSURE_CRISIS = "PRESSURE_CRISIS"
    OXYGEN_LOW = "OXYGEN_LOW"
    OXYGEN_VERY_LOW = "OXYGEN_VERY_LOW"
    HEART_RATE_UNUSUAL = "HEART_RATE_UNUSUAL"
    RESPIRATORY_RATE_LOW = "RESPIRATORY_RATE_LOW"
    UNRESPONSIVE = "UNRESPONSIVE"
    SERIOUS_ADVERSE_EVENT = "SERIOUS_ADVERSE_EVENT"
    LEFT_AGAINST_ADVICE = "LEFT_AGAINST_ADVICE"
    NOT_MONITORED = "NOT_MONITORED"
    ENTERED_LATE = "ENTERED_LATE"
    AFTER_CLOSING = "AFTER_CLOSING"
    CLOCK_CORRECTED = "CLOCK_CORRECTED"
    SITTER_MISSING = "SITTER_MISSING"
    DOSE_AFTER_READINESS = "DOSE_AFTER_READINESS"
    INFUSION_WITHOUT_AMOUNT = "INFUSION_WITHOUT_AMOUNT"


# Beyond these a weight is more often a slip than not.
USUAL_WEIGHT_KG = (35, 200)
_LATE_ENTRY = timedelta(minutes=30)
_DIFFERS = 0.1


def of_session(session: SessionState, clinic: Limits, at: datetime) -> list[tuple[Flag, str | None]]:
    """Return what is unusual in the session, each with the id of its event if there is one."""
    return [*_dose_flags(session, clinic, at), *_sign_flags(session, clinic), *_entry_flags(session)]


def _dose_flags(session: SessionState, clinic: Limits, at: datetime) -> Iterator[tuple[Flag, str | None]]:
    for given in session.doses:
        event_id = str(given.dose.id)
        if given.weight is None and given.mg is None:
            yield Flag.WEIGHT_MISSING, event_id
        if given.weight is not None and given.dose.unit == KetamineUnit.MG_PER_KG:
            age = given.at.date() - given.weight.measured_on
            if age > timedelta(days=clinic.weight_days):
                yield Flag.WEIGHT_OUTDATED, event_id
        if session.product == Product.ESKETAMINE and given.mg is not None and given.mg % 28:
            yield Flag.DOSE_NOT_WHOLE_DEVICES, event_id
    first = session.first_dosed_at
    if first is not None:
        pressure = monitoring.pressure_before_dose(session, clinic, first)
        if pressure == monitoring.Pressure.MISSING:
            yield Flag.DOSE_WITHOUT_PRESSURE, None
        elif pressure not in (monitoring.Pressure.WITHIN_LIMITS, monitoring.Pressure.PROCEED):
            yield Flag.DOSE_WITHOUT_DECISION, None
        if session.is_at_home and not session.checklist.get(events.ChecklistItem.SITTER_PRESENT):
            yield Flag.SITTER_MISSING, None
    yield from _amount_flags(session, at)


def _amount_flags(session: SessionState, at: datetime) -> Iterator[tuple[Flag, str | None]]:
    plan, total = session.plan, session.total_mg(at)
    if plan.planned_amount is not None and plan.planned_unit == KetamineUnit.MG and total is not None:
        if float(total) > plan.planned_amount * (1 + _DIFFERS):
            yield Flag.DOSE_ABOVE_PLAN, None
    elif plan.planned_unit == KetamineUnit.MG_PER_KG and plan.planned_amount is not None:
        per_kg = session.mg_per_kg(at)
        if per_kg is not None and float(per_kg) > plan.planned_amount * (1 + _DIFFERS):
            yield Flag.DOSE_ABOVE_PLAN, None
    for period, given in session.whole_doses:
        rates = period.mg_until(at)
        if not rates or given.mg is None or period.stopped_at is None:
            continue
        if abs(given.mg - rates) > Decimal(str(_DIFFERS)) * max(given.mg, rates):
            yield Flag.DOSE_AND_RATE_DIFFER, str(given.dose.id)
    if any(each.mg_until(at) is None for each in session.infusions_by_rate()):
        yield Flag.INFUSION_WITHOUT_AMOUNT, None
    closings = [entry.received_at for entry, _ in session.each(events.CompleteEvent)]
    if session.discharge == events.Discharge.READY and closings:
        for given in session.doses:
            if given.entry.received_at > closings[-1]:
                yield Flag.DOSE_AFTER_READINESS, str(given.dose.id)


def _sign_flags(session: SessionState, clinic: Limits) -> Iterator[tuple[Flag, str | None]]:
    for _, weight in session.each(events.WeightEvent):
        if not USUAL_WEIGHT_KG[0] <= weight.weight_kg <= USUAL_WEIGHT_KG[1]:
            yield Flag.WEIGHT_UNUSUAL, str(weight.id)
    for _, signs in session.each(events.VitalSignsEvent):
        yield from ((flag, str(signs.id)) for flag in sign_flags(signs, clinic))
    for _, sedation in session.each(events.SedationEvent):
        if sedation.moaas <= 1:
            yield Flag.UNRESPONSIVE, str(sedation.id)
    for _, event, _ in session.adverse_events():
        if event.serious:
            yield Flag.SERIOUS_ADVERSE_EVENT, str(event.id)


def sign_flags(signs: events.VitalSignsEvent, clinic: Limits) -> Iterator[Flag]:
    """What of one set of vital signs is beyond the clinic's limits."""
    if monitoring.is_crisis(signs, clinic):
        yield Flag.PRESSURE_CRISIS
    if signs.spo2 is not None and signs.spo2 < clinic.spo2_prompt:
        yield Flag.OXYGEN_VERY_LOW if signs.spo2 < clinic.spo2_emergency else Flag.OXYGEN_LOW
    rate = signs.heart_rate
    if rate is not None and not clinic.heart_rate_low <= rate <= clinic.heart_rate_high:
        yield Flag.HEART_RATE_UNUSUAL
    if signs.respiratory_rate is not None and signs.respiratory_rate < clinic.respiratory_rate_low:
        yield Flag.RESPIRATORY_RATE_LOW


def _entry_flags(session: SessionState) -> Iterator[tuple[Flag, str | None]]:
    if session.discharge == events.Discharge.AGAINST_ADVICE:
        yield Flag.LEFT_AGAINST_ADVICE, None
    if session.discharge == events.Discharge.NOT_MONITORED:
        yield Flag.NOT_MONITORED, None
    for entry in session.current:
        event_id = str(entry.event.id)
        if abs(entry.clock_offset) > monitoring.CLOCK_TOLERANCE:
            yield Flag.CLOCK_CORRECTED, event_id
        if entry.event.kind in events.CHANGES_OF_STATE:
            continue
        if entry.received_at - entry.occurred_at > _LATE_ENTRY:
            yield Flag.ENTERED_LATE, event_id
        # The form is handed in afterwards; what is taken back, too.
        is_observation = entry.event.kind not in ("form_submitted", "retract", "note")
        if is_observation and session.ended_at is not None and entry.occurred_at > session.ended_at:
            yield Flag.AFTER_CLOSING, event_id
