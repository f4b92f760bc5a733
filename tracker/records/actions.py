"""What other records follow from the dosing of a treatment session."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from tracker.records import capacity_guard, measure_state
from tracker.records.models import DosingPeriod, Observation


class Dosing(NamedTuple):
    """The first dose of a session, the patient's day of it, and until when questionnaires do not count."""

    dosed_at: datetime
    local_date: date
    capacity_ends_at: datetime


def set_dosing(*, clinic_id: UUID, patient_id: UUID, session_id: UUID, dosing: Dosing | None) -> None:
    """
    Keep the dosing of a session; None if no dose counts in it (any more). Baselines count back from the first one.

    Answers to questionnaires that were here before are marked as those that come later are (``capacity_guard``).

    Runs in the context of the whole record (``rls.as_patient``) and under the lock of the patient's changes.
    """
    key = {"clinic_id": clinic_id, "patient_id": patient_id, "session_id": session_id}
    before = (
        DosingPeriod.objects.filter(**key).values_list("dosed_at", "local_date", "capacity_ends_at").first()
    )
    if before == dosing:
        return
    DosingPeriod.objects.filter(**key).delete()
    if dosing is not None:
        DosingPeriod.objects.create(**key, **dosing._asdict())
    capacity_guard.mark_again(clinic_id, patient_id)
    measures = Observation.objects.filter(patient_id=patient_id).values_list("measure", flat=True).distinct()
    measure_state.refresh(clinic_id, patient_id, set(measures), removed=True)
