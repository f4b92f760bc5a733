"""The esketamine monitoring form of a session, as it is printed: the data set, in our own layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.clinics.models import Clinic, Patient, StaffMember
from tracker.dashboard import formatting, session_text
from tracker.dashboard.session_text import words
from tracker.lib import days
from tracker.treatment import events, store
from tracker.treatment.esketamine_form import MEDICINES_BESIDE
from tracker.treatment.models import TreatmentSession
from tracker.treatment.session_state import derive


def _answer(is_met: bool | None) -> str:
    return "not asked" if is_met is None else "yes" if is_met else "no"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the printed esketamine form says beside the timeline."""

    clinic: str
    dose: str
    dosed_at: str
    left_at: str
    observed: str
    parts: Sequence[tuple[str, Sequence[tuple[str, str]]]]


def sheet(session: TreatmentSession, patient: Patient, at: datetime) -> Sheet:
    """Return the data set of the esketamine monitoring form, as it is printed."""
    state = derive(store.entries(session))
    staff = dict(StaffMember.objects.filter(clinic_id=patient.clinic_id).values_list("pk", "name"))
    names = {str(key): name for key, name in staff.items()}

    def clock(moment: datetime | None) -> str:
        return "" if moment is None else days.local(moment, session.time_zone).strftime("%H:%M")

    def told(kind: type[events.Event]) -> list[tuple[str, str]]:
        return [
            (clock(entry.occurred_at), session_text.line(event, names)) for entry, event in state.each(kind)
        ]

    last, end = state.last_dosed_at, state.ended_at
    observed = "" if last is None or end is None else f"{int((end - last).total_seconds() // 60)} minutes"
    total = state.total_mg(at)
    return Sheet(
        clinic=Clinic.objects.values_list("name", flat=True).get(pk=patient.clinic_id),
        dose="not known" if total is None else f"{formatting.number(float(total))} mg",
        dosed_at=clock(state.first_dosed_at),
        left_at=clock(end),
        observed=observed,
        parts=[
            ("Vital signs", told(events.VitalSignsEvent)),
            ("Sedation", told(events.SedationEvent)),
            ("Dissociation", told(events.DissociationEvent)),
            ("Adverse events", told(events.AdverseEventEvent)),
            (
                "Taken within 24 hours before",
                [(words(item), _answer(state.checklist.get(item))) for item in MEDICINES_BESIDE],
            ),
            ("Staff", told(events.StaffEvent)),
        ],
    )
