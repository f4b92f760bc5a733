"""
Esketamine monitoring form: the data set of a session of esketamine nasal spray, and what it lacks. Pure.

By the programme that comes with the medicine's licence a patient is observed for at least 2 hours, with the blood
pressure before the dose, at about 40 minutes and before leaving (prescribing information of Spravato, FDA, 2019 and
later), and a form of the session is handed in within 7 days. The layout of the page is our own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tracker.treatment import events, monitoring
from tracker.treatment.products import Product
from tracker.treatment.session_state import SessionState, State


class FormField(StrEnum):
    """What the monitoring form of an esketamine session asks for."""

    DOSE = "DOSE"
    PRESSURE_BEFORE = "PRESSURE_BEFORE"
    PRESSURE_AT_40 = "PRESSURE_AT_40"
    PRESSURE_BEFORE_LEAVING = "PRESSURE_BEFORE_LEAVING"
    SEDATION = "SEDATION"
    DISSOCIATION = "DISSOCIATION"
    OBSERVED_TWO_HOURS = "OBSERVED_TWO_HOURS"
    MEDICINES_BESIDE = "MEDICINES_BESIDE"
    SUPERVISED_BY = "SUPERVISED_BY"
    CLOSED = "CLOSED"


TWO_HOURS = timedelta(hours=2)
FORM_DAYS = timedelta(days=7)
_AT_40 = (timedelta(minutes=30), timedelta(minutes=60))
MEDICINES_BESIDE = (
    events.ChecklistItem.TOOK_BENZODIAZEPINE,
    events.ChecklistItem.TOOK_OTHER_CNS_DEPRESSANT,
    events.ChecklistItem.TOOK_PSYCHOSTIMULANT,
    events.ChecklistItem.TOOK_MAOI,
)


@dataclass(frozen=True, slots=True)
class MonitoringForm:
    """What the form lacks, for how long the patient was observed, by when it is due, and when it was handed in."""

    missing: tuple[FormField, ...]
    observed: timedelta | None
    due_at: datetime | None
    submitted_at: datetime | None

    @property
    def is_complete(self) -> bool:
        return not self.missing


def monitoring_form(session: SessionState) -> MonitoringForm | None:
    """
    Return the monitoring form of an esketamine session; None of any other, and of one without a dose.

    It asks for the pressure before the dose, at about 40 minutes (30 to 60 count) and before leaving, for sedation and
    dissociation after the dose, for medicines taken beside, and for 2 hours of observation.
    """
    first = session.first_dosed_at
    if session.product != Product.ESKETAMINE or first is None or not session.counts:
        return None
    end = session.ended_at
    submitted = [entry.occurred_at for entry, _ in session.each(events.FormSubmittedEvent)]
    observed = None if end is None or session.last_dosed_at is None else end - session.last_dosed_at
    return MonitoringForm(
        tuple(_form_gaps(session, first, observed)),
        observed,
        first + FORM_DAYS,
        submitted[-1] if submitted else None,
    )


def _form_gaps(session: SessionState, first: datetime, observed: timedelta | None) -> Iterator[FormField]:
    pressures = [
        time for time, signs in monitoring.readings(session, None, None) if signs.systolic is not None
    ]
    last_dose = session.last_dosed_at or first
    # What is told of after the patient has left is no reading before it.
    end = session.ended_at or datetime.max.replace(tzinfo=UTC)
    checks: Sequence[tuple[FormField, bool]] = (
        (FormField.DOSE, all(dose.mg is not None for dose in session.doses)),
        (
            FormField.PRESSURE_BEFORE,
            any(first - monitoring.BEFORE_DOSE_WITHIN <= time <= first for time in pressures),
        ),
        (
            FormField.PRESSURE_AT_40,
            any(last_dose + _AT_40[0] <= time <= last_dose + _AT_40[1] for time in pressures),
        ),
        (FormField.PRESSURE_BEFORE_LEAVING, any(last_dose + _AT_40[1] < time <= end for time in pressures)),
        (
            FormField.SEDATION,
            any(last_dose < entry.occurred_at <= end for entry, _ in session.each(events.SedationEvent)),
        ),
        (
            FormField.DISSOCIATION,
            any(last_dose < entry.occurred_at <= end for entry, _ in session.each(events.DissociationEvent)),
        ),
        (FormField.OBSERVED_TWO_HOURS, observed is not None and observed >= TWO_HOURS),
        (FormField.MEDICINES_BESIDE, all(item in session.checklist for item in MEDICINES_BESIDE)),
        (
            FormField.SUPERVISED_BY,
            any(staff.presence == events.Presence.JOINED for _, staff in session.each(events.StaffEvent)),
        ),
        (FormField.CLOSED, session.state == State.COMPLETED),
    )
    yield from (name for name, is_there in checks if not is_there)
