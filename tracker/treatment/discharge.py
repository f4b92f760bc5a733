"""
Discharge after a treatment session: whether the patient may leave by the clinic's rules, and why not. Pure.

A clinician decides; the rules say what was not yet entered, or is not yet as it was before the dose.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.treatment import events, monitoring
from tracker.treatment.limits import Limits
from tracker.treatment.session_state import SessionState


class Missing(StrEnum):
    """Why a patient is not ready to leave."""

    NO_DOSE = "NO_DOSE"
    INFUSION_RUNS = "INFUSION_RUNS"
    TOO_EARLY = "TOO_EARLY"
    PRESSURE_MISSING = "PRESSURE_MISSING"
    PRESSURE_RAISED = "PRESSURE_RAISED"
    OXYGEN_LOW = "OXYGEN_LOW"
    DISSOCIATION_MISSING = "DISSOCIATION_MISSING"
    DISSOCIATION_RAISED = "DISSOCIATION_RAISED"
    SEDATION_MISSING = "SEDATION_MISSING"
    SEDATED = "SEDATED"
    ADVERSE_EVENT_OPEN = "ADVERSE_EVENT_OPEN"
    NOT_STEADY = "NOT_STEADY"
    NOT_ORIENTED = "NOT_ORIENTED"
    NO_INSTRUCTIONS = "NO_INSTRUCTIONS"
    NO_ESCORT = "NO_ESCORT"


# Whether a patient may leave is judged by how they are now: a look longer ago does not count.
ASSESSED_WITHIN = timedelta(minutes=30)
SEVERE = 3
_ITEMS = {
    events.ChecklistItem.WALKS_STEADILY: Missing.NOT_STEADY,
    events.ChecklistItem.ORIENTED: Missing.NOT_ORIENTED,
    events.ChecklistItem.INSTRUCTIONS_GIVEN: Missing.NO_INSTRUCTIONS,
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a patient may leave by the clinic's rules, why not, and from when on the time of observation is over."""

    is_ready: bool
    missing: tuple[Missing, ...]
    earliest_at: datetime | None


def readiness(session: SessionState, clinic: Limits, at: datetime) -> Readiness:
    """
    Return whether the patient may leave at ``at``, by what was entered up to then.

    Blood pressure, dissociation, sedation and gait count from the last look after the last dose, if that is at most
    ``ASSESSED_WITHIN`` ago. Escort and instructions count from after the last dose. The readings before the first dose
    are what the others are compared with.
    """
    earliest = monitoring.earliest_discharge(session, clinic)
    missing = tuple(dict.fromkeys(_missing(session, clinic, at, earliest)))
    return Readiness(not missing, missing, earliest)


def _missing(
    session: SessionState, clinic: Limits, at: datetime, earliest: datetime | None
) -> Iterator[Missing]:
    last_dose = session.last_dosed_at
    if last_dose is None:
        yield Missing.NO_DOSE
        return
    if earliest is None:
        yield Missing.INFUSION_RUNS
    elif at < earliest:
        yield Missing.TOO_EARLY
    yield from _missing_signs(session, clinic, last_dose, at)
    yield from _missing_dissociation(session, clinic, last_dose, at)
    sedation = [
        check.moaas
        for entry, check in session.each(events.SedationEvent)
        if _is_recent(entry.occurred_at, last_dose, at)
    ]
    if not sedation:
        yield Missing.SEDATION_MISSING
    elif sedation[-1] < clinic.moaas_awake:
        yield Missing.SEDATED
    if any(
        entry.occurred_at <= at
        and (ended is None or ended > at)
        and (event.severity == SEVERE or event.serious)
        for entry, event, ended in session.adverse_events()
    ):
        yield Missing.ADVERSE_EVENT_OPEN
    for item, missing in _ITEMS.items():
        met = [
            check.is_met
            for entry, check in session.each(events.ChecklistEvent)
            if check.item == item
            and last_dose < entry.occurred_at <= at
            and (
                item == events.ChecklistItem.INSTRUCTIONS_GIVEN
                or _is_recent(entry.occurred_at, last_dose, at)
            )
        ]
        if not met or not met[-1]:
            yield missing
    escorts = [
        event.escort
        for entry, event in session.each(events.EscortEvent)
        if last_dose < entry.occurred_at <= at
    ]
    if not escorts or escorts[-1] != events.Escort.PRESENT:
        yield Missing.NO_ESCORT


def _is_recent(moment: datetime, last_dose: datetime, at: datetime) -> bool:
    """Whether a look at the patient was after the last dose, and lately before leaving."""
    return last_dose < moment <= at and at - moment <= ASSESSED_WITHIN


def _missing_signs(
    session: SessionState, clinic: Limits, last_dose: datetime, at: datetime
) -> Iterator[Missing]:
    taken = monitoring.readings(session, session.first_dosed_at, at)
    after = [each for each in taken if _is_recent(each[0], last_dose, at)]
    pressures = [signs for _, signs in after if signs.systolic is not None]
    if not pressures:
        yield Missing.PRESSURE_MISSING
    elif monitoring.is_crisis(pressures[-1], clinic) or (
        monitoring.is_raised(pressures[-1], clinic) and not _is_near_baseline(session, clinic, pressures[-1])
    ):
        yield Missing.PRESSURE_RAISED
    # A low saturation stays low until it was measured again, however long ago it was.
    saturations = [signs.spo2 for _, signs in taken if signs.spo2 is not None]
    if saturations and saturations[-1] < clinic.spo2_prompt:
        yield Missing.OXYGEN_LOW


def _is_near_baseline(session: SessionState, clinic: Limits, signs: events.VitalSignsEvent) -> bool:
    """Whether a raised pressure is about what it was before the first dose, and no crisis."""
    before = [
        reading
        for _, reading in monitoring.readings(session, None, session.first_dosed_at)
        if reading.systolic
    ]
    if not before or monitoring.is_crisis(signs, clinic):
        return False
    assert signs.systolic is not None
    assert signs.diastolic is not None
    base = before[-1]
    assert base.systolic is not None
    assert base.diastolic is not None
    most = clinic.pressure_above_baseline
    # Half as much of the diastolic pressure, which moves less.
    return signs.systolic <= base.systolic + most and signs.diastolic <= base.diastolic + most // 2


def _missing_dissociation(
    session: SessionState, clinic: Limits, last_dose: datetime, at: datetime
) -> Iterator[Missing]:
    checks = [
        (entry.occurred_at, check)
        for entry, check in session.each(events.DissociationEvent)
        if entry.occurred_at <= at
    ]
    after = [check for when, check in checks if _is_recent(when, last_dose, at)]
    if not after:
        yield Missing.DISSOCIATION_MISSING
        return
    first = session.first_dosed_at
    before = [
        check.sum for when, check in checks if first and when <= first and check.scale == after[-1].scale
    ]
    if after[-1].sum > (before[-1] if before else 0) + clinic.dissociation_above_baseline:
        yield Missing.DISSOCIATION_RAISED
